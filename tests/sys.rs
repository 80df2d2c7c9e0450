//! The `$SYS` topics as a monitor reads them, beside mosquitto's.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use harness::raw_client::{Message, RawClient};
use harness::{Broker, Running, eventually, foreign, free_port};
use mqtt_toolkit::protocol::{QoS, Version};

/// The retained `$SYS` messages, by topic.
fn retained(client: &mut RawClient) -> BTreeMap<String, Message> {
    client.subscribe("$SYS/#", QoS::ExactlyOnce);
    // At a QoS that waits behind the others.
    client.subscribe("the/end", QoS::AtLeastOnce);
    client.publish("the/end", b"", QoS::AtLeastOnce);
    let mut found = BTreeMap::new();
    loop {
        let message = client.message().unwrap();
        if message.topic == "the/end" {
            return found;
        }
        found.entry(message.topic.clone()).or_insert(message);
    }
}

fn number(found: &BTreeMap<String, Message>, topic: &str) -> u64 {
    let message = found.get(&format!("$SYS/broker/{topic}")).unwrap_or_else(|| panic!("no {topic}"));
    std::str::from_utf8(&message.payload).unwrap().parse().unwrap()
}

#[test]
fn all_topics_are_there_at_once_and_retained() {
    let broker = Broker::configured("allow_anonymous true\n");
    let mut client = RawClient::connect(broker.address(), Version::V311, "monitor");
    let found = retained(&mut client);
    assert!(found.values().all(|m| m.retain && m.qos == QoS::ExactlyOnce));
    let text = |topic: &str| String::from_utf8(found[topic].payload.clone()).unwrap();
    assert!(text("$SYS/broker/version").starts_with("mqtt-broker version "));
    assert!(text("$SYS/broker/uptime").ends_with(" seconds"));
    assert_eq!(text("$SYS/broker/load/sockets/15min"), "0.00");
    assert_eq!(number(&found, "retained messages/count"), 0, "as it was at the start");
    assert!(number(&found, "heap/current") > 10_000 && number(&found, "heap/maximum") > 10_000);
}

#[test]
fn figures_follow_what_happens() {
    let broker = Broker::configured("allow_anonymous true\nsys_interval 1\n");
    let mut worker = RawClient::connect(broker.address(), Version::V5, "worker");
    worker.subscribe("a/#", QoS::AtLeastOnce);
    worker.subscribe("$share/g/b", QoS::AtLeastOnce);
    worker.publish("a/1", b"12345", QoS::AtLeastOnce);
    worker.message().unwrap();
    worker.ping();
    let address = broker.address();
    eventually("the figures", || {
        let mut client = RawClient::connect(address, Version::V311, "monitor");
        let found = retained(&mut client);
        number(&found, "clients/connected") >= 1
            && number(&found, "clients/maximum") >= 1
            && number(&found, "subscriptions/count") >= 1
            && number(&found, "shared_subscriptions/count") == 1
            && number(&found, "publish/bytes/received") >= 5
            && number(&found, "publish/messages/sent") >= 1
            && number(&found, "messages/received") >= 4
            && number(&found, "connections/socket/count") >= 1
            && number(&found, "messages/stored") > 30
            && number(&found, "store/messages/bytes") > 60
            && number(&found, "retained messages/count") > 30
            && found["$SYS/broker/load/publish/received/1min"].payload != b"0.00"
    });
    // Only what has changed is published again, uptime every time.
    let mut client = RawClient::connect(address, Version::V311, "monitor");
    retained(&mut client);
    let mut seen = BTreeSet::new();
    while !seen.contains("$SYS/broker/uptime") {
        seen.insert(client.message().unwrap().topic);
    }
    assert!(
        !seen.contains("$SYS/broker/version") && !seen.contains("$SYS/broker/clients/expired"),
        "{seen:?}"
    );
}

#[test]
fn no_interval_no_topics_until_a_reload_says_otherwise() {
    let broker = Broker::configured("allow_anonymous true\nsys_interval 0\n");
    let mut client = RawClient::connect(broker.address(), Version::V311, "monitor");
    assert!(retained(&mut client).is_empty());
    assert!(broker.reload("allow_anonymous true\nsys_interval 60\n").contains("was reloaded"));
    assert!(client.message().unwrap().topic.starts_with("$SYS/broker/"));
}

#[test]
fn nobody_may_write_them() {
    let broker = Broker::configured("allow_anonymous true\n");
    let mut client = RawClient::connect(broker.address(), Version::V311, "c");
    client.publish("$SYS/broker/version", b"0", QoS::AtLeastOnce);
    let found = retained(&mut client);
    assert!(found["$SYS/broker/version"].payload.starts_with(b"mqtt-broker"));
}

/// mosquitto's own topics, as its broker publishes them.
fn topics_of_mosquitto(program: &Path) -> BTreeSet<String> {
    let port = free_port();
    let mosquitto = Running::start(program, &["-p", &port.to_string()]);
    mosquitto.err.wait_for(" running\n");
    let mut client = RawClient::connect(([127, 0, 0, 1], port).into(), Version::V311, "monitor");
    // Another client, so that the figures that start at 1 are published, too.
    let _other = RawClient::connect(([127, 0, 0, 1], port).into(), Version::V311, "another");
    retained(&mut client).into_keys().collect()
}

#[test]
fn every_topic_of_mosquitto_is_there() {
    let Some(program) = foreign("mosquitto") else { return };
    let theirs = topics_of_mosquitto(&program);
    assert!(theirs.len() > 20, "{theirs:?}");
    let broker = Broker::configured("allow_anonymous true\n");
    let mut client = RawClient::connect(broker.address(), Version::V311, "monitor");
    let ours: BTreeSet<String> = retained(&mut client).into_keys().collect();
    let missing: Vec<&String> = theirs.difference(&ours).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
