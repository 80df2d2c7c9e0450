//! Sections 4.7 and 4.8: Topic Names and Topic Filters; errors.

use super::*;

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
    CLIENTS.multi_level_wildcard(|bad| assert_filter_closes(bad.as_bytes()));
}

#[test]
fn mqtt_4_7_1_3_the_single_level_wildcard_fills_a_level() {
    CLIENTS.single_level_wildcard(|bad| assert_filter_closes(bad.as_bytes()));
}

#[test]
fn mqtt_4_7_2_1_wildcards_at_the_front_do_not_match_dollar_topics() {
    CLIENTS.dollar_topics();
}

#[test]
fn mqtt_4_7_3_1_names_and_filters_have_at_least_one_character() {
    assert_closes(&frame(0x30, &[&field(""), b"x"]));
    assert_filter_closes(b"");
    assert_closes(&frame(0xA2, &[&[0, 1], &field("")]));
    assert!(CLIENTS.reaches("/", "/") && CLIENTS.reaches(" ", " "));
}

#[test]
fn mqtt_4_7_3_2_names_and_filters_have_no_null_character() {
    assert_closes(&frame(0x30, &[&field("a\0"), b"x"]));
    assert_filter_closes(b"\0");
    assert_closes(&frame(0xA2, &[&[0, 1], &field("a/\0/b")]));
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
