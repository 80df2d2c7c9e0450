//! Publishers that keep their window full, subscribers that acknowledge, and the check that every
//! message arrives once and in order.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::beside::{Beside, Gap};
use super::net::Net;
use super::report::{Meter, rounded};
use super::wire::{self, Incoming, Template};

/// One publisher of a load.
pub struct Publisher {
    /// The number of its connection.
    pub connection: usize,
    /// What it publishes, in turn.
    pub templates: Vec<Template>,
}

/// A load on connections that stand.
pub struct Load {
    /// Who publishes.
    pub publishers: Vec<Publisher>,
    /// The first connection that isn't a publisher's; subscribers are from here on.
    pub first_subscriber: usize,
    /// How many connections there are.
    pub connections: usize,
    /// How many subscribers get each message.
    pub receivers: u64,
    /// Whether a subscriber gets all messages of a publisher it hears at all, or some of them.
    pub consecutive: bool,
    /// QoS of publishers and subscribers.
    pub qos: u8,
    /// QoS 0: messages not seen by their subscribers; otherwise: messages not acknowledged; a publisher.
    pub window: u64,
    /// Messages, all publishers together.
    pub count: u64,
    /// Messages a second, all publishers together; as fast as possible without.
    pub rate: Option<f64>,
    /// What goes on meanwhile.
    pub beside: Option<Beside>,
}

struct Progress {
    sent: u64,
    /// Deliveries seen.
    seen: u64,
    end: u64,
    in_flight: u64,
    next_identifier: u16,
    next_template: usize,
}

struct Run {
    load: Load,
    progress: Vec<Progress>,
    /// The next sequence number of a publisher at a subscriber.
    expected: Vec<u32>,
    deliveries: u64,
    started: Instant,
    latencies: Vec<u32>,
    gap: Gap,
}

impl Load {
    /// Runs the load to its end and returns its figures.
    pub fn run(self, net: &mut Net, pids: impl IntoIterator<Item = u32>) -> Result<Map<String, Value>> {
        let count = self.count;
        let all = count * self.receivers;
        let meter = Meter::start(pids)?;
        let mut run = Run::new(self, meter.started());
        // With a rate, the generator watches the clock itself: a sleep is a millisecond at the least.
        let patience = if run.load.rate.is_some() { Duration::ZERO } else { Duration::from_millis(500) };
        while run.deliveries < all || run.progress.iter().any(|publisher| publisher.in_flight > 0) {
            match run.load.rate {
                Some(rate) => run.publish_due(net, rate),
                None => run.fill_windows(net),
            }
            if let Some(beside) = &mut run.load.beside {
                beside.turn(run.started.elapsed())?;
            }
            net.turn(patience, |connection, packet, out| run.packet(connection, packet, out))?;
        }
        if run.deliveries > all {
            bail!("{} deliveries more than expected", run.deliveries - all);
        }
        let mut figures = meter.stop(count, run.deliveries)?;
        run.add_latencies(&mut figures);
        Ok(figures)
    }
}

impl Run {
    fn new(load: Load, started: Instant) -> Self {
        let publishers = load.publishers.len() as u64;
        let progress = (0..publishers)
            .map(|number| Progress {
                sent: 0,
                seen: 0,
                end: load.count / publishers + u64::from(number < load.count % publishers),
                in_flight: 0,
                next_identifier: 1,
                next_template: 0,
            })
            .collect();
        let subscribers = load.connections - load.first_subscriber;
        let expected = vec![0; subscribers * load.publishers.len()];
        let latencies = Vec::with_capacity(if load.rate.is_some() { load.count as usize } else { 0 });
        Self { load, progress, expected, deliveries: 0, started, latencies, gap: Gap::default() }
    }

    fn fill_windows(&mut self, net: &mut Net) {
        let window = self.load.window;
        for number in 0..self.progress.len() {
            let progress = &self.progress[number];
            let outstanding = match self.load.qos {
                0 => progress.sent - progress.seen / self.load.receivers,
                _ => progress.in_flight,
            };
            let most = window.saturating_sub(outstanding).min(progress.end - progress.sent);
            for _ in 0..most {
                if !net.has_room(self.load.publishers[number].connection) {
                    break;
                }
                self.publish(net, number, 0);
            }
        }
    }

    /// Publishes what is due by now; its time is when it was due, so that no delay of ours is hidden.
    fn publish_due(&mut self, net: &mut Net, rate: f64) {
        let publishers = self.progress.len() as u64;
        let due = (self.started.elapsed().as_secs_f64() * rate) as u64;
        let mut sent: u64 = self.progress.iter().map(|progress| progress.sent).sum();
        while sent < due.min(self.load.count) {
            let time = (sent as f64 / rate * 1e9) as u64;
            self.publish(net, (sent % publishers) as usize, time);
            sent += 1;
        }
    }

    fn publish(&mut self, net: &mut Net, number: usize, time: u64) {
        let publisher = &self.load.publishers[number];
        let progress = &mut self.progress[number];
        let template = &publisher.templates[progress.next_template];
        progress.next_template += 1;
        if progress.next_template == publisher.templates.len() {
            progress.next_template = 0;
        }
        let out = net.out(publisher.connection);
        template.write(out, progress.next_identifier, number as u32, progress.sent as u32, time);
        progress.sent += 1;
        if self.load.qos > 0 {
            progress.in_flight += 1;
            progress.next_identifier = progress.next_identifier.checked_add(1).unwrap_or(1);
        }
    }

    fn packet(&mut self, connection: usize, packet: Incoming<'_>, out: &mut Vec<u8>) -> Result<()> {
        match packet {
            Incoming::Publish { qos, packet_identifier, payload } => {
                self.delivered(connection, payload)?;
                match qos {
                    0 => {}
                    1 => wire::acknowledge(out, 0x40, packet_identifier),
                    _ => wire::acknowledge(out, 0x50, packet_identifier),
                }
            }
            Incoming::Pubrel(id) => wire::acknowledge(out, 0x70, id),
            Incoming::Pubrec(id) => wire::acknowledge(out, 0x62, id),
            Incoming::Puback(_) | Incoming::Pubcomp(_) => self.acknowledged(connection)?,
            other => bail!("unexpected: {other:?}"),
        }
        Ok(())
    }

    fn acknowledged(&mut self, connection: usize) -> Result<()> {
        // Publishers were connected one after the other.
        let number = connection.checked_sub(self.load.publishers[0].connection);
        let progress = number.and_then(|number| self.progress.get_mut(number));
        match progress {
            Some(progress) if progress.in_flight > 0 => progress.in_flight -= 1,
            _ => bail!("an acknowledgement of nothing"),
        }
        Ok(())
    }

    fn delivered(&mut self, connection: usize, payload: &[u8]) -> Result<()> {
        let (publisher, sequence, time) = wire::stamp(payload)?;
        let publishers = self.progress.len();
        let (Some(progress), Some(subscriber)) =
            (self.progress.get_mut(publisher), connection.checked_sub(self.load.first_subscriber))
        else {
            bail!("a message for nobody");
        };
        let expected = &mut self.expected[subscriber * publishers + publisher];
        if sequence < *expected || u64::from(sequence) >= progress.sent {
            bail!("message {sequence} of publisher {publisher} came twice, late, or from nowhere");
        }
        if self.load.consecutive && sequence != *expected {
            bail!("messages {expected} to {sequence} of publisher {publisher} were lost");
        }
        *expected = sequence + 1;
        progress.seen += 1;
        self.deliveries += 1;
        if self.load.rate.is_some() {
            let instant = Instant::now();
            self.gap.delivered(instant);
            let now = (instant - self.started).as_nanos() as u64;
            self.latencies.push(u32::try_from(now.saturating_sub(time)).unwrap_or(u32::MAX));
        }
        Ok(())
    }

    fn add_latencies(&mut self, figures: &mut Map<String, Value>) {
        if self.latencies.is_empty() {
            return;
        }
        self.latencies.sort_unstable();
        let last = self.latencies.len() - 1;
        for (name, share) in [("p50_us", 0.5), ("p99_us", 0.99), ("max_us", 1.0)] {
            let value = self.latencies[(last as f64 * share) as usize];
            figures.insert(name.into(), rounded(f64::from(value) / 1000.0));
        }
        figures.insert("rate".into(), json!(self.load.rate));
        figures.insert("max_gap_ms".into(), rounded(self.gap.largest()));
        if let Some(beside) = &self.load.beside {
            beside.report(self.started.elapsed(), figures);
        }
    }
}
