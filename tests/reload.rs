//! SIGHUP: a new configuration holds whole or not at all, and whoever it doesn't concern doesn't notice.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod harness;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use harness::raw_client::{RawClient, encoded, plain_connect};
use harness::{Broker, free_port};
use mqtt_toolkit::protocol::{Connect, Packet, QoS, Version};

/// Passwords `b`, hashed with two salts.
const HASH_OF_B: &str = "$7$101$Cf1a+IY1ikSqgM7m$nQayUjR1ur2PK/MFv89/LzdrcjVkVr+drx8tA3nKqByeP61nut9sU2OcI2/XuBW82c7Qp84km9gxr3NVa0hOXQ==";

fn at(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn user<'a>(client_id: &'a str, username: &'a str) -> Connect<'a> {
    Connect { username: Some(username), password: Some(b"b"), ..plain_connect(Version::V5, client_id) }
}

/// The Reason Code that a CONNECT is answered with.
fn answer(address: SocketAddr, connect: &Connect<'_>) -> Option<u8> {
    let mut client = RawClient::open(address, connect.version);
    client.send(&encoded(connect.version, &Packet::Connect(*connect)));
    client.connack()
}

fn is_open(port: u16) -> bool {
    TcpStream::connect(at(port)).is_ok()
}

/// A message to itself and back.
fn is_served(client: &mut RawClient, topic: &str) {
    assert!(client.subscribe(topic, QoS::AtLeastOnce) < 3);
    client.publish(topic, b"x", QoS::AtLeastOnce);
    assert_eq!(client.message().unwrap().topic, topic);
}

#[test]
fn listeners_come_and_go_and_others_dont_notice() {
    let (one, two, three) = (free_port(), free_port(), free_port());
    let lines = |ports: &[u16]| {
        let listeners = ports.iter().map(|port| format!("listener {port} 127.0.0.1\n")).collect::<String>();
        format!("allow_anonymous true\n{listeners}")
    };
    let broker = Broker::with_listeners(&lines(&[one, two]));
    let mut stays = RawClient::connect(at(one), Version::V5, "stays");
    let mut goes = RawClient::connect(at(two), Version::V5, "goes");
    is_served(&mut stays, "a");

    let log = broker.reload(&lines(&[three, one]));
    assert!(log.contains("The configuration was reloaded."), "{log}");
    assert!(log.contains(&format!("Opening ipv4 listen socket on port {three}.")), "{log}");
    assert_eq!(goes.ending(), Some(0x98), "its listener is gone");
    broker.await_log("disconnected: administrative action.");
    assert!(!is_open(two) && is_open(three) && is_open(one));
    is_served(&mut stays, "b");
    let mut new = RawClient::connect(at(three), Version::V311, "new");
    is_served(&mut new, "c");

    // And back: the number of the one that went is used again.
    let log = broker.reload(&lines(&[two, one]));
    assert!(log.contains("The configuration was reloaded."), "{log}");
    assert_eq!(new.ending(), None);
    is_served(&mut RawClient::connect(at(two), Version::V5, "again"), "d");
    is_served(&mut stays, "e");
}

#[test]
fn an_address_may_become_narrower_on_the_same_port() {
    let port = free_port();
    let broker = Broker::with_listeners(&format!("listener {port}\nallow_anonymous true\n"));
    let log = broker.reload(&format!("listener {port} 127.0.0.1\nallow_anonymous true\n"));
    assert!(log.contains("The configuration was reloaded."), "{log}");
    is_served(&mut RawClient::connect(at(port), Version::V5, "narrow"), "a");
}

#[test]
fn a_name_that_leads_nowhere_matters_to_a_new_listener_only() {
    let (port, other) = (free_port(), free_port());
    let broker = Broker::with_listeners(&format!("listener {port} localhost\nallow_anonymous true\n"));
    let log = broker.reload(&format!(
        "listener {port} localhost\nlistener {other} no.such.host.invalid\nallow_anonymous true\n"
    ));
    assert!(log.contains("Error: Unable to resolve 'no.such.host.invalid'"), "{log}");
    assert!(log.contains("stays in force"), "{log}");
    is_served(&mut RawClient::connect(at(port), Version::V5, "c"), "a");
    let log = broker.reload(&format!("listener {other} localhost\nallow_anonymous true\n"));
    assert!(log.contains("was reloaded"), "{log}");
    is_served(&mut RawClient::connect(at(other), Version::V5, "d"), "b");
}

#[test]
fn a_port_in_use_leaves_the_old_configuration() {
    let port = free_port();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let in_use = taken.local_addr().unwrap().port();
    let broker = Broker::with_listeners(&format!("listener {port} 127.0.0.1\nallow_anonymous true\n"));
    let mut client = RawClient::connect(at(port), Version::V5, "stays");
    let log = broker.reload(&format!("listener {in_use} 127.0.0.1\nallow_anonymous false\n"));
    assert!(log.contains("Error: Address already in use"), "{log}");
    assert!(log.contains("not reloaded; the old one stays in force."), "{log}");
    is_served(&mut client, "a");
    is_served(&mut RawClient::connect(at(port), Version::V5, "another"), "b");
    // One on the same port goes first, and comes back.
    let log = broker
        .reload(&format!("listener {port} 127.0.0.2\nlistener {in_use} 127.0.0.1\nallow_anonymous true\n"));
    assert!(log.contains("stays in force"), "{log}");
    is_served(&mut RawClient::connect(at(port), Version::V5, "a third"), "c");
}

#[test]
fn whatever_is_broken_leaves_the_old_configuration_and_is_said() {
    let broker = Broker::configured("allow_anonymous true\nmax_packet_size 100\n");
    let write = |name: &str, text: &str| std::fs::write(broker.path(name), text).unwrap();
    write("passwords", "a:plain\n");
    write("acl", "topic sometimes a\n");
    let mut client = RawClient::connect(broker.address(), Version::V5, "stays");
    for (lines, said) in [
        ("frobnicate yes\nmax_qos 3\n", "Error: Unknown configuration variable 'frobnicate'."),
        ("max_keepalive x\nfrobnicate yes\n", "mosquitto.conf:8."),
        ("password_file {dir}/none\n", "Error: Unable to open pwfile"),
        ("password_file {dir}/passwords\n", "Error: Unable to decode line in password file"),
        ("acl_file {dir}/none\n", "Error: Unable to open acl_file"),
        ("acl_file {dir}/acl\n", "Error: Invalid topic access type \"sometimes\""),
        ("log_dest file {dir}/no/such/folder/log\n", "Error: Unable to open log file"),
        ("password_file {dir}/none\nacl_file {dir}/acl\n", "Error: Invalid topic access type"),
    ] {
        let log = broker.reload(&format!("{lines}max_packet_size 1000\nallow_anonymous false\n"));
        assert!(log.contains(said), "{lines}: {log}");
        assert!(log.contains("The configuration was not reloaded; the old one stays in force."), "{log}");
        is_served(&mut client, "a");
    }
    let mut other = RawClient::connect(broker.address(), Version::V5, "another");
    other.send(&harness::raw_client::publish(Version::V5, 1, "a", &[b'x'; 200], QoS::AtLeastOnce));
    assert_eq!(other.ending(), Some(0x95), "max_packet_size is still the old one");
}

#[test]
fn limits_hold_from_then_on() {
    let broker = Broker::configured("allow_anonymous true\n");
    let mut client = RawClient::connect(broker.address(), Version::V5, "old");
    client.publish("a", &[b'x'; 200], QoS::AtLeastOnce);
    let late = "user nobody\npersistence true\npersistence_location {dir}\npersistence_file f\npersistence_sync never\n";
    let log = broker.reload(&format!("allow_anonymous true\nmax_packet_size 100\nlog_type all\n{late}"));
    for keyword in ["user", "persistence", "persistence_location", "persistence_file", "persistence_sync"] {
        let said = format!("Warning: The '{keyword}' option is taken up when the broker starts again.");
        assert!(log.contains(&said), "{said}: {log}");
    }
    client.ping();
    broker.await_log("Received PINGREQ from old");
    client.send(&harness::raw_client::publish(Version::V5, 1, "a", &[b'x'; 200], QoS::AtLeastOnce));
    assert_eq!(client.ending(), Some(0x95));
}

#[test]
fn who_would_not_be_let_in_any_more_has_to_go() {
    let broker = Broker::configured("allow_anonymous true\npassword_file /dev/null\n");
    let passwords = broker.path("passwords");
    let write = |text: &str| std::fs::write(&passwords, text).unwrap();
    write(&format!("ann:{HASH_OF_B}\nbob:{HASH_OF_B}\n"));
    let both = "allow_anonymous true\npassword_file {dir}/passwords\n";
    assert!(broker.reload(both).contains("was reloaded"));
    let address = broker.address();
    let mut ann = RawClient::connect_with(address, &user("1", "ann"));
    let mut bob = RawClient::connect_with(address, &user("2", "bob"));
    let mut nobody = RawClient::connect(address, Version::V311, "3");

    // Nothing has changed: nobody has to go.
    assert!(broker.reload_unchanged().contains("was reloaded"));
    for (client, topic) in [(&mut ann, "a"), (&mut bob, "b"), (&mut nobody, "c")] {
        is_served(client, topic);
    }
    // Bob's line is gone.
    write(&format!("ann:{HASH_OF_B}\n"));
    assert!(broker.reload_unchanged().contains("was reloaded"));
    assert_eq!(bob.ending(), Some(0x87));
    broker.await_log("disconnected: not authorised.");
    assert_eq!(answer(address, &user("2", "bob")), Some(0x87));
    is_served(&mut ann, "d");
    // The anonymous have to go.
    assert!(broker.reload("password_file {dir}/passwords\nallow_anonymous false\n").contains("was reloaded"));
    assert_eq!(nobody.ending(), None, "3.1.1 is not told");
    is_served(&mut ann, "e");
    // Without a password file a name is as good as none.
    assert!(broker.reload("allow_anonymous false\n").contains("was reloaded"));
    assert_eq!(ann.ending(), Some(0x87));
}

#[test]
fn rules_of_the_acl_file_hold_at_once() {
    let broker = Broker::configured("allow_anonymous true\n");
    std::fs::write(broker.path("acl"), "topic read #\ntopic write a\n").unwrap();
    let mut client = RawClient::connect(broker.address(), Version::V311, "c");
    assert_eq!(client.subscribe("#", QoS::AtMostOnce), 0);
    client.publish("b", b"1", QoS::AtLeastOnce);
    assert!(broker.reload("allow_anonymous true\nacl_file {dir}/acl\n").contains("was reloaded"));
    client.publish("b", b"2", QoS::AtLeastOnce);
    client.publish("a", b"3", QoS::AtLeastOnce);
    let got = [client.message().unwrap().payload, client.message().unwrap().payload];
    assert_eq!(got, [b"1", b"3"]);
}

#[test]
fn the_log_is_reopened_by_either_signal() {
    let broker = Broker::configured("allow_anonymous true\nlog_dest file {dir}/log\nlog_dest stderr\n");
    let log = broker.path("log");
    let moved = |name: &str| std::fs::rename(&log, broker.path(name)).unwrap();
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    moved("log.1");
    assert!(broker.reload_unchanged().contains("was reloaded"));
    harness::eventually("a line in the new one", || read(&log).contains("was reloaded"));
    assert!(!read(&broker.path("log.1")).contains("was reloaded"));
    moved("log.2");
    let script = format!("kill -{} {}", libc::SIGRTMIN(), broker.id());
    assert!(std::process::Command::new("sh").args(["-c", &script]).status().unwrap().success());
    harness::eventually("a new log file", || log.exists());
    RawClient::connect(broker.address(), Version::V5, "late").ping();
    harness::eventually("a line in it", || read(&log).contains("as late"));
}
