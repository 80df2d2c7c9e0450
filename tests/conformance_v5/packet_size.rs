//! Section 3.1.2.11.4: Maximum Packet Size of the client; and the server's own.

use super::*;

/// Asserts that no packet that came is larger.
#[track_caller]
fn assert_all_within(w: &World, client: Client, maximum: usize) {
    let mut rest = w.bytes(client);
    while !rest.is_empty() {
        let total = mqtt_toolkit::protocol::fixed_header(rest).unwrap().unwrap().total();
        assert!(total <= maximum, "{total} bytes: {:02X?}", &rest[..total]);
        rest = &rest[total..];
    }
}

#[test]
fn mqtt_3_1_2_24_nothing_larger_than_the_clients_maximum_is_sent() {
    for aliases in [0, 10] {
        for (options, identifier) in [(v5(), None), (v5(), Some(300)), (lasting(), None)] {
            let mut w = World::new();
            let options = options.maximum_packet_size(64).topic_alias_maximum(aliases);
            let bob = w.connect("bob", options);
            let identifier = identifier.map(Property::SubscriptionIdentifier);
            let asked = [("#", SubscriptionOptions::new(QOS2))];
            w.subscribe_with(bob, &asked, properties(identifier.as_slice()));
            let ann = w.connect("ann", v5());
            let old = w.connect("old", v311());
            for length in 0..100 {
                for qos in [QOS0, QOS1, QOS2] {
                    let topic = format!("topic/{length}/{}", qos as u8);
                    let pair = Property::UserProperty("k", "v");
                    w.publish_with(ann, with(&[pair], message(&topic, "x".repeat(length), qos)));
                    w.publish(old, &topic, "x".repeat(length), qos);
                }
            }
            assert_all_within(&w, bob, 64);
            // What fits to the byte is sent.
            let largest = w.history(bob).iter().map(|p| encoded(Version::V5, p).len()).max();
            assert_eq!(largest, Some(64), "aliases {aliases}, {identifier:?}");
            assert!(!w.is_closed(bob));
        }
    }
}

#[test]
fn an_alias_does_not_make_a_packet_too_large() {
    for topic in ["a", "ab", "abc", "a/longer/topic"] {
        for length in 0..200 {
            for qos in [QOS0, QOS1] {
                let mut w = World::new();
                let bob = w.connect("bob", v5().maximum_packet_size(140).topic_alias_maximum(1));
                w.subscribe(bob, "#", QOS1);
                let ann = w.connect("ann", v5());
                let plain = encoded(Version::V5, &publish_as(1, topic, &"x".repeat(length), qos)).len();
                for _ in 0..3 {
                    w.publish(ann, topic, "x".repeat(length), qos);
                }
                assert_all_within(&w, bob, 140);
                let came = w.publishes(bob).len();
                assert!(plain > 140 || came == 3, "{topic} {length} {qos:?}: it would have fitted without");
            }
        }
    }
}

#[test]
fn a_connack_that_is_too_large_is_not_sent() {
    for maximum in 1..20 {
        let mut w = World::new();
        let bob = w.attempt("bob", v5().maximum_packet_size(maximum));
        assert_all_within(&w, bob, maximum as usize);
        assert_eq!(w.is_closed(bob), maximum < 16, "the smallest CONNACK with success has 16 bytes");
        assert_eq!(w.session_count(), usize::from(maximum >= 16));
        // A refusal has 5.
        let eve =
            w.attempt("eve", v5().maximum_packet_size(maximum).property(Property::AuthenticationMethod("x")));
        assert_eq!(w.connack(eve).is_some(), maximum >= 5);
        assert!(w.is_closed(eve));
    }
    // An assigned ClientId takes more.
    let mut w = World::new();
    let bob = w.attempt("", v5().maximum_packet_size(59));
    assert!(w.is_closed(bob) && w.connack(bob).is_none());
    w.connect("", v5().maximum_packet_size(60));
}

#[test]
fn a_suback_or_unsuback_that_is_too_large_ends_the_connection() {
    let filters: Vec<String> = (0..100).map(|i| format!("a/{i}")).collect();
    let asked: Vec<_> = filters.iter().map(|f| (f.as_str(), SubscriptionOptions::new(QOS1))).collect();
    let names: Vec<&str> = filters.iter().map(String::as_str).collect();
    for packet in [subscribe_packet(1, &asked, Properties::EMPTY), unsubscribe_packet(1, &names)] {
        for maximum in [50, 104, 105] {
            let mut w = World::new();
            let bob = w.connect("bob", v5().maximum_packet_size(maximum));
            w.send(bob, packet);
            assert_all_within(&w, bob, maximum as usize);
            if maximum < 105 {
                assert_eq!(w.disconnect_reason(bob), Some(ReasonCode::PACKET_TOO_LARGE));
            }
            assert_eq!(w.is_closed(bob), maximum < 105, "{maximum}");
        }
    }
}

#[test]
fn mqtt_3_1_2_25_a_message_that_is_too_large_counts_as_delivered() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", lasting().maximum_packet_size(100).receive_maximum(2));
    w.subscribe(bob, "a", QOS2);
    let big = "x".repeat(200);
    let other = w.connect("other", v5());
    w.subscribe(other, "a", QOS2);
    let ann = w.connect("ann", v5());
    // It takes none of the room in flight, and no message behind it waits.
    for i in 0..10 {
        for qos in [QOS0, QOS1, QOS2] {
            assert_eq!(w.publish(ann, "a", &big, qos), ReasonCode::SUCCESS);
        }
        assert_eq!(w.publishes(other).len(), 3, "others get it: {i}");
    }
    w.publish(ann, "a", "small", QOS1);
    w.publish(ann, "a", "small", QOS2);
    assert_eq!(payloads(&w.publishes(bob)), ["small", "small"]);
    // It is not sent again, nor kept for a client that is away and comes back with the same limit.
    w.cut(bob);
    w.publish(ann, "a", &big, QOS1);
    w.publish(ann, "a", "later", QOS1);
    let bob = quiet(&mut w, "bob", lasting().maximum_packet_size(100).receive_maximum(20));
    assert_eq!(payloads(&w.publishes(bob)), ["small", "small", "later"]);
    w.cut(bob);
    let bob = quiet(&mut w, "bob", lasting());
    assert_eq!(payloads(&w.publishes(bob)), ["small", "small", "later"]);
    let said = |n: &Notice| matches!(n, Notice::TooLargeForReceiver { .. });
    assert_eq!(w.notices().iter().filter(|n| said(n)).count(), 31);
    assert_eq!(w.counters().publish_dropped, 31);
}

#[test]
fn a_retained_message_that_is_too_large_is_passed_over() {
    let mut w = World::new();
    let ann = w.connect("ann", v5());
    w.retain(ann, "a/1", "x".repeat(200), QOS1);
    w.retain(ann, "a/2", "small", QOS1);
    w.retain(ann, "a/3", "x".repeat(200), QOS0);
    let bob = w.connect("bob", v5().maximum_packet_size(100));
    w.subscribe(bob, "a/#", QOS1);
    assert_eq!(w.messages(bob), ["a/2 small"]);
}

#[test]
fn a_packet_larger_than_the_servers_maximum_ends_the_connection() {
    let mut w = World::with(Limits { max_packet_size: 200, ..Limits::default() });
    let bob = w.connect("bob", v5());
    let other = w.connect("other", v5());
    w.subscribe(other, "#", QOS0);
    let publish =
        |length: usize| encoded(Version::V5, &Packet::Publish(message("a", "x".repeat(length), QOS0)));
    let fits = publish(193);
    assert_eq!(fits.len(), 200);
    w.raw(bob, &fits);
    assert_eq!(w.publishes(other).len(), 1);
    // As soon as the length is known, without waiting for the rest.
    w.raw(bob, &publish(194)[..3]);
    assert_eq!(w.disconnect_reason(bob), Some(ReasonCode::PACKET_TOO_LARGE));
    assert!(w.is_closed(bob));
    assert_eq!(w.received(other), []);
}

#[test]
fn a_payload_over_the_limit_is_refused_in_the_acknowledgement() {
    // With mosquitto's code, 0x95, which is not in the tables of PUBACK and PUBREC.
    let mut w = World::with(Limits { message_size_limit: 10, ..Limits::default() });
    let bob = w.connect("bob", v5());
    let other = w.connect("other", v5());
    w.subscribe(other, "#", QOS2);
    for qos in [QOS1, QOS2] {
        assert_eq!(w.publish(bob, "a", "x".repeat(11), qos), ReasonCode::PACKET_TOO_LARGE);
        assert_eq!(w.publish(bob, "a", "x".repeat(10), qos), ReasonCode::SUCCESS);
    }
    assert_eq!(w.publishes(other).len(), 2);
    assert!(!w.is_closed(bob));
}
