//! Reason Codes (5.0, section 2.4), and what they are called.

use std::fmt;

/// A Reason Code of MQTT 5.0; in a 3.x CONNACK or SUBACK, the return code as it stands there.
/// Values that no specification knows are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ReasonCode(pub u8);

macro_rules! reason_codes {
    ($( $code:literal $name:ident $text:literal ),+ $(,)?) => {
        #[allow(missing_docs)] // the names are the specification's
        impl ReasonCode {
            $( pub const $name: ReasonCode = ReasonCode($code); )+

            /// Every code that has a name of its own.
            pub const ALL: &'static [ReasonCode] = &[$( ReasonCode($code) ),+];

            /// The specification's name ("Not authorized"), as the clients print it.
            pub const fn text(self) -> &'static str {
                match self.0 {
                    $( $code => $text, )+
                    _ => "Unknown reason",
                }
            }

            /// Whether the specification defines this value.
            pub const fn is_known(self) -> bool {
                matches!(self.0, $( $code )|+)
            }
        }
    };
}

reason_codes! {
    0x00 SUCCESS "Success",
    0x01 GRANTED_QOS_1 "Granted QoS 1",
    0x02 GRANTED_QOS_2 "Granted QoS 2",
    0x04 DISCONNECT_WITH_WILL "Disconnect with Will Message",
    0x10 NO_MATCHING_SUBSCRIBERS "No matching subscribers",
    0x11 NO_SUBSCRIPTION_EXISTED "No subscription existed",
    0x18 CONTINUE_AUTHENTICATION "Continue authentication",
    0x19 RE_AUTHENTICATE "Re-authenticate",
    0x80 UNSPECIFIED_ERROR "Unspecified error",
    0x81 MALFORMED_PACKET "Malformed Packet",
    0x82 PROTOCOL_ERROR "Protocol Error",
    0x83 IMPLEMENTATION_SPECIFIC_ERROR "Implementation specific error",
    0x84 UNSUPPORTED_PROTOCOL_VERSION "Unsupported Protocol Version",
    0x85 CLIENT_IDENTIFIER_NOT_VALID "Client Identifier not valid",
    0x86 BAD_USER_NAME_OR_PASSWORD "Bad User Name or Password",
    0x87 NOT_AUTHORIZED "Not authorized",
    0x88 SERVER_UNAVAILABLE "Server unavailable",
    0x89 SERVER_BUSY "Server busy",
    0x8A BANNED "Banned",
    0x8B SERVER_SHUTTING_DOWN "Server shutting down",
    0x8C BAD_AUTHENTICATION_METHOD "Bad authentication method",
    0x8D KEEP_ALIVE_TIMEOUT "Keep Alive timeout",
    0x8E SESSION_TAKEN_OVER "Session taken over",
    0x8F TOPIC_FILTER_INVALID "Topic Filter invalid",
    0x90 TOPIC_NAME_INVALID "Topic Name invalid",
    0x91 PACKET_IDENTIFIER_IN_USE "Packet Identifier in use",
    0x92 PACKET_IDENTIFIER_NOT_FOUND "Packet Identifier not found",
    0x93 RECEIVE_MAXIMUM_EXCEEDED "Receive Maximum exceeded",
    0x94 TOPIC_ALIAS_INVALID "Topic Alias invalid",
    0x95 PACKET_TOO_LARGE "Packet too large",
    0x96 MESSAGE_RATE_TOO_HIGH "Message rate too high",
    0x97 QUOTA_EXCEEDED "Quota exceeded",
    0x98 ADMINISTRATIVE_ACTION "Administrative action",
    0x99 PAYLOAD_FORMAT_INVALID "Payload format invalid",
    0x9A RETAIN_NOT_SUPPORTED "Retain not supported",
    0x9B QOS_NOT_SUPPORTED "QoS not supported",
    0x9C USE_ANOTHER_SERVER "Use another server",
    0x9D SERVER_MOVED "Server moved",
    0x9E SHARED_SUBSCRIPTIONS_NOT_SUPPORTED "Shared Subscriptions not supported",
    0x9F CONNECTION_RATE_EXCEEDED "Connection rate exceeded",
    0xA0 MAXIMUM_CONNECT_TIME "Maximum connect time",
    0xA1 SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED "Subscription identifiers not supported",
    0xA2 WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED "Wildcard Subscriptions not supported",
}

impl ReasonCode {
    /// A return code of a 3.x CONNACK in mosquitto's words, as people look for them in its log.
    pub const fn refusal_v3(self) -> &'static str {
        match self.0 {
            1 => "unacceptable protocol version",
            2 => "identifier rejected",
            3 => "broker unavailable",
            4 => "bad user name or password",
            5 => "not authorised",
            _ => "unknown reason",
        }
    }

    /// 0x00 in SUBACK, under its name there.
    pub const GRANTED_QOS_0: ReasonCode = ReasonCode::SUCCESS;
    /// 0x00 in DISCONNECT, under its name there.
    pub const NORMAL_DISCONNECTION: ReasonCode = ReasonCode::SUCCESS;

    /// Whether the operation failed: 0x80 and above.
    #[inline]
    pub const fn is_error(self) -> bool {
        self.0 >= 0x80
    }
}

impl fmt::Debug for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#04x} {}", self.0, self.text())
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl From<ReasonCode> for u8 {
    #[inline]
    fn from(code: ReasonCode) -> u8 {
        code.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_codes_of_table_2_6_in_order() {
        assert_eq!(ReasonCode::ALL.len(), 43);
        assert!(ReasonCode::ALL.is_sorted());
        assert!(ReasonCode::ALL.iter().all(|code| code.is_known() && code.text() != "Unknown reason"));
        // 0x80 to 0xA2 without a gap.
        assert_eq!(ReasonCode::ALL.iter().filter(|code| code.is_error()).count(), 0xA2 - 0x80 + 1);
    }

    #[test]
    fn names_as_the_clients_print_them() {
        assert_eq!(ReasonCode::NOT_AUTHORIZED.text(), "Not authorized");
        assert_eq!(ReasonCode(0xA1).to_string(), "Subscription identifiers not supported");
        assert_eq!(ReasonCode::GRANTED_QOS_0, ReasonCode::NORMAL_DISCONNECTION);
    }

    #[test]
    fn unknown_values_are_kept() {
        let code = ReasonCode(0xF0);
        assert!(code.is_error() && !code.is_known());
        assert_eq!((u8::from(code), code.text()), (0xF0, "Unknown reason"));
        assert!(!ReasonCode(0x7F).is_error());
    }
}
