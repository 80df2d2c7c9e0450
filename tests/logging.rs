//! The log of the running broker: mosquitto's lines, where they go, and in which form.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod harness;

use harness::raw_client::{RawClient, plain_connect};
use harness::{Broker, eventually, free_port};
use mqtt_toolkit::protocol::{Connect, QoS, Version};

/// A line without its time, if it has the usual one.
fn without_time(line: &str) -> &str {
    match line.split_once(": ") {
        Some((time, rest)) if time.len() >= 10 && time.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => panic!("no time: {line}"),
    }
}

/// A client that comes, says its name, and goes.
fn visit(broker: &Broker) -> u16 {
    visit_at(broker.address())
}

fn visit_at(address: std::net::SocketAddr) -> u16 {
    let connect = Connect {
        username: Some("bob"),
        password: Some(b"x"),
        keep_alive: 42,
        ..plain_connect(Version::V5, "guest")
    };
    let mut client = RawClient::connect_with(address, &connect);
    client.ping();
    client.send(&[0xE0, 0]);
    assert_eq!(client.ending(), None);
    client.stream.local_addr().unwrap().port()
}

#[test]
fn who_comes_and_goes_in_mosquittos_words() {
    let broker = Broker::configured("allow_anonymous true\n");
    let port = visit(&broker);
    broker.await_log("disconnected");
    let text = broker.log();
    let lines: Vec<&str> = text.lines().map(without_time).collect();
    let at = format!("127.0.0.1:{port}");
    for line in [
        format!("New connection from {at} on port {}.", broker.address().port()),
        format!("New client connected from {at} as guest (p5, c1, k42, u'bob')."),
        format!("Client guest [{at}] disconnected."),
    ] {
        assert!(lines.contains(&line.as_str()), "{line}\n{text}");
    }
    let mut stranger = RawClient::open(broker.address(), Version::V311);
    let port = stranger.stream.local_addr().unwrap().port();
    stranger.send(&[0xC0, 0]);
    assert_eq!(stranger.ending(), None);
    broker.await_log(&format!("Protocol error from 127.0.0.1:{port}: First packet not CONNECT (C0)."));
    broker.await_log(&format!("Client 127.0.0.1 [127.0.0.1:{port}] disconnected: protocol error."));
    let ended = broker.stop();
    assert_eq!(ended.code, 0);
    assert!(without_time(ended.stderr.lines().last().unwrap()).ends_with(" terminating"), "{}", ended.stderr);
}

/// In the words of 2.1, where 2.0.11 has none (the others are in `tests/log_beside.rs`).
#[test]
fn packets_that_cant_be_read_are_told() {
    let broker = Broker::configured("allow_anonymous true\n");
    for (bytes, line) in [
        (&b"\x38\x04\0\x01ax"[..], "Invalid PUBLISH (QoS=0 and DUP=1) from sinner, disconnecting."),
        (b"\xa2\x06\0\x01\0\x02a#", "Invalid unsubscription string from sinner, disconnecting."),
        (b"\xa2\x04\0\x01\0\0", "Empty unsubscription string from sinner, disconnecting."),
        (b"\x82\x05\0\x01\0\0\0", "Empty subscription string from 127.0.0.1, disconnecting."),
        (b"\x32\x05\0\x01a\0\0", "Protocol error from sinner: PUBLISH packet with mid = 0."),
    ] {
        let mut sinner = RawClient::connect(broker.address(), Version::V311, "sinner");
        sinner.send(bytes);
        assert_eq!(sinner.ending(), None);
        broker.await_log(line);
    }
}

#[test]
fn every_destination_gets_the_line() {
    let port = free_port();
    let lines = "allow_anonymous true\nlog_dest file {dir}/log\nlog_dest stdout\nlog_dest stderr\n";
    let broker = Broker::with_listeners(&format!("{lines}listener {port} 127.0.0.1\n"));
    visit_at(([127, 0, 0, 1], port).into());
    broker.await_log("as guest");
    broker.out().wait_for("as guest");
    eventually("the file", || std::fs::read_to_string(broker.path("log")).unwrap().contains("as guest"));
}

#[test]
fn nowhere_is_a_destination() {
    let broker = Broker::configured("allow_anonymous true\nlog_dest stderr\nlog_dest none\n");
    visit(&broker);
    let ended = broker.stop();
    assert_eq!(ended.code, 0);
    // What was said before the configuration held goes to stderr in any case.
    assert!(!ended.stderr.contains("guest") && !ended.stderr.contains("starting"), "{}", ended.stderr);
}

#[test]
fn the_time_has_the_form_that_was_asked_for() {
    let broker = Broker::configured("allow_anonymous true\nlog_timestamp_format @%Y-%m-%dT%H:%M:%S\n");
    visit(&broker);
    let text = broker.await_log("as guest");
    let line = text.lines().find(|line| line.contains("as guest")).unwrap();
    let (time, rest) = line.split_once(": ").unwrap();
    assert!(rest.starts_with("New client connected"), "{line}");
    let form: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "@0000-00-00T00:00:00");
    let broker = Broker::configured("allow_anonymous true\nlog_timestamp false\n");
    visit(&broker);
    let text = broker.await_log("as guest");
    assert!(text.lines().any(|line| line.starts_with("New client connected")), "{text}");
}

#[test]
fn types_that_are_not_asked_for_are_not_logged() {
    let broker = Broker::configured("allow_anonymous true\nlog_type none\nlog_type debug\n");
    visit(&broker);
    let text = broker.await_log("Received DISCONNECT from guest");
    assert!(
        text.contains("No will message specified.") && text.contains("Received PINGREQ from guest"),
        "{text}"
    );
    assert!(!text.contains("New client connected"), "{text}");
}

#[test]
fn lines_are_published_too() {
    let broker = Broker::configured("allow_anonymous true\nlog_dest topic\nlog_dest stderr\nlog_type all\n");
    let mut monitor = RawClient::connect(broker.address(), Version::V5, "monitor");
    monitor.subscribe("$SYS/broker/log/#", QoS::ExactlyOnce);
    visit(&broker);
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let message = monitor.message().unwrap();
        assert!(!message.retain && message.qos == QoS::ExactlyOnce);
        assert_ne!(message.topic, "$SYS/broker/log/D");
        let text = String::from_utf8(message.payload).unwrap();
        let text = without_time(&text);
        if text.contains("guest") || text.contains("New connection") {
            assert_eq!(message.topic, "$SYS/broker/log/N");
            seen.push(text.split(' ').take(2).collect::<Vec<_>>().join(" "));
        }
    }
    assert_eq!(seen, ["New connection", "New client", "Client guest"]);
    // What a reload says comes from another thread.
    assert!(broker.reload_unchanged().contains("was reloaded"));
    loop {
        let message = monitor.message().unwrap();
        if message.topic == "$SYS/broker/log/I" && message.payload.ends_with(b"Reloading config.") {
            break;
        }
    }
    let mut other = RawClient::connect(broker.address(), Version::V5, "other");
    other.subscribe("x/y", QoS::AtMostOnce);
    loop {
        let message = monitor.message().unwrap();
        if message.topic == "$SYS/broker/log/M/subscribe" && message.payload.ends_with(b": other 0 x/y") {
            break;
        }
    }
}

#[test]
fn json_lines() {
    let broker = Broker::configured("allow_anonymous true\nlog_format json\nlog_type all\n");
    let port = visit(&broker);
    let text = broker.await_log_until("the end of the visit", |text| {
        text.lines().any(|line| line.contains("\"disconnect\"") && line.ends_with('}'))
    });
    let mut events = Vec::new();
    // The lines before the configuration is read are as always.
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        assert!(line["time"].is_u64() && line["message"].is_string(), "{line}");
        if let Some(event) = line["event"].as_str() {
            events.push(event.to_owned());
        }
        match line["event"].as_str() {
            Some("connect") => {
                assert_eq!((&line["client"], &line["username"]), (&"guest".into(), &"bob".into()));
                assert_eq!((&line["protocol"], &line["keep_alive"]), (&5.into(), &42.into()));
                assert_eq!(line["address"], format!("127.0.0.1:{port}"));
            }
            Some("disconnect") => assert!(line["reason"].is_null(), "in order: {line}"),
            _ => {}
        }
    }
    assert_eq!(events, ["connection", "connect", "will", "disconnect"]);
}

#[test]
fn dlt_is_warned_about() {
    let broker = Broker::configured("allow_anonymous true\nlog_dest dlt\n");
    broker.await_log("Warning: DLT support not available: 'log_dest dlt' logs to stderr.");
    visit(&broker);
    broker.await_log("as guest");
}
