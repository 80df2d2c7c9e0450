//! The packets the load generator writes, made once, and its parser of what comes back, which looks
//! only at what is counted. It is no judge of the broker's packets: `protocol` is.

use std::fmt;

/// Bytes at the start of each payload: publisher, sequence number, time sent.
pub const STAMP: usize = 16;

/// What arrived, as far as the generator cares.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// CONNECT, with its protocol level.
    Connect(u8),
    /// CONNACK, with its return or reason code.
    Connack(u8),
    /// PUBLISH; the identifier is 0 at QoS 0.
    Publish { qos: u8, packet_identifier: u16, payload: &'a [u8] },
    /// PUBACK with its identifier.
    Puback(u16),
    /// PUBREC with its identifier.
    Pubrec(u16),
    /// PUBREL with its identifier.
    Pubrel(u16),
    /// PUBCOMP with its identifier.
    Pubcomp(u16),
    /// SUBSCRIBE with its identifier.
    Subscribe(u16),
    /// SUBACK; whether any filter was refused.
    Suback { refused: bool },
    /// PINGREQ.
    Pingreq,
    /// PINGRESP.
    Pingresp,
    /// DISCONNECT.
    Disconnect,
}

/// A packet the generator can't count.
#[derive(Debug, PartialEq, Eq)]
pub struct BadPacket(pub &'static str);

impl fmt::Display for BadPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the peer sent {}", self.0)
    }
}

impl std::error::Error for BadPacket {}

/// The first packet of `bytes` and its length, or `None` when it isn't whole yet.
pub fn next(bytes: &[u8], v5: bool) -> Result<Option<(Incoming<'_>, usize)>, BadPacket> {
    let Some((remaining, at)) = variable_integer(bytes.get(1..).unwrap_or_default())? else {
        return Ok(None);
    };
    let length = 1 + at + remaining;
    let (Some(&first), Some(body)) = (bytes.first(), bytes.get(1 + at..length)) else { return Ok(None) };
    let packet = match first >> 4 {
        1 => Incoming::Connect(connect_level(body)?),
        2 => Incoming::Connack(*body.get(1).ok_or(BadPacket("a short CONNACK"))?),
        3 => publish_body(first, body, v5)?,
        4 => Incoming::Puback(accepted(body)?),
        5 => Incoming::Pubrec(accepted(body)?),
        6 => Incoming::Pubrel(accepted(body)?),
        7 => Incoming::Pubcomp(accepted(body)?),
        8 => Incoming::Subscribe(identifier(body)?),
        9 => Incoming::Suback { refused: suback_codes(body, v5)?.iter().any(|&code| code >= 0x80) },
        12 => Incoming::Pingreq,
        13 => Incoming::Pingresp,
        14 => Incoming::Disconnect,
        _ => return Err(BadPacket("a packet type that nobody asked for")),
    };
    Ok(Some((packet, length)))
}

/// A Variable Byte Integer and how many bytes it took.
fn variable_integer(bytes: &[u8]) -> Result<Option<(usize, usize)>, BadPacket> {
    let mut value = 0;
    for (at, &byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return Ok(Some((value, at + 1)));
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(BadPacket("a length of more than four bytes")) }
}

/// Two bytes as an identifier.
fn identifier(body: &[u8]) -> Result<u16, BadPacket> {
    match body {
        [high, low, ..] => Ok(u16::from_be_bytes([*high, *low])),
        _ => Err(BadPacket("a packet without its identifier")),
    }
}

/// The identifier of an acknowledgement that isn't a refusal.
fn accepted(body: &[u8]) -> Result<u16, BadPacket> {
    match body.get(2) {
        Some(0x80..) => Err(BadPacket("an acknowledgement that refuses the message")),
        _ => identifier(body),
    }
}

/// The protocol level of a CONNECT.
fn connect_level(body: &[u8]) -> Result<u8, BadPacket> {
    let name = usize::from(identifier(body)?);
    body.get(2 + name).copied().ok_or(BadPacket("a short CONNECT"))
}

/// The codes of a SUBACK.
fn suback_codes(body: &[u8], v5: bool) -> Result<&[u8], BadPacket> {
    let short = BadPacket("a short SUBACK");
    let rest = body.get(2..).ok_or(short)?;
    after_properties(rest, v5)
}

/// What follows the properties, where the version has them.
fn after_properties(body: &[u8], v5: bool) -> Result<&[u8], BadPacket> {
    if !v5 {
        return Ok(body);
    }
    let short = BadPacket("properties longer than their packet");
    match variable_integer(body)? {
        Some((length, at)) => body.get(at + length..).ok_or(short),
        None => Err(short),
    }
}

fn publish_body(first: u8, body: &[u8], v5: bool) -> Result<Incoming<'_>, BadPacket> {
    let qos = first >> 1 & 3;
    let short = || BadPacket("a short PUBLISH");
    let mut rest = body.get(2 + usize::from(identifier(body)?)..).ok_or_else(short)?;
    let mut packet_identifier = 0;
    if qos > 0 {
        packet_identifier = identifier(rest)?;
        rest = rest.get(2..).ok_or_else(short)?;
    }
    Ok(Incoming::Publish { qos, packet_identifier, payload: after_properties(rest, v5)? })
}

/// The publisher and the sequence number of a payload, and when it was sent.
pub fn stamp(payload: &[u8]) -> Result<(usize, u32, u64), BadPacket> {
    let stamp: &[u8; STAMP] = payload.first_chunk().ok_or(BadPacket("a message that isn't ours"))?;
    let [a, b, c, d, e, f, g, h, time @ ..] = *stamp;
    let publisher = u32::from_be_bytes([a, b, c, d]);
    Ok((publisher as usize, u32::from_be_bytes([e, f, g, h]), u64::from_be_bytes(time)))
}

/// An acknowledgement: `kind` is the first byte, as 0x40 for PUBACK.
pub fn acknowledge(out: &mut Vec<u8>, kind: u8, packet_identifier: u16) {
    let [high, low] = packet_identifier.to_be_bytes();
    out.extend_from_slice(&[kind, 2, high, low]);
}

/// PINGREQ.
pub const PINGREQ: [u8; 2] = [0xc0, 0];

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut length = body.len();
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        out.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    out.extend_from_slice(body);
    out
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// The length of the first packet of `packets`, which must be whole.
pub fn length(packets: &[u8]) -> Result<usize, BadPacket> {
    match variable_integer(packets.get(1..).unwrap_or_default())? {
        Some((remaining, at)) if 1 + at + remaining <= packets.len() => Ok(1 + at + remaining),
        _ => Err(BadPacket("a packet in parts")),
    }
}

/// User Name and Password.
pub type Login<'a> = (&'a str, Option<&'a str>);

/// CONNECT without keep alive; a session that isn't clean lives for an hour in version 5.
pub fn connect(client_id: &str, clean: bool, v5: bool, login: Option<Login<'_>>) -> Vec<u8> {
    let mut body = Vec::new();
    string(&mut body, "MQTT");
    let (name, password) = (login.map(|(name, _)| name), login.and_then(|(_, password)| password));
    let flags = u8::from(name.is_some()) << 7 | u8::from(password.is_some()) << 6 | u8::from(clean) << 1;
    body.extend_from_slice(&[if v5 { 5 } else { 4 }, flags, 0, 0]);
    if v5 && clean {
        body.push(0);
    } else if v5 {
        body.extend_from_slice(&[5, 0x11, 0, 0, 0x0e, 0x10]);
    }
    string(&mut body, client_id);
    name.into_iter().chain(password).for_each(|text| string(&mut body, text));
    packet(0x10, &body)
}

/// CONNECT without keep alive or ClientId, with a small Will.
pub fn connect_with_will(v5: bool) -> Vec<u8> {
    let mut body = Vec::new();
    string(&mut body, "MQTT");
    body.extend_from_slice(&[if v5 { 5 } else { 4 }, 0x06, 0, 0]);
    // No properties of the CONNECT, and none of the Will.
    let no_properties: &[u8] = if v5 { &[0] } else { &[] };
    body.extend_from_slice(no_properties);
    string(&mut body, "");
    body.extend_from_slice(no_properties);
    string(&mut body, "bench/will");
    string(&mut body, "gone");
    packet(0x10, &body)
}

/// SUBSCRIBE to all of `filters`, with identifier 1.
pub fn subscribe<'a>(filters: impl IntoIterator<Item = &'a str>, qos: u8, v5: bool) -> Vec<u8> {
    let mut body = vec![0, 1];
    if v5 {
        body.push(0);
    }
    for filter in filters {
        string(&mut body, filter);
        body.push(qos);
    }
    packet(0x82, &body)
}

/// DISCONNECT.
pub const DISCONNECT: [u8; 2] = [0xe0, 0];

/// A PUBLISH made once, of which only identifier and stamp change.
pub struct Template {
    bytes: Vec<u8>,
    identifier_at: Option<usize>,
    stamp_at: usize,
}

impl Template {
    /// A PUBLISH with a payload of `size` bytes (at least [`STAMP`]).
    pub fn new(topic: &str, qos: u8, retain: bool, size: usize, v5: bool) -> Self {
        let mut body = Vec::new();
        string(&mut body, topic);
        let mut before_payload = 0;
        if qos > 0 {
            body.extend_from_slice(&[0, 0]);
            before_payload += 2;
        }
        if v5 {
            body.push(0);
            before_payload += 1;
        }
        let head = body.len();
        body.resize(head + size.max(STAMP), b'x');
        let bytes = packet(0x30 | qos << 1 | u8::from(retain), &body);
        let stamp_at = bytes.len() - size.max(STAMP);
        Self { identifier_at: (qos > 0).then_some(stamp_at - before_payload), bytes, stamp_at }
    }

    /// Appends the packet with its numbers.
    pub fn write(&self, out: &mut Vec<u8>, packet_identifier: u16, publisher: u32, sequence: u32, time: u64) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let copy = &mut out[start..];
        if let Some(at) = self.identifier_at {
            copy[at..at + 2].copy_from_slice(&packet_identifier.to_be_bytes());
        }
        let stamp = &mut copy[self.stamp_at..self.stamp_at + STAMP];
        stamp[..4].copy_from_slice(&publisher.to_be_bytes());
        stamp[4..8].copy_from_slice(&sequence.to_be_bytes());
        stamp[8..].copy_from_slice(&time.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_read_back_with_its_numbers() {
        for v5 in [false, true] {
            for qos in 0..3 {
                for size in [16, 64, 300, 20_000] {
                    let mut out = Vec::new();
                    Template::new("a/b", qos, false, size, v5).write(&mut out, 513, 7, 9, 11);
                    let (packet, length) = next(&out, v5).unwrap().unwrap();
                    assert_eq!(length, out.len());
                    let Incoming::Publish { qos: q, packet_identifier, payload } = packet else { panic!() };
                    assert_eq!((q, packet_identifier), (qos, if qos > 0 { 513 } else { 0 }));
                    assert_eq!(payload.len(), size);
                    assert_eq!(stamp(payload), Ok((7, 9, 11)));
                }
            }
        }
    }

    #[test]
    fn every_cut_of_a_packet_waits_for_more() {
        let mut out = Vec::new();
        Template::new("topic", 1, false, 200, true).write(&mut out, 1, 0, 0, 0);
        for cut in 0..out.len() {
            assert_eq!(next(&out[..cut], true), Ok(None), "cut at {cut}");
        }
    }

    #[test]
    fn own_connect_and_subscribe_are_read_back() {
        for v5 in [false, true] {
            assert_eq!(
                next(&connect("c", true, v5, None), v5).unwrap().unwrap().0,
                Incoming::Connect(if v5 { 5 } else { 4 })
            );
            assert_eq!(next(&subscribe(["a/#", "b"], 1, v5), v5).unwrap().unwrap().0, Incoming::Subscribe(1));
        }
    }

    #[test]
    fn acknowledgements() {
        let mut out = Vec::new();
        for kind in [0x40, 0x50, 0x62, 0x70] {
            acknowledge(&mut out, kind, 258);
        }
        let expected =
            [Incoming::Puback(258), Incoming::Pubrec(258), Incoming::Pubrel(258), Incoming::Pubcomp(258)];
        let mut rest = out.as_slice();
        for packet in expected {
            let (got, length) = next(rest, false).unwrap().unwrap();
            assert_eq!(got, packet);
            rest = &rest[length..];
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn refusals_and_nonsense_are_errors() {
        assert!(next(&[0x40, 3, 0, 1, 0x97], true).is_err());
        assert_eq!(next(&[0x40, 3, 0, 1, 0x10], true), Ok(Some((Incoming::Puback(1), 5))));
        assert!(next(&[0x40, 1, 0], false).is_err());
        assert!(next(&[0x30, 3, 0, 9, b'a'], false).is_err());
        assert!(next(&[0x30, 4, 0, 0, 9, 0], true).is_err());
        assert!(next(&[0x30, 0xff, 0xff, 0xff, 0xff, 1], false).is_err());
        assert!(next(&[0, 0], false).is_err());
    }

    #[test]
    fn suback_says_whether_a_filter_was_refused() {
        assert_eq!(next(&[0x90, 4, 0, 1, 0, 2], false), Ok(Some((Incoming::Suback { refused: false }, 6))));
        assert_eq!(
            next(&[0x90, 5, 0, 1, 0, 0, 0x80], true),
            Ok(Some((Incoming::Suback { refused: true }, 7)))
        );
    }
}
