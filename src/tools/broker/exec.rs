//! `--exec`: a command that has the broker to itself, and the signals meant for it.

use std::ffi::OsString;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpgrp, kill_process, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use super::background::reason;
use super::ready::LocalAddress;
use super::run::Failure;

/// What ends a command in order.
pub(super) const TERMINATE: Signal = Signal::TERM;

/// The signals that are passed on.
const PASSED_ON: [(i32, Signal); 6] = [
    (SIGTERM, Signal::TERM),
    (SIGINT, Signal::INT),
    (SIGHUP, Signal::HUP),
    (SIGQUIT, Signal::QUIT),
    (SIGUSR1, Signal::USR1),
    (SIGUSR2, Signal::USR2),
];

/// A running command.
pub(super) struct Command {
    /// The process, until it has ended: its number may then belong to another.
    process: Arc<Mutex<Option<Pid>>>,
    waiter: JoinHandle<Option<ExitStatus>>,
}

impl Command {
    /// Starts the command with the address in its environment; `at_end` is called when it ends.
    pub(super) fn start(
        words: &[OsString],
        address: LocalAddress,
        at_end: impl FnOnce() + Send + 'static,
    ) -> Result<Self, Failure> {
        // From here on a signal is kept for the command rather than ending us without it.
        let signals = Signals::new(PASSED_ON.map(|(number, _)| number))
            .map_err(|error| Failure { text: format!("Error: {}", reason(&error)), code: 1 })?;
        let child = spawn(words, address)?;
        let process = Arc::new(Mutex::new(i32::try_from(child.id()).ok().and_then(Pid::from_raw)));
        pass_on(signals, process.clone());
        let known = process.clone();
        let waiter = thread::spawn(move || {
            let status = wait_for(child, &known);
            at_end();
            status
        });
        Ok(Command { process, waiter })
    }

    /// Sends it a signal, if it still runs.
    pub(super) fn signal(&self, signal: Signal) {
        send(&self.process, signal);
    }

    /// Waits for its end. Its exit code, or 128 and the number of the signal that ended it.
    pub(super) fn wait(self) -> u8 {
        let Ok(Some(status)) = self.waiter.join() else { return 1 };
        let code = status.code().or_else(|| status.signal().map(|number| 128 + number));
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
    }
}

fn spawn(words: &[OsString], address: LocalAddress) -> Result<Child, Failure> {
    let Some((program, arguments)) = words.split_first() else {
        let text = "Error: --exec argument given, but no command specified.".to_owned();
        return Err(Failure { text, code: super::INVALID });
    };
    std::process::Command::new(program)
        .args(arguments)
        .env("MQTT_HOST", address.host())
        .env("MQTT_PORT", address.port().to_string())
        .env("MQTT_URL", address.to_string())
        .env("PATH", path_with_ours())
        .spawn()
        .map_err(|error| {
            let text = format!("Error: Unable to run '{}': {}.", program.to_string_lossy(), reason(&error));
            // As a shell has it.
            Failure { text, code: if error.kind() == ErrorKind::NotFound { 127 } else { 126 } }
        })
}

/// The search path with our own directory behind the others: the command finds the tools that came with this broker
/// even where they aren't installed.
fn path_with_ours() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(ours) = std::env::current_exe().ok().as_deref().and_then(std::path::Path::parent) {
        if !path.is_empty() {
            path.push(":");
        }
        path.push(ours);
    }
    path
}

/// Waits until the process has ended, forgets its number, and only then lets the system reuse it.
fn wait_for(mut child: Child, process: &Mutex<Option<Pid>>) -> Option<ExitStatus> {
    let pid = *process.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pid) = pid {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
    }
    *process.lock().unwrap_or_else(PoisonError::into_inner) = None;
    child.wait().ok()
}

fn pass_on(mut signals: Signals, process: Arc<Mutex<Option<Pid>>>) {
    // Ends with the program.
    thread::spawn(move || {
        for number in signals.forever() {
            let signal = PASSED_ON.iter().find(|(known, _)| *known == number);
            if let Some((_, signal)) = signal
                && !came_from_terminal(*signal)
            {
                send(&process, *signal);
            }
        }
    });
}

/// What is typed at a terminal (Ctrl-C, Ctrl-\) reaches the command anyway, if it shares the terminal with us.
fn came_from_terminal(signal: Signal) -> bool {
    matches!(signal, Signal::INT | Signal::QUIT)
        && File::open("/dev/tty")
            .ok()
            .and_then(|terminal| rustix::termios::tcgetpgrp(terminal).ok())
            .is_some_and(|foreground| foreground == getpgrp())
}

fn send(process: &Mutex<Option<Pid>>, signal: Signal) {
    let process = process.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pid) = *process {
        let _ = kill_process(pid, signal);
    }
}
