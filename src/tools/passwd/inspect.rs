//! `verify`, `list` and `check`: look into a password file without changing it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::edit::{is_corrupt, is_of, lines};
use super::{Failure, file, prompt, say};
use crate::auth::{
    HashMethod, PASSWORD_MAX, PBKDF2_ITERATIONS, PasswordHash, PasswordHashError, PasswordLine, USERNAME_MAX,
    parse_password_line,
};

/// Memory in KiB times passes below which argon2id is weak: the least of the pairs OWASP recommends.
const ARGON2_WORK_MIN: u64 = 5 * 7168;

/// Succeeds if the password typed is the user's.
pub fn verify(given: &OsStr, username: &[u8]) -> Result<(), Failure> {
    let text = file::read(given)?;
    let name = printable(username);
    let found = lines(&text).enumerate().find_map(|(index, line)| match parse_password_line(line) {
        PasswordLine::User { hash, .. } if is_of(line, username) => Some((index + 1, hash)),
        _ => None,
    });
    let Some((number, hash)) = found else {
        return Err(Failure::new(format!("Error: User {name} not found in password file.")));
    };
    let hash = PasswordHash::parse(hash)
        .map_err(|error| Failure::new(format!("Error: {}:{number}: {error}", given.display())))?;
    let password = prompt::known_password()?;
    if hash.verify(&password) {
        Ok(())
    } else {
        Err(Failure::new(format!("Error: Wrong password for user {name}.")))
    }
}

/// Prints the users.
pub fn list(given: &OsStr, as_json: bool) -> Result<(), Failure> {
    let text = file::read(given)?;
    let users = lines(&text).enumerate().filter_map(|(index, line)| match parse_password_line(line) {
        PasswordLine::User { username, hash } => Some((index + 1, username, PasswordHash::parse(hash))),
        PasswordLine::Skipped => None,
    });
    let printed = if as_json {
        let users = users.map(|(line, username, hash)| describe_json(line, username, &hash));
        let text = serde_json::to_string_pretty(&users.collect::<Vec<_>>());
        text.map_err(|error| Failure::new(format!("Error: {error}")))? + "\n"
    } else {
        let users: Vec<_> = users.map(|(_, name, hash)| (printable(name), describe(&hash))).collect();
        let width = users.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        users.iter().map(|(name, hash)| format!("{name:width$}  {hash}\n")).collect()
    };
    // Whoever closed stdout (`| head`) has seen enough.
    let _ = say(&printed);
    Ok(())
}

/// Kind and cost of a hash, in words.
fn describe(hash: &Result<PasswordHash, PasswordHashError>) -> String {
    match hash {
        Ok(hash) => {
            let (kind, salt) = (hash.method().name(), hash.salt_len());
            match hash.method() {
                HashMethod::Sha512 => format!("{kind}  salt={salt}"),
                HashMethod::Sha512Pbkdf2 { iterations } => {
                    format!("{kind}  iterations={iterations} salt={salt}")
                }
                HashMethod::Argon2id { memory_kib, passes, lanes, .. } => {
                    format!("{kind}  m={memory_kib},t={passes},p={lanes} salt={salt}")
                }
            }
        }
        Err(PasswordHashError::UnknownKind) => "plain".into(),
        Err(error) => format!("unreadable  {error}"),
    }
}

fn describe_json(line: usize, username: &[u8], hash: &Result<PasswordHash, PasswordHashError>) -> Value {
    let mut user = json!({ "username": String::from_utf8_lossy(username), "line": line });
    match hash {
        Ok(hash) => {
            user["hash"] = hash.method().name().into();
            match hash.method() {
                HashMethod::Sha512 => {}
                HashMethod::Sha512Pbkdf2 { iterations } => user["iterations"] = iterations.get().into(),
                HashMethod::Argon2id { memory_kib, passes, lanes, .. } => {
                    user["memory_kib"] = memory_kib.into();
                    user["passes"] = passes.into();
                    user["lanes"] = lanes.into();
                }
            }
            user["salt_bytes"] = hash.salt_len().into();
        }
        Err(PasswordHashError::UnknownKind) => user["hash"] = "plain".into(),
        Err(error) => {
            user["hash"] = "unreadable".into();
            user["error"] = error.to_string().into();
        }
    }
    user
}

/// Prints what is wrong or weak, a line each, and fails if there is anything.
pub fn check(given: &OsStr) -> Result<ExitCode, Failure> {
    let text = file::read(given)?;
    let findings = findings(&text);
    let mut printed = String::new();
    for (line, finding) in &findings {
        let _ = writeln!(printed, "{}:{line}: {finding}", given.display());
    }
    let _ = say(&printed);
    Ok(ExitCode::from(u8::from(!findings.is_empty())))
}

/// Line numbers and what is the matter there.
fn findings(text: &[u8]) -> Vec<(usize, String)> {
    let mut first_lines: HashMap<&[u8], usize> = HashMap::new();
    let mut findings = Vec::new();
    for (index, line) in lines(text).enumerate() {
        let number = index + 1;
        let PasswordLine::User { username, hash } = parse_password_line(line) else {
            if is_corrupt(line) {
                findings.push((number, "unreadable: no ':' after a user name".to_owned()));
            }
            continue;
        };
        if let Some(first) = first_lines.get(username) {
            let name = printable(username);
            findings.push((number, format!("duplicate: user {name} is on line {first} too")));
        } else {
            first_lines.insert(username, number);
        }
        findings.extend(fault(username, hash).map(|fault| (number, fault)));
    }
    findings
}

/// What is the matter with one user, apart from others.
fn fault(username: &[u8], hash: &[u8]) -> Option<String> {
    if username.is_empty() {
        return Some("unreadable: empty user name".into());
    }
    if username.len() > USERNAME_MAX {
        return Some("unreadable: user name longer than 65535 bytes".into());
    }
    let name = printable(username);
    if hash.is_empty() {
        return Some(format!("unreadable: user {name} has no password"));
    }
    if hash.len() > PASSWORD_MAX {
        return Some(format!("unreadable: hash of user {name} is longer than 65535 bytes"));
    }
    match PasswordHash::parse(hash) {
        Ok(hash) => weakness(hash.method()).map(|why| format!("weak: user {name}: {why}")),
        Err(PasswordHashError::UnknownKind) => {
            Some(format!("plain: the password of user {name} is not hashed (-U hashes it)"))
        }
        Err(error) => Some(format!("unreadable: user {name}: {error}")),
    }
}

/// Why a hash is too easy to guess.
fn weakness(method: HashMethod) -> Option<String> {
    match method {
        HashMethod::Sha512 => Some("sha512 is guessed fast".into()),
        HashMethod::Sha512Pbkdf2 { iterations } if iterations.get() < PBKDF2_ITERATIONS => {
            Some(format!("sha512-pbkdf2 with {iterations} iterations, fewer than {PBKDF2_ITERATIONS}"))
        }
        HashMethod::Argon2id { memory_kib, passes, .. }
            if u64::from(memory_kib) * u64::from(passes) < ARGON2_WORK_MIN =>
        {
            Some(format!("argon2id with m={memory_kib},t={passes}, less than m=7168,t=5"))
        }
        _ => None,
    }
}

/// A user name that can't play tricks on a terminal.
fn printable(username: &[u8]) -> String {
    let text = String::from_utf8_lossy(username);
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_fault_is_found_on_its_line() {
        let digest = format!("{}==", "A".repeat(86));
        let good = format!("$7$1000$AAAAAAAAAAAAAAAA${digest}");
        let text = format!(
            "# comment\n\na:{good}\nb:plain\nc:$6$AAAAAAAAAAAAAAAA${digest}\nd:$7$999$AAAAAAAAAAAAAAAA${digest}\n\
             a :{good}\ne:$7$x\nrubbish\n:x\nf:\ng:$argon2id$v=19$m=4096,t=3,p=1$AAAAAAAAAAAA$AAAAAAAA\n"
        );
        let found: Vec<_> = findings(text.as_bytes());
        let expected = [
            (4, "plain: the password of user b"),
            (5, "weak: user c: sha512"),
            (6, "weak: user d: sha512-pbkdf2 with 999"),
            (7, "duplicate: user a is on line 3 too"),
            (8, "unreadable: user e: the number of iterations"),
            (9, "unreadable: no ':'"),
            (10, "unreadable: empty user name"),
            (11, "unreadable: user f has no password"),
            (12, "weak: user g: argon2id with m=4096,t=3"),
        ];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((line, finding), (wanted, start)) in found.iter().zip(expected) {
            assert!(*line == wanted && finding.starts_with(start), "{line} {finding}");
        }
    }

    #[test]
    fn names_are_printed_without_control_characters() {
        assert_eq!(printable("caf\u{e9} \u{1b}[31m".as_bytes()), "caf\u{e9} \\u{1b}[31m");
    }
}
