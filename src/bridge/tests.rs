//! The little world of one bridge: a test plays both brokers and turns the clock.

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

#[test]
fn a_bridge_prepares_its_session_connects_and_subscribes_on_both_sides() {
    let mut world = World::new(settings());
    assert_eq!(
        world.locally(),
        [
            "CONNECT local.host.b V5 SessionExpiryInterval(4294967295)",
            "SUBSCRIBE out/# 0x2e",
            "SUBSCRIBE both/# 0x2d",
            &format!("PUBLISH {STATE} q1 m65535 r 0"),
            "DISCONNECT",
        ]
    );
    assert_eq!(world.requests(), [Request::Connect(0)]);
    assert_eq!(world.connect(false), [format!("CONNECT host.b V311 bridge will {STATE}=0 r")]);
    assert_eq!(world.requests(), [Request::OpenLocal]);
    world.out.requests.push(Request::OpenLocal);
    assert_eq!(
        world.locally(),
        [
            "CONNECT local.host.b V5 SessionExpiryInterval(4294967295) ReceiveMaximum(20)",
            "SUBSCRIBE out/# 0xe",
            "SUBSCRIBE both/# 0xd",
            &format!("PUBLISH {STATE} q1 m65535 r 1"),
        ]
    );
    let subscriptions = [
        "UNSUBSCRIBE out/#",
        "SUBSCRIBE r/in/# 0x2",
        "SUBSCRIBE # 0x1",
        &format!("PUBLISH {STATE} q1 m32772 r 1"),
    ];
    assert_eq!(world.remote(), subscriptions);
    assert_eq!(world.notes(), ["Connecting bridge b (one:1)", "Bridge b connected to one:1."]);
    // Neither broker's answer to these concerns the other.
    world.ack_from_remote(AckKind::PubAck, 32772);
    world.ack_from_local(AckKind::PubAck, 65535);
    let codes = &[2];
    let (packet_identifier, properties) = (32770, Properties::EMPTY);
    world.remote_says(&Packet::SubAck(SubAck { packet_identifier, properties, codes }));
    assert_eq!((world.local(), world.remote()), (vec![], vec![]));
}

#[test]
fn messages_and_acknowledgements_are_passed_on_under_their_numbers() {
    let mut world = World::open(settings());
    world.local_says(&publish("out/x", QoS::ExactlyOnce, 7, b"a"));
    world.local_says(&publish("both/y", QoS::AtLeastOnce, 8, b"b"));
    world.local_says(&publish("both/z", QoS::AtMostOnce, 0, b"c"));
    let sent = ["PUBREL 7", "PUBLISH out/x q2 m7 a", "PUBLISH y q1 m8 b", "PUBLISH z q0 m0 c"];
    assert_eq!(world.remote(), sent[1..], "the remote broker has forgotten all numbers");
    for (kind, id, told) in [
        (AckKind::PubAck, 8, "PUBACK 8 0"),
        (AckKind::PubRec, 7, "PUBREC 7 0"),
        (AckKind::PubComp, 7, "PUBCOMP 7"),
    ] {
        world.ack_from_remote(kind, id);
        assert_eq!(world.local(), [told]);
    }
    world.ack_from_local(AckKind::PubRel, 7);
    assert_eq!(world.remote(), ["PUBREL 7"]);
    world.remote_says(&publish("r/in/x", QoS::ExactlyOnce, 3, b"a"));
    world.remote_says(&publish("else", QoS::AtLeastOnce, 4, b"b"));
    assert_eq!(world.local(), ["PUBLISH l/in/x q2 m3 a", "PUBLISH both/else q1 m4 b"]);
    world.ack_from_local(AckKind::PubRec, 3);
    world.ack_from_local(AckKind::PubAck, 4);
    world.ack_from_local(AckKind::PubComp, 3);
    assert_eq!(world.remote(), ["PUBREC 3 0", "PUBACK 4 0", "PUBCOMP 3"]);
    world.ack_from_remote(AckKind::PubRel, 3);
    assert_eq!(world.local(), ["PUBREL 3"]);
}

#[test]
fn what_the_bridge_says_last_has_no_number_that_is_in_flight() {
    let mut world = World::open(settings());
    world.local_says(&publish("out/x", QoS::ExactlyOnce, 32_773, b"a"));
    world.bridge.stop(&mut world.out);
    let state = format!("PUBLISH {STATE} q1 m5 r 0");
    assert_eq!(world.remote(), ["PUBLISH out/x q2 m32773 a", &state, "DISCONNECT"]);
}

#[test]
fn packets_in_pieces_are_taken_when_they_are_whole() {
    let mut world = World::open(settings());
    let mut bytes = Vec::new();
    publish("r/in/x", QoS::AtMostOnce, 0, b"abc").encode(Version::V311, &mut bytes);
    publish("r/in/y", QoS::AtMostOnce, 0, b"d").encode(Version::V311, &mut bytes);
    for end in 0..13 {
        assert_eq!(world.bridge.from_remote(world.now, &bytes[..end], &mut world.out), 0, "{end}");
    }
    assert_eq!(world.bridge.from_remote(world.now, &bytes[..14], &mut world.out), 13);
    assert_eq!(world.bridge.from_remote(world.now, &bytes[13..], &mut world.out), bytes.len() - 13);
    assert_eq!(world.local(), ["PUBLISH l/in/x q0 m0 abc", "PUBLISH l/in/y q0 m0 d"]);
}

#[test]
fn a_remote_broker_that_has_forgotten_the_session_uses_its_numbers_anew() {
    let mut world = World::new(settings());
    world.locally();
    let unreleased = vec![5, 9];
    world.standing = Some(Standing { filters: vec![], unreleased, next_identifier: 100 });
    world.connect(false);
    let said = world.locally();
    assert_eq!(said[1..3], ["PUBREL 5", "PUBREL 9"]);
    world.remote();
    for id in [5, 9, 5] {
        world.ack_from_local(AckKind::PubComp, id);
    }
    assert_eq!(world.remote(), ["PUBCOMP 5"], "the answers to what the bridge itself said are its own");
}

#[test]
fn numbers_that_the_remote_broker_may_know_from_before_are_released_first() {
    let mut world = World::new(settings());
    world.locally();
    world.connect(true);
    world.locally();
    world.remote();
    world.local_says(&publish("out/x", QoS::ExactlyOnce, 1, b"a"));
    world.local_says(&publish("out/x", QoS::AtLeastOnce, 2, b"b"));
    world.local_says(&publish("out/x", QoS::ExactlyOnce, 3, b"c"));
    assert_eq!(
        world.remote(),
        ["PUBREL 1", "PUBLISH out/x q2 m1 a", "PUBLISH out/x q1 m2 b", "PUBREL 3", "PUBLISH out/x q2 m3 c"]
    );
}

#[test]
fn another_remote_broker_has_other_messages_under_the_same_numbers() {
    let mut world = World::open(settings());
    let unreleased = vec![5];
    let standing = Standing { filters: vec![], unreleased, next_identifier: 40 };
    // The other broker knows the bridge from before.
    world.fail(CLOSED);
    world.bridge.local_closed(world.now, &mut world.out);
    world.local();
    world.advance(3);
    world.standing = Some(standing.clone());
    world.connect(true);
    assert_eq!(world.locally()[1], "PUBREL 5");
    world.remote();
    world.ack_from_local(AckKind::PubComp, 5);
    world.local_says(&publish("out/x", QoS::ExactlyOnce, 39, b"again"));
    world.local_says(&publish("out/x", QoS::ExactlyOnce, 40, b"a"));
    let said = world.remote();
    assert_eq!(said, ["PUBREL 39", "PUBLISH out/x q2 m39 again", "PUBREL 40", "PUBLISH out/x q2 m40 a"]);
    // Once more at the same one: the numbers are those of its messages.
    world.fail(CLOSED);
    world.bridge.local_closed(world.now, &mut world.out);
    world.local();
    world.advance(3);
    world.fail("Connection refused");
    world.advance(3);
    world.connect(true);
    assert!(!world.locally().contains(&"PUBREL 5".to_owned()));
    world.remote();
    world.local_says(&publish("out/x", QoS::ExactlyOnce, 40, b"a"));
    world.local_says(&publish("out/x", QoS::ExactlyOnce, 41, b"b"));
    assert_eq!(world.remote(), ["PUBLISH out/x q2 m40 a", "PUBREL 41", "PUBLISH out/x q2 m41 b"]);
}

#[test]
fn less_is_tried_where_the_remote_broker_takes_less() {
    let mut world = World::new(Settings { version: Version::V5, ..settings() });
    world.locally();
    let hello = world.connect_with(false, ReasonCode::RETAIN_NOT_SUPPORTED, &[]);
    assert_eq!(
        hello,
        [format!("CONNECT host.b V5 will {STATE}=0 r TopicAliasMaximum(10) ReceiveMaximum(20)")]
    );
    world.advance(0);
    assert_eq!(world.requests(), [Request::Close, Request::Connect(0)]);
    let hello = world.connect_with(false, ReasonCode::QOS_NOT_SUPPORTED, &[]);
    assert_eq!(hello, [format!("CONNECT host.b V5 will {STATE}=0 TopicAliasMaximum(10) ReceiveMaximum(20)")]);
    world.advance(0);
    world.connect_with(false, ReasonCode::UNSUPPORTED_PROTOCOL_VERSION, &[]);
    world.advance(0);
    world.version = Version::V311;
    assert_eq!(
        world.connect_with(false, ReasonCode(1), &[]),
        [format!("CONNECT host.b V311 bridge will {STATE}=0 r")]
    );
    world.advance(0);
    assert_eq!(world.connect(false), [format!("CONNECT host.b V311 will {STATE}=0 r")]);
    assert_eq!(
        world.notes(),
        [
            "Warning: Bridge b keeps no session at the remote broker: with mqttv50, cleansession false needs a \
             bridge_session_expiry_interval.",
            "Connecting bridge b (one:1)",
            "Connection Refused: retain not available (will retry)",
            "Connecting bridge b (one:1)",
            "Connection Refused: QoS not supported (will retry)",
            "Connecting bridge b (one:1)",
            "Warning: Remote bridge b does not support MQTT v5.0, reconnecting using MQTT v3.1.1.",
            "Connecting bridge b (one:1)",
            "Connecting bridge b (one:1)",
        ]
    );
}

#[test]
fn what_connack_allows_is_kept_to() {
    let mut world = World::new(Settings { version: Version::V5, ..settings() });
    world.locally();
    let limits = [
        Property::MaximumQoS(QoS::AtLeastOnce),
        Property::RetainAvailable(false),
        Property::MaximumPacketSize(40),
        Property::ReceiveMaximum(3),
    ];
    world.connect_with(false, ReasonCode::SUCCESS, &limits);
    let said = world.locally();
    assert!(said[0].ends_with("ReceiveMaximum(3)"), "{said:?}");
    assert_eq!(said[1], "SUBSCRIBE out/# 0xd");
    assert_eq!(world.remote().last().unwrap(), &format!("PUBLISH {STATE} q1 m32772 1"));
    // One that waited since the remote broker took more goes out with less, and its flow ends on both sides.
    world.local_says(&publish("out/x", QoS::ExactlyOnce, 4, b"a"));
    assert_eq!(world.remote(), ["PUBLISH out/x q1 m4 a"]);
    world.ack_from_remote(AckKind::PubAck, 4);
    assert_eq!(world.local(), ["PUBREC 4 128"]);
    world.notes();
    world.local_says(&publish("out/x", QoS::AtLeastOnce, 5, b"0123456789012345678901234567890123456789"));
    assert_eq!((world.remote(), world.local()), (vec![], vec!["PUBACK 5 0".to_owned()]));
    assert_eq!(world.notes(), ["Dropping too large outgoing PUBLISH for b (52 bytes)"]);
}

#[test]
fn a_message_that_our_broker_would_not_take_is_acknowledged_and_passed_over() {
    let mut world = World::open(settings());
    world.notes();
    let mut bytes = Vec::new();
    static LONG: [u8; 2000] = [b'x'; 2000];
    publish("r/in/x", QoS::ExactlyOnce, 6, &LONG).encode(Version::V311, &mut bytes);
    publish("r/in/y", QoS::AtMostOnce, 0, b"d").encode(Version::V311, &mut bytes);
    let mut input = Vec::new();
    for piece in bytes.chunks(100) {
        input.extend_from_slice(piece);
        let taken = world.bridge.from_remote(world.now, &input, &mut world.out);
        input.drain(..taken);
    }
    assert_eq!(world.local(), ["PUBLISH l/in/y q0 m0 d"]);
    assert_eq!(world.remote(), ["PUBREC 6 0"]);
    assert_eq!(
        world.notes(),
        ["Bridge b: dropping too large PUBLISH from the remote broker ('r/in/x', 2013 bytes)"]
    );
}

#[test]
fn topic_aliases_end_here_and_other_properties_are_passed_on() {
    let mut world = World::open(Settings { version: Version::V5, ..settings() });
    let properties: PropertiesBuf =
        [Property::TopicAlias(2), Property::ContentType("t"), Property::SubscriptionIdentifier(1)]
            .into_iter()
            .collect();
    for topic in ["r/in/x", ""] {
        let publish = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: true,
            topic,
            packet_identifier: 0,
            properties: properties.as_properties(),
            payload: b"a",
        };
        world.remote_says(&Packet::Publish(publish));
        assert_eq!(world.local(), ["PUBLISH l/in/x q0 m0 r a ContentType(\"t\")"]);
    }
    let properties: PropertiesBuf = [Property::TopicAlias(11)].into_iter().collect();
    let properties = properties.as_properties();
    let (topic, payload) = ("x", &b""[..]);
    let bad = Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic,
        packet_identifier: 0,
        properties,
        payload,
    };
    world.remote_says(&Packet::Publish(bad));
    assert_eq!(world.requests(), [Request::Close], "more aliases than allowed");
}

#[test]
fn a_trouble_is_said_once_until_the_bridge_was_connected_again() {
    let mut world = World::new(settings());
    world.locally();
    world.fail("Connection refused");
    assert_eq!(
        world.notes(),
        [
            "Connecting bridge b (one:1)",
            "Error creating bridge: Connection refused.",
            "Bridge b next backoff will be 3000 ms"
        ]
    );
    for address in [1, 0, 1, 0] {
        world.requests();
        world.advance(2);
        assert_eq!(world.requests(), []);
        world.advance(1);
        assert_eq!(world.requests(), [Request::Connect(address)]);
        world.fail("Connection refused");
    }
    assert_eq!(world.notes(), Vec::<String>::new());
    world.advance(3);
    world.connect_with(false, ReasonCode(5), &[]);
    assert_eq!(world.notes()[0], "Connection Refused: not authorised");
    world.advance(3);
    world.connect_with(false, ReasonCode(5), &[]);
    assert_eq!(world.notes(), Vec::<String>::new());
    world.advance(3);
    world.connect(false);
    world.locally();
    world.notes();
    world.fail(CLOSED);
    assert_eq!(
        world.notes()[0],
        "Bridge b has lost its connection to two:2: connection closed by the remote broker."
    );
    assert_eq!(world.local(), [&format!("PUBLISH {STATE} q1 m65535 r 0"), "DISCONNECT"]);
}

#[test]
fn a_bridge_goes_back_to_its_first_address_unless_all_are_alike() {
    for round_robin in [false, true] {
        let mut world = World::new(Settings { round_robin, ..settings() });
        world.locally();
        world.fail("Connection refused");
        world.advance(3);
        world.connect(false);
        world.locally();
        world.requests();
        world.advance(5);
        if round_robin {
            assert_eq!(world.requests(), []);
            continue;
        }
        assert_eq!(world.requests(), [Request::Probe]);
        world.bridge.probed(world.now, false, &mut world.out);
        assert_eq!(world.requests(), []);
        world.advance(5);
        assert_eq!(world.requests(), [Request::Probe]);
        world.remote();
        world.bridge.probed(world.now, true, &mut world.out);
        assert_eq!(world.remote(), [&format!("PUBLISH {STATE} q1 m32773 r 0"), "DISCONNECT"]);
        world.advance(0);
        assert_eq!(world.requests(), [Request::Close, Request::Connect(0)]);
    }
}

#[test]
fn once_is_once() {
    for connected in [false, true] {
        let mut world = World::new(Settings { start_type: StartType::Once, ..settings() });
        world.locally();
        if connected {
            world.connect(false);
            world.locally();
        }
        world.requests();
        world.fail("Connection refused");
        world.advance(10_000);
        assert_eq!(world.requests(), []);
        assert_eq!(world.bridge.deadline(), None);
    }
}

#[test]
fn a_lazy_bridge_connects_when_enough_waits_and_leaves_when_nothing_comes() {
    let settings = Settings { start_type: StartType::Lazy, threshold: 4, idle_timeout: 30, ..settings() };
    let mut world = World::open(settings);
    world.requests();
    world.notes();
    world.advance(20);
    world.local_says(&publish("out/x", QoS::AtMostOnce, 0, b"a"));
    world.advance(20);
    assert!(world.bridge.is_open(), "20 seconds since a message");
    world.remote();
    world.advance(10);
    assert_eq!(world.remote(), [&format!("PUBLISH {STATE} q1 m32773 r 0"), "DISCONNECT"]);
    assert_eq!(world.notes(), ["Bridge connection b has exceeded idle timeout, disconnecting."]);
    assert_eq!(world.local(), [&format!("PUBLISH {STATE} q1 m65535 r 0"), "DISCONNECT"]);
    world.bridge.local_closed(world.now, &mut world.out);
    assert_eq!(world.requests(), [Request::Close]);
    for (waiting, request) in [(0, None), (3, None), (4, Some(Request::Connect(0)))] {
        world.advance(1);
        assert_eq!(world.requests(), [Request::Count]);
        world.bridge.counted(world.now, waiting, &mut world.out);
        assert_eq!(world.requests().first(), request.as_ref(), "{waiting}");
    }
}

#[test]
fn a_silent_remote_broker_is_asked_then_left() {
    let mut world = World::open(settings());
    world.requests();
    world.advance(60);
    assert_eq!(world.remote(), ["PINGREQ"]);
    world.remote_says(&Packet::PingResp);
    world.advance(60);
    assert_eq!(world.remote(), ["PINGREQ"]);
    world.advance(60);
    assert_eq!(world.requests(), [Request::Close]);
    assert!(!world.bridge.is_open());
}

#[test]
fn who_takes_the_local_session_over_ends_the_connection() {
    let mut world = World::open(settings());
    world.requests();
    world.notes();
    world.bridge.local_closed(world.now, &mut world.out);
    assert_eq!(world.requests(), [Request::Close]);
    assert!(world.notes()[0].ends_with("its connection to this broker was closed."));
    world.advance(3);
    world.connect(false);
    world.locally();
    assert!(world.bridge.is_open());
}

#[test]
fn a_bridge_that_is_removed_leaves_nothing_behind() {
    let mut world = World::open(settings());
    world.requests();
    world.bridge.remove(&mut world.out);
    assert_eq!(world.remote(), [&format!("PUBLISH {STATE} q1 m32773 r 0"), "DISCONNECT"]);
    assert_eq!(world.local(), [&format!("PUBLISH {STATE} q1 m65535 r 0"), "DISCONNECT"]);
    assert_eq!(world.requests(), [Request::Close]);
    world.bridge.local_closed(world.now, &mut world.out);
    let said = world.locally();
    assert_eq!(said[0], "CONNECT local.host.b V5 clean ReceiveMaximum(20)");
    assert_eq!(world.requests(), [Request::Done]);
    assert_eq!(world.bridge.deadline(), None);
}

#[test]
fn other_settings_hold_from_the_next_connection_or_at_once() {
    for at_once in [false, true] {
        let mut world = World::open(settings());
        world.requests();
        let mut new = settings();
        new.topics.remove(0);
        new.remote_clientid = Some("new".to_owned());
        world.bridge.reconfigure(world.now, Arc::new(new), at_once, &mut world.out);
        assert_eq!(world.bridge.is_open(), !at_once);
        if !at_once {
            assert_eq!(world.requests(), []);
            world.fail(CLOSED);
            world.advance(3);
        } else {
            world.advance(0);
        }
        world.local();
        world.remote();
        world.bridge.local_closed(world.now, &mut world.out);
        world.standing =
            Some(Standing { filters: vec!["stale".into(), "both/#".into()], ..Standing::default() });
        let said = world.locally();
        assert_eq!(
            said,
            [
                "CONNECT local.host.b V5 clean",
                "DISCONNECT",
                "CONNECT local.new V5 SessionExpiryInterval(4294967295)",
                "UNSUBSCRIBE stale",
                "SUBSCRIBE both/# 0x2d",
                "PUBLISH $SYS/broker/connection/new/state q1 m65535 r 0",
                "DISCONNECT"
            ]
        );
        let said = world.connect(false);
        assert!(said[0].starts_with("CONNECT new V311"), "{said:?}");
    }
}

#[test]
fn nothing_is_said_where_notifications_are_off_or_local() {
    let silent = Settings { notifications: false, ..settings() };
    let mut world = World::new(silent);
    let said = world.locally();
    assert!(said.iter().all(|packet| !packet.contains("PUBLISH")), "{said:?}");
    assert_eq!(world.connect(false), ["CONNECT host.b V311 bridge"]);
    let said = world.locally();
    assert!(said.iter().all(|packet| !packet.contains("PUBLISH")), "{said:?}");
    assert!(world.remote().iter().all(|packet| !packet.contains("PUBLISH")));
    let local = Settings { notifications_local_only: true, ..settings() };
    let mut world = World::new(local);
    world.locally();
    assert_eq!(world.connect(false), ["CONNECT host.b V311 bridge"]);
    assert!(world.locally().contains(&format!("PUBLISH {STATE} q1 m65535 r 1")));
    assert!(world.remote().iter().all(|packet| !packet.contains("PUBLISH")));
}

#[test]
fn a_refused_message_is_completed_and_said_once() {
    let mut world = World::open(Settings { version: Version::V5, ..settings() });
    world.notes();
    for id in [1, 2] {
        let reason = ReasonCode::NOT_AUTHORIZED;
        let mut bytes = Vec::new();
        Ack { reason, ..Ack::new(id) }.encode(AckKind::PubAck, Version::V5, &mut bytes);
        world.bridge.from_remote(world.now, &bytes, &mut world.out);
    }
    assert_eq!(world.local(), ["PUBACK 1 135", "PUBACK 2 135"]);
    assert_eq!(world.notes(), ["Warning: Bridge b: the remote broker refuses messages: Not authorized."]);
}
