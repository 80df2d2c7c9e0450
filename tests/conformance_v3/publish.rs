//! Sections 3.3 and 3.6: PUBLISH, its flags, and its answers. (RETAIN is in `retained.rs`.)

use super::*;
use mqtt_toolkit::broker::Limits;

#[test]
fn mqtt_3_3_1_1_dup_is_set_when_a_publish_is_sent_again() {
    let mut w = World::new();
    let bob = w.connect("bob", v311().resume());
    w.subscribe(bob, "a", QOS2);
    w.auto_acknowledge(bob, false);
    let ann = w.connect("ann", v311());
    w.publish(ann, "a", "one", QOS1);
    w.publish(ann, "a", "two", QOS2);
    assert!(w.publishes(bob).iter().all(|p| !p.dup));
    w.cut(bob);
    let bob = w.reconnect(bob);
    let again = w.publishes(bob);
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|p| p.dup));
}

#[test]
fn mqtt_3_3_1_2_dup_is_0_at_qos_0() {
    assert_closes(&frame(0x38, &[&field("a"), b"x"]));
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    w.subscribe(bob, "a", QOS0);
    w.publish_with(bob, Publish { dup: true, ..message("a", "x", QOS1) });
    let got = w.publishes(bob);
    assert_eq!((got.len(), got[0].qos, got[0].dup), (1, QOS0, false));
}

#[test]
fn mqtt_3_3_1_3_dup_is_not_propagated() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    w.subscribe(bob, "a", QOS2);
    for qos in [QOS1, QOS2] {
        w.publish_with(bob, Publish { dup: true, ..message("a", "x", qos) });
        let got = w.publishes(bob);
        assert_eq!((got.len(), got[0].qos, got[0].dup), (1, qos, false));
    }
}

#[test]
fn mqtt_3_3_1_4_qos_3_closes_the_connection() {
    for flags in [0x06, 0x07, 0x0E, 0x0F] {
        assert_closes(&frame(0x30 | flags, &[&field("a"), &[0, 1], b"x"]));
    }
}

#[test]
fn mqtt_3_3_2_1_the_topic_name_comes_first_and_is_utf8() {
    assert_closes(&frame(0x30, &[]));
    assert_closes(&frame(0x30, &[&[0]]));
    assert_closes(&frame(0x30, &[&[0, 5], b"abc"]));
    assert_closes(&frame(0x30, &[&field([0xC3, 0x28]), b"x"]));
    assert_closes(&frame(0x30, &[&field(""), b"x"]));
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    w.subscribe(bob, "#", QOS0);
    w.publish(bob, "größe/日本/😀", "x", QOS0);
    assert_eq!(w.messages(bob), ["größe/日本/😀 x"]);
}

#[test]
fn mqtt_3_3_2_2_a_topic_name_with_wildcards_closes_the_connection() {
    for topic in ["#", "+", "a/#", "a/+/b", "a#", "+b"] {
        assert_closes(&frame(0x30, &[&field(topic), b"x"]));
    }
}

#[test]
fn mqtt_3_3_2_3_the_topic_name_sent_is_the_one_published_and_matches_the_filter() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    for filter in ["a/+/c", "a/#", "a/b/c"] {
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
    let bob = w.connect("bob", v311());
    w.auto_acknowledge(bob, false);
    w.send(bob, Packet::Publish(message("a", "x", QOS0)));
    assert_eq!(w.received(bob), [], "QoS 0: none");
    w.send(bob, Packet::Publish(Publish { packet_identifier: 3, ..message("a", "x", QOS1) }));
    assert_eq!(w.received(bob), [puback(3)]);
    w.send(bob, Packet::Publish(Publish { packet_identifier: 4, ..message("a", "x", QOS2) }));
    assert_eq!(w.received(bob), [pubrec(4)]);
}

#[test]
fn mqtt_3_3_5_1_overlapping_subscriptions_are_served_at_their_highest_qos() {
    let overlapping = [("a/#", QOS0), ("a/+", QOS2), ("a/b", QOS1)];
    // One copy for each subscription, at the QoS of each (mosquitto's default), ...
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    for (filter, qos) in overlapping {
        w.subscribe(bob, filter, qos);
    }
    w.publish(bob, "a/b", "x", QOS2);
    let mut qos: Vec<_> = w.publishes(bob).iter().map(|p| p.qos).collect();
    qos.sort();
    assert_eq!(qos, [QOS0, QOS1, QOS2]);
    // ... or one in all.
    let mut w = World::with(Limits { allow_duplicate_messages: false, ..Limits::default() });
    let bob = w.connect("bob", v311());
    for (filter, qos) in overlapping {
        w.subscribe(bob, filter, qos);
    }
    for published in [QOS0, QOS1, QOS2] {
        w.publish(bob, "a/b", "x", published);
        let qos: Vec<_> = w.publishes(bob).iter().map(|p| p.qos).collect();
        assert_eq!(qos, [published]);
    }
}

#[test]
fn mqtt_3_3_5_2_a_publish_that_is_not_authorised_is_acknowledged_and_goes_nowhere() {
    let mut w = World::new();
    let watcher = w.connect("watcher", v311());
    w.subscribe(watcher, "#", QOS2);
    w.subscribe(watcher, "$SYS/#", QOS2);
    let bob = w.connect("bob", v311());
    for qos in [QOS0, QOS1, QOS2] {
        w.retain(bob, "$SYS/broker/version", "forged", qos);
    }
    w.subscribe(bob, "$SYS/broker/version", QOS0);
    assert!(!w.is_closed(bob));
    assert_eq!(w.received(bob), [], "nothing is left of the acknowledged flows, and nothing was retained");
    assert_eq!(w.received(watcher), []);
}

#[test]
fn mqtt_3_6_1_1_pubrel_has_its_fixed_flags() {
    for flags in (0..16).filter(|&flags| flags != 0b0010) {
        let mut w = World::new();
        let bob = w.connect("bob", v311());
        w.auto_acknowledge(bob, false);
        w.publish(bob, "a", "x", QOS2);
        w.raw(bob, &[0x60 | flags, 2, 0, 1]);
        assert!(w.is_closed(bob), "flags {flags:#06b}");
        assert_eq!(w.received(bob), []);
    }
}
