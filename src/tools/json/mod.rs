//! Messages as JSON: the keys, their order and the way numbers and strings are written are mosquitto_sub's.

mod number;
mod transcode;
mod writer;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::clock::Clock;
use crate::protocol::{Properties, Property, Publish, QoS};
use writer::Writer;

/// How the payload stands in the JSON of its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// As a string.
    Text,
    /// As the JSON that it is.
    Embedded,
    /// As a string with all of it, or in base64 under another key where it is no UTF-8: always valid JSON.
    Safe,
    /// Embedded, and safe where it isn't JSON.
    EmbeddedOrSafe,
}

/// The payload was to be embedded, and isn't JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson;

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the payload is not valid JSON")
    }
}

impl std::error::Error for NotJson {}

/// Appends a message as a JSON object, without a line end: in one line, or on `pretty` with tabs, a key a line.
///
/// # Errors
/// [`NotJson`]; nothing was appended then.
pub fn message(
    out: &mut Vec<u8>,
    message: &Publish<'_>,
    clock: &Clock,
    payload: Payload,
    pretty: bool,
) -> Result<(), NotJson> {
    let before = out.len();
    let mut json = Writer::new(out, pretty);
    json.open_object();
    json.first_key("tst");
    json.time(clock);
    json.key("topic");
    json.string(message.topic.as_bytes());
    json.key("qos");
    json.integer(message.qos as u64);
    json.key("retain");
    json.raw(if message.retain { b"true" } else { b"false" });
    json.key("payloadlen");
    json.integer(message.payload.len() as u64);
    if message.qos != QoS::AtMostOnce {
        json.key("mid");
        json.integer(message.packet_identifier.into());
    }
    if !message.properties.is_empty() {
        json.key("properties");
        let safe = matches!(payload, Payload::Safe | Payload::EmbeddedOrSafe);
        properties(&mut json, message.properties, safe);
    }
    if payload == Payload::Safe {
        binary(&mut json, "payload", message.payload);
        json.close_object(false);
        return Ok(());
    }
    json.key("payload");
    let written = match payload {
        _ if message.payload.is_empty() => {
            json.raw(b"null");
            Ok(())
        }
        Payload::Text | Payload::Safe => {
            json.string_to_zero(message.payload);
            Ok(())
        }
        Payload::Embedded | Payload::EmbeddedOrSafe => transcode::value(message.payload, &mut json),
    };
    json.close_object(false);
    if written.is_err() {
        out.truncate(before);
        if payload == Payload::EmbeddedOrSafe {
            return self::message(out, message, clock, Payload::Safe, pretty);
        }
    }
    written
}

/// The properties in their order on the wire; all User Properties stand together where the first one stood.
fn properties(json: &mut Writer<'_>, properties: Properties<'_>, safe: bool) {
    json.open_object();
    let mut first = true;
    let mut pairs_written = false;
    for property in properties.iter() {
        if matches!(property, Property::UserProperty(..)) && pairs_written {
            continue;
        }
        let name = match property {
            Property::UserProperty(..) => "user-properties",
            Property::CorrelationData(bytes) if safe && std::str::from_utf8(bytes).is_err() => {
                "correlation-data_base64"
            }
            _ => property.identifier().name(),
        };
        if std::mem::take(&mut first) {
            json.first_key(name)
        } else {
            json.key(name)
        }
        match property {
            Property::UserProperty(..) => {
                pairs_written = true;
                user_properties(json, properties);
            }
            Property::PayloadFormatIndicator(value) => json.integer(value.into()),
            Property::MessageExpiryInterval(value) | Property::SubscriptionIdentifier(value) => {
                json.integer(value.into());
            }
            Property::TopicAlias(value) => json.integer(value.into()),
            Property::ContentType(text) | Property::ResponseTopic(text) => json.string(text.as_bytes()),
            Property::CorrelationData(bytes) if safe => binary_value(json, bytes),
            Property::CorrelationData(bytes) => json.string_to_zero(bytes),
            // A PUBLISH has no others.
            _ => json.raw(b"null"),
        }
    }
    json.close_object(first);
}

/// Bytes under a name of their own: as a string, or in base64 and with that in the name; no bytes are null.
fn binary(json: &mut Writer<'_>, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(_) => json.key(name),
        Err(_) => json.key(&format!("{name}_base64")),
    }
    if bytes.is_empty() { json.raw(b"null") } else { binary_value(json, bytes) }
}

fn binary_value(json: &mut Writer<'_>, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => json.string(text.as_bytes()),
        Err(_) => json.string(STANDARD.encode(bytes).as_bytes()),
    }
}

fn user_properties(json: &mut Writer<'_>, properties: Properties<'_>) {
    json.open_array();
    for (index, (name, value)) in properties.user_properties().enumerate() {
        if index > 0 {
            json.next_item();
        }
        json.open_object();
        json.first_key(name);
        json.string(value.as_bytes());
        json.close_object(false);
    }
    json.close_array();
}

#[cfg(test)]
mod tests;
