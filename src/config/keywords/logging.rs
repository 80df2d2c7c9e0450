//! Keywords of the log.

use super::Reload::Yes;
use super::Scope::Global;
use super::ValueKind::{Bool, Form, Int, Text, Word};
use super::{Arguments, Fault, Keyword, Settings, row};
use crate::config::LogType::Warning;
use crate::config::{LogDestinations, LogFacility, LogType, LogTypes};

// A row is two lines or three: read across, not down.
#[rustfmt::skip]
pub(super) const KEYWORDS: &[Keyword] = &[
    row("log_dest", Form("none, stdout, stderr, syslog, topic, dlt or file PATH"), "stderr", Global, Yes,
        "Where log lines go; repeatable, none clears what stands before it. topic is $SYS/broker/log/...; dlt is taken for stderr.")
        .settings(log_dest),
    row("log_type",
        Word("none, error, warning, notice, information, debug, subscribe, unsubscribe, websockets, internal, all"),
        "error, warning, notice, information", Global, Yes,
        "What is logged, one word a line; the first one replaces the default.")
        .settings(log_type),
    row("log_timestamp", Bool, "true", Global, Yes,
        "Start each line with the time.")
        .settings(|s, a| { s.log.timestamp = a.bool()?; Ok(()) }),
    row("log_timestamp_format", Text, "seconds since 1970", Global, Yes,
        "The form of the time, as strftime takes it.")
        .settings(|s, a| a.text_once(&mut s.log.timestamp_format)),
    row("log_facility", Int("0-7"), "daemon", Global, Yes,
        "The syslog facility: local0 to local7.")
        .settings(|s, a| {
            s.log.facility = LogFacility::Local(a.int_to(0, 7)?.to_be_bytes()[1]);
            Ok(())
        }),
    row("log_format", Word("text, json"), "text", Global, Yes,
        "The form of each line; json is an object with the time, the level, the message and what it is about. Not in mosquitto.")
        .settings(|s, a| {
            s.log.json = match a.token()? {
                "text" => false,
                "json" => true,
                other => return Err(a.invalid(other)),
            };
            Ok(())
        }),
];

fn log_dest(settings: &mut Settings, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    let nowhere = LogDestinations::default();
    let destinations = &mut settings.log.destinations;
    let word = arguments.token()?;
    if arguments.first {
        *destinations = nowhere.clone();
    }
    match word {
        "none" => *destinations = nowhere,
        "stdout" => destinations.stdout = true,
        "stderr" => destinations.stderr = true,
        "syslog" => destinations.syslog = true,
        "file" if destinations.file.is_some() => {
            return Err(Fault::other("Error: Duplicate \"log_dest file\" value."));
        }
        "file" => match arguments.named("log_dest file").text() {
            Ok(path) => destinations.file = Some(path.to_owned()),
            Err(Fault::Empty(_)) => {
                return Err(Fault::other("Error: Empty \"log_dest file\" value in configuration."));
            }
            Err(fault) => return Err(fault),
        },
        "topic" => destinations.topic = true,
        "dlt" => {
            destinations.stderr = true;
            arguments.remark(Warning, "Warning: DLT support not available: 'log_dest dlt' logs to stderr.");
        }
        other => return Err(arguments.invalid(other)),
    }
    Ok(())
}

fn log_type(settings: &mut Settings, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    let word = arguments.token()?;
    let types = &mut settings.log.types;
    if arguments.first {
        *types = LogTypes::NONE;
    }
    match word {
        "none" => *types = LogTypes::NONE,
        "all" => *types = LogTypes::ALL,
        other => match LogType::NAMES.iter().find(|(name, _)| *name == other) {
            Some((_, log_type)) => *types |= (*log_type).into(),
            None => return Err(arguments.invalid(other)),
        },
    }
    Ok(())
}
