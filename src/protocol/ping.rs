//! PINGREQ and PINGRESP: nothing but their type (sections 3.12 and 3.13).

/// Appends a PINGREQ.
#[inline]
pub fn encode_pingreq(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0xC0, 0]);
}

/// Appends a PINGRESP.
#[inline]
pub fn encode_pingresp(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0xD0, 0]);
}

#[cfg(test)]
mod tests {
    use super::super::{Malformed, Packet, Version, decode};
    use super::*;

    #[test]
    fn two_bytes_and_no_more() {
        let mut out = Vec::new();
        encode_pingreq(&mut out);
        encode_pingresp(&mut out);
        assert_eq!(out, [0xC0, 0, 0xD0, 0]);
        assert_eq!(decode(Version::V311, 0xC0, &[]), Ok(Packet::PingReq));
        assert_eq!(decode(Version::V5, 0xD0, &[]), Ok(Packet::PingResp));
        assert_eq!(decode(Version::V5, 0xC0, &[0]), Err(Malformed::TrailingBytes));
    }
}
