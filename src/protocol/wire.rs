//! Integers, strings and binary data as they stand on the wire (5.0, section 1.5).
//!
//! Readers take from the front of `input` and fail with [`Malformed::Truncated`] when it is too short.

use super::Malformed;

/// The greatest Variable Byte Integer.
pub const MAX_VARINT: u32 = 268_435_455;

/// One byte.
#[inline]
pub fn read_u8(input: &mut &[u8]) -> Result<u8, Malformed> {
    let (&byte, rest) = input.split_first().ok_or(Malformed::Truncated)?;
    *input = rest;
    Ok(byte)
}

/// Two bytes, big-endian.
#[inline]
pub fn read_u16(input: &mut &[u8]) -> Result<u16, Malformed> {
    let (bytes, rest) = input.split_first_chunk::<2>().ok_or(Malformed::Truncated)?;
    *input = rest;
    Ok(u16::from_be_bytes(*bytes))
}

/// Four bytes, big-endian.
#[inline]
pub fn read_u32(input: &mut &[u8]) -> Result<u32, Malformed> {
    let (bytes, rest) = input.split_first_chunk::<4>().ok_or(Malformed::Truncated)?;
    *input = rest;
    Ok(u32::from_be_bytes(*bytes))
}

/// A Variable Byte Integer: one to four bytes, no longer than it needs to be `[MQTT-1.5.5-1]`.
#[inline]
pub fn read_varint(input: &mut &[u8]) -> Result<u32, Malformed> {
    match parse_varint(input)? {
        Some((value, length)) => {
            *input = &input[length..];
            Ok(value)
        }
        None => Err(Malformed::Truncated),
    }
}

/// The Variable Byte Integer at the start of `input` and its length; `None`: more bytes needed.
#[inline]
pub(super) fn parse_varint(input: &[u8]) -> Result<Option<(u32, usize)>, Malformed> {
    let mut value = 0;
    for (index, &byte) in input.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            // A last byte of 0 adds nothing: a shorter form exists.
            let minimal = byte != 0 || index == 0;
            return if minimal { Ok(Some((value, index + 1))) } else { Err(Malformed::VariableByteInteger) };
        }
    }
    if input.len() >= 4 { Err(Malformed::VariableByteInteger) } else { Ok(None) }
}

/// Binary Data: two bytes of length, then that many bytes.
#[inline]
pub fn read_binary<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let mut rest = *input;
    let length = usize::from(read_u16(&mut rest)?);
    let (data, rest) = rest.split_at_checked(length).ok_or(Malformed::Truncated)?;
    *input = rest;
    Ok(data)
}

/// A UTF-8 Encoded String `[MQTT-1.5.4-1]` without U+0000 `[MQTT-1.5.4-2]`; U+FEFF stays `[MQTT-1.5.4-3]`.
#[inline]
pub fn read_str<'a>(input: &mut &'a [u8]) -> Result<&'a str, Malformed> {
    let bytes = read_binary(input)?;
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::Utf8)?;
    if memchr::memchr(0, bytes).is_some() { Err(Malformed::Nul) } else { Ok(text) }
}

/// Moves past a UTF-8 Encoded String after the checks of [`read_str`]: quicker, where the text isn't wanted.
#[inline]
pub(super) fn check_str(input: &mut &[u8]) -> Result<(), Malformed> {
    let mut rest = *input;
    let bytes = read_binary(&mut rest)?;
    // ASCII without 0: no byte has its high bit set, before or after taking 1 from each.
    if all_words(bytes, |word| (word | word.wrapping_sub(ONES)) & HIGH == 0) {
        *input = rest;
        return Ok(());
    }
    read_str(input).map(|_| ())
}

/// 1 in each byte of a word.
pub(super) const ONES: u64 = 0x0101_0101_0101_0101;
/// The high bit of each byte of a word.
pub(super) const HIGH: u64 = ONES << 7;

/// Whether a test holds for all bytes, taken eight at a time; some may be seen twice. Fewer than eight are filled
/// up with the letter `a`, which must pass the test.
#[inline]
pub(super) fn all_words(bytes: &[u8], test: impl Fn(u64) -> bool) -> bool {
    if let Some(last) = bytes.last_chunk::<8>() {
        let (words, _) = bytes.as_chunks::<8>();
        return words.iter().all(|word| test(u64::from_le_bytes(*word))) && test(u64::from_le_bytes(*last));
    }
    const FILL: u64 = ONES * b'a' as u64;
    test(match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        }
        _ => bytes.iter().fold(FILL, |word, byte| word << 8 | u64::from(*byte)),
    })
}

/// The bytes that a value takes as a Variable Byte Integer: 1 to 4.
#[inline]
pub const fn varint_length(value: u32) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

/// Appends one byte.
#[inline]
pub fn write_u8(value: u8, out: &mut Vec<u8>) {
    out.push(value);
}

/// Appends two bytes, big-endian.
#[inline]
pub fn write_u16(value: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Appends four bytes, big-endian.
#[inline]
pub fn write_u32(value: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Appends a Variable Byte Integer; values past [`MAX_VARINT`] can't be written and become it.
#[inline]
pub fn write_varint(value: u32, out: &mut Vec<u8>) {
    debug_assert!(value <= MAX_VARINT, "no Variable Byte Integer holds {value}");
    let [a, b, c, d] = varint_groups(value.min(MAX_VARINT));
    match varint_length(value) {
        1 => out.push(a),
        2 => out.extend_from_slice(&[a | 0x80, b]),
        3 => out.extend_from_slice(&[a | 0x80, b | 0x80, c]),
        _ => out.extend_from_slice(&[a | 0x80, b | 0x80, c | 0x80, d]),
    }
}

/// The four groups of seven bits, lowest first.
#[inline]
pub(super) const fn varint_groups(value: u32) -> [u8; 4] {
    const fn group(value: u32, index: u32) -> u8 {
        (value >> (7 * index)) as u8 & 0x7F
    }
    [group(value, 0), group(value, 1), group(value, 2), group(value, 3)]
}

/// Appends Binary Data. Longer than 65,535 bytes can't be written (callers check): the rest is left out.
#[inline]
pub fn write_binary(data: &[u8], out: &mut Vec<u8>) {
    debug_assert!(data.len() <= usize::from(u16::MAX), "Binary Data of {} bytes", data.len());
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    write_u16(length, out);
    out.extend_from_slice(&data[..usize::from(length)]);
}

/// Appends a UTF-8 Encoded String. Longer than 65,535 bytes can't be written (callers check).
#[inline]
pub fn write_str(text: &str, out: &mut Vec<u8>) {
    write_binary(text.as_bytes(), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_big_endian() {
        let mut input: &[u8] = &[1, 0x12, 0x34, 0, 0, 1, 0, 9];
        assert_eq!(read_u8(&mut input), Ok(1));
        assert_eq!(read_u16(&mut input), Ok(0x1234));
        assert_eq!(read_u32(&mut input), Ok(256));
        assert_eq!(read_u16(&mut input), Err(Malformed::Truncated));
        assert_eq!(input, [9], "a failed read takes nothing");
    }

    #[test]
    fn variable_byte_integers_of_table_1_1() {
        for (value, bytes) in [
            (0, &[0][..]),
            (127, &[0x7F]),
            (128, &[0x80, 1]),
            (16_383, &[0xFF, 0x7F]),
            (16_384, &[0x80, 0x80, 1]),
            (2_097_151, &[0xFF, 0xFF, 0x7F]),
            (2_097_152, &[0x80, 0x80, 0x80, 1]),
            (MAX_VARINT, &[0xFF, 0xFF, 0xFF, 0x7F]),
        ] {
            let mut out = Vec::new();
            write_varint(value, &mut out);
            assert_eq!(out, bytes, "{value}");
            assert_eq!(varint_length(value), bytes.len(), "{value}");
            assert_eq!(read_varint(&mut &*bytes), Ok(value));
            assert_eq!(read_varint(&mut &bytes[..bytes.len() - 1]), Err(Malformed::Truncated));
        }
    }

    #[test]
    fn mqtt_1_5_5_1_no_longer_than_needed() {
        for bytes in [&[0x80, 0][..], &[0xFF, 0], &[0x80, 0x80, 0], &[0xFF, 0xFF, 0xFF, 0], &[0xFF; 5]] {
            assert_eq!(read_varint(&mut &*bytes), Err(Malformed::VariableByteInteger), "{bytes:x?}");
        }
    }

    /// A string on the wire.
    fn string(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_binary(bytes, &mut out);
        out
    }

    #[test]
    fn mqtt_1_5_4_1_and_2_strings_are_utf8_without_nul() {
        let long = "x".repeat(65_535);
        for text in ["", "a", "abc", "abcd", "1234567", "12345678", "123456789", "ä€𝄞", "\u{7F}\u{1}", &long]
        {
            let bytes = string(text.as_bytes());
            assert_eq!(read_str(&mut &*bytes), Ok(text));
            assert_eq!(check_str(&mut &*bytes), Ok(()));
        }
        let surrogate = b"\xED\xA0\x80".as_slice();
        for bad in [b"\xFF".as_slice(), surrogate, b"12345678\xC0\xAF", b"\xF4\x90\x80\x80", b"abc\xC3"] {
            let bytes = string(bad);
            assert_eq!(read_str(&mut &*bytes), Err(Malformed::Utf8), "{bad:x?}");
            assert_eq!(check_str(&mut &*bytes), Err(Malformed::Utf8), "{bad:x?}");
        }
        for bad in ["\0", "ab\0", "12345\0", "\u{0}12345678", "12345678\0", "ä\0"] {
            let bytes = string(bad.as_bytes());
            assert_eq!(read_str(&mut &*bytes), Err(Malformed::Nul), "{bad:?}");
            assert_eq!(check_str(&mut &*bytes), Err(Malformed::Nul), "{bad:?}");
        }
    }

    #[test]
    fn mqtt_1_5_4_3_the_byte_order_mark_stays() {
        assert_eq!(read_str(&mut &*string(b"\xEF\xBB\xBFa")), Ok("\u{FEFF}a"));
    }

    #[test]
    fn lengths_beyond_the_packet() {
        assert_eq!(read_binary(&mut &[0, 3, 1, 2][..]), Err(Malformed::Truncated));
        assert_eq!(read_str(&mut &[0][..]), Err(Malformed::Truncated));
        assert_eq!(check_str(&mut &[0xFF, 0xFF][..]), Err(Malformed::Truncated));
        let mut input: &[u8] = &[0, 1, b'a', 7];
        assert_eq!(read_binary(&mut input), Ok(&b"a"[..]));
        assert_eq!(input, [7]);
    }
}
