//! Section 3.2: CONNACK.

use super::*;
use mqtt_toolkit::broker::{Limits, ListenerRules};

#[test]
fn mqtt_3_2_0_1_the_first_packet_to_a_client_is_connack() {
    let mut w = World::new();
    let bob = w.connect("bob", v311().resume());
    w.subscribe(bob, "a", QOS1);
    w.cut(bob);
    let ann = w.connect("ann", v311());
    w.publish(ann, "a", "x", QOS1);
    // Messages wait, and SUBSCRIBE comes right behind CONNECT: both are answered behind CONNACK.
    let bob = w.open();
    let connect = encoded(Version::V311, &v311().resume().packet("bob"));
    w.raw(bob, &[&connect[..], &frame(0x82, &[&[0, 1], &field("b"), &[0]])].concat());
    let history = w.history(bob);
    assert!(matches!(history[0], Packet::ConnAck(connack) if connack.session_present));
    assert_eq!(history.len(), 3);
}

#[test]
fn mqtt_3_2_2_1_clean_session_1_means_session_present_0() {
    let mut w = World::new();
    let bob = w.connect("bob", v311().resume());
    w.cut(bob);
    let bob = w.connect("bob", v311());
    assert_eq!(w.bytes(bob), [0x20, 2, 0, 0]);
}

#[test]
fn mqtt_3_2_2_2_a_stored_session_means_session_present_1() {
    let mut w = World::new();
    let bob = w.connect("bob", v311().resume());
    w.cut(bob);
    w.advance(365 * 24 * 3600);
    let bob = w.connect("bob", v311().resume());
    assert_eq!(w.bytes(bob), [0x20, 2, 1, 0]);
    // Also if the old connection is still there.
    let bob = w.connect("bob", v311().resume());
    assert_eq!(w.bytes(bob), [0x20, 2, 1, 0]);
}

#[test]
fn mqtt_3_2_2_3_no_stored_session_means_session_present_0() {
    let mut w = World::new();
    let bob = w.connect("bob", v311().resume());
    assert_eq!(w.bytes(bob), [0x20, 2, 0, 0]);
    let ann = w.connect("ann", v311());
    w.cut(ann);
    let ann = w.connect("ann", v311().resume());
    assert_eq!(w.bytes(ann), [0x20, 2, 0, 0], "a clean session is not stored");
}

#[test]
fn mqtt_3_2_2_4_a_refusal_has_session_present_0() {
    let mut w = World::with_passwords(&[("user", "secret")]);
    let options = v311().resume().username("user");
    let bob = w.connect("bob", options.clone().password("secret"));
    w.cut(bob);
    let eve = w.attempt("bob", options.password("guess"));
    assert_eq!(w.bytes(eve), [0x20, 2, 0, 5], "there is a session, and eve isn't told");
}

#[test]
fn mqtt_3_2_2_5_a_refusal_closes_the_connection() {
    let mut w = World::with_passwords(&[("user", "secret")]);
    let refused = [
        (v311(), "eve", 5),
        (v311().username("user"), "eve", 5),
        (v311().username("nobody").password("secret"), "eve", 5),
        (v311().username("user").password("secret").resume(), "", 2),
    ];
    for (options, id, code) in refused {
        let eve = w.attempt(id, options);
        assert_eq!(w.bytes(eve), [0x20, 2, 0, code]);
        assert!(w.is_closed(eve));
    }
    assert_eq!(w.session_count(), 0);
}

#[test]
fn mqtt_3_2_2_6_a_refusal_without_a_return_code_is_silent() {
    let rules = ListenerRules { max_qos: QOS1, ..ListenerRules::default() };
    let limits = Limits { retain_available: false, ..Limits::default() };
    for options in [v311().will("will", "bye", QOS2), v311().will("will", "bye", QOS0).will_retain()] {
        let mut w = World::with_listeners(limits.clone(), vec![rules.clone()]);
        let bob = w.attempt("bob", options);
        assert_eq!(w.bytes(bob), [] as [u8; 0]);
        assert!(w.is_closed(bob));
    }
}
