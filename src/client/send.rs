//! What the client sends of its own accord: SUBSCRIBE, UNSUBSCRIBE, PUBLISH, DISCONNECT.

use std::fmt;

use super::{Connection, Outbox, Violation};
use crate::protocol::{
    AckKind, Disconnect, Packet, PacketIdentifier, Properties, PropertyId, Publish, QoS, ReasonCode,
    Subscribe, SubscriptionOptions, Unsubscribe,
};
use crate::session::Awaiting;

/// DUP in the first byte of a PUBLISH.
const DUP: u8 = 0x08;

/// A message to publish.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Topic Name.
    pub topic: &'a str,
    /// Payload; may be empty.
    pub payload: &'a [u8],
    /// QoS.
    pub qos: QoS,
    /// Retain.
    pub retain: bool,
    /// Properties (5.0). A Topic Alias is used: the Topic Name is left out once the broker knows it.
    pub properties: Properties<'a>,
}

/// Why a message can't be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishError {
    /// There is no open connection.
    NotConnected,
    /// As many messages are in flight as may be; see [`Connection::has_room`].
    WindowFull,
    /// The QoS is above the broker's Maximum QoS `[MQTT-3.2.2-11]`.
    QosNotSupported,
    /// The packet is larger than the broker's Maximum Packet Size `[MQTT-3.2.2-15]`, or than a packet can be.
    PacketTooLarge,
    /// The Topic Alias is above the broker's Topic Alias Maximum `[MQTT-3.3.2-9]`.
    TopicAliasInvalid,
    /// A property has a value that it can't have.
    PropertiesInvalid,
    /// There are properties, and the connection's version has none.
    PropertiesNotSupported,
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PublishError::NotConnected => "not connected",
            PublishError::WindowFull => "too many messages in flight",
            PublishError::QosNotSupported => "QoS not supported by the broker",
            PublishError::PacketTooLarge => "packet too large for the broker",
            PublishError::TopicAliasInvalid => "Topic Alias above the broker's maximum",
            PublishError::PropertiesInvalid => "a property with a value that it can't have",
            PublishError::PropertiesNotSupported => "properties need MQTT 5",
        })
    }
}

impl std::error::Error for PublishError {}

/// Longest Remaining Length, in bytes.
const REMAINING_LENGTH_MAX: usize = 268_435_455;

impl Connection {
    /// Subscribes to all filters in one SUBSCRIBE. `None`: every Packet Identifier is in use.
    pub fn subscribe(
        &mut self,
        filters: &[(&str, SubscriptionOptions)],
        properties: Properties<'_>,
        out: &mut Outbox,
    ) -> Option<PacketIdentifier> {
        let id = self.outbound.reserve()?;
        for (filter, options) in filters {
            self.trace_subscribe(out, id, filter, *options);
        }
        let version = self.settings.version;
        Subscribe::encode_parts(version, id, &properties, filters.iter().copied(), &mut out.bytes);
        Some(id)
    }

    /// Unsubscribes from one filter. `None`: every Packet Identifier is in use.
    pub fn unsubscribe(
        &mut self,
        filter: &str,
        properties: Properties<'_>,
        out: &mut Outbox,
    ) -> Option<PacketIdentifier> {
        let id = self.outbound.reserve()?;
        self.trace(out, |name, line| {
            line.push_str(&format!("Client {name} sending UNSUBSCRIBE (Mid: {id}, Topic: {filter})"));
        });
        Unsubscribe::encode_parts(self.settings.version, id, &properties, [filter], &mut out.bytes);
        Some(id)
    }

    /// Publishes. Returns the Packet Identifier, 0 at QoS 0.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was sent then.
    pub fn publish(
        &mut self,
        message: &Outgoing<'_>,
        out: &mut Outbox,
    ) -> Result<PacketIdentifier, PublishError> {
        self.may_publish(message)?;
        let publish = Publish {
            dup: false,
            qos: message.qos,
            retain: message.retain && self.limits.retain_available,
            topic: message.topic,
            packet_identifier: if message.qos == QoS::AtMostOnce {
                0
            } else {
                self.outbound.next_identifier()
            },
            properties: message.properties,
            payload: message.payload,
        };
        let before = out.bytes.len();
        self.encode_publish(publish, out);
        if out.bytes.len() - before > self.limits.maximum_packet_size as usize {
            out.bytes.truncate(before);
            return Err(PublishError::PacketTooLarge);
        }
        self.trace_publish_sent(out, publish);
        if message.qos == QoS::AtMostOnce {
            return Ok(0);
        }
        self.keep(publish)
    }

    fn may_publish(&self, message: &Outgoing<'_>) -> Result<(), PublishError> {
        if !self.is_open() {
            return Err(PublishError::NotConnected);
        }
        if message.qos > self.limits.maximum_qos {
            return Err(PublishError::QosNotSupported);
        }
        if message.qos != QoS::AtMostOnce && !self.has_room() {
            return Err(PublishError::WindowFull);
        }
        if message.properties.topic_alias().is_some_and(|alias| alias > self.limits.topic_alias_maximum) {
            return Err(PublishError::TopicAliasInvalid);
        }
        if !self.settings.version.is_v5() && !message.properties.is_empty() {
            return Err(PublishError::PropertiesNotSupported);
        }
        let head = message.topic.len() + message.properties.raw().len() + 8;
        if message.payload.len() > REMAINING_LENGTH_MAX - head {
            return Err(PublishError::PacketTooLarge);
        }
        Ok(())
    }

    /// Writes a PUBLISH, without its Topic Name if the broker knows its Topic Alias.
    fn encode_publish(&mut self, mut publish: Publish<'_>, out: &mut Outbox) {
        if let Some(alias) = publish.properties.topic_alias() {
            match &self.outbound_alias {
                Some((known, topic)) if *known == alias && topic == publish.topic => publish.topic = "",
                _ => self.outbound_alias = Some((alias, publish.topic.to_owned())),
            }
        }
        publish.encode(self.settings.version, &mut out.bytes);
    }

    /// Keeps a PUBLISH until it is completed.
    fn keep(&mut self, publish: Publish<'_>) -> Result<PacketIdentifier, PublishError> {
        let mut kept = self.spare.pop().unwrap_or_default();
        kept.clear();
        if publish.properties.topic_alias().is_some() {
            // On another connection the alias means nothing: it is sent again without.
            let mut rest = Vec::new();
            publish.properties.raw_without(&[PropertyId::TopicAlias], &mut rest);
            let properties = Properties::from_raw(&rest);
            Publish { properties, ..publish }.encode(self.settings.version, &mut kept);
        } else {
            publish.encode(self.settings.version, &mut kept);
        }
        let awaiting = if publish.qos == QoS::AtLeastOnce { Awaiting::PubAck } else { Awaiting::PubRec };
        self.outbound.push(awaiting, kept).ok_or(PublishError::WindowFull)
    }

    /// Sends again what was in flight on the last connection, in its order, as far as the broker takes it
    /// `[MQTT-4.4.0-1]`, `[MQTT-3.3.1-1]`.
    pub(super) fn send_again(&mut self, out: &mut Outbox) {
        while let Some(&id) = self.resend.front() {
            let waiting = self.resend.len() as u16;
            if self.outbound.in_flight().saturating_sub(waiting) >= self.outbound.limit() {
                return;
            }
            self.resend.pop_front();
            match self.outbound.message(id) {
                Some(message) => {
                    let start = out.bytes.len();
                    out.bytes.extend_from_slice(message);
                    out.bytes[start] |= DUP;
                    self.trace_sent_again(out, start);
                }
                None if self.outbound.awaiting(id) == Awaiting::PubComp => {
                    self.answer(AckKind::PubRel, id, ReasonCode::SUCCESS, out);
                }
                None => {}
            }
        }
    }

    /// Ends the connection in order: DISCONNECT goes to the outbox, nothing after it.
    pub fn disconnect(&mut self, reason: ReasonCode, properties: Properties<'_>, out: &mut Outbox) {
        self.trace_sending(out, "DISCONNECT");
        Packet::Disconnect(Disconnect { reason, properties }).encode(self.settings.version, &mut out.bytes);
        self.lost();
    }

    /// Writes the DISCONNECT that a violation calls for (5.0) and closes.
    pub(super) fn violated(&mut self, violation: Violation, out: &mut Outbox) -> Violation {
        if self.settings.version.is_v5() && self.is_open() {
            self.disconnect(violation.reason_code(), Properties::EMPTY, out);
        } else {
            self.lost();
        }
        violation
    }
}
