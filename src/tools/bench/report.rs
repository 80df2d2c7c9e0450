//! The figures of a run, and the line of JSON they are printed as.

use std::time::Instant;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::usage::{cpu_seconds, own_seconds};

/// Clocks that run beside a load.
pub struct Meter {
    pids: Vec<u32>,
    started: Instant,
    broker: f64,
    own: f64,
}

impl Meter {
    /// Starts the clocks; `pids` are the broker's, or the brokers'.
    pub fn start(pids: impl IntoIterator<Item = u32>) -> Result<Self> {
        let pids: Vec<u32> = pids.into_iter().collect();
        let broker = all_cpu_seconds(&pids)?;
        Ok(Self { pids, started: Instant::now(), broker, own: own_seconds()? })
    }

    /// Since when it runs.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// What `messages` that were delivered `deliveries` times have taken.
    pub fn stop(&self, messages: u64, deliveries: u64) -> Result<Map<String, Value>> {
        let seconds = self.started.elapsed().as_secs_f64();
        let own = own_seconds()? - self.own;
        let mut figures = Map::new();
        figures.insert("messages".into(), json!(messages));
        figures.insert("deliveries".into(), json!(deliveries));
        figures.insert("seconds".into(), rounded(seconds));
        figures.insert("messages_per_second".into(), rounded(messages as f64 / seconds));
        figures.insert("deliveries_per_second".into(), rounded(deliveries as f64 / seconds));
        if !self.pids.is_empty() {
            let broker = all_cpu_seconds(&self.pids)? - self.broker;
            figures.insert("broker_cpu_seconds".into(), rounded(broker));
            figures.insert("deliveries_per_broker_cpu_second".into(), rounded(deliveries as f64 / broker));
        }
        figures.insert("generator_cpu_share".into(), rounded(own / seconds));
        Ok(figures)
    }
}

fn all_cpu_seconds(pids: &[u32]) -> Result<f64> {
    pids.iter().map(|pid| cpu_seconds(*pid)).sum()
}

/// A figure with as many places as anyone reads; `null` when there was nothing to divide by.
pub fn rounded(value: f64) -> Value {
    let places = if value.abs() < 100.0 { 1e6 } else { 1.0 };
    json!((value * places).round() / places)
}

/// The middle one of some figures.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
