//! Messages and acknowledgements on their way, and the numbers that they have.

use super::*;

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

#[test]
fn what_the_bridge_says_last_has_no_number_that_is_in_flight() {
    let mut world = World::open(settings());
    world.local_says(&publish("out/x", QoS::ExactlyOnce, 32_773, b"a"));
    world.bridge.stop(&mut world.out);
    let state = format!("PUBLISH {STATE} q1 m5 r 0");
    assert_eq!(world.remote(), ["PUBLISH out/x q2 m32773 a", &state, "DISCONNECT"]);
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
