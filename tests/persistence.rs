//! The store of the real program: what comes back after a restart, and what happens when the disk doesn't do its part.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod harness;

use harness::kept::{come, configuration, dump, durable, log_files, payloads, publish_5};
use harness::raw_client::{RawClient, encoded, plain_connect};
use harness::{Broker, eventually, ours, run};
use mqtt_toolkit::protocol::{
    Connect, Packet, Properties, PropertiesBuf, Property, Publish, QoS, Version, Will,
};
use std::path::Path;
use std::process::Command;

#[test]
fn sessions_subscriptions_messages_and_retained_messages_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::configured(&configuration(folder.path(), ""));
    let mut bob = come(&broker, Version::V311, "bob");
    bob.subscribe("a/+", QoS::ExactlyOnce);
    let mut carl = come(&broker, Version::V5, "carl");
    carl.subscribe("$share/g/a/+", QoS::AtLeastOnce);
    carl.subscribe("gone", QoS::AtLeastOnce);
    let mut ann = RawClient::connect(broker.address(), Version::V311, "ann");
    drop((bob, carl));
    broker.wait_for_end_of("bob");
    broker.wait_for_end_of("carl");
    ann.publish("a/1", b"one", QoS::AtLeastOnce);
    ann.publish("a/2", b"two", QoS::ExactlyOnce);
    let retained = Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: true,
        topic: "r",
        packet_identifier: 9,
        properties: Properties::EMPTY,
        payload: b"kept",
    };
    ann.send(&encoded(Version::V311, &Packet::Publish(retained)));
    assert_eq!(ann.frame().unwrap(), [0x40, 2, 0, 9], "PUBACK");
    assert_eq!(broker.stop().code, 0);

    let broker = Broker::configured(&configuration(folder.path(), ""));
    broker.await_log("Restored 2 sessions, 4 messages for them and 1 retained messages");
    let mut bob = come(&broker, Version::V311, "bob");
    assert_eq!(payloads(&mut bob, 2), ["one", "two"]);
    let mut carl = come(&broker, Version::V5, "carl");
    assert_eq!(payloads(&mut carl, 2), ["one", "two"], "shared subscriptions too");
    let mut ann = RawClient::connect(broker.address(), Version::V311, "ann");
    ann.subscribe("r", QoS::AtMostOnce);
    assert_eq!(payloads(&mut ann, 1), ["kept"]);
    ann.publish("a/3", b"three", QoS::AtLeastOnce);
    assert_eq!((payloads(&mut bob, 1), payloads(&mut carl, 1)), (vec!["three".into()], vec!["three".into()]));
    bob.ping();
    carl.ping();
    assert_eq!(broker.stop().code, 0);
    let lines = dump(&folder.path().join("mosquitto.db.store"));
    assert!(!lines.iter().any(|line| line.contains("\"message\"")), "all was acknowledged: {lines:?}");
}

#[test]
fn the_will_of_a_session_is_published_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::configured(&configuration(folder.path(), ""));
    let mut bob = come(&broker, Version::V311, "bob");
    bob.subscribe("w", QoS::AtLeastOnce);
    let will = Will {
        qos: QoS::AtLeastOnce,
        retain: false,
        properties: Properties::EMPTY,
        topic: "w",
        payload: b"ann is gone",
    };
    let ann = Connect { will: Some(will), ..durable(Version::V311, "ann") };
    let _ann = RawClient::connect_with(broker.address(), &ann);
    // Killed.
    drop(broker);
    let broker = Broker::configured(&configuration(folder.path(), ""));
    assert_eq!(payloads(&mut come(&broker, Version::V311, "bob"), 1), ["ann is gone"]);
}

#[test]
fn so_is_the_will_of_a_session_that_would_have_ended_with_its_connection() {
    for version in [Version::V311, Version::V5] {
        let folder = tempfile::tempdir().unwrap();
        let broker = Broker::configured(&configuration(folder.path(), ""));
        let mut bob = come(&broker, Version::V311, "bob");
        bob.subscribe("w/#", QoS::ExactlyOnce);
        let connect = |client_id, topic| {
            let will = Will {
                qos: QoS::ExactlyOnce,
                retain: true,
                properties: Properties::EMPTY,
                topic,
                payload: b"gone",
            };
            let connect = Connect { will: Some(will), ..plain_connect(version, client_id) };
            RawClient::connect_with(broker.address(), &connect)
        };
        let _ann = connect("ann", "w/ann");
        let mut dora = connect("dora", "w/dora");
        // DISCONNECT takes her Will away.
        dora.send(&[0xE0, 0]);
        broker.wait_for_end_of("dora");
        // Whose Will is safe is all that was before it.
        let _eve = connect("eve", "w/eve");
        drop(broker);
        let store = folder.path().join("mosquitto.db.store");
        let wills = dump(&store).iter().filter(|line| line.contains("\"expiry_interval\":0")).count();
        assert_eq!(wills, 2, "{:?}", dump(&store));

        let broker = Broker::configured(&configuration(folder.path(), ""));
        broker.await_log("Restored 1 sessions");
        let mut bob = come(&broker, Version::V311, "bob");
        let topics: Vec<String> = (0..2).map(|_| bob.message().unwrap().topic).collect();
        let mut sorted = topics.clone();
        sorted.sort();
        assert_eq!(sorted, ["w/ann", "w/eve"], "{version:?}");
        assert_eq!(broker.stop().code, 0);
        let lines = dump(&store);
        assert!(
            !lines.iter().any(|line| line.contains("\"expiry_interval\":0")),
            "once is enough: {lines:?}"
        );
        assert_eq!(lines.iter().filter(|line| line.contains("\"retained\",")).count(), 2, "{lines:?}");
    }
}

#[test]
fn queued_qos_0_messages_come_back_and_are_sent_at_most_once() {
    let folder = tempfile::tempdir().unwrap();
    let text = configuration(folder.path(), "queue_qos0_messages true\n");
    let broker = Broker::configured(&text);
    let mut bob = come(&broker, Version::V311, "bob");
    bob.subscribe("zero", QoS::AtMostOnce);
    bob.subscribe("one", QoS::AtLeastOnce);
    drop(bob);
    broker.wait_for_end_of("bob");
    let mut ann = RawClient::connect(broker.address(), Version::V311, "ann");
    for payload in [b"first", b"other"] {
        ann.publish("zero", payload, QoS::AtMostOnce);
    }
    // Acknowledged when all before it is safe.
    ann.publish("one", b"last", QoS::AtLeastOnce);
    drop(broker);

    let broker = Broker::configured(&text);
    broker.await_log("Restored 1 sessions, 3 messages");
    let mut bob = come(&broker, Version::V311, "bob");
    let mut got = payloads(&mut bob, 3);
    got.sort();
    assert_eq!(got, ["first", "last", "other"]);
    drop(broker);
    let lines = dump(&folder.path().join("mosquitto.db.store"));
    assert!(!lines.iter().any(|line| line.contains("\"topic\":\"zero\"")), "they are with bob: {lines:?}");
}

#[test]
fn who_published_a_retained_message_is_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let acl = folder.path().join("acl");
    std::fs::write(&acl, "topic readwrite #\nuser ann\ntopic readwrite #\nuser eve\ntopic readwrite #\n")
        .unwrap();
    let more = format!("check_retain_source true\nacl_file {}\n", acl.display());
    let text = configuration(folder.path(), &more);
    let broker = Broker::configured(&text);
    for name in ["ann", "eve"] {
        let connect = Connect { username: Some(name), ..plain_connect(Version::V5, name) };
        let mut client = RawClient::connect_with(broker.address(), &connect);
        let topic = format!("r/{name}");
        let retained = Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: true,
            topic: &topic,
            packet_identifier: 1,
            properties: Properties::EMPTY,
            payload: name.as_bytes(),
        };
        client.send(&encoded(Version::V5, &Packet::Publish(retained)));
        assert_eq!(client.frame().unwrap()[0], 0x40, "PUBACK");
    }
    drop(broker);
    let retained = |text: &str| {
        let broker = Broker::configured(text);
        let mut bob = RawClient::connect(broker.address(), Version::V311, "bob");
        bob.subscribe("r/#", QoS::AtMostOnce);
        bob.subscribe("end", QoS::AtMostOnce);
        bob.publish("end", b"end", QoS::AtMostOnce);
        let mut got = Vec::new();
        loop {
            match payloads(&mut bob, 1).remove(0) {
                end if end == "end" => break got,
                payload => got.push(payload),
            }
        }
    };
    let mut both = retained(&text);
    both.sort();
    assert_eq!(both, ["ann", "eve"]);
    std::fs::write(&acl, "topic readwrite #\nuser ann\ntopic readwrite #\nuser eve\ntopic read #\n").unwrap();
    assert_eq!(retained(&text), ["ann"], "eve may publish no more");
    let lines = dump(&folder.path().join("mosquitto.db.store"));
    assert!(lines.iter().any(|line| line.contains("\"publisher\":\"eve\"")), "{lines:?}");
}

#[test]
fn expiry_goes_on_while_the_broker_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::configured(&configuration(folder.path(), ""));
    let mut properties = PropertiesBuf::default();
    properties.push(Property::SessionExpiryInterval(1));
    let short = Connect { properties: properties.as_properties(), ..durable(Version::V5, "short") };
    drop(RawClient::connect_with(broker.address(), &short));
    broker.wait_for_end_of("short");
    drop(broker);
    // The wall clock counts whole seconds.
    let wall = || std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let then = wall();
    eventually("two seconds have passed", || wall() > then + 1);
    let broker = Broker::configured(&configuration(folder.path(), ""));
    broker.await_log("Restored 1 sessions");
    broker.await_log("Expiring client short due to timeout.");
    assert_eq!(broker.stop().code, 0);
    assert_eq!(dump(&folder.path().join("mosquitto.db.store")), Vec::<String>::new());
}

fn restarted(broker: Broker, folder: &Path) -> Broker {
    assert_eq!(broker.stop().code, 0);
    let broker = Broker::configured(&configuration(folder, ""));
    broker.await_log("Restored ");
    broker
}

#[test]
fn a_flipped_bit_costs_what_it_hit_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::configured(&configuration(folder.path(), ""));
    let mut bob = come(&broker, Version::V311, "bob");
    bob.subscribe("a", QoS::AtLeastOnce);
    drop(bob);
    broker.wait_for_end_of("bob");
    let mut ann = RawClient::connect(broker.address(), Version::V311, "ann");
    for i in 0..20 {
        ann.publish("a", format!("message {i:02}").as_bytes(), QoS::AtLeastOnce);
    }
    assert_eq!(broker.stop().code, 0);
    let file = &log_files(folder.path())[0];
    let mut data = std::fs::read(file).unwrap();
    let at = data.windows(10).position(|w| w == b"message 07").unwrap();
    data[at + 3] ^= 4;
    std::fs::write(file, data).unwrap();

    let broker = Broker::configured(&configuration(folder.path(), ""));
    broker.await_log(" in the store are damaged; what they held is lost.");
    let expected: Vec<String> = (0..20).filter(|i| *i != 7).map(|i| format!("message {i:02}")).collect();
    assert_eq!(payloads(&mut come(&broker, Version::V311, "bob"), 19), expected);
    // Of a file that was cleaned since there are only the bytes that were kept.
    let kept = harness::kept::files(folder.path(), "damaged").remove(0);
    let of_before = kept.with_file_name("0000000099-32.damaged");
    std::fs::copy(&kept, &of_before).unwrap();
    let broker = restarted(broker, folder.path());
    assert!(broker.log().contains("1 files in "), "{}", broker.log());
    assert!(broker.log().contains(" hold what could not be read of the store before (*.damaged)."));
    std::fs::remove_file(of_before).unwrap();
    assert!(!restarted(broker, folder.path()).log().contains("hold what could not be read"));
}

#[test]
fn a_message_that_goes_bad_while_it_waits_on_disk_is_said_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let text = configuration(folder.path(), "max_queued_memory 1\nsys_interval 1\n");
    let broker = Broker::configured(&text);
    harness::kept::leave_subscribed(&broker, Version::V311, "bob", "a", QoS::AtLeastOnce);
    let mut ann = RawClient::connect(broker.address(), Version::V311, "ann");
    for i in 0..300 {
        ann.publish("a", format!("message {i:03}").as_bytes(), QoS::AtLeastOnce);
    }
    let file = &log_files(folder.path())[0];
    let data = std::fs::read(file).unwrap();
    let log = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    for bad in ["message 107", "message 207"] {
        let at = data.windows(bad.len()).position(|w| w == bad.as_bytes()).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&log, b"?", at as u64).unwrap();
    }
    let mut bob = come(&broker, Version::V311, "bob");
    let expected: Vec<String> =
        (0..300).filter(|i| ![107, 207].contains(i)).map(|i| format!("message {i:03}")).collect();
    assert_eq!(payloads(&mut bob, 298), expected);
    broker.await_log("of 0000000001.log is damaged; whoever waits for it doesn't get it.");
    let log = broker.log();
    assert_eq!(log.matches("is damaged").count(), 1, "{log}");
    ann.subscribe("$SYS/broker/publish/messages/dropped", QoS::AtMostOnce);
    while payloads(&mut ann, 1) != ["2"] {}
    bob.ping();
    assert_eq!(broker.stop().code, 0);
    let lines = dump(&folder.path().join("mosquitto.db.store"));
    assert!(!lines.iter().any(|line| line.contains("\"message\"")), "nothing waits any more: {lines:?}");
}

#[test]
fn what_cannot_be_used_refuses_the_start_and_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let conf = folder.path().join("conf");
    let refused = |location: &Path, expected: &str| {
        let text = format!("user root\n{}", configuration(location, "listener 0 {dir}/s\n"));
        let text = text.replace("{dir}", &folder.path().to_string_lossy());
        std::fs::write(&conf, text).unwrap();
        let ended = run(&ours("mqtt-broker"), &["-c", conf.to_str().unwrap()]);
        assert!(ended.stderr.contains(expected), "{expected} is not in {}", ended.stderr);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
    };
    let store = folder.path().join("mosquitto.db.store");

    let broker = Broker::configured(&configuration(folder.path(), ""));
    refused(folder.path(), "mosquitto.db.store is in use by another broker.");
    let mut bob = come(&broker, Version::V311, "bob");
    bob.subscribe("a", QoS::AtLeastOnce);
    assert_eq!(broker.stop().code, 0);

    // A newer format: byte 8 on is the version, behind all of the head is its checksum.
    let file = log_files(folder.path()).remove(0);
    let data = std::fs::read(&file).unwrap();
    let mut newer = data.clone();
    newer[8] = 2;
    let sum = crc32fast::hash(&newer[..28]);
    newer[28..32].copy_from_slice(&sum.to_le_bytes());
    std::fs::write(&file, &newer).unwrap();
    refused(folder.path(), "was written by a newer program (format 2)");
    assert_eq!(std::fs::read(&file).unwrap(), newer);

    let mut broken = data.clone();
    broken[3] ^= 1;
    std::fs::write(&file, &broken).unwrap();
    for other in log_files(folder.path()).into_iter().skip(1) {
        std::fs::remove_file(other).unwrap();
    }
    refused(folder.path(), "Nothing in the store");
    assert_eq!(std::fs::read(&file).unwrap(), broken);
    std::fs::remove_dir_all(&store).unwrap();

    refused(&folder.path().join("missing/far"), "Unable to open the store");
    std::fs::write(folder.path().join("mosquitto.db"), "no database").unwrap();
    refused(folder.path(), "Unrecognised file format. Move ");
    assert!(!store.exists());
}

#[test]
fn nothing_is_written_by_a_check_or_without_all_listeners() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let conf = folder.path().join("conf");
    let listeners = format!("listener 0 {}/s\nlistener {port} 127.0.0.1\n", folder.path().display());
    std::fs::write(&conf, format!("user root\n{}", configuration(folder.path(), &listeners))).unwrap();
    let ended = run(&ours("mqtt-broker"), &["-c", conf.to_str().unwrap(), "--test-config"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!folder.path().join("mosquitto.db.store").exists());
    let ended = run(&ours("mqtt-broker"), &["-c", conf.to_str().unwrap()]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(!folder.path().join("mosquitto.db.store").exists());
}

/// A small file system of its own.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn mount(megabytes: u32) -> Option<Tmpfs> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Tmpfs(folder));
        }
        harness::passed_over("nothing can be mounted here (root and CAP_SYS_ADMIN are needed)");
        None
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[test]
fn a_full_disk_refuses_publishers_and_subscribers_go_on() {
    let Some(disk) = Tmpfs::mount(14) else { return };
    let folder = disk.0.path();
    let broker = Broker::configured(&configuration(folder, ""));
    let mut bob = come(&broker, Version::V311, "bob");
    bob.subscribe("a", QoS::AtLeastOnce);
    let mut carl = come(&broker, Version::V311, "carl");
    carl.subscribe("other", QoS::AtLeastOnce);
    drop(bob);
    broker.wait_for_end_of("bob");

    let mut ann = RawClient::connect(broker.address(), Version::V5, "ann");
    let mut accepted: Vec<usize> = Vec::new();
    let reason = (0..1000).find_map(|number| {
        let mut payload = format!("{number} ").into_bytes();
        payload.resize(100_000, b'x');
        let reason = publish_5(&mut ann, 1 + number as u16, "a", &payload);
        match reason {
            0 => accepted.push(number),
            0x97 => return Some(reason),
            other => panic!("reason {other:#x}"),
        }
        None
    });
    assert_eq!(reason, Some(0x97));
    broker.await_log("There is no room left for the store");
    assert!(accepted.len() > 20, "{}", accepted.len());
    // Who publishes what needs no room is not concerned, nor who receives it.
    assert_eq!(publish_5(&mut ann, 2000, "nobody", b"x"), 0x10);
    assert_eq!(publish_5(&mut ann, 2001, "a", b"small"), 0x97, "and a small one is refused, too");

    // 3.1.1 can't be told: its message waits, unacknowledged.
    let mut dora = RawClient::connect(broker.address(), Version::V311, "dora");
    let packet = harness::raw_client::publish(Version::V311, 7, "a", b"from dora", QoS::AtLeastOnce);
    dora.send(&packet);

    let mut bob = come(&broker, Version::V311, "bob");
    for number in &accepted {
        let message = bob.message().unwrap();
        let start = format!("{number} ");
        assert!(message.payload.starts_with(start.as_bytes()), "{number}");
    }
    broker.await_log("The store can be written again.");
    let frame = dora.frame().unwrap();
    assert_eq!(frame, [0x40, 2, 0, 7], "PUBACK, as soon as there was room");
    assert_eq!(payloads(&mut bob, 1), ["from dora"]);
    assert_eq!(publish_5(&mut ann, 3000, "a", b"again"), 0);
    assert_eq!(payloads(&mut bob, 1), ["again"]);
    bob.ping();
    // It waits for the disk, and so for bob's acknowledgement before it.
    assert_eq!(publish_5(&mut ann, 3001, "other", b"for carl"), 0);
    drop(broker);
    let broker = Broker::configured(&configuration(folder, ""));
    let mut bob = come(&broker, Version::V311, "bob");
    assert_eq!(publish_5(&mut RawClient::connect(broker.address(), Version::V5, "ann"), 1, "a", b"end"), 0);
    assert_eq!(payloads(&mut bob, 1), ["end"], "nothing came twice, nothing is left");
}

#[test]
fn a_full_disk_lets_go_of_what_is_read_however_much_waits_to_be_written() {
    let Some(disk) = Tmpfs::mount(14) else { return };
    let folder = disk.0.path();
    let broker = Broker::configured(&configuration(folder, ""));
    harness::kept::leave_subscribed(&broker, Version::V311, "bob", "a", QoS::AtLeastOnce);
    harness::kept::leave_subscribed(&broker, Version::V5, "carl", "a", QoS::ExactlyOnce);
    // Twice as much as there is room for, and nobody waits for an answer.
    let mut ann = RawClient::connect(broker.address(), Version::V5, "ann");
    let payload = |number: u16| [format!("{number} ").as_bytes(), &[b'x'; 100_000]].concat();
    for number in 1..=300 {
        ann.send(&harness::raw_client::publish(Version::V5, number, "a", &payload(number), QoS::AtLeastOnce));
    }
    broker.await_log("Error: There is no room left for the store");
    let mut bob = come(&broker, Version::V311, "bob");
    let mut carl = come(&broker, Version::V5, "carl");
    let accepted: Vec<u16> = (1..=300)
        .filter(|&number| match harness::kept::puback(&mut ann, number) {
            0 => true,
            0x97 => false,
            other => panic!("reason {other:#x}"),
        })
        .collect();
    assert!(accepted.len() > 50, "{}", accepted.len());
    for number in accepted {
        for client in [&mut bob, &mut carl] {
            assert_eq!(client.message().unwrap().payload, payload(number));
        }
    }
    broker.await_log("The store can be written again.");
    assert_eq!(publish_5(&mut ann, 301, "a", &payload(301)), 0);
    assert!(!broker.log().contains("can't be written"), "there was always room for what was taken");
}

#[test]
fn sigusr1_saves() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::configured(&configuration(folder.path(), "persistence_sync never\n"));
    broker.signal("-USR1");
    broker.await_log("Saving in-memory database to ");
}
