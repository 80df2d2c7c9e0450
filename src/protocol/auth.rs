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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mqtt_3_15_2_1_reason_codes() {
        let reason = |body: &[u8]| Auth::decode(body).map(|auth| auth.reason);
        let method = [0x18, 4, 0x15, 0, 1, b'm'];
        assert_eq!(reason(&[]), Ok(ReasonCode::SUCCESS));
        assert_eq!(reason(&[0]), Ok(ReasonCode::SUCCESS));
        assert_eq!(reason(&method), Ok(ReasonCode::CONTINUE_AUTHENTICATION));
        assert_eq!(reason(&[0x19]), Err(Malformed::AuthenticationMethodMissing));
        assert_eq!(reason(&[0x87]), Err(Malformed::ReasonCode(0x87)));
        let mut out = Vec::new();
        Auth::decode(&method).unwrap().encode(&mut out);
        assert_eq!(out, [&[0xF0, 6][..], &method].concat());
    }
}
