//! Chapters 1 and 2: strings, Variable Byte Integers, fixed headers, Packet Identifiers, properties.

use super::*;
use mqtt_toolkit::protocol::{SubAck, UnsubAck};

/// What may not be in a string: overlong, a surrogate, past the last code point, cut short, a stray byte.
const ILL_FORMED: [&[u8]; 5] =
    [&[0xC0, 0x80], &[0xED, 0xA0, 0x80], &[0xF4, 0x90, 0x80, 0x80], &[0xE2, 0x82], &[0xFF]];

/// A string of these bytes in every place where a client can put one after CONNECT: each must end the connection.
fn assert_no_string(bad: &[u8]) {
    let text = field(bad);
    assert_ends(&frame(0x30, &[&text, NONE, b"x"]), MALFORMED);
    assert_ends(&frame(0x82, &[&[0, 1], NONE, &text, &[0]]), MALFORMED);
    assert_ends(&frame(0xA2, &[&[0, 1], NONE, &text]), MALFORMED);
    let a = field("a");
    // Content Type.
    let content_type = raw_block(&[&[0x03], &text[..]].concat());
    assert_ends(&frame(0x30, &[&a, &content_type, b"x"]), MALFORMED);
    // Reason String of a PUBACK and of a DISCONNECT.
    let reason = raw_block(&[&[0x1F], &text[..]].concat());
    assert_ends(&frame(0x40, &[&[0, 1, 0], &reason]), MALFORMED);
    assert_ends(&frame(0xE0, &[&[0], &reason]), MALFORMED);
}

#[test]
fn mqtt_1_5_4_1_ill_formed_utf8_is_malformed() {
    for bad in ILL_FORMED {
        assert_no_string(bad);
        assert_refused(&connect_bytes(CLEAN, &[&field(bad)]), 0x85);
        let id = field("id");
        assert_refused(&connect_bytes(CLEAN | WILL, &[&id, NONE, &field(bad), &field("x")]), MALFORMED);
        assert_refused(&connect_bytes(CLEAN | USER_NAME, &[&id, &field(bad)]), MALFORMED);
    }
}

#[test]
fn mqtt_1_5_4_2_the_null_character_is_malformed() {
    assert_no_string(b"a\0b");
    assert_refused(&connect_bytes(CLEAN, &[&field("a\0b")]), 0x85);
    assert_refused(&connect_bytes(CLEAN | USER_NAME, &[&field("id"), &field("a\0b")]), MALFORMED);
}

#[test]
fn mqtt_1_5_4_3_a_zero_width_no_break_space_is_a_character_like_others() {
    let mut w = World::new();
    let with_it = w.connect("\u{FEFF}bob", v5());
    let without = w.connect("bob", v5());
    assert!(!w.is_closed(with_it), "they are two clients");
    w.subscribe(with_it, "\u{FEFF}a", QOS0);
    w.subscribe(without, "a", QOS0);
    let pair = Property::UserProperty("\u{FEFF}name", "\u{FEFF}");
    w.publish_with(without, with(&[pair], message("\u{FEFF}a", "hello", QOS0)));
    let got = w.publishes(with_it);
    assert_eq!((got.len(), got[0].topic), (1, "\u{FEFF}a"));
    assert_eq!(listed(&got[0]), [pair]);
    assert_eq!(w.received(without), []);
}

#[test]
fn mqtt_1_5_5_1_variable_byte_integers_take_as_few_bytes_as_they_need() {
    let a = field("a");
    // Remaining Length, Property Length, Subscription Identifier: longer than needed, and longer than four bytes.
    for long in [&[0x80, 0x00][..], &[0x80, 0x80, 0x00], &[0x80, 0x80, 0x80, 0x00], &[0xFF; 4], &[0xFF; 5]] {
        assert_ends(&[&[0xC0], long].concat(), MALFORMED);
        assert_ends(&frame(0x30, &[&a, long, b"x"]), MALFORMED);
        let identifier = raw_block(&[&[0x0B], long].concat());
        assert_ends(&frame(0x82, &[&[0, 1], &identifier, &a, &[0]]), MALFORMED);
    }
    // And those that the server sends do.
    for (value, length) in
        [(1, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3), (2_097_152, 4), (268_435_455, 4)]
    {
        let mut w = World::new();
        let bob = w.connect("bob", v5());
        let identifier = properties(&[Property::SubscriptionIdentifier(value)]);
        w.subscribe_with(bob, &[("a", SubscriptionOptions::new(QOS0))], identifier);
        let before = w.bytes(bob).len();
        w.publish(bob, "a", "x", QOS0);
        assert_eq!(w.bytes(bob).len() - before, 2 + 3 + 1 + 1 + length + 1, "{value}");
        assert_eq!(w.publishes(bob)[0].properties.subscription_identifiers().next(), Some(value));
    }
}

#[test]
fn mqtt_1_5_7_1_both_strings_of_a_pair_are_utf8() {
    let good = field("good");
    for bad in ILL_FORMED.iter().chain([&&b"a\0b"[..]]) {
        let bad = field(bad);
        for pair in [[&bad, &good], [&good, &bad]] {
            let user_property = raw_block(&[&[0x26], &pair[0][..], pair[1]].concat());
            assert_ends(&frame(0x30, &[&field("a"), &user_property, b"x"]), MALFORMED);
            assert_ends(&frame(0x82, &[&[0, 1], &user_property, &field("a"), &[0]]), MALFORMED);
            assert_refused(&connect_with(CLEAN, &user_property, &[&field("id")]), MALFORMED);
        }
    }
}

#[test]
fn mqtt_2_1_3_1_reserved_flags_are_as_the_table_lists_them() {
    let (id, filter) = ([0, 1], field("a"));
    for flags in 0..16_u8 {
        if flags != 0 {
            let connect = connect_bytes(CLEAN, &[&field("id")]);
            assert_closed_silently(&frame(0x10 | flags, &[&connect[2..]]));
            for kind in [0x40, 0x50, 0x70] {
                assert_ends(&frame(kind | flags, &[&id]), MALFORMED);
            }
            for kind in [0xC0, 0xE0, 0xF0] {
                assert_ends(&frame(kind | flags, &[]), MALFORMED);
            }
        }
        if flags != 0b0010 {
            assert_ends(&frame(0x60 | flags, &[&id]), MALFORMED);
            assert_ends(&frame(0x80 | flags, &[&id, NONE, &filter, &[0]]), MALFORMED);
            assert_ends(&frame(0xA0 | flags, &[&id, NONE, &filter]), MALFORMED);
        }
        // Type 0 is reserved.
        assert_ends(&frame(flags, &[]), MALFORMED);
    }
    // And so they go out.
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.subscribe(bob, "a", QOS2);
    w.publish(bob, "a", "x", QOS2);
    w.publish(bob, "a", "x", QOS1);
    w.unsubscribe(bob, "a");
    w.send(bob, Packet::PingReq);
    w.shut_down();
    let mut seen = 0_u16;
    let mut rest = w.bytes(bob);
    while let [first, length, ..] = rest {
        seen |= 1 << (first >> 4);
        let flags = if first >> 4 == 6 { 0b0010 } else { 0 };
        assert!(first >> 4 == 3 || first & 0x0F == flags, "first byte {first:#04x}");
        rest = &rest[2 + usize::from(*length)..];
    }
    assert_eq!(seen, 0b0110_1010_1111_1100, "every type that a server sends, but for AUTH, went out");
}

#[test]
fn mqtt_2_2_1_2_a_qos_0_publish_has_no_packet_identifier() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.subscribe(bob, "a/b", QOS2);
    let before = w.bytes(bob).len();
    // What stands in its place is the Property Length.
    w.raw(bob, b"\x30\x09\x00\x03a/b\x00xyz");
    assert_eq!(w.bytes(bob)[before..], *b"\x30\x09\x00\x03a/b\x00xyz");
}

#[test]
fn packet_identifier_zero_is_a_protocol_error() {
    let (zero, a) = ([0, 0], field("a"));
    assert_ends(&frame(0x32, &[&a, &zero, NONE, b"x"]), PROTOCOL_ERROR);
    assert_ends(&frame(0x34, &[&a, &zero, NONE, b"x"]), PROTOCOL_ERROR);
    assert_ends(&frame(0x82, &[&zero, NONE, &a, &[0]]), PROTOCOL_ERROR);
    assert_ends(&frame(0xA2, &[&zero, NONE, &a]), PROTOCOL_ERROR);
}

#[test]
fn mqtt_2_2_1_4_the_server_gives_each_message_an_identifier_that_is_not_in_use() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", v5());
    w.subscribe(bob, "a", QOS2);
    let ann = w.connect("ann", v5());
    for i in 0..10 {
        w.publish(ann, "a", "x", if i % 2 == 0 { QOS1 } else { QOS2 });
    }
    let mut in_use: Vec<u16> = w.publishes(bob).iter().map(|p| p.packet_identifier).collect();
    assert_eq!(in_use, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "from 1 for each client, and up");
    // One is acknowledged; the next message may have its identifier, but none of the others'. A PUBREL keeps its own.
    w.send(bob, puback(in_use.remove(0)));
    w.send(bob, pubrec(2));
    w.publish(ann, "a", "y", QOS1);
    in_use.extend(w.publishes(bob).iter().map(|p| p.packet_identifier));
    in_use.sort_unstable();
    in_use.dedup();
    assert_eq!(in_use.len(), 10, "an identifier was given twice");
    assert!(!in_use.contains(&0));
}

#[test]
fn identifiers_of_both_directions_are_apart() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", v5());
    w.subscribe(bob, "a", QOS2);
    w.send(bob, publish_as(1, "a", "x", QOS2));
    let received = w.received(bob);
    assert!(received.contains(&pubrec(1)), "{received:?}");
    assert!(received.iter().any(|p| matches!(p, Packet::Publish(p) if p.packet_identifier == 1)));
    // Each flow goes its own way to the end.
    w.send(bob, pubrec(1));
    assert_eq!(w.received(bob), [pubrel(1)]);
    w.send(bob, pubrel(1));
    assert_eq!(w.received(bob), [pubcomp(1)]);
    w.send(bob, pubcomp(1));
    assert_eq!(w.received(bob), []);
}

#[test]
fn mqtt_2_2_1_5_acknowledgements_carry_the_identifier_of_the_publish() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", v5());
    w.subscribe(bob, "b", QOS2);
    let ann = w.connect("ann", v5());
    w.subscribe(ann, "a", QOS0);
    for id in [1, 255, 256, 65535] {
        w.send(bob, publish_as(id, "a", "x", QOS1));
        assert_eq!(w.received(bob), [puback(id)]);
        w.send(bob, publish_as(id, "a", "x", QOS2));
        assert_eq!(w.received(bob), [pubrec(id)]);
        w.send(bob, pubrel(id));
        assert_eq!(w.received(bob), [pubcomp(id)]);
    }
    // And PUBREL, of a message that the server sends.
    w.publish(ann, "b", "x", QOS2);
    let id = w.publishes(bob)[0].packet_identifier;
    w.send(bob, pubrec(id));
    assert_eq!(w.received(bob), [pubrel(id)]);
}

#[test]
fn mqtt_2_2_1_6_suback_and_unsuback_carry_the_identifier_of_the_request() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    for id in [1, 256, 65535] {
        let options = SubscriptionOptions::new(QOS1);
        w.send(bob, subscribe_packet(id, &[("a", options)], Properties::EMPTY));
        let suback = SubAck { packet_identifier: id, properties: Properties::EMPTY, codes: &[1] };
        assert_eq!(w.received(bob), [Packet::SubAck(suback)]);
        w.send(bob, unsubscribe_packet(id, &["a"]));
        let unsuback = UnsubAck { packet_identifier: id, properties: Properties::EMPTY, codes: &[0] };
        assert_eq!(w.received(bob), [Packet::UnsubAck(unsuback)]);
    }
}

#[test]
fn mqtt_2_2_2_1_no_properties_are_a_property_length_of_zero() {
    let mut w = World::new();
    let ann = w.connect("ann", v311());
    let bob = w.connect("bob", v5());
    let start = w.bytes(bob).len();
    w.raw(bob, &frame(0x82, &[&[0, 7], NONE, &field("a"), &[1]]));
    assert_eq!(w.bytes(bob)[start..], [0x90, 4, 0, 7, 0, 1]);
    // From a client of 3.1.1, which has none.
    let start = w.bytes(bob).len();
    w.publish(ann, "a", "x", QOS1);
    assert_eq!(w.bytes(bob)[start..], *b"\x32\x07\x00\x01a\x00\x01\x00x");
    let start = w.bytes(bob).len();
    w.raw(bob, &frame(0xA2, &[&[0, 8], NONE, &field("a")]));
    assert_eq!(w.bytes(bob)[start..], [0xB0, 4, 0, 8, 0, 0]);
    // A packet that leaves the length out is cut short.
    assert_ends(&frame(0x30, &[&field("a")]), MALFORMED);
    assert_ends(&frame(0x82, &[&[0, 7]]), MALFORMED);
    assert_refused(&frame(0x10, &[&field("MQTT"), &[5, CLEAN, 0, 60]]), MALFORMED);
}

#[test]
fn a_property_length_beyond_the_packet_is_malformed() {
    assert_ends(&frame(0x30, &[&field("a"), &[9], b"x"]), MALFORMED);
    assert_ends(&frame(0x82, &[&[0, 7], &[5], &field("a")]), MALFORMED);
    assert_refused(&connect_with(CLEAN, &[100], &[&field("id")]), MALFORMED);
}

#[test]
fn properties_of_other_packets_and_unknown_ones_are_malformed() {
    let other = [
        Property::SessionExpiryInterval(1),
        Property::AssignedClientIdentifier("x"),
        Property::ReasonString("x"),
        Property::WillDelayInterval(1),
        Property::ReceiveMaximum(1),
    ];
    for property in other {
        assert_ends(&frame(0x30, &[&field("a"), &block(&[property]), b"x"]), MALFORMED);
        assert_ends(&frame(0x82, &[&[0, 1], &block(&[property]), &field("a"), &[0]]), MALFORMED);
    }
    for unknown in [0x00, 0x04, 0x2B, 0x7F, 0xFF] {
        assert_ends(&frame(0x30, &[&field("a"), &raw_block(&[unknown, 0]), b"x"]), MALFORMED);
        assert_refused(&connect_with(CLEAN, &raw_block(&[unknown, 0]), &[&field("id")]), MALFORMED);
    }
    assert_refused(&connect_with(CLEAN, &block(&[Property::TopicAlias(1)]), &[&field("id")]), MALFORMED);
}

#[test]
fn a_property_given_twice_is_a_protocol_error() {
    let of_publish = [
        Property::PayloadFormatIndicator(true),
        Property::MessageExpiryInterval(1),
        Property::ContentType("x"),
        Property::ResponseTopic("x"),
        Property::CorrelationData(b"x"),
        Property::TopicAlias(1),
    ];
    for property in of_publish {
        let twice = block(&[property, property]);
        assert_ends(&frame(0x30, &[&field("a"), &twice, b"x"]), PROTOCOL_ERROR);
    }
    let of_connect = [
        Property::SessionExpiryInterval(1),
        Property::ReceiveMaximum(1),
        Property::MaximumPacketSize(100),
        Property::TopicAliasMaximum(1),
        Property::RequestResponseInformation(true),
        Property::RequestProblemInformation(true),
        Property::AuthenticationMethod("x"),
    ];
    for property in of_connect {
        let twice = block(&[property, property]);
        assert_refused(&connect_with(CLEAN, &twice, &[&field("id")]), PROTOCOL_ERROR);
    }
    let twice = block(&[Property::SubscriptionIdentifier(1), Property::SubscriptionIdentifier(2)]);
    assert_ends(&frame(0x82, &[&[0, 1], &twice, &field("a"), &[0]]), PROTOCOL_ERROR);
    // User Properties may.
    let mut w = World::new();
    let pair = Property::UserProperty("a", "b");
    w.connect("bob", v5().property(pair).property(pair));
}

#[test]
fn a_property_out_of_its_range_is_a_protocol_error() {
    for bad in [&[0x21, 0, 0][..], &[0x27, 0, 0, 0, 0], &[0x17, 2], &[0x19, 2]] {
        assert_refused(&connect_with(CLEAN, &raw_block(bad), &[&field("id")]), PROTOCOL_ERROR);
    }
    assert_ends(&frame(0x30, &[&field("a"), &raw_block(&[0x01, 2]), b"x"]), PROTOCOL_ERROR);
    assert_ends(&frame(0x82, &[&[0, 1], &raw_block(&[0x0B, 0]), &field("a"), &[0]]), PROTOCOL_ERROR);
}
