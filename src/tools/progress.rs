//! How far `mqtt-pub -l` has come with a file, for someone who looks on. Nobody looking, nothing is drawn.

use std::fs::File;
use std::io::{IsTerminal, stderr};
use std::os::fd::{AsFd, BorrowedFd};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::fs::{FileType, fstat};

/// How often a second the bar is drawn at most.
const DRAWS_A_SECOND: u8 = 5;

/// A bar on standard error, or nothing.
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar, if standard error is a terminal, standard input a file of known size, and `quiet` not asked for.
    pub fn of_stdin(quiet: bool) -> Self {
        let size = if quiet || !stderr().is_terminal() { None } else { size_of(rustix::stdio::stdin()) };
        Progress { bar: size.map(bar) }
    }

    /// The same for a file that is read.
    pub fn of_file(file: &File, quiet: bool) -> Self {
        let size = if quiet || !stderr().is_terminal() { None } else { size_of(file.as_fd()) };
        Progress { bar: size.map(bar) }
    }

    /// So many bytes of the file are published.
    pub fn at(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        }
    }

    /// Takes the bar away, so that what is said next has a line of its own.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn bar(size: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr_with_hz(DRAWS_A_SECOND));
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Bytes of it if it is a regular file.
fn size_of(file: BorrowedFd<'_>) -> Option<u64> {
    let stat = fstat(file).ok()?;
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if is_file { u64::try_from(stat.st_size).ok().filter(|size| *size > 0) } else { None }
}
