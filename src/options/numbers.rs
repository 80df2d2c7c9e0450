//! Numbers as C reads them: mosquitto's flags go through `atoi`, `atof` and `strtoll`, and scripts rely on it.

/// `atoi`: leading spaces, a sign, digits; what follows is ignored, and no digits mean 0.
/// Too large a number is cut as glibc does it: to 64 bits by clamping, then to 32 by truncation.
pub fn atoi(text: &[u8]) -> i32 {
    atol(text) as i32
}

/// `atol`: the same with 64 bits.
pub(super) fn atol(text: &[u8]) -> i64 {
    let (negative, digits) = sign(text);
    let mut number: i64 = 0;
    for &digit in digits.iter().take_while(|byte| byte.is_ascii_digit()) {
        let digit = i64::from(digit - b'0');
        let next = number
            .checked_mul(10)
            .and_then(|n| if negative { n.checked_sub(digit) } else { n.checked_add(digit) });
        number = next.unwrap_or(if negative { i64::MIN } else { i64::MAX });
        if next.is_none() {
            break;
        }
    }
    number
}

/// `atof`, for decimal numbers: the longest prefix that is one; none means 0.
pub(super) fn atof(text: &[u8]) -> f64 {
    let text = trim_start(text);
    let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    let length = text.iter().take_while(|byte| is_part(byte)).count();
    (1..=length)
        .rev()
        .filter_map(|end| std::str::from_utf8(&text[..end]).ok()?.parse().ok())
        .next()
        .unwrap_or(0.0)
}

/// `strtoll` with base 0 over the whole text: decimal, `0x` hexadecimal, `0` octal. `None`: not a number.
/// Past the range it clamps.
pub(super) fn strtoll(text: &[u8]) -> Option<i64> {
    let (negative, digits) = sign(text);
    let (radix, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut number: i64 = 0;
    for &digit in digits {
        let digit = i64::from(char::from(digit).to_digit(radix)?);
        number = number.saturating_mul(i64::from(radix)).saturating_add(digit);
    }
    Some(if negative { -number } else { number })
}

fn trim_start(text: &[u8]) -> &[u8] {
    // C's isspace has the vertical tab too, which Rust's is_ascii_whitespace lacks.
    let spaces = text.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b).count();
    &text[spaces..]
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match trim_start(text) {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atoi_reads_what_it_can() {
        let cases: [(&str, i32); 12] = [
            ("1", 1),
            ("1x", 1),
            ("abc", 0),
            ("", 0),
            (" \t-7 ", -7),
            ("+5", 5),
            ("0x10", 0),
            ("--1", 0),
            ("2147483648", i32::MIN),
            ("99999999999", 1_215_752_191),
            ("99999999999999999999999", -1),
            ("-99999999999999999999999", 0),
        ];
        for (text, expected) in cases {
            assert_eq!(atoi(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn atof_reads_what_it_can() {
        let cases: [(&str, f64); 8] = [
            ("0.5", 0.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e1", 10.0),
            ("1e", 1.0),
            ("1.5s", 1.5),
            ("-1", -1.0),
            ("x", 0.0),
        ];
        for (text, expected) in cases {
            assert_eq!(atof(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn strtoll_reads_all_or_nothing() {
        let cases: [(&str, Option<i64>); 12] = [
            ("0", Some(0)),
            ("60", Some(60)),
            ("0x10", Some(16)),
            ("010", Some(8)),
            ("09", None),
            ("-1", Some(-1)),
            (" 1", Some(1)),
            ("1 ", None),
            ("", None),
            ("x", None),
            ("0x", None),
            ("99999999999999999999", Some(i64::MAX)),
        ];
        for (text, expected) in cases {
            assert_eq!(strtoll(text.as_bytes()), expected, "{text}");
        }
    }
}
