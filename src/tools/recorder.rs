//! `--record`: a line of JSON for each message, with the time since the first connection, for `mqtt-pub --replay`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use jiff::tz::TimeZone;

use super::clock::Clock;
use super::json;
use crate::protocol::Publish;

/// A recording that grows.
pub struct Recorder {
    file: BufWriter<File>,
    started: Instant,
    clock: Clock,
    line: Vec<u8>,
}

impl Recorder {
    /// Begins a recording; what was in the file is gone.
    ///
    /// # Errors
    /// The system's.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        Ok(Recorder {
            file: BufWriter::new(file),
            started: Instant::now(),
            clock: Clock::new(TimeZone::system()),
            line: Vec::new(),
        })
    }

    /// Adds a message.
    ///
    /// # Errors
    /// The system's.
    pub fn add(&mut self, message: &Publish<'_>) -> io::Result<()> {
        let time = self.started.elapsed();
        self.clock.set_now();
        self.line.clear();
        write!(self.line, "{{\"time\":{}.{:06},", time.as_secs(), time.subsec_micros())?;
        let before = self.line.len();
        // Only embedding a payload can fail.
        let _ = json::message(&mut self.line, message, &self.clock, json::Payload::Safe, false);
        self.line.remove(before);
        self.line.push(b'\n');
        self.file.write_all(&self.line)
    }

    /// Writes what is still in memory.
    ///
    /// # Errors
    /// The system's.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
