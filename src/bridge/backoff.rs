//! How long to wait before the next attempt: always the same, or by chance and longer each time.

use std::time::Duration;

use crate::config::RestartTimeout;

/// The waits of one bridge.
#[derive(Debug)]
pub(super) struct Backoff {
    /// The last wait in milliseconds; 0: the last connection was a good one.
    last: u64,
    random: u64,
}

impl Backoff {
    /// `seed` makes two bridges that lose the same remote broker come back at different times.
    pub fn new(seed: u64) -> Self {
        Backoff { last: 0, random: seed | 1 }
    }

    /// The next wait. With a cap it is taken by chance from the shortest up to three times the last one
    /// ("decorrelated jitter").
    pub fn next(&mut self, timeout: &RestartTimeout) -> Duration {
        let base = u64::from(timeout.base) * 1000;
        let Some(cap) = timeout.cap else { return Duration::from_millis(base) };
        let most = if self.last == 0 { base * 2 } else { self.last * 3 };
        let wait = base + self.random() % (most.saturating_sub(base) + 1);
        self.last = wait.min(u64::from(cap) * 1000);
        Duration::from_millis(self.last)
    }

    /// A connection lasted so long. Whether that was long enough for short waits again.
    pub fn lasted(&mut self, time: Duration, timeout: &RestartTimeout) -> bool {
        let stable = time >= Duration::from_secs(timeout.stable.into());
        if stable {
            self.last = 0;
        }
        stable
    }

    /// xorshift: chance enough to keep bridges apart.
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_cap_every_wait_is_the_same() {
        let mut backoff = Backoff::new(1);
        let timeout = RestartTimeout { base: 7, cap: None, stable: 0 };
        for _ in 0..5 {
            assert_eq!(backoff.next(&timeout), Duration::from_secs(7));
        }
    }

    #[test]
    fn waits_grow_up_to_the_cap_until_a_connection_was_stable() {
        let mut backoff = Backoff::new(12345);
        let timeout = RestartTimeout { base: 5, cap: Some(30), stable: 60 };
        let seconds = Duration::from_secs;
        let mut last = backoff.next(&timeout);
        assert!((seconds(5)..=seconds(10)).contains(&last), "{last:?}");
        for _ in 0..100 {
            let next = backoff.next(&timeout);
            assert!(next >= seconds(5) && next <= seconds(30) && next <= last * 3, "{last:?} {next:?}");
            last = next;
        }
        assert!(!backoff.lasted(seconds(59), &timeout));
        assert!(backoff.lasted(seconds(60), &timeout));
        assert!(backoff.next(&timeout) <= seconds(10));
    }
}
