//! What the broker keeps: retained messages, and the queue of a session whose client is away.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::loads::Figures;
use super::net::{Net, handshake, open};
use super::report::{Meter, rounded};
use super::wire::{self, Incoming, Template};

const PATIENCE: Duration = Duration::from_millis(500);

/// Sets `count` retained messages, then times `times` new subscribers of `#`.
pub fn retained(net: &mut Net, count: u32, size: usize, times: u32, pid: Option<u32>) -> Result<Figures> {
    let publisher = net.connect("publisher", true, &[], 0)?;
    let started = Instant::now();
    set_retained(net, publisher, count, size)?;
    let set = started.elapsed().as_secs_f64();
    let mut subscribers = Vec::new();
    for number in 0..times {
        subscribers.push(net.connect(&format!("subscriber-{number}"), true, &[], 0)?);
    }
    let meter = Meter::start(pid)?;
    for subscriber in subscribers {
        let subscribe = wire::subscribe(["#"], 0, net.v5);
        net.out(subscriber).extend_from_slice(&subscribe);
        let mut missing = vec![true; count as usize];
        let mut arrived = 0;
        while arrived < count {
            net.turn(PATIENCE, |_, packet, _| {
                if let Incoming::Publish { payload, .. } = packet {
                    let (_, sequence, _) = wire::stamp(payload)?;
                    match missing.get_mut(sequence as usize) {
                        Some(missing) if *missing => *missing = false,
                        _ => bail!("retained message {sequence} came twice or from nowhere"),
                    }
                    arrived += 1;
                }
                Ok(())
            })?;
        }
    }
    let all = u64::from(count) * u64::from(times);
    let mut figures = meter.stop(all, all)?;
    figures.insert("set_per_second".into(), rounded(f64::from(count) / set));
    Ok(figures)
}

/// Publishes the messages at QoS 0 and a PINGREQ: its answer says that all before it were handled.
fn set_retained(net: &mut Net, publisher: usize, count: u32, size: usize) -> Result<()> {
    let mut sent = 0;
    let mut answered = false;
    while !answered {
        while sent < count && net.has_room(publisher) {
            let topic = format!("retained/{}/{sent}/temperature", sent % 100);
            let template = Template::new(&topic, 0, true, size, net.v5);
            template.write(net.out(publisher), 0, 0, sent, 0);
            sent += 1;
            if sent == count {
                net.out(publisher).extend_from_slice(&wire::PINGREQ);
            }
        }
        // Nothing answers before the end: wait only for that, or for room.
        let patience = if sent < count && !net.is_blocked(publisher) { Duration::ZERO } else { PATIENCE };
        net.turn(patience, |_, packet, _| {
            answered |= packet == Incoming::Pingresp;
            Ok(())
        })?;
    }
    Ok(())
}

/// Publishes to a session whose client is away, then lets it come back and take everything.
pub fn queue(
    net: &mut Net,
    address: std::net::SocketAddr,
    count: u64,
    size: usize,
    qos: u8,
    window: u64,
    pid: Option<u32>,
) -> Result<Figures> {
    use std::io::Write;
    // A clean session first: the one kept may be of an earlier run.
    handshake(&mut open(address)?, "away", true, net.v5, None)?;
    let mut away = open(address)?;
    handshake(&mut away, "away", false, net.v5, None)?;
    away.write_all(&wire::subscribe(["bench/queue"], qos, net.v5))?;
    super::net::expect_suback(&mut away, net.v5)?;
    away.write_all(&wire::DISCONNECT)?;
    drop(away);
    let publisher = net.connect("publisher", true, &[], 0)?;
    let meter = Meter::start(pid)?;
    fill_queue(net, publisher, count, size, qos, window)?;
    let filled = meter.stop(count, count)?;
    let meter = Meter::start(pid)?;
    let subscriber = net.connect("away", false, &[], qos)?;
    drain_queue(net, subscriber, count)?;
    let mut figures = meter.stop(count, count)?;
    // The last acknowledgements leave.
    net.turn(Duration::ZERO, |_, _, _| Ok(()))?;
    for name in ["deliveries_per_second", "deliveries_per_broker_cpu_second"] {
        let value = filled.get(name).cloned().unwrap_or(Value::Null);
        figures.insert(format!("queued_{}", name.trim_start_matches("deliveries_")), value);
    }
    figures.insert("qos".into(), json!(qos));
    Ok(figures)
}

fn fill_queue(net: &mut Net, publisher: usize, count: u64, size: usize, qos: u8, window: u64) -> Result<()> {
    let template = Template::new("bench/queue", qos, false, size, net.v5);
    let (mut sent, mut done) = (0, 0);
    while done < count {
        while sent < count && sent - done < window && net.has_room(publisher) {
            let identifier = (sent % 65_535) as u16 + 1;
            template.write(net.out(publisher), identifier, 0, sent as u32, 0);
            sent += 1;
        }
        net.turn(PATIENCE, |_, packet, out| {
            match packet {
                Incoming::Puback(_) | Incoming::Pubcomp(_) => done += 1,
                Incoming::Pubrec(id) => wire::acknowledge(out, 0x62, id),
                other => bail!("unexpected: {other:?}"),
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn drain_queue(net: &mut Net, subscriber: usize, count: u64) -> Result<()> {
    let mut arrived = 0;
    while arrived < count {
        net.turn(PATIENCE, |connection, packet, out| {
            match packet {
                Incoming::Publish { qos, packet_identifier, payload } if connection == subscriber => {
                    let (_, sequence, _) = wire::stamp(payload)?;
                    if u64::from(sequence) != arrived {
                        bail!("message {sequence} came where {arrived} was expected");
                    }
                    arrived += 1;
                    wire::acknowledge(out, if qos == 1 { 0x40 } else { 0x50 }, packet_identifier);
                }
                Incoming::Pubrel(id) => wire::acknowledge(out, 0x70, id),
                other => bail!("unexpected: {other:?}"),
            }
            Ok(())
        })?;
    }
    Ok(())
}
