//! Time as the broker sees it: passed in, read once a turn by whoever drives it.

/// The moment of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since some fixed start; never goes back.
    pub monotonic: u64,
    /// Seconds since 1970-01-01 UTC, as the system's clock has it.
    pub wall: u64,
}

impl Now {
    /// Whole seconds of the monotonic clock.
    pub fn seconds(self) -> u64 {
        self.monotonic / 1000
    }
}
