//! What the event loop tells the HTTP thread.

use std::sync::Arc;

use super::event_loop::Server;
use super::http::{Ask, ListenerFacts, Snapshot};
use crate::broker::{Peer, Verification};
use crate::config::{Listener, ListenerProtocol};
use crate::observe::Facts;

/// Figures are looked up anew after so many milliseconds: looking at every connection costs.
const FRESH: u64 = 1000;
/// The ClientId under which the rules are asked, as in mosquitto.
const CLIENT_ID: &str = "http-api";

/// The figures that were told last.
#[derive(Debug, Default)]
pub(super) struct Told {
    at: Option<u64>,
    facts: Facts,
}

impl Server {
    /// Answers what was asked, and logs what the HTTP thread has to say.
    pub(super) fn answer_http(&mut self) {
        self.outbox.notices.extend(self.http.mailbox.take_notices());
        let asks = self.http.mailbox.take();
        if asks.is_empty() {
            return;
        }
        if self.told.at.is_none_or(|at| self.now.monotonic >= at + FRESH) {
            self.told = Told { at: Some(self.now.monotonic), facts: self.facts() };
        }
        let listeners: Arc<[ListenerFacts]> = self.listener_facts().into();
        for ask in asks {
            let snapshot = self.snapshot(&ask, listeners.clone());
            ask.answer(snapshot);
        }
    }

    fn snapshot(&self, ask: &Ask, listeners: Arc<[ListenerFacts]>) -> Snapshot {
        let listener = self
            .slots
            .get(ask.listener)
            .filter(|slot| slot.open)
            .and_then(|slot| self.settings.listeners.get(slot.position));
        let username = ask.username.as_deref();
        Snapshot {
            facts: self.told.facts,
            version: self.version.clone(),
            listeners,
            ready: !self.is_stopping() && !self.shard.memory_full(),
            allow_anonymous: listener.is_some_and(|listener| self.settings.allows_anonymous(listener)),
            against: username.and_then(|username| self.against(&question(ask.listener, username))),
            may_read: self.shard.may_read(ask.listener, CLIENT_ID, username, &ask.path),
            http_dir: listener.and_then(|listener| listener.http_dir.as_ref()).map(Into::into),
        }
    }

    fn listener_facts(&self) -> Vec<ListenerFacts> {
        let listener = |slot: &super::slots::Slot| {
            let listener = self.settings.listeners.get(slot.position)?;
            Some(ListenerFacts {
                port: slot.port,
                unix_path: listener.unix_path.clone(),
                protocol: protocol(listener),
                tls: listener.tls.is_on(),
                mtls: listener.tls.is_on() && listener.tls.require_certificate,
                allow_anonymous: self.settings.allows_anonymous(listener),
            })
        };
        self.slots.iter().filter(|slot| slot.open).filter_map(listener).collect()
    }
}

/// Its name in answers.
fn protocol(listener: &Listener) -> &'static str {
    match listener.protocol {
        ListenerProtocol::Mqtt => "mqtt",
        ListenerProtocol::WebSockets => "websockets",
        ListenerProtocol::HttpApi => "httpapi",
    }
}

/// Who asks, in the words of a CONNECT: the same rules hold.
fn question(listener: usize, username: &str) -> Verification {
    Verification {
        connection: usize::MAX,
        generation: 0,
        peer: Peer::Unix("".into()),
        client_id: CLIENT_ID.into(),
        username: username.into(),
        password: None,
        listener,
    }
}
