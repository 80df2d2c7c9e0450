//! The broker without sockets: nanoseconds a delivery, from bytes in to bytes in the receiver's buffer.
//!
//! `cargo bench --bench broker`. Median of repeats; compare runs on one machine only.

use std::io::IoSlice;
use std::time::Instant;

use mqtt_toolkit::broker::{ConnectionKey, Kinds, Limits, ListenerRules, Now, Outbox, Peer, Shard};
use mqtt_toolkit::protocol::{QoS, Version, wire};

const REPEATS: usize = 7;

struct Bench {
    shard: Shard,
    out: Outbox,
    now: Now,
}

impl Bench {
    fn new() -> Self {
        let limits = Limits { max_queued_messages: 0, ..Limits::default() };
        let shard = Shard::new(limits, vec![ListenerRules::default()], Kinds::NONE, [1; 32]);
        Bench { shard, out: Outbox::default(), now: Now { monotonic: 1, wall: 1_800_000_000 } }
    }

    fn connect(&mut self, id: &str) -> ConnectionKey {
        let peer = Peer::Unix("bench".into());
        let key = self.shard.accepted(self.now, 0, peer, &mut self.out).expect("room");
        let mut packet = vec![0x10, (12 + id.len()) as u8];
        packet.extend_from_slice(b"\x00\x04MQTT\x04\x02\x00\x00");
        wire::write_str(id, &mut packet);
        self.shard.bytes(self.now, key, &packet, &mut self.out);
        self.drain();
        key
    }

    fn subscribe(&mut self, key: ConnectionKey, filter: &str, qos: QoS) {
        let mut packet = vec![0x82, (5 + filter.len()) as u8, 0, 1];
        wire::write_str(filter, &mut packet);
        packet.push(qos as u8);
        self.shard.bytes(self.now, key, &packet, &mut self.out);
        self.drain();
    }

    /// Takes all output, as the loop does after a turn; answers QoS 1.
    fn drain(&mut self) -> usize {
        let mut bytes = 0;
        while let Some(key) = self.out.dirty.pop() {
            self.shard.taken(key);
            loop {
                let mut slices = [IoSlice::new(&[]); 64];
                let used = self.shard.output(key, &mut slices);
                let length: usize = slices[..used].iter().map(|s| s.len()).sum();
                if length == 0 {
                    break;
                }
                bytes += length;
                self.shard.wrote(self.now, key, length, &mut self.out);
            }
        }
        self.out.urgent = false;
        bytes
    }
}

fn publish(topic: &str, qos: QoS, identifier: u16, payload: usize) -> Vec<u8> {
    let mut body = Vec::new();
    wire::write_str(topic, &mut body);
    if qos != QoS::AtMostOnce {
        wire::write_u16(identifier, &mut body);
    }
    body.resize(body.len() + payload, b'x');
    let mut packet = vec![0x30 | (qos as u8) << 1];
    wire::write_varint(body.len() as u32, &mut packet);
    packet.extend_from_slice(&body);
    packet
}

/// Median nanoseconds of one delivery; `run` returns how many it made.
fn measure(name: &str, mut run: impl FnMut() -> usize) {
    let mut times: Vec<f64> = (0..REPEATS)
        .map(|_| {
            let start = Instant::now();
            let deliveries = run();
            start.elapsed().as_nanos() as f64 / deliveries as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{name:<44} {:>8.1} ns a delivery", times[REPEATS / 2]);
}

fn one_to_one() {
    let mut b = Bench::new();
    let publisher = b.connect("p");
    let subscriber = b.connect("s");
    b.subscribe(subscriber, "bench/topic/1", QoS::AtMostOnce);
    let batch = publish("bench/topic/1", QoS::AtMostOnce, 0, 64).repeat(500);
    measure("1 to 1, QoS 0, 64 B", || {
        for _ in 0..2000 {
            let taken = b.shard.bytes(b.now, publisher, &batch, &mut b.out);
            assert_eq!(taken, batch.len());
            b.drain();
        }
        2000 * 500
    });
}

fn fan_out(payload: usize) {
    let mut b = Bench::new();
    let publisher = b.connect("p");
    for i in 0..100 {
        let subscriber = b.connect(&format!("s{i}"));
        b.subscribe(subscriber, "bench/#", QoS::AtMostOnce);
    }
    let batch = publish("bench/topic/1", QoS::AtMostOnce, 0, payload).repeat(20);
    measure(&format!("1 to 100, QoS 0, {payload} B"), || {
        for _ in 0..200 {
            b.shard.bytes(b.now, publisher, &batch, &mut b.out);
            b.drain();
        }
        200 * 20 * 100
    });
}

fn at_least_once() {
    let mut b = Bench::new();
    let publisher = b.connect("p");
    let subscriber = b.connect("s");
    b.subscribe(subscriber, "bench/topic/1", QoS::AtLeastOnce);
    let mut identifier = 0_u16;
    measure("1 to 1, QoS 1, 64 B, with acknowledgements", || {
        for _ in 0..50_000 {
            let mut batch = Vec::new();
            let mut acks = Vec::new();
            for i in 1..=10 {
                identifier = if identifier == u16::MAX { 1 } else { identifier + 1 };
                batch.extend_from_slice(&publish("bench/topic/1", QoS::AtLeastOnce, i, 64));
                acks.extend_from_slice(&[0x40, 2]);
                acks.extend_from_slice(&identifier.to_be_bytes());
            }
            b.shard.bytes(b.now, publisher, &batch, &mut b.out);
            b.drain();
            b.shard.bytes(b.now, subscriber, &acks, &mut b.out);
        }
        50_000 * 10
    });
}

/// Each message matches one of `count` subscriptions with wildcards; the route cache misses.
fn many_subscriptions(count: usize) {
    let mut b = Bench::new();
    let publisher = b.connect("p");
    for c in 0..10 {
        let subscriber = b.connect(&format!("s{c}"));
        for i in (c..count).step_by(10) {
            let filter = if i % 2 == 0 { format!("site/{i}/+/t") } else { format!("site/{i}/#") };
            b.subscribe(subscriber, &filter, QoS::AtMostOnce);
        }
    }
    let mut at = 0;
    measure(&format!("{count} subscriptions, each message matches one"), || {
        for _ in 0..1000 {
            let mut batch = Vec::new();
            for _ in 0..100 {
                at = (at + 7919) % count;
                batch.extend_from_slice(&publish(&format!("site/{at}/x/t"), QoS::AtMostOnce, 0, 64));
            }
            b.shard.bytes(b.now, publisher, &batch, &mut b.out);
            b.drain();
        }
        1000 * 100
    });
}

fn main() {
    assert_eq!(Version::V311 as u8, 4);
    one_to_one();
    fan_out(64);
    fan_out(256);
    fan_out(16 * 1024);
    at_least_once();
    many_subscriptions(1_000);
    many_subscriptions(100_000);
    many_subscriptions(1_000_000);
}
