//! What the command line says to a configuration: at the start, and again at every reload.

use super::disk::Disk;
use super::say;
use crate::config::{AtError, ConfigReader, LogType, LogTypes, Settings};
use crate::observe::Logger;

/// The part of the command line that a reload needs again.
#[derive(Clone, Debug, Default)]
pub(super) struct Overrides {
    /// `-c`
    pub(super) files: Vec<String>,
    /// `-p`
    pub(super) ports: Vec<u16>,
    /// `-q`
    pub(super) quiet: bool,
    /// `-v`
    pub(super) verbose: bool,
    /// `--tls-keylog`
    pub(super) tls_keylog: Option<String>,
    /// A broker for one command (`--exec`).
    pub(super) for_command: bool,
}

/// Wins over `persistence_location`.
const PERSISTENCE_LOCATION: &str = "MOSQUITTO_PERSISTENCE_LOCATION";

impl Overrides {
    /// `MOSQUITTO_PERSISTENCE_LOCATION`, `-q` and `-v` win over the configuration, `-q` over `-v`. A broker for one command that nobody configured
    /// speaks up only when something is wrong.
    pub(super) fn apply(&self, settings: &mut Settings) {
        if let Some(location) = std::env::var(PERSISTENCE_LOCATION).ok().filter(|l| !l.is_empty()) {
            settings.persistence_location = Some(location);
        }
        settings.tls_keylog.clone_from(&self.tls_keylog);
        let types = &mut settings.log.types;
        if self.quiet {
            *types = LogTypes::NONE;
        } else if self.verbose {
            *types = LogTypes::ALL;
        } else if self.for_command && self.files.is_empty() {
            *types = LogType::Error.into();
        }
    }

    /// Reads the configuration files again. `None`: there is something wrong with them; all of it was said.
    pub(super) fn reread(&self, logger: &Logger) -> Option<Settings> {
        let mut disk = Disk;
        let mut reader = ConfigReader::new(&mut disk, AtError::Collect);
        let mut good = true;
        for file in &self.files {
            good &= reader.read(file).is_ok();
            for message in reader.take_messages() {
                say(logger, message.log_type, format_args!("{}", message.text));
            }
        }
        let mut settings = reader.finish(&self.ports);
        self.apply(&mut settings);
        good.then_some(settings)
    }
}
