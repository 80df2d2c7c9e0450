//! Folders that the configuration names and that aren't there yet: of the store and of the log file.
//!
//! mosquitto starts without them, and loses what it should keep and log. Only the last part of a path is made: when more
//! is missing, the path is more likely a mistake than a wish.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::account::Owner;
use super::background::reason;
use super::say;
use crate::config::LogType::{Information, Warning};
use crate::config::Settings;
use crate::observe::Logger;

/// Makes what is missing, while this may still be root, and for whom the broker will be. What can't be made is said
/// when it is needed.
pub(super) fn make(settings: &Settings, owner: Option<Owner>, logger: &Logger) {
    let store = settings.persistence.then_some(settings.persistence_location.as_deref()).flatten();
    let log = settings.log.destinations.file.as_deref().and_then(|file| Path::new(file).parent());
    for folder in [store.map(Path::new), log].into_iter().flatten() {
        if folder.as_os_str().is_empty() || folder.exists() {
            continue;
        }
        let name = folder.display();
        match make_one(folder, owner) {
            Ok(()) => say(logger, Information, format_args!("Folder {name} was not there, and was made.")),
            Err(error) => {
                let why = reason(&error);
                say(
                    logger,
                    Warning,
                    format_args!("Warning: Folder {name} is missing and can't be made: {why}."),
                );
            }
        }
    }
}

fn make_one(folder: &Path, owner: Option<Owner>) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)?;
    let Some(Owner { user, group }) = owner else { return Ok(()) };
    // By its handle: whatever may have taken its place meanwhile isn't given away.
    let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
    let made = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(folder)?;
    std::os::unix::fs::fchown(made, user, group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn one_level_is_made_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let location = Some(at("data").to_string_lossy().into_owned());
        let mut settings = Settings { persistence_location: location, ..Settings::default() };
        settings.log.destinations.file = Some(at("a/b/log").to_string_lossy().into_owned());
        make(&settings, None, &Logger::early("test"));
        assert!(!at("data").exists(), "nothing is kept");
        settings.persistence = true;
        make(&settings, None, &Logger::early("test"));
        assert_eq!(at("data").metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert!(!at("a").exists(), "two levels are missing");
    }
}
