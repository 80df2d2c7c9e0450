//! A broker and its clients, driven by a script of bytes: four for the setting, then four a step.
//!
//! Four clients keep to the rules, with every freedom that these leave; others don't. What the broker owes to the
//! four is kept in their own books (`client.rs`): a message of QoS 1 or 2 that the broker took over is delivered once
//! for each matching subscription of each session that was there, however the connections come and go; what comes
//! again comes with DUP; in order; within Receive Maximum and Maximum Packet Size; and nobody who keeps to the rules
//! is disconnected. `mod.rs` is the broker's surroundings, `steps.rs` what each step does, `client.rs` a good client.

mod client;
mod steps;

use client::{Client, Meaning};
use mqtt_toolkit::broker::{ConnectionKey, Kinds, Limits, ListenerRules, Now, Outbox, Peer, Shard};
use mqtt_toolkit::protocol::{Version, decode, fixed_header};
use std::collections::{HashMap, VecDeque};
use std::io::IoSlice;

/// What happened in a story, so that a test can tell whether it was one.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Messages of QoS 0 that arrived at a good client.
    pub at_most_once: usize,
    /// Messages of QoS 1 and 2.
    pub acknowledged: usize,
    /// Those that came again.
    pub sent_again: usize,
    /// Messages to members of a shared subscription.
    pub shared: usize,
    /// Sessions that went on.
    pub resumed: usize,
    /// Times that a good client's packets were left where they were.
    pub held: usize,
    /// Connections of bad clients that the broker ended.
    pub closed_hostile: usize,
}

impl Seen {
    /// Counts of another story on top.
    pub fn add(&mut self, other: &Seen) {
        self.at_most_once += other.at_most_once;
        self.acknowledged += other.acknowledged;
        self.sent_again += other.sent_again;
        self.shared += other.shared;
        self.resumed += other.resumed;
        self.held += other.held;
        self.closed_hostile += other.closed_hostile;
    }
}

/// One connection.
struct Link {
    key: Option<ConnectionKey>,
    /// Index of the good client whose it is; `None`: a bad one.
    client: Option<usize>,
    version: Version,
    /// Packets of a good client that the broker hasn't taken, and what they mean.
    packets: VecDeque<(Vec<u8>, Meaning)>,
    /// Bytes of a bad one.
    bytes: Vec<u8>,
    /// Came and isn't a whole packet yet.
    part: Vec<u8>,
    /// How many more bytes its socket takes; `None`: any number.
    room: Option<usize>,
}

/// The broker and everybody around it.
pub struct Story {
    shard: Shard,
    outbox: Outbox,
    now: Now,
    limits: Limits,
    links: Vec<Link>,
    owners: HashMap<ConnectionKey, usize>,
    /// Links with bytes that the broker hasn't looked at.
    fresh: Vec<usize>,
    clients: Vec<Client>,
    /// With persistence: whether what changed is safe at the end of each turn, or only when a step says so.
    safe_at_once: bool,
    /// Messages to the shared subscription: how often each has arrived.
    shared: HashMap<u32, u32>,
    sequence: u32,
    seen: Seen,
}

/// Plays a script to its end, and asserts that everybody got what was due.
pub fn run(script: &[u8]) -> Seen {
    let (setting, steps) = script.split_at(script.len().min(4));
    let mut story = Story::new(setting);
    for step in steps.chunks_exact(4).take(400) {
        story.step(step[0], step[1], step[2], step[3]);
    }
    story.end();
    story.seen
}

impl Story {
    fn new(setting: &[u8]) -> Story {
        let choice = |at: usize| usize::from(setting.get(at).copied().unwrap_or(0));
        let limits = Limits {
            max_inflight_messages: [20, 1, 2, 0][choice(0) % 4],
            // Mostly there is room for everything; with less the books only say what may come at most.
            max_queued_messages: [0, 0, 0, 3][choice(1) % 4],
            allow_duplicate_messages: choice(2) % 4 != 3,
            queue_qos0_messages: choice(3) % 2 == 1,
            ..Limits::default()
        };
        let mut story = Story {
            shard: Shard::new(limits.clone(), vec![ListenerRules::default()], Kinds::ALL, [7; 32]),
            outbox: Outbox::default(),
            now: Now { monotonic: 10_000, wall: 1_700_000_000 },
            limits,
            links: Vec::new(),
            owners: HashMap::new(),
            fresh: Vec::new(),
            clients: (0..4).map(Client::new).collect(),
            safe_at_once: choice(2) & 0x10 == 0,
            shared: HashMap::new(),
            sequence: 0,
            seen: Seen::default(),
        };
        if choice(3) & 2 != 0 {
            story.outbox.changes.begin(0);
        }
        story
    }

    /// The store has all changes: answers that waited for it go out.
    fn commit(&mut self) {
        let last = self.outbox.changes.last();
        self.shard.committed(last, &mut self.outbox);
    }

    /// A connection; `None`: the broker is full.
    fn open(&mut self, client: Option<usize>, version: Version) -> Option<usize> {
        let peer = Peer::Ip(([127, 0, 0, 1], 40_000).into());
        let key = self.shard.accepted(self.now, 0, peer, &mut self.outbox)?;
        let link = self.links.len();
        self.links.push(Link {
            key: Some(key),
            client,
            version,
            packets: VecDeque::new(),
            bytes: Vec::new(),
            part: Vec::new(),
            room: None,
        });
        assert!(self.owners.insert(key, link).is_none(), "key {key} is still in use");
        Some(link)
    }

    /// The network fails.
    fn cut(&mut self, link: usize) {
        if let Some(key) = self.links[link].key {
            self.shard.closed(self.now, key, &mut self.outbox);
            self.settle();
        }
    }

    /// Lets time pass; what falls due on the way happens at its time.
    fn advance(&mut self, milliseconds: u64) {
        let end = self.now.monotonic + milliseconds;
        let mut turns = 0;
        while let Some(at) = self.shard.next_deadline().filter(|&at| at <= end) {
            turns = if at > self.now.monotonic { 0 } else { turns + 1 };
            assert!(turns < 10_000, "a timer is due again and again at {at} ms");
            self.set_clock(at.max(self.now.monotonic));
            self.shard.tick(self.now, &mut self.outbox);
            self.settle();
        }
        self.set_clock(end);
    }

    fn set_clock(&mut self, monotonic: u64) {
        self.now.wall += monotonic / 1000 - self.now.monotonic / 1000;
        self.now.monotonic = monotonic;
    }

    /// Does what the event loop does at the end of a turn, until nothing is left to do.
    fn settle(&mut self) {
        loop {
            while let Some(key) = self.outbox.resume.pop() {
                self.fresh.extend(self.owners.get(&key));
            }
            for link in std::mem::take(&mut self.fresh) {
                self.feed(link);
            }
            for key in std::mem::take(&mut self.outbox.dirty) {
                self.flush(key);
            }
            for key in std::mem::take(&mut self.outbox.close) {
                self.close(key);
            }
            if self.safe_at_once {
                self.commit();
            }
            let out = &self.outbox;
            if self.fresh.is_empty() && out.dirty.is_empty() && out.close.is_empty() && out.resume.is_empty()
            {
                break;
            }
        }
        self.outbox.full.clear();
        self.outbox.changes.list.clear();
        self.outbox.changes.receipts.clear();
        self.outbox.notices.clear();
        self.outbox.urgent = false;
    }

    /// Lets the broker act on what was sent, a good client's packets one by one.
    fn feed(&mut self, link: usize) {
        let Some(client) = self.links[link].client else { return self.feed_hostile(link) };
        while let Some(key) = self.links[link].key {
            if self.shard.is_closing(key) || self.links[link].packets.is_empty() {
                break;
            }
            if self.shard.is_held(key) {
                self.seen.held += 1;
                break;
            }
            let Some((bytes, meaning)) = self.links[link].packets.pop_front() else { break };
            let taken = self.shard.bytes(self.now, key, &bytes, &mut self.outbox);
            assert_eq!(taken, bytes.len(), "{meaning:?} was left where it was");
            let ended = self.shard.is_closing(key);
            assert_eq!(ended, matches!(meaning, Meaning::Disconnect), "after {meaning:?} of client {client}");
            self.was_taken(client, link, meaning);
        }
    }

    fn feed_hostile(&mut self, link: usize) {
        let Some(key) = self.links[link].key else { return };
        let was_closing = self.shard.is_closing(key);
        if self.links[link].bytes.is_empty() || self.shard.is_held(key) {
            return;
        }
        let taken = self.shard.bytes(self.now, key, &self.links[link].bytes, &mut self.outbox);
        self.links[link].bytes.drain(..taken);
        self.seen.closed_hostile += usize::from(!was_closing && self.shard.is_closing(key));
    }

    /// Brings to a client what the broker has for it, as far as its socket takes it.
    fn flush(&mut self, key: ConnectionKey) {
        self.shard.taken(key);
        let Some(&link) = self.owners.get(&key) else { return };
        loop {
            let mut slices = [IoSlice::new(&[]); 64];
            let count = self.shard.output(key, &mut slices);
            let bytes = self.links[link].take_in(&slices[..count]);
            if bytes == 0 {
                break;
            }
            self.shard.wrote(self.now, key, bytes, &mut self.outbox);
        }
        self.read(link);
    }

    /// Reads what came, packet by packet.
    fn read(&mut self, link: usize) {
        let Some(client) = self.links[link].client else { return self.links[link].part.clear() };
        let bytes = std::mem::take(&mut self.links[link].part);
        let mut at = 0;
        while let Some(header) = fixed_header(&bytes[at..]).expect("the broker sent no fixed header") {
            let Some(frame) = bytes.get(at..at + header.total()) else { break };
            let version = self.links[link].version;
            let packet = decode(version, header.first, &frame[header.header_length..])
                .unwrap_or_else(|error| panic!("the broker sent {frame:02X?}, which is malformed: {error}"));
            at += header.total();
            // What still comes over a connection that was taken over is lost with it.
            if self.clients[client].link == Some(link) {
                self.came(client, link, &packet, frame.len());
            }
        }
        self.links[link].part = bytes[at..].to_vec();
    }

    /// Closes a connection whose output is written.
    fn close(&mut self, key: ConnectionKey) {
        if !self.shard.is_closing(key) {
            return;
        }
        self.flush(key);
        if self.shard.has_output(key) {
            return;
        }
        if let Some(link) = self.owners.remove(&key) {
            self.shard.remove(key);
            self.links[link].key = None;
        }
    }

    /// A socket becomes writable.
    fn writable(&mut self, link: usize) {
        if let Some(key) = self.links[link].key {
            self.flush(key);
            if self.shard.is_closing(key) {
                self.outbox.close.push(key);
            }
            self.settle();
        }
    }

    /// A good client sends a packet.
    fn send(&mut self, link: usize, bytes: Vec<u8>, meaning: Meaning) {
        self.links[link].packets.push_back((bytes, meaning));
        self.fresh.push(link);
    }
}

impl Link {
    /// Takes bytes from the broker as far as there is room; returns how many.
    fn take_in(&mut self, slices: &[IoSlice<'_>]) -> usize {
        let mut taken = 0;
        for slice in slices {
            let count = self.room.map_or(slice.len(), |room| room.min(slice.len()));
            self.room = self.room.map(|room| room - count);
            self.part.extend_from_slice(&slice[..count]);
            taken += count;
            if count < slice.len() {
                break;
            }
        }
        taken
    }
}
