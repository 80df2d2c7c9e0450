//! Passwords of the client programs: where to ask for one, and wiping one from the list of processes.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use zeroize::{Zeroize, Zeroizing};

use super::silence::Silence;
use crate::options::Secret;

/// Longest password a packet can carry, and one byte more to see that it is too long.
const LONGEST: usize = 65_536;

/// Gets a password from standard input or from someone at the terminal.
///
/// # Errors
/// The system's: it can't be read, or there is no terminal.
pub fn ask(secret: Secret) -> io::Result<Zeroizing<Vec<u8>>> {
    match secret {
        Secret::StdinLine => stdin_line(),
        Secret::Prompt => {
            prompt("Password: ").map_err(|error| match error.raw_os_error() {
                // "/dev/tty" is there, but nobody behind it.
                Some(_) => io::Error::other("there is no terminal to ask at"),
                None => error,
            })
        }
    }
}

fn prompt(question: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let silence = Silence::begin(&terminal, None)?;
    let answer = terminal.write_all(question.as_bytes()).and_then(|()| read_silently("/dev/tty"));
    // Else the line that follows would stand behind the question.
    let _ = terminal.write_all(b"\n");
    drop(silence);
    answer
}

/// A line from a terminal that is silent. Ctrl-C comes as a byte here, and is then raised as the signal.
pub(super) fn read_silently(path: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    let config = rpassword::ConfigBuilder::new().input_file_path(path).output_discard().build();
    rpassword::read_password_with_config(config).map(|answer| Zeroizing::new(answer.into_bytes()))
}

/// The first line, byte by byte: what follows is the message's.
fn stdin_line() -> io::Result<Zeroizing<Vec<u8>>> {
    // Room for the longest from the start: a vector that grows leaves copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = [0];
    while line.len() < LONGEST {
        match rustix::io::read(rustix::stdio::stdin(), &mut byte) {
            Ok(0) => break,
            Ok(_) if byte == *b"\n" => break,
            Ok(_) => line.push(byte[0]),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    byte.zeroize();
    Ok(line)
}

/// Overwrites secrets where the system shows them to everybody. Until then there is a moment in which they can be
/// seen: files, variables and prompts have none.
pub fn wipe_arguments(arguments: &[OsString], secrets: &[(usize, Range<usize>)]) {
    if secrets.is_empty() {
        return;
    }
    let Some(start) = arguments_address() else { return };
    let Ok(memory) = OpenOptions::new().write(true).open("/proc/self/mem") else { return };
    for (index, bytes) in secrets {
        // Each argument ends with a zero byte.
        let before: usize = arguments[..*index].iter().map(|argument| argument.len() + 1).sum();
        let _ = memory.write_all_at(&vec![b'x'; bytes.len()], start + (before + bytes.start) as u64);
    }
}

/// Where in memory the first argument begins: `arg_start`, the 48th value of `/proc/self/stat`.
fn arguments_address() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program stands in brackets and may hold anything, also brackets and spaces.
    let behind_name = stat.rsplit_once(") ")?.1;
    behind_name.split(' ').nth(48 - 3)?.parse().ok().filter(|address| *address > 0)
}
