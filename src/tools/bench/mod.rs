//! mqtt-bench: the load generator of `benches/compare`.
//!
//! One thread with many connections. It checks what it measures: every message carries its publisher
//! and number, and a run fails if one is lost, comes twice or out of order.

mod beside;
mod durable;
mod handshakes;
mod line;
mod loads;
mod net;
mod options;
mod processes;
mod report;
mod stored;
mod traffic;
mod usage;
mod wire;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Parser;
use serde_json::Value;

use beside::{Beside, Storm};
use durable::Durable;
use handshakes::Handshakes;
use line::Way;
use loads::Figures;
use net::{Net, Users};
use options::{Choice, Options};
use processes::Tool;

/// Runs the load that the command line names and prints its figures as a line of JSON.
pub fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(figures) => {
            println!("{}", Value::Object(figures));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<Figures> {
    let common = &options.common;
    let address = SocketAddr::new(common.host, common.port);
    let deadline = Duration::from_secs(common.deadline);
    let pid = common.pid;
    let way = match (common.tls, common.ws) {
        (true, _) => Way::tls(false)?,
        (_, true) => Way::Ws,
        _ => Way::Plain,
    };
    let users = Users { count: common.users, password: common.password.clone() };
    let until = Instant::now() + deadline;
    let mut net = Net::new(address, way, users, common.v5, until)?;
    let net = &mut net;
    let load = match options.load {
        Choice::Pairs { clients, messages } => loads::pairs(net, clients, &messages, None)?,
        Choice::FanIn { clients, messages } => loads::fan_in(net, clients, &messages)?,
        Choice::FanOut { clients, messages } => loads::fan_out(net, clients, &messages)?,
        Choice::Latency { clients, rate, storm, storm_port, messages } => {
            let mut load = loads::pairs(net, clients, &messages, Some(rate))?;
            if storm > 0 {
                let address = SocketAddr::new(common.host, storm_port);
                load.beside = Some(Beside::Storm(Storm::new(address, storm)?));
            }
            load
        }
        Choice::Reload { connections, times, rate } => loads::reload(net, connections, times, rate, pid)?,
        Choice::Handshakes { count, together, resume } => {
            let handshakes = Handshakes { count, together, resume, will: false };
            return handshakes.run(&Way::tls(resume)?, address, common.v5, until, pid);
        }
        Choice::Connects { count, together, will } => {
            let handshakes = Handshakes { count, together, resume: false, will };
            return handshakes.run(&Way::Plain, address, common.v5, until, pid);
        }
        Choice::Bridge { to, to_pid, messages } => {
            let there = SocketAddr::new(common.host, to);
            let load = loads::bridge(net, address, there, &messages)?;
            return load.run(net, pid.into_iter().chain(to_pid));
        }
        Choice::Subscriptions { subscriptions, messages } => {
            loads::subscriptions(net, &subscriptions, &messages)?
        }
        Choice::Growth { few, many, connections, messages } => {
            return loads::growth(net, few, many, connections, &messages, pid);
        }
        Choice::Retained { count, size, times } => return stored::retained(net, count, size, times, pid),
        Choice::Queue { count, size, qos, window } => {
            return stored::queue(net, address, count, size, qos, window, pid);
        }
        Choice::Durable { sessions, clients, apart, leave, take, count, size, window } => {
            let durable = Durable { sessions, publishers: clients, apart, count, size, window };
            let mut figures = if take { Figures::new() } else { durable.fill(net, address, pid)? };
            if !leave {
                figures.insert("taken".into(), durable.take(net)?.into());
            }
            return Ok(figures);
        }
        Choice::Acknowledge { count, size, folder } => {
            return durable::acknowledge(net, address, count, size, &folder, pid);
        }
        Choice::Idle { connections } => return processes::idle(net, connections, pid),
        Choice::Connect { runs, command } => return processes::connect(address, common.v5, runs, &command),
        Choice::Tool { runs, feed, payload, expect, stdin, stdout, command } => {
            return Tool { runs, feed, payload, expect, stdin, stdout, command }.run(deadline);
        }
    };
    load.run(net, pid)
}
