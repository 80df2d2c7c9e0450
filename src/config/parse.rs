//! Reading mosquitto.conf: lines, their keywords, what they belong to, other files.
//!
//! The grammar is mosquitto's: one keyword a line, a `#` in the first column makes a comment, no quotes, no
//! continuation lines. `listener` opens a listener that the lines after it belong to, within one file.

use std::collections::HashSet;

use super::arguments::{Arguments, is_separator};
use super::fault::Fault;
use super::files::{ConfigFiles, ReadProblem, conf_files};
use super::keywords::{Built, Keyword, Scope, Structure, find};
use super::message::{Message, Messages};
use super::{Bridge, Listener, LogSettings, LogType, Plugin, Settings};

/// What to do at an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtError {
    /// Stop reading: to start a broker.
    Stop,
    /// Read on and say every one: to check a file.
    Collect,
}

/// A configuration that can't be used. What is wrong is in the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadConfiguration;

/// Reads one configuration, out of one file or several.
pub struct ConfigReader<'f> {
    files: &'f mut dyn ConfigFiles,
    at_error: AtError,
    settings: Settings,
    /// The listener on port 1883 of those who name none. `None` until something belongs to it.
    default_listener: Option<Listener>,
    /// `port` was given.
    port_seen: bool,
    /// A security setting was given: too late for `per_listener_settings`.
    security_seen: bool,
    /// The keywords that were given.
    seen: HashSet<&'static str>,
    messages: Messages,
}

/// The place in a file, and what it belongs to.
struct Place<'a> {
    file: &'a str,
    line: usize,
    included: bool,
    listener: Current,
    /// The plugin that options belong to.
    plugin: Option<usize>,
    /// The keyword of the line, as written.
    word: String,
    bridge: CurrentBridge,
    /// The bridges that this file opens, and the lines where it does.
    bridges: Vec<(usize, usize)>,
}

/// The listener that a line belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Current {
    None,
    Default,
    Named(usize),
    /// Its own line was refused; what follows is checked, then dropped.
    Refused,
}

/// The bridge that a line belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CurrentBridge {
    None,
    Named(usize),
    /// Its own line was refused; what follows is checked, then dropped.
    Refused,
}

impl<'f> ConfigReader<'f> {
    /// Starts with the defaults.
    pub fn new(files: &'f mut dyn ConfigFiles, at_error: AtError) -> Self {
        ConfigReader {
            files,
            at_error,
            settings: Settings::default(),
            default_listener: None,
            port_seen: false,
            security_seen: false,
            seen: HashSet::new(),
            messages: Messages::default(),
        }
    }

    /// Reads a main file. A second one adds to the first.
    pub fn read(&mut self, file: &str) -> Result<(), BadConfiguration> {
        self.read_file(file, false)
    }

    /// The lines for the log so far.
    pub fn take_messages(&mut self) -> Vec<Message> {
        self.messages.take()
    }

    /// The settings of the log so far: how lines start holds from here on.
    pub fn log(&self) -> &LogSettings {
        &self.settings.log
    }

    /// What it all comes to. `ports`: those of `-p`, which count in local-only mode.
    pub fn finish(self, ports: &[u16]) -> Settings {
        let mut settings = self.settings;
        settings.listeners.extend(self.default_listener);
        settings.finish(ports);
        settings
    }

    fn read_file(&mut self, file: &str, included: bool) -> Result<(), BadConfiguration> {
        let mut bytes = match self.files.read(file) {
            Ok(bytes) => bytes,
            Err(problem) => {
                self.say(
                    LogType::Error,
                    match problem {
                        ReadProblem::Unreadable => format!("Error: Unable to open config file '{file}'."),
                        ReadProblem::Folder => format!("Error: Config file '{file}' is a directory."),
                    },
                );
                return Err(BadConfiguration);
            }
        };
        if let Some(end) = memchr::memchr(0, &bytes) {
            self.say(
                LogType::Warning,
                format!("Warning: Config file '{file}' holds a zero byte, where it ends."),
            );
            bytes.truncate(end);
        }
        let mut place = Place {
            file,
            line: 0,
            included,
            listener: Current::None,
            plugin: None,
            word: String::new(),
            bridge: CurrentBridge::None,
            bridges: Vec::new(),
        };
        let mut result = Ok(());
        for line in bytes.split(|byte| *byte == b'\n') {
            place.line += 1;
            if let Err(fault) = self.read_line(&mut place, line) {
                self.complain(&place, &fault);
                result = Err(BadConfiguration);
                if self.at_error == AtError::Stop {
                    return result;
                }
            }
        }
        // A bridge never crosses the end of a file.
        for (index, line) in std::mem::take(&mut place.bridges) {
            if let Err(fault) = check_bridge(&self.settings.bridges, index) {
                place.line = line;
                self.complain(&place, &fault);
                result = Err(BadConfiguration);
            }
        }
        result
    }

    fn read_line(&mut self, place: &mut Place<'_>, line: &[u8]) -> Result<(), Fault> {
        let Some((name, rest)) = split_keyword(line) else { return Ok(()) };
        let name_text = || String::from_utf8_lossy(name).into_owned();
        let keyword = find(name).ok_or_else(|| Fault::Unknown(name_text()))?;
        if let Built::NotYet = keyword.built {
            return Err(Fault::NotBuilt(name_text()));
        }
        place.word = name_text();
        let written = keyword.written(name);
        self.find_listener(place, keyword, written)?;
        if let Some(text) = keyword.deprecated {
            self.say(
                LogType::Notice,
                format!(
                    "The '{}' option is now deprecated and will be removed in version 3.0. {text}",
                    written
                ),
            );
        }
        let first = self.seen.insert(keyword.name);
        let per_listener = self.settings.per_listener_settings;
        let mut arguments = Arguments::new(written, rest, first, per_listener);
        let result = self.set(place, keyword, &mut arguments);
        for (log_type, text) in std::mem::take(&mut arguments.remarks) {
            self.say(log_type, text);
        }
        result
    }

    /// Sees to it that there is a listener, or a bridge, where the keyword belongs to one.
    fn find_listener(
        &mut self,
        place: &mut Place<'_>,
        keyword: &Keyword,
        written: &str,
    ) -> Result<(), Fault> {
        let missing = || Err(Fault::NeedsListener(written.to_owned()));
        match (keyword.scope, place.listener) {
            (Scope::Bridge, _) if place.bridge == CurrentBridge::None => {
                Err(Fault::NeedsBridge(written.to_owned()))
            }
            (Scope::Listener, Current::None) => missing(),
            (Scope::NamedListener, Current::None | Current::Default) => missing(),
            (Scope::Security, current) => {
                self.security_seen = true;
                if self.settings.per_listener_settings && current == Current::None {
                    missing()
                } else {
                    Ok(())
                }
            }
            (Scope::ListenerOrDefault, Current::None) => {
                self.say(
                    LogType::Information,
                    format!("Creating default listener due to '{}' option.", written),
                );
                self.say(LogType::Information, format!(
                    "It is best practice to define a 'listener' first. Using the '{}' option without a listener \
                     will be disabled in the future.",
                    written
                ));
                self.default_listener();
                place.listener = Current::Default;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn set(
        &mut self,
        place: &mut Place<'_>,
        keyword: &'static Keyword,
        arguments: &mut Arguments<'_>,
    ) -> Result<(), Fault> {
        match keyword.built {
            Built::NotYet => Err(Fault::NotBuilt(keyword.name.to_owned())),
            Built::Settings(set) => set(&mut self.settings, arguments),
            Built::Bridge(set) => match place.bridge {
                CurrentBridge::Named(index) => match self.settings.bridges.get_mut(index) {
                    Some(bridge) => set(bridge, arguments),
                    None => Ok(()),
                },
                CurrentBridge::None | CurrentBridge::Refused => set(&mut Bridge::new(""), arguments),
            },
            Built::Listener(set) => self.with_listener(place.listener, |listener| set(listener, arguments)),
            Built::Security(set) if self.settings.per_listener_settings => {
                self.with_listener(place.listener, |listener| set(&mut listener.security, arguments))
            }
            Built::Security(set) => set(&mut self.settings.security, arguments),
            Built::Structure(structure) => self.shape(place, structure, arguments),
        }
    }

    fn with_listener(
        &mut self,
        current: Current,
        set: impl FnOnce(&mut Listener) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        match current {
            Current::Named(index) => match self.settings.listeners.get_mut(index) {
                Some(listener) => set(listener),
                None => Ok(()),
            },
            Current::Default => set(self.default_listener()),
            Current::None | Current::Refused => set(&mut Listener::default()),
        }
    }

    fn default_listener(&mut self) -> &mut Listener {
        self.default_listener.get_or_insert_default()
    }

    /// The keywords that open something or read on elsewhere.
    fn shape(
        &mut self,
        place: &mut Place<'_>,
        structure: Structure,
        arguments: &mut Arguments<'_>,
    ) -> Result<(), Fault> {
        match structure {
            Structure::Listener => {
                place.listener = Current::Refused;
                let listener = named_listener(arguments)?;
                self.settings.local_only = false;
                place.listener = Current::Named(self.settings.listeners.len());
                self.settings.listeners.push(listener);
            }
            Structure::Connection => {
                place.bridge = CurrentBridge::Refused;
                let name = arguments.token()?;
                if self.settings.bridges.iter().any(|bridge| bridge.name == name) {
                    return Err(Fault::Other(format!("Error: Duplicate bridge name '{name}'.")));
                }
                let index = self.settings.bridges.len();
                place.bridge = CurrentBridge::Named(index);
                place.bridges.push((index, place.line));
                self.settings.bridges.push(Bridge::new(name));
            }
            Structure::Port => self.set_port(place, arguments)?,
            Structure::BindAddress => {
                self.settings.local_only = false;
                place.listener = Current::Default;
                arguments
                    .named("default listener bind_address")
                    .text_once(&mut self.default_listener().address)?;
            }
            Structure::IncludeDir => self.include(place, arguments)?,
            Structure::Plugin
            | Structure::GlobalPlugin
            | Structure::PluginLoad
            | Structure::PluginUse
            | Structure::PluginOption
            | Structure::DenySpecialChars => self.plugin(place, structure, arguments)?,
            // Once it is true, it stays so.
            Structure::PerListenerSettings if self.settings.per_listener_settings => {}
            Structure::PerListenerSettings => {
                self.settings.per_listener_settings = arguments.bool()?;
                if self.settings.per_listener_settings && self.security_seen {
                    return Err(Fault::other(
                        "Error: per_listener_settings must be set before any other security settings.",
                    ));
                }
            }
        }
        Ok(())
    }

    /// The keywords about plugins.
    fn plugin(
        &mut self,
        place: &mut Place<'_>,
        structure: Structure,
        arguments: &mut Arguments<'_>,
    ) -> Result<(), Fault> {
        let missing =
            |name: &str| Fault::Other(format!("Error: Missing plugin path for plugin name '{name}'."));
        match structure {
            Structure::Plugin | Structure::GlobalPlugin => {
                let path = arguments.text().map_err(|fault| match fault {
                    Fault::Empty(_) => missing("(null)"),
                    other => other,
                })?;
                let number = self.add_plugin(place, Plugin::new(None, path));
                if structure == Structure::GlobalPlugin {
                    self.security_seen = true;
                    self.settings.global_plugins.push(number);
                } else if self.settings.per_listener_settings {
                    self.with_listener(place.listener, |listener| {
                        listener.security.plugins.push(number);
                        Ok(())
                    })?;
                } else {
                    self.settings.security.plugins.push(number);
                }
            }
            Structure::PluginLoad => {
                let name = arguments.token()?;
                if self.loaded(name).is_some() {
                    return Err(Fault::Other(format!("Error: Duplicate plugin name '{name}'.")));
                }
                let path = arguments.text().map_err(|_| missing(name))?;
                self.add_plugin(place, Plugin::new(Some(name), path));
            }
            Structure::PluginUse => {
                let name = arguments.token()?;
                let not_loaded = || Fault::Other(format!("Error: Plugin '{name}' not previously loaded."));
                let number = self.loaded(name).ok_or_else(not_loaded)?;
                place.plugin = Some(number);
                self.with_listener(place.listener, |listener| {
                    listener.plugins.push(number);
                    Ok(())
                })?;
            }
            Structure::PluginOption => {
                let number = place.plugin.ok_or_else(|| Fault::NeedsPlugin(place.word.clone()))?;
                let start = if place.word.starts_with("auth_opt_") { "auth_opt_" } else { "plugin_opt_" };
                let key = place.word[start.len()..].to_owned();
                if key.len() < 3 {
                    return Err(Fault::other("Error: Invalid 'plugin_opt_' config option."));
                }
                let empty = |_| Fault::Other(format!("Error: Empty '{key}' value in configuration."));
                let value = arguments.text().map_err(empty)?.to_owned();
                self.settings.plugins[number].options.push((key, value));
            }
            _ if place.plugin.is_none() => {
                return Err(Fault::other(
                    "Error: An auth_plugin_deny_special_chars option exists in the config file without a plugin.",
                ));
            }
            _ => {
                arguments.bool()?;
                arguments.remark(
                    LogType::Warning,
                    "Warning: The 'auth_plugin_deny_special_chars' option has no effect on the built-in plugins.",
                );
            }
        }
        Ok(())
    }

    fn add_plugin(&mut self, place: &mut Place<'_>, plugin: Plugin) -> usize {
        let number = self.settings.plugins.len();
        self.settings.plugins.push(plugin);
        place.plugin = Some(number);
        number
    }

    /// The number of a plugin that was loaded under this name.
    fn loaded(&self, name: &str) -> Option<usize> {
        self.settings.plugins.iter().position(|plugin| plugin.name.as_deref() == Some(name))
    }

    fn set_port(&mut self, place: &mut Place<'_>, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
        if self.port_seen {
            arguments.remark(
                LogType::Warning,
                "Warning: Default listener port specified multiple times. Only the latest will be used.",
            );
        }
        self.port_seen = true;
        self.settings.local_only = false;
        place.listener = Current::Default;
        self.default_listener().port = arguments.int_to(1, u16::MAX)?;
        Ok(())
    }

    fn include(&mut self, place: &Place<'_>, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
        if place.included {
            return Err(Fault::other(
                "Error: The include_dir option is only valid in the main configuration file.",
            ));
        }
        let folder = arguments.raw()?;
        let entries = self
            .files
            .list(folder)
            .map_err(|_| Fault::Other(format!("Error: Unable to open include_dir '{folder}'.")))?;
        let mut result = Ok(());
        for file in conf_files(folder, entries) {
            self.say(LogType::Information, format!("Loading config file '{file}'"));
            if self.read_file(&file, true).is_err() {
                result = Err(Fault::Included);
                if self.at_error == AtError::Stop {
                    break;
                }
            }
        }
        result
    }

    fn complain(&mut self, place: &Place<'_>, fault: &Fault) {
        if *fault != Fault::Included {
            self.say(LogType::Error, fault.to_string());
        }
        let (file, line) = (place.file, place.line);
        self.say(
            LogType::Error,
            if place.included {
                format!("Error found at '{file}:{line}'.")
            } else {
                format!("Error found at {file}:{line}.")
            },
        );
    }

    fn say(&mut self, log_type: LogType, text: String) {
        self.messages.say(&self.settings.log, log_type, text);
    }
}

/// Is all there that a bridge needs, and is it one of its own?
fn check_bridge(bridges: &[Bridge], index: usize) -> Result<(), Fault> {
    let bridge = &bridges[index];
    if bridge.addresses.is_empty() {
        return Err(Fault::other("Error: Invalid bridge configuration: no remote addresses defined."));
    }
    if bridge.topics.is_empty() {
        return Err(Fault::other("Error: Invalid bridge configuration: no topics defined."));
    }
    let tls = &bridge.tls;
    let missing = match (&tls.identity, &tls.psk, &tls.certfile, &tls.keyfile) {
        (None, Some(_), ..) => Some("bridge_identity"),
        (Some(_), None, ..) => Some("bridge_psk"),
        (.., None, Some(_)) => Some("bridge_certfile"),
        (.., Some(_), None) => Some("bridge_keyfile"),
        _ => None,
    };
    if let Some(missing) = missing {
        return Err(Fault::Other(format!("Error: Invalid bridge configuration: missing {missing}.")));
    }
    // Without TLS they would promise what doesn't happen.
    let idle = match (tls.is_on(), &tls.certfile, tls.require_ocsp) {
        (false, Some(_), _) => Some("bridge_certfile"),
        (false, _, true) => Some("bridge_require_ocsp"),
        _ => None,
    };
    if let Some(idle) = idle {
        return Err(Fault::Other(format!(
            "Error: Invalid bridge configuration: {idle} without bridge_cafile, bridge_capath or \
             bridge_tls_use_os_certs."
        )));
    }
    // Without a name of this machine: two bridges that leave both ids open differ by their names.
    let id = bridge.local_id("");
    if bridges[..index].iter().any(|other| other.local_id("") == id) {
        return Err(Fault::Other(format!(
            "Error: Bridge local_clientid '{id}' is not unique. Try changing or setting the local_clientid value \
             for one of the bridges."
        )));
    }
    Ok(())
}

/// The keyword of a line and what stands behind one separator; `None`: nothing to read.
fn split_keyword(line: &[u8]) -> Option<(&[u8], &[u8])> {
    if line.first() == Some(&b'#') {
        return None;
    }
    let end = line.iter().rposition(|byte| *byte != b'\r')? + 1;
    let start = line[..end].iter().position(|byte| !is_separator(*byte))?;
    let line = &line[start..end];
    let length = line.iter().position(|byte| is_separator(*byte)).unwrap_or(line.len());
    Some((&line[..length], line.get(length + 1..).unwrap_or(&[])))
}

/// `PORT [ADDRESS]` or `0 PATH`; a third word is ignored.
fn named_listener(arguments: &mut Arguments<'_>) -> Result<Listener, Fault> {
    let number = arguments.named("listener port").int()?;
    let port = u16::try_from(number).map_err(|_| Fault::Invalid("port", number.to_string()))?;
    let mut listener = Listener::new(port);
    let word = match arguments.token() {
        Ok(word) if word.starts_with('#') => None,
        Ok(word) => Some(word.to_owned()),
        Err(Fault::Empty(_)) => None,
        Err(fault) => return Err(fault),
    };
    match (port, word) {
        (0, None) => {
            return Err(Fault::other("Error: A listener with port 0 must provide a Unix socket path."));
        }
        (0, path) => listener.unix_path = path,
        (_, address) => listener.address = address,
    }
    Ok(listener)
}

#[cfg(test)]
mod tests;
