//! Sections 3.1.2.10 and 3.2.2.3.14: Keep Alive and Server Keep Alive.

use super::*;

#[test]
fn mqtt_3_1_2_22_a_silent_client_is_disconnected_after_one_and_a_half_times_keep_alive() {
    let mut w = World::new();
    let watcher = w.connect("watcher", v5());
    w.subscribe(watcher, "will", QOS0);
    let bob = w.connect("bob", v5().keep_alive(10).will("will", "bye", QOS0));
    w.advance_ms(14_900);
    assert!(!w.is_closed(bob));
    // Any packet counts, not only PINGREQ, and the time starts anew with it.
    w.publish(bob, "a", "x", QOS0);
    w.advance_ms(14_900);
    assert!(!w.is_closed(bob));
    w.send(bob, Packet::PingReq);
    w.advance_ms(14_900);
    assert!(!w.is_closed(bob));
    // A part of a packet does not, nor does what the server sends.
    w.raw(bob, &[0x30]);
    w.notices();
    w.advance_ms(200);
    assert!(w.is_closed(bob));
    let said = |n: &Notice| matches!(n, Notice::Disconnected { why: Ended::Timeout, .. });
    assert!(w.notices().iter().any(said));
    // As if the network had failed: with the Will.
    assert_eq!(w.messages(watcher), ["will bye"]);
}

#[test]
fn keep_alive_zero_never_disconnects() {
    let mut w = World::new();
    let bob = w.connect("bob", v5().keep_alive(0));
    w.advance(30 * 24 * 3600);
    w.send(bob, Packet::PingReq);
    assert_eq!(w.received(bob), [Packet::PingResp]);
}

#[test]
fn a_server_keep_alive_is_told_and_holds() {
    for asked in [0, 101, 65_535] {
        let mut w = World::with(Limits { max_keepalive: 100, ..Limits::default() });
        let bob = w.connect("bob", v5().keep_alive(asked));
        assert_eq!(w.connack(bob).unwrap().properties.server_keep_alive(), Some(100));
        w.advance_ms(149_900);
        assert!(!w.is_closed(bob));
        w.advance_ms(200);
        assert!(w.is_closed(bob), "{asked}");
    }
}

#[test]
fn mqtt_3_2_2_22_without_server_keep_alive_that_of_the_client_holds() {
    for (limit, asked) in [(0, 10), (100, 100), (100, 10)] {
        let mut w = World::with(Limits { max_keepalive: limit, ..Limits::default() });
        let bob = w.connect("bob", v5().keep_alive(asked));
        assert_eq!(w.connack(bob).unwrap().properties.server_keep_alive(), None);
        let time = u64::from(asked) * 1500;
        w.advance_ms(time - 100);
        assert!(!w.is_closed(bob));
        w.advance_ms(200);
        assert!(w.is_closed(bob), "{asked} of {limit}");
    }
}
