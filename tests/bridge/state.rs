//! Whether a bridge is connected: what both brokers are told, and what the log says when the remote one is away or
//! doesn't want it.

use std::path::Path;

use super::super::harness::{Broker, Kind, Tool, free_port, until};
use super::{OPEN, each_remote, lines, publish, subscriber};

/// Only what isn't for debugging.
const QUIET: &str =
    "log_type none\nlog_type error\nlog_type warning\nlog_type notice\nlog_type information\n";
const STATE: &str = "$SYS/broker/connection/br/state";

/// Lines of the log that speak of bridges, without their time.
fn said(broker: &Broker) -> Vec<String> {
    let log = broker.log();
    let words = log.lines().filter_map(|line| line.split_once(": ")).map(|(_, words)| words);
    words
        .filter(|line| {
            ["ridge b", "Connection Refused", "creating bridge"].iter().any(|part| line.contains(part))
        })
        .map(str::to_owned)
        .collect()
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn each_side_is_told_as_often_as_it_changes() {
    for kind in [Kind::Mosquitto, Kind::Ours] {
        let port = free_port();
        let Some(remote) = Broker::at(kind, port, OPEN) else { continue };
        let there = subscriber(&remote, "there", &["-t", STATE, "-F", "%r%p"]);
        let here = Broker::with(Kind::Ours, &format!("{QUIET}{}", lines(port, "topic a/# out 1\n"))).unwrap();
        here.await_log("Bridge b connected to");
        let sub = here.tool("mqtt-sub").args(["-t", STATE, "-F", "%p"]).start();
        sub.await_stdout("1\n");
        there.await_stdout("01\n");
        remote.tool("mqtt-sub").args(["-t", STATE, "-C", "1", "-F", "%r%p"]).run().prints("11\n");
        remote.stop();
        sub.await_stdout("1\n0\n");
        // It is tried again and again, which is said once.
        here.await_log("Error creating bridge: Connection refused.");
        let remote = Broker::at(kind, port, OPEN).unwrap();
        sub.await_stdout("1\n0\n1\n");
        // The remote broker finds out by the Will.
        let there = subscriber(&remote, "there", &["-t", STATE, "-F", "%p"]);
        there.await_stdout("1\n");
        let log = said(&here);
        drop(here);
        there.await_stdout("1\n0\n");
        let address = format!("127.0.0.1:{port}");
        for (line, times) in [
            ("Error creating bridge: Connection refused.".to_owned(), 1),
            (format!("Bridge b connected to {address}."), 2),
            (format!("Bridge b has lost its connection to {address}: "), 1),
        ] {
            let seen = log.iter().filter(|said| said.starts_with(&line)).count();
            assert_eq!(seen, times, "{line}: {log:#?}");
        }
    }
}

#[test]
fn a_broker_that_stops_says_so() {
    each_remote(|remote| {
        let there = subscriber(remote, "there", &["-t", STATE, "-F", "%p"]);
        let here = super::bridged(remote, "topic a/# out 1\n");
        there.await_stdout("1\n");
        here.stop();
        there.await_stdout("1\n0\n");
        remote.await_log("Received DISCONNECT from br");
    });
}

#[test]
fn notifications_are_where_they_are_wanted() {
    each_remote(|remote| {
        let bridge = |name: &str, more: &str| {
            format!(
                "connection {name}\naddress 127.0.0.1:{}\nremote_clientid {name}\ntopic {name}/# out 1\n{more}",
                remote.port
            )
        };
        let there = subscriber(remote, "there", &["-t", "$SYS/broker/connection/#", "-t", "#", "-q", "1"]);
        let lines = [
            bridge("none", "notifications false\n"),
            bridge("local", "notifications_local_only true\n"),
            bridge("named", "notification_topic bridges/named\n"),
            bridge("usual", ""),
        ];
        let here = Broker::with(Kind::Ours, &format!("{OPEN}{}", lines.concat())).unwrap();
        for name in ["none", "local", "named", "usual"] {
            here.await_log(&format!("Bridge {name} connected to"));
            publish(&here, &format!("{name}/x"), "x", &["-q", "1"]);
            there.await_stdout(&format!("{name}/x x\n"));
        }
        there.await_stdout("bridges/named 1\n");
        there.await_stdout("$SYS/broker/connection/usual/state 1\n");
        let out = there.stdout();
        assert!(!out.contains("connection/none") && !out.contains("connection/local"), "{out}");
        assert!(!out.contains("connection/named"), "{out}");
        let sub = subscriber(&here, "sub", &["-t", "$SYS/broker/connection/#", "-t", "bridges/#"]);
        sub.await_stdout("$SYS/broker/connection/local/state 1\n");
        sub.await_stdout("$SYS/broker/connection/usual/state 1\n");
        sub.await_stdout("bridges/named 1\n");
        assert_eq!(sub.stdout().lines().count(), 3, "{}", sub.stdout());
    });
}

/// A password file with the user `u` and the password `right`. Debian's mosquitto doesn't read the salts of 2.1, nor
/// ours: its own program makes it.
fn passwords(folder: &tempfile::TempDir, kind: Kind) -> Option<String> {
    let file = folder.path().join("passwords").display().to_string();
    let program = Path::new(match kind {
        Kind::Ours => env!("CARGO_BIN_EXE_mqtt-passwd"),
        Kind::Mosquitto => "/usr/bin/mosquitto_passwd",
    });
    if !program.exists() {
        crate::harness::passed_over(format_args!("{} is not installed", program.display()));
        return None;
    }
    let made = Tool::new(program).args(["-c", "-b", &file, "u", "right"]).run();
    assert_eq!(made.code, 0, "{made:?}");
    Some(file)
}

#[test]
fn a_bridge_that_is_refused_says_so_once_and_comes_back() {
    std::thread::scope(|scope| {
        for kind in [Kind::Mosquitto, Kind::Ours] {
            for version in ["mqttv311", "mqttv50"] {
                scope.spawn(move || is_refused_says_so_once_and_comes_back(kind, version));
            }
        }
    });
}

fn is_refused_says_so_once_and_comes_back(kind: Kind, version: &str) {
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = passwords(&folder, kind) else { return };
    let locked = format!("allow_anonymous false\npassword_file {file}\n");
    let Some(remote) = Broker::with(kind, &locked) else { return };
    let with = |password: &str| {
        format!(
            "{QUIET}{}",
            lines(
                remote.port,
                &format!(
                    "topic a/# out 1\nremote_username u\nremote_password {password}\n\
                             bridge_protocol_version {version}\nbridge_session_expiry_interval 100\n"
                )
            )
        )
    };
    let here = Broker::with(Kind::Ours, &with("wrong")).unwrap();
    let refused = || count(&remote.log(), "Sending CONNACK to ").max(count(&remote.log(), "not authorised."));
    until("three attempts", || (refused() >= 3).then_some(()));
    let log = said(&here);
    let refusal = log.iter().filter(|line| line.starts_with("Connection Refused: ")).collect::<Vec<_>>();
    assert_eq!(refusal.len(), 1, "{log:#?}");
    assert!(refusal[0].to_lowercase().contains("not authori"), "{refusal:?}");
    assert_eq!(count(&here.log(), "Connecting bridge b "), 1, "{}", here.log());
    assert_eq!(count(&here.log(), "next backoff"), 1, "{}", here.log());
    assert!(!here.log().contains("wrong"), "the password is nobody's business");
    let state = here.tool("mqtt-sub").args(["-t", STATE, "-C", "1"]).run();
    state.prints("0\n");
    // With the right one it is let in.
    here.reload(&with("right"));
    here.await_log("Bridge b connected to");
}
