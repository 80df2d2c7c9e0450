//! How long the first connection is tried, for every client. Without these flags: once, as mosquitto does.

use std::time::Duration;

use clap::ValueHint;

use super::arg::Arg;
use super::flag::{Flag, under};
use super::values::{count, seconds};

/// How long, and how often, the first connection is tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patience {
    /// One attempt, from looking up the name to CONNACK, takes no longer (`--connect-timeout`).
    pub attempt: Option<Duration>,
    /// Attempts go on until this time is over (`--wait-connect`).
    pub total: Option<Duration>,
    /// So many attempts after the first (`--retry`).
    pub retries: Option<u32>,
}

impl Patience {
    /// Whether nothing was asked for.
    pub fn is_none(&self) -> bool {
        *self == Patience::default()
    }
}

pub(super) fn flags() -> Vec<Flag> {
    let time = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("SECONDS").value_hint(ValueHint::Other).help(help)
    };
    let flags = vec![
        Flag::value(
            time("connect-timeout", "Give an attempt to connect up after so many seconds."),
            "no time specified",
            |raw, given| {
                raw.patience.attempt = Some(seconds("--connect-timeout", given)?);
                Ok(())
            },
        ),
        Flag::value(
            time("wait-connect", "Try the first connection again for so many seconds."),
            "no time specified",
            |raw, given| {
                raw.patience.total = Some(seconds("--wait-connect", given)?);
                Ok(())
            },
        ),
        Flag::value(
            Arg::new("retry")
                .long("retry")
                .value_name("COUNT")
                .value_hint(ValueHint::Other)
                .help("Try the first connection again so often, with growing pauses."),
            "no count specified",
            |raw, given| {
                raw.patience.retries = Some(count("--retry", given, 0)?);
                Ok(())
            },
        ),
    ];
    under("Connection", flags)
}
