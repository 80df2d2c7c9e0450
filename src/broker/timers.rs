//! What is due when: Keep Alive, session expiry, delayed Wills. A timer is never cancelled; when it is due, its owner
//! looks whether it is still meant (keys are reused, so each carries the generation of its owner). Where most are not, as
//! of clients that come and go, they are thrown away at once.

use super::connection::ConnectionKey;
use super::session::SessionEpoch;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// CONNECT should have come, or a packet within 1.5 times Keep Alive: connection and its generation.
    Silence(ConnectionKey, u32),
    /// A session without connection ends.
    SessionExpiry(SessionEpoch),
    /// A delayed Will is published.
    WillDelay(SessionEpoch),
    /// Expired retained messages are freed.
    Sweep,
    /// A session gets more of the retained messages that it has asked for.
    Retained(SessionEpoch),
}

/// All timers.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(u64, Timer)>>,
    /// How many there were after the last tidying.
    tidied: usize,
}

/// So many more than after the last tidying are no reason for another.
const FEW: usize = 10_000;

impl Timers {
    /// Sets a timer at monotonic milliseconds.
    pub fn set(&mut self, at: u64, timer: Timer) {
        self.heap.push(Reverse((at, timer)));
    }

    /// Whether there are so many more than before that it pays to look which are still meant.
    pub fn are_many(&self) -> bool {
        self.heap.len() > 2 * self.tidied + FEW
    }

    /// Throws away those that aren't meant any more.
    pub fn tidy(&mut self, is_meant: impl Fn(&Timer) -> bool) {
        self.heap.retain(|Reverse((_, timer))| is_meant(timer));
        self.tidied = self.heap.len();
        self.heap.shrink_to(2 * self.tidied + FEW);
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes one that is due.
    pub fn due(&mut self, now: u64) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, timer))| timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_not_meant_any_more_take_no_room() {
        let mut timers = Timers::default();
        for epoch in 0..1_000_000 {
            // A session that would expire in a year, and whose client comes and goes.
            timers.set(31_536_000_000 + u64::from(epoch), Timer::SessionExpiry((1, epoch)));
            if timers.are_many() {
                timers.tidy(|timer| *timer == Timer::SessionExpiry((1, epoch)));
            }
        }
        assert!(timers.heap.len() <= 10_010, "{}", timers.heap.len());
        assert!(timers.heap.capacity() < 50_000, "{}", timers.heap.capacity());
    }
}
