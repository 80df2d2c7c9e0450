//! Sections 3.15 and 4.12: AUTH. The broker has no authentication method of its own yet, and says so.

use super::*;

#[test]
fn mqtt_3_15_1_1_reserved_bits_of_auth_are_malformed() {
    let body = [&[0x18][..], &block(&[Property::AuthenticationMethod("x")])].concat();
    for flags in 1..16 {
        assert_ends(&frame(0xF0 | flags, &[]), MALFORMED);
        assert_ends(&frame(0xF0 | flags, &[&body]), MALFORMED);
    }
}

#[test]
fn mqtt_4_12_0_1_a_method_that_is_not_supported_is_refused() {
    let mut w = World::new();
    for method in ["SCRAM-SHA-1", "GS2-KRB5", "", "x"] {
        for options in [v5(), v5().property(Property::AuthenticationData(b"first"))] {
            let eve = w.attempt("eve", options.property(Property::AuthenticationMethod(method)));
            assert_eq!(w.bytes(eve), [0x20, 3, 0, 0x8C, 0], "{method}");
            assert!(w.is_closed(eve));
        }
    }
    assert_eq!(w.session_count(), 0);
    // Also when User Name and Password are right.
    let mut w = World::with_passwords(&[("user", "secret")]);
    let method = Property::AuthenticationMethod("x");
    let eve = w.attempt("eve", v5().username("user").password("secret").property(method));
    assert_eq!(w.bytes(eve), [0x20, 3, 0, 0x8C, 0]);
    // Data without a method is an error of its own.
    let alone = block(&[Property::AuthenticationData(b"x")]);
    assert_refused(&connect_with(CLEAN, &alone, &[&field("id")]), PROTOCOL_ERROR);
}

#[test]
fn mqtt_4_12_0_6_without_a_method_the_server_sends_no_auth() {
    let mut w = World::with_passwords(&[("user", "secret")]);
    let bob = w.connect("bob", v5().username("user").password("secret"));
    let connack = w.connack(bob).unwrap();
    assert_eq!(connack.properties.authentication_method(), None);
    assert_eq!(connack.properties.authentication_data(), None);
    assert!(!w.history(bob).iter().any(|p| matches!(p, Packet::Auth(_))));
}

#[test]
fn an_auth_that_nobody_agreed_on_is_a_protocol_error() {
    let method = block(&[Property::AuthenticationMethod("x")]);
    for code in [0x18, 0x19] {
        assert_ends(&frame(0xF0, &[&[code], &method]), PROTOCOL_ERROR);
        // Without a method it is wrong by itself.
        assert_ends(&frame(0xF0, &[&[code]]), PROTOCOL_ERROR);
    }
    assert_ends(&frame(0xF0, &[]), PROTOCOL_ERROR);
    for code in [0x01, 0x17, 0x1A, 0x80, 0x8C, 0xFF] {
        assert_ends(&frame(0xF0, &[&[code], &method]), PROTOCOL_ERROR);
    }
    assert_ends(&frame(0xF0, &[&[0x18], &raw_block(&[0x15, 0, 9, b'x'])]), MALFORMED);
    // First of all packets: no CONNECT.
    assert_closed_silently(&frame(0xF0, &[&[0x18], &method]));
    // In 3.1.1 there is none.
    let mut w = World::new();
    let old = w.connect("old", v311());
    w.raw(old, &frame(0xF0, &[]));
    assert!(w.is_closed(old));
}

#[test]
fn an_auth_behind_a_connect_that_is_being_checked_waits_and_is_refused() {
    for password in ["secret", "guess"] {
        let mut w = World::with_passwords(&[("user", "secret")]);
        w.slow_checks();
        let bob = w.attempt("bob", v5().username("user").password(password));
        w.raw(bob, &frame(0xF0, &[&[0x18], &block(&[Property::AuthenticationMethod("x")])]));
        assert_eq!(w.bytes(bob), [] as [u8; 0]);
        w.check_passwords();
        assert!(w.is_closed(bob));
        let good = password == "secret";
        assert_eq!(w.connack(bob).unwrap().code.is_error(), !good);
        let told = if good { vec![disconnect(ReasonCode::PROTOCOL_ERROR)] } else { vec![] };
        assert_eq!(w.received(bob), told);
    }
}
