//! Whatever clients do, good or bad, and whatever a reload changes meanwhile: what the store knows is what the broker
//! knows, nothing panics, and when all have gone nothing is left, neither in memory nor on disk.
//!
//! A life is a matter of dice: `REOPENED_SEED=N cargo test --test reopened` lives one again, `REOPENED_LIVES=N` for more.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

#[path = "harness/dice.rs"]
#[allow(dead_code)] // this program needs a part of it
mod dice;
#[path = "power_loss/disk.rs"]
#[allow(dead_code, reason = "this disk doesn't fail")]
mod disk;
mod world;

use dice::Dice;
use disk::FakeDisk;
use mqtt_toolkit::auth::Acl;
use mqtt_toolkit::broker::{Fetch, Fetched, Limits, ListenerRules, Standing};
use mqtt_toolkit::protocol::{
    Ack, Packet, Properties, PropertiesBuf, Property, Publish, QoS, RetainHandling, Subscribe,
    SubscriptionOptions, Unsubscribe, Version,
};
use mqtt_toolkit::store::{Log, StoredSession};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use world::*;

const LIVES: u64 = 400;
const SEGMENT: u64 = 4_000;
const NAMES: [&str; 5] = ["ann", "bob", "eve", "joe", "sue"];
const USERS: [Option<&str>; 3] = [None, Some("all"), Some("some")];
const TOPICS: [&str; 8] = ["a", "a/b", "a/b/c", "b", "secret/a", "in/a", "in/a/b", "s"];
const FILTERS: [&str; 10] =
    ["#", "a", "a/#", "+/b", "+", "secret/#", "b", "$share/g/s", "$share/h/#", "$share/g/a/+"];
const ACL: &str =
    "topic readwrite #\nuser all\ntopic readwrite #\nuser some\ntopic readwrite a/#\ntopic read s\n";

/// A broker, its disk, and how things stand.
struct Life {
    dice: Dice,
    disk: FakeDisk,
    log: Log<FakeDisk>,
    w: World,
    limits: Limits,
    /// There are rules.
    acl: bool,
    /// All connections that may still be open.
    clients: Vec<Client>,
    fetches: Vec<Fetch>,
}

/// The listeners; with `acl`, the last two have rules.
fn listeners(acl: bool) -> Vec<ListenerRules> {
    let acl = acl.then(|| Arc::new(Acl::parse(ACL, "acl").unwrap()));
    let at = |port: u16, mount_point: Option<&str>, acl: Option<Arc<Acl>>| ListenerRules {
        port,
        mount_point: mount_point.map(Into::into),
        acl,
        ..ListenerRules::default()
    };
    vec![at(1, None, None), at(2, Some("in/"), acl.clone()), at(3, None, acl)]
}

/// What there is to say about a session, whether it lives or lies on a disk.
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    filters: Vec<String>,
    unreleased: Vec<u16>,
    waiting: usize,
}

impl Facts {
    fn new(mut filters: Vec<String>, mut unreleased: Vec<u16>, waiting: usize) -> Facts {
        filters.sort();
        unreleased.sort_unstable();
        Facts { filters, unreleased, waiting }
    }

    fn living(standing: Standing) -> Facts {
        Facts::new(standing.filters, standing.unreleased, standing.waiting)
    }

    fn stored(session: &StoredSession) -> Facts {
        let filter = |s: &mqtt_toolkit::broker::SubscriptionRecord| match &s.share_name {
            Some(name) => format!("$share/{name}/{}", s.filter),
            None => s.filter.to_string(),
        };
        let waiting = session.messages.len() + session.pages.len() + session.awaiting_pubcomp.len();
        Facts::new(session.subscriptions.iter().map(filter).collect(), session.received.clone(), waiting)
    }
}

impl Life {
    fn new(seed: u64) -> Life {
        let mut dice = Dice(seed);
        let disk = FakeDisk::default();
        let (log, state, contents) = Log::open(disk.clone(), seed, SEGMENT).unwrap();
        let limits = Limits {
            max_queued_memory: [0, 1, 300, 1 << 20][dice.below(4)],
            max_queued_messages: [0, 3, 1000][dice.below(3)],
            max_queued_bytes: [0, 0, 60][dice.below(3)],
            max_inflight_messages: [1, 2, 20, 0][dice.below(4)],
            max_inflight_bytes: [0, 0, 20][dice.below(3)],
            queue_qos0_messages: dice.percent(50),
            allow_duplicate_messages: dice.percent(50),
            persistent_client_expiration: [None, Some(50)][dice.below(2)],
            ..Limits::default()
        };
        let w = World::restored_with(START, state, contents.sequence, limits.clone(), listeners(false));
        Life { dice, disk, log, w, limits, acl: false, clients: Vec::new(), fetches: Vec::new() }
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.dice.below(list.len())]
    }

    fn client(&mut self) -> Option<Client> {
        let Life { w, clients, .. } = self;
        clients.retain(|&client| !w.is_closed(client));
        (!self.clients.is_empty()).then(|| self.clients[self.dice.below(self.clients.len())])
    }

    fn qos(&mut self) -> QoS {
        self.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
    }

    fn step(&mut self) {
        match self.dice.below(100) {
            0..14 => self.connect(),
            14..28 => self.subscribe(),
            28..33 => self.unsubscribe(),
            33..62 => self.publish(),
            62..70 => self.acknowledge(),
            70..74 => self.leave(),
            74..79 => self.read_or_not(),
            79..82 => {
                let seconds = self.pick(&[0, 1, 5, 40, 200]);
                self.w.advance(seconds);
            }
            82..85 => self.reload(),
            85..88 => self.misbehave(),
            88..91 => {
                let budget = 1 + self.dice.below(3_000);
                self.log.clean(budget).unwrap();
            }
            91..93 => self.reopen(),
            _ => self.commit(),
        }
        self.fetch(50);
        if self.dice.percent(60) {
            self.commit();
        }
    }

    fn connect(&mut self) {
        let listener = self.dice.below(3);
        let Some(client) = self.w.open_at(listener) else { return };
        self.clients.push(client);
        let v5_too = self.dice.percent(60);
        let mut options = match v5_too {
            true => v5().session_expiry(self.pick(&[0, 1, 100, u32::MAX])),
            false => self.pick(&[Version::V31, Version::V311]).pipe(Connecting::new),
        };
        if v5_too && self.dice.percent(40) {
            options = options.receive_maximum(1 + self.dice.below(4) as u16);
        }
        if v5_too && self.dice.percent(20) {
            options = options.maximum_packet_size(20 + self.dice.below(100) as u32);
        }
        options = options.clean(self.dice.percent(25));
        if let Some(user) = self.pick(&USERS) {
            options = options.username(user);
        }
        if self.dice.percent(40) {
            options = options.will(self.pick(&TOPICS), "gone", self.qos());
            if self.dice.percent(30) {
                options = options.will_retain();
            }
            if v5_too && self.dice.percent(50) {
                options = options.will_delay(self.pick(&[1, 30, 1000]));
            }
        }
        if self.dice.percent(30) {
            self.w.auto_acknowledge(client, false);
        }
        let name = self.pick(&NAMES);
        self.w.introduce(client, name, options);
    }

    fn version(&self, client: Client) -> Version {
        self.w.version(client)
    }

    fn subscribe(&mut self) {
        let Some(client) = self.client() else { return };
        let count = 1 + self.dice.below(3);
        let filters: Vec<(&str, SubscriptionOptions)> = (0..count)
            .map(|_| {
                let mut options = SubscriptionOptions::new(self.qos());
                if self.version(client).is_v5() {
                    options.retain_as_published = self.dice.percent(50);
                    options.retain_handling =
                        self.pick(&[RetainHandling::SendAtSubscribe, RetainHandling::SendIfNew]);
                }
                (self.pick(&FILTERS), options)
            })
            .collect();
        let mut properties = PropertiesBuf::new();
        if self.version(client).is_v5() && self.dice.percent(30) {
            properties.push(Property::SubscriptionIdentifier(1 + self.dice.below(300) as u32));
        }
        let mut bytes = Vec::new();
        let properties = properties.as_properties();
        Subscribe::encode_parts(self.version(client), 9, &properties, filters, &mut bytes);
        self.w.raw(client, &bytes);
    }

    fn unsubscribe(&mut self) {
        let Some(client) = self.client() else { return };
        let mut bytes = Vec::new();
        let filter = self.pick(&FILTERS);
        Unsubscribe::encode_parts(self.version(client), 9, &Properties::EMPTY, [filter], &mut bytes);
        self.w.raw(client, &bytes);
    }

    fn publish(&mut self) {
        let Some(client) = self.client() else { return };
        let mut properties = PropertiesBuf::new();
        if self.version(client).is_v5() && self.dice.percent(25) {
            properties.push(Property::MessageExpiryInterval(self.pick(&[1, 3, 100])));
        }
        let (qos, retain) = (self.qos(), self.dice.percent(25));
        let length = if retain && self.dice.percent(30) { 0 } else { 1 + self.dice.below(60) };
        let publish = Publish {
            retain,
            packet_identifier: if qos == QoS::AtMostOnce { 0 } else { 1 + self.dice.below(12) as u16 },
            properties: properties.as_properties(),
            ..message(self.pick(&TOPICS), vec![b'x'; length], qos)
        };
        let mut bytes = Vec::new();
        Packet::Publish(publish).encode(self.version(client), &mut bytes);
        self.w.raw(client, &bytes);
    }

    /// Any acknowledgement, whether it is awaited or not.
    fn acknowledge(&mut self) {
        let Some(client) = self.client() else { return };
        for _ in 0..1 + self.dice.below(4) {
            let ack = Ack::new(1 + self.dice.below(8) as u16);
            let packet = self.pick(&[
                Packet::PubAck(ack),
                Packet::PubRec(ack),
                Packet::PubRel(ack),
                Packet::PubComp(ack),
            ]);
            let mut bytes = Vec::new();
            packet.encode(self.version(client), &mut bytes);
            self.w.raw(client, &bytes);
        }
    }

    fn leave(&mut self) {
        let Some(client) = self.client() else { return };
        match self.dice.below(3) {
            0 => {
                let mut bytes = Vec::new();
                let normally = disconnect(mqtt_toolkit::protocol::ReasonCode::NORMAL_DISCONNECTION);
                normally.encode(self.version(client), &mut bytes);
                self.w.raw(client, &bytes);
            }
            _ => self.w.cut(client),
        }
    }

    fn read_or_not(&mut self) {
        let Some(client) = self.client() else { return };
        match self.dice.percent(50) {
            true => {
                let bytes = self.dice.below(200);
                self.w.takes_only(client, bytes);
            }
            false => self.w.reads(client),
        }
    }

    /// Other rules and limits hold.
    fn reload(&mut self) {
        self.acl = self.dice.percent(50);
        self.limits.max_queued_memory = self.pick(&[0, 1, 300, 1 << 20]);
        self.limits.max_queued_messages = self.pick(&[0, 3, 1000]);
        let limits = self.limits.clone();
        self.w.shard().set_limits(limits);
        self.w.shard().set_listeners(listeners(self.acl));
    }

    fn misbehave(&mut self) {
        let Some(client) = self.client() else { return };
        let bytes: Vec<u8> = (0..self.dice.below(30)).map(|_| self.dice.next() as u8).collect();
        self.w.raw(client, &bytes);
    }

    fn append(&mut self) -> u64 {
        let (changes, receipts, last) = self.w.take_changes();
        self.log.append(&changes, &receipts);
        last
    }

    fn commit(&mut self) {
        let last = self.append();
        self.log.commit(true).unwrap();
        self.w.committed(last);
    }

    fn fetch(&mut self, percent: usize) {
        // What is on disk is read from there.
        let last = self.append();
        self.log.commit(true).unwrap();
        self.fetches.extend(self.w.take_fetches());
        for Fetch { session, id, wanted } in std::mem::take(&mut self.fetches) {
            if !self.dice.percent(percent) {
                self.fetches.push(Fetch { session, id, wanted });
                continue;
            }
            let messages = self.log.fetch(wanted.iter().map(|(sequence, _)| *sequence)).unwrap();
            let messages: Vec<_> = wanted.iter().map(|(_, number)| *number).zip(messages).collect();
            self.w.fetched(Fetched { session, id, messages });
        }
        self.w.committed(last);
    }

    fn settle(&mut self) {
        for _ in 0..100 {
            self.commit();
            self.fetch(100);
            if self.fetches.is_empty() {
                break;
            }
        }
        self.commit();
    }

    /// Topics and payloads of what is retained.
    fn retained(&mut self) -> Vec<(String, Vec<u8>)> {
        let looker = self.w.open_at(0).unwrap();
        self.w.introduce(looker, "looker", v311());
        self.settle();
        self.w.raw(looker, &encoded(Version::V311, &subscribe_packet_v3("#")));
        self.settle();
        let mut all: Vec<(String, Vec<u8>)> = self
            .w
            .publishes(looker)
            .iter()
            .filter(|publish| publish.retain)
            .map(|publish| (publish.topic.to_owned(), publish.payload.to_vec()))
            .collect();
        self.w.cut(looker);
        self.settle();
        all.sort();
        all
    }

    /// All connections fail, the broker ends, and another one comes back: it knows what the first one knew.
    fn reopen(&mut self) {
        while let Some(client) = self.client() {
            self.w.cut(client);
        }
        self.settle();
        let retained = self.retained();
        let living: Vec<Option<Facts>> =
            NAMES.iter().map(|name| self.w.shard().standing(name).map(Facts::living)).collect();
        let (log, state, contents) = Log::open(self.disk.clone(), 1, SEGMENT).unwrap();
        assert_eq!((contents.lost_sessions, contents.damage.len()), (0, 0));
        for (name, living) in NAMES.iter().zip(&living) {
            let stored = state.sessions.iter().filter(|session| *session.record.client_id == **name);
            let stored: Vec<Facts> =
                stored.filter(|session| session.record.expiry_interval != 0).map(Facts::stored).collect();
            assert!(stored.len() <= 1, "{name} is there {} times", stored.len());
            assert_eq!(stored.first(), living.as_ref(), "{name}, on disk and in memory");
        }
        self.log = log;
        self.fetches.clear();
        let (now, limits, listeners) = (self.w.now(), self.limits.clone(), listeners(self.acl));
        self.w = World::restored_with(now, state, contents.sequence, limits, listeners);
        self.clients.clear();
        for (name, living) in NAMES.iter().zip(&living) {
            let again = self.w.shard().standing(name).map(Facts::living);
            assert_eq!(again.as_ref(), living.as_ref(), "{name}, before and after");
        }
        assert_eq!(self.retained(), retained);
    }

    /// Everybody goes for good, and what was retained is removed.
    fn end(mut self) {
        while let Some(client) = self.client() {
            self.w.cut(client);
        }
        self.w.shard().set_listeners(listeners(false));
        for name in NAMES {
            let client = self.w.open_at(0).unwrap();
            self.w.introduce(client, name, v311());
            self.settle();
            for (i, topic) in TOPICS.iter().flat_map(|t| [t.to_string(), format!("in/{t}")]).enumerate() {
                let publish = Publish {
                    retain: true,
                    packet_identifier: 1 + i as u16,
                    ..message(&topic, "", QoS::AtLeastOnce)
                };
                self.w.send(client, Packet::Publish(publish));
            }
            self.settle();
            self.w.disconnect(client);
        }
        self.settle();
        let gauges = self.w.shard().gauges();
        assert_eq!(
            (gauges.connections, gauges.sessions, gauges.subscriptions, gauges.shared_subscriptions),
            (0, 0, 0, 0)
        );
        assert_eq!((gauges.retained, gauges.stored, gauges.stored_bytes), (0, 0, 0));
        assert_eq!(self.w.shard().subscription_tree(), "");
        let (_, state, _) = Log::open(self.disk.clone(), 1, SEGMENT).unwrap();
        assert!(state.sessions.is_empty() && state.retained.is_empty(), "{state:?}");
    }
}

/// A value handed to a function, for chains.
trait Pipe: Sized {
    fn pipe<T>(self, function: impl FnOnce(Self) -> T) -> T {
        function(self)
    }
}

impl Pipe for Version {}

fn subscribe_packet_v3(filter: &str) -> Packet<'static> {
    let mut bytes = Vec::new();
    let filters = [(filter, SubscriptionOptions::new(QoS::AtMostOnce))];
    Subscribe::encode_parts(Version::V311, 1, &Properties::EMPTY, filters, &mut bytes);
    decoded(Version::V311, &bytes)
}

fn live(seed: u64) {
    let mut life = Life::new(seed);
    for _ in 0..60 + life.dice.below(200) {
        life.step();
    }
    life.reopen();
    life.end();
}

// One test only: how many messages are kept is counted for the whole process.
#[test]
fn the_store_knows_what_the_broker_knows_and_in_the_end_nothing_is_left() {
    let variable = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = variable("REOPENED_SEED") {
        return live(seed);
    }
    let first = variable("REOPENED_FIRST").unwrap_or(0);
    for seed in first..first + variable("REOPENED_LIVES").unwrap_or(LIVES) {
        if catch_unwind(AssertUnwindSafe(|| live(seed))).is_err() {
            panic!("failed with REOPENED_SEED={seed}");
        }
    }
}
