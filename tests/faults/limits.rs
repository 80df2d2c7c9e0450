//! A limit for the size of files: the signal that comes with it ends nobody, and nothing acknowledged is lost.

use crate::harness::kept::{come, configuration, leave_subscribed, publish_5};
use crate::harness::raw_client::RawClient;
use crate::harness::{Broker, Running, ours};
use mqtt_toolkit::protocol::{QoS, Version};
use std::path::Path;

/// A broker whose files may have so many bytes.
fn limited(lines: &str, bytes: u32) -> Option<Broker> {
    let prlimit = Path::new("/usr/bin/prlimit");
    if !prlimit.exists() {
        crate::harness::passed_over("prlimit is not installed (apt install util-linux)");
        return None;
    }
    let limit = format!("--fsize={bytes}");
    Some(Broker::configured_by(lines, |arguments| {
        Running::start(prlimit, &[&[&*limit, ours("mqtt-broker").to_str().unwrap()], arguments].concat())
    }))
}

#[test]
fn files_shorter_than_the_store_would_like() {
    let folder = tempfile::tempdir().unwrap();
    let text = configuration(folder.path(), "");
    // More than what is kept free, less than a file of the log gets.
    let Some(broker) = limited(&text, 6_000_000) else { return };
    leave_subscribed(&broker, Version::V311, "bob", "a", QoS::AtLeastOnce);
    let mut ann = RawClient::connect(broker.address(), Version::V5, "ann");
    let payload = |number: u16| [format!("{number} ").as_bytes(), &[b'x'; 100_000]].concat();
    let accepted: Vec<u16> = (1..=150)
        .filter(|&number| match publish_5(&mut ann, number, "a", &payload(number)) {
            0 => true,
            0x97 => false,
            other => panic!("reason {other:#x}"),
        })
        .collect();
    assert!(accepted.len() > 100, "{} of 150 were taken", accepted.len());
    drop(broker);
    let broker = Broker::configured(&text);
    let mut bob = come(&broker, Version::V311, "bob");
    for number in accepted {
        assert_eq!(bob.message().unwrap().payload, payload(number));
    }
}

#[test]
fn no_room_for_what_is_kept_free() {
    let folder = tempfile::tempdir().unwrap();
    let text = configuration(folder.path(), "");
    let Some(broker) = limited(&text, 3_000_000) else { return };
    broker
        .await_log("Error: There is no room left for the store; new messages that must survive are refused.");
    leave_subscribed(&broker, Version::V311, "bob", "a", QoS::AtLeastOnce);
    let mut ann = RawClient::connect(broker.address(), Version::V5, "ann");
    assert_eq!(publish_5(&mut ann, 1, "a", b"never"), 0x97);
    ann.subscribe("b", QoS::AtMostOnce);
    ann.publish("b", b"not kept", QoS::AtMostOnce);
    assert_eq!(ann.message().unwrap().payload, b"not kept");
    assert_eq!(broker.stop().code, 0);
    // Sessions are still kept.
    let broker = Broker::configured(&text);
    broker.await_log("Restored 1 sessions, 0 messages");
}
