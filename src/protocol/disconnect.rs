//! DISCONNECT: the last packet of a connection (section 3.14).

use super::ack::{read_reason, write_reason};
use super::properties::Properties;
use super::property::carrier;
use super::{Malformed, ReasonCode, Version};

/// A DISCONNECT packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Normal disconnection before 5.0.
    pub reason: ReasonCode,
    /// Properties; none before 5.0.
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    /// Without properties.
    #[inline]
    pub const fn new(reason: ReasonCode) -> Disconnect<'static> {
        Disconnect { reason, properties: Properties::EMPTY }
    }

    /// Decodes the body. Reason Codes are 0x00, 0x04 and any error the specification knows.
    pub fn decode(version: Version, body: &'a [u8]) -> Result<Self, Malformed> {
        if body.is_empty() {
            return Ok(Disconnect::new(ReasonCode::NORMAL_DISCONNECTION));
        }
        if !version.is_v5() {
            return Err(Malformed::TrailingBytes);
        }
        let (reason, properties) = read_reason(carrier::DISCONNECT, &mut &*body)?;
        match reason {
            ReasonCode::NORMAL_DISCONNECTION | ReasonCode::DISCONNECT_WITH_WILL => {}
            error if error.is_error() && error.is_known() => {}
            _ => return Err(Malformed::ReasonCode(reason.0)),
        }
        Ok(Disconnect { reason, properties })
    }

    /// Appends the packet; before 5.0 it says no more than that it is one.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        if version.is_v5() {
            write_reason(0xE0, self.reason, self.properties, out);
        } else {
            out.extend_from_slice(&[0xE0, 0]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_it_takes() {
        let encoded = |reason, version| {
            let mut out = Vec::new();
            Disconnect::new(reason).encode(version, &mut out);
            out
        };
        assert_eq!(encoded(ReasonCode::NORMAL_DISCONNECTION, Version::V5), [0xE0, 0]);
        assert_eq!(encoded(ReasonCode::SESSION_TAKEN_OVER, Version::V5), [0xE0, 1, 0x8E]);
        assert_eq!(encoded(ReasonCode::SESSION_TAKEN_OVER, Version::V311), [0xE0, 0]);
    }

    #[test]
    fn mqtt_3_14_2_1_reason_codes() {
        let reason = |body: &[u8]| Disconnect::decode(Version::V5, body).map(|packet| packet.reason);
        assert_eq!(reason(&[]), Ok(ReasonCode::NORMAL_DISCONNECTION));
        assert_eq!(reason(&[4]), Ok(ReasonCode::DISCONNECT_WITH_WILL));
        assert_eq!(reason(&[0x8E, 0]), Ok(ReasonCode::SESSION_TAKEN_OVER));
        assert_eq!(reason(&[0x10]), Err(Malformed::ReasonCode(0x10)));
        assert_eq!(reason(&[0xA3]), Err(Malformed::ReasonCode(0xA3)));
        assert_eq!(reason(&[0, 0, 0]), Err(Malformed::TrailingBytes));
        assert_eq!(Disconnect::decode(Version::V311, &[0]), Err(Malformed::TrailingBytes));
    }
}
