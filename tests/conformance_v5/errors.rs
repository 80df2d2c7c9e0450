//! Section 4.13: errors. (Each kind of error has its tests where it belongs; all of them look at the closing.)

use super::*;

#[test]
fn mqtt_4_13_1_1_a_malformed_packet_or_protocol_error_closes_the_connection() {
    // Packets that only a server sends.
    for bytes in [&[0x20, 3, 0, 0, 0][..], &[0x90, 4, 0, 1, 0, 0], &[0xB0, 4, 0, 1, 0, 0], &[0xD0, 0]] {
        assert_ends(bytes, PROTOCOL_ERROR);
    }
    // Acknowledgements with a part missing.
    for kind in [0x40, 0x50, 0x62, 0x70] {
        assert_ends(&[kind, 0], MALFORMED);
        assert_ends(&[kind, 1, 0], MALFORMED);
        assert_ends(&[kind, 2, 0, 0], PROTOCOL_ERROR);
    }
    // The log says what was wrong, once.
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    w.notices();
    w.raw(bob, &frame(0x30, &[&field("a/#"), NONE, b"x"]));
    let notices = w.notices();
    let said = |n: &&Notice| matches!(n, Notice::Malformed { client, .. } if **client == *"bob");
    assert_eq!(notices.iter().filter(said).count(), 1);
    let ended = |n: &&Notice| matches!(n, Notice::Disconnected { why: Ended::Malformed, .. });
    assert_eq!(notices.iter().filter(ended).count(), 1);
}

#[test]
fn mqtt_4_13_2_1_a_reason_from_0x80_on_closes_the_connection() {
    let mut w = World::new();
    let watcher = w.connect("watcher", v5());
    w.subscribe(watcher, "will", QOS0);
    // Sent by the server, for a fault of its own; the others go on.
    let bob = w.connect("bob", v5().will("will", "bye", QOS0));
    w.fail(bob);
    assert!(w.is_closed(bob));
    assert_eq!(w.received(bob), [disconnect(ReasonCode::UNSPECIFIED_ERROR)]);
    assert_eq!(w.messages(watcher), ["will bye"]);
    // Sent by a client.
    let bob = w.connect("bob", v5());
    w.send(bob, disconnect(ReasonCode::UNSPECIFIED_ERROR));
    assert!(w.is_closed(bob));
    // Where it can't be sent: the client doesn't read.
    let bob = w.connect("bob", v5());
    w.takes_only(bob, 0);
    w.raw(bob, &[0, 0]);
    w.advance(31);
    assert!(w.is_closed(bob));
    // An acknowledgement with an error closes nothing.
    let bob = w.connect("bob", v5());
    assert_eq!(w.publish(bob, "$SYS/x", "x", QOS1), ReasonCode::NOT_AUTHORIZED);
    assert!(!w.is_closed(bob));
}

#[test]
fn a_packet_may_come_in_any_pieces() {
    let mut w = World::new();
    let bob = w.open();
    w.speaks(bob, Version::V5);
    let options = SubscriptionOptions::new(QOS1);
    let stream = [
        encoded(Version::V5, &v5().packet("bob")),
        encoded(Version::V5, &subscribe_packet(1, &[("a", options)], Properties::EMPTY)),
        encoded(Version::V5, &publish_as(2, "a", "x", QOS1)),
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
