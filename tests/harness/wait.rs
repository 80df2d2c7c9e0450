//! Waiting for something to become true, with a deadline instead of a guess.

use std::time::{Duration, Instant};

/// How long anything may take before a test fails; a machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(100);

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// Returns as soon as `condition` gives something.
///
/// # Panics
/// When it doesn't within the deadline; `what` says what was awaited.
#[track_caller]
pub fn until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    try_until(condition).unwrap_or_else(|| panic!("waited in vain for {what}"))
}

/// The same for what gives nothing but its truth.
#[track_caller]
pub fn eventually(what: &str, mut ready: impl FnMut() -> bool) {
    until(what, || ready().then_some(()));
}

/// The same, for whom has more to say of it when the deadline has passed.
pub fn try_until<T>(mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(LOOK);
    }
}
