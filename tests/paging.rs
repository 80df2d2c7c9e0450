//! Queues longer than memory, with the real program: what waits on disk only comes in order, and at QoS 2 once, whatever
//! happens while it is read.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod harness;

use harness::kept::{configuration, durable, leave_subscribed, with_property};
use harness::raw_client::{RawClient, encoded};
use harness::{Broker, eventually};
use mqtt_toolkit::protocol::{
    Ack, Packet, Properties, Property, Publish, QoS, Version, decode, fixed_header,
};
use std::collections::BTreeSet;

/// Publishes numbers at QoS 1, many at a time, and waits until all are acknowledged.
fn publish_numbers<'a>(
    client: &mut RawClient,
    numbers: impl IntoIterator<Item = u32>,
    what: impl Fn(u32) -> (&'static str, Properties<'a>),
) {
    let numbers: Vec<u32> = numbers.into_iter().collect();
    for some in numbers.chunks(500) {
        let mut bytes = Vec::new();
        for (identifier, number) in (1..).zip(some) {
            let (topic, properties) = what(*number);
            let payload = format!("{number:08}");
            let publish = Publish {
                dup: false,
                qos: QoS::AtLeastOnce,
                retain: false,
                topic,
                packet_identifier: identifier,
                properties,
                payload: payload.as_bytes(),
            };
            Packet::Publish(publish).encode(client.version, &mut bytes);
        }
        client.send(&bytes);
        for _ in some {
            assert_eq!(client.frame().unwrap()[0], 0x40, "PUBACK");
        }
    }
}

/// A receiver that goes on after each of its connections: it knows what it has, and what isn't released yet.
struct Receiver {
    client_id: &'static str,
    version: Version,
    client: Option<RawClient>,
    unreleased: BTreeSet<u16>,
    got: Vec<u32>,
}

impl Receiver {
    fn new(client_id: &'static str, version: Version) -> Self {
        Receiver { client_id, version, client: None, unreleased: BTreeSet::new(), got: Vec::new() }
    }

    /// Comes, or comes again on another connection; the one before, which is still open.
    fn come(&mut self, broker: &Broker) -> Option<RawClient> {
        let mut client = RawClient::open(broker.address(), self.version);
        client.send(&encoded(self.version, &Packet::Connect(durable(self.version, self.client_id))));
        let frame = client.frame().unwrap();
        assert_eq!((frame[0], frame[2], frame[3]), (0x20, 1, 0), "CONNACK with Session Present");
        self.client.replace(client)
    }

    /// Takes messages until it has so many.
    fn take(&mut self, count: usize) {
        while self.got.len() < count {
            self.take_packet();
        }
    }

    /// Takes what comes before the answer to a PINGREQ: nothing is left after that.
    fn take_rest(&mut self) {
        self.client.as_mut().unwrap().send(&[0xC0, 0]);
        while self.take_packet() {}
    }

    /// Whether it was a packet of a message.
    fn take_packet(&mut self) -> bool {
        let client = self.client.as_mut().unwrap();
        let frame = client.frame().unwrap();
        let header = fixed_header(&frame).unwrap().unwrap();
        let answer = match decode(self.version, header.first, &frame[header.header_length..]).unwrap() {
            Packet::Publish(publish) => {
                let number: u32 = std::str::from_utf8(publish.payload).unwrap().parse().unwrap();
                let ack = Ack::new(publish.packet_identifier);
                let is_twice = publish.qos == QoS::ExactlyOnce;
                if !is_twice || self.unreleased.insert(publish.packet_identifier) {
                    match self.got.last() {
                        Some(last) if number <= *last => {
                            // Without DUP, too: that it was sent may not have been on disk when the broker was killed.
                            assert!(!is_twice, "{number} after {last}");
                            assert!(self.got.binary_search(&number).is_ok(), "{number} comes too late");
                        }
                        _ => self.got.push(number),
                    }
                }
                if is_twice { Packet::PubRec(ack) } else { Packet::PubAck(ack) }
            }
            Packet::PubRel(ack) => {
                self.unreleased.remove(&ack.packet_identifier);
                Packet::PubComp(Ack::new(ack.packet_identifier))
            }
            Packet::PingResp => return false,
            other => panic!("{other:?}"),
        };
        client.send(&encoded(self.version, &answer));
        true
    }
}

#[test]
fn two_hundred_thousand_messages_come_in_order_through_kills() {
    const COUNT: u32 = 200_000;
    let folder = tempfile::tempdir().unwrap();
    let text = configuration(folder.path(), "max_queued_memory 1\nmax_inflight_messages 200\n");
    let mut broker = Broker::configured(&text);
    leave_subscribed(&broker, Version::V311, "bob", "+/numbers", QoS::AtLeastOnce);
    leave_subscribed(&broker, Version::V5, "carl", "tenth/numbers", QoS::ExactlyOnce);
    let mut ann = RawClient::connect(broker.address(), Version::V311, "ann");
    publish_numbers(&mut ann, 0..COUNT, |number| {
        (if number % 10 == 0 { "tenth/numbers" } else { "other/numbers" }, Properties::EMPTY)
    });
    let mut receivers = [Receiver::new("bob", Version::V311), Receiver::new("carl", Version::V5)];
    for part in 1..=3 {
        for (receiver, all) in receivers.iter_mut().zip([COUNT as usize, COUNT as usize / 10]) {
            receiver.come(&broker);
            receiver.take(all * part / 3);
        }
        // Killed amid whatever it had read ahead and sent.
        if part < 3 {
            drop(broker);
            broker = Broker::configured(&text);
        }
    }
    let [bob, carl] = &mut receivers;
    bob.take_rest();
    carl.take_rest();
    assert!(bob.got.iter().copied().eq(0..COUNT));
    assert!(carl.got.iter().copied().eq((0..COUNT).step_by(10)));
}

/// Publishes numbers at QoS 2, one at a time.
fn publish_twice(client: &mut RawClient, numbers: std::ops::Range<u32>) {
    for number in numbers {
        client.publish("open/numbers", format!("{number:08}").as_bytes(), QoS::ExactlyOnce);
    }
}

#[test]
fn takeovers_and_kills_while_qos_2_messages_are_read_from_disk() {
    let folder = tempfile::tempdir().unwrap();
    let text = configuration(folder.path(), "max_queued_memory 1\n");
    let mut broker = Broker::configured(&text);
    leave_subscribed(&broker, Version::V5, "bob", "#", QoS::ExactlyOnce);
    let mut ann = RawClient::connect(broker.address(), Version::V311, "ann");
    publish_twice(&mut ann, 0..600);
    let mut bob = Receiver::new("bob", Version::V5);
    for moment in 1..=12 {
        // Every third time it is not another connection but another broker.
        let before = match moment % 3 {
            0 => {
                drop(broker);
                broker = Broker::configured(&text);
                drop(bob.come(&broker));
                None
            }
            _ => bob.come(&broker),
        };
        // 37 messages leave some sent, some taken and some released.
        bob.take(37 * moment);
        drop(before);
    }
    let mut ann = RawClient::connect(broker.address(), Version::V311, "ann");
    publish_twice(&mut ann, 600..620);
    bob.take(620);
    bob.take_rest();
    assert!(bob.got.iter().copied().eq(0..620));
}

#[test]
fn expiry_and_rights_that_change_hold_for_what_waits_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let acl = folder.path().join("acl");
    std::fs::write(&acl, "topic readwrite #\n").unwrap();
    let more = format!("max_queued_memory 1\nacl_file {}\n", acl.display());
    let text = configuration(folder.path(), &more);
    let broker = Broker::configured(&text);
    leave_subscribed(&broker, Version::V5, "bob", "#", QoS::AtLeastOnce);
    let mut ann = RawClient::connect(broker.address(), Version::V5, "ann");
    let short = with_property(Property::MessageExpiryInterval(1));
    let long = with_property(Property::MessageExpiryInterval(100_000));
    publish_numbers(&mut ann, 0..3000, |number| {
        let properties = match number % 5 {
            0 => short.as_properties(),
            1 => long.as_properties(),
            _ => Properties::EMPTY,
        };
        (if number % 2 == 0 { "open/numbers" } else { "closed/numbers" }, properties)
    });
    // The wall clock counts whole seconds.
    let wall = || std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let then = wall();
    eventually("the short ones have expired", || wall() > then + 2);
    let mut bob = Receiver::new("bob", Version::V5);
    bob.come(&broker);
    bob.take(300);
    // In the midst of it bob may not read some of it any more.
    std::fs::write(&acl, "topic readwrite open/#\n").unwrap();
    broker.reload_unchanged();
    let at_most = bob.got.len();
    let wanted = |number: &u32| !number.is_multiple_of(5);
    let all: Vec<u32> = (0..3000).filter(wanted).collect();
    assert_eq!(bob.got[..at_most], all[..at_most]);
    while bob.got.last() != Some(&2998) {
        bob.take_packet();
    }
    bob.take_rest();
    assert!(bob.got.iter().all(wanted), "none that has expired");
    // What was on its way to bob, or read ahead before the reload, may have been of either kind.
    let after: Vec<u32> = bob.got.iter().copied().filter(|number| *number >= 2000).collect();
    let open: Vec<u32> = (2000..3000).filter(|number| wanted(number) && number % 2 == 0).collect();
    assert_eq!(after, open);
}
