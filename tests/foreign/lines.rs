//! mosquitto_pub -l with 20,000 lines into our mqtt-sub: every line, in order, at each QoS.

use std::path::Path;

use super::harness::{Broker, Running};
use super::mosquitto::Clients;

const LINES: usize = 20_000;

fn every_line_arrives_in_order(qos: &str) {
    let broker = Broker::ours();
    let Some(clients) = Clients::of(&broker) else { return };
    let (port, count) = (broker.port.to_string(), LINES.to_string());
    let subscriber = Running::start(
        Path::new(env!("CARGO_BIN_EXE_mqtt-sub")),
        &["-h", "127.0.0.1", "-p", &port, "-i", "sub", "-t", "lines", "-q", qos, "-C", &count],
    );
    broker.wait_for_subscription("sub", "lines");
    let lines: String = (0..LINES).map(|n| format!("line {n} of many\n")).collect();
    clients.feed(&["-t", "lines", "-l", "-q", qos], lines.as_bytes());
    let seen = subscriber.wait();
    assert_eq!((seen.code, seen.stdout.lines().count()), (0, LINES), "{}", seen.stderr);
    assert!(seen.stdout == lines, "all lines, but not in order");
}

#[test]
fn every_line_arrives_in_order_at_qos_0() {
    every_line_arrives_in_order("0");
}

#[test]
fn every_line_arrives_in_order_at_qos_1() {
    every_line_arrives_in_order("1");
}

#[test]
fn every_line_arrives_in_order_at_qos_2() {
    every_line_arrives_in_order("2");
}
