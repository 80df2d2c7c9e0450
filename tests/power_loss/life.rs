//! A broker, its disk and its clients, whose life is a matter of dice.

use crate::dice::Dice;
use crate::disk::FakeDisk;
use crate::world::*;
use mqtt_toolkit::broker::{Fetch, Fetched, Limits};
use mqtt_toolkit::protocol::{Packet, Publish, QoS};
use mqtt_toolkit::store::Log;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A message on its way from a publisher.
struct Sent {
    identifier: u16,
    number: u64,
    topic: String,
    qos: QoS,
    retain: bool,
    /// PUBREC came: only PUBREL is sent again.
    received: bool,
}

/// A publisher that survives everything and sends again what was not acknowledged.
struct Publisher {
    name: String,
    client: Option<Client>,
    /// CONNACK came on this connection.
    is_in: bool,
    /// Its session is known to exist.
    has_session: bool,
    identifier: u16,
    outstanding: Vec<Sent>,
    next: u64,
}

/// A subscriber that survives everything.
struct Subscriber {
    name: String,
    qos: QoS,
    client: Option<Client>,
    is_in: bool,
    subscribed: bool,
    /// Packet Identifiers of QoS 2 messages that are not released.
    unreleased: BTreeSet<u16>,
    /// Payloads as the application got them.
    got: Vec<String>,
}

/// All of it.
pub struct Life {
    pub dice: Dice,
    disk: FakeDisk,
    log: Log<FakeDisk>,
    w: World,
    /// The last change that is in the log, whether committed or not.
    appended: u64,
    publishers: Vec<Publisher>,
    subscribers: Vec<Subscriber>,
    /// By topic: the last retained number that was acknowledged, and the last that was sent.
    retained: BTreeMap<String, (u64, u64)>,
    /// By publisher and number: QoS, and whether it was retained.
    kinds: HashMap<(String, u64), (QoS, bool)>,
    pub crashes: usize,
    /// Messages that were asked for and not read yet.
    fetches: Vec<Fetch>,
    /// Messages that were read again.
    pub read: usize,
    limits: Limits,
}

/// Files of the log get so long, so that there are many.
const SEGMENT: u64 = 2_000;

impl Life {
    pub fn new(seed: u64) -> Life {
        let disk = FakeDisk::default();
        let (log, state, contents) = Log::open(disk.clone(), seed, SEGMENT).unwrap();
        let publisher = |i: usize| Publisher {
            name: format!("publisher{i}"),
            client: None,
            is_in: false,
            has_session: false,
            identifier: 0,
            outstanding: Vec::new(),
            next: 1,
        };
        let subscriber = |(i, qos): (usize, QoS)| Subscriber {
            name: format!("subscriber{i}"),
            qos,
            client: None,
            is_in: false,
            subscribed: false,
            unreleased: BTreeSet::new(),
            got: Vec::new(),
        };
        // In every other life whatever waits does so on disk only; after a crash it does in all of them.
        let most = if seed.is_multiple_of(2) { 1 } else { 1 << 20 };
        let limits = Limits { max_queued_memory: most, ..Limits::default() };
        Life {
            dice: Dice(seed),
            disk,
            log,
            w: World::restored(START, state, contents.sequence, limits.clone()),
            appended: 0,
            publishers: (0..2).map(publisher).collect(),
            subscribers: [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce]
                .into_iter()
                .enumerate()
                .map(subscriber)
                .collect(),
            retained: BTreeMap::new(),
            kinds: HashMap::new(),
            crashes: 0,
            fetches: Vec::new(),
            read: 0,
            limits,
        }
    }

    /// Everybody is there and subscribed, and it is safe.
    pub fn begin(&mut self) {
        self.come_to_rest();
        assert!(self.subscribers.iter().all(|s| s.subscribed));
    }

    /// One thing happens.
    pub fn step(&mut self) {
        match self.dice.below(100) {
            0..45 => self.publish(),
            45..60 => self.commit(),
            60..66 => {
                let i = self.dice.below(self.subscribers.len());
                self.toggle_subscriber(i);
            }
            66..71 => {
                let i = self.dice.below(self.publishers.len());
                self.toggle_publisher(i);
            }
            71..77 => self.fail(),
            77..80 => self.crash(),
            80..82 => self.die(),
            _ => {
                let budget = 1 + self.dice.below(3_000);
                // A file that can't be read now is cleaned later.
                let _ = self.log.clean(budget);
            }
        }
        self.hear(70);
        self.append();
        self.fetch(50);
    }

    fn publish(&mut self) {
        let i = self.dice.below(self.publishers.len());
        let publisher = &mut self.publishers[i];
        if !publisher.is_in || publisher.outstanding.len() > 8 {
            return;
        }
        let retain = self.dice.percent(10);
        publisher.identifier = publisher.identifier % 40 + 1;
        while publisher.outstanding.iter().any(|s| s.identifier == publisher.identifier) {
            publisher.identifier = publisher.identifier % 40 + 1;
        }
        let number = publisher.next;
        publisher.next += 1;
        let topic = self.dice.below(3);
        let mut qos_2 = self.dice.percent(50);
        let topic = match retain {
            true => {
                // Order holds for each QoS by itself: a repeated QoS 1 message may come behind one of QoS 2.
                qos_2 = topic == 0;
                format!("r/{i}/{topic}")
            }
            false => format!("t/{topic}"),
        };
        if retain {
            self.retained.entry(topic.clone()).or_default().1 = number;
        }
        let qos = if qos_2 { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
        self.kinds.insert((publisher.name.clone(), number), (qos, retain));
        publisher.outstanding.push(Sent {
            identifier: publisher.identifier,
            number,
            topic,
            qos,
            retain,
            received: false,
        });
        let last = publisher.outstanding.len() - 1;
        self.send(i, last, false);
    }

    /// Sends an outstanding message, or its PUBREL.
    fn send(&mut self, i: usize, at: usize, dup: bool) {
        let publisher = &self.publishers[i];
        let (Some(client), sent) = (publisher.client, &publisher.outstanding[at]) else { return };
        let payload = format!("{}:{}", publisher.name, sent.number);
        let packet = match sent.received {
            true => pubrel(sent.identifier),
            false => Packet::Publish(Publish {
                dup,
                retain: sent.retain,
                packet_identifier: sent.identifier,
                ..message(&sent.topic, payload, sent.qos)
            }),
        };
        self.w.send(client, packet);
    }

    /// Clients look at what came, each with this probability.
    fn hear(&mut self, percent: usize) {
        for i in 0..self.publishers.len() {
            if self.dice.percent(percent) {
                self.publisher_hears(i);
            }
        }
        for i in 0..self.subscribers.len() {
            if self.dice.percent(percent) {
                self.subscriber_hears(i);
            }
        }
    }

    fn publisher_hears(&mut self, i: usize) {
        let publisher = &mut self.publishers[i];
        let Some(client) = publisher.client else { return };
        if !publisher.is_in {
            let Some(connack) = self.w.connack(client) else { return };
            assert!(
                connack.session_present || !publisher.has_session,
                "{}'s session is lost",
                publisher.name
            );
            (publisher.is_in, publisher.has_session) = (true, true);
            for at in 0..publisher.outstanding.len() {
                self.send(i, at, true);
            }
        }
        for packet in self.w.received(client) {
            let publisher = &mut self.publishers[i];
            match packet {
                Packet::PubAck(ack) | Packet::PubComp(ack) => {
                    let of_this = |s: &Sent| s.identifier == ack.packet_identifier;
                    if let Some(at) = publisher.outstanding.iter().position(of_this) {
                        let sent = publisher.outstanding.remove(at);
                        note_retained(&mut self.retained, &sent);
                    }
                }
                Packet::PubRec(ack) => {
                    let of_this = |s: &&mut Sent| s.identifier == ack.packet_identifier;
                    if let Some(sent) = publisher.outstanding.iter_mut().find(of_this) {
                        sent.received = true;
                        note_retained(&mut self.retained, sent);
                    }
                    self.w.send(client, pubrel(ack.packet_identifier));
                }
                other => panic!("a publisher got {other:?}"),
            }
        }
    }

    fn subscriber_hears(&mut self, i: usize) {
        let subscriber = &mut self.subscribers[i];
        let Some(client) = subscriber.client else { return };
        if !subscriber.is_in {
            let Some(connack) = self.w.connack(client) else { return };
            assert!(
                connack.session_present || !subscriber.subscribed,
                "{}'s session is lost",
                subscriber.name
            );
            subscriber.is_in = true;
            if !subscriber.subscribed {
                let qos = subscriber.qos;
                let options = mqtt_toolkit::protocol::SubscriptionOptions::new(qos);
                self.w.send(client, subscribe_packet(1, &[("t/+", options)], Default::default()));
            }
        }
        for packet in self.w.received(client) {
            let subscriber = &mut self.subscribers[i];
            let answer = match packet {
                Packet::SubAck(_) => {
                    subscriber.subscribed = true;
                    continue;
                }
                Packet::Publish(publish) => {
                    let payload =
                        || format!("{} {}", publish.topic, String::from_utf8_lossy(publish.payload));
                    if publish.qos == QoS::AtLeastOnce {
                        subscriber.got.push(payload());
                        puback(publish.packet_identifier)
                    } else {
                        if subscriber.unreleased.insert(publish.packet_identifier) {
                            subscriber.got.push(payload());
                        }
                        pubrec(publish.packet_identifier)
                    }
                }
                Packet::PubRel(ack) => {
                    subscriber.unreleased.remove(&ack.packet_identifier);
                    pubcomp(ack.packet_identifier)
                }
                other => panic!("a subscriber got {other:?}"),
            };
            self.w.send(client, answer);
        }
    }

    fn toggle_publisher(&mut self, i: usize) {
        let publisher = &mut self.publishers[i];
        publisher.is_in = false;
        match publisher.client.take() {
            Some(client) => self.w.cut(client),
            None => {
                let client = self.w.attempt(&publisher.name, v311().resume());
                self.w.auto_acknowledge(client, false);
                publisher.client = Some(client);
            }
        }
    }

    fn toggle_subscriber(&mut self, i: usize) {
        let subscriber = &mut self.subscribers[i];
        subscriber.is_in = false;
        match subscriber.client.take() {
            Some(client) => self.w.cut(client),
            None => {
                let options = v5().resume().session_expiry(u32::MAX).receive_maximum(5);
                let client = self.w.attempt(&subscriber.name, options);
                self.w.auto_acknowledge(client, false);
                subscriber.client = Some(client);
            }
        }
    }

    fn append(&mut self) {
        let (changes, receipts, last) = self.w.take_changes();
        self.log.append(&changes, &receipts);
        self.appended = last;
    }

    /// Messages that were asked for are read, each with this probability.
    fn fetch(&mut self, percent: usize) {
        self.fetches.extend(self.w.take_fetches());
        for Fetch { session, id, wanted } in std::mem::take(&mut self.fetches) {
            if !self.dice.percent(percent) {
                self.fetches.push(Fetch { session, id, wanted });
                continue;
            }
            let messages = self.log.fetch(wanted.iter().map(|(sequence, _)| *sequence)).unwrap();
            let messages: Vec<_> = wanted.iter().map(|(_, number)| *number).zip(messages).collect();
            self.read += messages.iter().filter(|(_, message)| message.is_some()).count();
            self.w.fetched(Fetched { session, id, messages });
        }
    }

    fn commit(&mut self) {
        self.append();
        if self.log.commit(true).is_ok() {
            self.w.committed(self.appended);
        }
    }

    /// The disk fails somewhere in the next commit.
    fn fail(&mut self) {
        self.disk.fail_in(self.dice.below(4), self.dice.below(101));
        self.commit();
        self.disk.repair();
    }

    /// The power goes; everybody is thrown out, and the broker comes back.
    fn crash(&mut self) {
        self.crashes += 1;
        self.fetches.clear();
        self.disk.lose_power(&mut self.dice);
        self.begin_again();
    }

    /// The broker is killed and comes back; what it has written is there, synced or not.
    fn die(&mut self) {
        self.disk.repair();
        // Some of what it was about to write, perhaps.
        if self.dice.percent(50) {
            self.append();
            let _ = self.log.commit(false);
        }
        self.begin_again();
    }

    fn begin_again(&mut self) {
        let (log, state, contents) = Log::open(self.disk.clone(), 1, SEGMENT).unwrap();
        assert_eq!(contents.lost_sessions, 0, "a session that had something is lost");
        self.log = log;
        self.w = World::restored(self.w.now(), state, contents.sequence, self.limits.clone());
        for publisher in &mut self.publishers {
            (publisher.client, publisher.is_in) = (None, false);
        }
        for subscriber in &mut self.subscribers {
            (subscriber.client, subscriber.is_in) = (None, false);
        }
    }

    /// Everybody connects, and all that is under way arrives.
    pub fn come_to_rest(&mut self) {
        for _ in 0..400 {
            for i in 0..self.publishers.len() {
                if self.publishers[i].client.is_none() {
                    self.toggle_publisher(i);
                }
            }
            for i in 0..self.subscribers.len() {
                if self.subscribers[i].client.is_none() {
                    self.toggle_subscriber(i);
                }
            }
            self.hear(100);
            self.commit();
            self.fetch(100);
            let quiet = self.publishers.iter().all(|p| p.is_in && p.outstanding.is_empty())
                && self.fetches.is_empty()
                && self.subscribers.iter().all(|s| {
                    s.is_in
                        && s.subscribed
                        && s.unreleased.is_empty()
                        && self.w.peek(s.client.unwrap()).is_empty()
                });
            if quiet {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// What must be true in the end.
    pub fn judge(&mut self) {
        for s in &self.subscribers {
            for publisher in &self.publishers {
                self.judge_one(s, publisher);
            }
        }
        let eve = self.w.connect("eve", v311());
        self.w.subscribe(eve, "r/#", QoS::AtMostOnce);
        let values: BTreeMap<String, u64> = self
            .w
            .publishes(eve)
            .iter()
            .map(|p| (p.topic.to_owned(), number_of(&String::from_utf8_lossy(p.payload))))
            .collect();
        for (topic, (acknowledged, sent)) in &self.retained {
            let value = values.get(topic).copied().unwrap_or(0);
            assert!(
                (*acknowledged..=*sent).contains(&value),
                "{topic}: {acknowledged} was acknowledged, {sent} sent last, {value} is there"
            );
        }
    }

    fn judge_one(&self, s: &Subscriber, publisher: &Publisher) {
        let mut seen = HashSet::new();
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        let from = format!("{}:", publisher.name);
        for line in s.got.iter().filter(|line| line.contains(&from)) {
            let (topic, _) = line.split_once(' ').unwrap();
            let number = number_of(line);
            let first_time = seen.insert(number);
            if s.qos == QoS::ExactlyOnce && self.was_qos_2(publisher, number) {
                assert!(first_time, "{} got {line} twice", s.name);
            }
            let last = last.entry(topic).or_default();
            if first_time {
                assert!(number > *last, "{} got {line} after {last}", s.name);
                *last = number;
            }
        }
        for number in 1..publisher.next {
            let expected = !self.was_retained(publisher, number);
            assert!(!expected || seen.contains(&number), "{} never got {from}{number}", s.name);
        }
    }
}

impl Life {
    fn was_retained(&self, publisher: &Publisher, number: u64) -> bool {
        self.kinds.get(&(publisher.name.clone(), number)).is_some_and(|kind| kind.1)
    }

    fn was_qos_2(&self, publisher: &Publisher, number: u64) -> bool {
        self.kinds.get(&(publisher.name.clone(), number)).is_some_and(|kind| kind.0 == QoS::ExactlyOnce)
    }
}

fn note_retained(retained: &mut BTreeMap<String, (u64, u64)>, sent: &Sent) {
    if let Some((acknowledged, _)) = retained.get_mut(&sent.topic) {
        *acknowledged = sent.number.max(*acknowledged);
    }
}

fn number_of(line: &str) -> u64 {
    line.rsplit(':').next().unwrap().parse().unwrap()
}
