//! ACL files with the real program and the real clients.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod harness;

use std::process::{Command, Output};

use harness::raw_client::{RawClient, plain_connect};
use harness::{Broker, ours};
use mqtt_toolkit::protocol::{Connect, QoS, Version};

const ACL: &str = "\
topic read public/#
user alice
topic readwrite a/#
topic deny a/secret
pattern readwrite own/%u/#
";

/// Everybody may come, and do what the file says.
fn broker(acl: &str) -> Broker {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acl");
    std::fs::write(&file, acl).unwrap();
    // The file is read at the start and not again.
    Broker::configured(&format!("allow_anonymous true\nacl_file {}\n", file.display()))
}

fn sh(broker: &Broker, script: &str) -> Output {
    let program = ours("mqtt-sub");
    let programs = program.parent().unwrap();
    Command::new("timeout")
        .args(["100", "sh", "-c", script])
        .env("PATH", format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()))
        .env("MQTT_HOST", "127.0.0.1")
        .env("MQTT_PORT", broker.port.to_string())
        .output()
        .unwrap()
}

/// What a subscriber of everything gets as `user` (retained) after everything was published by somebody else.
fn readable(broker: &Broker, user: &str) -> Vec<String> {
    readable_as(broker, user, "reader")
}

fn readable_as(broker: &Broker, user: &str, client_id: &str) -> Vec<String> {
    let connect =
        Connect { username: (!user.is_empty()).then_some(user), ..plain_connect(Version::V311, client_id) };
    let mut client = RawClient::connect_with(broker.address(), &connect);
    client.subscribe("#", QoS::AtMostOnce);
    client.ping();
    // What was there has come by now; the messages end with the connection.
    client.send(&[0xE0, 0]);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let mut lines: Vec<String> = std::iter::from_fn(|| client.message())
        .map(|message| format!("{} {}", message.topic, text(message.payload)))
        .collect();
    lines.sort();
    lines
}

#[test]
fn publishing_and_receiving_follow_the_file() {
    let broker = broker(ACL);
    // Alice may write below a/ but not the secret; bob only below own/bob.
    let script = "
        mqtt-pub -u alice -t a/x -m 1 -r -q 1; mqtt-pub -u alice -t a/secret -m 2 -r -q 1
        mqtt-pub -u alice -t b -m 3 -r -q 1; mqtt-pub -u bob -t own/bob/x -m 4 -r -q 1
        mqtt-pub -u bob -t own/alice/x -m 5 -r -q 1; mqtt-pub -t public/x -m 6 -r -q 1
        mqtt-pub -u alice -t own/alice/y -m 7 -r -q 2";
    assert!(sh(&broker, script).status.success(), "denied publishes are acknowledged all the same");
    assert_eq!(readable(&broker, "alice"), ["a/x 1", "own/alice/y 7"]);
    assert_eq!(readable(&broker, "bob"), ["own/bob/x 4"]);
    assert_eq!(readable(&broker, ""), Vec::<String>::new(), "nobody may write what the anonymous may read");
}

#[test]
fn a_denied_publish_of_5_0_is_told() {
    let broker = broker(ACL);
    let output = sh(&broker, "mqtt-pub -V 5 -u alice -t b -m x -q 1");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("Not authorized"), "{stderr}");
}

#[test]
fn a_file_with_a_bad_line_refuses_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (acl, conf) = (folder.path().join("acl"), folder.path().join("conf"));
    std::fs::write(&acl, "user a\ntopic sometimes a/b\n").unwrap();
    std::fs::write(
        &conf,
        format!("listener 0 {}/s\nuser root\nacl_file {}\n", folder.path().display(), acl.display()),
    )
    .unwrap();
    let output = Command::new(ours("mqtt-broker")).arg("-c").arg(&conf).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("Invalid topic access type \"sometimes\""), "{stderr}");
    assert!(stderr.contains("acl:2"), "{stderr}");
}

#[test]
fn comments_of_any_encoding_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let (acl, conf) = (folder.path().join("acl"), folder.path().join("conf"));
    let lines = format!("listener 0 {}/s\nuser root\nacl_file {}\n", folder.path().display(), acl.display());
    std::fs::write(&conf, lines).unwrap();
    let cases: [(&[u8], _, _); 2] = [
        (b"# Ger\xE4te\ntopic a\n", 0, "Configuration file is OK."),
        (b"# Ger\xC3\xA4te\ntopic Ger\xE4te\n", 3, "acl:2."),
    ];
    for (bytes, code, said) in cases {
        std::fs::write(&acl, bytes).unwrap();
        let mut broker = Command::new(env!("CARGO_BIN_EXE_mqtt-broker"));
        let output = broker.arg("-c").arg(&conf).arg("--test-config").output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(code) && stderr.contains(said), "{stderr}");
    }
}

#[test]
fn explain_says_which_line_decides() {
    let folder = tempfile::tempdir().unwrap();
    let (acl, conf) = (folder.path().join("acl"), folder.path().join("conf"));
    std::fs::write(&acl, ACL).unwrap();
    std::fs::write(&conf, format!("listener 1883\nacl_file {}\n", acl.display())).unwrap();
    let file = acl.display().to_string();
    let cases: [(&[&str], i32, String); 6] = [
        (&["alice", "a/x", "read"], 0, format!("read: allowed, by {file}:3\n")),
        (&["alice", "a/secret", "write"], 1, format!("write: denied, by {file}:4\n")),
        (&["bob", "own/bob/x", "write", "some-id"], 0, format!("write: allowed, by {file}:5\n")),
        (&["bob", "b", "read"], 1, format!("read: denied, no line of {file} allows it\n")),
        (&["-", "public/x", "read"], 0, format!("read: allowed, by {file}:1\n")),
        (
            &["-", "$SYS/x", "write"],
            1,
            "write: denied, topics of the broker itself are not for clients to write\n".to_owned(),
        ),
    ];
    for (arguments, code, text) in cases {
        let output = Command::new(ours("mqtt-broker"))
            .arg("-c")
            .arg(&conf)
            .arg("--explain")
            .args(arguments)
            .output()
            .unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert_eq!(stdout, format!("listener 1883: {text}"), "{arguments:?} {output:?}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn a_session_taken_by_another_user_gives_only_what_that_user_may_read() {
    let broker = broker("user alice\ntopic readwrite #\nuser bob\ntopic read shared/#\n");
    let ran = sh(
        &broker,
        "set -e
        mqtt-sub -u alice -i desk -c -q 1 -t 'private/#' -t 'shared/#' -E
        mqtt-pub -u alice -q 1 -t private/1 -m hush
        mqtt-pub -u alice -q 1 -t shared/1 -m hello
        mqtt-sub -u bob -i desk -c -q 1 -t 'shared/#' -v -C 1 -W 60",
    );
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "shared/1 hello\n", "{ran:?}");
    assert!(ran.status.success(), "{ran:?}");
}

#[test]
fn a_name_with_wildcards_gains_nothing_from_patterns() {
    let broker =
        broker("user alice\ntopic readwrite #\nuser bob\npattern read of/%c/x\npattern read own/%u/x\n");
    let ran = sh(
        &broker,
        "set -e
        mqtt-pub -u alice -r -q 1 -t of/victim/x -m id
        mqtt-pub -u alice -r -q 1 -t own/victim/x -m name
        mqtt-sub -u bob -i victim -t of/victim/x -C 1 -W 60
        mqtt-sub -u victim -t own/victim/x -C 1 -W 60",
    );
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "id\nname\n", "{ran:?}");
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(readable_as(&broker, "bob", "victim"), ["of/victim/x id"]);
    for name in ["+", "#", "victim/x"] {
        assert_eq!(readable_as(&broker, "bob", name), Vec::<String>::new(), "{name}");
        assert_eq!(readable_as(&broker, name, "reader"), Vec::<String>::new(), "{name}");
    }
}
