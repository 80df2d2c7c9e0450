//! Publishers and subscribers that survive every broker: what isn't acknowledged is sent again, what came is counted.

use mqtt_toolkit::protocol::{
    Ack, Connect, Packet, Properties, Publish, QoS, Subscribe, SubscriptionOptions, Version, decode,
    fixed_header,
};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

const VERSION: Version = Version::V311;
/// Messages that a publisher has under way.
const WINDOW: usize = 10;

/// A connection that never blocks.
pub struct Wire {
    stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    is_in: bool,
    lost: bool,
}

impl Wire {
    /// Connects as a client whose session goes on.
    fn open(address: SocketAddr, client_id: &str) -> Wire {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut wire = Wire { stream, input: Vec::new(), output: Vec::new(), is_in: false, lost: false };
        wire.send(&Packet::Connect(Connect {
            version: VERSION,
            bridge: false,
            clean_start: false,
            keep_alive: 0,
            client_id,
            properties: Properties::EMPTY,
            will: None,
            username: None,
            password: None,
        }));
        wire
    }

    fn send(&mut self, packet: &Packet<'_>) {
        packet.encode(VERSION, &mut self.output);
    }

    /// Writes and reads what is possible; calls `visit` for each packet but CONNACK, and for CONNACK with Session
    /// Present.
    fn work(&mut self, mut visit: impl FnMut(Event<'_>, &mut Vec<u8>)) {
        while !self.output.is_empty() && !self.lost {
            match self.stream.write(&self.output) {
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.lost = true,
            }
        }
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break self.lost = true,
                Ok(count) => self.input.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => break self.lost = true,
            }
        }
        let input = std::mem::take(&mut self.input);
        let mut at = 0;
        while let Some(header) = fixed_header(&input[at..]).unwrap() {
            let Some(frame) = input.get(at..at + header.total()) else { break };
            at += header.total();
            match decode(VERSION, header.first, &frame[header.header_length..]).unwrap() {
                Packet::ConnAck(connack) => {
                    assert_eq!(connack.code.0, 0);
                    self.is_in = true;
                    visit(Event::In(connack.session_present), &mut self.output);
                }
                packet => visit(Event::Packet(packet), &mut self.output),
            }
        }
        self.input = input[at..].to_vec();
    }

    /// For the poller.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

enum Event<'a> {
    In(bool),
    Packet(Packet<'a>),
}

struct Sent {
    identifier: u16,
    number: u64,
    received: bool,
}

/// A publisher of numbers.
pub struct Publisher {
    pub name: String,
    qos: QoS,
    pub wire: Option<Wire>,
    has_session: bool,
    outstanding: VecDeque<Sent>,
    identifier: u16,
    /// The next number.
    pub next: u64,
    /// Numbers that are acknowledged.
    pub acknowledged: u64,
}

impl Publisher {
    pub fn new(name: &str, qos: QoS) -> Publisher {
        Publisher {
            name: name.to_owned(),
            qos,
            wire: None,
            has_session: false,
            outstanding: VecDeque::new(),
            identifier: 0,
            next: 1,
            acknowledged: 0,
        }
    }

    /// Comes to a broker.
    pub fn connect(&mut self, address: SocketAddr) {
        self.wire = Some(Wire::open(address, &self.name));
    }

    /// Publishes as much as the window allows if there is to be `more`, and acts on what came.
    pub fn work(&mut self, more: bool) {
        let Some(mut wire) = self.wire.take() else { return };
        wire.work(|event, output| self.hear(event, output));
        while more && wire.is_in && self.outstanding.len() < WINDOW {
            self.identifier = self.identifier % 1000 + 1;
            let sent = Sent { identifier: self.identifier, number: self.next, received: false };
            self.next += 1;
            self.send(&sent, false, &mut wire.output);
            self.outstanding.push_back(sent);
        }
        wire.work(|event, output| self.hear(event, output));
        self.wire = Some(wire);
    }

    /// Whether everything that was published is acknowledged.
    pub fn is_done(&self) -> bool {
        self.outstanding.is_empty()
    }

    fn send(&self, sent: &Sent, dup: bool, output: &mut Vec<u8>) {
        let topic = format!("t/{}/{}", self.name, sent.number % 3);
        let payload = format!("{}:{}", self.name, sent.number);
        let packet = match sent.received {
            true => Packet::PubRel(Ack::new(sent.identifier)),
            false => Packet::Publish(Publish {
                dup,
                qos: self.qos,
                retain: false,
                topic: &topic,
                packet_identifier: sent.identifier,
                properties: Properties::EMPTY,
                payload: payload.as_bytes(),
            }),
        };
        packet.encode(VERSION, output);
    }

    fn hear(&mut self, event: Event<'_>, output: &mut Vec<u8>) {
        match event {
            Event::In(present) => {
                assert!(present || !self.has_session, "the session of {} is lost", self.name);
                self.has_session = true;
                for sent in &self.outstanding {
                    self.send(sent, true, output);
                }
            }
            Event::Packet(Packet::PubAck(ack) | Packet::PubComp(ack)) => {
                let before = self.outstanding.len();
                self.outstanding.retain(|sent| sent.identifier != ack.packet_identifier);
                self.acknowledged += (before - self.outstanding.len()) as u64;
            }
            Event::Packet(Packet::PubRec(ack)) => {
                for sent in self.outstanding.iter_mut().filter(|s| s.identifier == ack.packet_identifier) {
                    sent.received = true;
                }
                Packet::PubRel(Ack::new(ack.packet_identifier)).encode(VERSION, output);
            }
            Event::Packet(other) => panic!("{} got {other:?}", self.name),
        }
    }
}

/// A subscriber that knows what it got.
pub struct Subscriber {
    pub name: String,
    qos: QoS,
    pub wire: Option<Wire>,
    pub subscribed: bool,
    unreleased: BTreeSet<u16>,
    /// By topic: the highest number so far.
    last: HashMap<String, u64>,
    /// By publisher: which numbers came.
    pub got: HashMap<String, BTreeSet<u64>>,
    /// QoS 1 messages that came again.
    pub repeated: u64,
}

impl Subscriber {
    pub fn new(name: &str, qos: QoS) -> Subscriber {
        Subscriber {
            name: name.to_owned(),
            qos,
            wire: None,
            subscribed: false,
            unreleased: BTreeSet::new(),
            last: HashMap::new(),
            got: HashMap::new(),
            repeated: 0,
        }
    }

    /// Comes to a broker.
    pub fn connect(&mut self, address: SocketAddr) {
        self.wire = Some(Wire::open(address, &self.name));
    }

    /// Acts on what came.
    pub fn work(&mut self) {
        let Some(mut wire) = self.wire.take() else { return };
        for _ in 0..2 {
            wire.work(|event, output| self.hear(event, output));
        }
        self.wire = Some(wire);
    }

    /// How many different messages came.
    pub fn count(&self) -> usize {
        self.got.values().map(BTreeSet::len).sum()
    }

    fn hear(&mut self, event: Event<'_>, output: &mut Vec<u8>) {
        let answer = match event {
            Event::In(present) => {
                assert!(present || !self.subscribed, "the session of {} is lost", self.name);
                if !self.subscribed {
                    let filters = [("t/#", SubscriptionOptions::new(self.qos))];
                    Subscribe::encode_parts(VERSION, 1, &Properties::EMPTY, filters, output);
                }
                return;
            }
            Event::Packet(Packet::SubAck(_)) => return self.subscribed = true,
            Event::Packet(Packet::Publish(publish)) => {
                let identifier = publish.packet_identifier;
                let is_new = publish.qos != QoS::ExactlyOnce || self.unreleased.insert(identifier);
                if is_new {
                    self.take(publish.topic, publish.payload, publish.qos);
                }
                match publish.qos {
                    QoS::ExactlyOnce => Packet::PubRec(Ack::new(identifier)),
                    _ => Packet::PubAck(Ack::new(identifier)),
                }
            }
            Event::Packet(Packet::PubRel(ack)) => {
                self.unreleased.remove(&ack.packet_identifier);
                Packet::PubComp(Ack::new(ack.packet_identifier))
            }
            Event::Packet(other) => panic!("{} got {other:?}", self.name),
        };
        answer.encode(VERSION, output);
    }

    /// The application gets a message.
    fn take(&mut self, topic: &str, payload: &[u8], qos: QoS) {
        let text = std::str::from_utf8(payload).unwrap();
        let (publisher, number) = text.split_once(':').unwrap();
        let number: u64 = number.parse().unwrap();
        let last = self.last.entry(topic.to_owned()).or_default();
        if self.got.entry(publisher.to_owned()).or_default().insert(number) {
            assert!(number > *last, "{} got {text} on {topic} after {last}", self.name);
            *last = number;
        } else {
            assert_eq!(qos, QoS::AtLeastOnce, "{} got {text} twice at QoS 2", self.name);
            self.repeated += 1;
        }
    }
}
