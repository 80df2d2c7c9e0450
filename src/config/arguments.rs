//! What stands behind a keyword, read as the kind of value the keyword takes.

use super::fault::Fault;
use super::{LogType, Secret};

/// The longest string value, in bytes.
const TEXT_MAX: usize = 65535;

/// What stands behind a keyword.
pub struct Arguments<'a> {
    /// The keyword's present name, for the messages.
    name: &'static str,
    /// The rest of the line behind the keyword and one separator.
    rest: &'a [u8],
    /// The keyword stands for the first time.
    pub(super) first: bool,
    /// `per_listener_settings` is true.
    pub(super) per_listener: bool,
    /// Lines for the log that don't stop anything.
    pub(super) remarks: Vec<(LogType, String)>,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(name: &'static str, rest: &'a [u8], first: bool, per_listener: bool) -> Self {
        Arguments { name, rest, first, per_listener, remarks: Vec::new() }
    }

    /// The same arguments under another name in messages.
    pub(super) fn named(&mut self, name: &'static str) -> &mut Self {
        self.name = name;
        self
    }

    /// A line for the log.
    pub(super) fn remark(&mut self, log_type: LogType, text: impl Into<String>) {
        self.remarks.push((log_type, text.into()));
    }

    /// The next word, if there is one; the rest of the line stays for whoever asks next.
    pub(super) fn next_word(&mut self) -> Option<&'a [u8]> {
        let start = self.rest.iter().position(|byte| !is_separator(*byte))?;
        let rest = &self.rest[start..];
        let end = rest.iter().position(|byte| is_separator(*byte)).unwrap_or(rest.len());
        self.rest = rest.get(end + 1..).unwrap_or(&[]);
        Some(&rest[..end])
    }

    /// The first word, as text. What stands behind it is ignored.
    pub(super) fn token(&mut self) -> Result<&'a str, Fault> {
        let name = self.name;
        checked_text(self.next_word().ok_or(Fault::Empty(name))?)
    }

    /// `true`, `1`, `false` or `0`.
    pub(super) fn bool(&mut self) -> Result<bool, Fault> {
        match self.next_word().ok_or(Fault::Empty(self.name))? {
            b"true" | b"1" => Ok(true),
            b"false" | b"0" => Ok(false),
            other => Err(self.invalid(String::from_utf8_lossy(other))),
        }
    }

    /// A whole number as C writes it: decimal, `0x…` or with a leading 0 octal; with or without a sign.
    pub(super) fn int(&mut self) -> Result<i32, Fault> {
        let word = self.next_word().ok_or(Fault::Empty(self.name))?;
        let number = c_integer(word).ok_or(Fault::NotANumber(self.name))?;
        i32::try_from(number).map_err(|_| Fault::OutOfRange(self.name))
    }

    /// A whole number in a range that fits 16 bits; others are invalid values.
    pub(super) fn int_to(&mut self, least: u16, most: u16) -> Result<u16, Fault> {
        let number = self.int()?;
        match u16::try_from(number) {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(self.invalid(number)),
        }
    }

    /// A limit: below 0 is 0.
    pub(super) fn limit(&mut self) -> Result<u32, Fault> {
        Ok(u32::try_from(self.int()?).unwrap_or(0))
    }

    /// A limit which 0 or less lifts.
    pub(super) fn optional_limit(&mut self) -> Result<Option<u32>, Fault> {
        Ok(Some(self.limit()?).filter(|limit| *limit > 0))
    }

    /// The rest of the line, without blanks around it.
    pub(super) fn text(&mut self) -> Result<&'a str, Fault> {
        let text = trim(self.rest);
        if text.is_empty() {
            return Err(Fault::Empty(self.name));
        }
        if text.len() > TEXT_MAX {
            return Err(Fault::TooLong(self.name));
        }
        let text = checked_text(text)?;
        if text.contains(" #") {
            self.remark(
                LogType::Warning,
                format!(
                    "Warning: The '{}' value is '{text}': a '#' starts a comment at the start of a line only.",
                    self.name
                ),
            );
        }
        Ok(text)
    }

    /// A text that may be given once.
    pub(super) fn text_once(&mut self, slot: &mut Option<String>) -> Result<(), Fault> {
        if slot.is_some() && !self.rest.is_empty() {
            return Err(Fault::Duplicate(self.name));
        }
        *slot = Some(self.text()?.to_owned());
        Ok(())
    }

    /// A text of which the last one counts.
    pub(super) fn text_last(&mut self, slot: &mut Option<String>) -> Result<(), Fault> {
        *slot = Some(self.text()?.to_owned());
        Ok(())
    }

    /// A secret that may be given once: the rest of the line without blanks around it, never repeated in a message.
    pub(super) fn secret_once(&mut self, slot: &mut Option<Secret>) -> Result<(), Fault> {
        if slot.is_some() && !self.rest.is_empty() {
            return Err(Fault::Duplicate(self.name));
        }
        let text = trim(self.rest);
        if text.is_empty() {
            return Err(Fault::Empty(self.name));
        }
        if text.len() > TEXT_MAX {
            return Err(Fault::TooLong(self.name));
        }
        *slot = Some(Secret::new(checked_text(text)?));
        Ok(())
    }

    /// The rest of the line as it is: blanks are part of it.
    pub(super) fn raw(&mut self) -> Result<&'a str, Fault> {
        if self.rest.is_empty() {
            return Err(Fault::Empty(self.name));
        }
        checked_text(self.rest)
    }

    /// The next word as text, if there is one.
    pub(super) fn next_token(&mut self) -> Result<Option<&'a str>, Fault> {
        self.next_word().map(checked_text).transpose()
    }

    /// What stands between a `"` at the start and the next one, without either. `None`: there is no `"` at the start.
    pub(super) fn quoted(&mut self) -> Result<Option<&'a str>, Fault> {
        let start = self.rest.iter().position(|byte| !is_separator(*byte)).unwrap_or(self.rest.len());
        let Some(inner) = self.rest[start..].strip_prefix(b"\"") else { return Ok(None) };
        let Some(end) = inner.iter().position(|byte| *byte == b'"') else {
            let text = String::from_utf8_lossy(trim(self.rest)).into_owned();
            return Err(Fault::Other(format!(
                "Error: Missing closing quote in {} value ({text}).",
                self.name
            )));
        };
        self.rest = &inner[end + 1..];
        checked_text(&inner[..end]).map(Some)
    }

    /// All words of the line, split at commas, too.
    pub(super) fn list(&mut self) -> Result<impl Iterator<Item = &'a [u8]> + use<'a>, Fault> {
        let rest = self.rest;
        let words =
            || rest.split(|byte| is_separator(*byte) || *byte == b',').filter(|word| !word.is_empty());
        if words().next().is_none() {
            return Err(Fault::Empty(self.name));
        }
        Ok(words())
    }

    /// The complaint about a value that isn't allowed.
    pub(super) fn invalid(&self, value: impl ToString) -> Fault {
        Fault::Invalid(self.name, value.to_string())
    }
}

/// Words are parted by spaces and, unlike mosquitto's, TABs.
pub(super) fn is_separator(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Without the white space of C around it.
fn trim(text: &[u8]) -> &[u8] {
    let white = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let Some(start) = text.iter().position(|byte| !white(byte)) else { return &[] };
    let end = text.iter().rposition(|byte| !white(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

/// UTF-8 without control characters and non-characters.
fn checked_text(bytes: &[u8]) -> Result<&str, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Malformed)?;
    let forbidden = |character: char| {
        let code = character as u32;
        character.is_control() || code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code)
    };
    if text.chars().any(forbidden) { Err(Fault::Malformed) } else { Ok(text) }
}

/// A number as C's `strtol` with base 0 takes it, if it is the whole word. Saturates.
fn c_integer(word: &[u8]) -> Option<i64> {
    let (negative, digits) = match word {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let (base, digits) = match digits {
        [b'0', b'x' | b'X', digits @ ..] => (16, digits),
        [b'0', _, ..] => (8, digits),
        digits => (10, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut number: i64 = 0;
    for &digit in digits {
        let digit = (digit as char).to_digit(base)?;
        number = number.saturating_mul(i64::from(base)).saturating_add(i64::from(digit));
    }
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(rest: &str) -> Arguments<'_> {
        Arguments::new("K", rest.as_bytes(), true, false)
    }

    #[test]
    fn numbers_as_in_c() {
        for (text, number) in
            [("10", 10), ("0x1F", 31), ("010", 8), ("-5", -5), ("+7", 7), ("0", 0), ("-0x10", -16)]
        {
            assert_eq!(arguments(text).int(), Ok(number), "{text}");
        }
        for text in ["abc", "1x", "0x", "08", "-", "1.5", "--1", "5#"] {
            assert_eq!(arguments(text).int(), Err(Fault::NotANumber("K")), "{text}");
        }
        for text in ["2147483648", "-2147483649", "99999999999999999999999999"] {
            assert_eq!(arguments(text).int(), Err(Fault::OutOfRange("K")), "{text}");
        }
        assert_eq!(arguments("  ").int(), Err(Fault::Empty("K")));
        assert_eq!(arguments(" 12 # a comment").int(), Ok(12));
    }

    #[test]
    fn switches() {
        assert_eq!(arguments("true").bool(), Ok(true));
        assert_eq!(arguments("1 # on").bool(), Ok(true));
        assert_eq!(arguments("\tfalse\t").bool(), Ok(false));
        assert_eq!(arguments("0").bool(), Ok(false));
        assert_eq!(arguments("True").bool(), Err(Fault::Invalid("K", "True".to_owned())));
        assert_eq!(arguments("").bool(), Err(Fault::Empty("K")));
    }

    #[test]
    fn texts() {
        assert_eq!(arguments("  a b  ").text(), Ok("a b"));
        assert_eq!(arguments(" \t ").text(), Err(Fault::Empty("K")));
        assert_eq!(arguments("a\tb").text(), Err(Fault::Malformed));
        assert_eq!(arguments("a\u{9b}").text(), Err(Fault::Malformed));
        assert_eq!(Arguments::new("K", b"\xff", true, false).text(), Err(Fault::Malformed));
        assert_eq!(arguments(&"x".repeat(65535)).text().map(str::len), Ok(65535));
        assert_eq!(arguments(&"x".repeat(65536)).text(), Err(Fault::TooLong("K")));
        assert_eq!(arguments(" a b ").raw(), Ok(" a b "));
    }

    #[test]
    fn a_comment_behind_a_text_is_warned_about() {
        let mut with = arguments("/x # hi");
        assert_eq!(with.text(), Ok("/x # hi"));
        let said = "Warning: The 'K' value is '/x # hi': a '#' starts a comment at the start of a line only.";
        assert_eq!(with.remarks, [(LogType::Warning, said.to_owned())]);
        let mut without = arguments("/x#hi");
        assert_eq!(without.text(), Ok("/x#hi"));
        assert!(without.remarks.is_empty());
    }

    #[test]
    fn texts_once_and_last() {
        let mut slot = None;
        assert_eq!(arguments("a").text_once(&mut slot), Ok(()));
        assert_eq!(arguments("b").text_once(&mut slot), Err(Fault::Duplicate("K")));
        assert_eq!(slot.as_deref(), Some("a"), "the first stays");
        assert_eq!(arguments("c").text_last(&mut slot), Ok(()));
        assert_eq!(slot.as_deref(), Some("c"));
    }
}
