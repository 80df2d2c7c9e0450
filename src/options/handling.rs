//! What mqtt-sub does with messages besides printing them: choosing, awaiting, recording, running commands.

mod condition;
mod flags;
mod json_path;

use std::ffi::OsString;
use std::path::PathBuf;

use regex_lite::Regex;
use serde_json::Value;

pub use condition::{Comparison, Condition};
pub(super) use flags::{flags, serving_flags};
pub use json_path::JsonPath;

/// Everything of this page; the default is nothing of it.
#[derive(Clone, Debug, Default)]
pub struct Handling {
    /// Who is told once the subscriptions stand.
    pub ready: Ready,
    /// Which messages count at all.
    pub selection: Selection,
    /// End once all of these were seen.
    pub expectations: Vec<Expectation>,
    /// Run this for each message instead of printing it (`--exec`).
    pub exec: Option<OsString>,
    /// How many of these commands may run at a time (`--exec-jobs`).
    pub exec_jobs: Option<u32>,
    /// End once the retained messages have come (`--end-of-retained`).
    pub end_of_retained: bool,
    /// Clear no retained message, only print what would be (`--dry-run`).
    pub dry_run: bool,
    /// Write a line of JSON for each message (`--record`).
    pub record: Option<PathBuf>,
}

impl Handling {
    /// Whether a message needs nothing but printing and counting.
    #[must_use]
    pub fn concerns_messages(&self) -> bool {
        !self.selection.is_all()
            || !self.expectations.is_empty()
            || self.exec.is_some()
            || self.record.is_some()
    }
}

/// Who is told once the broker has answered the subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Gets a line and is closed (`--ready-fd`).
    pub fd: Option<u32>,
    /// Is made (`--ready-file`).
    pub file: Option<PathBuf>,
    /// Is run (`--exec-after-sub`).
    pub command: Option<OsString>,
}

/// Which messages are taken: all that fulfil every condition.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The payload matches (`--match`).
    pub patterns: Vec<Regex>,
    /// Something in a JSON payload is so (`--where`).
    pub conditions: Vec<Condition>,
    /// The payload isn't the one before on its topic (`--changed`).
    pub changed: bool,
}

impl Selection {
    /// Whether it lets everything through.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.patterns.is_empty() && self.conditions.is_empty() && !self.changed
    }
}

/// A message that is waited for.
#[derive(Clone, Debug)]
pub enum Expectation {
    /// The payload is this text (`--expect`).
    Text(OsString),
    /// The payload matches (`--expect-re`).
    Pattern(Regex),
    /// Something in a JSON payload has this value (`--expect-json`).
    Json {
        /// Where in the document.
        path: JsonPath,
        /// What stands there: this JSON, or a string of this text.
        value: Value,
        /// The value as it was written.
        text: String,
    },
}
