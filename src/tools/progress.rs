//! How far a long run has come, for someone who looks on. Nobody looking, or nothing to wait for, nothing is drawn.

use std::fs::File;
use std::io::{IsTerminal, Write, stderr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::fs::{FileType, fstat};

use crate::options::ConnectionSettings;

mod pow;

/// The bar that is on standard error now, for whoever else writes there.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// How often a second the bar is drawn at most.
const DRAWS_A_SECOND: u8 = 5;

/// What takes no longer needs no bar.
const SOON: Duration = Duration::from_millis(500);

const BYTES: &str = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
const MESSAGES: &str = "{bar:30} {pos}/{len} messages {per_sec} {eta}";
const CLEARED: &str = "{pos} retained messages cleared";

/// A bar on standard error, or nothing.
pub struct Progress {
    bar: Option<ProgressBar>,
    /// When it is to be shown, while it isn't yet.
    due: Option<Instant>,
}

impl Progress {
    /// A bar, if someone looks on and standard input is a file of known size.
    pub fn of_stdin(connection: &ConnectionSettings) -> Self {
        Self::of_size(|| size_of(rustix::stdio::stdin()), connection)
    }

    /// The same for a file that is read.
    pub fn of_file(file: &File, connection: &ConnectionSettings) -> Self {
        Self::of_size(|| size_of(file.as_fd()), connection)
    }

    /// The same for so many bytes that are sent.
    pub fn of_bytes(bytes: u64, connection: &ConnectionSettings) -> Self {
        Self::of_size(|| Some(bytes), connection)
    }

    fn of_size(size: impl FnOnce() -> Option<u64>, connection: &ConnectionSettings) -> Self {
        let size = if is_looked_at(connection) { size() } else { None };
        size.map_or(Self::none(), |size| Self::new(Some(size), BYTES))
    }

    /// The same for so many messages.
    pub fn of_messages(count: u32, connection: &ConnectionSettings) -> Self {
        if is_looked_at(connection) { Self::new(Some(count.into()), MESSAGES) } else { Self::none() }
    }

    /// The same for retained messages, of which nobody knows how many come.
    pub fn of_cleared(connection: &ConnectionSettings) -> Self {
        if is_looked_at(connection) { Self::new(None, CLEARED) } else { Self::none() }
    }

    /// Never a bar.
    pub fn none() -> Self {
        Progress { bar: None, due: None }
    }

    fn new(length: Option<u64>, template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template(template);
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Progress { bar: Some(bar), due: Some(Instant::now() + SOON) }
    }

    /// Whether there may be something to look at.
    pub fn is_wanted(&self) -> bool {
        self.bar.is_some()
    }

    /// When it should be told how much is done even if nothing happens: to be shown.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// So much is done.
    pub fn at(&mut self, done: u64) {
        let Some(bar) = &self.bar else { return };
        if self.due.is_some_and(|due| due <= Instant::now()) {
            self.due = None;
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(DRAWS_A_SECOND));
            *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
        }
        bar.set_position(done);
    }
}

/// Writes to standard error. A bar that is there steps aside, and what it stands below has whole lines.
pub fn say(text: &str) {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    // A standard error that can't be written to is nothing to die for.
    match &*shown {
        Some(bar) => bar.suspend(|| {
            let end = if text.ends_with('\n') { "" } else { "\n" };
            let _ = write!(stderr().lock(), "{text}{end}");
        }),
        None => {
            let _ = stderr().lock().write_all(text.as_bytes());
        }
    }
}

/// Packets that are told of are progress enough.
fn is_looked_at(connection: &ConnectionSettings) -> bool {
    let told = connection.quiet || connection.debug || connection.trace;
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    !told && !dumb && stderr().is_terminal()
}

/// The bar is taken away with it.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = None;
            bar.finish_and_clear();
        }
    }
}

/// Bytes of it if it is a regular file.
fn size_of(file: BorrowedFd<'_>) -> Option<u64> {
    let stat = fstat(file).ok()?;
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if is_file { u64::try_from(stat.st_size).ok().filter(|size| *size > 0) } else { None }
}
