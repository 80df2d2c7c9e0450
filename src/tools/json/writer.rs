//! JSON text in the making, in one line or spread over many.

use super::super::clock::Clock;
use super::number;

/// Appends JSON; whoever calls it keeps the order of opening, keys and closing.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    pretty: bool,
    depth: usize,
}

impl<'a> Writer<'a> {
    pub fn new(out: &'a mut Vec<u8>, pretty: bool) -> Self {
        Writer { out, pretty, depth: 0 }
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub fn open_object(&mut self) {
        self.out.push(b'{');
        self.depth += 1;
        if self.pretty {
            self.out.push(b'\n');
        }
    }

    /// The key of an object's first member.
    pub fn first_key(&mut self, name: &str) {
        self.indent(self.depth);
        self.string(name.as_bytes());
        self.colon();
    }

    /// The key of a later member.
    pub fn key(&mut self, name: &str) {
        self.next_member();
        self.first_key(name);
    }

    /// What parts two members; then comes [`Writer::indent_member`] and the key.
    pub fn next_member(&mut self) {
        self.out.push(b',');
        if self.pretty {
            self.out.push(b'\n');
        }
    }

    /// What stands before a member's key.
    pub fn indent_member(&mut self) {
        self.indent(self.depth);
    }

    /// What stands between key and value.
    pub fn colon(&mut self) {
        self.out.push(b':');
        if self.pretty {
            self.out.push(b'\t');
        }
    }

    pub fn close_object(&mut self, empty: bool) {
        self.depth = self.depth.saturating_sub(1);
        if self.pretty && !empty {
            self.out.push(b'\n');
        }
        self.indent(self.depth);
        self.out.push(b'}');
    }

    pub fn open_array(&mut self) {
        self.out.push(b'[');
        self.depth += 1;
    }

    /// What parts two items.
    pub fn next_item(&mut self) {
        self.raw(if self.pretty { b", " } else { b"," });
    }

    pub fn close_array(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.out.push(b']');
    }

    fn indent(&mut self, depth: usize) {
        if self.pretty {
            self.out.resize(self.out.len() + depth, b'\t');
        }
    }

    pub fn integer(&mut self, value: u64) {
        number::integer(value, self.out);
    }

    /// A number of the payload.
    pub fn float(&mut self, value: f64) {
        number::float(value, self.out);
    }

    /// Local time with microseconds and offset.
    pub fn time(&mut self, clock: &Clock) {
        self.out.push(b'"');
        clock.write_microseconds(self.out);
        self.out.push(b'"');
    }

    /// A string up to its first zero byte: to mosquitto it ends there.
    pub fn string_to_zero(&mut self, bytes: &[u8]) {
        let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
        self.string(&bytes[..end]);
    }

    /// A string. Bytes that are no UTF-8 stay as they are, as mosquitto leaves them.
    pub fn string(&mut self, bytes: &[u8]) {
        self.out.push(b'"');
        self.part_of_string(bytes);
        self.out.push(b'"');
    }

    /// Bytes inside a string whose quotes the caller writes.
    pub fn part_of_string(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(at) = first_to_escape(rest) {
            self.out.extend_from_slice(&rest[..at]);
            self.escaped(rest[at]);
            rest = &rest[at + 1..];
        }
        self.out.extend_from_slice(rest);
    }

    fn escaped(&mut self, byte: u8) {
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            0x0C => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            control => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                self.out.extend_from_slice(b"\\u00");
                self.out.push(DIGITS[usize::from(control >> 4)]);
                self.out.push(DIGITS[usize::from(control & 0x0F)]);
                return;
            }
        };
        self.out.extend_from_slice(&[b'\\', short]);
    }
}

/// Whether a byte can't stand in a string as it is.
pub(super) fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Where the first such byte is. Sixteen are looked at at a time, which the compiler turns into one comparison each.
pub(super) fn first_to_escape(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(block) = bytes.get(at..at + 16) {
        if block.iter().fold(false, |found, byte| found | needs_escape(*byte)) {
            break;
        }
        at += 16;
    }
    bytes[at..].iter().position(|byte| needs_escape(*byte)).map(|found| at + found)
}
