//! Section 3.3.2.3.3: Message Expiry Interval.

use super::*;

fn expiring(seconds: u32, payload: &str, qos: QoS) -> Publish<'static> {
    with(&[Property::MessageExpiryInterval(seconds)], message("a", payload, qos))
}

/// (payload, Message Expiry Interval) of the messages that came.
fn intervals(w: &mut World, client: Client) -> Vec<(String, Option<u32>)> {
    let list = w.publishes(client);
    payloads(&list).into_iter().zip(list.iter().map(|p| p.properties.message_expiry_interval())).collect()
}

fn is(payload: &str, interval: u32) -> (String, Option<u32>) {
    (payload.into(), Some(interval))
}

#[test]
fn mqtt_3_3_2_5_a_message_whose_interval_has_passed_is_not_delivered() {
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    w.subscribe(bob, "a", QOS2);
    w.cut(bob);
    let ann = w.connect("ann", v5());
    for (seconds, payload, qos) in [(10, "short", QOS1), (100, "long", QOS2), (10, "short", QOS2)] {
        w.publish_with(ann, expiring(seconds, payload, qos));
    }
    w.publish(ann, "a", "for ever", QOS1);
    w.advance(50);
    let bob = w.reconnect(bob);
    assert_eq!(intervals(&mut w, bob), [is("long", 50), ("for ever".into(), None)]);
    // Clients of 3.1.1 don't get it either.
    let old = w.connect("old", v311().resume());
    w.subscribe(old, "a", QOS1);
    w.cut(old);
    w.publish_with(ann, expiring(10, "short", QOS1));
    w.publish_with(ann, expiring(100, "long", QOS1));
    w.advance(11);
    let old = w.reconnect(old);
    assert_eq!(w.messages(old), ["a long"]);
}

#[test]
fn a_message_expires_also_while_it_waits_for_a_client_that_is_there() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", v5().receive_maximum(1));
    w.subscribe(bob, "a", QOS1);
    let ann = w.connect("ann", v5());
    for (seconds, payload) in [(1000, "1"), (10, "2"), (100, "3"), (10, "4"), (1000, "5")] {
        w.publish_with(ann, expiring(seconds, payload, QOS1));
    }
    assert_eq!(intervals(&mut w, bob), [is("1", 1000)]);
    w.advance(20);
    w.send(bob, puback(1));
    assert_eq!(intervals(&mut w, bob), [is("3", 80)]);
    w.advance(100);
    w.send(bob, puback(2));
    assert_eq!(intervals(&mut w, bob), [is("5", 880)]);
}

#[test]
fn expired_messages_make_room_for_new_ones() {
    let mut w = World::with(Limits { max_queued_messages: 5, ..Limits::default() });
    let bob = w.connect("bob", lasting());
    w.subscribe(bob, "a", QOS1);
    w.cut(bob);
    let ann = w.connect("ann", v5());
    for i in 0..5 {
        w.publish_with(ann, expiring(10, &i.to_string(), QOS1));
    }
    w.publish(ann, "a", "dropped: the queue is full", QOS1);
    w.advance(11);
    w.publish(ann, "a", "new", QOS1);
    let bob = w.reconnect(bob);
    assert_eq!(w.messages(bob), ["a new"]);
}

#[test]
fn mqtt_3_3_2_6_the_interval_sent_is_what_is_left_of_it() {
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    w.subscribe(bob, "a", QOS2);
    let ann = w.connect("ann", v5());
    // At once: as it came.
    for qos in [QOS0, QOS1, QOS2] {
        w.publish_with(ann, expiring(60, "x", qos));
        assert_eq!(intervals(&mut w, bob), [is("x", 60)]);
    }
    // After some time: less.
    w.cut(bob);
    w.publish_with(ann, expiring(60, "1", QOS1));
    w.advance(20);
    w.publish_with(ann, expiring(u32::MAX, "2", QOS2));
    w.advance(25);
    let bob = w.reconnect(bob);
    assert_eq!(intervals(&mut w, bob), [is("1", 15), is("2", u32::MAX - 25)]);
}

#[test]
fn a_retained_message_expires_and_says_what_is_left() {
    let mut w = World::new();
    let ann = w.connect("ann", v5());
    w.publish_with(ann, Publish { retain: true, ..expiring(60, "kept", QOS1) });
    w.advance(20);
    let bob = w.connect("bob", v5());
    w.subscribe(bob, "a", QOS1);
    assert_eq!(intervals(&mut w, bob), [is("kept", 40)]);
    // In whole seconds: it may have come late in its first one, so it is good until its last one is over.
    w.advance(40);
    w.subscribe(bob, "a", QOS1);
    assert_eq!(intervals(&mut w, bob), [is("kept", 1)]);
    w.advance(1);
    w.subscribe(bob, "a", QOS1);
    assert_eq!(w.received(bob), []);
    // One that lasts takes its place.
    w.retain(ann, "a", "for ever", QOS1);
    w.advance(1000);
    w.received(bob);
    w.subscribe(bob, "a", QOS1);
    assert_eq!(intervals(&mut w, bob), [("for ever".into(), None)]);
}

#[test]
fn mqtt_4_3_3_7_a_message_that_was_sent_does_not_expire() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", lasting());
    w.subscribe(bob, "a", QOS2);
    let ann = w.connect("ann", v5());
    w.publish_with(ann, expiring(10, "one", QOS2));
    w.publish_with(ann, expiring(10, "two", QOS2));
    let first = w.publishes(bob);
    // The flow goes on as if there were no interval.
    w.advance(60);
    w.send(bob, pubrec(first[0].packet_identifier));
    assert_eq!(w.received(bob), [pubrel(first[0].packet_identifier)]);
    // And the other is sent again.
    w.cut(bob);
    let bob = quiet(&mut w, "bob", lasting());
    let received = w.received(bob);
    assert_eq!(received[0], pubrel(first[0].packet_identifier));
    assert!(matches!(received[1], Packet::Publish(p) if p.dup && p.payload == b"two"));
    assert_eq!(received.len(), 2);
}

#[test]
fn mqtt_4_3_3_13_the_flow_from_a_publisher_ends_even_if_the_message_has_expired() {
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    w.subscribe(bob, "a", QOS2);
    w.cut(bob);
    let ann = quiet(&mut w, "ann", v5());
    let publish = Publish { packet_identifier: 7, ..expiring(10, "x", QOS2) };
    w.send(ann, Packet::Publish(publish));
    assert_eq!(w.received(ann), [pubrec(7)]);
    w.advance(60);
    w.send(ann, Packet::Publish(Publish { dup: true, ..publish }));
    assert_eq!(w.received(ann), [pubrec(7)]);
    w.send(ann, pubrel(7));
    assert_eq!(w.received(ann), [pubcomp(7)]);
    let bob = w.reconnect(bob);
    assert_eq!(w.received(bob), []);
}

#[test]
fn an_interval_of_1_is_a_whole_second_at_least() {
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    w.subscribe(bob, "a", QOS1);
    let ann = w.connect("ann", v5());
    for (seconds, expected) in [(1, vec![is("x", 1)]), (2, vec![])] {
        w.cut(bob);
        w.publish_with(ann, expiring(1, "x", QOS1));
        w.advance(seconds);
        let bob = w.reconnect(bob);
        assert_eq!(intervals(&mut w, bob), expected, "after {seconds} s");
    }
}

#[test]
fn an_interval_of_0_is_none() {
    // As in mosquitto: the message waits for ever.
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    w.subscribe(bob, "a", QOS1);
    w.cut(bob);
    let ann = w.connect("ann", v5());
    w.publish_with(ann, expiring(0, "x", QOS1));
    w.advance(1000);
    let bob = w.reconnect(bob);
    assert_eq!(intervals(&mut w, bob), [("x".into(), None)]);
}
