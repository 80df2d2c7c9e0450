//! Local time as messages are printed with it, put into words once a second.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::fmt::strtime::{BrokenDownTime, Config, PosixCustom};
use jiff::tz::TimeZone;

/// The time of the message being printed.
#[derive(Debug)]
pub struct Clock {
    zone: TimeZone,
    second: i64,
    nanosecond: u32,
    /// `2026-11-24T00:17:49`, of this second.
    date: String,
    /// `+0000`, of this second.
    offset: String,
    /// What single letters of `strftime` came to in this second.
    letters: Vec<(u8, String)>,
}

impl Clock {
    /// Stands still until it is set.
    pub fn new(zone: TimeZone) -> Self {
        let mut clock = Clock {
            zone,
            second: 0,
            nanosecond: 0,
            date: String::new(),
            offset: String::new(),
            letters: Vec::new(),
        };
        clock.spell();
        clock
    }

    /// Sets it to now.
    pub fn set_now(&mut self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.set(i64::try_from(now.as_secs()).unwrap_or(i64::MAX), now.subsec_nanos());
    }

    /// Sets it to seconds and nanoseconds since 1970.
    pub fn set(&mut self, second: i64, nanosecond: u32) {
        self.nanosecond = nanosecond;
        if second != self.second {
            self.second = second;
            self.spell();
        }
    }

    fn spell(&mut self) {
        self.letters.clear();
        self.date = self.strftime("%Y-%m-%dT%H:%M:%S");
        self.offset = self.strftime("%z");
    }

    /// What C's `strftime` makes of a format in the C locale; of what it doesn't know, the format itself.
    fn strftime(&self, format: &str) -> String {
        let mut text = String::new();
        let Ok(time) = Timestamp::from_second(self.second) else { return text };
        let time = time.to_zoned_datetime(self.zone.clone());
        let config = Config::new().custom(PosixCustom::new()).lenient(true);
        let written = BrokenDownTime::from(&time).format_with_config(&config, format, &mut text);
        if written.is_ok() { text } else { format.to_owned() }
    }

    /// Appends what `strftime` makes of `%` and this letter.
    pub fn write_letter(&mut self, letter: u8, out: &mut Vec<u8>) {
        if let Some((_, text)) = self.letters.iter().find(|(known, _)| *known == letter) {
            return out.extend_from_slice(text.as_bytes());
        }
        if !letter.is_ascii()
            || matches!(letter, b'f' | b'Q' | b'q' | b'.' | b':' | b'0'..=b'9' | b'-' | b'_' | b'^' | b'#')
        {
            // What jiff would make something of, and C doesn't.
            return out.extend_from_slice(&[b'%', letter]);
        }
        let text = self.strftime(&format!("%{}", char::from(letter)));
        out.extend_from_slice(text.as_bytes());
        self.letters.push((letter, text));
    }

    /// Appends `2026-11-24T00:17:49+0000`.
    pub fn write_iso(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.date.as_bytes());
        out.extend_from_slice(self.offset.as_bytes());
    }

    /// Appends `2026-11-24T00:17:49.697076+0000`.
    pub fn write_microseconds(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.date.as_bytes());
        out.push(b'.');
        padded(self.nanosecond / 1000, 6, out);
        out.extend_from_slice(self.offset.as_bytes());
    }

    /// Appends `1795479469.881086102`.
    pub fn write_unix(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.second.to_string().as_bytes());
        out.push(b'.');
        self.write_nanoseconds(out);
    }

    /// Appends nine digits.
    pub fn write_nanoseconds(&self, out: &mut Vec<u8>) {
        padded(self.nanosecond, 9, out);
    }
}

/// Appends so many digits.
fn padded(value: u32, digits: u32, out: &mut Vec<u8>) {
    for place in (0..digits).rev() {
        out.push(b'0' + (value / 10_u32.pow(place) % 10) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let mut clock = Clock::new(TimeZone::UTC);
        let written = |write: &dyn Fn(&Clock, &mut Vec<u8>), clock: &Clock| {
            let mut out = Vec::new();
            write(clock, &mut out);
            String::from_utf8(out).unwrap()
        };
        clock.set(1_795_479_469, 81_086_102);
        assert_eq!(written(&Clock::write_iso, &clock), "2026-11-24T00:17:49+0000");
        assert_eq!(written(&Clock::write_microseconds, &clock), "2026-11-24T00:17:49.081086+0000");
        assert_eq!(written(&Clock::write_unix, &clock), "1795479469.081086102");
        clock.set(1_795_479_470, 0);
        assert_eq!(written(&Clock::write_iso, &clock), "2026-11-24T00:17:50+0000");
    }

    #[test]
    fn letters_are_c_s() {
        let mut clock = Clock::new(TimeZone::UTC);
        clock.set(1_795_479_469, 1);
        for (letter, expected) in [
            (b'Y', "2026"),
            (b'c', "Tue Nov 24 00:17:49 2026"),
            (b'x', "11/24/26"),
            (b'X', "00:17:49"),
            (b'r', "12:17:49 AM"),
            (b's', "1795479469"),
            (b'e', "24"),
            (b'D', "11/24/26"),
            (b'Z', "UTC"),
            (b'z', "+0000"),
            (b'%', "%"),
            (b'f', "%f"),
            (b'!', "%!"),
            (b'E', "%E"),
            (b'+', "%+"),
        ] {
            for _ in 0..2 {
                let mut out = Vec::new();
                clock.write_letter(letter, &mut out);
                assert_eq!(String::from_utf8(out).unwrap(), expected, "{}", char::from(letter));
            }
        }
    }
}
