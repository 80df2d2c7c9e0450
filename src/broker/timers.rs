//! What is due when: Keep Alive, session expiry, delayed Wills. A timer is never cancelled; when it is due, its owner
//! looks whether it is still meant (keys are reused, so each carries the generation of its owner).

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
}

/// All timers.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(u64, Timer)>>,
}

impl Timers {
    /// Sets a timer at monotonic milliseconds.
    pub fn set(&mut self, at: u64, timer: Timer) {
        self.heap.push(Reverse((at, timer)));
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
