//! The command line of mqtt-broker: one table, from which parsing, usage text, man page and completions come.
//!
//! The grammar is mosquitto's, which clap can't express: whole tokens only, from left to right, and whatever
//! follows an option that takes a value is its value. So it is parsed by hand, with the table's names.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::auth::Access;
use crate::config::nearest;

use super::numbers::atoi;
use super::surroundings::Surroundings;
use super::url;

/// How many ports `-p` takes.
const PORTS_MAX: usize = 10;

/// One thing that the command line says. They are carried out in order; after the last three kinds there is
/// nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokerStep {
    /// `-c`: read this configuration file now.
    Configuration(OsString),
    /// `-d`: go on in the background.
    Daemon,
    /// `-p`: a port of local-only mode; 0: any free one.
    Port(u16),
    /// `-v`: log everything.
    Verbose,
    /// `-q`: log nothing.
    Quiet,
    /// `--test-config`: check the configuration files, no more.
    TestConfig,
    /// `--print-address`: say where to connect once that is possible.
    PrintAddress,
    /// `--port-file`: write the port to this file once it is open.
    PortFile(OsString),
    /// `--max-time`: end by itself after this time.
    MaxTime(Duration),
    /// `--import`: take a database of mosquitto over into a new store, no more.
    Import(OsString),
    /// `--dump`: print a store or a database of mosquitto as JSON, no more.
    Dump(OsString),
    /// `--tls-keylog`: append the secrets of all TLS connections to this file.
    Keylog(OsString),
    /// `--health`: look after a running broker instead of being one.
    Health(Option<OsString>),
    /// `--explain`: say what the rules have for a topic instead of being a broker.
    Explain(Explain),
    /// `--exec`: run this command and end with it.
    Exec(Vec<OsString>),
    /// `-h`: print the usage text and end.
    Help,
    /// `--version`: print it and end.
    Version,
    /// The command line is wrong.
    Wrong {
        /// The line for standard error.
        message: String,
        /// The usage text follows on standard output.
        usage: bool,
    },
}

/// What `--explain` asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explain {
    /// User Name; `None` (written `-`): a client without one.
    pub username: Option<String>,
    /// The topic.
    pub topic: String,
    /// `read` or `write`; `None`: both.
    pub access: Option<Access>,
    /// ClientId, for rules with `%c`.
    pub client_id: String,
}

/// What an option is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Configuration,
    Daemon,
    Help,
    Port,
    Quiet,
    Verbose,
    TestConfig,
    Keylog,
    Version,
    PrintAddress,
    PortFile,
    MaxTime,
    Exec,
    Health,
    Import,
    Dump,
    Explain,
}

/// An option: a row of the table.
struct BrokerFlag {
    kind: Kind,
    short: Option<char>,
    long: &'static str,
    /// The name of its value, if it takes one.
    value: Option<&'static str>,
    /// What the message about a missing value says behind "argument given, but ".
    missing: &'static str,
    help: &'static str,
}

const fn flag(kind: Kind, short: Option<char>, long: &'static str, help: &'static str) -> BrokerFlag {
    BrokerFlag { kind, short, long, value: None, missing: "", help }
}

impl BrokerFlag {
    const fn takes(mut self, value: &'static str, missing: &'static str) -> Self {
        self.value = Some(value);
        self.missing = missing;
        self
    }

    /// Its name in messages.
    fn name(&self) -> String {
        match self.short {
            Some(short) => format!("-{short}"),
            None => format!("--{}", self.long),
        }
    }

    fn is(&self, token: &OsStr) -> bool {
        match token.as_bytes() {
            [b'-', b'-', long @ ..] => long == self.long.as_bytes(),
            [b'-', short] => self.short == Some(char::from(*short)),
            _ => false,
        }
    }
}

// A row is two lines: read across, not down.
#[rustfmt::skip]
const FLAGS: &[BrokerFlag] = &[
    flag(Kind::Configuration, Some('c'), "config-file", "Read this configuration file (mosquitto.conf).")
        .takes("FILE", "no config file specified"),
    flag(Kind::Daemon, Some('d'), "daemon", "Go on in the background, and end here once it listens; with its exit code if it can't."),
    flag(Kind::Port, Some('p'), "port",
        "Listen on this port of 127.0.0.1 and ::1, where the configuration names no listener; repeatable. 0: any free port.")
        .takes("PORT", "no port specified"),
    flag(Kind::Quiet, Some('q'), "quiet", "Log nothing, whatever the configuration says."),
    flag(Kind::Verbose, Some('v'), "verbose", "Log everything, whatever the configuration says."),
    flag(Kind::TestConfig, None, "test-config", "Check the configuration, say every error in it, and end."),
    flag(Kind::PrintAddress, None, "print-address", "Print mqtt://127.0.0.1:PORT on standard output when ready."),
    flag(Kind::PortFile, None, "port-file", "Write the port to this file when ready.")
        .takes("FILE", "no file specified"),
    flag(Kind::MaxTime, None, "max-time", "End after so many seconds, and with it the command of --exec.")
        .takes("SECONDS", "no time specified"),
    flag(Kind::Exec, None, "exec",
        "Run COMMAND with MQTT_HOST, MQTT_PORT and MQTT_URL set, on a free port unless told otherwise, and end with it.")
        .takes("-- COMMAND [ARG...]", "no command specified"),
    flag(Kind::Explain, None, "explain",
        "Say whether USER (- for a client without a name) may read and write TOPIC, and which line of the ACL file decides; exit status 0 if so, 1 if not."),
    flag(Kind::Health, None, "health",
        "Send a message to a running broker and see it come back within 5 seconds; by default the one of MQTT_URL, MQTT_HOST and MQTT_PORT."),
    flag(Kind::Import, None, "import",
        "Make the store of the configuration out of this database of mosquitto's, and end.")
        .takes("FILE", "no file specified"),
    flag(Kind::Dump, None, "dump",
        "Print a store, or a database of mosquitto's, as lines of JSON, and end.")
        .takes("PATH", "no path specified"),
    flag(Kind::Keylog, None, "tls-keylog", "Append TLS secrets to FILE, for debugging with Wireshark.")
        .takes("FILE", "no file specified"),
    flag(Kind::Help, Some('h'), "help", "Print this text."),
    flag(Kind::Version, None, "version", "Print the version."),
];

/// What the arguments (without the program's name) say.
pub fn broker_steps(arguments: &[OsString]) -> Vec<BrokerStep> {
    let mut steps = Vec::new();
    let mut rest = arguments;
    while let Some((token, after)) = rest.split_first() {
        rest = after;
        let step = step(token, &mut rest, &steps);
        let last = matches!(
            step,
            BrokerStep::Help | BrokerStep::Version | BrokerStep::Wrong { .. } | BrokerStep::Exec(_)
        );
        steps.push(step);
        if last {
            break;
        }
    }
    steps
}

/// One option; takes its value off `rest`.
fn step(token: &OsStr, rest: &mut &[OsString], before: &[BrokerStep]) -> BrokerStep {
    let Some(flag) = FLAGS.iter().find(|flag| flag.is(token)) else {
        let token = token.to_string_lossy();
        let long =
            token.strip_prefix("--").and_then(|name| nearest(name, FLAGS.iter().map(|flag| flag.long)));
        let meant = long.map(|long| format!(" Did you mean '--{long}'?")).unwrap_or_default();
        let message = format!("Error: Unknown option '{token}'.{meant}");
        return BrokerStep::Wrong { message, usage: true };
    };
    if flag.kind == Kind::Exec {
        return exec(flag, rest);
    }
    let mut value = None;
    if flag.value.is_some() {
        let Some((given, after)) = rest.split_first() else { return missing(flag) };
        (value, *rest) = (Some(given.clone()), after);
    }
    match flag.kind {
        Kind::Configuration => BrokerStep::Configuration(value.unwrap_or_default()),
        Kind::Port => port(&value.unwrap_or_default(), before),
        Kind::Daemon => BrokerStep::Daemon,
        Kind::Help => BrokerStep::Help,
        Kind::Quiet => BrokerStep::Quiet,
        Kind::Verbose => BrokerStep::Verbose,
        Kind::TestConfig => BrokerStep::TestConfig,
        Kind::Version => BrokerStep::Version,
        Kind::PrintAddress => BrokerStep::PrintAddress,
        Kind::PortFile => BrokerStep::PortFile(value.unwrap_or_default()),
        Kind::MaxTime => max_time(&value.unwrap_or_default()),
        Kind::Health => BrokerStep::Health(optional_value(rest)),
        Kind::Import => BrokerStep::Import(value.unwrap_or_default()),
        Kind::Dump => BrokerStep::Dump(value.unwrap_or_default()),
        Kind::Explain => explain(rest),
        Kind::Keylog => BrokerStep::Keylog(value.unwrap_or_default()),
        // It was dealt with already.
        Kind::Exec => missing(flag),
    }
}

fn wrong(message: String) -> BrokerStep {
    BrokerStep::Wrong { message, usage: false }
}

/// Longest time in seconds: 68 years, which any clock can add.
const LONGEST: f64 = i32::MAX as f64;

fn max_time(text: &OsStr) -> BrokerStep {
    let seconds = text.to_str().and_then(|text| text.parse::<f64>().ok());
    match seconds.filter(|seconds| *seconds > 0.0 && *seconds <= LONGEST) {
        Some(seconds) => BrokerStep::MaxTime(Duration::from_secs_f64(seconds)),
        None => wrong(format!(
            "Error: Invalid --max-time argument '{}', it must be a number of seconds above 0.",
            text.to_string_lossy()
        )),
    }
}

fn missing(flag: &BrokerFlag) -> BrokerStep {
    wrong(format!("Error: {} argument given, but {}.", flag.name(), flag.missing))
}

fn port(text: &OsStr, before: &[BrokerStep]) -> BrokerStep {
    // As mosquitto: atoi, so that what is no number is the invalid port 0. A written 0 is ours.
    let number = atoi(text.as_bytes());
    let zero = !text.is_empty() && text.as_bytes().iter().all(|byte| *byte == b'0');
    match u16::try_from(number) {
        Ok(port) if port > 0 || zero => {
            let ports = before.iter().filter(|step| matches!(step, BrokerStep::Port(_))).count();
            if ports == PORTS_MAX {
                wrong(format!("Error: Only {PORTS_MAX} ports can be specified on the command line."))
            } else {
                BrokerStep::Port(port)
            }
        }
        _ => wrong(format!("Error: Invalid port specified ({number}).")),
    }
}

/// `-- COMMAND ARG…`: everything that is left.
fn exec(flag: &BrokerFlag, rest: &mut &[OsString]) -> BrokerStep {
    let command = match rest.split_first() {
        Some((dashes, command)) if dashes == "--" => command,
        _ => *rest,
    };
    *rest = &[];
    if command.is_empty() { missing(flag) } else { BrokerStep::Exec(command.to_vec()) }
}

/// `USER TOPIC [read|write|both [CLIENTID]]`
fn explain(rest: &mut &[OsString]) -> BrokerStep {
    let [user, topic, after @ ..] = *rest else {
        return wrong("Error: --explain argument given, but no user name and topic specified.".to_owned());
    };
    *rest = after;
    let text = |word: &OsString| word.to_string_lossy().into_owned();
    let mut asked = Explain {
        username: Some(text(user)).filter(|name| name != "-"),
        topic: text(topic),
        access: None,
        client_id: String::new(),
    };
    if let Some(word) = optional_value(rest) {
        asked.access = match word.to_str() {
            Some("read") => Some(Access::Read),
            Some("write") => Some(Access::Write),
            Some("both") => None,
            _ => {
                let word = word.to_string_lossy();
                return wrong(format!("Error: --explain takes read, write or both, not '{word}'."));
            }
        };
        asked.client_id = optional_value(rest).map(|id| text(&id)).unwrap_or_default();
    }
    BrokerStep::Explain(asked)
}

/// The next token, if it doesn't look like an option.
fn optional_value(rest: &mut &[OsString]) -> Option<OsString> {
    let (value, after) = rest.split_first().filter(|(value, _)| !value.as_bytes().starts_with(b"-"))?;
    *rest = after;
    Some(value.clone())
}

/// The name of the program and its version, as it calls itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerName {
    /// `mqtt-broker`, or `mosquitto` when called through a link of that name.
    pub name: &'static str,
    /// Our version, or that of the mosquitto whose behaviour to expect.
    pub version: &'static str,
}

impl BrokerName {
    /// What it is called by, from the first word of the command line.
    pub fn called(argument_zero: Option<&OsStr>) -> Self {
        let file_name = argument_zero.and_then(|path| Path::new(path).file_name());
        if file_name == Some(OsStr::new("mosquitto")) {
            BrokerName { name: "mosquitto", version: "2.1.2" }
        } else {
            BrokerName { name: "mqtt-broker", version: env!("CARGO_PKG_VERSION") }
        }
    }

    /// What `--version` prints.
    pub fn version_text(self) -> String {
        let first = format!("{} {}", self.name, self.version);
        let own = concat!("mqtt-toolkit ", env!("CARGO_PKG_VERSION"));
        let first = if self.name == "mosquitto" { format!("{first} running on {own}") } else { first };
        format!("{first}\nLicense MIT OR Apache-2.0.\n")
    }

    /// What `--help` prints.
    pub fn usage(self) -> String {
        let BrokerName { name, version } = self;
        let mut text = format!(
            "{name} version {version}\n\n{name} is an MQTT v5.0/v3.1.1/v3.1 broker.\n\n\
             Usage: {name} [-c config_file] [-d] [-h] [-p port] [-v]\n\
             {0}[-q] [--test-config] [--print-address] [--version]\n\
             {0}[--port-file file] [--max-time seconds]\n\
             {0}[--exec -- command [arg...]] [--health [url]]\n\
             {0}[--explain user topic [read|write|both [clientid]]]\n\
             {0}[--import file] [--dump path] [--tls-keylog file]\n\n",
            " ".repeat("Usage: ".len() + name.len() + 1)
        );
        for flag in FLAGS {
            let short = flag.short.map(|short| format!("-{short}, ")).unwrap_or_default();
            let value = match flag.kind {
                Kind::Health => " [URL]".to_owned(),
                Kind::Explain => " USER TOPIC [read|write|both [CLIENTID]]".to_owned(),
                _ => flag.value.map(|value| format!(" {value}")).unwrap_or_default(),
            };
            text += &format!(" {short}--{}{value} :\n      {}\n", flag.long, flag.help);
        }
        text
    }
}

/// The table as a clap command, for man page and completions.
pub fn command() -> clap::Command {
    let arguments = FLAGS.iter().map(|flag| {
        let mut argument = clap::Arg::new(flag.long).long(flag.long).help(flag.help);
        if let Some(short) = flag.short {
            argument = argument.short(short);
        }
        match (flag.kind, flag.value) {
            (Kind::Exec, _) => {
                argument.value_names(["COMMAND", "ARG"]).num_args(1..).allow_hyphen_values(true)
            }
            (Kind::Health, _) => argument.value_name("URL").num_args(0..=1),
            (Kind::Explain, _) => argument.value_names(["USER", "TOPIC"]).num_args(2..=4),
            (
                Kind::Configuration | Kind::Keylog | Kind::PortFile | Kind::Import | Kind::Dump,
                Some(value),
            ) => argument.value_name(value).value_hint(clap::ValueHint::FilePath),
            (_, Some(value)) => argument.value_name(value),
            (_, None) => argument.action(clap::ArgAction::SetTrue),
        }
    });
    clap::Command::new("mqtt-broker")
        .version(env!("CARGO_PKG_VERSION"))
        .about("An MQTT broker")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(arguments)
}

/// The broker that `--health` is about.
#[derive(Clone)]
pub struct HealthTarget {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User Name.
    pub username: Option<String>,
    /// Password, wiped when dropped.
    pub password: Option<Zeroizing<String>>,
}

/// Finds out which broker `--health` is about: `given`, or what the environment says, or the one on this machine.
///
/// # Errors
/// One line that says what isn't understood.
pub fn health_target(given: Option<&OsStr>, from: &Surroundings<'_>) -> Result<HealthTarget, String> {
    let text =
        |text: OsString| text.into_string().map_err(|_| "Error: The broker's URL isn't UTF-8.".to_owned());
    let mut target =
        HealthTarget { host: "localhost".to_owned(), port: 1883, username: None, password: None };
    let (url, name) = match given {
        Some(url) => (Some(url.to_owned()), "--health"),
        None => (from.set_variable("MQTT_URL"), "MQTT_URL"),
    };
    if let Some(url) = url {
        let url = url::parse(&url).map_err(|_| {
            format!("Error: Invalid URL in {name}: it should look like mqtt://[USER[:PASSWORD]@]HOST[:PORT].")
        })?;
        if url.tls {
            return Err(format!(
                "Error: The URL in {name} asks for TLS, which the health check doesn't speak."
            ));
        }
        (target.host, target.port) = (text(url.host)?, url.port);
        target.username = url.username.map(text).transpose()?;
        target.password = url.password.and_then(|bytes| password(&bytes));
    }
    if given.is_none() {
        if let Some(host) = from.set_variable("MQTT_HOST") {
            target.host = text(host)?;
        }
        if let Some(port) = from.set_variable("MQTT_PORT") {
            let port = port.to_str().and_then(|port| port.parse().ok());
            target.port = port.ok_or("Error: Invalid MQTT_PORT, it should be a number from 1 to 65535.")?;
        }
    }
    if target.port == 0 || target.host.is_empty() {
        return Err(
            "Error: Invalid address of the broker: it needs a host and a port from 1 to 65535.".to_owned()
        );
    }
    if target.username.is_none() {
        target.username = from.set_variable("MQTT_USERNAME").map(text).transpose()?;
        let given = from.set_variable("MQTT_PASSWORD");
        target.password = given.and_then(|bytes| password(bytes.as_bytes()));
    }
    Ok(target)
}

/// rumqttc takes a password as text.
fn password(bytes: &[u8]) -> Option<Zeroizing<String>> {
    std::str::from_utf8(bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests;
