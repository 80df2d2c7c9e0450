//! What mqtt-sub does besides printing every message, and what 2.1 has that 2.0 hasn't.

use super::super::harness::{Broker, until};
use super::each;

fn retain(broker: &Broker, topics: &[&str]) {
    for topic in topics {
        broker.tool("mqtt-pub").args(["-r", "-q", "1", "-t", topic, "-m", topic]).run().prints("");
    }
}

#[test]
fn clearing_retained_messages_ends_with_the_count_and_with_the_first_other_message() {
    each(|broker| {
        retain(broker, &["a/1", "a/2", "b/1", "b/2"]);
        let clear = broker.tool("mqtt-sub").args(["--remove-retained", "-v"]);
        clear.clone().args(["-t", "a/#", "-C", "2"]).run().prints("a/1 a/1\na/2 a/2\n");
        // The first message that isn't retained is the one that clears.
        clear.args(["-t", "b/#", "--retained-only"]).run().prints("b/1 b/1\nb/2 b/2\n");
        broker.tool("mqtt-sub").args(["-t", "#", "-W", "1"]).run().ends(27, "", "Timed out\n");
    });
}

#[test]
fn more_retained_messages_are_cleared_than_may_be_in_flight() {
    each(|broker| {
        let topics: Vec<String> = (0..50).map(|number| format!("many/{number}")).collect();
        retain(broker, &topics.iter().map(String::as_str).collect::<Vec<_>>());
        let cleared =
            broker.tool("mqtt-sub").args(["--remove-retained", "-t", "many/#", "-M", "3", "-C", "50"]).run();
        assert_eq!((cleared.code, cleared.stdout.lines().count()), (0, 50));
        broker.tool("mqtt-sub").args(["-t", "many/#", "-W", "1"]).run().ends(27, "", "Timed out\n");
    });
}

#[test]
fn the_rate_counts_every_message_and_prints_none() {
    each(|broker| {
        let sub = broker
            .tool("mqtt-sub")
            .args(["-i", "rate", "-t", "r/#", "-T", "r/x", "-C", "1", "--message-rate"])
            .start();
        broker.await_subscribed("rate");
        for topic in ["r/x", "r/y", "r/z"] {
            broker.tool("mqtt-pub").args(["-t", topic, "-m", "5 msgs/s"]).run().prints("");
        }
        until("all three in the rates", || {
            let rates = sub.stdout();
            let sum: u32 =
                rates.lines().map(|line| line.strip_suffix(" msgs/s").unwrap().parse::<u32>().unwrap()).sum();
            (sum == 3).then_some(())
        });
        sub.signal("-INT");
        assert_eq!(sub.wait().code, 0);
    });
}

#[test]
fn topics_have_their_lines_on_the_screen() {
    each(|broker| {
        let sub =
            broker.tool("mqtt-sub").args(["-i", "w", "-q", "1", "-t", "w/#", "-w", "-v", "-C", "3"]).start();
        broker.await_subscribed("w");
        for (topic, message) in [("w/a", "1"), ("w/b", "2"), ("w/a", "3")] {
            broker.tool("mqtt-pub").args(["-q", "1", "-t", topic, "-m", message]).run().prints("");
        }
        sub.wait().prints(
            "\x1b[2J\x1b[1;1HBroker: 127.0.0.1\n\
             \x1b[2;1Hw/a 1\n\x1b[2;1H\n\x1b[3;1Hw/b 2\n\x1b[3;1H\n\x1b[2;1Hw/a 3\n\x1b[3;1H\n",
        );
    });
}

#[test]
fn a_request_tells_how_long_its_answer_took() {
    each(|broker| {
        let rr = broker.tool("mqtt-rr").args(["-t", "q", "-e", "q", "-m", "echo", "--latency"]).run();
        let (answer, latency) = rr.stdout.split_once('\n').unwrap();
        assert_eq!((rr.code, answer), (0, "echo"));
        let time = latency.trim_end().strip_prefix("Latency: ").unwrap();
        let (number, unit) = time.split_at(time.find(['n', 'µ', 'm', 's']).unwrap());
        assert!(number.parse::<f64>().unwrap() > 0.0, "{latency}");
        assert!(["ns", "µs", "ms", "s"].contains(&unit), "{latency}");
        let none = broker.tool("mqtt-rr").args(["-t", "q", "-e", "e", "-n", "--latency", "-W", "1"]);
        none.run().ends(27, "", "Timed out\n");
    });
}

#[test]
fn hexadecimal_comes_in_groups_and_floats_in_decimals() {
    each(|broker| {
        let float = broker.tool("mqtt-pub").args(["-r", "-t", "f", "-s"]).run_with(&1.5_f32.to_ne_bytes());
        float.prints("");
        broker.tool("mqtt-pub").args(["-r", "-t", "h", "-m", "v5!"]).run().prints("");
        for (topic, format, expected) in [
            ("h", "%.2:x", "76:35:21\n"),
            ("h", "%.4X", "7635 21\n"),
            ("h", "%08x", "00763521\n"),
            ("f", "%.2f", "1.50\n"),
            ("f", "%8.1f|", "     1.5|\n"),
        ] {
            broker.tool("mqtt-sub").args(["-t", topic, "-C", "1", "-F", format]).run().prints(expected);
        }
        let unfit = broker.tool("mqtt-sub").args(["-t", "h", "-C", "1", "-F", "<%f>"]).run();
        unfit.ends(0, "<>\n", "requested float printing, but non-float data received");
    });
}

#[test]
fn an_options_file_of_one_s_own_takes_the_place_of_the_default_one() {
    each(|broker| {
        let folder = tempfile::tempdir().unwrap();
        let (file, default) = (folder.path().join("mine"), folder.path().join("mosquitto_sub"));
        std::fs::write(&file, "# mine\n-t o\n-v\n").unwrap();
        std::fs::write(default, "-q 7\n").unwrap();
        broker.tool("mqtt-pub").args(["-r", "-t", "o", "-m", "x"]).run().prints("");
        let sub = broker.tool("mqtt-sub").env("XDG_CONFIG_HOME", folder.path());
        sub.args(["-o", file.to_str().unwrap(), "-C", "1"]).run().prints("o x\n");
    });
}
