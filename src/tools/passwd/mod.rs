//! mqtt-passwd: adds, changes and removes the users of a password file, and looks into one.
//!
//! Forms, prompts, messages and exit codes are mosquitto_passwd's. What happens to the file is not: it is locked,
//! written anew beside the old one and put in its place in one step, and lines that aren't meant stay as they are.

mod edit;
mod file;
mod inspect;
mod prompt;

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

use zeroize::Zeroizing;

use crate::auth::{
    HashMethod, PASSWORD_MAX, PBKDF2_ITERATIONS, PasswordHash, SALT_BYTES, SALT_BYTES_2_0, USERNAME_MAX,
    trim_blanks,
};
use crate::options::passwd::{HashKind, Hashing, PasswdJob, PasswdRefusal, parse, usage};
use file::LockedFile;

/// What goes wrong on the way: the text for stderr and the exit code.
struct Failure {
    text: String,
    code: u8,
}

impl Failure {
    /// Exit code 1, as nearly everywhere.
    fn new(text: impl Into<String>) -> Failure {
        Failure { text: text.into(), code: 1 }
    }

    /// Exit code 10: mosquitto's for a failure of its library.
    fn hashing() -> Failure {
        Failure { text: "Error: Unable to hash password.".into(), code: 10 }
    }
}

/// Runs the program with its whole command line.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let is_there = |name: &OsStr| Path::new(name).symlink_metadata().is_ok();
    let result = match parse(args.get(1..).unwrap_or_default(), is_there) {
        Ok(job) => run(job),
        Err(PasswdRefusal::Message(text)) => Err(Failure::new(text)),
        Err(PasswdRefusal::Usage) => {
            let _ = say(&usage(program_name(args.first())));
            return ExitCode::from(1);
        }
    };
    match result {
        Ok(code) => code,
        Err(Failure { text, code }) => {
            complain(text);
            ExitCode::from(code)
        }
    }
}

/// What the program calls itself: what it was called by, if that is mosquitto's name.
fn program_name(called: Option<&OsString>) -> &'static str {
    match called.and_then(|path| Path::new(path).file_name()) {
        Some(name) if name == "mosquitto_passwd" => "mosquitto_passwd",
        _ => "mqtt-passwd",
    }
}

fn run(job: PasswdJob) -> Result<ExitCode, Failure> {
    match job {
        PasswdJob::Set { create: true, file, username, password, hashing } => {
            create(&file, username.as_bytes(), password, hashing)?;
        }
        PasswdJob::Set { create: false, file, username, password, hashing } => {
            set(&file, username.as_bytes(), password, hashing)?;
        }
        PasswdJob::Delete { file, username } => delete(&file, username.as_bytes())?,
        PasswdJob::HashPlain { file, hashing } => hash_plain(&file, hashing)?,
        PasswdJob::Verify { file, username } => inspect::verify(&file, username.as_bytes())?,
        PasswdJob::List { file, json } => inspect::list(&file, json)?,
        PasswdJob::Check { file } => return inspect::check(&file),
    }
    Ok(ExitCode::SUCCESS)
}

/// `-c`: a file with one user, or a line for stdout.
fn create(
    file: &OsStr,
    username: &[u8],
    password: Option<Zeroizing<Vec<u8>>>,
    hashing: Hashing,
) -> Result<(), Failure> {
    check_username(username)?;
    password.iter().try_for_each(|password| check_password(password))?;
    let to_stdout = file == "-";
    let path = if to_stdout { None } else { Some(file::resolve(file)?) };
    let password = password.map_or_else(|| prompt::new_password(to_stdout), Ok)?;
    let line = edit::line(username, &hash(&password, hashing)?);
    let Some(path) = path else {
        return say(&line).map_err(|error| Failure::new(format!("Error: Unable to write: {error}.")));
    };
    file::create(&path, &line)?;
    announce("Adding", username);
    Ok(())
}

/// Adds a user or changes a password.
fn set(
    file: &OsStr,
    username: &[u8],
    password: Option<Zeroizing<Vec<u8>>>,
    hashing: Hashing,
) -> Result<(), Failure> {
    check_username(username)?;
    password.iter().try_for_each(|password| check_password(password))?;
    let path = file::resolve(file)?;
    // Nobody shall type a password for a file that can't be changed; nor shall others wait while it is typed.
    file::check_usable(&path)?;
    let password = password.map_or_else(|| prompt::new_password(false), Ok)?;
    let hash = hash(&password, hashing)?;
    let mut locked = LockedFile::open(&path)?;
    let edited = edit::set(&locked.read()?, username, &hash).map_err(corrupt)?;
    locked.replace(&edited.text)?;
    announce(if edited.found { "Updating" } else { "Adding" }, username);
    if let Some(line) = edited.corrupt {
        // The user is added and the line kept; mosquitto_passwd says this and drops all users behind it.
        complain(corrupt(line).text);
    }
    Ok(())
}

/// `-D`.
fn delete(file: &OsStr, username: &[u8]) -> Result<(), Failure> {
    // An empty name can be removed: mosquitto_passwd lets one in, and the broker refuses the file for it.
    check_username_text(username)?;
    let path = file::resolve(file)?;
    file::check_usable(&path)?;
    let mut locked = LockedFile::open(&path)?;
    let edited = edit::delete(&locked.read()?, username).map_err(corrupt)?;
    if !edited.found {
        let name = String::from_utf8_lossy(username);
        return Err(Failure::new(format!("Warning: User {name} not found in password file.")));
    }
    locked.replace(&edited.text)
}

/// `-U`.
fn hash_plain(file: &OsStr, hashing: Hashing) -> Result<(), Failure> {
    let path = file::resolve(file)?;
    file::check_usable(&path)?;
    let mut locked = LockedFile::open(&path)?;
    let text = locked.read()?;
    let plain = edit::find_plain(&text).map_err(corrupt)?;
    if plain.is_empty() {
        return Ok(());
    }
    let mut hashes = Vec::with_capacity(plain.len());
    for edit::Plain { index, password, more } in plain {
        check_password(password)?;
        hashes.push((index, hash(password, hashing)?));
        if more {
            complain(format!(
                "Warning: {}:{}: a password ends at the ':', what follows it is dropped.",
                path.display(),
                index + 1
            ));
        }
    }
    locked.replace(&edit::replace_lines(&text, &hashes))
}

/// Hashes a password as asked, with a fresh salt.
fn hash(password: &[u8], hashing: Hashing) -> Result<PasswordHash, Failure> {
    let iterations = hashing.iterations.or(std::num::NonZeroU32::new(PBKDF2_ITERATIONS));
    let method = match (hashing.kind, iterations) {
        (HashKind::Sha512, _) => HashMethod::Sha512,
        (HashKind::Sha512Pbkdf2, Some(iterations)) => HashMethod::Sha512Pbkdf2 { iterations },
        _ => HashMethod::argon2id(),
    };
    let mut salt = [0; SALT_BYTES];
    let salt = if hashing.short_salt { &mut salt[..SALT_BYTES_2_0] } else { &mut salt[..] };
    getrandom::fill(salt).map_err(|_| Failure::hashing())?;
    PasswordHash::create(method, password, salt).map_err(|_| Failure::hashing())
}

fn check_username(username: &[u8]) -> Result<(), Failure> {
    if trim_blanks(username).is_empty() {
        return Err(Failure::new("Error: Username must not be empty."));
    }
    check_username_text(username)?;
    if username.starts_with(b"#") {
        let name = String::from_utf8_lossy(username);
        complain(format!(
            "Warning: The broker takes a line that starts with '#' for a comment: user {name} will be unknown to it."
        ));
    }
    Ok(())
}

fn check_username_text(username: &[u8]) -> Result<(), Failure> {
    if username.len() > USERNAME_MAX {
        Err(Failure::new("Error: Username must be less than 65536 characters long."))
    } else if username.iter().any(u8::is_ascii_control) {
        Err(Failure::new("Error: Username must not contain control characters."))
    } else if username.contains(&b':') {
        Err(Failure::new("Error: Username must not contain the ':' character."))
    } else {
        Ok(())
    }
}

fn check_password(password: &[u8]) -> Result<(), Failure> {
    if password.len() > PASSWORD_MAX {
        return Err(Failure::new("Error: Password must be less than 65536 characters long."));
    }
    Ok(())
}

fn corrupt(line: usize) -> Failure {
    Failure::new(format!("Error: Corrupt password file at line {line}."))
}

/// Tells on stdout that it is done.
fn announce(done: &str, username: &[u8]) {
    let mut text = format!("{done} password for user ").into_bytes();
    text.extend_from_slice(username);
    text.push(b'\n');
    // Whoever closed stdout doesn't want to know.
    let _ = say(&text);
}

/// Writes to stdout, at once.
fn say(text: &(impl AsRef<[u8]> + ?Sized)) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_ref())?;
    stdout.flush()
}

/// Writes a line to stderr.
fn complain(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// The system's words for an error, without its number.
fn system_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
