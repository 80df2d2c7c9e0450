//! Coming back: what the store kept becomes sessions, subscriptions, queues, retained messages and timers again; and
//! what the store is told of a session.

use super::changes::{Change, Receipt, SessionRecord, SubscriptionRecord};
use super::clock::Now;
use super::connection::SessionKey;
use super::message::Message;
use super::outbox::Outbox;
use super::pages::Pages;
use super::session::{Delivery, NEVER, Publisher, Session};
use super::shard::Shard;
use super::timers::Timer;
use crate::protocol::QoS;
use crate::routing::Subscriber;
use crate::session::{Awaiting, Outbound};
use std::sync::Arc;

/// A session as the store kept it.
#[derive(Debug)]
pub struct StoredSession {
    /// The session itself.
    pub record: SessionRecord,
    /// Its subscriptions.
    pub subscriptions: Vec<SubscriptionRecord>,
    /// What waits for it, oldest first; with a Packet Identifier where it was sent.
    pub messages: Vec<(Receipt, Arc<Message>)>,
    /// What waits behind these and is on disk.
    pub pages: Pages,
    /// Packet Identifiers whose PUBCOMP is awaited.
    pub awaiting_pubcomp: Vec<u16>,
    /// Packet Identifiers of QoS 2 messages from it that are not released.
    pub received: Vec<u16>,
    /// The highest number that one of its messages had.
    pub last_number: u64,
}

/// All that the store kept.
#[derive(Debug, Default)]
pub struct State {
    /// Sessions, in any order.
    pub sessions: Vec<StoredSession>,
    /// Retained messages, and who published each, where that is known.
    pub retained: Vec<(Arc<Message>, Option<Arc<Publisher>>)>,
}

impl Shard {
    /// Takes over what the store kept, as if all connections had ended just now that there were. The outbox must
    /// keep changes already.
    pub fn restore(&mut self, now: Now, state: State, out: &mut Outbox) {
        for (message, publisher) in state.retained {
            if message.is_expired(now.wall) {
                // Or the store would keep it for ever.
                out.changes.retained_removed(message.topic());
            } else {
                let publisher = publisher.map(|publisher| self.settle_publisher(publisher));
                self.retained.set_from(message, publisher);
            }
        }
        self.sweep_later(now);
        // First all sessions: a Will that is due may be meant for any.
        let keys: Vec<SessionKey> =
            state.sessions.into_iter().map(|session| self.restore_session(session)).collect();
        for key in keys {
            self.set_session_timers(now, key, out);
        }
    }

    /// The listener of that port may have another index than it had.
    fn settle_publisher(&self, mut publisher: Arc<Publisher>) -> Arc<Publisher> {
        let listener = self.listener_at(publisher.port);
        if publisher.listener != listener {
            Arc::make_mut(&mut publisher).listener = listener;
        }
        publisher
    }

    /// Index of the listener at a port; the first if there is none any more.
    fn listener_at(&self, port: u16) -> u16 {
        self.listeners.iter().position(|l| l.port == port).unwrap_or(0) as u16
    }

    fn restore_session(&mut self, stored: StoredSession) -> SessionKey {
        let record = stored.record;
        self.generation = self.generation.wrapping_add(1);
        let mut session = Session::new(record.client_id, record.version);
        session.id = record.id;
        session.last_number = stored.last_number;
        session.epoch = self.generation;
        session.username = record.username;
        session.expiry_interval = match self.limits.persistent_client_expiration {
            Some(most) => record.expiry_interval.min(most),
            None => record.expiry_interval,
        };
        session.disconnected_at = record.disconnected_at;
        session.listener = self.listener_at(record.port);
        session.mount_point = record.mount_point;
        session.will = record.will.map(Box::new);
        for identifier in stored.received {
            session.inbound.insert(identifier);
        }
        let ours = self.limits.max_inflight_messages;
        restore_messages(&mut session, ours, stored.awaiting_pubcomp, stored.messages);
        session.restore_pages(stored.pages);
        let key = self.add_session(session);
        for subscription in stored.subscriptions {
            self.restore_subscription(key, &subscription);
        }
        key
    }

    fn restore_subscription(&mut self, key: SessionKey, subscription: &SubscriptionRecord) {
        let subscriber = Subscriber {
            session: key,
            identifier: subscription.identifier,
            qos: subscription.qos,
            no_local: subscription.no_local,
            retain_as_published: subscription.retain_as_published,
        };
        match &subscription.share_name {
            Some(share_name) => self.join_shared(key, share_name, &subscription.filter, subscriber),
            None => {
                let node = self.subscriptions.node(&subscription.filter);
                let new = self.sessions[key as usize].add_subscription(node);
                self.subscriptions.set(node, subscriber, !new);
            }
        }
    }

    /// Expiry and Will Delay go on by the wall clock: the time that the broker was away counts.
    fn set_session_timers(&mut self, now: Now, key: SessionKey, out: &mut Outbox) {
        let session = &mut self.sessions[key as usize];
        let had_connection = session.disconnected_at.is_none();
        let since = *session.disconnected_at.get_or_insert(now.wall);
        let gone = now.wall.saturating_sub(since);
        let (epoch, expiry) = (session.epoch, session.expiry_interval);
        let left = |seconds: u32| now.monotonic + u64::from(seconds).saturating_sub(gone) * 1000;
        let will_delay = session.will.as_ref().map(|will| will.delay.min(expiry));
        if let Some(delay) = will_delay {
            if u64::from(delay) <= gone {
                self.publish_will(now, key, out);
                self.record_session(key, out);
            } else {
                self.timers.set(left(delay), Timer::WillDelay((key, epoch)));
            }
        }
        if expiry == 0 {
            // It ended with its connection; only its Will was left.
            return self.remove_session(key, out);
        }
        if expiry != NEVER && u64::from(expiry) <= gone {
            return self.expire_session(now, (key, epoch), out);
        }
        if expiry != NEVER {
            self.timers.set(left(expiry), Timer::SessionExpiry((key, epoch)));
        }
        if had_connection {
            self.record_session(key, out);
        }
    }

    /// Tells the store of a session: that it survives the broker, what has changed about it, or that it doesn't any more.
    /// Of one that doesn't, the Will does: the broker's end ends the connection, after which it must be published
    /// `[MQTT-3.1.2-8]`, by the next broker if need be.
    pub(super) fn record_session(&mut self, key: SessionKey, out: &mut Outbox) {
        if !out.changes.enabled() {
            return;
        }
        let session = &mut self.sessions[key as usize];
        // What waits on disk only is there as long as the store knows the session.
        let survives = session.is_durable() || session.has_pages();
        let only_will = !survives && session.will.is_some();
        for (id, is_over) in [(&mut session.id, !survives), (&mut session.will_id, !only_will)] {
            if is_over && *id != 0 {
                out.changes.push(Change::SessionEnded { session: std::mem::take(id) });
            }
        }
        if !survives && !only_will {
            return;
        }
        let sequence = out.changes.reserve();
        let id = if survives { &mut session.id } else { &mut session.will_id };
        if *id == 0 {
            *id = sequence;
        }
        let record = SessionRecord {
            id: *id,
            client_id: session.client_id.clone(),
            username: session.username.clone(),
            version: session.version,
            expiry_interval: session.expiry_interval,
            disconnected_at: session.disconnected_at,
            port: self.listeners.get(usize::from(session.listener)).map_or(0, |l| l.port),
            mount_point: session.mount_point.clone(),
            will: session.will.as_deref().cloned(),
        };
        out.changes.push_as(sequence, Change::Session(Box::new(record)));
    }

    /// The store says that every change up to this number is safe: what waited for them goes out.
    pub fn committed(&mut self, sequence: u64, out: &mut Outbox) {
        if out.changes.commit(sequence) {
            self.unblock(out);
        }
        self.watch_queues();
        while let Some((key, committed)) = out.changes.next_free() {
            let Some(connection) = self.connections.get_mut(key) else { continue };
            if connection.out.release(committed) {
                Self::mark_dirty(connection, key, out);
            }
            if !connection.is_live() {
                out.close.push(key);
            }
        }
    }
}

/// Puts what was in flight back under its Packet Identifiers, and queues the rest.
fn restore_messages(
    session: &mut Session,
    limit: u16,
    awaiting_pubcomp: Vec<u16>,
    messages: Vec<(Receipt, Arc<Message>)>,
) {
    let mut in_flight: Vec<(u16, Awaiting, Option<Delivery>)> =
        awaiting_pubcomp.into_iter().map(|id| (id, Awaiting::PubComp, None)).collect();
    for (receipt, message) in messages {
        let delivery = Delivery {
            message,
            number: receipt.number,
            identifier: receipt.identifier,
            qos: receipt.qos,
            retain: receipt.retain,
            asked_for: receipt.asked_for,
        };
        if receipt.packet_identifier == 0 {
            session.backlog_mut().push(delivery);
        } else {
            let awaiting = if receipt.qos == QoS::AtLeastOnce { Awaiting::PubAck } else { Awaiting::PubRec };
            session.in_flight_bytes += delivery.message.payload().len();
            in_flight.push((receipt.packet_identifier, awaiting, Some(delivery)));
        }
    }
    session.outbound = Outbound::restored(limit, in_flight);
}
