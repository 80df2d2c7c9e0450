//! Sections 3.12 and 3.14: PINGREQ and DISCONNECT.

use super::*;
use mqtt_toolkit::protocol::Disconnect;

/// A DISCONNECT with reason 0 and a Session Expiry Interval.
fn disconnect_with(seconds: u32) -> Packet<'static> {
    let properties = properties(&[Property::SessionExpiryInterval(seconds)]);
    Packet::Disconnect(Disconnect { reason: ReasonCode::SUCCESS, properties })
}

#[test]
fn mqtt_3_12_4_1_pingreq_is_answered() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    let start = w.bytes(bob).len();
    w.raw(bob, &[0xC0, 0, 0xC0, 0]);
    assert_eq!(w.bytes(bob)[start..], [0xD0, 0, 0xD0, 0]);
    // With a body it is none.
    assert_ends(&[0xC0, 1, 0], MALFORMED);
}

#[test]
fn mqtt_3_14_0_1_no_disconnect_before_connack() {
    let mut w = World::with_passwords(&[("user", "secret")]);
    w.slow_checks();
    // Whatever a client does wrong before: at most a CONNACK comes.
    let attempts: [&[u8]; 5] = [
        &[0, 0],
        &frame(0x30, &[&field("a"), NONE, b"x"]),
        &encoded(Version::V5, &v5().packet("bob")),
        &connect_bytes(CLEAN | 1, &[&field("id")]),
        &[0x10, 0xFF, 0xFF, 0xFF, 0x7F],
    ];
    for bytes in attempts {
        let bob = w.open();
        w.speaks(bob, Version::V5);
        w.raw(bob, bytes);
        assert!(w.is_closed(bob), "{bytes:02X?}");
        assert!(w.received(bob).is_empty(), "{bytes:02X?}");
    }
    // The broker stops while the password is being checked, or before anything was said.
    let silent = w.open();
    let bob = w.attempt("bob", v5().username("user").password("secret"));
    w.shut_down();
    assert_eq!((w.bytes(silent).len(), w.bytes(bob).len()), (0, 0));
    // Behind CONNACK it comes.
    w.check_passwords();
    w.shut_down();
    assert_eq!(w.received(bob), [disconnect(ReasonCode::SERVER_SHUTTING_DOWN)]);
}

#[test]
fn mqtt_3_14_1_1_reserved_bits_of_disconnect_are_malformed() {
    for flags in 1..16 {
        let mut w = World::new();
        let watcher = w.connect("watcher", v5());
        w.subscribe(watcher, "will", QOS0);
        let bob = w.connect("bob", v5().will("will", "bye", QOS0));
        w.raw(bob, &[0xE0 | flags, 0]);
        assert!(w.is_closed(bob));
        assert_eq!(w.received(bob), [disconnect(ReasonCode::MALFORMED_PACKET)]);
        assert_eq!(w.messages(watcher), ["will bye"], "it was no DISCONNECT");
    }
}

#[test]
fn mqtt_3_14_2_1_disconnect_has_one_of_its_codes() {
    // Those that a client may send end the connection without an answer; others are an error.
    const TABLE: [u8; 29] = [
        0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96,
        0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
    ];
    for code in 0..=255_u8 {
        let mut w = World::new();
        let bob = w.connect("bob", v5());
        w.raw(bob, &[0xE0, 1, code]);
        assert!(w.is_closed(bob));
        let received = w.received(bob);
        if TABLE.contains(&code) {
            assert_eq!(received, [], "{code:#04x}");
        } else if !(0x80..=0xA2).contains(&code) {
            assert_eq!(received, [disconnect(ReasonCode::PROTOCOL_ERROR)], "{code:#04x}");
        }
    }
    // And those that the server sends are of the table (`assert_ends` looks at each): here the rest of them.
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.shut_down();
    assert_eq!(w.received(bob), [disconnect(ReasonCode::SERVER_SHUTTING_DOWN)]);
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.fail(bob);
    assert_eq!(w.received(bob), [disconnect(ReasonCode::UNSPECIFIED_ERROR)]);
}

#[test]
fn mqtt_3_14_2_2_the_server_sends_no_session_expiry_interval() {
    let mut w = World::new();
    let bob = w.connect("bob", lasting());
    w.raw(bob, &[0, 0]);
    let sent = w.take(bob, |p| match p {
        Packet::Disconnect(disconnect) => Some(disconnect.properties.iter().count()),
        _ => None,
    });
    assert_eq!(sent, Some(0));
}

#[test]
fn disconnect_may_change_the_session_expiry_interval() {
    let mut w = World::new();
    // Longer, shorter, at once, never.
    for (at_connect, at_disconnect, lasts) in
        [(10, 100, 100), (100, 10, 10), (100, 0, 0), (10, u32::MAX, 1_000_000)]
    {
        let bob = w.connect("bob", v5().session_expiry(at_connect));
        w.send(bob, disconnect_with(at_disconnect));
        assert!(w.is_closed(bob));
        assert_eq!(w.received(bob), []);
        if lasts > 0 {
            w.advance_ms(lasts * 1000 - 100);
            assert_eq!(w.session_count(), 1, "{at_disconnect}");
        }
        if at_disconnect != u32::MAX {
            w.advance_ms(200);
            assert_eq!(w.session_count(), 0, "{at_disconnect}");
        }
    }
}

#[test]
fn disconnect_may_not_make_a_session_last_that_was_to_end() {
    for options in [v5(), v5().session_expiry(0)] {
        let mut w = World::new();
        let watcher = w.connect("watcher", v5());
        w.subscribe(watcher, "will", QOS0);
        let bob = w.connect("bob", options.will("will", "bye", QOS0));
        w.send(bob, disconnect_with(100));
        assert_eq!(w.received(bob), [disconnect(ReasonCode::PROTOCOL_ERROR)]);
        assert!(w.is_closed(bob));
        assert_eq!(w.session_count(), 1, "the watcher's");
        assert_eq!(w.messages(watcher), ["will bye"], "it counts as an error, not as a DISCONNECT");
    }
    // 0 again is no change.
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.send(bob, disconnect_with(0));
    assert_eq!(w.received(bob), []);
}

#[test]
fn mqtt_3_14_4_1_nothing_is_sent_behind_disconnect() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.subscribe(bob, "a", QOS1);
    let ann = w.connect("ann", v5());
    // bob doesn't read: what was written waits, and what comes later must not.
    w.takes_only(bob, 0);
    w.raw(bob, &[&[0, 0][..], &[0xC0, 0]].concat());
    w.publish(ann, "a", "x", QOS1);
    w.reads(bob);
    assert_eq!(w.received(bob), [disconnect(ReasonCode::MALFORMED_PACKET)]);
    assert!(w.is_closed(bob));
}

#[test]
fn what_a_client_sends_behind_its_disconnect_is_not_processed() {
    let mut w = World::new();
    let watcher = w.connect("watcher", v5());
    w.subscribe(watcher, "#", QOS0);
    let bob = w.connect("bob", v5());
    w.raw(bob, &[&[0xE0, 0][..], &frame(0x30, &[&field("a"), NONE, b"too late"])].concat());
    assert!(w.is_closed(bob));
    assert_eq!(w.received(watcher), []);
}

#[test]
fn mqtt_3_14_4_2_the_server_closes_behind_its_disconnect() {
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.takes_only(bob, 0);
    w.raw(bob, &[0, 0]);
    assert!(!w.is_closed(bob), "it waits for the DISCONNECT to be written");
    w.reads(bob);
    assert!(w.is_closed(bob));
    // But not for ever.
    let bob = w.connect("bob", v5());
    w.takes_only(bob, 0);
    w.raw(bob, &[0, 0]);
    w.advance(31);
    assert!(w.is_closed(bob));
}

#[test]
fn mqtt_3_14_4_3_disconnect_with_0_discards_the_will() {
    let mut w = World::new();
    let watcher = w.connect("watcher", v5());
    w.subscribe(watcher, "will", QOS0);
    for options in [v5(), lasting(), lasting().will_delay(10)] {
        for bytes in [&[0xE0, 0][..], &[0xE0, 1, 0], &[0xE0, 2, 0, 0]] {
            let bob = w.connect("bob", options.clone().will("will", "bye", QOS1));
            w.raw(bob, bytes);
            assert!(w.is_closed(bob));
            w.advance(7200);
            assert_eq!(w.received(watcher), []);
        }
    }
    w.shut_down();
    assert_eq!(w.messages(watcher), [] as [&str; 0]);
}
