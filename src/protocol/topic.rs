//! Topic Names and Topic Filters (section 4.7): what is one, and what matches what.

use super::wire::{HIGH, ONES, all_words};

/// The longest Topic Name or Topic Filter, in bytes `[MQTT-4.7.3-3]`.
pub const MAX_LENGTH: usize = 65_535;

/// Whether a message can be published under this name: 1 to 65,535 bytes `[MQTT-4.7.3-1]`, no wildcards
/// `[MQTT-3.3.2-2]`, no U+0000 `[MQTT-4.7.3-2]`. Like mosquitto, control characters and Unicode's noncharacters
/// are refused too (section 1.5.4 lets a receiver do so).
pub fn is_topic_name(name: &str) -> bool {
    (1..=MAX_LENGTH).contains(&name.len())
        && (is_plain(name.as_bytes()) || !name.contains(['+', '#']) && !has_forbidden(name))
}

/// Whether one can subscribe to this filter: 1 to 65,535 bytes; `+` fills a level `[MQTT-4.7.1-2]`, `#` fills the
/// last `[MQTT-4.7.1-1]`; otherwise as [`is_topic_name`]. A `$share/` prefix is nothing special here.
pub fn is_topic_filter(filter: &str) -> bool {
    if !(1..=MAX_LENGTH).contains(&filter.len()) {
        return false;
    }
    if is_plain(filter.as_bytes()) {
        return true;
    }
    if has_forbidden(filter) {
        return false;
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let fits = match level {
            "+" => true,
            "#" => levels.peek().is_none(),
            _ => !level.contains(['+', '#']),
        };
        if !fits {
            return false;
        }
    }
    true
}

/// ShareName and Topic Filter of a Shared Subscription, `$share/ShareName/filter`.
///
/// `None`: an ordinary filter. `Some(Err(()))`: starts like a shared one, but without a ShareName
/// `[MQTT-4.8.2-1]`, with wildcards in it, or without a Topic Filter behind it `[MQTT-4.8.2-2]`. Otherwise the
/// parts; whether the inner filter is one is checked here as well.
#[allow(clippy::result_unit_err)] // there is one way to be wrong
pub fn shared(filter: &str) -> Option<Result<(&str, &str), ()>> {
    let rest = filter.strip_prefix("$share")?;
    if rest.is_empty() {
        return Some(Err(()));
    }
    let (name, inner) = match rest.strip_prefix('/')?.split_once('/') {
        Some(parts) => parts,
        None => return Some(Err(())),
    };
    let good = !name.is_empty() && !name.contains(['+', '#']) && is_topic_filter(inner);
    Some(if good { Ok((name, inner)) } else { Err(()) })
}

/// Whether a Topic Name is covered by a Topic Filter (section 4.7). Wildcards at the front don't match names that
/// start with `$` `[MQTT-4.7.2-1]`. Both must be valid; of a Shared Subscription give the inner filter.
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut filter, mut topic) = (Some(filter), Some(topic));
    loop {
        let (Some(wanted), Some(given)) = (filter, topic) else {
            // "a/#" covers "a" as well.
            return filter == topic || filter == Some("#");
        };
        let (level, filter_rest) = split(wanted);
        if level == "#" {
            return true;
        }
        let (name, topic_rest) = split(given);
        if level != "+" && level != name {
            return false;
        }
        (filter, topic) = (filter_rest, topic_rest);
    }
}

/// The levels, in order; an empty one wherever two slashes meet or one stands at an end.
pub fn levels(topic: &str) -> impl Iterator<Item = &str> {
    topic.split('/')
}

/// The first level and what follows its slash.
#[inline]
fn split(topic: &str) -> (&str, Option<&str>) {
    match memchr::memchr(b'/', topic.as_bytes()) {
        Some(at) => (&topic[..at], Some(&topic[at + 1..])),
        None => (topic, None),
    }
}

/// Control characters, U+0000, and the code points that Unicode keeps for no character. Section 1.5.4 lets a
/// receiver refuse them; mosquitto does, and names with line ends in them would forge log lines.
pub(super) fn has_forbidden(text: &str) -> bool {
    text.chars()
        .any(|c| c.is_control() || matches!(c, '\u{FDD0}'..='\u{FDEF}') || c as u32 & 0xFFFE == 0xFFFE)
}

/// Whether all bytes are printable ASCII and none is a wildcard: the common case, eight bytes at a time.
#[inline]
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    all_words(bytes, is_plain_word)
}

/// [`is_plain`] of eight bytes.
#[inline]
const fn is_plain_word(word: u64) -> bool {
    // Nonzero where a byte is 0.
    const fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & HIGH
    }
    let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
    let delete = zeros(word ^ (ONES * 0x7F));
    // '#' is 0x23 and '+' 0x2B: one bit apart.
    let wildcard = zeros((word & !(ONES * 0x08)) ^ (ONES * 0x23));
    (word & HIGH) | control | delete | wildcard == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mqtt_3_3_2_2_and_4_7_3_1_topic_names() {
        let long = "x".repeat(MAX_LENGTH);
        for name in ["a", "/", "//", "a/b c", "$SYS/x", "sensors/room 7/°C", "~", " ", &long] {
            assert!(is_topic_name(name), "{name:?}");
        }
        let longer = "x".repeat(MAX_LENGTH + 1);
        for name in ["", "+", "#", "a/#", "12345678+", "#2345678", "ä#", "a\0", &longer] {
            assert!(!is_topic_name(name), "{name:?}");
        }
    }

    #[test]
    fn control_characters_and_noncharacters_are_refused() {
        for c in ['\u{1}', '\n', '\u{1F}', '\u{7F}', '\u{80}', '\u{9F}', '\u{FDD0}', '\u{FFFE}', '\u{1FFFF}']
        {
            for text in [format!("{c}"), format!("topic/{c}/more"), format!("123456789{c}")] {
                assert!(!is_topic_name(&text), "{text:?}");
                assert!(!is_topic_filter(&text), "{text:?}");
            }
        }
        assert!(is_topic_name("\u{A0}\u{FDCF}\u{FDF0}\u{FFFD}"));
    }

    #[test]
    fn every_byte_at_every_place_is_judged_alike() {
        for byte in 0..=0x7F_u8 {
            let plain = matches!(byte, 0x20..=0x7E) && byte != b'+' && byte != b'#';
            for length in 1..20 {
                for at in 0..length {
                    let mut bytes = vec![b'x'; length];
                    bytes[at] = byte;
                    assert_eq!(is_plain(&bytes), plain, "{byte:#x} at {at} of {length}");
                }
            }
        }
        assert!(is_plain(b""));
    }

    #[test]
    fn mqtt_4_7_1_1_and_2_topic_filters() {
        for filter in ["a", "#", "+", "/", "a/#", "+/+", "/+", "+/", "a//b", "+/a/#", "$SYS/#", "ä/+/#"] {
            assert!(is_topic_filter(filter), "{filter:?}");
        }
        for filter in ["", "##", "#/", "a#", "a/#/b", "a+", "+a", "a/b+/c", "#a", "++", "a/+#", "+\0"] {
            assert!(!is_topic_filter(filter), "{filter:?}");
        }
    }

    #[test]
    fn mqtt_4_8_2_shared_subscriptions() {
        assert_eq!(shared("a/b"), None);
        assert_eq!(shared("$shared/g/a"), None);
        assert_eq!(shared("$share/g/a/#"), Some(Ok(("g", "a/#"))));
        assert_eq!(shared("$share/g//"), Some(Ok(("g", "/"))));
        for bad in ["$share", "$share/", "$share/g", "$share/g/", "$share//a", "$share/g+/a", "$share/#/a"] {
            assert_eq!(shared(bad), Some(Err(())), "{bad:?}");
        }
    }

    #[test]
    fn matching_of_section_4_7_1() {
        for (filter, topic) in [
            ("sport/tennis/player1/#", "sport/tennis/player1"),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"),
            ("#", "a/b"),
            ("#", "/"),
            ("sport/+", "sport/"),
            ("+/+", "/finance"),
            ("/+", "/finance"),
            ("a/+/c", "a//c"),
            ("$SYS/#", "$SYS/broker"),
            ("$SYS/+", "$SYS/x"),
            ("a/$x", "a/$x"),
            ("a/#", "a/$x"),
        ] {
            assert!(matches(filter, topic), "{filter} {topic}");
        }
        for (filter, topic) in [
            ("sport/tennis/+", "sport/tennis/player1/ranking"),
            ("sport/+", "sport"),
            ("+", "/finance"),
            ("a", "a/"),
            ("a/", "a"),
            ("a/b/#", "a"),
            ("a/#", "ab"),
            ("A", "a"),
        ] {
            assert!(!matches(filter, topic), "{filter} {topic}");
        }
    }

    #[test]
    fn mqtt_4_7_2_1_wildcards_in_front_do_not_match_dollar() {
        for filter in ["#", "+/x", "+/#", "+"] {
            assert!(!matches(filter, "$SYS/x") && !matches(filter, "$x"), "{filter}");
        }
    }

    #[test]
    fn levels_keep_empty_ones() {
        assert_eq!(levels("/a//b/").collect::<Vec<_>>(), ["", "a", "", "b", ""]);
    }
}
