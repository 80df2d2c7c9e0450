//! mqtt-ctrl without a command: commands line by line, from somebody at a terminal or from a file.
//!
//! Each command is a connection of its own, as on the command line. The terminal itself lets one mend a line; there is
//! no history.

use std::io::{self, IsTerminal};

use zeroize::Zeroizing;

use super::{carry_out, prompt, say};
use crate::options::{ControlJob, Target};
use crate::tools::report::Report;

const HELP: &str = "\
dynsec COMMAND [ARGUMENT...]   A command of the module dynsec; `dynsec help` lists them.
broker COMMAND                 A command of the module broker; `broker help` lists them.
dynsec, broker                 From now on lines are commands of this module, until `return`.
auth [USERNAME]                As whom to connect; the password is asked for.
connect HOST [PORT]            Where to connect from now on.
help                           This text.
exit                           Ends it, as does the end of the input.
Words that hold spaces stand between double quotes.
";

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Nothing,
    Exit,
    Help,
    Return,
    Enter(String),
    Command(String, Vec<String>),
    Auth(Option<String>),
    Connect(String, Option<u16>),
    Wrong(String),
}

/// Reads and carries out commands until the input ends; the exit code.
pub(super) fn run(mut job: ControlJob, report: Report) -> u8 {
    let at_terminal = io::stdin().is_terminal();
    let mut module: Option<String> = None;
    loop {
        if at_terminal {
            say(&format!("{}> ", module.as_deref().unwrap_or(&job.connection.program)));
        }
        let Some(line) = read_line() else {
            if at_terminal {
                say("\n");
            }
            return 0;
        };
        match asked(&line, module.as_deref()) {
            Asked::Nothing => {}
            Asked::Exit => return 0,
            Asked::Help => drop(say(HELP)),
            Asked::Return => module = None,
            Asked::Enter(name) => module = Some(name),
            Asked::Command(name, words) => {
                job.command = words;
                // What went wrong was said.
                carry_out(&mut job, &name, report);
                job.command.iter_mut().for_each(zeroize::Zeroize::zeroize);
            }
            Asked::Auth(username) => authenticate(&mut job, username, report),
            Asked::Connect(host, port) => {
                let before = match job.connection.target {
                    Target::Tcp { port, .. } => port,
                    Target::Unix(_) => 1883,
                };
                job.connection.target = Target::Tcp { host, port: port.unwrap_or(before) };
            }
            Asked::Wrong(why) => report.line(format_args!("Error: {why}")),
        }
    }
}

/// Takes a user name and asks for its password.
fn authenticate(job: &mut ControlJob, username: Option<String>, report: Report) {
    let username = match username {
        Some(name) => Ok(name),
        None => {
            if io::stdin().is_terminal() {
                say("User name: ");
            }
            read_line().map(|line| line.trim().to_owned()).ok_or("no user name")
        }
    };
    let asked = username.and_then(|name| {
        let password =
            prompt::ask(&format!("Password for {name}: ")).map_err(|_| "no password can be read")?;
        Ok((name, password))
    });
    match asked {
        Ok((name, password)) => {
            job.connection.username = Some(name);
            job.connection.password = Some(password);
        }
        Err(why) => report.line(format_args!("Error: {why}.")),
    }
}

/// A line without its end; `None`: there are no more. Byte by byte, since what follows may be a password for somebody
/// else to read.
fn read_line() -> Option<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(4096));
    let mut byte = [0];
    loop {
        match rustix::io::read(rustix::stdio::stdin(), &mut byte) {
            Ok(0) if line.is_empty() => return None,
            Ok(0) => break,
            Ok(_) if byte == *b"\n" => break,
            Ok(_) => line.push(byte[0]),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    Some(Zeroizing::new(String::from_utf8_lossy(&line).into_owned()))
}

/// What a line means, where the module was entered or isn't.
fn asked(line: &str, module: Option<&str>) -> Asked {
    let Some(words) = split(line) else { return Asked::Wrong("A quote is not closed.".to_owned()) };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    match (module, &*words) {
        (_, []) => Asked::Nothing,
        (_, [word, ..]) if word.starts_with('#') => Asked::Nothing,
        (_, ["exit" | "quit"]) => Asked::Exit,
        (_, ["return"]) => Asked::Return,
        (_, ["auth"]) => Asked::Auth(None),
        (_, ["auth", name]) => Asked::Auth(Some((*name).to_owned())),
        (_, ["connect", host]) => Asked::Connect((*host).to_owned(), None),
        (_, ["connect", host, port]) => match port.parse() {
            Ok(port) if port > 0 => Asked::Connect((*host).to_owned(), Some(port)),
            _ => Asked::Wrong(format!("Invalid port '{port}'.")),
        },
        (None, ["help"]) => Asked::Help,
        (_, [name @ ("dynsec" | "broker")]) => Asked::Enter((*name).to_owned()),
        (_, [name @ ("dynsec" | "broker"), rest @ ..]) => Asked::Command((*name).to_owned(), owned(rest)),
        (Some(name), words) => Asked::Command(name.to_owned(), owned(words)),
        (None, [word, ..]) => Asked::Wrong(format!("Unknown command '{word}'; `help` lists what there is.")),
    }
}

/// Words between spaces; double quotes hold them together. `None`: one isn't closed.
fn split(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for character in line.chars() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' | '\t' | '\r' if !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    (!quoted).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_words() {
        let words = |line: &str| split(line);
        assert_eq!(
            words(" a  b\t\"c d\"e \"\"\r"),
            Some(vec!["a".into(), "b".into(), "c de".into(), String::new()])
        );
        assert_eq!(words(""), Some(Vec::new()));
        assert_eq!(words("a \"b"), None);
    }

    #[test]
    fn a_module_may_be_entered_and_left() {
        let command = |module: &str, words: &[&str]| {
            Asked::Command(module.to_owned(), words.iter().map(|&word| word.to_owned()).collect())
        };
        assert_eq!(asked("dynsec listClients 5", None), command("dynsec", &["listClients", "5"]));
        assert_eq!(asked("dynsec", None), Asked::Enter("dynsec".into()));
        assert_eq!(asked("listClients", Some("dynsec")), command("dynsec", &["listClients"]));
        assert_eq!(asked("help", Some("dynsec")), command("dynsec", &["help"]));
        assert_eq!(asked("help", None), Asked::Help);
        assert_eq!(asked("broker listPlugins", Some("dynsec")), command("broker", &["listPlugins"]));
        assert_eq!(asked("return", Some("dynsec")), Asked::Return);
        assert_eq!(asked("connect h 1", None), Asked::Connect("h".into(), Some(1)));
        assert_eq!(asked(" # comment", None), Asked::Nothing);
        for wrong in ["listClients", "connect h 0", "connect h 70000", "dynsec \""] {
            assert!(matches!(asked(wrong, None), Asked::Wrong(_)), "{wrong}");
        }
    }
}
