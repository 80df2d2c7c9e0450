//! The normative statements of MQTT 5.0 that concern a server, a test each, named by the statement's identifier; and
//! what the specification says between them. `docs/conformance.md` lists them all.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

#[path = "../conformance/both.rs"]
mod both;
#[path = "../world/mod.rs"]
mod world;

mod acks;
mod aliases;
mod auth;
mod connack;
mod connect;
mod delivery;
mod disconnect;
mod errors;
mod expiry;
mod flow;
mod forwarded;
mod keep_alive;
mod packet_size;
mod packets;
mod payload;
mod publish;
mod retained;
mod session;
mod shared;
mod subscribe;
mod table;
mod topics;
mod unsubscribe;
mod will;

use both::payloads;
use mqtt_toolkit::broker::{Ended, Limits, ListenerRules, Notice};
use mqtt_toolkit::protocol::{
    Ack, Packet, Properties, Property, Publish, QoS, ReasonCode, RetainHandling, SubscriptionOptions, Version,
};
use world::*;

/// How clients of this version connect.
const CLIENTS: both::Clients = both::Clients { plain: v5, lasting };

const QOS0: QoS = QoS::AtMostOnce;
const QOS1: QoS = QoS::AtLeastOnce;
const QOS2: QoS = QoS::ExactlyOnce;

/// CONNECT Flags.
const CLEAN: u8 = 0x02;
const WILL: u8 = 0x04;
const WILL_RETAIN: u8 = 0x20;
const USER_NAME: u8 = 0x80;
const PASSWORD: u8 = 0x40;

/// No properties: a Property Length of 0.
const NONE: &[u8] = &[0];

/// Properties with their length in front, as they stand on the wire.
fn block(list: &[Property<'_>]) -> Vec<u8> {
    raw_block(properties(list).raw())
}

/// The same for bytes that may be no properties.
fn raw_block(raw: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    mqtt_toolkit::protocol::wire::write_varint(raw.len() as u32, &mut bytes);
    bytes.extend_from_slice(raw);
    bytes
}

/// A CONNECT that may be wrong: Connect Flags, properties with their length, and the parts of the payload.
fn connect_with(flags: u8, properties: &[u8], payload: &[&[u8]]) -> Vec<u8> {
    frame(0x10, &[&field("MQTT"), &[5, flags, 0, 60], properties, &payload.concat()])
}

/// A CONNECT without properties that may be wrong.
fn connect_bytes(flags: u8, payload: &[&[u8]]) -> Vec<u8> {
    connect_with(flags, NONE, payload)
}

/// Sends these bytes first and asserts that the broker refuses with this code in a CONNACK without properties, and
/// closes.
#[track_caller]
fn assert_refused(bytes: &[u8], code: u8) {
    let mut w = World::new();
    let stranger = w.open();
    w.speaks(stranger, Version::V5);
    w.raw(stranger, bytes);
    assert_eq!(w.bytes(stranger), [0x20, 3, 0, code, 0], "{bytes:02X?}");
    assert!(w.is_closed(stranger), "{bytes:02X?} left the connection open");
    assert_eq!(w.session_count(), 0);
}

/// Sends these bytes first and asserts that the broker closes the connection and says nothing.
#[track_caller]
fn assert_closed_silently(bytes: &[u8]) {
    let mut w = World::new();
    let stranger = w.open();
    w.raw(stranger, bytes);
    assert!(w.is_closed(stranger), "{bytes:02X?} left the connection open");
    assert_eq!(w.bytes(stranger), [] as [u8; 0], "{bytes:02X?} was answered");
    assert_eq!(w.session_count(), 0);
}

/// Sends these bytes after a CONNECT and asserts that the broker answers with this DISCONNECT and nothing else, closes
/// that connection, says so in the log, and that nobody else suffers.
#[track_caller]
fn assert_ends(bytes: &[u8], reason: u8) {
    let mut w = World::new();
    let sinner = w.connect("sinner", v5());
    let other = w.connect("other", v5());
    w.notices();
    let before = w.bytes(sinner).len();
    w.raw(sinner, bytes);
    assert!(w.is_closed(sinner), "{bytes:02X?} left the connection open");
    assert_eq!(w.bytes(sinner)[before..], [0xE0, 1, reason], "{bytes:02X?}");
    let said = |n: &Notice| matches!(n, Notice::Disconnected { client, .. } if **client == *"sinner");
    assert_eq!(w.notices().iter().filter(|n| said(n)).count(), 1, "one line in the log");
    w.send(other, Packet::PingReq);
    assert_eq!(w.received(other), [Packet::PingResp]);
}

/// Malformed Packet.
const MALFORMED: u8 = 0x81;
/// Protocol Error.
const PROTOCOL_ERROR: u8 = 0x82;

/// A PUBLISH with a Packet Identifier and properties.
fn publish_as(identifier: u16, topic: &str, payload: &str, qos: QoS) -> Packet<'static> {
    Packet::Publish(Publish { packet_identifier: identifier, ..message(topic, payload, qos) })
}

/// A message with properties.
fn with(list: &[Property<'_>], publish: Publish<'static>) -> Publish<'static> {
    Publish { properties: properties(list), ..publish }
}

/// The properties of a PUBLISH that came, one by one.
fn listed<'a>(publish: &Publish<'a>) -> Vec<Property<'a>> {
    publish.properties.iter().collect()
}

/// A session that lasts an hour, and a client of it that acknowledges nothing by itself. It goes on with what there is.
fn quiet(w: &mut World, client_id: &str, options: Connecting) -> Client {
    let client = w.open();
    w.auto_acknowledge(client, false);
    w.introduce(client, client_id, options);
    client
}

/// Options of a client that comes back to its session, which lasts an hour.
fn lasting() -> Connecting {
    v5().resume().session_expiry(3600)
}
