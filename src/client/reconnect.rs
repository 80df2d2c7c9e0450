//! When to try again after a connection was lost.

use std::time::{Duration, Instant};

/// mosquitto's clients wait a second before every attempt, whatever happened before.
const DELAY: Duration = Duration::from_secs(1);

/// The back-off of one client.
#[derive(Debug, Default)]
pub struct Reconnect {
    due: Option<Instant>,
}

impl Reconnect {
    /// The connection was lost, or an attempt failed.
    pub fn failed(&mut self, now: Instant) {
        self.due = Some(now + DELAY);
    }

    /// The connection stands again.
    pub fn succeeded(&mut self) {
        self.due = None;
    }

    /// When to try next; `None` while connected.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attempt_waits_a_second() {
        let now = Instant::now();
        let mut reconnect = Reconnect::default();
        assert_eq!(reconnect.due(), None);
        reconnect.failed(now);
        assert_eq!(reconnect.due(), Some(now + Duration::from_secs(1)));
        reconnect.failed(now + Duration::from_secs(9));
        assert_eq!(reconnect.due(), Some(now + Duration::from_secs(10)));
        reconnect.succeeded();
        assert_eq!(reconnect.due(), None);
    }
}
