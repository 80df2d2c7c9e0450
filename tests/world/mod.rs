//! The little world: a broker, a clock that a test turns, and clients whose every byte arrives at once.
//!
//! A test tells a story and looks at packets:
//!
//! ```ignore
//! let mut w = World::new();
//! let bob = w.connect("bob", v5().session_expiry(60));
//! w.subscribe(bob, "a/#", QoS::AtLeastOnce);
//! w.cut(bob);
//! let ann = w.connect("ann", v311());
//! w.publish(ann, "a/b", "hello", QoS::AtLeastOnce);
//! w.advance(59);
//! let bob = w.reconnect(bob);
//! assert_eq!(w.messages(bob), ["a/b hello"]);
//! ```
//!
//! After each call the world is quiet: whatever follows from it has happened, as the event loop of `server/` does it
//! at the end of a turn. Nothing here sleeps, listens, or knows what time it is. Packets live as long as the test
//! (their bytes are leaked), so they can be compared and kept without a care.
//!
//! `mod.rs` is the world itself, `story.rs` what clients do in it, `wire.rs` a client's end of a connection,
//! `connecting.rs` how a client introduces itself, `packets.rs` packets in few words.

#![allow(dead_code, unused_imports, reason = "each test program uses its own part of the world")]
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod connecting;
mod durable;
mod packets;
mod story;
mod wire;

pub use connecting::{Connecting, v5, v31, v311};
pub use packets::*;

use mqtt_toolkit::broker::{
    ConnectionKey, Counters, Kinds, Limits, ListenerRules, Notice, Now, Outbox, Peer, Shard, Verdict,
    Verification,
};
use std::collections::HashMap;
use std::io::IoSlice;
use wire::Wire;

/// Where the clocks of a new world stand.
pub const START: Now = Now { monotonic: 10_000, wall: 1_700_000_000 };

/// A client's connection: it is the client as long as the connection lasts, and what it received can be looked at
/// afterwards. A client that connects again is a new `Client`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client(usize);

/// A broker and its clients.
pub struct World {
    shard: Shard,
    outbox: Outbox,
    now: Now,
    wires: Vec<Wire>,
    /// Whose connection a key is at the moment.
    owners: HashMap<ConnectionKey, Client>,
    /// Clients with bytes that the broker hasn't looked at.
    fresh: Vec<Client>,
    passwords: HashMap<String, Vec<u8>>,
    /// Passwords are checked only when the test says so.
    slow_checks: bool,
    checks: Vec<Verification>,
    notices: Vec<Notice>,
}

impl World {
    /// A broker with mosquitto's defaults and one listener that lets everybody in.
    pub fn new() -> World {
        World::with(Limits::default())
    }

    /// A broker with these limits.
    pub fn with(limits: Limits) -> World {
        World::with_listeners(limits, vec![ListenerRules::default()])
    }

    /// A broker with these limits and listeners (see [`World::open_at`]).
    pub fn with_listeners(limits: Limits, listeners: Vec<ListenerRules>) -> World {
        World {
            shard: Shard::new(limits, listeners, Kinds::ALL, [7; 32]),
            outbox: Outbox::default(),
            now: START,
            wires: Vec::new(),
            owners: HashMap::new(),
            fresh: Vec::new(),
            passwords: HashMap::new(),
            slow_checks: false,
            checks: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// A broker that knows these User Names and Passwords and lets nobody else in.
    pub fn with_passwords(passwords: &[(&str, &str)]) -> World {
        let rules =
            ListenerRules { allow_anonymous: false, checks_passwords: true, ..ListenerRules::default() };
        let mut w = World::with_listeners(Limits::default(), vec![rules]);
        w.passwords = passwords.iter().map(|(u, p)| (u.to_string(), p.as_bytes().to_vec())).collect();
        w
    }

    /// From now on a password is checked only when [`World::check_passwords`] is called.
    pub fn slow_checks(&mut self) {
        self.slow_checks = true;
    }

    /// Answers every password that waits to be checked.
    pub fn check_passwords(&mut self) {
        for check in std::mem::take(&mut self.checks) {
            self.check(check);
        }
        self.settle();
    }

    /// What time it is.
    pub fn now(&self) -> Now {
        self.now
    }

    /// What the broker counted.
    pub fn counters(&self) -> &Counters {
        self.shard.counters()
    }

    /// The broker itself.
    pub fn shard(&mut self) -> &mut Shard {
        &mut self.shard
    }

    /// Sessions that the broker keeps, with and without a connection.
    pub fn session_count(&self) -> usize {
        self.shard.session_count()
    }

    /// What happened, in the broker's own words, since this was last asked.
    pub fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Lets seconds pass; what falls due on the way happens at its time.
    pub fn advance(&mut self, seconds: u64) {
        self.advance_ms(seconds * 1000);
    }

    /// Lets milliseconds pass.
    pub fn advance_ms(&mut self, milliseconds: u64) {
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
        self.now = Now { monotonic, wall: START.wall + (monotonic - START.monotonic) / 1000 };
    }

    /// The broker stops.
    pub fn shut_down(&mut self) {
        self.shard.shut_down(self.now, &mut self.outbox);
        self.settle();
    }

    /// Does what the event loop does at the end of a turn, until nothing is left to do.
    fn settle(&mut self) {
        loop {
            for check in std::mem::take(&mut self.outbox.verify) {
                match self.slow_checks {
                    true => self.checks.push(check),
                    false => self.check(check),
                }
            }
            while let Some(key) = self.outbox.resume.pop() {
                self.fresh.extend(self.owners.get(&key));
            }
            for client in std::mem::take(&mut self.fresh) {
                self.feed(client);
            }
            for key in std::mem::take(&mut self.outbox.dirty) {
                self.flush(key);
            }
            for key in std::mem::take(&mut self.outbox.close) {
                self.close(key);
            }
            let out = &self.outbox;
            if self.fresh.is_empty()
                && out.dirty.is_empty()
                && out.close.is_empty()
                && out.resume.is_empty()
                && out.verify.is_empty()
            {
                break;
            }
        }
        self.outbox.urgent = false;
        self.notices.append(&mut self.outbox.notices);
    }

    fn check(&mut self, check: Verification) {
        let good = self
            .passwords
            .get(&*check.username)
            .is_some_and(|p| check.password.as_ref().is_some_and(|given| *p == **given));
        let verdict = if good { Verdict::Good } else { Verdict::Bad };
        self.shard.verified(self.now, check.connection, check.generation, verdict, &mut self.outbox);
    }

    /// Lets the broker act on what a client has sent.
    fn feed(&mut self, client: Client) {
        let wire = &mut self.wires[client.0];
        let Some(key) = wire.key else { return };
        if wire.to_broker.is_empty() || self.shard.is_held(key) {
            return;
        }
        let taken = self.shard.bytes(self.now, key, &wire.to_broker, &mut self.outbox);
        wire.to_broker.drain(..taken);
    }

    /// Brings to a client what the broker has for it, as far as its socket takes it.
    fn flush(&mut self, key: ConnectionKey) {
        self.shard.taken(key);
        let Some(&client) = self.owners.get(&key) else { return };
        loop {
            let mut slices = [IoSlice::new(&[]); 64];
            let count = self.shard.output(key, &mut slices);
            let bytes = self.wires[client.0].take_in(&slices[..count]);
            if bytes == 0 {
                break;
            }
            self.shard.wrote(self.now, key, bytes, &mut self.outbox);
        }
        if self.wires[client.0].read_packets() {
            self.fresh.push(client);
        }
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
        if let Some(client) = self.owners.remove(&key) {
            self.shard.remove(key);
            self.wires[client.0].key = None;
        }
    }

    /// A client comes to a listener and says nothing yet; `None`: it is full.
    fn accept(&mut self, listener: usize) -> Option<Client> {
        let client = Client(self.wires.len());
        let peer = Peer::Ip(([127, 0, 0, 1], 40_000 + client.0 as u16).into());
        let key = self.shard.accepted(self.now, listener, peer, &mut self.outbox);
        self.settle();
        let key = key?;
        self.wires.push(Wire::new(key));
        assert!(self.owners.insert(key, client).is_none(), "key {key} is still in use");
        Some(client)
    }
}
