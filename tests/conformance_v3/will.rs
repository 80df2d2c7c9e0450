//! Section 3.1.2.5 to 3.1.2.7: the Will.

use super::*;

/// A client that subscribes to everything.
fn watcher(w: &mut World) -> Client {
    let watcher = w.connect("watcher", v311());
    w.subscribe(watcher, "#", QOS2);
    watcher
}

#[test]
fn mqtt_3_1_2_8_the_will_is_published_when_the_connection_ends_without_disconnect() {
    let mut w = World::new();
    let watcher = watcher(&mut w);
    let will = v311().will("will", "bye", QOS1);
    // The network fails.
    let bob = w.connect("bob", will.clone());
    assert_eq!(w.received(watcher), [], "not before");
    w.cut(bob);
    assert_eq!(w.messages(watcher), ["will bye"]);
    // Keep Alive runs out.
    w.connect("bob", will.clone().keep_alive(10));
    w.advance(15);
    assert_eq!(w.messages(watcher), ["will bye"]);
    // The server closes it for a protocol error.
    let bob = w.connect("bob", will.clone());
    w.raw(bob, &[0x00, 0x00]);
    assert_eq!(w.messages(watcher), ["will bye"]);
    // Somebody takes over who doesn't go on with the session.
    w.connect("bob", will);
    let bob = w.connect("bob", v311());
    assert_eq!(w.messages(watcher), ["will bye"]);
    w.cut(bob);
    assert_eq!(w.received(watcher), [], "the new connection has none");
}

#[test]
fn a_client_that_takes_over_its_own_session_sends_no_will() {
    // As mosquitto: the client is not gone, it is here.
    let mut w = World::new();
    let watcher = watcher(&mut w);
    let options = v311().resume().will("will", "bye", QOS0);
    w.connect("bob", options.clone());
    let bob = w.connect("bob", options);
    assert_eq!(w.received(watcher), []);
    w.cut(bob);
    assert_eq!(w.messages(watcher), ["will bye"]);
}

#[test]
fn mqtt_3_1_2_9_the_will_is_published_as_its_fields_say() {
    let mut w = World::new();
    let watcher = watcher(&mut w);
    for (qos, payload) in [(QOS0, &b""[..]), (QOS1, b"bye"), (QOS2, &[0, 0xFF, 0])] {
        let bob = w.connect("bob", v311().will("will/of/bob", payload, qos));
        w.cut(bob);
        let got = w.publishes(watcher);
        assert_eq!(got.len(), 1);
        assert_eq!((got[0].topic, got[0].payload, got[0].qos), ("will/of/bob", payload, qos));
        assert!(!got[0].retain && !got[0].dup);
    }
    // The fields must be there.
    assert_closed_silently(&connect_v311(CLEAN | WILL, &[b"id"]));
    assert_closed_silently(&connect_v311(CLEAN | WILL, &[b"id", b"will"]));
}

#[test]
fn mqtt_3_1_2_10_a_will_that_was_published_or_discarded_is_gone() {
    let mut w = World::new();
    let watcher = watcher(&mut w);
    let bob = w.connect("bob", v311().resume().will("will", "bye", QOS1));
    w.cut(bob);
    assert_eq!(w.messages(watcher), ["will bye"]);
    // The session goes on, the Will does not.
    let bob = w.connect("bob", v311().resume());
    w.cut(bob);
    assert_eq!(w.received(watcher), []);
    let bob = w.connect("bob", v311().resume().will("will", "bye", QOS1));
    w.disconnect(bob);
    let bob = w.connect("bob", v311().resume());
    w.cut(bob);
    w.shut_down();
    assert_eq!(w.messages(watcher), [] as [&str; 0]);
}

#[test]
fn mqtt_3_1_2_12_without_will_flag_no_will_is_published() {
    let mut w = World::new();
    let watcher = watcher(&mut w);
    let bob = w.connect("bob", v311());
    w.cut(bob);
    assert_eq!(w.received(watcher), []);
}

#[test]
fn mqtt_3_1_2_16_will_retain_0_is_not_retained() {
    let mut w = World::new();
    let bob = w.connect("bob", v311().will("will", "bye", QOS1));
    w.cut(bob);
    let late = watcher(&mut w);
    assert_eq!(w.received(late), []);
}

#[test]
fn mqtt_3_1_2_17_will_retain_1_is_retained() {
    let mut w = World::new();
    let early = watcher(&mut w);
    let bob = w.connect("bob", v311().will("will", "bye", QOS1).will_retain());
    w.cut(bob);
    let got = w.publishes(early);
    assert_eq!((got.len(), got[0].retain), (1, false), "to a subscription that was there: RETAIN 0");
    let late = w.connect("late", v311());
    w.subscribe(late, "will", QOS1);
    let got = w.publishes(late);
    assert_eq!((got.len(), got[0].retain, got[0].payload), (1, true, &b"bye"[..]));
}
