//! What a received packet means to the client, and what makes a connection end.

use std::fmt;

use crate::protocol::{
    ConnAck, Disconnect, Malformed, PacketIdentifier, Properties, Publish, ReasonCode, SubAck, UnsubAck,
};

/// What one received packet means. It borrows from the input.
#[derive(Debug)]
pub enum Event<'a> {
    /// The packet was part of a flow that goes on; there is nothing to tell.
    Nothing,
    /// CONNACK: the connection is open, and what was in flight has been sent again.
    Accepted(ConnAck<'a>),
    /// CONNACK with an error: the broker doesn't want this client.
    Refused(ConnAck<'a>),
    /// A message, once; its acknowledgement is in the outbox.
    Message(Publish<'a>),
    /// A QoS 1 or 2 message of ours is done: PUBACK, PUBCOMP, or PUBREC with an error.
    Completed {
        /// Its Packet Identifier, free again now.
        packet_identifier: PacketIdentifier,
        /// How it went.
        reason: ReasonCode,
        /// Properties of the acknowledgement (5.0).
        properties: Properties<'a>,
    },
    /// SUBACK.
    Subscribed(SubAck<'a>),
    /// UNSUBACK.
    Unsubscribed(UnsubAck<'a>),
    /// PINGRESP.
    Alive,
    /// The broker ends the connection (5.0).
    Disconnected(Disconnect<'a>),
}

/// Something the broker must not do; the connection can't go on. In 5.0 a DISCONNECT that says so is in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// The bytes are no packet.
    Malformed(Malformed),
    /// A packet that a client never gets, or not in this state.
    UnexpectedPacket,
    /// More than the Maximum Packet Size that CONNECT announced.
    PacketTooLarge,
    /// A Topic Alias that was never set or is above the Topic Alias Maximum that CONNECT announced.
    TopicAliasInvalid,
    /// More unreleased QoS 2 messages than the Receive Maximum that CONNECT announced.
    ReceiveMaximumExceeded,
}

impl Violation {
    /// What DISCONNECT says about it (5.0).
    pub fn reason_code(self) -> ReasonCode {
        match self {
            Violation::Malformed(malformed) => malformed.reason_code(),
            Violation::UnexpectedPacket => ReasonCode::PROTOCOL_ERROR,
            Violation::PacketTooLarge => ReasonCode::PACKET_TOO_LARGE,
            Violation::TopicAliasInvalid => ReasonCode::TOPIC_ALIAS_INVALID,
            Violation::ReceiveMaximumExceeded => ReasonCode::RECEIVE_MAXIMUM_EXCEEDED,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Malformed(malformed) => malformed.fmt(f),
            other => f.write_str(other.reason_code().text()),
        }
    }
}

impl std::error::Error for Violation {}

impl From<Malformed> for Violation {
    fn from(malformed: Malformed) -> Self {
        Violation::Malformed(malformed)
    }
}
