//! What a command line comes to: plain data, checked, with every default filled in.
//!
//! A program is handed one of these and needs to know nothing of flags.

use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::color::Color;
use super::format::Format;
use super::handling::{Handling, Ready};
use super::line_format::{LineFormat, Replay};
use super::patience::Patience;
use super::property::PacketProperties;
use super::talk::Talk;
use crate::protocol::{QoS, RetainHandling, Version};
use crate::transport::Proxy;
use crate::transport::tls::TlsSettings;
use crate::transport::ws::WsSettings;

/// Where the broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A host name or address, looked up when connecting, and a port.
    Tcp {
        /// Host name, IPv4 or IPv6 address, without brackets.
        host: String,
        /// Port, 1–65535.
        port: u16,
    },
    /// The path of a unix socket.
    Unix(PathBuf),
}

impl Target {
    /// Its host, or its path.
    #[must_use]
    pub fn host(&self) -> String {
        match self {
            Target::Tcp { host, .. } => host.clone(),
            Target::Unix(path) => path.to_string_lossy().into_owned(),
        }
    }
}

/// The Will: what the broker publishes when this client goes without a DISCONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Topic Name, already checked.
    pub topic: String,
    /// Will Payload; may be empty.
    pub payload: Vec<u8>,
    /// Will QoS.
    pub qos: QoS,
    /// Will Retain.
    pub retain: bool,
}

/// How to reach the broker and what to say in CONNECT.
#[derive(Clone)]
pub struct ConnectionSettings {
    /// The name the program was called by (`mosquitto_pub` through a link of that name), for its messages.
    pub program: String,
    /// Where the broker is (`-h -p --unix -L`).
    pub target: Target,
    /// Local address or host name to bind to before connecting (`-A`).
    pub bind_address: Option<String>,
    /// The host is a domain whose SRV records say where the broker is (`-S`).
    pub srv: bool,
    /// TCP_NODELAY was asked for (`--nodelay`).
    pub nodelay: bool,
    /// Speak TLS, so (`--cafile`, `--psk` and the like, `mqtts://`, port 8883).
    pub tls: Option<TlsSettings>,
    /// Speak WebSocket, so (`--ws`, `ws://`).
    pub ws: Option<WsSettings>,
    /// Go through this proxy (`--proxy`).
    pub proxy: Option<Proxy>,
    /// What to warn of before the start.
    pub warnings: Vec<&'static str>,
    /// ClientId of `-i`, or of `-I` with the process id behind it. `None`: the engine sends an empty one
    /// (3.1.1, 5.0: the broker assigns it) or makes one up (3.1 needs one).
    pub client_id: Option<String>,
    /// Protocol version (`-V`, `-x`).
    pub version: Version,
    /// Clean Start (5.0) or Clean Session (3.x): false with `-c`.
    pub clean_start: bool,
    /// Properties of every packet (`-D`), with the Session Expiry Interval of `-x` and `-c`. 5.0 only.
    pub properties: PacketProperties,
    /// Keep Alive in seconds, 5–65535 (`-k`).
    pub keep_alive: u16,
    /// Unacknowledged QoS 1 and 2 messages at a time, each way (`-M`); Receive Maximum in 5.0. At least 1.
    pub max_inflight: u16,
    /// User Name (`-u`).
    pub username: Option<String>,
    /// Password (`-P`, `--pw-file`, `--pw-env`, `--pw-stdin`, `--pw-prompt`), wiped when dropped.
    pub password: Option<Zeroizing<Vec<u8>>>,
    /// The Will (`--will-*`).
    pub will: Option<Will>,
    /// Print what is sent and received (`-d`).
    pub debug: bool,
    /// Print no errors or warnings at run time (`--quiet`).
    pub quiet: bool,
    /// How long the first connection is tried (`--connect-timeout`, `--wait-connect`, `--retry`).
    pub patience: Patience,
    /// Exit codes of their own for what mosquitto ends with 0 after (`--strict`).
    pub strict: bool,
    /// Tell of each packet on standard error (`--trace`).
    pub trace: bool,
}

/// Where the message comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageSource {
    /// The bytes of the argument (`-m`); may be empty.
    Text(Vec<u8>),
    /// A whole file (`-f`).
    File(PathBuf),
    /// All of standard input as one message (`-s`).
    StdinWhole,
    /// A message for each line of standard input (`-l`).
    StdinLines,
    /// A message of no bytes (`-n`).
    Null,
    /// None; PINGREQ instead (`--ping`).
    Ping,
    /// The messages of a recording (`--replay`).
    Recording(PathBuf),
}

/// One run of mqtt-pub.
#[derive(Clone, Debug)]
pub struct PublishJob {
    /// How to connect.
    pub connection: ConnectionSettings,
    /// Topic Name, already checked.
    pub topic: String,
    /// QoS of each PUBLISH.
    pub qos: QoS,
    /// Retain flag of each PUBLISH.
    pub retain: bool,
    /// What to publish.
    pub message: MessageSource,
    /// How often to publish it, at least 1 (`--repeat`; without meaning for [`MessageSource::StdinLines`]).
    pub repeat: u32,
    /// Pause between the completion of one message and the next (`--repeat-delay`).
    pub repeat_delay: Duration,
    /// What the lines of [`MessageSource::StdinLines`] are (`--line-format`).
    pub line_format: LineFormat,
    /// How a recording is replayed (`--speed`, `--map`).
    pub replay: Replay,
}

/// One run of mqtt-sub.
#[derive(Clone, Debug)]
pub struct SubscribeJob {
    /// How to connect.
    pub connection: ConnectionSettings,
    /// Topic Filters of the one SUBSCRIBE (`-t`); empty only when `unsubscribe` isn't.
    pub filters: Vec<String>,
    /// Topic Filters to unsubscribe from after that, an UNSUBSCRIBE each (`-U`).
    pub unsubscribe: Vec<String>,
    /// Messages whose topic matches one of these are neither printed nor counted (`-T`).
    pub filter_out: Vec<String>,
    /// QoS asked for in SUBSCRIBE.
    pub qos: QoS,
    /// Exit 0 after so many messages, at least 1 (`-C`).
    pub message_count: Option<u32>,
    /// Exit 27 after this time (`-W`), counted from the connection.
    pub timeout: Option<Duration>,
    /// Exit once the SUBACK is there (`-E`).
    pub exit_after_subscribe: bool,
    /// Messages with the retain flag are neither printed nor counted (`-R`).
    pub no_retained: bool,
    /// End at the first message without the retain flag (`--retained-only`).
    pub retained_only: bool,
    /// Clear each retained message that is taken (`--remove-retained`).
    pub remove_retained: bool,
    /// Chance of each message to be printed, above 0 and up to 1 (`--random-filter`).
    pub chance: Option<f64>,
    /// Print how many messages come in a second, and nothing else (`--message-rate`).
    pub message_rate: bool,
    /// Give each topic a line of the terminal (`-w`).
    pub watch: bool,
    /// Draw a table of topics again and again (`--top`).
    pub top: bool,
    /// Subscription option Retain Handling; `DoNotSend` with `-R`. 5.0 only.
    pub retain_handling: RetainHandling,
    /// Subscription option Retain As Published (`--retain-as-published`). 5.0 only.
    pub retain_as_published: bool,
    /// Print the topic before the payload (`-v`).
    pub verbose: bool,
    /// Print a line end after each message: false with `-N`.
    pub line_end: bool,
    /// Whether to colour topics, at a terminal (`--color`); `None` when called by mosquitto's name.
    pub color: Option<Color>,
    /// Print messages in this format instead (`-F`).
    pub format: Option<Format>,
    /// Spread the JSON of a format over lines (`--pretty`).
    pub pretty: bool,
    /// What happens to messages besides being printed.
    pub handling: Handling,
}

/// One run of mqtt-rr.
#[derive(Clone, Debug)]
pub struct RequestJob {
    /// How to connect.
    pub connection: ConnectionSettings,
    /// Topic Name the request is published to (`-t`).
    pub topic: String,
    /// Topic the answer is awaited on: subscribed to, and sent as Response Topic in 5.0 (`-e`).
    pub response_topic: String,
    /// QoS of the SUBSCRIBE and the PUBLISH.
    pub qos: QoS,
    /// The request; with [`MessageSource::StdinLines`] one a line.
    pub message: MessageSource,
    /// Exit 27 after this time (`-W`).
    pub timeout: Option<Duration>,
    /// Retained messages aren't taken for the answer (`-R`).
    pub no_retained: bool,
    /// Print how long the answer took (`--latency`).
    pub latency: bool,
    /// Subscription option Retain Handling; `DoNotSend` with `-R`. 5.0 only.
    pub retain_handling: RetainHandling,
    /// Subscription option Retain As Published (`--retain-as-published`). 5.0 only.
    pub retain_as_published: bool,
    /// Print the topic before the payload (`-v`).
    pub verbose: bool,
    /// Print a line end after the message: false with `-N`.
    pub line_end: bool,
    /// Whether to colour topics, at a terminal (`--color`); `None` when called by mosquitto's name.
    pub color: Option<Color>,
    /// More than one request and one answer.
    pub talk: Talk,
    /// How many commands of `--serve` may run at a time.
    pub jobs: u32,
    /// Who is told once `--serve` can answer.
    pub ready: Ready,
    /// Print messages in this format instead (`-F`).
    pub format: Option<Format>,
    /// Spread the JSON of a format over lines (`--pretty`).
    pub pretty: bool,
}

/// One run of mqtt-ctrl.
#[derive(Clone, Debug)]
pub struct ControlJob {
    /// How to connect.
    pub connection: ConnectionSettings,
    /// QoS of command and answer (`-q`).
    pub qos: QoS,
    /// The file to change instead of asking a broker (`-f`).
    pub file: Option<PathBuf>,
    /// Print more (`-v`).
    pub verbose: bool,
    /// That there is no encryption was said.
    pub warned: bool,
    /// The module: `dynsec` or `broker`. `None`: commands come line by line.
    pub module: Option<String>,
    /// Its command with the command's arguments; not empty where there is a module.
    pub command: Vec<String>,
}

impl std::fmt::Debug for ConnectionSettings {
    /// Everything but the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectionSettings")
            .field("program", &self.program)
            .field("target", &self.target)
            .field("bind_address", &self.bind_address)
            .field("srv", &self.srv)
            .field("nodelay", &self.nodelay)
            .field("tls", &self.tls)
            .field("ws", &self.ws)
            .field("proxy", &self.proxy)
            .field("warnings", &self.warnings)
            .field("client_id", &self.client_id)
            .field("version", &self.version)
            .field("clean_start", &self.clean_start)
            .field("properties", &self.properties)
            .field("keep_alive", &self.keep_alive)
            .field("max_inflight", &self.max_inflight)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("will", &self.will)
            .field("debug", &self.debug)
            .field("quiet", &self.quiet)
            .field("patience", &self.patience)
            .field("strict", &self.strict)
            .finish()
    }
}
