//! The three client programs: their names, and which groups of flags each has.

use std::ffi::OsStr;
use std::sync::OnceLock;

use clap::Command;

use super::flag::Flag;
use super::{
    connection, control, credentials, general, handling, line_format, message, publish, receive, request,
    session,
};
use super::{manual, patience, subscribe, talk, tls, will};

/// A client program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// mqtt-pub
    Publish,
    /// mqtt-sub
    Subscribe,
    /// mqtt-rr
    Request,
    /// mqtt-ctrl
    Control,
}

impl Program {
    /// The program's own name.
    pub fn own_name(self) -> &'static str {
        match self {
            Program::Publish => "mqtt-pub",
            Program::Subscribe => "mqtt-sub",
            Program::Request => "mqtt-rr",
            Program::Control => "mqtt-ctrl",
        }
    }

    /// The name of the program it stands in for.
    pub fn mosquitto_name(self) -> &'static str {
        match self {
            Program::Publish => "mosquitto_pub",
            Program::Subscribe => "mosquitto_sub",
            Program::Request => "mosquitto_rr",
            Program::Control => "mosquitto_ctrl",
        }
    }

    /// The name it goes by in its messages: mosquitto's when called through a link of that name.
    pub fn name_called(self, argument_zero: Option<&OsStr>) -> &'static str {
        let file_name = argument_zero.and_then(|path| std::path::Path::new(path).file_name());
        if file_name == Some(OsStr::new(self.mosquitto_name())) {
            self.mosquitto_name()
        } else {
            self.own_name()
        }
    }

    /// The line of `--version`. Through mosquitto's name it tells whose behaviour to expect, in the shape
    /// that scripts pick the version from.
    pub(super) fn version_line(self, name: &str) -> String {
        let own = env!("CARGO_PKG_VERSION");
        if name == self.mosquitto_name() {
            format!("{name} version 2.1.2 running on mqtt-toolkit {own}.")
        } else {
            format!("{name} version {own}.")
        }
    }

    /// All flags, in the order of `--help`; made when first asked for.
    pub(super) fn flags(self) -> &'static [Flag] {
        static MADE: [OnceLock<Vec<Flag>>; 4] = [const { OnceLock::new() }; 4];
        MADE[self as usize].get_or_init(|| self.declare())
    }

    fn declare(self) -> Vec<Flag> {
        let mut flags = match self {
            Program::Publish => {
                [publish::flags(), message::flags(), message::line_flags(), line_format::flags()]
                    .concat_flags()
            }
            Program::Subscribe => [subscribe::flags(), receive::flags(), handling::flags()].concat_flags(),
            Program::Control => return self.control_flags(),
            Program::Request => [
                request::flags(),
                message::flags(),
                talk::flags(),
                handling::serving_flags(),
                receive::flags(),
            ]
            .concat_flags(),
        };
        flags.extend(connection::flags());
        flags.extend(patience::flags());
        flags.extend(session::flags(self));
        flags.extend(credentials::flags());
        flags.extend(will::flags());
        flags.extend(tls::flags());
        flags.extend(general::flags());
        flags
    }

    /// Those of mqtt-ctrl: it has no Will and no session to come back to.
    fn control_flags(self) -> Vec<Flag> {
        let mut flags = control::flags();
        flags.extend(connection::flags());
        flags.extend(patience::flags());
        flags.extend(session::control_flags(self));
        flags.extend(credentials::flags());
        flags.extend(tls::flags());
        flags.extend(general::flags());
        flags
    }

    /// Whether what stands behind the flags is a command.
    pub(super) fn takes_command(self) -> bool {
        self == Program::Control
    }

    /// The declaration, under the program's own name: what help, man page and completions are printed from.
    pub fn command(self) -> Command {
        self.command_named(self.own_name())
    }

    /// The declaration under the name the program was called by.
    pub(super) fn command_named(self, name: &'static str) -> Command {
        let manual = manual::clients::of(self);
        Command::new(name)
            .version(env!("CARGO_PKG_VERSION"))
            .about(manual.about)
            .override_usage(manual.usage_of(name))
            .disable_help_flag(true)
            .disable_version_flag(true)
            .help_template("{about}\n{before-help}Usage: {usage}\n\n{all-args}{after-help}")
            .before_help(self.version_line(name))
            .after_help(manual.environment_help())
            .args(self.flags().iter().map(|flag| flag.arg.for_clap()))
    }

    /// What `--help` prints.
    pub(super) fn help(self, name: &'static str) -> String {
        self.command_named(name).render_help().to_string()
    }
}

/// Joining groups keeps `flags` readable.
trait ConcatFlags {
    fn concat_flags(self) -> Vec<Flag>;
}

impl<const N: usize> ConcatFlags for [Vec<Flag>; N] {
    fn concat_flags(self) -> Vec<Flag> {
        self.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests;
