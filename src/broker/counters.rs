//! What was counted since the start, for `$SYS` and metrics.

use super::message::stored;
use super::shard::Shard;

/// Totals.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Connections accepted.
    pub sockets: u64,
    /// CONNECT packets.
    pub connects: u64,
    /// Packets of any type received.
    pub packets_received: u64,
    /// Packets of any type sent.
    pub packets_sent: u64,
    /// Bytes received in whole packets.
    pub bytes_received: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// PUBLISH packets received.
    pub publish_received: u64,
    /// PUBLISH packets sent.
    pub publish_sent: u64,
    /// Messages dropped for want of room, or because they were damaged on disk.
    pub publish_dropped: u64,
    /// Payload bytes received.
    pub payload_received: u64,
    /// Payload bytes sent.
    pub payload_sent: u64,
    /// Sessions expired.
    pub sessions_expired: u64,
    /// The most sessions at a time.
    pub sessions_maximum: u64,
}

/// What the broker holds at the moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauges {
    /// Connections, with and without a session yet.
    pub connections: u64,
    /// Sessions, with and without a connection.
    pub sessions: u64,
    /// Plain subscriptions.
    pub subscriptions: u64,
    /// Shared subscriptions.
    pub shared_subscriptions: u64,
    /// Retained messages.
    pub retained: u64,
    /// Messages that are kept for any reason, each once in memory and once for each session that it waits for on disk.
    pub stored: u64,
    /// Their payload bytes.
    pub stored_bytes: u64,
    /// QoS 0 messages that wait for a slow receiver, and connections whose socket takes no more at the moment.
    pub waiting: u64,
    /// Bytes that wait for sockets.
    pub waiting_bytes: u64,
}

impl Shard {
    /// What was counted since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What the broker holds. Looks at every connection: for now and then.
    pub fn gauges(&self) -> Gauges {
        let (stored, stored_bytes) = stored();
        let mut gauges = Gauges {
            connections: self.connections.len() as u64,
            sessions: self.sessions.len() as u64,
            subscriptions: self.subscriptions.count() as u64,
            shared_subscriptions: self.subscriptions.shared_count() as u64,
            retained: self.retained.count() as u64,
            stored,
            stored_bytes,
            waiting: 0,
            waiting_bytes: 0,
        };
        for backlog in self.sessions.iter().filter_map(|(_, session)| session.backlog.as_ref()) {
            gauges.stored += backlog.pages.len() as u64;
            gauges.stored_bytes += backlog.pages.bytes() as u64;
        }
        for (_, connection) in &self.connections {
            let pending = connection.out.pending();
            if pending > 0 {
                gauges.waiting += 1;
                gauges.waiting_bytes += pending as u64;
                let session = self.sessions.get(connection.session as usize);
                let backlog = session.and_then(|session| session.backlog.as_ref());
                gauges.waiting += backlog.map_or(0, |backlog| backlog.at_most_once.len() as u64);
            }
        }
        gauges
    }
}
