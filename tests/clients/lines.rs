//! `mqtt-pub -l`: every line arrives, in order, in bounded memory.

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::sync::mpsc::channel;

use mqtt_toolkit::protocol::{AckKind, Packet, Version};

use super::super::harness::{Broker, Fake, Kind, Peer};
use super::each;

/// Enough lines for several windows and blocks.
const LINES: usize = 5000;

fn many_lines() -> String {
    (0..LINES).map(|number| format!("line {number} of {LINES}\n")).collect()
}

#[test]
fn every_line_of_a_file_arrives_in_order_at_every_qos() {
    let text = many_lines();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    for kind in [Kind::Mosquitto, Kind::Ours] {
        let Some(broker) = Broker::with(kind, "allow_anonymous true\nmax_queued_messages 0\n") else {
            continue;
        };
        for qos in ["0", "1", "2"] {
            for version in ["311", "5"] {
                let id = format!("s{qos}{version}");
                let count = LINES.to_string();
                let sub =
                    broker.tool("mqtt-sub").args(["-i", &id, "-t", &id, "-q", qos, "-C", &count]).start();
                broker.await_subscribed(&id);
                broker
                    .tool("mqtt-pub")
                    .args(["-V", version, "-t", &id, "-q", qos, "-l"])
                    .start_with(File::open(file.path()).unwrap())
                    .wait()
                    .prints("");
                sub.wait().prints(&text);
            }
        }
    }
}

#[test]
fn lines_are_what_stands_between_line_ends() {
    each(|broker| {
        let long = "x".repeat(200_000);
        let sub = broker.tool("mqtt-sub").args(["-i", "s", "-t", "t", "-q", "1", "-C", "6", "-v"]).start();
        broker.await_subscribed("s");
        let input = format!("first\n\ncarriage\r\n  spaces \n{long}\nlast without end");
        broker.tool("mqtt-pub").args(["-t", "t", "-q", "1", "-l"]).run_with(input.as_bytes()).prints("");
        sub.wait()
            .prints(&format!("t first\nt (null)\nt carriage\r\nt   spaces \nt {long}\nt last without end\n"));
    });
}

#[test]
fn no_lines_are_no_messages() {
    each(|broker| {
        broker
            .tool("mqtt-pub")
            .args(["-i", "p", "-t", "t", "-l", "-d"])
            .run()
            .prints("Client p sending CONNECT\nClient p received CONNACK (0)\nClient p sending DISCONNECT\n");
    });
}

#[test]
fn a_line_goes_out_when_it_is_there() {
    each(|broker| {
        let sub = broker.tool("mqtt-sub").args(["-i", "s", "-t", "t"]).start();
        broker.await_subscribed("s");
        let mut publisher = broker.tool("mqtt-pub").args(["-t", "t", "-l"]).start();
        publisher.write(b"one\n");
        sub.await_stdout("one\n");
        publisher.write(b"two\nthr");
        sub.await_stdout("one\ntwo\n");
        publisher.write(b"ee");
        publisher.wait().prints("");
        sub.await_stdout("one\ntwo\nthree\n");
    });
}

/// The most memory a process has had so far, in kB.
fn peak_memory(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn memory_does_not_grow_with_what_waits() {
    // 40 MB of lines; the broker takes its time: it looks at the client's memory halfway.
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let line = format!("{}\n", "x".repeat(99));
    let count = 400_000;
    file.write_all(line.repeat(count).as_bytes()).unwrap();
    for qos in [0, 1] {
        let (sender, id) = channel();
        let (seen, peak) = channel();
        let fake = Fake::start(move |listener: TcpListener| {
            let mut peer = Peer::welcome(&listener, Version::V311);
            let id = id.recv().unwrap();
            for number in 1..=count {
                let identifier = peer.read(|packet| match packet {
                    Packet::Publish(publish) => publish.packet_identifier,
                    other => panic!("{other:?}"),
                });
                if identifier != 0 {
                    peer.acknowledge(AckKind::PubAck, identifier);
                }
                if number == count / 2 {
                    seen.send(peak_memory(id)).unwrap();
                }
                if qos == 1 && number == 20_000 {
                    // Enough at QoS 1: the rest is the same, a window at a time.
                    seen.send(peak_memory(id)).unwrap();
                    return;
                }
            }
            assert_eq!(peer.read_text(), "Disconnect 0");
        });
        let running = fake
            .tool("mqtt-pub")
            .args(["-t", "t", "-l", "-q", &qos.to_string()])
            .start_with(File::open(file.path()).unwrap());
        sender.send(running.id()).unwrap();
        let peak = peak.recv().unwrap();
        assert!(peak < 16_000, "{peak} kB at QoS {qos}");
        fake.finish();
    }
}
