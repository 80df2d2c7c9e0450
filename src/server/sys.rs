//! When the `$SYS` topics are published: at the start, and when the wall clock is at a multiple of `sys_interval`.

use std::time::{SystemTime, UNIX_EPOCH};

use super::event_loop::Server;
use crate::broker::OwnMessage;
use crate::observe::{Facts, SysTree};

/// The figures and the clock that tells when they are due.
#[derive(Debug)]
pub(super) struct SysClock {
    tree: SysTree,
    /// Seconds between two times; 0: never.
    interval: u64,
    /// Monotonic milliseconds of the next time.
    pub(super) next: Option<u64>,
}

impl SysClock {
    pub(super) fn new(version: String, interval: u16) -> Self {
        SysClock { tree: SysTree::new(version), interval: interval.into(), next: None }
    }

    /// A reload may have changed how often.
    pub(super) fn set_interval(&mut self, interval: u16, now: u64) {
        let interval = u64::from(interval);
        if self.interval != interval {
            self.interval = interval;
            self.tree.forget();
            // Switched on: at once, as at a start.
            self.next = (interval > 0).then_some(now);
        }
    }

    /// The next multiple, by the system's clock as it is now. A little past it: timers may be early.
    fn set_next(&mut self, now: u64) {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64);
        let period = self.interval * 1000;
        self.next = (period > 0).then(|| now + period - wall % period.max(1) + 1);
    }
}

impl Server {
    /// Publishes what has changed, if it is time.
    pub(super) fn publish_sys(&mut self) {
        if self.sys.next.is_none_or(|at| at > self.now.monotonic) {
            return;
        }
        let facts = self.facts();
        let (now, shard, outbox) = (self.now, &mut self.shard, &mut self.outbox);
        self.sys.tree.changed(now.monotonic, &facts, |topic, payload| {
            shard.publish_own(now, &OwnMessage::retained(topic, payload.as_bytes()), outbox);
        });
        self.sys.set_next(now.monotonic);
    }

    /// For the first time, before anybody is let in.
    pub(super) fn start_sys(&mut self) {
        if self.settings.sys_interval > 0 {
            self.sys.next = Some(self.now.monotonic);
            self.publish_sys();
        }
    }

    pub(super) fn facts(&self) -> Facts {
        Facts::new(self.shard.counters(), self.shard.gauges(), self.now.monotonic / 1000)
    }
}
