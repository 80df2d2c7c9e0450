//! Lost connections: who comes back, and with what.

use std::collections::HashSet;
use std::sync::mpsc::channel;

use mqtt_toolkit::protocol::{AckKind, Disconnect, Packet, Properties, Publish, QoS, ReasonCode, Version};

use super::super::harness::{Broker, Fake, Kind, Peer, Running, until};

#[test]
fn lines_in_flight_are_sent_again_with_dup_and_none_is_lost() {
    let fake = Fake::start(|listener| {
        let mut peer = Peer::welcome(&listener, Version::V311);
        assert_eq!(peer.read_text(), "Publish d0 q1 m1 t=a");
        assert_eq!(peer.read_text(), "Publish d0 q1 m2 t=b");
        assert_eq!(peer.read_text(), "Publish d0 q1 m3 t=c");
        peer.acknowledge(AckKind::PubAck, 2);
        drop(peer);
        let mut peer = Peer::welcome(&listener, Version::V311);
        assert_eq!(peer.read_text(), "Publish d1 q1 m1 t=a");
        let mut next = peer.read_text();
        if next == "Publish d1 q1 m2 t=b" {
            // The acknowledgement may have been lost with the connection.
            next = peer.read_text();
            peer.acknowledge(AckKind::PubAck, 2);
        }
        assert_eq!(next, "Publish d1 q1 m3 t=c");
        peer.acknowledge(AckKind::PubAck, 1);
        peer.acknowledge(AckKind::PubAck, 3);
        assert_eq!(peer.read_text(), "Disconnect 0");
        assert!(peer.is_closed());
    });
    fake.tool("mqtt-pub").args(["-t", "t", "-q", "1", "-l"]).run_with(b"a\nb\nc\n").prints("");
    fake.finish();
}

#[test]
fn a_qos_2_flow_goes_on_where_it_was() {
    let fake = Fake::start(|listener| {
        let mut peer = Peer::welcome(&listener, Version::V5);
        assert_eq!(peer.read_text(), "Publish d0 q2 m1 t=a");
        assert_eq!(peer.read_text(), "Publish d0 q2 m2 t=b");
        peer.acknowledge(AckKind::PubRec, 1);
        assert!(peer.read_text().starts_with("PubRel"));
        drop(peer);
        let mut peer = Peer::welcome(&listener, Version::V5);
        assert!(peer.read_text().starts_with("PubRel"), "the message itself isn't sent twice");
        assert_eq!(peer.read_text(), "Publish d1 q2 m2 t=b");
        peer.acknowledge(AckKind::PubComp, 1);
        peer.acknowledge(AckKind::PubRec, 2);
        assert!(peer.read_text().starts_with("PubRel"));
        peer.acknowledge(AckKind::PubComp, 2);
        assert_eq!(peer.read_text(), "Disconnect 0");
    });
    fake.tool("mqtt-pub").args(["-V", "5", "-t", "t", "-q", "2", "-l"]).run_with(b"a\nb\n").prints("");
    fake.finish();
}

#[test]
fn lines_that_come_while_the_broker_is_away_wait_for_it() {
    let (sender, gone) = channel();
    let fake = Fake::start(move |listener| {
        let mut peer = Peer::welcome(&listener, Version::V311);
        assert_eq!(peer.read_text(), "Publish d0 q0 m0 t=first");
        drop(peer);
        sender.send(()).unwrap();
        let mut peer = Peer::welcome(&listener, Version::V311);
        assert_eq!(peer.read_text(), "Publish d0 q0 m0 t=second");
        assert_eq!(peer.read_text(), "Disconnect 0");
    });
    let mut publisher = fake.tool("mqtt-pub").args(["-t", "t", "-l", "-d", "-i", "p"]).start();
    publisher.write(b"first\n");
    gone.recv().unwrap();
    // The second line comes only after the first connection is seen to be gone.
    publisher.await_closed_socket();
    publisher.write(b"second\n");
    publisher.wait();
    fake.finish();
}

#[test]
fn a_subscriber_comes_back_and_subscribes_again() {
    for kind in [Kind::Mosquitto, Kind::Ours] {
        let Some(broker) = Broker::start(kind) else { continue };
        let port = broker.port;
        let sub = broker.tool("mqtt-sub").args(["-i", "s", "-t", "t", "-C", "2"]).start();
        broker.await_subscribed("s");
        broker.tool("mqtt-pub").args(["-t", "t", "-m", "before"]).run().prints("");
        sub.await_stdout("before\n");
        drop(broker);
        let Some(broker) = Broker::at(kind, port, "allow_anonymous true\n") else { continue };
        broker.await_subscribed("s");
        broker.tool("mqtt-pub").args(["-t", "t", "-m", "after"]).run().prints("");
        sub.wait().prints("before\nafter\n");
    }
}

#[test]
fn a_subscriber_comes_back_after_the_broker_s_disconnect() {
    let fake = Fake::start(|listener| {
        let mut peer = Peer::subscribed(&listener, Version::V5);
        let reason = ReasonCode::SERVER_SHUTTING_DOWN;
        peer.say(&Packet::Disconnect(Disconnect { reason, properties: Properties::EMPTY }));
        let mut peer = Peer::subscribed(&listener, Version::V5);
        peer.say(&Packet::Publish(Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: "t",
            packet_identifier: 0,
            properties: Properties::EMPTY,
            payload: b"here again",
        }));
        assert_eq!(peer.read_text(), "Disconnect 0");
    });
    fake.tool("mqtt-sub").args(["-V", "5", "-t", "t", "-C", "1"]).run().prints("here again\n");
    fake.finish();
}

/// Lines of the run that a broker's restart interrupts.
const LINES: usize = 100_000;

/// Waits until so much is printed; each piece of it has the time of a whole wait.
fn await_bytes(sub: &Running, wanted: usize) {
    loop {
        let before = sub.stdout().len();
        if before >= wanted {
            return;
        }
        until("more lines", || (sub.stdout().len() > before).then_some(()));
    }
}

#[test]
fn no_line_is_missing_after_a_restart_of_the_broker() {
    let text: String = (0..LINES).map(|number| format!("{number}\n")).collect();
    for kind in [Kind::Mosquitto, Kind::Ours] {
        let folder = tempfile::tempdir().unwrap();
        let lines = format!(
            "allow_anonymous true\nmax_queued_messages 0\npersistence true\npersistence_location {}/\n",
            folder.path().display()
        );
        let Some(broker) = Broker::with(kind, &lines) else { continue };
        let port = broker.port;
        let sub = broker.tool("mqtt-sub").args(["-i", "keeper", "-c", "-q", "1", "-t", "lines"]).start();
        broker.await_subscribed("keeper");
        let mut publisher = broker.tool("mqtt-pub").args(["-t", "lines", "-q", "1", "-l"]).start();
        // Some of the lines come while the broker stops, and some when it is back for sure.
        let (first, rest) = text.as_bytes().split_at(text.len() / 2);
        let _broker = std::thread::scope(|scope| {
            let writing = scope.spawn(|| publisher.write(first));
            await_bytes(&sub, text.len() / 5);
            broker.stop();
            let broker = Broker::at(kind, port, &lines);
            writing.join().unwrap();
            broker
        });
        publisher.write(rest);
        await_bytes(&sub, text.len());
        publisher.wait().prints("");
        // What was in flight may have come twice.
        let missing = || {
            let seen: HashSet<usize> = sub.stdout().lines().filter_map(|line| line.parse().ok()).collect();
            (0..LINES).filter(|number| !seen.contains(number)).count()
        };
        until("every line", || (missing() == 0).then_some(()));
    }
}
