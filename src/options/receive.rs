//! Which messages are received, how long to wait for them, and how they are printed: mqtt-sub and mqtt-rr.

use std::time::Duration;

use clap::ValueHint;

use super::arg::Arg;
use super::color;
use super::complaint::{Complaint, Halt};
use super::flag::{Flag, Given, under};
use super::format;
use super::numbers::atoi;
use super::raw::Raw;
use crate::protocol::RetainHandling;

pub(super) fn flags() -> Vec<Flag> {
    let mut flags = vec![Flag::value(
        Arg::new("timeout")
            .short('W')
            .value_name("SECONDS")
            .value_hint(ValueHint::Other)
            .help("End after so many seconds, with exit status 27."),
        "no timeout specified",
        |raw, given| {
            let seconds = atoi(given.value.as_encoded_bytes());
            let valid = u64::try_from(seconds).ok().filter(|n| *n > 0);
            raw.timeout = Some(Duration::from_secs(valid.ok_or(Complaint::Timeout(seconds))?));
            Ok(())
        },
    )];
    flags.extend(retained());
    flags.extend(printing());
    flags
}

fn retained() -> Vec<Flag> {
    vec![
        Flag::switch(
            Arg::new("no-retained").short('R').help("Neither print nor count retained messages."),
            |raw, _| {
                raw.no_retained = true;
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("retain-as-published")
                .long("retain-as-published")
                .help("Leave the retain flag as the publisher set it (MQTT 5)."),
            |raw, _| {
                raw.retain_as_published = true;
                Ok(())
            },
        ),
        Flag::value(
            Arg::new("retain-handling")
                .long("retain-handling")
                .value_name("WHEN")
                .one_of(&["always", "new", "never"])
                .help("Send retained messages always, if new, or never (MQTT 5)."),
            "no option specified",
            store_retain_handling,
        ),
    ]
}

fn printing() -> Vec<Flag> {
    let flags = vec![
        Flag::switch(
            Arg::new("verbose").short('v').long("verbose").help("Print the topic before the message."),
            |raw, _| {
                raw.verbose = true;
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("no-line-end").short('N').help("Print no line end after a message."),
            |raw, _| {
                raw.no_line_end = true;
                Ok(())
            },
        ),
        Flag::value(
            Arg::new("format")
                .short('F')
                .value_name("FORMAT")
                .value_hint(ValueHint::Other)
                .help("Print messages in this format; see FORMAT in the manual."),
            "no format specified",
            |raw, given| {
                raw.format = Some(format::parse(given.value.as_encoded_bytes())?);
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("pretty").long("pretty").help("Print the JSON of -F with line ends and indentation."),
            |raw, _| {
                raw.pretty = true;
                Ok(())
            },
        ),
        color::flag(),
        Flag::switch(
            Arg::new("json-safe")
                .long("json-safe")
                .help("Print valid JSON for any payload: what is no UTF-8 as payload_base64."),
            |raw, _| {
                raw.json_safe = true;
                Ok(())
            },
        ),
    ];
    under("Output", flags)
}

fn store_retain_handling(raw: &mut Raw, given: &Given<'_>) -> Result<(), Halt> {
    raw.retain_handling = Some(match given.value.as_encoded_bytes() {
        b"always" => RetainHandling::SendAtSubscribe,
        b"new" => RetainHandling::SendIfNew,
        b"never" => RetainHandling::DoNotSend,
        _ => return Err(Complaint::RetainHandling(given.value.to_string_lossy().into_owned()).into()),
    });
    Ok(())
}
