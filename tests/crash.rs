//! kill -9 at any moment, hundreds of times: everything that a publisher saw acknowledged arrives, what is sent at
//! QoS 2 once, and in order.
//!
//! `CRASH_KILLS=N` kills more often, `CRASH_SYNC` is another `persistence_sync`.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

#[path = "crash/clients.rs"]
mod clients;
mod harness;

use clients::{Publisher, Subscriber};
use harness::{Broker, Dice};
use mqtt_toolkit::protocol::QoS;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::time::{Duration, Instant};

const KILLS: u64 = 200;

struct Crowd {
    publishers: Vec<Publisher>,
    subscribers: Vec<Subscriber>,
}

impl Crowd {
    fn new() -> Crowd {
        let publisher = |(name, qos): (&str, QoS)| Publisher::new(name, qos);
        let subscriber = |(name, qos): (&str, QoS)| Subscriber::new(name, qos);
        use QoS::{AtLeastOnce, ExactlyOnce};
        Crowd {
            publishers: [("ann", AtLeastOnce), ("bea", ExactlyOnce), ("cleo", ExactlyOnce)]
                .map(publisher)
                .into(),
            subscribers: [("sam", AtLeastOnce), ("tom", ExactlyOnce), ("uli", ExactlyOnce)]
                .map(subscriber)
                .into(),
        }
    }

    /// Everybody talks to the broker until `enough`.
    fn work(&mut self, publish: bool, mut enough: impl FnMut(&Crowd) -> bool) {
        loop {
            for publisher in &mut self.publishers {
                publisher.work(publish);
            }
            for subscriber in &mut self.subscribers {
                subscriber.work();
            }
            if enough(self) {
                return;
            }
            let wires = self.publishers.iter().filter_map(|p| p.wire.as_ref());
            let wires = wires.chain(self.subscribers.iter().filter_map(|s| s.wire.as_ref()));
            let mut polled: Vec<PollFd<'_>> =
                wires.map(|wire| PollFd::from_borrowed_fd(wire.descriptor(), PollFlags::IN)).collect();
            let _ = poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 2_000_000 }));
        }
    }
}

#[test]
fn what_was_acknowledged_arrives_however_often_the_broker_is_killed() {
    let kills = std::env::var("CRASH_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let sync = std::env::var("CRASH_SYNC").unwrap_or_else(|_| "always".to_owned());
    let folder = tempfile::tempdir().unwrap();
    // Every other life, whatever waits does so on disk only.
    let configuration = |memory: u32| {
        format!(
            "allow_anonymous true\npersistence true\npersistence_location {}\npersistence_sync {sync}\n\
         max_queued_messages 0\nmax_queued_memory {memory}\n",
            folder.path().display()
        )
    };
    let mut dice = Dice(u64::from(std::process::id()));
    let mut crowd = Crowd::new();
    for kill in 0..kills {
        let broker = Broker::configured(&configuration(if kill % 2 == 0 { 1 } else { 1 << 26 }));
        for publisher in &mut crowd.publishers {
            publisher.connect(broker.address());
        }
        for (i, subscriber) in crowd.subscribers.iter_mut().enumerate() {
            // The last one is away most of the time.
            let comes = i < 2 || kill % 8 == 0 || !subscriber.subscribed;
            subscriber.wire = None;
            if comes {
                subscriber.connect(broker.address());
            }
        }
        crowd.work(false, |crowd| crowd.subscribers.iter().all(|s| s.subscribed));
        // Now and then their sessions go to other connections while the first are still there, amid a reload and a save.
        let mut before = Vec::new();
        if kill % 3 == 1 {
            broker.signal("-HUP");
            broker.signal("-USR1");
            for subscriber in crowd.subscribers.iter_mut().filter(|s| s.wire.is_some()) {
                before.extend(subscriber.wire.take());
                subscriber.connect(broker.address());
            }
            let publisher = &mut crowd.publishers[dice.below(3)];
            before.extend(publisher.wire.take());
            publisher.connect(broker.address());
        }
        // A moment after some messages: the first is always among them.
        let messages =
            crowd.publishers.iter().map(|p| p.acknowledged).sum::<u64>() + 1 + dice.below(40) as u64;
        let moment = Instant::now() + Duration::from_micros(dice.below(150_000) as u64);
        crowd.work(true, |crowd| {
            crowd.publishers.iter().map(|p| p.acknowledged).sum::<u64>() >= messages
                || Instant::now() >= moment
        });
        // Dropped, it is killed.
        drop(broker);
    }
    let broker = Broker::configured(&configuration(1));
    for publisher in &mut crowd.publishers {
        publisher.connect(broker.address());
    }
    for subscriber in &mut crowd.subscribers {
        subscriber.connect(broker.address());
    }
    let deadline = Instant::now() + harness::PATIENCE;
    crowd.work(false, |crowd| {
        let sent: u64 = crowd.publishers.iter().map(|p| p.next - 1).sum();
        let done = crowd.publishers.iter().all(Publisher::is_done)
            && crowd.subscribers.iter().all(|s| s.count() as u64 == sent);
        done || Instant::now() > deadline
    });
    for subscriber in &crowd.subscribers {
        for publisher in &crowd.publishers {
            let got = subscriber.got.get(&publisher.name);
            let missing: Vec<u64> =
                (1..publisher.next).filter(|n| got.is_none_or(|got| !got.contains(n))).collect();
            assert!(missing.is_empty(), "{} never got {missing:?} of {}", subscriber.name, publisher.name);
        }
    }
    let sent: u64 = crowd.publishers.iter().map(|p| p.next - 1).sum();
    assert!(sent > kills, "only {sent} messages");
    eprintln!("{kills} kills, {sent} messages, {} of QoS 1 repeated", crowd.subscribers[0].repeated);
}
