//! All that the client programs say on standard error, in mosquitto's words. Nothing else of theirs writes there.

use std::fmt;
use std::io::IsTerminal;

use super::format::Unfit;
use super::progress;
use crate::client::{PublishError, Violation};
use crate::protocol::{ReasonCode, Version};
use crate::transport::ConnectError;
use crate::transport::tls::TlsError;
use crate::transport::ws::WsError;

/// Where errors and warnings go; `--quiet` silences it.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    quiet: bool,
}

/// Which table of words a CONNACK's code is looked up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalWords {
    /// The table of the protocol version.
    OfVersion,
    /// The 5.0 table whatever the version (mosquitto_rr).
    OfV5,
}

impl Report {
    /// Says everything, or nothing.
    pub fn new(quiet: bool) -> Self {
        Report { quiet }
    }

    /// One line.
    pub fn line(self, text: fmt::Arguments<'_>) {
        if !self.quiet {
            progress::say(&format!("{text}\n"));
        }
    }

    /// Why the connection couldn't be made.
    pub fn not_connected(self, error: &ConnectError) {
        self.why_not_connected(error);
        match error {
            ConnectError::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => self.advice(
                "Nothing listens there: is the broker running, and is it this host and port? --wait-connect waits for it.",
            ),
            ConnectError::Lookup => {
                self.advice("No address is known by that name: check -h, or MQTT_HOST and MQTT_URL in the environment.");
            }
            _ => {}
        }
    }

    /// What to try next, for somebody at a terminal who didn't ask for mosquitto's words.
    fn advice(self, text: &str) {
        let name = std::env::args_os().next().unwrap_or_default();
        let name = std::path::Path::new(&name).file_name().unwrap_or_default().to_string_lossy().into_owned();
        if std::io::stderr().is_terminal() && !name.starts_with("mosquitto") {
            self.line(format_args!("{text}"));
        }
    }

    fn why_not_connected(self, error: &ConnectError) {
        match error {
            ConnectError::Io(error) => self.line(format_args!("Error: {}", system_words(error))),
            ConnectError::TlsFile(which) => {
                self.line(format_args!("Error: Problem setting TLS options: File not found. {which}"));
            }
            ConnectError::Tls(error) => {
                self.line(format_args!("Unable to connect (A TLS error occurred). {error}."));
            }
            ConnectError::Proxy(why) => self.line(format_args!("Unable to connect (Proxy error). {why}.")),
            other => self.line(format_args!("Unable to connect ({other}).")),
        }
    }

    /// The WebSocket didn't come about, or broke.
    pub fn web_socket_failed(self, error: &WsError) {
        self.line(format_args!("Error: Unknown error: {error}."));
    }

    /// TLS didn't come about, or broke.
    pub fn tls_failed(self, error: &TlsError) {
        self.line(format_args!("Error: Protocol error: {error}."));
    }

    /// What may be the matter.
    pub fn hint(self, hint: Option<&str>) {
        if let Some(hint) = hint {
            self.line(format_args!("{hint}"));
        }
    }

    /// The connection went away.
    pub fn connection_lost(self) {
        self.line(format_args!("Error: The connection was lost"));
    }

    /// The broker sent what it must not.
    pub fn violation(self, _violation: Violation) {
        self.line(format_args!(
            "Error: A network protocol error occurred when communicating with the broker"
        ));
    }

    /// CONNACK said no.
    pub fn refused(self, code: ReasonCode, version: Version, words: RefusalWords) {
        self.why_refused(code, version, words);
        match code.0 {
            4 | 5 | 0x86 | 0x87 => self.advice(
                "Check the user name (-u) and password (--pw-prompt asks for it); or this ClientId (-i) may not connect.",
            ),
            1 | 0x84 if version == Version::V311 => self.advice("Try another version: -V mqttv5, or -V mqttv31."),
            1 | 0x84 => self.advice("Try another version: -V mqttv311 is what nearly every broker speaks."),
            2 | 0x85 => self.advice("Try another ClientId (-i), or none."),
            _ => {}
        }
    }

    fn why_refused(self, code: ReasonCode, version: Version, words: RefusalWords) {
        if version.is_v5() || words == RefusalWords::OfV5 {
            if version.is_v5() && code == ReasonCode::UNSUPPORTED_PROTOCOL_VERSION {
                return self.line(format_args!(
                    "Connection error: Unsupported Protocol Version. Try connecting to an MQTT v5 broker, or use MQTT v3.x mode."
                ));
            }
            let text = if version.is_v5() { code.text() } else { "Unknown reason" };
            return self.line(format_args!("Connection error: {text}"));
        }
        self.line(format_args!("Connection error: Connection Refused: {}", code.refusal_v3()));
    }

    /// What mosquitto_pub adds to [`Report::refused`]; with `-l` it has one sentence for all versions.
    pub fn refused_publisher(self, version: Version, reads_lines: bool) {
        if version.is_v5() && !reads_lines {
            self.line(format_args!(
                "Error: A network protocol error occurred when communicating with the broker"
            ));
        } else {
            self.line(format_args!("Error: The connection was refused"));
        }
    }

    /// A message that can't be sent at all; mosquitto ends with "connection lost" then.
    pub fn not_published(self, error: PublishError) {
        match error {
            PublishError::NotConnected | PublishError::WindowFull => {
                self.line(format_args!("Error: Client not connected when trying to publish."));
            }
            PublishError::QosNotSupported => {
                self.line(format_args!("Error: Message QoS not supported on broker, try a lower QoS."));
            }
            PublishError::PacketTooLarge => self.line(format_args!("Error: Message payload is too large.")),
            PublishError::PropertiesNotSupported => {
                self.line(format_args!(
                    "Error: Properties need MQTT 5, and the last -V asks for an older version."
                ));
            }
            PublishError::TopicAliasInvalid | PublishError::PropertiesInvalid => {
                self.line(format_args!("Error: Protocol error when communicating with broker."));
            }
        }
    }

    /// The broker took a message and says that it did nothing with it (5.0).
    pub fn publish_failed(self, packet_identifier: u16, reason: ReasonCode, reason_string: Option<&str>) {
        self.line(format_args!("Warning: Publish {packet_identifier} failed: {}.", reason.text()));
        if let Some(text) = reason_string {
            self.line(format_args!("{text}"));
        }
    }

    /// What to try after the first message that the broker didn't take.
    pub fn advise_publisher(self, reason: ReasonCode) {
        match reason.0 {
            0x87 => self.advice(
                "This user (-u) may not publish to that topic (-t): the broker's access control forbids it.",
            ),
            0x90 => self.advice("The broker doesn't take that topic (-t): it may be reserved, or too long."),
            0x97 => self.advice("The broker keeps no more for now: try again later, or without -r."),
            0x99 => self.advice("The payload isn't what -D publish payload-format-indicator says it is."),
            _ => {}
        }
    }

    /// Which subscription was denied and why, for somebody at a terminal: mosquitto's words don't say.
    pub fn advise_subscriber(self, filter: &str, code: ReasonCode, version: Version) {
        let why = match code.0 {
            0x87 => "Not authorized. This user (-u) may not subscribe there",
            0x80 if !version.is_v5() => "no reason is given; with -V mqttv5 the broker may say one",
            0x9E => "Shared Subscriptions not supported. Try it without $share/",
            0xA1 => "Subscription identifiers not supported. Try it without that -D",
            0xA2 => "Wildcard Subscriptions not supported. Try it without + and #",
            _ => code.text(),
        };
        self.advice(&format!("The subscription to '{filter}' was denied: {why}."));
    }

    /// mqtt-rr may not have its one subscription.
    pub fn only_subscription_denied(self, filter: &str, code: ReasonCode, version: Version) {
        self.line(format_args!("{}", code.text()));
        self.advise_subscriber(filter, code, version);
    }

    /// One of several subscriptions was denied; said with `--strict`.
    pub fn subscription_denied(self, filter: &str, code: ReasonCode) {
        self.line(format_args!("Error: The subscription to '{filter}' was denied: {}.", code.text()));
    }

    /// A message that doesn't fit the format. mosquitto ends only the first of these lines.
    pub fn unfit(self, unfit: Unfit, topic: &str) {
        let kind = match unfit {
            Unfit::Json => {
                return self.line(format_args!("Error: Message payload is not valid JSON on topic {topic}."));
            }
            Unfit::Float => "float",
            Unfit::Double => "double",
        };
        if !self.quiet {
            progress::say(&format!("requested {kind} printing, but non-{kind} data received"));
        }
    }

    /// `-W` ran out.
    pub fn timed_out(self) {
        self.line(format_args!("Timed out"));
    }
}

/// What the system says about an error, without Rust's "(os error 111)".
pub fn system_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}
