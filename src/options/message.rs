//! Where the message comes from: one of these, once.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::ValueHint;

use super::arg::Arg;
use super::complaint::Complaint;
use super::flag::Flag;
use super::job::MessageSource;

/// The largest payload a packet can carry, in mosquitto's reckoning.
const LONGEST: usize = 268_435_455;

pub(super) fn flags() -> Vec<Flag> {
    vec![
        Flag::value(
            Arg::new("message")
                .short('m')
                .long("message")
                .value_name("MESSAGE")
                .value_hint(ValueHint::Other)
                .help("The message."),
            "no message specified",
            |raw, given| {
                if given.value.len() > LONGEST {
                    return Err(Complaint::MessageTooLong.into());
                }
                raw.set_message(MessageSource::Text(given.value.as_bytes().to_vec()))
            },
        ),
        Flag::value(
            Arg::new("file")
                .short('f')
                .long("file")
                .value_name("FILE")
                .value_hint(ValueHint::FilePath)
                .help("A whole file is the message."),
            "no file specified",
            |raw, given| raw.set_message(MessageSource::File(PathBuf::from(given.value))),
        ),
        Flag::switch(
            Arg::new("stdin-file")
                .short('s')
                .long("stdin-file")
                .help("All of standard input is the message."),
            |raw, _| raw.set_message(MessageSource::StdinWhole),
        ),
        Flag::switch(
            Arg::new("null-message").short('n').long("null-message").help("The message has no bytes."),
            |raw, _| raw.set_message(MessageSource::Null),
        ),
    ]
}

/// `-l`, which only mqtt-pub has.
pub(super) fn line_flags() -> Vec<Flag> {
    vec![Flag::switch(
        Arg::new("stdin-line")
            .short('l')
            .long("stdin-line")
            .help("Each line of standard input is a message."),
        |raw, _| raw.set_message(MessageSource::StdinLines),
    )]
}
