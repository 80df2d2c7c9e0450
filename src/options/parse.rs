//! From the command line to what was typed: options file first, then the arguments, left to right.
//!
//! The grammar is mosquitto's, not clap's: a token is exactly one of the names declared, whatever follows an
//! option that takes a value is its value, and the first mistake ends the reading.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use zeroize::Zeroizing;

use super::complaint::{After, Complaint, Halt};
use super::flag::{Flag, Given};
use super::general::OPTIONS_FILE;
use super::job::{ControlJob, PublishJob, RequestJob, SubscribeJob};
use super::meant;
use super::options_file;
use super::program::Program;
use super::raw::Raw;
use super::resolve;
use super::surroundings::Surroundings;

/// Why there is no job: what to print, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// For standard output (`--help`, `--version`).
    pub stdout: String,
    /// For standard error.
    pub stderr: String,
    /// The exit code; mosquitto's clients have 1 for all of these.
    pub exit_code: u8,
}

/// The job of mqtt-pub. `arguments` starts with the name the program was called by.
///
/// # Errors
/// What is wrong, in mosquitto's words; also for `--help` and `--version`.
pub fn publish_job(arguments: &[OsString], from: &Surroundings<'_>) -> Result<PublishJob, Stop> {
    job(Program::Publish, arguments, from, resolve::publish)
}

/// The job of mqtt-sub, like [`publish_job`].
///
/// # Errors
/// As [`publish_job`].
pub fn subscribe_job(arguments: &[OsString], from: &Surroundings<'_>) -> Result<SubscribeJob, Stop> {
    job(Program::Subscribe, arguments, from, resolve::subscribe)
}

/// The job of mqtt-rr, like [`publish_job`].
///
/// # Errors
/// As [`publish_job`].
pub fn request_job(arguments: &[OsString], from: &Surroundings<'_>) -> Result<RequestJob, Stop> {
    job(Program::Request, arguments, from, resolve::request)
}

/// The job of mqtt-ctrl, like [`publish_job`].
///
/// # Errors
/// As [`publish_job`].
pub fn control_job(arguments: &[OsString], from: &Surroundings<'_>) -> Result<ControlJob, Stop> {
    job(Program::Control, arguments, from, resolve::control)
}

type Resolve<J> = fn(Raw, &'static str, &Surroundings<'_>) -> Result<J, Halt>;

fn job<J>(
    program: Program,
    arguments: &[OsString],
    from: &Surroundings<'_>,
    resolve: Resolve<J>,
) -> Result<J, Stop> {
    let name = program.name_called(arguments.first().map(OsString::as_os_str));
    let flags = program.flags();
    let mut raw = Raw::default();
    let arguments = arguments.get(1..).unwrap_or_default();
    let mut place = None;
    read_options_file(flags, program, name, arguments, from, &mut raw, &mut place)
        .and_then(|()| {
            place = None;
            read_tokens(flags, program, name, arguments, false, &mut raw)
        })
        .and_then(|()| resolve(raw, name, from))
        .map_err(|halt| stop(program, name, &halt, place.as_deref()))
}

/// Reads tokens left to right.
fn read_tokens(
    flags: &[Flag],
    program: Program,
    name: &'static str,
    tokens: &[OsString],
    in_file: bool,
    raw: &mut Raw,
) -> Result<(), Halt> {
    let mut rest = tokens;
    while let Some((token, behind)) = rest.split_first() {
        if program.takes_command() && !in_file && !token.as_encoded_bytes().starts_with(b"-") {
            raw.command = rest.to_vec();
            break;
        }
        let Some(flag) = flags.iter().find(|flag| flag.is(token)) else {
            return Err(Complaint::UnknownOption(token.to_string_lossy().into_owned()).into());
        };
        let Some((values, behind)) = behind.split_at_checked(flag.values(behind)) else {
            return Err(flag.value_missing());
        };
        let value = values.first().map_or(OsStr::new(""), OsString::as_os_str);
        flag.store(raw, &Given { program, name, token, value, values, in_file })?;
        rest = behind;
    }
    Ok(())
}

/// Reads the file of `-o`, or the default one if there is one. `place` says where a mistake was met.
fn read_options_file(
    flags: &[Flag],
    program: Program,
    name: &'static str,
    arguments: &[OsString],
    from: &Surroundings<'_>,
    raw: &mut Raw,
    place: &mut Option<String>,
) -> Result<(), Halt> {
    let (path, text) = match options_file_argument(flags, program, arguments)? {
        Some(file) => {
            let text =
                (from.read_file)(Path::new(file)).map_err(|error| Complaint::OptionsFileUnreadable {
                    file: file.to_string_lossy().into_owned(),
                    why: reason(&error),
                })?;
            (file.into(), text)
        }
        None => {
            let candidates = from.default_options_files(program);
            let found = candidates.into_iter().find_map(|path| Some(((from.read_file)(&path).ok()?, path)));
            let Some((text, path)) = found else { return Ok(()) };
            (path, text)
        }
    };
    // It may hold a password.
    let text = Zeroizing::new(text);
    for line in options_file::lines(&text) {
        *place = Some(format!("{}:{}", path.display(), line.number));
        read_tokens(flags, program, name, &line.tokens, true, raw)?;
    }
    Ok(())
}

/// The value of `-o`, looked for before anything else is judged.
fn options_file_argument<'a>(
    flags: &[Flag],
    program: Program,
    arguments: &'a [OsString],
) -> Result<Option<&'a OsString>, Halt> {
    let mut found = None;
    let mut rest = arguments;
    while let Some((token, behind)) = rest.split_first() {
        let flag = flags.iter().find(|flag| flag.is(token));
        if flag.is_none() && program.takes_command() {
            break;
        }
        let values = flag.map_or(0, |flag| flag.values(behind));
        if let Some(flag) = flag.filter(|flag| flag.arg.id() == OPTIONS_FILE) {
            if found.is_some() {
                return Err(Complaint::DuplicateOptionsFile.into());
            }
            found = Some(behind.first().ok_or_else(|| flag.value_missing())?);
        }
        rest = behind.get(values..).unwrap_or_default();
    }
    Ok(found)
}

/// The operating system's words for an error, without Rust's number behind them.
pub(super) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn stop(program: Program, name: &'static str, halt: &Halt, place: Option<&str>) -> Stop {
    let mut stop = Stop { stdout: String::new(), stderr: String::new(), exit_code: 1 };
    let complaint = match halt {
        Halt::Help => {
            stop.stdout = program.help(name);
            return stop;
        }
        Halt::Version => {
            stop.stdout = format!("{}\n", program.version_line(name));
            return stop;
        }
        Halt::Complaint(complaint) => complaint,
    };
    let ours = name == program.own_name();
    stop.stderr = format!("{}\n", complaint.text());
    if let (Complaint::UnknownOption(token), true) = (complaint, ours) {
        stop.stderr += &meant::advice(program.flags(), token).map(|line| line + "\n").unwrap_or_default();
    }
    if let Some(place) = place {
        stop.stderr += &format!("Found in {place}\n");
    }
    let hint = format!("\nUse '{name} --help' to see usage.\n");
    match complaint.after() {
        After::Hint => stop.stderr += &hint,
        After::BlankAndHint => stop.stderr += &format!("\n{hint}"),
        // Whoever sees it at a terminal would no longer see what is wrong.
        After::Usage if ours => stop.stderr += &hint,
        After::Usage => stop.stdout = program.help(name),
        After::Nothing => (),
    }
    stop
}

#[cfg(test)]
mod tests;
