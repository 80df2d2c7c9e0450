//! What the broker sends: each packet's effect on the connection.

use super::connection::{BrokerLimits, Phase};
use super::{Connection, Event, Outbox, Violation};
use crate::protocol::{
    self, Ack, AckKind, ConnAck, Packet, PacketIdentifier, Properties, Publish, QoS, ReasonCode, encode_ack,
};
use crate::session::Awaiting;

/// First byte of a PUBLISH, without its flags.
const PUBLISH: u8 = 0x30;

impl Connection {
    /// Acts on one whole packet.
    pub(super) fn handle<'a>(
        &'a mut self,
        first: u8,
        body: &'a [u8],
        out: &mut Outbox,
    ) -> Result<Event<'a>, Violation> {
        let version = self.settings.version;
        if first & 0xF0 == PUBLISH && self.is_open() {
            return match Publish::decode(version, first, body) {
                Ok(publish) => self.on_publish(publish, out),
                Err(malformed) => Err(self.violated(malformed.into(), out)),
            };
        }
        if version.is_v5() && self.phase == Phase::AwaitingConnAck && is_refusal_of_v5(first, body) {
            let code = ReasonCode::UNSUPPORTED_PROTOCOL_VERSION;
            let properties = Properties::EMPTY;
            return self.on_connack(ConnAck { session_present: false, code, properties }, out);
        }
        let packet = match protocol::decode(version, first, body) {
            Ok(packet) => packet,
            Err(malformed) => return Err(self.violated(malformed.into(), out)),
        };
        if let Packet::ConnAck(connack) = packet {
            return self.on_connack(connack, out);
        }
        if !self.is_open() && !matches!(packet, Packet::Auth(_) | Packet::Disconnect(_)) {
            return Err(self.violated(Violation::UnexpectedPacket, out));
        }
        match packet {
            Packet::PubAck(ack) => Ok(self.on_completed("PUBACK", Awaiting::PubAck, ack, out)),
            Packet::PubRec(ack) => Ok(self.on_pubrec(ack, out)),
            Packet::PubComp(ack) => Ok(self.on_completed("PUBCOMP", Awaiting::PubComp, ack, out)),
            Packet::PubRel(ack) => Ok(self.on_pubrel(ack.packet_identifier, out)),
            Packet::SubAck(suback) => {
                self.trace(out, |name, line| line.push_str(&format!("Client {name} received SUBACK")));
                let known = self.outbound.complete(suback.packet_identifier, Awaiting::Answer).is_some();
                Ok(if known { Event::Subscribed(suback) } else { Event::Nothing })
            }
            Packet::UnsubAck(unsuback) => {
                self.trace(out, |name, line| line.push_str(&format!("Client {name} received UNSUBACK")));
                let known = self.outbound.complete(unsuback.packet_identifier, Awaiting::Answer).is_some();
                Ok(if known { Event::Unsubscribed(unsuback) } else { Event::Nothing })
            }
            Packet::PingResp => {
                self.trace(out, |name, line| line.push_str(&format!("Client {name} received PINGRESP")));
                if let Some(keep_alive) = &mut self.keep_alive {
                    keep_alive.answered();
                }
                Ok(Event::Alive)
            }
            Packet::Disconnect(disconnect) if version.is_v5() => {
                self.trace(out, |_, line| {
                    line.push_str(&format!("Received DISCONNECT ({})", disconnect.reason.0));
                });
                Ok(Event::Disconnected(disconnect))
            }
            _ => Err(self.violated(Violation::UnexpectedPacket, out)),
        }
    }

    fn on_connack<'a>(&mut self, connack: ConnAck<'a>, out: &mut Outbox) -> Result<Event<'a>, Violation> {
        if self.phase != Phase::AwaitingConnAck {
            return Err(self.violated(Violation::UnexpectedPacket, out));
        }
        if let Some(id) = connack.properties.assigned_client_identifier() {
            self.assigned_client_id = Some(id.to_owned());
        }
        self.trace_connack(out, connack.code);
        if connack.code != ReasonCode::SUCCESS {
            return Ok(Event::Refused(connack));
        }
        self.phase = Phase::Open;
        self.take_limits(&connack);
        if !connack.session_present {
            self.inbound = Default::default();
        }
        self.resend = self.outbound.iter().map(|(id, ..)| id).collect();
        out.bytes.append(&mut out.held);
        self.send_again(out);
        Ok(Event::Accepted(connack))
    }

    /// What CONNACK says about this connection `[MQTT-3.2.2-21]`, `[MQTT-3.3.4-7]`, `[MQTT-3.2.2-15]`.
    fn take_limits(&mut self, connack: &ConnAck<'_>) {
        let properties = connack.properties;
        if let Some(keep_alive) = &mut self.keep_alive {
            keep_alive.answered();
            if let Some(seconds) = properties.server_keep_alive() {
                keep_alive.set(seconds);
            }
        }
        self.limits = BrokerLimits {
            maximum_qos: properties.maximum_qos().unwrap_or(QoS::ExactlyOnce),
            retain_available: properties.retain_available().unwrap_or(true),
            maximum_packet_size: properties.maximum_packet_size().unwrap_or(u32::MAX),
            topic_alias_maximum: properties.topic_alias_maximum().unwrap_or(0),
        };
        if let Some(receive_maximum) = properties.receive_maximum() {
            let ours = self.settings.max_in_flight;
            self.outbound.set_limit(if ours == 0 { receive_maximum } else { ours.min(receive_maximum) });
        }
    }

    fn on_publish<'a>(
        &'a mut self,
        mut publish: Publish<'a>,
        out: &mut Outbox,
    ) -> Result<Event<'a>, Violation> {
        if !self.receiving {
            return Ok(Event::Nothing);
        }
        if let Some(alias) = publish.properties.topic_alias() {
            if !self.inbound_aliases.is_allowed(alias) {
                return Err(self.violated(Violation::TopicAliasInvalid, out));
            }
            if !publish.topic.is_empty() {
                self.inbound_aliases.set(alias, publish.topic);
            } else if self.inbound_aliases.get(alias).is_none() {
                return Err(self.violated(Violation::TopicAliasInvalid, out));
            }
        }
        self.trace_publish(out, "received", &publish);
        if publish.qos != QoS::AtMostOnce && !self.acknowledge(&publish, out)? {
            return Ok(Event::Nothing);
        }
        if publish.topic.is_empty()
            && let Some(alias) = publish.properties.topic_alias()
        {
            publish.topic = self.inbound_aliases.get(alias).unwrap_or_default();
        }
        Ok(Event::Message(publish))
    }

    /// PUBACK or PUBREC. `false`: the message came before `[MQTT-4.3.3-10]`.
    fn acknowledge(&mut self, publish: &Publish<'_>, out: &mut Outbox) -> Result<bool, Violation> {
        let id = publish.packet_identifier;
        if publish.qos == QoS::AtLeastOnce {
            self.answer(AckKind::PubAck, id, ReasonCode::SUCCESS, out);
            return Ok(true);
        }
        let fresh = self.inbound.insert(id);
        if self.settings.version.is_v5() && self.inbound.len() > self.receive_maximum {
            return Err(self.violated(Violation::ReceiveMaximumExceeded, out));
        }
        self.answer(AckKind::PubRec, id, ReasonCode::SUCCESS, out);
        Ok(fresh)
    }

    fn on_pubrel<'a>(&mut self, id: PacketIdentifier, out: &mut Outbox) -> Event<'a> {
        self.trace(out, |name, line| {
            line.push_str(&format!("Client {name} received PUBREL (Mid: {id})"));
        });
        let known = self.inbound.release(id);
        // Unknown after a restart of ours: the broker must be able to end the flow all the same.
        let reason = if known { ReasonCode::SUCCESS } else { ReasonCode::PACKET_IDENTIFIER_NOT_FOUND };
        self.answer(AckKind::PubComp, id, reason, out);
        Event::Nothing
    }

    /// PUBACK or PUBCOMP. One for an identifier that isn't in that state says nothing.
    fn on_completed<'a>(
        &mut self,
        name: &str,
        awaiting: Awaiting,
        ack: Ack<'a>,
        out: &mut Outbox,
    ) -> Event<'a> {
        let (id, reason) = (ack.packet_identifier, ack.reason);
        self.trace(out, |client, line| {
            line.push_str(&format!("Client {client} received {name} (Mid: {id}, RC:{})", reason.0));
        });
        match self.outbound.complete(id, awaiting) {
            Some(message) => self.completed(ack, message, out),
            None => Event::Nothing,
        }
    }

    fn on_pubrec<'a>(&mut self, ack: Ack<'a>, out: &mut Outbox) -> Event<'a> {
        let id = ack.packet_identifier;
        self.trace(out, |client, line| {
            line.push_str(&format!("Client {client} received PUBREC (Mid: {id})"));
        });
        if ack.reason.is_error()
            && let Some(message) = self.outbound.complete(id, Awaiting::PubRec)
        {
            return self.completed(ack, message, out);
        }
        if let Some(message) = self.outbound.received(id) {
            self.spare.push(message);
        }
        let reason = match self.outbound.awaiting(id) {
            Awaiting::PubComp => ReasonCode::SUCCESS,
            _ => ReasonCode::PACKET_IDENTIFIER_NOT_FOUND,
        };
        self.answer(AckKind::PubRel, id, reason, out);
        Event::Nothing
    }

    fn completed<'a>(&mut self, ack: Ack<'a>, message: Option<Vec<u8>>, out: &mut Outbox) -> Event<'a> {
        self.spare.extend(message);
        self.send_again(out);
        Event::Completed {
            packet_identifier: ack.packet_identifier,
            reason: ack.reason,
            properties: ack.properties,
        }
    }

    /// One of the four acknowledgements.
    pub(super) fn answer(
        &mut self,
        kind: AckKind,
        id: PacketIdentifier,
        reason: ReasonCode,
        out: &mut Outbox,
    ) {
        self.trace(out, |client, line| {
            line.push_str(&match kind {
                AckKind::PubAck => format!("Client {client} sending PUBACK (m{id}, rc{})", reason.0),
                AckKind::PubRec => format!("Client {client} sending PUBREC (m{id}, rc{})", reason.0),
                AckKind::PubRel => format!("Client {client} sending PUBREL (m{id})"),
                AckKind::PubComp => format!("Client {client} sending PUBCOMP (m{id})"),
            });
        });
        encode_ack(kind, id, reason, self.settings.version, &mut out.bytes);
    }
}

/// A broker that knows 3.x only answers a 5.0 CONNECT with its own CONNACK: "unacceptable protocol version".
fn is_refusal_of_v5(first: u8, body: &[u8]) -> bool {
    first == 0x20 && body == [0, 1]
}
