//! `mqtt-sub --top`: the table as a terminal gets it, and how it ends.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;

use rustix::termios::{Winsize, tcsetwinsize};

use super::super::harness::{Broker, Kind, Running, until};
use super::terminal::{at_terminal, at_terminal_of};

/// mqtt-sub with a table of all topics, at a terminal, once it is subscribed.
fn table(broker: &Broker, id: &str, more: &[&str]) -> Option<Running> {
    let terminal = begun(broker, id, more)?;
    broker.await_subscribed(id);
    Some(terminal)
}

/// The same, from its start.
fn begun(broker: &Broker, id: &str, more: &[&str]) -> Option<Running> {
    let sub = broker.tool("mqtt-sub").args(["-i", id, "-q", "1", "-t", "a/#", "--top"]).args(more);
    // In place of the shell, which would have something to say of Ctrl-C itself.
    at_terminal_of(&format!("exec {}", sub.line()), &[("NO_COLOR", "1")])
}

fn publish(broker: &Broker, lines: &str) {
    let publisher = broker.tool("mqtt-pub").args(["-q", "1", "-l", "--line-format", "topic<TAB>payload"]);
    publisher.run_with(lines.as_bytes()).prints("");
}

/// The lines of the last frame, and what stands behind them.
fn last_frame(printed: &str) -> Vec<&str> {
    printed.rsplit(FRAME).next().unwrap().split("\u{1b}[K\r\r\n").collect()
}

/// What begins a frame: the cursor goes to the upper left.
const FRAME: &str = "\u{1b}[H";
/// What ends a frame: all below is cleared, lines wrap again, the cursor is back.
const END: &str = "\u{1b}[J\u{1b}[?7h\u{1b}[?25h";

#[test]
fn a_table_of_topics_is_drawn_in_place() {
    let broker = Broker::start(Kind::Ours).unwrap();
    let sub = broker.tool("mqtt-sub").args(["-i", "top", "-q", "1", "-t", "a/#", "--top"]);
    sub.clone().run().ends(1, "", "Error: --top is for a terminal, and standard output is none.\n");
    for other in [&["-v"][..], &["--pretty"], &["-w"], &["-F", "%p"], &["-N"], &["-d"]] {
        let refused = sub.clone().args(other).run();
        assert_eq!(refused.code, 1, "{other:?}");
        assert!(refused.stderr.starts_with("Error: --top draws a table; "), "{other:?}: {refused:?}");
    }
    let Some(terminal) = table(&broker, "top", &["-C", "3"]) else { return };
    publish(&broker, "a/1\tx\na/2\ty\x1b[2J\na/1\tz\n");
    let ended = terminal.wait();
    assert_eq!(ended.code, 0, "{ended:?}");
    let lines = last_frame(&ended.stdout);
    assert!(lines[0].contains(": 2 topics, 3 messages, "), "{lines:?}");
    assert!(lines[2].starts_with("      2 ") && lines[2].ends_with(" a/1 z"), "{lines:?}");
    assert!(lines[3].starts_with("      1 ") && lines[3].ends_with(" a/2 y\\x1b[2J"), "{lines:?}");
    assert_eq!(lines[4], END, "the cursor is back, below the last frame");
}

#[test]
fn a_table_ends_with_the_keys_and_with_its_time() {
    let broker = Broker::start(Kind::Ours).unwrap();
    let Some(mut terminal) = table(&broker, "keys", &[]) else { return };
    publish(&broker, "a/1\tx\n");
    terminal.await_stdout(" a/1 x");
    // What the terminal makes of Ctrl-C is a signal.
    terminal.write(b"\x03");
    let ended = terminal.wait();
    assert_eq!(ended.code, 0, "as without --top: {ended:?}");
    assert!(ended.stdout.contains(END), "{ended:?}");

    // On a slow machine the time may be over before it is subscribed, and no frame drawn.
    let Some(terminal) = begun(&broker, "time", &["-W", "1"]) else { return };
    let ended = terminal.wait();
    assert_eq!(ended.code, 27, "{ended:?}");
    let end = if ended.stdout.contains(FRAME) { END } else { "" };
    assert_eq!(last_frame(&ended.stdout).last().unwrap(), &format!("{end}Timed out\r\n"), "{ended:?}");
}

#[test]
fn a_dumb_terminal_gets_no_table() {
    let broker = Broker::start(Kind::Ours).unwrap();
    let sub = broker.tool("mqtt-sub").args(["-t", "a/#", "--top"]);
    let Some(terminal) = at_terminal(&sub, &[("TERM", "dumb")]) else { return };
    let ended = terminal.wait();
    assert_eq!(ended.stdout, "Error: --top is for a terminal, and TERM says that this one is dumb.\r\n");
    assert_eq!(ended.code, 1);
}

#[test]
fn packets_told_of_elsewhere_leave_the_table_alone() {
    let broker = Broker::start(Kind::Ours).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let sub =
        broker.tool("mqtt-sub").args(["-i", "told", "-q", "1", "-t", "a/#", "--top", "--trace", "-C", "1"]);
    let line = format!("{} 2>{}", sub.line(), trace.display());
    let Some(terminal) = at_terminal_of(&line, &[("NO_COLOR", "1")]) else { return };
    broker.await_subscribed("told");
    publish(&broker, "a/1\tx\n");
    let ended = terminal.wait();
    assert!(last_frame(&ended.stdout)[2].ends_with(" a/1 x"), "{ended:?}");
    assert!(!ended.stdout.contains("PUBLISH"), "{ended:?}");
    assert!(std::fs::read_to_string(trace).unwrap().contains("PUBLISH"));
}

#[test]
fn a_frame_has_the_size_that_the_terminal_has_by_then() {
    let broker = Broker::start(Kind::Ours).unwrap();
    let Some(mut terminal) = table(&broker, "size", &[]) else { return };
    publish(&broker, "a/日本語日本語日本語日本語\tpayload\na/2\tx\na/3\ty\n");
    terminal.await_stdout("3 messages");
    let seen = terminal.stdout().len();
    resize(&terminal, 30, 5);
    // A frame comes at least once a second.
    let frames = until("a smaller frame", || {
        let text = terminal.stdout()[seen..].to_owned();
        text.split_once("… and 2 more topics").is_some_and(|(_, rest)| rest.contains(END)).then_some(text)
    });
    let whole = &frames[..frames.rfind(END).unwrap() + END.len()];
    let lines = last_frame(whole);
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(lines[..4].iter().all(|line| line.chars().count() <= 30), "{lines:?}");
    terminal.write(b"\x03");
    assert_eq!(terminal.wait().code, 0);
}

/// Gives the terminal of a program that runs at one another size.
fn resize(terminal: &Running, columns: u16, rows: u16) {
    let children = format!("/proc/{0}/task/{0}/children", terminal.id());
    let shell = std::fs::read_to_string(children).unwrap();
    let first = shell.split_whitespace().next().unwrap();
    let path = format!("/proc/{first}/fd/1");
    // Not to become ours.
    let tty = OpenOptions::new().read(true).custom_flags(libc::O_NOCTTY).open(path).unwrap();
    tcsetwinsize(&tty, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
}
