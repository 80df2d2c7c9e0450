//! The fixed header (section 2.1): where one packet ends and the next begins.

use super::wire::{self, parse_varint};
use super::{Malformed, PacketType};

/// The greatest Remaining Length, in bytes.
pub const MAX_REMAINING_LENGTH: usize = wire::MAX_VARINT as usize;

/// The fixed header of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedHeader {
    /// Packet type and flags.
    pub first: u8,
    /// Bytes of the fixed header itself: 2 to 5.
    pub header_length: usize,
    /// Bytes that follow it.
    pub remaining_length: usize,
}

impl FixedHeader {
    /// The whole packet, in bytes.
    #[inline]
    pub const fn total(&self) -> usize {
        self.header_length + self.remaining_length
    }
}

/// Length of the packet at the start of `input`, from its fixed header; `None`: more bytes needed.
///
/// Errors, as soon as they can be seen: a Remaining Length that isn't minimal or longer than four bytes, packet
/// type 0, reserved flags `[MQTT-2.1.3-1]`. What depends on the version (type 15, DUP of 3.1) is left to
/// [`decode`](super::decode), and so are the flags of PUBLISH.
#[inline]
pub fn fixed_header(input: &[u8]) -> Result<Option<FixedHeader>, Malformed> {
    let Some((&first, rest)) = input.split_first() else { return Ok(None) };
    check_flags(first)?;
    let Some((length, bytes)) = parse_varint(rest)? else { return Ok(None) };
    Ok(Some(FixedHeader { first, header_length: 1 + bytes, remaining_length: length as usize }))
}

/// The low four bits, as the packet type wants them in some version.
#[inline]
fn check_flags(first: u8) -> Result<(), Malformed> {
    let flags = first & 0x0F;
    let good = match PacketType::of(first)? {
        PacketType::Publish => true,
        // 3.1 sends these again with DUP; later versions don't.
        PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => flags & 0b0111 == 0b0010,
        _ => flags == 0,
    };
    if good { Ok(()) } else { Err(Malformed::FixedHeaderFlags) }
}

/// The checks of [`fixed_header`] on the first byte, and those that need the version.
pub(super) fn check_first(version: super::Version, first: u8) -> Result<PacketType, Malformed> {
    check_flags(first)?;
    let kind = PacketType::of(first)?;
    let v31 = version == super::Version::V31;
    if kind != PacketType::Publish && first & 0b1000 != 0 && !v31 {
        return Err(Malformed::FixedHeaderFlags);
    }
    if kind == PacketType::Auth && !version.is_v5() {
        return Err(Malformed::PacketType);
    }
    Ok(kind)
}

/// Appends a fixed header. More than [`MAX_REMAINING_LENGTH`] can't be written (callers check).
#[inline]
pub(super) fn write_fixed_header(first: u8, remaining_length: usize, out: &mut Vec<u8>) {
    debug_assert!(remaining_length <= MAX_REMAINING_LENGTH, "Remaining Length {remaining_length}");
    let length = u32::try_from(remaining_length).unwrap_or(wire::MAX_VARINT).min(wire::MAX_VARINT);
    out.reserve(5 + remaining_length);
    let [a, b, ..] = wire::varint_groups(length);
    match length {
        // Nearly every packet; a fixed number of bytes is written without a call.
        0..=0x7F => out.extend_from_slice(&[first, a]),
        0x80..=0x3FFF => out.extend_from_slice(&[first, a | 0x80, b]),
        _ => {
            out.push(first);
            wire::write_varint(length, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Version;
    use super::*;

    #[test]
    fn lengths() {
        let header =
            |bytes: &[u8]| fixed_header(bytes).unwrap().map(|header| (header.header_length, header.total()));
        assert_eq!(header(&[]), None);
        assert_eq!(header(&[0x30]), None);
        assert_eq!(header(&[0x30, 0x80]), None);
        assert_eq!(header(&[0x30, 0xFF, 0xFF, 0xFF]), None);
        assert_eq!(header(&[0xC0, 0]), Some((2, 2)));
        assert_eq!(header(&[0x30, 0x80, 1, 9, 9]), Some((3, 131)));
        assert_eq!(header(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F]), Some((5, 5 + MAX_REMAINING_LENGTH)));
    }

    #[test]
    fn mqtt_1_5_5_1_and_2_1_4_bad_lengths() {
        for bytes in
            [&[0x30, 0x80, 0][..], &[0x30, 0x80, 0x80, 0x80, 0x80], &[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 1]]
        {
            assert_eq!(fixed_header(bytes), Err(Malformed::VariableByteInteger), "{bytes:x?}");
        }
    }

    #[test]
    fn mqtt_2_1_3_1_reserved_flags_are_seen_at_the_first_byte() {
        let good = |first: u8| match first >> 4 {
            0 => false,
            3 => true,
            6 | 8 | 10 => matches!(first & 0x0F, 0b0010 | 0b1010),
            _ => first & 0x0F == 0,
        };
        for first in 0..=u8::MAX {
            assert_eq!(fixed_header(&[first]).is_ok(), good(first), "{first:#04x}");
        }
        assert_eq!(fixed_header(&[0x05]), Err(Malformed::PacketType));
        assert_eq!(fixed_header(&[0x60]), Err(Malformed::FixedHeaderFlags));
    }

    #[test]
    fn what_depends_on_the_version() {
        assert_eq!(check_first(Version::V31, 0x8A), Ok(PacketType::Subscribe));
        assert_eq!(check_first(Version::V311, 0x8A), Err(Malformed::FixedHeaderFlags));
        assert_eq!(check_first(Version::V5, 0xF0), Ok(PacketType::Auth));
        assert_eq!(check_first(Version::V311, 0xF0), Err(Malformed::PacketType));
    }

    #[test]
    fn written_headers_are_read_back() {
        for length in [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
            let mut out = Vec::new();
            write_fixed_header(0x30, length, &mut out);
            let header = fixed_header(&out).unwrap().unwrap();
            assert_eq!((header.header_length, header.remaining_length), (out.len(), length));
        }
    }
}
