//! What can be wrong with the bytes of a packet, and the Reason Code that says so.

use std::fmt;

use super::{PropertyId, ReasonCode};

/// Why bytes are no packet. A variant a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A field goes past the end of the packet.
    Truncated,
    /// Bytes are left over behind the last field.
    TrailingBytes,
    /// A Variable Byte Integer is longer than four bytes or than it needs to be `[MQTT-1.5.5-1]`.
    VariableByteInteger,
    /// Packet type 0, or 15 before 5.0 (section 2.1.2).
    PacketType,
    /// Reserved bits of the fixed header aren't as they must be `[MQTT-2.1.3-1]`.
    FixedHeaderFlags,
    /// A string isn't UTF-8, or holds a surrogate `[MQTT-1.5.4-1]`.
    Utf8,
    /// A string holds U+0000 `[MQTT-1.5.4-2]`.
    Nul,
    /// The Protocol Name is neither `MQTT` nor `MQIsdp` `[MQTT-3.1.2-1]`.
    ProtocolName,
    /// The Protocol Level isn't 3 with `MQIsdp`, or 4 or 5 with `MQTT` `[MQTT-3.1.2-2]`.
    UnsupportedProtocolVersion(u8),
    /// Bit 0 of the Connect Flags is set `[MQTT-3.1.2-3]`.
    ConnectFlags,
    /// Will QoS or Will Retain without Will Flag `[MQTT-3.1.2-11]`, `[MQTT-3.1.2-13]`.
    WillFlags,
    /// Will QoS 3 `[MQTT-3.1.2-12]`.
    WillQoS,
    /// A password without a user name, before 5.0 `[MQTT-3.1.2-22]`.
    PasswordWithoutUserName,
    /// The ClientId isn't UTF-8 `[MQTT-3.1.3-4]`, or holds U+0000 or control characters.
    ClientId,
    /// The user name holds control characters (section 1.5.4 lets a receiver refuse them).
    UserName,
    /// Authentication Data without Authentication Method (5.0, section 3.1.2.11.10).
    AuthenticationDataWithoutMethod,
    /// AUTH that continues without Authentication Method (5.0, section 3.15.2.2.2).
    AuthenticationMethodMissing,
    /// Bits 7-1 of the Connect Acknowledge Flags aren't 0 (section 3.2.2.1).
    ConnAckFlags,
    /// Session Present with a refusal `[MQTT-3.2.2-6]`.
    SessionPresentWithError,
    /// QoS 3 `[MQTT-3.3.1-4]`.
    QoS,
    /// DUP with QoS 0 `[MQTT-3.3.1-2]`.
    DupWithQoS0,
    /// A Packet Identifier of 0 `[MQTT-2.2.1-3]`.
    PacketIdentifierZero,
    /// An empty Topic Name without a Topic Alias (5.0, section 3.3.2.1).
    TopicNameEmpty,
    /// A Topic Name with wildcards or control characters, or an empty one `[MQTT-3.3.2-2]`.
    TopicName,
    /// A Topic Filter whose wildcards stand where they can't `[MQTT-4.7.1-1]`, or with control characters.
    TopicFilter,
    /// A Topic Filter without a character `[MQTT-4.7.3-1]`.
    TopicFilterEmpty,
    /// `$share/` without ShareName or Topic Filter `[MQTT-4.8.2-1]`, `[MQTT-4.8.2-2]`.
    SharedSubscription,
    /// No Local on a Shared Subscription `[MQTT-3.8.3-4]`.
    NoLocalOnShared,
    /// SUBSCRIBE or UNSUBSCRIBE without a Topic Filter `[MQTT-3.8.3-2]`, `[MQTT-3.10.3-2]`.
    NoTopicFilters,
    /// Maximum QoS 3 in Subscription Options (5.0, section 3.8.3.1; 3.1.1 `[MQTT-3.8.3-4]`).
    SubscriptionQoS,
    /// Retain Handling 3 in Subscription Options (5.0, section 3.8.3.1).
    RetainHandling,
    /// Reserved bits of Subscription Options are set `[MQTT-3.8.3-5]`.
    SubscriptionOptions,
    /// SUBACK, or UNSUBACK of 5.0, without a Reason Code (sections 3.9.3, 3.11.3).
    NoReasonCodes,
    /// A Reason Code that this packet can't carry (such as `[MQTT-3.4.2-1]`).
    ReasonCode(u8),
    /// The Property Length goes past the end of the packet (5.0, section 2.2.2.1).
    PropertyLength,
    /// A property identifier that doesn't exist (5.0, section 2.2.2.2).
    UnknownProperty(u8),
    /// A property that this packet can't carry (5.0, section 2.2.2.2).
    PropertyNotAllowed(PropertyId),
    /// A property that may stand once stands there again.
    PropertyRepeated(PropertyId),
    /// The value of a property is out of its range.
    PropertyValue(PropertyId),
}

impl Malformed {
    /// The Reason Code for CONNACK or DISCONNECT (5.0, section 4.13).
    pub const fn reason_code(self) -> ReasonCode {
        match self {
            Malformed::ProtocolName | Malformed::UnsupportedProtocolVersion(_) => {
                ReasonCode::UNSUPPORTED_PROTOCOL_VERSION
            }
            Malformed::ClientId => ReasonCode::CLIENT_IDENTIFIER_NOT_VALID,
            Malformed::AuthenticationDataWithoutMethod
            | Malformed::AuthenticationMethodMissing
            | Malformed::SessionPresentWithError
            | Malformed::TopicNameEmpty
            | Malformed::SharedSubscription
            | Malformed::NoLocalOnShared
            | Malformed::NoTopicFilters
            | Malformed::SubscriptionQoS
            | Malformed::RetainHandling
            | Malformed::NoReasonCodes
            | Malformed::ReasonCode(_)
            | Malformed::PacketIdentifierZero
            | Malformed::PropertyRepeated(_)
            | Malformed::PropertyValue(_) => ReasonCode::PROTOCOL_ERROR,
            _ => ReasonCode::MALFORMED_PACKET,
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match *self {
            Malformed::UnsupportedProtocolVersion(level) => {
                return write!(f, "unsupported protocol version {level}");
            }
            Malformed::ReasonCode(code) => {
                return write!(f, "reason code {code:#04x} not allowed in this packet");
            }
            Malformed::UnknownProperty(id) => return write!(f, "unknown property {id:#04x}"),
            Malformed::PropertyNotAllowed(id) => {
                return write!(f, "property {} not allowed in this packet", id.name());
            }
            Malformed::PropertyRepeated(id) => return write!(f, "property {} given twice", id.name()),
            Malformed::PropertyValue(id) => return write!(f, "value of property {} out of range", id.name()),
            Malformed::Truncated => "packet ends within a field",
            Malformed::TrailingBytes => "bytes left over at the end of the packet",
            Malformed::VariableByteInteger => "variable byte integer longer than allowed",
            Malformed::PacketType => "reserved packet type",
            Malformed::FixedHeaderFlags => "reserved flags in the fixed header",
            Malformed::Utf8 => "string is not valid UTF-8",
            Malformed::Nul => "string contains U+0000",
            Malformed::ProtocolName => "unknown protocol name",
            Malformed::ConnectFlags => "reserved bit set in the connect flags",
            Malformed::WillFlags => "will QoS or will retain without a will",
            Malformed::WillQoS => "will QoS 3",
            Malformed::PasswordWithoutUserName => "password without user name",
            Malformed::ClientId => "invalid client identifier",
            Malformed::UserName => "control characters in the user name",
            Malformed::AuthenticationDataWithoutMethod => "authentication data without authentication method",
            Malformed::AuthenticationMethodMissing => "no authentication method",
            Malformed::ConnAckFlags => "reserved bits set in the connect acknowledge flags",
            Malformed::SessionPresentWithError => "session present in a refusing CONNACK",
            Malformed::QoS => "QoS 3",
            Malformed::DupWithQoS0 => "DUP with QoS 0",
            Malformed::PacketIdentifierZero => "packet identifier 0",
            Malformed::TopicNameEmpty => "empty topic name without topic alias",
            Malformed::TopicName => "invalid topic name",
            Malformed::TopicFilter => "invalid topic filter",
            Malformed::TopicFilterEmpty => "empty topic filter",
            Malformed::SharedSubscription => "invalid shared subscription",
            Malformed::NoLocalOnShared => "no local on a shared subscription",
            Malformed::NoTopicFilters => "no topic filters",
            Malformed::SubscriptionQoS => "subscription with QoS 3",
            Malformed::RetainHandling => "retain handling 3",
            Malformed::SubscriptionOptions => "reserved bits set in the subscription options",
            Malformed::NoReasonCodes => "no reason codes",
            Malformed::PropertyLength => "property length beyond the packet",
        };
        f.write_str(text)
    }
}

impl std::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_codes_of_section_4_13() {
        let code = |cause: Malformed| cause.reason_code();
        assert_eq!(code(Malformed::Truncated), ReasonCode::MALFORMED_PACKET);
        assert_eq!(code(Malformed::UnknownProperty(0)), ReasonCode::MALFORMED_PACKET);
        assert_eq!(code(Malformed::PropertyRepeated(PropertyId::TopicAlias)), ReasonCode::PROTOCOL_ERROR);
        assert_eq!(code(Malformed::TopicNameEmpty), ReasonCode::PROTOCOL_ERROR);
        assert_eq!(code(Malformed::UnsupportedProtocolVersion(9)), ReasonCode::UNSUPPORTED_PROTOCOL_VERSION);
        assert_eq!(code(Malformed::ClientId), ReasonCode::CLIENT_IDENTIFIER_NOT_VALID);
    }

    #[test]
    fn a_line_says_what_is_wrong() {
        assert_eq!(Malformed::UnsupportedProtocolVersion(6).to_string(), "unsupported protocol version 6");
        let repeated = Malformed::PropertyRepeated(PropertyId::ReceiveMaximum);
        assert_eq!(repeated.to_string(), "property receive-maximum given twice");
    }
}
