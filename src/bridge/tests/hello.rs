//! How a bridge introduces itself on both sides, and what it makes of the remote broker's answer.

use super::*;

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
            "CONNECT local.host.b V5 SessionExpiryInterval(4294967295) ReceiveMaximum(19)",
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
    assert!(said[0].ends_with("ReceiveMaximum(2)"), "{said:?}");
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
fn a_remote_broker_of_ours_is_come_to_again_with_5_0() {
    for (version_is_default, pieces) in [(true, 1), (true, 2), (false, 1)] {
        let mut world = World::new(Settings { version_is_default, ..settings() });
        world.locally();
        world.requests();
        world.bridge.connected(world.now, &mut world.out);
        world.remote();
        world.notes();
        // CONNACK and a PINGRESP that nobody has asked for, in one piece or two.
        let bytes = [0x20, 2, 0, 0, 0xD0, 0];
        if pieces == 1 {
            assert_eq!(
                world.bridge.from_remote(world.now, &bytes, &mut world.out),
                if version_is_default { 6 } else { 4 }
            );
        } else {
            assert_eq!(world.bridge.from_remote(world.now, &bytes[..4], &mut world.out), 4);
            world.locally();
            assert!(world.bridge.is_open());
            world.bridge.from_remote(world.now, &bytes[4..], &mut world.out);
        }
        if !version_is_default {
            world.locally();
            assert!(world.bridge.is_open());
            continue;
        }
        assert_eq!(world.remote().last().unwrap(), "DISCONNECT");
        world.locally();
        world.bridge.local_closed(world.now, &mut world.out);
        world.requests();
        world.advance(0);
        assert_eq!(world.requests(), [Request::Connect(0)]);
        world.version = Version::V5;
        let name = [Property::UserProperty("mqtt-broker-name", "them")];
        let hello = world.connect_with(true, ReasonCode::SUCCESS, &name);
        assert_eq!(
            hello,
            [format!(
                "CONNECT host.b V5 will {STATE}=0 r TopicAliasMaximum(10) ReceiveMaximum(20) \
                 SessionExpiryInterval(4294967295)"
            )]
        );
        world.locally();
        world.remote();
        world.local_says(&publish("out/x", QoS::AtMostOnce, 0, b"a"));
        assert_eq!(world.remote(), ["PUBLISH out/x q0 m0 a UserProperty(\"mqtt-broker-trail\", \"us\")"]);
        world.remote_says(&publish("r/in/x", QoS::AtMostOnce, 0, b"b"));
        assert_eq!(world.local(), ["PUBLISH l/in/x q0 m0 b UserProperty(\"mqtt-broker-trail\", \"them\")"]);
        // One that was here already is acknowledged and goes no further, nor does one that was there.
        let properties: PropertiesBuf =
            [Property::UserProperty("mqtt-broker-trail", "us them")].into_iter().collect();
        let round = Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: "r/in/x",
            packet_identifier: 7,
            properties: properties.as_properties(),
            payload: b"c",
        };
        world.remote_says(&Packet::Publish(round));
        world.local_says(&Packet::Publish(Publish { topic: "out/x", ..round }));
        assert_eq!(world.remote(), ["PUBACK 7 16"]);
        assert_eq!(world.local(), ["PUBACK 7 0"]);
    }
}

#[test]
fn who_refuses_5_0_after_its_hint_is_not_asked_again() {
    let mut world = World::new(settings());
    world.locally();
    for hinted in [true, false] {
        world.requests();
        world.bridge.connected(world.now, &mut world.out);
        let bytes = [0x20, 2, 0, 0, 0xD0, 0];
        world.bridge.from_remote(world.now, &bytes, &mut world.out);
        world.locally();
        assert_eq!(world.bridge.is_open(), !hinted);
        if hinted {
            world.remote();
            world.advance(0);
            world.version = Version::V5;
            world.connect_with(false, ReasonCode::UNSUPPORTED_PROTOCOL_VERSION, &[]);
            world.version = Version::V311;
            world.advance(0);
        }
    }
}
