//! Waiting for messages in tests: expectations, readiness, choosing.

use std::fs;

use super::super::harness::{Broker, Tool, until};
use super::each;

/// mqtt-sub that publishes with a command of its own once it is subscribed, so that nothing needs to wait.
fn sub(broker: &Broker, then: &str) -> Tool {
    let bin = super::super::harness::ours("mqtt-pub");
    let path = format!("{}:/usr/bin:/bin", bin.parent().unwrap().display());
    broker.tool("mqtt-sub").args(["-q", "1", "-t", "a/#", "--exec-after-sub", then]).env("PATH", path)
}

#[test]
fn it_ends_as_soon_as_everything_expected_was_seen() {
    each(|broker| {
        let then = "for m in one two '{\"a\":{\"b\":3}}' three; do mqtt-pub -q 1 -t a/b -m \"$m\"; done";
        sub(broker, then)
            .args(["--expect", "two", "--expect-re", "^o", "--expect-json", "a.b=3", "-W", "20", "-v"])
            .run()
            .prints("a/b one\na/b two\na/b {\"a\":{\"b\":3}}\n");
    });
}

#[test]
fn what_did_not_come_is_said_with_what_came() {
    each(|broker| {
        let then = "for m in 1 2 3 4 5 6; do mqtt-pub -q 1 -t a -m \"$m\"; done";
        let missing = "Error: No message was 'on'.\nError: No message matched '^x$'.\n";
        sub(broker, then)
            .args(["--expect", "on", "--expect-re", "^x$", "--expect", "3", "-W", "2"])
            .run()
            .ends(
                1,
                "1\n2\n3\n4\n5\n6\n",
                &format!(
                    "{missing}What came, the last 5 of 6 messages:\n  a 2\n  a 3\n  a 4\n  a 5\n  a 6\n"
                ),
            );
        sub(broker, "true").args(["--expect-json", "a.b=on", "-W", "1"]).run().ends(
            1,
            "",
            "Error: No message had a.b=on.\nNothing came.\n",
        );
        sub(broker, "mqtt-pub -q 1 -t a -m '{\"a\":\"off\"}'")
            .args(["--expect-json", "a=on", "-C", "1"])
            .run()
            .ends(
                1,
                "{\"a\":\"off\"}\n",
                "Error: No message had a=on.\nWhat came:\n  a {\\\"a\\\":\\\"off\\\"}\n",
            );
    });
}

#[test]
fn only_messages_that_are_chosen_are_printed_and_counted() {
    each(|broker| {
        let then = "for m in '{\"t\":1}' no '{\"t\":5}' '{\"t\":5}' '{\"t\":7,\"x\":1}' '{\"t\":8}' end; do mqtt-pub -q 1 -t a -m \"$m\"; done";
        sub(broker, then).args(["--where", "t > 4", "-C", "2"]).run().prints("{\"t\":5}\n{\"t\":5}\n");
        sub(broker, then)
            .args(["--where", "t > 4", "--changed", "-C", "2"])
            .run()
            .prints("{\"t\":5}\n{\"t\":7,\"x\":1}\n");
        sub(broker, then).args(["--match", "^n", "--match", "o$", "-C", "1"]).run().prints("no\n");
        sub(broker, then)
            .args(["--where", "t", "--where", "t != 1", "--match", "[78]", "-C", "2"])
            .run()
            .prints("{\"t\":7,\"x\":1}\n{\"t\":8}\n");
    });
}

#[test]
fn the_subscription_is_told_to_a_file_and_to_a_file_descriptor() {
    each(|broker| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ready");
        fs::write(&file, "of an earlier run").unwrap();
        let line = broker.tool("mqtt-sub").args(["-t", "a", "-C", "1", "--ready-fd", "7", "--ready-file"]);
        let line = line.args([&file]).line();
        // The subshell holds the only other end of the fifo: cat ends when the descriptor is closed.
        let script = format!("mkfifo fifo && {{ {line} 7>fifo & cat fifo; wait; }}");
        let shell = Tool::new("/bin/sh".as_ref())
            .args(["-c", &format!("cd '{}' && {script}", folder.path().display())])
            .env("PATH", "/usr/bin:/bin")
            .start();
        shell.await_stdout("ready\n");
        until("the file", || (fs::read_to_string(&file).ok()? == "ready\n").then_some(()));
        broker.tool("mqtt-pub").args(["-t", "a", "-m", "x"]).run().prints("");
        shell.wait().prints("ready\nx\n");
    });
}

#[test]
fn a_descriptor_that_is_not_open_is_refused() {
    let wrong = Tool::new(&super::super::harness::ours("mqtt-sub")).args(["-t", "a", "--ready-fd", "77"]);
    let text = "Error: Invalid --ready-fd argument '77', it must be an open file descriptor.\n";
    wrong.run().ends(1, "", text);
}

#[test]
fn a_file_that_cannot_be_made_is_said_before_anybody_waits_for_it() {
    let sub = |file: &str| {
        Tool::new(&super::super::harness::ours("mqtt-sub")).args(["-t", "a", "--ready-file", file])
    };
    let text = "Error: Unable to make the file \"/none/x\": No such file or directory.\n";
    sub("/none/x").run().ends(1, "", text);
    // A device stays what it is.
    assert_eq!(sub("/dev/null").args(["--unix", "/none"]).run().code, 1);
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn the_command_after_the_subscription_can_fail() {
    each(|broker| {
        let warning = "Warning: The command of --exec-after-sub ended with exit status 3.\n";
        sub(broker, "exit 3").args(["-E"]).run().ends(0, "", warning);
        sub(broker, "exit 3").args(["-E", "--strict"]).run().ends(46, "", warning);
        sub(broker, "echo ran").args(["-E", "--strict"]).run().prints("ran\n");
    });
}

#[test]
fn what_needs_another_flag_says_so() {
    for (line, sentence) in [
        ("--exec-jobs 2", "--exec-jobs is for --exec, which is missing."),
        ("--json-safe", "--json-safe is for the JSON of -F %j or -F %J, which is missing."),
    ] {
        let text = format!("Error: {sentence}\n\nUse 'mqtt-sub --help' to see usage.\n");
        let sub = Tool::new(&super::super::harness::ours("mqtt-sub")).args(["-t", "a"]);
        sub.args(line.split(' ')).run().ends(1, "", &text);
    }
    let empty = Tool::new(&super::super::harness::ours("mqtt-pub")).args(["-t", "a", "-m", "x", "-u", "u"]);
    let text = "Error: Unable to read password file \"/dev/null\": it is empty.\n";
    empty.args(["--pw-file", "/dev/null"]).run().ends(1, "", text);
}

#[test]
fn what_cannot_be_read_is_refused() {
    let hint = "\nUse 'mqtt-sub --help' to see usage.\n";
    for (flag, value, want) in [
        ("--match", "(", "a regular expression"),
        ("--expect-re", "[", "a regular expression"),
        ("--where", "> 3", "like 'a.b > 3' (also =, !=, <, <=, >=, ~ REGEX, or a.b alone)"),
        ("--expect-json", "a", "like a.b=VALUE"),
        ("--exec-jobs", "0", "a whole number from 1 on"),
    ] {
        let text = format!("Error: Invalid {flag} argument '{value}', it must be {want}.\n{hint}");
        Tool::new(&super::super::harness::ours("mqtt-sub")).args([flag, value]).run().ends(1, "", &text);
    }
}
