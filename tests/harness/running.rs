//! Programs that a test runs, and how they ended. Forgotten by the test, they end.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};

use super::printed::Printed;
use super::wait::{try_until, until};

/// A program that runs beside the test, killed when dropped.
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Its command line, for messages.
    line: String,
    /// Its standard output.
    pub out: Arc<Printed>,
    /// Its standard error.
    pub err: Arc<Printed>,
    /// Its home, where it has one of its own.
    home: Option<tempfile::TempDir>,
}

impl Running {
    /// Starts `program` with `arguments`; its standard input is a pipe.
    pub fn start(program: &Path, arguments: &[&str]) -> Running {
        Running::start_in(program, arguments, &[])
    }

    /// The same with variables in its environment.
    pub fn start_in(program: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Running {
        let mut command = Command::new(program);
        command.args(arguments).envs(variables.iter().copied()).stdin(Stdio::piped());
        Running::start_command(command, None)
    }

    /// Starts a command that lacks only its outputs.
    pub fn start_command(mut command: Command, home: Option<tempfile::TempDir>) -> Running {
        let (out, err) = (Arc::new(Printed::nothing()), Arc::new(Printed::nothing()));
        let line = format!("{command:?}");
        let started = command.stdout(out.writer()).stderr(err.writer()).spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{line}: {error}"));
        let stdin = child.stdin.take();
        Running { child, stdin, line, out, err, home }
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard input, once.
    pub fn stdin(&mut self) -> ChildStdin {
        self.stdin.take().unwrap()
    }

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

    /// What it has printed so far.
    pub fn stdout(&self) -> String {
        self.out.text()
    }

    /// What it has complained of so far.
    pub fn stderr(&self) -> String {
        self.err.text()
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it has printed a text.
    #[track_caller]
    pub fn await_stdout(&self, text: &str) {
        self.out.wait_until(&format!("'{text}' from {}", self.line), |out| out.contains(text));
    }

    /// Waits until it has no socket open: its connection is gone, and it has noticed.
    #[track_caller]
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
    #[track_caller]
    pub fn await_signal_handlers(&self) {
        let wanted = 1_u64 << 1 | 1 << 14;
        until("signal handlers", || {
            let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
            (u64::from_str_radix(line, 16).unwrap() & wanted == wanted).then_some(())
        });
    }

    /// Sends it a signal, such as `-TERM`.
    #[track_caller]
    pub fn signal(&self, signal: &str) {
        let number = match signal {
            "-CONT" => Signal::CONT,
            "-HUP" => Signal::HUP,
            "-INT" => Signal::INT,
            "-KILL" => Signal::KILL,
            "-STOP" => Signal::STOP,
            "-TERM" => Signal::TERM,
            "-USR1" => Signal::USR1,
            "-USR2" => Signal::USR2,
            other => panic!("{other}: add it here"),
        };
        kill_process(Pid::from_child(&self.child), number).unwrap();
        if number == Signal::STOP {
            // It may run for a moment yet.
            until("a program that stands still", || (state(self.id()) == Some('T')).then_some(()));
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(mut self) -> Outcome {
        self.close_input();
        let ended = try_until(|| self.child.try_wait().unwrap());
        let (stdout, stderr) = (self.stdout(), self.stderr());
        let Some(status) = ended else {
            panic!("still runs: {}\n{stdout}\n{stderr}", self.line);
        };
        Outcome { stdout, stderr, code: code(status) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program is doing, as the system has it: running, asleep, stopped, ended (`R`, `S`, `T`, `Z`).
pub fn state(id: u32) -> Option<char> {
    let status = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    // The name is in brackets, and may hold anything.
    status.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next())
}

/// Runs a program to its end.
#[track_caller]
pub fn run(program: &Path, arguments: &[&str]) -> Outcome {
    Running::start(program, arguments).wait()
}

/// Runs a program to its end with `input` on its standard input.
#[track_caller]
pub fn feed(program: &Path, arguments: &[&str], input: &[u8]) -> Outcome {
    let mut running = Running::start(program, arguments);
    running.write(input);
    running.wait()
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
