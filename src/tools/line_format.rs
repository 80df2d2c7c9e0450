//! Lines that are more than a payload: a topic with it, or a message as JSON, in the shape that mqtt-sub prints.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::options::LineFormat;
use crate::protocol::{Properties, PropertiesBuf, Property, QoS, topic};

/// A message that a line stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: QoS,
    pub retain: bool,
    pub properties: PropertiesBuf,
    /// When it came, from the start of its recording.
    pub time: Option<Duration>,
}

/// What a line doesn't say.
#[derive(Clone, Debug)]
pub struct Defaults<'a> {
    /// Empty: each line must have one.
    pub topic: &'a str,
    pub qos: QoS,
    pub retain: bool,
    /// Those of `-D publish`. What a line has itself takes their place.
    pub properties: Properties<'a>,
}

/// Reads a line.
///
/// # Errors
/// What is wrong with it, and what would be right.
pub fn read(format: &LineFormat, line: &[u8], defaults: &Defaults<'_>) -> Result<Line, String> {
    let line = match format {
        LineFormat::Payload => Line { payload: line.to_vec(), ..defaults.line() },
        LineFormat::TopicAndPayload(separator) => topic_and_payload(line, separator, defaults)?,
        LineFormat::Json => json(line, defaults)?,
    };
    if line.topic.is_empty() {
        return Err("there is no topic, in the line or by -t".to_owned());
    }
    if !topic::is_topic_name(&line.topic) {
        return Err(format!("'{}' is no topic to publish to", line.topic));
    }
    Ok(line)
}

impl Defaults<'_> {
    fn line(&self) -> Line {
        Line {
            topic: self.topic.to_owned(),
            payload: Vec::new(),
            qos: self.qos,
            retain: self.retain,
            properties: self.properties.into(),
            time: None,
        }
    }
}

fn topic_and_payload(line: &[u8], separator: &str, defaults: &Defaults<'_>) -> Result<Line, String> {
    let separator = separator.as_bytes();
    let at = line.windows(separator.len()).position(|part| part == separator);
    let at = at.ok_or("the separator between topic and payload is missing")?;
    let topic = std::str::from_utf8(&line[..at]).map_err(|_| "the topic is not UTF-8")?;
    let payload = line[at + separator.len()..].to_vec();
    Ok(Line { topic: topic.to_owned(), payload, ..defaults.line() })
}

fn json(line: &[u8], defaults: &Defaults<'_>) -> Result<Line, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| format!("it is no JSON: {error}"))?;
    let Value::Object(fields) = value else { return Err("it is no JSON object".to_owned()) };
    let mut line = defaults.line();
    if let Some(topic) = fields.get("topic") {
        line.topic = topic.as_str().ok_or("\"topic\" must be a string")?.to_owned();
    }
    if let Some(qos) = fields.get("qos") {
        let number = qos.as_u64().and_then(|number| u8::try_from(number).ok());
        let qos = number.and_then(|number| QoS::try_from(number).ok());
        line.qos = qos.ok_or("\"qos\" must be 0, 1 or 2")?;
    }
    if let Some(retain) = fields.get("retain") {
        line.retain = flag(retain).ok_or("\"retain\" must be true or false")?;
    }
    if let Some(time) = fields.get("time") {
        let seconds = time.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        line.time = Some(seconds.ok_or("\"time\" must be seconds from the start on")?);
    }
    line.payload = payload(&fields)?;
    match fields.get("properties") {
        None => {}
        Some(Value::Object(fields)) => {
            let mut own = properties(fields)?;
            let has = |id| own.as_properties().iter().any(|property| property.identifier() == id);
            let others: Vec<_> =
                defaults.properties.iter().filter(|property| !has(property.identifier())).collect();
            others.into_iter().for_each(|property| own.push(property));
            line.properties = own;
        }
        Some(_) => return Err("\"properties\" must be an object".to_owned()),
    }
    Ok(line)
}

/// `true` or `false`, and 1 or 0, which mosquitto's manual has.
fn flag(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_u64().filter(|number| *number <= 1).map(|number| number == 1))
}

/// A string is its text, null and nothing are no bytes, and everything else is the JSON that it is.
fn payload(fields: &Map<String, Value>) -> Result<Vec<u8>, String> {
    if let Some(coded) = fields.get("payload_base64") {
        return base64("payload_base64", coded);
    }
    Ok(match fields.get("payload") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(other) => other.to_string().into_bytes(),
    })
}

fn base64(name: &str, value: &Value) -> Result<Vec<u8>, String> {
    let decoded = value.as_str().and_then(|text| STANDARD.decode(text).ok());
    decoded.ok_or_else(|| format!("\"{name}\" must be a string of base64"))
}

/// Those that a publisher may set. What only belongs to the connection that was recorded is left out.
fn properties(fields: &Map<String, Value>) -> Result<PropertiesBuf, String> {
    let mut buf = PropertiesBuf::new();
    for (name, value) in fields {
        let wrong = |want: &str| format!("the property \"{name}\" must be {want}");
        let text = || text(value).ok_or_else(|| wrong("a string of at most 65535 bytes"));
        match name.as_str() {
            "content-type" => buf.push(Property::ContentType(text()?)),
            "response-topic" => {
                let text = text()?;
                if !topic::is_topic_name(text) {
                    return Err(wrong("a topic without wildcards"));
                }
                buf.push(Property::ResponseTopic(text));
            }
            "correlation-data" => buf.push(Property::CorrelationData(text()?.as_bytes())),
            "correlation-data_base64" => {
                let bytes = base64(name, value)?;
                let bytes = Some(bytes).filter(|bytes| bytes.len() <= LONGEST);
                buf.push(Property::CorrelationData(&bytes.ok_or_else(|| wrong("at most 65535 bytes"))?));
            }
            "payload-format-indicator" => {
                buf.push(Property::PayloadFormatIndicator(flag(value).ok_or_else(|| wrong("0 or 1"))?));
            }
            "message-expiry-interval" => {
                let seconds = value.as_u64().and_then(|seconds| u32::try_from(seconds).ok());
                buf.push(Property::MessageExpiryInterval(
                    seconds.ok_or_else(|| wrong("a number of seconds"))?,
                ));
            }
            "user-properties" => {
                user_properties(value, &mut buf)
                    .ok_or_else(|| wrong("a list like [{\"name\":\"value\"}]"))?;
            }
            "topic-alias" | "subscription-identifier" => {}
            _ => return Err(format!("there is no property \"{name}\"")),
        }
    }
    Ok(buf)
}

/// Longest string of the protocol, in bytes.
const LONGEST: usize = 65_535;

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| text.len() <= LONGEST && !text.contains('\0'))
}

fn user_properties(value: &Value, buf: &mut PropertiesBuf) -> Option<()> {
    for pair in value.as_array()? {
        for (name, value) in pair.as_object()? {
            if name.len() > LONGEST || name.contains('\0') {
                return None;
            }
            buf.push(Property::UserProperty(name, text(value)?));
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: Defaults<'static> =
        Defaults { topic: "d", qos: QoS::AtLeastOnce, retain: false, properties: Properties::EMPTY };

    fn json(line: &str) -> Result<Line, String> {
        read(&LineFormat::Json, line.as_bytes(), &DEFAULTS)
    }

    #[test]
    fn a_topic_and_a_payload() {
        let format = LineFormat::TopicAndPayload("\t".to_owned());
        let line = read(&format, b"a/b\tc\td", &Defaults { topic: "", ..DEFAULTS }).unwrap();
        assert_eq!(
            (line.topic.as_str(), &line.payload[..], line.qos),
            ("a/b", &b"c\td"[..], QoS::AtLeastOnce)
        );
        for (line, error) in [
            (&b"a/b c"[..], "the separator between topic and payload is missing"),
            (b"\tc", "there is no topic, in the line or by -t"),
            (b"a/#\tc", "'a/#' is no topic to publish to"),
            (b"\xFF\tc", "the topic is not UTF-8"),
        ] {
            assert_eq!(read(&format, line, &Defaults { topic: "", ..DEFAULTS }).unwrap_err(), error);
        }
    }

    #[test]
    fn json_as_mqtt_sub_prints_it() {
        let line = json(
            r#"{"tst":"2026","topic":"r/5","qos":2,"retain":true,"payloadlen":2,"mid":1,"properties":{"user-properties":
            [{"k1":"v1"},{"k1":"v2"}],"content-type":"text/plain","correlation-data_base64":"AP8=","response-topic":"re/sp",
            "payload-format-indicator":1,"message-expiry-interval":298,"subscription-identifier":7},"payload":"v5","time":1.5}"#,
        )
        .unwrap();
        assert_eq!((line.topic.as_str(), line.qos, line.retain), ("r/5", QoS::ExactlyOnce, true));
        assert_eq!((&line.payload[..], line.time), (&b"v5"[..], Some(Duration::from_millis(1500))));
        let properties: Vec<_> = line.properties.as_properties().iter().collect();
        assert_eq!(
            properties,
            [
                Property::UserProperty("k1", "v1"),
                Property::UserProperty("k1", "v2"),
                Property::ContentType("text/plain"),
                Property::CorrelationData(&[0, 255]),
                Property::ResponseTopic("re/sp"),
                Property::PayloadFormatIndicator(true),
                Property::MessageExpiryInterval(298),
            ]
        );
    }

    #[test]
    fn payloads_of_every_kind() {
        let payload = |line: &str| json(line).unwrap().payload;
        assert_eq!(payload("{}"), b"");
        assert_eq!(payload(r#"{"payload":null}"#), b"");
        assert_eq!(payload(r#"{"payload":{"b":1,"a":[true]}}"#), br#"{"b":1,"a":[true]}"#);
        assert_eq!(payload(r#"{"payload":21.5}"#), b"21.5");
        assert_eq!(payload(r#"{"payload_base64":"/wA="}"#), [255, 0]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, error) in [
            ("[]", "it is no JSON object"),
            (r#"{"qos":3}"#, "\"qos\" must be 0, 1 or 2"),
            (r#"{"retain":"yes"}"#, "\"retain\" must be true or false"),
            (r#"{"topic":""}"#, "there is no topic, in the line or by -t"),
            (r#"{"time":-1}"#, "\"time\" must be seconds from the start on"),
            (r#"{"payload_base64":"?"}"#, "\"payload_base64\" must be a string of base64"),
            (r#"{"properties":{"x":1}}"#, "there is no property \"x\""),
            (
                r#"{"properties":{"user-properties":{}}}"#,
                "the property \"user-properties\" must be a list like [{\"name\":\"value\"}]",
            ),
        ] {
            assert_eq!(json(line).unwrap_err(), error);
        }
        assert!(json("{").unwrap_err().starts_with("it is no JSON: "));
    }
}
