//! Asking for a password: from a pipe, at a terminal, and when interrupted.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use super::super::harness::{PATIENCE, foreign};
use super::desk::{Desk, FAST, program, ran};
use rustix::process::{Pid, Signal, kill_process};

const NEW: [&str; 5] = ["-H", "sha512", "-c", "f", "u"];
const ASKED: &str = "Password: \nReenter password: \n";

#[test]
fn a_pipe_answers_line_by_line() {
    for input in ["pw\npw\n", "pw\r\npw\r\n", "pw\npw", "pw\npw\nmore\n"] {
        let desk = Desk::new();
        let made = desk.feed(input, NEW);
        assert_eq!(made, ran(&format!("{ASKED}Adding password for user u\n"), "", 0), "{input:?}");
        assert!(desk.admits("f", "u", "pw"), "{input:?}");
    }
}

#[test]
fn wrong_answers_change_nothing() {
    let desk = Desk::new();
    let empty = "Error: Empty password.\n";
    for (input, expected) in [
        ("pw\nother\n", ran(ASKED, "Error: Passwords do not match.\n", 2)),
        ("\n", ran("Password: ", empty, 1)),
        ("\r\npw\n", ran("Password: ", empty, 1)),
        ("", ran("Password: ", empty, 1)),
        ("pw\n", ran("Password: \nReenter password: ", empty, 1)),
        ("pw\n\n", ran("Password: \nReenter password: ", empty, 1)),
    ] {
        assert_eq!(desk.feed(input, NEW), expected, "{input:?}");
        assert_eq!(desk.names(), [""; 0]);
        desk.write("old", "# kept\n");
        assert_eq!(desk.feed(input, ["old", "u"]), expected, "{input:?}");
        assert_eq!(desk.read("old"), "# kept\n");
        std::fs::remove_file(desk.path("old")).unwrap();
    }
}

#[test]
fn the_longest_password_can_be_typed() {
    let desk = Desk::new();
    let longest = "p".repeat(65535);
    assert_eq!(desk.feed(&format!("{longest}\n{longest}\n"), NEW).code, Some(0));
    assert!(desk.admits("f", "u", &longest));
    let too_long = format!("{longest}pppp\n");
    let refused = desk.feed(&format!("{too_long}{too_long}"), [FAST[0], FAST[1], "f", "u"]);
    assert_eq!(refused.err, "Error: Password must be less than 65536 characters long.\n");
    assert_eq!(refused.code, Some(1));
}

#[test]
fn nobody_is_asked_for_a_file_that_cannot_be_changed() {
    let desk = Desk::new();
    let message = "Error: Unable to open password file f. No such file or directory.\n";
    assert_eq!(desk.feed("pw\npw\n", ["f", "u"]), ran("", message, 1));
}

#[test]
fn a_signal_at_the_question_ends_it_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let desk = Desk::new();
        let mut command = Command::new(program());
        let mut talk = Talk::start(command.args(NEW).current_dir(desk.path("")));
        talk.wait_for("Password: ");
        kill_process(Pid::from_child(&talk.child), signal).unwrap();
        assert_eq!(talk.end().1, Some(0), "{signal:?}");
        assert_eq!(desk.names(), [""; 0]);
    }
}

#[test]
fn a_terminal_does_not_echo() {
    let Some(mut talk) = Talk::at_terminal("\"$P\" -H sha512 -c - u; stty -a") else { return };
    talk.wait_for("Password: ");
    talk.say("secret\r");
    talk.wait_for("Reenter password: ");
    talk.say("secret\r");
    let (heard, code) = talk.end();
    assert_eq!(code, Some(0), "{heard}");
    assert!(!heard.contains("secret"), "{heard}");
    assert!(heard.contains("u:$6$"), "{heard}");
    assert!(heard.contains(" echo "), "the echo is back afterwards: {heard}");
}

#[test]
fn an_interrupted_terminal_has_its_echo_back() {
    let Some(mut talk) = Talk::at_terminal("\"$P\" -c nowhere/f u; echo code=$?; stty -a") else { return };
    talk.wait_for("Password: ");
    talk.say("sec\x03");
    let (heard, _) = talk.end();
    assert!(heard.contains("code=0"), "{heard}");
    assert!(heard.contains(" echo ") && heard.contains(" icanon "), "{heard}");
    assert!(!heard.contains("sec\r") && !heard.contains("sec^"), "{heard}");
}

#[test]
fn an_empty_password_at_a_terminal_is_refused() {
    let Some(mut talk) = Talk::at_terminal("\"$P\" -c nowhere/f u; echo code=$?") else { return };
    talk.wait_for("Password: ");
    talk.say("\r");
    let (heard, _) = talk.end();
    assert!(heard.contains("Error: Empty password.\r\ncode=1"), "{heard}");
}

/// A program one talks to: what it prints is waited for, for a while.
struct Talk {
    child: Child,
    chunks: Receiver<Vec<u8>>,
    heard: String,
}

impl Talk {
    fn start(command: &mut Command) -> Talk {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("started");
        let mut stdout = child.stdout.take().expect("stdout");
        let (sender, chunks) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut chunk) {
                if sender.send(chunk[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Talk { child, chunks, heard: String::new() }
    }

    /// Runs a shell script with the program as `$P` at a terminal of its own, which `script` makes.
    fn at_terminal(shell: &str) -> Option<Talk> {
        let script = foreign("script")?;
        let mut command = Command::new(script);
        command.args(["-qefc", shell, "/dev/null"]).env("P", program()).env("SHELL", "/bin/sh");
        Some(Talk::start(&mut command))
    }

    fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.heard.ends_with(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            let chunk = self.chunks.recv_timeout(left);
            assert!(chunk.is_ok(), "no {text:?} after {:?}", self.heard);
            self.heard += &String::from_utf8_lossy(&chunk.unwrap_or_default());
        }
    }

    fn say(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("stdin");
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).expect("heard");
    }

    /// Everything it has printed, and its exit code.
    fn end(mut self) -> (String, Option<i32>) {
        // stdin stays open: its end would be an answer too.
        let deadline = Instant::now() + PATIENCE;
        while let Ok(chunk) = self.chunks.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.heard += &String::from_utf8_lossy(&chunk);
        }
        let stdin = self.child.stdin.take();
        let status = self.child.wait().expect("ended");
        drop(stdin);
        (self.heard, status.code())
    }
}
