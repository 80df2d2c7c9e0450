//! Asks for a password: without echo at a terminal, by line from any other stdin.

use std::io::{self, BufRead, IsTerminal, Read, Write, stdin};
use std::os::unix::net::UnixStream;
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use zeroize::Zeroizing;

use super::{Failure, check_password, complain, say, system_words};
use crate::auth::PASSWORD_MAX;
use crate::tools::secrets::read_silently;
use crate::tools::silence::Silence;

/// Asks twice for a new password. Where stdout is to hold the result alone (`only_result`), a terminal's user is
/// asked on stderr.
pub fn new_password(only_result: bool) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut prompt = Prompt::new(only_result);
    let first = prompt.ask("Password: ")?;
    let second = prompt.ask("Reenter password: ")?;
    if *first != *second {
        return Err(Failure { text: "Error: Passwords do not match.".into(), code: 2 });
    }
    Ok(first)
}

/// Asks once for a password that exists; without a word where there is no terminal.
pub fn known_password() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut prompt = Prompt::new(false);
    if prompt.silence.is_some() { prompt.ask("Password: ") } else { prompt.read_line() }
}

/// stdin while passwords are read from it.
struct Prompt {
    /// If it is a terminal.
    silence: Option<Silence>,
    /// Print questions on stderr.
    to_stderr: bool,
    /// An interruption ends the program quietly as long as this is set.
    asking: Arc<AtomicBool>,
}

impl Prompt {
    /// Turns a terminal's echo off, until the value is dropped or a signal ends the program.
    fn new(only_result: bool) -> Prompt {
        let asking = Arc::new(AtomicBool::new(true));
        watch_signals(asking.clone());
        // mosquitto_passwd ends with 0, too.
        let silence = if stdin().is_terminal() { Silence::begin(stdin(), Some(0)).ok() } else { None };
        let to_stderr = only_result && silence.is_some();
        Prompt { silence, to_stderr, asking }
    }

    /// Asks, reads an answer, and refuses an empty one.
    fn ask(&mut self, question: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
        self.print(question);
        let answer = if self.silence.is_some() { self.read_terminal()? } else { self.read_line()? };
        // What a C program reads ends with a zero byte.
        if matches!(answer.first(), None | Some(0)) {
            if self.silence.is_some() {
                self.print("\n");
            }
            return Err(Failure::new("Error: Empty password."));
        }
        self.print("\n");
        check_password(&answer)?;
        Ok(answer)
    }

    fn print(&self, text: &str) {
        let _ = if self.to_stderr { io::stderr().write_all(text.as_bytes()) } else { say(text) };
    }

    /// One line from a terminal. The terminal is stdin's, not `/dev/tty`, as with mosquitto_passwd; but a terminal
    /// that belongs to another user (after `su`) can't be opened by that name.
    fn read_terminal(&self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let answer = match read_silently("/dev/stdin") {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => read_silently("/dev/tty"),
            answer => answer,
        };
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Zeroizing::default()),
            Err(error) => {
                Err(Failure::new(format!("Error: Unable to read password: {}.", system_words(&error))))
            }
        }
    }

    /// One line of stdin without its line end; empty at the end of the file.
    fn read_line(&self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        // Room for the longest from the start: a vector that grows leaves copies behind.
        let mut line = Zeroizing::new(Vec::with_capacity(PASSWORD_MAX + 3));
        let read = stdin().lock().take(PASSWORD_MAX as u64 + 3).read_until(b'\n', &mut line);
        read.map_err(|error| {
            Failure::new(format!("Error: Unable to read password: {}.", system_words(&error)))
        })?;
        while matches!(line.last(), Some(b'\n' | b'\r')) {
            line.pop();
        }
        Ok(line)
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        self.asking.store(false, Ordering::SeqCst);
    }
}

/// On SIGINT and SIGTERM: ends the program, with 0 as mosquitto_passwd does while a password is asked for. At a
/// terminal the silence does that.
fn watch_signals(asking: Arc<AtomicBool>) {
    let watch = || -> io::Result<UnixStream> {
        let (reader, writer) = UnixStream::pair()?;
        signal_hook::low_level::pipe::register(SIGINT, writer.try_clone()?)?;
        signal_hook::low_level::pipe::register(SIGTERM, writer)?;
        Ok(reader)
    };
    let mut reader = match watch() {
        Ok(reader) => reader,
        Err(error) => {
            complain(format!("Warning: Unable to watch for signals: {}.", system_words(&error)));
            return;
        }
    };
    thread::spawn(move || {
        if reader.read_exact(&mut [0]).is_ok() {
            exit(if asking.load(Ordering::SeqCst) { 0 } else { 1 });
        }
    });
}
