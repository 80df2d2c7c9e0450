//! Running scripts with either set of clients, several at a time, and comparing what came of it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use tempfile::TempDir;

use super::super::harness::{Broker, Kind, Outcome, Running, Tool, ours, state, until};
use super::case::{Case, words};

/// Cases that run at a time.
const WORKERS: usize = 4;

/// Sentences that 2.1 writes otherwise than 2.0.
const NEW_WORDS: &[(&str, &str)] = &[
    ("Error: The connection was lost.\n", "Error: The connection was lost\n"),
    ("Error: The connection was refused.\n", "Error: The connection was refused\n"),
    ("when communicating with the broker.\n", "when communicating with the broker\n"),
    ("Unable to connect (Lookup error.).\n", "Unable to connect (Lookup error).\n"),
    ("Unable to connect (Invalid arguments provided.).\n", "Unable to connect (Invalid input).\n"),
    (
        "Unable to connect (This feature is not supported.).\n",
        "Unable to connect (This feature is not supported).\n",
    ),
    ("Error: Unknown error.\n", "Error: Unknown error\n"),
    ("Error: unsupported URL scheme", "Error: Unsupported URL scheme"),
    (": not authorised.\n", ": not authorised\n"),
    ("Client (null) ", "Client null "),
    ("Client null received CONNACK", "Client (null) received CONNACK"),
];

/// One set of clients and a broker for them.
struct Side {
    broker: Broker,
    programs: PathBuf,
}

/// Runs all cases with both sets of clients, each against its own broker of the same kind.
pub fn compare(kind: Kind, configuration: &str, cases: Vec<Case>) {
    let Some(theirs) = their_programs() else { return };
    let start = || Broker::with(kind, &format!("allow_anonymous true\n{configuration}"));
    let (Some(first), Some(second)) = (start(), start()) else { return };
    let theirs = Side { broker: first, programs: theirs };
    let ours = Side { broker: second, programs: our_programs().to_owned() };
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((number, case)) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .and_then(|number| Some((number, cases.get(number)?)))
                {
                    if let Some(difference) = difference_that_stays(case, number, &ours, &theirs) {
                        wrong.lock().unwrap().push(difference);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} differ\n\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// What differs in one case. Whoever is given a second has seen less on a machine that stood still: that is tried again,
/// under another name.
fn difference_that_stays(case: &Case, number: usize, ours: &Side, theirs: &Side) -> Option<String> {
    let times = if case.script.contains(" -W ") { 3 } else { 1 };
    let mut found = None;
    for time in 0..times {
        found = Some(difference(case, number + time * 1000, ours, theirs)?);
    }
    found
}

/// What differs in one case.
fn difference(case: &Case, number: usize, ours: &Side, theirs: &Side) -> Option<String> {
    let (mine, mut wanted) = std::thread::scope(|scope| {
        let mine = scope.spawn(|| run(case, number, ours));
        let wanted = run(case, number, theirs);
        (mine.join().unwrap(), wanted)
    });
    if let Some(instead) = &case.instead {
        let theirs = wanted.last().cloned();
        let expected = Outcome {
            code: instead.code,
            stdout: instead.stdout.replace("{c}", &name(number)),
            stderr: instead.stderr.replace("{c}", &name(number)),
        };
        if theirs.as_ref() == Some(&expected) {
            return Some(format!("{}\n  mosquitto does the same: no '{}'\n", case.script, instead.why));
        }
        *wanted.last_mut().unwrap() = expected;
    }
    (mine != wanted).then(|| {
        let of = |outcomes: &[Outcome]| {
            outcomes.iter().map(|outcome| format!("\n    {outcome:?}")).collect::<String>()
        };
        format!("{}\n  ours  {}\n  wanted{}\n", case.script, of(&mine), of(&wanted))
    })
}

/// The name that stands for `{c}`.
fn name(number: usize) -> String {
    format!("c{number:03}")
}

/// A case in progress.
struct Run<'a> {
    side: &'a Side,
    name: String,
    folder: TempDir,
    variables: Vec<(String, String)>,
    /// Clients that run beside the script.
    running: Vec<Running>,
    outcomes: Vec<Outcome>,
}

fn run(case: &Case, number: usize, side: &Side) -> Vec<Outcome> {
    let folder = tempfile::tempdir().unwrap();
    let (running, outcomes, variables) = (Vec::new(), Vec::new(), Vec::new());
    let mut run = Run { side, name: name(number), folder, variables, running, outcomes };
    for line in case.script.lines() {
        run.line(line.trim_start());
    }
    for running in std::mem::take(&mut run.running) {
        run.outcomes.push(running.wait());
    }
    let place = run.folder.path().to_str().unwrap();
    for outcome in &mut run.outcomes {
        for text in [&mut outcome.stdout, &mut outcome.stderr] {
            *text = text.replace(place, "{d}");
            for (old, new) in NEW_WORDS {
                *text = text.replace(old, new);
            }
            // Whoever asks for help gets their own.
            if let Some(at) = text.find("\nUsage: mosquitto_") {
                text.truncate(at);
                *text = "(usage)\n".to_owned();
            }
            if case.json {
                *text = same_time(&new_json(text));
            }
            if case.masked {
                *text = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
            }
        }
    }
    run.outcomes
}

impl Run<'_> {
    fn line(&mut self, line: &str) {
        let (command, input) = match line.split_once(" << ") {
            Some((command, input)) => (command, input.replace("\\n", "\n")),
            None => (line, String::new()),
        };
        let words: Vec<OsString> = words(command).iter().map(|word| self.fill(word)).collect();
        let texts: Vec<&str> = words.iter().map(|word| word.to_str().unwrap_or("?")).collect();
        match texts.as_slice() {
            ["bare", ..] => self.outcomes.push(self.tool(&words[1..], false).run_with(input.as_bytes())),
            ["&", ..] => {
                let id = texts.iter().position(|word| *word == "-i").expect("-i");
                let id = texts[id + 1].to_owned();
                self.running.push(self.tool(&words[1..], true).start());
                self.side.broker.await_subscribed(&id);
            }
            ["int"] => self.signal("-INT"),
            ["term"] => self.signal("-TERM"),
            ["file", name] => {
                let path = self.folder.path().join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, self.fill(&input).into_vec()).unwrap();
            }
            ["env", name, value] => self.variables.push(((*name).to_owned(), (*value).to_owned())),
            _ => self.outcomes.push(self.tool(&words, true).run_with(input.as_bytes())),
        }
    }

    /// Signals the client started last, when it has done what there was to do: mosquitto_sub's handler prints and
    /// disconnects, and hangs for ever when it comes upon a lock that the program itself holds at that moment.
    fn signal(&self, signal: &str) {
        let client = self.running.last().unwrap();
        // The broker logs its SUBACK before it sends it. Once it sleeps, the client has it or is about to run.
        await_asleep(self.side.broker.id());
        await_asleep(client.id());
        client.signal(signal);
    }

    /// A client with its arguments.
    fn tool(&self, words: &[OsString], with_address: bool) -> Tool {
        let program = self.side.programs.join(format!("mosquitto_{}", words[0].to_str().unwrap()));
        assert!(program.exists(), "{} is no client", program.display());
        let tool = if with_address { self.side.broker.run(&program) } else { Tool::new(&program) };
        let tool = self.variables.iter().fold(tool, |tool, (name, value)| tool.env(name, value));
        tool.args(&words[1..])
    }

    /// A word with what its place-holders stand for.
    fn fill(&self, word: &str) -> OsString {
        let filled = word
            .replace("{c}", &self.name)
            .replace("{d}", self.folder.path().to_str().unwrap())
            .replace("{p}", &self.side.broker.port.to_string());
        let mut bytes = Vec::new();
        for (index, part) in filled.split("{bad}").enumerate() {
            if index > 0 {
                bytes.push(0xFF);
            }
            bytes.extend_from_slice(part.as_bytes());
        }
        OsString::from_vec(bytes)
    }
}

/// Waits until a program has nothing to do.
fn await_asleep(id: u32) {
    until("a program that waits", || {
        // Ended already: that is for the comparison to say.
        matches!(state(id), Some('S' | 'Z')).then_some(())
    });
}

/// Times and the retain flag as 2.1 writes them.
fn new_json(text: &str) -> String {
    let mut text = text.replace("Z+", "+");
    for (digit, word) in [("0", "false"), ("1", "true")] {
        for space in ["", "\t"] {
            text = text.replace(&format!("\"retain\":{space}{digit}"), &format!("\"retain\":{space}{word}"));
        }
    }
    text
}

/// The message's time with nines for digits.
fn same_time(text: &str) -> String {
    let Some((before, rest)) = text.split_once("\"tst\":") else { return text.to_owned() };
    let (time, behind) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
    let time: String = time.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    format!("{before}\"tst\":{time}{behind}")
}

/// A folder with our programs under mosquitto's names.
pub fn our_programs() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for name in ["pub", "sub", "rr"] {
            symlink(ours(&format!("mqtt-{name}")), folder.path().join(format!("mosquitto_{name}"))).unwrap();
        }
        folder
    });
    folder.path()
}

/// The folder of mosquitto's own clients.
pub fn their_programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).find(|folder| folder.join("mosquitto_rr").is_file());
    if found.is_none() {
        crate::harness::passed_over("mosquitto's clients are not installed: nothing is compared");
    }
    found
}
