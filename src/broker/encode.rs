//! How an outgoing PUBLISH is put into bytes: its header in parts, and frames that are built once a layout.

use super::clock::Now;
use super::deliver::Outgoing;
use super::message::remaining;
use crate::protocol::{QoS, wire};

/// Four layouts of a PUBLISH: 3.x or 5.0, without or with a Packet Identifier.
#[derive(Debug, Default)]
pub struct Frames {
    pub(super) built: [Frame; 4],
}

#[derive(Debug, Default)]
pub(super) struct Frame {
    pub bytes: Vec<u8>,
    pub ready: bool,
    /// Where the Packet Identifier is to be written.
    pub identifier_at: usize,
}

/// What differs from receiver to receiver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flags {
    pub dup: bool,
    pub qos: QoS,
    pub retain: bool,
    pub packet_identifier: u16,
}

impl Flags {
    pub fn first_byte(self) -> u8 {
        0x30 | u8::from(self.dup) << 3 | (self.qos as u8) << 1 | u8::from(self.retain)
    }
}

/// A PUBLISH's fixed and variable header in parts.
pub(super) struct Head<'a> {
    pub flags: Flags,
    pub topic: &'a str,
    /// 5.0 only: Topic Alias, 0 is none.
    pub alias: u16,
    /// 5.0 only: remaining Message Expiry Interval.
    pub expiry: Option<u32>,
    /// 5.0 only: Subscription Identifier, 0 is none.
    pub identifier: u32,
    /// 5.0 only: all others.
    pub properties: &'a [u8],
    pub payload_length: usize,
}

impl Head<'_> {
    fn properties_length(&self) -> usize {
        let identifier = if self.identifier == 0 { 0 } else { 1 + wire::varint_length(self.identifier) };
        let alias = if self.alias == 0 { 0 } else { 3 };
        self.expiry.map_or(0, |_| 5) + identifier + alias + self.properties.len()
    }

    /// Length of the whole packet in this version.
    pub fn packet_length(&self, v5: bool) -> usize {
        let remaining = self.remaining_length(v5);
        1 + wire::varint_length(remaining as u32) + remaining
    }

    fn remaining_length(&self, v5: bool) -> usize {
        let identifier = if self.flags.qos == QoS::AtMostOnce { 0 } else { 2 };
        let properties = match v5 {
            true => {
                let length = self.properties_length();
                wire::varint_length(length as u32) + length
            }
            false => 0,
        };
        2 + self.topic.len() + identifier + properties + self.payload_length
    }

    /// Appends everything before the payload; returns where the Packet Identifier is, from the packet's start.
    pub fn write(&self, v5: bool, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        out.push(self.flags.first_byte());
        wire::write_varint(self.remaining_length(v5) as u32, out);
        wire::write_str(self.topic, out);
        let identifier_at = out.len() - start;
        if self.flags.qos != QoS::AtMostOnce {
            wire::write_u16(self.flags.packet_identifier, out);
        }
        if v5 {
            self.write_properties(out);
        }
        identifier_at
    }

    fn write_properties(&self, out: &mut Vec<u8>) {
        wire::write_varint(self.properties_length() as u32, out);
        if self.alias != 0 {
            out.push(0x23);
            wire::write_u16(self.alias, out);
        }
        if let Some(expiry) = self.expiry {
            out.push(0x02);
            wire::write_u32(expiry, out);
        }
        if self.identifier != 0 {
            out.push(0x0B);
            wire::write_varint(self.identifier, out);
        }
        out.extend_from_slice(self.properties);
    }
}

/// Length of the fixed header of a frame that was decoded before.
pub(super) fn header_length(frame: &[u8]) -> Option<usize> {
    frame.iter().skip(1).position(|b| b & 0x80 == 0).map(|at| at + 2)
}

/// Encodes a layout.
pub(super) fn build(
    frame: &mut Frame,
    v5: bool,
    flags: Flags,
    outgoing: &Outgoing<'_>,
    now: Now,
    share: bool,
) {
    frame.bytes.clear();
    let head = Head {
        flags,
        topic: outgoing.topic,
        alias: 0,
        expiry: remaining(outgoing.expires, now.wall),
        identifier: 0,
        properties: &outgoing.properties[..outgoing.properties.len() - outgoing.hidden],
        payload_length: outgoing.payload.len(),
    };
    frame.identifier_at = head.write(v5, &mut frame.bytes);
    if !share {
        frame.bytes.extend_from_slice(outgoing.payload);
    }
    frame.ready = true;
    if frame.bytes.capacity() > 1024 * 1024 && frame.bytes.len() < 64 * 1024 {
        frame.bytes.shrink_to(64 * 1024);
    }
}
