//! The first connection: tried again, waited for, given up.

use std::net::{Ipv4Addr, TcpListener};

use mqtt_toolkit::protocol::{ConnAck, Packet, Properties, ReasonCode, Version};

use super::super::harness::{Broker, Fake, Kind, Peer, Tool, free_port, ours};
use super::each;

#[test]
fn every_client_waits_for_a_broker_that_starts_later() {
    let port = free_port();
    let client = |name: &str| {
        Tool::new(&ours(name)).args(["-h", "127.0.0.1", "-p", &port.to_string(), "--wait-connect", "30"])
    };
    let sub = client("mqtt-sub").args(["-t", "a", "-C", "1"]).start();
    let publisher = client("mqtt-pub").args(["-r", "-t", "a", "-m", "hi"]).start();
    let request = client("mqtt-rr").args(["-t", "e", "-e", "e", "-m", "echo"]).start();
    let _broker = Broker::at(Kind::Ours, port, "allow_anonymous true\n").unwrap();
    publisher.wait().prints("");
    sub.wait().prints("hi\n");
    request.wait().prints("echo\n");
}

#[test]
fn patience_ends() {
    let port = free_port().to_string();
    for patience in [&["--retry", "1"][..], &["--wait-connect", "0.3"], &["--connect-timeout", "5"]] {
        let publish =
            Tool::new(&ours("mqtt-pub")).args(["-h", "127.0.0.1", "-p", &port, "-t", "a", "-m", "x"]);
        publish.args(patience).run().ends(1, "", "Error: Connection refused\n");
    }
}

#[test]
fn a_broker_that_does_not_answer_times_out() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    for name in ["mqtt-pub", "mqtt-sub", "mqtt-rr"] {
        let tool = Tool::new(&ours(name)).args(["-h", "127.0.0.1", "-p", &port, "-t", "a"]);
        let tool = match name {
            "mqtt-pub" => tool.args(["-m", "x"]),
            "mqtt-rr" => tool.args(["-m", "x", "-e", "b"]),
            _ => tool,
        };
        tool.args(["--connect-timeout", "0.2"]).run().ends(1, "", "Error: Connection timed out\n");
    }
}

#[test]
fn a_busy_broker_is_asked_again_and_a_refusal_is_final() {
    let fake = Fake::start(|listener| {
        let refuse = |code| {
            let mut peer = Peer::accept(&listener, Version::V5);
            peer.read_text();
            let properties = Properties::EMPTY;
            peer.say(&Packet::ConnAck(ConnAck { session_present: false, code, properties }));
        };
        refuse(ReasonCode::SERVER_BUSY);
        drop(listener.accept().unwrap());
        let mut peer = Peer::welcome(&listener, Version::V5);
        assert_eq!(peer.read_text(), "Publish d0 q0 m0 a=x");
        drop(peer);
        refuse(ReasonCode::NOT_AUTHORIZED);
        refuse(ReasonCode::SERVER_BUSY);
        refuse(ReasonCode::SERVER_BUSY);
    });
    let publish = fake.tool("mqtt-pub").args(["-V", "5", "-t", "a", "-m", "x", "--retry"]);
    let refused = |text: &str| {
        format!(
            "Connection error: {text}\nError: A network protocol error occurred when communicating with the broker\n"
        )
    };
    publish.clone().args(["3"]).run().prints("");
    publish.clone().args(["3"]).run().ends(135, "", &refused("Not authorized"));
    publish.args(["1"]).run().ends(137, "", &refused("Server busy"));
    fake.finish();
}

#[test]
fn patience_changes_nothing_where_none_is_needed() {
    each(|broker| {
        let sub = broker.tool("mqtt-sub").args(["-i", "s", "-t", "a", "-C", "1", "--retry", "2"]).start();
        broker.await_subscribed("s");
        broker
            .tool("mqtt-pub")
            .args(["--connect-timeout", "20", "-t", "a", "-l"])
            .run_with(b"x\n")
            .prints("");
        sub.wait().prints("x\n");
    });
}

#[test]
fn what_is_no_number_is_refused() {
    let hint = |name| format!("\nUse '{name} --help' to see usage.\n");
    for (flag, value, want) in [
        ("--retry", "x", "a whole number from 0 on"),
        ("--retry", "-1", "a whole number from 0 on"),
        ("--wait-connect", "0", "a number of seconds above 0"),
        ("--connect-timeout", "1s", "a number of seconds above 0"),
    ] {
        let error =
            format!("Error: Invalid {flag} argument '{value}', it must be {want}.\n{}", hint("mqtt-pub"));
        Tool::new(&ours("mqtt-pub")).args([flag, value]).run().ends(1, "", &error);
    }
}
