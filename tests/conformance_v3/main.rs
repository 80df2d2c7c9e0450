//! The normative statements of MQTT 3.1.1 that concern a server, a test each, named by the statement's identifier;
//! and what is different in MQTT 3.1. `docs/conformance.md` lists them all.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

#[path = "../conformance/both.rs"]
mod both;
#[path = "../world/mod.rs"]
mod world;

mod connack;
mod connect_flags;
mod connect_payload;
mod delivery;
mod disconnect;
mod packets;
mod publish;
mod retained;
mod session;
mod subscribe;
mod table;
mod topics;
mod unsubscribe;
mod v3_1;
mod will;

use both::payloads;
use mqtt_toolkit::protocol::{Packet, Properties, Publish, QoS, ReasonCode, SubscriptionOptions, Version};
use world::*;

/// How clients of this version connect.
const CLIENTS: both::Clients = both::Clients { plain: v311, lasting: || v311().resume() };

const QOS0: QoS = QoS::AtMostOnce;
const QOS1: QoS = QoS::AtLeastOnce;
const QOS2: QoS = QoS::ExactlyOnce;

/// CONNECT Flags.
const CLEAN: u8 = 0x02;
const WILL: u8 = 0x04;
const USER_NAME: u8 = 0x80;
const PASSWORD: u8 = 0x40;

/// A CONNECT that may be wrong: Protocol Name, Protocol Level, Connect Flags, and the fields of the payload.
fn connect_bytes(name: &str, level: u8, flags: u8, fields: &[&[u8]]) -> Vec<u8> {
    let payload: Vec<u8> = fields.iter().flat_map(field).collect();
    frame(0x10, &[&field(name), &[level, flags, 0, 60], &payload])
}

/// A CONNECT of 3.1.1 that may be wrong.
fn connect_v311(flags: u8, fields: &[&[u8]]) -> Vec<u8> {
    connect_bytes("MQTT", 4, flags, fields)
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

/// Sends these bytes after a CONNECT and asserts that the broker closes that connection, says nothing, and that
/// nobody else suffers.
#[track_caller]
fn assert_closes(bytes: &[u8]) {
    let mut w = World::new();
    let sinner = w.connect("sinner", v311());
    let other = w.connect("other", v311());
    w.raw(sinner, bytes);
    assert!(w.is_closed(sinner), "{bytes:02X?} left the connection open");
    assert_eq!(w.received(sinner), [], "{bytes:02X?} was answered");
    w.send(other, Packet::PingReq);
    assert_eq!(w.received(other), [Packet::PingResp]);
}
