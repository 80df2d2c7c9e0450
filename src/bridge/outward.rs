//! From our own broker to the remote one: messages under their remote names, acknowledgements, and what the bridge
//! itself has to say there.

use std::time::Instant;

use super::inward::allowed;
use super::local::{OWN, VERSION};
use super::machine::Bridge;
use super::outbox::Outbox;
use super::rings::warn_of_storm;
use super::topics::Way;
use crate::config::LogType;
use crate::protocol::{
    AckKind, ConnAck, Malformed, Properties, Publish, QoS, ReasonCode, RetainHandling, Subscribe,
    Unsubscribe, encode_ack, fixed_header,
};

/// What this way has to remember of one connection.
#[derive(Debug, Default)]
pub(super) struct Outward {
    /// PUBACKs of our own broker that answer the bridge itself.
    pub ignore_pubacks: usize,
    /// PUBCOMPs likewise.
    pub ignore_pubcomps: usize,
    /// Packet Identifiers that the bridge itself uses towards the remote broker: half the circle away from those of the
    /// session, so that they don't meet.
    next_own: u16,
    /// The last of the session's that went out.
    last: u16,
    /// Of those, messages that aren't acknowledged yet.
    own: Vec<u16>,
    /// Of those, subscriptions.
    subscriptions: Vec<(u16, String)>,
    /// QoS 2 messages that went out with QoS 1, which is the most the remote broker takes.
    lowered: Vec<u16>,
}

impl Outward {
    /// A new connection. `next`: the Packet Identifier of the session's next message.
    pub fn start(&mut self, next: u16) {
        *self = Outward { next_own: next ^ 0x8000, last: next, ..Outward::default() };
    }

    fn take_own(&mut self) -> u16 {
        // The session's have come near since: those in flight are around the last one.
        if !(0x4000..=0xC000).contains(&self.next_own.wrapping_sub(self.last)) {
            self.next_own = self.last ^ 0x8000;
        }
        let identifier = self.next_own.max(1);
        self.next_own = identifier.wrapping_add(1);
        identifier
    }

    /// Whether this PUBACK answers the bridge itself.
    pub fn is_own(&mut self, identifier: u16) -> bool {
        take(&mut self.own, identifier)
    }

    /// Whether this PUBACK answers a message of QoS 2.
    pub fn was_lowered(&mut self, identifier: u16) -> bool {
        take(&mut self.lowered, identifier)
    }

    /// The Topic Filter of a SUBSCRIBE.
    pub fn filter_of(&self, identifier: u16) -> Option<&str> {
        self.subscriptions.iter().find(|(id, _)| *id == identifier).map(|(_, filter)| filter.as_str())
    }
}

/// Takes an identifier out of a short list.
fn take(list: &mut Vec<u16>, identifier: u16) -> bool {
    match list.iter().position(|known| *known == identifier) {
        Some(at) => {
            list.swap_remove(at);
            true
        }
        None => false,
    }
}

impl Bridge {
    /// Acts on every whole packet from our own broker and returns how many bytes it took.
    pub fn from_local(&mut self, now: Instant, input: &[u8], out: &mut Outbox) -> usize {
        let mut at = 0;
        while at < input.len() {
            if !self.local.is_live() || !self.is_open() {
                // What comes now is for nobody; it stays in the session.
                return input.len();
            }
            let rest = &input[at..];
            let Ok(Some(header)) = fixed_header(rest) else { break };
            let total = header.total();
            if rest.len() < total {
                break;
            }
            let body = &rest[header.header_length..total];
            let result = match header.first >> 4 {
                3 => {
                    self.last_message = now;
                    self.publish_out(header.first, body, out)
                }
                4..=7 => {
                    self.ack_out(header.first, body, out);
                    Ok(())
                }
                2 => self.local_answered(body),
                _ => Ok(()),
            };
            if let Err(error) = result {
                self.give_up(now, &format!("this broker: {error}"), out);
            }
            at += total;
        }
        at
    }

    fn local_answered(&mut self, body: &[u8]) -> Result<(), Malformed> {
        let connack = ConnAck::decode(VERSION, body)?;
        if connack.code == ReasonCode::SUCCESS { Ok(()) } else { Err(Malformed::ReasonCode(connack.code.0)) }
    }

    fn publish_out(&mut self, first: u8, body: &[u8], out: &mut Outbox) -> Result<(), Malformed> {
        let mut publish = Publish::decode(VERSION, first, body)?;
        let version = self.agreed.version;
        let identifier = publish.packet_identifier;
        publish.retain &= self.retains_outward();
        if self.can_go_round()
            && self.storm.is_new(Way::Out, publish.topic, publish.payload, self.last_message)
        {
            warn_of_storm(&self.settings.name, publish.topic, out);
        }
        let Some((visible, properties)) = self.trails.outward(publish.properties) else {
            finish(publish.qos, identifier, out);
            return Ok(());
        };
        publish.topic = self.topics.map(Way::Out, publish.topic);
        // What is allowed is meant for the message as it was published.
        publish.properties = visible;
        let length = publish.encoded_length(version);
        if length > self.agreed.maximum_packet_size {
            let name = &self.settings.name;
            let text = format!("Dropping too large outgoing PUBLISH for {name} ({length} bytes)");
            out.note(LogType::Notice, text);
            finish(publish.qos, identifier, out);
            return Ok(());
        }
        // Too long with its trail it goes without: that it may come round again is better than that it is missing.
        publish.properties = properties;
        if publish.encoded_length(version) > self.agreed.remote_maximum {
            publish.properties = visible;
        }
        if publish.qos > self.agreed.maximum_qos {
            // It waited since the remote broker took more.
            match self.agreed.maximum_qos {
                QoS::AtMostOnce => {
                    finish(publish.qos, identifier, out);
                    publish.packet_identifier = 0;
                    publish.dup = false;
                }
                _ => self.outward.lowered.push(identifier),
            }
            publish.qos = self.agreed.maximum_qos;
        }
        if publish.qos == QoS::ExactlyOnce
            && let Some(stale) = &mut self.stale
            && stale.is_first(identifier)
        {
            // A message that the remote broker has under this number is ended before the number means another, which it
            // would otherwise take for a repetition.
            encode_ack(AckKind::PubRel, identifier, ReasonCode::SUCCESS, version, &mut out.remote.bytes);
        }
        if publish.qos != QoS::AtMostOnce {
            self.outward.last = identifier;
        }
        publish.encode(version, &mut out.remote.bytes);
        Ok(())
    }

    /// An acknowledgement of a message that came in, or PUBREL of one that went out.
    fn ack_out(&mut self, first: u8, body: &[u8], out: &mut Outbox) {
        let (Some(kind), [high, low, rest @ ..]) = (AckKind::from_first_byte(first), body) else { return };
        let identifier = u16::from_be_bytes([*high, *low]);
        match kind {
            AckKind::PubAck if identifier == OWN && self.outward.ignore_pubacks > 0 => {
                self.outward.ignore_pubacks -= 1;
                return;
            }
            AckKind::PubComp if self.outward.ignore_pubcomps > 0 => {
                self.outward.ignore_pubcomps -= 1;
                return;
            }
            _ => {}
        }
        let reason = allowed(kind, rest.first().map_or(ReasonCode::SUCCESS, |code| ReasonCode(*code)));
        encode_ack(kind, identifier, reason, self.agreed.version, &mut out.remote.bytes);
    }

    /// Asks the remote broker for what comes in, and for nothing of what only goes out.
    pub(super) fn subscribe_remote(&mut self, out: &mut Outbox) {
        let version = self.agreed.version;
        let name = &self.settings.name;
        let introduction = self.trails.introduction();
        for line in self.topics.lines() {
            let filter = &line.remote_filter;
            if line.is_in {
                let options = self.options(line, filter, RetainHandling::SendAtSubscribe);
                let identifier = self.outward.take_own();
                out.note(
                    LogType::Debug,
                    format!(
                        "Bridge {name} sending SUBSCRIBE (Mid: {identifier}, Topic: {filter}, QoS: {}, Options: 0x{:02x})",
                        options.qos as u8,
                        options.to_byte(version) & !3
                    ),
                );
                let filters = [(filter.as_str(), options)];
                Subscribe::encode_parts(
                    version,
                    identifier,
                    &introduction.as_properties(),
                    filters,
                    &mut out.remote.bytes,
                );
                self.outward.subscriptions.push((identifier, filter.clone()));
            } else if self.settings.attempt_unsubscribe {
                let identifier = self.outward.take_own();
                out.note(
                    LogType::Debug,
                    format!("Bridge {name} sending UNSUBSCRIBE (Mid: {identifier}, Topic: {filter})"),
                );
                let filters = [filter.as_str()];
                Unsubscribe::encode_parts(
                    version,
                    identifier,
                    &Properties::EMPTY,
                    filters,
                    &mut out.remote.bytes,
                );
            }
        }
    }

    /// Whether the bridge is connected, for the remote broker.
    pub(super) fn tell_remote(&mut self, payload: &'static [u8], out: &mut Outbox) {
        // A message of the session may take the only place.
        let qos = if self.agreed.receive_maximum == 1 { QoS::AtMostOnce } else { self.state_qos() };
        let packet_identifier = match qos {
            QoS::AtMostOnce => 0,
            _ => self.outward.take_own(),
        };
        if packet_identifier != 0 {
            self.outward.own.push(packet_identifier);
        }
        let state = Publish {
            dup: false,
            qos,
            retain: self.retains_outward(),
            topic: &self.settings.state_topic(&self.around.host),
            packet_identifier,
            properties: Properties::EMPTY,
            payload,
        };
        state.encode(self.agreed.version, &mut out.remote.bytes);
    }
}

/// Ends the flow of a message at our own broker, as if it had been delivered. With an error QoS 2 ends at PUBREC.
fn finish(qos: QoS, identifier: u16, out: &mut Outbox) {
    match qos {
        QoS::AtMostOnce => {}
        QoS::AtLeastOnce => {
            encode_ack(AckKind::PubAck, identifier, ReasonCode::SUCCESS, VERSION, &mut out.local)
        }
        QoS::ExactlyOnce => {
            let reason = ReasonCode::UNSPECIFIED_ERROR;
            encode_ack(AckKind::PubRec, identifier, reason, VERSION, &mut out.local);
        }
    }
}
