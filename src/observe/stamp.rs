//! The time that a log line starts with.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::fmt::strtime::{BrokenDownTime, Config};
use jiff::tz::TimeZone;

/// Makes the start of a line, anew only when the second changes.
pub(super) struct Stamp {
    form: Form,
    /// The second that `text` is for.
    second: Option<u64>,
    text: String,
}

enum Form {
    Nothing,
    Seconds,
    Strftime { format: String, zone: TimeZone },
}

impl Stamp {
    /// `timestamp` and `format` as in the configuration.
    pub(super) fn new(timestamp: bool, format: Option<String>) -> Self {
        let form = match (timestamp, format) {
            (false, _) => Form::Nothing,
            (true, None) => Form::Seconds,
            (true, Some(format)) => Form::Strftime { format, zone: TimeZone::system() },
        };
        Stamp { form, second: None, text: String::new() }
    }

    /// What a line written at `now` (seconds since 1970) starts with.
    pub(super) fn at(&mut self, now: u64) -> &str {
        if self.second != Some(now) {
            self.second = Some(now);
            self.text.clear();
            match &self.form {
                Form::Nothing => {}
                Form::Seconds => {
                    let _ = write!(self.text, "{now}: ");
                }
                Form::Strftime { format, zone } => {
                    self.text = local_time(now, format, zone).unwrap_or_else(|| "Time error".to_owned());
                    self.text.push_str(": ");
                }
            }
        }
        &self.text
    }
}

/// `None` where nothing comes of it, or more than a line should give to the time.
fn local_time(now: u64, format: &str, zone: &TimeZone) -> Option<String> {
    let time = Timestamp::from_second(i64::try_from(now).ok()?).ok()?.to_zoned_datetime(zone.clone());
    let mut text = String::new();
    // Lenient: a directive that isn't known stays as it is, as in C.
    let config = Config::new().lenient(true);
    BrokenDownTime::from(&time).format_with_config(&config, format, &mut text).ok()?;
    (!text.is_empty() && text.len() < 200).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(format: &str) -> Stamp {
        let form = Form::Strftime { format: format.to_owned(), zone: TimeZone::UTC };
        Stamp { form, second: None, text: String::new() }
    }

    #[test]
    fn forms() {
        assert_eq!(Stamp::new(true, None).at(1_770_000_000), "1770000000: ");
        assert_eq!(Stamp::new(false, Some("%H".to_owned())).at(1_770_000_000), "");
        assert_eq!(utc("%Y-%m-%dT%H:%M:%S").at(1_770_000_000), "2026-02-02T02:40:00: ");
        assert_eq!(utc("%Y%!").at(1_770_000_000), "2026%!: ");
        assert_eq!(utc("").at(1_770_000_000), "Time error: ");
    }

    #[test]
    fn the_second_is_followed() {
        let mut stamp = Stamp::new(true, None);
        assert_eq!(stamp.at(5), "5: ");
        assert_eq!(stamp.at(5), "5: ");
        assert_eq!(stamp.at(6), "6: ");
    }
}
