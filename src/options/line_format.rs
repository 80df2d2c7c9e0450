//! What a line of `-l` holds besides a payload (`--line-format`), and recordings (`--replay`).

use std::path::PathBuf;

use clap::ValueHint;

use super::arg::Arg;
use super::complaint::{Complaint, Halt};
use super::flag::{Flag, Given};
use super::job::MessageSource;
use super::raw::Raw;
use super::values::invalid;

/// What a line is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LineFormat {
    /// The payload.
    #[default]
    Payload,
    /// The topic, this, and the payload.
    TopicAndPayload(String),
    /// A JSON object as `mqtt-sub -F %j` prints it.
    Json,
}

/// How a recording is published again.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// How many times as fast as it was recorded; `None`: without pauses.
    pub speed: Option<f64>,
    /// Beginnings of topics, and what they become; the first that fits is taken.
    pub map: Vec<(String, String)>,
}

impl Default for Replay {
    fn default() -> Self {
        Replay { speed: Some(1.0), map: Vec::new() }
    }
}

pub(super) fn flags() -> Vec<Flag> {
    let arg = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).value_hint(ValueHint::Other).help(help)
    };
    vec![
        Flag::value(
            arg("line-format", "FORMAT", "What lines of -l are: 'topic<TAB>payload' or the like, or json."),
            "no format specified",
            store_line_format,
        ),
        Flag::switch(
            Arg::new("ping")
                .long("ping")
                .help("Publish nothing; print how long the broker takes to answer PINGREQ."),
            |raw, _| raw.set_message(MessageSource::Ping),
        ),
        Flag::value(
            arg("replay", "FILE", "Publish what mqtt-sub --record has written, at its times.")
                .value_hint(ValueHint::FilePath),
            "no file specified",
            |raw, given| raw.set_message(MessageSource::Recording(PathBuf::from(given.value))),
        ),
        Flag::value(
            arg("speed", "FACTOR", "Replay so many times as fast; max: without pauses. Default: 1."),
            "no factor specified",
            |raw, given| {
                raw.replay.speed = match given.value.to_str() {
                    Some("max") => None,
                    text => {
                        let factor = text.and_then(|text| text.parse::<f64>().ok());
                        let valid = factor.filter(|factor| *factor > 0.0 && factor.is_finite());
                        Some(valid.ok_or_else(|| invalid("--speed", given, "a number above 0, or max"))?)
                    }
                };
                Ok(())
            },
        ),
        Flag::value(
            arg("map", "FROM=TO", "Replay topics that begin with FROM under TO. May be repeated.").repeated(),
            "no topics specified",
            |raw, given| {
                let pair = given.value.to_str().and_then(|text| text.split_once('='));
                let (from, to) = pair.ok_or_else(|| invalid("--map", given, "like a/=b/"))?;
                raw.replay.map.push((from.to_owned(), to.to_owned()));
                Ok(())
            },
        ),
    ]
}

/// `json`, `payload`, or `topic` and `payload` with something between; a tab may be written as `<TAB>` or `\t`.
fn store_line_format(raw: &mut Raw, given: &Given<'_>) -> Result<(), Halt> {
    let want = "payload, 'topic<TAB>payload' (or with another separator), or json";
    let text = given.value.to_str().ok_or_else(|| invalid("--line-format", given, want))?;
    raw.line_format = match text {
        "json" => LineFormat::Json,
        "payload" => LineFormat::Payload,
        text => {
            let separator = text.strip_prefix("topic").and_then(|rest| rest.strip_suffix("payload"));
            let separator = separator.map(|separator| separator.replace("<TAB>", "\t").replace("\\t", "\t"));
            let separator = separator.filter(|separator| !separator.is_empty());
            LineFormat::TopicAndPayload(separator.ok_or_else(|| invalid("--line-format", given, want))?)
        }
    };
    Ok(())
}

/// The rules between these flags and the others.
pub(super) fn check(raw: &Raw) -> Result<(), Halt> {
    let replays = matches!(raw.message, Some(MessageSource::Recording(_)));
    let has_lines = raw.message == Some(MessageSource::StdinLines);
    let wrong = if raw.line_format != LineFormat::Payload && !has_lines {
        "Error: --line-format says what the lines of -l are; -l is missing."
    } else if raw.replay != Replay::default() && !replays {
        "Error: --speed and --map are for --replay, which is missing."
    } else if matches!(raw.line_format, LineFormat::TopicAndPayload(_)) && !raw.topics.is_empty() {
        "Error: With --line-format topic…payload each line has its topic; leave -t out."
    } else if replays && !raw.topics.is_empty() {
        "Error: With --replay each message has its topic; leave -t out, or use --map."
    } else {
        return Ok(());
    };
    Err(Complaint::Together(wrong).into())
}
