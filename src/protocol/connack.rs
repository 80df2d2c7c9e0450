//! CONNACK: the broker's answer to CONNECT (section 3.2).

use super::fixed_header::write_fixed_header;
use super::properties::Properties;
use super::property::carrier;
use super::{Malformed, ReasonCode, Version, wire};

/// A CONNACK packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnAck<'a> {
    /// The broker had a session for this client; always false in 3.1.
    pub session_present: bool,
    /// In 3.x the return code, 0 to 5, as it stands.
    pub code: ReasonCode,
    /// Properties; none before 5.0.
    pub properties: Properties<'a>,
}

/// The return code of a 3.x CONNACK that says what a Reason Code of 5.0 says (3.1.1, table 3.1). `None`: there is
/// none; the connection is closed without a CONNACK `[MQTT-3.2.2-6]` (of 3.1.1).
pub const fn return_code_v3(code: ReasonCode) -> Option<u8> {
    match code {
        ReasonCode::SUCCESS => Some(0),
        ReasonCode::UNSUPPORTED_PROTOCOL_VERSION => Some(1),
        ReasonCode::CLIENT_IDENTIFIER_NOT_VALID => Some(2),
        ReasonCode::SERVER_UNAVAILABLE | ReasonCode::SERVER_BUSY => Some(3),
        ReasonCode::BAD_USER_NAME_OR_PASSWORD => Some(4),
        ReasonCode::NOT_AUTHORIZED | ReasonCode::BANNED => Some(5),
        _ => None,
    }
}

impl<'a> ConnAck<'a> {
    /// Without properties.
    pub const fn new(session_present: bool, code: ReasonCode) -> ConnAck<'static> {
        ConnAck { session_present, code, properties: Properties::EMPTY }
    }

    /// Decodes the body. Reserved return codes of 3.x are kept: they refuse like the others.
    pub fn decode(version: Version, body: &'a [u8]) -> Result<Self, Malformed> {
        let mut input = body;
        let flags = wire::read_u8(&mut input)?;
        let code = ReasonCode(wire::read_u8(&mut input)?);
        let properties = Properties::read(version, carrier::CONNACK, &mut input)?;
        if !input.is_empty() {
            return Err(Malformed::TrailingBytes);
        }
        // 3.1 has nothing to say there.
        let flags = if version == Version::V31 { 0 } else { flags };
        if flags > 1 {
            return Err(Malformed::ConnAckFlags);
        }
        if version.is_v5() && code != ReasonCode::SUCCESS && !(code.is_error() && code.is_known()) {
            return Err(Malformed::ReasonCode(code.0));
        }
        if flags == 1 && code != ReasonCode::SUCCESS {
            return Err(Malformed::SessionPresentWithError);
        }
        Ok(ConnAck { session_present: flags == 1, code, properties })
    }

    /// The whole packet, in bytes.
    pub fn encoded_length(&self, version: Version) -> usize {
        let remaining = 2 + self.properties.encoded_length(version);
        1 + wire::varint_length(u32::try_from(remaining).unwrap_or(u32::MAX)) + remaining
    }

    /// Appends the packet. A code of 5.0 becomes the return code of 3.x, or 3 (unavailable) where there is none.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        let code = match self.code {
            code if !version.is_v5() && code.is_error() => return_code_v3(code).unwrap_or(3),
            code => code.0,
        };
        write_fixed_header(0x20, 2 + self.properties.encoded_length(version), out);
        out.push(u8::from(self.session_present && version != Version::V31));
        out.push(code);
        self.properties.write(version, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(session_present: bool, code: ReasonCode, version: Version) -> Vec<u8> {
        let mut out = Vec::new();
        ConnAck::new(session_present, code).encode(version, &mut out);
        out
    }

    #[test]
    fn codes_of_5_0_in_3_x() {
        assert_eq!(encoded(true, ReasonCode::SUCCESS, Version::V311), [0x20, 2, 1, 0]);
        assert_eq!(encoded(true, ReasonCode::SUCCESS, Version::V31), [0x20, 2, 0, 0]);
        assert_eq!(encoded(false, ReasonCode::NOT_AUTHORIZED, Version::V311), [0x20, 2, 0, 5]);
        assert_eq!(encoded(false, ReasonCode(4), Version::V311), [0x20, 2, 0, 4]);
        assert_eq!(encoded(false, ReasonCode::QUOTA_EXCEEDED, Version::V311), [0x20, 2, 0, 3]);
        assert_eq!(encoded(false, ReasonCode::NOT_AUTHORIZED, Version::V5), [0x20, 3, 0, 0x87, 0]);
        assert_eq!(return_code_v3(ReasonCode::UNSUPPORTED_PROTOCOL_VERSION), Some(1));
        assert_eq!(return_code_v3(ReasonCode::CLIENT_IDENTIFIER_NOT_VALID), Some(2));
        assert_eq!(return_code_v3(ReasonCode::MALFORMED_PACKET), None);
    }

    #[test]
    fn mqtt_3_2_2_6_session_present_only_with_success() {
        assert_eq!(ConnAck::decode(Version::V311, &[1, 0]), Ok(ConnAck::new(true, ReasonCode::SUCCESS)));
        assert_eq!(ConnAck::decode(Version::V311, &[1, 5]), Err(Malformed::SessionPresentWithError));
        assert_eq!(ConnAck::decode(Version::V31, &[1, 5]), Ok(ConnAck::new(false, ReasonCode(5))));
    }

    #[test]
    fn reserved_flags_and_codes() {
        assert_eq!(ConnAck::decode(Version::V311, &[2, 0]), Err(Malformed::ConnAckFlags));
        assert_eq!(ConnAck::decode(Version::V5, &[0, 5, 0]), Err(Malformed::ReasonCode(5)));
        assert_eq!(ConnAck::decode(Version::V5, &[0, 0xEE, 0]), Err(Malformed::ReasonCode(0xEE)));
        assert_eq!(ConnAck::decode(Version::V311, &[0, 9]), Ok(ConnAck::new(false, ReasonCode(9))));
        assert_eq!(ConnAck::decode(Version::V311, &[0]), Err(Malformed::Truncated));
        assert_eq!(ConnAck::decode(Version::V311, &[0, 0, 0]), Err(Malformed::TrailingBytes));
    }
}
