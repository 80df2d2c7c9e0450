//! A program with arguments and input, run to its end or beside the test, in an environment that is nobody's.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::running::{Outcome, Running};

/// A command line in the making.
#[derive(Clone)]
pub struct Tool {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
}

impl Tool {
    /// Without arguments.
    pub fn new(program: &Path) -> Tool {
        Tool { program: program.to_owned(), arguments: Vec::new(), variables: Vec::new() }
    }

    /// More arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Tool {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// An environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Tool {
        self.variables.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// The argument behind `-p`, as the harness gave it.
    pub fn port(&self) -> String {
        let at = self.arguments.iter().position(|argument| argument == "-p").unwrap();
        self.arguments[at + 1].to_string_lossy().into_owned()
    }

    /// As a command for a shell.
    pub fn line(&self) -> String {
        let words = std::iter::once(self.program.as_os_str()).chain(self.arguments.iter().map(AsRef::as_ref));
        let quoted = words.map(|word: &OsStr| format!("'{}'", word.to_string_lossy().replace('\'', "'\\''")));
        quoted.collect::<Vec<_>>().join(" ")
    }

    /// Runs it to its end, with nothing on standard input.
    #[track_caller]
    pub fn run(self) -> Outcome {
        self.run_with(b"")
    }

    /// Runs it to its end, with this on standard input.
    #[track_caller]
    pub fn run_with(self, input: &[u8]) -> Outcome {
        let mut running = self.start();
        running.write(input);
        running.wait()
    }

    /// Starts it; its standard input is a pipe.
    pub fn start(self) -> Running {
        self.start_with(Stdio::piped())
    }

    /// Starts it with a standard input of its own.
    pub fn start_with(self, stdin: impl Into<Stdio>) -> Running {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().env("HOME", home.path()).env("LC_ALL", "C");
        command.envs(self.variables).stdin(stdin);
        Running::start_command(command, Some(home))
    }
}
