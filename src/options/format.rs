//! The format of `-F`, taken apart once: literal text, fields of the message, and times.

use super::complaint::{Complaint, Halt};

/// A format, piece by piece.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format(pub Vec<Piece>);

impl Format {
    /// The same format, whose JSON is valid whatever the payload is.
    pub(super) fn safe(mut self) -> Format {
        for piece in &mut self.0 {
            if let Piece::Field(field, _) = piece {
                *field = match *field {
                    Field::Json => Field::SafeJson,
                    Field::JsonWithJson => Field::SafeJsonWithJson,
                    other => other,
                };
            }
        }
        self
    }
}

/// One piece of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes as they are.
    Text(Vec<u8>),
    /// `%…X`: something of the message, or the time it was printed.
    Field(Field, Layout),
    /// `@X`: what C's `strftime` makes of `%X`.
    Time(u8),
    /// `@N`: nanoseconds, nine digits.
    Nanoseconds,
}

/// What a `%` sequence stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names are the specification's, or said in `field`
pub enum Field {
    TopicAlias,
    ContentType,
    CorrelationData,
    MessageExpiryInterval,
    PayloadFormatIndicator,
    IsoTime,
    UnixTime,
    /// The whole message as JSON, the payload as a string.
    Json,
    /// The whole message as JSON, the payload being JSON itself.
    JsonWithJson,
    /// As `Json`, valid whatever the payload is (`--json-safe`).
    SafeJson,
    /// As `JsonWithJson`, and `SafeJson` where the payload isn't JSON.
    SafeJsonWithJson,
    PayloadLength,
    PacketIdentifier,
    UserProperties,
    Payload,
    QoS,
    ResponseTopic,
    Retain,
    SubscriptionIdentifier,
    Topic,
    LowerHex,
    UpperHex,
    /// The payload as a 4-byte float of this machine.
    Float,
    /// The payload as an 8-byte float of this machine.
    Double,
}

/// How a field is laid out: `%[-][0][width][.precision][separator]X`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Least columns; 0 is none.
    pub width: usize,
    /// Most bytes of a string, decimals of a float, or digits in a group of hex.
    pub precision: Option<usize>,
    /// Padding goes to the right.
    pub left: bool,
    /// Padding is made of zeros.
    pub zeros: bool,
    /// What stands between groups of hex digits.
    pub separator: u8,
}

impl Default for Layout {
    fn default() -> Self {
        Layout { width: 0, precision: None, left: false, zeros: false, separator: b' ' }
    }
}

/// More columns or decimals than this are a slip: a line is put together in memory.
const WIDEST: usize = 1_000_000;

/// What may part groups of hex digits.
const SEPARATORS: &[u8] = b" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// Takes a format apart.
pub(super) fn parse(text: &[u8]) -> Result<Format, Halt> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        match first {
            b'%' => pieces.push(percent(&mut rest)?),
            b'@' => pieces.push(at(&mut rest)?),
            b'\\' => push_text(&mut pieces, escape(&mut rest)?),
            other => push_text(&mut pieces, other),
        }
    }
    Ok(Format(pieces))
}

fn push_text(pieces: &mut Vec<Piece>, byte: u8) {
    match pieces.last_mut() {
        Some(Piece::Text(text)) => text.push(byte),
        _ => pieces.push(Piece::Text(vec![byte])),
    }
}

fn percent(rest: &mut &[u8]) -> Result<Piece, Halt> {
    let left = eat(rest, b'-');
    let zeros = eat(rest, b'0');
    let width = number(rest)?;
    let precision = if eat(rest, b'.') { Some(number(rest)?) } else { None };
    let separator = rest.first().copied().filter(|byte| SEPARATORS.contains(byte));
    if separator.is_some() {
        *rest = &rest[1..];
    }
    let layout = Layout { width, precision, left, zeros, separator: separator.unwrap_or(b' ') };
    let (letter, behind) = rest.split_first().ok_or(Complaint::IncompleteFormat)?;
    *rest = behind;
    match (letter, field(*letter)) {
        (b'%', _) => Ok(Piece::Text(b"%".to_vec())),
        (_, Some(field)) => Ok(Piece::Field(field, layout)),
        (letter, None) => Err(Complaint::InvalidFormat(*letter).into()),
    }
}

fn field(letter: u8) -> Option<Field> {
    Some(match letter {
        b'A' => Field::TopicAlias,
        b'C' => Field::ContentType,
        b'D' => Field::CorrelationData,
        b'd' => Field::Double,
        b'E' => Field::MessageExpiryInterval,
        b'F' => Field::PayloadFormatIndicator,
        b'f' => Field::Float,
        b'I' => Field::IsoTime,
        b'J' => Field::JsonWithJson,
        b'j' => Field::Json,
        b'l' => Field::PayloadLength,
        b'm' => Field::PacketIdentifier,
        b'P' => Field::UserProperties,
        b'p' => Field::Payload,
        b'q' => Field::QoS,
        b'R' => Field::ResponseTopic,
        b'r' => Field::Retain,
        b'S' => Field::SubscriptionIdentifier,
        b't' => Field::Topic,
        b'U' => Field::UnixTime,
        b'X' => Field::UpperHex,
        b'x' => Field::LowerHex,
        _ => return None,
    })
}

fn at(rest: &mut &[u8]) -> Result<Piece, Halt> {
    let (letter, behind) = rest.split_first().ok_or(Complaint::IncompleteFormat)?;
    *rest = behind;
    Ok(match letter {
        b'@' => Piece::Text(b"@".to_vec()),
        b'N' => Piece::Nanoseconds,
        other => Piece::Time(*other),
    })
}

fn escape(rest: &mut &[u8]) -> Result<u8, Halt> {
    let (letter, behind) = rest.split_first().ok_or(Complaint::IncompleteEscape)?;
    *rest = behind;
    Ok(match letter {
        b'\\' => b'\\',
        b'0' => 0,
        b'a' => 0x07,
        b'e' => 0x1B,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0B,
        other => return Err(Complaint::InvalidEscape(*other).into()),
    })
}

fn eat(rest: &mut &[u8], wanted: u8) -> bool {
    let there = rest.first() == Some(&wanted);
    if there {
        *rest = &rest[1..];
    }
    there
}

/// Digits, maybe none.
fn number(rest: &mut &[u8]) -> Result<usize, Halt> {
    let mut number = 0_usize;
    while let Some(digit) = rest.first().filter(|byte| byte.is_ascii_digit()) {
        number = number * 10 + usize::from(digit - b'0');
        *rest = &rest[1..];
        if number > WIDEST {
            return Err(Complaint::FormatTooWide.into());
        }
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        let text = |text: &str| Piece::Text(text.as_bytes().to_vec());
        let plain = Layout::default();
        let cases: Vec<(&str, Vec<Piece>)> = vec![
            ("", vec![]),
            ("a\\tb%%", vec![text("a\tb"), text("%")]),
            (
                "%t %p",
                vec![Piece::Field(Field::Topic, plain), text(" "), Piece::Field(Field::Payload, plain)],
            ),
            (
                "%-08.3:x",
                vec![Piece::Field(
                    Field::LowerHex,
                    Layout { width: 8, precision: Some(3), left: true, zeros: true, separator: b':' },
                )],
            ),
            ("%.t", vec![Piece::Field(Field::Topic, Layout { precision: Some(0), ..plain })]),
            ("@Y@N@@", vec![Piece::Time(b'Y'), Piece::Nanoseconds, text("@")]),
            ("\\0\\e", vec![text("\0\u{1b}")]),
        ];
        for (format, expected) in cases {
            assert_eq!(parse(format.as_bytes()), Ok(Format(expected)), "{format}");
        }
    }

    #[test]
    fn mistakes() {
        for text in ["%", "%-", "%0", "%12", "%.", "%.3", "%:", "@"] {
            assert_eq!(parse(text.as_bytes()), Err(Complaint::IncompleteFormat.into()), "{text}");
        }
        assert_eq!(parse(b"%Z"), Err(Complaint::InvalidFormat(b'Z').into()));
        assert_eq!(parse(b"a\\"), Err(Complaint::IncompleteEscape.into()));
        assert_eq!(parse(b"\\Z"), Err(Complaint::InvalidEscape(b'Z').into()));
        assert!(parse(b"%1000000t").is_ok());
        for wide in ["%1000001t", "%.99999999999999999999f"] {
            assert_eq!(parse(wide.as_bytes()), Err(Complaint::FormatTooWide.into()), "{wide}");
        }
    }
}
