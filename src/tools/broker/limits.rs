//! For CI: a port told in a file, and an end that comes by itself.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::background::reason;
use super::ready::LocalAddress;
use super::run::Failure;
use super::say;
use crate::config::LogType::Notice;
use crate::observe::Logger;
use crate::server::Server;

/// Takes a file of an earlier run away: nobody must read its port.
pub(super) fn forget_port(path: &Path) -> Result<(), Failure> {
    if is_no_file(path) {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot(path, &error)),
        _ => Ok(()),
    }
}

/// Writes the port in one step: whoever sees the file sees all of it.
pub(super) fn write_port(path: &Path, address: LocalAddress) -> Result<(), Failure> {
    if is_no_file(path) {
        let to = fs::OpenOptions::new().write(true).open(path);
        return to
            .and_then(|mut to| writeln!(to, "{}", address.port()))
            .map_err(|error| cannot(path, &error));
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, format!("{}\n", address.port()))
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|error| cannot(path, &error))
}

/// A fifo or a device, which is written to and neither removed nor replaced.
fn is_no_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    let text = format!("Error: Unable to write port file \"{}\": {}.", path.display(), reason(error));
    Failure { text, code: 1 }
}

/// Stops a server after a time. The value becomes true then.
pub(super) fn stop_after(server: &Server, time: Option<Duration>, logger: &Logger) -> Arc<AtomicBool> {
    let over = Arc::new(AtomicBool::new(false));
    if let Some(time) = time {
        let (handle, logger, over) = (server.handle(), logger.clone(), over.clone());
        // Ends with the program.
        thread::spawn(move || {
            thread::sleep(time);
            over.store(true, Ordering::SeqCst);
            say(&logger, Notice, format_args!("The time of --max-time is over."));
            handle.stop();
        });
    }
    over
}
