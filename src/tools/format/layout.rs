//! Width, precision and padding, as C's `printf` has them.

use crate::options::Layout;

/// Padding up to a width, in front or behind.
fn pad(count: usize, byte: u8, out: &mut Vec<u8>) {
    out.resize(out.len() + count, byte);
}

/// The byte that fills the front.
fn front(layout: &Layout) -> u8 {
    if layout.zeros { b'0' } else { b' ' }
}

/// What stands where a property is absent.
pub(super) fn blank(layout: &Layout, out: &mut Vec<u8>) {
    pad(layout.width, front(layout), out);
}

/// A string: at most `precision` bytes of it, padded with spaces.
pub(super) fn text(text: &[u8], layout: &Layout, out: &mut Vec<u8>) {
    let text = &text[..layout.precision.map_or(text.len(), |most| most.min(text.len()))];
    sided(text, b' ', layout, out);
}

/// A string, or nothing at all.
pub(super) fn maybe_text(value: Option<&str>, layout: &Layout, out: &mut Vec<u8>) {
    if let Some(value) = value {
        text(value.as_bytes(), layout, out);
    }
}

fn sided(text: &[u8], front: u8, layout: &Layout, out: &mut Vec<u8>) {
    let padding = layout.width.saturating_sub(text.len());
    if !layout.left {
        pad(padding, front, out);
    }
    out.extend_from_slice(text);
    if layout.left {
        pad(padding, b' ', out);
    }
}

/// The payload as it is: neither less than the width nor more.
pub(super) fn payload(payload: &[u8], layout: &Layout, out: &mut Vec<u8>) {
    let length = if layout.width > 0 { payload.len().min(layout.width) } else { payload.len() };
    sided(&payload[..length], front(layout), layout, out);
}

/// A whole number.
pub(super) fn number(value: i64, layout: &Layout, out: &mut Vec<u8>) {
    numeral(&value.to_string(), true, layout, out);
}

/// A double has no more decimals than this that aren't zero.
const MOST_DECIMALS: usize = 1074;

/// A float with `precision` decimals, or six.
pub(super) fn float(value: f64, layout: &Layout, out: &mut Vec<u8>) {
    let text = if value.is_nan() {
        (if value.is_sign_negative() { "-nan" } else { "nan" }).to_owned()
    } else {
        let decimals = layout.precision.unwrap_or(6);
        let mut text = format!("{value:.*}", decimals.min(MOST_DECIMALS));
        if value.is_finite() {
            text.extend(std::iter::repeat_n('0', decimals.saturating_sub(MOST_DECIMALS)));
        }
        text
    };
    numeral(&text, value.is_finite(), layout, out);
}

/// Digits with zeros between sign and digits, if these are wanted and the number has digits.
fn numeral(text: &str, has_digits: bool, layout: &Layout, out: &mut Vec<u8>) {
    let zeros = layout.zeros && !layout.left && has_digits;
    match text.strip_prefix('-').filter(|_| zeros) {
        Some(digits) => {
            out.push(b'-');
            let layout = Layout { width: layout.width.saturating_sub(1), ..*layout };
            sided(digits.as_bytes(), b'0', &layout, out);
        }
        None => sided(text.as_bytes(), if zeros { b'0' } else { b' ' }, layout, out),
    }
}

/// Hexadecimal: of at most `width` bytes, padded to `width` columns, in groups of `precision` columns.
pub(super) fn hex(payload: &[u8], digits: &[u8; 16], layout: &Layout, out: &mut Vec<u8>) {
    let length = if layout.width > 0 { payload.len().min(layout.width) } else { payload.len() };
    let payload = &payload[..length];
    let padding = layout.width.saturating_sub(2 * length);
    let nibbles =
        payload.iter().flat_map(|byte| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
    match layout.precision.filter(|group| *group > 0) {
        None => {
            if !layout.left {
                pad(padding, front(layout), out);
            }
            out.extend(nibbles);
        }
        Some(group) => {
            let filler = if layout.left { 0 } else { padding };
            let last = filler + 2 * length;
            let columns = std::iter::repeat_n(front(layout), filler).chain(nibbles);
            for (column, byte) in (1..).zip(columns) {
                out.push(byte);
                // Behind the padding a separator stands even if nothing follows.
                if column % group == 0 && (column < last || length == 0) {
                    out.push(layout.separator);
                }
            }
        }
    }
    if layout.left {
        pad(padding, b' ', out);
    }
}
