//! Section 3.10: UNSUBSCRIBE and UNSUBACK.

use super::*;

#[test]
fn mqtt_3_10_1_1_unsubscribe_has_its_fixed_flags() {
    for flags in (0..16).filter(|&flags| flags != 0b0010) {
        assert_closes(&frame(0xA0 | flags, &[&[0, 1], &field("a")]));
    }
}

#[test]
fn mqtt_3_10_3_1_filters_are_utf8_one_behind_the_other() {
    assert_closes(&frame(0xA2, &[&[0, 1], &field([0xC3, 0x28])]));
    assert_closes(&frame(0xA2, &[&[0, 1], &field("a"), &[0]]));
    assert_closes(&frame(0xA2, &[&[0, 1], &field("a"), &[0, 9], b"short"]));
}

#[test]
fn mqtt_3_10_3_2_at_least_one_filter() {
    assert_closes(&frame(0xA2, &[&[0, 1]]));
}

#[test]
fn mqtt_3_10_4_1_filters_are_compared_character_by_character() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    w.subscribe(bob, "a/+", QOS0);
    for other in ["a/b", "a/#", "#", "A/+", "a/+/", "/a/+", "a"] {
        w.unsubscribe(bob, other);
        w.publish(bob, "a/b", "x", QOS0);
        assert_eq!(w.messages(bob), ["a/b x"], "{other} is another filter");
    }
    w.unsubscribe(bob, "a/+");
    w.publish(bob, "a/b", "x", QOS0);
    assert_eq!(w.received(bob), []);
}

#[test]
fn mqtt_3_10_4_2_no_new_messages_after_unsubscribe() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    let ann = w.connect("ann", v311());
    w.subscribe(bob, "a", QOS2);
    w.subscribe(bob, "b", QOS2);
    w.unsubscribe(bob, "a");
    for qos in [QOS0, QOS1, QOS2] {
        w.publish(ann, "a", "x", qos);
        w.publish(ann, "b", "x", qos);
    }
    assert_eq!(w.messages(bob), ["b x"; 3], "the other subscription is untouched");
}

#[test]
fn mqtt_3_10_4_3_deliveries_that_were_started_are_completed() {
    let mut w = World::new();
    let bob = w.connect("bob", v311().resume());
    let ann = w.connect("ann", v311());
    w.subscribe(bob, "a", QOS2);
    w.auto_acknowledge(bob, false);
    w.publish(ann, "a", "one", QOS1);
    w.publish(ann, "a", "two", QOS2);
    let first = w.publishes(bob);
    w.unsubscribe(bob, "a");
    // Also over another connection.
    w.cut(bob);
    let bob = w.open();
    w.auto_acknowledge(bob, false);
    w.introduce(bob, "bob", v311().resume());
    let again = w.publishes(bob);
    assert_eq!(again.len(), 2);
    assert_eq!(again[0].packet_identifier, first[0].packet_identifier);
    w.send(bob, puback(again[0].packet_identifier));
    w.send(bob, pubrec(again[1].packet_identifier));
    assert_eq!(w.received(bob), [pubrel(again[1].packet_identifier)]);
    w.send(bob, pubcomp(again[1].packet_identifier));
    w.cut(bob);
    let bob = w.connect("bob", v311().resume());
    assert_eq!(w.received(bob), []);
}

#[test]
fn mqtt_3_10_4_4_unsubscribe_is_answered_with_its_identifier() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    w.subscribe(bob, "a", QOS0);
    let before = w.bytes(bob).len();
    w.send(bob, unsubscribe_packet(0x1234, &["a"]));
    assert_eq!(w.bytes(bob)[before..], [0xB0, 2, 0x12, 0x34]);
}

#[test]
fn mqtt_3_10_4_5_unsubscribe_is_answered_even_if_nothing_is_deleted() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    w.send(bob, unsubscribe_packet(5, &["never/subscribed"]));
    assert_eq!(w.bytes(bob)[4..], [0xB0, 2, 0, 5]);
}

#[test]
fn mqtt_3_10_4_6_many_filters_one_unsuback() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    for filter in ["a", "b", "c"] {
        w.subscribe(bob, filter, QOS0);
    }
    let before = w.bytes(bob).len();
    w.send(bob, unsubscribe_packet(6, &["a", "x", "c"]));
    assert_eq!(w.bytes(bob)[before..], [0xB0, 2, 0, 6]);
    w.received(bob);
    for topic in ["a", "b", "c"] {
        w.publish(bob, topic, "x", QOS0);
    }
    assert_eq!(w.messages(bob), ["b x"]);
}
