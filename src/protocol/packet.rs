//! Any packet: which type it is, decoding and encoding.

use super::fixed_header::check_first;
use super::{
    Ack, AckKind, Auth, ConnAck, Connect, Disconnect, Malformed, Publish, SubAck, Subscribe, UnsubAck,
    Unsubscribe, Version, encode_pingreq, encode_pingresp,
};

/// The packet types (section 2.1.2).
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names are the specification's
pub enum PacketType {
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    Unsubscribe = 10,
    UnsubAck = 11,
    PingReq = 12,
    PingResp = 13,
    Disconnect = 14,
    Auth = 15,
}

impl PacketType {
    /// The type in the high four bits of a first byte; 0 is none.
    #[inline]
    pub const fn of(first: u8) -> Result<PacketType, Malformed> {
        Ok(match first >> 4 {
            1 => PacketType::Connect,
            2 => PacketType::ConnAck,
            3 => PacketType::Publish,
            4 => PacketType::PubAck,
            5 => PacketType::PubRec,
            6 => PacketType::PubRel,
            7 => PacketType::PubComp,
            8 => PacketType::Subscribe,
            9 => PacketType::SubAck,
            10 => PacketType::Unsubscribe,
            11 => PacketType::UnsubAck,
            12 => PacketType::PingReq,
            13 => PacketType::PingResp,
            14 => PacketType::Disconnect,
            15 => PacketType::Auth,
            _ => return Err(Malformed::PacketType),
        })
    }

    /// The specification's name, as logs print it.
    pub const fn name(self) -> &'static str {
        match self {
            PacketType::Connect => "CONNECT",
            PacketType::ConnAck => "CONNACK",
            PacketType::Publish => "PUBLISH",
            PacketType::PubAck => "PUBACK",
            PacketType::PubRec => "PUBREC",
            PacketType::PubRel => "PUBREL",
            PacketType::PubComp => "PUBCOMP",
            PacketType::Subscribe => "SUBSCRIBE",
            PacketType::SubAck => "SUBACK",
            PacketType::Unsubscribe => "UNSUBSCRIBE",
            PacketType::UnsubAck => "UNSUBACK",
            PacketType::PingReq => "PINGREQ",
            PacketType::PingResp => "PINGRESP",
            PacketType::Disconnect => "DISCONNECT",
            PacketType::Auth => "AUTH",
        }
    }
}

/// A packet of any type; it borrows from the bytes it was decoded from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names are the specification's
pub enum Packet<'a> {
    Connect(Connect<'a>),
    ConnAck(ConnAck<'a>),
    Publish(Publish<'a>),
    PubAck(Ack<'a>),
    PubRec(Ack<'a>),
    PubRel(Ack<'a>),
    PubComp(Ack<'a>),
    Subscribe(Subscribe<'a>),
    SubAck(SubAck<'a>),
    Unsubscribe(Unsubscribe<'a>),
    UnsubAck(UnsubAck<'a>),
    PingReq,
    PingResp,
    Disconnect(Disconnect<'a>),
    Auth(Auth<'a>),
}

/// Decodes one whole packet from its first byte and the bytes behind its fixed header.
///
/// CONNECT is decoded by its own version; `version` is that of the connection, for all others. Errors: everything
/// that the specification of that version calls malformed or a protocol error in a packet by itself.
// Always inline, so that a PUBLISH is built where it is used; the rest stays behind one call.
#[inline(always)]
pub fn decode<'a>(version: Version, first: u8, body: &'a [u8]) -> Result<Packet<'a>, Malformed> {
    if first >> 4 == PacketType::Publish as u8 {
        return Ok(Packet::Publish(Publish::decode(version, first, body)?));
    }
    decode_other(version, first, body)
}

/// [`decode`] for all but PUBLISH.
#[inline(never)]
fn decode_other<'a>(version: Version, first: u8, body: &'a [u8]) -> Result<Packet<'a>, Malformed> {
    let kind = match PacketType::of(first)? {
        // Its own version decides, and no version has flags here.
        PacketType::Connect => check_first(Version::V5, first)?,
        _ => check_first(version, first)?,
    };
    Ok(match kind {
        PacketType::Connect => Packet::Connect(Connect::decode(body)?),
        PacketType::ConnAck => Packet::ConnAck(ConnAck::decode(version, body)?),
        PacketType::Publish => Packet::Publish(Publish::decode(version, first, body)?),
        PacketType::PubAck => Packet::PubAck(Ack::decode(version, first, body)?),
        PacketType::PubRec => Packet::PubRec(Ack::decode(version, first, body)?),
        PacketType::PubRel => Packet::PubRel(Ack::decode(version, first, body)?),
        PacketType::PubComp => Packet::PubComp(Ack::decode(version, first, body)?),
        PacketType::Subscribe => Packet::Subscribe(Subscribe::decode(version, body)?),
        PacketType::SubAck => Packet::SubAck(SubAck::decode(version, body)?),
        PacketType::Unsubscribe => Packet::Unsubscribe(Unsubscribe::decode(version, body)?),
        PacketType::UnsubAck => Packet::UnsubAck(UnsubAck::decode(version, body)?),
        PacketType::PingReq => empty(body, Packet::PingReq)?,
        PacketType::PingResp => empty(body, Packet::PingResp)?,
        PacketType::Disconnect => Packet::Disconnect(Disconnect::decode(version, body)?),
        PacketType::Auth => Packet::Auth(Auth::decode(body)?),
    })
}

/// A packet without a body.
fn empty<'a>(body: &[u8], packet: Packet<'a>) -> Result<Packet<'a>, Malformed> {
    if body.is_empty() { Ok(packet) } else { Err(Malformed::TrailingBytes) }
}

impl Packet<'_> {
    /// Appends the packet. CONNECT goes out in its own version; there is no AUTH before 5.0, so it adds nothing.
    #[inline]
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        match self {
            Packet::Publish(packet) => packet.encode(version, out),
            other => other.encode_other(version, out),
        }
    }

    /// [`encode`](Self::encode) for all but PUBLISH.
    #[inline(never)]
    fn encode_other(&self, version: Version, out: &mut Vec<u8>) {
        match self {
            Packet::Connect(packet) => packet.encode(out),
            Packet::ConnAck(packet) => packet.encode(version, out),
            Packet::Publish(packet) => packet.encode(version, out),
            Packet::PubAck(packet) => packet.encode(AckKind::PubAck, version, out),
            Packet::PubRec(packet) => packet.encode(AckKind::PubRec, version, out),
            Packet::PubRel(packet) => packet.encode(AckKind::PubRel, version, out),
            Packet::PubComp(packet) => packet.encode(AckKind::PubComp, version, out),
            Packet::Subscribe(packet) => packet.encode(version, out),
            Packet::SubAck(packet) => packet.encode(version, out),
            Packet::Unsubscribe(packet) => packet.encode(version, out),
            Packet::UnsubAck(packet) => packet.encode(version, out),
            Packet::PingReq => encode_pingreq(out),
            Packet::PingResp => encode_pingresp(out),
            Packet::Disconnect(packet) => packet.encode(version, out),
            Packet::Auth(packet) if version.is_v5() => packet.encode(out),
            Packet::Auth(_) => {}
        }
    }

    /// Which type it is.
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Packet::Connect(_) => PacketType::Connect,
            Packet::ConnAck(_) => PacketType::ConnAck,
            Packet::Publish(_) => PacketType::Publish,
            Packet::PubAck(_) => PacketType::PubAck,
            Packet::PubRec(_) => PacketType::PubRec,
            Packet::PubRel(_) => PacketType::PubRel,
            Packet::PubComp(_) => PacketType::PubComp,
            Packet::Subscribe(_) => PacketType::Subscribe,
            Packet::SubAck(_) => PacketType::SubAck,
            Packet::Unsubscribe(_) => PacketType::Unsubscribe,
            Packet::UnsubAck(_) => PacketType::UnsubAck,
            Packet::PingReq => PacketType::PingReq,
            Packet::PingResp => PacketType::PingResp,
            Packet::Disconnect(_) => PacketType::Disconnect,
            Packet::Auth(_) => PacketType::Auth,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Properties, ReasonCode};
    use super::*;

    #[test]
    fn packet_types_of_table_2_1() {
        for first in 0x10..=u8::MAX {
            assert_eq!(PacketType::of(first).unwrap() as u8, first >> 4);
        }
        assert_eq!(PacketType::of(0x0F), Err(Malformed::PacketType));
        assert_eq!(PacketType::PubComp.name(), "PUBCOMP");
    }

    #[test]
    fn no_auth_before_5_0() {
        let auth = Packet::Auth(Auth { reason: ReasonCode::SUCCESS, properties: Properties::EMPTY });
        let mut out = Vec::new();
        auth.encode(Version::V311, &mut out);
        assert!(out.is_empty());
        auth.encode(Version::V5, &mut out);
        assert_eq!(out, [0xF0, 0]);
        assert_eq!(decode(Version::V5, 0xF0, &[]), Ok(auth));
        assert_eq!(decode(Version::V311, 0xF0, &[]), Err(Malformed::PacketType));
    }

    #[test]
    fn connect_has_its_own_version() {
        let body = [0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 0, 0, 0, 0];
        let packet = decode(Version::V31, 0x10, &body).unwrap();
        assert_eq!(packet.packet_type(), PacketType::Connect);
        assert!(matches!(packet, Packet::Connect(connect) if connect.version == Version::V5));
        assert_eq!(decode(Version::V31, 0x18, &body), Err(Malformed::FixedHeaderFlags));
    }
}
