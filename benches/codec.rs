//! What decoding and encoding one PUBLISH costs: 64 B payload, QoS 1, in 3.1.1 and in 5.0 with three User
//! Properties, beside rumqttc's codec in the same run.
//!
//! `cargo bench --bench codec` prints nanoseconds: the median of 41 repeats.

use std::hint::black_box;
use std::time::Instant;

use bytes::BytesMut;
use mqtt_toolkit::protocol::{Packet, PropertiesBuf, Property, Publish, QoS, Version, decode, fixed_header};

const REPEATS: usize = 41;
const ROUNDS: u32 = 200_000;
const TOPIC: &str = "sensors/room7/temp";
const PAYLOAD: [u8; 64] = [b'x'; 64];

fn main() {
    println!(
        "decode + encode of one PUBLISH, {} B payload, QoS 1; median of {REPEATS} x {ROUNDS}",
        PAYLOAD.len()
    );
    row("3.1.1", ours(Version::V311), Some(rumqttc_v4()));
    row("5.0, 3 user properties", ours(Version::V5), Some(rumqttc_v5()));
    row("decode alone, 3.1.1", ours_decode(Version::V311), None);
    row("decode alone, 5.0", ours_decode(Version::V5), None);
}

fn row(what: &str, ours: f64, theirs: Option<f64>) {
    match theirs {
        Some(theirs) => {
            println!("{what:<24} {ours:6.1} ns   rumqttc {theirs:6.1} ns   {:.1} x", theirs / ours);
        }
        None => println!("{what:<24} {ours:6.1} ns"),
    }
}

/// Nanoseconds a call: the median of the repeats.
fn measure(mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..REPEATS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..ROUNDS {
                work();
            }
            start.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[REPEATS / 2]
}

/// The packet that is measured, encoded.
fn packet(version: Version) -> Vec<u8> {
    let mut properties = PropertiesBuf::new();
    if version.is_v5() {
        for (name, value) in [("site", "north"), ("unit", "celsius"), ("trace", "4bf92f3577b34da6")] {
            properties.push(Property::UserProperty(name, value));
        }
    }
    let publish = Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: TOPIC,
        packet_identifier: 10,
        properties: properties.as_properties(),
        payload: &PAYLOAD,
    };
    let mut bytes = Vec::new();
    publish.encode(version, &mut bytes);
    bytes
}

fn ours(version: Version) -> f64 {
    let bytes = packet(version);
    let mut out = Vec::with_capacity(1024);
    measure(|| {
        out.clear();
        if let Some(packet) = take(version, black_box(&bytes)) {
            packet.encode(version, &mut out);
        }
        black_box(&out);
    })
}

fn ours_decode(version: Version) -> f64 {
    let bytes = packet(version);
    measure(|| {
        black_box(take(version, black_box(&bytes)));
    })
}

/// Fixed header, then the packet: what a connection does.
fn take(version: Version, bytes: &[u8]) -> Option<Packet<'_>> {
    let header = fixed_header(bytes).ok()??;
    decode(version, header.first, bytes.get(header.header_length..header.total())?).ok()
}

fn rumqttc_v4() -> f64 {
    use rumqttc::mqttbytes::v4::Packet;
    let bytes = packet(Version::V311);
    let (mut input, mut out) = (BytesMut::with_capacity(1024), BytesMut::with_capacity(1024));
    measure(|| {
        input.clear();
        input.extend_from_slice(black_box(&bytes));
        out.clear();
        if let Ok(packet) = Packet::read(&mut input, 1024) {
            let _ = packet.write(&mut out, 1024);
        }
        black_box(&out);
    })
}

fn rumqttc_v5() -> f64 {
    use rumqttc::v5::mqttbytes::v5::Packet;
    let bytes = packet(Version::V5);
    let (mut input, mut out) = (BytesMut::with_capacity(1024), BytesMut::with_capacity(1024));
    measure(|| {
        input.clear();
        input.extend_from_slice(black_box(&bytes));
        out.clear();
        if let Ok(packet) = Packet::read(&mut input, Some(1024)) {
            let _ = packet.write(&mut out, Some(1024));
        }
        black_box(&out);
    })
}
