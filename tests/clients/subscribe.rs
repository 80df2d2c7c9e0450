//! What mqtt-sub prints, and when it ends.

use mqtt_toolkit::protocol::{AckKind, Packet, Properties, Publish, QoS, Version};

use super::super::harness::{Broker, Fake, Kind, Peer, until};
use super::each;

fn publish(broker: &Broker, topic: &str, message: &str) {
    broker.tool("mqtt-pub").args(["-q", "1", "-t", topic, "-m", message]).run().prints("");
}

#[test]
fn several_filters_are_one_subscription_and_some_topics_are_left_out() {
    each(|broker| {
        let sub = broker
            .tool("mqtt-sub")
            .args([
                "-i", "s", "-q", "1", "-t", "a/#", "-t", "b/+", "-T", "a/not/#", "-T", "+/no", "-v", "-C",
                "3",
            ])
            .start();
        broker.await_subscribed("s");
        for topic in ["a/1", "a/not/this", "b/no", "b/2", "c", "b/2/3", "a/b/c"] {
            publish(broker, topic, "x");
        }
        sub.wait().prints("a/1 x\nb/2 x\na/b/c x\n");
    });
}

#[test]
fn payloads_are_printed_as_they_are() {
    each(|broker| {
        let sub = broker.tool("mqtt-sub").args(["-i", "s", "-q", "1", "-t", "a", "-C", "3", "-N"]).start();
        broker.await_subscribed("s");
        publish(broker, "a", "one");
        broker.tool("mqtt-pub").args(["-q", "1", "-t", "a", "-n"]).run().prints("");
        publish(broker, "a", "two\n");
        sub.wait().prints("onetwo\n");
        let sub =
            broker.tool("mqtt-sub").args(["-i", "s2", "-q", "1", "-t", "a", "-C", "2", "-N", "-v"]).start();
        broker.await_subscribed("s2");
        broker.tool("mqtt-pub").args(["-q", "1", "-t", "a", "-n"]).run().prints("");
        publish(broker, "a", "x");
        sub.wait().prints("a x");
    });
}

#[test]
fn retained_messages_can_be_left_out() {
    each(|broker| {
        broker.tool("mqtt-pub").args(["-r", "-t", "a", "-m", "old"]).run().prints("");
        for version in ["311", "5"] {
            let all = broker.tool("mqtt-sub").args(["-V", version, "-t", "a", "-W", "1"]);
            all.clone().run().ends(27, "old\n", "Timed out\n");
            all.args(["-R"]).run().ends(27, "", "Timed out\n");
        }
    });
}

#[test]
fn it_ends_after_the_subscription_with_e() {
    each(|broker| {
        broker.tool("mqtt-sub").args(["-i", "s", "-t", "a", "-t", "b", "-q", "2", "-E", "-d"]).run().prints(
            "Client s sending CONNECT\n\
             Client s received CONNACK (0)\n\
             Client s sending SUBSCRIBE (Mid: 1, Topic: a, QoS: 2, Options: 0x00)\n\
             Client s sending SUBSCRIBE (Mid: 1, Topic: b, QoS: 2, Options: 0x00)\n\
             Client s received SUBACK\n\
             Subscribed (mid: 1): 2, 2\n\
             Client s sending DISCONNECT\n",
        );
    });
}

#[test]
fn unsubscribing_ends_a_subscription_of_a_kept_session() {
    each(|broker| {
        let keeper = |flags: &[&str]| broker.tool("mqtt-sub").args(["-i", "k", "-c", "-q", "1"]).args(flags);
        keeper(&["-t", "a", "-t", "b", "-E"]).run().prints("");
        keeper(&["-U", "a", "-W", "1"]).run().ends(27, "", "Timed out\n");
        publish(broker, "a", "not this");
        publish(broker, "b", "but this");
        keeper(&["-t", "c", "-C", "1"]).run().prints("but this\n");
    });
}

#[test]
fn nothing_in_time_is_27_even_after_messages() {
    each(|broker| {
        let sub = broker.tool("mqtt-sub").args(["-i", "s", "-t", "a", "-W", "1"]).start();
        broker.await_subscribed("s");
        publish(broker, "a", "x");
        sub.wait().ends(27, "x\n", "Timed out\n");
        broker.tool("mqtt-sub").args(["-t", "a", "-W", "1", "--quiet"]).run().ends(27, "", "");
    });
    let fake = Fake::start(|listener| {
        let mut peer = Peer::accept(&listener, Version::V311);
        peer.read_text();
        assert!(peer.is_closed());
    });
    // mosquitto_sub ends with 255 and no word here; its manual promises this.
    fake.tool("mqtt-sub").args(["-t", "a", "-W", "1"]).run().ends(27, "", "Timed out\n");
    fake.finish();
}

#[test]
fn signals_end_it_in_order() {
    each(|broker| {
        for (signal, version) in [("-INT", "311"), ("-TERM", "5")] {
            let id = format!("s{signal}");
            let sub = broker.tool("mqtt-sub").args(["-i", &id, "-V", version, "-t", "a"]).start();
            broker.await_subscribed(&id);
            sub.signal(signal);
            sub.wait().prints("");
            broker.await_log(&format!("Received DISCONNECT from {id}"));
        }
        let publisher = broker.tool("mqtt-pub").args(["-i", "p", "-t", "a", "-l"]).start();
        broker.await_log("Sending CONNACK to p ");
        publisher.signal("-TERM");
        until("its end", || publisher_is_gone(publisher.id()).then_some(()));
        publisher.wait().ends(143, "", "");
    });
}

/// Whether the process has ended (it may be waiting for us to ask).
fn publisher_is_gone(id: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{id}/stat")) {
        Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
        Err(_) => true,
    }
}

#[test]
fn a_signal_before_the_broker_s_answer_is_255() {
    let (sender, told) = std::sync::mpsc::channel();
    let fake = Fake::start(move |listener| {
        let mut peer = Peer::accept(&listener, Version::V311);
        peer.read_text();
        sender.send(()).unwrap();
        assert!(peer.is_closed());
    });
    let sub = fake.tool("mqtt-sub").args(["-t", "a"]).start();
    told.recv().unwrap();
    sub.await_signal_handlers();
    sub.signal("-INT");
    sub.wait().ends(255, "", "");
    fake.finish();
}

#[test]
fn a_reader_that_stops_reading_ends_it_with_success() {
    each(|broker| {
        let program = super::super::harness::ours("mqtt-sub");
        // The shell's `head` closes the pipe after the first line; the second message finds it closed.
        let script = format!(
            "{{ {} -h 127.0.0.1 -p {} -i piped -t a; echo \"exit $?\" >&2; }} | head -n 1",
            program.display(),
            broker.port
        );
        let shell = super::super::harness::Tool::new("/bin/sh".as_ref())
            .args(["-c", &script])
            .env("PATH", "/usr/bin:/bin")
            .start();
        broker.await_subscribed("piped");
        publish(broker, "a", "first");
        shell.await_stdout("first\n");
        until("the closed pipe", || {
            publish(broker, "a", "later");
            shell.stderr().contains("exit 0").then_some(())
        });
        assert_eq!(shell.wait().stdout, "first\n");
    });
}

#[test]
fn all_subscriptions_denied_is_said_and_one_granted_is_not() {
    let fake = Fake::start(|listener| {
        let mut peer = Peer::welcome(&listener, Version::V311);
        peer.grant(&[0x80, 0x80]);
        assert_eq!(peer.read_text(), "Disconnect 0");
        let mut peer = Peer::welcome(&listener, Version::V311);
        peer.grant(&[0x80, 0]);
        assert_eq!(peer.read_text(), "Disconnect 0");
    });
    let sub = fake.tool("mqtt-sub").args(["-t", "a", "-t", "b", "-E"]);
    sub.clone().run().ends(0, "", "All subscription requests were denied.\n");
    sub.run().prints("");
    fake.finish();
}

/// A QoS 2 consumer that takes one message at a time must get all: what it hasn't printed it hasn't acknowledged.
#[test]
fn taking_messages_one_by_one_loses_none() {
    for kind in [Kind::Mosquitto, Kind::Ours] {
        let Some(broker) = Broker::start(kind) else { continue };
        for qos in ["1", "2"] {
            let id = format!("k{qos}");
            let keeper = || broker.tool("mqtt-sub").args(["-i", &id, "-c", "-q", qos, "-t", &id]);
            keeper().args(["-E"]).run().prints("");
            broker
                .tool("mqtt-pub")
                .args(["-q", qos, "-t", &id, "-l"])
                .run_with(b"1\n2\n3\n4\n5\n")
                .prints("");
            for number in ["1\n", "2\n", "3\n", "4\n", "5\n"] {
                keeper().args(["-C", "1"]).run().prints(number);
            }
        }
    }
}

#[test]
fn a_qos_2_flow_is_ended_before_leaving() {
    let fake = Fake::start(|listener| {
        let mut peer = Peer::subscribed(&listener, Version::V311);
        for packet_identifier in [1, 2] {
            peer.say(&Packet::Publish(Publish {
                dup: false,
                qos: QoS::ExactlyOnce,
                retain: false,
                topic: "t",
                packet_identifier,
                properties: Properties::EMPTY,
                payload: b"x",
            }));
        }
        assert!(peer.read_text().starts_with("PubRec"));
        peer.acknowledge(AckKind::PubRel, 1);
        assert!(peer.read_text().starts_with("PubComp"));
        assert_eq!(peer.read_text(), "Disconnect 0", "the second message stays with the broker");
    });
    fake.tool("mqtt-sub").args(["-q", "2", "-t", "t", "-C", "1"]).run().prints("x\n");
    fake.finish();
}
