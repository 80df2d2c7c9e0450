//! How a connection ends, and what becomes of its session and its Will.

use super::changes::Change;
use super::clock::Now;
use super::connection::{ConnectionKey, NO_SESSION, Phase, SessionKey};
use super::deliver::receipt;
use super::notice::{Ended, Kinds, Notice};
use super::outbox::Outbox;
use super::session::{NEVER, SessionEpoch};
use super::shard::Shard;
use super::timers::Timer;
use crate::protocol::{Disconnect, Malformed, Properties, ReasonCode};

impl Shard {
    /// DISCONNECT came.
    pub(super) fn disconnect(
        &mut self,
        now: Now,
        key: ConnectionKey,
        packet: Disconnect<'_>,
        out: &mut Outbox,
    ) {
        self.notice(out, Kinds::DEBUG, || Notice::ReceivedDisconnect { client: self.name(key) });
        let session = &mut self.sessions[self.connections[key].session as usize];
        if let Some(interval) = packet.properties.session_expiry_interval() {
            // What was 0 at CONNECT may not become anything else [MQTT-3.14.2-2].
            if session.expiry_interval == 0 && interval != 0 {
                return self.end(now, key, ReasonCode::PROTOCOL_ERROR, Ended::ProtocolError, out);
            }
            session.expiry_interval = interval.min(self.limits.persistent_client_expiration.unwrap_or(NEVER));
        }
        // Any other reason leaves the Will to be published [MQTT-3.1.2-8], [MQTT-3.14.4-3].
        self.connections[key].said_goodbye = packet.reason == ReasonCode::NORMAL_DISCONNECTION;
        self.drop_connection(now, key, Ended::Normally, out);
    }

    /// Ends a connection from our side: 5.0 clients are told why `[MQTT-4.13.1-1]`.
    pub(super) fn end(
        &mut self,
        now: Now,
        key: ConnectionKey,
        reason: ReasonCode,
        why: Ended,
        out: &mut Outbox,
    ) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if connection.is_live() && connection.version.is_v5() {
            let packet = Disconnect { reason, properties: Properties::EMPTY };
            packet.encode(connection.version, connection.out.bytes(&mut self.pool));
            Self::mark_dirty(connection, key, out);
            self.counters.packets_sent += 1;
            self.notice(out, Kinds::DEBUG, || Notice::SendingDisconnect { client: self.name(key), reason });
        }
        self.drop_connection(now, key, why, out);
    }

    /// A packet of this type can't be read.
    pub(super) fn malformed(
        &mut self,
        now: Now,
        key: ConnectionKey,
        packet: u8,
        error: Malformed,
        out: &mut Outbox,
    ) {
        self.notice_malformed(key, packet, error, out);
        let reason = error.reason_code();
        let why =
            if reason == ReasonCode::MALFORMED_PACKET { Ended::Malformed } else { Ended::ProtocolError };
        self.end(now, key, reason, why, out);
    }

    pub(super) fn notice_malformed(
        &self,
        key: ConnectionKey,
        packet: u8,
        error: Malformed,
        out: &mut Outbox,
    ) {
        self.notice(out, Kinds::INFORMATION, || Notice::Malformed {
            client: self.name_with_port(key),
            peer: self.connections[key].peer.clone(),
            packet,
            error,
        });
    }

    /// A rule is broken: 0x82.
    pub(super) fn protocol_error(&mut self, now: Now, key: ConnectionKey, what: &str, out: &mut Outbox) {
        self.notice(out, Kinds::INFORMATION, || Notice::ProtocolError {
            client: self.name_with_port(key),
            what: what.into(),
        });
        self.end(now, key, ReasonCode::PROTOCOL_ERROR, Ended::ProtocolError, out);
    }

    /// Handling this connection's bytes failed by a fault of ours: it ends, the others go on.
    pub fn contain(&mut self, now: Now, key: ConnectionKey, out: &mut Outbox) {
        if self.connections.contains(key) {
            self.notice(out, Kinds::ERROR, || Notice::Contained { client: self.name(key) });
            self.end(now, key, ReasonCode::UNSPECIFIED_ERROR, Ended::Internal, out);
        }
    }

    /// Parts a connection from its session; it lives on only until its output is written.
    pub(super) fn drop_connection(&mut self, now: Now, key: ConnectionKey, why: Ended, out: &mut Outbox) {
        let Some(connection) = self.connections.get(key) else { return };
        if connection.phase == Phase::Closing {
            // Asked for again: nobody waits for its output any more.
            if let Some(connection) = self.connections.get_mut(key) {
                connection.out.clear(&mut self.pool);
            }
            out.close.push(key);
            return;
        }
        let quiet =
            !self.limits.connection_messages || self.listeners[usize::from(connection.listener)].bridges;
        let mentioned = match why {
            Ended::Unmentioned => false,
            Ended::Normally | Ended::ByClient => !quiet,
            _ => true,
        };
        if mentioned {
            self.notice(out, Kinds::NOTICE, || Notice::Disconnected {
                client: self.name(key),
                peer: connection.peer.clone(),
                why,
            });
        }
        if connection.phase == Phase::Authenticating {
            self.forget_pending(key);
        }
        self.release(key, out);
        self.forget_held(key);
        out.changes.blocked.retain(|&blocked| blocked != key);
        let connection = &mut self.connections[key];
        connection.phase = Phase::Closing;
        self.connected[usize::from(connection.listener)] -= 1;
        let (session, said_goodbye) = (connection.session, connection.said_goodbye);
        if session != NO_SESSION {
            self.connection_lost(now, session, key, said_goodbye, out);
        }
        self.let_go(key, now, why, out);
    }

    /// A closing connection is looked at again then, in monotonic milliseconds: its last bytes are still on their way.
    pub fn linger(&mut self, now: Now, key: ConnectionKey) -> u64 {
        let until = now.monotonic + super::limits::CONNECT_TIMEOUT;
        if let Some(connection) = self.connections.get_mut(key) {
            connection.last_seen = now.monotonic;
            self.timers.set(until, Timer::Silence(key, connection.generation));
        }
        until
    }

    /// Sees to it that a closing connection goes even if the other side doesn't read.
    fn let_go(&mut self, key: ConnectionKey, now: Now, why: Ended, out: &mut Outbox) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if matches!(why, Ended::ByClient | Ended::Timeout | Ended::TlsFailed | Ended::Unmentioned) {
            connection.out.clear(&mut self.pool);
        }
        let generation = connection.generation;
        connection.last_seen = now.monotonic;
        let patience = super::limits::CONNECT_TIMEOUT;
        if !connection.out.is_empty() {
            self.timers.set(now.monotonic + patience, Timer::Silence(key, generation));
        }
        out.close.push(key);
    }

    /// A session has lost its connection.
    fn connection_lost(
        &mut self,
        now: Now,
        key: SessionKey,
        connection: ConnectionKey,
        said_goodbye: bool,
        out: &mut Outbox,
    ) {
        self.generation = self.generation.wrapping_add(1);
        let epoch = self.generation;
        let session = &mut self.sessions[key as usize];
        if session.connection != Some(connection) {
            return;
        }
        session.connection = None;
        session.disconnected_at = Some(now.wall);
        session.epoch = epoch;
        if said_goodbye {
            session.will = None;
        }
        let delay = session.will.as_ref().map(|w| w.delay).unwrap_or(0).min(session.expiry_interval);
        if session.will.is_some() && delay > 0 {
            self.timers.set(now.monotonic + u64::from(delay) * 1000, Timer::WillDelay((key, epoch)));
        } else {
            self.publish_will(now, key, out);
        }
        let listener = usize::from(self.sessions[key as usize].listener);
        let queue_qos0 = self.limits.queue_qos0_messages
            || self.listeners.get(listener).is_some_and(|rules| rules.queues_qos0);
        let session = &mut self.sessions[key as usize];
        match session.expiry_interval {
            0 => return self.remove_session(key, out),
            NEVER => {}
            seconds => {
                let at = now.monotonic + u64::from(seconds) * 1000;
                self.timers.set(at, Timer::SessionExpiry((key, epoch)));
            }
        }
        if let Some(backlog) = &mut session.backlog
            && !queue_qos0
        {
            while let Some(dropped) = backlog.pop(false) {
                out.changes.done(session.id, dropped.number);
            }
            if backlog.is_empty() {
                session.backlog = None;
            }
        }
        self.record_session(key, out);
        self.record_waiting(key, out);
    }

    /// The QoS 0 messages that waited for room in the socket wait for the client's return from now on.
    fn record_waiting(&mut self, key: SessionKey, out: &mut Outbox) {
        let session = &mut self.sessions[key as usize];
        if session.id == 0 || out.changes.full {
            return;
        }
        let Some(mut backlog) = session.backlog.take() else { return };
        for delivery in backlog.at_most_once.iter_mut().filter(|delivery| delivery.number == 0) {
            delivery.number = session.next_number();
            out.changes.receipts.push(receipt(session, delivery, 0));
            let message = delivery.message.clone();
            let (retained, publisher, received) = (false, None, None);
            out.changes.push(Change::Message { message, retained, publisher, received, receipts: 1 });
        }
        session.backlog = Some(backlog);
    }

    /// Ends a session at once: Clean Start, or its expiry. A Will that still waits is published first
    /// `[MQTT-3.1.2-8]`.
    pub(super) fn end_session(&mut self, now: Now, key: SessionKey, out: &mut Outbox) {
        self.publish_will(now, key, out);
        self.remove_session(key, out);
    }

    /// The Session Expiry Interval of a session may have passed.
    pub(super) fn expire_session(&mut self, now: Now, session: SessionEpoch, out: &mut Outbox) {
        if self.is_meant(session) {
            let name = self.sessions[session.0 as usize].client_id.clone();
            self.notice(out, Kinds::NOTICE, || Notice::SessionExpired { client: name });
            self.counters.sessions_expired += 1;
            self.end_session(now, session.0, out);
        }
    }

    /// The Will Delay Interval of a session may have passed.
    pub(super) fn publish_delayed_will(&mut self, now: Now, session: SessionEpoch, out: &mut Outbox) {
        if self.is_meant(session) {
            self.publish_will(now, session.0, out);
            self.record_session(session.0, out);
        }
    }

    /// Whether a timer of a session is still meant: neither has it a connection nor had it one since.
    fn is_meant(&self, (key, epoch): SessionEpoch) -> bool {
        self.sessions.get(key as usize).is_some_and(|s| s.epoch == epoch && s.connection.is_none())
    }

    /// The broker stops: Wills of those who are connected, and delayed ones, are published (as mosquitto does), and
    /// 5.0 clients are told.
    pub fn shut_down(&mut self, now: Now, out: &mut Outbox) {
        let live: Vec<ConnectionKey> =
            self.connections.iter().filter(|(_, c)| c.is_live()).map(|(key, _)| key).collect();
        let waiting: Vec<SessionKey> = self
            .sessions
            .iter()
            .filter(|(_, s)| s.will.is_some())
            .map(|(key, _)| key as SessionKey)
            .collect();
        for key in waiting {
            self.publish_will(now, key, out);
            self.record_session(key, out);
        }
        for key in live {
            self.end(now, key, ReasonCode::SERVER_SHUTTING_DOWN, Ended::ServerStops, out);
        }
    }
}
