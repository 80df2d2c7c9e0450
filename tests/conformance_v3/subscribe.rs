//! Sections 3.8 and 3.9: SUBSCRIBE and SUBACK.

use super::*;
use mqtt_toolkit::broker::{Limits, ListenerRules};

/// A SUBSCRIBE that may be wrong: each filter with its byte of options.
fn subscribe_bytes(filters: &[(&[u8], u8)]) -> Vec<u8> {
    let payload: Vec<u8> =
        filters.iter().flat_map(|(f, options)| [field(f), vec![*options]].concat()).collect();
    frame(0x82, &[&[0, 7], &payload])
}

#[test]
fn mqtt_3_8_1_1_subscribe_has_its_fixed_flags() {
    for flags in (0..16).filter(|&flags| flags != 0b0010) {
        assert_closes(&frame(0x80 | flags, &[&[0, 1], &field("a"), &[0]]));
    }
}

#[test]
fn mqtt_3_8_3_1_filters_are_utf8() {
    assert_closes(&subscribe_bytes(&[(&[0xC3, 0x28], 0)]));
    assert_closes(&subscribe_bytes(&[(b"good", 0), (&[0xFF], 0)]));
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    assert_eq!(w.subscribe(bob, "größe/日本", QOS1), 1);
}

#[test]
fn mqtt_3_8_3_2_wildcards_are_supported() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    assert_eq!(w.subscribe(bob, "a/+/c/#", QOS1), 1);
    w.publish(bob, "a/b/c/d/e", "x", QOS0);
    assert_eq!(w.messages(bob), ["a/b/c/d/e x"]);
}

#[test]
fn mqtt_3_8_3_3_at_least_one_filter() {
    assert_closes(&subscribe_bytes(&[]));
    // A filter without its QoS is none.
    assert_closes(&frame(0x82, &[&[0, 1], &field("a")]));
}

#[test]
fn mqtt_3_8_3_4_reserved_bits_or_qos_3_close_the_connection() {
    for options in 3..=255 {
        assert_closes(&subscribe_bytes(&[(b"a", options)]));
    }
    // Nothing of such a packet is done.
    let mut w = World::new();
    let bob = w.connect("bob", v311().resume());
    w.raw(bob, &subscribe_bytes(&[(b"good", 1), (b"bad", 3)]));
    let bob = w.reconnect(bob);
    w.publish(bob, "good", "x", QOS1);
    assert_eq!(w.received(bob), []);
}

#[test]
fn mqtt_3_8_4_1_subscribe_is_answered_with_suback() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    w.raw(bob, &subscribe_bytes(&[(b"a", 0)]));
    assert_eq!(w.bytes(bob)[4..], [0x90, 3, 0, 7, 0]);
}

#[test]
fn mqtt_3_8_4_2_suback_has_the_identifier_of_subscribe() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    for id in [0x0001_u16, 0x0100, 0xFFFF] {
        let options = SubscriptionOptions::new(QOS0);
        w.send(bob, subscribe_packet(id, &[("a", options)], Properties::EMPTY));
        let got = w.take(bob, |p| match p {
            Packet::SubAck(suback) => Some(suback.packet_identifier),
            _ => None,
        });
        assert_eq!(got, Some(id));
    }
}

#[test]
fn mqtt_3_8_4_3_the_same_filter_again_replaces_the_subscription() {
    let mut w = World::new();
    let ann = w.connect("ann", v311());
    w.retain(ann, "a", "kept", QOS2);
    let bob = w.connect("bob", v311());
    for (asked, granted) in [(QOS0, 0), (QOS2, 2), (QOS1, 1)] {
        assert_eq!(w.subscribe(bob, "a", asked), granted);
        let again = w.publishes(bob);
        assert_eq!(
            (again.len(), again[0].retain, again[0].qos),
            (1, true, asked),
            "retained messages come again"
        );
        w.publish(ann, "a", "x", QOS2);
        let got = w.publishes(bob);
        assert_eq!((got.len(), got[0].retain, got[0].qos), (1, false, asked), "one copy, at the new QoS");
    }
    // What was on its way is not interrupted.
    w.auto_acknowledge(bob, false);
    w.publish(ann, "a", "on its way", QOS1);
    w.subscribe(bob, "a", QOS0);
    let got = w.publishes(bob);
    w.send(bob, puback(got[0].packet_identifier));
    w.publish(ann, "a", "next", QOS1);
    assert_eq!(w.messages(bob), ["a next"]);
}

#[test]
fn mqtt_3_8_4_4_many_filters_are_many_subscriptions_with_one_suback() {
    let mut w = World::new();
    let ann = w.connect("ann", v311());
    w.retain(ann, "a", "kept", QOS2);
    let bob = w.connect("bob", v311());
    // The same filter twice in one packet: the later one replaces the earlier.
    w.raw(bob, &subscribe_bytes(&[(b"a", 0), (b"b", 1), (b"a", 2)]));
    let received = w.received(bob);
    assert!(matches!(received[0], Packet::SubAck(suback) if suback.codes == [0, 1, 2]));
    assert_eq!(received.iter().filter(|p| matches!(p, Packet::SubAck(_))).count(), 1);
    let retained = received.iter().filter(|p| matches!(p, Packet::Publish(p) if p.retain)).count();
    assert_eq!(retained, 2, "each of the two asks for it");
    for topic in ["a", "b"] {
        w.publish(ann, topic, "x", QOS2);
    }
    let got: Vec<_> = w.publishes(bob).iter().map(|p| (p.topic, p.qos)).collect();
    assert_eq!(got, [("a", QOS2), ("b", QOS1)]);
}

#[test]
fn mqtt_3_8_4_5_suback_has_a_code_for_each_filter() {
    let filters: Vec<String> = (0..300).map(|i| format!("a/{i}")).collect();
    let asked: Vec<_> = filters
        .iter()
        .zip([QOS0, QOS1, QOS2].into_iter().cycle())
        .map(|(f, qos)| (f.as_str(), SubscriptionOptions::new(qos)))
        .collect();
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    let codes = w.subscribe_with(bob, &asked, Properties::EMPTY);
    let expected: Vec<u8> = [0, 1, 2].into_iter().cycle().take(300).collect();
    assert_eq!(codes, expected);
}

#[test]
fn mqtt_3_8_4_6_messages_come_at_the_lower_of_both_qos() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    for granted in [QOS0, QOS1, QOS2] {
        assert_eq!(w.subscribe(bob, "a", granted), granted as u8);
        for published in [QOS0, QOS1, QOS2] {
            w.publish(bob, "a", "x", published);
            let got: Vec<_> = w.publishes(bob).iter().map(|p| p.qos).collect();
            assert_eq!(got, [granted.min(published)]);
        }
    }
    // The server may grant less than was asked for.
    let rules = ListenerRules { max_qos: QOS1, ..ListenerRules::default() };
    let mut w = World::with_listeners(Limits::default(), vec![rules]);
    let bob = w.connect("bob", v311());
    assert_eq!(w.subscribe(bob, "a", QOS2), 1);
}

#[test]
fn mqtt_3_9_3_1_codes_are_in_the_order_of_the_filters() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    let orders = [[QOS2, QOS0, QOS1], [QOS1, QOS2, QOS0]];
    for order in orders {
        let asked = ["x", "y", "z"].into_iter().zip(order.map(SubscriptionOptions::new));
        let codes = w.subscribe_with(bob, &asked.collect::<Vec<_>>(), Properties::EMPTY);
        assert_eq!(codes, order.map(|qos| qos as u8));
    }
}

#[test]
fn mqtt_3_9_3_2_codes_are_0_1_2_or_0x80() {
    let mut w = World::new();
    for options in [v31(), v311()] {
        let bob = w.connect("bob", options);
        for filter in ["a", "#", "$SYS/#", "$share/g/a", "$CONTROL/x", "/"] {
            for qos in [QOS0, QOS1, QOS2] {
                let code = w.subscribe(bob, filter, qos);
                assert!(matches!(code, 0..=2 | 0x80), "{filter}: {code:#04x}");
            }
        }
    }
}
