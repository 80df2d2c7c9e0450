//! JSON that came as a payload, checked and written anew in one pass: what mosquitto_sub reaches by parsing into a
//! tree and printing it. The same is let pass (zero bytes end it, numbers may have leading zeros, control characters
//! may stand in strings), so that the same messages are printed.

use super::NotJson;
use super::writer::{Writer, first_to_escape};

/// Arrays and objects in one another; more is refused, as it is there.
const DEEPEST: usize = 1000;

/// Appends the one value that `text` is, with white space around it.
pub(super) fn value(text: &[u8], json: &mut Writer<'_>) -> Result<(), NotJson> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let mut reader = Reader { rest: text, depth: 0 };
    reader.skip_space();
    reader.value(json)?;
    reader.skip_space();
    if reader.rest.is_empty() { Ok(()) } else { Err(NotJson) }
}

struct Reader<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl<'a> Reader<'a> {
    fn skip_space(&mut self) {
        let space = self.rest.iter().take_while(|byte| (1..=b' ').contains(*byte)).count();
        self.rest = &self.rest[space..];
    }

    fn eat(&mut self, wanted: u8) -> bool {
        let there = self.rest.first() == Some(&wanted);
        if there {
            self.rest = &self.rest[1..];
        }
        there
    }

    fn value(&mut self, json: &mut Writer<'_>) -> Result<(), NotJson> {
        match self.rest.first() {
            Some(b'{') => self.object(json),
            Some(b'[') => self.array(json),
            Some(b'"') => self.string(json),
            Some(b'-' | b'0'..=b'9') => self.number(json),
            _ => self.word(json),
        }
    }

    fn word(&mut self, json: &mut Writer<'_>) -> Result<(), NotJson> {
        for word in [&b"true"[..], b"false", b"null"] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                json.raw(word);
                return Ok(());
            }
        }
        Err(NotJson)
    }

    fn descend(&mut self) -> Result<(), NotJson> {
        self.depth += 1;
        self.rest = &self.rest[1..];
        self.skip_space();
        if self.depth > DEEPEST { Err(NotJson) } else { Ok(()) }
    }

    fn object(&mut self, json: &mut Writer<'_>) -> Result<(), NotJson> {
        self.descend()?;
        json.open_object();
        let empty = self.eat(b'}');
        if !empty {
            loop {
                json.indent_member();
                self.string(json)?;
                self.skip_space();
                if !self.eat(b':') {
                    return Err(NotJson);
                }
                json.colon();
                self.skip_space();
                self.value(json)?;
                self.skip_space();
                if !self.eat(b',') {
                    break;
                }
                json.next_member();
                self.skip_space();
            }
            if !self.eat(b'}') {
                return Err(NotJson);
            }
        }
        json.close_object(empty);
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self, json: &mut Writer<'_>) -> Result<(), NotJson> {
        self.descend()?;
        json.open_array();
        if !self.eat(b']') {
            loop {
                self.value(json)?;
                self.skip_space();
                if !self.eat(b',') {
                    break;
                }
                json.next_item();
                self.skip_space();
            }
            if !self.eat(b']') {
                return Err(NotJson);
            }
        }
        json.close_array();
        self.depth -= 1;
        Ok(())
    }

    fn number(&mut self, json: &mut Writer<'_>) -> Result<(), NotJson> {
        let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let length = self.rest.iter().take_while(is_part).count();
        let (text, behind) = self.rest.split_at(length);
        self.rest = behind;
        if is_short_whole(text) {
            json.raw(text);
            return Ok(());
        }
        // What Rust reads besides is "inf" and the like, whose letters can't be here.
        let value = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(NotJson)?;
        json.float(value);
        Ok(())
    }

    fn string(&mut self, json: &mut Writer<'_>) -> Result<(), NotJson> {
        if !self.eat(b'"') {
            return Err(NotJson);
        }
        json.raw(b"\"");
        loop {
            let at = first_to_escape(self.rest).ok_or(NotJson)?;
            let (plain, rest) = self.rest.split_at(at);
            json.raw(plain);
            self.rest = &rest[1..];
            match rest[0] {
                b'"' => break,
                b'\\' => self.escape(json)?,
                0 => return Err(NotJson),
                control => json.part_of_string(&[control]),
            }
        }
        json.raw(b"\"");
        Ok(())
    }

    fn escape(&mut self, json: &mut Writer<'_>) -> Result<(), NotJson> {
        let (&letter, behind) = self.rest.split_first().ok_or(NotJson)?;
        self.rest = behind;
        let byte = match letter {
            b'"' | b'\\' | b'/' => letter,
            b'b' => 0x08,
            b'f' => 0x0C,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let character = self.character()?;
                json.part_of_string(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(NotJson),
        };
        json.part_of_string(&[byte]);
        Ok(())
    }

    /// What `\u` stands for; two of them are one character outside the Basic Multilingual Plane.
    fn character(&mut self) -> Result<char, NotJson> {
        let first = self.four_digits()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first).ok_or(NotJson);
        }
        if !(self.eat(b'\\') && self.eat(b'u')) {
            return Err(NotJson);
        }
        let second = self.four_digits()?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(NotJson);
        }
        char::from_u32(0x10000 + ((first & 0x3FF) << 10 | second & 0x3FF)).ok_or(NotJson)
    }

    fn four_digits(&mut self) -> Result<u32, NotJson> {
        let (digits, behind) = self.rest.split_at_checked(4).ok_or(NotJson)?;
        self.rest = behind;
        digits
            .iter()
            .try_fold(0, |number, digit| Ok(number * 16 + char::from(*digit).to_digit(16).ok_or(NotJson)?))
    }
}

/// Whether a number is written again just as it stands: few digits, and nothing else but a minus.
fn is_short_whole(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let plain = (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    plain && (digits[0] != b'0' || text == b"0")
}
