//! `$SYS`: what the broker tells of itself as retained messages. The table of topics, and which of them have changed.

use super::heap;
use super::load::{Load, PERIODS};
use crate::broker::{Counters, Gauges};

/// Everything that the figures come from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    /// Totals since the start.
    pub counters: Counters,
    /// What there is at the moment.
    pub gauges: Gauges,
    /// Bytes of heap: now, and at most.
    pub heap: (u64, u64),
    /// Whole seconds since the start.
    pub uptime: u64,
}

impl Facts {
    /// The facts of this moment.
    pub fn new(counters: &Counters, gauges: Gauges, uptime: u64) -> Self {
        Facts { counters: *counters, gauges, heap: (heap::current(), heap::maximum()), uptime }
    }
}

/// A topic below `$SYS/broker/` and its number.
type Row = (&'static str, fn(&Facts) -> u64);

const ROWS: &[Row] = &[
    ("clients/total", |f| f.gauges.sessions),
    ("clients/maximum", |f| f.counters.sessions_maximum),
    ("clients/inactive", |f| f.gauges.sessions.saturating_sub(f.gauges.connections)),
    ("clients/disconnected", |f| f.gauges.sessions.saturating_sub(f.gauges.connections)),
    ("clients/active", |f| f.gauges.connections),
    ("clients/connected", |f| f.gauges.connections),
    ("clients/expired", |f| f.counters.sessions_expired),
    ("messages/stored", |f| f.gauges.stored),
    ("store/messages/count", |f| f.gauges.stored),
    ("store/messages/bytes", |f| f.gauges.stored_bytes),
    ("subscriptions/count", |f| f.gauges.subscriptions),
    ("shared_subscriptions/count", |f| f.gauges.shared_subscriptions),
    ("retained messages/count", |f| f.gauges.retained),
    ("heap/current", |f| f.heap.0),
    ("heap/maximum", |f| f.heap.1),
    ("messages/received", |f| f.counters.packets_received),
    ("messages/sent", |f| f.counters.packets_sent),
    ("bytes/received", |f| f.counters.bytes_received),
    ("bytes/sent", |f| f.counters.bytes_sent),
    ("publish/messages/dropped", |f| f.counters.publish_dropped),
    ("publish/messages/received", |f| f.counters.publish_received),
    ("publish/messages/sent", |f| f.counters.publish_sent),
    ("publish/bytes/received", |f| f.counters.payload_received),
    ("publish/bytes/sent", |f| f.counters.payload_sent),
    ("packet/out/count", |f| f.gauges.waiting),
    ("packet/out/bytes", |f| f.gauges.waiting_bytes),
    ("connections/socket/count", |f| f.counters.sockets),
];

/// Figures whose load averages are told, below `$SYS/broker/load/`.
const LOADS: &[Row] = &[
    ("messages/received", |f| f.counters.packets_received),
    ("messages/sent", |f| f.counters.packets_sent),
    ("publish/dropped", |f| f.counters.publish_dropped),
    ("publish/received", |f| f.counters.publish_received),
    ("publish/sent", |f| f.counters.publish_sent),
    ("bytes/received", |f| f.counters.bytes_received),
    ("bytes/sent", |f| f.counters.bytes_sent),
    ("sockets", |f| f.counters.sockets),
    ("connections", |f| f.counters.connects),
];

/// The figures by topic, as they are now, without load averages.
pub fn figures(facts: &Facts) -> impl Iterator<Item = (&'static str, u64)> {
    ROWS.iter().map(|(topic, value)| (*topic, value(facts)))
}

/// Remembers what was published last.
#[derive(Debug)]
pub struct SysTree {
    version: String,
    figures: [Option<u64>; ROWS.len()],
    loads: [(Load, [Option<f64>; 3]); LOADS.len()],
    /// When that was, in milliseconds of the monotonic clock.
    last: Option<u64>,
}

impl SysTree {
    /// `version` as in `mosquitto version 2.1.2`.
    pub fn new(version: String) -> Self {
        let loads = [(Load::default(), [None; 3]); LOADS.len()];
        SysTree { version, figures: [None; ROWS.len()], loads, last: None }
    }

    /// Calls `publish` with topic and payload of everything that has changed since the last call.
    pub fn changed(&mut self, now: u64, facts: &Facts, mut publish: impl FnMut(&str, &str)) {
        let seconds = self.last.map_or(0.0, |last| now.saturating_sub(last) as f64 / 1000.0);
        if self.last.replace(now).is_none() {
            publish("$SYS/broker/version", &self.version);
        }
        publish("$SYS/broker/uptime", &format!("{} seconds", facts.uptime));
        for ((topic, value), known) in figures(facts).zip(&mut self.figures) {
            if known.replace(value) != Some(value) {
                publish(&format!("$SYS/broker/{topic}"), &value.to_string());
            }
        }
        for ((topic, value), (load, known)) in LOADS.iter().zip(&mut self.loads) {
            let averages = load.update(value(facts), seconds);
            for ((average, known), (period, _)) in averages.into_iter().zip(known).zip(PERIODS) {
                if known.is_none_or(|known| (known - average).abs() >= 0.01) {
                    *known = Some(average);
                    publish(&format!("$SYS/broker/load/{topic}/{period}"), &format!("{average:.2}"));
                }
            }
        }
    }

    /// Nothing was published yet: for a reload that switches `$SYS` on.
    pub fn forget(&mut self) {
        self.figures = [None; ROWS.len()];
        self.loads.iter_mut().for_each(|(_, known)| *known = [None; 3]);
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn published(tree: &mut SysTree, now: u64, facts: &Facts) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        tree.changed(now, facts, |topic, payload| {
            let topic = topic.strip_prefix("$SYS/broker/").unwrap().to_owned();
            assert!(found.insert(topic, payload.to_owned()).is_none());
        });
        found
    }

    #[test]
    fn everything_at_first_then_what_has_changed() {
        let mut tree = SysTree::new("mosquitto version 2.1".into());
        let mut facts = Facts::default();
        let first = published(&mut tree, 0, &facts);
        assert_eq!(first.len(), 2 + ROWS.len() + 3 * LOADS.len());
        assert_eq!(first["version"], "mosquitto version 2.1");
        assert_eq!(first["uptime"], "0 seconds");
        assert_eq!(first["retained messages/count"], "0");
        assert_eq!(first["load/bytes/received/15min"], "0.00");

        facts.uptime = 10;
        facts.counters.packets_received = 60;
        facts.gauges.sessions = 3;
        facts.gauges.connections = 5;
        let then = published(&mut tree, 10_000, &facts);
        let expected = [
            ("clients/active", "5"),
            ("clients/connected", "5"),
            ("clients/total", "3"),
            ("load/messages/received/15min", "3.98"),
            ("load/messages/received/1min", "55.27"),
            ("load/messages/received/5min", "11.80"),
            ("messages/received", "60"),
            ("uptime", "10 seconds"),
        ];
        let then: Vec<(&str, &str)> = then.iter().map(|(t, p)| (t.as_str(), p.as_str())).collect();
        assert_eq!(then, expected);
    }
}
