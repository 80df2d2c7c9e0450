//! Sections 3.1.2.5 to 3.1.2.7 and 3.1.3.2: the Will, its properties, and its delay.

use super::*;

/// A client that subscribes to everything, retained as published.
fn watcher(w: &mut World) -> Client {
    let watcher = w.connect("watcher", v5());
    let options = SubscriptionOptions { retain_as_published: true, ..SubscriptionOptions::new(QOS2) };
    w.subscribe_with(watcher, &[("#", options)], Properties::EMPTY);
    watcher
}

#[test]
fn mqtt_3_1_2_7_the_will_is_stored_with_the_session() {
    let mut w = World::new();
    let watcher = watcher(&mut w);
    // Of two clients each its own, however long ago; and a delayed one outlives its connection.
    let bob = w.connect("bob", v5().will("will/bob", "bye", QOS1));
    let cat = w.connect("cat", lasting().will("will/cat", "bye", QOS1).will_delay(600));
    w.advance(24 * 3600);
    w.cut(cat);
    w.cut(bob);
    assert_eq!(w.messages(watcher), ["will/bob bye"]);
    w.advance(600);
    assert_eq!(w.messages(watcher), ["will/cat bye"]);
}

#[test]
fn mqtt_3_1_2_8_the_will_is_published_when_the_connection_ends_without_disconnect_0() {
    let mut w = World::new();
    let watcher = watcher(&mut w);
    let will = v5().will("will", "bye", QOS1);
    // The network fails.
    let bob = w.connect("bob", will.clone());
    assert_eq!(w.received(watcher), [], "not before");
    w.cut(bob);
    assert_eq!(w.messages(watcher), ["will bye"]);
    // Keep Alive runs out.
    w.connect("bob", will.clone().keep_alive(10));
    w.advance(15);
    assert_eq!(w.messages(watcher), ["will bye"]);
    // The server closes it for a protocol error.
    let bob = w.connect("bob", will.clone());
    w.raw(bob, &[0x00, 0x00]);
    assert_eq!(w.messages(watcher), ["will bye"]);
    // A DISCONNECT with any other reason than 0.
    for reason in [0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99] {
        let bob = w.connect("bob", will.clone());
        w.send(bob, disconnect(ReasonCode(reason)));
        assert!(w.is_closed(bob));
        assert_eq!(w.messages(watcher), ["will bye"], "{reason:#04x}");
    }
    // Somebody takes over who doesn't go on with the session.
    w.connect("bob", will);
    let bob = w.connect("bob", v5());
    assert_eq!(w.messages(watcher), ["will bye"]);
    w.cut(bob);
    assert_eq!(w.received(watcher), [], "the new connection has none");
    // The broker stops.
    w.connect("bob", lasting().will("will", "bye", QOS1).will_delay(600));
    w.shut_down();
    assert_eq!(w.messages(watcher), ["will bye"]);
}

#[test]
fn the_will_waits_for_its_delay_but_not_beyond_the_session() {
    let mut w = World::new();
    let watcher = watcher(&mut w);
    // The delay is shorter than the session.
    let bob = w.connect("bob", v5().session_expiry(100).will("will", "bye", QOS1).will_delay(30));
    w.cut(bob);
    w.advance_ms(29_900);
    assert_eq!(w.received(watcher), []);
    w.advance_ms(200);
    assert_eq!(w.messages(watcher), ["will bye"]);
    w.advance(1000);
    assert_eq!(w.received(watcher), [], "once");
    // The session ends first.
    let bob = w.connect("bob", v5().session_expiry(20).will("will", "bye", QOS1).will_delay(30));
    w.cut(bob);
    w.advance_ms(19_900);
    assert_eq!(w.received(watcher), []);
    w.advance_ms(200);
    assert_eq!(w.messages(watcher), ["will bye"]);
    assert_eq!(w.session_count(), 1);
    // It ends with the connection: the delay has no room.
    for options in [v5(), v5().session_expiry(0)] {
        let bob = w.connect("bob", options.will("will", "bye", QOS1).will_delay(30));
        w.cut(bob);
        assert_eq!(w.messages(watcher), ["will bye"]);
    }
    // DISCONNECT with Will, and with another Session Expiry Interval, counts as well.
    let bob = w.connect("bob", v5().session_expiry(100).will("will", "bye", QOS1).will_delay(30));
    let packet = mqtt_toolkit::protocol::Disconnect {
        reason: ReasonCode::DISCONNECT_WITH_WILL,
        properties: properties(&[Property::SessionExpiryInterval(10)]),
    };
    w.send(bob, Packet::Disconnect(packet));
    assert_eq!(w.received(watcher), []);
    w.advance_ms(10_100);
    assert_eq!(w.messages(watcher), ["will bye"]);
    // A new session in place of the old one ends that.
    let bob = w.connect("bob", v5().session_expiry(100).will("will", "bye", QOS1).will_delay(30));
    w.cut(bob);
    w.connect("bob", v5());
    assert_eq!(w.messages(watcher), ["will bye"]);
}

#[test]
fn mqtt_3_1_2_9_with_will_flag_its_fields_are_there() {
    let id = field("id");
    let parts = [&id[..], NONE, &field("will"), &field("bye")];
    for count in 1..4 {
        assert_refused(&connect_bytes(CLEAN | WILL, &parts[..count]), MALFORMED);
    }
    let mut w = World::new();
    let watcher = watcher(&mut w);
    for (qos, payload) in [(QOS0, &b""[..]), (QOS1, b"bye"), (QOS2, &[0, 0xFF, 0])] {
        let bob = w.connect("bob", v5().will("will/of/bob", payload, qos));
        w.cut(bob);
        let got = w.publishes(watcher);
        assert_eq!(got.len(), 1);
        assert_eq!((got[0].topic, got[0].payload, got[0].qos), ("will/of/bob", payload, qos));
        assert!(!got[0].retain && !got[0].dup);
    }
}

#[test]
fn mqtt_3_1_2_10_a_will_that_was_published_or_discarded_is_gone() {
    let mut w = World::new();
    let watcher = watcher(&mut w);
    let bob = w.connect("bob", lasting().will("will", "bye", QOS1));
    w.cut(bob);
    assert_eq!(w.messages(watcher), ["will bye"]);
    // The session goes on, the Will does not.
    let bob = w.connect("bob", lasting());
    w.cut(bob);
    assert_eq!(w.received(watcher), []);
    let bob = w.connect("bob", lasting().will("will", "bye", QOS1).will_delay(5));
    w.disconnect(bob);
    w.advance(10);
    let bob = w.connect("bob", lasting());
    w.cut(bob);
    w.advance(4000);
    w.shut_down();
    assert_eq!(w.messages(watcher), [] as [&str; 0]);
}

#[test]
fn without_will_flag_there_is_no_will() {
    // The fields of a Will, but no flag that announces them: they are bytes too many.
    let payload = [&field("id")[..], NONE, &field("will"), &field("bye")];
    assert_refused(&connect_bytes(CLEAN, &payload), MALFORMED);
    let mut w = World::new();
    let watcher = watcher(&mut w);
    let bob = w.connect("bob", v5());
    w.cut(bob);
    assert_eq!(w.received(watcher), []);
}

#[test]
fn mqtt_3_1_2_11_without_will_flag_will_qos_must_be_zero() {
    for qos in 1..=3 {
        assert_refused(&connect_bytes(CLEAN | qos << 3, &[&field("id")]), MALFORMED);
    }
}

#[test]
fn mqtt_3_1_2_12_will_qos_is_0_1_or_2() {
    let payload = [&field("id")[..], NONE, &field("will"), &field("bye")];
    assert_refused(&connect_bytes(CLEAN | WILL | 3 << 3, &payload), MALFORMED);
    let mut w = World::new();
    let watcher = watcher(&mut w);
    for qos in [QOS0, QOS1, QOS2] {
        let bob = w.connect("bob", v5().will("will", "bye", qos));
        w.cut(bob);
        assert_eq!(w.publishes(watcher)[0].qos, qos);
    }
}

#[test]
fn mqtt_3_1_2_13_without_will_flag_will_retain_must_be_zero() {
    assert_refused(&connect_bytes(CLEAN | WILL_RETAIN, &[&field("id")]), MALFORMED);
}

#[test]
fn mqtt_3_1_2_14_will_retain_0_is_not_retained() {
    let mut w = World::new();
    let early = watcher(&mut w);
    let bob = w.connect("bob", v5().will("will", "bye", QOS1));
    w.cut(bob);
    assert!(!w.publishes(early)[0].retain);
    let late = w.connect("late", v5());
    w.subscribe(late, "#", QOS1);
    assert_eq!(w.received(late), []);
}

#[test]
fn mqtt_3_1_2_15_will_retain_1_is_retained() {
    let mut w = World::new();
    let early = watcher(&mut w);
    let pair = Property::UserProperty("k", "v");
    let will = v5().will("will", "bye", QOS1).will_retain().will_property(pair);
    let bob = w.connect("bob", will);
    w.cut(bob);
    assert!(w.publishes(early)[0].retain, "it asked for RETAIN as published");
    let late = w.connect("late", v5());
    w.subscribe(late, "will", QOS1);
    let got = w.publishes(late);
    assert_eq!((got.len(), got[0].retain, got[0].payload), (1, true, &b"bye"[..]));
    assert_eq!(listed(&got[0]), [pair]);
    // An empty one removes it.
    let bob = w.connect("bob", v5().will("will", "", QOS1).will_retain());
    w.cut(bob);
    let later = w.connect("later", v5());
    w.subscribe(later, "will", QOS1);
    assert_eq!(w.received(later), []);
}

#[test]
fn mqtt_3_1_3_9_a_client_that_returns_before_the_delay_sends_no_will() {
    let mut w = World::new();
    let watcher = watcher(&mut w);
    let options = lasting().will("will", "bye", QOS1).will_delay(30);
    let mut bob = w.connect("bob", options.clone());
    for _ in 0..3 {
        w.cut(bob);
        w.advance(29);
        bob = w.connect("bob", options.clone());
        w.advance(29);
        assert_eq!(w.received(watcher), []);
    }
    // The delay counts anew from the last connection's end.
    w.cut(bob);
    w.advance_ms(29_900);
    assert_eq!(w.received(watcher), []);
    w.advance_ms(200);
    assert_eq!(w.messages(watcher), ["will bye"]);
    // Taken over: the client is not gone.
    w.connect("bob", options.clone());
    let bob = w.connect("bob", options);
    w.advance(60);
    assert_eq!(w.received(watcher), []);
    assert!(!w.is_closed(bob));
    // The Will that counts is that of the last connection: here none.
    w.cut(bob);
    let bob = w.connect("bob", lasting());
    w.cut(bob);
    w.advance(600);
    assert_eq!(w.received(watcher), []);
}

#[test]
fn a_client_that_takes_over_its_own_session_sends_no_will() {
    // As mosquitto, also without a delay: the new connection is there before the old one ends.
    let mut w = World::new();
    let watcher = watcher(&mut w);
    let options = lasting().will("will", "bye", QOS0);
    w.connect("bob", options.clone());
    let bob = w.connect("bob", options);
    assert_eq!(w.received(watcher), []);
    w.cut(bob);
    assert_eq!(w.messages(watcher), ["will bye"]);
}

#[test]
fn mqtt_3_1_3_10_the_user_properties_of_a_will_keep_their_order() {
    let mut w = World::new();
    let watcher = watcher(&mut w);
    let pairs = [("b", "1"), ("a", "2"), ("b", "1"), ("", ""), ("z", "ä")];
    let mut will = v5().will("will", "bye", QOS1);
    for (name, value) in pairs {
        will = will.will_property(Property::UserProperty(name, value));
    }
    let bob = w.connect("bob", will);
    w.cut(bob);
    let got = w.publishes(watcher);
    assert_eq!(got[0].properties.user_properties().collect::<Vec<_>>(), pairs);
}

#[test]
fn the_properties_of_a_will_are_published_with_it() {
    let mut w = World::new();
    let watcher = watcher(&mut w);
    let all = [
        Property::PayloadFormatIndicator(true),
        Property::ContentType("text/plain"),
        Property::ResponseTopic("answers"),
        Property::CorrelationData(&[1, 0, 2]),
    ];
    let mut will = lasting().will("will", "bye", QOS1).will_delay(10);
    for property in all {
        will = will.will_property(property);
    }
    let bob = w.connect("bob", will.will_property(Property::MessageExpiryInterval(60)));
    w.cut(bob);
    w.advance(10);
    let got = w.publishes(watcher);
    let mut listed = listed(&got[0]);
    listed.sort_by_key(|p| p.identifier());
    // The expiry counts from the publication on; the delay is not passed on.
    let mut expected = [&all[..], &[Property::MessageExpiryInterval(60)]].concat();
    expected.sort_by_key(|p| p.identifier());
    assert_eq!(listed, expected);
    // Those that no Will has.
    for property in [Property::TopicAlias(1), Property::ReceiveMaximum(1)] {
        let payload = [&field("id")[..], &block(&[property]), &field("will"), &field("bye")];
        assert_refused(&connect_bytes(CLEAN | WILL, &payload), MALFORMED);
    }
}

#[test]
fn mqtt_3_1_3_11_the_will_topic_must_be_utf8() {
    for bad in [&[0xC3, 0x28][..], b"with/#/wildcard", b"a/+", b"", b"a\0"] {
        let payload = [&field("id")[..], NONE, &field(bad), &field("bye")];
        let mut w = World::new();
        let bob = w.open();
        w.speaks(bob, Version::V5);
        w.raw(bob, &connect_bytes(CLEAN | WILL, &payload));
        let code = w.connack(bob).unwrap().code;
        assert!(matches!(code.0, 0x81 | 0x82), "{bad:02X?}: {code}");
        assert!(w.is_closed(bob));
    }
}
