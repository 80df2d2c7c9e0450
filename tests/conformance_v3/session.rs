//! Sections 3.1.2.4 and 4.1: Clean Session, and how long a session lasts.

use super::*;

#[test]
fn mqtt_3_1_2_4_clean_session_0_goes_on_with_the_session_or_makes_one() {
    let mut w = World::new();
    let bob = w.connect("bob", v311().resume());
    assert!(!w.session_present(bob), "there was none");
    w.subscribe(bob, "a", QOS1);
    w.disconnect(bob);
    let bob = w.reconnect(bob);
    assert!(w.session_present(bob));
    w.publish(bob, "a", "x", QOS0);
    assert_eq!(w.messages(bob), ["a x"], "the subscription is still there");
}

#[test]
fn mqtt_3_1_2_5_messages_are_stored_for_a_client_that_is_away() {
    let mut w = World::new();
    let bob = w.connect("bob", v311().resume());
    w.subscribe(bob, "a/+", QOS2);
    w.subscribe(bob, "b", QOS1);
    w.cut(bob);
    let ann = w.connect("ann", v311());
    w.publish(ann, "a/1", "one", QOS1);
    w.publish(ann, "a/2", "two", QOS2);
    w.publish(ann, "b", "three", QOS2);
    w.publish(ann, "c", "nobody asked for it", QOS2);
    w.advance(7 * 24 * 3600);
    let bob = w.reconnect(bob);
    let got: Vec<_> = w.publishes(bob).iter().map(|p| (p.topic, p.qos, p.dup, p.retain)).collect();
    let never_sent = (false, false);
    let expected = [("a/1", QOS1), ("a/2", QOS2), ("b", QOS1)];
    assert_eq!(got, expected.map(|(topic, qos)| (topic, qos, never_sent.0, never_sent.1)));
}

#[test]
fn mqtt_3_1_2_6_clean_session_1_discards_the_session_before_and_leaves_none() {
    let mut w = World::new();
    let bob = w.connect("bob", v311().resume());
    w.subscribe(bob, "a", QOS2);
    w.auto_acknowledge(bob, false);
    let ann = w.connect("ann", v311());
    w.publish(ann, "a", "in flight", QOS2);
    // A QoS 2 message of bob's own, not released.
    w.send(bob, Packet::Publish(Publish { packet_identifier: 9, ..message("b", "x", QOS2) }));
    w.cut(bob);
    w.publish(ann, "a", "queued", QOS1);
    let bob = w.connect("bob", v311());
    assert!(!w.session_present(bob));
    w.publish(ann, "a", "new", QOS1);
    assert_eq!(w.received(bob), [], "no subscription, no message, nothing sent again");
    // The identifier of the old session is free: this is a new message.
    w.subscribe(ann, "b", QOS0);
    w.publish_with(bob, Publish { packet_identifier: 9, ..message("b", "y", QOS2) });
    assert_eq!(w.messages(ann), ["b y"]);
    // Its subscriptions end with the connection.
    w.subscribe(bob, "a", QOS1);
    w.disconnect(bob);
    w.publish(ann, "a", "later", QOS1);
    let bob = w.connect("bob", v311().resume());
    assert!(!w.session_present(bob));
    assert_eq!(w.received(bob), []);
}

#[test]
fn mqtt_3_1_2_7_retained_messages_outlive_sessions() {
    let mut w = World::new();
    for options in [v311(), v311().resume()] {
        let ann = w.connect("ann", options);
        w.retain(ann, "a", "kept", QOS1);
        w.disconnect(ann);
    }
    // Ending the stored session doesn't take it away either.
    let ann = w.connect("ann", v311());
    w.disconnect(ann);
    assert_eq!(w.session_count(), 0);
    let bob = w.connect("bob", v311());
    w.subscribe(bob, "a", QOS1);
    assert_eq!(w.messages(bob), ["a kept"]);
}

#[test]
fn mqtt_4_1_0_1_state_is_kept_as_long_as_the_session_lasts() {
    let mut w = World::new();
    let bob = w.connect("bob", v311().resume());
    w.subscribe(bob, "a", QOS2);
    w.auto_acknowledge(bob, false);
    let ann = w.connect("ann", v311());
    w.publish(ann, "a", "one", QOS1);
    w.publish(ann, "a", "two", QOS2);
    let first = w.publishes(bob);
    w.send(bob, pubrec(first[1].packet_identifier));
    assert_eq!(w.received(bob), [pubrel(first[1].packet_identifier)]);
    w.send(bob, Packet::Publish(Publish { packet_identifier: 5, ..message("b", "x", QOS2) }));
    w.cut(bob);
    w.publish(ann, "a", "three", QOS1);
    w.advance(100 * 24 * 3600);
    let bob = w.open();
    w.auto_acknowledge(bob, false);
    w.introduce(bob, "bob", v311().resume());
    let received = w.received(bob);
    // In flight, released, waiting.
    assert_eq!(received[0], Packet::Publish(Publish { dup: true, ..first[0] }));
    assert_eq!(received[1], pubrel(first[1].packet_identifier));
    assert!(matches!(received[2], Packet::Publish(p) if p.payload == b"three" && !p.dup));
    assert_eq!(received.len(), 3);
    // And the identifier of bob's own message: sent again it is no new message.
    w.subscribe(ann, "b", QOS0);
    w.send(bob, Packet::Publish(Publish { dup: true, packet_identifier: 5, ..message("b", "x", QOS2) }));
    assert_eq!(w.received(bob), [pubrec(5)]);
    assert_eq!(w.received(ann), []);
}

#[test]
fn mqtt_4_1_0_2_a_session_lasts_as_long_as_its_connection() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    w.subscribe(bob, "a", QOS1);
    for _ in 0..10 {
        w.advance(24 * 3600);
        w.publish(bob, "a", "x", QOS1);
        assert_eq!(w.messages(bob), ["a x"]);
    }
    w.disconnect(bob);
    assert_eq!(w.session_count(), 0);
}
