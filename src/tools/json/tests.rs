//! What becomes of messages; the same cases are compared with mosquitto_sub's output in `tests/dropin`.

use jiff::tz::TimeZone;

use super::*;
use crate::protocol::PropertiesBuf;

fn clock() -> Clock {
    let mut clock = Clock::new(TimeZone::UTC);
    clock.set(1_795_479_469, 697_076_999);
    clock
}

fn publish<'a>(topic: &'a str, payload: &'a [u8], properties: Properties<'a>) -> Publish<'a> {
    let (qos, packet_identifier) = (QoS::AtMostOnce, 0);
    Publish { dup: false, qos, retain: false, topic, packet_identifier, properties, payload }
}

fn json(payload: &[u8], form: Payload, pretty: bool) -> Option<String> {
    let mut out = Vec::new();
    let message_ = publish("t", payload, Properties::EMPTY);
    let written = message(&mut out, &message_, &clock(), form, pretty);
    if written.is_err() {
        assert!(out.is_empty());
        return None;
    }
    let text = String::from_utf8(out).unwrap();
    Some(text.rsplit_once("\"payload\":").unwrap().1.strip_suffix('}').unwrap().to_owned())
}

fn embedded(payload: &str) -> Option<String> {
    json(payload.as_bytes(), Payload::Embedded, false)
}

#[test]
fn everything_in_its_order() {
    let mut properties = PropertiesBuf::new();
    for property in [
        Property::UserProperty("k1", "v1"),
        Property::ContentType("text/plain"),
        Property::UserProperty("k1", "v2"),
        Property::CorrelationData(b"c\0d"),
        Property::ResponseTopic("re/sp"),
        Property::PayloadFormatIndicator(true),
        Property::MessageExpiryInterval(u32::MAX),
        Property::SubscriptionIdentifier(3),
        Property::SubscriptionIdentifier(4),
        Property::TopicAlias(9),
    ] {
        properties.push(property);
    }
    let mut full = publish("a/\"b\"", b"21", properties.as_properties());
    (full.qos, full.packet_identifier, full.retain) = (QoS::AtLeastOnce, 65_535, true);
    let mut out = Vec::new();
    message(&mut out, &full, &clock(), Payload::Text, false).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "{\"tst\":\"2026-11-24T00:17:49.697076+0000\",\"topic\":\"a/\\\"b\\\"\",\"qos\":1,\"retain\":true,\
         \"payloadlen\":2,\"mid\":65535,\"properties\":{\"user-properties\":[{\"k1\":\"v1\"},{\"k1\":\"v2\"}],\
         \"content-type\":\"text/plain\",\"correlation-data\":\"c\",\"response-topic\":\"re/sp\",\
         \"payload-format-indicator\":1,\"message-expiry-interval\":4294967295,\"subscription-identifier\":3,\
         \"subscription-identifier\":4,\"topic-alias\":9},\"payload\":\"21\"}"
    );
}

#[test]
fn payloads_as_text() {
    let text = |payload: &[u8]| json(payload, Payload::Text, false).unwrap();
    assert_eq!(text(b""), "null");
    assert_eq!(text("ä/\u{7f}".as_bytes()), "\"ä/\u{7f}\"");
    assert_eq!(text(b"a\"\\\n\r\t\x08\x0c\x01\x1f"), "\"a\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u001f\"");
    assert_eq!(text(b"cut\0off"), "\"cut\"");
    assert_eq!(text(b"0123456789abcdef0123456789\"x"), "\"0123456789abcdef0123456789\\\"x\"");
}

#[test]
fn payloads_as_json() {
    let cases = [
        ("", "null"),
        (" {\"b\" : [1, 2.50 ,-0.5e1],\"a\":{} , \"b\":null}\n", "{\"b\":[1,2.5,-5],\"a\":{},\"b\":null}"),
        ("\"\\u00e9\\/\\ud83d\\ude00\\u0001\\n\"", "\"é/😀\\u0001\\n\""),
        ("\"raw\ttab\"", "\"raw\\ttab\""),
        ("[]", "[]"),
        ("true", "true"),
        ("12345678901", "12345678901"),
        ("0.1e1", "1"),
        ("007", "7"),
        ("-0", "0"),
        ("1.", "1"),
        ("\u{feff}1", "1"),
        ("1e400", "null"),
    ];
    for (payload, expected) in cases {
        assert_eq!(embedded(payload).as_deref(), Some(expected), "{payload}");
    }
}

#[test]
fn what_is_no_json() {
    for payload in [
        " ",
        "x",
        "{",
        "[1",
        "[1,]",
        "{\"a\"}",
        "{\"a\":1,}",
        "{a:1}",
        "\"",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\\u12\"",
        "1 2",
        "-",
        "1-2",
        "tru",
        "\0",
        "1\0",
        "\"\0\"",
        "nul",
        "+1",
    ] {
        assert_eq!(embedded(payload), None, "{payload:?}");
    }
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(embedded(&deep(1000)).is_some());
    assert_eq!(embedded(&deep(1001)), None);
    assert_eq!(embedded(&"[".repeat(1_000_000)), None);
}

#[test]
fn spread_over_lines() {
    let pretty = json(br#"{"a":[1,{"b":2},[]],"c":{}}"#, Payload::Embedded, true).unwrap();
    assert_eq!(
        pretty,
        "\t{\n\t\t\"a\":\t[1, {\n\t\t\t\t\"b\":\t2\n\t\t\t}, []],\n\t\t\"c\":\t{\n\t\t}\n\t}\n"
    );
    let mut out = Vec::new();
    message(&mut out, &publish("t", b"", Properties::EMPTY), &clock(), Payload::Text, true).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "{\n\t\"tst\":\t\"2026-11-24T00:17:49.697076+0000\",\n\t\"topic\":\t\"t\",\n\t\"qos\":\t0,\n\
         \t\"retain\":\tfalse,\n\t\"payloadlen\":\t0,\n\t\"payload\":\tnull\n}"
    );
}

/// JSON of any shape.
fn any_json() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
    use proptest::prelude::*;
    use serde_json::{Map, Value};
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

proptest::proptest! {
    /// Whatever is embedded means what it meant, in one line and in many.
    #[test]
    fn embedded_json_keeps_its_meaning(value in any_json(), pretty: bool) {
        let written = json(value.to_string().as_bytes(), Payload::Embedded, pretty);
        let read: serde_json::Value = serde_json::from_str(&written.unwrap()).unwrap();
        proptest::prop_assert_eq!(read, value);
    }

    /// Any bytes are JSON or not; as text they are one JSON string, if they are UTF-8.
    #[test]
    fn any_payload_is_dealt_with(payload: Vec<u8>, text: String) {
        let mut out = Vec::new();
        let _ = message(&mut out, &publish("t", &payload, Properties::EMPTY), &clock(), Payload::Embedded, false);
        let before_zero = text.split('\0').next().unwrap_or_default();
        if !text.is_empty() {
            let written = json(text.as_bytes(), Payload::Text, false).unwrap();
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), before_zero);
        }
    }
}
