//! `--test-config`: everything that a start would need, looked at without changing anything.

use std::path::Path;
use std::sync::Arc;

use super::error::{Error, reason};
use super::listen;
use super::prepare::Prepared;
use crate::config::{LogType, Settings};
use crate::observe;

/// What there is to say about settings: every fault as an error, and warnings.
#[derive(Debug, Default)]
pub struct Findings {
    /// Lines for the log.
    pub lines: Vec<(LogType, String)>,
    /// The exit code of the first error.
    pub exit_code: Option<u8>,
}

impl Findings {
    fn error(&mut self, error: &Error) {
        self.lines.push((LogType::Error, error.to_string()));
        self.exit_code.get_or_insert(error.exit_code());
    }

    fn warning(&mut self, text: String) {
        self.lines.push((LogType::Warning, text));
    }
}

/// Reads the files that the settings name and tries their folders, log file and listeners (these only if the
/// configuration is `whole`: what is missing from it may have named others).
pub fn check(settings: &Arc<Settings>, whole: bool) -> Findings {
    let mut findings = Findings::default();
    match Prepared::read(settings.clone()) {
        Ok(prepared) => prepared.warnings.into_iter().for_each(|warning| findings.warning(warning)),
        Err(errors) => errors.iter().for_each(|error| findings.error(error)),
    }
    if let Some(path) = &settings.log.destinations.file
        && let Err(error) = observe::check_log_file(path)
        && !(error.kind() == std::io::ErrorKind::NotFound && log_folder_can_be_made(path))
    {
        // As at a start, where it is no reason to stop.
        findings.warning(format!("Warning: Unable to open log file {path} for writing. {}.", reason(&error)));
    }
    if settings.persistence {
        let folder = settings.persistence_location.as_deref().unwrap_or(".");
        check_folder("persistence_location", to_be_made_in(Path::new(folder)), &mut findings);
    }
    if let Some(path) = &settings.pid_file {
        let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
        check_folder("pid_file", folder.unwrap_or(Path::new(".")), &mut findings);
    }
    for listener in settings.listeners.iter().filter(|_| whole) {
        match listen::try_open(listener) {
            Ok(()) => {}
            Err(listen::Trial::InUse(text)) => {
                findings.warning(format!("Warning: {text} A running broker, perhaps?"));
            }
            // In local-only mode one of 127.0.0.1 and ::1 is enough.
            Err(listen::Trial::Impossible(error)) if settings.local_only => {
                findings.warning(format!("Warning: {error}"));
            }
            Err(listen::Trial::Impossible(error)) => findings.error(&error),
        }
    }
    findings
}

/// The folder itself, or, where it is missing, the one that a start makes it in: the last part of a path is made.
fn to_be_made_in(folder: &Path) -> &Path {
    match folder.parent().filter(|_| !folder.exists()) {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => folder,
    }
}

fn log_folder_can_be_made(path: &str) -> bool {
    use rustix::fs::{Access, access};
    let folder = Path::new(path).parent();
    folder.is_some_and(|folder| access(to_be_made_in(folder), Access::WRITE_OK | Access::EXEC_OK).is_ok())
}

fn check_folder(keyword: &str, folder: &Path, findings: &mut Findings) {
    use rustix::fs::{Access, access};
    let result = match std::fs::metadata(folder) {
        Ok(found) if !found.is_dir() => Err("it is not a directory".to_owned()),
        Ok(_) => access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| reason(&error.into())),
        Err(error) => Err(reason(&error)),
    };
    if let Err(why) = result {
        let text = format!("Error: {keyword}: unable to write to '{}': {why}.", folder.display());
        findings.error(&Error::start(text));
    }
}
