//! The log: lines in mosquitto's form, to stderr, stdout, a file, syslog.
//!
//! `<seconds since 1970>: text`, or the time in a form of the user's choice, or no time. A line is at most
//! [`LINE_MAX`] bytes and holds no control character but TAB, whatever a client sent.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use super::stamp::Stamp;
use super::syslog::Syslog;
use super::{json, log_file, words};
use crate::broker::Notice;
use crate::config::{LogSettings, LogType, LogTypes};

/// The longest line, in bytes, time included, newline not.
pub const LINE_MAX: usize = 999;

/// Lines that may wait to be published: more come only when the loop doesn't run.
const TOPIC_LINES_MAX: usize = 1000;

/// Where log lines go. Clones write to the same places.
#[derive(Clone)]
pub struct Logger {
    shared: Arc<Shared>,
}

struct Shared {
    /// The types that are logged: read for each line that might be written, so outside of the lock.
    types: AtomicU16,
    output: Mutex<Output>,
}

/// Everything behind the lock.
struct Output {
    /// The name that syslog shows.
    program: String,
    settings: LogSettings,
    stamp: Stamp,
    file: Option<File>,
    syslog: Option<Syslog>,
    /// Lines for `$SYS/broker/log/…`, until the loop takes them.
    lines: Vec<TopicLine>,
    line: String,
}

/// A line that is to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicLine {
    /// Where.
    pub topic: &'static str,
    /// The whole line, with the time.
    pub text: String,
}

impl Logger {
    /// What is used until the configuration is read: the usual types on stderr.
    pub fn early(program: &str) -> Self {
        let settings = LogSettings::default();
        let output = Output {
            program: program.to_owned(),
            stamp: Stamp::new(settings.timestamp, settings.timestamp_format.clone()),
            file: None,
            syslog: None,
            lines: Vec::new(),
            line: String::with_capacity(LINE_MAX + 1),
            settings,
        };
        let types = AtomicU16::new(LogTypes::DEFAULT.bits());
        Logger { shared: Arc::new(Shared { types, output: Mutex::new(output) }) }
    }

    /// Goes over to `settings`, opening what they name; at start and at a reload.
    ///
    /// A log file that can't be opened is no reason to stop: it is said on stderr, which from then on gets
    /// the errors and nothing else, as mosquitto does.
    pub fn configure(&self, settings: &LogSettings, now: u64) {
        let mut output = self.output();
        output.settings = settings.clone();
        output.stamp = Stamp::new(settings.timestamp, settings.timestamp_format.clone());
        output.syslog = settings.destinations.syslog.then(|| Syslog::new(&output.program, settings.facility));
        self.shared.types.store(settings.types.bits(), Ordering::Relaxed);
        drop(output);
        self.reopen(now);
    }

    /// Closes the log file and opens it anew, for whoever moved it away.
    pub fn reopen(&self, now: u64) {
        let mut output = self.output();
        output.file = None;
        let Some(path) = output.settings.destinations.file.clone() else { return };
        match log_file::open(&path) {
            Ok(file) => output.file = Some(file),
            Err(_) => {
                output.settings.destinations.file = None;
                output.settings.destinations.stderr = true;
                self.shared.types.store(LogTypes::from(LogType::Error).bits(), Ordering::Relaxed);
                output.write(
                    LogType::Error,
                    now,
                    format_args!("Error: Unable to open log file {path} for writing."),
                );
            }
        }
    }

    /// How the following lines start; for the time while the configuration is being read.
    pub fn set_timestamp(&self, timestamp: bool, format: Option<String>) {
        self.output().stamp = Stamp::new(timestamp, format);
    }

    /// Are lines of this type logged? Ask before building a costly line.
    pub fn enabled(&self, log_type: LogType) -> bool {
        LogTypes::from_bits(self.shared.types.load(Ordering::Relaxed)).contains(log_type)
    }

    /// Writes one line. `now`: seconds since 1970, the time of this turn of the loop.
    pub fn log(&self, log_type: LogType, now: u64, text: fmt::Arguments<'_>) {
        if self.enabled(log_type) {
            self.output().write(log_type, now, text);
        }
    }

    /// Writes what the broker notices.
    pub fn notice(&self, notice: &Notice, now: u64) {
        let log_type = words::log_type(notice);
        if !self.enabled(log_type) {
            return;
        }
        let mut output = self.output();
        if output.settings.json {
            return output.write_json(log_type, now, &notice.to_string(), json::fields(notice));
        }
        // mosquitto's two-line notices are two lines here as well.
        for line in notice.to_string().split('\n') {
            output.write(log_type, now, format_args!("{line}"));
        }
    }

    /// Whether there are any.
    pub fn has_topic_lines(&self) -> bool {
        !self.output().lines.is_empty()
    }

    /// The lines that are to be published (`log_dest topic`).
    pub fn take_topic_lines(&self) -> Vec<TopicLine> {
        std::mem::take(&mut self.output().lines)
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        // A panic elsewhere while a line was written leaves at worst half a line.
        self.shared.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Output {
    fn write(&mut self, log_type: LogType, now: u64, text: fmt::Arguments<'_>) {
        if self.settings.json {
            return self.write_json(log_type, now, &text.to_string(), Map::new());
        }
        self.line.clear();
        self.line.push_str(self.stamp.at(now));
        let mut clean = Clean(&mut self.line);
        // The only error is that of a line which is full.
        let _ = clean.write_fmt(text);
        self.write_line(log_type, now);
    }

    fn write_json(&mut self, log_type: LogType, now: u64, text: &str, fields: Map<String, Value>) {
        let time = self.stamp.at(now).trim_end_matches(": ");
        self.line = json::line(time, log_type, text, fields);
        self.write_line(log_type, now);
    }

    /// Sends the line wherever lines go.
    fn write_line(&mut self, log_type: LogType, now: u64) {
        let topic = topic(log_type).filter(|_| self.settings.destinations.topic);
        if let Some(topic) = topic
            && self.lines.len() < TOPIC_LINES_MAX
        {
            self.lines.push(TopicLine { topic, text: self.line.clone() });
        }
        if let Some(syslog) = &mut self.syslog {
            syslog.send(log_type, now, &self.line);
        }
        self.line.push('\n');
        let line = self.line.as_bytes();
        // There's nobody left to tell that the log can't be written.
        if self.settings.destinations.stdout {
            let mut stdout = io::stdout().lock();
            let _ = stdout.write_all(line).and_then(|()| stdout.flush());
        }
        if self.settings.destinations.stderr {
            let _ = io::stderr().lock().write_all(line);
        }
        if let Some(file) = &mut self.file {
            let _ = file.write_all(line);
        }
    }
}

/// Where lines of this type are published; debug lines never are, since publishing makes some.
fn topic(log_type: LogType) -> Option<&'static str> {
    Some(match log_type {
        LogType::Error => "$SYS/broker/log/E",
        LogType::Warning => "$SYS/broker/log/W",
        LogType::Notice => "$SYS/broker/log/N",
        LogType::Information => "$SYS/broker/log/I",
        LogType::Subscribe => "$SYS/broker/log/M/subscribe",
        LogType::Unsubscribe => "$SYS/broker/log/M/unsubscribe",
        LogType::Websockets => "$SYS/broker/log/WS",
        LogType::Debug | LogType::Internal => return None,
    })
}

/// Takes text in, up to the length of a line, with `?` for what could drive a terminal or forge a line.
struct Clean<'a>(&'a mut String);

impl fmt::Write for Clean<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let character = if character.is_control() && character != '\t' { '?' } else { character };
            if self.0.len() + character.len_utf8() > LINE_MAX {
                return Err(fmt::Error);
            }
            self.0.push(character);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogDestinations;

    fn to_file(path: &std::path::Path, change: impl FnOnce(&mut LogSettings)) -> Logger {
        let mut settings = LogSettings {
            destinations: LogDestinations {
                file: Some(path.to_str().unwrap().to_owned()),
                ..LogDestinations::default()
            },
            ..LogSettings::default()
        };
        change(&mut settings);
        let logger = Logger::early("mqtt-broker");
        logger.configure(&settings, 0);
        logger
    }

    #[test]
    fn a_line_has_the_time_and_the_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let logger = to_file(&path, |_| ());
        logger.log(LogType::Notice, 1_770_000_000, format_args!("New connection from {}.", "::1"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1770000000: New connection from ::1.\n");
    }

    #[test]
    fn types_that_are_off_write_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let logger = to_file(&path, |settings| settings.timestamp = false);
        assert!(!logger.enabled(LogType::Debug));
        logger.log(LogType::Debug, 1, format_args!("unseen"));
        logger.log(LogType::Error, 1, format_args!("seen"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "seen\n");
    }

    #[test]
    fn control_characters_and_length_are_tamed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let logger = to_file(&path, |settings| settings.timestamp = false);
        logger.log(LogType::Error, 1, format_args!("\t{}", "a\nb\x1b[31m\u{9b}c"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "\ta?b?[31m?c\n");
        logger.log(LogType::Error, 1, format_args!("{}{}", "ä".repeat(600), 5));
        let text = std::fs::read_to_string(&path).unwrap();
        let last = text.lines().last().unwrap();
        assert_eq!(last, "ä".repeat(499), "cut at a whole character");
    }

    #[test]
    fn a_moved_file_is_made_anew_at_reopen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let logger = to_file(&path, |settings| settings.timestamp = false);
        std::fs::rename(&path, folder.path().join("old")).unwrap();
        logger.reopen(1);
        logger.log(LogType::Error, 1, format_args!("new"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new\n");
        assert_eq!(std::fs::read_to_string(folder.path().join("old")).unwrap(), "");
    }

    #[test]
    fn a_file_that_cannot_be_opened_leaves_errors_only() {
        let folder = tempfile::tempdir().unwrap();
        let logger = to_file(&folder.path().join("no/such/folder"), |_| ());
        assert!(logger.enabled(LogType::Error));
        assert!(!logger.enabled(LogType::Warning) && !logger.enabled(LogType::Notice));
    }
}
