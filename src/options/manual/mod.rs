//! What the manual pages and `--help` say besides the flags. Kept here, next to the declarations, so that there is
//! one source; `tests/printed.rs` prints the pages.

mod broker;
pub(super) mod clients;
mod passwd;

use clap::Command;

use super::program::Program;

/// When the text of a page last changed, as it shows at its foot.
pub const DATE: &str = "2026-11-24";

/// How a configuration file is read: the DESCRIPTION of its page. Its keywords are `config::keywords`.
pub const CONFIGURATION: &[&str] = &[
    "mqtt-broker reads the configuration files of mosquitto. Each line holds a keyword and, behind spaces, its value. \
     Lines that start with # and empty lines are skipped; a # behind a value belongs to the value.",
    "Keywords of a listener concern the last listener line above them, and those of a bridge the last connection \
     line.",
    "On SIGHUP the broker reopens its log and reads the configuration and all files that it names anew: listeners, \
     certificates, passwords, rules and bridges. A mistake in any of them leaves the old configuration in force as a \
     whole, and the log says what it is. user, pid_file, persistence with its place and persistence_sync take a restart.",
];

/// A value or a name, and what it means.
pub type Meaning = (&'static str, &'static str);

/// The text of one program's manual.
pub struct Manual {
    /// Section of the manual: 1 for commands, 8 for servers.
    pub section: &'static str,
    /// One sentence, as in NAME and at the top of `--help`.
    pub about: &'static str,
    /// How it is called, a form a line; `NAME` stands for the program's name.
    pub usage: &'static [&'static str],
    /// Paragraphs of DESCRIPTION.
    pub description: &'static [&'static str],
    /// Sections of its own between the options and the exit codes: heading, and what stands in it.
    pub tables: &'static [(&'static str, &'static [Meaning])],
    /// Exit codes.
    pub exit_status: &'static [Meaning],
    /// Environment variables.
    pub environment: &'static [Meaning],
    /// Files the program reads by itself.
    pub files: &'static [Meaning],
    /// What it is for, and the command that does it.
    pub examples: &'static [Meaning],
    /// Other pages: name and section.
    pub see_also: &'static [Meaning],
}

/// A program as it is printed.
pub struct Page {
    /// Its flags.
    pub command: Command,
    /// Everything else.
    pub manual: &'static Manual,
}

/// All programs.
#[must_use]
pub fn pages() -> Vec<Page> {
    let client = |program: Program| Page { command: program.command(), manual: clients::of(program) };
    vec![
        client(Program::Publish),
        client(Program::Subscribe),
        client(Program::Request),
        client(Program::Control),
        Page { command: super::passwd::command(), manual: &passwd::PASSWD },
        Page { command: super::broker::command(), manual: &broker::BROKER },
    ]
}

impl Manual {
    /// The forms of a call for clap, lined up behind "Usage: ".
    pub(super) fn usage_of(&self, name: &str) -> String {
        self.usage.join("\n       ").replace("NAME", name)
    }

    /// The end of `--help`.
    pub(super) fn environment_help(&self) -> String {
        let lines = self.environment.iter().map(|(name, meaning)| format!("  {name:<16} {meaning}"));
        std::iter::once("Environment:".to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
    }
}
