//! The Will: published when a connection ends without DISCONNECT, now or after its delay.

use super::access::may_publish;
use super::clock::Now;
use super::connection::SessionKey;
use super::deliver::Outgoing;
use super::outbox::Outbox;
use super::own::OwnMessage;
use super::shard::Shard;
use crate::auth::dynsec::Right;

impl Shard {
    /// Publishes the Will of a session, if it has one, and takes it away `[MQTT-3.1.2-8]`, `[MQTT-3.1.2-10]`.
    pub(super) fn publish_will(&mut self, now: Now, key: SessionKey, out: &mut Outbox) {
        let Some(will) = self.sessions[key as usize].will.take() else { return };
        let message = &will.message;
        let session = &self.sessions[key as usize];
        if !may_publish(message.topic()) || !self.gate().may(session, Right::Send, message.topic()) {
            return;
        }
        // The interval counts from when the Will is published [MQTT-3.1.3-9]; 0 is none.
        let expires = will.expiry_interval.filter(|&s| s != 0).map(|s| now.wall + u64::from(s));
        let own = OwnMessage {
            topic: message.topic(),
            properties: message.properties(),
            payload: message.payload(),
            qos: message.qos,
            retain: message.retain,
            expires,
        };
        let mut outgoing = Outgoing { publisher: Some(key), ..own.outgoing(out.changes.reserve()) };
        let mut hint = u32::MAX;
        self.deliver(now, &mut outgoing, &mut hint, out);
        self.record(&mut outgoing, None, out);
        let kept = outgoing.message.take();
        if message.retain {
            let (topic, payload) = (message.topic(), message.payload());
            self.retain(now, topic, message.properties(), payload, message.qos, expires, kept, key);
        }
    }
}
