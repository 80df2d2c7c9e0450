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
