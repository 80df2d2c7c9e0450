//! Sections 4.7 and 4.8: Topic Names and Topic Filters; errors.

use super::*;

/// Whether a message on `topic` reaches a subscription to `filter`; asked of the live path and the retained store.
#[track_caller]
fn reaches(filter: &str, topic: &str) -> bool {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    assert_eq!(w.subscribe(bob, filter, QOS0), 0, "{filter}");
    let ann = w.connect("ann", v311());
    w.retain(ann, topic, "x", QOS0);
    let live = !w.publishes(bob).is_empty();
    let late = w.connect("late", v311());
    w.subscribe(late, filter, QOS0);
    let kept = !w.publishes(late).is_empty();
    assert_eq!(live, kept, "{filter} and {topic}: live and retained differ");
    live
}

#[track_caller]
fn assert_filter_closes(filter: &[u8]) {
    assert_closes(&frame(0x82, &[&[0, 1], &field(filter), &[0]]));
}

#[test]
fn mqtt_4_7_1_1_wildcards_are_for_filters_only() {
    for wild in ["#", "+", "a/#", "a/+", "+/a"] {
        assert_closes(&frame(0x30, &[&field(wild), b"x"]));
        assert_closed_silently(&connect_v311(CLEAN | WILL, &[b"id", wild.as_bytes(), b"bye"]));
        let mut w = World::new();
        let bob = w.connect("bob", v311());
        assert_eq!(w.subscribe(bob, wild, QOS0), 0);
    }
}

#[test]
fn mqtt_4_7_1_2_the_multi_level_wildcard_is_last_and_alone_in_its_level() {
    for bad in ["a#", "a/b#", "#/a", "a/#/b", "##", "a/#b", "#/"] {
        assert_filter_closes(bad.as_bytes());
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
fn mqtt_4_7_1_3_the_single_level_wildcard_fills_a_level() {
    for bad in ["a+", "+a", "a/b+/c", "++", "a/+b"] {
        assert_filter_closes(bad.as_bytes());
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
    assert_closes(&frame(0x30, &[&field(""), b"x"]));
    assert_filter_closes(b"");
    assert_closes(&frame(0xA2, &[&[0, 1], &field("")]));
    assert!(reaches("/", "/") && reaches(" ", " "));
}

#[test]
fn mqtt_4_7_3_2_names_and_filters_have_no_null_character() {
    assert_closes(&frame(0x30, &[&field("a\0"), b"x"]));
    assert_filter_closes(b"\0");
    assert_closes(&frame(0xA2, &[&[0, 1], &field("a/\0/b")]));
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
fn mqtt_4_8_0_1_a_protocol_violation_closes_the_connection() {
    // Packets that only a server sends.
    for bytes in [&[0x20, 2, 0, 0][..], &[0x90, 3, 0, 1, 0], &[0xB0, 2, 0, 1], &[0xD0, 0]] {
        assert_closes(bytes);
    }
    // Acknowledgements with a part missing or too much.
    for kind in [0x40, 0x50, 0x62, 0x70] {
        assert_closes(&[kind, 0]);
        assert_closes(&[kind, 1, 0]);
        assert_closes(&[kind, 2, 0, 0]);
        assert_closes(&[kind, 3, 0, 1, 0]);
    }
}

#[test]
fn mqtt_4_8_0_2_a_transient_error_closes_the_connection() {
    let mut w = World::new();
    let watcher = w.connect("watcher", v311());
    w.subscribe(watcher, "will", QOS0);
    let bob = w.connect("bob", v311().will("will", "bye", QOS0));
    w.fail(bob);
    assert!(w.is_closed(bob));
    assert_eq!(w.messages(watcher), ["will bye"], "the others go on");
}

#[test]
fn a_packet_may_come_in_any_pieces() {
    let mut w = World::new();
    let bob = w.open();
    let stream = [
        encoded(Version::V311, &v311().packet("bob")),
        encoded(
            Version::V311,
            &subscribe_packet(1, &[("a", SubscriptionOptions::new(QOS1))], Properties::EMPTY),
        ),
        encoded(Version::V311, &Packet::Publish(Publish { packet_identifier: 2, ..message("a", "x", QOS1) })),
        vec![0xC0, 0],
    ]
    .concat();
    for byte in &stream {
        w.raw(bob, &[*byte]);
    }
    let kinds: Vec<_> = w.history(bob).iter().map(Packet::packet_type).collect();
    let whole = w.open();
    w.raw(whole, &stream);
    let at_once: Vec<_> = w.history(whole).iter().map(Packet::packet_type).collect();
    assert_eq!(kinds, at_once);
    assert_eq!(kinds.len(), 5);
}
