//! A sync that doesn't return: nothing is acknowledged meanwhile, and everything else goes on.

use crate::disk::FaultyDisk;
use crate::errors::heard_nothing;
use crate::harness::kept::{come, configuration, leave_subscribed, payloads, puback, publish_5};
use crate::harness::raw_client::{self, RawClient};
use crate::harness::{Broker, ours};
use mqtt_toolkit::protocol::{QoS, Version};

/// Sends a message whose PUBACK has to wait, and waits until the disk is at it.
fn publish_into_the_stall(disk: &FaultyDisk, client: &mut RawClient, identifier: u16, payload: &[u8]) {
    disk.stall(true);
    client.send(&raw_client::publish(client.version, identifier, "a", payload, QoS::AtLeastOnce));
    disk.wait_for_stall();
}

#[test]
fn an_end_waits_for_the_disk() {
    let Some(disk) = FaultyDisk::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let broker = disk.broker(&configuration(folder.path(), ""));
    leave_subscribed(&broker, Version::V311, "bob", "a", QoS::AtLeastOnce);
    let mut ann = RawClient::connect(broker.address(), Version::V311, "ann");
    publish_into_the_stall(&disk, &mut ann, 1, b"one");
    ann.send(&raw_client::publish(Version::V311, 2, "a", b"two", QoS::AtLeastOnce));
    // Answered in its turn: the broker has the second message, too.
    let mut eve = RawClient::connect(broker.address(), Version::V311, "eve");
    eve.ping();
    broker.signal("-TERM");
    broker.wait_for_end_of("eve");
    assert!(heard_nothing(&ann), "neither a PUBACK nor the end, which waits for it");
    disk.stall(false);
    let ended = broker.stop();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!((puback(&mut ann, 1), puback(&mut ann, 2)), (0, 0), "what was written is acknowledged");
    disk.lose_power(&crate::harness::kept::log_files(folder.path()));
    let broker = Broker::configured(&configuration(folder.path(), ""));
    assert_eq!(payloads(&mut come(&broker, Version::V311, "bob"), 2), ["one", "two"]);
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged_and_a_second_broker_is_kept_out() {
    let Some(disk) = FaultyDisk::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let broker = disk.broker(&configuration(folder.path(), ""));
    leave_subscribed(&broker, Version::V311, "bob", "a", QoS::AtLeastOnce);
    let mut ann = RawClient::connect(broker.address(), Version::V5, "ann");
    assert_eq!(publish_5(&mut ann, 1, "a", b"one"), 0);
    publish_into_the_stall(&disk, &mut ann, 2, b"two");
    let conf = broker.path("second.conf");
    let text =
        format!("user root\nlistener 0 {}\n{}", broker.path("s").display(), configuration(folder.path(), ""));
    std::fs::write(&conf, text).unwrap();
    let second = crate::harness::run(&ours("mqtt-broker"), &["-c", conf.to_str().unwrap()]);
    assert!(second.stderr.contains("is in use by another broker."), "{}", second.stderr);
    assert_eq!(second.code, 1);
    assert!(heard_nothing(&ann));
    drop(broker);
    assert_eq!(ann.frame(), None, "no PUBACK");
    disk.lose_power(&crate::harness::kept::log_files(folder.path()));
    let broker = Broker::configured(&configuration(folder.path(), ""));
    assert_eq!(publish_5(&mut RawClient::connect(broker.address(), Version::V5, "ann"), 1, "a", b"end"), 0);
    let mut got = payloads(&mut come(&broker, Version::V311, "bob"), 2);
    got.retain(|payload| payload != "two");
    assert_eq!(got[..1], ["one"]);
}

#[test]
fn a_takeover_a_reload_and_a_save_wait_for_nobody() {
    let Some(disk) = FaultyDisk::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let text = configuration(folder.path(), "");
    let broker = disk.broker(&text);
    let mut first = come(&broker, Version::V311, "bob");
    first.subscribe("a", QoS::ExactlyOnce);
    first.subscribe("zero", QoS::AtMostOnce);
    let mut ann = RawClient::connect(broker.address(), Version::V5, "ann");
    let mut eve = RawClient::connect(broker.address(), Version::V5, "eve");
    eve.subscribe("zero", QoS::AtMostOnce);
    publish_into_the_stall(&disk, &mut ann, 1, b"one");
    // The session goes to another connection.
    let mut second = RawClient::open(broker.address(), Version::V311);
    let connect =
        mqtt_toolkit::protocol::Packet::Connect(crate::harness::kept::durable(Version::V311, "bob"));
    second.send(&raw_client::encoded(Version::V311, &connect));
    broker.await_log("Client bob [");
    assert!(broker.reload(&text).contains("The configuration was"), "a reload is done");
    broker.signal("-USR1");
    broker.await_log("Saving in-memory database to ");
    eve.publish("zero", b"goes on", QoS::AtMostOnce);
    assert_eq!(payloads(&mut eve, 1), ["goes on"]);
    assert!(heard_nothing(&ann), "a takeover, a reload and a save are no sync");
    disk.stall(false);
    assert_eq!(puback(&mut ann, 1), 0);
    assert_eq!(second.connack(), Some(0));
    let mut got = payloads(&mut second, 1);
    // A QoS 0 message sent meanwhile may be there, too.
    if got == ["goes on"] {
        got = payloads(&mut second, 1);
    }
    assert_eq!(got, ["one"]);
    second.ping();
    drop(first);
    assert_eq!(publish_5(&mut ann, 2, "a", b"two"), 0);
    drop(broker);
    disk.lose_power(&crate::harness::kept::log_files(folder.path()));
    let broker = Broker::configured(&text);
    let mut bob = come(&broker, Version::V311, "bob");
    assert_eq!(payloads(&mut bob, 1), ["two"], "one is with bob already");
}
