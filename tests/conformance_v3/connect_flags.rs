//! Section 3.1.0 and 3.1.2: the first packet, Protocol Name and Level, Connect Flags, Keep Alive.

use super::*;
use mqtt_toolkit::broker::{Limits, ListenerRules};

#[test]
fn mqtt_3_1_0_1_the_first_packet_must_be_connect() {
    let filter = field("a");
    let first: [&[u8]; 9] = [
        &frame(0x30, &[&filter, b"x"]),
        &frame(0x32, &[&filter, &[0, 1], b"x"]),
        &frame(0x40, &[&[0, 1]]),
        &frame(0x62, &[&[0, 1]]),
        &frame(0x82, &[&[0, 1], &filter, &[0]]),
        &frame(0xA2, &[&[0, 1], &filter]),
        &frame(0xC0, &[]),
        &frame(0xE0, &[]),
        b"GET / HTTP/1.1\r\n\r\n",
    ];
    for bytes in first {
        assert_closed_silently(bytes);
    }
}

#[test]
fn mqtt_3_1_0_2_a_second_connect_ends_the_connection() {
    let mut w = World::new();
    let bob = w.connect("bob", v311());
    w.send(bob, v311().packet("bob"));
    assert!(w.is_closed(bob));
    assert_eq!(w.history(bob).len(), 1, "nothing came behind the first CONNACK");
    // Also with another ClientId: nobody else's connection ends by it.
    let ann = w.connect("ann", v311());
    let eve = w.connect("eve", v311());
    w.send(eve, v311().packet("ann"));
    assert!(w.is_closed(eve));
    assert!(!w.is_closed(ann));
}

#[test]
fn mqtt_3_1_2_1_an_unknown_protocol_name_is_not_served() {
    for name in ["", "mqtt", "MQTTX", "MQT", "MQIsdP", "HTTP"] {
        assert_closed_silently(&connect_bytes(name, 4, CLEAN, &[b"id"]));
    }
}

#[test]
fn mqtt_3_1_2_2_an_unacceptable_protocol_level_is_answered_with_return_code_1() {
    for level in [0, 1, 2, 3] {
        let mut w = World::new();
        let bob = w.open();
        w.raw(bob, &connect_bytes("MQTT", level, CLEAN, &[b"bob"]));
        assert_eq!(w.bytes(bob), [0x20, 2, 0, 1], "level {level}");
        assert!(w.is_closed(bob));
    }
    // A later level is told in 5.0's words: 0x84, Unsupported Protocol Version.
    let mut w = World::new();
    let bob = w.open();
    w.raw(bob, &connect_bytes("MQTT", 6, CLEAN, &[b"bob"]));
    assert_eq!(w.connack(bob).unwrap().code, ReasonCode::UNSUPPORTED_PROTOCOL_VERSION);
    assert!(w.is_closed(bob));
    // And one that the broker knows but a listener doesn't accept.
    let rules = ListenerRules { versions: [true, false, true], ..ListenerRules::default() };
    let mut w = World::with_listeners(Limits::default(), vec![rules]);
    let bob = w.attempt("bob", v311());
    assert_eq!(w.bytes(bob), [0x20, 2, 0, 1]);
    assert!(w.is_closed(bob));
}

#[test]
fn mqtt_3_1_2_3_the_reserved_connect_flag_must_be_zero() {
    assert_closed_silently(&connect_v311(CLEAN | 1, &[b"id"]));
}

#[test]
fn mqtt_3_1_2_11_without_will_flag_there_is_no_will() {
    // The fields of a Will, but no flag that announces them: they are bytes too many.
    assert_closed_silently(&connect_v311(CLEAN, &[b"id", b"will", b"bye"]));
}

#[test]
fn mqtt_3_1_2_13_without_will_flag_will_qos_must_be_zero() {
    for qos in 1..=3 {
        assert_closed_silently(&connect_v311(CLEAN | qos << 3, &[b"id"]));
    }
}

#[test]
fn mqtt_3_1_2_14_will_qos_must_not_be_3() {
    assert_closed_silently(&connect_v311(CLEAN | WILL | 3 << 3, &[b"id", b"will", b"bye"]));
    for qos in [QOS0, QOS1, QOS2] {
        World::new().connect("bob", v311().will("will", "bye", qos));
    }
}

#[test]
fn mqtt_3_1_2_15_without_will_flag_will_retain_must_be_zero() {
    assert_closed_silently(&connect_v311(CLEAN | 0x20, &[b"id"]));
}

#[test]
fn mqtt_3_1_2_18_without_user_name_flag_there_is_no_user_name() {
    assert_closed_silently(&connect_v311(CLEAN, &[b"id", b"user"]));
}

#[test]
fn mqtt_3_1_2_19_with_user_name_flag_there_is_a_user_name() {
    assert_closed_silently(&connect_v311(CLEAN | USER_NAME, &[b"id"]));
}

#[test]
fn mqtt_3_1_2_20_without_password_flag_there_is_no_password() {
    assert_closed_silently(&connect_v311(CLEAN | USER_NAME, &[b"id", b"user", b"secret"]));
}

#[test]
fn mqtt_3_1_2_21_with_password_flag_there_is_a_password() {
    assert_closed_silently(&connect_v311(CLEAN | USER_NAME | PASSWORD, &[b"id", b"user"]));
}

#[test]
fn mqtt_3_1_2_22_no_password_without_user_name() {
    assert_closed_silently(&connect_v311(CLEAN | PASSWORD, &[b"id", b"secret"]));
}

#[test]
fn mqtt_3_1_2_24_a_silent_client_is_disconnected_after_one_and_a_half_times_keep_alive() {
    let mut w = World::new();
    let watcher = w.connect("watcher", v311());
    w.subscribe(watcher, "will", QOS0);
    let bob = w.connect("bob", v311().keep_alive(10).will("will", "bye", QOS0));
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
    w.advance_ms(200);
    assert!(w.is_closed(bob));
    // As if the network had failed: with the Will.
    assert_eq!(w.messages(watcher), ["will bye"]);
}

#[test]
fn keep_alive_zero_never_disconnects() {
    let mut w = World::new();
    let bob = w.connect("bob", v311().keep_alive(0));
    w.advance(30 * 24 * 3600);
    w.send(bob, Packet::PingReq);
    assert_eq!(w.received(bob), [Packet::PingResp]);
}

#[test]
fn a_connection_without_connect_ends_after_half_a_minute() {
    let mut w = World::new();
    let silent = w.open();
    let slow = w.open();
    let connect = connect_v311(CLEAN, &[b"slow"]);
    for byte in &connect[..connect.len() - 1] {
        w.raw(slow, &[*byte]);
        w.advance(1);
    }
    w.advance(31);
    assert!(w.is_closed(silent));
    assert!(w.is_closed(slow), "a byte a second is not a CONNECT");
}
