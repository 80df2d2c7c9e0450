//! Sections 3.1.2.11.5 and 3.3.2.3.4: Topic Aliases, both ways.

use super::*;

fn aliased(topic: &str, alias: u16, payload: &str) -> Packet<'static> {
    Packet::Publish(with(&[Property::TopicAlias(alias)], message(topic, payload, QOS0)))
}

/// (Topic Name as sent, Topic Alias) of the messages that came.
fn aliases(w: &mut World, client: Client) -> Vec<(&'static str, Option<u16>)> {
    w.publishes(client).iter().map(|p| (p.topic, p.properties.topic_alias())).collect()
}

#[test]
fn mqtt_3_1_2_26_no_alias_above_the_clients_maximum_is_sent() {
    for maximum in [1, 3, 9] {
        let mut w = World::new();
        let bob = w.connect("bob", v5().topic_alias_maximum(maximum));
        w.subscribe(bob, "#", QOS1);
        let ann = w.connect("ann", v5());
        for round in 0..3 {
            for topic in 0..20_u16 {
                w.publish(ann, &topic.to_string(), "x", if round == 1 { QOS1 } else { QOS0 });
            }
            for (topic, alias) in aliases(&mut w, bob) {
                assert!(alias.is_none_or(|a| (1..=maximum).contains(&a)), "{topic:?} as {alias:?}");
                assert!(!topic.is_empty() || alias.is_some() && round > 0);
            }
        }
    }
}

#[test]
fn mqtt_3_1_2_27_without_topic_alias_maximum_none_is_sent() {
    for options in [v5(), v5().topic_alias_maximum(0)] {
        let mut w = World::new();
        let bob = w.connect("bob", options);
        w.subscribe(bob, "#", QOS0);
        // Not even if the publisher uses one.
        let ann = w.connect("ann", v5());
        w.send(ann, aliased("a", 1, "one"));
        w.send(ann, aliased("", 1, "two"));
        assert_eq!(aliases(&mut w, bob), [("a", None), ("a", None)]);
    }
}

#[test]
fn mqtt_3_3_2_7_aliases_end_with_their_connection() {
    let mut w = World::new();
    let ann = w.connect("ann", lasting());
    w.send(ann, aliased("a", 1, "x"));
    w.cut(ann);
    let ann = w.reconnect(ann);
    w.send(ann, aliased("", 1, "x"));
    assert_eq!(w.disconnect_reason(ann), Some(ReasonCode::PROTOCOL_ERROR), "it is not known here");
    assert!(w.is_closed(ann));
    // And those that the server set are set anew.
    let bob = w.connect("bob", lasting().topic_alias_maximum(5));
    w.subscribe(bob, "a", QOS1);
    let cat = w.connect("cat", v5());
    for _ in 0..2 {
        w.publish(cat, "a", "x", QOS0);
    }
    assert_eq!(aliases(&mut w, bob), [("a", Some(1)), ("", Some(1))]);
    w.cut(bob);
    let bob = w.reconnect(bob);
    w.publish(cat, "a", "x", QOS0);
    assert_eq!(aliases(&mut w, bob), [("a", Some(1))]);
}

#[test]
fn a_message_that_is_sent_again_has_its_topic_name() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", lasting().topic_alias_maximum(5));
    w.subscribe(bob, "a", QOS1);
    let ann = w.connect("ann", v5());
    w.publish(ann, "a", "one", QOS1);
    w.publish(ann, "a", "two", QOS1);
    assert_eq!(aliases(&mut w, bob), [("a", Some(1)), ("", Some(1))]);
    w.cut(bob);
    let bob = quiet(&mut w, "bob", lasting());
    assert_eq!(aliases(&mut w, bob), [("a", None), ("a", None)]);
}

#[test]
fn mqtt_3_3_2_8_alias_0_is_neither_sent_nor_taken() {
    assert_ends(&encoded(Version::V5, &aliased("a", 0, "x")), 0x94);
    assert_ends(&encoded(Version::V5, &aliased("", 0, "x")), 0x94);
    let mut w = World::new();
    let bob = w.connect("bob", v5().topic_alias_maximum(u16::MAX));
    w.subscribe(bob, "#", QOS0);
    let ann = w.connect("ann", v5());
    for topic in 0..100 {
        w.publish(ann, &topic.to_string(), "x", QOS0);
    }
    assert!(aliases(&mut w, bob).iter().all(|(_, alias)| *alias != Some(0)));
}

#[test]
fn an_alias_above_the_servers_maximum_ends_the_connection_with_0x94() {
    for alias in [11, 100, u16::MAX] {
        assert_ends(&encoded(Version::V5, &aliased("a", alias, "x")), 0x94);
        assert_ends(&encoded(Version::V5, &aliased("", alias, "x")), 0x94);
    }
    let rules = ListenerRules { max_topic_alias: 0, ..ListenerRules::default() };
    let mut w = World::with_listeners(Limits::default(), vec![rules]);
    let bob = w.connect("bob", v5());
    w.send(bob, aliased("a", 1, "x"));
    assert_eq!(w.disconnect_reason(bob), Some(ReasonCode::TOPIC_ALIAS_INVALID));
}

#[test]
fn an_alias_that_was_never_set_is_a_protocol_error() {
    assert_ends(&encoded(Version::V5, &aliased("", 3, "x")), PROTOCOL_ERROR);
}

#[test]
fn mqtt_3_3_2_11_the_servers_aliases_are_within_the_clients_maximum() {
    let mut w = World::new();
    let bob = w.connect("bob", v5().topic_alias_maximum(2));
    w.subscribe(bob, "#", QOS2);
    let ann = w.connect("ann", v5());
    for topic in ["a", "b", "c", "a", "b", "c"] {
        w.publish(ann, topic, "x", QOS1);
    }
    let expected = [("a", Some(1)), ("b", Some(2)), ("c", None), ("", Some(1)), ("", Some(2)), ("c", None)];
    assert_eq!(aliases(&mut w, bob), expected);
    // Nor does the server set more than it is told to.
    let mut w = World::new();
    let bob = w.connect("bob", v5().topic_alias_maximum(1000));
    w.subscribe(bob, "#", QOS2);
    for topic in 0..30 {
        w.publish(bob, &topic.to_string(), "x", QOS0);
    }
    assert_eq!(aliases(&mut w, bob).iter().filter_map(|(_, alias)| *alias).max(), Some(10));
}

#[test]
fn mqtt_3_3_2_12_every_alias_up_to_the_announced_maximum_is_taken() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.subscribe(bob, "#", QOS0);
    let ann = w.connect("ann", v5());
    let maximum = w.connack(ann).unwrap().properties.topic_alias_maximum().unwrap();
    for alias in 1..=maximum {
        w.send(ann, aliased(&format!("t/{alias}"), alias, "set"));
    }
    for alias in (1..=maximum).rev() {
        w.send(ann, aliased("", alias, "used"));
    }
    let set = (1..=maximum).map(|alias| format!("t/{alias} set"));
    let used = (1..=maximum).rev().map(|alias| format!("t/{alias} used"));
    assert_eq!(w.messages(bob), set.chain(used).collect::<Vec<_>>());
    // Set anew it stands for another topic; the others keep theirs.
    w.send(ann, aliased("other", 3, "set"));
    w.send(ann, aliased("", 3, "used"));
    w.send(ann, aliased("", 4, "used"));
    assert_eq!(w.messages(bob), ["other set", "other used", "t/4 used"]);
    // At every QoS, retained, and where the receiver is away.
    let away = w.connect("away", lasting());
    w.subscribe(away, "other", QOS2);
    w.cut(away);
    for qos in [QOS1, QOS2] {
        let publish = with(&[Property::TopicAlias(3)], message("", "kept", qos));
        w.publish_with(ann, Publish { retain: true, ..publish });
    }
    let away = w.reconnect(away);
    assert_eq!(w.messages(away), ["other kept"; 2]);
    let late = w.connect("late", v5());
    w.subscribe(late, "other", QOS0);
    assert_eq!(w.messages(late), ["other kept"]);
}

#[test]
fn aliases_of_two_clients_are_apart() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.subscribe(bob, "#", QOS0);
    let (ann, cat) = (w.connect("ann", v5()), w.connect("cat", v5()));
    w.send(ann, aliased("of/ann", 1, "1"));
    w.send(cat, aliased("of/cat", 1, "1"));
    w.send(ann, aliased("", 1, "2"));
    w.send(cat, aliased("", 1, "2"));
    assert_eq!(w.messages(bob), ["of/ann 1", "of/cat 1", "of/ann 2", "of/cat 2"]);
}

#[test]
fn an_alias_is_set_even_if_nobody_subscribes_or_the_message_is_too_large_for_the_receiver() {
    let mut w = World::new();
    let ann = w.connect("ann", v5());
    w.send(ann, aliased("a", 1, "nobody"));
    let bob = w.connect("bob", v5().topic_alias_maximum(1).maximum_packet_size(30));
    w.subscribe(bob, "a", QOS0);
    // The first is dropped for bob: the alias was not told to it, so it must not be used.
    w.send(ann, aliased("", 1, "a payload of more than thirty bytes"));
    w.send(ann, aliased("", 1, "x"));
    w.send(ann, aliased("", 1, "y"));
    assert_eq!(aliases(&mut w, bob), [("a", Some(1)), ("", Some(1))]);
}
