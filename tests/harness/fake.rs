//! A broker that does what one test wants: a listener, and a script for each connection.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use mqtt_toolkit::protocol::{
    Ack, AckKind, ConnAck, Packet, Properties, ReasonCode, SubAck, Version, decode, encode_ack, fixed_header,
};

use super::programs::ours;
use super::tool::Tool;
use super::wait::PATIENCE;

/// A listener whose connections are handled one after the other.
pub struct Fake {
    port: u16,
    thread: Option<JoinHandle<()>>,
    ended: Receiver<()>,
}

impl Fake {
    /// Runs `script` with the listener on a thread of its own.
    pub fn start(script: impl FnOnce(TcpListener) + Send + 'static) -> Fake {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, ended) = channel();
        let thread = thread::spawn(move || {
            let _sender = sender;
            script(listener);
        });
        Fake { port, thread: Some(thread), ended }
    }

    /// One of our programs, told of this listener's port.
    pub fn tool(&self, name: &str) -> Tool {
        self.run(&ours(name))
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Any client with mosquitto's flags, told of this listener's port.
    pub fn run(&self, program: &std::path::Path) -> Tool {
        Tool::new(program).args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
    }

    /// Waits for the script's end and fails where it failed.
    pub fn finish(mut self) {
        let waited = self.ended.recv_timeout(PATIENCE);
        assert_ne!(waited, Err(std::sync::mpsc::RecvTimeoutError::Timeout), "the script doesn't end");
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// The broker's end of one connection.
pub struct Peer {
    stream: TcpStream,
    version: Version,
    buffer: Vec<u8>,
}

impl Peer {
    /// The next connection, not answered yet.
    pub fn accept(listener: &TcpListener, version: Version) -> Peer {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Peer { stream, version, buffer: Vec::new() }
    }

    /// The next connection, with its CONNECT read and accepted.
    pub fn welcome(listener: &TcpListener, version: Version) -> Peer {
        let mut peer = Peer::accept(listener, version);
        assert!(peer.read_text().starts_with("Connect"));
        let code = ReasonCode::SUCCESS;
        peer.say(&Packet::ConnAck(ConnAck { session_present: false, code, properties: Properties::EMPTY }));
        peer
    }

    /// The next connection, welcomed, with its SUBSCRIBE read and granted.
    pub fn subscribed(listener: &TcpListener, version: Version) -> Peer {
        let mut peer = Peer::welcome(listener, version);
        peer.grant(&[0]);
        peer
    }

    /// Reads a SUBSCRIBE and answers it.
    pub fn grant(&mut self, codes: &[u8]) {
        let packet_identifier = self.read(|packet| match packet {
            Packet::Subscribe(subscribe) => subscribe.packet_identifier,
            other => panic!("SUBSCRIBE expected: {other:?}"),
        });
        let properties = Properties::EMPTY;
        self.say(&Packet::SubAck(SubAck { packet_identifier, properties, codes }));
    }

    /// Sends a packet.
    pub fn say(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes);
        self.say_bytes(&bytes);
    }

    /// Sends bytes.
    pub fn say_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends an acknowledgement.
    pub fn acknowledge(&mut self, kind: AckKind, identifier: u16) {
        let mut bytes = Vec::new();
        encode_ack(kind, identifier, ReasonCode::SUCCESS, self.version, &mut bytes);
        self.say_bytes(&bytes);
    }

    /// Sends an acknowledgement with a reason of its own.
    pub fn refuse(&mut self, kind: AckKind, identifier: u16, reason: ReasonCode) {
        let mut bytes = Vec::new();
        Ack { reason, ..Ack::new(identifier) }.encode(kind, self.version, &mut bytes);
        self.say_bytes(&bytes);
    }

    /// Reads one packet.
    pub fn read<T>(&mut self, look: impl FnOnce(Packet<'_>) -> T) -> T {
        let header = loop {
            match fixed_header(&self.buffer).unwrap() {
                Some(header) if header.total() <= self.buffer.len() => break header,
                _ => assert!(self.fill(), "the client has closed the connection"),
            }
        };
        let packet: Vec<u8> = self.buffer.drain(..header.total()).collect();
        look(decode(self.version, header.first, &packet[header.header_length..]).unwrap())
    }

    fn fill(&mut self) -> bool {
        let mut block = [0; 65536];
        let count = self.stream.read(&mut block).unwrap();
        self.buffer.extend_from_slice(&block[..count]);
        count > 0
    }

    /// Reads one packet and describes it.
    pub fn read_text(&mut self) -> String {
        self.read(|packet| match packet {
            Packet::Publish(publish) => format!(
                "Publish d{} q{} m{} {}={}",
                u8::from(publish.dup),
                publish.qos as u8,
                publish.packet_identifier,
                publish.topic,
                String::from_utf8_lossy(publish.payload)
            ),
            Packet::Disconnect(disconnect) => format!("Disconnect {}", disconnect.reason.0),
            other => format!("{other:?}"),
        })
    }

    /// Whether the client has closed the connection, with nothing more to say.
    pub fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill()
    }
}
