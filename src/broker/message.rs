//! A message that is kept: queued, in flight or retained. Its body is stored once, however many sessions it waits for.

use crate::protocol::QoS;
use bytes::Bytes;
use std::sync::atomic::{AtomicU64, Ordering};

/// Messages that are kept, and their payload bytes: for `$SYS`. A message may be let go on another thread.
static STORED: AtomicU64 = AtomicU64::new(0);
static STORED_BYTES: AtomicU64 = AtomicU64::new(0);

/// How many messages are kept in this process, and their payload bytes.
pub(super) fn stored() -> (u64, u64) {
    (STORED.load(Ordering::Relaxed), STORED_BYTES.load(Ordering::Relaxed))
}

/// An application message. Topic Name, properties and payload lie one behind the other in one allocation.
#[derive(Debug)]
pub struct Message {
    data: Bytes,
    topic: u32,
    properties: u32,
    /// QoS at which it was published.
    pub qos: QoS,
    /// RETAIN as it was published.
    pub retain: bool,
    /// When it expires, in wall-clock seconds `[MQTT-3.3.2-5]`; `None`: never.
    pub expires: Option<u64>,
    /// How many bytes at the end of its properties are for brokers of ours only: its trail.
    pub hidden: u32,
}

impl Message {
    /// Copies a message out of a read buffer. `properties` are those that are passed on
    /// (without Topic Alias, Message Expiry Interval and Subscription Identifier).
    pub fn new(
        topic: &str,
        properties: &[u8],
        payload: &[u8],
        qos: QoS,
        retain: bool,
        expires: Option<u64>,
    ) -> Self {
        let mut data = Vec::with_capacity(topic.len() + properties.len() + payload.len());
        data.extend_from_slice(topic.as_bytes());
        data.extend_from_slice(properties);
        data.extend_from_slice(payload);
        count(payload.len());
        Message {
            data: data.into(),
            topic: topic.len() as u32,
            properties: properties.len() as u32,
            qos,
            retain,
            expires,
            hidden: 0,
        }
    }

    /// Topic Name.
    pub fn topic(&self) -> &str {
        // The bytes came from a str; the check costs little and needs no unsafe code.
        simdutf8::basic::from_utf8(&self.data[..self.topic as usize]).unwrap_or_default()
    }

    /// The properties that are passed on, as they stand on the wire.
    pub fn properties(&self) -> &[u8] {
        &self.data[self.topic as usize..(self.topic + self.properties) as usize]
    }

    /// Those of them that everybody may see.
    pub fn visible(&self) -> &[u8] {
        &self.data[self.topic as usize..(self.topic + self.properties - self.hidden) as usize]
    }

    /// Payload.
    pub fn payload(&self) -> &[u8] {
        &self.data[(self.topic + self.properties) as usize..]
    }

    /// Payload, shared.
    pub fn shared_payload(&self) -> Bytes {
        self.data.slice((self.topic + self.properties) as usize..)
    }

    /// Bytes that it holds.
    pub fn size(&self) -> usize {
        self.data.len()
    }

    /// Whether its Message Expiry Interval has passed.
    pub fn is_expired(&self, wall: u64) -> bool {
        has_passed(self.expires, wall)
    }

    /// What is left of its Message Expiry Interval, in seconds `[MQTT-3.3.2-6]`.
    pub fn remaining(&self, wall: u64) -> Option<u32> {
        remaining(self.expires, wall)
    }
}

/// Whether a time to expire has passed. In whole seconds: within its last one a message is still good, for it may
/// have come late in its first.
pub fn has_passed(expires: Option<u64>, wall: u64) -> bool {
    expires.is_some_and(|at| wall > at)
}

/// What is left until a time to expire. The last second counts as one until it is over: 0 would mean for ever.
pub fn remaining(expires: Option<u64>, wall: u64) -> Option<u32> {
    expires.map(|at| at.saturating_sub(wall).clamp(1, u64::from(u32::MAX)) as u32)
}

/// One more message is kept.
fn count(payload: usize) {
    STORED.fetch_add(1, Ordering::Relaxed);
    STORED_BYTES.fetch_add(payload as u64, Ordering::Relaxed);
}

/// A Will is copied for the store. Each copy counts, since each is let go once.
impl Clone for Message {
    fn clone(&self) -> Self {
        count(self.payload().len());
        let Message { data, topic, properties, qos, retain, expires, hidden } = self;
        let (topic, properties, qos, retain) = (*topic, *properties, *qos, *retain);
        Message { data: data.clone(), topic, properties, qos, retain, expires: *expires, hidden: *hidden }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        STORED.fetch_sub(1, Ordering::Relaxed);
        STORED_BYTES.fetch_sub(self.payload().len() as u64, Ordering::Relaxed);
    }
}
