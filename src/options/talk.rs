//! What mqtt-rr can do besides one request and one answer: flags, and what they come to.

use std::ffi::OsString;
use std::time::Duration;

use clap::ValueHint;

use super::arg::Arg;
use super::complaint::{Complaint, Halt};
use super::flag::{Flag, under};
use super::job::MessageSource;
use super::raw::Raw;
use super::values::{count, milliseconds};

/// More than one request and one answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Talk {
    /// Answers are told by their Correlation Data (`--correlate`, MQTT 5).
    pub correlate: bool,
    /// So many answers to each request (`--responses`).
    pub responses: Option<u32>,
    /// Answer requests with what this command prints (`--serve`).
    pub serve: Option<OsString>,
    /// Send so many messages to ourselves, one after the other, and tell how long they took (`--echo`).
    pub echo: Option<u32>,
    /// Fail if the 99th percentile is above this (`--max-p99`).
    pub max_p99: Option<Duration>,
}

pub(super) fn flags() -> Vec<Flag> {
    let arg = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).value_hint(ValueHint::Other).help(help)
    };
    let flags = vec![
        Flag::switch(
            Arg::new("correlate")
                .long("correlate")
                .help("Take only the answer with the request's Correlation Data."),
            |raw, _| {
                raw.talk.correlate = true;
                Ok(())
            },
        ),
        Flag::value(
            arg("responses", "COUNT", "Wait for so many answers to each request. Default: 1."),
            "no count specified",
            |raw, given| {
                raw.talk.responses = Some(count("--responses", given, 1)?);
                Ok(())
            },
        ),
        Flag::value(
            arg("serve", "COMMAND", "Answer requests to -t with what this prints, run by the shell.")
                .value_hint(ValueHint::CommandString),
            "no command specified",
            |raw, given| {
                raw.talk.serve = Some(given.value.to_owned());
                Ok(())
            },
        ),
        Flag::value(
            arg("echo", "COUNT", "Send so many messages to itself and print how long they took."),
            "no count specified",
            |raw, given| {
                raw.talk.echo = Some(count("--echo", given, 1)?);
                Ok(())
            },
        ),
        Flag::value(
            arg("max-p99", "MILLISECONDS", "With --echo: fail if one in a hundred took longer."),
            "no time specified",
            |raw, given| {
                raw.talk.max_p99 = Some(milliseconds("--max-p99", given)?);
                Ok(())
            },
        ),
    ];
    under("Conversations", flags)
}

/// The rules between these flags and the others, which may be missing with some of them. Topics that nobody has
/// named are made up of `random`.
pub(super) fn complete(raw: &mut Raw, is_v5: bool, random: &str) -> Result<(), Halt> {
    let talk = &raw.talk;
    let together = |sentence| Err(Complaint::Together(sentence).into());
    if talk.correlate && !is_v5 {
        return together("Error: Correlation Data are MQTT 5; --correlate doesn't go with an older one.");
    }
    if talk.max_p99.is_some() && talk.echo.is_none() {
        return together("Error: --max-p99 is for --echo, which is missing.");
    }
    if talk.echo.is_some() {
        if talk.serve.is_some() || talk.responses.is_some() || raw.message == Some(MessageSource::StdinLines)
        {
            return together("Error: --echo goes neither with --serve nor with --responses nor with -l.");
        }
        if raw.topics.is_empty() {
            raw.topics.push(format!("mqtt-rr/echo/{random}"));
        }
        raw.response_topic = raw.topics.last().cloned();
        raw.message.get_or_insert(MessageSource::Null);
    } else if talk.serve.is_some() {
        if raw.message.is_some() || talk.responses.is_some() {
            return together(
                "Error: --serve answers requests; it goes neither with a message nor with --responses.",
            );
        }
        if raw.response_topic.is_none() && !is_v5 {
            return together(
                "Error: Before MQTT 5 requests don't name a response topic; --serve needs -e then.",
            );
        }
        raw.response_topic.get_or_insert_default();
        raw.message = Some(MessageSource::Null);
    } else if raw.response_topic.is_none() && is_v5 && !raw.topics.is_empty() && raw.message.is_some() {
        raw.response_topic = Some(format!("mqtt-rr/response/{random}"));
        raw.talk.responses.get_or_insert(1);
    }
    Ok(())
}
