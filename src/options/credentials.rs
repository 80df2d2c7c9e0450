//! User Name and Password, and ways to keep the password out of the process list.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::ValueHint;
use zeroize::Zeroizing;

use super::arg::Arg;
use super::flag::{Flag, under};
use super::raw::PasswordSource;
use super::surroundings::Secret;

/// The id of `-P`, whose value is wiped from the list of processes.
pub(super) const PASSWORD: &str = "pw";

pub(super) fn flags() -> Vec<Flag> {
    let flags = vec![
        Flag::value(
            Arg::new("username")
                .short('u')
                .long("username")
                .value_name("NAME")
                .value_hint(ValueHint::Username)
                .help("User Name."),
            "no username specified",
            |raw, given| {
                raw.username = Some(given.value.to_owned());
                Ok(())
            },
        ),
        Flag::value(
            Arg::new(PASSWORD)
                .short('P')
                .long("pw")
                .value_name("PASSWORD")
                .value_hint(ValueHint::Other)
                .help("Password; visible in the list of processes for a moment."),
            "no password specified",
            |raw, given| {
                let password = Zeroizing::new(given.value.as_bytes().to_vec());
                raw.password = Some(PasswordSource::Given(password));
                Ok(())
            },
        ),
        Flag::value(
            Arg::new("pw-file")
                .long("pw-file")
                .value_name("FILE")
                .value_hint(ValueHint::FilePath)
                .help("Read the password from the first line of a file."),
            "no file specified",
            |raw, given| {
                raw.password = Some(PasswordSource::File(PathBuf::from(given.value)));
                Ok(())
            },
        ),
        Flag::value(
            Arg::new("pw-env")
                .long("pw-env")
                .value_name("NAME")
                .value_hint(ValueHint::Other)
                .help("Take the password from this environment variable."),
            "no variable specified",
            |raw, given| {
                raw.password = Some(PasswordSource::Variable(given.value.to_owned()));
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("pw-stdin")
                .long("pw-stdin")
                .help("Read the password from the first line of standard input."),
            |raw, _| {
                raw.password = Some(PasswordSource::Asked(Secret::StdinLine));
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("pw-prompt").long("pw-prompt").help("Ask for the password at the terminal."),
            |raw, _| {
                raw.password = Some(PasswordSource::Asked(Secret::Prompt));
                Ok(())
            },
        ),
    ];
    under("Credentials", flags)
}
