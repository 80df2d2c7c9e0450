//! Which bytes of a command line are secret: what the list of processes should not go on showing.

use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;

use super::flag::Flag;
use super::program::Program;

/// Flags whose whole value is a secret.
const WHOLE: &[&str] = &[super::credentials::PASSWORD, "psk"];
/// Flags whose value is a URL that may hold a password.
const IN_URL: &[&str] = &[super::connection::URL, "proxy"];

/// For each secret: which argument it is in (0 is the program's name), and its bytes there.
#[must_use]
pub fn secret_arguments(program: Program, arguments: &[OsString]) -> Vec<(usize, Range<usize>)> {
    let flags = program.flags();
    let mut found = Vec::new();
    let mut at = 1;
    while let Some(token) = arguments.get(at) {
        let Some(flag) = flags.iter().find(|flag| flag.is(token)) else { break };
        if let Some(value) = arguments.get(at + 1)
            && let Some(bytes) = secret_part(flag, value)
        {
            found.push((at + 1, bytes));
        }
        at += 1 + flag.values(&arguments[at + 1..]);
    }
    if program.takes_command() {
        found.extend(password_of_command(arguments, at));
    }
    found
}

/// The password among the arguments of a command of mqtt-ctrl, which starts at `at` with its module.
fn password_of_command(arguments: &[OsString], at: usize) -> Option<(usize, Range<usize>)> {
    let place = match arguments.get(at + 1)?.to_str()? {
        "init" => at + 4,
        "setClientPassword" => at + 3,
        "createClient" => at + 3 + arguments.get(at + 2..)?.iter().position(|word| word == "-p")?,
        _ => return None,
    };
    let length = arguments.get(place)?.len();
    Some((place, 0..length)).filter(|_| length > 0)
}

/// The secret bytes of a flag's value.
fn secret_part(flag: &Flag, value: &OsStr) -> Option<Range<usize>> {
    let id = flag.arg.id();
    if WHOLE.contains(&id) {
        return Some(0..value.len()).filter(|bytes| !bytes.is_empty());
    }
    IN_URL.contains(&id).then(|| password_in_url(value.as_bytes())).flatten()
}

/// In `scheme://user:password@host…`, as `-L` reads it.
pub(super) fn password_in_url(url: &[u8]) -> Option<Range<usize>> {
    let find = |from: usize, wanted: u8| Some(from + url[from..].iter().position(|byte| *byte == wanted)?);
    let start = url.windows(3).position(|part| part == b"://")? + 3;
    let end = find(start, b'/').unwrap_or(url.len());
    let at = find(start, b'@').filter(|at| *at < end)?;
    let colon = find(start, b':').filter(|colon| *colon < at)?;
    Some(colon + 1..at).filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(line: &[&str]) -> Vec<String> {
        let line: Vec<OsString> =
            std::iter::once("mqtt-pub").chain(line.iter().copied()).map(OsString::from).collect();
        let found = secret_arguments(Program::Publish, &line);
        found.into_iter().map(|(at, bytes)| line[at].to_str().unwrap()[bytes].to_owned()).collect()
    }

    #[test]
    fn passwords_are_found_and_nothing_else() {
        assert_eq!(secrets(&["-u", "me", "-P", "one", "--pw", "two", "-t", "a"]), ["one", "two"]);
        assert_eq!(secrets(&["-m", "-P", "-t", "a"]), [""; 0]);
        assert_eq!(secrets(&["-L", "mqtt://me:pass@host:1/t@x"]), ["pass"]);
        assert_eq!(secrets(&["-L", "mqtt://host:1/a:b@c"]), [""; 0]);
        assert_eq!(secrets(&["-L", "mqtt://me:@host/t", "-P", ""]), [""; 0]);
        assert_eq!(secrets(&["--unknown", "-P", "x"]), [""; 0], "the command line is refused there");
        assert_eq!(secrets(&["-P"]), [""; 0]);
    }
}
