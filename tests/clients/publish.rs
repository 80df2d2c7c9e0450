//! What mqtt-pub sends, and how it ends.

use std::fs;

use mqtt_toolkit::protocol::{AckKind, Packet, ReasonCode, Version};

use super::super::harness::{Broker, Fake, Peer, Running};
use super::each;

/// A subscriber to `t` that prints topics and ends after `count` messages.
fn subscriber(broker: &Broker, qos: &str, count: &str) -> Running {
    let id = format!("s{qos}-{count}");
    let running =
        broker.tool("mqtt-sub").args(["-i", &id, "-t", "t/#", "-q", qos, "-C", count, "-v"]).start();
    broker.await_subscribed(&id);
    running
}

#[test]
fn a_message_arrives_in_every_version_at_every_qos() {
    each(|broker| {
        let all = subscriber(broker, "2", "9");
        let mut expected = String::new();
        for version in ["31", "311", "5"] {
            for qos in ["0", "1", "2"] {
                let topic = format!("t/{version}");
                broker
                    .tool("mqtt-pub")
                    .args(["-V", version, "-q", qos, "-t", &topic, "-m", qos])
                    .run()
                    .prints("");
                // QoS 0, 1 and 2 may overtake one another on the way to the subscriber.
                let line = format!("{topic} {qos}\n");
                all.await_stdout(&line);
                expected += &line;
            }
        }
        all.wait().prints(&expected);
    });
}

#[test]
fn messages_come_from_argument_file_and_standard_input() {
    each(|broker| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("payload");
        fs::write(&file, b"two\nlines\0").unwrap();
        let file = file.to_str().unwrap();
        let sub = subscriber(broker, "1", "5");
        let publish = |flags: &[&str]| broker.tool("mqtt-pub").args(["-q", "1", "-t", "t/x"]).args(flags);
        publish(&["-m", "-1"]).run().prints("");
        publish(&["-f", file]).run().prints("");
        publish(&["-s"]).run_with(b"all\nof it\n").prints("");
        publish(&["-n"]).run().prints("");
        publish(&["-m", ""]).run().prints("");
        sub.wait().prints("t/x -1\nt/x two\nlines\0\nt/x all\nof it\n\nt/x (null)\nt/x (null)\n");
    });
}

#[test]
fn input_that_cannot_be_read_is_an_error_before_connecting() {
    each(|broker| {
        let missing = broker.tool("mqtt-pub").args(["-t", "a", "-f", "/nonexistent/file"]).run();
        missing.ends(
            1,
            "",
            "Error: Unable to read file \"/nonexistent/file\": No such file or directory.\n\
             Error loading input file \"/nonexistent/file\".\n",
        );
        let empty = broker.tool("mqtt-pub").args(["-t", "a", "-s"]).run();
        empty.ends(1, "", "Error: Zero length input.\nError loading input from stdin.\n");
    });
}

#[test]
fn a_message_is_repeated_as_often_as_asked() {
    each(|broker| {
        for qos in ["0", "1", "2"] {
            let sub = subscriber(broker, qos, "3");
            broker
                .tool("mqtt-pub")
                .args(["-q", qos, "-t", "t/r", "-m", "x", "--repeat", "3", "--repeat-delay", "0.01"])
                .run()
                .prints("");
            sub.wait().prints("t/r x\nt/r x\nt/r x\n");
        }
        let many = subscriber(broker, "0", "500");
        broker.tool("mqtt-pub").args(["-t", "t", "-m", "y", "--repeat", "500"]).run().prints("");
        many.wait().prints(&"t y\n".repeat(500));
    });
}

#[test]
fn retained_messages_stay_until_cleared() {
    each(|broker| {
        broker.tool("mqtt-pub").args(["-t", "t/keep", "-m", "kept", "-r"]).run().prints("");
        let sub =
            |flags: &[&str]| broker.tool("mqtt-sub").args(["-t", "t/keep", "-W", "1"]).args(flags).run();
        sub(&["-C", "1"]).prints("kept\n");
        broker.tool("mqtt-pub").args(["-t", "t/keep", "-n", "-r"]).run().prints("");
        sub(&[]).ends(27, "", "Timed out\n");
    });
}

#[test]
fn debug_lines_tell_every_packet() {
    each(|broker| {
        let publish =
            broker.tool("mqtt-pub").args(["-i", "me", "-q", "2", "-t", "t/d", "-m", "xyz", "-d"]).run();
        publish.prints(
            "Client me sending CONNECT\n\
             Client me received CONNACK (0)\n\
             Client me sending PUBLISH (d0, q2, r0, m1, 't/d', ... (3 bytes))\n\
             Client me received PUBREC (Mid: 1)\n\
             Client me sending PUBREL (m1)\n\
             Client me received PUBCOMP (Mid: 1, RC:0)\n\
             Client me sending DISCONNECT\n",
        );
    });
}

#[test]
fn a_message_that_the_broker_refuses_is_a_warning_and_a_success() {
    for (kind, qos) in [(AckKind::PubAck, "1"), (AckKind::PubRec, "2")] {
        let fake = Fake::start(move |listener| {
            let mut peer = Peer::welcome(&listener, Version::V5);
            peer.read_text();
            peer.refuse(kind, 1, ReasonCode::NOT_AUTHORIZED);
            assert_eq!(peer.read_text(), "Disconnect 0");
        });
        let refused = fake.tool("mqtt-pub").args(["-V", "5", "-q", qos, "-t", "a", "-m", "x"]).run();
        refused.ends(0, "", "Warning: Publish 1 failed: Not authorized.\n");
        fake.finish();
    }
}

#[test]
fn a_lost_connection_ends_a_single_message_with_7() {
    let fake = Fake::start(|listener| {
        let mut peer = Peer::welcome(&listener, Version::V311);
        assert_eq!(peer.read_text(), "Publish d0 q1 m1 a=x");
    });
    fake.tool("mqtt-pub").args(["-q", "1", "-t", "a", "-m", "x"]).run().ends(
        7,
        "",
        "Error: The connection was lost\n",
    );
    fake.finish();
}

#[test]
fn nonsense_from_the_broker_ends_with_2() {
    let fake = Fake::start(|listener| {
        let mut peer = Peer::welcome(&listener, Version::V5);
        peer.read_text();
        peer.say(&Packet::PingReq);
        assert_eq!(peer.read_text(), "Disconnect 130", "it is told why");
    });
    fake.tool("mqtt-pub").args(["-V", "5", "-q", "1", "-t", "a", "-m", "x"]).run().ends(
        2,
        "",
        "Error: A network protocol error occurred when communicating with the broker\n",
    );
    fake.finish();
}
