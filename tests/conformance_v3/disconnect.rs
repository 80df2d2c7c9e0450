//! Sections 3.12 and 3.14: PINGREQ and DISCONNECT.

use super::*;

#[test]
fn mqtt_3_12_4_1_pingreq_is_answered() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    w.raw(bob, &[0xC0, 0, 0xC0, 0]);
    assert_eq!(w.received(bob), [Packet::PingResp, Packet::PingResp]);
    assert_eq!(w.bytes(bob)[4..], [0xD0, 0, 0xD0, 0]);
    // With a body it is none.
    assert_closes(&[0xC0, 1, 0]);
}

#[test]
fn mqtt_3_14_1_1_reserved_bits_of_disconnect_must_be_zero() {
    for flags in 1..16 {
        let mut w = World::new();
        let watcher = w.connect("watcher", v311());
        w.subscribe(watcher, "will", QOS0);
        let bob = w.connect("bob", v311().will("will", "bye", QOS0));
        w.raw(bob, &[0xE0 | flags, 0]);
        assert!(w.is_closed(bob));
        assert_eq!(w.messages(watcher), ["will bye"], "it was no DISCONNECT");
    }
}

#[test]
fn mqtt_3_14_4_2_nothing_behind_disconnect_is_processed() {
    let mut w = World::new();
    let watcher = w.connect("watcher", v311());
    w.subscribe(watcher, "#", QOS0);
    let bob = w.connect("bob", v311());
    w.raw(bob, &[&[0xE0, 0][..], &frame(0x30, &[&field("a"), b"too late"])].concat());
    assert!(w.is_closed(bob));
    assert_eq!(w.received(watcher), []);
}

#[test]
fn mqtt_3_14_4_3_disconnect_discards_the_will() {
    let mut w = World::new();
    let watcher = w.connect("watcher", v311());
    w.subscribe(watcher, "will", QOS0);
    for options in [v311(), v311().resume()] {
        let bob = w.connect("bob", options.will("will", "bye", QOS1));
        w.disconnect(bob);
        w.advance(3600);
        assert_eq!(w.received(watcher), []);
    }
    w.shut_down();
    assert_eq!(w.messages(watcher), [] as [&str; 0]);
}
