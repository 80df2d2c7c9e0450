//! Sections 3.10 and 3.11: UNSUBSCRIBE and UNSUBACK.

use super::*;

#[test]
fn mqtt_3_10_1_1_unsubscribe_has_its_fixed_flags() {
    for flags in (0..16).filter(|&flags| flags != 0b0010) {
        assert_ends(&frame(0xA0 | flags, &[&[0, 1], NONE, &field("a")]), MALFORMED);
    }
}

#[test]
fn mqtt_3_10_3_1_filters_are_utf8_one_behind_the_other() {
    assert_ends(&frame(0xA2, &[&[0, 1], NONE, &field([0xC3, 0x28])]), MALFORMED);
    assert_ends(&frame(0xA2, &[&[0, 1], NONE, &field("a"), &[0]]), MALFORMED);
    assert_ends(&frame(0xA2, &[&[0, 1], NONE, &field("a"), &[0, 9], b"short"]), MALFORMED);
}

#[test]
fn mqtt_3_10_3_2_at_least_one_filter() {
    assert_ends(&frame(0xA2, &[&[0, 1], NONE]), PROTOCOL_ERROR);
}

#[test]
fn mqtt_3_10_4_1_filters_are_compared_character_by_character() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.subscribe(bob, "a/+", QOS0);
    for other in ["a/b", "a/#", "#", "A/+", "a/+/", "/a/+", "a", "$share/g/a/+"] {
        assert_eq!(w.unsubscribe(bob, other), Some(0x11), "{other} is another filter");
        w.publish(bob, "a/b", "x", QOS0);
        assert_eq!(w.messages(bob), ["a/b x"]);
    }
    assert_eq!(w.unsubscribe(bob, "a/+"), Some(0));
    w.publish(bob, "a/b", "x", QOS0);
    assert_eq!(w.received(bob), []);
    // A shared subscription, with its ShareName.
    w.subscribe(bob, "$share/g/a/+", QOS0);
    for other in ["a/+", "$share/h/a/+", "$share/G/a/+", "$share/g/a/#"] {
        assert_eq!(w.unsubscribe(bob, other), Some(0x11));
    }
    assert_eq!(w.unsubscribe(bob, "$share/g/a/+"), Some(0));
    w.publish(bob, "a/b", "x", QOS0);
    assert_eq!(w.received(bob), []);
}

#[test]
fn mqtt_3_10_4_2_no_new_messages_after_unsubscribe() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    let ann = w.connect("ann", v5());
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
    let bob = quiet(&mut w, "bob", lasting());
    let ann = w.connect("ann", v5());
    w.subscribe(bob, "a", QOS2);
    w.publish(ann, "a", "one", QOS1);
    w.publish(ann, "a", "two", QOS2);
    let first = w.publishes(bob);
    w.unsubscribe(bob, "a");
    // Also over another connection.
    w.cut(bob);
    let bob = quiet(&mut w, "bob", lasting());
    let again = w.publishes(bob);
    assert_eq!(again, [Publish { dup: true, ..first[0] }, Publish { dup: true, ..first[1] }]);
    w.send(bob, puback(again[0].packet_identifier));
    w.send(bob, pubrec(again[1].packet_identifier));
    assert_eq!(w.received(bob), [pubrel(again[1].packet_identifier)]);
    w.send(bob, pubcomp(again[1].packet_identifier));
    w.cut(bob);
    let bob = w.connect("bob", lasting());
    assert_eq!(w.received(bob), []);
}

#[test]
fn mqtt_3_10_4_4_unsubscribe_is_answered_with_unsuback() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.subscribe(bob, "a", QOS0);
    let before = w.bytes(bob).len();
    w.send(bob, unsubscribe_packet(5, &["a"]));
    assert_eq!(w.bytes(bob)[before..], [0xB0, 4, 0, 5, 0, 0]);
}

#[test]
fn mqtt_3_10_4_5_unsuback_has_the_identifier_even_if_nothing_is_deleted() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    let before = w.bytes(bob).len();
    w.send(bob, unsubscribe_packet(0x1234, &["never/subscribed"]));
    assert_eq!(w.bytes(bob)[before..], [0xB0, 4, 0x12, 0x34, 0, 0x11]);
}

#[test]
fn mqtt_3_10_4_6_many_filters_one_unsuback() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    for filter in ["a", "b", "$share/g/c"] {
        w.subscribe(bob, filter, QOS0);
    }
    let before = w.bytes(bob).len();
    // The same twice: the second time there is none any more.
    w.send(bob, unsubscribe_packet(6, &["a", "x", "$share/g/c", "a"]));
    assert_eq!(w.bytes(bob)[before..], [0xB0, 7, 0, 6, 0, 0, 0x11, 0, 0x11]);
    w.received(bob);
    for topic in ["a", "b", "c"] {
        w.publish(bob, topic, "x", QOS0);
    }
    assert_eq!(w.messages(bob), ["b x"]);
}

#[test]
fn mqtt_3_11_3_1_codes_are_in_the_order_of_the_filters() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    let names: Vec<String> = (0..200).map(|i| i.to_string()).collect();
    for name in names.iter().step_by(3) {
        w.subscribe(bob, name, QOS0);
    }
    let filters: Vec<&str> = names.iter().map(String::as_str).collect();
    w.send(bob, unsubscribe_packet(1, &filters));
    let expected: Vec<u8> = (0..200).map(|i| if i % 3 == 0 { 0 } else { 0x11 }).collect();
    assert!(matches!(w.received(bob)[..], [Packet::UnsubAck(unsuback)] if unsuback.codes == expected));
}

#[test]
fn mqtt_3_11_3_2_codes_are_those_of_the_table() {
    const TABLE: [u8; 7] = [0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91];
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.subscribe(bob, "a", QOS0);
    for filter in ["a", "b", "#", "$SYS/#", "$share/g/a", "$CONTROL/x"] {
        let code = w.unsubscribe(bob, filter).unwrap();
        assert!(TABLE.contains(&code), "{filter}: {code:#04x}");
    }
    // A filter that is none is no reason code's business.
    for bad in ["", "a#", "a/#/b", "+a"] {
        assert_ends(&frame(0xA2, &[&[0, 1], NONE, &field(bad)]), MALFORMED);
    }
    assert_ends(&frame(0xA2, &[&[0, 1], NONE, &field("$share/g")]), PROTOCOL_ERROR);
}
