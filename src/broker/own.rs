//! What the broker publishes itself: `$SYS` topics, its log, answers of its own.

use super::clock::Now;
use super::deliver::Outgoing;
use super::message::Message;
use super::outbox::Outbox;
use super::shard::Shard;
use crate::protocol::QoS;
use std::sync::Arc;

/// A message of the broker's own.
#[derive(Clone, Copy, Debug)]
pub struct OwnMessage<'a> {
    /// Topic Name.
    pub topic: &'a str,
    /// Payload; empty and retained: removes the retained message.
    pub payload: &'a [u8],
    /// Properties as on the wire, such as Correlation Data; empty: none.
    pub properties: &'a [u8],
    /// QoS.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// When it expires, in wall-clock seconds.
    pub expires: Option<u64>,
}

impl<'a> OwnMessage<'a> {
    /// A retained message of QoS 2, as those of `$SYS` are.
    pub fn retained(topic: &'a str, payload: &'a [u8]) -> Self {
        OwnMessage { topic, payload, properties: &[], qos: QoS::ExactlyOnce, retain: true, expires: None }
    }

    /// The same on its way to its receivers. `sequence`: the number of the change that keeps it; 0 if none does.
    pub(super) fn outgoing(&self, sequence: u64) -> Outgoing<'a> {
        let OwnMessage { topic, payload, properties, qos, retain, expires } = *self;
        Outgoing {
            topic,
            properties,
            hidden: 0,
            payload,
            qos,
            retain,
            expires,
            publisher: None,
            from: None,
            source: None,
            sequence,
            receipts: 0,
            message: None,
            shared_payload: None,
        }
    }
}

impl Shard {
    /// Publishes a message of the broker's own: no rule for clients holds. Those on `$SYS` are
    /// not retained beyond the broker's end.
    pub fn publish_own(&mut self, now: Now, message: &OwnMessage<'_>, out: &mut Outbox) {
        let OwnMessage { topic, payload, properties, qos, retain, expires } = *message;
        let mut outgoing = message.outgoing(out.changes.reserve());
        let mut hint = u32::MAX;
        self.deliver(now, &mut outgoing, &mut hint, out);
        self.record(&mut outgoing, None, out);
        if !retain {
            return;
        }
        if payload.is_empty() {
            self.retained.remove(topic);
            return;
        }
        let kept = outgoing.message.take();
        self.retained.set(
            kept.unwrap_or_else(|| Arc::new(Message::new(topic, properties, payload, qos, true, expires))),
        );
    }
}
