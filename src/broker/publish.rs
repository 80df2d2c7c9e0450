//! PUBLISH from a client: what is allowed, who gets it, and how it is acknowledged.

use super::changes::{Change, SessionId, hold};
use super::clock::Now;
use super::connect::mounted;
use super::connection::{ConnectionKey, Neighbour, SessionKey};
use super::deliver::{Outgoing, Source};
use super::limits::SEPARATORS;
use super::message::Message;
use super::notice::{AckName, Ended, Kinds, Notice, PublishLine};
use super::outbox::Outbox;
use super::packet::PUBLISH;
use super::session::Publisher;
use super::shard::Shard;
use crate::protocol::{Ack, AckKind, PropertyId, Publish, QoS, ReasonCode, encode_ack};
use std::sync::Arc;

/// Properties of a PUBLISH that are the sender's and not passed on as they are.
const NOT_PASSED_ON: &[PropertyId] =
    &[PropertyId::TopicAlias, PropertyId::MessageExpiryInterval, PropertyId::SubscriptionIdentifier];

impl Shard {
    /// A PUBLISH came.
    pub(super) fn publish(
        &mut self,
        now: Now,
        key: ConnectionKey,
        frame: &[u8],
        header_length: usize,
        out: &mut Outbox,
    ) {
        let version = self.connections[key].version;
        let publish = match Publish::decode(version, frame[0], &frame[header_length..]) {
            Ok(publish) => publish,
            Err(error) => return self.malformed(now, key, PUBLISH, error, out),
        };
        self.counters.publish_received += 1;
        self.counters.payload_received += publish.payload.len() as u64;
        let connection = &self.connections[key];
        if publish.qos > self.listeners[usize::from(connection.listener)].max_qos {
            return self.end(now, key, ReasonCode::QOS_NOT_SUPPORTED, Ended::DisallowedFeature, out);
        }
        if publish.retain && !self.limits.retain_available {
            return self.end(now, key, ReasonCode::RETAIN_NOT_SUPPORTED, Ended::DisallowedFeature, out);
        }
        let mount = self.sessions[connection.session as usize].mount_point.is_some();
        let (alias, identified) = match publish.properties.is_empty() {
            true => (None, false),
            false => publish.properties.alias_and_identified(),
        };
        if identified {
            // [MQTT-3.3.4-6]: passed on, it would look like one of the receiver's own.
            return self.protocol_error(now, key, "PUBLISH with a subscription identifier.", out);
        }
        if alias.is_none() && !mount {
            let source = Source { frame, version };
            return self.publish_resolved(now, key, &publish, publish.topic, Some(source), out);
        }
        // The topic as it is meant, in a buffer that is kept.
        let mut topic = std::mem::take(&mut self.topic);
        topic.clear();
        match self.resolve_alias(key, &publish, alias, &mut topic) {
            Ok(()) => {
                if mount {
                    let session = self.connections[key].session;
                    let mount_point = self.sessions[session as usize].mount_point.as_deref();
                    topic = mounted(mount_point, &topic);
                }
                self.publish_resolved(now, key, &publish, &topic, None, out);
            }
            Err((reason, why)) => {
                let what = format!("PUBLISH invalid topic alias ({}).", alias.unwrap_or(0));
                self.notice(out, Kinds::INFORMATION, || Notice::ProtocolError {
                    client: self.name(key),
                    what,
                });
                self.end(now, key, reason, why, out);
            }
        }
        self.topic = topic;
    }

    /// Appends the Topic Name that is meant, and sets the alias if both are given `[MQTT-3.3.2-7]`ff.
    fn resolve_alias(
        &mut self,
        key: ConnectionKey,
        publish: &Publish<'_>,
        alias: Option<u16>,
        topic: &mut String,
    ) -> Result<(), (ReasonCode, Ended)> {
        let Some(alias) = alias else {
            topic.push_str(publish.topic);
            return Ok(());
        };
        let aliases = self.connections[key].aliases.as_mut().map(|a| &mut a.inbound);
        let Some(aliases) = aliases.filter(|a| a.is_allowed(alias)) else {
            return Err((ReasonCode::TOPIC_ALIAS_INVALID, Ended::TopicAliasInvalid));
        };
        if publish.topic.is_empty() {
            let known = aliases.get(alias).ok_or((ReasonCode::PROTOCOL_ERROR, Ended::ProtocolError))?;
            topic.push_str(known);
        } else {
            aliases.set(alias, publish.topic);
            topic.push_str(publish.topic);
        }
        Ok(())
    }

    /// A PUBLISH whose Topic Name is known. `source`: its bytes, if receivers may get them as they are.
    fn publish_resolved(
        &mut self,
        now: Now,
        key: ConnectionKey,
        publish: &Publish<'_>,
        topic: &str,
        source: Option<Source<'_>>,
        out: &mut Outbox,
    ) {
        if topic.len() > SEPARATORS && memchr::memchr_iter(b'/', topic.as_bytes()).count() > SEPARATORS {
            let what = "PUBLISH topic with more than 200 levels.".to_string();
            self.notice(out, Kinds::INFORMATION, || Notice::ProtocolError { client: self.name(key), what });
            return self.end(now, key, ReasonCode::MALFORMED_PACKET, Ended::Malformed, out);
        }
        let limit = self.limits.message_size_limit;
        if limit != 0 && publish.payload.len() > limit as usize {
            self.notice(out, Kinds::DEBUG, || Notice::TooLargePublish {
                client: self.name(key),
                publish: line(publish, topic),
            });
            return self.acknowledge(key, publish, ReasonCode::PACKET_TOO_LARGE, out);
        }
        if !self.may_write(key, topic) {
            self.notice(out, Kinds::DEBUG, || Notice::DeniedPublish {
                client: self.name(key),
                publish: line(publish, topic),
            });
            return self.acknowledge(key, publish, ReasonCode::NOT_AUTHORIZED, out);
        }
        self.notice(out, Kinds::DEBUG, || Notice::ReceivedPublish {
            client: self.name(key),
            publish: line(publish, topic),
        });
        if self.limits.memory_full && self.refuse_to_keep(now, key, publish, out) {
            return;
        }
        if out.changes.is_full_for(publish.payload.len()) && self.is_refused(key, publish, topic) {
            return self.acknowledge(key, publish, ReasonCode::QUOTA_EXCEEDED, out);
        }
        if publish.qos == QoS::ExactlyOnce {
            let inbound = &mut self.sessions[self.connections[key].session as usize].inbound;
            if inbound.contains(publish.packet_identifier) {
                // Passed on before; only the PUBREC was lost [MQTT-4.3.3-10].
                self.await_session(key, out);
                return self.acknowledge(key, publish, ReasonCode::SUCCESS, out);
            }
            if inbound.is_full() {
                return self.too_many(now, key, out);
            }
            inbound.insert(publish.packet_identifier);
        }
        if topic.starts_with("$CONTROL/") {
            self.control(key, topic, publish.payload, out);
            return self.acknowledge(key, publish, ReasonCode::SUCCESS, out);
        }
        let before = out.changes.last();
        let matched = self.pass_on(now, key, publish, topic, source, out);
        if publish.qos != QoS::AtMostOnce && out.changes.last() != before {
            self.await_changes(key, out);
        }
        let reason = if matched { ReasonCode::SUCCESS } else { ReasonCode::NO_MATCHING_SUBSCRIBERS };
        self.acknowledge(key, publish, reason, out);
    }

    /// More messages at once than our Receive Maximum (section 3.3.4). QoS 1 is acknowledged at once, so these are of QoS 2.
    fn too_many(&mut self, now: Now, key: ConnectionKey, out: &mut Outbox) {
        self.notice(out, Kinds::WARNING, || Notice::ReceiveMaximumExceeded { client: self.name(key) });
        self.end(now, key, ReasonCode::RECEIVE_MAXIMUM_EXCEEDED, Ended::ReceiveMaximumExceeded, out);
    }

    /// Retains and delivers; returns whether anybody subscribes.
    fn pass_on(
        &mut self,
        now: Now,
        key: ConnectionKey,
        publish: &Publish<'_>,
        topic: &str,
        source: Option<Source<'_>>,
        out: &mut Outbox,
    ) -> bool {
        let mut properties = std::mem::take(&mut self.properties);
        properties.clear();
        let (mut expires, mut hidden) = (None, 0);
        if !publish.properties.is_empty() {
            match self.connections[key].neighbour {
                Neighbour::No => publish.properties.raw_without(NOT_PASSED_ON, &mut properties),
                _ => hidden = publish.properties.raw_with_trail_last(NOT_PASSED_ON, &mut properties),
            }
            // Interval 0 means no expiry, as mosquitto has it.
            let interval = publish.properties.message_expiry_interval().filter(|&s| s != 0);
            expires = interval.map(|s| now.wall + u64::from(s));
        }
        let session = self.connections[key].session;
        let mut hint = self.connections[key].route_hint;
        let mut outgoing = Outgoing {
            topic,
            properties: &properties,
            hidden,
            payload: publish.payload,
            qos: publish.qos,
            retain: publish.retain,
            expires,
            publisher: Some(session),
            from: Some(key),
            source: source.filter(|_| hidden == 0),
            sequence: out.changes.reserve(),
            receipts: 0,
            message: None,
            shared_payload: None,
        };
        let matched = self.deliver(now, &mut outgoing, &mut hint, out);
        let id = self.sessions[session as usize].id;
        let qos_2 = publish.qos == QoS::ExactlyOnce && id != 0;
        let received = qos_2.then_some((id, publish.packet_identifier));
        self.record(&mut outgoing, received, out);
        if publish.retain && hidden != 0 {
            outgoing.message();
        }
        let message = outgoing.message.take();
        if publish.retain {
            self.retain(now, topic, &properties, publish.payload, publish.qos, expires, message, session);
        }
        if let Some(connection) = self.connections.get_mut(key) {
            connection.route_hint = hint;
        }
        self.properties = properties;
        matched
    }

    /// `memory_limit` is reached: what would have to be kept is refused, so that nothing acknowledged is lost.
    fn refuse_to_keep(
        &mut self,
        now: Now,
        key: ConnectionKey,
        publish: &Publish<'_>,
        out: &mut Outbox,
    ) -> bool {
        let kept = publish.qos != QoS::AtMostOnce || publish.retain && !publish.payload.is_empty();
        if kept && publish.qos != QoS::AtMostOnce && self.connections[key].version.is_v5() {
            self.acknowledge(key, publish, ReasonCode::QUOTA_EXCEEDED, out);
        } else if kept {
            self.end(now, key, ReasonCode::QUOTA_EXCEEDED, Ended::OutOfMemory, out);
        }
        kept
    }

    /// Tells the store of a message that was delivered, if anything of it must survive.
    pub(super) fn record(
        &mut self,
        outgoing: &mut Outgoing<'_>,
        received: Option<(SessionId, u16)>,
        out: &mut Outbox,
    ) {
        // Most messages of QoS 0 leave nothing behind.
        let leaves_nothing = outgoing.receipts == 0 && !outgoing.retain && received.is_none();
        if leaves_nothing || !out.changes.enabled() {
            return;
        }
        // What the broker says of itself is said anew by the next.
        let of_ours = outgoing.topic.starts_with("$SYS");
        // At QoS 0 nothing was promised.
        let too_full = out.changes.full && outgoing.qos == QoS::AtMostOnce;
        let retained = outgoing.retain && !outgoing.payload.is_empty() && !of_ours && !too_full;
        if outgoing.retain && outgoing.payload.is_empty() && self.retained.has(outgoing.topic) {
            out.changes.retained_removed(outgoing.topic);
        }
        let (sequence, receipts) = (outgoing.sequence, outgoing.receipts);
        if receipts > 0 || retained {
            let message = outgoing.message();
            let publisher = outgoing.publisher.filter(|_| retained).map(|key| self.publisher(key));
            let change = Change::Message { message, retained, publisher, received, receipts };
            out.changes.push_as(sequence, change);
        } else if let Some((session, packet_identifier)) = received {
            out.changes.push_as(sequence, Change::Received { session, packet_identifier });
        }
    }

    /// What is sent to a connection from now on waits until all that was changed so far is safe.
    pub(super) fn await_changes(&mut self, key: ConnectionKey, out: &mut Outbox) {
        let last = out.changes.last();
        if let Some(connection) = self.connections.get_mut(key) {
            hold(connection, key, last, out);
        }
    }

    /// The same, if its session survives the broker: what is repeated may refer to a change that isn't safe yet.
    pub(super) fn await_session(&mut self, key: ConnectionKey, out: &mut Outbox) {
        if self.sessions[self.connections[key].session as usize].id != 0 {
            self.await_changes(key, out);
        }
    }

    /// Stores or removes a retained message `[MQTT-3.3.1-5]`ff.
    pub(super) fn retain(
        &mut self,
        now: Now,
        topic: &str,
        properties: &[u8],
        payload: &[u8],
        qos: QoS,
        expires: Option<u64>,
        message: Option<Arc<Message>>,
        publisher: SessionKey,
    ) {
        if payload.is_empty() {
            self.retained.remove(topic);
        } else {
            let message = message
                .unwrap_or_else(|| Arc::new(Message::new(topic, properties, payload, qos, true, expires)));
            let publisher = self.publisher(publisher);
            self.retained.set_from(message, Some(publisher));
            self.sweep_later(now);
        }
    }

    /// What a retained message knows of who published it.
    fn publisher(&mut self, session: SessionKey) -> Arc<Publisher> {
        let session = &mut self.sessions[session as usize];
        let port = self.listeners.get(usize::from(session.listener)).map_or(0, |l| l.port);
        session.publisher(port)
    }

    /// Sends PUBACK or PUBREC; nothing at QoS 0.
    fn acknowledge(
        &mut self,
        key: ConnectionKey,
        publish: &Publish<'_>,
        reason: ReasonCode,
        out: &mut Outbox,
    ) {
        let (kind, name) = match publish.qos {
            QoS::AtMostOnce => return,
            QoS::AtLeastOnce => (AckKind::PubAck, AckName::PubAck),
            QoS::ExactlyOnce => (AckKind::PubRec, AckName::PubRec),
        };
        if reason.is_error() && publish.qos == QoS::ExactlyOnce && self.connections[key].version.is_v5() {
            // The flow ends here [MQTT-4.3.3-10]: the identifier is free again.
            if self.release_received(key, publish.packet_identifier, out) {
                self.await_changes(key, out);
            }
        }
        self.send_ack(key, kind, name, publish.packet_identifier, reason, out);
    }

    /// Appends an acknowledgement of any kind.
    pub(super) fn send_ack(
        &mut self,
        key: ConnectionKey,
        kind: AckKind,
        name: AckName,
        identifier: u16,
        reason: ReasonCode,
        out: &mut Outbox,
    ) {
        let Some(connection) = self.connections.get_mut(key).filter(|c| c.is_live()) else { return };
        encode_ack(kind, identifier, reason, connection.version, connection.out.bytes(&mut self.pool));
        Self::mark_dirty(connection, key, out);
        self.counters.packets_sent += 1;
        self.notice(out, Kinds::DEBUG, || Notice::SendingAck {
            client: self.name(key),
            name,
            packet_identifier: identifier,
            reason,
        });
    }

    /// PUBREL came: the QoS 2 flow ends.
    pub(super) fn pubrel(&mut self, key: ConnectionKey, ack: Ack<'_>, out: &mut Outbox) {
        self.notice_ack(key, AckName::PubRel, &ack, out);
        self.release_received(key, ack.packet_identifier, out);
        self.await_session(key, out);
        // An unknown identifier is answered alike [MQTT-4.3.3-11]: with success, as mosquitto does.
        self.send_ack(
            key,
            AckKind::PubComp,
            AckName::PubComp,
            ack.packet_identifier,
            ReasonCode::SUCCESS,
            out,
        );
    }

    /// The Packet Identifier of a QoS 2 message from the client is free again. `true`: the store was told so.
    fn release_received(&mut self, key: ConnectionKey, packet_identifier: u16, out: &mut Outbox) -> bool {
        let session = &mut self.sessions[self.connections[key].session as usize];
        let is_kept = session.inbound.release(packet_identifier) && session.id != 0;
        if is_kept {
            out.changes.push(Change::Released { session: session.id, packet_identifier });
        }
        is_kept
    }

    /// Notices an acknowledgement that came.
    pub(super) fn notice_ack(&self, key: ConnectionKey, name: AckName, ack: &Ack<'_>, out: &mut Outbox) {
        self.notice(out, Kinds::DEBUG, || Notice::ReceivedAck {
            client: self.name(key),
            name,
            packet_identifier: ack.packet_identifier,
            reason: ack.reason,
        });
    }
}

/// The line of a PUBLISH for the log.
pub(super) fn line(publish: &Publish<'_>, topic: &str) -> PublishLine {
    PublishLine {
        dup: publish.dup,
        qos: publish.qos,
        retain: publish.retain,
        packet_identifier: publish.packet_identifier,
        topic: topic.to_string(),
        length: publish.payload.len(),
    }
}
