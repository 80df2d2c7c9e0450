//! ACL files beside mosquitto's broker: who may read and write what, case by case, must be the same (`%c` inside a
//! level is left out: 2.0 replaces it, 2.1 does not); and what somebody gets who takes another's session over.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod harness;

use std::net::SocketAddr;

use harness::raw_client::{RawClient, plain_connect, publish};
use harness::{Broker, Kind};
use mqtt_toolkit::protocol::{Connect, Properties, PropertiesBuf, Property, QoS, Version, Will};

/// Who writes what the others read, and the mark behind it.
const ALWAYS: &str = "user writer\ntopic write #\ntopic write $x/#\npattern read end\n";

const FILES: &[&str] = &[
    "# only comments\n",
    "topic read a/#\nuser bob\ntopic a/b\ntopic deny a/b/c\ntopic a/b/#\n",
    "user bob\ntopic readwrite a/#\ntopic deny a/b\npattern deny a/c\npattern readwrite x/%u/%c\n",
    "pattern read devices/%c/down\npattern write devices/%c/up\npattern read %u\n",
    "user bob\ntopic read $x/y\ntopic #\ntopic deny +/b\n",
    "topic write a/b\r\n\r\n#x\r\nuser two words\r\ntopic read a b/c",
];
const USERS: &[Option<&str>] = &[None, Some("bob"), Some("two words"), Some("+")];
const IDS: &[&str] = &["id1", "+"];
const TOPICS: &[&str] = &[
    "a",
    "a/b",
    "a/b/c",
    "a/c",
    "x/bob/id1",
    "devices/id1/down",
    "devices/id1/up",
    "pre-id1/x",
    "bob",
    "$x/y",
    "a b/c",
];

fn client(address: SocketAddr, id: &str, username: Option<&str>) -> RawClient {
    let connect = Connect { username, ..plain_connect(Version::V5, id) };
    RawClient::connect_with(address, &connect)
}

/// For each case, whether it may be read and written.
fn verdicts(address: SocketAddr) -> Vec<(String, bool, bool)> {
    let mut writer = client(address, "the writer", Some("writer"));
    let mut found = Vec::new();
    for username in USERS {
        for id in IDS {
            for topic in TOPICS {
                let mut reader = client(address, id, *username);
                reader.send(&publish(Version::V5, 7, topic, b"x", QoS::AtLeastOnce));
                let puback = reader.frame().unwrap();
                let may_write = puback.get(4) != Some(&0x87);
                reader.subscribe(topic, QoS::AtMostOnce);
                reader.subscribe("end", QoS::AtMostOnce);
                writer.publish(topic, b"x", QoS::AtLeastOnce);
                writer.publish("end", b"x", QoS::AtLeastOnce);
                // Names that look like wildcards get nothing by patterns, not even the mark.
                let may_read = if *id == "+" || *username == Some("+") {
                    false
                } else {
                    reader.message().unwrap().topic == **topic
                };
                found.push((format!("{username:?} {id} {topic}"), may_read, may_write));
            }
        }
    }
    found
}

#[test]
fn verdicts_are_mosquittos() {
    for file in FILES {
        let folder = tempfile::tempdir().unwrap();
        let acl = folder.path().join("acl");
        std::fs::write(&acl, format!("{file}\n{ALWAYS}")).unwrap();
        let lines = format!("allow_anonymous true\nacl_file {}\n", acl.display());
        let Some(theirs) = Broker::with(Kind::Mosquitto, &lines) else { return };
        let ours = Broker::configured(&lines);
        let (expected, found) = (verdicts(theirs.address()), verdicts(ours.address()));
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(found, expected, "with\n{file}");
        }
    }
}

/// Ann and the boss may do everything, Bob only what is open.
const OPEN: &str =
    "user boss\ntopic readwrite #\nuser ann\ntopic readwrite #\nuser bob\ntopic readwrite open/#\n";

/// The same ClientId whoever comes, a session that stays, and a Will with the user's name.
fn thing(address: SocketAddr, version: Version, username: &str, clean_start: bool) -> RawClient {
    let mut properties = PropertiesBuf::default();
    if version.is_v5() {
        properties.push(Property::SessionExpiryInterval(1000));
    }
    let topic = format!("will/{username}");
    let will = Will {
        topic: &topic,
        payload: b"",
        qos: QoS::AtLeastOnce,
        retain: false,
        properties: Properties::EMPTY,
    };
    let connect = Connect {
        clean_start,
        username: Some(username),
        will: Some(will),
        properties: properties.as_properties(),
        ..plain_connect(version, "thing")
    };
    RawClient::connect_with(address, &connect)
}

fn topics_until(client: &mut RawClient, end: &str) -> Vec<String> {
    let topics = std::iter::from_fn(|| client.message().map(|message| message.topic));
    topics.take_while(|topic| topic != end).collect()
}

/// What Bob gets who comes with Ann's ClientId while messages are on their way to her and more wait, and which Wills
/// are published until Ann has come back.
fn taken_over(address: SocketAddr, version: Version, clean_start: bool) -> (Vec<String>, Vec<String>) {
    let mut boss = client(address, "boss", Some("boss"));
    let mut watcher = client(address, "watcher", Some("boss"));
    watcher.subscribe("will/#", QoS::AtMostOnce);
    let mut ann = thing(address, version, "ann", false);
    ann.subscribe("#", QoS::ExactlyOnce);
    for number in 0..15 {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            for what in ["secret", "open"] {
                boss.publish(&format!("{what}/{number}"), b"x", qos);
            }
        }
    }
    let mut bob = thing(address, version, "bob", clean_start);
    if clean_start {
        bob.subscribe("open/end", QoS::AtLeastOnce);
    }
    boss.publish("secret/end", b"x", QoS::AtLeastOnce);
    boss.publish("open/end", b"x", QoS::AtLeastOnce);
    let got = topics_until(&mut bob, "open/end");
    thing(address, version, "ann", true).send(&[0xE0, 0]);
    boss.publish("will/end", b"x", QoS::AtLeastOnce);
    (got, topics_until(&mut watcher, "will/end"))
}

#[test]
fn a_session_taken_over_by_another_user_tells_only_what_that_user_may_read() {
    let folder = tempfile::tempdir().unwrap();
    let acl = folder.path().join("acl");
    std::fs::write(&acl, OPEN).unwrap();
    let lines = format!("allow_anonymous true\nacl_file {}\n", acl.display());
    let ours = Broker::configured(&lines);
    let theirs = Broker::with(Kind::Mosquitto, &lines);
    for version in [Version::V311, Version::V5] {
        let open: Vec<String> =
            (0..15).flat_map(|number| [format!("open/{number}"), format!("open/{number}")]).collect();
        // A session that goes on takes its Will with it; a new one ends the old one. Bob's own he may not publish.
        for (clean_start, expected) in
            [(false, (open, vec![])), (true, (vec![], vec!["will/ann".to_owned()]))]
        {
            let what = format!("{version:?}, Clean Start {clean_start}");
            assert_eq!(taken_over(ours.address(), version, clean_start), expected, "{what}");
            if let Some(theirs) = &theirs {
                assert_eq!(taken_over(theirs.address(), version, clean_start), expected, "mosquitto, {what}");
            }
        }
    }
}
