//! Both ends in memory: the client under test, and a broker that says what each test wants.

use std::time::{Duration, Instant};

use super::Will;
use super::*;
use crate::protocol::*;

/// The client, and what it has sent and told so far.
struct World {
    client: Connection,
    out: Outbox,
    now: Instant,
    version: Version,
}

fn settings(version: Version) -> Settings {
    Settings {
        version,
        client_id: "me".into(),
        clean_start: true,
        keep_alive: 60,
        username: None,
        password: None,
        will: None,
        properties: PropertiesBuf::default(),
        max_in_flight: 20,
        bridge: false,
    }
}

impl World {
    fn new(settings: Settings) -> Self {
        let version = settings.version;
        let mut world =
            World { client: Connection::new(settings), out: Outbox::new(true), now: Instant::now(), version };
        world.client.connect(world.now, &mut world.out);
        world
    }

    /// Connected, with an empty CONNACK.
    fn open(version: Version) -> Self {
        let mut world = World::new(settings(version));
        world.sent();
        world.accept(&[]);
        world
    }

    fn accept(&mut self, properties: &[Property<'_>]) -> Vec<String> {
        let properties = buffer(properties);
        let code = ReasonCode::SUCCESS;
        self.say(&[Packet::ConnAck(ConnAck {
            session_present: false,
            code,
            properties: properties.as_properties(),
        })])
    }

    /// What the client has sent since the last call, each packet in short.
    fn sent(&mut self) -> Vec<String> {
        let bytes = std::mem::take(&mut self.out.bytes);
        let mut rest = &bytes[..];
        let mut all = Vec::new();
        while let Some(header) = fixed_header(rest).unwrap() {
            let (packet, tail) = rest.split_at(header.total());
            let packet = decode(self.version, header.first, &packet[header.header_length..]).unwrap();
            all.push(short(&packet));
            rest = tail;
        }
        assert!(rest.is_empty(), "only whole packets are sent");
        all
    }

    /// The broker sends; what the client makes of it.
    fn say(&mut self, packets: &[Packet<'_>]) -> Vec<String> {
        self.try_say(packets).unwrap()
    }

    fn try_say(&mut self, packets: &[Packet<'_>]) -> Result<Vec<String>, Violation> {
        let mut bytes = Vec::new();
        for packet in packets {
            packet.encode(self.version, &mut bytes);
        }
        self.say_bytes(&bytes)
    }

    fn say_bytes(&mut self, bytes: &[u8]) -> Result<Vec<String>, Violation> {
        let mut at = 0;
        let mut told = Vec::new();
        while let Some(event) = self.client.next(bytes, &mut at, &mut self.out)? {
            told.extend(tell(&event));
        }
        assert_eq!(at, bytes.len());
        Ok(told)
    }

    fn publish(&mut self, topic: &str, payload: &str, qos: QoS) -> Result<PacketIdentifier, PublishError> {
        self.publish_with(topic, payload, qos, Properties::EMPTY)
    }

    fn publish_with(
        &mut self,
        topic: &str,
        payload: &str,
        qos: QoS,
        properties: Properties<'_>,
    ) -> Result<PacketIdentifier, PublishError> {
        let message = Outgoing { topic, payload: payload.as_bytes(), qos, retain: false, properties };
        self.client.publish(&message, &mut self.out)
    }

    /// The connection breaks and comes again; `written` bytes had gone out.
    fn reconnect(&mut self, written: usize) {
        self.client.lost();
        self.out.lost(written);
        self.client.connect(self.now, &mut self.out);
    }
}

fn buffer(properties: &[Property<'_>]) -> PropertiesBuf {
    let mut all = PropertiesBuf::default();
    for property in properties {
        all.push(*property);
    }
    all
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn short(packet: &Packet<'_>) -> String {
    match packet {
        Packet::Connect(connect) => format!("CONNECT {} k{}", connect.client_id, connect.keep_alive),
        Packet::Publish(publish) => format!(
            "PUBLISH d{} q{} m{} {}={}",
            u8::from(publish.dup),
            publish.qos as u8,
            publish.packet_identifier,
            publish.topic,
            text(publish.payload)
        ),
        Packet::PubAck(ack) => format!("PUBACK m{} {}", ack.packet_identifier, ack.reason.0),
        Packet::PubRec(ack) => format!("PUBREC m{} {}", ack.packet_identifier, ack.reason.0),
        Packet::PubRel(ack) => format!("PUBREL m{} {}", ack.packet_identifier, ack.reason.0),
        Packet::PubComp(ack) => format!("PUBCOMP m{} {}", ack.packet_identifier, ack.reason.0),
        Packet::Subscribe(subscribe) => {
            let filters: Vec<_> = subscribe
                .filters()
                .map(|(filter, options)| format!("{filter}:{}", options.qos as u8))
                .collect();
            format!("SUBSCRIBE m{} {}", subscribe.packet_identifier, filters.join(" "))
        }
        Packet::Unsubscribe(packet) => {
            format!("UNSUBSCRIBE m{} {}", packet.packet_identifier, packet.filters().collect::<String>())
        }
        Packet::PingReq => "PINGREQ".into(),
        Packet::Disconnect(disconnect) => format!("DISCONNECT {}", disconnect.reason.0),
        other => format!("{other:?}"),
    }
}

fn tell(event: &Event<'_>) -> Option<String> {
    Some(match event {
        Event::Nothing => return None,
        Event::Accepted(_) => "accepted".into(),
        Event::Refused(connack) => format!("refused {}", connack.code.0),
        Event::Message(message) => format!("{}={}", message.topic, text(message.payload)),
        Event::Completed { packet_identifier, reason, .. } => {
            format!("completed m{packet_identifier} {}", reason.0)
        }
        Event::Subscribed(suback) => format!("subscribed m{} {:?}", suback.packet_identifier, suback.codes),
        Event::Unsubscribed(unsuback) => format!("unsubscribed m{}", unsuback.packet_identifier),
        Event::Disconnected(disconnect) => format!("disconnected {}", disconnect.reason.0),
        Event::Alive => "alive".to_owned(),
    })
}

fn message(qos: QoS, id: PacketIdentifier, payload: &'static str) -> Packet<'static> {
    Packet::Publish(Publish {
        dup: false,
        qos,
        retain: false,
        topic: "t",
        packet_identifier: id,
        properties: Properties::EMPTY,
        payload: payload.as_bytes(),
    })
}

fn ack(id: PacketIdentifier) -> Ack<'static> {
    Ack::new(id)
}

#[test]
fn connect_says_what_the_settings_say_in_every_version() {
    for version in Version::ALL {
        let mut world = World::new(Settings {
            username: Some("u".into()),
            password: Some(b"p".to_vec().into()),
            will: Some(Will {
                topic: "w".into(),
                payload: b"gone".to_vec(),
                qos: QoS::AtLeastOnce,
                retain: true,
                properties: PropertiesBuf::default(),
            }),
            ..settings(version)
        });
        let bytes = std::mem::take(&mut world.out.bytes);
        let header = fixed_header(&bytes).unwrap().unwrap();
        let Ok(Packet::Connect(connect)) = decode(version, header.first, &bytes[header.header_length..])
        else {
            panic!("CONNECT expected");
        };
        assert_eq!((connect.version, connect.client_id, connect.keep_alive), (version, "me", 60));
        assert_eq!((connect.username, connect.password), (Some("u"), Some(&b"p"[..])));
        let will = connect.will.unwrap();
        assert_eq!(
            (will.topic, will.payload, will.qos, will.retain),
            ("w", &b"gone"[..], QoS::AtLeastOnce, true)
        );
        assert!(!world.client.is_open());
        assert_eq!(world.accept(&[]), ["accepted"]);
        assert!(world.client.is_open());
    }
}

#[test]
fn a_packet_in_pieces_is_acted_on_when_it_is_whole() {
    let mut world = World::open(Version::V311);
    let mut bytes = Vec::new();
    message(QoS::AtMostOnce, 0, "hello").encode(Version::V311, &mut bytes);
    for end in 0..bytes.len() {
        let mut at = 0;
        assert!(world.client.next(&bytes[..end], &mut at, &mut world.out).unwrap().is_none());
        assert_eq!(at, 0);
    }
    assert_eq!(world.say_bytes(&bytes).unwrap(), ["t=hello"]);
}

#[test]
fn publishing_at_each_qos_ends_with_its_last_acknowledgement() {
    let mut world = World::open(Version::V311);
    assert_eq!(world.publish("a", "0", QoS::AtMostOnce), Ok(0));
    let id = world.publish("a", "1", QoS::AtLeastOnce).unwrap();
    assert_eq!(world.say(&[Packet::PubAck(ack(id))]), [format!("completed m{id} 0")]);
    let id = world.publish("a", "2", QoS::ExactlyOnce).unwrap();
    world.sent();
    assert_eq!(world.say(&[Packet::PubRec(ack(id))]), [""; 0]);
    assert_eq!(world.sent(), [format!("PUBREL m{id} 0")]);
    assert_eq!(world.client.in_flight(), 1);
    assert_eq!(world.say(&[Packet::PubComp(ack(id))]), [format!("completed m{id} 0")]);
    assert_eq!(world.client.in_flight(), 0);
}

#[test]
fn acknowledgements_that_nobody_waits_for_are_no_events() {
    let mut world = World::open(Version::V5);
    assert_eq!(world.say(&[Packet::PubAck(ack(9)), Packet::PubComp(ack(9))]), [""; 0]);
    world.say(&[Packet::PubRec(ack(9))]);
    assert_eq!(world.sent(), ["PUBREL m9 146"], "so that the broker can end its side [MQTT-4.3.3]");
}

#[test]
fn an_error_in_pubrec_completes_the_message() {
    let mut world = World::open(Version::V5);
    let id = world.publish("a", "2", QoS::ExactlyOnce).unwrap();
    world.sent();
    let refused = Ack { reason: ReasonCode::NOT_AUTHORIZED, ..ack(id) };
    assert_eq!(world.say(&[Packet::PubRec(refused)]), [format!("completed m{id} 135")]);
    assert_eq!(world.sent(), [""; 0]);
    assert_eq!(world.client.in_flight(), 0);
}

#[test]
fn messages_are_told_once_and_acknowledged_by_qos() {
    let mut world = World::open(Version::V311);
    let told = world.say(&[
        message(QoS::AtMostOnce, 0, "0"),
        message(QoS::AtLeastOnce, 1, "1"),
        message(QoS::ExactlyOnce, 2, "2"),
        message(QoS::ExactlyOnce, 2, "2"),
    ]);
    assert_eq!(told, ["t=0", "t=1", "t=2"]);
    assert_eq!(world.sent(), ["PUBACK m1 0", "PUBREC m2 0", "PUBREC m2 0"]);
    assert_eq!(world.client.unreleased(), 1);
    world.say(&[Packet::PubRel(ack(2)), message(QoS::ExactlyOnce, 2, "again")]);
    assert_eq!(world.sent(), ["PUBCOMP m2 0", "PUBREC m2 0"]);
}

#[test]
fn a_client_that_leaves_takes_no_more_but_ends_what_it_began() {
    let mut world = World::open(Version::V311);
    world.say(&[message(QoS::ExactlyOnce, 1, "last")]);
    world.client.stop_receiving();
    world.sent();
    let told = world.say(&[
        message(QoS::AtLeastOnce, 2, "later"),
        message(QoS::ExactlyOnce, 3, "later"),
        Packet::PubRel(ack(1)),
    ]);
    assert_eq!(told, [""; 0]);
    assert_eq!(world.sent(), ["PUBCOMP m1 0"], "the broker keeps the two for later");
    assert_eq!(world.client.unreleased(), 0);
}

#[test]
fn the_window_is_the_lower_of_ours_and_the_receive_maximum() {
    let mut world = World::new(Settings { max_in_flight: 3, ..settings(Version::V5) });
    world.accept(&[Property::ReceiveMaximum(2)]);
    for _ in 0..2 {
        world.publish("a", "x", QoS::AtLeastOnce).unwrap();
    }
    assert!(!world.client.has_room());
    assert_eq!(world.publish("a", "x", QoS::AtLeastOnce), Err(PublishError::WindowFull));
    world.say(&[Packet::PubAck(ack(2))]);
    assert!(world.client.has_room(), "the order of acknowledgements is the broker's");
    let mut alone = World::new(Settings { max_in_flight: 1, ..settings(Version::V311) });
    alone.accept(&[]);
    alone.publish("a", "x", QoS::AtLeastOnce).unwrap();
    assert!(!alone.client.has_room());
}

#[test]
fn what_was_in_flight_is_sent_again_in_its_order_with_dup() {
    for version in Version::ALL {
        let mut world = World::open(version);
        world.publish("a", "1", QoS::AtLeastOnce).unwrap();
        world.publish("a", "2", QoS::ExactlyOnce).unwrap();
        world.publish("a", "3", QoS::ExactlyOnce).unwrap();
        world.publish("a", "4", QoS::AtLeastOnce).unwrap();
        world.say(&[Packet::PubRec(ack(2)), Packet::PubAck(ack(4))]);
        world.sent();
        world.reconnect(0);
        assert_eq!(world.sent(), ["CONNECT me k60"], "nothing before CONNACK");
        world.accept(&[]);
        assert_eq!(world.sent(), ["PUBLISH d1 q1 m1 a=1", "PUBREL m2 0", "PUBLISH d1 q2 m3 a=3"]);
        world.say(&[Packet::PubAck(ack(1)), Packet::PubComp(ack(2)), Packet::PubRec(ack(3))]);
        world.say(&[Packet::PubComp(ack(3))]);
        assert_eq!(world.client.in_flight(), 0);
        assert_eq!(world.publish("a", "5", QoS::AtLeastOnce), Ok(5), "identifiers go on");
    }
}

#[test]
fn a_broker_that_takes_fewer_than_before_gets_them_a_few_at_a_time() {
    let mut world = World::open(Version::V5);
    for payload in ["1", "2", "3"] {
        world.publish("a", payload, QoS::AtLeastOnce).unwrap();
    }
    world.out.bytes.clear();
    world.reconnect(0);
    world.sent();
    world.accept(&[Property::ReceiveMaximum(1)]);
    assert_eq!(world.sent(), ["PUBLISH d1 q1 m1 a=1"]);
    assert!(!world.client.has_room());
    world.say(&[Packet::PubAck(ack(1))]);
    assert_eq!(world.sent(), ["PUBLISH d1 q1 m2 a=2"]);
    world.say(&[Packet::PubAck(ack(2)), Packet::PubAck(ack(3))]);
    assert_eq!(world.sent(), ["PUBLISH d1 q1 m3 a=3"]);
    assert!(world.client.has_room());
}

#[test]
fn qos_0_messages_that_were_not_written_wait_for_the_next_connection() {
    let mut world = World::open(Version::V311);
    for payload in ["1", "2", "3"] {
        world.publish("a", payload, QoS::AtMostOnce).unwrap();
    }
    let one = world.out.bytes.len() / 3;
    world.say(&[message(QoS::AtLeastOnce, 1, "x")]);
    world.reconnect(one + 1);
    world.accept(&[]);
    assert_eq!(
        world.sent(),
        ["CONNECT me k60", "PUBLISH d0 q0 m0 a=2", "PUBLISH d0 q0 m0 a=3"],
        "the second was cut and counts as unwritten; the PUBACK has lost its meaning"
    );
}

#[test]
fn subscribe_and_unsubscribe_are_answered_by_identifier() {
    let mut world = World::open(Version::V311);
    let options = SubscriptionOptions::new(QoS::AtLeastOnce);
    let filters = [("a/#", options), ("b", options)];
    assert_eq!(world.client.subscribe(&filters, Properties::EMPTY, &mut world.out), Some(1));
    assert_eq!(world.client.unsubscribe("c", Properties::EMPTY, &mut world.out), Some(2));
    assert_eq!(world.sent(), ["SUBSCRIBE m1 a/#:1 b:1", "UNSUBSCRIBE m2 c"]);
    let suback = SubAck { packet_identifier: 1, properties: Properties::EMPTY, codes: &[1, 0x80] };
    let unsuback = UnsubAck { packet_identifier: 2, properties: Properties::EMPTY, codes: &[] };
    assert_eq!(
        world.say(&[Packet::SubAck(suback), Packet::UnsubAck(unsuback)]),
        ["subscribed m1 [1, 128]", "unsubscribed m2"]
    );
    assert_eq!(world.say(&[Packet::SubAck(suback)]), [""; 0], "nobody waits for it");
}

#[test]
fn keep_alive_pings_a_silent_connection_and_gives_up_without_an_answer() {
    let mut world = World::open(Version::V311);
    let minute = Duration::from_secs(60);
    let start = world.now;
    world.client.sent(start);
    world.client.received(start + minute / 2);
    assert_eq!(world.client.deadline(), Some(start + minute));
    world.client.tick(start + minute, &mut world.out).unwrap();
    assert_eq!(world.sent(), ["PINGREQ"]);
    world.client.tick(start + minute * 3 / 2, &mut world.out).unwrap();
    assert_eq!(world.sent(), [""; 0]);
    world.say(&[Packet::PingResp]);
    world.client.sent(start + minute);
    world.client.received(start + minute);
    world.client.tick(start + minute * 2, &mut world.out).unwrap();
    assert_eq!(world.sent(), ["PINGREQ"]);
    assert_eq!(world.client.tick(start + minute * 3, &mut world.out), Err(KeepAliveExceeded));
}

#[test]
fn a_broker_that_never_says_connack_is_given_up_after_the_keep_alive() {
    let mut world = World::new(settings(Version::V5));
    let deadline = world.now + Duration::from_secs(60);
    assert_eq!(world.client.deadline(), Some(deadline));
    assert_eq!(world.client.tick(deadline, &mut world.out), Err(KeepAliveExceeded));
}

#[test]
fn the_broker_s_keep_alive_wins_and_0_is_none() {
    let mut world = World::new(settings(Version::V5));
    world.accept(&[Property::ServerKeepAlive(5)]);
    assert_eq!(world.client.deadline(), Some(world.now + Duration::from_secs(5)));
    let mut world = World::new(settings(Version::V5));
    world.accept(&[Property::ServerKeepAlive(0)]);
    assert_eq!(world.client.deadline(), None);
}

#[test]
fn the_assigned_client_identifier_is_ours_from_then_on() {
    let mut world = World::new(Settings { client_id: String::new(), ..settings(Version::V5) });
    assert_eq!(world.sent(), ["CONNECT  k60"]);
    world.accept(&[Property::AssignedClientIdentifier("auto-1")]);
    assert_eq!(world.client.client_id(), "auto-1");
    world.reconnect(0);
    assert_eq!(world.sent(), ["CONNECT auto-1 k60"]);
    let trace = String::from_utf8(world.out.trace.unwrap()).unwrap();
    assert_eq!(
        trace,
        "Client null sending CONNECT\nClient auto-1 received CONNACK (0)\nClient auto-1 sending CONNECT\n"
    );
}

#[test]
fn what_the_broker_cannot_take_is_not_sent() {
    let mut world = World::new(settings(Version::V5));
    world.accept(&[
        Property::MaximumQoS(QoS::AtLeastOnce),
        Property::RetainAvailable(false),
        Property::MaximumPacketSize(20),
    ]);
    world.sent();
    assert_eq!(world.publish("a", "x", QoS::ExactlyOnce), Err(PublishError::QosNotSupported));
    assert_eq!(world.publish("a", &"x".repeat(20), QoS::AtLeastOnce), Err(PublishError::PacketTooLarge));
    let alias = buffer(&[Property::TopicAlias(1)]);
    assert_eq!(
        world.publish_with("a", "x", QoS::AtMostOnce, alias.as_properties()),
        Err(PublishError::TopicAliasInvalid)
    );
    assert_eq!(world.sent(), [""; 0]);
    assert_eq!(world.client.in_flight(), 0);
    let retained = Outgoing {
        topic: "a",
        payload: b"x",
        qos: QoS::AtMostOnce,
        retain: true,
        properties: Properties::EMPTY,
    };
    world.client.publish(&retained, &mut world.out).unwrap();
    assert_eq!(world.out.bytes[0], 0x30, "retain is cleared [MQTT-3.2.2-14]");
}

#[test]
fn a_topic_alias_of_ours_replaces_the_topic_until_the_connection_ends() {
    let mut world = World::new(settings(Version::V5));
    world.accept(&[Property::TopicAliasMaximum(5)]);
    world.sent();
    let alias = buffer(&[Property::TopicAlias(5)]);
    for payload in ["1", "2"] {
        world.publish_with("a", payload, QoS::AtLeastOnce, alias.as_properties()).unwrap();
    }
    assert_eq!(world.sent(), ["PUBLISH d0 q1 m1 a=1", "PUBLISH d0 q1 m2 =2"]);
    world.reconnect(0);
    world.accept(&[]);
    assert_eq!(
        world.sent(),
        ["CONNECT me k60", "PUBLISH d1 q1 m1 a=1", "PUBLISH d1 q1 m2 a=2"],
        "sent again, each has its topic"
    );
}

#[test]
fn a_topic_alias_of_the_broker_stands_for_its_topic() {
    let mut properties = PropertiesBuf::default();
    properties.push(Property::TopicAliasMaximum(3));
    let mut world = World::new(Settings { properties, ..settings(Version::V5) });
    world.accept(&[]);
    let alias = buffer(&[Property::TopicAlias(3)]);
    let first = Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: "long/topic",
        packet_identifier: 0,
        properties: alias.as_properties(),
        payload: b"1",
    };
    let second = Publish { topic: "", payload: b"2", ..first };
    assert_eq!(
        world.say(&[Packet::Publish(first), Packet::Publish(second)]),
        ["long/topic=1", "long/topic=2"]
    );
    world.sent();
    let unknown = buffer(&[Property::TopicAlias(2)]);
    let third = Publish { properties: unknown.as_properties(), ..second };
    assert_eq!(world.try_say(&[Packet::Publish(third)]), Err(Violation::TopicAliasInvalid));
    assert_eq!(world.sent(), ["DISCONNECT 148"]);
}

#[test]
fn a_refusal_is_told_and_3_x_s_own_words_to_a_5_0_client_are_understood() {
    let mut world = World::new(settings(Version::V5));
    assert_eq!(world.say_bytes(&[0x20, 2, 0, 1]).unwrap(), ["refused 132"]);
    let mut world = World::new(settings(Version::V311));
    assert_eq!(world.say_bytes(&[0x20, 2, 0, 5]).unwrap(), ["refused 5"]);
    assert!(!world.client.is_open());
}

#[test]
fn what_a_broker_must_not_send_ends_the_connection_with_its_reason() {
    let mut world = World::open(Version::V5);
    assert_eq!(world.try_say(&[Packet::PingReq]), Err(Violation::UnexpectedPacket));
    assert_eq!(world.sent(), ["DISCONNECT 130"]);
    let mut world = World::open(Version::V311);
    assert_eq!(world.try_say(&[Packet::PingReq]), Err(Violation::UnexpectedPacket));
    assert_eq!(world.sent(), [""; 0], "3.x can't say why");
    let mut world = World::open(Version::V5);
    let error = world.say_bytes(&[0x36, 3, 0, 1, b'a']).unwrap_err();
    assert_eq!(error.reason_code(), ReasonCode::MALFORMED_PACKET);
    let mut world = World::new(settings(Version::V311));
    assert_eq!(world.try_say(&[message(QoS::AtMostOnce, 0, "early")]), Err(Violation::UnexpectedPacket));
}

#[test]
fn limits_that_connect_announced_are_kept() {
    let mut properties = PropertiesBuf::default();
    properties.push(Property::MaximumPacketSize(100));
    properties.push(Property::ReceiveMaximum(1));
    let mut world = World::new(Settings { properties, ..settings(Version::V5) });
    world.accept(&[]);
    world.say(&[message(QoS::ExactlyOnce, 1, "x")]);
    assert_eq!(world.try_say(&[message(QoS::ExactlyOnce, 2, "y")]), Err(Violation::ReceiveMaximumExceeded));
    let mut world = World::new(Settings {
        properties: buffer(&[Property::MaximumPacketSize(100)]),
        ..settings(Version::V5)
    });
    world.accept(&[]);
    let mut at = 0;
    let announced = [0x30, 0xFF, 0xFF, 0xFF, 0x7F];
    let refused = world.client.next(&announced, &mut at, &mut world.out).unwrap_err();
    assert_eq!(refused, Violation::PacketTooLarge, "known from the first bytes, before its body comes");
}

#[test]
fn any_bytes_are_an_event_a_violation_or_too_few() {
    use proptest::prelude::*;
    proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 0..200), v5 in any::<bool>())| {
        let mut world = World::open(if v5 { Version::V5 } else { Version::V311 });
        let mut at = 0;
        while at < bytes.len() {
            match world.client.next(&bytes, &mut at, &mut world.out) {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
    });
}
