//! The commands of the README do what it says.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Commands that build or install: run by whoever runs this test, or too long for it.
const NOT_RUN: &[&str] = &["cargo test", "cargo install"];

/// The `sh` blocks of the README, in order.
fn blocks() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_string()).collect()
}

fn programs() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_mqtt-broker")).parent().unwrap().to_path_buf()
}

fn run(script: &str, folder: &Path) -> Output {
    let path = format!("{}:{}", programs().display(), std::env::var("PATH").unwrap_or_default());
    Command::new("timeout")
        .args(["60", "sh", "-ec", script])
        .env("PATH", path)
        .env_remove("MQTT_URL")
        .env_remove("MQTT_HOST")
        .env_remove("MQTT_PORT")
        .current_dir(folder)
        .output()
        .unwrap()
}

fn assert_succeeds(script: &str, folder: &Path) -> String {
    let output = run(script, folder);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\nended with {}\n{stderr}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_main_job_prints_what_the_readme_says() {
    let folder = tempfile::tempdir().unwrap();
    let main_job = blocks().into_iter().next().unwrap();
    let (build, rest) = main_job.split_once("&&").unwrap();
    assert_eq!(build.trim(), "cargo build --release");
    let script = rest.replace("target/release/mqtt-broker", env!("CARGO_BIN_EXE_mqtt-broker"));
    assert_eq!(assert_succeeds(&script, folder.path()), "hello/world it works\n");
}

#[test]
fn the_tests_are_run_by_the_command_of_the_readme() {
    let ci = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/run")).unwrap();
    let command = blocks()[1].trim().to_string();
    assert_eq!(command, "cargo test");
    assert!(ci.lines().any(|line| line == command), ".ci/run does not run `{command}`");
}

#[test]
fn every_example_succeeds() {
    let expected: &[(&str, &str)] = &[
        ("mqtt-pub -t state", "ready\n"),
        ("-t numbers", "1\n2\n3\n"),
        ("what is it", "what is it?\n42\n"),
        ("mqtt-passwd list", "alice"),
        ("--expect-json", "{\"temp\":21}\nopen\n"),
        ("mkfifo", "hi\n"),
        ("--serve", "1\n4\n9\n100 round trips: "),
        ("--record", "test/1 1\ntest/1 2\n"),
        ("--where", "room/1 is hot: {\"temp\":21}\n"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut run = 0;
    for block in blocks().iter().skip(1) {
        if NOT_RUN.iter().any(|word| block.starts_with(word)) {
            continue;
        }
        let stdout = assert_succeeds(block, folder.path());
        for (word, wanted) in expected.iter().filter(|(word, _)| block.contains(word)) {
            assert!(stdout.contains(wanted), "{word}: {stdout:?}");
        }
        run += 1;
    }
    assert!(run >= 13, "only {run} examples were run");
}
