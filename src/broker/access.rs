//! Who may publish and receive what: mosquitto's built-in rules for `$` topics, then dynamic security and the ACL of
//! the listener.

use super::connect::mounted;
use super::connection::{ConnectionKey, SessionKey};
use super::limits::ListenerRules;
use super::message::Message;
use super::outbox::Outbox;
use super::session::{Publisher, Session};
use super::shard::Shard;
use crate::auth::dynsec::{CheckedClient, Decision, Dynsec, Right};
use crate::auth::{Access, Who};
use crate::protocol::{QoS, topic};
use crate::session::Awaiting;
use foldhash::fast::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Everything that says who may do what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate<'a> {
    pub listeners: &'a [ListenerRules],
    pub dynsec: Option<&'a Dynsec>,
}

impl Gate<'_> {
    /// Whether a session may do this with a topic (or a filter, where it subscribes).
    pub fn may(&self, session: &Session, right: Right, topic: &str) -> bool {
        self.decide(session, right, topic) == Decision::Allowed
    }

    /// Whether the publisher of a retained message may still write to its topic.
    pub fn might_write(&self, publisher: &Publisher, topic: &str) -> bool {
        let (client_id, username) = (&*publisher.client_id, publisher.username.as_deref());
        self.judge(publisher.listener, client_id, username, Right::Send, topic) == Decision::Allowed
    }

    /// Whether somebody without a session may read this.
    pub fn may_read(&self, listener: u16, client_id: &str, username: Option<&str>, topic: &str) -> bool {
        self.judge(listener, client_id, username, Right::Receive, topic) == Decision::Allowed
    }

    fn decide(&self, session: &Session, right: Right, topic: &str) -> Decision {
        self.judge(session.listener, &session.client_id, session.username.as_deref(), right, topic)
    }

    fn judge(
        &self,
        listener: u16,
        client_id: &str,
        username: Option<&str>,
        right: Right,
        topic: &str,
    ) -> Decision {
        let Some(rules) = self.listeners.get(usize::from(listener)) else { return Decision::Allowed };
        if let (true, Some(dynsec)) = (rules.dynsec, self.dynsec) {
            let decision = dynsec.decide(&CheckedClient { client_id, username }, right, topic);
            if decision != Decision::Defer || rules.acl.is_none() {
                return decision;
            }
        }
        let Some(acl) = &rules.acl else { return Decision::Allowed };
        let who = Who { client_id, username };
        let allowed = match right {
            Right::Send => acl.allows(&who, topic, Access::Write),
            Right::Receive => acl.allows(&who, topic, Access::Read),
            // An ACL file doesn't say who may subscribe: what may not be read isn't delivered.
            Right::Subscribe | Right::Unsubscribe => true,
        };
        if allowed { Decision::Allowed } else { Decision::Denied }
    }

    /// The same for a filter, shared or not.
    fn may_subscribe(&self, session: &Session, right: Right, filter: &str) -> bool {
        let mount_point = session.mount_point.as_deref();
        match topic::shared(filter) {
            Some(Ok((share_name, inner))) => {
                self.may_have(session, right, Some(share_name), &mounted(mount_point, inner))
            }
            _ => self.may_have(session, right, None, &mounted(mount_point, filter)),
        }
    }

    /// The same for a filter with its mount point. What may not be subscribed to plainly may not be by way of a share.
    fn may_have(&self, session: &Session, right: Right, share_name: Option<&str>, filter: &str) -> bool {
        let Some(share_name) = share_name else { return self.may(session, right, filter) };
        match self.decide(session, right, filter) {
            Decision::Denied => false,
            Decision::Allowed => {
                self.decide(session, right, &format!("$share/{share_name}/{filter}")) != Decision::Denied
            }
            Decision::Defer => self.may(session, right, &format!("$share/{share_name}/{filter}")),
        }
    }
}

/// mosquitto's built-in rules: `$SYS` is the broker's own but for the state of bridges, and `$share` is no topic.
pub(super) fn may_publish(topic: &str) -> bool {
    if !topic.starts_with('$') {
        return true;
    }
    if topic.starts_with("$share") {
        return false;
    }
    !topic.starts_with("$SYS") || is_bridge_state(topic)
}

/// Whether no client may publish on this topic, whatever the rules say.
pub fn refuses_to_publish(topic: &str) -> bool {
    !may_publish(topic)
}

/// The topic on which a bridge says whether it is connected.
pub(super) fn is_bridge_state(topic: &str) -> bool {
    topic
        .strip_prefix("$SYS/broker/connection/")
        .and_then(|rest| rest.strip_suffix("/state"))
        .is_some_and(|name| !name.contains('/'))
}

/// Places for verdicts; a power of two.
const PLACES: usize = 4096;
/// Longer topics are asked for anew each time, so that strangers can't fill the memory with them.
const TOPIC_KEPT: usize = 256;

/// Verdicts on publishing that were asked for lately: direct-mapped, a newer one takes the place.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    places: Vec<Verdict>,
    hasher: RandomState,
    /// Counts changes of the rules.
    generation: u32,
}

#[derive(Clone, Debug, Default)]
struct Verdict {
    /// Whose: the session and which of its connections.
    session: (SessionKey, u32),
    generation: u32,
    allowed: bool,
    topic: String,
}

impl Verdicts {
    /// The verdict, from here or asked for now.
    fn get(&mut self, session: (SessionKey, u32), topic: &str, ask: impl FnOnce() -> bool) -> bool {
        if topic.len() > TOPIC_KEPT {
            return ask();
        }
        if self.places.is_empty() {
            self.generation = self.generation.wrapping_add(1);
            self.places.resize(PLACES, Verdict::default());
        }
        let place = self.hasher.hash_one((session.0, topic)) as usize & (PLACES - 1);
        let verdict = &mut self.places[place];
        if verdict.session != session || verdict.generation != self.generation || verdict.topic != topic {
            verdict.session = session;
            verdict.generation = self.generation;
            verdict.topic.clear();
            verdict.topic.push_str(topic);
            verdict.allowed = ask();
        }
        verdict.allowed
    }

    fn forget(&mut self) {
        self.places.clear();
    }
}

impl Shard {
    pub(super) fn gate(&self) -> Gate<'_> {
        Gate { listeners: &self.listeners, dynsec: self.dynsec.as_deref() }
    }

    /// Whether a connection may publish to a topic. The last topic that it may is kept with the connection, so that a
    /// publisher that stays with its topic pays one compare; one that doesn't finds its verdicts in a table.
    pub(super) fn may_write(&mut self, key: ConnectionKey, topic: &str) -> bool {
        let connection = &self.connections[key];
        let rules = &self.listeners[usize::from(connection.listener)];
        if !may_publish(topic) {
            return rules.bridges;
        }
        if !rules.restricts() {
            return true;
        }
        if connection.may_write.as_ref().is_some_and(|known| **known == *topic) {
            return true;
        }
        let number = connection.session;
        let session = &self.sessions[number as usize];
        let gate = Gate { listeners: &self.listeners, dynsec: self.dynsec.as_deref() };
        let ask = || gate.may(session, Right::Send, topic);
        let allowed = self.verdicts.get((number, session.epoch), topic, ask);
        // Only for who stays: a publisher of many topics would allocate for each message.
        if allowed && connection.may_write.is_none() {
            self.connections[key].may_write = Some(topic.into());
        }
        allowed
    }

    /// Whether a connection may make or end a subscription.
    pub(super) fn may_subscribe(&self, key: ConnectionKey, right: Right, filter: &str) -> bool {
        let connection = &self.connections[key];
        !self.listeners[usize::from(connection.listener)].dynsec
            || self.gate().may_subscribe(&self.sessions[connection.session as usize], right, filter)
    }

    /// Other rules hold: every verdict that was kept is asked for anew.
    pub(super) fn forget_verdicts(&mut self) {
        self.subscriptions.touch();
        self.verdicts.forget();
        for (_, connection) in &mut self.connections {
            connection.may_write = None;
        }
    }

    /// A session goes on, perhaps under another User Name or with other rules: what it may no longer read is removed
    /// from what waits and what is in flight, as mosquitto does; and with dynamic security, which says who may subscribe,
    /// the subscriptions that it may not make any more and what came by them.
    pub(super) fn recheck(&mut self, key: SessionKey, out: &mut Outbox) {
        let session = &self.sessions[key as usize];
        let Some(rules) = self.listeners.get(usize::from(session.listener)).filter(|rules| rules.restricts())
        else {
            return;
        };
        let lost = rules.dynsec && self.end_subscriptions(key, out);
        let in_flight: Vec<(u16, QoS, Arc<Message>)> = self.sessions[key as usize]
            .outbound
            .iter()
            .filter_map(|(id, _, delivery)| delivery.map(|d| (id, d.qos, d.message.clone())))
            .collect();
        for (identifier, qos, message) in in_flight {
            if self.may_still_get(key, message.topic(), lost) {
                continue;
            }
            let awaited = if qos == QoS::AtLeastOnce { Awaiting::PubAck } else { Awaiting::PubRec };
            let session = &mut self.sessions[key as usize];
            if let Some(Some(delivery)) = session.outbound.complete(identifier, awaited) {
                session.in_flight_bytes -= delivery.message.payload().len();
                out.changes.done(session.id, delivery.number);
            }
        }
        let id = self.sessions[key as usize].id;
        let Some(mut backlog) = self.sessions[key as usize].backlog.take() else { return };
        for acknowledged in [true, false] {
            let count = if acknowledged { backlog.acknowledged.len() } else { backlog.at_most_once.len() };
            for _ in 0..count {
                let Some(delivery) = backlog.pop(acknowledged) else { break };
                if self.may_still_get(key, delivery.message.topic(), lost) {
                    backlog.push(delivery);
                } else {
                    out.changes.done(id, delivery.number);
                }
            }
        }
        // The others are looked at when they are read.
        backlog.recheck = true;
        backlog.lost |= lost;
        if !backlog.is_empty() {
            self.sessions[key as usize].backlog = Some(backlog);
        }
    }

    /// Whether a message that waits may still be sent. `lost`: subscriptions have ended, so that another must ask for it.
    pub(super) fn may_still_get(&mut self, key: SessionKey, topic: &str, lost: bool) -> bool {
        if !self.gate().may(&self.sessions[key as usize], Right::Receive, topic) {
            return false;
        }
        if !lost {
            return true;
        }
        let (mut receivers, mut groups) = (Vec::new(), Vec::new());
        self.subscriptions.resolve(topic, &mut receivers, &mut groups);
        let shared = groups.into_iter().flat_map(|group| self.subscriptions.members(group));
        receivers.iter().chain(shared).any(|subscriber| subscriber.session == key)
    }

    /// Ends the subscriptions that a session may not make any more; whether there were any.
    fn end_subscriptions(&mut self, key: SessionKey, out: &mut Outbox) -> bool {
        let (gate, session) = (self.gate(), &self.sessions[key as usize]);
        let plain = session.subscriptions.iter().map(|&node| (node, None));
        let shared = session.shared.iter().map(|(node, name)| (*node, Some(name.clone())));
        let ended: Vec<(String, Option<Box<str>>)> = plain
            .chain(shared)
            .map(|(node, share_name)| (self.subscriptions.filter(node), share_name))
            .filter(|(filter, name)| !gate.may_have(session, Right::Subscribe, name.as_deref(), filter))
            .collect();
        for (filter, share_name) in &ended {
            self.end_subscription(key, filter, share_name.as_deref(), out);
        }
        !ended.is_empty()
    }
}
