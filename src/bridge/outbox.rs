//! What a bridge wants done: bytes for either side, requests to whoever drives it, lines for the log.

use crate::client;
use crate::config::LogType;

/// What a bridge asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// A stream to this one of its addresses; the answer is `connected` or `failed`.
    Connect(usize),
    /// That stream, or the attempt at it, ends: what is to be written is written, then it is closed.
    Close,
    /// A connection to our own broker; the answer is `local_opened`, and in the end `local_closed`.
    OpenLocal,
    /// Can the first address be reached? The answer is `probed`.
    Probe,
    /// How many messages wait in the session at our own broker? The answer is `counted`.
    Count,
    /// It is over; the bridge may be dropped.
    Done,
}

/// A line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its type.
    pub log_type: LogType,
    /// The line.
    pub text: String,
}

/// Emptied by whoever drives the bridge, after each call.
#[derive(Debug, Default)]
pub struct Outbox {
    /// For the remote broker.
    pub remote: client::Outbox,
    /// For our own broker: whole packets.
    pub local: Vec<u8>,
    /// In this order.
    pub requests: Vec<Request>,
    /// In this order.
    pub notes: Vec<Note>,
}

impl Outbox {
    pub(super) fn note(&mut self, log_type: LogType, text: String) {
        self.notes.push(Note { log_type, text });
    }
}

/// How the bridge's session at our own broker stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its Topic Filters.
    pub filters: Vec<String>,
    /// Packet Identifiers of QoS 2 messages from the remote broker that aren't released yet.
    pub unreleased: Vec<u16>,
    /// The Packet Identifier of the next message to the remote broker.
    pub next_identifier: u16,
}
