//! mqtt-rr: a request, and the first message on the Response Topic.

use mqtt_toolkit::protocol::{Packet, ReasonCode, Version};

use super::super::harness::{Fake, Peer};
use super::each;

#[test]
fn the_answer_is_printed() {
    each(|broker| {
        // Whoever subscribes to its own request gets it as the answer.
        for version in ["31", "311", "5"] {
            for qos in ["0", "1", "2"] {
                let echo = ["-V", version, "-q", qos, "-t", "echo", "-e", "echo", "-m", "ping"];
                broker.tool("mqtt-rr").args(echo).run().prints("ping\n");
                broker.tool("mqtt-rr").args(echo).args(["-v", "-N"]).run().prints("echo ping");
            }
        }
    });
}

#[test]
fn the_request_carries_the_response_topic_and_waits_for_the_subscription() {
    let fake = Fake::start(|listener| {
        let mut peer = Peer::subscribed(&listener, Version::V5);
        let response_topic = peer.read(|packet| match packet {
            Packet::Publish(publish) => {
                assert_eq!((publish.topic, publish.payload), ("ask", &b"what?"[..]));
                publish.properties.response_topic().unwrap().to_owned()
            }
            other => panic!("{other:?}"),
        });
        let mut bytes = vec![0x30, 4 + response_topic.len() as u8, 0, response_topic.len() as u8];
        bytes.extend_from_slice(response_topic.as_bytes());
        bytes.extend_from_slice(&[0, b'!']);
        peer.say_bytes(&bytes);
        assert!(peer.is_closed(), "it goes without DISCONNECT, as mosquitto_rr does");
    });
    fake.tool("mqtt-rr").args(["-t", "ask", "-e", "answer/here", "-m", "what?"]).run().prints("!\n");
    fake.finish();
}

#[test]
fn no_answer_in_time_is_27() {
    each(|broker| {
        let unanswered = broker.tool("mqtt-rr").args(["-t", "a", "-e", "b", "-m", "x", "-W", "1"]);
        unanswered.clone().run().ends(27, "", "Timed out\n");
        unanswered.args(["--quiet"]).run().ends(27, "", "");
    });
}

#[test]
fn retained_messages_are_no_answer_with_r() {
    each(|broker| {
        broker.tool("mqtt-pub").args(["-t", "b", "-m", "old", "-r"]).run().prints("");
        let ask = broker.tool("mqtt-rr").args(["-V", "311", "-t", "b", "-e", "b", "-m", "new"]);
        ask.clone().run().prints("old\n");
        ask.args(["-R"]).run().prints("new\n");
    });
}

#[test]
fn a_denied_subscription_is_said() {
    let fake = Fake::start(|listener| {
        let mut peer = Peer::welcome(&listener, Version::V5);
        peer.grant(&[ReasonCode::NOT_AUTHORIZED.0]);
        assert_eq!(peer.read_text(), "Disconnect 0");
    });
    fake.tool("mqtt-rr").args(["-t", "a", "-e", "b", "-m", "x"]).run().ends(0, "", "Not authorized\n");
    fake.finish();
}

#[test]
fn a_lost_connection_is_7() {
    let fake = Fake::start(|listener| {
        Peer::subscribed(&listener, Version::V5).read_text();
    });
    let lost = fake.tool("mqtt-rr").args(["-t", "a", "-e", "b", "-m", "x"]).run();
    lost.ends(7, "", "Error: The connection was lost\n");
    fake.finish();
}
