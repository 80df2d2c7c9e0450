//! Names on either side, beside mosquitto: the same lines in both as the broker that has the bridges, the same
//! messages on both sides, and the same must come out under the same names.

use std::collections::BTreeSet;
use std::fmt::Write;

use mqtt_toolkit::protocol::{QoS, Version};

use super::super::harness::raw_client::RawClient;
use super::super::harness::{Broker, Kind, Running};
use super::{OPEN, subscriber};

/// The lines of one bridge each, and topics on which something is said on either side. `@` is its number, so that
/// each has topics of its own.
const BRIDGES: &[(&[&str], &[&str])] = &[
    (&["@/# both 2"], &["@/x", "@/x/y", "@/$x", "@/ü"]),
    (&["# both 2 @/l/ @/r/"], &["@/l/x", "@/r/x", "@/l/x/y", "@/r/x/y", "@/l", "@/r", "@/x", "@/l/", "@/r/"]),
    (&["x/# out 1 @/l/"], &["@/l/x", "@/l/x/y", "@/l/y", "@/x"]),
    (&["@/x/# out 1 \"\" r/"], &["@/x", "@/x/y", "r/@/x", "r/@/x/y"]),
    (&["@x/# in 1 @/l/ \"\""], &["@x", "@x/z", "@/l/@x/y"]),
    (&["@/x in 1 \"\" r/"], &["@/x", "r/@/x"]),
    (&["@/x in 1 l/"], &["@/x", "l/@/x"]),
    (&["+/y/# both 1 @/l/ @/r/"], &["@/l/a/y", "@/r/a/y", "@/l/a/y/b", "@/r/a/y/b", "@/l/y", "@/r/y/y"]),
    (&["+ out 1 @/l/ @/r/"], &["@/l/a", "@/l/a/b", "@/l/", "@/r/a"]),
    (&["\"\" both 1 @/a/b @/c/d"], &["@/a/b", "@/c/d", "@/a/b/c", "@/a"]),
    (&["\"\" in 1 @/a/b @/c/d"], &["@/a/b", "@/c/d"]),
    (&["\"\" out 1 @/a/b @/c/d"], &["@/a/b", "@/c/d"]),
    (&["@/x both 1 \"\" \"\""], &["@/x", "@/y"]),
    // The first line that has a prefix and matches says the name, whichever line has asked for the message.
    (&["# in 1 @/l/ @/r/", "# out 1 @/o/ @/r/"], &["@/l/x", "@/o/x", "@/r/x"]),
    (&["a/# out 1 @/l/ @/1/", "b/# out 1 @/l/ @/2/"], &["@/l/a/x", "@/l/b/x", "@/l/c/x"]),
    (&["a/b out 1 @/l/ @/1/", "a/# out 1 @/l/ @/2/"], &["@/l/a/b", "@/l/a/c", "@/l/a"]),
    (&["@/n/# out 1", "@/n/b out 1 \"\" @/p/"], &["@/n/a", "@/n/b"]),
    (&["@/x out 0", "@/y in 0", "@/z both 0"], &["@/x", "@/y", "@/z"]),
];

/// What a subscriber to everything has seen, each message once.
fn seen(sub: &Running) -> BTreeSet<String> {
    sub.stdout().lines().filter(|line| !line.contains("/end ")).map(str::to_owned).collect()
}

/// What comes out on both sides of a broker of this kind with all the bridges. `None`: it isn't installed.
fn come_out(bridging: Kind, remote: Kind, more: &str) -> Option<[BTreeSet<String>; 2]> {
    let there = Broker::with(remote, OPEN)?;
    let mut lines = OPEN.to_owned();
    for (number, (topics, _)) in BRIDGES.iter().enumerate() {
        let (address, number) = (format!("127.0.0.1:{}", there.port), format!("n{number}"));
        writeln!(lines, "connection {number}\naddress {address}\nremote_clientid {number}\n{more}").unwrap();
        for topic in *topics {
            writeln!(lines, "topic {}", topic.replace('@', &number)).unwrap();
        }
        // It comes behind all others of its bridge.
        writeln!(lines, "topic {number}/end both 1").unwrap();
    }
    let here = Broker::with(bridging, &lines)?;
    for number in 0..BRIDGES.len() {
        // Subscribed last. (What a bridge wants, mosquitto asks for in a packet each.)
        there.wait_for_subscription(&format!("n{number}"), &format!("n{number}/end"));
    }
    let subs = [subscriber(&here, "all", &["-t", "#"]), subscriber(&there, "all", &["-t", "#"])];
    for (broker, payload) in [(&here, "from here"), (&there, "from there")] {
        let address = format!("127.0.0.1:{}", broker.port).parse().unwrap();
        let mut client = RawClient::connect(address, Version::V311, "says");
        for (number, (_, topics)) in BRIDGES.iter().enumerate() {
            let number = format!("n{number}");
            for topic in *topics {
                client.publish(&topic.replace('@', &number), payload.as_bytes(), QoS::AtLeastOnce);
            }
            client.publish(&format!("{number}/end"), payload.as_bytes(), QoS::AtLeastOnce);
        }
    }
    for number in 0..BRIDGES.len() {
        for (sub, from) in subs.iter().flat_map(|sub| [(sub, "here"), (sub, "there")]) {
            sub.await_stdout(&format!("n{number}/end from {from}\n"));
        }
    }
    Some([seen(&subs[0]), seen(&subs[1])])
}

#[test]
fn messages_come_out_under_the_names_that_mosquitto_gives_them() {
    for more in ["", "bridge_protocol_version mqttv50\n"] {
        let Some(theirs) = come_out(Kind::Mosquitto, Kind::Mosquitto, more) else { return };
        assert!(theirs[1].contains("n1/r/x/y from here"), "{theirs:?}");
        for remote in [Kind::Mosquitto, Kind::Ours] {
            assert_eq!(come_out(Kind::Ours, remote, more).unwrap(), theirs, "remote: {remote:?} {more}");
        }
    }
}
