//! Messages as lines: topics with payloads, JSON, recordings and their replay.

use std::fs;

use mqtt_toolkit::protocol::{Packet, Version};

use super::super::harness::{Broker, Fake, Kind, Peer, Tool, ours};
use super::each;

#[test]
fn each_line_has_its_topic() {
    each(|broker| {
        let sub = broker.tool("mqtt-sub").args(["-i", "s", "-q", "1", "-t", "#", "-v", "-C", "3"]).start();
        broker.await_subscribed("s");
        let publish = |format: &str, input: &str| {
            let publisher = broker.tool("mqtt-pub").args(["-q", "1", "-l", "--line-format", format]);
            publisher.run_with(input.as_bytes()).prints("");
        };
        publish("topic<TAB>payload", "a/1\tone and\ttab\n");
        publish("topic: payload", "a/2: two\n");
        publish("topic\\tpayload", "a/3\t3");
        sub.wait().prints("a/1 one and\ttab\na/2 two\na/3 3\n");
    });
}

#[test]
fn a_line_of_json_is_a_message_with_all_it_carries() {
    let fake = Fake::start(|listener| {
        let mut peer = Peer::welcome(&listener, Version::V5);
        peer.read(|packet| match packet {
            Packet::Publish(publish) => {
                assert_eq!((publish.topic, publish.payload, publish.retain), ("a", &b"{\"x\":1}"[..], true));
                let properties = publish.properties;
                assert_eq!(properties.content_type(), Some("json"));
                assert_eq!(properties.user_properties().collect::<Vec<_>>(), [("k", "v")]);
            }
            other => panic!("{other:?}"),
        });
        peer.read(|packet| match packet {
            Packet::Publish(publish) => {
                assert_eq!((publish.topic, publish.payload), ("d", &[0, 255][..]));
                assert_eq!(publish.properties.content_type(), Some("other"));
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(peer.read_text(), "Disconnect 0");
    });
    let lines = "{\"topic\":\"a\",\"retain\":true,\"payload\":{\"x\":1},\"properties\":\
                 {\"content-type\":\"json\",\"user-properties\":[{\"k\":\"v\"}]}}\n\n{\"payload_base64\":\"AP8=\"}\n";
    let publish = fake.tool("mqtt-pub").args(["-t", "d", "-l", "--line-format", "json"]);
    let publish = publish.args(["-D", "publish", "content-type", "other"]);
    publish.run_with(lines.as_bytes()).prints("");
    fake.finish();
}

#[test]
fn what_is_recorded_is_replayed_as_it_was() {
    each(|broker| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("recording");
        let recording = |id: &str, filter: &str| {
            let sub = broker.tool("mqtt-sub").args(["-i", id, "-q", "2", "-t", filter, "-C", "3", "-N"]);
            let sub = sub.args(["--record"]).args([&file]).start();
            broker.await_subscribed(id);
            sub
        };
        let sub = recording("r1", "a/#");
        let lines = "{\"topic\":\"a/1\",\"qos\":1,\"payload\":\"text\",\"properties\":{\"correlation-data_base64\":\"AP8=\"}}\n\
                     {\"topic\":\"a/2\",\"qos\":1,\"payload_base64\":\"AP8=\",\"properties\":{\"response-topic\":\"r\",\
                     \"user-properties\":[{\"k\":\"v\"},{\"k\":\"w\"}]}}\n\
                     {\"topic\":\"a/3\",\"qos\":2}\n";
        let publish = broker.tool("mqtt-pub").args(["-l", "--line-format", "json"]);
        publish.run_with(lines.as_bytes()).prints("");
        assert_eq!(sub.wait().code, 0);
        let first = fs::read_to_string(&file).unwrap();
        assert_eq!(first.lines().count(), 3, "{first}");
        for (line, parts) in first.lines().zip([
            &[
                "{\"time\":",
                "\"topic\":\"a/1\",\"qos\":1,\"retain\":false,\"payloadlen\":4,\"mid\":",
                "\"correlation-data_base64\":\"AP8=\"",
                "\"payload\":\"text\"}",
            ][..],
            &[
                "\"topic\":\"a/2\",\"qos\":1",
                "\"user-properties\":[{\"k\":\"v\"},{\"k\":\"w\"}]",
                "\"payload_base64\":\"AP8=\"}",
            ],
            &["\"topic\":\"a/3\",\"qos\":2", "\"payload\":null}"],
        ]) {
            for part in parts {
                assert!(line.contains(part), "{part} in {line}");
            }
        }
        let copy = folder.path().join("copy");
        fs::copy(&file, &copy).unwrap();
        let sub = recording("r2", "b/#");
        let replay = broker.tool("mqtt-pub").args(["--speed", "max", "--map", "a/=b/x/", "--replay"]);
        replay.args([&copy]).run().prints("");
        assert_eq!(sub.wait().code, 0);
        let again = fs::read_to_string(&file).unwrap();
        assert_eq!(untimed(&again), untimed(&first).replace("a/", "b/x/"));
        // At its own times, which a factor makes short.
        let sub = recording("r3", "a/#");
        broker.tool("mqtt-pub").args(["--speed", "1000", "--replay"]).args([&copy]).run().prints("");
        assert_eq!(sub.wait().code, 0);
        assert_eq!(untimed(&fs::read_to_string(&file).unwrap()), untimed(&first));
    });
}

/// Lines without their times and Packet Identifiers.
fn untimed(lines: &str) -> String {
    let untimed = lines.lines().map(|line| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        let fields = value.as_object_mut().unwrap();
        for name in ["time", "tst", "mid"] {
            fields.remove(name);
        }
        value.to_string()
    });
    untimed.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_bad_line_is_said_with_its_number_and_what_was_before_it_is_published() {
    let fake = Fake::start(|listener| {
        let mut peer = Peer::welcome(&listener, Version::V311);
        assert_eq!(peer.read_text(), "Publish d0 q1 m1 a=1");
        peer.acknowledge(mqtt_toolkit::protocol::AckKind::PubAck, 1);
        assert_eq!(peer.read_text(), "Disconnect 0");
    });
    let publish = fake.tool("mqtt-pub").args(["-q", "1", "-l", "--line-format", "topic payload"]);
    let error = "Error: standard input:2: the separator between topic and payload is missing.\n";
    publish.run_with(b"a 1\nb\nc 3\n").ends(1, "", error);
    fake.finish();
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let tool = || Tool::new(&ours("mqtt-pub"));
    let hint = "\nUse 'mqtt-pub --help' to see usage.\n";
    for (flags, error) in [
        (
            &["-m", "x", "-t", "a", "--line-format", "json"][..],
            "--line-format says what the lines of -l are; -l is missing.",
        ),
        (&["-m", "x", "-t", "a", "--speed", "2"], "--speed and --map are for --replay, which is missing."),
        (
            &["-l", "-t", "a", "--line-format", "topic payload"],
            "With --line-format topic…payload each line has its topic; leave -t out.",
        ),
        (
            &["--replay", "f", "-t", "a"],
            "With --replay each message has its topic; leave -t out, or use --map.",
        ),
        (
            &["--line-format", "payload topic"],
            "Invalid --line-format argument 'payload topic', it must be payload, 'topic<TAB>payload' (or with another separator), or json.",
        ),
        (&["--replay", "f", "-l"], "Only one type of message can be sent at once."),
    ] {
        let blank = if error.starts_with("Only") { "\n" } else { "" };
        tool().args(flags).run().ends(1, "", &format!("Error: {error}\n{blank}{hint}"));
    }
    let missing = "Error: Unable to read the recording \"/nowhere\": No such file or directory.\n";
    tool().args(["--replay", "/nowhere"]).run().ends(1, "", missing);
    let broker = Broker::start(Kind::Ours).unwrap();
    let full = "Error: Unable to write the recording \"/nowhere/x\": No such file or directory.\n";
    broker.tool("mqtt-sub").args(["-t", "a", "--record", "/nowhere/x"]).run().ends(1, "", full);
}

#[test]
fn json_is_valid_for_any_payload_when_asked_for() {
    let broker = Broker::start(Kind::Ours).unwrap();
    let sub = |format: &str| {
        let id = format!("s{}", &format[1..2]);
        let sub = broker.tool("mqtt-sub").args(["-i", &id, "-q", "1", "-t", "a", "-C", "3", "--json-safe"]);
        let sub = sub.args(["-F", format]).start();
        broker.await_subscribed(&id);
        sub
    };
    let (text, embedded) = (sub("%j"), sub("%J"));
    let lines = "{\"payload_base64\":\"/w==\"}\n{\"payload\":\"a\\u0000b\"}\n{\"payload\":[1]}\n";
    let publish = broker.tool("mqtt-pub").args(["-t", "a", "-q", "1", "-l", "--line-format", "json"]);
    publish.run_with(lines.as_bytes()).prints("");
    let ends = |printed: &str| -> Vec<String> {
        printed
            .lines()
            .map(|line| {
                line.split_once("\"payload").unwrap().1.split_once(",\"payload").unwrap().1.to_owned()
            })
            .collect()
    };
    assert_eq!(ends(&text.wait().stdout), ["_base64\":\"/w==\"}", "\":\"a\\u0000b\"}", "\":\"[1]\"}"]);
    assert_eq!(ends(&embedded.wait().stdout), ["_base64\":\"/w==\"}", "\":\"a\\u0000b\"}", "\":[1]}"]);
}
