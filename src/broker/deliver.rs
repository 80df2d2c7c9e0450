//! Handing a message to those who subscribe: encoded once for each layout, appended to each receiver's output.
//!
//! The hot path of the broker. At QoS 0 nothing is allocated: a receiver that speaks the publisher's version gets the
//! very bytes that came in, any other a frame that is built once.

use super::access::Gate;
use super::changes::{Receipt, hold};
use super::clock::Now;
use super::connection::{Connection, ConnectionKey, Neighbour, SessionKey};
use super::counters::Counters;
use super::encode::{Flags, Frames, Head, build, header_length};
use super::limits::{HOLD_ABOVE, Limits, WRITE_BELOW};

use super::message::Message;
use super::notice::{Kinds, Notice, PublishLine};
use super::outbox::Outbox;
use super::outbuf::{BufferPool, SHARE_FROM};
use super::session::{Backlog, Delivery, Session};
use super::shard::Shard;
use crate::auth::dynsec::Right;
use crate::protocol::{QoS, Version, wire};
use crate::routing::{GroupRef, ShareGroup, Subscriber};
use crate::session::{Awaiting, OutboundAlias, OutboundAliases};
use bytes::Bytes;
use slab::Slab;
use std::sync::Arc;

/// The bytes of a PUBLISH as they came in.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The whole packet.
    pub frame: &'a [u8],
    /// The version it is in.
    pub version: Version,
}

/// A message on its way to its receivers.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// Topic Name, with mount point.
    pub topic: &'a str,
    /// Properties that are passed on.
    pub properties: &'a [u8],
    /// How many bytes at their end are for brokers of ours only: the trail.
    pub hidden: usize,
    /// Payload.
    pub payload: &'a [u8],
    /// QoS as published.
    pub qos: QoS,
    /// RETAIN as published.
    pub retain: bool,
    /// Expiry in wall-clock seconds.
    pub expires: Option<u64>,
    /// The session that published it.
    pub publisher: Option<SessionKey>,
    /// The connection that published it, which may be held back.
    pub from: Option<ConnectionKey>,
    /// Its bytes as they came in, if they may go out again.
    pub source: Option<Source<'a>>,
    /// The number of the change that keeps it, if changes are kept.
    pub sequence: u64,
    /// Sessions that wait for it and survive the broker.
    pub receipts: u32,
    /// Made when first kept.
    pub message: Option<Arc<Message>>,
    /// Made when first shared.
    pub shared_payload: Option<Bytes>,
}

impl Outgoing<'_> {
    /// The message, to be kept.
    pub(super) fn message(&mut self) -> Arc<Message> {
        let make = || {
            let mut message =
                Message::new(self.topic, self.properties, self.payload, self.qos, self.retain, self.expires);
            message.hidden = self.hidden as u32;
            Arc::new(message)
        };
        self.message.get_or_insert_with(make).clone()
    }
}

/// The parts of the broker that a delivery touches.
pub(super) struct Fanout<'s> {
    pub sessions: &'s mut Slab<Session>,
    pub connections: &'s mut Slab<Connection>,
    pub pool: &'s mut BufferPool,
    pub frames: &'s mut Frames,
    pub limits: &'s Limits,
    pub gate: Gate<'s>,
    pub counters: &'s mut Counters,
    pub kinds: Kinds,
    pub slow: &'s mut Vec<ConnectionKey>,
    pub now: Now,
    /// More than one receiver: a large payload is worth sharing.
    pub many: bool,
}

impl Shard {
    /// Delivers to everybody who subscribes; returns whether anybody does.
    pub(super) fn deliver(
        &mut self,
        now: Now,
        outgoing: &mut Outgoing<'_>,
        hint: &mut u32,
        out: &mut Outbox,
    ) -> bool {
        let gate = Gate { listeners: &self.listeners, dynsec: self.dynsec.as_deref() };
        let (sessions, topic) = (&self.sessions, outgoing.topic);
        let may_read = |session: u32| gate.may(&sessions[session as usize], Right::Receive, topic);
        let route = self.routes.route(topic, hint, &mut self.subscriptions, may_read);
        for frame in &mut self.frames.built {
            frame.ready = false;
        }
        let mut fanout = Fanout {
            sessions: &mut self.sessions,
            connections: &mut self.connections,
            pool: &mut self.pool,
            frames: &mut self.frames,
            limits: &self.limits,
            gate,
            counters: &mut self.counters,
            kinds: self.kinds,
            slow: &mut self.slow,
            now,
            many: route.receivers.len() > 1,
        };
        let once = !fanout.limits.allow_duplicate_messages && route.receivers.len() > 1;
        for (i, receiver) in route.receivers.iter().enumerate() {
            if once && fanout.is_repeated(&route.receivers, i) {
                continue;
            }
            fanout.to(receiver, outgoing, out);
        }
        let matched = route.matched;
        for &at in &route.groups {
            Self::to_group(&mut fanout, &mut self.subscriptions, at, route.all_members, outgoing, out);
        }
        matched
    }

    /// Delivers to these receivers and nobody else.
    pub(super) fn deliver_to(
        &mut self,
        now: Now,
        receivers: &[Subscriber],
        outgoing: &mut Outgoing<'_>,
        out: &mut Outbox,
    ) {
        for frame in &mut self.frames.built {
            frame.ready = false;
        }
        let mut fanout = self.fanout(now);
        for receiver in receivers {
            if fanout.gate.may(&fanout.sessions[receiver.session as usize], Right::Receive, outgoing.topic) {
                fanout.to(receiver, outgoing, out);
            }
        }
    }

    fn to_group(
        fanout: &mut Fanout<'_>,
        subscriptions: &mut crate::routing::Subscriptions,
        at: GroupRef,
        all_members: bool,
        outgoing: &mut Outgoing<'_>,
        out: &mut Outbox,
    ) {
        if let Some(group) = subscriptions.group(at)
            && let Some(member) = fanout.choose(group, all_members, outgoing.topic)
        {
            fanout.to(&member, outgoing, out);
        }
    }
}

impl Fanout<'_> {
    /// 3.x clients get one copy if the broker is told so: at the highest QoS of their matching subscriptions.
    fn is_repeated(&self, receivers: &[Subscriber], at: usize) -> bool {
        let receiver = &receivers[at];
        if self.sessions[receiver.session as usize].version.is_v5() {
            return false;
        }
        let better = |(i, other): (usize, &Subscriber)| {
            other.session == receiver.session && i != at && (other.qos, at) > (receiver.qos, i)
        };
        receivers.iter().enumerate().any(better)
    }

    /// Whose turn it is: the first from the turn on that has room; else one that is connected; else any.
    /// `all_members`: each may read the topic.
    fn choose(&self, group: &mut ShareGroup, all_members: bool, topic: &str) -> Option<Subscriber> {
        let count = group.members.len();
        let rank = |member: &Subscriber| {
            let session = &self.sessions[member.session as usize];
            match session.connection.and_then(|key| self.connections.get(key)) {
                None => 2,
                Some(connection) => {
                    let busy = connection.out.pending() > HOLD_ABOVE
                        || member.qos != QoS::AtMostOnce && !session.outbound.has_room();
                    u8::from(busy)
                }
            }
        };
        let mut best: Option<(u8, usize)> = None;
        for step in 0..count {
            let at = (group.turn + step) % count;
            let member = &group.members[at];
            let session = &self.sessions[member.session as usize];
            if !all_members && !self.gate.may(session, Right::Receive, topic) {
                continue;
            }
            let rank = rank(member);
            if best.is_none_or(|(other, _)| rank < other) {
                best = Some((rank, at));
            }
            if rank == 0 {
                break;
            }
        }
        let (_, at) = best?;
        group.turn = (at + 1) % count;
        Some(group.members[at])
    }

    /// Delivers to one receiver: now, later, or not at all.
    pub fn to(&mut self, receiver: &Subscriber, outgoing: &mut Outgoing<'_>, out: &mut Outbox) {
        if receiver.no_local && outgoing.publisher == Some(receiver.session) {
            return;
        }
        let qos = match self.limits.upgrade_outgoing_qos {
            true => receiver.qos,
            false => receiver.qos.min(outgoing.qos),
        };
        let retain = receiver.retain_as_published && outgoing.retain;
        let session = &mut self.sessions[receiver.session as usize];
        let Some(key) = session.connection else {
            return self.keep(receiver.session, qos, retain, receiver.identifier, outgoing, out);
        };
        let connection = &mut self.connections[key];
        let pending = connection.out.pending();
        // QoS 0 waits for room in the socket, not for acknowledgements of other messages.
        let empty = session.backlog.as_ref().is_none_or(|b| match qos {
            QoS::AtMostOnce => b.at_most_once.is_empty(),
            _ => b.is_empty(),
        });
        let free = pending < WRITE_BELOW && empty;
        if !free {
            self.keep(receiver.session, qos, retain, receiver.identifier, outgoing, out);
        } else if qos == QoS::AtMostOnce {
            let flags = Flags { dup: false, qos, retain, packet_identifier: 0 };
            self.write(receiver.session, key, flags, receiver.identifier, outgoing, out);
        } else {
            let room = session.outbound.has_room()
                && (self.limits.max_inflight_bytes == 0
                    || session.in_flight_bytes < self.limits.max_inflight_bytes);
            if !room {
                self.keep(receiver.session, qos, retain, receiver.identifier, outgoing, out);
            } else {
                let mut delivery = Delivery {
                    message: outgoing.message(),
                    number: 0,
                    identifier: receiver.identifier,
                    qos,
                    retain,
                    asked_for: false,
                };
                let session = &mut self.sessions[receiver.session as usize];
                let packet_identifier = session.outbound.next_identifier();
                note_receipt(session, &mut delivery, packet_identifier, outgoing, out);
                if let Some(packet_identifier) = put_in_flight(session, delivery) {
                    if qos == QoS::ExactlyOnce && session.id != 0 {
                        // Sent again after a crash it must have the same identifier.
                        hold(&mut self.connections[key], key, outgoing.sequence, out);
                    }
                    let flags = Flags { dup: false, qos, retain, packet_identifier };
                    self.write(receiver.session, key, flags, receiver.identifier, outgoing, out);
                    self.note_full(receiver.session, key, out);
                }
            }
        }
        self.hold_back(receiver.session, key, outgoing.from, out);
    }

    /// Has the output written soon if the window is full.
    pub fn note_full(&self, receiver: SessionKey, key: ConnectionKey, out: &mut Outbox) {
        if !self.sessions[receiver as usize].outbound.has_room() {
            out.full.push(key);
        }
    }

    /// Appends the PUBLISH to a receiver's output.
    fn write(
        &mut self,
        receiver: SessionKey,
        key: ConnectionKey,
        flags: Flags,
        identifier: u32,
        outgoing: &mut Outgoing<'_>,
        out: &mut Outbox,
    ) {
        let session = &self.sessions[receiver as usize];
        let connection = &mut self.connections[key];
        let v5 = connection.version.is_v5();
        let own = session.mount_point.is_some()
            || v5
                && (identifier != 0
                    || outgoing.hidden != 0 && connection.neighbour == Neighbour::Sure
                    || connection.aliases.as_ref().is_some_and(|a| a.outbound.is_enabled()));
        if own {
            let message = outgoing.message();
            let (qos, retain) = (flags.qos, flags.retain);
            let delivery = Delivery { message, number: 0, identifier, qos, retain, asked_for: false };
            self.write_delivery(receiver, key, flags, &delivery, out);
            return;
        }
        let share = self.many && outgoing.payload.len() >= SHARE_FROM;
        let layout = usize::from(v5) << 1 | usize::from(flags.qos != QoS::AtMostOnce);
        let from_source = |source: &Source<'_>| {
            source.version.is_v5() == v5
                && (outgoing.qos == QoS::AtMostOnce) == (flags.qos == QoS::AtMostOnce)
                && !share
        };
        let (bytes, identifier_at) = match outgoing.source.filter(from_source) {
            Some(source) => {
                let header = 1 + wire::varint_length((source.frame.len() - 2) as u32);
                (source.frame, header_length(source.frame).unwrap_or(header) + 2 + outgoing.topic.len())
            }
            None => {
                let frame = &mut self.frames.built[layout];
                if !frame.ready {
                    build(frame, v5, flags, outgoing, self.now, share);
                }
                (&frame.bytes[..], frame.identifier_at)
            }
        };
        let length = bytes.len() + if share { outgoing.payload.len() } else { 0 };
        if length > connection.maximum_packet_size as usize {
            self.too_large(receiver, flags, length, out);
            return;
        }
        let buffer = connection.out.bytes(self.pool);
        let start = buffer.len();
        buffer.extend_from_slice(bytes);
        buffer[start] = flags.first_byte();
        if flags.qos != QoS::AtMostOnce {
            let at = start + identifier_at;
            buffer[at..at + 2].copy_from_slice(&flags.packet_identifier.to_be_bytes());
        }
        if share {
            let payload = outgoing.shared_payload.get_or_insert_with(|| match &outgoing.message {
                Some(message) => message.shared_payload(),
                None => Bytes::copy_from_slice(outgoing.payload),
            });
            connection.out.push_shared(payload.clone());
        }
        Shard::mark_dirty(connection, key, out);
        self.count_sent(receiver, flags, outgoing.topic, outgoing.payload.len(), out);
    }

    /// Appends a PUBLISH from a kept message: queued, in flight before, or with what is this receiver's own.
    pub fn write_delivery(
        &mut self,
        receiver: SessionKey,
        key: ConnectionKey,
        flags: Flags,
        delivery: &Delivery,
        out: &mut Outbox,
    ) {
        let session = &self.sessions[receiver as usize];
        let connection = &mut self.connections[key];
        let v5 = connection.version.is_v5();
        let message = &delivery.message;
        let mount_point = session.mount_point.as_deref().unwrap_or_default();
        let Some(topic) = message.topic().strip_prefix(mount_point).filter(|topic| !topic.is_empty()) else {
            // What waited for it below another mount point is none of its business.
            return self.pass_over(receiver, flags, out);
        };
        let mut head = Head {
            flags,
            topic,
            alias: 0,
            expiry: message.remaining(self.now.wall),
            identifier: delivery.identifier,
            properties: match connection.neighbour {
                Neighbour::Sure => message.properties(),
                _ => message.visible(),
            },
            payload_length: message.payload().len(),
        };
        let most = connection.maximum_packet_size as usize;
        let mut length = head.packet_length(v5);
        if v5 && let Some(aliases) = &mut connection.aliases {
            length = put_alias(&mut aliases.outbound, &mut head, length, most);
        }
        if length > most {
            self.too_large(receiver, flags, length, out);
            return;
        }
        let buffer = connection.out.bytes(self.pool);
        head.write(v5, buffer);
        if head.payload_length >= SHARE_FROM {
            connection.out.push_shared(message.shared_payload());
        } else {
            buffer.extend_from_slice(message.payload());
        }
        Shard::mark_dirty(connection, key, out);
        self.count_sent(receiver, flags, topic, message.payload().len(), out);
    }

    fn count_sent(
        &mut self,
        receiver: SessionKey,
        flags: Flags,
        topic: &str,
        length: usize,
        out: &mut Outbox,
    ) {
        self.counters.packets_sent += 1;
        self.counters.publish_sent += 1;
        self.counters.payload_sent += length as u64;
        if self.kinds.has(Kinds::DEBUG) {
            out.notices.push(Notice::SendingPublish {
                client: self.sessions[receiver as usize].client_id.clone(),
                publish: PublishLine {
                    dup: flags.dup,
                    qos: flags.qos,
                    retain: flags.retain,
                    packet_identifier: flags.packet_identifier,
                    topic: topic.to_string(),
                    length,
                },
            });
        }
    }

    /// The message doesn't fit the receiver's Maximum Packet Size: it is as if it had been delivered
    /// `[MQTT-3.1.2-25]`.
    fn too_large(&mut self, receiver: SessionKey, flags: Flags, length: usize, out: &mut Outbox) {
        self.pass_over(receiver, flags, out);
        if self.kinds.has(Kinds::NOTICE) {
            let client = self.sessions[receiver as usize].client_id.clone();
            out.notices.push(Notice::TooLargeForReceiver { client, length });
        }
    }

    /// A message that its receiver can't get is as if it had been delivered.
    fn pass_over(&mut self, receiver: SessionKey, flags: Flags, out: &mut Outbox) {
        let session = &mut self.sessions[receiver as usize];
        let awaited = if flags.qos == QoS::AtLeastOnce { Awaiting::PubAck } else { Awaiting::PubRec };
        if let Some(Some(delivery)) = session.outbound.complete(flags.packet_identifier, awaited) {
            session.in_flight_bytes -= delivery.message.payload().len();
            out.changes.done(session.id, delivery.number);
        }
        self.counters.publish_dropped += 1;
    }

    /// Keeps a message for later, within the limits; past them the arriving message is dropped, as mosquitto does.
    fn keep(
        &mut self,
        receiver: SessionKey,
        qos: QoS,
        retain: bool,
        identifier: u32,
        outgoing: &mut Outgoing<'_>,
        out: &mut Outbox,
    ) {
        let session = &mut self.sessions[receiver as usize];
        let online = session.connection.is_some();
        let queues_qos0 =
            || self.gate.listeners.get(usize::from(session.listener)).is_some_and(|l| l.queues_qos0);
        if !online && qos == QoS::AtMostOnce && !self.limits.queue_qos0_messages && !queues_qos0() {
            return;
        }
        if self.limits.memory_full {
            return self.dropped(receiver, out);
        }
        let acknowledged = qos != QoS::AtMostOnce;
        let (most, most_bytes) = (self.limits.max_queued_messages, self.limits.max_queued_bytes);
        let is_full = |backlog: &Backlog| {
            let waiting =
                if acknowledged { backlog.acknowledged_counted } else { backlog.at_most_once_counted };
            most != 0 && waiting >= most || most_bytes != 0 && backlog.bytes >= most_bytes
        };
        let id = session.id;
        let backlog = session.backlog_mut();
        while is_full(backlog) {
            // What nobody will get any more takes no room [MQTT-3.3.2-5].
            match backlog.pop_expired(acknowledged, self.now.wall) {
                Some(number) => out.changes.done(id, number),
                None => return self.dropped(receiver, out),
            }
        }
        let message = outgoing.message();
        let mut delivery = Delivery { message, number: 0, identifier, qos, retain, asked_for: false };
        // QoS 0 waits for who is there in memory only: it is gone in a moment.
        if acknowledged || !online && !out.changes.full {
            note_receipt(session, &mut delivery, 0, outgoing, out);
        }
        session.queue(delivery, outgoing.sequence, self.limits);
    }

    fn dropped(&mut self, receiver: SessionKey, out: &mut Outbox) {
        self.counters.publish_dropped += 1;
        let session = &mut self.sessions[receiver as usize];
        let dropping = match session.connection.and_then(|key| self.connections.get_mut(key)) {
            Some(connection) => &mut connection.dropping,
            None => match &mut session.backlog {
                Some(backlog) => &mut backlog.dropping,
                None => return,
            },
        };
        let said = std::mem::replace(dropping, true);
        if !said && self.kinds.has(Kinds::NOTICE) {
            out.notices.push(Notice::Dropping { client: session.client_id.clone() });
        }
    }
}

/// Notes that a session that survives the broker waits for a message.
fn note_receipt(
    session: &mut Session,
    delivery: &mut Delivery,
    packet_identifier: u16,
    outgoing: &mut Outgoing<'_>,
    out: &mut Outbox,
) {
    if session.id != 0 {
        delivery.number = session.next_number();
        outgoing.receipts += 1;
        out.changes.receipts.push(receipt(session, delivery, packet_identifier));
    }
}

/// What the store is told of a delivery.
pub(super) fn receipt(session: &Session, delivery: &Delivery, packet_identifier: u16) -> Receipt {
    Receipt {
        session: session.id,
        number: delivery.number,
        identifier: delivery.identifier,
        packet_identifier,
        qos: delivery.qos,
        retain: delivery.retain,
        asked_for: delivery.asked_for,
    }
}

/// Puts a Topic Alias in place of the topic, or beside it where it is new; returns the packet's length, which was
/// `length` without.
fn put_alias(aliases: &mut OutboundAliases, head: &mut Head<'_>, length: usize, most: usize) -> usize {
    // A new alias makes the packet up to five bytes longer; it is taken only if they fit [MQTT-3.1.2-24], for one that
    // is not sent would be unknown to the client.
    match aliases.alias(head.topic, length + 5 <= most) {
        OutboundAlias::None => length,
        OutboundAlias::New(alias) => {
            head.alias = alias;
            length
        }
        OutboundAlias::Known(alias) => {
            let topic = std::mem::take(&mut head.topic);
            head.alias = alias;
            let short = head.packet_length(true);
            if short > most && length <= most {
                // A topic of a letter or two is shorter than its alias.
                (head.alias, head.topic) = (0, topic);
                return length;
            }
            short
        }
    }
}

/// Puts a delivery in flight and returns its Packet Identifier.
pub(super) fn put_in_flight(session: &mut Session, delivery: Delivery) -> Option<u16> {
    let awaiting = if delivery.qos == QoS::AtLeastOnce { Awaiting::PubAck } else { Awaiting::PubRec };
    let bytes = delivery.message.payload().len();
    let identifier = session.outbound.push(awaiting, delivery)?;
    session.in_flight_bytes += bytes;
    Some(identifier)
}
