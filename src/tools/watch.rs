//! `-w`: a line of the terminal for each topic, with its last message.

use std::collections::HashMap;

/// Which topic has which line.
#[derive(Debug)]
pub struct Watch {
    lines: HashMap<String, usize>,
    /// Counted from 1; the first one says where the broker is.
    next: usize,
}

impl Watch {
    /// Clears the screen and says where the messages are from.
    pub fn start(host: &str, out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(format!("\x1b[2J\x1b[1;1HBroker: {host}\n").as_bytes());
        Watch { lines: HashMap::new(), next: 2 }
    }

    /// Goes to the line of this topic.
    pub fn before(&mut self, topic: &str, out: &mut Vec<u8>) {
        let line = match self.lines.get(topic) {
            Some(line) => *line,
            None => {
                let line = self.next;
                self.next += 1;
                self.lines.insert(topic.to_owned(), line);
                line
            }
        };
        out.extend_from_slice(format!("\x1b[{line};1H").as_bytes());
    }

    /// Goes below the last line.
    pub fn after(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("\x1b[{};1H\n", self.next - 1).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_keeps_its_line() {
        let mut out = Vec::new();
        let mut watch = Watch::start("h", &mut out);
        for topic in ["a", "b", "a"] {
            watch.before(topic, &mut out);
            out.extend_from_slice(topic.as_bytes());
            watch.after(&mut out);
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\x1b[2J\x1b[1;1HBroker: h\n\x1b[2;1Ha\x1b[2;1H\n\x1b[3;1Hb\x1b[3;1H\n\x1b[2;1Ha\x1b[3;1H\n"
        );
    }
}
