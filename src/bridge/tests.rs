//! The little world of one bridge: a test plays both brokers and turns the clock.

mod connection;
mod hello;
mod messages;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::config::{
    Bridge as Settings, BridgeAddress, BridgeTopic, Direction, LogType, RestartTimeout, StartType,
};
use crate::protocol::{
    Ack, AckKind, ConnAck, Packet, Properties, PropertiesBuf, Property, Publish, QoS, ReasonCode, SubAck,
    Version, decode, encode_ack, fixed_header,
};

struct World {
    bridge: Bridge,
    out: Outbox,
    now: Instant,
    version: Version,
    standing: Option<Standing>,
}

fn settings() -> Settings {
    let topic = |pattern: &str, direction, qos, local: &str, remote: &str| BridgeTopic {
        pattern: Some(pattern.to_owned()),
        direction,
        qos,
        local_prefix: Some(local.to_owned()).filter(|text| !text.is_empty()),
        remote_prefix: Some(remote.to_owned()).filter(|text| !text.is_empty()),
    };
    Settings {
        addresses: vec![BridgeAddress::Tcp("one".into(), 1), BridgeAddress::Tcp("two".into(), 2)],
        topics: vec![
            topic("out/#", Direction::Out, QoS::ExactlyOnce, "", ""),
            topic("in/#", Direction::In, QoS::ExactlyOnce, "l/", "r/"),
            topic("#", Direction::Both, QoS::AtLeastOnce, "both/", ""),
        ],
        restart_timeout: RestartTimeout { base: 3, cap: None, stable: 0 },
        ..Settings::new("b")
    }
}

fn publish(topic: &'static str, qos: QoS, id: u16, payload: &'static [u8]) -> Packet<'static> {
    let properties = Properties::EMPTY;
    Packet::Publish(Publish {
        dup: false,
        qos,
        retain: false,
        topic,
        packet_identifier: id,
        properties,
        payload,
    })
}

/// A packet in few words.
fn short(version: Version, bytes: &[u8]) -> String {
    let header = fixed_header(bytes).unwrap().unwrap();
    let first = bytes[0];
    let properties = |properties: Properties<'_>| {
        properties.iter().map(|property| format!(" {property:?}")).collect::<String>()
    };
    let flags = |yes: bool, word: &str| if yes { format!(" {word}") } else { String::new() };
    if first >> 4 == 1 {
        let connect = crate::protocol::Connect::decode(&bytes[header.header_length..]).unwrap();
        let will = connect.will.map(|will| {
            format!(" will {}={}", will.topic, String::from_utf8_lossy(will.payload))
                + &flags(will.retain, "r")
        });
        return format!("CONNECT {} {:?}", connect.client_id, connect.version)
            + &flags(connect.bridge, "bridge")
            + &flags(connect.clean_start, "clean")
            + &will.unwrap_or_default()
            + &properties(connect.properties);
    }
    match decode(version, first, &bytes[header.header_length..]).unwrap() {
        Packet::Publish(p) => {
            format!("PUBLISH {} q{} m{}", p.topic, p.qos as u8, p.packet_identifier)
                + &flags(p.retain, "r")
                + &flags(p.dup, "d")
                + &format!(" {}", String::from_utf8_lossy(p.payload))
                + &properties(p.properties)
        }
        Packet::PubAck(a) => format!("PUBACK {} {}", a.packet_identifier, a.reason.0),
        Packet::PubRec(a) => format!("PUBREC {} {}", a.packet_identifier, a.reason.0),
        Packet::PubRel(a) => format!("PUBREL {}", a.packet_identifier),
        Packet::PubComp(a) => format!("PUBCOMP {}", a.packet_identifier),
        Packet::Subscribe(s) => s
            .filters()
            .map(|(filter, options)| format!("SUBSCRIBE {filter} {:#x}", options.to_byte(version)))
            .collect(),
        Packet::Unsubscribe(u) => u.filters().map(|filter| format!("UNSUBSCRIBE {filter}")).collect(),
        Packet::Disconnect(_) => "DISCONNECT".to_owned(),
        Packet::PingReq => "PINGREQ".to_owned(),
        other => format!("{other:?}"),
    }
}

fn packets(version: Version, bytes: &mut Vec<u8>) -> Vec<String> {
    let mut rest = std::mem::take(bytes);
    let mut found = Vec::new();
    while !rest.is_empty() {
        let total = fixed_header(&rest).unwrap().unwrap().total();
        found.push(short(version, &rest[..total]));
        rest.drain(..total);
    }
    found
}

impl World {
    /// A bridge that was told to start.
    fn new(settings: Settings) -> Self {
        let around = Surroundings {
            host: "host".into(),
            max_inflight_messages: 20,
            max_packet_size: 1000,
            retain_available: true,
            broker: "us".into(),
        };
        let now = Instant::now();
        let version = settings.version;
        let bridge = Bridge::new(Arc::new(settings), around, 7, now);
        let mut world = World { bridge, out: Outbox::default(), now, version, standing: None };
        world.bridge.start(now, None, &mut world.out);
        world
    }

    /// One that is connected, with everything said that is said then.
    fn open(settings: Settings) -> Self {
        let mut world = World::new(settings);
        world.locally();
        world.connect(false);
        world.locally();
        world.remote();
        assert!(world.bridge.is_open());
        world
    }

    fn requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.out.requests)
    }

    /// Lines for the log that aren't for debugging.
    fn notes(&mut self) -> Vec<String> {
        let notes = std::mem::take(&mut self.out.notes);
        notes.into_iter().filter(|note| note.log_type != LogType::Debug).map(|note| note.text).collect()
    }

    /// Plays our own broker as long as it is asked for connections; what was said there.
    fn locally(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(at) = self.out.requests.iter().position(|r| *r == Request::OpenLocal) {
            self.out.requests.remove(at);
            self.bridge.local_opened(self.now, self.standing.as_ref(), &mut self.out);
            let packets = self.local();
            let ends = packets.last().is_some_and(|packet| packet == "DISCONNECT");
            said.extend(packets);
            if ends {
                self.bridge.local_closed(self.now, &mut self.out);
            }
        }
        said
    }

    fn local(&mut self) -> Vec<String> {
        packets(Version::V5, &mut self.out.local)
    }

    fn remote(&mut self) -> Vec<String> {
        packets(self.version, &mut self.out.remote.bytes)
    }

    /// The stream stands; the remote broker's answer to CONNECT is yes.
    fn connect(&mut self, session_present: bool) -> Vec<String> {
        self.connect_with(session_present, ReasonCode::SUCCESS, &[])
    }

    fn connect_with(
        &mut self,
        session_present: bool,
        code: ReasonCode,
        properties: &[Property<'_>],
    ) -> Vec<String> {
        self.requests();
        self.bridge.connected(self.now, &mut self.out);
        let said = self.remote();
        let properties: PropertiesBuf = properties.iter().copied().collect();
        self.remote_says(&Packet::ConnAck(ConnAck {
            session_present,
            code,
            properties: properties.as_properties(),
        }));
        said
    }

    fn remote_says(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes);
        let taken = self.bridge.from_remote(self.now, &bytes, &mut self.out);
        assert_eq!(taken, bytes.len());
    }

    fn local_says(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(Version::V5, &mut bytes);
        assert_eq!(self.bridge.from_local(self.now, &bytes, &mut self.out), bytes.len());
    }

    fn ack_from_remote(&mut self, kind: AckKind, id: u16) {
        let mut bytes = Vec::new();
        encode_ack(kind, id, ReasonCode::SUCCESS, self.version, &mut bytes);
        self.bridge.from_remote(self.now, &bytes, &mut self.out);
    }

    fn ack_from_local(&mut self, kind: AckKind, id: u16) {
        let mut bytes = Vec::new();
        encode_ack(kind, id, ReasonCode::SUCCESS, Version::V5, &mut bytes);
        self.bridge.from_local(self.now, &bytes, &mut self.out);
    }

    fn advance(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.bridge.tick(self.now, &mut self.out);
    }

    fn fail(&mut self, why: &str) {
        self.bridge.failed(self.now, why, &mut self.out);
    }
}

const STATE: &str = "$SYS/broker/connection/host.b/state";
