//! What a stranger may cost: in a world of its own, where a flood takes no time and what it leaves behind can be counted.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

#[path = "world/mod.rs"]
mod world;

use mqtt_toolkit::broker::{Limits, ListenerRules, Notice};
use mqtt_toolkit::protocol::{
    Packet, Properties, Property, Publish, QoS, ReasonCode, Subscribe, SubscriptionOptions, Version,
};
use world::*;

const QOS0: QoS = QoS::AtMostOnce;
const QOS1: QoS = QoS::AtLeastOnce;

/// A SUBSCRIBE with any number of filters, as bytes.
fn subscribe_to<'a>(filters: impl Iterator<Item = &'a str> + Clone, qos: QoS) -> Vec<u8> {
    let mut bytes = Vec::new();
    let filters = filters.map(|filter| (filter, SubscriptionOptions::new(qos)));
    Subscribe::encode_parts(Version::V5, 1, &Properties::EMPTY, filters, &mut bytes);
    bytes
}

/// Messages that wait for a client, in flight or behind.
fn waiting(w: &mut World, client_id: &str) -> usize {
    w.shard().standing(client_id).map_or(0, |standing| standing.waiting)
}

#[test]
fn asking_for_all_retained_messages_a_thousand_times_costs_no_more_than_a_few() {
    for qos in [QOS0, QOS1] {
        let mut w = World::new();
        let ann = w.connect("ann", v5());
        for i in 0..1000 {
            w.retain(ann, &format!("a/{i}"), "x", QOS1);
        }
        let deaf = w.connect("deaf", v5());
        w.takes_only(deaf, 0);
        // 1,000,000 messages for 7,000 bytes; and with filters that all differ.
        let same = subscribe_to(std::iter::repeat_n("a/#", 1000), qos);
        let other: Vec<String> = (0..1000).map(|i| format!("+/{i}/+")).collect();
        for _ in 0..3 {
            w.raw(deaf, &same);
            w.raw(deaf, &subscribe_to(other.iter().map(String::as_str), qos));
            for filter in ["#", "+/#", "+/+", "a/+"] {
                w.raw(deaf, &subscribe_to(std::iter::once(filter), qos));
            }
            w.advance_ms(100);
        }
        assert!(waiting(&mut w, "deaf") < 12_000, "{}", waiting(&mut w, "deaf"));
        // Once it reads it gets all that it asked for.
        w.reads(deaf);
        w.advance(1);
        let got = w.publishes(deaf);
        assert!(got.len() > 10_000 && got.len() < 60_000, "{}", got.len());
        let last: Vec<&Publish<'_>> = got.iter().rev().take(1000).collect();
        for i in 0..1000 {
            let topic = format!("a/{i}");
            assert!(last.iter().any(|publish| publish.topic == topic), "{topic}");
        }
        assert_eq!(waiting(&mut w, "deaf"), 0);
    }
}

#[test]
fn what_was_asked_for_and_not_got_is_got_by_the_next_connection_of_the_session() {
    let mut w = World::new();
    let ann = w.connect("ann", v5());
    for i in 0..6000 {
        w.retain(ann, &format!("{}/{i}", i / 1000), "x", QOS1);
    }
    let bob = w.connect("bob", v5().session_expiry(1000));
    w.takes_only(bob, 0);
    let filters = ["#", "+/#", "+/+", "5/#", "4/#", "3/+"];
    w.raw(bob, &subscribe_to(filters.into_iter(), QOS1));
    w.cut(bob);
    w.advance(10);
    let bob = w.reconnect(bob);
    w.advance(1);
    assert_eq!(w.publishes(bob).len(), 3 * 6000 + 3 * 1000);
    assert_eq!(waiting(&mut w, "bob"), 0);
}

#[test]
fn filters_that_match_nothing_are_looked_for_a_bounded_number_of_times_a_turn() {
    let mut w = World::new();
    let ann = w.connect("ann", v5());
    for i in 0..2000 {
        w.retain(ann, &format!("a/{i}"), "x", QOS1);
    }
    let curious = w.connect("curious", v5());
    // Each looks at 2,000 topics. Looked for at once, these would be 4,000,000.
    let filters: Vec<String> = (0..2_000).map(|i| format!("+/+/{i}")).collect();
    w.raw(curious, &subscribe_to(filters.iter().map(String::as_str), QOS0));
    w.subscribe(curious, "a/7", QOS0);
    assert_eq!(w.publishes(curious), [], "looked for in one turn");
    // In the end the last one has its turn as well.
    w.advance(10);
    assert_eq!(w.messages(curious), ["a/7 x"]);
}

#[test]
fn thousands_of_shared_subscriptions_of_one_client() {
    const COUNT: usize = 5_000;
    let mut w = World::new();
    let many = w.connect("many", v5());
    let filters: Vec<String> = (0..COUNT).map(|i| format!("$share/group{i}/a")).collect();
    w.raw(many, &subscribe_to(filters.iter().map(String::as_str), QOS0));
    w.received(many);
    let ann = w.connect("ann", v5());
    w.publish(ann, "a", "x", QOS0);
    assert_eq!(w.publishes(many).len(), COUNT);
    let names: Vec<&str> = filters.iter().map(String::as_str).collect();
    for names in names.chunks(1000) {
        w.send(many, unsubscribe_packet(2, names));
    }
    assert_nothing_is_subscribed_to(&mut w);
}

#[track_caller]
fn assert_nothing_is_subscribed_to(w: &mut World) {
    let summary = w.shard().summary();
    assert!(summary.contains(" 0 subscriptions, 0 shared subscriptions"), "{summary}");
    assert_eq!(w.shard().subscription_tree(), "");
}

#[test]
fn subscribing_and_unsubscribing_leaves_nothing_behind() {
    let mut w = World::new();
    let busy = w.connect("busy", v5());
    for round in 0..200 {
        let filters: Vec<String> =
            (0..100).map(|i| format!("{}a/{round}/{i}/+/b", ["", "$share/g/"][i % 2])).collect();
        let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
        w.raw(busy, &subscribe_to(filters.iter().copied(), QOS1));
        w.send(busy, unsubscribe_packet(2, &filters));
        w.received(busy);
    }
    assert_nothing_is_subscribed_to(&mut w);
}

#[test]
fn who_says_nothing_keeps_nobody_out() {
    // At a listener that is full, and where there are enough connections in all.
    let here = ListenerRules { max_connections: Some(100), ..ListenerRules::default() };
    let all = Limits { global_max_connections: Some(100), ..Limits::default() };
    for (limits, rules) in [(Limits::default(), here), (all, ListenerRules::default())] {
        let mut w = World::with_listeners(limits, vec![rules]);
        let resident = w.connect("resident", v5());
        let silent: Vec<Client> = (0..99).map(|_| w.open()).collect();
        // They might still be about to say something.
        assert!(w.open_at(0).is_none());
        w.advance_ms(1_999);
        assert!(w.open_at(0).is_none());
        w.advance_ms(1);
        let mut guests = Vec::new();
        for i in 0..50 {
            guests.push(w.connect(&format!("guest-{i}"), v5()));
        }
        // The oldest went; those who had introduced themselves stay.
        assert!(silent[..50].iter().all(|&client| w.is_closed(client)));
        assert!(!silent[50..].iter().any(|&client| w.is_closed(client)));
        for client in [&[resident], &guests[..]].concat() {
            w.send(client, Packet::PingReq);
            assert!(!w.is_closed(client));
        }
        // When all have introduced themselves, the next one can't come.
        for (i, client) in silent[50..].iter().enumerate() {
            w.introduce(*client, &format!("late-{i}"), v5());
        }
        w.advance(20);
        w.notices();
        assert!(w.open_at(0).is_none());
        assert!(w.notices().iter().any(|notice| matches!(notice, Notice::TooManyConnections { .. })));
    }
}

#[test]
fn one_client_id_taken_over_thousands_of_times_leaves_one_session() {
    let mut w = World::new();
    let mut last = w.connect("same", v5().session_expiry(31_536_000).keep_alive(60_000));
    w.subscribe(last, "a", QOS1);
    for _ in 0..5000 {
        let next = w.reconnect(last);
        assert!(w.is_closed(last) && w.session_present(next));
        last = next;
    }
    assert_eq!(w.session_count(), 1);
    w.publish(last, "a", "x", QOS1);
    assert_eq!(w.messages(last), ["a x"]);
}

#[test]
fn a_will_with_thousands_of_levels_is_refused() {
    let mut w = World::new();
    for (separators, accepted) in [(200, true), (201, false), (32_000, false)] {
        let topic = format!("w{}", "/".repeat(separators));
        for version in [v5(), v311()] {
            let client = w.attempt("digger", version.will(&topic, "x", QOS1).will_retain());
            assert_eq!(!w.is_closed(client), accepted, "{separators}");
            w.cut(client);
        }
    }
}

#[test]
fn nobody_gets_out_of_a_mount_point() {
    let inside = ListenerRules { mount_point: Some("in/".into()), ..ListenerRules::default() };
    let mut w = World::with_listeners(Limits::default(), vec![inside, ListenerRules::default()]);
    let ann = w.connect("ann", v5());
    let out = w.open_at(1).unwrap();
    w.introduce(out, "out", v5());
    w.retain(out, "secret", "x", QOS1);
    w.retain(out, "in/known", "x", QOS1);
    // Whatever it subscribes to, it gets what is below its mount point, under the names that it has there.
    let filters = ["#", "+/#", "$share/g/#", "$share/g/secret", "/#", "../#", "in/#", "$SYS/#", "$CONTROL/#"];
    for filter in filters {
        w.subscribe(ann, filter, QOS1);
    }
    for topic in ["secret", "$SYS/x", "$CONTROL/x", "inside", "in"] {
        w.publish(out, topic, "outside", QOS1);
    }
    let topics: Vec<&str> = w.publishes(ann).iter().map(|publish| publish.topic).collect();
    assert_eq!(topics, ["known", "known"]);
    // Whatever it publishes is below it: by name, by alias, in a Will, retained; only the Response Topic is as it says.
    w.subscribe(out, "#", QOS1);
    w.subscribe(out, "$SYS/#", QOS1);
    w.subscribe(out, "$CONTROL/#", QOS1);
    w.received(out);
    for topic in ["a", "/a", "../a", "in/a", "$CONTROL/dynamic-security/v1", "$SYS/broker/connection/x/state"]
    {
        w.retain(ann, topic, "inside", QOS1);
        let got = w.publishes(out);
        assert_eq!(got.len(), 1, "{topic}");
        assert_eq!(got[0].topic, format!("in/{topic}"));
    }
    let alias = [Property::TopicAlias(1), Property::ResponseTopic("answer")];
    for topic in ["b", ""] {
        let publish = Publish { properties: properties(&alias), ..message(topic, "inside", QOS1) };
        w.publish_with(ann, publish);
    }
    assert_eq!(w.messages(out), ["in/b inside", "in/b inside"]);
    for topic in ["c", "$SYS/broker/connection/x/state"] {
        let will = w.connect("will", v5().will(topic, "gone", QOS1).will_retain());
        w.cut(will);
        assert_eq!(w.messages(out), [format!("in/{topic} gone")]);
    }
    let will = w.attempt("will", v5().will("$CONTROL/x", "gone", QOS1));
    assert!(w.is_closed(will));
}

#[test]
fn a_session_is_not_taken_from_below_another_mount_point() {
    let at = |mount_point: &str| ListenerRules {
        mount_point: Some(mount_point).filter(|point| !point.is_empty()).map(Into::into),
        ..ListenerRules::default()
    };
    let mut w = World::with_listeners(Limits::default(), vec![at("a/"), at("b/"), at("")]);
    for subscribes in [false, true] {
        let ann = w.connect("thing", v5().session_expiry(1000));
        w.subscribe(ann, "x/#", QOS1);
        w.subscribe(ann, "$share/g/y", QOS1);
        w.cut(ann);
        let boss = w.open_at(2).unwrap();
        w.introduce(boss, "boss", v5());
        w.publish(boss, "a/x/1", "secret", QOS1);
        w.publish(boss, "a/y", "secret", QOS1);
        if !subscribes {
            // Nothing but what waits.
            let ann = w.connect("thing", v5().session_expiry(1000).resume().receive_maximum(1));
            w.auto_acknowledge(ann, false);
            w.send(ann, unsubscribe_packet(1, &["x/#", "$share/g/y"]));
            w.cut(ann);
        }
        let bob = w.open_at(1).unwrap();
        w.introduce(bob, "thing", v5().session_expiry(1000).resume());
        w.publish(boss, "a/x/2", "secret", QOS1);
        w.publish(boss, "b/x/2", "x", QOS1);
        w.subscribe(bob, "x/3", QOS1);
        w.publish(boss, "b/x/3", "mine", QOS1);
        assert_eq!(w.messages(bob), ["x/3 mine"], "{subscribes}");
        w.cut(bob);
        // Who has no mount point sees everything anyway.
        let anybody = w.open_at(2).unwrap();
        w.introduce(anybody, "thing", v5().resume());
        w.publish(boss, "b/x/3", "mine", QOS1);
        assert_eq!(w.messages(anybody), ["b/x/3 mine"]);
        assert!(w.session_present(anybody));
        w.disconnect(anybody);
        w.cut(boss);
    }
}

#[test]
fn ten_thousand_filters_in_one_packet_are_answered_one_by_one() {
    let mut w = World::new();
    let many = w.connect("many", v311());
    let filters: Vec<String> = (0..10_000).map(|i| format!("a/{i}/+")).collect();
    let mut bytes = Vec::new();
    let options = filters.iter().map(|filter| (filter.as_str(), SubscriptionOptions::new(QOS1)));
    Subscribe::encode_parts(Version::V311, 7, &Properties::EMPTY, options, &mut bytes);
    w.raw(many, &bytes);
    let suback = w.take(many, |packet| match packet {
        Packet::SubAck(suback) => Some(suback.codes.to_vec()),
        _ => None,
    });
    assert_eq!(suback, Some(vec![1; 10_000]));
    w.cut(many);
    assert!(w.shard().summary().contains(" 0 subscriptions"));
}

#[test]
fn an_alias_that_was_never_allowed_or_set_ends_its_connection_only() {
    let mut w = World::new();
    let by = w.connect("by", v5());
    w.subscribe(by, "#", QOS1);
    for (alias, topic, reason) in [
        (11, "a", ReasonCode::TOPIC_ALIAS_INVALID),
        (65_535, "a", ReasonCode::TOPIC_ALIAS_INVALID),
        (1, "", ReasonCode::PROTOCOL_ERROR),
    ] {
        let sly = w.connect("sly", v5());
        let publish =
            Publish { properties: properties(&[Property::TopicAlias(alias)]), ..message(topic, "x", QOS0) };
        w.send(sly, Packet::Publish(publish));
        assert_eq!(w.disconnect_reason(sly), Some(reason));
        assert!(w.is_closed(sly));
    }
    // What one connection has set, the next doesn't know.
    let first = w.connect("sly", v5());
    let set = Publish { properties: properties(&[Property::TopicAlias(1)]), ..message("a", "x", QOS0) };
    w.send(first, Packet::Publish(set));
    let second = w.connect("sly", v5().resume());
    let used = Publish { properties: properties(&[Property::TopicAlias(1)]), ..message("", "x", QOS0) };
    w.send(second, Packet::Publish(used));
    assert!(w.is_closed(second));
    assert_eq!(w.messages(by), ["a x"]);
}

#[test]
fn who_comes_again_and_again_and_never_reads_doesnt_stop_a_publisher() {
    let mut w = World::new();
    let ann = w.connect("ann", v311());
    let mut last = None;
    // A minute in which a new one is there as soon as the one before holds nobody back any more.
    let (mut sent, start) = (0, w.now().monotonic);
    while w.now().monotonic < start + 60_000 {
        if !w.is_held(ann) {
            let deaf = w.connect("deaf", v5());
            w.takes_only(deaf, 20);
            w.auto_acknowledge(deaf, false);
            w.raw(deaf, &subscribe_to(std::iter::once("a"), QOS1));
            last = Some(deaf);
            let mut identifier = 0;
            while !w.is_held(ann) && identifier < 2000 {
                identifier += 1;
                let publish = Publish { packet_identifier: identifier, ..message("a", "x", QOS1) };
                w.send(ann, Packet::Publish(publish));
                sent += 1;
            }
        }
        w.advance_ms(100);
    }
    // It was held back for fifteen seconds, and for a moment by each that came. Else it would be 10,000.
    assert!(sent > 50_000, "{sent}");
    assert!(last.is_some_and(|deaf| !w.is_closed(deaf)));
}
