//! Section 3.1.3: the payload of CONNECT. (The Will is in `will.rs`.)

use super::*;

#[test]
fn mqtt_3_1_3_1_the_fields_come_in_their_order() {
    let mut w = World::with_passwords(&[("user", "secret")]);
    let watcher = w.connect("watcher", v5().username("user").password("secret"));
    w.subscribe(watcher, "will", QOS0);
    let flags = CLEAN | WILL | USER_NAME | PASSWORD;
    let will_properties = block(&[Property::ContentType("text")]);
    let (user, secret) = (field("user"), field("secret"));
    let (will, bye) = (field("will"), field("bye"));
    let bob = w.open();
    w.raw(bob, &connect_bytes(flags, &[&field("bob"), &will_properties, &will, &bye, &user, &secret]));
    assert_eq!(w.connack(bob).unwrap().code, ReasonCode::SUCCESS);
    w.cut(bob);
    let got = w.publishes(watcher);
    assert_eq!((got[0].topic, got[0].payload), ("will", &b"bye"[..]));
    assert_eq!(listed(&got[0]), [Property::ContentType("text")]);
    // In another order they mean something else.
    let eve = w.open();
    w.raw(eve, &connect_bytes(flags, &[&field("eve"), &will_properties, &user, &secret, &will, &bye]));
    assert_eq!(w.bytes(eve), [0x20, 3, 0, 0x87, 0]);
    // Will Properties behind the Will Topic are none.
    assert_refused(&connect_bytes(CLEAN | WILL, &[&field("eve"), &will, &will_properties, &bye]), MALFORMED);
}

#[test]
fn mqtt_3_1_3_2_the_client_id_identifies_the_session() {
    let mut w = World::new();
    for (id, filter) in [("bob", "a"), ("Bob", "b"), ("bob ", "c")] {
        let client = w.connect(id, lasting());
        assert!(!w.session_present(client), "{id:?} is somebody else");
        w.subscribe(client, filter, QOS1);
        w.cut(client);
    }
    let ann = w.connect("ann", v5());
    for topic in ["a", "b", "c"] {
        w.publish(ann, topic, "x", QOS1);
    }
    for (id, message) in [("bob", "a x"), ("Bob", "b x"), ("bob ", "c x")] {
        let client = w.connect(id, lasting());
        assert_eq!(w.messages(client), [message]);
    }
}

#[test]
fn mqtt_3_1_3_3_the_client_id_must_be_there() {
    assert_refused(&connect_bytes(CLEAN, &[]), MALFORMED);
}

#[test]
fn mqtt_3_1_3_4_the_client_id_must_be_utf8() {
    assert_refused(&connect_bytes(CLEAN, &[&field([0xC3, 0x28])]), 0x85);
    let mut w = World::new();
    w.connect("Zoë-日本", v5());
}

#[test]
fn mqtt_3_1_3_5_plain_client_ids_up_to_23_characters_are_allowed() {
    let all = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut w = World::new();
    for c in all.chars() {
        w.connect(&c.to_string(), v5());
    }
    for at in 0..=all.len() - 23 {
        w.connect(&all[at..at + 23], v5());
    }
    // Longer ones, and others, are as well.
    w.connect(&"x".repeat(60_000), v5());
    w.connect("a/b+c#d $", v5());
}

#[test]
fn mqtt_3_1_3_6_an_empty_client_id_gets_a_unique_one() {
    let mut w = World::new();
    let mut ids = Vec::new();
    for options in [v5(), v5(), v5().resume(), lasting()] {
        let client = w.connect("", options);
        assert!(!w.session_present(client));
        ids.push(w.connack(client).unwrap().properties.assigned_client_identifier().unwrap());
    }
    assert_eq!(w.session_count(), 4, "they are four clients");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[test]
fn mqtt_3_1_3_7_the_assigned_client_id_is_returned_and_counts_as_the_clients_own() {
    let mut w = World::new();
    let bob = w.connect("", lasting());
    let id = w.connack(bob).unwrap().properties.assigned_client_identifier().unwrap();
    assert!(id.starts_with("auto-"), "{id}");
    w.subscribe(bob, "a", QOS1);
    w.cut(bob);
    let bob = w.connect(id, lasting());
    assert!(w.session_present(bob));
    assert_eq!(w.connack(bob).unwrap().properties.assigned_client_identifier(), None, "it has one");
    w.publish(bob, "a", "x", QOS1);
    assert_eq!(w.messages(bob), ["a x"]);
}

#[test]
fn mqtt_3_1_3_8_a_rejected_client_id_closes_the_connection() {
    assert_refused(&connect_bytes(CLEAN, &[&field("control\u{1}")]), 0x85);
    let rules = ListenerRules { allow_zero_length_clientid: false, ..ListenerRules::default() };
    let mut w = World::with_listeners(Limits::default(), vec![rules]);
    let bob = w.attempt("", v5());
    assert_eq!(w.bytes(bob), [0x20, 3, 0, 0x80, 0]);
    assert!(w.is_closed(bob));
    assert_eq!(w.session_count(), 0);
}

#[test]
fn mqtt_3_1_3_12_the_user_name_must_be_utf8() {
    assert_refused(&connect_bytes(CLEAN | USER_NAME, &[&field("id"), &field([0xC3, 0x28])]), MALFORMED);
    // A password may be any bytes.
    let mut w = World::new();
    w.connect("bob", v5().username("Zoë").password([0, 0xFF, 0xC3]));
}
