//! The broker as a value: connections, sessions, subscriptions, retained messages, timers.
//!
//! Whoever drives it passes in time and bytes, and empties the [`Outbox`] at the end of each turn.

use super::access::Verdicts;
use super::changes::Change;
use super::clock::Now;
use super::connection::{Connection, ConnectionKey, NO_SESSION, Phase, SessionKey};
use super::counters::Counters;
use super::encode::Frames;
use super::limits::{CONNECT_SIZE, CONNECT_TIMEOUT, GIVES_WAY_AFTER, Limits, ListenerRules};
use super::notice::{Ended, Kinds, Notice, Peer, Secured};
use super::outbox::Outbox;
use super::outbuf::BufferPool;
use super::random::Random;
use super::retained::Retained;
use super::session::Session;
use super::timers::{Timer, Timers};
use crate::auth::dynsec::Dynsec;
use crate::protocol::{self, Malformed, ReasonCode};
use crate::routing::{RouteCache, Subscriptions};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use slab::Slab;
use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::io::IoSlice;

/// The broker.
#[derive(Debug)]
pub struct Shard {
    pub(super) limits: Limits,
    pub(super) listeners: Vec<ListenerRules>,
    pub(super) dynsec: Option<Box<Dynsec>>,
    pub(super) verdicts: Verdicts,
    /// Kinds of notice that somebody listens at.
    pub(super) kinds: Kinds,
    pub(super) connections: Slab<Connection>,
    pub(super) sessions: Slab<Session>,
    /// Sessions by ClientId.
    pub(super) directory: HashTable<SessionKey>,
    pub(super) hasher: RandomState,
    pub(super) subscriptions: Subscriptions,
    pub(super) routes: RouteCache,
    pub(super) retained: Retained,
    /// Expired retained messages will be freed at some time.
    pub(super) sweep_is_set: bool,
    pub(super) timers: Timers,
    pub(super) pool: BufferPool,
    pub(super) frames: Frames,
    pub(super) random: Random,
    /// What brokers of ours know this one by.
    pub(super) name: String,
    pub(super) counters: Counters,
    /// Connections at each listener.
    pub(super) connected: Vec<usize>,
    /// Connections that haven't introduced themselves, the oldest first; of each its generation. Some may have since.
    pub(super) strangers: VecDeque<(ConnectionKey, u32)>,
    /// CONNECTs whose password is being checked.
    pub(super) authenticating: Vec<super::connect::Pending>,
    /// Receivers that hold publishers back.
    pub(super) slow: Vec<ConnectionKey>,
    /// Counts connections and epochs of sessions.
    pub(super) generation: u32,
    /// Reused for Topic Names that an alias or a mount point stands for.
    pub(super) topic: String,
    /// Reused for properties that are passed on.
    pub(super) properties: Vec<u8>,
}

impl Shard {
    /// A broker without clients. The seed is for assigned ClientIds.
    pub fn new(limits: Limits, listeners: Vec<ListenerRules>, kinds: Kinds, seed: [u8; 32]) -> Self {
        let random = Random::new(seed);
        Shard {
            name: random.name(),
            limits,
            connected: vec![0; listeners.len()],
            listeners,
            dynsec: None,
            verdicts: Verdicts::default(),
            kinds,
            connections: Slab::new(),
            sessions: Slab::new(),
            directory: HashTable::new(),
            hasher: RandomState::default(),
            subscriptions: Subscriptions::default(),
            routes: RouteCache::default(),
            retained: Retained::default(),
            sweep_is_set: false,
            timers: Timers::default(),
            pool: BufferPool::default(),
            frames: Frames::default(),
            random,
            counters: Counters::default(),
            strangers: VecDeque::new(),
            authenticating: Vec::new(),
            slow: Vec::new(),
            generation: 0,
            topic: String::new(),
            properties: Vec::new(),
        }
    }

    /// Kinds of notice that somebody listens at from now on.
    pub fn set_kinds(&mut self, kinds: Kinds) {
        self.kinds = kinds;
    }

    /// What brokers of ours know this one by, as long as it runs.
    pub fn own_name(&self) -> &str {
        &self.name
    }

    /// Sessions, with and without a connection.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Who subscribes to what, as SIGUSR2 shows it.
    pub fn subscription_tree(&self) -> String {
        self.subscriptions.print(|session| {
            self.sessions.get(session as usize).map_or_else(String::new, |s| {
                s.client_id.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
            })
        })
    }

    /// What the broker holds, in one line.
    pub fn summary(&self) -> String {
        format!(
            "{} connections, {} sessions, {} subscriptions, {} shared subscriptions, {} retained messages of {} bytes",
            self.connections.len(),
            self.sessions.len(),
            self.subscriptions.count(),
            self.subscriptions.shared_count(),
            self.retained.count(),
            self.retained.bytes()
        )
    }

    /// A connection was accepted. `None`: there are enough already; the caller closes it.
    pub fn accepted(
        &mut self,
        now: Now,
        listener: usize,
        peer: Peer,
        out: &mut Outbox,
    ) -> Option<ConnectionKey> {
        let rules = &self.listeners[listener];
        let full_here = rules.max_connections.is_some_and(|max| self.connected[listener] >= max);
        let full = self.limits.global_max_connections.is_some_and(|max| self.connections.len() >= max);
        if (full_here || full) && !rules.bridges {
            let at = full_here.then_some(listener);
            if !self.make_way(now, at, out) {
                self.notice(out, Kinds::NOTICE, || Notice::TooManyConnections { peer });
                return None;
            }
        }
        let rules = &self.listeners[listener];
        if self.limits.connection_messages && !rules.bridges && !rules.behind_proxy {
            let port = rules.port;
            self.notice(out, Kinds::NOTICE, || Notice::NewConnection { peer: peer.clone(), port });
        }
        self.connected[listener] += 1;
        self.counters.sockets += 1;
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let key = self.connections.insert(Connection::new(listener as u16, peer, now.monotonic, generation));
        self.timers.set(now.monotonic + CONNECT_TIMEOUT, Timer::Silence(key, generation));
        while self.strangers.front().is_some_and(|&stranger| self.stranger(stranger).is_none()) {
            self.strangers.pop_front();
        }
        self.strangers.push_back((key, generation));
        self.tidy_timers();
        Some(key)
    }

    /// A connection that hasn't introduced itself yet.
    fn stranger(&self, (key, generation): (ConnectionKey, u32)) -> Option<&Connection> {
        let is_strange = |c: &&Connection| c.generation == generation && c.phase == Phase::AwaitingConnect;
        self.connections.get(key).filter(is_strange)
    }

    /// There is no room for a new connection: the one that has said nothing for longest goes, at this listener or
    /// anywhere, if that is some time. `false`: there is none.
    pub fn make_way(&mut self, now: Now, listener: Option<usize>, out: &mut Outbox) -> bool {
        // Those that have introduced themselves aren't looked through again for whoever comes next.
        let mut strangers = std::mem::take(&mut self.strangers);
        strangers.retain(|&stranger| self.stranger(stranger).is_some());
        self.strangers = strangers;
        let gives_way = |&stranger: &(ConnectionKey, u32)| {
            self.stranger(stranger).is_some_and(|connection| {
                now.monotonic >= connection.last_seen + GIVES_WAY_AFTER
                    && listener.is_none_or(|listener| usize::from(connection.listener) == listener)
            })
        };
        let Some(at) = self.strangers.iter().position(gives_way) else { return false };
        if let Some((key, _)) = self.strangers.remove(at) {
            self.drop_connection(now, key, Ended::Timeout, out);
        }
        true
    }

    /// Throws timers away that nobody waits for, once there are many: each connection leaves some behind, which may be
    /// due in hours or years.
    fn tidy_timers(&mut self) {
        if !self.timers.are_many() {
            return;
        }
        let (connections, sessions) = (&self.connections, &self.sessions);
        let session = |key: SessionKey, epoch| sessions.get(key as usize).filter(|s| s.epoch == epoch);
        self.timers.tidy(|timer| match *timer {
            Timer::Silence(key, generation) => {
                connections.get(key).is_some_and(|c| c.generation == generation)
            }
            Timer::SessionExpiry((key, epoch)) | Timer::WillDelay((key, epoch)) => {
                session(key, epoch).is_some_and(|s| s.connection.is_none())
            }
            Timer::Retained((key, epoch)) => session(key, epoch).is_some(),
            Timer::Sweep => true,
        });
    }

    /// Acts on every whole packet in `data` and returns how many bytes it took. The rest is to be passed in again,
    /// with what comes behind it; if the connection is held back ([`Shard::is_held`]), after it is resumed.
    pub fn bytes(&mut self, now: Now, key: ConnectionKey, data: &[u8], out: &mut Outbox) -> usize {
        let mut at = 0;
        self.counters.bytes_received += data.len() as u64;
        while let Some(connection) = self.connections.get_mut(key) {
            match connection.phase {
                Phase::Closing => return data.len(),
                Phase::Authenticating => break,
                _ if connection.held_firmly => break,
                _ => {}
            }
            let header = match protocol::fixed_header(&data[at..]) {
                Ok(Some(header)) => header,
                Ok(None) => break,
                Err(error) => {
                    self.refuse_bytes(now, key, data[at], error, out);
                    return data.len();
                }
            };
            let total = header.header_length + header.remaining_length;
            let limit = match connection.phase {
                Phase::AwaitingConnect => CONNECT_SIZE.min(self.limits.max_packet_size as usize),
                _ => self.limits.max_packet_size as usize,
            };
            if total > limit && !self.listeners[usize::from(connection.listener)].bridges {
                self.end(now, key, ReasonCode::PACKET_TOO_LARGE, Ended::OversizePacket, out);
                return data.len();
            }
            if data.len() - at < total {
                break;
            }
            connection.last_seen = now.monotonic;
            let scarce = out.changes.is_crowded() || out.changes.is_full_for(total);
            if scarce && self.must_wait(key, &data[at..at + total], header.header_length, out) {
                break;
            }
            self.counters.packets_received += 1;
            let before = out.changes.last();
            self.packet(now, key, &data[at..at + total], header.header_length, out);
            at += total;
            if out.changes.flooded && out.changes.last() != before {
                self.wait_for_disk(key, out);
            }
        }
        self.counters.bytes_received -= (data.len() - at) as u64;
        at
    }

    /// A byte that can't start a packet here.
    fn refuse_bytes(&mut self, now: Now, key: ConnectionKey, first: u8, error: Malformed, out: &mut Outbox) {
        let connection = &self.connections[key];
        if connection.phase == Phase::AwaitingConnect && first == 0x16 {
            let peer = connection.peer.clone();
            self.notice(out, Kinds::NOTICE, || Notice::LooksLikeTls { peer });
        }
        self.malformed(now, key, first >> 4, error, out);
    }

    /// A connection that was just accepted only has something to say and ends in the same turn: what waits in its
    /// session is not delivered on it, but to the next one.
    pub fn mute(&mut self, key: ConnectionKey) {
        if let Some(connection) = self.connections.get_mut(key) {
            connection.mute = true;
        }
    }

    /// Whether input of this connection is held back for now; reading more would only fill memory.
    pub fn is_held(&self, key: ConnectionKey) -> bool {
        self.connections.get(key).is_some_and(|c| c.held_by > 0 || c.phase == Phase::Authenticating)
    }

    /// A PROXY header says where a connection really comes from.
    pub fn moved(&mut self, key: ConnectionKey, peer: Peer) {
        if let Some(connection) = self.connections.get_mut(key) {
            connection.peer = peer;
        }
    }

    /// TLS has found out who is at the other end of a connection.
    pub fn secured(&mut self, key: ConnectionKey, secured: Secured, out: &mut Outbox) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let (peer, words) = (connection.peer.clone(), secured.words.clone());
        let is_proxys = secured.by_proxy;
        connection.secured = Some(Box::new(secured));
        if is_proxys && self.limits.connection_messages {
            self.notice(out, Kinds::NOTICE, || Notice::ProxyNegotiated { peer, words });
        }
    }

    /// What stands between the socket and MQTT doesn't go on; `notice` says more than the connection's end does.
    pub fn failed(
        &mut self,
        now: Now,
        key: ConnectionKey,
        why: Ended,
        notice: Option<Notice>,
        out: &mut Outbox,
    ) {
        if let Some(notice) = notice {
            self.notice(out, notice.kind(), || notice);
        }
        self.drop_connection(now, key, why, out);
    }

    /// What the log calls a connection.
    pub fn name_of(&self, key: ConnectionKey) -> String {
        match self.connections.contains(key) {
            true => self.name(key).into(),
            false => String::new(),
        }
    }

    /// Where a connection comes from.
    pub fn peer(&self, key: ConnectionKey) -> Option<&Peer> {
        self.connections.get(key).map(|connection| &connection.peer)
    }

    /// The socket was closed by the other side, or failed.
    pub fn closed(&mut self, now: Now, key: ConnectionKey, out: &mut Outbox) {
        self.drop_connection(now, key, Ended::ByClient, out);
    }

    /// What is to be written to a connection, in order; returns how many slices were filled in.
    pub fn output<'a>(&'a self, key: ConnectionKey, slices: &mut [IoSlice<'a>]) -> usize {
        self.connections.get(key).map_or(0, |c| c.out.slices(slices))
    }

    /// Whether a connection has bytes to write.
    pub fn has_output(&self, key: ConnectionKey) -> bool {
        self.connections.get(key).is_some_and(|c| !c.out.is_empty())
    }

    /// Whether a connection ends as soon as its output is written.
    pub fn is_closing(&self, key: ConnectionKey) -> bool {
        self.connections.get(key).is_none_or(|c| c.phase == Phase::Closing)
    }

    /// The socket took `count` bytes; what waited behind them moves up.
    pub fn wrote(&mut self, now: Now, key: ConnectionKey, count: usize, out: &mut Outbox) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        self.counters.bytes_sent += count as u64;
        connection.out.advance(count, &mut self.pool);
        self.move_up(now, key, out);
    }

    /// The loop starts to write a connection: it may be marked dirty again from now on.
    pub fn taken(&mut self, key: ConnectionKey) {
        if let Some(connection) = self.connections.get_mut(key) {
            connection.dirty = false;
        }
    }

    /// Forgets a closing connection whose output is written; the loop closes the socket. Its key may be used anew.
    pub fn remove(&mut self, key: ConnectionKey) {
        if self.connections.get(key).is_some_and(|c| c.phase == Phase::Closing) {
            let mut connection = self.connections.remove(key);
            connection.out.clear(&mut self.pool);
        }
    }

    /// When [`Shard::tick`] is to be called next, in monotonic milliseconds.
    pub fn next_deadline(&self) -> Option<u64> {
        let slow = self.slow.iter().filter_map(|&key| self.patience_ends(key)).min();
        [self.timers.next(), slow].into_iter().flatten().min()
    }

    /// Acts on what is due.
    pub fn tick(&mut self, now: Now, out: &mut Outbox) {
        self.end_patience(now, out);
        while let Some(timer) = self.timers.due(now.monotonic) {
            match timer {
                Timer::Silence(key, generation) => self.silence(now, key, generation, out),
                Timer::SessionExpiry(session) => self.expire_session(now, session, out),
                Timer::Sweep => self.sweep(now, out),
                Timer::WillDelay(session) => self.publish_delayed_will(now, session, out),
                Timer::Retained(session) => self.go_on_asking(now, session, out),
            }
        }
    }

    /// A connection may have been silent for too long.
    fn silence(&mut self, now: Now, key: ConnectionKey, generation: u32, out: &mut Outbox) {
        let Some(connection) = self.connections.get(key).filter(|c| c.generation == generation) else {
            return;
        };
        let allowed = match connection.phase {
            Phase::AwaitingConnect | Phase::Authenticating | Phase::Closing => CONNECT_TIMEOUT,
            Phase::Live if connection.keep_alive == 0 => return,
            Phase::Live => u64::from(connection.keep_alive) * 1500,
        };
        // A publisher that we hold back can't be blamed for its silence.
        let since = if connection.held_by > 0 { now.monotonic } else { connection.last_seen };
        if now.monotonic >= since + allowed {
            self.drop_connection(now, key, Ended::Timeout, out);
        } else {
            self.timers.set(since + allowed, Timer::Silence(key, generation));
        }
    }

    /// Has expired retained messages freed at some time; nobody gets them meanwhile.
    pub(super) fn sweep_later(&mut self, now: Now) {
        if !self.sweep_is_set && self.retained.any_expires() {
            self.sweep_is_set = true;
            self.timers.set(now.monotonic + self.limits.retained_sweep * 1000, Timer::Sweep);
        }
    }

    fn sweep(&mut self, now: Now, out: &mut Outbox) {
        self.sweep_is_set = false;
        self.retained.sweep(now.wall, |message| out.changes.retained_removed(message.topic()));
        self.sweep_later(now);
    }

    /// The session of a ClientId.
    pub(super) fn find_session(&self, client_id: &str) -> Option<SessionKey> {
        let sessions = &self.sessions;
        self.directory
            .find(self.hasher.hash_one(client_id), |&key| *sessions[key as usize].client_id == *client_id)
            .copied()
    }

    /// Enters a new session.
    pub(super) fn add_session(&mut self, session: Session) -> SessionKey {
        let hash = self.hasher.hash_one(&*session.client_id);
        let key = self.sessions.insert(session) as SessionKey;
        self.counters.sessions_maximum = self.counters.sessions_maximum.max(self.sessions.len() as u64);
        let (sessions, hasher) = (&self.sessions, &self.hasher);
        self.directory.insert_unique(hash, key, |&k| hasher.hash_one(&*sessions[k as usize].client_id));
        key
    }

    /// Removes a session with all its subscriptions.
    pub(super) fn remove_session(&mut self, key: SessionKey, out: &mut Outbox) {
        let hash = self.hasher.hash_one(&*self.sessions[key as usize].client_id);
        if let Ok(entry) = self.directory.find_entry(hash, |&k| k == key) {
            entry.remove();
        }
        let session = self.sessions.remove(key as usize);
        for id in [session.id, session.will_id].into_iter().filter(|&id| id != 0) {
            out.changes.push(Change::SessionEnded { session: id });
        }
        for &node in &session.subscriptions {
            self.subscriptions.remove(node, key);
        }
        for (node, share_name) in &session.shared {
            self.subscriptions.leave(*node, share_name, key);
        }
    }

    /// Notes that a connection has something to write.
    pub(super) fn mark_dirty(connection: &mut Connection, key: ConnectionKey, out: &mut Outbox) {
        if !connection.dirty {
            connection.dirty = true;
            out.dirty.push(key);
        }
    }

    /// Adds a notice if somebody listens at its kind.
    pub(super) fn notice(&self, out: &mut Outbox, kind: Kinds, notice: impl FnOnce() -> Notice) {
        if self.kinds.has(kind) {
            out.notices.push(notice());
        }
    }

    /// The same with the port, as lines about protocol errors have it.
    pub(super) fn name_with_port(&self, key: ConnectionKey) -> Box<str> {
        match (&self.connections[key].peer, self.connections[key].session) {
            (Peer::Ip(address), NO_SESSION) => format!("{}:{}", address.ip(), address.port()).into(),
            _ => self.name(key),
        }
    }

    /// The ClientId of a connection, or its address as long as there is none; for notices.
    pub(super) fn name(&self, key: ConnectionKey) -> Box<str> {
        let connection = &self.connections[key];
        match connection.session {
            NO_SESSION => match &connection.peer {
                Peer::Ip(address) => address.ip().to_string().into(),
                Peer::Unix(path) => (**path).into(),
            },
            session => self.sessions[session as usize].client_id.clone(),
        }
    }
}
