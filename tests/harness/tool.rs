//! A program with arguments and input, run to its end or beside the test.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use tempfile::TempDir;

use super::wait::until;

/// The path of one of this crate's programs.
pub fn ours(name: &str) -> PathBuf {
    PathBuf::from(match name {
        "mqtt-pub" => env!("CARGO_BIN_EXE_mqtt-pub"),
        "mqtt-sub" => env!("CARGO_BIN_EXE_mqtt-sub"),
        "mqtt-rr" => env!("CARGO_BIN_EXE_mqtt-rr"),
        "mqtt-broker" => env!("CARGO_BIN_EXE_mqtt-broker"),
        other => panic!("{other} is no program of ours"),
    })
}

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
    pub fn run(self) -> Outcome {
        self.run_with(b"")
    }

    /// Runs it to its end, with this on standard input.
    pub fn run_with(self, input: &[u8]) -> Outcome {
        let mut running = self.start();
        running.write(input);
        running.close_input();
        running.wait()
    }

    /// Starts it; its standard input is a pipe.
    pub fn start(self) -> Running {
        let stdin = Stdio::piped();
        self.start_with(stdin)
    }

    /// Starts it with a standard input of its own.
    pub fn start_with(self, stdin: impl Into<Stdio>) -> Running {
        let folder = tempfile::tempdir().unwrap();
        let output = |name| File::create(folder.path().join(name)).unwrap();
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .env("HOME", folder.path())
            .env("LC_ALL", "C")
            .envs(self.variables)
            .stdin(stdin)
            .stdout(output("stdout"))
            .stderr(output("stderr"))
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        let stdin = child.stdin.take();
        Running { child, stdin, folder, line: format!("{} {:?}", self.program.display(), self.arguments) }
    }
}

/// A program that runs beside the test, killed when dropped.
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    folder: TempDir,
    line: String,
}

impl Running {
    /// Writes to its standard input. That it doesn't read any more is seen in how it ends.
    pub fn write(&mut self, input: &[u8]) {
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(input);
        }
    }

    /// Ends its standard input.
    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub fn stdout(&self) -> String {
        self.read("stdout")
    }

    /// What it has complained of so far.
    pub fn stderr(&self) -> String {
        self.read("stderr")
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join(name)).unwrap()).into_owned()
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it has printed a text.
    pub fn await_stdout(&self, text: &str) {
        until(&format!("'{text}' from {}", self.line), || self.stdout().contains(text).then_some(()));
    }

    /// Waits until it has no socket open: its connection is gone, and it has noticed.
    pub fn await_closed_socket(&self) {
        let folder = format!("/proc/{}/fd", self.id());
        let has_socket = || {
            let links = fs::read_dir(&folder).unwrap().flatten();
            links
                .filter_map(|link| fs::read_link(link.path()).ok())
                .any(|to| to.to_string_lossy().starts_with("socket:"))
        };
        until("a closed connection", || (!has_socket()).then_some(()));
    }

    /// Waits until it handles SIGINT and SIGTERM itself.
    pub fn await_signal_handlers(&self) {
        let wanted = 1_u64 << 1 | 1 << 14;
        until("signal handlers", || {
            let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
            (u64::from_str_radix(line, 16).unwrap() & wanted == wanted).then_some(())
        });
    }

    /// Sends it a signal, such as `-TERM`.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Outcome {
        self.close_input();
        let what = format!("the end of {}", self.line);
        let status = until(&what, || self.child.try_wait().unwrap());
        Outcome { stdout: self.stdout(), stderr: self.stderr(), code: code(status) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As a shell gives it: 128 and more for a signal.
fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// How a program ended and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit code.
    pub code: i32,
}

impl Outcome {
    /// Expects this on standard output, nothing on standard error, and success.
    #[track_caller]
    pub fn prints(&self, stdout: &str) {
        self.ends(0, stdout, "");
    }

    /// Expects all three.
    #[track_caller]
    pub fn ends(&self, code: i32, stdout: &str, stderr: &str) {
        let (stdout, stderr) = (stdout.to_owned(), stderr.to_owned());
        assert_eq!(*self, Outcome { stdout, stderr, code });
    }
}
