//! What a broker keeps on disk: messages for many sessions that are away, and how long an acknowledgement takes beside
//! a bare sync.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::loads::Figures;
use super::net::{Net, expect_suback, handshake, open};
use super::report::{Meter, median, rounded};
use super::wire::{self, Incoming, Template};

const PATIENCE: Duration = Duration::from_millis(500);
/// What a bare sync appends before it.
const BLOCK: usize = 4096;

/// QoS 1 to durable sessions that are away.
pub struct Durable {
    /// Who is away.
    pub sessions: usize,
    /// Who publishes.
    pub publishers: usize,
    /// Session n waits for publisher n only; otherwise each for all.
    pub apart: bool,
    /// Messages, all publishers together.
    pub count: u64,
    /// Bytes of payload.
    pub size: usize,
    /// A publisher's messages not acknowledged.
    pub window: u64,
}

impl Durable {
    /// Publishes everything.
    pub fn fill(&self, net: &mut Net, address: SocketAddr, pid: Option<u32>) -> Result<Figures> {
        ensure!(self.sessions > 0 && self.publishers > 0, "there must be a session and a publisher");
        ensure!(!self.apart || self.sessions == self.publishers, "each publisher has a session of its own");
        for number in 0..self.sessions {
            let topic = if self.apart { format!("durable/{number}") } else { "durable/+".to_owned() };
            leave_session(address, &format!("away-{number}"), &topic, net.v5)?;
        }
        let mut connections = Vec::new();
        for number in 0..self.publishers {
            connections.push(net.connect(&format!("publisher-{number}"), true, &[], 0)?);
        }
        let receivers = if self.apart { 1 } else { self.sessions as u64 };
        let meter = Meter::start(pid)?;
        self.publish(net, &connections)?;
        let mut figures = meter.stop(self.count, self.count * receivers)?;
        figures.insert("sessions".into(), json!(self.sessions));
        Ok(figures)
    }

    /// Messages of one publisher.
    fn share(&self, number: usize) -> u64 {
        let publishers = self.publishers as u64;
        self.count / publishers + u64::from((number as u64) < self.count % publishers)
    }

    fn publish(&self, net: &mut Net, connections: &[usize]) -> Result<()> {
        let templates: Vec<Template> = (0..self.publishers)
            .map(|number| Template::new(&format!("durable/{number}"), 1, false, self.size, net.v5))
            .collect();
        let first = connections.first().copied().unwrap_or(0);
        let mut sent = vec![0; self.publishers];
        let mut done = vec![0; self.publishers];
        let mut all = 0;
        while all < self.count {
            for (number, &connection) in connections.iter().enumerate() {
                let until = self.share(number).min(done[number] + self.window);
                while sent[number] < until && net.has_room(connection) {
                    let identifier = (sent[number] % 65_535) as u16 + 1;
                    templates[number].write(
                        net.out(connection),
                        identifier,
                        number as u32,
                        sent[number] as u32,
                        0,
                    );
                    sent[number] += 1;
                }
            }
            net.turn(PATIENCE, |connection, packet, _| {
                ensure!(matches!(packet, Incoming::Puback(_)), "unexpected: {packet:?}");
                // They were connected one after the other.
                let done = connection.checked_sub(first).and_then(|number| done.get_mut(number));
                *done.context("an acknowledgement for nobody")? += 1;
                all += 1;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// One of the sessions comes back and must get all that it waits for, each once and in order.
    pub fn take(&self, net: &mut Net) -> Result<u64> {
        let expected = if self.apart { self.share(0) } else { self.count };
        let subscriber = net.connect("away-0", false, &[], 1)?;
        let mut next: HashMap<usize, u32> = HashMap::new();
        let mut arrived = 0;
        while arrived < expected {
            net.turn(PATIENCE, |connection, packet, out| {
                match packet {
                    Incoming::Publish { packet_identifier, payload, .. } if connection == subscriber => {
                        let (publisher, sequence, _) = wire::stamp(payload)?;
                        let next = next.entry(publisher).or_default();
                        ensure!(sequence == *next, "{sequence} of {publisher} came where {next} was due");
                        *next += 1;
                        arrived += 1;
                        wire::acknowledge(out, 0x40, packet_identifier);
                    }
                    other => bail!("unexpected: {other:?}"),
                }
                Ok(())
            })?;
        }
        // The last acknowledgements leave.
        net.turn(Duration::ZERO, |_, _, _| Ok(()))?;
        Ok(arrived)
    }
}

/// A session with one subscription whose client goes away.
fn leave_session(address: SocketAddr, client_id: &str, topic: &str, v5: bool) -> Result<()> {
    // A clean session first: the one kept may be of an earlier run.
    handshake(&mut open(address)?, client_id, true, v5, None)?;
    let mut away = open(address)?;
    handshake(&mut away, client_id, false, v5, None)?;
    away.write_all(&wire::subscribe([topic], 1, v5))?;
    expect_suback(&mut away, v5)?;
    away.write_all(&wire::DISCONNECT)?;
    Ok(())
}

/// One message after the other to a session that is away, and after each a bare append and sync to a file of our own
/// in `folder`: how long each took.
pub fn acknowledge(
    net: &mut Net,
    address: SocketAddr,
    count: u64,
    size: usize,
    folder: &Path,
    pid: Option<u32>,
) -> Result<Figures> {
    leave_session(address, "away-0", "durable/+", net.v5)?;
    let publisher = net.connect("publisher-0", true, &[], 0)?;
    let template = Template::new("durable/0", 1, false, size, net.v5);
    let path = folder.join("bare");
    let mut bare = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
    let block = [0x5a; BLOCK];
    let (mut answers, mut syncs) = (Vec::new(), Vec::new());
    let meter = Meter::start(pid)?;
    for number in 0..count {
        template.write(net.out(publisher), (number % 65_535) as u16 + 1, 0, number as u32, 0);
        let began = Instant::now();
        let mut answered = false;
        while !answered {
            net.turn(PATIENCE, |_, packet, _| {
                ensure!(matches!(packet, Incoming::Puback(_)), "unexpected: {packet:?}");
                answered = true;
                Ok(())
            })?;
        }
        answers.push(began.elapsed().as_secs_f64() * 1e6);
        let began = Instant::now();
        bare.write_all(&block)?;
        bare.sync_data()?;
        syncs.push(began.elapsed().as_secs_f64() * 1e6);
    }
    let mut figures = meter.stop(count, count)?;
    drop(bare);
    std::fs::remove_file(&path)?;
    for (name, times) in [("ack", &mut answers), ("sync", &mut syncs)] {
        times.sort_by(f64::total_cmp);
        figures.insert(format!("{name}_p99_us"), rounded(times[(times.len() - 1) * 99 / 100]));
    }
    let (answer, sync) = (median(answers), median(syncs));
    figures.insert("ack_p50_us".into(), rounded(answer));
    figures.insert("sync_p50_us".into(), rounded(sync));
    figures.insert("ack_of_sync".into(), rounded(answer / sync));
    Ok(figures)
}
