//! Sections 3.3.1, 3.3.2.1 and 3.3.4: PUBLISH, its flags, its Topic Name, and its answers. (RETAIN is in
//! `retained.rs`, properties are in `forwarded.rs`, `aliases.rs` and `expiry.rs`.)

use super::*;

#[test]
fn mqtt_3_3_1_1_dup_is_set_when_a_publish_is_sent_again() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", lasting());
    w.subscribe(bob, "a", QOS2);
    let ann = w.connect("ann", v5());
    w.publish(ann, "a", "one", QOS1);
    w.publish(ann, "a", "two", QOS2);
    let first = w.publishes(bob);
    assert!(first.iter().all(|p| !p.dup));
    w.cut(bob);
    let bob = w.reconnect(bob);
    let again = w.publishes(bob);
    assert_eq!(again, [Publish { dup: true, ..first[0] }, Publish { dup: true, ..first[1] }]);
}

#[test]
fn mqtt_3_3_1_2_dup_is_0_at_qos_0() {
    assert_ends(&frame(0x38, &[&field("a"), NONE, b"x"]), MALFORMED);
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.subscribe(bob, "a", QOS0);
    w.publish_with(bob, Publish { dup: true, ..message("a", "x", QOS1) });
    let got = w.publishes(bob);
    assert_eq!((got.len(), got[0].qos, got[0].dup), (1, QOS0, false));
}

#[test]
fn mqtt_3_3_1_3_dup_is_not_propagated() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.subscribe(bob, "a", QOS2);
    for qos in [QOS1, QOS2] {
        for dup in [false, true] {
            w.publish_with(bob, Publish { dup, ..message("a", "x", qos) });
            let got = w.publishes(bob);
            assert_eq!((got.len(), got[0].qos, got[0].dup), (1, qos, false));
        }
    }
}

#[test]
fn mqtt_3_3_1_4_qos_3_is_malformed() {
    for flags in [0x06, 0x07, 0x0E, 0x0F] {
        assert_ends(&frame(0x30 | flags, &[&field("a"), &[0, 1], NONE, b"x"]), MALFORMED);
    }
}

#[test]
fn mqtt_3_3_2_1_the_topic_name_comes_first_and_is_utf8() {
    assert_ends(&frame(0x30, &[]), MALFORMED);
    assert_ends(&frame(0x30, &[&[0]]), MALFORMED);
    assert_ends(&frame(0x30, &[&[0, 5], b"abc"]), MALFORMED);
    assert_ends(&frame(0x30, &[&field([0xC3, 0x28]), NONE, b"x"]), MALFORMED);
    // Empty, and no Topic Alias in its place.
    assert_ends(&frame(0x30, &[&field(""), NONE, b"x"]), PROTOCOL_ERROR);
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.subscribe(bob, "#", QOS0);
    w.publish(bob, "größe/日本/😀", "x", QOS0);
    assert_eq!(w.messages(bob), ["größe/日本/😀 x"]);
}

#[test]
fn mqtt_3_3_2_2_a_topic_name_has_no_wildcards() {
    for topic in ["#", "+", "a/#", "a/+/b", "a#", "+b"] {
        assert_ends(&frame(0x30, &[&field(topic), NONE, b"x"]), MALFORMED);
    }
}

#[test]
fn mqtt_3_3_2_3_the_topic_name_sent_is_the_one_published_and_matches_the_filter() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    for filter in ["a/+/c", "a/#", "a/b/c", "$share/g/a/+/c"] {
        w.subscribe(bob, filter, QOS0);
        w.publish(bob, "a/b/c", "x", QOS0);
        w.publish(bob, "b/b/c", "x", QOS0);
        assert_eq!(w.messages(bob), ["a/b/c x"], "{filter}");
        w.unsubscribe(bob, filter);
    }
}

#[test]
fn mqtt_3_3_4_1_each_qos_has_its_answer() {
    let mut w = World::new();
    let ann = w.connect("ann", v5());
    w.subscribe(ann, "a", QOS0);
    let bob = quiet(&mut w, "bob", v5());
    w.send(bob, Packet::Publish(message("a", "x", QOS0)));
    assert_eq!(w.received(bob), [], "QoS 0: none");
    let start = w.bytes(bob).len();
    w.send(bob, publish_as(3, "a", "x", QOS1));
    w.send(bob, publish_as(4, "a", "x", QOS2));
    // With success in the short form: no reason, no properties.
    assert_eq!(w.bytes(bob)[start..], [0x40, 2, 0, 3, 0x50, 2, 0, 4]);
}

#[test]
fn mqtt_3_3_4_2_overlapping_subscriptions_are_served_at_their_qos() {
    let overlapping = [("a/#", QOS0), ("a/+", QOS2), ("a/b", QOS1)];
    // A copy for each subscription, at the QoS of each: the highest is among them.
    for limits in [Limits::default(), Limits { allow_duplicate_messages: false, ..Limits::default() }] {
        let mut w = World::with(limits);
        let bob = w.connect("bob", v5());
        for (filter, qos) in overlapping {
            w.subscribe(bob, filter, qos);
        }
        for published in [QOS0, QOS1, QOS2] {
            w.publish(bob, "a/b", "x", published);
            let mut qos: Vec<_> = w.publishes(bob).iter().map(|p| p.qos).collect();
            qos.sort();
            assert_eq!(qos, [QOS0, QOS1, QOS2].map(|q| q.min(published)));
        }
    }
}

/// bob's overlapping subscriptions with the identifier of each (0 is none), and what comes on `a/b`.
fn identifiers_of(w: &mut World, subscriptions: &[(&str, u32)]) -> Vec<Vec<u32>> {
    let bob = w.connect("bob", v5());
    for (filter, identifier) in subscriptions {
        let property = (*identifier != 0).then_some(Property::SubscriptionIdentifier(*identifier));
        let options = SubscriptionOptions::new(QOS1);
        w.subscribe_with(bob, &[(filter, options)], properties(property.as_slice()));
    }
    let old = w.connect("old", v311());
    w.publish(old, "a/b", "x", QOS1);
    let mut got: Vec<Vec<u32>> =
        w.publishes(bob).iter().map(|p| p.properties.subscription_identifiers().collect()).collect();
    got.sort();
    got
}

#[test]
fn mqtt_3_3_4_3_subscription_identifiers_come_with_the_message() {
    let mut w = World::new();
    assert_eq!(identifiers_of(&mut w, &[("a/b", 7)]), [vec![7]]);
    // Only those of the subscriptions that match, and of one client only its own.
    let ann = w.connect("ann", v5());
    w.subscribe(ann, "a/b", QOS1);
    assert_eq!(identifiers_of(&mut w, &[("a/+", 1), ("b/+", 2), ("a/#", 0)]), [vec![], vec![1]]);
    assert_eq!(w.publishes(ann)[0].properties.subscription_identifiers().count(), 0);
}

#[test]
fn mqtt_3_3_4_5_each_copy_has_the_identifier_of_its_subscription() {
    let mut w = World::new();
    let subscriptions = [("a/b", 1), ("a/+", 0), ("a/#", 268_435_455), ("#", 1)];
    assert_eq!(identifiers_of(&mut w, &subscriptions), [vec![], vec![1], vec![1], vec![268_435_455]]);
    // With the switch that makes one copy for clients of 3.x, those of 5.0 still get one for each.
    let mut w = World::with(Limits { allow_duplicate_messages: false, ..Limits::default() });
    assert_eq!(identifiers_of(&mut w, &subscriptions), [vec![], vec![1], vec![1], vec![268_435_455]]);
}

#[test]
fn subscription_identifiers_come_with_retained_shared_and_waiting_messages() {
    let mut w = World::new();
    let ann = w.connect("ann", v5());
    w.retain(ann, "kept", "x", QOS1);
    let bob = w.connect("bob", lasting());
    let options = SubscriptionOptions::new(QOS1);
    for (filter, identifier) in [("kept", 1), ("$share/g/shared", 2), ("waits", 3)] {
        let identifier = properties(&[Property::SubscriptionIdentifier(identifier)]);
        w.subscribe_with(bob, &[(filter, options)], identifier);
    }
    w.publish(ann, "shared", "x", QOS1);
    w.cut(bob);
    w.publish(ann, "waits", "x", QOS1);
    let mut came: Vec<Publish<'_>> = w.publishes(bob);
    let bob = w.reconnect(bob);
    came.extend(w.publishes(bob));
    let got: Vec<_> =
        came.iter().map(|p| (p.topic, p.properties.subscription_identifiers().next())).collect();
    assert_eq!(got, [("kept", Some(1)), ("shared", Some(2)), ("waits", Some(3))]);
    // The same filter without an identifier: the subscription has none any more.
    w.subscribe(bob, "waits", QOS1);
    w.publish(ann, "waits", "x", QOS1);
    assert_eq!(w.publishes(bob)[0].properties.subscription_identifiers().next(), None);
}

#[test]
fn mqtt_3_3_4_6_a_client_sends_no_subscription_identifier() {
    let mut w = World::new();
    let other = w.connect("other", v5());
    w.subscribe(other, "#", QOS2);
    for qos in [QOS0, QOS1, QOS2] {
        for list in [
            &[Property::SubscriptionIdentifier(1)][..],
            &[Property::ContentType("x"), Property::SubscriptionIdentifier(1)],
            &[Property::TopicAlias(1), Property::SubscriptionIdentifier(1)],
        ] {
            let sinner = w.connect("sinner", v5());
            let publish = Publish { packet_identifier: 1, ..with(list, message("a", "x", qos)) };
            w.send(
                sinner,
                Packet::Publish(if qos == QOS0 {
                    Publish { packet_identifier: 0, ..publish }
                } else {
                    publish
                }),
            );
            assert_eq!(w.received(sinner), [disconnect(ReasonCode::PROTOCOL_ERROR)]);
            assert!(w.is_closed(sinner));
        }
    }
    assert_eq!(w.received(other), [], "and it goes to nobody");
}

#[test]
fn nobody_subscribes_is_told_as_0x10() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", v5());
    let start = w.bytes(bob).len();
    w.send(bob, publish_as(3, "a", "x", QOS1));
    w.send(bob, publish_as(4, "a", "x", QOS2));
    assert_eq!(w.bytes(bob)[start..], [0x40, 3, 0, 3, 0x10, 0x50, 3, 0, 4, 0x10]);
    // Success is no error: the flow goes on.
    w.received(bob);
    w.send(bob, pubrel(4));
    assert_eq!(w.received(bob), [pubcomp(4)]);
    // A retained message is stored all the same.
    assert_eq!(w.retain(bob, "a", "kept", QOS1), ReasonCode::NO_MATCHING_SUBSCRIBERS);
    w.subscribe(bob, "a", QOS0);
    assert_eq!(w.messages(bob), ["a kept"]);
    // Somebody who is away counts, and the members of a shared subscription.
    w.unsubscribe(bob, "a");
    let away = w.connect("away", lasting());
    w.subscribe(away, "a", QOS1);
    w.cut(away);
    assert_eq!(w.publish(bob, "a", "x", QOS1), ReasonCode::SUCCESS);
    let member = w.connect("member", v5());
    w.subscribe(member, "$share/g/b", QOS1);
    assert_eq!(w.publish(bob, "b", "x", QOS1), ReasonCode::SUCCESS);
    // The world of 3.1.1 has no such word.
    let old = quiet(&mut w, "old", v311());
    w.send(old, publish_as(3, "c", "x", QOS1));
    assert_eq!(w.bytes(old)[4..], [0x40, 2, 0, 3]);
}

#[test]
fn a_publish_that_is_not_authorised_is_refused_with_0x87_and_the_client_stays() {
    let mut w = World::new();
    let watcher = w.connect("watcher", v5());
    w.subscribe(watcher, "$SYS/#", QOS2);
    let bob = w.connect("bob", v5());
    for qos in [QOS1, QOS2] {
        assert_eq!(w.retain(bob, "$SYS/broker/version", "forged", qos), ReasonCode::NOT_AUTHORIZED);
    }
    w.retain(bob, "$SYS/broker/version", "forged", QOS0);
    assert!(!w.is_closed(bob));
    w.subscribe(bob, "$SYS/broker/version", QOS0);
    assert_eq!(w.received(bob), [], "nothing is left of the flows, and nothing was retained");
    assert_eq!(w.received(watcher), []);
}
