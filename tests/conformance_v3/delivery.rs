//! Sections 4.3 to 4.6: the delivery protocols, delivery again after a reconnect, and order.

use super::*;

/// bob subscribes to `a` at QoS 2 and acknowledges nothing by himself; ann publishes.
fn bob_and_ann(w: &mut World) -> (Client, Client) {
    let bob = w.connect("bob", v311().resume());
    w.auto_acknowledge(bob, false);
    w.subscribe(bob, "a", QOS2);
    (bob, w.connect("ann", v311()))
}

/// bob again, with his session, and still acknowledging nothing.
fn bob_again(w: &mut World) -> Client {
    let bob = w.open();
    w.auto_acknowledge(bob, false);
    w.introduce(bob, "bob", v311().resume());
    assert!(w.session_present(bob));
    bob
}

fn published(identifier: u16, payload: &str, qos: QoS) -> Packet<'static> {
    Packet::Publish(Publish { packet_identifier: identifier, ..message("a", payload, qos) })
}

fn payloads(list: &[Publish<'_>]) -> Vec<String> {
    list.iter().map(|p| String::from_utf8(p.payload.to_vec()).unwrap()).collect()
}

#[test]
fn mqtt_4_3_1_1_qos_0_is_sent_once_without_dup() {
    let mut w = World::new();
    let (bob, ann) = bob_and_ann(&mut w);
    w.publish(ann, "a", "x", QOS0);
    assert_eq!(w.received(bob), [Packet::Publish(message("a", "x", QOS0))]);
    w.cut(bob);
    w.publish(ann, "a", "missed", QOS0);
    let bob = bob_again(&mut w);
    assert_eq!(w.received(bob), [], "neither sent again nor kept");
}

#[test]
fn mqtt_4_3_2_1_a_qos_1_message_is_unacknowledged_until_puback() {
    let mut w = World::new();
    let (bob, ann) = bob_and_ann(&mut w);
    w.publish(ann, "a", "x", QOS1);
    let first = w.publishes(bob);
    assert_eq!((first.len(), first[0].qos, first[0].dup), (1, QOS1, false));
    assert_ne!(first[0].packet_identifier, 0);
    // No retransmission on this connection, however long it takes.
    w.advance(3600);
    assert_eq!(w.received(bob), []);
    for _ in 0..3 {
        w.cut(bob);
        let bob = bob_again(&mut w);
        assert_eq!(w.publishes(bob), [Publish { dup: true, ..first[0] }]);
    }
    let bob = bob_again(&mut w);
    w.send(bob, puback(first[0].packet_identifier));
    let bob = bob_again(&mut w);
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
    let (bob, ann) = bob_and_ann(&mut w);
    w.publish(ann, "a", "x", QOS2);
    let first = w.publishes(bob);
    assert_eq!((first.len(), first[0].qos, first[0].dup), (1, QOS2, false));
    let id = first[0].packet_identifier;
    // Unacknowledged until PUBREC: sent again.
    let bob = bob_again(&mut w);
    assert_eq!(w.received(bob), [Packet::Publish(Publish { dup: true, ..first[0] })]);
    // PUBREC is answered with PUBREL of the same identifier, also when it comes again.
    for _ in 0..2 {
        w.send(bob, pubrec(id));
        assert_eq!(w.received(bob), [pubrel(id)]);
    }
    // PUBREL is unacknowledged until PUBCOMP; the PUBLISH is never sent again.
    for _ in 0..2 {
        let bob = bob_again(&mut w);
        assert_eq!(w.received(bob), [pubrel(id)]);
    }
    let bob = bob_again(&mut w);
    w.send(bob, pubcomp(id));
    let bob = bob_again(&mut w);
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
    let bob = bob_again(&mut w);
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
    let (bob, ann) = bob_and_ann(&mut w);
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
    let bob = bob_again(&mut w);
    assert_eq!(w.received(bob), expected);
    // The same when a client takes its own connection over.
    let bob = bob_again(&mut w);
    assert_eq!(w.received(bob), expected);
}

#[test]
fn mqtt_4_5_0_1_a_message_that_was_acknowledged_is_in_every_matching_session() {
    let mut w = World::new();
    let filters = ["a/b", "a/+", "#", "+/b", "a/b/#"];
    let ids = ["s0", "s1", "s2", "s3", "s4"];
    for (id, filter) in ids.iter().zip(filters) {
        let client = w.connect(id, v311().resume());
        w.subscribe(client, filter, QOS1);
        // Some are here, some are not.
        if filter.contains('+') {
            w.disconnect(client);
        }
    }
    let ann = w.connect("ann", v311());
    for i in 0..50 {
        w.publish(ann, "a/b", i.to_string(), QOS1);
    }
    let expected: Vec<String> = (0..50).map(|i| format!("a/b {i}")).collect();
    for (id, filter) in ids.iter().zip(filters) {
        // Those who were here got them already (and acknowledged them).
        let client = w.connect(id, v311().resume());
        let waiting = w.messages(client);
        assert_eq!(waiting, if filter.contains('+') { expected.clone() } else { vec![] }, "{filter}");
    }
}

#[test]
fn mqtt_4_6_0_1_messages_are_sent_again_in_their_order() {
    let mut w = World::new();
    let (bob, ann) = bob_and_ann(&mut w);
    // More than may be in flight (20): the others wait behind them.
    for i in 0..50 {
        w.publish(ann, "a", i.to_string(), if i % 3 == 0 { QOS2 } else { QOS1 });
    }
    let sent = w.publishes(bob);
    let in_order: Vec<String> = (0..50).map(|i| i.to_string()).collect();
    assert_eq!(payloads(&sent), in_order[..20]);
    let bob = w.reconnect(bob);
    let received = w.publishes(bob);
    assert_eq!(payloads(&received), in_order);
    assert!(received[..20].iter().all(|p| p.dup) && received[20..].iter().all(|p| !p.dup));
}

#[test]
fn mqtt_4_6_0_5_every_topic_is_ordered() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    w.subscribe(bob, "#", QOS2);
    let ann = w.connect("ann", v311());
    for i in 0..200 {
        w.publish(ann, &format!("t/{}", i % 7), i.to_string(), QOS1);
    }
    for topic in 0..7 {
        let name = format!("t/{topic}");
        let got: Vec<Publish<'_>> = w
            .history(bob)
            .iter()
            .filter_map(|p| match p {
                Packet::Publish(p) if p.topic == name => Some(*p),
                _ => None,
            })
            .collect();
        let expected: Vec<String> = (0..200).filter(|i| i % 7 == topic).map(|i| i.to_string()).collect();
        assert_eq!(payloads(&got), expected);
    }
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
    let (bob, ann) = bob_and_ann(&mut w);
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
    let (bob, ann) = bob_and_ann(&mut w);
    for i in 0..30 {
        w.publish(ann, "a", i.to_string(), QOS1);
    }
    assert_eq!(w.publishes(bob).len(), 20, "as many as may be in flight");
    w.publish(ann, "a", "now", QOS0);
    assert_eq!(w.messages(bob), ["a now"]);
}
