//! What a bridge and its remote broker say to each other: a proxy between them that writes the packets down.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mqtt_toolkit::protocol::{AckKind, Publish, Version, fixed_header};

/// Who sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    Bridge,
    Remote,
}

/// A packet with a Packet Identifier, as far as the flow of a message goes by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    Publish { identifier: u16, topic: String, payload: String },
    Ack { kind: AckKind, identifier: u16 },
}

/// The proxy; its connections end with those of the brokers.
pub struct Recorder {
    /// Where the bridge is to connect to.
    pub port: u16,
    packets: Arc<Mutex<Vec<(From, Packet)>>>,
    ended: Arc<AtomicBool>,
}

impl Recorder {
    /// In front of a broker at this port, which need not be there yet: connections wait until it is.
    pub fn before(remote: u16) -> Recorder {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (packets, ended) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let recorder = Recorder { port, packets: Arc::clone(&packets), ended: ended.clone() };
        thread::spawn(move || {
            for bridge in listener.incoming() {
                let Some(remote) = connect(remote, &ended) else { return };
                join(bridge.unwrap(), remote, &packets);
            }
        });
        recorder
    }

    /// All packets so far, in their order on each way.
    pub fn packets(&self) -> Vec<(From, Packet)> {
        self.packets.lock().unwrap().clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // The listener's thread wakes up and sees it.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

/// A connection to the remote broker, as soon as there is one to be had.
fn connect(remote: u16, ended: &AtomicBool) -> Option<TcpStream> {
    while !ended.load(Ordering::Relaxed) {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, remote)) {
            Ok(stream) => return Some(stream),
            Err(_) => thread::sleep(Duration::from_millis(2)),
        }
    }
    None
}

fn join(bridge: TcpStream, remote: TcpStream, packets: &Arc<Mutex<Vec<(From, Packet)>>>) {
    for stream in [&bridge, &remote] {
        stream.set_nodelay(true).unwrap();
    }
    let ways = [
        (From::Bridge, bridge.try_clone().unwrap(), remote.try_clone().unwrap()),
        (From::Remote, remote, bridge),
    ];
    for (from, source, target) in ways {
        let packets = packets.clone();
        thread::spawn(move || pass_on(from, source, target, &packets));
    }
}

/// Passes on until the source's end. That the target takes no more doesn't end it: what the bridge still says is
/// written down, and the bridge gets to read all that the remote broker has said.
fn pass_on(from: From, mut source: TcpStream, mut target: TcpStream, packets: &Mutex<Vec<(From, Packet)>>) {
    let (mut input, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let count = match source.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => 0,
        };
        if count == 0 {
            let _ = target.shutdown(Shutdown::Write);
            return;
        }
        input.extend_from_slice(&buffer[..count]);
        note(from, &mut input, &mut packets.lock().unwrap());
        let _ = target.write_all(&buffer[..count]);
    }
}

/// Writes down what is whole of the input.
fn note(from: From, input: &mut Vec<u8>, packets: &mut Vec<(From, Packet)>) {
    let mut at = 0;
    while let Some(header) = fixed_header(&input[at..]).unwrap() {
        let Some(body) = input.get(at + header.header_length..at + header.total()) else { break };
        if let Some(kind) = AckKind::from_first_byte(header.first) {
            let identifier = u16::from_be_bytes([body[0], body[1]]);
            packets.push((from, Packet::Ack { kind, identifier }));
        } else if header.first >> 4 == 3 {
            let publish = Publish::decode(Version::V311, header.first, body).unwrap();
            let (identifier, topic) = (publish.packet_identifier, publish.topic.to_owned());
            let payload = String::from_utf8_lossy(publish.payload).into_owned();
            packets.push((from, Packet::Publish { identifier, topic, payload }));
        }
        at += header.total();
    }
    input.drain(..at);
}
