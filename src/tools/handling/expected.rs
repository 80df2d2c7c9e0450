//! `--expect` and its kind: what must come, and what came instead.

use std::collections::VecDeque;
use std::os::unix::ffi::OsStrExt;

use serde_json::Value;

use super::selection::text;
use crate::options::Expectation;
use crate::protocol::Publish;
use crate::tools::report::Report;

/// So many of the last messages are told of.
const TOLD: usize = 5;
/// Longest payload in the report, in characters.
const SHOWN: usize = 120;

/// What is waited for.
pub struct Expected {
    /// Expectations, and whether each was seen.
    wanted: Vec<(Expectation, bool)>,
    /// The last messages, as they are told of.
    last: VecDeque<String>,
    count: u64,
}

impl Expected {
    /// `None`: nothing is expected.
    pub fn new(expectations: &[Expectation]) -> Option<Self> {
        let wanted: Vec<_> = expectations.iter().map(|wanted| (wanted.clone(), false)).collect();
        (!wanted.is_empty()).then_some(Expected { wanted, last: VecDeque::new(), count: 0 })
    }

    /// Looks at a message. `true`: everything was seen by now.
    pub fn saw(&mut self, message: &Publish<'_>) -> bool {
        let mut document = None;
        for (wanted, seen) in self.wanted.iter_mut().filter(|(_, seen)| !seen) {
            *seen = match wanted {
                Expectation::Text(text) => text.as_bytes() == message.payload,
                Expectation::Pattern(pattern) => pattern.is_match(&text(message.payload)),
                Expectation::Json { path, value, text } => {
                    let document = document.get_or_insert_with(|| {
                        serde_json::from_slice::<Value>(message.payload).unwrap_or_default()
                    });
                    path.find(document).is_some_and(|found| is_same(found, value, text))
                }
            };
        }
        self.count += 1;
        if self.last.len() == TOLD {
            self.last.pop_front();
        }
        let payload: String = text(message.payload).escape_debug().take(SHOWN).collect();
        self.last.push_back(format!("{} {payload}", message.topic));
        self.wanted.iter().all(|(_, seen)| *seen)
    }

    /// Whether something is missing, which is said.
    pub fn misses_something(&self, report: Report) -> bool {
        let missing: Vec<_> = self.wanted.iter().filter(|(_, seen)| !seen).collect();
        for (wanted, _) in &missing {
            match wanted {
                Expectation::Text(text) => {
                    report.line(format_args!("Error: No message was '{}'.", text.to_string_lossy()));
                }
                Expectation::Pattern(pattern) => {
                    report.line(format_args!("Error: No message matched '{pattern}'."));
                }
                Expectation::Json { path, text, .. } => {
                    report.line(format_args!("Error: No message had {path}={text}."));
                }
            }
        }
        if missing.is_empty() {
            return false;
        }
        match self.count {
            0 => report.line(format_args!("Nothing came.")),
            1 => report.line(format_args!("What came:")),
            count if count as usize <= TOLD => report.line(format_args!("What came, {count} messages:")),
            count => report.line(format_args!("What came, the last {TOLD} of {count} messages:")),
        }
        for line in &self.last {
            report.line(format_args!("  {line}"));
        }
        true
    }
}

/// Equal as JSON (numbers by size), or a string of these letters.
fn is_same(found: &Value, value: &Value, text: &str) -> bool {
    match (found, value) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::String(found), _) if found == text => true,
        _ => found == value,
    }
}
