//! Sections 4.3 to 4.6: the delivery protocols, delivery again after a reconnect, and order.

use super::*;

fn published(identifier: u16, payload: &str, qos: QoS) -> Packet<'static> {
    Packet::Publish(Publish { packet_identifier: identifier, ..message("a", payload, qos) })
}

#[test]
fn mqtt_4_3_1_1_qos_0_is_sent_once_without_dup() {
    CLIENTS.qos_0_once();
}

#[test]
fn mqtt_4_3_2_1_a_qos_1_message_is_unacknowledged_until_puback() {
    let mut w = World::new();
    let (bob, ann) = CLIENTS.bob_and_ann(&mut w);
    w.publish(ann, "a", "x", QOS1);
    let first = w.publishes(bob);
    assert_eq!((first.len(), first[0].qos, first[0].dup), (1, QOS1, false));
    assert_ne!(first[0].packet_identifier, 0);
    // No retransmission on this connection, however long it takes.
    w.advance(3600);
    assert_eq!(w.received(bob), []);
    for _ in 0..3 {
        w.cut(bob);
        let bob = CLIENTS.bob_again(&mut w);
        assert_eq!(w.publishes(bob), [Publish { dup: true, ..first[0] }]);
    }
    let bob = CLIENTS.bob_again(&mut w);
    w.send(bob, puback(first[0].packet_identifier));
    let bob = CLIENTS.bob_again(&mut w);
    assert_eq!(w.received(bob), []);
}

#[test]
fn mqtt_4_3_2_2_the_same_identifier_after_puback_is_a_new_message() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    let watcher = w.connect("watcher", v311());
    w.subscribe(watcher, "a", QOS0);
    w.send(bob, published(7, "one", QOS1));
    assert_eq!(w.received(bob), [puback(7)]);
    w.send(bob, published(7, "two", QOS1));
    assert_eq!(w.received(bob), [puback(7)]);
    let dup = Publish { dup: true, packet_identifier: 7, ..message("a", "three", QOS1) };
    w.send(bob, Packet::Publish(dup));
    assert_eq!(w.received(bob), [puback(7)]);
    assert_eq!(w.messages(watcher), ["a one", "a two", "a three"]);
}

#[test]
fn mqtt_4_3_3_1_the_sender_of_qos_2() {
    let mut w = World::new();
    let (bob, ann) = CLIENTS.bob_and_ann(&mut w);
    w.publish(ann, "a", "x", QOS2);
    let first = w.publishes(bob);
    assert_eq!((first.len(), first[0].qos, first[0].dup), (1, QOS2, false));
    let id = first[0].packet_identifier;
    // Unacknowledged until PUBREC: sent again.
    let bob = CLIENTS.bob_again(&mut w);
    assert_eq!(w.received(bob), [Packet::Publish(Publish { dup: true, ..first[0] })]);
    // PUBREC is answered with PUBREL of the same identifier, also when it comes again.
    for _ in 0..2 {
        w.send(bob, pubrec(id));
        assert_eq!(w.received(bob), [pubrel(id)]);
    }
    // PUBREL is unacknowledged until PUBCOMP; the PUBLISH is never sent again.
    for _ in 0..2 {
        let bob = CLIENTS.bob_again(&mut w);
        assert_eq!(w.received(bob), [pubrel(id)]);
    }
    let bob = CLIENTS.bob_again(&mut w);
    w.send(bob, pubcomp(id));
    let bob = CLIENTS.bob_again(&mut w);
    assert_eq!(w.received(bob), []);
}

#[test]
fn mqtt_4_3_3_2_the_receiver_of_qos_2() {
    let mut w = World::new();
    let watcher = w.connect("watcher", v311());
    w.subscribe(watcher, "a", QOS2);
    let bob = w.connect("bob", v311().resume());
    w.auto_acknowledge(bob, false);
    w.send(bob, published(7, "one", QOS2));
    assert_eq!(w.received(bob), [pubrec(7)]);
    // Until PUBREL it is the same message, with DUP or without, on this connection or another.
    let dup = Packet::Publish(Publish { dup: true, packet_identifier: 7, ..message("a", "one", QOS2) });
    w.send(bob, dup);
    assert_eq!(w.received(bob), [pubrec(7)]);
    w.cut(bob);
    let bob = CLIENTS.bob_again(&mut w);
    w.send(bob, dup);
    assert_eq!(w.received(bob), [pubrec(7)]);
    for _ in 0..2 {
        // The second one is for an identifier that is not known any more: answered all the same.
        w.send(bob, pubrel(7));
        assert_eq!(w.received(bob), [pubcomp(7)]);
    }
    assert_eq!(w.messages(watcher), ["a one"]);
    // Behind PUBCOMP it is a new one.
    w.send(bob, published(7, "two", QOS2));
    assert_eq!(w.received(bob), [pubrec(7)]);
    w.send(bob, pubrel(7));
    assert_eq!(w.messages(watcher), ["a two"]);
}

#[test]
fn mqtt_4_4_0_1_what_is_unacknowledged_is_sent_again_under_its_identifier() {
    let mut w = World::new();
    let (bob, ann) = CLIENTS.bob_and_ann(&mut w);
    for (payload, qos) in [("1", QOS1), ("2", QOS2), ("3", QOS2), ("4", QOS1), ("5", QOS1)] {
        w.publish(ann, "a", payload, qos);
    }
    let first = w.publishes(bob);
    assert_eq!(payloads(&first), ["1", "2", "3", "4", "5"]);
    // 1 is acknowledged, 2 received, the others nothing.
    w.send(bob, puback(first[0].packet_identifier));
    w.send(bob, pubrec(first[1].packet_identifier));
    let again = |p: Publish<'static>| Packet::Publish(Publish { dup: true, ..p });
    let expected = [pubrel(first[1].packet_identifier), again(first[2]), again(first[3]), again(first[4])];
    w.cut(bob);
    let bob = CLIENTS.bob_again(&mut w);
    assert_eq!(w.received(bob), expected);
    // The same when a client takes its own connection over.
    let bob = CLIENTS.bob_again(&mut w);
    assert_eq!(w.received(bob), expected);
}

#[test]
fn mqtt_4_5_0_1_a_message_that_was_acknowledged_is_in_every_matching_session() {
    CLIENTS.in_every_session();
}

#[test]
fn mqtt_4_6_0_1_messages_are_sent_again_in_their_order() {
    CLIENTS.again_in_order();
}

#[test]
fn mqtt_4_6_0_5_every_topic_is_ordered() {
    CLIENTS.topics_ordered();
}

#[test]
fn mqtt_4_6_0_6_messages_of_one_publisher_arrive_in_order_at_every_qos() {
    for qos in [QOS0, QOS1, QOS2] {
        let mut w = World::new();
        let bob = w.connect("bob", v311().resume());
        w.subscribe(bob, "a", qos);
        let ann = w.connect("ann", v311());
        let expected: Vec<String> = (0..300).map(|i| i.to_string()).collect();
        // While the receiver reads, while it doesn't, and (but for QoS 0) while it is away.
        for i in &expected[..100] {
            w.publish(ann, "a", i, qos);
        }
        w.takes_only(bob, 50);
        for i in &expected[100..200] {
            w.publish(ann, "a", i, qos);
        }
        w.reads(bob);
        let mut got = payloads(&w.publishes(bob));
        if qos != QOS0 {
            w.cut(bob);
            for i in &expected[200..] {
                w.publish(ann, "a", i, qos);
            }
            let bob = w.reconnect(bob);
            got.extend(payloads(&w.publishes(bob)));
            assert_eq!(got, expected, "{qos:?}");
        } else {
            assert_eq!(got, expected[..200]);
        }
    }
    // PUBREL goes out in the order of the PUBRECs.
    let mut w = World::new();
    let (bob, ann) = CLIENTS.bob_and_ann(&mut w);
    for i in 0..5 {
        w.publish(ann, "a", i.to_string(), QOS2);
    }
    let ids: Vec<u16> = w.publishes(bob).iter().map(|p| p.packet_identifier).collect();
    let order = [ids[3], ids[0], ids[4], ids[1], ids[2]];
    let pubrecs: Vec<u8> = order.iter().flat_map(|id| encoded(Version::V311, &pubrec(*id))).collect();
    w.raw(bob, &pubrecs);
    assert_eq!(w.received(bob), order.map(pubrel));
}

#[test]
fn qos_0_does_not_wait_for_acknowledgements_of_others() {
    let mut w = World::new();
    let (bob, ann) = CLIENTS.bob_and_ann(&mut w);
    for i in 0..30 {
        w.publish(ann, "a", i.to_string(), QOS1);
    }
    assert_eq!(w.publishes(bob).len(), 20, "as many as may be in flight");
    w.publish(ann, "a", "now", QOS0);
    assert_eq!(w.messages(bob), ["a now"]);
}
