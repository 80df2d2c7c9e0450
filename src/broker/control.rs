//! What clients ask the broker itself: messages on `$CONTROL/…`, which no subscriber gets, and their answers.

use super::clock::Now;
use super::connection::{ConnectionKey, Phase};
use super::notice::Ended;
use super::outbox::{Asker, ControlRequest, Outbox};
use super::own::OwnMessage;
use super::shard::Shard;
use crate::auth::PasswordHash;
use crate::auth::dynsec::{Caller, Dynsec, Kick, Outcome, Request};
use crate::protocol::{QoS, ReasonCode};
use crate::routing::Subscriber;
use zeroize::Zeroizing;

impl Shard {
    /// A message that is meant for the broker.
    pub(super) fn control(&mut self, key: ConnectionKey, topic: &str, payload: &[u8], out: &mut Outbox) {
        let connection = &self.connections[key];
        let session = &self.sessions[connection.session as usize];
        out.control.push(ControlRequest {
            asker: Asker {
                connection: key,
                generation: connection.generation,
                client_id: session.client_id.clone(),
                username: session.username.clone(),
            },
            topic: topic.into(),
            payload: Zeroizing::new(payload.to_vec()),
        });
    }

    /// Sends an answer to who asked, if it is still there and subscribes to the topic: to nobody else.
    pub fn answer(&mut self, now: Now, asker: &Asker, topic: &str, payload: &[u8], out: &mut Outbox) {
        let Some(connection) = self.connections.get(asker.connection) else { return };
        if connection.generation != asker.generation || !connection.is_live() {
            return;
        }
        let session = connection.session;
        let mut receivers: Vec<Subscriber> = Vec::new();
        self.subscriptions.resolve(topic, &mut receivers, &mut Vec::new());
        receivers.retain(|receiver| receiver.session == session);
        let qos = QoS::AtMostOnce;
        let answer = OwnMessage { topic, payload, properties: &[], qos, retain: false, expires: None };
        self.deliver_to(now, &receivers, &mut answer.outgoing(0), out);
    }

    /// Dynamic security holds from now on, at the listeners whose rules say so.
    pub fn set_dynsec(&mut self, dynsec: Dynsec) {
        self.dynsec = Some(Box::new(dynsec));
        self.forget_verdicts();
    }

    /// Dynamic security, if there is any.
    pub fn dynsec(&self) -> Option<&Dynsec> {
        self.dynsec.as_deref()
    }

    /// Whether who asks came in by a listener at which dynamic security holds: others are no concern of its.
    pub fn is_under_dynsec(&self, asker: &Asker) -> bool {
        let connection = self.connections.get(asker.connection);
        connection
            .is_some_and(|c| c.generation == asker.generation && self.asks_dynsec(usize::from(c.listener)))
    }

    /// Whether a listener asks dynamic security.
    pub fn asks_dynsec(&self, listener: usize) -> bool {
        self.dynsec.is_some() && self.listeners.get(listener).is_some_and(|rules| rules.dynsec)
    }

    /// Whether dynamic security still lets a client in by this password.
    pub fn dynsec_still_admits(&self, client_id: &str, username: &str, hash: &PasswordHash) -> bool {
        let known = self.dynsec().and_then(|dynsec| dynsec.password_of(client_id, username));
        known.is_some_and(|known| known.is_same(hash))
    }

    /// Carries out a request to dynamic security; what changes holds at once. Who is to be disconnected is so by
    /// [`Shard::kick`], after the answer.
    pub fn execute(&mut self, request: &Request, asker: &Asker) -> Outcome {
        let Some(mut dynsec) = self.dynsec.take() else { return Outcome::default() };
        let connections = |username: &str| self.addresses_of(username);
        let caller = Caller {
            client_id: &asker.client_id,
            username: asker.username.as_deref(),
            connections: &connections,
        };
        let outcome = dynsec.execute(request, &caller);
        self.dynsec = Some(dynsec);
        if outcome.changed {
            self.forget_verdicts();
        }
        outcome
    }

    fn addresses_of(&self, username: &str) -> Vec<String> {
        let sessions = self.sessions.iter().filter(|(_, s)| s.username.as_deref() == Some(username));
        let keys = sessions.filter_map(|(_, session)| session.connection);
        keys.map(|key| self.connections[key].peer.host()).collect()
    }

    /// Ends connections whose rights changed. Their Wills are not sent, as in mosquitto.
    pub fn kick(&mut self, now: Now, kicks: &[Kick], out: &mut Outbox) {
        if kicks.is_empty() {
            return;
        }
        let meant = |username: Option<&str>| {
            kicks.iter().any(|kick| match kick {
                Kick::User(name) => username == Some(&**name),
                Kick::Anonymous => username.is_none(),
            })
        };
        let live = |key: &ConnectionKey| self.connections[*key].phase == Phase::Live;
        let sessions = self.sessions.iter().filter(|(_, s)| meant(s.username.as_deref()));
        let keys: Vec<ConnectionKey> = sessions
            .filter(|(_, s)| self.listeners.get(usize::from(s.listener)).is_some_and(|rules| rules.dynsec))
            .filter_map(|(_, s)| s.connection)
            .filter(live)
            .collect();
        for key in keys {
            self.connections[key].said_goodbye = true;
            self.end(now, key, ReasonCode::ADMINISTRATIVE_ACTION, Ended::Administrative, out);
        }
        for key in self.authenticating_as(meant) {
            self.drop_connection(now, key, Ended::Administrative, out);
        }
    }
}
