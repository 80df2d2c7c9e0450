//! PUBLISH: a message on its way (section 3.3).

use super::fixed_header::write_fixed_header;
use super::properties::Properties;
use super::property::carrier;
use super::topic;
use super::wire;
use super::{Malformed, PacketIdentifier, QoS, Version};

/// A PUBLISH packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Sent before `[MQTT-3.3.1-1]`.
    pub dup: bool,
    /// Quality of Service.
    pub qos: QoS,
    /// To be kept by the broker; towards a subscriber: was kept.
    pub retain: bool,
    /// Topic Name; empty only in 5.0 with a Topic Alias.
    pub topic: &'a str,
    /// 0 with QoS 0, never 0 otherwise.
    pub packet_identifier: PacketIdentifier,
    /// Properties; none before 5.0.
    pub properties: Properties<'a>,
    /// The message itself.
    pub payload: &'a [u8],
}

impl<'a> Publish<'a> {
    /// Decodes flags and body. Allocates nothing.
    #[inline]
    pub fn decode(version: Version, first: u8, body: &'a [u8]) -> Result<Self, Malformed> {
        let dup = first & 0b1000 != 0;
        let qos = QoS::try_from(first >> 1 & 0b11)?;
        if dup && qos == QoS::AtMostOnce {
            return Err(Malformed::DupWithQoS0);
        }
        let mut input = body;
        let topic = read_topic(&mut input)?;
        let packet_identifier = match qos {
            QoS::AtMostOnce => 0,
            _ => read_packet_identifier(&mut input)?,
        };
        let properties = Properties::read(version, carrier::PUBLISH, &mut input)?;
        if topic.is_empty() && properties.topic_alias().is_none() {
            return Err(Malformed::TopicNameEmpty);
        }
        let retain = first & 1 != 0;
        Ok(Publish { dup, qos, retain, topic, packet_identifier, properties, payload: input })
    }

    /// The first byte: packet type and flags.
    #[inline]
    pub const fn first_byte(&self) -> u8 {
        0x30 | (self.dup as u8) << 3 | (self.qos as u8) << 1 | self.retain as u8
    }

    /// Bytes behind the fixed header, as [`encode`](Self::encode) writes them.
    #[inline]
    pub fn remaining_length(&self, version: Version) -> usize {
        let identifier = if self.qos == QoS::AtMostOnce { 0 } else { 2 };
        2 + self.topic.len() + identifier + self.properties.encoded_length(version) + self.payload.len()
    }

    /// The whole packet in bytes, as Maximum Packet Size counts it.
    #[inline]
    pub fn encoded_length(&self, version: Version) -> usize {
        let remaining = self.remaining_length(version);
        1 + wire::varint_length(u32::try_from(remaining).unwrap_or(u32::MAX)) + remaining
    }

    /// Appends the packet.
    #[inline]
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        self.encode_head(version, out);
        out.extend_from_slice(self.payload);
    }

    /// Appends all of the packet but the payload, which must be sent next; for payloads that are not worth a copy.
    #[inline]
    pub fn encode_head(&self, version: Version, out: &mut Vec<u8>) {
        write_fixed_header(self.first_byte(), self.remaining_length(version), out);
        wire::write_str(self.topic, out);
        if self.qos != QoS::AtMostOnce {
            wire::write_u16(self.packet_identifier, out);
        }
        self.properties.write(version, out);
    }
}

/// A Topic Name, or an empty string.
#[inline]
fn read_topic<'a>(input: &mut &'a [u8]) -> Result<&'a str, Malformed> {
    let bytes = wire::read_binary(input)?;
    let plain = topic::is_plain(bytes);
    let name = std::str::from_utf8(bytes).map_err(|_| Malformed::Utf8)?;
    if plain || topic::is_topic_name(name) {
        return Ok(name);
    }
    Err(if bytes.contains(&0) { Malformed::Nul } else { Malformed::TopicName })
}

/// A Packet Identifier, not 0 `[MQTT-2.2.1-3]`.
#[inline]
pub(super) fn read_packet_identifier(input: &mut &[u8]) -> Result<PacketIdentifier, Malformed> {
    match wire::read_u16(input)? {
        0 => Err(Malformed::PacketIdentifierZero),
        identifier => Ok(identifier),
    }
}

#[cfg(test)]
mod tests {
    use super::super::PropertiesBuf;
    use super::super::Property;
    use super::*;

    const BODY: &[u8] = &[0, 3, b'a', b'/', b'b', 0, 10, b'h', b'i'];

    #[test]
    fn the_flags_of_section_3_3_1() {
        let publish = Publish::decode(Version::V311, 0x3B, BODY).unwrap();
        assert!(publish.dup && publish.retain);
        assert_eq!((publish.qos, publish.packet_identifier), (QoS::AtLeastOnce, 10));
        assert_eq!((publish.topic, publish.payload), ("a/b", &b"hi"[..]));
        assert_eq!(publish.first_byte(), 0x3B);
        let publish = Publish::decode(Version::V311, 0x30, BODY).unwrap();
        assert_eq!((publish.packet_identifier, publish.payload), (0, &[0, 10, b'h', b'i'][..]));
    }

    #[test]
    fn mqtt_3_3_1_2_and_4_dup_and_qos() {
        assert_eq!(Publish::decode(Version::V311, 0x38, BODY), Err(Malformed::DupWithQoS0));
        assert_eq!(Publish::decode(Version::V311, 0x36, BODY), Err(Malformed::QoS));
    }

    #[test]
    fn mqtt_2_2_1_3_packet_identifier_is_not_0() {
        let body = [0, 1, b'a', 0, 0];
        assert_eq!(Publish::decode(Version::V311, 0x34, &body), Err(Malformed::PacketIdentifierZero));
    }

    #[test]
    fn a_topic_name_is_empty_only_with_a_topic_alias() {
        let body = [0, 0, 3, 0x23, 0, 1];
        let publish = Publish::decode(Version::V5, 0x30, &body).unwrap();
        assert_eq!((publish.topic, publish.properties.topic_alias()), ("", Some(1)));
        assert_eq!(Publish::decode(Version::V311, 0x30, &body), Err(Malformed::TopicNameEmpty));
        assert_eq!(Publish::decode(Version::V5, 0x30, &[0, 0, 0]), Err(Malformed::TopicNameEmpty));
    }

    #[test]
    fn mqtt_3_3_2_2_no_wildcards() {
        for (topic, cause) in [
            (&b"a/#"[..], Malformed::TopicName),
            (b"a+", Malformed::TopicName),
            (b"a\x1fb", Malformed::TopicName),
            (b"a\0b", Malformed::Nul),
            (b"a\xff", Malformed::Utf8),
        ] {
            let mut body = Vec::new();
            wire::write_binary(topic, &mut body);
            assert_eq!(Publish::decode(Version::V311, 0x30, &body), Err(cause), "{topic:x?}");
        }
    }

    #[test]
    fn lengths_are_told_before_encoding() {
        let mut buf = PropertiesBuf::new();
        buf.push(Property::ContentType("t"));
        for (version, length) in [(Version::V311, 2 + 1 + 2 + 200), (Version::V5, 2 + 1 + 2 + 5 + 200)] {
            let publish = Publish {
                dup: false,
                qos: QoS::ExactlyOnce,
                retain: false,
                topic: "a",
                packet_identifier: 1,
                properties: buf.as_properties(),
                payload: &[7; 200],
            };
            assert_eq!(publish.remaining_length(version), length);
            let mut out = Vec::new();
            publish.encode(version, &mut out);
            assert_eq!(out.len(), publish.encoded_length(version));
            assert_eq!(out.len(), 3 + length);
        }
    }
}
