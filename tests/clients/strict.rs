//! `--strict`: exit codes of their own for what mosquitto ends with 0 after.

use std::sync::mpsc::channel;

use mqtt_toolkit::protocol::{AckKind, ReasonCode, Version};

use super::super::harness::{Fake, Peer};
use super::each;

#[test]
fn a_denied_message_is_41() {
    let fake = Fake::start(|listener| {
        for _ in 0..3 {
            let mut peer = Peer::welcome(&listener, Version::V5);
            assert_eq!(peer.read_text(), "Publish d0 q1 m1 t=a");
            peer.refuse(AckKind::PubAck, 1, ReasonCode::NOT_AUTHORIZED);
            assert_eq!(peer.read_text(), "Disconnect 0");
        }
    });
    let publish = fake.tool("mqtt-pub").args(["-V", "5", "-q", "1", "-t", "t"]);
    let warning = "Warning: Publish 1 failed: Not authorized.\n";
    publish.clone().args(["-m", "a"]).run().ends(0, "", warning);
    publish.clone().args(["-m", "a", "--strict"]).run().ends(41, "", warning);
    publish.args(["-l", "--strict"]).run_with(b"a\n").ends(41, "", warning);
    fake.finish();
}

#[test]
fn a_denied_request_is_41_and_a_denied_response_topic_42() {
    let fake = Fake::start(|listener| {
        let mut peer = Peer::subscribed(&listener, Version::V5);
        assert_eq!(peer.read_text(), "Publish d0 q1 m2 a=x");
        peer.refuse(AckKind::PubAck, 2, ReasonCode::NOT_AUTHORIZED);
        assert_eq!(peer.read_text(), "Disconnect 0");
        Peer::welcome(&listener, Version::V5).grant(&[0x87]);
    });
    let ask = fake.tool("mqtt-rr").args(["-q", "1", "-t", "a", "-e", "b", "-m", "x", "--strict"]);
    ask.clone().run().ends(41, "", "Warning: Publish 2 failed: Not authorized.\n");
    ask.run().ends(42, "", "Not authorized\n");
    fake.finish();
}

#[test]
fn denied_subscriptions_are_42_and_43() {
    let fake = Fake::start(|listener| {
        for codes in [&[0x80, 0x80][..], &[0, 0x87], &[0, 0x87]] {
            let mut peer = Peer::welcome(&listener, Version::V5);
            peer.grant(codes);
            assert_eq!(peer.read_text(), "Disconnect 0");
        }
    });
    let sub = fake.tool("mqtt-sub").args(["-V", "5", "-t", "a", "-t", "b", "-E"]);
    let strict = sub.clone().args(["--strict"]);
    strict.clone().run().ends(42, "", "All subscription requests were denied.\n");
    strict.run().ends(43, "", "Error: The subscription to 'b' was denied: Not authorized.\n");
    sub.run().prints("");
    fake.finish();
}

#[test]
fn a_signal_before_the_count_is_44() {
    each(|broker| {
        let sub = |id: &str, flags: &[&str]| {
            let sub = broker.tool("mqtt-sub").args(["-i", id, "-t", "a", "--strict"]).args(flags).start();
            broker.await_subscribed(id);
            sub.signal("-TERM");
            sub.wait()
        };
        sub("counting", &["-C", "2"]).ends(44, "", "");
        sub("endless", &[]).prints("");
    });
}

#[test]
fn a_lost_connection_is_45_unless_nothing_can_be_lost() {
    let (sender, gone) = channel();
    let fake = Fake::start(move |listener| {
        drop(Peer::subscribed(&listener, Version::V311));
        drop(Peer::subscribed(&listener, Version::V311));
        let mut peer = Peer::subscribed(&listener, Version::V311);
        assert_eq!(peer.read_text(), "Disconnect 0");
        let mut peer = Peer::welcome(&listener, Version::V311);
        assert_eq!(peer.read_text(), "Publish d0 q0 m0 t=a");
        drop(peer);
        sender.send(()).unwrap();
    });
    let lost = "Error: The connection was lost\n";
    let sub = fake.tool("mqtt-sub").args(["-t", "a", "--strict"]);
    sub.clone().run().ends(45, "", lost);
    // The session keeps what comes meanwhile, so this one goes on: signals are all that ends it.
    let kept = sub.args(["-i", "k", "-c", "-q", "1", "-W", "3"]).start();
    kept.wait().ends(27, "", "Timed out\n");
    let mut publisher = fake.tool("mqtt-pub").args(["-t", "t", "-l", "--strict"]).start();
    publisher.write(b"a\n");
    gone.recv().unwrap();
    publisher.await_closed_socket();
    publisher.wait().ends(45, "", lost);
    fake.finish();
}
