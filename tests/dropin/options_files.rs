//! Options files: where they are looked for, how they are read, and mistakes in them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::harness::Kind;
use super::case::{Case, case};
use super::compare::compare;

fn cases() -> Vec<Case> {
    [
        "env XDG_CONFIG_HOME {d}
         file mosquitto_pub << # a comment\\n\\n  -t {c}\\n--retain\\n-q 1\\n-m from the file\\n
         pub
         file mosquitto_sub << -t {c}\\n-v\\n
         sub -C 1",
        "env HOME {d}
         file .config/mosquitto_pub << -t {c}\\n-r\\n
         pub -m x
         sub -t {c} -C 1 -v",
        "env XDG_CONFIG_HOME {d}
         file mosquitto_pub << -m x\\n
         pub -t {c} -m y",
        "env XDG_CONFIG_HOME {d}
         file mosquitto_rr << -e {c}/e\\n-W 1\\n
         rr -t {c} -m y",
    ]
    .map(case)
    .into()
}

#[test]
fn options_files_are_read_alike() {
    compare(Kind::Mosquitto, "", cases());
}

/// What a program said on standard error.
fn said(arguments: &[&str], home: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_mqtt-pub"))
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

/// The default options file, mistakes in it, and `-o`, which mosquitto 2.0 doesn't have.
#[test]
fn options_files_are_read_from_their_places() {
    let folder = tempfile::tempdir().unwrap();

    let config = folder.path().join(".config");
    fs::create_dir(&config).unwrap();
    let said = |arguments: &[&str]| said(arguments, folder.path());
    let usage = "\nUse 'mqtt-pub --help' to see usage.\n";

    fs::write(config.join("mosquitto_pub"), "-r\n-q 7\n").unwrap();
    let place = config.join("mosquitto_pub").display().to_string();
    assert_eq!(said(&["-k", "1"]), format!("Error: Invalid QoS given: 7\nFound in {place}:2\n{usage}"));

    fs::write(config.join("mqtt-pub"), "-p 70000\n").unwrap();
    let place = config.join("mqtt-pub").display().to_string();
    assert_eq!(said(&["-k", "1"]), format!("Error: Invalid port given: 70000\nFound in {place}:1\n{usage}"));

    let file = folder.path().join("options");
    fs::write(&file, "-q 8\n").unwrap();
    let place = file.display().to_string();
    assert_eq!(said(&["-o", &place]), format!("Error: Invalid QoS given: 8\nFound in {place}:1\n{usage}"));
    let missing = folder.path().join("missing").display().to_string();
    assert_eq!(
        said(&["-o", &missing]),
        format!("Error: Unable to read options file \"{missing}\": No such file or directory.\n")
    );
}
