//! The disk fails while the broker is at work, and comes back.

use crate::disk::{Call, FaultyDisk};
use crate::harness::kept::{come, configuration, leave_subscribed, payloads, puback, publish_5};
use crate::harness::raw_client::{self, RawClient};
use crate::harness::{Broker, free_port};
use mqtt_toolkit::protocol::{QoS, Version};
use rustix::io::Errno;

/// Whether a client was sent nothing yet.
pub fn heard_nothing(client: &RawClient) -> bool {
    client.stream.set_nonblocking(true).unwrap();
    let peeked = client.stream.peek(&mut [0]);
    client.stream.set_nonblocking(false).unwrap();
    peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

/// A packet of a 3.1.1 client.
fn published(identifier: u16, payload: &[u8]) -> Vec<u8> {
    raw_client::publish(Version::V311, identifier, "a", payload, QoS::AtLeastOnce)
}

/// A broker that can't write, and what was acknowledged before.
struct Failing {
    disk: FaultyDisk,
    folder: tempfile::TempDir,
    broker: Broker,
    /// Whose message is on its way to the disk.
    ann: RawClient,
    /// Whose message isn't taken; it speaks 3.1.1.
    dora: RawClient,
    eve: RawClient,
}

/// Messages 1 to 3 are acknowledged, "4" is not, "5" of dora is not taken.
fn fail(faults: &[Call], error: Errno, words: &str) -> Option<Failing> {
    let disk = FaultyDisk::new()?;
    let folder = tempfile::tempdir().unwrap();
    let broker = disk.broker(&configuration(folder.path(), ""));
    leave_subscribed(&broker, Version::V311, "bob", "a", QoS::AtLeastOnce);
    leave_subscribed(&broker, Version::V5, "carl", "a", QoS::ExactlyOnce);
    let mut sam = come(&broker, Version::V311, "sam");
    sam.subscribe("a", QoS::AtLeastOnce);
    sam.subscribe("zero", QoS::AtMostOnce);
    let mut ann = RawClient::connect(broker.address(), Version::V311, "ann");
    let mut dora = RawClient::connect(broker.address(), Version::V311, "dora");
    let mut eve = RawClient::connect(broker.address(), Version::V5, "eve");
    for number in 1..=3 {
        assert_eq!(publish_5(&mut eve, number, "a", number.to_string().as_bytes()), 0);
    }
    assert_eq!(payloads(&mut sam, 3), ["1", "2", "3"]);
    sam.ping();

    faults.iter().for_each(|call| disk.fail(*call, error));
    ann.send(&published(4, b"4"));
    broker.await_log(&format!("Error: The store can't be written: {words}. Nothing that must survive"));
    assert_eq!(publish_5(&mut eve, 9, "a", b"never"), 0x97, "Quota exceeded");
    dora.send(&published(5, b"5"));
    // What needs no disk goes on.
    assert_eq!(publish_5(&mut eve, 10, "nobody", b"x"), 0x10);
    eve.publish("zero", b"still here", QoS::AtMostOnce);
    loop {
        let got = payloads(&mut sam, 1).remove(0);
        if got == "still here" {
            break;
        }
        assert_eq!(got, "4", "sam may have it: it isn't lost if it comes again");
    }
    let mut new = RawClient::connect(broker.address(), Version::V5, "new");
    new.subscribe("zero", QoS::AtMostOnce);
    assert!(heard_nothing(&ann) && heard_nothing(&dora), "nothing is acknowledged that isn't on disk");
    Some(Failing { disk, folder, broker, ann, dora, eve })
}

/// What waits for bob, at QoS 1, and for carl, at QoS 2.
fn waiting(folder: &std::path::Path) -> [Vec<String>; 2] {
    let broker = Broker::configured(&configuration(folder, ""));
    let mut ann = RawClient::connect(broker.address(), Version::V5, "ann");
    assert_eq!(publish_5(&mut ann, 1, "a", b"end"), 0);
    [("bob", Version::V311), ("carl", Version::V5)].map(|(client_id, version)| {
        let mut client = come(&broker, version, client_id);
        let mut got = Vec::new();
        while got.last().is_none_or(|last| last != "end") {
            got.extend(payloads(&mut client, 1));
        }
        got
    })
}

const FAULTS: [(&[Call], Errno, &str); 5] = [
    (&[Call::Write], Errno::IO, "Input/output error"),
    (&[Call::Sync], Errno::IO, "Input/output error"),
    // As the system does it to a disk that has failed.
    (&[Call::Write, Call::Sync, Call::Open], Errno::ROFS, "Read-only file system"),
    (&[Call::Write, Call::Open], Errno::NOSPC, "No space left on device"),
    (&[Call::Write], Errno::DQUOT, "Disk quota exceeded"),
];

#[test]
fn what_was_not_acknowledged_is_as_soon_as_the_disk_is_back() {
    for (calls, error, words) in FAULTS {
        let Some(Failing { disk, folder, broker, mut ann, mut dora, mut eve }) = fail(calls, error, words)
        else {
            return;
        };
        disk.repair();
        broker.await_log("The store can be written again.");
        assert_eq!((puback(&mut ann, 4), puback(&mut dora, 5)), (0, 0));
        assert_eq!(publish_5(&mut eve, 6, "a", b"6"), 0);
        assert_eq!(broker.log().matches("The store can't be written").count(), 1, "said once");
        // Killed; and nothing that was never synced is left.
        drop(broker);
        disk.lose_power(&crate::harness::kept::log_files(folder.path()));
        assert_eq!(waiting(folder.path()), [["1", "2", "3", "4", "5", "6", "end"]; 2], "{calls:?} {words}");
    }
}

#[test]
fn what_was_acknowledged_before_is_there_if_it_never_comes_back() {
    for (calls, error, words) in FAULTS {
        let Some(Failing { disk: _disk, folder, broker, .. }) = fail(calls, error, words) else { return };
        drop(broker);
        for mut got in waiting(folder.path()) {
            // Nobody said that it was lost, either.
            got.retain(|payload| payload != "4");
            assert_eq!(got, ["1", "2", "3", "end"], "{calls:?} {words}");
        }
    }
}

#[test]
fn an_end_while_nothing_can_be_written_says_that_something_is_lost() {
    let Some(Failing { disk: _disk, folder, broker, mut ann, .. }) =
        fail(&[Call::Sync], Errno::IO, "Input/output error")
    else {
        return;
    };
    let ended = broker.stop();
    assert!(
        ended.stderr.contains("Error: The last changes could not be saved: Input/output error."),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.code, 1, "whoever started it should know");
    assert_eq!(ann.frame(), None, "no PUBACK");
    for mut got in waiting(folder.path()) {
        got.retain(|payload| payload != "4");
        assert_eq!(got, ["1", "2", "3", "end"]);
    }
}

#[test]
fn what_waits_on_a_disk_that_cannot_be_read_comes_when_it_can() {
    let Some(disk) = FaultyDisk::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let broker = disk.broker(&configuration(folder.path(), "max_queued_memory 1\n"));
    leave_subscribed(&broker, Version::V311, "bob", "a", QoS::AtLeastOnce);
    let mut ann = RawClient::connect(broker.address(), Version::V5, "ann");
    let numbers: Vec<String> = (1..=100).map(|number| format!("message {number}")).collect();
    for (identifier, payload) in (1..).zip(&numbers) {
        assert_eq!(publish_5(&mut ann, identifier, "a", payload.as_bytes()), 0);
    }
    disk.fail(Call::Read, Errno::IO);
    let mut bob = come(&broker, Version::V311, "bob");
    broker.await_log("Error: The store can't be read: Input/output error.");
    // It can be written, and is.
    assert_eq!(publish_5(&mut ann, 101, "a", b"message 101"), 0);
    ann.subscribe("b", QoS::AtMostOnce);
    ann.publish("b", b"goes on", QoS::AtMostOnce);
    assert_eq!(payloads(&mut ann, 1), ["goes on"]);
    bob.ping();
    disk.repair();
    assert_eq!(payloads(&mut bob, 100), numbers);
    assert_eq!(payloads(&mut bob, 1), ["message 101"]);
    assert_eq!(broker.log().matches("can't be read").count(), 1, "said once");
    drop(broker);

    // Who can't read all of it doesn't begin without it.
    disk.fail(Call::Read, Errno::IO);
    let conf = folder.path().join("conf");
    let text = format!("user root\nlistener {} 127.0.0.1\n{}", free_port(), configuration(folder.path(), ""));
    std::fs::write(&conf, text).unwrap();
    let ended = disk.run(&["-c", conf.to_str().unwrap()]);
    assert!(ended.stderr.contains("mosquitto.db.store: Input/output error."), "{}", ended.stderr);
    assert_eq!(ended.code, 1);
}
