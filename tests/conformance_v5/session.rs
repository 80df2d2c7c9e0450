//! Sections 3.1.2.11.2 and 4.1: the state of a session, and how long it lasts.

use super::*;

#[test]
fn mqtt_3_1_2_23_the_session_is_stored_as_long_as_its_interval_says() {
    let mut w = World::new();
    for seconds in [1, 60, 100_000] {
        let bob = w.connect("bob", v5().session_expiry(seconds));
        w.subscribe(bob, "a", QOS1);
        // The time counts from the end of the connection.
        w.advance(u64::from(seconds) * 2);
        w.cut(bob);
        w.advance_ms(u64::from(seconds) * 1000 - 100);
        let bob = w.connect("bob", v5().resume().session_expiry(seconds));
        assert!(w.session_present(bob), "{seconds}");
        w.publish(bob, "a", "x", QOS1);
        assert_eq!(w.messages(bob), ["a x"]);
        // And anew with each.
        w.disconnect(bob);
        w.advance_ms(u64::from(seconds) * 1000 - 100);
        assert_eq!(w.session_count(), 1);
        w.advance_ms(200);
        assert_eq!(w.session_count(), 0);
    }
    // 0xFFFFFFFF: for ever.
    let bob = w.connect("bob", v5().session_expiry(u32::MAX));
    w.cut(bob);
    w.advance(200 * 365 * 24 * 3600);
    let bob = w.connect("bob", v5().resume());
    assert!(w.session_present(bob));
}

#[test]
fn the_interval_of_the_last_connect_counts() {
    let mut w = World::new();
    let bob = w.connect("bob", v5().session_expiry(1000));
    w.cut(bob);
    // Absent is 0: the session goes on, and ends with this connection.
    let bob = w.connect("bob", v5().resume());
    assert!(w.session_present(bob));
    w.cut(bob);
    assert_eq!(w.session_count(), 0);
    // A timer of an earlier connection ends nothing.
    let bob = w.connect("bob", v5().session_expiry(10));
    w.cut(bob);
    w.advance(5);
    let bob = w.connect("bob", v5().resume().session_expiry(100));
    w.advance(50);
    assert!(!w.is_closed(bob));
    w.cut(bob);
    w.advance(50);
    assert_eq!(w.session_count(), 1);
}

#[test]
fn a_configured_limit_shortens_the_interval() {
    let limits = Limits { persistent_client_expiration: Some(60), ..Limits::default() };
    for seconds in [61, u32::MAX] {
        let mut w = World::with(limits.clone());
        let bob = w.connect("bob", v5().session_expiry(seconds));
        w.cut(bob);
        w.advance_ms(59_900);
        assert_eq!(w.session_count(), 1);
        w.advance_ms(200);
        assert_eq!(w.session_count(), 0);
        // DISCONNECT can't get round it.
        let bob = w.connect("bob", v5().session_expiry(10));
        let packet = mqtt_toolkit::protocol::Disconnect {
            reason: ReasonCode::SUCCESS,
            properties: properties(&[Property::SessionExpiryInterval(seconds)]),
        };
        w.send(bob, Packet::Disconnect(packet));
        w.advance_ms(60_100);
        assert_eq!(w.session_count(), 0);
    }
}

#[test]
fn mqtt_4_1_0_1_state_is_kept_while_the_connection_is_open() {
    let mut w = World::new();
    for options in [v5(), v5().session_expiry(1)] {
        let bob = quiet(&mut w, "bob", options);
        w.subscribe(bob, "a", QOS2);
        let ann = w.connect("ann", v5());
        w.publish(ann, "a", "one", QOS2);
        let id = w.publishes(bob)[0].packet_identifier;
        w.send(bob, publish_as(5, "b", "x", QOS2));
        for _ in 0..10 {
            w.advance(24 * 3600);
            w.publish(ann, "a", "x", QOS0);
            assert_eq!(w.messages(bob).last().unwrap(), "a x");
        }
        // Both flows go on where they stood.
        w.send(bob, pubrec(id));
        assert_eq!(w.received(bob), [pubrel(id)]);
        w.send(bob, publish_as(5, "b", "x", QOS2));
        assert_eq!(w.received(bob), [pubrec(5)], "known: no new message");
        w.disconnect(bob);
    }
}

#[test]
fn mqtt_4_1_0_2_the_state_is_discarded_when_the_interval_has_passed() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", v5().session_expiry(60));
    w.subscribe(bob, "a", QOS2);
    w.subscribe(bob, "$share/g/b", QOS2);
    let ann = w.connect("ann", v5());
    w.publish(ann, "a", "in flight", QOS1);
    w.send(bob, publish_as(5, "c", "x", QOS2));
    w.cut(bob);
    w.publish(ann, "a", "queued", QOS1);
    assert_eq!(w.publish(ann, "b", "x", QOS1), ReasonCode::SUCCESS);
    w.notices();
    w.advance(61);
    assert!(w.notices().iter().any(|n| matches!(n, Notice::SessionExpired { client } if **client == *"bob")));
    assert_eq!(w.session_count(), 1);
    for topic in ["a", "b"] {
        assert_eq!(w.publish(ann, topic, "x", QOS1), ReasonCode::NO_MATCHING_SUBSCRIBERS);
    }
    let bob = quiet(&mut w, "bob", lasting());
    assert!(!w.session_present(bob));
    assert_eq!(w.received(bob), []);
    w.subscribe(ann, "c", QOS0);
    w.send(bob, publish_as(5, "c", "new", QOS2));
    assert_eq!(w.messages(ann), ["c new"], "its identifier is free");
}

#[test]
fn all_of_the_state_is_there_after_a_reconnect() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", lasting());
    let options =
        SubscriptionOptions { no_local: true, retain_as_published: true, ..SubscriptionOptions::new(QOS2) };
    w.subscribe_with(bob, &[("a", options)], properties(&[Property::SubscriptionIdentifier(77)]));
    let ann = w.connect("ann", v5());
    w.publish(ann, "a", "one", QOS1);
    w.publish(ann, "a", "two", QOS2);
    let first = w.publishes(bob);
    w.send(bob, pubrec(first[1].packet_identifier));
    assert_eq!(w.received(bob), [pubrel(first[1].packet_identifier)]);
    w.send(bob, publish_as(5, "b", "x", QOS2));
    w.cut(bob);
    w.publish_with(ann, Publish { retain: true, ..message("a", "three", QOS1) });
    w.advance(3500);
    let bob = quiet(&mut w, "bob", lasting());
    let received = w.received(bob);
    // In flight, released, waiting.
    assert_eq!(received[0], Packet::Publish(Publish { dup: true, ..first[0] }));
    assert_eq!(received[1], pubrel(first[1].packet_identifier));
    let Packet::Publish(third) = received[2] else { panic!("{received:?}") };
    assert_eq!((third.payload, third.dup, third.retain), (&b"three"[..], false, true));
    assert_eq!(third.properties.subscription_identifiers().next(), Some(77));
    assert_eq!(received.len(), 3);
    // And the identifier of bob's own message: sent again it is no new message.
    w.subscribe(ann, "b", QOS0);
    w.send(bob, publish_as(5, "b", "x", QOS2));
    assert_eq!(w.received(bob), [pubrec(5)]);
    assert_eq!(w.received(ann), []);
    // No Local is still in force.
    w.publish(bob, "a", "own", QOS0);
    assert_eq!(w.received(bob), []);
}
