//! A broker that keeps what it acknowledges, and clients whose sessions survive.

use mqtt_toolkit::protocol::{
    AckKind, Connect, Packet, Properties, PropertiesBuf, Property, QoS, Version, decode, fixed_header,
};
use std::path::{Path, PathBuf};

use super::broker::Broker;
use super::programs::ours;
use super::raw_client::{self, RawClient, plain_connect};
use super::running::run;

/// A configuration with a store in this folder.
pub fn configuration(folder: &Path, more: &str) -> String {
    format!(
        "allow_anonymous true\npersistence true\npersistence_location {}\nmax_queued_messages 0\n{more}",
        folder.display()
    )
}

/// CONNECT of a session that survives.
pub fn durable(version: Version, client_id: &str) -> Connect<'_> {
    const EXPIRY: &[u8] = &[0x11, 0xFF, 0xFF, 0xFF, 0xFF];
    let properties = if version.is_v5() { Properties::from_raw(EXPIRY) } else { Properties::EMPTY };
    Connect { clean_start: false, properties, ..plain_connect(version, client_id) }
}

/// A client whose session survives.
pub fn come(broker: &Broker, version: Version, client_id: &str) -> RawClient {
    RawClient::connect_with(broker.address(), &durable(version, client_id))
}

/// A session that is subscribed, and away.
pub fn leave_subscribed(broker: &Broker, version: Version, client_id: &str, filter: &str, qos: QoS) {
    let mut client = come(broker, version, client_id);
    client.subscribe(filter, qos);
    client.send(&[0xE0, 0]);
    assert_eq!(client.ending(), None);
    broker.wait_for_end_of(client_id);
}

/// The payloads of the next messages.
pub fn payloads(client: &mut RawClient, count: usize) -> Vec<String> {
    let text = |client: &mut RawClient| String::from_utf8(client.message().unwrap().payload).unwrap();
    (0..count).map(|_| text(client)).collect()
}

/// Publishes with QoS 1 and returns the reason of the PUBACK.
pub fn publish_5(client: &mut RawClient, identifier: u16, topic: &str, payload: &[u8]) -> u8 {
    client.send(&raw_client::publish(Version::V5, identifier, topic, payload, QoS::AtLeastOnce));
    puback(client, identifier)
}

/// The reason of the next packet, the PUBACK of a message.
pub fn puback(client: &mut RawClient, identifier: u16) -> u8 {
    let frame = client.frame().unwrap();
    let header = fixed_header(&frame).unwrap().unwrap();
    match decode(client.version, header.first, &frame[header.header_length..]).unwrap() {
        Packet::PubAck(ack) if ack.packet_identifier == identifier => ack.reason.0,
        other => panic!("{other:?} instead of {:?} of {identifier}", AckKind::PubAck),
    }
}

/// Properties with one in them.
pub fn with_property(property: Property<'_>) -> PropertiesBuf {
    let mut properties = PropertiesBuf::default();
    properties.push(property);
    properties
}

/// What a store or a database holds.
pub fn dump(path: &Path) -> Vec<String> {
    let ended = run(&ours("mqtt-broker"), &["--dump", path.to_str().unwrap()]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let mut lines: Vec<String> = ended.stdout.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The files of a store, in order.
pub fn log_files(folder: &Path) -> Vec<PathBuf> {
    files(folder, "log")
}

/// The files of a store that end so, in order.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder.join("mosquitto.db.store")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == extension));
    files.sort();
    files
}
