//! Clients of other makes against mqtt-broker: Debian's mosquitto_pub, _sub and _rr, Python's paho-mqtt, Rust's rumqttc.

// A helper that cannot go on fails the test that asked for it.
#![allow(clippy::panic, clippy::unwrap_used)]

#[path = "foreign/browser.rs"]
mod browser;
mod harness;
#[path = "foreign/highlights.rs"]
mod highlights;
#[path = "foreign/lines.rs"]
mod lines;
#[path = "foreign/mosquitto.rs"]
mod mosquitto;
#[path = "foreign/paho.rs"]
mod paho;
#[path = "foreign/rumqttc_v4.rs"]
mod rumqttc_v4;
#[path = "foreign/rumqttc_v5.rs"]
mod rumqttc_v5;
