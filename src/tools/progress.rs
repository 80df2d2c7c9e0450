//! How far a long run has come, for someone who looks on. Nobody looking, or nothing to wait for, nothing is drawn.

use std::fs::File;
use std::io::{IsTerminal, stderr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::fs::{FileType, fstat};

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
    /// A bar, if standard error is a terminal, standard input a file of known size, and `quiet` not asked for.
    pub fn of_stdin(quiet: bool) -> Self {
        Self::of_size(|| size_of(rustix::stdio::stdin()), quiet)
    }

    /// The same for a file that is read.
    pub fn of_file(file: &File, quiet: bool) -> Self {
        Self::of_size(|| size_of(file.as_fd()), quiet)
    }

    /// The same for so many bytes that are sent.
    pub fn of_bytes(bytes: u64, quiet: bool) -> Self {
        Self::of_size(|| Some(bytes), quiet)
    }

    fn of_size(size: impl FnOnce() -> Option<u64>, quiet: bool) -> Self {
        let size = if is_looked_at(quiet) { size() } else { None };
        size.map_or(Self::none(), |size| Self::new(Some(size), BYTES))
    }

    /// The same for so many messages.
    pub fn of_messages(count: u32, quiet: bool) -> Self {
        if is_looked_at(quiet) { Self::new(Some(count.into()), MESSAGES) } else { Self::none() }
    }

    /// The same for retained messages, of which nobody knows how many come.
    pub fn of_cleared(quiet: bool) -> Self {
        if is_looked_at(quiet) { Self::new(None, CLEARED) } else { Self::none() }
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
        }
        bar.set_position(done);
    }

    /// Does something that writes lines of its own; the bar steps aside for them.
    pub fn aside(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away, so that what is said next has a line of its own.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn is_looked_at(quiet: bool) -> bool {
    !quiet && stderr().is_terminal()
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Bytes of it if it is a regular file.
fn size_of(file: BorrowedFd<'_>) -> Option<u64> {
    let stat = fstat(file).ok()?;
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if is_file { u64::try_from(stat.st_size).ok().filter(|size| *size > 0) } else { None }
}
