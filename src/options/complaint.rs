//! What can be wrong with a command line, in mosquitto's words: the only place where these stand.

use super::program::Program;
use super::property::{Carrier, Fault};

/// Why the command line is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    UnknownOption(String),
    ValueMissing {
        flag: String,
        missing: &'static str,
    },
    ProxyProtocol(String),
    ProxyPort(i32),
    Proxy,
    WsPath,
    CertWithoutKey,
    KeyformWithoutKey,
    KpassWithoutEngine,
    PskAndCa,
    PskWithoutIdentity,
    Psk,
    TlsOptions,
    Keyform,
    Engine(String),
    DuplicateOptionsFile,
    OptionsFileUnreadable {
        file: String,
        why: String,
    },
    InvalidPort(i32),
    InvalidQoS(i32),
    InvalidWillQoS(i32),
    InvalidKeepAlive,
    InvalidMaxInflight,
    InvalidVersion,
    SessionExpiryNotANumber,
    SessionExpiryOutOfRange,
    BothIds,
    InvalidId(Program),
    CleanSessionNeedsId,
    InfiniteSessionNeedsId,
    MalformedUtf8(&'static str),
    InvalidTopic {
        kind: TopicKind,
        topic: String,
    },
    UrlScheme,
    UrlTopicMissing,
    WillPayloadTooLong,
    WillPayloadWithoutTopic,
    WillRetainWithoutTopic,
    OneMessage,
    MessageTooLong,
    Repeat,
    RepeatDelay,
    MessageCount(i32),
    Timeout(i32),
    RetainHandling(String),
    PropertyPacket(String),
    PropertyName(String),
    PropertyNot {
        name: String,
        allowed: &'static str,
        packet: String,
    },
    PropertyNotANumber(String),
    PropertyRange {
        number: i64,
        name: String,
    },
    PropertyTooLong(String),
    PropertyNotAdded {
        name: String,
        kind: u8,
    },
    ConnectProperties(Fault),
    Properties {
        carrier: Carrier,
        fault: Fault,
    },
    DuplicateResponseTopic,
    Will,
    IncompleteFormat,
    FormatTooWide,
    InvalidFormat(u8),
    IncompleteEscape,
    InvalidEscape(u8),
    RandomFilter,
    OnlyAndNoRetained,
    NoFilter,
    NoTopicOrMessage,
    NoTopicMessageOrResponse,
    Credentials,
    PasswordUnreadable {
        file: String,
        why: String,
    },
    PasswordVariableUnset(String),
    PasswordNotRead(String),
    /// Flags of ours that don't go together; the whole sentence.
    Together(&'static str),
    InvalidVariable {
        name: &'static str,
        want: &'static str,
    },
    InvalidValue {
        flag: &'static str,
        value: String,
        want: &'static str,
    },
}

/// What a topic on the command line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TopicKind {
    Publish,
    Response,
    Will,
    Subscription,
    Filter,
    Unsubscribe,
}

impl TopicKind {
    fn word(self) -> &'static str {
        match self {
            TopicKind::Publish => "publish",
            TopicKind::Response => "response",
            TopicKind::Will => "will",
            TopicKind::Subscription => "subscription",
            TopicKind::Filter => "filter",
            TopicKind::Unsubscribe => "unsubscribe",
        }
    }

    /// Is it the name of a topic (no wildcards) rather than a filter?
    pub fn is_name(self) -> bool {
        matches!(self, TopicKind::Publish | TopicKind::Response | TopicKind::Will)
    }
}

/// Why reading the command line ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// `--help` was reached.
    Help,
    /// `--version` was reached.
    Version,
    /// Something is wrong.
    Complaint(Complaint),
}

impl From<Complaint> for Halt {
    fn from(complaint: Complaint) -> Halt {
        Halt::Complaint(complaint)
    }
}

/// What follows the sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// An empty line and "Use 'NAME --help' to see usage."
    Hint,
    /// The same with two empty lines. mosquitto isn't consistent here, and scripts compare.
    BlankAndHint,
    /// Nothing: the mistake showed after parsing.
    Nothing,
    /// Nothing on stderr; the whole usage on stdout.
    Usage,
}

impl Complaint {
    /// The sentence, without a line end.
    pub fn text(&self) -> String {
        use Complaint as C;
        let fixed = match self {
            C::UnknownOption(token) => {
                return format!("Error: Unknown option '{}'.", super::meant::without_secret(token));
            }
            C::ValueMissing { flag, missing } => {
                return format!("Error: {flag} argument given but {missing}.");
            }
            C::ProxyProtocol(url) => return format!("Error: Unsupported proxy protocol: {url}"),
            C::ProxyPort(port) => return format!("Error: Invalid proxy port {port}"),
            C::OptionsFileUnreadable { file, why } => {
                return format!("Error: Unable to read options file \"{file}\": {why}.");
            }
            C::Engine(engine) => {
                return format!(
                    "Error: Problem setting TLS engine, is {engine} a valid engine? Engines are not supported here."
                );
            }
            C::InvalidPort(port) => return format!("Error: Invalid port given: {port}"),
            C::InvalidQoS(qos) => return format!("Error: Invalid QoS given: {qos}"),
            C::InvalidWillQoS(qos) => return format!("Error: Invalid will QoS {qos}."),
            C::MalformedUtf8(what) => return format!("Error: Malformed UTF-8 in {what} argument."),
            C::InvalidTopic { kind, topic } => return invalid_topic(*kind, topic),
            C::MessageCount(count) => return format!("Error: Invalid message count \"{count}\"."),
            C::Timeout(seconds) => return format!("Error: Invalid timeout \"{seconds}\"."),
            C::RetainHandling(value) => {
                return format!("Error: Unknown value '{value}' for --retain-handling.");
            }
            C::PropertyPacket(name) => {
                return format!("Error: Invalid command {name} given in --property argument.");
            }
            C::PropertyName(name) => {
                return format!("Error: Invalid property name {name} given in --property argument.");
            }
            C::PropertyNot { name, allowed, packet } => {
                return format!("Error: {name} property not {allowed} for {packet} in --property argument.");
            }
            C::PropertyNotANumber(value) => {
                return format!("Error: Property value '{value}' not a number.");
            }
            C::PropertyRange { number, name } => {
                return format!("Error: Property value ({number}) out of range for property {name}.");
            }
            C::PropertyTooLong(name) => {
                return format!("Error: Property value too long for property {name}.");
            }
            C::PropertyNotAdded { name, kind } => return format!("Error adding property {name} {kind}"),
            C::ConnectProperties(fault) => return format!("Unable to connect ({}).", fault.words()),
            C::Properties { carrier, fault } => {
                return format!("Error in {} properties: {}", carrier.word(), fault.words());
            }
            C::InvalidFormat(letter) => {
                return format!("Error: Invalid format specifier '{}'.", char::from(*letter));
            }
            C::InvalidEscape(letter) => {
                return format!("Error: Invalid escape specifier '{}'.", char::from(*letter));
            }
            C::PasswordUnreadable { file, why } => {
                return format!("Error: Unable to read password file \"{file}\": {why}.");
            }
            C::PasswordVariableUnset(name) => {
                return format!("Error: The variable {name} of --pw-env is not set.");
            }
            C::PasswordNotRead(why) => return format!("Error: Unable to read the password: {why}."),
            C::InvalidValue { flag, value, want } => {
                return format!("Error: Invalid {flag} argument '{value}', it must be {want}.");
            }
            C::InvalidVariable { name, want } => {
                return format!("Error: Invalid {name} in the environment, it must be {want}.");
            }
            C::Together(sentence) => sentence,
            other => other.fixed_text(),
        };
        fixed.to_owned()
    }

    fn fixed_text(&self) -> &'static str {
        use Complaint as C;
        match self {
            C::CertWithoutKey => "Error: Both certfile and keyfile must be provided if one of them is set.",
            C::KeyformWithoutKey => "Error: If keyform is set, keyfile must be also specified.",
            C::KpassWithoutEngine => {
                "Error: when using tls-engine-kpass-sha1, both tls-engine and keyform must also be provided."
            }
            C::PskAndCa => "Error: Only one of --psk or --cafile/--capath may be used at once.",
            C::PskWithoutIdentity => "Error: --psk-identity required if --psk used.",
            C::Proxy => "Error: Invalid proxy.",
            C::WsPath => "Error: Invalid --ws-path, it must start with / and have no spaces.",
            C::Psk => "Error: Problem setting TLS-PSK options.",
            C::TlsOptions => "Error: Problem setting TLS options, check the options are valid.",
            C::Keyform => "Error: Problem setting key form, it must be one of 'pem' or 'engine'.",
            C::DuplicateOptionsFile => "Error: Duplicate -o argument given.",
            C::InvalidKeepAlive => {
                "Error: Invalid keepalive given, it must be between 5 and 65535 inclusive."
            }
            C::InvalidMaxInflight => "Error: Maximum inflight messages must be greater than 0.",
            C::InvalidVersion => "Error: Invalid protocol version argument given.",
            C::SessionExpiryNotANumber => "Error: session-expiry-interval not a number.",
            C::SessionExpiryOutOfRange => "Error: session-expiry-interval out of range.",
            C::BothIds => "Error: -i and -I argument cannot be used together.",
            C::InvalidId(Program::Publish) => "Error: Invalid id.",
            C::InvalidId(_) => "Error: Invalid id and/or clean_session.",
            C::CleanSessionNeedsId => "Error: You must provide a client id if you are using the -c option.",
            C::InfiniteSessionNeedsId => {
                "Error: You must provide a client id if you are using an infinite session expiry interval."
            }
            C::UrlScheme => "Error: Unsupported URL scheme.",
            C::UrlTopicMissing => "Error: Invalid URL for -L argument specified - topic missing.",
            C::WillPayloadTooLong => "Error: Will payload must not be longer than 65535 bytes.",
            C::WillPayloadWithoutTopic => "Error: Will payload given, but no will topic given.",
            C::WillRetainWithoutTopic => "Error: Will retain given, but no will topic given.",
            C::OneMessage => "Error: Only one type of message can be sent at once.",
            C::MessageTooLong => "Error: Message length must be less than 268435455 bytes.",
            C::Repeat => "Error: --repeat argument must be >0.",
            C::RepeatDelay => "Error: --repeat-delay argument must be >=0.0.",
            C::NoFilter => "Error: You must specify a topic to subscribe to (-t) or unsubscribe from (-U).",
            C::DuplicateResponseTopic => "Error in PUBLISH properties: Duplicate response topic.",
            C::Will => "Error: Problem setting will.",
            C::IncompleteFormat => "Error: Incomplete format specifier.",
            C::FormatTooWide => "Error: Width and precision of a format specifier are at most 1000000.",
            C::IncompleteEscape => "Error: Incomplete escape specifier.",
            C::RandomFilter => "Error: --random-filter chance must be between 0.1-100.0",
            // The empty line in front is mosquitto's.
            C::OnlyAndNoRetained => "\nError: Combining '-R' and '--retained-only' makes no sense.",
            C::NoTopicOrMessage => "Error: Both topic and message must be supplied.",
            C::NoTopicMessageOrResponse => {
                "Error: All of topic, message, and response topic must be supplied."
            }
            C::Credentials => "Error: Problem setting username and/or password.",
            // The variants with a value have their words in `text`.
            _ => "Error: Invalid input.",
        }
    }

    /// What mosquitto writes behind the sentence.
    pub fn after(&self) -> After {
        use Complaint as C;
        match self {
            C::NoTopicOrMessage => After::Usage,
            C::InvalidId(_)
            | C::ConnectProperties(_)
            | C::DuplicateResponseTopic
            | C::OnlyAndNoRetained
            | C::Will
            | C::Credentials
            | C::PasswordUnreadable { .. }
            | C::PasswordVariableUnset(_)
            | C::PasswordNotRead(_)
            | C::InvalidVariable { .. }
            | C::Psk
            | C::TlsOptions
            | C::Keyform
            | C::Engine(_)
            | C::OptionsFileUnreadable { .. } => After::Nothing,
            C::UnknownOption(_)
            | C::ProxyProtocol(_)
            | C::ProxyPort(_)
            | C::Proxy
            | C::WsPath
            | C::InvalidValue { .. }
            | C::Together(_)
            | C::CertWithoutKey
            | C::KeyformWithoutKey
            | C::KpassWithoutEngine
            | C::PskAndCa
            | C::PskWithoutIdentity
            | C::InvalidPort(_)
            | C::InvalidQoS(_)
            | C::CleanSessionNeedsId
            | C::InfiniteSessionNeedsId
            | C::InvalidTopic { .. }
            | C::UrlTopicMissing
            | C::WillPayloadWithoutTopic
            | C::WillRetainWithoutTopic
            | C::PropertyNotAdded { .. }
            | C::Properties { .. }
            | C::IncompleteFormat
            | C::FormatTooWide
            | C::InvalidFormat(_)
            | C::IncompleteEscape
            | C::InvalidEscape(_)
            | C::NoFilter
            | C::NoTopicMessageOrResponse => After::Hint,
            _ => After::BlankAndHint,
        }
    }
}

fn invalid_topic(kind: TopicKind, topic: &str) -> String {
    let question =
        if kind.is_name() { "does it contain '+' or '#'?" } else { "are all '+' and '#' wildcards correct?" };
    format!("Error: Invalid {} topic '{topic}', {question}", kind.word())
}
