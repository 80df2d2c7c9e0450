//! For people: packet traces, colours, payloads that a terminal doesn't act on.

use std::path::Path;

use super::super::harness::{Broker, Kind, Running, Tool};
use super::each;

/// Runs a program at a terminal of its own. `None`: script isn't installed.
pub(super) fn at_terminal(tool: &Tool, variables: &[(&str, &str)]) -> Option<Running> {
    at_terminal_of(&tool.line(), variables)
}

/// Runs a shell's command at a terminal of its own. `None`: script isn't installed.
pub(super) fn at_terminal_of(command: &str, variables: &[(&str, &str)]) -> Option<Running> {
    let script = Path::new("/usr/bin/script");
    if !script.exists() {
        crate::harness::passed_over("script is not installed: what is printed at a terminal is not tested");
        return None;
    }
    let mut script = Tool::new(script).args(["-qec", command, "/dev/null"]);
    script = script.env("PATH", "/usr/bin:/bin").env("TERM", "xterm");
    Some(variables.iter().fold(script, |script, (name, value)| script.env(name, value)).start())
}

#[test]
fn topics_stand_in_a_column_and_payloads_do_no_harm() {
    let broker = Broker::start(Kind::Ours).unwrap();
    let lines = "a/long\tx\u{1b}[2Jy\na\tz\n";
    let publish = || {
        let publisher = broker.tool("mqtt-pub").args(["-q", "1", "-l", "--line-format", "topic<TAB>payload"]);
        publisher.run_with(lines.as_bytes()).prints("");
    };
    for (id, flags, variables, printed) in [
        ("t1", &[][..], &[][..], "\u{1b}[36ma/long\u{1b}[0m x\\x1b[2Jy\r\n\u{1b}[36ma\u{1b}[0m      z\r\n"),
        ("t2", &[], &[("NO_COLOR", "1")], "a/long x\\x1b[2Jy\r\na      z\r\n"),
        ("t3", &["--color", "never"], &[], "a/long x\\x1b[2Jy\r\na      z\r\n"),
        ("t4", &["-F", "%p"], &[], "x\u{1b}[2Jy\r\nz\r\n"),
    ] {
        let sub =
            broker.tool("mqtt-sub").args(["-i", id, "-q", "1", "-t", "a/#", "-v", "-C", "2"]).args(flags);
        let Some(terminal) = at_terminal(&sub, variables) else { return };
        broker.await_subscribed(id);
        publish();
        assert_eq!(terminal.wait().stdout, printed, "{id}");
    }
}

#[test]
fn into_a_pipe_nothing_changes_unless_colour_is_asked_for() {
    each(|broker| {
        let bin = super::super::harness::ours("mqtt-pub");
        let path = format!("{}:/usr/bin:/bin", bin.parent().unwrap().display());
        let sub = broker.tool("mqtt-sub").args(["-q", "1", "-t", "a", "-v", "-C", "1"]).env("PATH", path);
        let sub = sub.args(["--exec-after-sub", "printf '\\033[2J' | mqtt-pub -q 1 -t a -s"]);
        sub.clone().run().prints("a \u{1b}[2J\n");
        sub.args(["--color", "always"]).run().prints("\u{1b}[36ma\u{1b}[0m \u{1b}[2J\n");
    });
}

#[test]
fn hints_are_for_people_only() {
    let port = super::super::harness::free_port().to_string();
    let publish = Tool::new(&super::super::harness::ours("mqtt-pub")).args([
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-t",
        "a",
        "-m",
        "x",
    ]);
    publish.clone().run().ends(1, "", "Error: Connection refused\n");
    let Some(terminal) = at_terminal(&publish, &[]) else { return };
    let said = terminal.wait();
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stdout.starts_with("Error: Connection refused\r\nNothing listens there"), "{said:?}");
}

#[test]
fn each_packet_is_told_with_direction_and_properties() {
    each(|broker| {
        let publish =
            broker.tool("mqtt-pub").args(["-V", "5", "-i", "p", "-u", "me", "-P", "secret", "-q", "1"]);
        let publish =
            publish.args(["-t", "a/b", "-m", "hi", "-D", "publish", "user-property", "k", "v", "--trace"]);
        let ended = publish.run();
        assert_eq!((ended.code, ended.stdout.as_str()), (0, ""));
        assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
        let lines: Vec<&str> =
            ended.stderr.lines().map(|line| line.trim_start().split_once(' ').unwrap().1).collect();
        let starts = ["> CONNECT ", "< CONNACK ", "> PUBLISH ", "< PUBACK ", "> DISCONNECT "];
        assert_eq!(lines.len(), starts.len(), "{}", ended.stderr);
        for (line, start) in lines.iter().zip(starts) {
            assert!(line.starts_with(start), "{line}");
        }
        assert!(lines[0].contains("id=\"p\"") && lines[0].contains("user=\"me\" password=…"), "{}", lines[0]);
        let publish = "\"a/b\" qos=1 id=1 payload=2:\"hi\" {user-property=\"k\":\"v\"}";
        assert!(lines[2].ends_with(publish), "{}", lines[2]);
    });
}
