//! Keep Alive: when a PINGREQ is due, and when a silent broker counts as gone.

use std::fmt;
use std::time::{Duration, Instant};

/// No PINGRESP within the Keep Alive, or no CONNACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAliveExceeded;

impl fmt::Display for KeepAliveExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keepalive exceeded")
    }
}

impl std::error::Error for KeepAliveExceeded {}

/// What is to be done at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    Exceeded,
}

/// The clock of one connection. A PINGREQ is due when either direction was silent for the Keep Alive.
#[derive(Debug)]
pub(super) struct KeepAlive {
    interval: Option<Duration>,
    last_sent: Instant,
    last_received: Instant,
    /// When what the broker owes us (CONNACK or PINGRESP) was asked for.
    asked: Option<Instant>,
}

impl KeepAlive {
    /// Starts with CONNECT, which asks for a CONNACK. 0 seconds is none.
    pub fn start(seconds: u16, now: Instant) -> Self {
        KeepAlive { interval: interval(seconds), last_sent: now, last_received: now, asked: Some(now) }
    }

    /// The broker's own value from CONNACK.
    pub fn set(&mut self, seconds: u16) {
        self.interval = interval(seconds);
    }

    pub fn sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    pub fn received(&mut self, now: Instant) {
        self.last_received = now;
    }

    pub fn asked(&mut self, now: Instant) {
        self.asked = Some(now);
        self.last_sent = now;
    }

    pub fn awaits_answer(&self) -> bool {
        self.asked.is_some()
    }

    pub fn answered(&mut self) {
        self.asked = None;
    }

    /// Nothing is being read, so that silence means nothing; our own packets still go out in time.
    pub fn not_reading(&mut self, now: Instant) {
        self.asked = None;
        self.last_received = now;
    }

    /// When [`KeepAlive::due`] will have something to say.
    pub fn deadline(&self) -> Option<Instant> {
        let since = self.asked.unwrap_or_else(|| self.last_sent.min(self.last_received));
        Some(since + self.interval?)
    }

    pub fn due(&self, now: Instant) -> Due {
        match self.deadline() {
            Some(deadline) if now >= deadline => {
                if self.asked.is_some() {
                    Due::Exceeded
                } else {
                    Due::Ping
                }
            }
            _ => Due::Nothing,
        }
    }
}

fn interval(seconds: u16) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}
