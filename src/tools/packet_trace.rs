//! `--trace`: a line on standard error for each packet, with its time, direction, size and all that it says.

use std::fmt::Write as _;
use std::time::Instant;

use super::progress;
use crate::protocol::{Ack, Packet, Properties, Property, ReasonCode, Version, decode, fixed_header};

/// Longest payload in a line, in characters.
const SHOWN: usize = 60;

/// Writes the lines of one program's connections.
#[derive(Debug)]
pub struct PacketTrace {
    start: Instant,
    /// How much of the outbox was told already.
    told: usize,
}

impl PacketTrace {
    /// Times count from now.
    pub fn start() -> Self {
        PacketTrace { start: Instant::now(), told: 0 }
    }

    /// Tells of the packets in an outbox that are new.
    pub fn sending(&mut self, version: Version, outbox: &[u8]) {
        while let Some(packet) = whole_packet(outbox.get(self.told..).unwrap_or_default()) {
            self.told += packet.len();
            self.tell('>', version, packet);
        }
    }

    /// The outbox was emptied.
    pub fn outbox_is_empty(&mut self) {
        self.told = 0;
    }

    /// Tells of the next packet of the input, if it is whole.
    pub fn received(&self, version: Version, input: &[u8]) {
        if let Some(packet) = whole_packet(input) {
            self.tell('<', version, packet);
        }
    }

    fn tell(&self, direction: char, version: Version, packet: &[u8]) {
        let time = self.start.elapsed();
        let line = format!(
            "{:>4}.{:06} {direction} {}\n",
            time.as_secs(),
            time.subsec_micros(),
            described(version, packet)
        );
        progress::say(&line);
    }
}

/// The first packet of these bytes.
fn whole_packet(bytes: &[u8]) -> Option<&[u8]> {
    let header = fixed_header(bytes).ok()??;
    bytes.get(..header.total())
}

/// A packet in words, with its size.
fn described(version: Version, packet: &[u8]) -> String {
    let size = packet.len();
    let Ok(Some(header)) = fixed_header(packet) else { return format!("? {size} B") };
    match decode(version, header.first, &packet[header.header_length..]) {
        Ok(decoded) => {
            let (name, rest) = words(&decoded);
            format!("{name} {size} B{rest}")
        }
        Err(malformed) => format!("MALFORMED {size} B: {malformed}"),
    }
}

/// The packet's name, and what it says.
fn words(packet: &Packet<'_>) -> (&'static str, String) {
    let mut text = String::new();
    // Writing to a String doesn't fail.
    let name = match packet {
        Packet::Connect(connect) => {
            let _ = write!(
                text,
                " {:?} id={:?} keepalive={}",
                connect.version, connect.client_id, connect.keep_alive
            );
            text.push_str(if connect.clean_start { " clean" } else { " keep-session" });
            if let Some(user) = connect.username {
                let _ = write!(text, " user={user:?}");
            }
            if connect.password.is_some() {
                text.push_str(" password=…");
            }
            if let Some(will) = &connect.will {
                let _ = write!(text, " will={:?} {}", will.topic, payload(will.payload));
            }
            properties(&mut text, connect.properties);
            "CONNECT"
        }
        Packet::ConnAck(connack) => {
            let _ = write!(text, " code={}", connack.code.0);
            text.push_str(if connack.session_present { " session-present" } else { "" });
            properties(&mut text, connack.properties);
            "CONNACK"
        }
        Packet::Publish(publish) => {
            let _ = write!(text, " {:?} qos={}", publish.topic, publish.qos as u8);
            if publish.packet_identifier != 0 {
                let _ = write!(text, " id={}", publish.packet_identifier);
            }
            text.push_str(if publish.retain { " retain" } else { "" });
            text.push_str(if publish.dup { " dup" } else { "" });
            let _ = write!(text, " {}", payload(publish.payload));
            properties(&mut text, publish.properties);
            "PUBLISH"
        }
        Packet::PubAck(ack) => acknowledgement(&mut text, ack, "PUBACK"),
        Packet::PubRec(ack) => acknowledgement(&mut text, ack, "PUBREC"),
        Packet::PubRel(ack) => acknowledgement(&mut text, ack, "PUBREL"),
        Packet::PubComp(ack) => acknowledgement(&mut text, ack, "PUBCOMP"),
        Packet::Subscribe(subscribe) => {
            let _ = write!(text, " id={}", subscribe.packet_identifier);
            for (filter, options) in subscribe.filters() {
                let _ = write!(text, " {filter:?} qos={}", options.qos as u8);
            }
            properties(&mut text, subscribe.properties);
            "SUBSCRIBE"
        }
        Packet::SubAck(suback) => {
            let _ = write!(text, " id={} codes={:?}", suback.packet_identifier, suback.codes);
            properties(&mut text, suback.properties);
            "SUBACK"
        }
        Packet::Unsubscribe(unsubscribe) => {
            let _ = write!(text, " id={}", unsubscribe.packet_identifier);
            for filter in unsubscribe.filters() {
                let _ = write!(text, " {filter:?}");
            }
            properties(&mut text, unsubscribe.properties);
            "UNSUBSCRIBE"
        }
        Packet::UnsubAck(unsuback) => {
            let _ = write!(text, " id={} codes={:?}", unsuback.packet_identifier, unsuback.codes);
            properties(&mut text, unsuback.properties);
            "UNSUBACK"
        }
        Packet::PingReq => "PINGREQ",
        Packet::PingResp => "PINGRESP",
        Packet::Disconnect(disconnect) => {
            reason(&mut text, disconnect.reason);
            properties(&mut text, disconnect.properties);
            "DISCONNECT"
        }
        Packet::Auth(auth) => {
            reason(&mut text, auth.reason);
            properties(&mut text, auth.properties);
            "AUTH"
        }
    };
    (name, text)
}

fn acknowledgement(text: &mut String, ack: &Ack<'_>, name: &'static str) -> &'static str {
    let _ = write!(text, " id={}", ack.packet_identifier);
    reason(text, ack.reason);
    properties(text, ack.properties);
    name
}

/// Nothing for success.
fn reason(text: &mut String, reason: ReasonCode) {
    if reason != ReasonCode::SUCCESS {
        let _ = write!(text, " reason={} ({})", reason.0, reason.text());
    }
}

fn payload(bytes: &[u8]) -> String {
    let shown: String = String::from_utf8_lossy(bytes).escape_debug().take(SHOWN + 1).collect();
    let cut = shown.chars().count() > SHOWN;
    let shown: String = shown.chars().take(SHOWN).collect();
    format!("payload={}:\"{shown}\"{}", bytes.len(), if cut { "…" } else { "" })
}

/// `{name=value …}` in their order; secrets are left out.
fn properties(text: &mut String, properties: Properties<'_>) {
    if properties.is_empty() {
        return;
    }
    let mut before = " {";
    for property in properties.iter() {
        let _ = write!(text, "{before}{}=", property.identifier().name());
        before = " ";
        let _ = match property {
            Property::UserProperty(name, value) => write!(text, "{name:?}:{value:?}"),
            Property::AuthenticationData(_) => write!(text, "…"),
            Property::CorrelationData(bytes) => write!(text, "\"{}\"", bytes.escape_ascii()),
            // The value is what stands in the brackets.
            other => {
                let debug = format!("{other:?}");
                let value = debug.split_once('(').map_or("", |(_, value)| value.trim_end_matches(')'));
                write!(text, "{value}")
            }
        };
    }
    text.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Connect, PropertiesBuf, Publish, QoS};

    fn told(version: Version, packet: &Packet<'_>) -> String {
        let mut bytes = Vec::new();
        packet.encode(version, &mut bytes);
        described(version, &bytes)
    }

    #[test]
    fn packets_in_words() {
        let buf: PropertiesBuf = [
            Property::ContentType("text"),
            Property::UserProperty("k", "v"),
            Property::MessageExpiryInterval(9),
            Property::CorrelationData(&[0, b'a']),
        ]
        .into_iter()
        .collect();
        let publish = Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: true,
            topic: "a/b",
            packet_identifier: 7,
            properties: buf.as_properties(),
            payload: b"x\n",
        };
        assert_eq!(
            told(Version::V5, &Packet::Publish(publish)),
            "PUBLISH 36 B \"a/b\" qos=1 id=7 retain payload=2:\"x\\n\" {content-type=\"text\" \
             user-property=\"k\":\"v\" message-expiry-interval=9 correlation-data=\"\\x00a\"}"
        );
        assert_eq!(told(Version::V311, &Packet::PingReq), "PINGREQ 2 B");
        let long = Publish { payload: &[b'y'; 100], properties: Properties::EMPTY, ..publish };
        let line = told(Version::V311, &Packet::Publish(long));
        assert!(line.ends_with(&format!("payload=100:\"{}\"…", "y".repeat(60))), "{line}");
    }

    #[test]
    fn a_password_is_not_told() {
        let connect = Connect {
            version: Version::V311,
            bridge: false,
            clean_start: true,
            keep_alive: 60,
            client_id: "me",
            properties: Properties::EMPTY,
            will: None,
            username: Some("u"),
            password: Some(b"secret"),
        };
        let line = told(Version::V311, &Packet::Connect(connect));
        assert_eq!(line, "CONNECT 27 B V311 id=\"me\" keepalive=60 clean user=\"u\" password=…");
    }

    #[test]
    fn only_what_is_new_in_the_outbox_is_told() {
        let mut trace = PacketTrace::start();
        let bytes = [0xC0, 0, 0xC0, 0, 0x30];
        trace.sending(Version::V311, &bytes);
        assert_eq!(trace.told, 4);
        trace.outbox_is_empty();
        assert_eq!(trace.told, 0);
    }
}
