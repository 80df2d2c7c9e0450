//! A client's end of a connection: what it sent and the broker hasn't taken, and what came, as bytes and as packets.

use super::packets::leak;
use mqtt_toolkit::broker::ConnectionKey;
use mqtt_toolkit::protocol::{Ack, ConnAck, Packet, QoS, Version, decode, fixed_header};
use std::collections::VecDeque;
use std::io::IoSlice;

pub struct Wire {
    /// `None`: the connection is over.
    pub key: Option<ConnectionKey>,
    /// How packets are read and written here.
    pub version: Version,
    /// Whether PUBLISH, PUBREC and PUBREL are answered at once.
    pub auto_acknowledge: bool,
    /// How many more bytes the client's socket takes; `None`: any number.
    pub room: Option<usize>,
    /// Sent, and not yet taken by the broker.
    pub to_broker: Vec<u8>,
    /// Came, and isn't a whole packet yet.
    pub part: Vec<u8>,
    /// All bytes that came.
    pub bytes: Vec<u8>,
    /// Packets that came, but for CONNACK, that the test hasn't looked at.
    pub inbox: VecDeque<Packet<'static>>,
    /// All packets that came.
    pub history: Vec<Packet<'static>>,
    pub connack: Option<ConnAck<'static>>,
    /// The Packet Identifier that was used last.
    pub packet_identifier: u16,
    /// The ClientId and the options, to connect again with.
    pub introduced: Option<(String, super::Connecting)>,
}

impl Wire {
    pub fn new(key: ConnectionKey) -> Wire {
        Wire {
            key: Some(key),
            version: Version::V311,
            auto_acknowledge: true,
            room: None,
            to_broker: Vec::new(),
            part: Vec::new(),
            bytes: Vec::new(),
            inbox: VecDeque::new(),
            history: Vec::new(),
            connack: None,
            packet_identifier: 0,
            introduced: None,
        }
    }

    /// Puts bytes on their way. A CONNECT tells in which version the answers are to be read.
    pub fn send(&mut self, bytes: &[u8]) {
        if self.history.is_empty() && self.to_broker.is_empty() {
            self.version = version_of(bytes).unwrap_or(self.version);
        }
        self.to_broker.extend_from_slice(bytes);
    }

    pub fn send_packet(&mut self, packet: &Packet<'_>) {
        if let Packet::Connect(connect) = packet {
            self.version = connect.version;
        }
        packet.encode(self.version, &mut self.to_broker);
    }

    /// Takes bytes from the broker as far as there is room; returns how many.
    pub fn take_in(&mut self, slices: &[IoSlice<'_>]) -> usize {
        let mut taken = 0;
        for slice in slices {
            let count = self.room.map_or(slice.len(), |room| room.min(slice.len()));
            self.room = self.room.map(|room| room - count);
            self.part.extend_from_slice(&slice[..count]);
            self.bytes.extend_from_slice(&slice[..count]);
            taken += count;
            if count < slice.len() {
                break;
            }
        }
        taken
    }

    /// Reads whole packets; returns whether any of them was answered.
    pub fn read_packets(&mut self) -> bool {
        let bytes = std::mem::take(&mut self.part);
        let mut at = 0;
        let mut answered = false;
        while let Some(header) = fixed_header(&bytes[at..]).expect("the broker sent no fixed header") {
            let Some(frame) = bytes.get(at..at + header.total()) else { break };
            let body = leak(&frame[header.header_length..]);
            let packet = match decode(self.version, header.first, body) {
                Ok(packet) => packet,
                Err(error) => panic!("the broker sent {frame:02X?}, which is malformed: {error}"),
            };
            at += header.total();
            answered |= self.answer(&packet);
            self.history.push(packet);
            match packet {
                Packet::ConnAck(connack) => self.connack = Some(connack),
                _ => self.inbox.push_back(packet),
            }
        }
        self.part = bytes[at..].to_vec();
        answered
    }

    fn answer(&mut self, packet: &Packet<'_>) -> bool {
        let answer = match packet {
            _ if !self.auto_acknowledge || self.key.is_none() => return false,
            Packet::Publish(p) if p.qos == QoS::AtLeastOnce => Packet::PubAck(Ack::new(p.packet_identifier)),
            Packet::Publish(p) if p.qos == QoS::ExactlyOnce => Packet::PubRec(Ack::new(p.packet_identifier)),
            Packet::PubRec(ack) if !ack.reason.is_error() => Packet::PubRel(Ack::new(ack.packet_identifier)),
            Packet::PubRel(ack) => Packet::PubComp(Ack::new(ack.packet_identifier)),
            _ => return false,
        };
        self.send_packet(&answer);
        true
    }

    /// A Packet Identifier that wasn't used yet.
    pub fn next_identifier(&mut self) -> u16 {
        self.packet_identifier = self.packet_identifier.checked_add(1).unwrap_or(1);
        self.packet_identifier
    }
}

/// The version that bytes that begin with a CONNECT are in; levels that nobody knows are answered as 5.0.
fn version_of(bytes: &[u8]) -> Option<Version> {
    let header = fixed_header(bytes).ok()??;
    let body = &bytes[header.header_length..];
    let name_length = usize::from(u16::from_be_bytes([*body.first()?, *body.get(1)?]));
    let level = body.get(2 + name_length)? & 0x7F;
    (header.first == 0x10).then_some(match level {
        3 => Version::V31,
        0..=4 => Version::V311,
        _ => Version::V5,
    })
}
