//! A client that keeps to the rules, and its books: what it was promised, and what came.

use super::Story;
use mqtt_toolkit::protocol::{Ack, Packet, Publish, QoS, ReasonCode, Version, topic};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The filter of the shared subscription, and its only topic, which no other filter of a good client matches.
pub const SHARED: (&str, &str) = ("$share/g/s", "s");

/// What a packet of a good client does when the broker has taken it.
#[derive(Clone, Debug)]
pub enum Meaning {
    Connect {
        clean: bool,
        expiry: u32,
        window: u16,
        maximum_packet_size: usize,
    },
    Publish {
        sequence: u32,
        topic: &'static str,
        qos: QoS,
        identifier: u16,
        expires: bool,
        again: bool,
    },
    Subscribe {
        filter: &'static str,
        qos: QoS,
        no_local: bool,
    },
    Unsubscribe {
        filter: &'static str,
    },
    /// PUBACK, PUBCOMP, or PUBREC with an error: the flow of a message to the client is over.
    Complete {
        identifier: u16,
    },
    PubRec,
    PubRel,
    Disconnect,
}

/// How far a QoS 2 message from the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// PUBLISH is on its way or taken.
    Published { sequence: u32, topic: &'static str, taken: bool },
    /// PUBREC came.
    Received,
    /// PUBREL was sent.
    Released,
}

/// A message on its way to the client.
#[derive(Debug)]
pub struct Incoming {
    pub qos: QoS,
    /// Tells messages apart.
    payload: Vec<u8>,
    /// It was answered on this connection.
    pub answered: bool,
}

/// What is owed to a session of one message.
#[derive(Debug, Default)]
struct Owed {
    /// Copies of QoS 1 and 2, and of QoS 0.
    copies: u32,
    at_most_once: u32,
    /// Fewer are no fault.
    may_be_fewer: bool,
    /// Copies that came, not counting what came again.
    came: u32,
    came_at_most_once: u32,
}

/// The state of a session as the client knows it must be.
#[derive(Debug, Default)]
pub struct Session {
    pub expiry: u32,
    /// When its connection ended.
    pub ended: Option<u64>,
    filters: BTreeMap<&'static str, (QoS, bool)>,
    /// Messages to the client by Packet Identifier.
    pub incoming: BTreeMap<u16, Incoming>,
    owed: HashMap<u32, Owed>,
    /// It had a connection with a small Maximum Packet Size.
    picky: bool,
    /// The last message of each publisher, topic and QoS.
    last: HashMap<(u8, String, u8), u32>,
}

/// A good client.
#[derive(Debug)]
pub struct Client {
    pub name: String,
    pub link: Option<usize>,
    pub session: Option<Session>,
    /// QoS 2 messages from the client by Packet Identifier; they are part of the session as well.
    pub outgoing: BTreeMap<u16, Outgoing>,
    /// Answers what comes by itself.
    pub auto: bool,
    /// Packet Identifiers of PUBRELs that were not answered on this connection.
    pub owes_pubcomp: Vec<u16>,
    /// Packet Identifiers of messages from before this connection, to be sent again once CONNACK comes.
    unfinished: Vec<u16>,
    identifier: u16,
    connacked: bool,
    expects_session: bool,
    window: u16,
    maximum_packet_size: usize,
    /// Topic Aliases that the broker has set on this connection.
    aliases: HashMap<u16, String>,
    /// Messages of this connection that aren't completed.
    unacknowledged: HashSet<u16>,
    /// QoS 2 messages that were begun on this connection.
    pub begun: usize,
}

impl Client {
    pub fn new(number: u8) -> Client {
        Client {
            name: format!("client-{number}"),
            link: None,
            session: None,
            outgoing: BTreeMap::new(),
            auto: true,
            owes_pubcomp: Vec::new(),
            unfinished: Vec::new(),
            identifier: 0,
            connacked: false,
            expects_session: false,
            window: 0,
            maximum_packet_size: usize::MAX,
            aliases: HashMap::new(),
            unacknowledged: HashSet::new(),
            begun: 0,
        }
    }

    /// A Packet Identifier that isn't in use.
    pub fn next_identifier(&mut self) -> u16 {
        loop {
            self.identifier = self.identifier.checked_add(1).unwrap_or(1);
            if !self.outgoing.contains_key(&self.identifier) {
                return self.identifier;
            }
        }
    }

    /// Whether the session is there at this time, with a connection or without.
    pub fn has_session(&self, now: u64) -> bool {
        self.session.as_ref().is_some_and(|session| match (session.ended, session.expiry) {
            (None, _) | (_, u32::MAX) => true,
            (Some(ended), seconds) => now < ended + u64::from(seconds) * 1000,
        })
    }
}

/// Sequence number of a message of a good client, and the client's number; others have none.
pub fn tag(payload: &[u8]) -> Option<(u32, u8)> {
    let text = std::str::from_utf8(payload.get(..12)?).ok()?;
    let (sequence, client) = text.strip_prefix("M:")?.split_at(8);
    Some((u32::from_str_radix(sequence, 16).ok()?, client.strip_prefix(':')?.parse().ok()?))
}

impl Story {
    /// The broker has taken a packet: what it is bound to from now on.
    pub fn was_taken(&mut self, number: usize, link: usize, meaning: Meaning) {
        let now = self.now.monotonic;
        match meaning {
            Meaning::Connect { clean, expiry, window, maximum_packet_size } => {
                self.connected(number, link, clean, expiry, window, maximum_packet_size);
            }
            Meaning::Publish { sequence, topic, qos, identifier, expires, again } => {
                if qos == QoS::ExactlyOnce {
                    let taken = Outgoing::Published { sequence, topic, taken: true };
                    self.clients[number].outgoing.insert(identifier, taken);
                }
                if !again {
                    self.promised(number, sequence, topic, qos, expires);
                }
            }
            Meaning::Subscribe { filter, qos, no_local } => {
                if let Some(session) = &mut self.clients[number].session {
                    session.filters.insert(filter, (qos, no_local));
                }
            }
            Meaning::Unsubscribe { filter } => {
                if let Some(session) = &mut self.clients[number].session {
                    session.filters.remove(filter);
                }
            }
            Meaning::Complete { identifier } => {
                let client = &mut self.clients[number];
                client.unacknowledged.remove(&identifier);
                if let Some(session) = &mut client.session {
                    session.incoming.remove(&identifier);
                }
            }
            Meaning::Disconnect => self.ended(number, now),
            Meaning::PubRec | Meaning::PubRel => {}
        }
    }

    fn connected(
        &mut self,
        number: usize,
        link: usize,
        clean: bool,
        expiry: u32,
        window: u16,
        maximum_packet_size: usize,
    ) {
        let now = self.now.monotonic;
        let client = &mut self.clients[number];
        if client.link.is_some() {
            // Taken over: a session that was to end with its connection does.
            if let Some(session) = &mut client.session {
                session.ended = Some(now);
            }
        }
        let goes_on = !clean && client.has_session(now);
        if !goes_on {
            client.session = Some(Session::default());
            client.outgoing.clear();
        }
        // Packets that the broker didn't take are gone with their connection.
        client.outgoing.retain(|_, state| !matches!(state, Outgoing::Published { taken: false, .. }));
        client.unfinished = client.outgoing.keys().copied().collect();
        client.link = Some(link);
        client.connacked = false;
        client.expects_session = goes_on;
        client.window = window;
        client.maximum_packet_size = maximum_packet_size;
        client.aliases.clear();
        client.unacknowledged.clear();
        client.owes_pubcomp.clear();
        client.begun = 0;
        let session = client.session.get_or_insert_default();
        session.expiry = expiry;
        session.ended = None;
        session.picky |= maximum_packet_size != usize::MAX;
        if session.picky {
            session.owed.values_mut().for_each(|owed| owed.may_be_fewer = true);
        }
        for incoming in session.incoming.values_mut() {
            incoming.answered = false;
        }
        self.seen.resumed += usize::from(goes_on);
    }

    /// A connection of a client has ended.
    pub fn ended(&mut self, number: usize, now: u64) {
        let client = &mut self.clients[number];
        client.link = None;
        if let Some(session) = &mut client.session {
            session.ended = Some(now);
        }
        if !client.has_session(now) {
            client.session = None;
            client.outgoing.clear();
        }
    }

    /// The broker took a message over: who is to get it.
    fn promised(&mut self, publisher: usize, sequence: u32, topic: &str, qos: QoS, expires: bool) {
        let now = self.now.monotonic;
        let limited = self.limits.max_queued_messages != 0;
        for (number, client) in self.clients.iter_mut().enumerate() {
            if !client.has_session(now) {
                continue;
            }
            let one_copy = !self.limits.allow_duplicate_messages;
            let Some(session) = &mut client.session else { continue };
            for (filter, (granted, no_local)) in &session.filters {
                if !topic::matches(filter, topic) || *no_local && number == publisher {
                    continue;
                }
                let owed = session.owed.entry(sequence).or_default();
                owed.may_be_fewer |= limited || expires || session.picky || one_copy;
                match qos.min(*granted) {
                    QoS::AtMostOnce => owed.at_most_once += 1,
                    _ => owed.copies += 1,
                }
            }
        }
    }

    /// A packet came to a client.
    pub fn came(&mut self, number: usize, link: usize, packet: &Packet<'_>, length: usize) {
        let client = &mut self.clients[number];
        assert!(length <= client.maximum_packet_size, "{length} bytes to {}", client.name);
        if let Packet::ConnAck(connack) = packet {
            assert!(!client.connacked, "a second CONNACK");
            client.connacked = true;
            assert_eq!(connack.code, ReasonCode::SUCCESS);
            let version = self.links[link].version;
            let expected = client.expects_session && version != Version::V31;
            assert_eq!(connack.session_present, expected, "Session Present for {}", client.name);
            return self.send_again(number, link);
        }
        assert!(client.connacked, "{packet:?} before CONNACK");
        match packet {
            Packet::Publish(publish) => self.message_came(number, link, publish),
            Packet::PubRec(ack) => {
                assert!(!ack.reason.is_error(), "{ack:?}");
                if let Some(state) = client.outgoing.get_mut(&ack.packet_identifier) {
                    *state = Outgoing::Received;
                }
                if client.auto {
                    self.release(number, link, ack.packet_identifier);
                }
            }
            Packet::PubRel(ack) => {
                // The message itself is known by now; from here on the identifier stands for nothing.
                if let Some(session) = &mut client.session {
                    session.incoming.remove(&ack.packet_identifier);
                }
                client.owes_pubcomp.push(ack.packet_identifier);
                if client.auto {
                    self.answer(number, link);
                }
            }
            Packet::PubComp(ack) => {
                client.outgoing.remove(&ack.packet_identifier);
            }
            Packet::PubAck(ack) => assert!(!ack.reason.is_error(), "{ack:?}"),
            Packet::SubAck(suback) => assert!(suback.codes.iter().all(|code| *code <= 2), "{suback:?}"),
            Packet::UnsubAck(_) | Packet::PingResp => {}
            other => panic!("{other:?} to {}, who kept to the rules", client.name),
        }
    }

    fn message_came(&mut self, number: usize, link: usize, publish: &Publish<'_>) {
        let client = &mut self.clients[number];
        let session = client.session.as_mut().expect("a connection has a session");
        let mut topic = publish.topic.to_string();
        if let Some(alias) = publish.properties.topic_alias() {
            if topic.is_empty() {
                topic = client.aliases.get(&alias).expect("an alias that was never set").clone();
            } else {
                client.aliases.insert(alias, topic.clone());
            }
        }
        let mut again = false;
        if publish.qos != QoS::AtMostOnce {
            let id = publish.packet_identifier;
            client.unacknowledged.insert(id);
            let window = usize::from(client.window);
            assert!(client.unacknowledged.len() <= window, "more than {window} unacknowledged");
            if let Some(known) = session.incoming.get(&id) {
                assert!(publish.dup, "identifier {id} is in use, and DUP is 0");
                assert_eq!(known.payload, publish.payload, "identifier {id} stands for another message");
                assert_eq!(known.qos, publish.qos);
                again = true;
            } else {
                let payload = publish.payload.to_vec();
                session.incoming.insert(id, Incoming { qos: publish.qos, payload, answered: false });
            }
        }
        self.seen.sent_again += usize::from(publish.dup);
        // Retained messages, Wills and what bad clients send are in nobody's books.
        if let Some((sequence, publisher)) = tag(publish.payload).filter(|_| !publish.retain && !again) {
            self.book(number, publish, &topic, sequence, publisher);
        }
        if self.clients[number].auto {
            self.answer(number, link);
        }
    }

    fn book(&mut self, number: usize, publish: &Publish<'_>, topic: &str, sequence: u32, publisher: u8) {
        if topic == SHARED.1 {
            let times = self.shared.entry(sequence).or_default();
            *times += 1;
            assert_eq!(*times, 1, "message {sequence} came to two members of a shared subscription");
            self.seen.shared += 1;
            return;
        }
        let Some(session) = &mut self.clients[number].session else { return };
        let owed =
            session.owed.get_mut(&sequence).unwrap_or_else(|| panic!("{publish:?} is not for {number}"));
        if publish.qos == QoS::AtMostOnce {
            owed.came_at_most_once += 1;
            assert!(owed.came_at_most_once <= owed.at_most_once, "too many copies: {publish:?}");
            self.seen.at_most_once += 1;
        } else {
            owed.came += 1;
            assert!(owed.came <= owed.copies, "too many copies: {publish:?}");
            self.seen.acknowledged += 1;
        }
        if !publish.dup {
            let key = (publisher, topic.to_string(), publish.qos as u8);
            let last = session.last.entry(key).or_default();
            assert!(*last <= sequence, "{publish:?} came behind {last}");
            *last = sequence;
        }
    }

    /// After a reconnect: QoS 2 messages that aren't through are sent again.
    fn send_again(&mut self, number: usize, link: usize) {
        let version = self.links[link].version;
        for identifier in std::mem::take(&mut self.clients[number].unfinished) {
            let Some(&state) = self.clients[number].outgoing.get(&identifier) else { continue };
            match state {
                Outgoing::Published { sequence, topic, .. } => {
                    let qos = QoS::ExactlyOnce;
                    let payload = super::steps::payload(sequence, number, 12);
                    let publish = Publish {
                        dup: true,
                        qos,
                        retain: false,
                        topic,
                        packet_identifier: identifier,
                        properties: mqtt_toolkit::protocol::Properties::EMPTY,
                        payload: &payload,
                    };
                    let mut bytes = Vec::new();
                    publish.encode(version, &mut bytes);
                    let expires = false;
                    let meaning = Meaning::Publish { sequence, topic, qos, identifier, expires, again: true };
                    self.send(link, bytes, meaning);
                }
                Outgoing::Received | Outgoing::Released => self.release(number, link, identifier),
            }
        }
    }

    /// PUBREL for a message from the client.
    pub fn release(&mut self, number: usize, link: usize, identifier: u16) {
        let Some(state) = self.clients[number].outgoing.get_mut(&identifier) else { return };
        *state = Outgoing::Released;
        self.send_ack(link, Packet::PubRel(Ack::new(identifier)), Meaning::PubRel);
    }

    /// Answers everything that waits for an answer.
    pub fn answer(&mut self, number: usize, link: usize) {
        let client = &mut self.clients[number];
        let mut answers = Vec::new();
        for identifier in client.owes_pubcomp.drain(..) {
            let complete = Meaning::Complete { identifier };
            answers.push((Packet::PubComp(Ack::new(identifier)), complete));
        }
        // In the order of the identifiers, which is not always that of the messages: any is allowed to a client of QoS 1
        // but the order of its own PUBACKs, which nobody checks.
        for (&identifier, incoming) in client.session.iter_mut().flat_map(|s| s.incoming.iter_mut()) {
            if incoming.answered || !client.unacknowledged.contains(&identifier) {
                continue;
            }
            incoming.answered = true;
            answers.push(match incoming.qos {
                QoS::AtLeastOnce => (Packet::PubAck(Ack::new(identifier)), Meaning::Complete { identifier }),
                _ => (Packet::PubRec(Ack::new(identifier)), Meaning::PubRec),
            });
        }
        for (packet, meaning) in answers {
            self.send_ack(link, packet, meaning);
        }
    }

    fn send_ack(&mut self, link: usize, packet: Packet<'_>, meaning: Meaning) {
        let mut bytes = Vec::new();
        packet.encode(self.links[link].version, &mut bytes);
        self.send(link, bytes, meaning);
    }

    /// All is quiet, everybody was here and read and answered: each session got what it was owed.
    pub fn assert_nothing_is_owed(&self) {
        for client in self.clients.iter().filter(|client| client.has_session(self.now.monotonic)) {
            for (sequence, owed) in client.session.iter().flat_map(|session| &session.owed) {
                assert!(
                    owed.came == owed.copies || owed.may_be_fewer,
                    "message {sequence:#x} to {}: {owed:?}",
                    client.name
                );
            }
        }
    }
}
