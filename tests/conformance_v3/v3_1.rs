//! MQTT 3.1, as far as it is different: it has no numbered statements.

use super::*;

#[test]
fn mqisdp_with_level_3_is_accepted() {
    let mut w = World::new();
    let bob = w.open();
    w.raw(bob, &connect_bytes("MQIsdp", 3, CLEAN, &[b"bob"]));
    assert_eq!(w.bytes(bob), [0x20, 2, 0, 0]);
    w.subscribe(bob, "a", QOS2);
    w.publish(bob, "a", "x", QOS2);
    assert_eq!(w.messages(bob), ["a x"]);
}

#[test]
fn name_and_level_must_fit() {
    for (name, level) in [("MQIsdp", 4), ("MQIsdp", 2), ("MQTT", 3)] {
        let mut w = World::new();
        let bob = w.open();
        w.raw(bob, &connect_bytes(name, level, CLEAN, &[b"bob"]));
        assert_eq!(w.bytes(bob), [0x20, 2, 0, 1], "{name} {level}");
        assert!(w.is_closed(bob));
    }
}

#[test]
fn session_present_is_never_said() {
    let mut w = World::new();
    let bob = w.connect("bob", v31().resume());
    w.subscribe(bob, "a", QOS1);
    w.cut(bob);
    let ann = w.connect("ann", v31());
    w.publish(ann, "a", "x", QOS1);
    let bob = w.reconnect(bob);
    assert_eq!(w.bytes(bob)[..4], [0x20, 2, 0, 0], "the byte is reserved in 3.1");
    assert_eq!(w.messages(bob), ["a x"], "but there is a session");
}

#[test]
fn an_empty_client_id_is_rejected() {
    for options in [v31(), v31().resume()] {
        let mut w = World::new();
        let bob = w.attempt("", options);
        assert_eq!(w.bytes(bob), [0x20, 2, 0, 2]);
        assert!(w.is_closed(bob));
    }
}

#[test]
fn a_client_id_may_be_longer_than_23_characters() {
    // 3.1 draws the line there; mosquitto and its users never did.
    let mut w = World::new();
    w.connect("a-client-id-of-more-than-23-characters", v31());
}

#[test]
fn the_reserved_connect_flag_is_ignored() {
    let mut w = World::new();
    let bob = w.open();
    w.raw(bob, &connect_bytes("MQIsdp", 3, CLEAN | 1, &[b"bob"]));
    assert_eq!(w.bytes(bob), [0x20, 2, 0, 0]);
}

#[test]
fn user_name_and_password_flags_may_stand_without_their_fields() {
    let mut w = World::new();
    let bob = w.open();
    w.raw(bob, &connect_bytes("MQIsdp", 3, CLEAN | USER_NAME | PASSWORD, &[b"bob"]));
    assert_eq!(w.bytes(bob), [0x20, 2, 0, 0]);
}

#[test]
fn requests_may_be_sent_again_with_dup() {
    let mut w = World::new();
    let bob = w.connect("bob", v31());
    w.auto_acknowledge(bob, false);
    w.raw(bob, &frame(0x8A, &[&[0, 1], &field("a"), &[1]]));
    w.publish(bob, "b", "x", QOS2);
    w.raw(bob, &[0x6A, 2, 0, 1]);
    w.raw(bob, &frame(0xAA, &[&[0, 2], &field("a")]));
    let kinds: Vec<u8> = w.received(bob).iter().map(|p| p.packet_type() as u8).collect();
    assert_eq!(kinds, [9, 7, 11], "SUBACK, PUBCOMP, UNSUBACK");
    // 3.1.1 took that away.
    assert_closes(&frame(0x8A, &[&[0, 1], &field("a"), &[1]]));
}

#[test]
fn messages_go_between_all_versions() {
    let mut w = World::new();
    for (from, from_id) in [(v31(), "p31"), (v311(), "p311"), (v5(), "p5")] {
        for (to, to_id) in [(v31(), "s31"), (v311(), "s311"), (v5(), "s5")] {
            let receiver = w.connect(to_id, to);
            w.subscribe(receiver, "a", QOS2);
            let publisher = w.connect(from_id, from.clone());
            for qos in [QOS0, QOS1, QOS2] {
                w.publish(publisher, "a", "x", qos);
                let got = w.publishes(receiver);
                assert_eq!(
                    (got.len(), got[0].qos, got[0].payload),
                    (1, qos, &b"x"[..]),
                    "{from_id} to {to_id}"
                );
            }
            w.disconnect(receiver);
            w.disconnect(publisher);
        }
    }
}
