//! Flow control: what waits for a receiver moves up as it reads and acknowledges; publishers to a receiver that is
//! behind are held back for a moment, so that a fast publisher loses nothing to a receiver that keeps up on average.
//!
//! A receiver that stays behind for longer than its grace holds nobody back any more until it has caught up; what does
//! not fit its queue is then dropped, as mosquitto does at once.

use super::access::Gate;
use super::changes::{Change, hold};
use super::clock::Now;
use super::connection::{Connection, ConnectionKey, Hold, SessionKey};
use super::deliver::{Fanout, put_in_flight};
use super::encode::Flags;
use super::limits::{GRACE, GRACE_ACKNOWLEDGED, GRACE_GENTLE, HOLD_ABOVE, Limits, RELEASE_BELOW};
use super::notice::AckName;
use super::outbox::Outbox;
use super::session::{Delivery, Session};
use super::shard::Shard;
use crate::protocol::{Ack, AckKind, QoS, ReasonCode};
use crate::session::Awaiting;

impl Fanout<'_> {
    /// Holds the publisher back if the receiver has too much before it.
    pub fn hold_back(
        &mut self,
        receiver: SessionKey,
        key: ConnectionKey,
        from: Option<ConnectionKey>,
        out: &mut Outbox,
    ) {
        let Some(connection) = self.connections.get(key) else { return };
        if connection.out.pending() > HOLD_ABOVE {
            out.urgent = true;
        }
        let hold = self.hold(&self.sessions[receiver as usize], connection);
        let Some(from) = from.filter(|&from| hold > connection.outstayed && from != key) else { return };
        // A publisher with deliveries of its own in flight is never held: its acknowledgements come behind its
        // publishes, and two such clients could wait for each other.
        let publisher = &self.connections[from];
        if self.sessions.get(publisher.session as usize).is_some_and(|s| !s.outbound.is_empty())
            || publisher.stalls.are_enough(self.now.monotonic)
        {
            return;
        }
        let connection = &mut self.connections[key];
        if hold > connection.hold {
            connection.hold = hold;
            connection.slow_since = self.now.monotonic;
        }
        let holding = connection.holding.get_or_insert_default();
        if holding.contains(&from) {
            self.connections[from].held_firmly |= hold == Hold::Firmly;
            return;
        }
        if holding.is_empty() {
            self.slow.push(key);
        }
        holding.push(from);
        let publisher = &mut self.connections[from];
        publisher.held_by = publisher.held_by.saturating_add(1);
        publisher.held_firmly |= hold == Hold::Firmly;
    }

    /// How hard a receiver should hold publishers back.
    fn hold(&self, session: &Session, connection: &Connection) -> Hold {
        let waiting = session.backlog.as_ref().map_or(0, |b| b.counted());
        if connection.out.pending() > HOLD_ABOVE || waiting > firm_above(self.limits) {
            Hold::Firmly
        } else if waiting > gentle_above(session) {
            Hold::Gently
        } else {
            Hold::No
        }
    }

    /// Moves what waits into the output and among those in flight, as far as there is room.
    pub fn pump(&mut self, session_key: SessionKey, key: ConnectionKey, out: &mut Outbox) {
        if self.connections[key].mute {
            return;
        }
        for acknowledged in [true, false] {
            while self.connections[key].out.pending() < HOLD_ABOVE {
                let session = &mut self.sessions[session_key as usize];
                let Some(backlog) = &mut session.backlog else { return };
                let bytes_full = self.limits.max_inflight_bytes != 0
                    && session.in_flight_bytes >= self.limits.max_inflight_bytes;
                if acknowledged && (!session.outbound.has_room() || bytes_full) {
                    break;
                }
                let Some(delivery) = backlog.pop(acknowledged) else { break };
                if backlog.is_empty() {
                    session.backlog = None;
                }
                // Expired while it waited [MQTT-3.3.2-5].
                if delivery.message.is_expired(self.now.wall) {
                    out.changes.done(session.id, delivery.number);
                    continue;
                }
                let (qos, retain) = (delivery.qos, delivery.retain);
                let packet_identifier = match qos {
                    QoS::AtMostOnce => 0,
                    _ => match put_in_flight(session, delivery.clone()) {
                        Some(identifier) => identifier,
                        None => break,
                    },
                };
                if acknowledged && session.id != 0 {
                    let (session, number) = (session.id, delivery.number);
                    let sent = out.changes.push(Change::InFlight { session, number, packet_identifier });
                    if qos == QoS::ExactlyOnce {
                        // Sent again after a crash it must have the same identifier.
                        hold(&mut self.connections[key], key, sent, out);
                    }
                }
                if !acknowledged && delivery.number != 0 {
                    // It must not leave before it is known to have left: at most once, whatever happens.
                    out.changes.done(session.id, delivery.number);
                    let last = out.changes.last();
                    hold(&mut self.connections[key], key, last, out);
                }
                let flags = Flags { dup: false, qos, retain, packet_identifier };
                self.write_delivery(session_key, key, flags, &delivery, out);
                if acknowledged {
                    self.note_full(session_key, key, out);
                }
            }
        }
    }
}

impl Shard {
    /// The parts that deliveries touch.
    pub(super) fn fanout(&mut self, now: Now) -> Fanout<'_> {
        Fanout {
            sessions: &mut self.sessions,
            connections: &mut self.connections,
            pool: &mut self.pool,
            frames: &mut self.frames,
            limits: &self.limits,
            gate: Gate { listeners: &self.listeners, dynsec: self.dynsec.as_deref() },
            counters: &mut self.counters,
            kinds: self.kinds,
            slow: &mut self.slow,
            now,
            many: false,
        }
    }

    /// A receiver has got room: what waits for it moves up, and its publishers go on.
    pub(super) fn move_up(&mut self, now: Now, key: ConnectionKey, out: &mut Outbox) {
        let Some(connection) = self.connections.get(key).filter(|c| c.is_live()) else { return };
        let session_key = connection.session;
        let session = &self.sessions[session_key as usize];
        if session.backlog.is_some() && connection.out.pending() < HOLD_ABOVE {
            self.fanout(now).pump(session_key, key, out);
            self.read_ahead(now, session_key, out);
        }
        self.ask_on(now, session_key);
        let connection = &mut self.connections[key];
        let session = &self.sessions[session_key as usize];
        if session.backlog.is_none() && connection.out.is_empty() {
            connection.outstayed = Hold::No;
            connection.dropping = false;
        }
        if connection.holding.is_some() {
            let low = gentle_above(session).min(firm_above(&self.limits)) / 2;
            let waiting = session.backlog.as_ref().map_or(0, |b| b.counted());
            if connection.out.pending() < RELEASE_BELOW && waiting <= low {
                self.release(key, out);
            }
        }
    }

    /// Lets the publishers go on that were held back on account of this receiver.
    pub(super) fn release(&mut self, key: ConnectionKey, out: &mut Outbox) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        connection.hold = Hold::No;
        let Some(holding) = connection.holding.take() else { return };
        self.slow.retain(|&k| k != key);
        for publisher in *holding {
            if let Some(connection) = self.connections.get_mut(publisher)
                && connection.held_by > 0
            {
                connection.held_by -= 1;
                if connection.held_by == 0 {
                    connection.held_firmly = false;
                    out.resume.push(publisher);
                }
            }
        }
    }

    /// A publisher's connection ends: nobody holds it any more. Its key may be another's soon.
    pub(super) fn forget_held(&mut self, key: ConnectionKey) {
        let connection = &mut self.connections[key];
        if connection.held_by == 0 {
            return;
        }
        (connection.held_by, connection.held_firmly) = (0, false);
        for &receiver in &self.slow {
            if let Some(holding) = self.connections.get_mut(receiver).and_then(|c| c.holding.as_mut()) {
                holding.retain(|&publisher| publisher != key);
            }
        }
    }

    /// When a receiver has held publishers back for long enough.
    pub(super) fn patience_ends(&self, key: ConnectionKey) -> Option<u64> {
        let connection = self.connections.get(key)?;
        let session = self.sessions.get(connection.session as usize)?;
        let grace = match connection.hold {
            Hold::No | Hold::Gently => GRACE_GENTLE,
            Hold::Firmly if session.waiting() > 0 || !session.outbound.is_empty() => GRACE_ACKNOWLEDGED,
            Hold::Firmly => GRACE,
        };
        Some(connection.slow_since + grace)
    }

    /// Receivers that were given long enough hold nobody back any more.
    pub(super) fn end_patience(&mut self, now: Now, out: &mut Outbox) {
        let late: Vec<ConnectionKey> = self
            .slow
            .iter()
            .copied()
            .filter(|&key| self.patience_ends(key).is_none_or(|at| at <= now.monotonic))
            .collect();
        for key in late {
            self.note_stalls(now, key);
            if let Some(connection) = self.connections.get_mut(key) {
                connection.outstayed = connection.outstayed.max(connection.hold);
            }
            self.release(key, out);
        }
    }

    /// A receiver has held its publishers back for as long as it may: how often that happens to each is bounded.
    fn note_stalls(&mut self, now: Now, key: ConnectionKey) {
        let Some(connection) = self.connections.get(key) else { return };
        if now.monotonic < connection.slow_since + GRACE_ACKNOWLEDGED {
            return;
        }
        for publisher in connection.holding.iter().flat_map(|holding| holding.to_vec()).collect::<Vec<_>>() {
            if let Some(publisher) = self.connections.get_mut(publisher) {
                publisher.stalls.note(now.monotonic);
            }
        }
    }

    /// PUBACK came.
    pub(super) fn puback(&mut self, now: Now, key: ConnectionKey, ack: Ack<'_>, out: &mut Outbox) {
        self.notice_ack(key, AckName::PubAck, &ack, out);
        self.completed(now, key, ack.packet_identifier, Awaiting::PubAck, out);
    }

    /// PUBCOMP came.
    pub(super) fn pubcomp(&mut self, now: Now, key: ConnectionKey, ack: Ack<'_>, out: &mut Outbox) {
        self.notice_ack(key, AckName::PubComp, &ack, out);
        self.completed(now, key, ack.packet_identifier, Awaiting::PubComp, out);
    }

    /// PUBREC came: the message is with the receiver; PUBREL follows, unless it was refused `[MQTT-4.3.3-4]`.
    pub(super) fn pubrec(&mut self, now: Now, key: ConnectionKey, ack: Ack<'_>, out: &mut Outbox) {
        self.notice_ack(key, AckName::PubRec, &ack, out);
        let identifier = ack.packet_identifier;
        if ack.reason.is_error() {
            return self.completed(now, key, identifier, Awaiting::PubRec, out);
        }
        let session = &mut self.sessions[self.connections[key].session as usize];
        match session.outbound.received(identifier) {
            Some(delivery) => {
                session.in_flight_bytes -= delivery.message.payload().len();
                let (session, number, packet_identifier) = (session.id, delivery.number, identifier);
                if session != 0 {
                    out.changes.push(Change::Taken { session, number, packet_identifier });
                }
            }
            None if session.outbound.awaiting(identifier) == Awaiting::PubComp => {}
            None => {
                let client = session.client_id.clone();
                let name = AckName::PubRec;
                self.notice(out, super::notice::Kinds::WARNING, || {
                    super::notice::Notice::UnknownIdentifier { client, name, packet_identifier: identifier }
                });
            }
        }
        // The receiver forgets the identifier at PUBREL: we must not send the message under it again.
        self.await_session(key, out);
        // Answered in any case, so that the receiver's flow ends [MQTT-4.3.3-5].
        self.send_ack(key, AckKind::PubRel, AckName::PubRel, identifier, ReasonCode::SUCCESS, out);
    }

    fn completed(&mut self, now: Now, key: ConnectionKey, identifier: u16, what: Awaiting, out: &mut Outbox) {
        let session_key = self.connections[key].session;
        let session = &mut self.sessions[session_key as usize];
        if let Some(message) = session.outbound.complete(identifier, what) {
            match message {
                Some(delivery) => {
                    session.in_flight_bytes -= delivery.message.payload().len();
                    out.changes.done(session.id, delivery.number);
                }
                None if session.id != 0 => {
                    let (session, packet_identifier) = (session.id, identifier);
                    out.changes.push(Change::Completed { session, packet_identifier });
                }
                None => {}
            }
            if session.outbound.has_held() {
                self.send_held(now, session_key, key, out);
            }
            if self.sessions[session_key as usize].backlog.is_some()
                || self.connections[key].holding.is_some()
            {
                self.move_up(now, key, out);
            }
        }
    }

    /// A session goes on with a new connection: what was in flight is sent again in its order, with DUP
    /// `[MQTT-4.4.0-1]`, then what waits.
    pub(super) fn resume(&mut self, now: Now, session_key: SessionKey, out: &mut Outbox) {
        let session = &mut self.sessions[session_key as usize];
        let Some(key) = session.connection else { return };
        if let Some(backlog) = &mut session.backlog {
            backlog.dropping = false;
        }
        for (packet_identifier, awaiting, delivery) in self.sessions[session_key as usize].outbound.resume() {
            if let Some(delivery) = delivery {
                self.send_again(now, session_key, key, packet_identifier, &delivery, out);
            } else if awaiting == Awaiting::PubComp {
                self.await_session(key, out);
                let (kind, name) = (AckKind::PubRel, AckName::PubRel);
                self.send_ack(key, kind, name, packet_identifier, ReasonCode::SUCCESS, out);
            }
        }
        self.send_held(now, session_key, key, out);
        self.move_up(now, key, out);
    }

    /// Sends again what a Receive Maximum that is lower than it was had held back, as far as there is room now.
    fn send_held(&mut self, now: Now, session_key: SessionKey, key: ConnectionKey, out: &mut Outbox) {
        while let Some((identifier, delivery)) = self.sessions[session_key as usize].outbound.next_held() {
            self.send_again(now, session_key, key, identifier, &delivery, out);
        }
    }

    fn send_again(
        &mut self,
        now: Now,
        session_key: SessionKey,
        key: ConnectionKey,
        packet_identifier: u16,
        delivery: &Delivery,
        out: &mut Outbox,
    ) {
        if delivery.qos == QoS::ExactlyOnce {
            self.await_session(key, out);
        }
        let flags = Flags { dup: true, qos: delivery.qos, retain: delivery.retain, packet_identifier };
        self.fanout(now).write_delivery(session_key, key, flags, delivery, out);
    }
}

/// Messages that may wait for a receiver before its publishers are held so that none is dropped.
fn firm_above(limits: &Limits) -> usize {
    match limits.max_queued_messages {
        0 => 10_000,
        most => most / 2,
    }
}

/// Messages that may wait before its publishers are held for a moment: a few windows' worth.
fn gentle_above(session: &Session) -> usize {
    usize::from(session.outbound.limit().min(256)) * 4 + 64
}
