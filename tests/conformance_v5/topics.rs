//! Section 4.7: Topic Names and Topic Filters.

use super::*;

/// Whether a message on `topic` reaches a subscription to `filter`; asked of the live path, of a shared subscription,
/// and of the retained store.
#[track_caller]
fn reaches(filter: &str, topic: &str) -> bool {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    assert_eq!(w.subscribe(bob, filter, QOS0), 0, "{filter}");
    let member = w.connect("member", v5());
    let shared = format!("$share/g/{filter}");
    let has_shared = shared.len() <= 65_535;
    if has_shared {
        assert_eq!(w.subscribe(member, &shared, QOS0), 0, "{filter}");
    }
    let ann = w.connect("ann", v5());
    w.retain(ann, topic, "x", QOS0);
    let live = !w.publishes(bob).is_empty();
    if has_shared {
        assert_eq!(!w.publishes(member).is_empty(), live, "{filter} and {topic}: plain and shared differ");
    }
    let late = w.connect("late", v5());
    w.subscribe(late, filter, QOS0);
    let kept = !w.publishes(late).is_empty();
    assert_eq!(live, kept, "{filter} and {topic}: live and retained differ");
    live
}

#[track_caller]
fn assert_filter_ends(filter: &[u8]) {
    assert_ends(&frame(0x82, &[&[0, 1], NONE, &field(filter), &[0]]), MALFORMED);
    assert_ends(&frame(0xA2, &[&[0, 1], NONE, &field(filter)]), MALFORMED);
}

#[test]
fn mqtt_4_7_0_1_wildcards_are_for_filters_only() {
    for wild in ["#", "+", "a/#", "a/+", "+/a"] {
        assert_ends(&frame(0x30, &[&field(wild), NONE, b"x"]), MALFORMED);
        let payload = [&field("id")[..], NONE, &field(wild), &field("bye")];
        assert_refused(&connect_bytes(CLEAN | WILL, &payload), MALFORMED);
        let mut w = World::new();
        let bob = w.connect("bob", v5());
        assert_eq!(w.subscribe(bob, wild, QOS0), 0);
    }
}

#[test]
fn mqtt_4_7_1_1_the_multi_level_wildcard_is_last_and_alone_in_its_level() {
    for bad in ["a#", "a/b#", "#/a", "a/#/b", "##", "a/#b", "#/"] {
        assert_filter_ends(bad.as_bytes());
    }
    for topic in
        ["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon"]
    {
        assert!(reaches("sport/tennis/player1/#", topic), "{topic}");
    }
    assert!(reaches("sport/#", "sport"), "the parent level is covered as well");
    assert!(!reaches("sport/#", "sports"));
    assert!(reaches("#", "a") && reaches("#", "/") && reaches("/#", "/a"));
    assert!(!reaches("/#", "a"));
}

#[test]
fn mqtt_4_7_1_2_the_single_level_wildcard_fills_a_level() {
    for bad in ["a+", "+a", "a/b+/c", "++", "a/+b"] {
        assert_filter_ends(bad.as_bytes());
    }
    assert!(reaches("sport/tennis/+", "sport/tennis/player1"));
    assert!(!reaches("sport/tennis/+", "sport/tennis/player1/ranking"));
    assert!(!reaches("sport/+", "sport"));
    assert!(reaches("sport/+", "sport/"));
    assert!(reaches("+/+", "/finance") && reaches("/+", "/finance") && !reaches("+", "/finance"));
    assert!(reaches("+/tennis/#", "sport/tennis") && reaches("sport/+/player1", "sport//player1"));
}

#[test]
fn mqtt_4_7_2_1_wildcards_at_the_front_do_not_match_dollar_topics() {
    // ($SYS itself is the broker's own; a client may publish to any other.)
    for filter in ["#", "+", "+/a", "+/#"] {
        assert!(!reaches(filter, "$own/a"), "{filter}");
        assert!(!reaches(filter, "$own"), "{filter}");
    }
    assert!(reaches("$own/#", "$own/a") && reaches("$own/+", "$own/a") && reaches("$own/#", "$own"));
    assert!(reaches("+/a", "x/a") && reaches("a/#", "a/$own") && reaches("a/+", "a/$own"));
}

#[test]
fn mqtt_4_7_3_1_names_and_filters_have_at_least_one_character() {
    assert_ends(&frame(0x30, &[&field(""), NONE, b"x"]), PROTOCOL_ERROR);
    assert_filter_ends(b"");
    assert!(reaches("/", "/") && reaches(" ", " "));
}

#[test]
fn mqtt_4_7_3_2_names_and_filters_have_no_null_character() {
    assert_ends(&frame(0x30, &[&field("a\0"), NONE, b"x"]), MALFORMED);
    assert_filter_ends(b"\0");
    assert_filter_ends(b"a/\0/b");
}

#[test]
fn mqtt_4_7_3_3_names_and_filters_may_have_65535_bytes() {
    let long = "x".repeat(65_535);
    assert!(reaches(&long, &long));
    assert!(!reaches(&long, &long[1..]));
    let wide = "é".repeat(32_767);
    assert!(reaches("#", &wide));
}

#[test]
fn mqtt_4_7_3_4_names_and_filters_are_not_normalised() {
    for (filter, topic) in [
        ("a", "A"),
        ("a/b", "a//b"),
        ("a/b", "/a/b"),
        ("a/b", "a/b/"),
        ("a", " a"),
        ("a/../b", "b"),
        ("a/./b", "a/b"),
        ("%61", "a"),
        ("é", "e\u{301}"),
    ] {
        assert!(!reaches(filter, topic), "{filter:?} and {topic:?}");
        assert!(!reaches(topic, filter), "{topic:?} and {filter:?}");
    }
}

#[test]
fn topics_of_more_than_200_levels_are_not_served() {
    // mosquitto's limit, so that nobody can make the tree deep at will.
    let deep = vec!["x"; 199].join("/");
    assert!(reaches(&deep, &deep));
    assert!(reaches("#", &vec!["x"; 201].join("/")));
    let deeper = vec!["x"; 202].join("/");
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.send(bob, Packet::Publish(message(&deeper, "x", QOS0)));
    assert!(w.is_closed(bob));
    let bob = w.connect("bob", v5());
    w.raw(bob, &frame(0x82, &[&[0, 1], NONE, &field(&deeper), &[0]]));
    assert!(w.is_closed(bob));
    assert_eq!(w.disconnect_reason(bob), Some(ReasonCode::PROTOCOL_ERROR));
}
