//! What mqtt-ctrl takes besides the flags of every client: the command is the rest of the line.

use clap::ValueHint;

use super::arg::Arg;
use super::flag::{Flag, under};
use super::publish::qos_flag;

pub(super) fn flags() -> Vec<Flag> {
    let flags = vec![
        qos_flag("QoS of the command and of its answer: 0, 1 or 2. Default: 1."),
        Flag::value(
            Arg::new("config-file")
                .short('f')
                .value_name("FILE")
                .value_hint(ValueHint::FilePath)
                .help("With dynsec setClientPassword: change this file instead of asking a broker."),
            "no config file specified",
            |raw, given| {
                raw.file = Some(given.value.into());
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("verbose")
                .short('v')
                .long("verbose")
                .help("Print names and descriptions for people, too."),
            |raw, _| {
                raw.verbose = true;
                Ok(())
            },
        ),
    ];
    under("Command", flags)
}
