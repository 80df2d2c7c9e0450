//! Why a broker doesn't start, or ends.

use std::fmt;

/// One line in mosquitto's words, and the exit code that goes with it.
#[derive(Debug)]
pub struct Error {
    message: String,
    exit_code: u8,
}

impl Error {
    /// A listener or the system can't do what is asked: exit code 1.
    pub fn start(message: impl Into<String>) -> Self {
        Error { message: message.into(), exit_code: 1 }
    }

    /// A security file can't be used: exit code 13.
    pub fn file(message: impl Into<String>) -> Self {
        Error { message: message.into(), exit_code: 13 }
    }

    /// A file says what it can't mean: exit code 3.
    pub fn invalid(message: impl Into<String>) -> Self {
        Error { message: message.into(), exit_code: 3 }
    }

    /// The one that is said when a broker doesn't start for several reasons.
    pub(super) fn first(errors: Vec<Error>) -> Self {
        errors.into_iter().next().unwrap_or_else(|| Error::start("Error: The configuration can't be used."))
    }

    /// The exit code of the program.
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// The system's words for an error, without Rust's "(os error N)".
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}

/// Why a file can't be read; who isn't allowed to is told whom to allow: root may have given up being root.
pub fn unreadable(error: &std::io::Error) -> String {
    let mut text = reason(error);
    if error.kind() == std::io::ErrorKind::PermissionDenied {
        text.push_str(&who_may_not());
    }
    text
}

/// Behind "Permission denied": whom to allow.
pub(super) fn who_may_not() -> String {
    format!(": the broker runs as {}, who may not read it", user_name())
}

/// Who this process is, by the name that people know.
fn user_name() -> String {
    let number = rustix::process::geteuid().as_raw().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = |line: &&str| line.split(':').nth(2) == Some(&number);
    match accounts.lines().find(named).and_then(|line| line.split(':').next()) {
        Some(name) => format!("user '{name}'"),
        None => format!("the user with the number {number}"),
    }
}
