//! What each step of a script does.

use super::Story;
use super::client::{Meaning, Outgoing, SHARED};
use mqtt_toolkit::protocol::{
    Connect, Packet, Properties, PropertiesBuf, Property, Publish, QoS, Subscribe, SubscriptionOptions,
    Unsubscribe, Version, Will,
};

const TOPICS: [&str; 4] = ["a", "a/b", "c/b", SHARED.1];
const FILTERS: [&str; 6] = ["a", "a/#", "+/b", "a/+", "c/b", SHARED.0];
const VERSIONS: [Version; 4] = [Version::V31, Version::V311, Version::V5, Version::V5];

fn qos(choice: u8) -> QoS {
    [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][usize::from(choice) % 3]
}

/// The payload of a message of a good client.
pub fn payload(sequence: u32, client: usize, length: usize) -> Vec<u8> {
    let mut payload = format!("M:{sequence:08x}:{client}").into_bytes();
    payload.resize(payload.len().max(length), b'.');
    payload
}

impl Story {
    /// One step.
    pub fn step(&mut self, what: u8, who: u8, x: u8, y: u8) {
        let number = usize::from(who) % self.clients.len();
        let link = self.clients[number].link;
        match (what % 20, link) {
            (0, _) => self.connect(number, x, y),
            (1 | 2, Some(link)) => self.subscribe(number, link, x, y),
            (3, Some(link)) => self.unsubscribe(number, link, x),
            (4..=9, Some(link)) => self.publish(number, link, who, x, y),
            // Whoever isn't connected connects.
            (1..=9, None) => self.connect(number, x, y),
            (10, Some(link)) => self.answer(number, link),
            (11, Some(link)) => self.release_all(number, link),
            (12, _) if y & 1 != 0 => self.commit(),
            (12, _) => self.clients[number].auto = !x.is_multiple_of(3),
            (13, Some(link)) => self.disconnect(link, x),
            (14, Some(link)) => {
                self.ended(number, self.now.monotonic);
                self.cut(link);
            }
            (15, _) => self.advance(u64::from(x) * u64::from(y)),
            (16, Some(link)) => {
                // Its socket takes so many bytes more, or all.
                self.links[link].room = x.is_multiple_of(2).then_some(usize::from(y));
                self.writable(link);
            }
            (17, _) => self.hostile(who, x, y),
            (18, _) => self.hostile_packet(who, x, y),
            (19, _) => self.hostile_bytes(&[what, who, x, y]),
            _ => {}
        }
        self.settle();
    }

    fn connect(&mut self, number: usize, x: u8, y: u8) {
        let version = VERSIONS[usize::from(x) % 4];
        let clean = (x / 4).is_multiple_of(4);
        let v5 = version.is_v5();
        let expiry = match (v5, clean) {
            (true, _) => [0, 1, 100, u32::MAX][usize::from(y) % 4],
            (false, true) => 0,
            (false, false) => u32::MAX,
        };
        let mut properties = PropertiesBuf::new();
        let ours = match self.limits.max_inflight_messages {
            0 => u16::MAX,
            limit => limit,
        };
        let (mut window, mut maximum_packet_size) = (ours, usize::MAX);
        if v5 {
            properties.push(Property::SessionExpiryInterval(expiry));
            if y & 0x10 != 0 {
                window = [1, 2, 5, 100][usize::from(y >> 5) % 4];
                properties.push(Property::ReceiveMaximum(window));
            }
            if x & 0x40 != 0 && y & 0x08 != 0 {
                maximum_packet_size = 100;
                properties.push(Property::MaximumPacketSize(100));
            }
            if x & 0x80 != 0 {
                properties.push(Property::TopicAliasMaximum(2));
            }
        }
        let name = self.clients[number].name.clone();
        let will = Will {
            topic: "a/b",
            payload: b"will",
            qos: qos(y),
            retain: false,
            properties: Properties::EMPTY,
        };
        let connect = Connect {
            version,
            bridge: false,
            clean_start: clean,
            keep_alive: 0,
            client_id: &name,
            properties: properties.as_properties(),
            will: (x & 0x20 != 0).then_some(will),
            username: None,
            password: None,
        };
        let mut bytes = Vec::new();
        connect.encode(&mut bytes);
        let Some(link) = self.open(Some(number), version) else { return };
        self.send(link, bytes, Meaning::Connect { clean, expiry, window, maximum_packet_size });
    }

    fn subscribe(&mut self, number: usize, link: usize, x: u8, y: u8) {
        let filter = FILTERS[usize::from(x) % FILTERS.len()];
        let version = self.links[link].version;
        let no_local = version.is_v5() && y & 0x40 != 0 && filter != SHARED.0;
        let options = SubscriptionOptions { no_local, ..SubscriptionOptions::new(qos(y)) };
        let mut properties = PropertiesBuf::new();
        if version.is_v5() && y & 0x80 != 0 {
            properties.push(Property::SubscriptionIdentifier(u32::from(x) + 1));
        }
        let id = self.clients[number].next_identifier();
        let mut bytes = Vec::new();
        let filters = [(filter, options)];
        Subscribe::encode_parts(version, id, &properties.as_properties(), filters, &mut bytes);
        self.send(link, bytes, Meaning::Subscribe { filter, qos: options.qos, no_local });
    }

    fn unsubscribe(&mut self, number: usize, link: usize, x: u8) {
        let filter = FILTERS[usize::from(x) % FILTERS.len()];
        let id = self.clients[number].next_identifier();
        let mut bytes = Vec::new();
        Unsubscribe::encode_parts(self.links[link].version, id, &Properties::EMPTY, [filter], &mut bytes);
        self.send(link, bytes, Meaning::Unsubscribe { filter });
    }

    fn publish(&mut self, number: usize, link: usize, who: u8, x: u8, y: u8) {
        let version = self.links[link].version;
        let topic = TOPICS[usize::from(x) % TOPICS.len()];
        let qos = qos(y);
        let client = &mut self.clients[number];
        let limit = usize::from(self.limits.max_inflight_messages);
        if qos == QoS::ExactlyOnce {
            // Its own quota.
            if limit != 0 && client.begun.max(client.outgoing.len()) >= limit {
                return;
            }
            client.begun += 1;
        }
        let identifier = if qos == QoS::AtMostOnce { 0 } else { client.next_identifier() };
        self.sequence += 1;
        let sequence = self.sequence;
        if qos == QoS::ExactlyOnce {
            client.outgoing.insert(identifier, Outgoing::Published { sequence, topic, taken: false });
        }
        let expires = version.is_v5() && who & 0x80 != 0;
        let mut properties = PropertiesBuf::new();
        if expires {
            properties.push(Property::MessageExpiryInterval(u32::from(y)));
        }
        let length = if who & 0x70 == 0x70 { 70_000 } else { 12 };
        let payload = payload(sequence, number, length);
        let publish = Publish {
            dup: false,
            qos,
            retain: who & 0x0C == 0x0C,
            topic,
            packet_identifier: identifier,
            properties: properties.as_properties(),
            payload: &payload,
        };
        let mut bytes = Vec::new();
        publish.encode(version, &mut bytes);
        let meaning = Meaning::Publish { sequence, topic, qos, identifier, expires, again: false };
        self.send(link, bytes, meaning);
    }

    fn release_all(&mut self, number: usize, link: usize) {
        let received: Vec<u16> = self.clients[number]
            .outgoing
            .iter()
            .filter(|(_, state)| **state == Outgoing::Received)
            .map(|(id, _)| *id)
            .collect();
        for identifier in received {
            self.release(number, link, identifier);
        }
    }

    fn disconnect(&mut self, link: usize, x: u8) {
        let version = self.links[link].version;
        let reason = if version.is_v5() && x & 1 != 0 { 0x04 } else { 0 };
        let mut bytes = Vec::new();
        let packet = mqtt_toolkit::protocol::Disconnect::new(mqtt_toolkit::protocol::ReasonCode(reason));
        Packet::Disconnect(packet).encode(version, &mut bytes);
        self.send(link, bytes, Meaning::Disconnect);
    }

    /// A bad client connects, more or less well.
    fn hostile(&mut self, who: u8, x: u8, y: u8) {
        let version = VERSIONS[usize::from(who) % 4];
        let name = format!("x{}", self.links.len() % 3);
        let connect = Connect {
            version,
            bridge: who & 0x10 != 0 && !version.is_v5(),
            clean_start: who & 0x20 != 0,
            keep_alive: u16::from(who >> 6),
            client_id: &name,
            properties: Properties::EMPTY,
            will: None,
            username: None,
            password: None,
        };
        let mut bytes = Vec::new();
        connect.encode(&mut bytes);
        if who & 0x0C == 0x0C {
            spoil(&mut bytes, x, y);
        }
        let Some(link) = self.open(None, version) else { return };
        if who & 0x40 != 0 {
            self.links[link].room = Some(usize::from(y));
        }
        self.say(link, &bytes);
    }

    /// A bad client sends a packet that was one before it was spoilt.
    fn hostile_packet(&mut self, who: u8, x: u8, y: u8) {
        let Some(link) = self.a_hostile(who) else { return };
        let version = self.links[link].version;
        let mut bytes = Vec::new();
        let empty = Properties::EMPTY;
        let ack = mqtt_toolkit::protocol::Ack::new(u16::from(y));
        match x % 10 {
            0 => {
                let filters = [("#", SubscriptionOptions::new(qos(y)))];
                Subscribe::encode_parts(version, 1, &empty, filters, &mut bytes);
            }
            1 => {
                let filters = [(SHARED.0, SubscriptionOptions::new(qos(y)))];
                Subscribe::encode_parts(version, 1, &empty, filters, &mut bytes);
            }
            2 => Unsubscribe::encode_parts(version, 1, &empty, ["#"], &mut bytes),
            3 => Packet::PubRel(ack).encode(version, &mut bytes),
            4 => Packet::PubRec(ack).encode(version, &mut bytes),
            5 => Packet::PubComp(ack).encode(version, &mut bytes),
            6 => Packet::PubAck(ack).encode(version, &mut bytes),
            7 => Packet::PingReq.encode(version, &mut bytes),
            _ => {
                let publish = Publish {
                    dup: false,
                    qos: qos(y),
                    retain: y & 0x80 != 0,
                    topic: TOPICS[usize::from(y) % TOPICS.len()],
                    packet_identifier: if qos(y) == QoS::AtMostOnce { 0 } else { u16::from(y) + 1 },
                    properties: empty,
                    payload: b"of nobody's books",
                };
                publish.encode(version, &mut bytes);
            }
        }
        if who & 0x80 != 0 {
            spoil(&mut bytes, x, y);
        }
        self.say(link, &bytes);
    }

    fn hostile_bytes(&mut self, bytes: &[u8]) {
        if let Some(link) = self.a_hostile(bytes[1]) {
            self.say(link, bytes);
        }
    }

    fn a_hostile(&self, which: u8) -> Option<usize> {
        let is_one = |link: &usize| self.links[*link].client.is_none() && self.links[*link].key.is_some();
        let all: Vec<usize> = (0..self.links.len()).filter(is_one).collect();
        all.get(usize::from(which) % all.len().max(1)).copied()
    }

    fn say(&mut self, link: usize, bytes: &[u8]) {
        self.links[link].bytes.extend_from_slice(bytes);
        self.fresh.push(link);
    }

    /// The bad ones go. All good clients that have a session are there again, read, and answer; then nothing is owed.
    pub fn end(&mut self) {
        self.safe_at_once = true;
        self.settle();
        for link in 0..self.links.len() {
            if self.links[link].client.is_none() {
                self.cut(link);
            }
        }
        for number in 0..self.clients.len() {
            self.clients[number].auto = true;
            if let Some(link) = self.clients[number].link {
                self.links[link].room = None;
                self.answer(number, link);
                self.release_all(number, link);
                self.writable(link);
            } else if self.clients[number].has_session(self.now.monotonic) {
                // 5.0, Clean Start 0, a session that lasts.
                self.connect(number, 0x06, 0x03);
                self.settle();
            }
        }
        self.settle();
        self.advance(6_000);
        for number in 0..self.clients.len() {
            let Some(link) = self.clients[number].link else { continue };
            assert!(self.links[link].packets.is_empty(), "{:?} wait for ever", self.links[link].packets);
            assert!(self.links[link].key.is_some(), "client {number} was disconnected");
        }
        self.assert_nothing_is_owed();
        self.shard.shut_down(self.now, &mut self.outbox);
    }
}

/// Makes another packet of it: cuts it, turns a byte, or puts one in.
fn spoil(bytes: &mut Vec<u8>, x: u8, y: u8) {
    let at = usize::from(x) % bytes.len().max(1);
    match y % 3 {
        0 => bytes.truncate(at),
        1 => bytes[at] ^= y | 1,
        _ => bytes.insert(at, y),
    }
}
