//! Values of the flags that mosquitto doesn't have: read strictly, unlike mosquitto's.

use std::time::Duration;

use super::complaint::{Complaint, Halt};
use super::flag::Given;

/// Longest time in seconds: 68 years, which any clock can add.
const LONGEST: f64 = i32::MAX as f64;

/// A refusal that says what would be right.
pub(super) fn invalid(flag: &'static str, given: &Given<'_>, want: &'static str) -> Halt {
    Complaint::InvalidValue { flag, value: given.value.to_string_lossy().into_owned(), want }.into()
}

/// A time in seconds, above 0; fractions are fine.
pub(super) fn seconds(flag: &'static str, given: &Given<'_>) -> Result<Duration, Halt> {
    number_of_seconds(given).ok_or_else(|| invalid(flag, given, "a number of seconds above 0"))
}

/// A time in milliseconds, above 0; fractions are fine.
pub(super) fn milliseconds(flag: &'static str, given: &Given<'_>) -> Result<Duration, Halt> {
    let thousandfold =
        number_of_seconds(given).ok_or_else(|| invalid(flag, given, "a number of milliseconds above 0"))?;
    Ok(thousandfold / 1000)
}

fn number_of_seconds(given: &Given<'_>) -> Option<Duration> {
    let seconds = given.value.to_str().and_then(|text| text.parse::<f64>().ok());
    let valid = seconds.filter(|seconds| *seconds > 0.0 && *seconds <= LONGEST);
    valid.map(Duration::from_secs_f64)
}

/// A count from `least` on.
pub(super) fn count(flag: &'static str, given: &Given<'_>, least: u32) -> Result<u32, Halt> {
    let want = if least == 0 { "a whole number from 0 on" } else { "a whole number from 1 on" };
    let count = given.value.to_str().and_then(|text| text.parse().ok());
    count.filter(|count| *count >= least).ok_or_else(|| invalid(flag, given, want))
}
