//! mosquitto's database: what the real one has written comes over, old formats too, and a damaged one is refused.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

#[path = "mosquitto_db/damage.rs"]
mod damage;
mod harness;
#[path = "mosquitto_db/old.rs"]
mod old;
#[path = "mosquitto_db/theirs.rs"]
mod theirs;
mod world;

use harness::kept::{come, configuration, dump, payloads};
use harness::raw_client::{RawClient, encoded};
use harness::{Broker, ours, run};
use mqtt_toolkit::protocol::{Ack, Packet, QoS, Version};

#[test]
fn a_database_of_mosquitto_comes_over() {
    let Some(theirs::Theirs { folder, conf }) = theirs::written() else { return };
    let database = folder.path().join("mosquitto.db");
    let before = std::fs::read(&database).unwrap();
    let lines = dump(&database);
    let has = |part: &str| lines.iter().any(|line| line.contains(part));
    assert!(has(r#""client_id":"bob","filter":"a/#","qos":2"#), "{lines:?}");
    assert!(has(r#""type":"retained","topic":"a/3""#), "{lines:?}");
    let ended =
        run(&ours("mqtt-broker"), &["-c", conf.to_str().unwrap(), "--import", database.to_str().unwrap()]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("Imported 3 sessions, 3 subscriptions, "), "{}", ended.stderr);
    assert_eq!(dump(&folder.path().join("mosquitto.db.store")), lines, "the store holds the same");
    assert_eq!(std::fs::read(&database).unwrap(), before);
    let again =
        run(&ours("mqtt-broker"), &["-c", conf.to_str().unwrap(), "--import", database.to_str().unwrap()]);
    assert!(again.stderr.contains("exists; move it away"), "{}", again.stderr);

    let more = "queue_qos0_messages true\n";
    let broker = Broker::configured(&configuration(folder.path(), more));
    let mut bob = come(&broker, Version::V311, "bob");
    let mut got: Vec<String> = payloads(&mut bob, 5);
    assert_eq!(got.iter().filter(|p| *p != "zero").collect::<Vec<_>>(), ["one", "two", "three", "four"]);
    got.sort();
    assert_eq!(got, ["four", "one", "three", "two", "zero"]);
    assert_eq!(payloads(&mut come(&broker, Version::V5, "carl"), 1), ["one"]);
    let mut eve = come(&broker, Version::V311, "eve");
    // Sent again it is known; released it is done with.
    eve.send(&encoded(Version::V311, &Packet::PubRel(Ack::new(5))));
    assert_eq!(eve.frame().unwrap(), [0x70, 2, 0, 5], "PUBCOMP");
    let mut new = RawClient::connect(broker.address(), Version::V311, "new");
    new.subscribe("#", QoS::AtMostOnce);
    assert_eq!(payloads(&mut new, 1), ["three"]);
    drop(broker);

    // The first start beside a database takes it over by itself.
    std::fs::remove_dir_all(folder.path().join("mosquitto.db.store")).unwrap();
    let broker = Broker::configured(&configuration(folder.path(), ""));
    broker.await_log("Imported 3 sessions, 3 subscriptions, ");
    broker.await_log("Restored 3 sessions");
}
