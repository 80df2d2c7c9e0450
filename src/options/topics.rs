//! Topics on the command line: what mosquitto's clients accept, and how they say no.

use std::ffi::OsStr;

use super::complaint::{Complaint, Halt, TopicKind};

/// Topics with more levels than this are refused, as mosquitto does.
const MOST_SEPARATORS: usize = 200;
/// Longest UTF-8 string of the protocol, in bytes [MQTT-1.5.4].
pub(super) const LONGEST: usize = 65_535;

/// A topic for `kind` from the value of the flag called `flag`.
pub(super) fn topic(kind: TopicKind, flag: &'static str, value: &OsStr) -> Result<String, Halt> {
    let topic = allowed(flag, value)?.to_owned();
    if topic.len() <= LONGEST && is_valid(kind, &topic) {
        Ok(topic)
    } else {
        Err(Complaint::InvalidTopic { kind, topic }.into())
    }
}

/// Text that may stand in a packet: UTF-8 without control characters and non-characters, not too long.
pub(super) fn text(flag: &'static str, value: &OsStr) -> Result<String, Halt> {
    let text = allowed(flag, value)?;
    if text.len() <= LONGEST { Ok(text.to_owned()) } else { Err(Complaint::MalformedUtf8(flag).into()) }
}

fn allowed<'a>(flag: &'static str, value: &'a OsStr) -> Result<&'a str, Halt> {
    let text = value.to_str().filter(|text| text.chars().all(is_allowed));
    text.ok_or_else(|| Complaint::MalformedUtf8(flag).into())
}

/// What mosquitto's UTF-8 check lets pass [MQTT-1.5.4-1], [MQTT-1.5.4-2].
pub(super) fn is_allowed(character: char) -> bool {
    let code = u32::from(character);
    !(character.is_control() || (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE)
}

fn is_valid(kind: TopicKind, topic: &str) -> bool {
    let separators = topic.bytes().filter(|byte| *byte == b'/').count();
    if topic.is_empty() || separators > MOST_SEPARATORS {
        return false;
    }
    if kind.is_name() { !topic.contains(['+', '#']) } else { wildcards_are_whole_levels(topic) }
}

/// `+` fills a level, `#` fills the last one [MQTT-4.7.1-1], [MQTT-4.7.1-2].
fn wildcards_are_whole_levels(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let fits = match level {
            "+" => true,
            "#" => levels.peek().is_none(),
            other => !other.contains(['+', '#']),
        };
        if !fits {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        for good in ["a", "/", "a//b", "+", "#", "a/+/b", "a/#", "+/+/#", "$share/g/a", "$SYS/#"] {
            assert!(is_valid(TopicKind::Subscription, good), "{good}");
        }
        for bad in ["", "a#", "a+", "#/a", "a/#/b", "+a/b", "a/b+"] {
            assert!(!is_valid(TopicKind::Subscription, bad), "{bad}");
        }
    }

    #[test]
    fn names() {
        assert!(is_valid(TopicKind::Publish, &"/".repeat(200)));
        assert!(!is_valid(TopicKind::Publish, &"/".repeat(201)));
        for bad in ["", "a/+", "#"] {
            assert!(!is_valid(TopicKind::Response, bad), "{bad}");
        }
    }

    #[test]
    fn control_characters_and_non_characters_are_malformed() {
        for bad in ["a\u{1}", "\u{7f}", "\u{9f}", "\u{fdd0}", "\u{ffff}", "\u{1fffe}"] {
            let halt = topic(TopicKind::Publish, "-t", OsStr::new(bad)).unwrap_err();
            assert_eq!(halt, Complaint::MalformedUtf8("-t").into(), "{bad:?}");
        }
        assert!(topic(TopicKind::Publish, "-t", OsStr::new("å/\u{a0}/𐀀")).is_ok());
    }

    #[test]
    fn what_no_packet_can_carry_is_malformed() {
        let longest = "a".repeat(65_535);
        assert!(text("-i", OsStr::new(&longest)).is_ok());
        let longer = longest + "a";
        let halt = text("-i", OsStr::new(&longer)).unwrap_err();
        assert_eq!(halt, Complaint::MalformedUtf8("-i").into());
        // Of a topic mosquitto says so in other words.
        let halt = topic(TopicKind::Publish, "-t", OsStr::new(&longer)).unwrap_err();
        assert_eq!(halt, Complaint::InvalidTopic { kind: TopicKind::Publish, topic: longer }.into());
    }
}
