//! From the remote broker to our own: its messages under their local names, and its acknowledgements.

use std::time::Instant;

use super::local::VERSION;
use super::machine::{Bridge, Phase};
use super::outbox::Outbox;
use super::rings::{HINT, came_round, warn_of_storm};
use super::topics::Way;
use crate::client::Event;
use crate::config::LogType;
use crate::protocol::{
    AckKind, FixedHeader, Malformed, PropertiesBuf, PropertyId, Publish, QoS, ReasonCode, SubAck, encode_ack,
    fixed_header, wire,
};

/// Topic Name and Packet Identifier are within so many bytes of a PUBLISH.
const HEAD: usize = 5 + 2 + 65535 + 2;
/// What is one hop's own and not passed on.
const NOT_PASSED_ON: &[PropertyId] = &[PropertyId::TopicAlias, PropertyId::SubscriptionIdentifier];

/// What this way has to remember of one connection.
#[derive(Debug, Default)]
pub(super) struct Inward {
    /// Bytes of a message that is too long for our broker: they are passed over.
    skip: usize,
    /// Topic Aliases that the remote broker has set.
    aliases: Vec<String>,
    /// Reused for properties that are passed on in part.
    properties: PropertiesBuf,
    raw: Vec<u8>,
    /// It was said that messages are too long, or refused.
    said: bool,
}

impl Inward {
    /// A new connection.
    pub fn start(&mut self) {
        *self = Inward::default();
    }
}

impl Bridge {
    /// Acts on every whole packet from the remote broker and returns how many bytes it took. The rest is to be passed in
    /// again, with what comes behind it, after the requests were carried out.
    pub fn from_remote(&mut self, now: Instant, input: &[u8], out: &mut Outbox) -> usize {
        if let Some(remote) = &mut self.remote {
            remote.received(now);
        }
        let mut at = 0;
        while at < input.len() {
            match self.phase {
                Phase::Handshake => match self.answered(now, &input[at..], out) {
                    0 => break,
                    taken => at += taken,
                },
                Phase::Opening if self.may_come_again() && input[at..].starts_with(&HINT) => {
                    self.come_again(now, out);
                }
                Phase::Opening => break,
                Phase::Open { .. } => match self.pass_in(now, &input[at..], out) {
                    Ok(0) => break,
                    Ok(taken) => at += taken,
                    Err(why) => self.give_up(now, &why, out),
                },
                // It has no more to say here.
                _ => return input.len(),
            }
        }
        at
    }

    /// Before CONNACK: what the client's side of the protocol makes of a packet.
    fn answered(&mut self, now: Instant, input: &[u8], out: &mut Outbox) -> usize {
        let Some(mut remote) = self.remote.take() else { return input.len() };
        let mut taken = 0;
        match remote.next(input, &mut taken, &mut out.remote) {
            Ok(Some(Event::Accepted(connack))) => self.accepted(&connack, out),
            Ok(Some(Event::Refused(connack))) => {
                self.refused(now, &connack, out);
                return input.len();
            }
            Ok(_) => {}
            Err(violation) => {
                self.give_up(now, &violation.to_string(), out);
                return input.len();
            }
        }
        self.remote = Some(remote);
        taken
    }

    /// Passes on one packet; returns its length, or 0 if it isn't whole yet.
    fn pass_in(&mut self, now: Instant, input: &[u8], out: &mut Outbox) -> Result<usize, String> {
        if self.inward.skip > 0 {
            let skipped = self.inward.skip.min(input.len());
            self.inward.skip -= skipped;
            return Ok(skipped);
        }
        let Some(header) = fixed_header(input).map_err(text)? else { return Ok(0) };
        let total = header.total();
        if total > self.around.max_packet_size as usize + self.trails.allowance() {
            return self.pass_over(input, header, out);
        }
        if input.len() < total {
            return Ok(0);
        }
        let body = &input[header.header_length..total];
        match header.first >> 4 {
            3 => {
                self.last_message = now;
                self.publish_in(header.first, body, out).map_err(text)?;
            }
            4..=7 => self.ack_in(header.first, body, out).map_err(text)?,
            9 => self.subscribed(body, out).map_err(text)?,
            11 => {}
            13 if self.may_come_again() => self.come_again(now, out),
            _ => self.other_in(&input[..total], out)?,
        }
        self.listens_for_hint = false;
        Ok(total)
    }

    fn publish_in(&mut self, first: u8, body: &[u8], out: &mut Outbox) -> Result<(), Malformed> {
        let version = self.agreed.version;
        let watched = self.can_go_round();
        let mut publish = Publish::decode(version, first, body)?;
        let Inward { aliases, properties, raw, .. } = &mut self.inward;
        if !publish.properties.is_empty() {
            if let Some(alias) = publish.properties.topic_alias() {
                let index = usize::from(alias).wrapping_sub(1);
                if alias > self.settings.max_topic_alias {
                    return Err(Malformed::TopicNameEmpty);
                }
                if !publish.topic.is_empty() {
                    if aliases.len() <= index {
                        aliases.resize(index + 1, String::new());
                    }
                    aliases[index].clear();
                    aliases[index].push_str(publish.topic);
                }
                publish.topic = aliases.get(index).map_or("", String::as_str);
                if publish.topic.is_empty() {
                    return Err(Malformed::TopicNameEmpty);
                }
            }
            raw.clear();
            publish.properties.raw_without(NOT_PASSED_ON, raw);
            properties.clear();
            properties.extend(crate::protocol::Properties::from_raw(raw));
            publish.properties = properties.as_properties();
        }
        let Some(properties) = self.trails.inward(publish.properties) else {
            came_round(&publish, self.agreed.version, out);
            return Ok(());
        };
        publish.properties = properties;
        publish.topic = self.topics.map(Way::In, publish.topic);
        if watched && self.storm.is_new(Way::In, publish.topic, publish.payload, self.last_message) {
            warn_of_storm(&self.settings.name, publish.topic, out);
        }
        publish.retain &= self.around.retain_available;
        publish.encode(VERSION, &mut out.local);
        Ok(())
    }

    /// An acknowledgement of a message that went out, or PUBREL of one that came in.
    fn ack_in(&mut self, first: u8, body: &[u8], out: &mut Outbox) -> Result<(), Malformed> {
        let (Some(kind), [high, low, rest @ ..]) = (AckKind::from_first_byte(first), body) else {
            return Err(Malformed::TrailingBytes);
        };
        let identifier = u16::from_be_bytes([*high, *low]);
        let reason = rest.first().map_or(ReasonCode::SUCCESS, |code| ReasonCode(*code));
        match kind {
            AckKind::PubAck if self.outward.is_own(identifier) => return Ok(()),
            AckKind::PubAck if self.outward.was_lowered(identifier) => {
                // Sent at QoS 1 in place of 2: with an error the flow at our own broker ends here as well.
                let reason = ReasonCode::UNSPECIFIED_ERROR;
                encode_ack(AckKind::PubRec, identifier, reason, VERSION, &mut out.local);
                return Ok(());
            }
            _ => {}
        }
        if reason.is_error() && matches!(kind, AckKind::PubAck | AckKind::PubRec) && !self.inward.said {
            self.inward.said = true;
            let text = format!(
                "Warning: Bridge {}: the remote broker refuses messages: {reason}.",
                self.settings.name
            );
            out.note(LogType::Warning, text);
        }
        encode_ack(kind, identifier, allowed(kind, reason), VERSION, &mut out.local);
        Ok(())
    }

    fn subscribed(&mut self, body: &[u8], out: &mut Outbox) -> Result<(), Malformed> {
        let suback = SubAck::decode(self.agreed.version, body)?;
        if suback.codes.iter().any(|code| *code >= 0x80) {
            let filter = self.outward.filter_of(suback.packet_identifier).unwrap_or("?");
            let text = format!(
                "Warning: Bridge {}: the remote broker refuses the subscription to '{filter}'.",
                self.settings.name
            );
            out.note(LogType::Warning, text);
        }
        Ok(())
    }

    /// PINGRESP, DISCONNECT, and what a broker must not send.
    fn other_in(&mut self, packet: &[u8], out: &mut Outbox) -> Result<(), String> {
        let Some(remote) = &mut self.remote else { return Ok(()) };
        let mut taken = 0;
        match remote.next(packet, &mut taken, &mut out.remote) {
            Ok(Some(Event::Disconnected(disconnect))) => {
                Err(format!("the remote broker said: {}", disconnect.reason))
            }
            Ok(_) => Ok(()),
            Err(violation) => Err(violation.to_string()),
        }
    }

    /// A message that our broker wouldn't take: it is acknowledged and dropped, or it would come again and again.
    fn pass_over(&mut self, input: &[u8], header: FixedHeader, out: &mut Outbox) -> Result<usize, String> {
        if header.first >> 4 != 3 {
            return Err("a packet is too large".to_owned());
        }
        let mut rest = &input[header.header_length..];
        let Ok(topic) = wire::read_binary(&mut rest) else {
            return if input.len() > HEAD { Err("malformed packet".to_owned()) } else { Ok(0) };
        };
        let qos = QoS::try_from(header.first >> 1 & 3).map_err(text)?;
        if qos != QoS::AtMostOnce {
            let Ok(identifier) = wire::read_u16(&mut rest) else { return Ok(0) };
            let kind = if qos == QoS::AtLeastOnce { AckKind::PubAck } else { AckKind::PubRec };
            let reason = ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR;
            encode_ack(kind, identifier, reason, self.agreed.version, &mut out.remote.bytes);
        }
        let text = format!(
            "Bridge {}: dropping too large PUBLISH from the remote broker ('{}', {} bytes)",
            self.settings.name,
            String::from_utf8_lossy(topic),
            header.total()
        );
        out.note(LogType::Notice, text);
        self.inward.skip = header.total();
        Ok(self.pass_in_skipped(input.len()))
    }

    fn pass_in_skipped(&mut self, available: usize) -> usize {
        let skipped = self.inward.skip.min(available);
        self.inward.skip -= skipped;
        skipped
    }
}

/// A reason that the specification allows in this packet; any other error is an unspecified one.
pub(super) fn allowed(kind: AckKind, reason: ReasonCode) -> ReasonCode {
    match (kind.allows(reason), reason.is_error(), kind) {
        (true, ..) => reason,
        (_, true, AckKind::PubAck | AckKind::PubRec) => ReasonCode::UNSPECIFIED_ERROR,
        (_, true, _) => ReasonCode::PACKET_IDENTIFIER_NOT_FOUND,
        _ => ReasonCode::SUCCESS,
    }
}

fn text(error: Malformed) -> String {
    error.to_string()
}
