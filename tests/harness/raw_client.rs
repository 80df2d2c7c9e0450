//! A client with nothing between the test and the wire: it sends the bytes it is told and shows every packet.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use mqtt_toolkit::protocol::{
    Ack, AckKind, Connect, Packet, Properties, Publish, QoS, ReasonCode, Subscribe, SubscriptionOptions,
    Version, decode, fixed_header,
};

use super::wait::PATIENCE;

/// A connection.
pub struct RawClient {
    pub stream: TcpStream,
    pub version: Version,
    unread: Vec<u8>,
    /// Messages that came while something else was awaited.
    messages: VecDeque<Message>,
    identifier: u16,
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: QoS,
    pub retain: bool,
}

/// A CONNECT with Clean Start and nothing else.
pub fn plain_connect(version: Version, client_id: &str) -> Connect<'_> {
    Connect {
        version,
        bridge: false,
        clean_start: true,
        keep_alive: 0,
        client_id,
        properties: Properties::EMPTY,
        will: None,
        username: None,
        password: None,
    }
}

/// A packet as bytes.
pub fn encoded(version: Version, packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes);
    bytes
}

/// A SUBSCRIBE with one Topic Filter.
pub fn subscribe(version: Version, identifier: u16, filter: &str, qos: QoS) -> Vec<u8> {
    let mut bytes = Vec::new();
    let filters = [(filter, SubscriptionOptions::new(qos))];
    Subscribe::encode_parts(version, identifier, &Properties::EMPTY, filters, &mut bytes);
    bytes
}

/// A PUBLISH.
pub fn publish(version: Version, identifier: u16, topic: &str, payload: &[u8], qos: QoS) -> Vec<u8> {
    let packet = Publish {
        dup: false,
        qos,
        retain: false,
        topic,
        packet_identifier: identifier,
        properties: Properties::EMPTY,
        payload,
    };
    encoded(version, &Packet::Publish(packet))
}

impl RawClient {
    /// A connection on which nothing was said.
    pub fn open(address: SocketAddr, version: Version) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        RawClient { stream, version, unread: Vec::new(), messages: VecDeque::new(), identifier: 0 }
    }

    /// A client that was let in.
    pub fn connect(address: SocketAddr, version: Version, client_id: &str) -> Self {
        Self::connect_with(address, &plain_connect(version, client_id))
    }

    /// A client that was let in with this CONNECT.
    pub fn connect_with(address: SocketAddr, connect: &Connect<'_>) -> Self {
        let mut client = Self::open(address, connect.version);
        client.send(&encoded(connect.version, &Packet::Connect(*connect)));
        assert_eq!(client.connack(), Some(0), "{}", connect.client_id);
        client
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends bytes to whom may have gone already; whether all were taken.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        match self.stream.write_all(bytes) {
            Ok(()) => true,
            Err(error) => {
                let gone = matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
                assert!(gone, "{error}");
                false
            }
        }
    }

    /// The next packet's bytes; `None`: the connection has ended.
    pub fn frame(&mut self) -> Option<Vec<u8>> {
        let mut bytes = [0; 65536];
        loop {
            if let Some(header) = fixed_header(&self.unread).unwrap()
                && self.unread.len() >= header.total()
            {
                return Some(self.unread.drain(..header.total()).collect());
            }
            match self.stream.read(&mut bytes) {
                Ok(0) => {
                    assert!(self.unread.is_empty(), "ended within a packet");
                    return None;
                }
                Ok(count) => self.unread.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("waited in vain for a packet: {error}"),
            }
        }
    }

    /// The Reason Code of the next packet, which is a CONNACK; `None`: the connection has ended without.
    pub fn connack(&mut self) -> Option<u8> {
        let frame = self.frame()?;
        match self.packet(&frame) {
            Packet::ConnAck(ack) => Some(ack.code.0),
            other => panic!("{other:?} instead of CONNACK"),
        }
    }

    /// How the connection ends: the Reason Code of a DISCONNECT or of a CONNACK before the end, if there was one.
    pub fn ending(&mut self) -> Option<u8> {
        let mut code = None;
        while let Some(frame) = self.frame() {
            code = match self.packet(&frame) {
                Packet::Disconnect(packet) => Some(packet.reason.0),
                Packet::ConnAck(ack) => Some(ack.code.0),
                _ => None,
            };
        }
        code
    }

    fn packet<'f>(&self, frame: &'f [u8]) -> Packet<'f> {
        let header = fixed_header(frame).unwrap().unwrap();
        decode(self.version, header.first, &frame[header.header_length..]).unwrap()
    }

    fn next_identifier(&mut self) -> u16 {
        self.identifier = self.identifier % u16::MAX + 1;
        self.identifier
    }

    fn send_ack(&mut self, kind: AckKind, identifier: u16) {
        let mut bytes = Vec::new();
        Ack::new(identifier).encode(kind, self.version, &mut bytes);
        self.send(&bytes);
    }

    /// Subscribes and waits for SUBACK; its code.
    pub fn subscribe(&mut self, filter: &str, qos: QoS) -> u8 {
        let identifier = self.next_identifier();
        let bytes = subscribe(self.version, identifier, filter, qos);
        self.send(&bytes);
        let suback = self.until("SUBACK", |packet| match packet {
            Packet::SubAck(ack) if ack.packet_identifier == identifier => Some(ack.codes[0]),
            _ => None,
        });
        suback.unwrap_or_else(|| panic!("ended before the SUBACK for {filter}"))
    }

    /// Publishes, and at QoS 1 and 2 waits until the broker has it.
    pub fn publish(&mut self, topic: &str, payload: &[u8], qos: QoS) {
        let identifier = if qos == QoS::AtMostOnce { 0 } else { self.next_identifier() };
        let bytes = publish(self.version, identifier, topic, payload, qos);
        self.send(&bytes);
        match qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.acknowledged("PUBACK", identifier),
            QoS::ExactlyOnce => {
                self.acknowledged("PUBREC", identifier);
                self.send_ack(AckKind::PubRel, identifier);
                self.acknowledged("PUBCOMP", identifier);
            }
        }
    }

    fn acknowledged(&mut self, name: &str, identifier: u16) {
        let found = self.until(name, |packet| match (packet, name) {
            (Packet::PubAck(ack), "PUBACK")
            | (Packet::PubRec(ack), "PUBREC")
            | (Packet::PubComp(ack), "PUBCOMP")
                if ack.packet_identifier == identifier =>
            {
                Some(ack.reason)
            }
            _ => None,
        });
        let reason = found.unwrap_or_else(|| panic!("ended before {name}"));
        assert!(!reason.is_error() || reason == ReasonCode::NO_MATCHING_SUBSCRIBERS, "{reason:?}");
    }

    /// The next message, acknowledged. `None`: the connection has ended.
    pub fn message(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Some(message);
            }
            let frame = self.frame()?;
            self.take(&frame);
        }
    }

    /// The messages that came while something else was awaited.
    pub fn take_messages(&mut self) -> Vec<Message> {
        self.messages.drain(..).collect()
    }

    /// The next message, whatever acknowledgements come before it.
    pub fn message_behind_acknowledgements(&mut self) -> Message {
        while self.messages.is_empty() {
            let frame = self.frame().expect("still connected");
            self.take(&frame);
        }
        self.messages.pop_front().expect("there is one")
    }

    /// Takes packets until one is what is sought.
    fn until<T>(&mut self, what: &str, sought: impl Fn(&Packet<'_>) -> Option<T>) -> Option<T> {
        loop {
            let frame = self.frame()?;
            if let Some(found) = sought(&self.packet(&frame)) {
                return Some(found);
            }
            assert!(self.take(&frame), "{:?} while waiting for {what}", self.packet(&frame));
        }
    }

    /// Takes a packet of a message's flow; whether it was one.
    fn take(&mut self, frame: &[u8]) -> bool {
        match self.packet(frame) {
            Packet::Publish(message) => {
                let (topic, payload) = (message.topic.to_owned(), message.payload.to_owned());
                let (qos, retain, identifier) = (message.qos, message.retain, message.packet_identifier);
                self.messages.push_back(Message { topic, payload, qos, retain });
                match qos {
                    QoS::AtMostOnce => {}
                    QoS::AtLeastOnce => self.send_ack(AckKind::PubAck, identifier),
                    QoS::ExactlyOnce => self.send_ack(AckKind::PubRec, identifier),
                }
                true
            }
            Packet::PubRel(ack) => {
                let identifier = ack.packet_identifier;
                self.send_ack(AckKind::PubComp, identifier);
                true
            }
            _ => false,
        }
    }

    /// Asks for a PINGRESP and waits for it: everything sent before has been handled.
    pub fn ping(&mut self) {
        self.send(&[0xC0, 0]);
        let answered = self.until("PINGRESP", |packet| matches!(packet, Packet::PingResp).then_some(()));
        assert!(answered.is_some(), "ended before PINGRESP");
    }
}

/// A client that others' misdeeds must not touch: it sends messages to itself and misses none.
pub struct Bystander {
    client: RawClient,
    topic: String,
    count: u32,
}

impl Bystander {
    pub fn new(address: SocketAddr) -> Self {
        let topic = "by/stander".to_owned();
        let mut client = RawClient::connect(address, Version::V5, "bystander");
        assert_eq!(client.subscribe(&topic, QoS::AtLeastOnce), 1);
        Bystander { client, topic, count: 0 }
    }

    /// A message to itself and back.
    pub fn check(&mut self) {
        self.count += 1;
        let payload = self.count.to_string().into_bytes();
        self.client.publish(&self.topic, &payload, QoS::AtLeastOnce);
        let message = self.client.message().expect("still connected");
        assert_eq!((message.topic, message.payload), (self.topic.clone(), payload));
    }
}
