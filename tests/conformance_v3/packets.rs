//! Chapters 1 and 2: strings, fixed headers, Packet Identifiers.

use super::*;
use mqtt_toolkit::protocol::{SubAck, UnsubAck};

/// What may not be in a string: overlong, a surrogate, past the last code point, cut short, a stray byte.
const ILL_FORMED: [&[u8]; 5] =
    [&[0xC0, 0x80], &[0xED, 0xA0, 0x80], &[0xF4, 0x90, 0x80, 0x80], &[0xE2, 0x82], &[0xFF]];

#[test]
fn mqtt_1_5_3_1_ill_formed_utf8_closes_the_connection() {
    for bad in ILL_FORMED {
        assert_closed_silently(&connect_v311(CLEAN, &[bad]));
        assert_closed_silently(&connect_v311(CLEAN | WILL, &[b"id", bad, b"bye"]));
        assert_closed_silently(&connect_v311(CLEAN | USER_NAME, &[b"id", bad]));
        assert_closes(&frame(0x30, &[&field(bad), b"hello"]));
        assert_closes(&frame(0x82, &[&[0, 1], &field(bad), &[0]]));
        assert_closes(&frame(0xA2, &[&[0, 1], &field(bad)]));
    }
}

#[test]
fn mqtt_1_5_3_2_the_null_character_closes_the_connection() {
    let bad = b"a\0b";
    assert_closed_silently(&connect_v311(CLEAN, &[bad]));
    assert_closed_silently(&connect_v311(CLEAN | WILL, &[b"id", bad, b"bye"]));
    assert_closed_silently(&connect_v311(CLEAN | USER_NAME, &[b"id", bad]));
    assert_closes(&frame(0x30, &[&field(bad), b"hello"]));
    assert_closes(&frame(0x82, &[&[0, 1], &field(bad), &[0]]));
    assert_closes(&frame(0xA2, &[&[0, 1], &field(bad)]));
}

#[test]
fn mqtt_1_5_3_3_a_zero_width_no_break_space_is_a_character_like_others() {
    let mut w = World::new();
    let with = w.connect("\u{FEFF}bob", v311());
    let without = w.connect("bob", v311());
    assert!(!w.is_closed(with), "they are two clients");
    w.subscribe(with, "\u{FEFF}a", QOS0);
    w.subscribe(without, "a", QOS0);
    w.publish(without, "\u{FEFF}a", "hello", QOS0);
    assert_eq!(w.messages(with), ["\u{FEFF}a hello"]);
    assert_eq!(w.messages(without), [] as [&str; 0]);
}

#[test]
fn mqtt_2_2_2_1_reserved_flags_go_out_as_the_table_lists_them() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    w.subscribe(bob, "a", QOS2);
    w.publish(bob, "a", "x", QOS2);
    w.publish(bob, "a", "x", QOS1);
    w.unsubscribe(bob, "a");
    w.send(bob, Packet::PingReq);
    let mut seen = [0_u8; 16];
    let mut rest = w.bytes(bob);
    while let [first, length, ..] = rest {
        seen[usize::from(first >> 4)] = first & 0x0F;
        let flags = if first >> 4 == 6 { 0b0010 } else { 0 };
        assert!(first >> 4 == 3 || first & 0x0F == flags, "first byte {first:#04x}");
        rest = &rest[2 + usize::from(*length)..];
    }
    assert_eq!(seen[6], 0b0010, "a PUBREL went out");
}

#[test]
fn mqtt_2_2_2_2_invalid_flags_close_the_connection() {
    let id = [0, 1];
    let filter = field("a");
    for flags in 0..16_u8 {
        if flags != 0 {
            assert_closed_silently(&frame(0x10 | flags, &[&connect_v311(CLEAN, &[b"id"])[2..]]));
            for kind in [0x40, 0x50, 0x70] {
                assert_closes(&frame(kind | flags, &[&id]));
            }
            assert_closes(&frame(0xC0 | flags, &[]));
            assert_closes(&frame(0xE0 | flags, &[]));
        }
        if flags != 0b0010 {
            assert_closes(&frame(0x60 | flags, &[&id]));
            assert_closes(&frame(0x80 | flags, &[&id, &filter, &[0]]));
            assert_closes(&frame(0xA0 | flags, &[&id, &filter]));
        }
        // Types that are reserved, or of 5.0.
        assert_closes(&frame(flags, &[]));
        assert_closes(&frame(0xF0 | flags, &[]));
    }
}

#[test]
fn mqtt_2_3_1_1_packet_identifier_zero_closes_the_connection() {
    let (zero, a) = ([0, 0], field("a"));
    assert_closes(&frame(0x32, &[&a, &zero, b"x"]));
    assert_closes(&frame(0x34, &[&a, &zero, b"x"]));
    assert_closes(&frame(0x82, &[&zero, &a, &[0]]));
    assert_closes(&frame(0xA2, &[&zero, &a]));
    // One is needed, too.
    assert_closes(&frame(0x32, &[&a]));
    assert_closes(&frame(0x82, &[]));
    assert_closes(&frame(0xA2, &[]));
}

#[test]
fn mqtt_2_3_1_4_the_server_gives_each_message_an_identifier_that_is_not_in_use() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    w.auto_acknowledge(bob, false);
    w.subscribe(bob, "a", QOS2);
    let ann = w.connect("ann", v311());
    for i in 0..10 {
        w.publish(ann, "a", "x", if i % 2 == 0 { QOS1 } else { QOS2 });
    }
    let mut in_use: Vec<u16> = w.publishes(bob).iter().map(|p| p.packet_identifier).collect();
    assert_eq!(in_use.len(), 10);
    // One is acknowledged; the next message may have its identifier, but none of the others'.
    w.send(bob, puback(in_use.remove(0)));
    w.publish(ann, "a", "y", QOS1);
    in_use.extend(w.publishes(bob).iter().map(|p| p.packet_identifier));
    assert_eq!(in_use.len(), 10);
    assert!(!in_use.contains(&0));
    in_use.sort_unstable();
    in_use.dedup();
    assert_eq!(in_use.len(), 10, "an identifier was given twice");
}

#[test]
fn mqtt_2_3_1_5_a_qos_0_publish_has_no_packet_identifier() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    w.subscribe(bob, "a/b", QOS2);
    let before = w.bytes(bob).len();
    w.publish(bob, "a/b", "xyz", QOS0);
    assert_eq!(w.bytes(bob)[before..], *b"\x30\x08\x00\x03a/bxyz");
}

#[test]
fn mqtt_2_3_1_6_acknowledgements_carry_the_identifier_of_the_publish() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    w.auto_acknowledge(bob, false);
    for id in [1, 255, 256, 65535] {
        w.send(bob, Packet::Publish(Publish { packet_identifier: id, ..message("a", "x", QOS1) }));
        assert_eq!(w.received(bob), [puback(id)]);
        w.send(bob, Packet::Publish(Publish { packet_identifier: id, ..message("a", "x", QOS2) }));
        assert_eq!(w.received(bob), [pubrec(id)]);
        w.send(bob, pubrel(id));
        assert_eq!(w.received(bob), [pubcomp(id)]);
    }
    // And PUBREL, of a message that the server sends.
    w.subscribe(bob, "b", QOS2);
    w.publish(bob, "b", "x", QOS2);
    let id = w.publishes(bob)[0].packet_identifier;
    w.send(bob, pubrec(id));
    assert_eq!(w.received(bob), [pubrel(id)]);
}

#[test]
fn mqtt_2_3_1_7_suback_and_unsuback_carry_the_identifier_of_the_request() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    for id in [1, 256, 65535] {
        let options = SubscriptionOptions::new(QOS1);
        w.send(bob, subscribe_packet(id, &[("a", options)], Properties::EMPTY));
        let suback = SubAck { packet_identifier: id, properties: Properties::EMPTY, codes: &[1] };
        assert_eq!(w.received(bob), [Packet::SubAck(suback)]);
        w.send(bob, unsubscribe_packet(id, &["a"]));
        let unsuback = UnsubAck { packet_identifier: id, properties: Properties::EMPTY, codes: &[] };
        assert_eq!(w.received(bob), [Packet::UnsubAck(unsuback)]);
    }
}
