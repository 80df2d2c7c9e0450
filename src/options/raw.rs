//! What was typed: each flag's value, checked by itself. `resolve` decides what it means together.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::color::Color;
use super::complaint::{Complaint, Halt};
use super::format::Format;
use super::handling::Handling;
use super::job::MessageSource;
use super::line_format::{LineFormat, Replay};
use super::patience::Patience;
use super::property::RawProperties;
use super::surroundings::Secret;
use super::talk::Talk;
use crate::protocol::{QoS, RetainHandling, Version};
use crate::transport::Proxy;
use crate::transport::tls::TlsVersion;

/// Where the password is to come from.
pub(super) enum PasswordSource {
    /// The argument of `-P`, or the URL's.
    Given(Zeroizing<Vec<u8>>),
    /// The first line of a file.
    File(PathBuf),
    /// An environment variable.
    Variable(OsString),
    /// Whoever has it: standard input or someone at the terminal.
    Asked(Secret),
}

/// The flags of TLS.
#[derive(Default)]
pub(super) struct RawTls {
    pub cafile: Option<PathBuf>,
    pub capath: Option<PathBuf>,
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// As it was typed.
    pub keyform: Option<OsString>,
    pub os_certificates: bool,
    pub insecure: bool,
    pub ciphers: Option<String>,
    /// `None` inside: no version that we know.
    pub version: Option<Option<TlsVersion>>,
    pub alpn: Option<String>,
    pub keylog: Option<PathBuf>,
    pub engine: Option<String>,
    pub engine_kpass_sha1: Option<Zeroizing<Vec<u8>>>,
    /// Digits, as they were typed.
    pub psk: Option<Zeroizing<Vec<u8>>>,
    pub psk_identity: Option<String>,
    pub off: bool,
}

/// All flags of all clients; `None` and empty mean not given.
#[derive(Default)]
pub(super) struct Raw {
    pub host: Option<OsString>,
    pub port: Option<u16>,
    pub bind_address: Option<OsString>,
    pub nodelay: bool,
    pub srv: bool,
    pub patience: Patience,
    pub tls: RawTls,
    pub ws: bool,
    pub ws_path: Option<String>,
    pub proxy: Option<Proxy>,

    pub client_id: Option<String>,
    pub id_prefix: Option<String>,
    pub disable_clean_session: bool,
    pub session_expiry_interval: Option<u32>,
    pub keep_alive: Option<u16>,
    pub max_inflight: Option<u16>,
    pub version: Option<Version>,
    pub properties: RawProperties,

    pub username: Option<OsString>,
    pub password: Option<PasswordSource>,

    pub will_topic: Option<String>,
    pub will_payload: Option<Vec<u8>>,
    pub will_qos: Option<QoS>,
    pub will_retain: bool,

    /// Topic Filters of mqtt-sub in order; the others keep the last.
    pub topics: Vec<String>,
    pub unsubscribe: Vec<String>,
    pub filter_out: Vec<String>,
    pub response_topic: Option<String>,
    pub qos: Option<QoS>,
    pub retain: bool,
    pub message: Option<MessageSource>,
    pub repeat: Option<u32>,
    pub repeat_delay: Option<Duration>,
    pub line_format: LineFormat,
    pub replay: Replay,

    pub message_count: Option<u32>,
    pub timeout: Option<Duration>,
    pub exit_after_subscribe: bool,
    pub no_retained: bool,
    pub retain_handling: Option<RetainHandling>,
    pub retain_as_published: bool,
    pub verbose: bool,
    pub no_line_end: bool,
    pub retained_only: bool,
    pub remove_retained: bool,
    pub chance: Option<f64>,
    pub message_rate: bool,
    pub watch: bool,
    pub top: bool,
    pub latency: bool,
    pub format: Option<Format>,
    pub pretty: bool,
    pub json_safe: bool,

    pub handling: Handling,
    pub talk: Talk,

    pub file: Option<PathBuf>,
    /// What stands behind the flags.
    pub command: Vec<OsString>,

    pub debug: bool,
    pub quiet: bool,
    pub strict: bool,
    pub trace: bool,
    pub color: Color,
}

impl Raw {
    /// Sets the one message of the run; a second one is refused, even of the same kind.
    pub fn set_message(&mut self, message: MessageSource) -> Result<(), Halt> {
        if self.message.is_some() {
            return Err(Complaint::OneMessage.into());
        }
        self.message = Some(message);
        Ok(())
    }
}
