//! Sections 3.1.0, 3.1.2 and 3.1.4: the first packet, Protocol Name and Version, Connect Flags, Clean Start, and what
//! the server does with a CONNECT.

use super::*;

#[test]
fn mqtt_3_1_0_1_the_first_packet_must_be_connect() {
    let filter = field("a");
    let first: [&[u8]; 10] = [
        &frame(0x30, &[&filter, NONE, b"x"]),
        &frame(0x32, &[&filter, &[0, 1], NONE, b"x"]),
        &frame(0x40, &[&[0, 1]]),
        &frame(0x62, &[&[0, 1]]),
        &frame(0x82, &[&[0, 1], NONE, &filter, &[0]]),
        &frame(0xA2, &[&[0, 1], NONE, &filter]),
        &frame(0xC0, &[]),
        &frame(0xE0, &[]),
        &frame(0xF0, &[]),
        b"GET / HTTP/1.1\r\n\r\n",
    ];
    for bytes in first {
        assert_closed_silently(bytes);
    }
}

#[test]
fn mqtt_3_1_0_2_a_second_connect_is_a_protocol_error() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.send(bob, v5().packet("bob"));
    assert!(w.is_closed(bob));
    assert_eq!(w.received(bob), [disconnect(ReasonCode::PROTOCOL_ERROR)]);
    // Also with another ClientId: nobody else's connection ends by it.
    let ann = w.connect("ann", v5());
    let eve = w.connect("eve", v5());
    w.send(eve, v5().packet("ann"));
    assert!(w.is_closed(eve));
    assert!(!w.is_closed(ann));
}

#[test]
fn mqtt_3_1_2_1_an_unknown_protocol_name_is_not_served() {
    for name in ["", "mqtt", "MQTTX", "MQT", "HTTP"] {
        let body = [&[5, CLEAN, 0, 60, 0][..], &field("id")].concat();
        assert_closed_silently(&frame(0x10, &[&field(name), &body]));
    }
    // The name of 3.1 with the level of 5.0.
    let mut w = World::new();
    let bob = w.open();
    w.speaks(bob, Version::V5);
    w.raw(bob, &frame(0x10, &[&field("MQIsdp"), &[5, CLEAN, 0, 60, 0], &field("id")]));
    assert_eq!(w.connack(bob).unwrap().code, ReasonCode::UNSUPPORTED_PROTOCOL_VERSION);
    assert!(w.is_closed(bob));
}

#[test]
fn mqtt_3_1_2_2_an_unsupported_version_is_refused_with_0x84() {
    for level in [6, 7, 0x45, 0x7F, 0xFF] {
        let connect = frame(0x10, &[&field("MQTT"), &[level, CLEAN, 0, 60, 0], &field("id")]);
        assert_refused(&connect, 0x84);
    }
    // One that the broker knows but the listener doesn't accept.
    let rules = ListenerRules { versions: [true, true, false], ..ListenerRules::default() };
    let mut w = World::with_listeners(Limits::default(), vec![rules]);
    let bob = w.attempt("bob", v5());
    assert_eq!(w.bytes(bob), [0x20, 3, 0, 0x84, 0]);
    assert!(w.is_closed(bob));
}

#[test]
fn mqtt_3_1_2_3_the_reserved_connect_flag_must_be_zero() {
    assert_refused(&connect_bytes(CLEAN | 1, &[&field("id")]), MALFORMED);
}

#[test]
fn mqtt_3_1_2_4_clean_start_1_discards_the_session() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", lasting());
    w.subscribe(bob, "a", QOS2);
    let ann = w.connect("ann", v5());
    w.publish(ann, "a", "in flight", QOS2);
    // A QoS 2 message of bob's own, not released.
    w.send(bob, publish_as(9, "b", "x", QOS2));
    w.cut(bob);
    w.publish(ann, "a", "queued", QOS1);
    let bob = w.connect("bob", v5().session_expiry(3600));
    assert!(!w.session_present(bob));
    assert_eq!(w.publish(ann, "a", "new", QOS1), ReasonCode::NO_MATCHING_SUBSCRIBERS);
    assert_eq!(w.received(bob), [], "no subscription, no message, nothing sent again");
    // The identifier of the old session is free: this is a new message.
    w.subscribe(ann, "b", QOS0);
    w.publish_with(bob, Publish { packet_identifier: 9, ..message("b", "y", QOS2) });
    assert_eq!(w.messages(ann), ["b y"]);
    // What was begun lasts, as its Session Expiry Interval says.
    w.subscribe(bob, "a", QOS1);
    w.disconnect(bob);
    let bob = w.connect("bob", lasting());
    assert!(w.session_present(bob));
}

#[test]
fn mqtt_3_1_2_5_clean_start_0_goes_on_with_the_session() {
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    w.subscribe(bob, "a", QOS1);
    w.disconnect(bob);
    let ann = w.connect("ann", v5());
    w.publish(ann, "a", "while away", QOS1);
    let bob = w.connect("bob", lasting());
    assert!(w.session_present(bob));
    w.publish(ann, "a", "while here", QOS1);
    assert_eq!(w.messages(bob), ["a while away", "a while here"]);
}

#[test]
fn mqtt_3_1_2_6_clean_start_0_without_a_session_makes_one() {
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    assert!(!w.session_present(bob));
    assert_eq!(w.session_count(), 1);
    w.cut(bob);
    let bob = w.connect("bob", lasting());
    assert!(w.session_present(bob));
}

#[test]
fn a_session_goes_on_under_another_version() {
    let mut w = World::new();
    let bob = w.connect("bob", v311().resume());
    w.subscribe(bob, "a", QOS1);
    w.cut(bob);
    let ann = w.connect("ann", v5());
    let pair = Property::UserProperty("k", "v");
    w.publish_with(ann, with(&[pair], message("a", "one", QOS1)));
    let bob = w.connect("bob", lasting());
    assert!(w.session_present(bob));
    let got = w.publishes(bob);
    assert_eq!(listed(&got[0]), [pair], "a message keeps its properties");
    w.cut(bob);
    w.publish_with(ann, with(&[pair], message("a", "two", QOS1)));
    let bob = w.connect("bob", v311().resume());
    assert!(w.session_present(bob));
    assert_eq!(w.messages(bob), ["a two"]);
}

#[test]
fn mqtt_3_1_2_16_without_user_name_flag_there_is_no_user_name() {
    assert_refused(&connect_bytes(CLEAN, &[&field("id"), &field("user")]), MALFORMED);
}

#[test]
fn mqtt_3_1_2_17_with_user_name_flag_there_is_a_user_name() {
    assert_refused(&connect_bytes(CLEAN | USER_NAME, &[&field("id")]), MALFORMED);
}

#[test]
fn mqtt_3_1_2_18_without_password_flag_there_is_no_password() {
    let payload = [&field("id")[..], &field("user"), &field("secret")];
    assert_refused(&connect_bytes(CLEAN | USER_NAME, &payload), MALFORMED);
}

#[test]
fn mqtt_3_1_2_19_with_password_flag_there_is_a_password() {
    assert_refused(&connect_bytes(CLEAN | USER_NAME | PASSWORD, &[&field("id"), &field("user")]), MALFORMED);
    assert_refused(&connect_bytes(CLEAN | PASSWORD, &[&field("id")]), MALFORMED);
}

#[test]
fn a_password_may_come_without_a_user_name() {
    let mut w = World::new();
    let bob = w.open();
    w.raw(bob, &connect_bytes(CLEAN | PASSWORD, &[&field("bob"), &field("token")]));
    assert_eq!(w.connack(bob).unwrap().code, ReasonCode::SUCCESS);
}

#[test]
fn mqtt_3_1_4_1_a_connect_that_does_not_conform_is_refused() {
    let will = [&field("id")[..], NONE, &field("will"), &field("bye"), &field("user")];
    let good = connect_with(CLEAN | WILL | USER_NAME, &block(&[Property::ReceiveMaximum(5)]), &will);
    // Cut anywhere behind the version, with the Remaining Length that says so.
    for length in 9..good.len() {
        assert_refused(&frame(0x10, &[&good[2..length]]), MALFORMED);
    }
    // Cut before it, nobody knows which version would understand.
    for length in 2..9 {
        assert_closed_silently(&frame(0x10, &[&good[2..length]]));
    }
    assert_refused(&frame(0x10, &[&good[2..], &[0]]), MALFORMED);
    // The last byte makes it conform.
    let mut w = World::new();
    let bob = w.open();
    w.raw(bob, &good[..good.len() - 1]);
    assert!(!w.is_closed(bob));
    w.raw(bob, &good[good.len() - 1..]);
    assert_eq!(w.connack(bob).unwrap().code, ReasonCode::SUCCESS);
}

#[test]
fn mqtt_3_1_4_2_further_checks_that_fail_close_the_connection() {
    let mut w = World::with_passwords(&[("user", "secret")]);
    let refused = [
        v5(),
        v5().username("user"),
        v5().password("secret"),
        v5().username("user").password("guess"),
        v5().username("nobody").password("secret"),
    ];
    for options in refused {
        let eve = w.attempt("eve", options);
        assert_eq!(w.bytes(eve), [0x20, 3, 0, 0x87, 0]);
        assert!(w.is_closed(eve));
    }
    w.connect("bob", v5().username("user").password("secret"));
    // Restrictions of the broker's own.
    let mut w = World::with(Limits { global_max_clients: Some(1), ..Limits::default() });
    w.connect("bob", v5());
    let eve = w.attempt("eve", v5());
    assert_eq!(w.bytes(eve), [0x20, 3, 0, 0x89, 0], "server busy");
    assert!(w.is_closed(eve));
    let limits = Limits { clientid_prefixes: Some("good-".into()), ..Limits::default() };
    let mut w = World::with(limits);
    w.connect("good-1", v5());
    let eve = w.attempt("bad-1", v5());
    assert_eq!(w.bytes(eve), [0x20, 3, 0, 0x87, 0]);
    assert!(w.is_closed(eve));
}

#[test]
fn mqtt_3_1_4_3_a_client_that_is_taken_over_is_told_0x8e_and_closed() {
    let mut w = World::new();
    for options in [v5(), lasting()] {
        let old = w.connect("bob", options.clone());
        w.subscribe(old, "a", QOS0);
        let new = w.connect("bob", options);
        assert!(w.is_closed(old));
        assert_eq!(w.received(old), [disconnect(ReasonCode::SESSION_TAKEN_OVER)]);
        w.subscribe(new, "a", QOS0);
        w.publish(new, "a", "x", QOS0);
        assert_eq!(w.messages(new), ["a x"]);
        assert_eq!(w.received(old), [], "and no message goes there any more");
        let said = |n: &Notice| matches!(n, Notice::Disconnected { why: Ended::TakenOver, .. });
        assert!(w.notices().iter().any(said));
        w.disconnect(new);
    }
    // Whoever may not come takes nothing over.
    let mut w = World::with_passwords(&[("user", "secret")]);
    let bob = w.connect("bob", v5().username("user").password("secret"));
    let eve = w.attempt("bob", v5().username("user").password("guess"));
    assert!(w.is_closed(eve) && !w.is_closed(bob));
}

#[test]
fn mqtt_3_1_4_4_clean_start_is_processed() {
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    w.subscribe(bob, "a", QOS1);
    // Also when the old connection is still there.
    let bob = w.connect("bob", lasting());
    assert!(w.session_present(bob));
    let bob = w.connect("bob", lasting().clean(true));
    assert!(!w.session_present(bob));
    w.publish(bob, "a", "x", QOS1);
    assert_eq!(w.received(bob), [], "the subscription is gone with its session");
}

#[test]
fn mqtt_3_1_4_5_a_good_connect_is_acknowledged_with_0() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    assert_eq!(w.bytes(bob)[..4], [0x20, 14, 0, 0]);
}

#[test]
fn mqtt_3_1_4_6_nothing_behind_a_rejected_connect_is_processed() {
    let mut w = World::with_passwords(&[("user", "secret")]);
    let watcher = w.connect("watcher", v5().username("user").password("secret"));
    w.subscribe(watcher, "#", QOS0);
    let publish = frame(0x31, &[&field("a"), NONE, b"smuggled"]);
    // Refused at once, and refused when the password is checked.
    let anonymous = encoded(Version::V5, &v5().packet("eve"));
    let wrong = encoded(Version::V5, &v5().username("user").password("guess").packet("eve"));
    for slow in [false, true] {
        for connect in [&anonymous, &wrong] {
            if slow {
                w.slow_checks();
            }
            let eve = w.open();
            w.raw(eve, &[&connect[..], &publish].concat());
            w.check_passwords();
            assert_eq!(w.bytes(eve), [0x20, 3, 0, 0x87, 0]);
            assert!(w.is_closed(eve));
        }
    }
    assert_eq!(w.received(watcher), []);
}

#[test]
fn what_a_client_sends_before_connack_is_processed_after_it() {
    let mut w = World::with_passwords(&[("user", "secret")]);
    w.slow_checks();
    let bob = w.open();
    let connect = encoded(Version::V5, &v5().username("user").password("secret").packet("bob"));
    let subscribe = frame(0x82, &[&[0, 1], NONE, &field("a"), &[0]]);
    let publish = frame(0x30, &[&field("a"), NONE, b"early"]);
    w.raw(bob, &[&connect[..], &subscribe, &publish].concat());
    assert_eq!(w.bytes(bob), [] as [u8; 0]);
    w.check_passwords();
    let kinds: Vec<_> = w.history(bob).iter().map(Packet::packet_type).collect();
    use mqtt_toolkit::protocol::PacketType;
    assert_eq!(kinds, [PacketType::ConnAck, PacketType::SubAck, PacketType::Publish]);
}

#[test]
fn a_connection_without_connect_ends_after_half_a_minute() {
    let mut w = World::new();
    let silent = w.open();
    let slow = w.open();
    let connect = connect_bytes(CLEAN, &[&field("slow")]);
    for byte in &connect[..connect.len() - 1] {
        w.raw(slow, &[*byte]);
        w.advance(1);
    }
    w.advance(31);
    assert!(w.is_closed(silent));
    assert!(w.is_closed(slow), "a byte a second is not a CONNECT");
    assert_eq!(w.bytes(silent), [] as [u8; 0]);
}
