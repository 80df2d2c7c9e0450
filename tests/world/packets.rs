//! Packets in few words. What they borrow from is leaked: they live as long as the test.

use mqtt_toolkit::protocol::{
    Ack, Disconnect, Packet, Properties, PropertiesBuf, Property, Publish, QoS, ReasonCode, Subscribe,
    SubscriptionOptions, Unsubscribe, Version, decode, fixed_header,
};

/// Bytes that live as long as the test.
pub fn leak(bytes: &[u8]) -> &'static [u8] {
    bytes.to_vec().leak()
}

/// Properties that live as long as the test.
pub fn kept(properties: Properties<'_>) -> Properties<'static> {
    Properties::from_raw(leak(properties.raw()))
}

/// Properties for a packet of 5.0.
pub fn properties(list: &[Property<'_>]) -> Properties<'static> {
    kept(list.iter().copied().collect::<PropertiesBuf>().as_properties())
}

/// A PUBLISH, first sent, not retained, without Packet Identifier (the world gives it one when it is sent by
/// `publish_with`); for others: `Publish { retain: true, ..message("a", "x", QoS::AtMostOnce) }`.
pub fn message(topic: &str, payload: impl AsRef<[u8]>, qos: QoS) -> Publish<'static> {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: topic.to_string().leak(),
        packet_identifier: 0,
        properties: Properties::EMPTY,
        payload: leak(payload.as_ref()),
    }
}

/// A SUBSCRIBE with valid filters. (For invalid ones there is `World::raw` with [`frame`].)
pub fn subscribe_packet(
    packet_identifier: u16,
    filters: &[(&str, SubscriptionOptions)],
    properties: Properties<'_>,
) -> Packet<'static> {
    let mut bytes = Vec::new();
    let filters = filters.iter().copied();
    Subscribe::encode_parts(Version::V5, packet_identifier, &properties, filters, &mut bytes);
    decoded(Version::V5, &bytes)
}

/// An UNSUBSCRIBE with valid filters.
pub fn unsubscribe_packet(packet_identifier: u16, filters: &[&str]) -> Packet<'static> {
    let mut bytes = Vec::new();
    let filters = filters.iter().copied();
    Unsubscribe::encode_parts(Version::V5, packet_identifier, &Properties::EMPTY, filters, &mut bytes);
    decoded(Version::V5, &bytes)
}

/// PUBACK with success.
pub fn puback(packet_identifier: u16) -> Packet<'static> {
    Packet::PubAck(Ack::new(packet_identifier))
}

/// PUBREC with success.
pub fn pubrec(packet_identifier: u16) -> Packet<'static> {
    Packet::PubRec(Ack::new(packet_identifier))
}

/// PUBREL with success.
pub fn pubrel(packet_identifier: u16) -> Packet<'static> {
    Packet::PubRel(Ack::new(packet_identifier))
}

/// PUBCOMP with success.
pub fn pubcomp(packet_identifier: u16) -> Packet<'static> {
    Packet::PubComp(Ack::new(packet_identifier))
}

/// DISCONNECT without properties; before 5.0 the reason does not go over the wire.
pub fn disconnect(reason: ReasonCode) -> Packet<'static> {
    Packet::Disconnect(Disconnect::new(reason))
}

/// A packet decoded from all its bytes.
pub fn decoded(version: Version, bytes: &[u8]) -> Packet<'static> {
    let header = fixed_header(bytes).unwrap().unwrap();
    assert_eq!(header.total(), bytes.len(), "one whole packet");
    decode(version, header.first, leak(&bytes[header.header_length..])).unwrap()
}

/// A packet's bytes.
pub fn encoded(version: Version, packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes);
    bytes
}

/// A frame that nobody checks: first byte, Remaining Length, and the parts of the body one behind the other.
pub fn frame(first: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut bytes = vec![first];
    mqtt_toolkit::protocol::wire::write_varint(body.len() as u32, &mut bytes);
    bytes.extend(body);
    bytes
}

/// A string or binary field: its length in two bytes, and its bytes.
pub fn field(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}
