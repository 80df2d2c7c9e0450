//! Sections 3.1.3 and 3.1.4: the payload of CONNECT, and what the server does with a CONNECT.

use super::*;
use mqtt_toolkit::broker::{Limits, ListenerRules};

#[test]
fn mqtt_3_1_3_1_the_fields_come_in_their_order() {
    let mut w = World::with_passwords(&[("user", "secret")]);
    let watcher = w.connect("watcher", v311().username("user").password("secret"));
    w.subscribe(watcher, "will", QOS0);
    let flags = CLEAN | WILL | USER_NAME | PASSWORD;
    let bob = w.open();
    w.raw(bob, &connect_v311(flags, &[b"bob", b"will", b"bye", b"user", b"secret"]));
    assert_eq!(w.connack(bob).unwrap().code, ReasonCode::SUCCESS);
    w.cut(bob);
    assert_eq!(w.messages(watcher), ["will bye"]);
    // In another order they mean something else.
    let eve = w.open();
    w.raw(eve, &connect_v311(flags, &[b"eve", b"user", b"secret", b"will", b"bye"]));
    assert_eq!(w.bytes(eve), [0x20, 2, 0, 5]);
}

#[test]
fn mqtt_3_1_3_2_the_client_id_identifies_the_session() {
    let mut w = World::new();
    for (id, filter) in [("bob", "a"), ("Bob", "b"), ("bob ", "c")] {
        let client = w.connect(id, v311().resume());
        assert!(!w.session_present(client), "{id:?} is somebody else");
        w.subscribe(client, filter, QOS1);
        w.cut(client);
    }
    let ann = w.connect("ann", v311());
    for topic in ["a", "b", "c"] {
        w.publish(ann, topic, "x", QOS1);
    }
    for (id, message) in [("bob", "a x"), ("Bob", "b x"), ("bob ", "c x")] {
        let client = w.connect(id, v311().resume());
        assert_eq!(w.messages(client), [message]);
    }
}

#[test]
fn mqtt_3_1_3_3_the_client_id_must_be_there() {
    assert_closed_silently(&connect_v311(CLEAN, &[]));
}

#[test]
fn mqtt_3_1_3_4_the_client_id_must_be_utf8() {
    assert_closed_silently(&connect_v311(CLEAN, &[&[0xC3, 0x28]]));
    let mut w = World::new();
    w.connect("Zoë-日本", v311());
}

#[test]
fn mqtt_3_1_3_5_plain_client_ids_up_to_23_characters_are_allowed() {
    let all = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut w = World::new();
    for c in all.chars() {
        w.connect(&c.to_string(), v311());
    }
    for at in 0..=all.len() - 23 {
        w.connect(&all[at..at + 23], v311());
    }
    // Longer ones, and others, are as well.
    w.connect(&"x".repeat(1000), v311());
    w.connect("a/b+c#d $", v311());
}

#[test]
fn mqtt_3_1_3_6_an_empty_client_id_gets_a_unique_one() {
    let mut w = World::new();
    let clients: Vec<_> = (0..3).map(|_| w.connect("", v311())).collect();
    assert_eq!(w.session_count(), 3, "they are three clients");
    for client in clients {
        w.subscribe(client, "a", QOS1);
        w.publish(client, "a", "x", QOS1);
        assert!(!w.is_closed(client));
        w.disconnect(client);
    }
    assert_eq!(w.session_count(), 0);
}

#[test]
fn mqtt_3_1_3_8_an_empty_client_id_without_clean_session_is_rejected() {
    let mut w = World::new();
    let bob = w.attempt("", v311().resume());
    assert_eq!(w.bytes(bob), [0x20, 2, 0, 2]);
    assert!(w.is_closed(bob));
    assert_eq!(w.session_count(), 0);
}

#[test]
fn mqtt_3_1_3_9_a_rejected_client_id_is_answered_with_return_code_2() {
    let rules = ListenerRules { allow_zero_length_clientid: false, ..ListenerRules::default() };
    let mut w = World::with_listeners(Limits::default(), vec![rules]);
    let bob = w.attempt("", v311());
    assert_eq!(w.bytes(bob), [0x20, 2, 0, 2]);
    assert!(w.is_closed(bob));
}

#[test]
fn mqtt_3_1_3_10_the_will_topic_must_be_utf8() {
    assert_closed_silently(&connect_v311(CLEAN | WILL, &[b"id", &[0xC3, 0x28], b"bye"]));
    assert_closed_silently(&connect_v311(CLEAN | WILL, &[b"id", b"with/#/wildcard", b"bye"]));
    assert_closed_silently(&connect_v311(CLEAN | WILL, &[b"id", b"", b"bye"]));
}

#[test]
fn mqtt_3_1_3_11_the_user_name_must_be_utf8() {
    assert_closed_silently(&connect_v311(CLEAN | USER_NAME, &[b"id", &[0xC3, 0x28]]));
    // A password may be any bytes.
    let mut w = World::new();
    w.connect("bob", v311().username("Zoë").password([0, 0xFF, 0xC3]));
}

#[test]
fn mqtt_3_1_4_1_a_connect_that_does_not_conform_is_closed_without_connack() {
    let good = connect_v311(CLEAN | WILL | USER_NAME, &[b"id", b"will", b"bye", b"user"]);
    // Cut anywhere, with the Remaining Length that says so.
    for length in 2..good.len() {
        assert_closed_silently(&frame(0x10, &[&good[2..length]]));
    }
    assert_closed_silently(&frame(0x10, &[&good[2..], &[0]]));
    // A Remaining Length of five bytes, or longer than it needs to be.
    assert_closed_silently(&[0x10, 0x80, 0x80, 0x80, 0x80, 0x01]);
    assert_closed_silently(&[0x10, 0x80, 0x00]);
    // The last byte makes it conform.
    let mut w = World::new();
    let bob = w.open();
    w.raw(bob, &good[..good.len() - 1]);
    assert!(!w.is_closed(bob));
    w.raw(bob, &good[good.len() - 1..]);
    assert_eq!(w.connack(bob).unwrap().code, ReasonCode::SUCCESS);
}

#[test]
fn mqtt_3_1_4_2_a_second_client_with_the_same_id_takes_over() {
    let mut w = World::new();
    let old = w.connect("bob", v311());
    let new = w.connect("bob", v311());
    assert!(w.is_closed(old));
    assert_eq!(w.received(old), [], "3.1.1 has no packet that would tell it");
    w.subscribe(new, "a", QOS0);
    w.publish(new, "a", "x", QOS0);
    assert_eq!(w.messages(new), ["a x"]);
}

#[test]
fn a_stranger_without_the_password_takes_nothing_over() {
    let mut w = World::with_passwords(&[("user", "secret")]);
    let bob = w.connect("bob", v311().username("user").password("secret"));
    let eve = w.attempt("bob", v311().username("user").password("guess"));
    assert_eq!(w.bytes(eve), [0x20, 2, 0, 5]);
    assert!(w.is_closed(eve));
    assert!(!w.is_closed(bob));
}

#[test]
fn mqtt_3_1_4_3_clean_session_is_processed() {
    let mut w = World::new();
    let bob = w.connect("bob", v311().resume());
    w.subscribe(bob, "a", QOS1);
    w.disconnect(bob);
    let bob = w.connect("bob", v311().resume());
    assert!(w.session_present(bob));
    let bob = w.connect("bob", v311());
    assert!(!w.session_present(bob));
    w.publish(bob, "a", "x", QOS1);
    assert_eq!(w.received(bob), [], "the subscription is gone with its session");
}

#[test]
fn mqtt_3_1_4_4_a_good_connect_is_acknowledged_with_return_code_0() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    assert_eq!(w.bytes(bob), [0x20, 2, 0, 0]);
}

#[test]
fn mqtt_3_1_4_5_nothing_behind_a_rejected_connect_is_processed() {
    let mut w = World::with_passwords(&[("user", "secret")]);
    let watcher = w.connect("watcher", v311().username("user").password("secret"));
    w.subscribe(watcher, "#", QOS0);
    let publish = frame(0x31, &[&field("a"), b"smuggled"]);
    // Refused at once, and refused when the password is checked.
    let anonymous = encoded(Version::V311, &v311().packet("eve"));
    let wrong = encoded(Version::V311, &v311().username("user").password("guess").packet("eve"));
    for slow in [false, true] {
        for connect in [&anonymous, &wrong] {
            if slow {
                w.slow_checks();
            }
            let eve = w.open();
            w.raw(eve, &[&connect[..], &publish].concat());
            w.check_passwords();
            assert_eq!(w.bytes(eve), [0x20, 2, 0, 5]);
            assert!(w.is_closed(eve));
        }
    }
    assert_eq!(w.received(watcher), []);
}

#[test]
fn what_a_client_sends_behind_its_connect_waits_for_the_password_check() {
    let mut w = World::with_passwords(&[("user", "secret")]);
    let watcher = w.connect("watcher", v311().username("user").password("secret"));
    w.subscribe(watcher, "#", QOS0);
    w.slow_checks();
    let bob = w.attempt("bob", v311().username("user").password("secret"));
    w.raw(bob, &frame(0x30, &[&field("a"), b"early"]));
    assert_eq!(w.received(watcher), []);
    w.check_passwords();
    assert_eq!(w.connack(bob).unwrap().code, ReasonCode::SUCCESS);
    assert_eq!(w.messages(watcher), ["a early"]);
}
