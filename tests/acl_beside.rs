//! ACL files beside mosquitto's broker: who may read and write what, case by case, must be the same. (`%c` inside a
//! level is left out: 2.0 replaces it, 2.1 does not.)

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "harness/our_broker.rs"]
mod our_broker;
#[path = "harness/raw_client.rs"]
mod raw_client;
#[path = "harness/running.rs"]
mod running;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mqtt_toolkit::protocol::{Connect, QoS, Version};
use our_broker::Broker;
use raw_client::{RawClient, plain_connect, publish};
use running::eventually;

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

struct Mosquitto(Child);

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn verdicts_are_mosquittos() {
    let program = Path::new("/usr/sbin/mosquitto");
    if !program.exists() {
        eprintln!("mosquitto is not installed: this test is left out");
        return;
    }
    for file in FILES {
        let folder = tempfile::tempdir().unwrap();
        let (acl, conf) = (folder.path().join("acl"), folder.path().join("conf"));
        std::fs::write(&acl, format!("{file}\n{ALWAYS}")).unwrap();
        let lines = format!("allow_anonymous true\nacl_file {}\n", acl.display());
        let port = Broker::free_port();
        std::fs::write(&conf, format!("user root\nlistener {port} 127.0.0.1\n{lines}")).unwrap();
        let child = Command::new(program).arg("-c").arg(&conf).stderr(Stdio::null()).spawn().unwrap();
        let _mosquitto = Mosquitto(child);
        let theirs = SocketAddr::from(([127, 0, 0, 1], port));
        eventually("mosquitto's port", || std::net::TcpStream::connect(theirs).is_ok());
        let ours = Broker::configured(&lines);
        let (expected, found) = (verdicts(theirs), verdicts(ours.address()));
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(found, expected, "with\n{file}");
        }
    }
}
