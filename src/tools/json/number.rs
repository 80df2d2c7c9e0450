//! Numbers as cJSON writes them, which is what mosquitto_sub prints: shortest first, never more than 17 digits.

/// Appends a whole number.
pub(super) fn integer(value: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a floating-point number: a whole one as such, any other with 15 significant digits if these come
/// close enough, else with 17. What JSON has no number for is `null`.
pub(super) fn float(value: f64, out: &mut Vec<u8>) {
    if !value.is_finite() {
        return out.extend_from_slice(b"null");
    }
    if value == f64::from(value as i32) {
        let whole = value as i32;
        if whole < 0 {
            out.push(b'-');
        }
        return integer(whole.unsigned_abs().into(), out);
    }
    let short = significant(value, 15);
    let read_again: f64 = short.parse().unwrap_or(f64::NAN);
    let near = (read_again - value).abs() <= value.abs().max(read_again.abs()) * f64::EPSILON;
    let text = if near { short } else { significant(value, 17) };
    out.extend_from_slice(text.as_bytes());
}

/// C's `%.Ng`: N significant digits without zeros at the end, with an exponent where it is large or small.
fn significant(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.*e}", digits - 1);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= digits as i32 {
        let mantissa = without_zeros(mantissa);
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    without_zeros(&format!("{value:.decimals$}")).to_owned()
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        let mut out = Vec::new();
        for value in [0, 7, 10, 268_435_455, u64::MAX] {
            out.clear();
            integer(value, &mut out);
            assert_eq!(String::from_utf8(out.clone()).unwrap(), value.to_string());
        }
    }

    #[test]
    fn floats() {
        let cases = [
            (27.0, "27"),
            (-3.0, "-3"),
            (0.1, "0.1"),
            (0.1 + 0.2, "0.3"),
            (21.55, "21.55"),
            (1.0 / 3.0, "0.33333333333333331"),
            (2_147_483_648.0, "2147483648"),
            (123_456_789_012_345.0, "123456789012345"),
            (9_007_199_254_740_993.0, "9.00719925474099e+15"),
            (1e15, "1e+15"),
            (1e300, "1e+300"),
            (1.5e-7, "1.5e-07"),
            (0.0001, "0.0001"),
            (f64::MAX, "1.79769313486232e+308"),
            (f64::INFINITY, "null"),
        ];
        for (value, expected) in cases {
            let mut out = Vec::new();
            float(value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{value}");
        }
    }
}
