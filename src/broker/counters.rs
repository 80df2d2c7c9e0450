//! What was counted since the start, for `$SYS` and metrics.

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
    /// Messages dropped for want of room.
    pub publish_dropped: u64,
    /// Payload bytes received.
    pub payload_received: u64,
    /// Payload bytes sent.
    pub payload_sent: u64,
    /// Sessions expired.
    pub sessions_expired: u64,
}
