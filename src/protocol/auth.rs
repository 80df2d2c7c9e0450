//! AUTH: a step of enhanced authentication (5.0, section 3.15).

use super::ack::{read_reason, write_reason};
use super::properties::Properties;
use super::property::carrier;
use super::{Malformed, ReasonCode};

/// An AUTH packet; there is none before 5.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Success, Continue authentication or Re-authenticate `[MQTT-3.15.2-1]`.
    pub reason: ReasonCode,
    /// Authentication Method, Authentication Data and others.
    pub properties: Properties<'a>,
}

impl<'a> Auth<'a> {
    /// Decodes the body.
    pub fn decode(body: &'a [u8]) -> Result<Self, Malformed> {
        if body.is_empty() {
            return Ok(Auth { reason: ReasonCode::SUCCESS, properties: Properties::EMPTY });
        }
        let (reason, properties) = read_reason(carrier::AUTH, &mut &*body)?;
        match reason {
            ReasonCode::SUCCESS => {}
            ReasonCode::CONTINUE_AUTHENTICATION | ReasonCode::RE_AUTHENTICATE => {
                properties.authentication_method().ok_or(Malformed::AuthenticationMethodMissing)?;
            }
            _ => return Err(Malformed::ReasonCode(reason.0)),
        }
        Ok(Auth { reason, properties })
    }

    /// Appends the packet.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_reason(0xF0, self.reason, self.properties, out);
    }
}
