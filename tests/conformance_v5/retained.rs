//! Sections 3.3.1.3 and 3.8.3.1: RETAIN, Retain Handling, Retain As Published.

use super::*;

/// What a new subscriber to `filter` gets, as (topic, payload, QoS, RETAIN).
fn retained(w: &mut World, filter: &str) -> Vec<(&'static str, String, QoS, bool)> {
    let late = w.connect("late", v5());
    w.subscribe(late, filter, QOS2);
    let text = |p: &Publish<'_>| String::from_utf8(p.payload.to_vec()).unwrap();
    let got = w.publishes(late);
    w.disconnect(late);
    got.iter().map(|p| (p.topic, text(p), p.qos, p.retain)).collect()
}

fn handling(retain_handling: RetainHandling) -> SubscriptionOptions {
    SubscriptionOptions { retain_handling, ..SubscriptionOptions::new(QOS1) }
}

#[test]
fn mqtt_3_3_1_5_a_retained_message_replaces_the_one_before() {
    let mut w = World::new();
    let ann = w.connect("ann", v5());
    for (payload, qos) in [("one", QOS2), ("two", QOS0), ("three", QOS1)] {
        w.retain(ann, "a", payload, qos);
        w.advance(24 * 3600);
        assert_eq!(retained(&mut w, "a"), [("a", payload.into(), qos, true)]);
    }
    // It outlives the session of its publisher.
    w.disconnect(ann);
    assert_eq!(w.session_count(), 0);
    assert_eq!(retained(&mut w, "#").len(), 1);
}

#[test]
fn mqtt_3_3_1_6_an_empty_payload_is_delivered_and_removes_the_retained_message() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.subscribe(bob, "a", QOS1);
    for qos in [QOS0, QOS1, QOS2] {
        w.retain(bob, "a", "kept", qos);
        w.retain(bob, "a", "", qos);
        assert_eq!(w.messages(bob), ["a kept", "a "]);
        assert_eq!(retained(&mut w, "a"), []);
    }
}

#[test]
fn mqtt_3_3_1_7_an_empty_retained_message_is_not_stored() {
    let mut w = World::new();
    let ann = w.connect("ann", v5());
    let pair = Property::UserProperty("k", "v");
    w.publish_with(ann, Publish { retain: true, ..with(&[pair], message("a", "", QOS1)) });
    assert_eq!(retained(&mut w, "#"), []);
}

#[test]
fn mqtt_3_3_1_8_without_retain_nothing_is_stored_or_replaced() {
    let mut w = World::new();
    let ann = w.connect("ann", v5());
    w.publish(ann, "a", "passing", QOS1);
    assert_eq!(retained(&mut w, "a"), []);
    w.retain(ann, "a", "kept", QOS1);
    w.publish(ann, "a", "passing", QOS1);
    w.publish(ann, "a", "", QOS1);
    assert_eq!(retained(&mut w, "a"), [("a", "kept".into(), QOS1, true)]);
}

#[test]
fn mqtt_3_3_1_9_retain_handling_0_sends_them_at_each_subscribe() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    for topic in ["a/b", "a/c", "a", "b"] {
        w.retain(bob, topic, "kept", QOS1);
    }
    for _ in 0..3 {
        w.subscribe_with(bob, &[("a/#", handling(RetainHandling::SendAtSubscribe))], Properties::EMPTY);
        let mut got = w.messages(bob);
        got.sort();
        assert_eq!(got, ["a kept", "a/b kept", "a/c kept"]);
    }
}

#[test]
fn mqtt_3_3_1_10_retain_handling_1_sends_them_for_a_new_subscription_only() {
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    w.retain(bob, "a", "kept", QOS1);
    let new_only = [("a", handling(RetainHandling::SendIfNew))];
    w.subscribe_with(bob, &new_only, Properties::EMPTY);
    assert_eq!(w.messages(bob), ["a kept"]);
    w.subscribe_with(bob, &new_only, Properties::EMPTY);
    assert_eq!(w.received(bob), []);
    // In the session that goes on the subscription is no new one.
    let bob = w.reconnect(bob);
    w.subscribe_with(bob, &new_only, Properties::EMPTY);
    assert_eq!(w.received(bob), []);
    // After UNSUBSCRIBE it is.
    w.unsubscribe(bob, "a");
    w.subscribe_with(bob, &new_only, Properties::EMPTY);
    assert_eq!(w.messages(bob), ["a kept"]);
    // Other filters that match the same topic are other subscriptions.
    w.subscribe_with(bob, &[("+", handling(RetainHandling::SendIfNew))], Properties::EMPTY);
    assert_eq!(w.messages(bob), ["a kept"]);
}

#[test]
fn mqtt_3_3_1_11_retain_handling_2_sends_none() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.retain(bob, "a", "kept", QOS1);
    for _ in 0..2 {
        w.subscribe_with(bob, &[("a", handling(RetainHandling::DoNotSend))], Properties::EMPTY);
        assert_eq!(w.received(bob), []);
    }
    w.retain(bob, "a", "live", QOS1);
    assert_eq!(w.messages(bob), ["a live"], "what is published afterwards comes");
}

#[test]
fn mqtt_3_3_1_12_without_retain_as_published_retain_goes_out_as_0() {
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    w.subscribe(bob, "a", QOS2);
    for qos in [QOS0, QOS1, QOS2] {
        w.retain(bob, "a", "x", qos);
        w.publish(bob, "a", "x", qos);
        let got: Vec<bool> = w.publishes(bob).iter().map(|p| p.retain).collect();
        assert_eq!(got, [false, false]);
    }
    // Also when it had to wait.
    w.cut(bob);
    let ann = w.connect("ann", v5());
    w.retain(ann, "a", "y", QOS1);
    let bob = w.reconnect(bob);
    assert!(!w.publishes(bob)[0].retain);
    // A message that is retained already goes out as 1.
    let late = w.connect("late", v5());
    w.subscribe(late, "a", QOS1);
    assert!(w.publishes(late)[0].retain);
}

#[test]
fn mqtt_3_3_1_13_with_retain_as_published_retain_goes_out_as_it_came() {
    let as_published = SubscriptionOptions { retain_as_published: true, ..SubscriptionOptions::new(QOS2) };
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    for filter in ["a", "$share/g/b"] {
        w.subscribe_with(bob, &[(filter, as_published)], Properties::EMPTY);
    }
    let old = w.connect("old", v311());
    for publisher in [bob, old] {
        for topic in ["a", "b"] {
            for qos in [QOS0, QOS1, QOS2] {
                w.retain(publisher, topic, "x", qos);
                w.publish(publisher, topic, "x", qos);
                let got: Vec<bool> = w.publishes(bob).iter().map(|p| p.retain).collect();
                assert_eq!(got, [true, false]);
            }
        }
    }
    // Also when it had to wait.
    w.cut(bob);
    w.retain(old, "a", "y", QOS1);
    w.publish(old, "a", "y", QOS1);
    let bob = w.reconnect(bob);
    let got: Vec<bool> = w.publishes(bob).iter().map(|p| p.retain).collect();
    assert_eq!(got, [true, false]);
}

#[test]
fn retained_messages_keep_their_properties() {
    let all = [
        Property::PayloadFormatIndicator(true),
        Property::ContentType("text"),
        Property::ResponseTopic("r"),
        Property::CorrelationData(b"c"),
        Property::UserProperty("a", "1"),
        Property::UserProperty("a", "2"),
    ];
    let mut w = World::new();
    let ann = w.connect("ann", v5());
    w.publish_with(ann, Publish { retain: true, ..with(&all, message("a", "x", QOS1)) });
    let bob = w.connect("bob", v5());
    w.subscribe(bob, "a", QOS1);
    assert_eq!(listed(&w.publishes(bob)[0]), all);
}

#[test]
fn retained_messages_come_at_the_lower_of_both_qos_and_behind_suback() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    for kept in [QOS0, QOS1, QOS2] {
        w.retain(bob, "a", "x", kept);
        w.received(bob);
        for asked in [QOS0, QOS1, QOS2] {
            let before = w.history(bob).len();
            w.subscribe(bob, "a", asked);
            assert_eq!(w.publishes(bob)[0].qos, kept.min(asked));
            assert!(matches!(w.history(bob)[before..], [Packet::SubAck(_), Packet::Publish(_), ..]));
        }
    }
}
