//! What reading a configuration has to say: lines for the log.

use super::{LogSettings, LogType};

/// A line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// How grave it is.
    pub log_type: LogType,
    /// The line, without the time.
    pub text: String,
    /// `log_timestamp` as it stood when the line was made.
    pub timestamp: bool,
    /// `log_timestamp_format`, likewise.
    pub timestamp_format: Option<String>,
}

/// The lines so far, and how those to come start.
#[derive(Debug, Default)]
pub(super) struct Messages {
    lines: Vec<Message>,
}

impl Messages {
    /// Adds a line; `log` says how it starts.
    pub(super) fn say(&mut self, log: &LogSettings, log_type: LogType, text: String) {
        let (timestamp, timestamp_format) = (log.timestamp, log.timestamp_format.clone());
        self.lines.push(Message { log_type, text, timestamp, timestamp_format });
    }

    /// Hands out the lines so far.
    pub(super) fn take(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.lines)
    }
}
