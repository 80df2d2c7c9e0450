//! `log_format json`: a log line as one JSON object, with what a notice is about in fields of its own.

use serde_json::{Map, Value, json};

use super::words::{address, ended};
use crate::broker::{Notice, PublishLine};
use crate::config::LogType;

/// The longest message or field, in bytes: what a client sent is cut there.
const FIELD_MAX: usize = 999;

/// The line, without its newline. `time` as `log_timestamp` has it; empty: none.
pub(super) fn line(time: &str, log_type: LogType, text: &str, fields: Map<String, Value>) -> String {
    let mut object = Map::new();
    if !time.is_empty() {
        object.insert("time".into(), time.parse::<u64>().map_or_else(|_| time.into(), Value::from));
    }
    object.insert("level".into(), name(log_type).into());
    object.insert("message".into(), cut(text).into());
    object.extend(fields);
    Value::Object(object).to_string()
}

fn name(log_type: LogType) -> &'static str {
    LogType::NAMES.iter().find(|(_, known)| *known == log_type).map_or("internal", |(name, _)| name)
}

fn cut(text: &str) -> &str {
    let end = text.len().min(FIELD_MAX);
    &text[..(0..=end).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)]
}

/// What a notice is about.
pub(super) fn fields(notice: &Notice) -> Map<String, Value> {
    let fields = match notice {
        Notice::NewConnection { peer, port } => {
            json!({"event": "connection", "address": address(peer), "port": port})
        }
        Notice::ClientConnected { peer, client, version, clean_start, keep_alive, username, bridge } => {
            json!({
                "event": "connect", "client": cut(client), "address": address(peer), "protocol": *version as u8,
                "clean_start": clean_start, "keep_alive": keep_alive, "username": username.as_deref().map(cut),
                "bridge": bridge,
            })
        }
        Notice::Will(will) => match will {
            Some((length, retain, qos, topic)) => json!({
                "event": "will", "topic": cut(topic), "bytes": length, "qos": *qos as u8, "retain": retain,
            }),
            None => json!({"event": "will"}),
        },
        Notice::Disconnected { client, peer, why } => json!({
            "event": "disconnect", "client": cut(client), "address": address(peer), "reason": reason(ended(*why)),
        }),
        Notice::TooManyConnections { peer } => {
            json!({"event": "connection_denied", "address": address(peer), "reason": "max_connections exceeded"})
        }
        Notice::MultipleConnects { peer } | Notice::LooksLikeTls { peer } => {
            json!({"address": address(peer)})
        }
        Notice::ReceivedPublish { client, publish } => of_publish("publish_received", client, publish),
        Notice::DeniedPublish { client, publish } => of_publish("publish_denied", client, publish),
        Notice::TooLargePublish { client, publish } => of_publish("publish_too_large", client, publish),
        Notice::SendingPublish { client, publish } => of_publish("publish_sent", client, publish),
        Notice::Subscribed { client, qos, filter } => {
            json!({"event": "subscribe", "client": cut(client), "filter": cut(filter), "qos": *qos as u8})
        }
        Notice::Unsubscribed { client, filter } => {
            json!({"event": "unsubscribe", "client": cut(client), "filter": cut(filter)})
        }
        Notice::Dropping { client } => json!({"event": "dropping", "client": cut(client)}),
        Notice::TooLargeForReceiver { client, length } => {
            json!({"event": "too_large_for_receiver", "client": cut(client), "bytes": length})
        }
        Notice::SessionExpired { client } => json!({"event": "session_expired", "client": cut(client)}),
        Notice::ProtocolError { client, what } => {
            json!({"event": "protocol_error", "client": cut(client), "reason": cut(what)})
        }
        Notice::Malformed { client, error, .. } => {
            json!({"event": "protocol_error", "client": cut(client), "reason": error.to_string()})
        }
        Notice::UnknownProtocol { name, .. } => json!({"event": "protocol_error", "protocol": cut(name)}),
        Notice::ReceivedAck { client, name, packet_identifier, reason }
        | Notice::SendingAck { client, name, packet_identifier, reason } => json!({
            "packet": name.to_string(), "client": cut(client), "packet_identifier": packet_identifier,
            "reason_code": reason.0,
        }),
        Notice::SendingConnAck { client, session_present, code } => json!({
            "packet": "CONNACK", "client": cut(client), "session_present": session_present, "reason_code": code,
        }),
        Notice::SendingDisconnect { client, reason } => {
            json!({"packet": "DISCONNECT", "client": cut(client), "reason_code": reason.0})
        }
        // The message says it all.
        _ => Value::Null,
    };
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Without the colon before and the dot behind.
fn reason(text: &str) -> Option<&str> {
    text.strip_prefix(": ").map(|text| text.strip_suffix('.').unwrap_or(text))
}

fn of_publish(event: &str, client: &str, publish: &PublishLine) -> Value {
    json!({
        "event": event, "client": cut(client), "topic": cut(&publish.topic), "qos": publish.qos as u8,
        "retain": publish.retain, "dup": publish.dup, "packet_identifier": publish.packet_identifier,
        "bytes": publish.length,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{Ended, Peer};

    #[test]
    fn a_line_is_an_object_whatever_a_client_sent() {
        let client = "a\"\n\u{1b}".into();
        let peer = Peer::Ip(([127, 0, 0, 1], 7).into());
        let notice = Notice::Disconnected { client, peer, why: Ended::Timeout };
        let line = line("1770000000", LogType::Notice, &notice.to_string(), fields(&notice));
        assert_eq!(line.lines().count(), 1);
        let back: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(back["time"], 1_770_000_000);
        assert_eq!(back["level"], "notice");
        assert_eq!(back["client"], "a\"\n\u{1b}");
        assert_eq!(back["reason"], "exceeded timeout");
        assert_eq!(back["address"], "127.0.0.1:7");
    }

    #[test]
    fn long_texts_are_cut_and_the_line_stays_whole() {
        let line = line("", LogType::Error, &"ä".repeat(1000), Map::new());
        let back: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(back["message"], "ä".repeat(499));
        assert!(back.get("time").is_none());
    }
}
