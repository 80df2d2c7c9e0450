//! Section 4.7: Topic Names and Topic Filters.

use super::*;

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
    CLIENTS.multi_level_wildcard(|bad| assert_filter_ends(bad.as_bytes()));
}

#[test]
fn mqtt_4_7_1_2_the_single_level_wildcard_fills_a_level() {
    CLIENTS.single_level_wildcard(|bad| assert_filter_ends(bad.as_bytes()));
}

#[test]
fn mqtt_4_7_2_1_wildcards_at_the_front_do_not_match_dollar_topics() {
    CLIENTS.dollar_topics();
}

#[test]
fn mqtt_4_7_3_1_names_and_filters_have_at_least_one_character() {
    assert_ends(&frame(0x30, &[&field(""), NONE, b"x"]), PROTOCOL_ERROR);
    assert_filter_ends(b"");
    assert!(CLIENTS.reaches("/", "/") && CLIENTS.reaches(" ", " "));
}

#[test]
fn mqtt_4_7_3_2_names_and_filters_have_no_null_character() {
    assert_ends(&frame(0x30, &[&field("a\0"), NONE, b"x"]), MALFORMED);
    assert_filter_ends(b"\0");
    assert_filter_ends(b"a/\0/b");
}

#[test]
fn mqtt_4_7_3_3_names_and_filters_may_have_65535_bytes() {
    CLIENTS.long_names();
}

#[test]
fn mqtt_4_7_3_4_names_and_filters_are_not_normalised() {
    CLIENTS.not_normalised();
}

#[test]
fn topics_of_more_than_200_levels_are_not_served() {
    // mosquitto's limit, so that nobody can make the tree deep at will.
    let deep = vec!["x"; 199].join("/");
    assert!(CLIENTS.reaches(&deep, &deep));
    assert!(CLIENTS.reaches("#", &vec!["x"; 201].join("/")));
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
