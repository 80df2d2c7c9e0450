//! The retained messages that subscriptions ask for.
//!
//! They are no part of a queue's limits: whoever subscribes gets them all. But a SUBSCRIBE of a few bytes may ask for all
//! there are, and a thousand of them for a thousand times as much. So what waits is bounded, as is what one session makes
//! us look at in a turn: filters beyond that wait for their turn, each once.

use super::access::Gate;
use super::changes::Change;
use super::clock::Now;
use super::connection::SessionKey;
use super::deliver::receipt;
use super::outbox::Outbox;
use super::session::{Delivery, Session, SessionEpoch};
use super::shard::Shard;
use super::timers::Timer;
use crate::auth::dynsec::Right;
use crate::protocol::QoS;
use crate::routing::{NodeId, Subscriber};
use std::collections::BTreeSet;

/// Retained messages that wait for one session, beyond which its further filters wait.
const WAITING: usize = 10_000;
/// Places of the retained store that a session may have us look at in a turn.
const VISITS: usize = 100_000;
/// So many cost nothing worth counting.
const FEW: usize = 100;

/// What a session has asked for and not got yet.
#[derive(Debug, Default)]
pub struct Asked {
    /// The nodes of its filters.
    nodes: BTreeSet<NodeId>,
    /// Places looked at in this turn.
    visits: usize,
    /// A timer says when it goes on.
    is_due: bool,
}

impl Session {
    /// How many retained messages wait that a subscription asked for.
    fn retained_waiting(&self) -> usize {
        self.backlog.as_ref().map_or(0, |backlog| {
            let all = backlog.at_most_once.len() + backlog.acknowledged.len() + backlog.pages.len();
            all - backlog.at_most_once_counted - backlog.acknowledged_counted
        })
    }

    /// It goes on with another connection, and its timers are no longer meant.
    pub(super) fn ask_anew(&mut self) {
        if let Some(asked) = &mut self.asked {
            asked.is_due = false;
        }
    }
}

impl Shard {
    /// A subscription asks for the retained messages that its filter matches: they are queued now, or as soon as those of
    /// others are on their way.
    pub(super) fn ask_for_retained(
        &mut self,
        now: Now,
        key: SessionKey,
        filter: &str,
        subscriber: Subscriber,
        out: &mut Outbox,
    ) {
        let session = &mut self.sessions[key as usize];
        let behind = |asked: &Asked| !asked.nodes.is_empty() || asked.visits >= VISITS;
        if session.retained_waiting() >= WAITING || session.asked.as_deref().is_some_and(behind) {
            if let Some(node) = self.subscriptions.find(filter) {
                session.asked.get_or_insert_default().nodes.insert(node);
            }
        } else {
            let visits = self.send_retained(now, key, filter, subscriber, out);
            if visits > FEW {
                self.sessions[key as usize].asked.get_or_insert_default().visits += visits;
            }
        }
        self.ask_on(now, key);
    }

    /// Sees to it that a session's filters go on as soon as few enough messages wait for it.
    pub(super) fn ask_on(&mut self, now: Now, key: SessionKey) {
        let session = &mut self.sessions[key as usize];
        if session.asked.is_none() || session.retained_waiting() > WAITING / 2 {
            return;
        }
        let epoch = session.epoch;
        if let Some(asked) = session.asked.as_mut().filter(|asked| !asked.is_due) {
            asked.is_due = true;
            self.timers.set(now.monotonic + 1, Timer::Retained((key, epoch)));
        }
    }

    /// The next turn of a session's filters.
    pub(super) fn go_on_asking(&mut self, now: Now, (key, epoch): SessionEpoch, out: &mut Outbox) {
        let Some(session) = self.sessions.get_mut(key as usize).filter(|s| s.epoch == epoch) else { return };
        let Some(mut asked) = session.asked.take() else { return };
        (asked.is_due, asked.visits) = (false, 0);
        while asked.visits < VISITS && self.sessions[key as usize].retained_waiting() < WAITING {
            let Some(node) = asked.nodes.pop_first() else { break };
            asked.visits += 1;
            // It may have been unsubscribed from since.
            if self.sessions[key as usize].subscribes(node)
                && let Some(subscriber) = self.subscriptions.get(node, key).copied()
            {
                let filter = self.subscriptions.filter(node);
                asked.visits += self.send_retained(now, key, &filter, subscriber, out);
            }
        }
        let session = &mut self.sessions[key as usize];
        if !asked.nodes.is_empty() || asked.visits > 0 {
            session.asked = Some(asked);
        }
        if let Some(connection) = session.connection {
            self.move_up(now, connection, out);
        }
    }

    /// Queues the retained messages that a filter matches `[MQTT-3.3.1-6]`; they go out as there is room. Returns how
    /// many places of the store were looked at.
    fn send_retained(
        &mut self,
        now: Now,
        session_key: SessionKey,
        filter: &str,
        subscriber: Subscriber,
        out: &mut Outbox,
    ) -> usize {
        let upgrade = self.limits.upgrade_outgoing_qos;
        let check = self.limits.check_retain_source;
        let limits = &self.limits;
        let gate = Gate { listeners: &self.listeners, dynsec: self.dynsec.as_deref() };
        let session = &mut self.sessions[session_key as usize];
        self.retained.for_each_matched_by(filter, now.wall, |message, publisher| {
            if !gate.may(session, Right::Receive, message.topic()) {
                return;
            }
            // Who published it may have lost the right to since.
            if check && !publisher.is_none_or(|publisher| gate.might_write(publisher, message.topic())) {
                return;
            }
            let mut delivery = Delivery {
                message: message.clone(),
                number: 0,
                identifier: subscriber.identifier,
                qos: if upgrade { subscriber.qos } else { subscriber.qos.min(message.qos) },
                retain: true,
                asked_for: true,
            };
            let mut sequence = 0;
            if session.id != 0 && delivery.qos != QoS::AtMostOnce {
                delivery.number = session.next_number();
                out.changes.receipts.push(receipt(session, &delivery, 0));
                let message = message.clone();
                let (publisher, received) = (None, None);
                let change = Change::Message { message, retained: false, publisher, received, receipts: 1 };
                sequence = out.changes.push(change);
            }
            session.queue(delivery, sequence, limits);
        })
    }
}
