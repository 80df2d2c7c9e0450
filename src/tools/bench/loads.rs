//! The loads of publishers and subscribers that stand while it runs.

use std::io::Write;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};

use super::beside::{Beside, Reload};
use super::net::{self, Net};
use super::options::{Messages, Subscriptions};
use super::report::rounded;
use super::traffic::{Load, Publisher};
use super::wire::{self, Incoming, Template};

/// The figures of a run.
pub type Figures = Map<String, Value>;

/// Connects `count` publishers, each with a topic of its own.
fn publishers(net: &mut Net, count: usize, messages: &Messages) -> Result<Vec<Publisher>> {
    ensure!(count > 0, "there must be a client");
    (0..count)
        .map(|number| {
            let connection = net.connect(&format!("publisher-{number}"), true, &[], 0)?;
            let template =
                Template::new(&net.users().topic(number), messages.qos, false, messages.size, net.v5);
            Ok(Publisher { connection, templates: vec![template] })
        })
        .collect()
}

fn load(publishers: Vec<Publisher>, subscribers: usize, receivers: usize, messages: &Messages) -> Load {
    let first_subscriber = publishers.len();
    Load {
        connections: first_subscriber + subscribers,
        publishers,
        first_subscriber,
        receivers: receivers as u64,
        consecutive: true,
        qos: messages.qos,
        window: messages.window,
        count: messages.count,
        rate: None,
        beside: None,
    }
}

/// N → N, each publisher to its own subscriber.
pub fn pairs(net: &mut Net, clients: usize, messages: &Messages, rate: Option<f64>) -> Result<Load> {
    let publishers = publishers(net, clients, messages)?;
    for number in 0..clients {
        let filter = net.users().topic(number);
        net.connect(&format!("subscriber-{number}"), true, &[filter], messages.qos)?;
    }
    Ok(Load { rate, ..load(publishers, clients, 1, messages) })
}

/// One pair at a fixed rate beside connections that only stand there, while the configuration is reloaded.
pub fn reload(net: &mut Net, connections: usize, times: u64, rate: f64, pid: Option<u32>) -> Result<Load> {
    let count = (rate * (times + 1) as f64) as u64;
    let messages = Messages { count, qos: 0, size: 64, window: u64::MAX };
    let load = pairs(net, 1, &messages, Some(rate))?;
    for number in 0..connections {
        let filter = net.users().topic(number + 1);
        net.connect(&format!("idle-{}", number + 1), true, &[filter], 0)?;
    }
    Ok(Load { beside: Some(Beside::Reload(Reload::new(pid, times)?)), ..load })
}

/// N → 1.
pub fn fan_in(net: &mut Net, clients: usize, messages: &Messages) -> Result<Load> {
    let publishers = publishers(net, clients, messages)?;
    net.connect("subscriber", true, &["bench/+".into()], messages.qos)?;
    Ok(load(publishers, 1, 1, messages))
}

/// 1 → 1, the subscriber at another broker; begins when the bridge between them stands.
pub fn bridge(net: &mut Net, here: SocketAddr, there: SocketAddr, messages: &Messages) -> Result<Load> {
    await_bridge(here, net.v5)?;
    let publishers = publishers(net, 1, messages)?;
    net.connect_to(there, "subscriber", true, &["bench/+".into()], messages.qos)?;
    Ok(load(publishers, 1, 1, messages))
}

/// Waits until a broker says that a bridge of its is connected.
fn await_bridge(broker: SocketAddr, v5: bool) -> Result<()> {
    let mut stream = net::open(broker)?;
    net::handshake(&mut stream, "watch", true, v5, None)?;
    stream.write_all(&wire::subscribe(["$SYS/broker/connection/+/state"], 0, v5))?;
    loop {
        let packet = net::read_packet(&mut stream).context("waiting for the bridge")?;
        if let Some((Incoming::Publish { payload: b"1", .. }, _)) = wire::next(&packet, v5)? {
            return Ok(());
        }
    }
}

/// 1 → N.
pub fn fan_out(net: &mut Net, clients: usize, messages: &Messages) -> Result<Load> {
    let publishers = publishers(net, 1, messages)?;
    for number in 0..clients {
        let filter = net.users().topic(0);
        net.connect(&format!("subscriber-{number}"), true, &[filter], messages.qos)?;
    }
    Ok(load(publishers, clients, clients, messages))
}

/// Filter `number`: half of them end in `#`, half hold a `+`; no topic matches two.
fn filter(number: usize) -> String {
    match number % 2 {
        0 => format!("site/{}/+/{number}/temperature", number % 100),
        _ => format!("site/{}/room/{number}/#", number % 100),
    }
}

/// A topic that only filter `number` matches.
fn matching_topic(number: usize) -> String {
    format!("site/{}/room/{number}/temperature", number % 100)
}

/// Connects subscribers for the filters `numbers`.
fn subscribe_all(net: &mut Net, numbers: std::ops::Range<usize>, connections: usize, qos: u8) -> Result<()> {
    for first in 0..connections {
        let filters: Vec<_> = numbers.clone().skip(first).step_by(connections).map(filter).collect();
        if !filters.is_empty() {
            net.connect(&format!("subscriber-{}-{first}", numbers.start), true, &filters, qos)?;
        }
    }
    Ok(())
}

/// Templates for the topics of `some` of the first `all` subscriptions, in an order without neighbours.
fn scattered(some: usize, all: usize, messages: &Messages, v5: bool) -> Vec<Template> {
    // A prime, so that the steps reach every number once; it divides none of the round numbers in use.
    const STRIDE: usize = 7_919;
    (0..some)
        .map(|step| {
            Template::new(&matching_topic(step * STRIDE % all), messages.qos, false, messages.size, v5)
        })
        .collect()
}

/// Many subscriptions; every message matches one, and every subscription has its turn.
pub fn subscriptions(net: &mut Net, wanted: &Subscriptions, messages: &Messages) -> Result<Load> {
    ensure!(wanted.subscriptions > 0 && wanted.connections > 0, "there must be a subscription");
    let mut publishers = publishers(net, 1, messages)?;
    publishers[0].templates = scattered(wanted.subscriptions, wanted.subscriptions, messages, net.v5);
    subscribe_all(net, 0..wanted.subscriptions, wanted.connections, messages.qos)?;
    let load = load(publishers, wanted.connections.min(wanted.subscriptions), 1, messages);
    Ok(Load { consecutive: false, ..load })
}

/// The same messages to the same subscribers, with few subscriptions and then with many; last, messages
/// for all of the many.
pub fn growth(
    net: &mut Net,
    few: usize,
    many: usize,
    connections: usize,
    messages: &Messages,
    pid: Option<u32>,
) -> Result<Figures> {
    ensure!(few > 0 && few <= many && connections > 0, "few must be at most many");
    let publisher = publishers(net, 1, messages)?.remove(0).connection;
    let v5 = net.v5;
    let run = |net: &mut Net, some, all| {
        let templates = scattered(some, all, messages, v5);
        let mut load =
            load(vec![Publisher { connection: publisher, templates }], 2 * connections, 1, messages);
        load.consecutive = false;
        load.run(net, pid)
    };
    subscribe_all(net, 0..few, connections, messages.qos)?;
    let before = run(net, few, few)?;
    subscribe_all(net, few..many, connections, messages.qos)?;
    let after = run(net, few, few)?;
    let mut figures = run(net, many, many)?;
    let name = if pid.is_some() { "deliveries_per_broker_cpu_second" } else { "deliveries_per_second" };
    let speed = |figures: &Figures| figures.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let (few, same, all) = (speed(&before), speed(&after), speed(&figures));
    figures.insert("few".into(), rounded(few));
    figures.insert("many_same_topics".into(), rounded(same));
    figures.insert("many_all_topics".into(), rounded(all));
    figures.insert("cost_ratio_same_topics".into(), rounded(few / same));
    figures.insert("cost_ratio_all_topics".into(), rounded(few / all));
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subscription_has_a_topic_of_its_own() {
        let messages = Messages { count: 1, qos: 0, size: 16, window: 1 };
        let mut seen = std::collections::HashSet::new();
        for template in scattered(1000, 1000, &messages, false) {
            let mut out = Vec::new();
            template.write(&mut out, 0, 0, 0, 0);
            assert!(matches!(wire::next(&out, false), Ok(Some(_))));
            assert!(seen.insert(out));
        }
    }
}
