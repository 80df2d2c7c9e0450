//! Sections 3.3.4 and 4.9: Receive Maximum and flow control, both ways.

use super::*;

/// Sends `count` messages of QoS 1 and 2 in turn.
fn publish_many(w: &mut World, client: Client, count: usize) {
    for i in 0..count {
        w.publish(client, "a", i.to_string(), if i % 2 == 0 { QOS1 } else { QOS2 });
    }
}

#[test]
fn mqtt_3_3_4_9_no_more_than_receive_maximum_messages_are_unacknowledged() {
    for maximum in [1, 2, 5, 30] {
        let mut w = World::new();
        let bob = quiet(&mut w, "bob", v5().receive_maximum(maximum));
        w.subscribe(bob, "a", QOS2);
        let ann = w.connect("ann", v5());
        publish_many(&mut w, ann, 60);
        let first = w.publishes(bob);
        assert_eq!(first.len(), usize::from(maximum));
        // PUBACK, PUBCOMP and a PUBREC with an error make room for one each; a PUBREC with success for none.
        assert_eq!(first[0].qos, QOS1);
        w.send(bob, puback(first[0].packet_identifier));
        let second = w.publishes(bob);
        assert_eq!(payloads(&second), [maximum.to_string()]);
        let of_two = first.iter().chain(&second).find(|p| p.qos == QOS2).unwrap().packet_identifier;
        w.send(bob, pubrec(of_two));
        assert_eq!(w.received(bob), [pubrel(of_two)]);
        w.send(bob, pubcomp(of_two));
        let third = w.publishes(bob);
        assert_eq!(payloads(&third), [(maximum + 1).to_string()]);
        let rest: Vec<_> = first[1..].iter().chain(&second).chain(&third).collect();
        if let Some(of_two) = rest.iter().find(|p| p.qos == QOS2 && p.packet_identifier != of_two) {
            let refused = Ack { reason: ReasonCode::QUOTA_EXCEEDED, ..Ack::new(of_two.packet_identifier) };
            w.send(bob, Packet::PubRec(refused));
            assert_eq!(payloads(&w.publishes(bob)), [(maximum + 2).to_string()]);
        }
        // What waits comes in its order, and all of it.
        w.auto_acknowledge(bob, true);
        w.cut(bob);
        assert_eq!(w.session_count(), 1);
    }
}

#[test]
fn all_that_waited_for_acknowledgements_arrives_in_order() {
    let mut w = World::new();
    let bob = w.connect("bob", v5().receive_maximum(3));
    w.subscribe(bob, "a", QOS2);
    let ann = w.connect("ann", v5());
    publish_many(&mut w, ann, 500);
    let expected: Vec<String> = (0..500).map(|i| i.to_string()).collect();
    assert_eq!(payloads(&w.publishes(bob)), expected);
}

#[test]
fn without_receive_maximum_the_servers_own_limit_holds() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", v5());
    w.subscribe(bob, "a", QOS2);
    let ann = w.connect("ann", v5());
    publish_many(&mut w, ann, 60);
    assert_eq!(w.publishes(bob).len(), 20);
}

#[test]
fn receive_maximum_holds_for_what_is_sent_again_as_well() {
    for smaller in [1, 3, 7] {
        let mut w = World::new();
        let bob = quiet(&mut w, "bob", lasting().receive_maximum(10));
        w.subscribe(bob, "a", QOS2);
        let ann = w.connect("ann", v5());
        publish_many(&mut w, ann, 15);
        assert_eq!(w.publishes(bob).len(), 10);
        w.cut(bob);
        // The client comes back with a smaller one: no more than that at once, though ten were in flight.
        let bob = quiet(&mut w, "bob", lasting().receive_maximum(smaller));
        let mut unacknowledged = w.publishes(bob);
        assert_eq!(unacknowledged.len(), usize::from(smaller));
        let mut seen = payloads(&unacknowledged);
        assert!(unacknowledged.iter().all(|p| p.dup));
        while !unacknowledged.is_empty() {
            let publish = unacknowledged.remove(0);
            let id = publish.packet_identifier;
            assert_eq!(publish.dup, seen.iter().position(|p| p.as_bytes() == publish.payload) < Some(10));
            if publish.qos == QOS1 {
                w.send(bob, puback(id));
            } else {
                w.send(bob, pubrec(id));
                assert_eq!(w.received(bob), [pubrel(id)]);
                w.send(bob, pubcomp(id));
            }
            let more = w.publishes(bob);
            seen.extend(payloads(&more));
            unacknowledged.extend(more);
            assert!(unacknowledged.len() <= usize::from(smaller));
        }
        let expected: Vec<String> = (0..15).map(|i| i.to_string()).collect();
        assert_eq!(seen, expected, "in order, each once");
        w.cut(bob);
        let bob = quiet(&mut w, "bob", lasting());
        assert_eq!(w.received(bob), []);
    }
}

#[test]
fn mqtt_3_3_4_10_other_packets_do_not_wait_for_acknowledgements() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", v5().receive_maximum(1));
    w.subscribe(bob, "a", QOS2);
    let ann = w.connect("ann", v5());
    publish_many(&mut w, ann, 5);
    assert_eq!(w.publishes(bob).len(), 1, "the window is full");
    w.send(bob, Packet::PingReq);
    assert_eq!(w.received(bob), [Packet::PingResp]);
    assert_eq!(w.subscribe(bob, "b", QOS1), 1);
    assert_eq!(w.unsubscribe(bob, "b"), Some(0));
    w.send(bob, publish_as(1, "c", "x", QOS2));
    assert!(matches!(w.received(bob)[..], [Packet::PubRec(_)]));
    w.send(bob, pubrel(1));
    assert_eq!(w.received(bob), [pubcomp(1)]);
    // QoS 0 doesn't count against Receive Maximum.
    w.publish(ann, "a", "now", QOS0);
    assert_eq!(w.messages(bob), ["a now"]);
}

#[test]
fn mqtt_4_9_0_1_the_quota_starts_at_the_receive_maximum() {
    // With each connection anew.
    let mut w = World::new();
    for maximum in [3, 1, 7] {
        let bob = quiet(&mut w, "bob", lasting().receive_maximum(maximum).clean(true));
        w.subscribe(bob, "a", QOS1);
        let ann = w.connect("ann", v5());
        publish_many(&mut w, ann, 10);
        assert_eq!(w.publishes(bob).len(), usize::from(maximum));
    }
    // The other way: announced, and that many are taken at once.
    let mut w = World::with(Limits { max_inflight_messages: 4, ..Limits::default() });
    let bob = quiet(&mut w, "bob", v5());
    assert_eq!(w.connack(bob).unwrap().properties.receive_maximum(), Some(4));
    for id in 1..=4 {
        w.send(bob, publish_as(id, "a", "x", QOS2));
    }
    assert_eq!(w.received(bob).len(), 4);
    assert!(!w.is_closed(bob));
}

#[test]
fn mqtt_4_9_0_2_each_message_takes_from_the_quota_and_none_is_sent_at_zero() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", v5().receive_maximum(2));
    w.subscribe(bob, "a", QOS1);
    let ann = w.connect("ann", v5());
    for (sent, in_flight) in [(1, 1), (2, 2), (3, 2), (4, 2)] {
        w.publish(ann, "a", sent.to_string(), QOS1);
        let came = w.history(bob).iter().filter(|p| matches!(p, Packet::Publish(_))).count();
        assert_eq!(came, in_flight);
    }
    // An acknowledgement of something that isn't in flight gives nothing.
    for stray in [puback(9), pubcomp(1), pubcomp(9)] {
        w.send(bob, stray);
    }
    assert_eq!(w.publishes(bob).len(), 2);
    // The same one twice gives once.
    w.send(bob, puback(1));
    w.send(bob, puback(1));
    assert_eq!(payloads(&w.publishes(bob)), ["3"]);
}

#[test]
fn mqtt_4_9_0_3_with_the_quota_at_zero_everything_else_is_processed() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", v5().receive_maximum(1));
    w.subscribe(bob, "a", QOS2);
    let ann = w.connect("ann", v5());
    publish_many(&mut w, ann, 3);
    w.received(bob);
    for qos in [QOS0, QOS1, QOS2] {
        w.subscribe(ann, "from/bob", qos);
        w.publish(bob, "from/bob", "x", qos);
        assert_eq!(w.publishes(ann).len(), 1);
    }
    w.send(bob, Packet::PingReq);
    assert!(w.received(bob).contains(&Packet::PingResp));
    w.disconnect(bob);
}

#[test]
fn more_than_the_servers_receive_maximum_ends_the_connection_with_0x93() {
    let mut w = World::with(Limits { max_inflight_messages: 3, ..Limits::default() });
    let other = w.connect("other", v5());
    w.subscribe(other, "a", QOS0);
    let bob = quiet(&mut w, "bob", v5());
    // QoS 1 is acknowledged at once; QoS 2 counts until PUBREL.
    for id in 1..=10 {
        w.send(bob, publish_as(id, "b", "x", QOS1));
    }
    for id in 1..=3 {
        w.send(bob, publish_as(id, "a", "x", QOS2));
    }
    // The same again is not one more, and a PUBREL makes room.
    w.send(bob, publish_as(3, "a", "x", QOS2));
    w.send(bob, pubrel(1));
    w.send(bob, publish_as(4, "a", "x", QOS2));
    assert!(!w.is_closed(bob));
    w.received(bob);
    w.send(bob, publish_as(5, "a", "one too many", QOS2));
    assert_eq!(w.received(bob), [disconnect(ReasonCode::RECEIVE_MAXIMUM_EXCEEDED)]);
    assert!(w.is_closed(bob));
    assert_eq!(w.messages(other), ["a x"; 4], "what was taken was delivered once, what was not is not");
    assert!(w.notices().iter().any(|n| matches!(n, Notice::ReceiveMaximumExceeded { .. })));
}

#[test]
fn the_quota_of_a_client_starts_anew_with_its_connection() {
    // 4.9: neither side carries its quota over. A client that comes back may send as many as were announced, whatever
    // the server still knows from before.
    let mut w = World::with(Limits { max_inflight_messages: 3, ..Limits::default() });
    let bob = quiet(&mut w, "bob", lasting());
    for id in 1..=3 {
        w.send(bob, publish_as(id, "a", "x", QOS2));
    }
    w.cut(bob);
    let bob = quiet(&mut w, "bob", lasting());
    for id in 11..=13 {
        w.send(bob, publish_as(id, "a", "x", QOS2));
    }
    assert!(!w.is_closed(bob));
}

#[test]
fn a_client_of_3_1_1_knows_no_receive_maximum_and_is_not_closed() {
    let mut w = World::with(Limits { max_inflight_messages: 3, ..Limits::default() });
    let other = w.connect("other", v5());
    w.subscribe(other, "a", QOS0);
    let bob = quiet(&mut w, "bob", v311());
    for id in 1..=100 {
        w.send(bob, publish_as(id, "a", "x", QOS2));
    }
    assert!(!w.is_closed(bob));
    assert_eq!(w.publishes(other).len(), 100, "what is acknowledged is delivered");
}

#[test]
fn a_publisher_that_was_held_leaves_no_hold_behind() {
    // (This is the broker's own flow control, which MQTT knows nothing of.)
    let mut w = World::new();
    let slow = w.connect("slow", v5());
    w.subscribe(slow, "a", QOS0);
    w.takes_only(slow, 0);
    let first = w.connect("first", v5());
    while !w.is_held(first) {
        w.publish(first, "a", "x".repeat(100_000), QOS0);
    }
    w.cut(first);
    // The next connection has the number of the one that is gone, but nothing to do with it.
    let second = w.connect("second", v5());
    w.publish(second, "a", "x", QOS0);
    w.reads(slow);
    assert!(!w.is_held(second));
    w.send(second, Packet::PingReq);
    assert_eq!(w.received(second), [Packet::PingResp]);
}
