//! One client's session: what survives its connection.

use super::asked::Asked;
use super::changes::SessionId;
use super::connection::{ConnectionKey, SessionKey};
use super::message::{Message, has_passed};
use super::pages::{Paged, Pages};
use super::shard::Shard;
use crate::protocol::{QoS, Version};
use crate::routing::NodeId;
use crate::session::{Inbound, Outbound};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Session Expiry Interval that means never `[MQTT-3.1.2-23]`.
pub const NEVER: u32 = u32::MAX;

/// A message on its way to one session.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The message, shared with every other session it waits for.
    pub message: Arc<Message>,
    /// Counts the messages of a session that survives the broker.
    pub number: u64,
    /// Subscription Identifier of the subscription that matched; 0: none.
    pub identifier: u32,
    /// QoS for this receiver.
    pub qos: QoS,
    /// RETAIN for this receiver.
    pub retain: bool,
    /// It comes from the retained store, asked for by SUBSCRIBE: outside the limits of the queue.
    pub asked_for: bool,
}

/// Deliveries that wait for room: in the socket (QoS 0) or among those in flight (QoS 1 and 2).
#[derive(Debug, Default)]
pub struct Backlog {
    /// QoS 0.
    pub at_most_once: VecDeque<Delivery>,
    /// Those of QoS 0 that count against the limits.
    pub at_most_once_counted: usize,
    /// QoS 1 and 2: the oldest of them.
    pub acknowledged: VecDeque<Delivery>,
    /// Bytes that these hold.
    pub acknowledged_bytes: usize,
    /// Those behind them, which are on disk.
    pub pages: Pages,
    /// The oldest of these are being read.
    pub is_reading: bool,
    /// The session's rights have changed since: what is read may be denied.
    pub recheck: bool,
    /// Subscriptions were taken from it since: what no other asks for is denied.
    pub lost: bool,
    /// Those of QoS 1 and 2 that count against the limits.
    pub acknowledged_counted: usize,
    /// Payload bytes of all that count.
    pub bytes: usize,
    /// More is dropped while the client is away; said once until it comes.
    pub dropping: bool,
}

impl Backlog {
    /// Appends a delivery.
    pub fn push(&mut self, delivery: Delivery) {
        let counts = usize::from(!delivery.asked_for);
        self.bytes += counts * delivery.message.payload().len();
        if delivery.qos == QoS::AtMostOnce {
            self.at_most_once_counted += counts;
            self.at_most_once.push_back(delivery);
        } else {
            self.acknowledged_counted += counts;
            self.acknowledged_bytes += delivery.message.size();
            self.acknowledged.push_back(delivery);
        }
    }

    /// Appends one of QoS 1 or 2 that is on disk.
    pub fn push_paged(&mut self, paged: &Paged) {
        let counts = usize::from(!paged.asked_for);
        self.bytes += counts * paged.length as usize;
        self.acknowledged_counted += counts;
        self.pages.push(paged);
    }

    /// Takes the oldest of those on disk.
    pub fn pop_paged(&mut self) -> Option<Paged> {
        let paged = self.pages.pop()?;
        let counts = usize::from(!paged.asked_for);
        self.bytes -= counts * paged.length as usize;
        self.acknowledged_counted -= counts;
        Some(paged)
    }

    /// Takes the oldest of QoS 0, or of QoS 1 and 2 in memory.
    pub fn pop(&mut self, acknowledged: bool) -> Option<Delivery> {
        let delivery = match acknowledged {
            true => self.acknowledged.pop_front(),
            false => self.at_most_once.pop_front(),
        }?;
        let counts = usize::from(!delivery.asked_for);
        self.bytes -= counts * delivery.message.payload().len();
        match acknowledged {
            true => {
                self.acknowledged_counted -= counts;
                self.acknowledged_bytes -= delivery.message.size();
            }
            false => self.at_most_once_counted -= counts,
        }
        Some(delivery)
    }

    /// Takes the oldest of QoS 0, or of QoS 1 and 2, if it has expired, and returns its number.
    pub fn pop_expired(&mut self, acknowledged: bool, wall: u64) -> Option<u64> {
        if acknowledged && self.acknowledged.is_empty() {
            self.pages.front().filter(|oldest| has_passed(oldest.expires, wall))?;
            return Some(self.pop_paged()?.number);
        }
        let oldest = match acknowledged {
            true => self.acknowledged.front(),
            false => self.at_most_once.front(),
        };
        oldest.filter(|d| d.message.is_expired(wall))?;
        Some(self.pop(acknowledged)?.number)
    }

    /// How many of either kind wait that count against the limits; the larger number.
    pub fn counted(&self) -> usize {
        self.acknowledged_counted.max(self.at_most_once_counted)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.at_most_once.is_empty() && self.acknowledged.is_empty() && self.pages.is_empty()
    }
}

/// A Will, kept until the connection ends one way or the other.
#[derive(Clone, Debug)]
pub struct Will {
    /// The message to publish.
    pub message: Message,
    /// Its Message Expiry Interval, which counts from when it is published.
    pub expiry_interval: Option<u32>,
    /// Will Delay Interval in seconds `[MQTT-3.1.3-9]`.
    pub delay: u32,
}

/// Who published a retained message: asked for again when it is delivered (`check_retain_source`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publisher {
    /// ClientId.
    pub client_id: Box<str>,
    /// User Name.
    pub username: Option<Box<str>>,
    /// Index of the listener.
    pub listener: u16,
    /// Port of the listener, by which it is known after a restart; 0 for a unix socket.
    pub port: u16,
}

/// One session.
#[derive(Debug)]
pub struct Session {
    /// Its number in the store; 0: it doesn't survive the broker.
    pub id: SessionId,
    /// The number under which the store knows the Will of a session that doesn't survive; 0: it has none.
    pub will_id: SessionId,
    /// The number of the last message that waited for it.
    pub last_number: u64,
    /// ClientId, as the client says it.
    pub client_id: Box<str>,
    /// The connection it has now.
    pub connection: Option<ConnectionKey>,
    /// Version of the last CONNECT.
    pub version: Version,
    /// Session Expiry Interval in seconds; 0: ends with the connection.
    pub expiry_interval: u32,
    /// When its last connection ended, in wall-clock seconds.
    pub disconnected_at: Option<u64>,
    /// Counts connections, so that a timer knows whether it is still meant.
    pub epoch: u32,
    /// Payload bytes in flight outbound (only counted for `max_inflight_bytes`).
    pub in_flight_bytes: usize,
    /// QoS 1 and 2 outbound.
    pub outbound: Outbound<Delivery>,
    /// QoS 2 inbound.
    pub inbound: Inbound,
    /// What waits; made when first needed.
    pub backlog: Option<Box<Backlog>>,
    /// What its subscriptions have asked for and not got yet.
    pub asked: Option<Box<Asked>>,
    /// Nodes of its plain subscriptions.
    pub subscriptions: HashTable<NodeId>,
    /// Nodes and ShareNames of its shared subscriptions.
    pub shared: HashTable<(NodeId, Box<str>)>,
    /// The Will of the current (or last, while delayed) connection.
    pub will: Option<Box<Will>>,
    /// User Name of the last CONNECT.
    pub username: Option<Box<str>>,
    /// Index of the listener of its last connection, whose rules hold for it.
    pub listener: u16,
    /// What its listener's `mount_point` puts before each topic.
    pub mount_point: Option<Arc<str>>,
    /// What its retained messages know of it; made when first needed.
    pub publisher: Option<Arc<Publisher>>,
}

impl Session {
    /// A new session.
    pub fn new(client_id: Box<str>, version: Version) -> Self {
        Session {
            id: 0,
            will_id: 0,
            last_number: 0,
            client_id,
            connection: None,
            version,
            expiry_interval: 0,
            disconnected_at: None,
            epoch: 0,
            in_flight_bytes: 0,
            outbound: Outbound::new(0),
            inbound: Inbound::default(),
            backlog: None,
            asked: None,
            subscriptions: HashTable::new(),
            shared: HashTable::new(),
            will: None,
            username: None,
            listener: 0,
            mount_point: None,
            publisher: None,
        }
    }

    /// What its retained messages know of it. `port`: of its listener.
    pub fn publisher(&mut self, port: u16) -> Arc<Publisher> {
        let make = || {
            Arc::new(Publisher {
                client_id: self.client_id.clone(),
                username: self.username.clone(),
                listener: self.listener,
                port,
            })
        };
        self.publisher.get_or_insert_with(make).clone()
    }

    /// Whether it outlives its connection.
    pub fn is_durable(&self) -> bool {
        self.expiry_interval != 0
    }

    /// Counts one more message.
    pub fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Whether it subscribes at this node.
    pub fn subscribes(&self, node: NodeId) -> bool {
        self.subscriptions.find(spread(node), |&n| n == node).is_some()
    }

    /// Notes a subscription; `false` if it was there.
    pub fn add_subscription(&mut self, node: NodeId) -> bool {
        if self.subscribes(node) {
            return false;
        }
        self.subscriptions.insert_unique(spread(node), node, |&n| spread(n));
        true
    }

    /// Forgets a subscription; `false` if there was none.
    pub fn remove_subscription(&mut self, node: NodeId) -> bool {
        match self.subscriptions.find_entry(spread(node), |&n| n == node) {
            Ok(entry) => {
                entry.remove();
                true
            }
            Err(_) => false,
        }
    }

    /// Notes a membership in a shared subscription.
    pub fn add_shared(&mut self, hasher: &RandomState, node: NodeId, share_name: &str) {
        let hash = hasher.hash_one((node, share_name));
        let known = |(n, name): &(NodeId, Box<str>)| *n == node && **name == *share_name;
        if self.shared.find(hash, known).is_none() {
            let hash_of = |(node, name): &(NodeId, Box<str>)| hasher.hash_one((*node, &**name));
            self.shared.insert_unique(hash, (node, share_name.into()), hash_of);
        }
    }

    /// Forgets a membership in a shared subscription.
    pub fn remove_shared(&mut self, hasher: &RandomState, node: NodeId, share_name: &str) {
        let hash = hasher.hash_one((node, share_name));
        if let Ok(entry) = self.shared.find_entry(hash, |(n, name)| *n == node && **name == *share_name) {
            entry.remove();
        }
    }

    /// The backlog, made now if there is none.
    pub fn backlog_mut(&mut self) -> &mut Backlog {
        self.backlog.get_or_insert_default()
    }

    /// Whether messages wait for it on disk only.
    pub fn has_pages(&self) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| !backlog.pages.is_empty())
    }

    /// How many deliveries of QoS 1 and 2 wait, beyond those in flight.
    pub fn waiting(&self) -> usize {
        self.backlog.as_ref().map_or(0, |b| b.acknowledged_counted)
    }
}

/// Node numbers are ours, not a stranger's: a multiplication spreads them well enough.
fn spread(node: NodeId) -> u64 {
    u64::from(node).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
}

/// A session's number and the epoch in which it was noted.
pub type SessionEpoch = (SessionKey, u32);

/// How a session stands, for who has to go on with it on another connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its Topic Filters, shared ones with their ShareNames.
    pub filters: Vec<String>,
    /// Packet Identifiers of QoS 2 messages it has sent and not released.
    pub unreleased: Vec<u16>,
    /// The Packet Identifier of the next message to it.
    pub next_identifier: u16,
    /// Messages to it that aren't acknowledged or not even sent.
    pub waiting: usize,
}

impl Shard {
    /// How the session of a ClientId stands.
    pub fn standing(&self, client_id: &str) -> Option<Standing> {
        let session = &self.sessions[self.find_session(client_id)? as usize];
        let plain = session.subscriptions.iter().map(|&node| self.subscriptions.filter(node));
        let shared = session
            .shared
            .iter()
            .map(|(node, name)| format!("$share/{name}/{}", self.subscriptions.filter(*node)));
        let backlog = session.backlog.as_ref();
        Some(Standing {
            filters: plain.chain(shared).collect(),
            unreleased: session.inbound.iter().collect(),
            next_identifier: session.outbound.next_identifier(),
            waiting: usize::from(session.outbound.in_flight())
                + backlog.map_or(0, |b| b.acknowledged.len() + b.pages.len() + b.at_most_once.len()),
        })
    }
}
