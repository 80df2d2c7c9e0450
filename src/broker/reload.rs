//! Other rules hold from now on: limits, the rules of listeners, and who may not stay.

use super::access::Gate;
use super::clock::Now;
use super::connection::{ConnectionKey, NO_SESSION, Phase};
use super::limits::{Limits, ListenerRules};
use super::notice::Ended;
use super::outbox::Outbox;
use super::shard::Shard;
use crate::protocol::ReasonCode;

/// Who is connected, for whoever decides whether it may stay.
#[derive(Clone, Copy, Debug)]
pub struct Resident<'a> {
    /// Index of the listener that it came in by.
    pub listener: usize,
    /// ClientId and User Name, once it was let in.
    pub client: Option<(&'a str, Option<&'a str>)>,
    /// Dynamic security holds at the listener and knows the User Name.
    pub known_to_dynsec: bool,
}

impl Shard {
    /// Other limits hold from now on. What was agreed on at CONNECT holds until the next one.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.watch_queues();
    }

    /// `memory_limit` is reached, or no more.
    pub fn set_memory_full(&mut self, full: bool) {
        self.limits.memory_full = full;
    }

    /// Other rules hold at the listeners from now on: every verdict that was kept is asked for anew. A listener keeps
    /// its index as long as a connection or a session refers to it ([`Shard::refers_to`]).
    pub fn set_listeners(&mut self, listeners: Vec<ListenerRules>) {
        self.connected.resize(listeners.len(), 0);
        self.listeners = listeners;
        self.forget_verdicts();
    }

    /// Whether it is.
    pub fn memory_full(&self) -> bool {
        self.limits.memory_full
    }

    /// The rules of all listeners, as they are.
    pub fn listeners(&self) -> &[ListenerRules] {
        &self.listeners
    }

    /// Whether the rules of a listener let somebody read a topic who has no session here.
    pub fn may_read(&self, listener: usize, client_id: &str, username: Option<&str>, topic: &str) -> bool {
        let gate = Gate { listeners: &self.listeners, dynsec: self.dynsec.as_deref() };
        u16::try_from(listener).is_ok_and(|listener| gate.may_read(listener, client_id, username, topic))
    }

    /// Whether a connection or a session came in by this listener.
    pub fn refers_to(&self, listener: usize) -> bool {
        self.connected.get(listener).is_some_and(|&count| count > 0)
            || self.connections.iter().any(|(_, c)| usize::from(c.listener) == listener)
            || self.sessions.iter().any(|(_, s)| usize::from(s.listener) == listener)
    }

    /// Ends each connection for which `judge` has a reason.
    pub fn end_where(
        &mut self,
        now: Now,
        judge: impl Fn(Resident<'_>) -> Option<(ReasonCode, Ended)>,
        out: &mut Outbox,
    ) {
        let mut leave: Vec<(ConnectionKey, ReasonCode, Ended)> = Vec::new();
        for (key, connection) in self.connections.iter().filter(|(_, c)| c.phase != Phase::Closing) {
            let client = match connection.session {
                NO_SESSION => None,
                session => {
                    let session = &self.sessions[session as usize];
                    Some((&*session.client_id, session.username.as_deref()))
                }
            };
            let listener = usize::from(connection.listener);
            let known_to_dynsec = self.asks_dynsec(listener)
                && client.is_some_and(|(_, name)| {
                    name.is_some_and(|name| self.dynsec().is_some_and(|dynsec| dynsec.knows(name)))
                });
            let resident = Resident { listener, client, known_to_dynsec };
            if let Some((reason, why)) = judge(resident) {
                leave.push((key, reason, why));
            }
        }
        for (key, reason, why) in leave {
            self.end(now, key, reason, why, out);
        }
    }
}
