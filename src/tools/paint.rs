//! Messages for people at a terminal: topics in a column and in colour, and payloads that can't do it harm.

use std::fmt::Write as _;
use std::io::{IsTerminal, stdout};

use unicode_width::UnicodeWidthStr;

use crate::options::Color;
use crate::protocol::Publish;

/// Widest column of topics.
const WIDEST: usize = 40;

/// How messages are drawn.
#[derive(Debug)]
pub struct Paint {
    color: bool,
    /// Standard output is a terminal.
    terminal: bool,
    /// Width of the column of topics so far.
    width: usize,
}

impl Paint {
    /// `None`: messages are printed as they are.
    pub fn new(color: Color) -> Option<Self> {
        let terminal = stdout().is_terminal();
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !set("NO_COLOR") && !dumb,
        };
        (terminal || color).then_some(Paint { color, terminal, width: 0 })
    }

    /// Whether there are colours.
    pub fn has_color(&self) -> bool {
        self.color
    }

    /// Adds a message.
    pub fn message(&mut self, verbose: bool, message: &Publish<'_>, out: &mut Vec<u8>) {
        if verbose {
            let (start, end) = match (self.color, message.retain) {
                (false, _) => ("", ""),
                (true, false) => ("\x1b[36m", "\x1b[0m"),
                // What is retained is older: dimmed.
                (true, true) => ("\x1b[2;36m", "\x1b[0m"),
            };
            out.extend_from_slice(start.as_bytes());
            out.extend_from_slice(message.topic.as_bytes());
            out.extend_from_slice(end.as_bytes());
            out.push(b' ');
            self.align(message.topic, out);
        }
        if message.payload.is_empty() {
            out.extend_from_slice(b"(null)");
        } else if self.terminal {
            out.extend_from_slice(harmless(message.payload).as_bytes());
        } else {
            out.extend_from_slice(message.payload);
        }
    }

    /// Payloads stand below each other, as far as topics aren't too long.
    fn align(&mut self, topic: &str, out: &mut Vec<u8>) {
        if self.terminal {
            let length = topic.width();
            self.width = self.width.max(length.min(WIDEST));
            out.extend(std::iter::repeat_n(b' ', self.width.saturating_sub(length)));
        }
    }
}

/// The payload with everything that a terminal would act on written out, but line ends and tabs.
pub(super) fn harmless(payload: &[u8]) -> String {
    let mut text = String::with_capacity(payload.len());
    for chunk in payload.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() && !matches!(character, '\n' | '\t') {
                let _ = write!(text, "\\x{:02x}", u32::from(character));
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Properties, QoS};

    fn drawn(paint: &mut Paint, verbose: bool, retain: bool, topic: &str, payload: &[u8]) -> String {
        let message = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain,
            topic,
            packet_identifier: 0,
            properties: Properties::EMPTY,
            payload,
        };
        let mut out = Vec::new();
        paint.message(verbose, &message, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn payloads_stand_in_a_column_and_do_no_harm() {
        let mut paint = Paint { color: false, terminal: true, width: 0 };
        assert_eq!(
            drawn(&mut paint, true, false, "a/long", b"x\ty\n\x1b[2J\x9b\xff\xc3\xa4"),
            "a/long x\ty\n\\x1b[2J\\x9b\\xffä"
        );
        assert_eq!(drawn(&mut paint, true, false, "a", b"x"), "a      x");
        assert_eq!(drawn(&mut paint, true, false, "日本", b"x"), "日本   x", "two columns each");
        assert_eq!(drawn(&mut paint, false, false, "a", "\u{9b}".as_bytes()), "\\x9b");
    }

    #[test]
    fn topics_are_coloured_and_what_was_retained_dimmed() {
        let mut paint = Paint { color: true, terminal: false, width: 0 };
        assert_eq!(drawn(&mut paint, true, false, "a", b"\x1b"), "\x1b[36ma\x1b[0m \x1b");
        assert_eq!(drawn(&mut paint, true, true, "a", b"x"), "\x1b[2;36ma\x1b[0m x");
    }
}
