//! Sections 3.8 and 3.9: SUBSCRIBE and SUBACK. (Retain Handling is in `retained.rs`, Shared Subscriptions are in
//! `shared.rs`, Subscription Identifiers in `publish.rs`.)

use super::*;

/// A SUBSCRIBE that may be wrong: each filter with its byte of options.
fn subscribe_bytes(filters: &[(&[u8], u8)]) -> Vec<u8> {
    let payload: Vec<u8> =
        filters.iter().flat_map(|(f, options)| [field(f), vec![*options]].concat()).collect();
    frame(0x82, &[&[0, 7], NONE, &payload])
}

#[test]
fn mqtt_3_8_1_1_subscribe_has_its_fixed_flags() {
    for flags in (0..16).filter(|&flags| flags != 0b0010) {
        assert_ends(&frame(0x80 | flags, &[&[0, 1], NONE, &field("a"), &[0]]), MALFORMED);
    }
}

#[test]
fn mqtt_3_8_3_1_filters_are_utf8() {
    assert_ends(&subscribe_bytes(&[(&[0xC3, 0x28], 0)]), MALFORMED);
    assert_ends(&subscribe_bytes(&[(b"good", 0), (&[0xFF], 0)]), MALFORMED);
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    assert_eq!(w.subscribe(bob, "größe/日本", QOS1), 1);
}

#[test]
fn mqtt_3_8_3_2_at_least_one_filter_with_options() {
    assert_ends(&subscribe_bytes(&[]), PROTOCOL_ERROR);
    // A filter without its options is none.
    assert_ends(&frame(0x82, &[&[0, 1], NONE, &field("a")]), MALFORMED);
}

#[test]
fn mqtt_3_8_3_3_no_local_keeps_a_client_from_its_own_messages() {
    let no_local = SubscriptionOptions { no_local: true, ..SubscriptionOptions::new(QOS2) };
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    w.subscribe_with(bob, &[("a", no_local)], Properties::EMPTY);
    w.subscribe(bob, "b", QOS2);
    let ann = w.connect("ann", v5());
    for qos in [QOS0, QOS1, QOS2] {
        for topic in ["a", "b"] {
            w.publish(bob, topic, "own", qos);
            w.publish(ann, topic, "other", qos);
        }
        assert_eq!(w.messages(bob), ["a other", "b own", "b other"]);
    }
    // The ClientId counts, not the connection: also when the session goes on over another.
    let bob = w.reconnect(bob);
    w.publish(bob, "a", "own", QOS1);
    assert_eq!(w.received(bob), []);
    // A copy for another subscription without No Local comes.
    w.subscribe(bob, "#", QOS1);
    w.publish(bob, "a", "own", QOS1);
    assert_eq!(w.messages(bob), ["a own"]);
    // Subscribing again without it replaces it.
    w.unsubscribe(bob, "#");
    w.subscribe(bob, "a", QOS1);
    w.publish(bob, "a", "own", QOS1);
    assert_eq!(w.messages(bob), ["a own"]);
}

#[test]
fn no_local_holds_for_the_clients_own_will() {
    let no_local = SubscriptionOptions { no_local: true, ..SubscriptionOptions::new(QOS1) };
    let mut w = World::new();
    let bob = w.connect("bob", lasting().will("will", "bye", QOS1));
    w.subscribe_with(bob, &[("will", no_local)], Properties::EMPTY);
    w.cut(bob);
    let bob = w.connect("bob", lasting());
    assert!(w.session_present(bob));
    assert_eq!(w.received(bob), []);
}

#[test]
fn mqtt_3_8_3_4_no_local_on_a_shared_subscription_is_a_protocol_error() {
    assert_ends(&subscribe_bytes(&[(b"$share/g/a", 0x04)]), PROTOCOL_ERROR);
    assert_ends(&subscribe_bytes(&[(b"a", 0x04), (b"$share/g/a", 0x06)]), PROTOCOL_ERROR);
}

#[test]
fn mqtt_3_8_3_5_reserved_bits_of_the_options_are_malformed() {
    for options in 0..=255_u8 {
        if options & 0xC0 != 0 {
            assert_ends(&subscribe_bytes(&[(b"a", options)]), MALFORMED);
        } else if options & 3 == 3 || options >> 4 & 3 == 3 {
            // QoS 3, Retain Handling 3.
            assert_ends(&subscribe_bytes(&[(b"a", options)]), PROTOCOL_ERROR);
        } else {
            let mut w = World::new();
            let bob = w.connect("bob", v5());
            let start = w.bytes(bob).len();
            w.raw(bob, &subscribe_bytes(&[(b"a", options)]));
            assert_eq!(w.bytes(bob)[start..], [0x90, 4, 0, 7, 0, options & 3]);
        }
    }
    // Nothing of such a packet is done.
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    w.raw(bob, &subscribe_bytes(&[(b"good", 1), (b"bad", 0x80)]));
    let bob = w.reconnect(bob);
    w.publish(bob, "good", "x", QOS1);
    assert_eq!(w.received(bob), []);
}

#[test]
fn mqtt_3_8_4_1_subscribe_is_answered_with_suback() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    let start = w.bytes(bob).len();
    w.raw(bob, &subscribe_bytes(&[(b"a", 0)]));
    assert_eq!(w.bytes(bob)[start..], [0x90, 4, 0, 7, 0, 0]);
}

#[test]
fn mqtt_3_8_4_2_suback_has_the_identifier_of_subscribe() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    for id in [0x0001_u16, 0x0100, 0xFFFF] {
        let options = SubscriptionOptions::new(QOS0);
        w.send(bob, subscribe_packet(id, &[("a", options)], Properties::EMPTY));
        assert!(matches!(w.received(bob)[..], [Packet::SubAck(suback)] if suback.packet_identifier == id));
    }
}

#[test]
fn mqtt_3_8_4_3_the_same_filter_again_replaces_the_subscription() {
    let mut w = World::new();
    let ann = w.connect("ann", v5());
    let bob = w.connect("bob", v5());
    let with_identifier = |id| properties(&[Property::SubscriptionIdentifier(id)]);
    for (asked, id, as_published) in [(QOS0, 1, true), (QOS2, 2, false), (QOS1, 3, true)] {
        let options =
            SubscriptionOptions { retain_as_published: as_published, ..SubscriptionOptions::new(asked) };
        w.subscribe_with(bob, &[("a/+", options)], with_identifier(id));
        w.received(bob);
        w.retain(ann, "a/b", "x", QOS2);
        let got = w.publishes(bob);
        assert_eq!((got.len(), got[0].qos, got[0].retain), (1, asked, as_published), "one copy");
        assert_eq!(got[0].properties.subscription_identifiers().collect::<Vec<_>>(), [id]);
    }
    // A shared one with the same filter is another subscription.
    w.subscribe(bob, "$share/g/a/+", QOS0);
    w.publish(ann, "a/b", "x", QOS2);
    assert_eq!(w.publishes(bob).len(), 2);
}

#[test]
fn mqtt_3_8_4_4_replacing_sends_retained_messages_again_and_loses_nothing() {
    let mut w = World::new();
    let ann = w.connect("ann", v5());
    w.retain(ann, "a", "kept", QOS1);
    let bob = quiet(&mut w, "bob", v5().receive_maximum(3));
    for round in 0..3 {
        w.subscribe(bob, "a", QOS1);
        w.publish(ann, "a", round.to_string(), QOS1);
    }
    // All in their order, though most had to wait, and were promised to a subscription that was replaced since.
    w.auto_acknowledge(bob, true);
    let mut came = w.publishes(bob);
    for publish in came.clone() {
        w.send(bob, puback(publish.packet_identifier));
    }
    came.extend(w.publishes(bob));
    assert_eq!(payloads(&came), ["kept", "0", "kept", "1", "kept", "2"]);
}

#[test]
fn mqtt_3_8_4_5_many_filters_are_many_subscriptions_with_one_suback() {
    let mut w = World::new();
    let ann = w.connect("ann", v5());
    w.retain(ann, "a", "kept", QOS2);
    let bob = w.connect("bob", v5());
    // The same filter twice in one packet: the later one replaces the earlier. The identifier counts for all.
    let filters = [("a", QOS0), ("b", QOS1), ("a", QOS2), ("$share/g/c", QOS2)]
        .map(|(filter, qos)| (filter, SubscriptionOptions::new(qos)));
    w.send(bob, subscribe_packet(7, &filters, properties(&[Property::SubscriptionIdentifier(9)])));
    let received = w.received(bob);
    assert!(matches!(received[0], Packet::SubAck(suback) if suback.codes == [0, 1, 2, 2]));
    assert_eq!(received.iter().filter(|p| matches!(p, Packet::SubAck(_))).count(), 1);
    let retained = received.iter().filter(|p| matches!(p, Packet::Publish(p) if p.retain)).count();
    assert_eq!(retained, 2, "each of the two asks for it");
    for topic in ["a", "b", "c"] {
        w.publish(ann, topic, "x", QOS2);
    }
    let got: Vec<_> = w
        .publishes(bob)
        .iter()
        .map(|p| (p.topic, p.qos, p.properties.subscription_identifiers().next()))
        .collect();
    assert_eq!(got, [("a", QOS2, Some(9)), ("b", QOS1, Some(9)), ("c", QOS2, Some(9))]);
}

#[test]
fn mqtt_3_8_4_6_suback_has_a_code_for_each_filter() {
    let filters: Vec<String> = (0..300).map(|i| format!("a/{i}")).collect();
    let asked: Vec<_> = filters
        .iter()
        .zip([QOS0, QOS1, QOS2].into_iter().cycle())
        .map(|(f, qos)| (f.as_str(), SubscriptionOptions::new(qos)))
        .collect();
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    let codes = w.subscribe_with(bob, &asked, Properties::EMPTY);
    let expected: Vec<u8> = [0, 1, 2].into_iter().cycle().take(300).collect();
    assert_eq!(codes, expected);
}

#[test]
fn mqtt_3_8_4_7_the_code_is_the_qos_granted() {
    for max_qos in [QOS0, QOS1, QOS2] {
        let rules = ListenerRules { max_qos, ..ListenerRules::default() };
        let mut w = World::with_listeners(Limits::default(), vec![rules]);
        let bob = w.connect("bob", v5());
        for asked in [QOS0, QOS1, QOS2] {
            assert_eq!(w.subscribe(bob, "a", asked), asked.min(max_qos) as u8);
        }
    }
}

#[test]
fn mqtt_3_8_4_8_messages_come_at_the_lower_of_both_qos() {
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    for granted in [QOS0, QOS1, QOS2] {
        assert_eq!(w.subscribe(bob, "a", granted), granted as u8);
        for published in [QOS0, QOS1, QOS2] {
            w.publish(bob, "a", "x", published);
            let got: Vec<_> = w.publishes(bob).iter().map(|p| p.qos).collect();
            assert_eq!(got, [granted.min(published)]);
        }
    }
    // Also when they had to wait.
    w.cut(bob);
    let ann = w.connect("ann", v5());
    w.publish(ann, "a", "x", QOS2);
    w.publish(ann, "a", "x", QOS1);
    let bob = w.reconnect(bob);
    let got: Vec<_> = w.publishes(bob).iter().map(|p| p.qos).collect();
    assert_eq!(got, [QOS2, QOS1]);
}

#[test]
fn mqtt_3_9_3_1_codes_are_in_the_order_of_the_filters() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    for order in [[QOS2, QOS0, QOS1], [QOS1, QOS2, QOS0]] {
        let asked = ["x", "y", "$share/g/z"].into_iter().zip(order.map(SubscriptionOptions::new));
        let codes = w.subscribe_with(bob, &asked.collect::<Vec<_>>(), Properties::EMPTY);
        assert_eq!(codes, order.map(|qos| qos as u8));
    }
}

#[test]
fn mqtt_3_9_3_2_codes_are_those_of_the_table() {
    const TABLE: [u8; 12] = [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2];
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    for filter in ["a", "#", "+/+", "$SYS/#", "$share/g/a", "$share/g/#", "$CONTROL/x", "/", "$SYS"] {
        for qos in [QOS0, QOS1, QOS2] {
            let code = w.subscribe(bob, filter, qos);
            assert!(TABLE.contains(&code), "{filter}: {code:#04x}");
        }
    }
}

#[test]
fn wildcards_identifiers_and_shared_subscriptions_are_available_without_saying_so() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    let announced = w.connack(bob).unwrap().properties;
    assert_eq!(announced.wildcard_subscription_available(), None, "absent is available");
    assert_eq!(announced.subscription_identifiers_available(), None);
    assert_eq!(announced.shared_subscription_available(), None);
    let options = SubscriptionOptions::new(QOS1);
    let identifier = properties(&[Property::SubscriptionIdentifier(1)]);
    let codes = w.subscribe_with(bob, &[("a/+/#", options), ("$share/g/b/+", options)], identifier);
    assert_eq!(codes, [1, 1]);
}

#[test]
fn user_properties_of_subscribe_and_unsubscribe_are_read() {
    let pairs = block(&[Property::UserProperty("a", "b"), Property::UserProperty("a", "b")]);
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    let start = w.bytes(bob).len();
    w.raw(bob, &frame(0x82, &[&[0, 1], &pairs, &field("a"), &[1]]));
    w.raw(bob, &frame(0xA2, &[&[0, 2], &pairs, &field("a")]));
    assert_eq!(w.bytes(bob)[start..], [0x90, 4, 0, 1, 0, 1, 0xB0, 4, 0, 2, 0, 0]);
}
