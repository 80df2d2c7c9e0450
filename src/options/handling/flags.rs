//! The flags of this page.

use std::path::PathBuf;

use clap::ValueHint;
use regex_lite::Regex;

use super::super::arg::Arg;
use super::condition::value_of;
use super::{Condition, Expectation, JsonPath};
use crate::options::complaint::Halt;
use crate::options::flag::{Flag, Given, under};
use crate::options::values::{count, invalid};

/// All of them, under their headings.
pub(in crate::options) fn flags() -> Vec<Flag> {
    let mut flags = under("Choosing messages", selection().into_iter().chain(retained()).collect());
    flags.extend(under("Scripts", ready().into_iter().chain(commands()).chain([record()]).collect()));
    flags.extend(under("Tests", expectations()));
    flags
}

/// Those of them that `mqtt-rr --serve` has, too.
pub(in crate::options) fn serving_flags() -> Vec<Flag> {
    let jobs = commands().into_iter().filter(|flag| flag.arg.id() == JOBS);
    under("Conversations", ready().into_iter().chain(jobs).collect())
}

/// The id of `--exec-jobs`.
const JOBS: &str = "exec-jobs";

fn arg(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).value_hint(ValueHint::Other).help(help)
}

fn repeated(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    arg(name, value, help).repeated()
}

/// The value as text.
fn text<'a>(flag: &'static str, given: &Given<'a>) -> Result<&'a str, Halt> {
    given.value.to_str().ok_or_else(|| invalid(flag, given, "UTF-8"))
}

fn pattern(flag: &'static str, given: &Given<'_>) -> Result<Regex, Halt> {
    Regex::new(text(flag, given)?).map_err(|_| invalid(flag, given, "a regular expression"))
}

fn selection() -> Vec<Flag> {
    vec![
        Flag::value(
            repeated("match", "REGEX", "Take only messages whose payload matches. May be repeated."),
            "no regular expression specified",
            |raw, given| {
                raw.handling.selection.patterns.push(pattern("--match", given)?);
                Ok(())
            },
        ),
        Flag::value(
            repeated("where", "CONDITION", "Take only JSON payloads of which this is true: 'a.b > 3'."),
            "no condition specified",
            |raw, given| {
                let condition = Condition::read(text("--where", given)?).ok_or_else(|| {
                    invalid("--where", given, "like 'a.b > 3' (also =, !=, <, <=, >=, ~ REGEX, or a.b alone)")
                })?;
                raw.handling.selection.conditions.push(condition);
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("changed")
                .long("changed")
                .help("Take only messages unlike the one before on their topic."),
            |raw, _| {
                raw.handling.selection.changed = true;
                Ok(())
            },
        ),
    ]
}

fn retained() -> Vec<Flag> {
    vec![
        Flag::switch(
            Arg::new("end-of-retained")
                .long("end-of-retained")
                .help("End once the retained messages have come."),
            |raw, _| {
                raw.handling.end_of_retained = true;
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("dry-run")
                .long("dry-run")
                .help("Print what --remove-retained would clear, and clear nothing."),
            |raw, _| {
                raw.handling.dry_run = true;
                Ok(())
            },
        ),
    ]
}

fn ready() -> Vec<Flag> {
    vec![
        Flag::value(
            arg("ready-fd", "N", "Write a line to this file descriptor once subscribed, and close it."),
            "no file descriptor specified",
            |raw, given| {
                raw.handling.ready.fd = Some(count("--ready-fd", given, 0)?);
                Ok(())
            },
        ),
        Flag::value(
            arg("ready-file", "FILE", "Make this file once subscribed.").value_hint(ValueHint::FilePath),
            "no file specified",
            |raw, given| {
                raw.handling.ready.file = Some(PathBuf::from(given.value));
                Ok(())
            },
        ),
        Flag::value(
            arg("exec-after-sub", "COMMAND", "Run this by the shell once subscribed.")
                .value_hint(ValueHint::CommandString),
            "no command specified",
            |raw, given| {
                raw.handling.ready.command = Some(given.value.to_owned());
                Ok(())
            },
        ),
    ]
}

fn commands() -> Vec<Flag> {
    vec![
        Flag::value(
            arg("exec", "COMMAND", "Run this by the shell for each message instead of printing it.")
                .value_hint(ValueHint::CommandString),
            "no command specified",
            |raw, given| {
                raw.handling.exec = Some(given.value.to_owned());
                Ok(())
            },
        ),
        Flag::value(
            arg(JOBS, "COUNT", "Run so many of these commands at a time. Default: 1."),
            "no count specified",
            |raw, given| {
                raw.handling.exec_jobs = Some(count("--exec-jobs", given, 1)?);
                Ok(())
            },
        ),
    ]
}

fn record() -> Flag {
    Flag::value(
        arg("record", "FILE", "Write messages and their times, for mqtt-pub --replay.")
            .value_hint(ValueHint::FilePath),
        "no file specified",
        |raw, given| {
            raw.handling.record = Some(PathBuf::from(given.value));
            Ok(())
        },
    )
}

fn expectations() -> Vec<Flag> {
    vec![
        Flag::value(
            repeated("expect", "TEXT", "End once a message is this; fail otherwise. May be repeated."),
            "no text specified",
            |raw, given| {
                raw.handling.expectations.push(Expectation::Text(given.value.to_owned()));
                Ok(())
            },
        ),
        Flag::value(
            repeated("expect-re", "REGEX", "The same with a message that matches. May be repeated."),
            "no regular expression specified",
            |raw, given| {
                raw.handling.expectations.push(Expectation::Pattern(pattern("--expect-re", given)?));
                Ok(())
            },
        ),
        Flag::value(
            repeated(
                "expect-json",
                "PATH=VALUE",
                "The same with a value in a JSON payload. May be repeated.",
            ),
            "no value specified",
            |raw, given| {
                let assignment = text("--expect-json", given)?;
                let (path, text) = assignment
                    .split_once('=')
                    .ok_or_else(|| invalid("--expect-json", given, "like a.b=VALUE"))?;
                raw.handling.expectations.push(Expectation::Json {
                    path: JsonPath::new(path),
                    value: value_of(text),
                    text: text.to_owned(),
                });
                Ok(())
            },
        ),
    ]
}
