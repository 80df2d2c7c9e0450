//! Section 3.2: CONNACK.

use super::*;

#[test]
fn connack_is_byte_for_byte_mosquittos() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    // Topic Alias Maximum 10, Maximum Packet Size 2,000,000, Receive Maximum 20.
    let plain = [0x20, 14, 0, 0, 11, 0x22, 0, 10, 0x27, 0, 0x1E, 0x84, 0x80, 0x21, 0, 20];
    assert_eq!(w.bytes(bob), plain);
    // Nothing that the client asks for changes it.
    let all = v5()
        .resume()
        .keep_alive(60)
        .session_expiry(100)
        .receive_maximum(7)
        .maximum_packet_size(1000)
        .topic_alias_maximum(3)
        .property(Property::RequestResponseInformation(true))
        .property(Property::RequestProblemInformation(true))
        .property(Property::UserProperty("a", "b"));
    let ann = w.connect("ann", all);
    assert_eq!(w.bytes(ann), plain);
    // An Assigned Client Identifier stands behind the first.
    let nobody = w.connect("", v5());
    let id = w.connack(nobody).unwrap().properties.assigned_client_identifier().unwrap();
    assert_eq!(id.len(), "auto-".len() + 36);
    let mut expected = vec![0x20, 14 + 44, 0, 0, 11 + 44];
    expected.extend([0x22, 0, 10, 0x12, 0, 41]);
    expected.extend(id.bytes());
    expected.extend([0x27, 0, 0x1E, 0x84, 0x80, 0x21, 0, 20]);
    assert_eq!(w.bytes(nobody), expected);
    // A Server Keep Alive before it.
    let mut w = World::with(Limits { max_keepalive: 30, ..Limits::default() });
    let bob = w.connect("bob", v5());
    let expected = [0x20, 17, 0, 0, 14, 0x13, 0, 30, 0x22, 0, 10, 0x27, 0, 0x1E, 0x84, 0x80, 0x21, 0, 20];
    assert_eq!(w.bytes(bob), expected);
}

#[test]
fn what_is_limited_is_announced() {
    let limits = Limits {
        max_inflight_messages: 5,
        max_packet_size: 4000,
        retain_available: false,
        ..Limits::default()
    };
    let rules = ListenerRules { max_qos: QOS1, max_topic_alias: 0, ..ListenerRules::default() };
    let mut w = World::with_listeners(limits, vec![rules]);
    let bob = w.connect("bob", v5());
    let announced = w.connack(bob).unwrap().properties;
    assert_eq!(announced.receive_maximum(), Some(5));
    assert_eq!(announced.maximum_packet_size(), Some(4000));
    assert_eq!(announced.retain_available(), Some(false));
    assert_eq!(announced.maximum_qos(), Some(QOS1));
    assert_eq!(announced.topic_alias_maximum(), None, "absent is 0");
    assert_eq!(announced.iter().count(), 4);
    // No limit of messages in flight: nothing said, which is 65,535.
    let mut w = World::with(Limits { max_inflight_messages: 0, ..Limits::default() });
    let bob = w.connect("bob", v5());
    assert_eq!(w.connack(bob).unwrap().properties.receive_maximum(), None);
}

#[test]
fn mqtt_3_2_0_1_the_first_packet_to_a_client_is_connack() {
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    w.subscribe(bob, "a", QOS1);
    w.cut(bob);
    let ann = w.connect("ann", v5());
    w.publish(ann, "a", "x", QOS1);
    // Messages wait, and SUBSCRIBE comes right behind CONNECT: both are answered behind CONNACK.
    let bob = w.open();
    let connect = encoded(Version::V5, &lasting().packet("bob"));
    w.raw(bob, &[&connect[..], &frame(0x82, &[&[0, 1], NONE, &field("b"), &[0]])].concat());
    let history = w.history(bob);
    assert!(matches!(history[0], Packet::ConnAck(connack) if connack.session_present));
    assert_eq!(history.len(), 3);
}

#[test]
fn mqtt_3_2_0_2_there_is_one_connack() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.subscribe(bob, "a", QOS1);
    w.publish(bob, "a", "x", QOS1);
    w.send(bob, Packet::PingReq);
    w.send(bob, v5().packet("bob"));
    let connacks = w.history(bob).iter().filter(|p| matches!(p, Packet::ConnAck(_))).count();
    assert_eq!(connacks, 1);
}

#[test]
fn mqtt_3_2_2_1_the_reserved_bits_of_the_flags_are_0() {
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    assert_eq!(w.bytes(bob)[2], 0);
    let bob = w.reconnect(bob);
    assert_eq!(w.bytes(bob)[2], 1, "Session Present is bit 0");
    let eve = w.attempt("eve", v5().property(Property::AuthenticationMethod("x")));
    assert_eq!(w.bytes(eve)[2], 0);
}

#[test]
fn mqtt_3_2_2_2_clean_start_1_means_session_present_0() {
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    w.cut(bob);
    let bob = w.connect("bob", lasting().clean(true));
    assert_eq!(w.bytes(bob)[..4], [0x20, 14, 0, 0]);
}

#[test]
fn mqtt_3_2_2_3_session_present_says_whether_there_was_a_session() {
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    assert_eq!(w.bytes(bob)[..4], [0x20, 14, 0, 0]);
    w.cut(bob);
    w.advance(3599);
    let bob = w.connect("bob", lasting());
    assert_eq!(w.bytes(bob)[..4], [0x20, 14, 1, 0]);
    // Also if the old connection is still there.
    let bob = w.connect("bob", lasting());
    assert_eq!(w.bytes(bob)[..4], [0x20, 14, 1, 0]);
    // Not when the session has expired, or ended with its connection.
    w.cut(bob);
    w.advance(3601);
    let bob = w.connect("bob", v5().resume());
    assert_eq!(w.bytes(bob)[..4], [0x20, 14, 0, 0]);
    w.cut(bob);
    let bob = w.connect("bob", lasting());
    assert_eq!(w.bytes(bob)[..4], [0x20, 14, 0, 0]);
}

#[test]
fn mqtt_3_2_2_6_a_refusal_has_session_present_0() {
    let mut w = World::with_passwords(&[("user", "secret")]);
    let options = lasting().username("user");
    let bob = w.connect("bob", options.clone().password("secret"));
    w.cut(bob);
    let eve = w.attempt("bob", options.password("guess"));
    assert_eq!(w.bytes(eve), [0x20, 3, 0, 0x87, 0], "there is a session, and eve isn't told");
}

#[test]
fn mqtt_3_2_2_7_a_refusal_closes_the_connection() {
    // (`assert_refused` and the tests of `connect.rs` look at each reason.)
    let mut w = World::new();
    let eve = w.attempt("eve", v5().property(Property::AuthenticationMethod("SCRAM-SHA-1")));
    assert!(w.connack(eve).unwrap().code.is_error());
    assert!(w.is_closed(eve));
    assert_eq!(w.session_count(), 0);
}

#[test]
fn mqtt_3_2_2_8_the_codes_are_those_of_the_table() {
    const TABLE: [u8; 22] = [
        0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99,
        0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
    ];
    let good = connect_with(CLEAN, &block(&[Property::ReceiveMaximum(5)]), &[&field("id")]);
    for at in 6..good.len() {
        for value in 0..=255 {
            let mut bytes = good.clone();
            bytes[at] = value;
            let mut w = World::new();
            let bob = w.open();
            w.raw(bob, &bytes);
            if let Some(connack) = w.connack(bob) {
                // An answer in the words of 3.x has a return code of 3.x.
                let v3 = bytes[8] & 0x7F <= 4 && connack.code.0 <= 5;
                assert!(v3 || TABLE.contains(&connack.code.0), "{bytes:02X?}: {:?}", connack.code);
                assert_eq!(w.is_closed(bob), connack.code != ReasonCode::SUCCESS);
            }
        }
    }
}

#[test]
fn mqtt_3_2_2_9_a_maximum_qos_below_2_is_announced() {
    for (max_qos, announced) in [(QOS0, Some(QOS0)), (QOS1, Some(QOS1)), (QOS2, None)] {
        let rules = ListenerRules { max_qos, ..ListenerRules::default() };
        let mut w = World::with_listeners(Limits::default(), vec![rules]);
        let bob = w.connect("bob", v5());
        assert_eq!(w.connack(bob).unwrap().properties.maximum_qos(), announced);
        // Whoever publishes above it regardless is disconnected.
        for qos in [QOS1, QOS2].into_iter().filter(|qos| *qos > max_qos) {
            let bob = w.connect("bob", v5());
            w.send(bob, publish_as(1, "a", "x", qos));
            assert_eq!(w.disconnect_reason(bob), Some(ReasonCode::QOS_NOT_SUPPORTED));
            assert!(w.is_closed(bob));
        }
    }
}

#[test]
fn mqtt_3_2_2_10_a_maximum_qos_does_not_refuse_subscriptions() {
    for max_qos in [QOS0, QOS1] {
        let rules = ListenerRules { max_qos, ..ListenerRules::default() };
        let mut w = World::with_listeners(Limits::default(), vec![rules]);
        let bob = w.connect("bob", v5());
        for asked in [QOS0, QOS1, QOS2] {
            assert_eq!(w.subscribe(bob, "a", asked), asked.min(max_qos) as u8);
        }
        w.publish(bob, "a", "x", max_qos);
        assert_eq!(w.publishes(bob)[0].qos, max_qos);
    }
}

#[test]
fn mqtt_3_2_2_12_a_will_qos_above_the_maximum_is_refused() {
    let rules = ListenerRules { max_qos: QOS1, ..ListenerRules::default() };
    let mut w = World::with_listeners(Limits::default(), vec![rules]);
    let bob = w.attempt("bob", v5().will("will", "bye", QOS2));
    assert_eq!(w.bytes(bob), [0x20, 3, 0, 0x9B, 0]);
    assert!(w.is_closed(bob));
    w.connect("bob", v5().will("will", "bye", QOS1));
}

#[test]
fn mqtt_3_2_2_13_a_retained_will_is_refused_where_nothing_is_retained() {
    let mut w = World::with(Limits { retain_available: false, ..Limits::default() });
    let bob = w.attempt("bob", v5().will("will", "bye", QOS0).will_retain());
    assert_eq!(w.bytes(bob), [0x20, 3, 0, 0x9A, 0]);
    assert!(w.is_closed(bob));
    let bob = w.connect("bob", v5().will("will", "bye", QOS0));
    // And so is a retained message.
    w.send(bob, Packet::Publish(Publish { retain: true, ..message("a", "x", QOS0) }));
    assert_eq!(w.disconnect_reason(bob), Some(ReasonCode::RETAIN_NOT_SUPPORTED));
    assert!(w.is_closed(bob));
}

#[test]
fn mqtt_3_2_2_16_an_assigned_client_id_is_new() {
    let mut w = World::new();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1000 {
        let client = w.connect("", v5());
        let id = w.connack(client).unwrap().properties.assigned_client_identifier().unwrap();
        assert!(seen.insert(id), "{id} was given twice");
    }
    assert_eq!(w.session_count(), 1000);
    // Whoever brings one gets none.
    let bob = w.connect("bob", v5());
    assert_eq!(w.connack(bob).unwrap().properties.assigned_client_identifier(), None);
}

#[test]
fn response_information_and_reason_strings_are_never_sent() {
    let mut w = World::with_passwords(&[("user", "secret")]);
    for password in ["secret", "guess"] {
        let options = v5()
            .username("user")
            .password(password)
            .property(Property::RequestResponseInformation(true))
            .property(Property::RequestProblemInformation(true));
        let bob = w.attempt("bob", options);
        let sent = w.connack(bob).unwrap().properties;
        assert_eq!((sent.response_information(), sent.reason_string()), (None, None));
        assert_eq!(sent.user_properties().count(), 0);
    }
}
