//! How far a long run has come, for whoever looks on.

use std::fs;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use mqtt_toolkit::protocol::{AckKind, Packet, Properties, Publish, QoS, Version};

use super::super::harness::{Broker, Fake, Kind, Peer};
use super::terminal::{at_terminal, at_terminal_of};

#[test]
fn repetitions_are_counted_unless_it_is_to_be_quiet() {
    let broker = Broker::start(Kind::Ours).unwrap();
    for qos in ["0", "1"] {
        let publish = broker.tool("mqtt-pub").args(["-t", "a", "-m", "x", "-q", qos]);
        let publish = publish.args(["--repeat", "5", "--repeat-delay", "0.3"]);
        let Some(terminal) = at_terminal(&publish, &[]) else { return };
        let quiet = at_terminal(&publish.clone().args(["--quiet"]), &[]).unwrap();
        let said = terminal.wait();
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.stdout.contains("/5 messages "), "{said:?}");
        quiet.wait().prints("");
        publish.run().prints("");
    }
}

#[test]
fn a_large_file_shows_how_much_is_sent_while_the_broker_takes_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large");
    fs::write(&file, vec![b'x'; 32 << 20]).unwrap();
    for qos in ["0", "1"] {
        let (seen, is_seen) = channel::<()>();
        let broker = Fake::start(move |listener| {
            let mut peer = Peer::welcome(&listener, Version::V311);
            let _ = is_seen.recv();
            let (id, size) = peer.read(|packet| match packet {
                Packet::Publish(publish) => (publish.packet_identifier, publish.payload.len()),
                other => panic!("PUBLISH expected: {other:?}"),
            });
            assert_eq!(size, 32 << 20);
            if id != 0 {
                peer.acknowledge(AckKind::PubAck, id);
            }
            assert_eq!(peer.read_text(), "Disconnect 0");
        });
        // A machine may be so busy that a Keep Alive of a minute passes.
        let publish = broker.tool("mqtt-pub").args(["-t", "a", "-q", qos, "-k", "600"]);
        let publish = publish.args(["-f", file.to_str().unwrap()]);
        let Some(terminal) = at_terminal(&publish, &[]) else { return };
        terminal.await_stdout("/32.00 MiB");
        seen.send(()).unwrap();
        assert_eq!(terminal.wait().code, 0);
        broker.finish();
    }
}

#[test]
fn cleared_retained_messages_are_counted_while_they_are_printed_elsewhere() {
    let (seen, is_seen) = channel::<()>();
    let broker = Fake::start(move |listener| {
        let mut peer = Peer::subscribed(&listener, Version::V311);
        let message = |retain| {
            let (dup, qos, packet_identifier, properties) = (false, QoS::AtMostOnce, 0, Properties::EMPTY);
            let (topic, payload) = ("a", &b"x"[..]);
            Packet::Publish(Publish { dup, qos, retain, topic, packet_identifier, properties, payload })
        };
        while is_seen.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout) {
            peer.say(&message(true));
            let id = peer.read(|packet| match packet {
                Packet::Publish(publish) => publish.packet_identifier,
                other => panic!("PUBLISH expected: {other:?}"),
            });
            peer.acknowledge(AckKind::PubAck, id);
        }
        peer.say(&message(false));
        assert_eq!(peer.read_text(), "Disconnect 0");
    });
    let sub = broker.tool("mqtt-sub").args(["-t", "a", "--remove-retained", "--retained-only"]);
    let Some(terminal) = at_terminal_of(&format!("{} >/dev/null", sub.line()), &[]) else { return };
    terminal.await_stdout(" retained messages cleared");
    seen.send(()).unwrap();
    assert_eq!(terminal.wait().code, 0);
    broker.finish();
}
