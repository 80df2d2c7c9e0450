//! `-d`: the broker goes on without the terminal and without who started it.

use std::fs::OpenOptions;
use std::io;

use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

/// Which of the two this is, after [`go`].
pub(super) enum Side {
    /// The process that was started: it ends now.
    Parent,
    /// The one that goes on.
    Child,
}

/// Splits off a process that goes on in a session of its own, with its standard streams at /dev/null.
///
/// # Errors
/// The line to log.
pub(super) fn go() -> Result<Side, String> {
    match fork() {
        Err(error) => return Err(format!("Error in fork: {}", reason(&error))),
        Ok(Side::Parent) => return Ok(Side::Parent),
        Ok(Side::Child) => {}
    }
    rustix::process::setsid().map_err(|error| format!("Error in setsid: {}", reason(&error.into())))?;
    let null = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")
        .map_err(|error| format!("Error whilst daemonising (stdin): {}", reason(&error)))?;
    for (name, result) in
        [("stdin", dup2_stdin(&null)), ("stdout", dup2_stdout(&null)), ("stderr", dup2_stderr(&null))]
    {
        result.map_err(|error| format!("Error whilst daemonising ({name}): {}", reason(&error.into())))?;
    }
    Ok(Side::Child)
}

/// `fork` of libc: neither std nor rustix has it.
#[allow(unsafe_code)]
fn fork() -> io::Result<Side> {
    // SAFETY: this program has one thread until the server is bound, so the child finds no lock held by a thread
    // that isn't there any more.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Child),
        _ => Ok(Side::Parent),
    }
}

/// The system's words, without Rust's number.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.clone(), |(words, _)| words.to_owned())
}
