//! UNSUBACK: what became of each Topic Filter (section 3.11).

use super::fixed_header::write_fixed_header;
use super::properties::Properties;
use super::property::carrier;
use super::publish::read_packet_identifier;
use super::suback::check_codes;
use super::{Malformed, PacketIdentifier, Version, wire};

/// An UNSUBACK packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsubAck<'a> {
    /// Of the UNSUBSCRIBE; never 0.
    pub packet_identifier: PacketIdentifier,
    /// Properties; none before 5.0.
    pub properties: Properties<'a>,
    /// A Reason Code for each filter, in their order; empty before 5.0.
    pub codes: &'a [u8],
}

impl<'a> UnsubAck<'a> {
    /// Decodes the body `[MQTT-3.11.3-2]`.
    pub fn decode(version: Version, body: &'a [u8]) -> Result<Self, Malformed> {
        let mut input = body;
        let packet_identifier = read_packet_identifier(&mut input)?;
        let properties = Properties::read(version, carrier::UNSUBACK, &mut input)?;
        if version.is_v5() {
            check_codes(input, |code| matches!(code, 0x00 | 0x11 | 0x80 | 0x83 | 0x87 | 0x8F | 0x91))?;
        } else if !input.is_empty() {
            return Err(Malformed::TrailingBytes);
        }
        Ok(UnsubAck { packet_identifier, properties, codes: input })
    }

    /// Appends the packet; before 5.0 it has no Reason Codes.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        let codes = if version.is_v5() { self.codes } else { &[] };
        write_fixed_header(0xB0, 2 + self.properties.encoded_length(version) + codes.len(), out);
        wire::write_u16(self.packet_identifier, out);
        self.properties.write(version, out);
        out.extend_from_slice(codes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mqtt_3_11_3_2_codes_in_5_0_only() {
        let codes =
            |version, body: &'static [u8]| UnsubAck::decode(version, body).map(|unsuback| unsuback.codes);
        assert_eq!(codes(Version::V311, &[0, 1]), Ok(&[][..]));
        assert_eq!(codes(Version::V311, &[0, 1, 0]), Err(Malformed::TrailingBytes));
        assert_eq!(codes(Version::V5, &[0, 1, 0, 0, 0x11]), Ok(&[0, 0x11][..]));
        assert_eq!(codes(Version::V5, &[0, 1, 0]), Err(Malformed::NoReasonCodes));
        assert_eq!(codes(Version::V5, &[0, 1, 0, 1]), Err(Malformed::ReasonCode(1)));
        assert_eq!(codes(Version::V5, &[0, 0, 0, 0]), Err(Malformed::PacketIdentifierZero));
    }

    #[test]
    fn written_as_the_version_wants_it() {
        let unsuback = UnsubAck { packet_identifier: 1, properties: Properties::EMPTY, codes: &[0x11] };
        let mut out = Vec::new();
        unsuback.encode(Version::V311, &mut out);
        unsuback.encode(Version::V5, &mut out);
        assert_eq!(out, [0xB0, 2, 0, 1, 0xB0, 4, 0, 1, 0, 0x11]);
    }
}
