//! Any bytes as packets of any version: no panic, and what was decoded stands encoded and decoded again.
//!
//! `fuzz/seeds` writes the packets of `tests/wire/` into `fuzz/corpus/decode`; then `cargo +nightly fuzz run decode`.
//! The first byte of an input chooses the version, the rest is what a connection reads.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt_toolkit::protocol::{Packet, Version, decode, fixed_header};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, mut rest)) = input.split_first() else { return };
    let version = Version::ALL[usize::from(choice) % Version::ALL.len()];
    while let Ok(Some(header)) = fixed_header(rest) {
        let Some(body) = rest.get(header.header_length..header.total()) else { return };
        let Ok(packet) = decode(version, header.first, body) else { return };
        stands_again(version, &packet);
        rest = &rest[header.total()..];
    }
});

/// Encodes, decodes and compares; formatting walks every filter and property.
fn stands_again(version: Version, packet: &Packet<'_>) {
    let before = format!("{packet:?}");
    if let Packet::ConnAck(ack) = packet
        && ack.code.is_error()
        && !version.is_v5()
    {
        return; // a reserved return code is sent as one that isn't
    }
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes);
    let header = fixed_header(&bytes).expect("our own header").expect("a whole header");
    assert_eq!(header.total(), bytes.len());
    let again = decode(version, header.first, &bytes[header.header_length..]).expect("our own packet");
    assert_eq!(format!("{again:?}"), before);
    assert!(again == *packet);
}
