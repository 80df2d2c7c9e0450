//! Every field and every layout; the same formats are compared with mosquitto_sub's output in `tests/dropin`.

use jiff::tz::TimeZone;

use super::*;
use crate::options::Format;
use crate::protocol::{PropertiesBuf, Property, QoS};

fn formatted(pieces: Vec<Piece>, payload: &[u8], properties: &PropertiesBuf) -> (String, Vec<Unfit>) {
    let message = Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: true,
        topic: "a/b",
        packet_identifier: 7,
        properties: properties.as_properties(),
        payload,
    };
    let mut formatter = Formatter::in_zone(Format(pieces), false, TimeZone::UTC);
    let (mut out, mut complaints) = (Vec::new(), Vec::new());
    formatter.write(&message, &mut out, &mut |unfit| complaints.push(unfit));
    (String::from_utf8(out).unwrap(), complaints)
}

fn field(field: Field, layout: Layout, payload: &[u8]) -> String {
    let mut properties = PropertiesBuf::new();
    for property in [
        Property::ContentType("text"),
        Property::CorrelationData(b"cd"),
        Property::MessageExpiryInterval(u32::MAX),
        Property::UserProperty("k", "v"),
        Property::UserProperty("k2", "v2"),
        Property::SubscriptionIdentifier(3),
        Property::SubscriptionIdentifier(4),
        Property::ResponseTopic("r"),
        Property::PayloadFormatIndicator(false),
        Property::TopicAlias(5),
    ] {
        properties.push(property);
    }
    formatted(vec![Piece::Field(field, layout)], payload, &properties).0
}

const PLAIN: Layout = Layout { width: 0, precision: None, left: false, zeros: false, separator: b' ' };

#[test]
fn fields() {
    for (which, expected) in [
        (Field::Topic, "a/b"),
        (Field::Payload, "v5"),
        (Field::PayloadLength, "2"),
        (Field::PacketIdentifier, "7"),
        (Field::QoS, "1"),
        (Field::Retain, "1"),
        (Field::LowerHex, "7635"),
        (Field::ContentType, "text"),
        (Field::CorrelationData, "cd"),
        (Field::MessageExpiryInterval, "-1"),
        (Field::UserProperties, "k:v k2:v2"),
        (Field::SubscriptionIdentifier, "3"),
        (Field::ResponseTopic, "r"),
        (Field::PayloadFormatIndicator, "0"),
        (Field::TopicAlias, "5"),
    ] {
        assert_eq!(field(which, PLAIN, b"v5"), expected, "{which:?}");
    }
}

#[test]
fn widths_and_precisions() {
    let wide = |width| Layout { width, ..PLAIN };
    let zeros = |width| Layout { zeros: true, ..wide(width) };
    let left = |width| Layout { left: true, ..wide(width) };
    let cut = |width, most| Layout { precision: Some(most), ..wide(width) };
    for (which, layout, expected) in [
        (Field::Topic, wide(5), "  a/b"),
        (Field::Topic, zeros(5), "  a/b"),
        (Field::Topic, left(5), "a/b  "),
        (Field::Topic, cut(0, 2), "a/"),
        (Field::Topic, cut(4, 1), "   a"),
        (Field::Payload, wide(2), "pa"),
        (Field::Payload, zeros(9), "00payload"),
        (Field::Payload, left(9), "payload  "),
        (Field::PayloadLength, zeros(3), "007"),
        (Field::PayloadLength, left(3), "7  "),
        (Field::MessageExpiryInterval, zeros(4), "-001"),
        (Field::LowerHex, wide(3), "706179"),
        (Field::UpperHex, zeros(16), "007061796C6F6164"),
        (Field::LowerHex, left(16), "7061796c6f6164  "),
        (Field::LowerHex, cut(0, 2), "70 61 79 6c 6f 61 64"),
        (Field::LowerHex, Layout { separator: b':', ..cut(0, 4) }, "7061:796c:6f61:64"),
        (Field::LowerHex, Layout { separator: b'_', ..cut(1, 1) }, "7_0"),
        (Field::LowerHex, cut(16, 4), "  70 6179 6c6f 6164"),
    ] {
        assert_eq!(field(which, layout, b"payload"), expected, "{which:?} {layout:?}");
    }
}

#[test]
fn floats() {
    let double = (-2.5_f64).to_ne_bytes();
    for (layout, expected) in [
        (PLAIN, "-2.500000"),
        (Layout { precision: Some(1), ..PLAIN }, "-2.5"),
        (Layout { precision: Some(0), ..PLAIN }, "-2"),
        (Layout { width: 7, precision: Some(1), ..PLAIN }, "   -2.5"),
        (Layout { width: 7, precision: Some(1), zeros: true, ..PLAIN }, "-0002.5"),
        (Layout { width: 7, precision: Some(1), left: true, ..PLAIN }, "-2.5   "),
    ] {
        assert_eq!(field(Field::Double, layout, &double), expected, "{layout:?}");
    }
    let long = field(Field::Double, Layout { precision: Some(1_000_000), ..PLAIN }, &0.5_f64.to_ne_bytes());
    assert!(long.len() == 1_000_002 && long.starts_with("0.5000"));
    assert_eq!(field(Field::Float, PLAIN, &0.1_f32.to_ne_bytes()), "0.100000");
    let zeros = Layout { width: 5, zeros: true, ..PLAIN };
    assert_eq!(field(Field::Float, zeros, &f32::INFINITY.to_ne_bytes()), "  inf");
}

#[test]
fn absent_properties_leave_their_width() {
    let none = PropertiesBuf::new();
    for which in [Field::TopicAlias, Field::ContentType, Field::SubscriptionIdentifier] {
        let layout = Layout { width: 3, zeros: true, ..PLAIN };
        assert_eq!(formatted(vec![Piece::Field(which, layout)], b"", &none).0, "000");
    }
    for which in [Field::ResponseTopic, Field::CorrelationData, Field::UserProperties] {
        let layout = Layout { width: 3, ..PLAIN };
        assert_eq!(formatted(vec![Piece::Field(which, layout)], b"", &none).0, "");
    }
}

#[test]
fn what_doesn_t_fit_is_said_and_left_out() {
    let pieces = [Field::JsonWithJson, Field::Float, Field::Double].map(|which| Piece::Field(which, PLAIN));
    let mut all = vec![Piece::Text(b"<".to_vec())];
    all.extend(pieces);
    all.push(Piece::Text(b">".to_vec()));
    let (text, complaints) = formatted(all, b"x", &PropertiesBuf::new());
    assert_eq!(text, "<>");
    assert_eq!(complaints, [Unfit::Json, Unfit::Float, Unfit::Double]);
}

#[test]
fn times_are_told_alike() {
    let pieces = vec![Piece::Time(b's'), Piece::Text(b".".to_vec()), Piece::Nanoseconds];
    let both = [pieces, vec![Piece::Text(b" ".to_vec()), Piece::Field(Field::UnixTime, PLAIN)]].concat();
    let (text, _) = formatted(both, b"", &PropertiesBuf::new());
    let (first, second) = text.split_once(' ').unwrap();
    assert_eq!(first, second);
}
