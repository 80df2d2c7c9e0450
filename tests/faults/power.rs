//! The real program loses its power: of each file only what it had synced is left.

use crate::disk::FaultyDisk;
use crate::errors::heard_nothing;
use crate::harness::kept::{come, configuration, leave_subscribed, log_files, payloads, puback, publish_5};
use crate::harness::raw_client::{self, RawClient};
use crate::harness::{Broker, eventually};
use mqtt_toolkit::protocol::{Packet, Properties, Publish, QoS, Version};
use std::path::Path;

/// Whether a payload is synced, wherever in the log it stands.
fn is_safe(disk: &FaultyDisk, folder: &Path, payload: &str) -> bool {
    log_files(folder)
        .iter()
        .any(|file| disk.synced(file).windows(payload.len()).any(|window| window == payload.as_bytes()))
}

fn text(folder: &Path, sync: &str) -> String {
    configuration(folder, &format!("persistence_sync {sync}\n"))
}

/// Bob's messages after the power has gone. The last is a new one.
fn after_the_loss(disk: &FaultyDisk, broker: Broker, folder: &Path) -> Vec<String> {
    drop(broker);
    disk.lose_power(&log_files(folder));
    let broker = Broker::configured(&text(folder, "always"));
    let mut ann = RawClient::connect(broker.address(), Version::V5, "ann");
    assert_eq!(publish_5(&mut ann, 1, "a", b"end"), 0);
    let mut bob = come(&broker, Version::V311, "bob");
    let mut got = Vec::new();
    while got.last().is_none_or(|last| last != "end") {
        got.extend(payloads(&mut bob, 1));
    }
    got
}

fn numbered(range: std::ops::Range<u16>, last: &str) -> Vec<String> {
    range.map(|number| format!("message {number}")).chain([last.to_owned()]).collect()
}

#[test]
fn with_always_what_is_acknowledged_is_synced() {
    let Some(disk) = FaultyDisk::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let broker = disk.broker(&text(folder.path(), "always"));
    leave_subscribed(&broker, Version::V311, "bob", "a", QoS::ExactlyOnce);
    let mut ann = RawClient::connect(broker.address(), Version::V5, "ann");
    for number in 1..30 {
        let payload = format!("message {number}");
        let qos = if number % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
        ann.publish("a", payload.as_bytes(), qos);
        assert!(is_safe(&disk, folder.path(), &payload), "{payload}");
    }
    let retained = Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: true,
        topic: "r",
        packet_identifier: 99,
        properties: Properties::EMPTY,
        payload: b"retained",
    };
    ann.send(&raw_client::encoded(Version::V5, &Packet::Publish(retained)));
    assert_eq!(ann.frame().unwrap()[0], 0x40, "PUBACK");
    assert!(is_safe(&disk, folder.path(), "retained"));
    assert_eq!(after_the_loss(&disk, broker, folder.path()), numbered(1..30, "end"));
}

#[test]
fn with_an_interval_a_sync_comes_by_itself_and_is_waited_for() {
    let Some(disk) = FaultyDisk::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let broker = disk.broker(&text(folder.path(), "interval 50"));
    leave_subscribed(&broker, Version::V311, "bob", "a", QoS::AtLeastOnce);
    let mut ann = RawClient::connect(broker.address(), Version::V5, "ann");
    for number in 1..30 {
        assert_eq!(publish_5(&mut ann, number, "a", format!("message {number}").as_bytes()), 0);
    }
    eventually("the sync after the last message", || is_safe(&disk, folder.path(), "message 29"));
    // From here on nothing becomes safe. What comes before the next sync is acknowledged, and nothing behind it.
    disk.stall(true);
    ann.send(&raw_client::publish(Version::V5, 30, "a", b"lost", QoS::AtLeastOnce));
    disk.wait_for_stall();
    ann.send(&raw_client::publish(Version::V5, 31, "a", b"lost", QoS::AtLeastOnce));
    let mut eve = RawClient::connect(broker.address(), Version::V5, "eve");
    eve.ping();
    if !heard_nothing(&ann) {
        assert_eq!(puback(&mut ann, 30), 0);
    }
    assert!(heard_nothing(&ann), "acknowledged while nothing gets safe any more");
    assert_eq!(after_the_loss(&disk, broker, folder.path()), numbered(1..30, "end"));
}

#[test]
fn with_never_sigusr1_and_the_end_sync() {
    for signal in ["-USR1", "-TERM"] {
        let Some(disk) = FaultyDisk::new() else { return };
        let folder = tempfile::tempdir().unwrap();
        let broker = disk.broker(&text(folder.path(), "never"));
        leave_subscribed(&broker, Version::V311, "bob", "a", QoS::AtLeastOnce);
        let mut ann = RawClient::connect(broker.address(), Version::V5, "ann");
        for number in 1..30 {
            assert_eq!(publish_5(&mut ann, number, "a", format!("message {number}").as_bytes()), 0);
        }
        broker.signal(signal);
        eventually("all is synced", || is_safe(&disk, folder.path(), "message 29"));
        assert_eq!(after_the_loss(&disk, broker, folder.path()), numbered(1..30, "end"), "{signal}");
    }
}
