//! SUBACK: what became of each subscription (section 3.9).

use super::fixed_header::write_fixed_header;
use super::properties::Properties;
use super::property::carrier;
use super::publish::read_packet_identifier;
use super::{Malformed, PacketIdentifier, Version, wire};

/// A SUBACK packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubAck<'a> {
    /// Of the SUBSCRIBE; never 0.
    pub packet_identifier: PacketIdentifier,
    /// Properties; none before 5.0.
    pub properties: Properties<'a>,
    /// A Reason Code for each filter, in their order; before 5.0 the granted QoS or 0x80.
    pub codes: &'a [u8],
}

impl<'a> SubAck<'a> {
    /// Decodes the body `[MQTT-3.9.3-2]`.
    pub fn decode(version: Version, body: &'a [u8]) -> Result<Self, Malformed> {
        let mut input = body;
        let packet_identifier = read_packet_identifier(&mut input)?;
        let properties = Properties::read(version, carrier::SUBACK, &mut input)?;
        check_codes(input, |code| match code {
            0x00..=0x02 | 0x80 => true,
            0x83 | 0x87 | 0x8F | 0x91 | 0x97 | 0x9E | 0xA1 | 0xA2 => version.is_v5(),
            _ => false,
        })?;
        Ok(SubAck { packet_identifier, properties, codes: input })
    }

    /// Appends the packet; before 5.0 every error is 0x80.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        let length = 2 + self.properties.encoded_length(version) + self.codes.len();
        write_fixed_header(0x90, length, out);
        wire::write_u16(self.packet_identifier, out);
        self.properties.write(version, out);
        if version.is_v5() {
            out.extend_from_slice(self.codes);
        } else {
            out.extend(self.codes.iter().map(|code| code.min(&0x80)));
        }
    }
}

/// At least one Reason Code, and each one that the packet may carry.
pub(super) fn check_codes(codes: &[u8], allowed: impl Fn(u8) -> bool) -> Result<(), Malformed> {
    if codes.is_empty() {
        return Err(Malformed::NoReasonCodes);
    }
    match codes.iter().find(|code| !allowed(**code)) {
        Some(code) => Err(Malformed::ReasonCode(*code)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mqtt_3_9_3_2_codes() {
        let codes = |version, body: &'static [u8]| SubAck::decode(version, body).map(|suback| suback.codes);
        assert_eq!(codes(Version::V311, &[0, 1, 0, 1, 2, 0x80]), Ok(&[0, 1, 2, 0x80][..]));
        assert_eq!(codes(Version::V311, &[0, 1, 0x87]), Err(Malformed::ReasonCode(0x87)));
        assert_eq!(codes(Version::V5, &[0, 1, 0, 0x87]), Ok(&[0x87][..]));
        assert_eq!(codes(Version::V5, &[0, 1, 0, 3]), Err(Malformed::ReasonCode(3)));
        assert_eq!(codes(Version::V5, &[0, 1, 0]), Err(Malformed::NoReasonCodes));
        assert_eq!(codes(Version::V311, &[0, 0, 0]), Err(Malformed::PacketIdentifierZero));
    }

    #[test]
    fn errors_before_5_0_are_0x80() {
        let suback = SubAck { packet_identifier: 1, properties: Properties::EMPTY, codes: &[2, 0x87, 0x80] };
        let mut out = Vec::new();
        suback.encode(Version::V311, &mut out);
        assert_eq!(out, [0x90, 5, 0, 1, 2, 0x80, 0x80]);
        out.clear();
        suback.encode(Version::V5, &mut out);
        assert_eq!(out, [0x90, 6, 0, 1, 0, 2, 0x87, 0x80]);
    }
}
