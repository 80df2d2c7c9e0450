//! Sections 4.3 to 4.6: the delivery protocols, delivery again after a reconnect, and order.

use super::*;

fn refused(packet_identifier: u16) -> Ack<'static> {
    Ack { reason: ReasonCode::UNSPECIFIED_ERROR, ..Ack::new(packet_identifier) }
}

#[test]
fn mqtt_4_3_1_1_qos_0_is_sent_once_without_dup() {
    CLIENTS.qos_0_once();
}

#[test]
fn mqtt_4_3_2_1_each_qos_1_message_has_an_identifier_that_is_not_in_use() {
    let mut w = World::new();
    let (bob, ann) = CLIENTS.bob_and_ann(&mut w);
    for _ in 0..20 {
        w.publish(ann, "a", "x", QOS1);
    }
    let mut ids: Vec<u16> = w.publishes(bob).iter().map(|p| p.packet_identifier).collect();
    assert_eq!(ids, (1..=20).collect::<Vec<_>>());
    // Round the circle of 65,535 with one that is never acknowledged.
    let kept = ids.remove(0);
    for id in ids {
        w.send(bob, puback(id));
    }
    for _ in 0..66_000 {
        w.publish(ann, "a", "x", QOS1);
        let got = w.publishes(bob);
        if got.is_empty() {
            break; // The window would have to pass the one that is kept.
        }
        assert!(got[0].packet_identifier != kept && got[0].packet_identifier != 0);
        w.send(bob, puback(got[0].packet_identifier));
    }
    w.send(bob, puback(kept));
    assert_eq!(w.publishes(bob).len(), 1, "it goes on behind it");
}

#[test]
fn mqtt_4_3_2_2_it_is_sent_with_that_identifier_qos_1_and_dup_0() {
    let mut w = World::new();
    let (bob, ann) = CLIENTS.bob_and_ann(&mut w);
    w.publish(ann, "a", "x", QOS1);
    let expected = Publish { packet_identifier: 1, ..message("a", "x", QOS1) };
    assert_eq!(w.received(bob), [Packet::Publish(expected)]);
}

#[test]
fn mqtt_4_3_2_3_it_is_unacknowledged_until_puback() {
    let mut w = World::new();
    let (bob, ann) = CLIENTS.bob_and_ann(&mut w);
    w.publish(ann, "a", "x", QOS1);
    let first = w.publishes(bob);
    // No retransmission on this connection, however long it takes.
    w.advance(3600);
    assert_eq!(w.received(bob), []);
    // Nothing else acknowledges it.
    w.send(bob, pubcomp(1));
    for _ in 0..3 {
        let bob = CLIENTS.bob_again(&mut w);
        assert_eq!(w.publishes(bob), [Publish { dup: true, ..first[0] }]);
    }
    let bob = CLIENTS.bob_again(&mut w);
    w.send(bob, puback(1));
    let bob = CLIENTS.bob_again(&mut w);
    assert_eq!(w.received(bob), []);
}

#[test]
fn mqtt_4_3_2_4_a_qos_1_publish_is_answered_with_puback_when_it_is_taken_over() {
    let mut w = World::new();
    let watcher = w.connect("watcher", lasting());
    w.subscribe(watcher, "a", QOS1);
    w.cut(watcher);
    let bob = quiet(&mut w, "bob", v5());
    for id in [1, 65_535] {
        w.send(bob, publish_as(id, "a", "x", QOS1));
        assert_eq!(w.received(bob), [puback(id)]);
    }
    let watcher = w.reconnect(watcher);
    assert_eq!(w.messages(watcher), ["a x", "a x"], "it was there before PUBACK");
}

#[test]
fn mqtt_4_3_2_5_the_same_identifier_after_puback_is_a_new_message() {
    let mut w = World::new();
    let watcher = w.connect("watcher", v5());
    w.subscribe(watcher, "a", QOS0);
    let bob = quiet(&mut w, "bob", v5());
    for (payload, dup) in [("one", false), ("two", false), ("three", true)] {
        w.send(bob, Packet::Publish(Publish { dup, packet_identifier: 7, ..message("a", payload, QOS1) }));
        assert_eq!(w.received(bob), [puback(7)]);
    }
    assert_eq!(w.messages(watcher), ["a one", "a two", "a three"]);
}

#[test]
fn mqtt_4_3_3_1_each_qos_2_message_has_an_identifier_that_is_not_in_use() {
    let mut w = World::new();
    let (bob, ann) = CLIENTS.bob_and_ann(&mut w);
    for _ in 0..20 {
        w.publish(ann, "a", "x", QOS2);
    }
    let ids: Vec<u16> = w.publishes(bob).iter().map(|p| p.packet_identifier).collect();
    assert_eq!(ids, (1..=20).collect::<Vec<_>>());
    // PUBREC doesn't free one; PUBCOMP does.
    w.send(bob, pubrec(1));
    w.publish(ann, "a", "y", QOS2);
    assert_eq!(w.received(bob), [pubrel(1)]);
    w.send(bob, pubcomp(1));
    assert_eq!(w.publishes(bob)[0].packet_identifier, 21);
}

#[test]
fn mqtt_4_3_3_2_it_is_sent_with_that_identifier_qos_2_and_dup_0() {
    let mut w = World::new();
    let (bob, ann) = CLIENTS.bob_and_ann(&mut w);
    w.publish(ann, "a", "x", QOS2);
    let expected = Publish { packet_identifier: 1, ..message("a", "x", QOS2) };
    assert_eq!(w.received(bob), [Packet::Publish(expected)]);
}

#[test]
fn mqtt_4_3_3_3_it_is_unacknowledged_until_pubrec() {
    let mut w = World::new();
    let (bob, ann) = CLIENTS.bob_and_ann(&mut w);
    w.publish(ann, "a", "x", QOS2);
    let first = w.publishes(bob);
    w.advance(3000);
    // Nothing else acknowledges it.
    w.send(bob, puback(1));
    w.send(bob, pubcomp(1));
    assert_eq!(w.received(bob), []);
    for _ in 0..3 {
        let bob = CLIENTS.bob_again(&mut w);
        assert_eq!(w.received(bob), [Packet::Publish(Publish { dup: true, ..first[0] })]);
    }
}

#[test]
fn mqtt_4_3_3_4_pubrec_without_an_error_is_answered_with_pubrel() {
    let mut w = World::new();
    let (bob, ann) = CLIENTS.bob_and_ann(&mut w);
    for reason in [ReasonCode::SUCCESS, ReasonCode::NO_MATCHING_SUBSCRIBERS] {
        w.publish(ann, "a", "x", QOS2);
        let id = w.publishes(bob)[0].packet_identifier;
        for _ in 0..2 {
            // Also when it comes again.
            w.send(bob, Packet::PubRec(Ack { reason, ..Ack::new(id) }));
            assert_eq!(w.received(bob), [pubrel(id)]);
        }
        w.send(bob, pubcomp(id));
    }
    // With an error there is none.
    w.publish(ann, "a", "x", QOS2);
    let id = w.publishes(bob)[0].packet_identifier;
    w.send(bob, Packet::PubRec(refused(id)));
    assert_eq!(w.received(bob), []);
}

#[test]
fn mqtt_4_3_3_5_pubrel_is_unacknowledged_until_pubcomp() {
    let mut w = World::new();
    let (bob, ann) = CLIENTS.bob_and_ann(&mut w);
    w.publish(ann, "a", "x", QOS2);
    w.received(bob);
    w.send(bob, pubrec(1));
    for _ in 0..3 {
        let bob = CLIENTS.bob_again(&mut w);
        assert_eq!(w.received(bob), [pubrel(1)]);
        w.advance(1000);
        assert_eq!(w.received(bob), [], "not twice on a connection");
    }
    let bob = CLIENTS.bob_again(&mut w);
    w.send(bob, pubcomp(1));
    let bob = CLIENTS.bob_again(&mut w);
    assert_eq!(w.received(bob), []);
}

#[test]
fn mqtt_4_3_3_6_no_publish_behind_its_pubrel() {
    let mut w = World::new();
    let (bob, ann) = CLIENTS.bob_and_ann(&mut w);
    w.publish(ann, "a", "x", QOS2);
    w.received(bob);
    w.send(bob, pubrec(1));
    w.received(bob);
    for _ in 0..3 {
        let bob = CLIENTS.bob_again(&mut w);
        assert_eq!(w.publishes(bob), []);
    }
}

#[test]
fn mqtt_4_3_3_8_a_qos_2_publish_is_answered_with_pubrec_when_it_is_taken_over() {
    let mut w = World::new();
    let watcher = w.connect("watcher", lasting());
    w.subscribe(watcher, "a", QOS2);
    w.cut(watcher);
    let bob = quiet(&mut w, "bob", v5());
    for id in [1, 65_535] {
        w.send(bob, publish_as(id, "a", "x", QOS2));
        assert_eq!(w.received(bob), [pubrec(id)]);
    }
    // It is the server's from then on, whatever becomes of bob.
    w.cut(bob);
    let watcher = w.reconnect(watcher);
    assert_eq!(w.messages(watcher), ["a x", "a x"]);
}

#[test]
fn mqtt_4_3_3_9_the_same_identifier_after_a_pubrec_with_an_error_is_a_new_message() {
    let mut w = World::with(Limits { message_size_limit: 5, ..Limits::default() });
    let watcher = w.connect("watcher", v5());
    w.subscribe(watcher, "a", QOS0);
    let bob = quiet(&mut w, "bob", v5());
    let too_large = Ack { reason: ReasonCode::PACKET_TOO_LARGE, ..Ack::new(7) };
    for _ in 0..2 {
        w.send(bob, publish_as(7, "a", "too large", QOS2));
        assert_eq!(w.received(bob), [Packet::PubRec(too_large)]);
    }
    w.send(bob, publish_as(7, "a", "new", QOS2));
    assert_eq!(w.received(bob), [pubrec(7)]);
    assert_eq!(w.messages(watcher), ["a new"]);
}

#[test]
fn mqtt_4_3_3_10_until_pubrel_the_same_identifier_is_the_same_message() {
    let mut w = World::new();
    let watcher = w.connect("watcher", v5());
    w.subscribe(watcher, "a", QOS2);
    let bob = quiet(&mut w, "bob", lasting());
    let publish = |dup| Packet::Publish(Publish { dup, packet_identifier: 7, ..message("a", "one", QOS2) });
    w.send(bob, publish(false));
    w.send(bob, publish(true));
    w.send(bob, publish(false));
    assert_eq!(w.received(bob), [pubrec(7); 3]);
    // On this connection or another.
    for _ in 0..2 {
        let bob = CLIENTS.bob_again(&mut w);
        w.send(bob, publish(true));
        assert_eq!(w.received(bob), [pubrec(7)]);
    }
    assert_eq!(w.messages(watcher), ["a one"]);
}

#[test]
fn mqtt_4_3_3_11_pubrel_is_answered_with_pubcomp() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", lasting());
    w.subscribe(bob, "b", QOS0);
    for id in [1, 256, 65_535] {
        w.send(bob, publish_as(id, "b", "x", QOS2));
        w.received(bob);
        for _ in 0..2 {
            // The second one is for an identifier that is not known any more: answered all the same.
            w.send(bob, pubrel(id));
            assert_eq!(w.received(bob), [pubcomp(id)]);
        }
    }
    // Also over another connection.
    w.send(bob, publish_as(5, "b", "x", QOS2));
    let bob = CLIENTS.bob_again(&mut w);
    w.send(bob, pubrel(5));
    assert_eq!(w.received(bob), [pubcomp(5)]);
}

#[test]
fn mqtt_4_3_3_12_the_same_identifier_after_pubcomp_is_a_new_message() {
    let mut w = World::new();
    let watcher = w.connect("watcher", v5());
    w.subscribe(watcher, "a", QOS2);
    let bob = quiet(&mut w, "bob", v5());
    for (payload, dup) in [("one", false), ("two", false), ("three", true)] {
        w.send(bob, Packet::Publish(Publish { dup, packet_identifier: 7, ..message("a", payload, QOS2) }));
        w.send(bob, pubrel(7));
        assert_eq!(w.received(bob), [pubrec(7), pubcomp(7)]);
    }
    assert_eq!(w.messages(watcher), ["a one", "a two", "a three"]);
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
    // At no other time.
    w.advance(3000);
    w.subscribe(bob, "a", QOS2);
    w.send(bob, Packet::PingReq);
    assert_eq!(w.received(bob), [Packet::PingResp]);
    // The same when a client takes its own connection over.
    let bob = CLIENTS.bob_again(&mut w);
    assert_eq!(w.received(bob), expected);
    // With Clean Start 1 nothing is.
    let bob = quiet(&mut w, "bob", lasting().clean(true));
    assert_eq!(w.received(bob), []);
}

#[test]
fn mqtt_4_4_0_2_an_acknowledgement_with_an_error_acknowledges() {
    let mut w = World::new();
    let (bob, ann) = CLIENTS.bob_and_ann(&mut w);
    w.publish(ann, "a", "1", QOS1);
    w.publish(ann, "a", "2", QOS2);
    w.publish(ann, "a", "3", QOS1);
    let sent = w.publishes(bob);
    w.send(bob, Packet::PubAck(refused(sent[0].packet_identifier)));
    w.send(bob, Packet::PubRec(refused(sent[1].packet_identifier)));
    assert_eq!(w.received(bob), []);
    let bob = CLIENTS.bob_again(&mut w);
    assert_eq!(payloads(&w.publishes(bob)), ["3"]);
}

#[test]
fn mqtt_4_5_0_1_a_message_that_was_acknowledged_is_in_every_matching_session() {
    CLIENTS.in_every_session();
}

#[test]
fn messages_are_sent_again_in_their_order() {
    CLIENTS.again_in_order();
}

#[test]
fn mqtt_4_6_0_5_messages_of_one_publisher_arrive_in_order_at_every_qos() {
    for qos in [QOS0, QOS1, QOS2] {
        let mut w = World::new();
        let bob = w.connect("bob", lasting().receive_maximum(7).topic_alias_maximum(2));
        w.subscribe(bob, "a", qos);
        let ann = w.connect("ann", v5());
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
}

#[test]
fn mqtt_4_6_0_6_every_topic_is_ordered() {
    CLIENTS.topics_ordered();
}

#[test]
fn pubrels_go_out_in_the_order_of_the_pubrecs() {
    let mut w = World::new();
    let (bob, ann) = CLIENTS.bob_and_ann(&mut w);
    for i in 0..5 {
        w.publish(ann, "a", i.to_string(), QOS2);
    }
    let ids: Vec<u16> = w.publishes(bob).iter().map(|p| p.packet_identifier).collect();
    let order = [ids[3], ids[0], ids[4], ids[1], ids[2]];
    let pubrecs: Vec<u8> = order.iter().flat_map(|id| encoded(Version::V5, &pubrec(*id))).collect();
    w.raw(bob, &pubrecs);
    assert_eq!(w.received(bob), order.map(pubrel));
}
