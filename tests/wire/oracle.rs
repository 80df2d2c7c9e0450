//! rumqttc's codec as a second opinion: what it reads from a good packet and writes again means the same to us.

use bytes::BytesMut;
use mqtt_toolkit::protocol::{Packet, Version};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;

use crate::cases::{self, take};
use crate::meaning;

/// Good packets that rumqttc 0.25 can't carry through, and why.
const NOT_THEIRS: &[(&str, &str)] = &[
    ("CONNECT 3.1.1 of a bridge", "the bridge bit is mosquitto's"),
    ("DISCONNECT 5.0, no bytes", "reads 5.0 DISCONNECT only with a Property Length"),
    ("DISCONNECT 5.0 with Will", "reads 5.0 DISCONNECT only with a Property Length"),
    ("AUTH, no bytes", "has no AUTH"),
    ("AUTH continues", "has no AUTH"),
];

/// Reads and writes with rumqttc.
fn through_rumqttc(version: Version, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let (mut input, mut out) = (BytesMut::from(bytes), BytesMut::new());
    if version.is_v5() {
        let packet = v5::Packet::read(&mut input, None).map_err(|error| format!("reading: {error:?}"))?;
        packet.write(&mut out, None).map_err(|error| format!("writing: {error:?}"))?;
    } else {
        let packet = v4::Packet::read(&mut input, 1 << 20).map_err(|error| format!("reading: {error:?}"))?;
        packet.write(&mut out, 1 << 20).map_err(|error| format!("writing: {error:?}"))?;
    }
    Ok(out.to_vec())
}

/// The words of a meaning without their order: rumqttc sorts properties its own way.
fn words(packet: &Packet<'_>) -> Vec<String> {
    let mut words: Vec<String> = meaning::of(packet)
        .split([' ', '[', ']'])
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.sort();
    words
}

#[test]
fn rumqttc_agrees_on_good_packets() {
    let mut differ = Vec::new();
    let mut agreed = 0;
    // rumqttc has no 3.1.
    for case in cases::good().into_iter().filter(|case| case.version != Version::V31) {
        let expected = words(&take(case.version, &case.bytes).unwrap());
        let got = through_rumqttc(case.version, &case.bytes).and_then(|bytes| {
            take(case.version, &bytes).map(|p| words(&p)).map_err(|error| error.to_string())
        });
        let listed = NOT_THEIRS.iter().any(|(name, _)| *name == case.name);
        match got == Ok(expected.clone()) {
            true if listed => differ.push(format!("{}: listed, but agrees", case.name)),
            true => agreed += 1,
            false if listed => {}
            false => differ.push(format!("{}: {got:?}, not {expected:?}", case.name)),
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(agreed > 25, "{agreed}");
}
