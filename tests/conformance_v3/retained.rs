//! Section 3.3.1.3: RETAIN.

use super::*;

/// What a new subscriber to `filter` gets, as (topic, payload, QoS, RETAIN).
fn retained(w: &mut World, filter: &str) -> Vec<(&'static str, String, QoS, bool)> {
    let late = w.connect("late", v311());
    w.subscribe(late, filter, QOS2);
    let text = |p: &Publish<'_>| String::from_utf8(p.payload.to_vec()).unwrap();
    let got = w.publishes(late);
    w.disconnect(late);
    got.iter().map(|p| (p.topic, text(p), p.qos, p.retain)).collect()
}

#[test]
fn mqtt_3_3_1_5_a_retained_message_is_stored_with_its_qos() {
    let mut w = World::new();
    let ann = w.connect("ann", v311());
    for (topic, qos) in [("a/0", QOS0), ("a/1", QOS1), ("a/2", QOS2)] {
        w.retain(ann, topic, "kept", qos);
        w.advance(24 * 3600);
        assert_eq!(retained(&mut w, topic), [(topic, "kept".into(), qos, true)]);
    }
}

#[test]
fn mqtt_3_3_1_6_a_new_subscription_gets_the_last_retained_message_of_each_topic() {
    let mut w = World::new();
    let ann = w.connect("ann", v311());
    for (topic, payload) in [("a/b", "old"), ("a/b", "new"), ("a/c", "c"), ("b", "other"), ("a", "parent")] {
        w.retain(ann, topic, payload, QOS1);
    }
    let mut got = retained(&mut w, "a/#");
    got.sort();
    let expected = [("a", "parent"), ("a/b", "new"), ("a/c", "c")];
    assert_eq!(got, expected.map(|(topic, payload)| (topic, payload.to_string(), QOS1, true)));
    assert_eq!(
        retained(&mut w, "+"),
        [("a", "parent".into(), QOS1, true), ("b", "other".into(), QOS1, true)]
    );
    assert_eq!(retained(&mut w, "c/#"), []);
}

#[test]
fn more_retained_messages_than_may_be_in_flight_all_arrive() {
    let mut w = World::new();
    let ann = w.connect("ann", v311());
    for i in 0..3000 {
        w.retain(ann, &format!("a/{i}"), "x", QOS1);
    }
    assert_eq!(retained(&mut w, "a/#").len(), 3000);
}

#[test]
fn mqtt_3_3_1_7_a_retained_message_of_qos_0_replaces_the_one_before() {
    let mut w = World::new();
    let ann = w.connect("ann", v311());
    w.retain(ann, "a", "old", QOS2);
    w.retain(ann, "a", "new", QOS0);
    assert_eq!(retained(&mut w, "a"), [("a", "new".into(), QOS0, true)]);
}

#[test]
fn mqtt_3_3_1_8_retain_is_1_for_a_new_subscription() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    w.retain(bob, "a", "kept", QOS1);
    w.subscribe(bob, "a", QOS1);
    let got = w.publishes(bob);
    assert_eq!((got.len(), got[0].retain, got[0].dup), (1, true, false));
}

#[test]
fn mqtt_3_3_1_9_retain_is_0_for_a_subscription_that_was_there() {
    let mut w = World::new();
    let bob = w.connect("bob", v311().resume());
    w.subscribe(bob, "a", QOS2);
    for qos in [QOS0, QOS1, QOS2] {
        w.retain(bob, "a", "x", qos);
        let got = w.publishes(bob);
        assert_eq!((got.len(), got[0].retain), (1, false));
    }
    // Also when it had to wait.
    w.cut(bob);
    let ann = w.connect("ann", v311());
    w.retain(ann, "a", "y", QOS1);
    let bob = w.reconnect(bob);
    let got = w.publishes(bob);
    assert_eq!((got.len(), got[0].retain), (1, false));
}

#[test]
fn mqtt_3_3_1_10_an_empty_payload_is_delivered_and_removes_the_retained_message() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    w.subscribe(bob, "a", QOS1);
    w.retain(bob, "a", "kept", QOS1);
    w.retain(bob, "a", "", QOS1);
    assert_eq!(w.messages(bob), ["a kept", "a "]);
    assert_eq!(retained(&mut w, "a"), []);
}

#[test]
fn mqtt_3_3_1_11_an_empty_retained_message_is_not_stored() {
    let mut w = World::new();
    let ann = w.connect("ann", v311());
    w.retain(ann, "a", "", QOS1);
    assert_eq!(retained(&mut w, "#"), []);
}

#[test]
fn mqtt_3_3_1_12_without_retain_nothing_is_stored_or_replaced() {
    let mut w = World::new();
    let ann = w.connect("ann", v311());
    w.publish(ann, "a", "passing", QOS1);
    assert_eq!(retained(&mut w, "a"), []);
    w.retain(ann, "a", "kept", QOS1);
    w.publish(ann, "a", "passing", QOS1);
    w.publish(ann, "a", "", QOS1);
    assert_eq!(retained(&mut w, "a"), [("a", "kept".into(), QOS1, true)]);
}
