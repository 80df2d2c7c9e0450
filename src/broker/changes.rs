//! The record of everything that must survive the broker, in the order in which it happens: the one stream from which
//! the store lives, and with which answers to clients are kept back until it is safe.
//!
//! Each change has a number. What refers to a session carries the session's id (the number of the change that first
//! told of it); a message waits for a session under a number that counts that session's messages. Neither is used
//! twice, so changes can be put together in any order.

use super::connection::{Connection, ConnectionKey};
use super::message::Message;
use super::outbox::Outbox;
use super::session::{Publisher, Will};
use crate::protocol::{QoS, Version};
use std::collections::VecDeque;
use std::sync::Arc;

/// Number of a session that survives; 0: it doesn't.
pub type SessionId = u64;

/// One session waits for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Who waits.
    pub session: SessionId,
    /// Counts the messages of this session.
    pub number: u64,
    /// Subscription Identifier; 0: none.
    pub identifier: u32,
    /// Packet Identifier, if it is in flight already; 0: it is queued.
    pub packet_identifier: u16,
    /// QoS for this receiver: 1 or 2.
    pub qos: QoS,
    /// RETAIN for this receiver.
    pub retain: bool,
    /// It comes from the retained store, asked for by SUBSCRIBE.
    pub asked_for: bool,
}

/// What is known of a session besides its subscriptions and messages.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// Its number.
    pub id: SessionId,
    /// ClientId.
    pub client_id: Box<str>,
    /// User Name of the last CONNECT.
    pub username: Option<Box<str>>,
    /// Version of the last CONNECT.
    pub version: Version,
    /// Session Expiry Interval in seconds.
    pub expiry_interval: u32,
    /// When its connection ended, in wall-clock seconds; `None`: it has one.
    pub disconnected_at: Option<u64>,
    /// Port of the listener whose rules hold for it; 0 for a unix socket.
    pub port: u16,
    /// What stands before its topics.
    pub mount_point: Option<Arc<str>>,
    /// The Will that waits.
    pub will: Option<Will>,
}

/// One subscription of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionRecord {
    /// Topic Filter with mount point, without `$share/NAME/`.
    pub filter: Box<str>,
    /// ShareName, if it is shared.
    pub share_name: Option<Box<str>>,
    /// Maximum QoS.
    pub qos: QoS,
    /// Subscription Identifier; 0: none.
    pub identifier: u32,
    /// No Local.
    pub no_local: bool,
    /// Retain As Published.
    pub retain_as_published: bool,
}

/// Something that must survive.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each variant says what its fields are")]
pub enum Change {
    /// A message came that is retained, or that sessions wait for: the next `receipts` of [`Changes::receipts`]. If it
    /// was published at QoS 2 in a session that survives, that session and the Packet Identifier, so that a repeated
    /// PUBLISH is known. `publisher`: who is asked for when it is delivered out of the retained store.
    Message {
        message: Arc<Message>,
        retained: bool,
        publisher: Option<Arc<Publisher>>,
        received: Option<(SessionId, u16)>,
        receipts: u32,
    },
    /// A session began, or something about it changed.
    Session(Box<SessionRecord>),
    /// A session ended, with all that it had.
    SessionEnded { session: SessionId },
    /// A subscription was made or replaced.
    Subscribed { session: SessionId, subscription: Box<SubscriptionRecord> },
    /// A subscription was removed.
    Unsubscribed { session: SessionId, filter: Box<str>, share_name: Option<Box<str>> },
    /// A topic has no retained message any more.
    RetainedRemoved { topic: Box<str> },
    /// A queued message was sent with this Packet Identifier.
    InFlight { session: SessionId, number: u64, packet_identifier: u16 },
    /// PUBREC came: the message is with the receiver, whose PUBCOMP is awaited.
    Taken { session: SessionId, number: u64, packet_identifier: u16 },
    /// A session waits for a message no more: acknowledged, expired or denied.
    Done { session: SessionId, number: u64 },
    /// PUBCOMP came.
    Completed { session: SessionId, packet_identifier: u16 },
    /// A QoS 2 PUBLISH came whose message nobody waits for.
    Received { session: SessionId, packet_identifier: u16 },
    /// PUBREL came.
    Released { session: SessionId, packet_identifier: u16 },
}

/// So many bytes of changes may wait for the disk; fewer where it hasn't much room.
pub const FLOOD: usize = 64 * 1024 * 1024;
/// They are counted in heaps of at least this.
const HEAP: usize = 64 * 1024;
/// What a change takes beyond its message, and each receipt.
const CHANGE: usize = 96;

/// The changes of a turn, and which of the earlier ones are safe.
#[derive(Debug)]
pub struct Changes {
    /// Changes with their numbers.
    pub list: Vec<(u64, Change)>,
    /// The receipts of the messages in `list`, one message's behind the other's.
    pub receipts: Vec<Receipt>,
    /// The store can't keep more.
    pub(super) full: bool,
    /// Connections that wait until it can, or until it has kept what it was given.
    pub(super) blocked: Vec<ConnectionKey>,
    /// The store is so far behind that whoever makes it more to do has to wait.
    pub(super) flooded: bool,
    /// So many bytes may wait for it.
    limit: usize,
    /// About how many bytes aren't safe yet: in all, and by the change up to which they go.
    unsafe_bytes: usize,
    heaps: VecDeque<(u64, usize)>,
    /// Something must survive at all: `persistence true`.
    enabled: bool,
    /// The last number that was given.
    sequence: u64,
    /// The highest number that was ever in `list`.
    last: u64,
    /// All changes up to this one are safe.
    committed: u64,
    /// Connections whose output waits for a change to be safe.
    held: VecDeque<(u64, ConnectionKey)>,
}

impl Default for Changes {
    fn default() -> Self {
        Changes {
            list: Vec::new(),
            receipts: Vec::new(),
            full: false,
            blocked: Vec::new(),
            flooded: false,
            limit: FLOOD,
            unsafe_bytes: 0,
            heaps: VecDeque::new(),
            enabled: false,
            sequence: 0,
            last: 0,
            committed: 0,
            held: VecDeque::new(),
        }
    }
}

impl Changes {
    /// Changes are kept from now on; their numbers are higher than `sequence`.
    pub fn begin(&mut self, sequence: u64) {
        self.enabled = true;
        (self.sequence, self.last, self.committed) = (sequence, sequence, sequence);
    }

    /// Whether changes are kept at all.
    pub fn enabled(&self) -> bool {
        self.enabled
    }

    /// The highest number so far.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Takes a number, for a change that may come.
    pub(super) fn reserve(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Adds a change under a number that was reserved for it.
    pub(super) fn push_as(&mut self, sequence: u64, change: Change) {
        self.last = self.last.max(sequence);
        self.weigh(&change);
        self.list.push((sequence, change));
    }

    /// Counts a change among those that aren't safe.
    fn weigh(&mut self, change: &Change) {
        let bytes = match change {
            Change::Message { message, receipts, .. } => CHANGE * (1 + *receipts as usize) + message.size(),
            _ => CHANGE,
        };
        self.unsafe_bytes += bytes;
        self.flooded |= self.unsafe_bytes > self.limit;
        match self.heaps.back_mut() {
            Some((upto, heap)) if *heap < HEAP => (*upto, *heap) = (self.last, *heap + bytes),
            _ => self.heaps.push_back((self.last, bytes)),
        }
    }

    /// Adds a change and returns its number.
    pub(super) fn push(&mut self, change: Change) -> u64 {
        let sequence = self.reserve();
        self.push_as(sequence, change);
        sequence
    }

    /// A topic has no retained message any more. Those of `$SYS` are the broker's own and don't survive it.
    pub(super) fn retained_removed(&mut self, topic: &str) {
        if self.enabled && !topic.starts_with("$SYS") {
            self.push(Change::RetainedRemoved { topic: topic.into() });
        }
    }

    /// A session waits for a message no more. Without a number the store doesn't know of it.
    pub(super) fn done(&mut self, session: SessionId, number: u64) {
        if session != 0 && number != 0 {
            self.push(Change::Done { session, number });
        }
    }

    /// All changes up to this one are safe. Whether those may go on that had to wait for it.
    pub(super) fn commit(&mut self, sequence: u64) -> bool {
        self.committed = self.committed.max(sequence);
        while let Some(&(upto, bytes)) = self.heaps.front()
            && upto <= self.committed
        {
            self.heaps.pop_front();
            self.unsafe_bytes -= bytes;
        }
        let calm = self.flooded && self.unsafe_bytes <= self.limit / 2;
        self.flooded &= !calm;
        calm
    }

    /// So many bytes may wait for the disk. Whether it is more than before.
    pub(super) fn set_limit(&mut self, limit: usize) -> bool {
        let before = std::mem::replace(&mut self.limit, limit.min(FLOOD));
        self.limit > before
    }

    /// Whether a message of this size can't be kept at all.
    pub(super) fn is_full_for(&self, bytes: usize) -> bool {
        self.full || self.limit < FLOOD && bytes > self.limit
    }

    /// Whether what waits for the disk is as much as there is sure to be room for: not one message more.
    pub(super) fn is_crowded(&self) -> bool {
        self.flooded && self.limit < FLOOD
    }

    /// The next connection that waited for nothing but what is safe now.
    pub(super) fn next_free(&mut self) -> Option<(ConnectionKey, u64)> {
        let (sequence, key) = *self.held.front()?;
        if sequence > self.committed {
            return None;
        }
        self.held.pop_front();
        Some((key, self.committed))
    }
}

/// Keeps back what is appended to a connection's output from now on until a change is safe.
pub(super) fn hold(connection: &mut Connection, key: ConnectionKey, sequence: u64, out: &mut Outbox) {
    if sequence > out.changes.committed && connection.out.hold(sequence) {
        out.changes.held.push_back((sequence, key));
    }
}
