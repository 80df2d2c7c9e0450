//! Flags about the program itself.

use clap::ValueHint;

use super::arg::Arg;
use super::complaint::{Complaint, Halt};
use super::flag::{Flag, under};

/// The id of `-o`, which `parse` looks for before anything else.
pub(super) const OPTIONS_FILE: &str = "options-file";

pub(super) fn flags() -> Vec<Flag> {
    let flags = vec![
        Flag::value(
            Arg::new(OPTIONS_FILE)
                .short('o')
                .value_name("FILE")
                .value_hint(ValueHint::FilePath)
                .help("Read options from this file, one a line, instead of the default one."),
            "no options file specified",
            |_, given| {
                // On the command line it was read beforehand; files don't include files.
                if given.in_file { Err(Complaint::UnknownOption("-o".to_owned()).into()) } else { Ok(()) }
            },
        ),
        Flag::switch(
            Arg::new("debug").short('d').long("debug").help("Print what is sent and received."),
            |raw, _| {
                raw.debug = true;
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("quiet").long("quiet").help("Print no errors and warnings while running."),
            |raw, _| {
                raw.quiet = true;
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("trace")
                .long("trace")
                .help("Tell of each packet on standard error, with all that it says."),
            |raw, _| {
                raw.trace = true;
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("strict")
                .long("strict")
                .help("Exit with a status of its own where mosquitto silently says 0."),
            |raw, _| {
                raw.strict = true;
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("help").long("help").help("Print this and end, with exit status 1."),
            |_, _| Err(Halt::Help),
        ),
        Flag::switch(
            Arg::new("version").long("version").help("Print the version and end, with exit status 1."),
            |_, _| Err(Halt::Version),
        ),
    ];
    under("General", flags)
}
