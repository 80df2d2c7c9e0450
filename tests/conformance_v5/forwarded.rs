//! Section 3.3.2.3: the properties of a PUBLISH that are passed on.

use super::*;

/// Publishes with these properties to receivers of every kind, and asserts that each gets them unaltered, in order.
#[track_caller]
fn assert_forwarded(list: &[Property<'_>]) {
    for qos in [QOS0, QOS1, QOS2] {
        let mut w = World::new();
        let as_published = SubscriptionOptions { retain_as_published: true, ..SubscriptionOptions::new(qos) };
        let plain = w.connect("plain", v5());
        w.subscribe(plain, "a/b", QOS2);
        let lower = w.connect("lower", v5());
        w.subscribe(lower, "a/+", QOS0);
        let shared = w.connect("shared", v5().topic_alias_maximum(5));
        w.subscribe_with(shared, &[("$share/g/a/#", as_published)], Properties::EMPTY);
        let away = w.connect("away", lasting());
        w.subscribe(away, "a/#", QOS1);
        w.cut(away);
        let old = w.connect("old", v311());
        w.subscribe(old, "a/b", QOS2);
        let ann = w.connect("ann", v5());
        let publish = with(list, message("a/b", "payload", qos));
        w.publish_with(ann, Publish { retain: true, ..publish });
        let away = w.reconnect(away);
        let late = w.connect("late", v5());
        w.subscribe(late, "a/b", QOS2);
        for client in [plain, lower, shared, away, late] {
            // (QoS 0 is not kept for a client that is away.)
            let got = w.publishes(client);
            if client == away && qos == QOS0 {
                assert_eq!(got, []);
                continue;
            }
            assert_eq!((got.len(), got[0].payload), (1, &b"payload"[..]));
            let came: Vec<_> =
                listed(&got[0]).into_iter().filter(|p| !matches!(p, Property::TopicAlias(_))).collect();
            assert_eq!(came, list, "{qos:?}");
        }
        assert_eq!(w.messages(old), ["a/b payload"], "3.1.1 gets the message without them");
    }
}

#[test]
fn mqtt_3_3_2_4_the_payload_format_indicator_is_passed_on_unaltered() {
    assert_forwarded(&[Property::PayloadFormatIndicator(true)]);
    assert_forwarded(&[Property::PayloadFormatIndicator(false)]);
    assert_forwarded(&[]);
    // The payload itself is the clients' business.
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.subscribe(bob, "a", QOS1);
    let publish = with(&[Property::PayloadFormatIndicator(true)], message("a", [0xFF, 0xC0], QOS1));
    assert_eq!(w.publish_with(bob, publish), ReasonCode::SUCCESS);
    assert_eq!(w.publishes(bob)[0].payload, [0xFF, 0xC0]);
}

#[test]
fn mqtt_3_3_2_13_the_response_topic_is_utf8() {
    for bad in [&[0xC3, 0x28][..], b"a\0"] {
        let property = raw_block(&[&[0x08], &field(bad)[..]].concat());
        assert_ends(&frame(0x30, &[&field("a"), &property, b"x"]), MALFORMED);
    }
}

#[test]
fn mqtt_3_3_2_14_the_response_topic_has_no_wildcards() {
    for bad in ["#", "+", "a/#", "a/+/b", ""] {
        let property = raw_block(&[&[0x08], &field(bad)[..]].concat());
        assert_ends(&frame(0x30, &[&field("a"), &property, b"x"]), PROTOCOL_ERROR);
        // Nor has that of a Will.
        let payload = [&field("id")[..], &property, &field("will"), &field("bye")];
        assert_refused(&connect_bytes(CLEAN | WILL, &payload), PROTOCOL_ERROR);
    }
}

#[test]
fn mqtt_3_3_2_15_the_response_topic_is_passed_on_unaltered() {
    assert_forwarded(&[Property::ResponseTopic("answers/to/ann")]);
}

#[test]
fn mqtt_3_3_2_16_correlation_data_is_passed_on_unaltered() {
    assert_forwarded(&[Property::CorrelationData(&[0, 255, 0x26, 0])]);
    assert_forwarded(&[Property::CorrelationData(b"")]);
    assert_forwarded(&[Property::CorrelationData(&[7; 20_000])]);
}

#[test]
fn mqtt_3_3_2_17_user_properties_are_passed_on_unaltered() {
    assert_forwarded(&[Property::UserProperty("name", "value")]);
    assert_forwarded(&[Property::UserProperty("", "")]);
    let long = "ä".repeat(10_000);
    assert_forwarded(&[Property::UserProperty(&long, &long)]);
}

#[test]
fn mqtt_3_3_2_18_user_properties_keep_their_order() {
    let list = [
        Property::UserProperty("b", "1"),
        Property::ContentType("x"),
        Property::UserProperty("a", "2"),
        Property::UserProperty("b", "1"),
        Property::UserProperty("a", "1"),
        Property::PayloadFormatIndicator(true),
        Property::UserProperty("c", "3"),
    ];
    assert_forwarded(&list);
}

#[test]
fn mqtt_3_3_2_19_the_content_type_is_utf8() {
    for bad in [&[0xC3, 0x28][..], b"a\0"] {
        let property = raw_block(&[&[0x03], &field(bad)[..]].concat());
        assert_ends(&frame(0x30, &[&field("a"), &property, b"x"]), MALFORMED);
    }
}

#[test]
fn mqtt_3_3_2_20_the_content_type_is_passed_on_unaltered() {
    assert_forwarded(&[Property::ContentType("application/json; charset=utf-8")]);
    assert_forwarded(&[Property::ContentType("")]);
}

#[test]
fn many_properties_of_every_kind_are_passed_on_together() {
    let names: Vec<String> = (0..500).map(|i| format!("name {i}")).collect();
    let mut list = vec![
        Property::ResponseTopic("r"),
        Property::CorrelationData(b"c"),
        Property::PayloadFormatIndicator(false),
        Property::ContentType("t"),
    ];
    list.extend(names.iter().map(|name| Property::UserProperty(name, "value")));
    assert_forwarded(&list);
}
