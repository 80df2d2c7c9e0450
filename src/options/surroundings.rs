//! What a command line needs from outside, handed in so that this room touches no file and no environment;
//! and the defaults that come from environment variables.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::complaint::{Complaint, Halt, TopicKind};
use super::program::Program;
use super::raw::{PasswordSource, Raw};
use super::topics::topic;
use super::url;

/// Where a password is that neither stands on the command line nor in a file or a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// The first line of standard input (`--pw-stdin`).
    StdinLine,
    /// Whoever sits at the terminal (`--pw-prompt`).
    Prompt,
}

/// The world around a command line.
pub struct Surroundings<'a> {
    /// An environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The bytes of a file.
    pub read_file: &'a dyn Fn(&Path) -> std::io::Result<Vec<u8>>,
    /// The password from where the program itself can't look: standard input, or someone at the terminal.
    pub ask: &'a dyn Fn(Secret) -> std::io::Result<Zeroizing<Vec<u8>>>,
    /// Letters and digits that nobody else has, for topics that are made up.
    pub random: String,
    /// This process, for `-I`.
    pub process_id: u32,
}

impl Surroundings<'_> {
    /// A variable that is set and not empty.
    pub(super) fn set_variable(&self, name: &str) -> Option<OsString> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// Where the default options may stand, best first: our own name, then mosquitto's.
    pub(super) fn default_options_files(&self, program: Program) -> Vec<PathBuf> {
        let directory = match self.set_variable("XDG_CONFIG_HOME") {
            Some(directory) => PathBuf::from(directory),
            None => match self.set_variable("HOME") {
                Some(home) => Path::new(&home).join(".config"),
                None => return Vec::new(),
            },
        };
        vec![directory.join(program.own_name()), directory.join(program.mosquitto_name())]
    }
}

/// Fills what no flag gave from `MQTT_HOST`, `MQTT_PORT`, `MQTT_USERNAME`, `MQTT_PASSWORD`, and, behind these,
/// from the parts of `MQTT_URL`.
pub(super) fn fill_defaults(raw: &mut Raw, program: Program, from: &Surroundings<'_>) -> Result<(), Halt> {
    if let Some(password) = from.set_variable("MQTT_PASSWORD")
        && raw.password.is_none()
    {
        raw.password = Some(PasswordSource::Given(Zeroizing::new(password.into_vec())));
    }
    if raw.username.is_none() {
        raw.username = from.set_variable("MQTT_USERNAME");
    }
    // The host of a unix socket is its path, which no default may join with another port.
    let is_unix = raw.port == Some(0);
    if raw.host.is_none() && !is_unix {
        raw.host = from.set_variable("MQTT_HOST");
    }
    if raw.port.is_none()
        && let Some(port) = from.set_variable("MQTT_PORT")
    {
        raw.port = Some(port_from(&port)?);
    }
    fill_from_url(raw, program, from)
}

fn fill_from_url(raw: &mut Raw, program: Program, from: &Surroundings<'_>) -> Result<(), Halt> {
    let Some(text) = from.set_variable("MQTT_URL") else { return Ok(()) };
    let invalid = Complaint::InvalidVariable {
        name: "MQTT_URL",
        want: "mqtt[s]://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]",
    };
    let url = url::parse(&text).map_err(|_| Halt::from(invalid))?;
    if raw.username.is_none() {
        raw.username = url.username;
        // A password goes with its own user only.
        raw.password = raw.password.take().or(url.password.map(PasswordSource::Given));
    }
    if raw.port != Some(0) {
        // What the scheme says is about its own host.
        raw.tls.os_certificates |= url.tls && raw.host.is_none();
        raw.ws |= url.ws && raw.host.is_none();
        raw.host.get_or_insert(url.host);
        raw.port.get_or_insert(url.port);
    }
    if let Some(path) = url.topic.filter(|path| !path.is_empty())
        && raw.topics.is_empty()
        && raw.unsubscribe.is_empty()
    {
        let kind = match program {
            Program::Subscribe => TopicKind::Subscription,
            _ => TopicKind::Publish,
        };
        raw.topics.push(topic(kind, "MQTT_URL", &path)?);
    }
    Ok(())
}

fn port_from(text: &OsString) -> Result<u16, Halt> {
    let port = std::str::from_utf8(text.as_bytes()).ok().and_then(|text| text.parse().ok());
    port.filter(|port| *port > 0).ok_or_else(|| {
        Complaint::InvalidVariable { name: "MQTT_PORT", want: "a number from 1 to 65535" }.into()
    })
}
