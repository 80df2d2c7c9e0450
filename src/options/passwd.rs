//! The command line of mqtt-passwd: one table, from which usage text, man page and completions are printed.
//!
//! It is mosquitto_passwd's grammar, which clap can't express: options come first and one by one (`-bc` is no
//! option), and the first argument that is no option is the password file, whatever it looks like. So it is
//! parsed by hand, with the table's names.

use std::ffi::{OsStr, OsString};
use std::num::NonZeroU32;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use zeroize::Zeroizing;

/// Which hash a new password gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashKind {
    /// `$argon2id$`.
    Argon2id,
    /// `$7$`.
    Sha512Pbkdf2,
    /// `$6$`.
    Sha512,
}

/// How passwords are to be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashing {
    /// `-H`.
    pub kind: HashKind,
    /// `-I`: rounds of PBKDF2; none for the default.
    pub iterations: Option<NonZeroU32>,
    /// `--salt-2.0`: 12 bytes of salt instead of 64.
    pub short_salt: bool,
}

/// What mqtt-passwd is asked to do. No `Debug` outside of tests: it holds a password.
#[cfg_attr(test, derive(Debug))]
#[derive(Clone, PartialEq, Eq)]
pub enum PasswdJob {
    /// Add a user or change a password.
    Set {
        /// `-c`: the file must be made; `-` is standard output then.
        create: bool,
        /// The password file.
        file: OsString,
        /// Whose password.
        username: OsString,
        /// The password of `-b`; without it, ask.
        password: Option<Zeroizing<Vec<u8>>>,
        /// How to hash it.
        hashing: Hashing,
    },
    /// `-D`: remove a user.
    Delete {
        /// The password file.
        file: OsString,
        /// Whom to remove.
        username: OsString,
    },
    /// `-U`: hash the plain passwords of a file.
    HashPlain {
        /// The password file.
        file: OsString,
        /// How to hash them.
        hashing: Hashing,
    },
    /// `verify`: is this the password?
    Verify {
        /// The password file.
        file: OsString,
        /// Whose password.
        username: OsString,
    },
    /// `list`: users, hashes and costs.
    List {
        /// The password file.
        file: OsString,
        /// Print JSON.
        json: bool,
    },
    /// `check`: what is wrong or weak in a file.
    Check {
        /// The password file.
        file: OsString,
    },
}

/// Why there is no job. Both end with exit code 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswdRefusal {
    /// Print the [`usage`] on stdout.
    Usage,
    /// Print this line on stderr.
    Message(String),
}

/// One option, as the usage text, the man page and the completions show it.
struct Flag {
    /// With its dashes.
    name: &'static str,
    /// Name of its value, if it takes one.
    value: Option<&'static str>,
    /// The values it knows; empty for any.
    choices: &'static [&'static str],
    help: &'static str,
}

const HASH_NAMES: &[&str] = &["argon2id", "sha512-pbkdf2", "sha512"];

const BATCH: &str = "-b";
const CREATE: &str = "-c";
const DELETE: &str = "-D";
const HASH: &str = "-H";
const ITERATIONS: &str = "-I";
const UPDATE: &str = "-U";
const SHORT_SALT: &str = "--salt-2.0";
const JSON: &str = "--json";

const FLAGS: &[Flag] = &[
    Flag {
        name: BATCH,
        value: None,
        choices: &[],
        help: "batch mode: take the password from the command line.",
    },
    Flag {
        name: CREATE,
        value: None,
        choices: &[],
        help: "create a new password file. An existing file is refused.",
    },
    Flag { name: DELETE, value: None, choices: &[], help: "delete the user instead of setting a password." },
    Flag {
        name: HASH,
        value: Some("hash"),
        choices: HASH_NAMES,
        help: "how to hash passwords: argon2id (default), sha512-pbkdf2 or sha512.",
    },
    Flag {
        name: ITERATIONS,
        value: Some("n"),
        choices: &[],
        help: "rounds of sha512-pbkdf2, and makes it the default. Default 1000.",
    },
    Flag {
        name: UPDATE,
        value: None,
        choices: &[],
        help: "hash the plain text passwords of a file; hashed ones stay.",
    },
    Flag {
        name: SHORT_SALT,
        value: None,
        choices: &[],
        help: "12 bytes of salt, the only length mosquitto 2.0 can read. Makes sha512-pbkdf2 the default.",
    },
];

/// The forms of a command line, without the program's name.
const FORMS: &[&str] = &[
    "[-H hash] [-I n] [--salt-2.0] [-c | -D] passwordfile username",
    "[-H hash] [-I n] [--salt-2.0] [-c] -b passwordfile username password",
    "[-H hash] [-I n] [--salt-2.0] -U passwordfile",
];

/// A form that starts with a word instead of an option.
struct Verb {
    name: &'static str,
    /// Its options, all of them switches, with their help.
    switches: &'static [(&'static str, &'static str)],
    operands: &'static [&'static str],
    help: &'static str,
}

const VERBS: &[Verb] = &[
    Verb {
        name: "verify",
        switches: &[],
        operands: &["passwordfile", "username"],
        help: "ask for a password and exit with 0 if it is the user's, else with 1.",
    },
    Verb {
        name: "list",
        switches: &[(JSON, "print a JSON array with an object for each user.")],
        operands: &["passwordfile"],
        help: "print each user with the kind and cost of the hash.",
    },
    Verb {
        name: "check",
        switches: &[],
        operands: &["passwordfile"],
        help: "print plain, weak, duplicate and unreadable lines; exit with 1 if there are any.",
    },
];

const NOTES: &str = "\
A password that isn't given with -b is asked for, or read from stdin where that is no terminal.
With -c the passwordfile can be - for stdout.
list and check are words of ours only where no file of that name is in the current directory:
where there is one, \"list X\" sets the password of user X in it, as it does with mosquitto_passwd.
\"list -- X\" and \"check -- X\" always are ours; \"./list X\" never is.";

/// The usage text, for stdout.
#[must_use]
pub fn usage(program: &str) -> String {
    let mut text = format!("{program} is a tool for managing password files of MQTT brokers.\n\n");
    let mut lead = "Usage:";
    for form in FORMS {
        text += &format!("{lead} {program} {form}\n");
        lead = "      ";
    }
    for verb in VERBS {
        let switches: String = verb.switches.iter().map(|(name, _)| format!(" [{name}]")).collect();
        text += &format!("{lead} {program} {}{switches} {}\n", verb.name, verb.operands.join(" "));
    }
    for flag in FLAGS {
        text += &format!(" {} : {}\n", flag.name, flag.help);
    }
    for verb in VERBS {
        text += &format!(" {} : {}\n", verb.name, verb.help);
        for (name, help) in verb.switches {
            text += &format!(" {name} : {help}\n");
        }
    }
    text + &format!("\n{NOTES}\n\n{program} version {}\n\n", env!("CARGO_PKG_VERSION"))
}

/// What stands without a dash, in order.
const OPERANDS: [(&str, &str); 3] = [
    ("passwordfile", "The password file; with -c it is made, and - is stdout."),
    ("username", "Whose password is set, or who is deleted. It can hold no colon."),
    (
        "password",
        "The new password, with -b only. Others on this machine can see it in the list of processes.",
    ),
];

/// The same table as a clap command, for man page and completions.
#[must_use]
pub fn command() -> clap::Command {
    let operand = |name: &'static str| {
        let help = OPERANDS.iter().find(|(known, _)| *known == name).map(|(_, help)| *help);
        clap::Arg::new(name).value_name(name).help(help.unwrap_or_default())
    };
    let mut command = clap::Command::new("mqtt-passwd")
        .version(env!("CARGO_PKG_VERSION"))
        .about("manage password files of MQTT brokers")
        .after_help(NOTES)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true);
    for flag in FLAGS {
        let mut arg = named(flag.name).help(flag.help);
        arg = match flag.value {
            None => arg.action(clap::ArgAction::SetTrue),
            Some(value) => arg.value_name(value),
        };
        if !flag.choices.is_empty() {
            arg = arg.value_parser(flag.choices.to_vec());
        }
        command = command.arg(arg);
    }
    for (name, _) in OPERANDS {
        command = command.arg(operand(name));
    }
    for verb in VERBS {
        let mut sub = clap::Command::new(verb.name).about(verb.help).disable_help_flag(true);
        for (name, help) in verb.switches {
            sub = sub.arg(named(name).help(*help).action(clap::ArgAction::SetTrue));
        }
        for name in verb.operands {
            sub = sub.arg(operand(name).required(true));
        }
        command = command.subcommand(sub);
    }
    command
}

/// An argument called `-x` or `--word`.
fn named(name: &'static str) -> clap::Arg {
    match name.strip_prefix("--") {
        Some(long) => clap::Arg::new(name).long(long),
        None => clap::Arg::new(name).short(name.chars().nth(1)),
    }
}

/// Reads the command line, `args` without the program's name.
///
/// `exists` says whether a file is there: `list X` and `check X` would be mosquitto's form "password file, user"
/// where a password file of that name is.
///
/// # Errors
/// [`PasswdRefusal`], with mosquitto's words.
pub fn parse(args: &[OsString], exists: impl Fn(&OsStr) -> bool) -> Result<PasswdJob, PasswdRefusal> {
    match parse_verb(args, exists) {
        Some(job) => Ok(job),
        None => parse_mosquitto(args),
    }
}

/// `verify`, `list` and `check`, where mosquitto's grammar would refuse the line or its password file isn't there.
fn parse_verb(args: &[OsString], exists: impl Fn(&OsStr) -> bool) -> Option<PasswdJob> {
    let (word, rest) = args.split_first()?;
    let (verb, free) = (word.to_str()?, !exists(word));
    let text: Vec<&[u8]> = rest.iter().map(|arg| arg.as_bytes()).collect();
    let file = rest.last()?.clone();
    match (verb, text.as_slice()) {
        ("verify", [b"--", _, _] | [_, _]) => {
            Some(PasswdJob::Verify { file: rest[rest.len() - 2].clone(), username: file })
        }
        ("list", [b"--json", _] | [b"--json", b"--", _]) => Some(PasswdJob::List { file, json: true }),
        ("list", [_, b"--json"]) => Some(PasswdJob::List { file: rest[0].clone(), json: true }),
        ("list", [b"--", _]) => Some(PasswdJob::List { file, json: false }),
        ("check", [b"--", _]) => Some(PasswdJob::Check { file }),
        ("list", [name]) if free && !name.starts_with(b"--") => Some(PasswdJob::List { file, json: false }),
        ("check", [name]) if free && !name.starts_with(b"--") => Some(PasswdJob::Check { file }),
        _ => None,
    }
}

/// What stands before the password file.
#[derive(Default)]
struct Switches {
    batch: bool,
    create: bool,
    delete: bool,
    update: bool,
    short_salt: bool,
    hash: Option<HashKind>,
    iterations: Option<NonZeroU32>,
}

fn parse_mosquitto(args: &[OsString]) -> Result<PasswdJob, PasswdRefusal> {
    let (switches, operands) = parse_switches(args)?;
    let Switches { batch, create, delete, update, .. } = switches;
    for (conflict, pair) in [
        (create && delete, "-c and -D"),
        (create && update, "-c and -U"),
        (delete && update, "-D and -U"),
        (batch && delete, "-b and -D"),
    ] {
        if conflict {
            return message(format!("Error: {pair} cannot be used together."));
        }
    }
    let hashing = switches.hashing()?;
    if delete {
        let [file, username, ..] = operands else {
            return message("Error: -D argument given but password file or username missing.");
        };
        return Ok(PasswdJob::Delete { file: file.clone(), username: username.clone() });
    }
    if update {
        let [file] = operands else {
            return message("Error: -U argument given but password file missing.");
        };
        return Ok(PasswdJob::HashPlain { file: file.clone(), hashing });
    }
    let secret = |password: &OsString| Some(Zeroizing::new(password.clone().into_vec()));
    let (file, username, password) = match (create, batch, operands) {
        (true, true, [file, username, password, ..]) => (file, username, secret(password)),
        (true, true, _) => {
            return message("Error: -c argument given but password file, username, or password missing.");
        }
        (true, false, [file, username, ..]) => (file, username, None),
        (true, false, _) => {
            return message("Error: -c argument given but password file or username missing.");
        }
        (false, true, [file, username, password]) => (file, username, secret(password)),
        (false, false, [file, username]) => (file, username, None),
        _ => return Err(PasswdRefusal::Usage),
    };
    Ok(PasswdJob::Set { create, file: file.clone(), username: username.clone(), password, hashing })
}

/// The options at the start, and what follows them.
fn parse_switches(args: &[OsString]) -> Result<(Switches, &[OsString]), PasswdRefusal> {
    let mut switches = Switches::default();
    let mut rest = args;
    while let Some((name, behind)) = rest.split_first() {
        let Some(flag) = FLAGS.iter().find(|flag| name == flag.name) else { break };
        rest = behind;
        let mut value = None;
        if flag.value.is_some() {
            let Some((first, behind)) = rest.split_first() else {
                return message(format!(
                    "Error: {} argument given but not enough other arguments.",
                    flag.name
                ));
            };
            (value, rest) = (Some(first.as_os_str()), behind);
        }
        switches.set(flag, value.unwrap_or_default())?;
    }
    Ok((switches, rest))
}

impl Switches {
    fn set(&mut self, flag: &Flag, value: &OsStr) -> Result<(), PasswdRefusal> {
        match flag.name {
            BATCH => self.batch = true,
            CREATE => self.create = true,
            DELETE => self.delete = true,
            UPDATE => self.update = true,
            SHORT_SALT => self.short_salt = true,
            ITERATIONS => match leading_number(value.as_bytes()) {
                Some(number) => self.iterations = Some(number),
                None => return message("Error: Number of iterations must be > 0."),
            },
            _ => {
                self.hash = Some(match value.as_bytes() {
                    b"argon2id" => HashKind::Argon2id,
                    b"sha512-pbkdf2" => HashKind::Sha512Pbkdf2,
                    b"sha512" => HashKind::Sha512,
                    _ => return message(format!("Error: Unknown hash type '{}'", value.to_string_lossy())),
                });
            }
        }
        Ok(())
    }

    fn hashing(&self) -> Result<Hashing, PasswdRefusal> {
        // Rounds are PBKDF2's: who counts them and names no hash means that one, as with mosquitto_passwd.
        let kind = match (self.hash, self.short_salt) {
            (Some(HashKind::Argon2id), true) => {
                return message(
                    "Error: --salt-2.0 and -H argon2id cannot be used together: mosquitto 2.0 reads sha512-pbkdf2 and sha512 only.",
                );
            }
            (Some(kind), _) => kind,
            (None, short_salt) if short_salt || self.iterations.is_some() => HashKind::Sha512Pbkdf2,
            (None, _) => HashKind::Argon2id,
        };
        Ok(Hashing { kind, iterations: self.iterations, short_salt: self.short_salt })
    }
}

/// The positive number a text starts with, as C's `atoi` reads it.
fn leading_number(text: &[u8]) -> Option<NonZeroU32> {
    let text = std::str::from_utf8(text).ok()?.trim_start();
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let number: i32 = text[..end].parse().ok()?;
    u32::try_from(number).ok().and_then(NonZeroU32::new)
}

fn message<T>(text: impl Into<String>) -> Result<T, PasswdRefusal> {
    Err(PasswdRefusal::Message(text.into()))
}

#[cfg(test)]
#[path = "passwd_tests.rs"]
mod tests;
