//! PUBACK, PUBREC, PUBREL and PUBCOMP: the answers along a QoS 1 or 2 delivery (sections 3.4 to 3.7).

use super::fixed_header::write_fixed_header;
use super::properties::Properties;
use super::property::carrier;
use super::publish::read_packet_identifier;
use super::wire;
use super::{Malformed, PacketIdentifier, PacketType, ReasonCode, Version};

/// Which of the four.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AckKind {
    /// Answer to PUBLISH with QoS 1.
    PubAck = 4,
    /// First answer to PUBLISH with QoS 2.
    PubRec = 5,
    /// Answer to PUBREC.
    PubRel = 6,
    /// Answer to PUBREL, the last.
    PubComp = 7,
}

impl AckKind {
    /// The first byte: packet type and flags `[MQTT-3.6.1-1]`.
    #[inline]
    pub const fn first_byte(self) -> u8 {
        match self {
            AckKind::PubRel => 0x62,
            _ => (self as u8) << 4,
        }
    }

    /// The kind that a first byte says, if it is one of the four.
    #[inline]
    pub const fn from_first_byte(first: u8) -> Option<AckKind> {
        match first >> 4 {
            4 => Some(AckKind::PubAck),
            5 => Some(AckKind::PubRec),
            6 => Some(AckKind::PubRel),
            7 => Some(AckKind::PubComp),
            _ => None,
        }
    }

    const fn carrier(self) -> u16 {
        match self {
            AckKind::PubAck => carrier::PUBACK,
            AckKind::PubRec => carrier::PUBREC,
            AckKind::PubRel => carrier::PUBREL,
            AckKind::PubComp => carrier::PUBCOMP,
        }
    }

    /// Whether the specification gives this packet that Reason Code `[MQTT-3.4.2-1]`, `[MQTT-3.5.2-1]`,
    /// `[MQTT-3.6.2-1]`, `[MQTT-3.7.2-1]`; and 0x95, which mosquitto sends for a payload over its
    /// `message_size_limit`: closing the connection on it would help nobody.
    pub const fn allows(self, reason: ReasonCode) -> bool {
        match self {
            AckKind::PubAck | AckKind::PubRec => {
                matches!(reason.0, 0x00 | 0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x95 | 0x97 | 0x99)
            }
            AckKind::PubRel | AckKind::PubComp => matches!(reason.0, 0x00 | 0x92),
        }
    }
}

/// A PUBACK, PUBREC, PUBREL or PUBCOMP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    /// Of the PUBLISH; never 0.
    pub packet_identifier: PacketIdentifier,
    /// Success before 5.0.
    pub reason: ReasonCode,
    /// Properties; none before 5.0.
    pub properties: Properties<'a>,
}

impl<'a> Ack<'a> {
    /// A success without properties.
    #[inline]
    pub const fn new(packet_identifier: PacketIdentifier) -> Ack<'static> {
        Ack { packet_identifier, reason: ReasonCode::SUCCESS, properties: Properties::EMPTY }
    }

    /// Decodes the body; `first` says which of the four it is. Allocates nothing.
    #[inline]
    pub fn decode(version: Version, first: u8, body: &'a [u8]) -> Result<Self, Malformed> {
        let kind = AckKind::from_first_byte(first).ok_or(Malformed::PacketType)?;
        let mut input = body;
        let packet_identifier = read_packet_identifier(&mut input)?;
        if input.is_empty() {
            return Ok(Ack::new(packet_identifier));
        }
        if !version.is_v5() {
            return Err(Malformed::TrailingBytes);
        }
        let (reason, properties) = read_reason(kind.carrier(), &mut input)?;
        if !kind.allows(reason) {
            return Err(Malformed::ReasonCode(reason.0));
        }
        Ok(Ack { packet_identifier, reason, properties })
    }

    /// Appends the packet, in its short form where it has one.
    #[inline]
    pub fn encode(&self, kind: AckKind, version: Version, out: &mut Vec<u8>) {
        if self.properties.is_empty() {
            return encode_ack(kind, self.packet_identifier, self.reason, version, out);
        }
        let tail = if version.is_v5() { 1 + self.properties.encoded_length(version) } else { 0 };
        write_fixed_header(kind.first_byte(), 2 + tail, out);
        wire::write_u16(self.packet_identifier, out);
        if version.is_v5() {
            out.push(self.reason.0);
            self.properties.write(version, out);
        }
    }
}

/// Appends an acknowledgement without properties.
#[inline]
pub fn encode_ack(
    kind: AckKind,
    packet_identifier: PacketIdentifier,
    reason: ReasonCode,
    version: Version,
    out: &mut Vec<u8>,
) {
    let [high, low] = packet_identifier.to_be_bytes();
    if version.is_v5() && reason != ReasonCode::SUCCESS {
        out.extend_from_slice(&[kind.first_byte(), 3, high, low, reason.0]);
    } else {
        out.extend_from_slice(&[kind.first_byte(), 2, high, low]);
    }
}

/// A Reason Code and, unless the packet ends there, properties; then the packet must end. Of 5.0.
pub(super) fn read_reason<'a>(
    carrier: u16,
    input: &mut &'a [u8],
) -> Result<(ReasonCode, Properties<'a>), Malformed> {
    let reason = ReasonCode(wire::read_u8(input)?);
    if input.is_empty() {
        return Ok((reason, Properties::EMPTY));
    }
    let properties = Properties::read(Version::V5, carrier, input)?;
    if input.is_empty() { Ok((reason, properties)) } else { Err(Malformed::TrailingBytes) }
}

/// Appends a packet that is a Reason Code and properties, cut short where nothing is lost. Of 5.0.
pub(super) fn write_reason(first: u8, reason: ReasonCode, properties: Properties<'_>, out: &mut Vec<u8>) {
    let length = match (reason, properties.is_empty()) {
        (ReasonCode::SUCCESS, true) => 0,
        (_, true) => 1,
        (_, false) => 1 + properties.encoded_length(Version::V5),
    };
    write_fixed_header(first, length, out);
    if length > 0 {
        out.push(reason.0);
    }
    if length > 1 {
        properties.write(Version::V5, out);
    }
}

impl From<AckKind> for PacketType {
    fn from(kind: AckKind) -> PacketType {
        match kind {
            AckKind::PubAck => PacketType::PubAck,
            AckKind::PubRec => PacketType::PubRec,
            AckKind::PubRel => PacketType::PubRel,
            AckKind::PubComp => PacketType::PubComp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PropertiesBuf, Property};
    use super::*;

    fn encoded(kind: AckKind, reason: u8, version: Version) -> Vec<u8> {
        let mut out = Vec::new();
        encode_ack(kind, 0x0102, ReasonCode(reason), version, &mut out);
        out
    }

    #[test]
    fn short_forms_of_section_3_4_2_1() {
        assert_eq!(encoded(AckKind::PubAck, 0, Version::V5), [0x40, 2, 1, 2]);
        assert_eq!(encoded(AckKind::PubAck, 0x10, Version::V5), [0x40, 3, 1, 2, 0x10]);
        assert_eq!(encoded(AckKind::PubRec, 0x87, Version::V311), [0x50, 2, 1, 2]);
        assert_eq!(encoded(AckKind::PubRel, 0, Version::V31), [0x62, 2, 1, 2]);
        assert_eq!(encoded(AckKind::PubComp, 0x92, Version::V5), [0x70, 3, 1, 2, 0x92]);
    }

    #[test]
    fn properties_go_out_in_5_0_only() {
        let mut buf = PropertiesBuf::new();
        buf.push(Property::ReasonString("x"));
        let ack = Ack { properties: buf.as_properties(), ..Ack::new(9) };
        let mut out = Vec::new();
        ack.encode(AckKind::PubRec, Version::V5, &mut out);
        assert_eq!(out, [0x50, 8, 0, 9, 0, 4, 0x1F, 0, 1, b'x']);
        assert_eq!(Ack::decode(Version::V5, 0x50, &out[2..]), Ok(ack));
        out.clear();
        ack.encode(AckKind::PubRec, Version::V311, &mut out);
        assert_eq!(out, [0x50, 2, 0, 9]);
    }

    #[test]
    fn the_length_says_what_is_there() {
        let decode = |body: &[u8]| Ack::decode(Version::V5, 0x40, body).map(|ack| ack.reason.0);
        assert_eq!(decode(&[0, 1]), Ok(0));
        assert_eq!(decode(&[0, 1, 0x10]), Ok(0x10));
        assert_eq!(decode(&[0, 1, 0x10, 0]), Ok(0x10));
        assert_eq!(decode(&[0, 1, 0x10, 0, 0]), Err(Malformed::TrailingBytes));
        assert_eq!(decode(&[0]), Err(Malformed::Truncated));
        assert_eq!(decode(&[0, 0]), Err(Malformed::PacketIdentifierZero));
        assert_eq!(Ack::decode(Version::V311, 0x40, &[0, 1, 0]), Err(Malformed::TrailingBytes));
    }

    #[test]
    fn mqtt_3_4_2_1_to_3_7_2_1_reason_codes() {
        let allowed = |kind: AckKind| (0..=u8::MAX).filter(|code| kind.allows(ReasonCode(*code))).count();
        assert_eq!(
            [AckKind::PubAck, AckKind::PubRec].map(allowed),
            [10, 10],
            "the nine of the table, and 0x95"
        );
        assert_eq!([AckKind::PubRel, AckKind::PubComp].map(allowed), [2, 2]);
        for kind in [AckKind::PubAck, AckKind::PubRec, AckKind::PubRel, AckKind::PubComp] {
            let first = kind.first_byte();
            assert_eq!(AckKind::from_first_byte(first), Some(kind));
            assert_eq!(Ack::decode(Version::V5, first, &[0, 1, 0x8E]), Err(Malformed::ReasonCode(0x8E)));
        }
        assert_eq!(AckKind::from_first_byte(0x30), None);
    }
}
