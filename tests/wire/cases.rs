//! Reads the tables `good.txt` and `malformed.txt`.

// A table that can't be read fails the test that asked for it.
#![allow(clippy::panic, clippy::unwrap_used)]

use mqtt_toolkit::protocol::{Malformed, Packet, Version, decode, fixed_header};

/// A line of a table.
pub struct Case {
    pub name: &'static str,
    pub clause: &'static str,
    pub version: Version,
    pub bytes: Vec<u8>,
    /// Reason Code and cause, or meaning.
    pub expected: &'static str,
    again: Option<Vec<u8>>,
}

impl Case {
    /// The bytes that the decoded packet is encoded to.
    pub fn encoded_again(&self) -> &Vec<u8> {
        self.again.as_ref().unwrap_or(&self.bytes)
    }
}

pub fn good() -> Vec<Case> {
    parse(include_str!("good.txt"))
}

pub fn malformed() -> Vec<Case> {
    parse(include_str!("malformed.txt"))
}

fn parse(table: &'static str) -> Vec<Case> {
    table.lines().filter(|line| !line.starts_with('#')).map(case).collect()
}

fn case(line: &'static str) -> Case {
    let fields: Vec<&str> = line.split(" | ").collect();
    let [name, clause, version, bytes, expected, again @ ..] = fields.as_slice() else {
        panic!("five fields: {line}");
    };
    let version = match *version {
        "3.1" => Version::V31,
        "3.1.1" => Version::V311,
        "5" => Version::V5,
        other => panic!("version {other}: {line}"),
    };
    Case { name, clause, version, bytes: hex(bytes), expected, again: again.first().map(|bytes| hex(bytes)) }
}

fn hex(digits: &str) -> Vec<u8> {
    assert!(digits.len().is_multiple_of(2), "pairs of digits: {digits}");
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// The first packet and what follows it; `None`: not all there.
pub fn take_first(version: Version, bytes: &[u8]) -> Result<Option<(Packet<'_>, &[u8])>, Malformed> {
    let Some(header) = fixed_header(bytes)? else { return Ok(None) };
    let Some(body) = bytes.get(header.header_length..header.total()) else { return Ok(None) };
    Ok(Some((decode(version, header.first, body)?, &bytes[header.total()..])))
}

/// The one packet that the bytes are.
pub fn take(version: Version, bytes: &[u8]) -> Result<Packet<'_>, Malformed> {
    let (packet, rest) = take_first(version, bytes)?.expect("a whole packet");
    assert!(rest.is_empty(), "bytes behind the packet");
    Ok(packet)
}
