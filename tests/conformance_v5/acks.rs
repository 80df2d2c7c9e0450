//! Sections 3.4 to 3.7: PUBACK, PUBREC, PUBREL and PUBCOMP.

use super::*;

/// Reason Codes of the table of each packet; and 0x95, which mosquitto has there for a payload over its
/// `message_size_limit` (see `packet_size.rs`).
const PUBACK_AND_PUBREC: [u8; 10] = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x95, 0x97, 0x99];
const PUBREL_AND_PUBCOMP: [u8; 2] = [0x00, 0x92];

/// Lets bob publish in every way that is answered with a reason, and returns the acknowledgements.
fn every_answer(qos: QoS) -> Vec<Packet<'static>> {
    let mut w = World::new();
    let ann = w.connect("ann", v5());
    w.subscribe(ann, "a", QOS2);
    let bob = quiet(&mut w, "bob", v5());
    for (id, topic) in [(1, "a"), (2, "nobody"), (3, "$SYS/broker/version"), (4, "$share/g/a")] {
        w.send(bob, publish_as(id, topic, "x", qos));
    }
    w.received(bob)
}

#[test]
fn mqtt_3_4_2_1_puback_has_one_of_its_codes() {
    let codes: Vec<u8> = every_answer(QOS1)
        .iter()
        .map(|p| match p {
            Packet::PubAck(ack) => ack.reason.0,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(codes, [0x00, 0x10, 0x87, 0x87]);
    // And one that comes must have one.
    for code in 0..=255_u8 {
        if PUBACK_AND_PUBREC.contains(&code) {
            let mut w = World::new();
            let bob = w.connect("bob", v5());
            w.raw(bob, &[0x40, 3, 0, 1, code]);
            assert!(!w.is_closed(bob), "{code:#04x}");
        } else {
            assert_ends(&[0x40, 3, 0, 1, code], PROTOCOL_ERROR);
        }
    }
}

#[test]
fn mqtt_3_5_2_1_pubrec_has_one_of_its_codes() {
    let codes: Vec<u8> = every_answer(QOS2)
        .iter()
        .map(|p| match p {
            Packet::PubRec(ack) => ack.reason.0,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(codes, [0x00, 0x10, 0x87, 0x87]);
    for code in 0..=255_u8 {
        if PUBACK_AND_PUBREC.contains(&code) {
            let mut w = World::new();
            let bob = w.connect("bob", v5());
            w.raw(bob, &[0x50, 3, 0, 1, code]);
            assert!(!w.is_closed(bob), "{code:#04x}");
        } else {
            assert_ends(&[0x50, 3, 0, 1, code], PROTOCOL_ERROR);
        }
    }
}

#[test]
fn mqtt_3_6_1_1_pubrel_has_its_fixed_flags() {
    for flags in (0..16).filter(|&flags| flags != 0b0010) {
        let mut w = World::new();
        let bob = quiet(&mut w, "bob", v5());
        w.publish(bob, "a", "x", QOS2);
        w.raw(bob, &[0x60 | flags, 2, 0, 1]);
        assert!(w.is_closed(bob), "flags {flags:#06b}");
        assert_eq!(w.received(bob), [disconnect(ReasonCode::MALFORMED_PACKET)]);
    }
}

#[test]
fn mqtt_3_6_2_1_pubrel_has_one_of_its_codes() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", v5());
    w.subscribe(bob, "a", QOS2);
    let ann = w.connect("ann", v5());
    w.publish(ann, "a", "x", QOS2);
    let start = w.bytes(bob).len();
    let id = w.publishes(bob)[0].packet_identifier;
    // Success in the short form, for a PUBREC with any code that is no error, in any form.
    for pubrec in
        [&[0x50, 2, 0, 1][..], &[0x50, 3, 0, 1, 0x00], &[0x50, 3, 0, 1, 0x10], &[0x50, 4, 0, 1, 0, 0]]
    {
        w.raw(bob, pubrec);
        assert_eq!(w.received(bob), [pubrel(id)]);
    }
    assert_eq!(w.bytes(bob)[start..], [0x62, 2, 0, 1].repeat(4));
    for code in 0..=255_u8 {
        if PUBREL_AND_PUBCOMP.contains(&code) {
            w.raw(bob, &[0x62, 3, 0, 1, code]);
            assert!(!w.is_closed(bob), "{code:#04x}");
        } else {
            assert_ends(&[0x62, 3, 0, 1, code], PROTOCOL_ERROR);
        }
    }
}

#[test]
fn mqtt_3_7_2_1_pubcomp_has_one_of_its_codes() {
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", v5());
    w.publish(bob, "a", "x", QOS2);
    w.received(bob);
    let start = w.bytes(bob).len();
    // Known and unknown alike, as mosquitto answers: success.
    w.raw(bob, &[0x62, 2, 0, 1, 0x62, 2, 0, 77]);
    assert_eq!(w.bytes(bob)[start..], [0x70, 2, 0, 1, 0x70, 2, 0, 77]);
    for code in 0..=255_u8 {
        if PUBREL_AND_PUBCOMP.contains(&code) {
            w.raw(bob, &[0x70, 3, 0, 1, code]);
            assert!(!w.is_closed(bob), "{code:#04x}");
        } else {
            assert_ends(&[0x70, 3, 0, 1, code], PROTOCOL_ERROR);
        }
    }
}

#[test]
fn reason_strings_and_user_properties_of_acknowledgements_are_read() {
    let text = block(&[
        Property::ReasonString("because"),
        Property::UserProperty("a", "b"),
        Property::UserProperty("a", "c"),
    ]);
    let mut w = World::new();
    let bob = quiet(&mut w, "bob", v5());
    w.subscribe(bob, "a", QOS1);
    let ann = w.connect("ann", v5());
    w.publish(ann, "a", "x", QOS1);
    for kind in [0x40, 0x50, 0x62, 0x70] {
        w.raw(bob, &frame(kind, &[&[0, 1, 0], &text]));
    }
    assert!(!w.is_closed(bob));
    // Others have no place there.
    let other = block(&[Property::ContentType("x")]);
    for kind in [0x40, 0x50, 0x62, 0x70] {
        assert_ends(&frame(kind, &[&[0, 1, 0], &other]), MALFORMED);
        assert_ends(&frame(kind, &[&[0, 1, 0], &text, &[0]]), MALFORMED);
        assert_ends(&frame(kind, &[&[0]]), MALFORMED);
        assert_ends(&frame(kind, &[&[0, 0]]), PROTOCOL_ERROR);
    }
}

/// Everything that the broker can be brought to send to a client that asked for no problem information.
#[test]
fn mqtt_3_1_2_29_without_problem_information_there_are_no_reason_strings_or_user_properties() {
    for wanted in [false, true] {
        let mut w = World::new();
        let options = v5().property(Property::RequestProblemInformation(wanted));
        let bob = quiet(&mut w, "bob", options);
        w.subscribe(bob, "a", QOS2);
        w.subscribe(bob, "a", QOS0);
        w.unsubscribe(bob, "never");
        for (id, topic) in [(1, "a"), (2, "nobody"), (3, "$SYS/broker/version")] {
            w.send(bob, publish_as(id, topic, "x", QOS1));
            w.send(bob, publish_as(id, topic, "x", QOS2));
            w.send(bob, pubrel(id));
        }
        // A PUBLISH has them nonetheless.
        let pair = Property::UserProperty("k", "v");
        let ann = w.connect("ann", v5());
        w.publish_with(ann, with(&[pair], message("a", "x", QOS1)));
        w.raw(bob, &[0, 0]);
        let mut messages = 0;
        for packet in w.history(bob) {
            let properties = match packet {
                Packet::Publish(publish) if publish.properties.is_empty() => continue,
                Packet::Publish(publish) => {
                    assert_eq!(listed(publish), [pair]);
                    messages += 1;
                    continue;
                }
                Packet::ConnAck(p) => p.properties,
                Packet::PubAck(p) | Packet::PubRec(p) | Packet::PubRel(p) | Packet::PubComp(p) => {
                    p.properties
                }
                Packet::SubAck(p) => p.properties,
                Packet::UnsubAck(p) => p.properties,
                Packet::Disconnect(p) => p.properties,
                other => panic!("{other:?}"),
            };
            assert_eq!(
                (properties.reason_string(), properties.user_properties().count()),
                (None, 0),
                "{packet:?}"
            );
        }
        assert_eq!(messages, 1);
    }
}
