//! Who may publish and receive what: mosquitto's built-in rules for `$` topics, then the ACL of the listener.

use super::connection::{ConnectionKey, SessionKey};
use super::limits::ListenerRules;
use super::outbox::Outbox;
use super::session::{Publisher, Session};
use super::shard::Shard;
use crate::auth::{Access, Who};
use crate::protocol::QoS;
use crate::session::Awaiting;

/// Whether the ACL allows this to a session.
pub(super) fn may(listeners: &[ListenerRules], session: &Session, topic: &str, access: Access) -> bool {
    match listeners.get(usize::from(session.listener)).and_then(|rules| rules.acl.as_ref()) {
        None => true,
        Some(acl) => {
            let who = Who { client_id: &session.client_id, username: session.username.as_deref() };
            acl.allows(&who, topic, access)
        }
    }
}

/// Whether the publisher of a retained message may still write to its topic.
pub(super) fn might_write(listeners: &[ListenerRules], publisher: &Publisher, topic: &str) -> bool {
    match listeners.get(usize::from(publisher.listener)).and_then(|rules| rules.acl.as_ref()) {
        None => true,
        Some(acl) => {
            let who = Who { client_id: &publisher.client_id, username: publisher.username.as_deref() };
            acl.allows(&who, topic, Access::Write)
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

fn is_bridge_state(topic: &str) -> bool {
    topic
        .strip_prefix("$SYS/broker/connection/")
        .and_then(|rest| rest.strip_suffix("/state"))
        .is_some_and(|name| !name.contains('/'))
}

impl Shard {
    /// Whether a connection may publish to a topic. The last topic that it may is kept with the connection, so that a
    /// publisher that stays with its topic pays one compare.
    pub(super) fn may_write(&mut self, key: ConnectionKey, topic: &str) -> bool {
        if !may_publish(topic) {
            return false;
        }
        let connection = &self.connections[key];
        if self.listeners[usize::from(connection.listener)].acl.is_none() {
            return true;
        }
        if connection.may_write.as_ref().is_some_and(|known| **known == *topic) {
            return true;
        }
        let session = &self.sessions[connection.session as usize];
        let allowed = may(&self.listeners, session, topic, Access::Write);
        if allowed {
            self.connections[key].may_write = Some(topic.into());
        }
        allowed
    }

    /// A session goes on, perhaps under another User Name or with other rules: what it may no longer read is removed
    /// from what waits and what is in flight, as mosquitto does.
    pub(super) fn recheck(&mut self, key: SessionKey, out: &mut Outbox) {
        let listeners = &self.listeners;
        let session = &self.sessions[key as usize];
        if listeners.get(usize::from(session.listener)).is_none_or(|rules| rules.acl.is_none()) {
            return;
        }
        let denied: Vec<(u16, QoS)> = session
            .outbound
            .iter()
            .filter_map(|(id, _, delivery)| delivery.map(|d| (id, d)))
            .filter(|(_, d)| !may(listeners, session, d.message.topic(), Access::Read))
            .map(|(id, d)| (id, d.qos))
            .collect();
        let backlog = self.sessions[key as usize].backlog.take();
        let session = &mut self.sessions[key as usize];
        for (identifier, qos) in denied {
            let awaited = if qos == QoS::AtLeastOnce { Awaiting::PubAck } else { Awaiting::PubRec };
            if let Some(Some(delivery)) = session.outbound.complete(identifier, awaited) {
                session.in_flight_bytes -= delivery.message.payload().len();
                out.changes.done(session.id, delivery.number);
            }
        }
        let Some(mut backlog) = backlog else { return };
        for acknowledged in [true, false] {
            while let Some(delivery) = backlog.pop(acknowledged) {
                let session = &self.sessions[key as usize];
                if may(&self.listeners, session, delivery.message.topic(), Access::Read) {
                    self.sessions[key as usize].backlog_mut().push(delivery);
                } else if acknowledged {
                    out.changes.done(session.id, delivery.number);
                }
            }
        }
    }
}
