//! Databases as mosquitto wrote them in older formats, and what the real program makes of them.

use crate::harness::Broker;
use crate::harness::kept::{come, configuration, dump, payloads, publish_5};
use crate::harness::raw_client::{RawClient, encoded};
use mqtt_toolkit::protocol::{Ack, AckKind, Packet, QoS, Version, decode, fixed_header};
use std::path::Path;

/// A text behind its length.
fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}

/// Formats 2 to 4 have short kinds, 5 and 6 long ones.
fn chunk(version: u32, kind: u16, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let kind = if version < 5 { kind.to_be_bytes().to_vec() } else { u32::from(kind).to_be_bytes().to_vec() };
    [&kind[..], &(body.len() as u32).to_be_bytes(), &body].concat()
}

/// A message that "src" published.
fn message(version: u32, id: u64, topic: &str, payload: &str, retain: u8) -> Vec<u8> {
    let (id, length) = (id.to_ne_bytes(), (payload.len() as u32).to_be_bytes());
    if version >= 5 {
        let lengths = [3, 0, topic.len() as u16, 1883].map(u16::to_be_bytes).concat();
        let (never, mid) = ([0; 8], [0, 0]);
        let texts = ["src", topic, payload].concat();
        return chunk(version, 2, &[&id, &never, &length, &mid, &lengths, &[1, retain], texts.as_bytes()]);
    }
    // Format 4 knows the User Name and the port of the listener.
    let source = if version == 4 { [string("src"), string(""), vec![7, 91]].concat() } else { string("src") };
    let mids = [0, 1, 0, 1];
    chunk(version, 2, &[&id, &source, &mids, &string(topic), &[1, retain], &length, payload.as_bytes()])
}

fn client(version: u32, client_id: &str) -> Vec<u8> {
    let never = [0; 8];
    match version {
        2 => chunk(version, 6, &[&string(client_id), &[0, 9]]),
        3 | 4 => chunk(version, 6, &[&string(client_id), &[0, 9], &never]),
        _ => chunk(version, 6, &[&never, &[0xFF; 4], &[0, 9], &string(client_id)]),
    }
}

/// How a message stands with a client: Packet Identifier, QoS, state, direction (0 from it, 1 to it).
fn client_message(version: u32, client_id: &str, id: u64, mid: u16, [qos, state, out]: [u8; 3]) -> Vec<u8> {
    let (id, mid) = (id.to_ne_bytes(), mid.to_be_bytes());
    match version {
        2..5 => chunk(version, 3, &[&string(client_id), &id, &mid, &[qos, 0, out, state, 0]]),
        _ => {
            let length = (client_id.len() as u16).to_be_bytes();
            chunk(version, 3, &[&id, &mid, &length, &[qos, state, 0, out], client_id.as_bytes()])
        }
    }
}

fn subscription(version: u32, client_id: &str, filter: &str, qos: u8) -> Vec<u8> {
    if version < 5 {
        return chunk(version, 5, &[&string(client_id), &string(filter), &[qos]]);
    }
    let lengths = [client_id.len() as u16, filter.len() as u16].map(u16::to_be_bytes).concat();
    let texts = [client_id, filter].concat();
    chunk(version, 5, &[&[0; 4], &lengths, &[qos, 0, 0, 0], texts.as_bytes()])
}

/// A whole database: a message in each state.
pub fn database(version: u32) -> Vec<u8> {
    let head = [b"\x00\xB5\x00mosquitto db".as_slice(), &[0; 4], &version.to_be_bytes()].concat();
    let last = 40_u64.to_ne_bytes();
    let configuration = match version {
        2..5 => chunk(version, 1, &[&[1, 8], &last]),
        _ => chunk(version, 1, &[&last, &[1, 8, 0, 0, 0, 0, 0, 0]]),
    };
    let chunks = [
        configuration,
        message(version, 11, "a/sent", "sent", 0),
        message(version, 12, "a/queued", "queued", 0),
        message(version, 13, "a/taken", "taken", 0),
        message(version, 14, "a/unreleased", "unreleased", 0),
        message(version, 15, "r/kept", "kept", 1),
        client(version, "bob"),
        client_message(version, "bob", 11, 5, [1, 3, 1]),
        client_message(version, "bob", 13, 6, [2, 9, 1]),
        client_message(version, "bob", 12, 0, [1, 11, 1]),
        client(version, "eve"),
        client_message(version, "eve", 14, 7, [2, 7, 0]),
        subscription(version, "bob", "a/#", 2),
        chunk(version, 4, &[&15_u64.to_ne_bytes()]),
    ];
    [head, chunks.concat()].concat()
}

/// The next packet, as first byte, Packet Identifier and payload.
fn next(client: &mut RawClient) -> (u8, u16, String) {
    let frame = client.frame().unwrap();
    let header = fixed_header(&frame).unwrap().unwrap();
    match decode(client.version, header.first, &frame[header.header_length..]).unwrap() {
        Packet::Publish(publish) => {
            let payload = String::from_utf8(publish.payload.to_vec()).unwrap();
            (header.first, publish.packet_identifier, payload)
        }
        Packet::PubRel(ack) => (header.first, ack.packet_identifier, String::new()),
        other => panic!("{other:?}"),
    }
}

/// What was kept is there, in the state in which it was.
fn look_at(broker: &Broker) {
    let mut bob = come(broker, Version::V311, "bob");
    let mut seen: Vec<(u8, u16, String)> = (0..2).map(|_| next(&mut bob)).collect();
    seen.sort();
    let dup = (0x3A, 5, "sent".to_owned());
    assert_eq!(seen, [dup, (0x62, 6, String::new())], "PUBLISH with DUP and PUBREL, as they were");
    let mut later: Vec<(u8, u16, String)> = (0..2).map(|_| next(&mut bob)).collect();
    later.sort_by(|a, b| a.2.cmp(&b.2));
    assert_eq!((later[0].0, &*later[0].2), (0x32, "queued"));
    assert_eq!(&*later[1].2, "unreleased", "passed on, as ours does before PUBREL");
    let mut eve = come(broker, Version::V311, "eve");
    eve.send(&encoded(Version::V311, &Packet::PubRel(Ack::new(7))));
    assert_eq!(eve.frame().unwrap(), [0x70, 2, 0, 7], "PUBCOMP");
    let mut new = RawClient::connect(broker.address(), Version::V5, "new");
    new.subscribe("r/#", QoS::AtMostOnce);
    assert_eq!(payloads(&mut new, 1), ["kept"]);
    for (kind, identifier) in [(AckKind::PubAck, 5), (AckKind::PubComp, 6)] {
        let mut bytes = Vec::new();
        Ack::new(identifier).encode(kind, Version::V311, &mut bytes);
        bob.send(&bytes);
    }
    bob.send(&[0xC0, 0]);
    assert_eq!(bob.frame().unwrap(), [0xD0, 0], "PINGRESP");
    assert_eq!(publish_5(&mut new, 1, "a/new", b"new"), 0, "bob is subscribed");
    assert_eq!(next(&mut bob).2, "new");
}

fn write(folder: &Path, version: u32) {
    std::fs::write(folder.join("mosquitto.db"), database(version)).unwrap();
}

#[test]
fn every_old_format_comes_over_at_the_first_start() {
    for version in 2..=5 {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), version);
        let text = configuration(folder.path(), "");
        let broker = Broker::configured(&text);
        let words = "Imported 2 sessions, 1 subscriptions, 3 messages for them and 1 retained messages from ";
        broker.await_log(words);
        assert!(!broker.log().contains("Warning: /"), "{}", broker.log());
        // Killed before anybody came; what was taken over is in the store, and the file is not read again.
        drop(broker);
        let broker = Broker::configured(&text);
        assert!(!broker.log().contains("Imported"));
        broker.await_log("Restored 2 sessions, 3 messages for them and 1 retained messages");
        look_at(&broker);
        drop(broker);
        assert_eq!(std::fs::read(folder.path().join("mosquitto.db")).unwrap(), database(version));
    }
}

#[test]
fn every_old_format_can_be_looked_at() {
    let lines = [2, 3, 4, 5].map(|version| {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), version);
        let mut lines = dump(&folder.path().join("mosquitto.db"));
        // Only when the reader saw the file differs.
        lines.retain(|line| !line.contains(r#""type":"session""#));
        lines
    });
    assert_eq!(lines[0].len(), 5, "{:?}", lines[0]);
    assert!(lines.iter().all(|other| *other == lines[0]), "{lines:?}");
}
