//! `mqtt-pub --ping`: is there a broker that lets us in and answers?

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::Exit;
use super::link::Link;
use super::report::{RefusalWords, Report};
use super::{patience, settings};
use crate::client::Event;
use crate::options::PublishJob;
use crate::protocol::ReasonCode;

/// How long everything may take unless `--connect-timeout` says otherwise.
const LIMIT: Duration = Duration::from_secs(5);

/// Connects, sends PINGREQ, and prints how long the answer took.
pub fn run(mut job: PublishJob) -> Exit {
    let report = Report::new(job.connection.quiet);
    let limit = *job.connection.patience.attempt.get_or_insert(LIMIT);
    let client = match settings::client(&job.connection, job.connection.max_inflight) {
        Ok(client) => client,
        Err(error) => {
            report.line(format_args!("Error: {error}"));
            return Exit::Failure;
        }
    };
    let mut link = Link::new(client, settings::target(&job.connection), false, 8 * 1024);
    link.trace_packets(job.connection.trace);
    if let Err(error) = patience::open(&mut link, &job.connection.patience) {
        report.not_connected(&error);
        return Exit::Failure;
    }
    let version = job.connection.version;
    let end = Instant::now() + limit;
    let mut asked = None;
    loop {
        link.flush();
        let received = link.wait(None, Some(end)).ok().filter(|ready| ready.input).map(|_| link.receive());
        let mut answered = None;
        let mut refused = None;
        let went_on = match received {
            Some(Ok(_)) => link.events(|event, _| {
                match event {
                    Event::Accepted(_) => asked = Some(Instant::now()),
                    Event::Refused(connack) => refused = Some(connack.code),
                    Event::Alive => answered = asked,
                    _ => return ControlFlow::Continue(()),
                }
                ControlFlow::Break(())
            }),
            Some(Err(lost)) => Err(lost),
            None => Ok(()),
        };
        if let Some(code) = refused {
            report.refused(code, version, RefusalWords::OfVersion);
            return Exit::Refused(code);
        }
        if went_on.is_err() {
            report.connection_lost();
            return Exit::ConnectionLost;
        }
        if let Some(asked) = answered {
            let text = format!("ping: {:.3} ms\n", asked.elapsed().as_secs_f64() * 1000.0);
            // Whoever closed it has the exit code.
            let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
            let properties = job.connection.properties.disconnect.as_properties();
            link.connection.disconnect(ReasonCode::SUCCESS, properties, &mut link.outbox);
            link.finish(Some(end));
            return Exit::Success;
        }
        if asked.is_some() && !link.connection.awaits_answer() {
            asked = Some(Instant::now());
            link.connection.ping(Instant::now(), &mut link.outbox);
        }
        if Instant::now() >= end {
            report.timed_out();
            return Exit::TimedOut;
        }
    }
}
