//! The password file as the broker reads it: who there is, and with which hash.

use std::collections::HashMap;
use std::fmt;

use super::{HashMethod, PASSWORD_MAX, PasswordHash, PasswordHashError};

/// The longest user name, in bytes: what fits a string of MQTT.
pub const USERNAME_MAX: usize = 65535;

/// Users and their hashes.
#[derive(Clone, Debug)]
pub struct PasswordFile {
    users: HashMap<Box<[u8]>, PasswordHash>,
    dummy: PasswordHash,
}

/// A password file that can't be used. Its text is mosquitto's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordFileError {
    /// The line, counted from 1.
    pub line: usize,
    /// Name of the file, as the configuration has it.
    pub file_name: String,
    /// What is wrong with the line.
    pub problem: PasswordFileProblem,
}

/// What is wrong with a line of a password file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordFileProblem {
    /// An earlier line has the same user name.
    DuplicateUser(String),
    /// Nothing stands before the colon.
    EmptyUsername,
    /// The user name is longer than [`USERNAME_MAX`].
    UsernameTooLong,
    /// Nothing stands behind the colon of this user.
    NoHash(String),
    /// The hash is longer than [`PASSWORD_MAX`].
    HashTooLong,
    /// The hash is of no known kind (a plain password, perhaps) or damaged.
    Undecodable(PasswordHashError),
}

impl fmt::Display for PasswordFileError {
    /// mosquitto's words; never what stands behind the colon.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = &self.file_name;
        match &self.problem {
            PasswordFileProblem::DuplicateUser(user) => {
                write!(f, "Error: Duplicate user '{user}' in password file '{file}'.")
            }
            PasswordFileProblem::EmptyUsername => {
                write!(f, "Error: Empty username in password file '{file}'.")
            }
            PasswordFileProblem::UsernameTooLong => {
                write!(f, "Error: Invalid line in password file '{file}', username too long.")
            }
            PasswordFileProblem::NoHash(user) => {
                write!(f, "Error: Invalid line in password file '{file}': {user}")
            }
            PasswordFileProblem::HashTooLong => {
                write!(f, "Error: Invalid line in password file '{file}', password too long.")
            }
            PasswordFileProblem::Undecodable(_) => {
                write!(f, "Error: Unable to decode line in password file '{file}'.")
            }
        }
    }
}

impl std::error::Error for PasswordFileError {}

/// One line of a password file, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordLine<'a> {
    /// A comment (`#` in the first column), a blank line, or a line without a colon: skipped.
    Skipped,
    /// A user.
    User {
        /// The text before the first colon, without blanks around it.
        username: &'a [u8],
        /// The text up to the next colon or the end, without blanks around it; may be empty.
        hash: &'a [u8],
    },
}

/// Takes one line apart, the way the broker does. The newline may be there or not.
#[must_use]
pub fn parse_password_line(line: &[u8]) -> PasswordLine<'_> {
    // To a C program a zero byte ends the line.
    let line = memchr::memchr(0, line).map_or(line, |end| &line[..end]);
    if line.first() == Some(&b'#') {
        return PasswordLine::Skipped;
    }
    let Some(colon) = memchr::memchr(b':', line) else { return PasswordLine::Skipped };
    let mut rest = &line[colon + 1..];
    // A run of colons counts as one.
    while let Some((b':', behind)) = rest.split_first() {
        rest = behind;
    }
    let end = memchr::memchr(b':', rest).unwrap_or(rest.len());
    PasswordLine::User { username: trim_blanks(&line[..colon]), hash: trim_blanks(&rest[..end]) }
}

/// The text without the blanks (as C's `isspace` has them) at both ends.
#[must_use]
pub fn trim_blanks(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let Some(start) = text.iter().position(|byte| !blank(byte)) else { return &[] };
    let end = text.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

impl PasswordFile {
    /// Reads a whole file's text. `file_name` is for the error texts only.
    ///
    /// # Errors
    /// The first bad line: mosquitto 2.1 refuses a file that has one.
    pub fn parse(text: &[u8], file_name: &str) -> Result<PasswordFile, PasswordFileError> {
        let mut users = HashMap::new();
        let mut kinds: HashMap<(HashMethod, usize), usize> = HashMap::new();
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let PasswordLine::User { username, hash } = parse_password_line(line) else { continue };
            let fail =
                |problem| PasswordFileError { line: index + 1, file_name: file_name.to_owned(), problem };
            let hash = check_user(username, hash, users.contains_key(username)).map_err(fail)?;
            *kinds.entry((hash.method(), hash.salt_len())).or_default() += 1;
            users.insert(username.into(), hash);
        }
        // An unknown user shall cost what most known users cost.
        let usual = kinds.into_iter().max_by_key(|&(kind, count)| (count, cost(kind.0)));
        let (method, salt_bytes) = usual.map_or((HashMethod::Sha512, super::SALT_BYTES), |(kind, _)| kind);
        Ok(PasswordFile { users, dummy: PasswordHash::without_password(method, salt_bytes, 64) })
    }

    /// The hash of a user.
    #[must_use]
    pub fn lookup(&self, username: impl AsRef<[u8]>) -> Option<&PasswordHash> {
        self.users.get(username.as_ref())
    }

    /// A hash that no password has, at the cost of most hashes of this file. Verify against it where
    /// [`lookup`](PasswordFile::lookup) finds nobody, so that the answer's time doesn't tell who exists.
    #[must_use]
    pub fn dummy(&self) -> &PasswordHash {
        &self.dummy
    }

    /// Number of users.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there are no users.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

/// The hash of a user's line, or what is wrong with it.
fn check_user(username: &[u8], hash: &[u8], duplicate: bool) -> Result<PasswordHash, PasswordFileProblem> {
    let name = || String::from_utf8_lossy(username).into_owned();
    if username.is_empty() {
        Err(PasswordFileProblem::EmptyUsername)
    } else if username.len() > USERNAME_MAX {
        Err(PasswordFileProblem::UsernameTooLong)
    } else if duplicate {
        Err(PasswordFileProblem::DuplicateUser(name()))
    } else if hash.is_empty() {
        Err(PasswordFileProblem::NoHash(name()))
    } else if hash.len() > PASSWORD_MAX {
        Err(PasswordFileProblem::HashTooLong)
    } else {
        PasswordHash::parse(hash).map_err(PasswordFileProblem::Undecodable)
    }
}

/// Orders methods by what they cost, to settle a draw in favour of the dearer.
fn cost(method: HashMethod) -> (u32, u64) {
    match method {
        HashMethod::Sha512 => (0, 0),
        HashMethod::Sha512Pbkdf2 { iterations } => (1, u64::from(iterations.get())),
        HashMethod::Argon2id { memory_kib, passes, .. } => (2, u64::from(memory_kib) * u64::from(passes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const B: &str = "$7$101$Cf1a+IY1ikSqgM7m$nQayUjR1ur2PK/MFv89/LzdrcjVkVr+drx8tA3nKqByeP61nut9sU2OcI2/XuBW82c7Qp84km9gxr3NVa0hOXQ==";

    fn error(text: &str) -> (usize, String) {
        let error = PasswordFile::parse(text.as_bytes(), "pw").expect_err("a bad file");
        (error.line, error.to_string())
    }

    #[test]
    fn users_are_found_around_what_is_skipped() {
        let text = format!("# c:omment\n\nno colon\n \ta \t: {B} :third\r\nb::{B}\n #c:{B}");
        let file = PasswordFile::parse(text.as_bytes(), "pw").unwrap();
        assert_eq!(file.len(), 3);
        assert!(file.lookup("a").unwrap().verify(b"b"));
        assert!(!file.lookup("a").unwrap().verify(b"B"));
        assert!(file.lookup("b").is_some());
        assert!(file.lookup("#c").is_some());
        assert!(file.lookup("d").is_none());
        assert!(file.lookup("").is_none());
    }

    #[test]
    fn bad_lines_are_told_in_mosquittos_words() {
        let twice = format!("a:{B}\na :{B}\n");
        assert_eq!(error(&twice), (2, "Error: Duplicate user 'a' in password file 'pw'.".into()));
        assert_eq!(error(&format!("\n :{B}")), (2, "Error: Empty username in password file 'pw'.".into()));
        assert_eq!(error(&format!(":{B}")), (1, "Error: Empty username in password file 'pw'.".into()));
        assert_eq!(error("a: \n"), (1, "Error: Invalid line in password file 'pw': a".into()));
        let plain = error("# x\na:secret\n");
        assert_eq!(plain, (2, "Error: Unable to decode line in password file 'pw'.".into()));
        let name = format!("{}:{B}", "u".repeat(65536));
        assert_eq!(error(&name), (1, "Error: Invalid line in password file 'pw', username too long.".into()));
        let hash = format!("u:{}", "h".repeat(65536));
        assert_eq!(error(&hash), (1, "Error: Invalid line in password file 'pw', password too long.".into()));
    }

    #[test]
    fn an_unknown_user_costs_what_most_users_cost() {
        let empty = PasswordFile::parse(b"", "pw").unwrap();
        assert!(empty.is_empty());
        assert_eq!(empty.dummy().method(), HashMethod::Sha512);
        let six = format!("$6$AAAAAAAAAAAAAAAA${}A==", "A".repeat(85));
        let text = format!("a:{B}\nb:{B}\nc:{six}\n");
        let file = PasswordFile::parse(text.as_bytes(), "pw").unwrap();
        assert_eq!(file.dummy().method(), file.lookup("a").unwrap().method());
        assert!(!file.dummy().verify(b"b"));
        assert!(!file.dummy().verify(b""));
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        proptest::proptest!(|(text: Vec<u8>)| {
            let _ = PasswordFile::parse(&text, "pw");
        });
        proptest::proptest!(|(text in r"(\$(6|7|argon2id)?|:|[a#= \r\n]|[0-9]{1,12}|[mtpv]=|,|AAAA){0,24}")| {
            let _ = PasswordFile::parse(text.as_bytes(), "pw");
        });
    }
}
