//! mqtt-rr with more than one request and one answer: lines of requests, several answers, answers told apart by
//! their Correlation Data, and measuring with messages to itself.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::Exit;
use super::lines::{Lines, Stdin};
use super::link::{Link, Lost};
use super::output::{Output, Style};
use super::report::{RefusalWords, Report, system_words};
use super::request::{PATIENCE, READ_SIZE, style_of, subscription_options};
use super::{patience, settings, source};
use crate::client::{Event, Outgoing};
use crate::options::{MessageSource, RequestJob};
use crate::protocol::{PropertiesBuf, Property, Publish, ReasonCode};

/// Where the requests come from.
enum Requests {
    /// The same one so many times more.
    Message(Vec<u8>, u32),
    Lines(Box<Lines<Stdin>>),
}

/// A request that waits for answers.
struct Pending {
    correlation: Option<Vec<u8>>,
    /// What comes back must be this.
    echo: Option<Vec<u8>>,
    left: u32,
    sent: Instant,
}

struct Asker {
    job: RequestJob,
    link: Link,
    output: Output,
    style: Style,
    report: Report,
    requests: Requests,
    subscribed: bool,
    pending: Option<Pending>,
    asked: u64,
    /// What the numbers of requests are made unique with.
    nonce: [u8; 8],
    times: Vec<Duration>,
    /// Why it ends, from a packet.
    ended: Option<Exit>,
}

/// Runs the job to its end.
pub fn run(job: RequestJob) -> Exit {
    let report = Report::new(job.connection.quiet);
    let requests = match &job.message {
        MessageSource::StdinLines => Requests::Lines(Box::new(Lines::new(Stdin))),
        source => {
            let Some(payload) = source::read_message(source, Report::new(false)) else {
                return Exit::Failure;
            };
            Requests::Message(payload, job.talk.echo.unwrap_or(1))
        }
    };
    let mut nonce = [0; 8];
    let client = getrandom::fill(&mut nonce)
        .map_err(std::io::Error::from)
        .and_then(|()| settings::client(&job.connection, job.connection.max_inflight));
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            report.line(format_args!("Error: {error}"));
            return Exit::Failure;
        }
    };
    let mut link = Link::new(client, settings::target(&job.connection), job.connection.debug, READ_SIZE);
    link.trace_packets(job.connection.trace);
    if let Err(error) = patience::open(&mut link, &job.connection.patience) {
        report.not_connected(&error);
        return Exit::Failure;
    }
    let style = style_of(&job);
    let mut asker = Asker {
        job,
        link,
        output: Output::default(),
        style,
        report,
        requests,
        subscribed: false,
        pending: None,
        asked: 0,
        nonce,
        times: Vec::new(),
        ended: None,
    };
    let exit = asker.run();
    asker.output.trace(&mut asker.link.outbox);
    let _ = asker.output.flush();
    if exit == Exit::TimedOut {
        report.timed_out();
    }
    exit
}

impl Asker {
    fn run(&mut self) -> Exit {
        loop {
            match self.turn() {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(exit)) => return exit,
                Err(Lost::Violation(violation)) => {
                    self.link.flush();
                    self.report.violation(violation);
                    return Exit::ProtocolError;
                }
                Err(Lost::Tls(error)) => {
                    self.report.tls_failed(&error);
                    return Exit::TlsFailed;
                }
                Err(Lost::WebSocket(error)) => {
                    self.report.web_socket_failed(&error);
                    return Exit::WebSocketFailed;
                }
                Err(_) => {
                    self.report.connection_lost();
                    self.report.hint(self.link.hint());
                    return Exit::ConnectionLost;
                }
            }
        }
    }

    fn turn(&mut self) -> Result<ControlFlow<Exit>, Lost> {
        if self.subscribed && self.pending.is_none() {
            match self.ask() {
                Ok(true) => return Ok(ControlFlow::Break(self.finish())),
                Ok(false) => {}
                Err(exit) => return Ok(ControlFlow::Break(exit)),
            }
        }
        self.link.flush();
        if self.output.flush().is_err() {
            return Ok(ControlFlow::Break(self.leave(Exit::Success)));
        }
        let stdin = self.wants_stdin().then(rustix::stdio::stdin);
        let deadline = self.deadline();
        let until = [self.link.connection.deadline(), deadline].into_iter().flatten().min();
        let ready = match self.link.wait(stdin, until) {
            Ok(ready) => ready,
            Err(error) => {
                self.report.line(format_args!("Error: {error}"));
                return Ok(ControlFlow::Break(Exit::Failure));
            }
        };
        if ready.other
            && let Requests::Lines(lines) = &mut self.requests
            && let Err(error) = lines.fill()
        {
            self.report.line(format_args!("Error: {}", system_words(&error)));
        }
        if ready.input && self.link.receive()? {
            self.events()?;
            if let Some(exit) = self.ended.take() {
                return Ok(ControlFlow::Break(self.leave(exit)));
            }
        }
        if self.pending.is_some() && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ok(ControlFlow::Break(self.leave(Exit::TimedOut)));
        }
        self.link.tick()?;
        Ok(ControlFlow::Continue(()))
    }

    /// Each request has the time of `-W` to itself.
    fn deadline(&self) -> Option<Instant> {
        Some(self.pending.as_ref()?.sent + self.job.timeout?)
    }

    fn wants_stdin(&mut self) -> bool {
        match &mut self.requests {
            Requests::Lines(lines) => {
                self.subscribed && self.pending.is_none() && !lines.has_ended() && !lines.has_line()
            }
            Requests::Message(..) => false,
        }
    }

    /// Publishes the next request. `true`: there was none, and none will come.
    fn ask(&mut self) -> Result<bool, Exit> {
        let Asker { requests, job, asked, nonce, link, pending, .. } = self;
        let payload = match requests {
            Requests::Message(_, 0) => return Ok(true),
            Requests::Message(payload, left) => {
                *left -= 1;
                match payload.is_empty() && job.talk.echo.is_some() {
                    true => format!("{asked}").into_bytes(),
                    false => payload.clone(),
                }
            }
            Requests::Lines(lines) => match lines.next() {
                Some(line) => line.to_vec(),
                None => return Ok(lines.is_done()),
            },
        };
        *asked += 1;
        let mut properties = PropertiesBuf::default();
        let mut correlation = None;
        if job.connection.version.is_v5() {
            let given = job.connection.properties.publish.as_properties();
            properties.extend(given);
            if job.talk.echo.is_none() {
                properties.push(Property::ResponseTopic(&job.response_topic));
                let made = || [&nonce[..], &asked.to_be_bytes()].concat();
                let data = given.correlation_data().map_or_else(made, <[u8]>::to_vec);
                if given.correlation_data().is_none() {
                    properties.push(Property::CorrelationData(&data));
                }
                correlation = Some(data);
            }
        }
        let message = Outgoing {
            topic: &job.topic,
            payload: &payload,
            qos: job.qos,
            retain: false,
            properties: properties.as_properties(),
        };
        let sent = Instant::now();
        let published = link.connection.publish(&message, &mut link.outbox);
        let echo = job.talk.echo.is_some().then_some(payload);
        let left = job.talk.responses.unwrap_or(1);
        *pending = Some(Pending { correlation, echo, left, sent });
        match published {
            Ok(_) => Ok(false),
            Err(error) => {
                self.report.not_published(error);
                Err(self.leave(Exit::ConnectionLost))
            }
        }
    }

    fn events(&mut self) -> Result<(), Lost> {
        let Asker { job, link, output, style, report, pending, subscribed, times, ended, .. } = self;
        let mut accepted = false;
        let mut lost = false;
        link.events(|event, outbox| {
            match event {
                Event::Accepted(_) => accepted = true,
                Event::Refused(connack) => {
                    report.refused(connack.code, job.connection.version, RefusalWords::OfV5);
                    *ended = Some(Exit::Refused(connack.code));
                }
                Event::Subscribed(suback) => match suback.codes.first().map(|code| ReasonCode(*code)) {
                    Some(code) if code.is_error() => {
                        let version = job.connection.version;
                        report.only_subscription_denied(&job.response_topic, code, version);
                        *ended = Some(Exit::SubscriptionsDenied);
                    }
                    _ => *subscribed = true,
                },
                Event::Message(message) if is_answer(job, pending.as_ref(), &message) => {
                    if job.talk.echo.is_none() {
                        output.trace(outbox);
                        output.message(style, &message, |unfit| report.unfit(unfit, message.topic));
                    }
                    one_answer(pending, times);
                }
                Event::Completed { packet_identifier, reason, properties } if reason.is_error() => {
                    report.publish_failed(packet_identifier, reason, properties.reason_string());
                    report.advise_publisher(reason);
                    // Nobody will answer what nobody got.
                    *ended = Some(Exit::PublishDenied);
                }
                Event::Disconnected(_) => lost = true,
                _ => {}
            }
            if ended.is_some() || lost { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if accepted {
            let filter = (job.response_topic.as_str(), subscription_options(job));
            let properties = job.connection.properties.subscribe.as_properties();
            link.connection.subscribe(&[filter], properties, &mut link.outbox);
        }
        if lost { Err(Lost::Closed) } else { Ok(()) }
    }

    /// Everything was asked and answered.
    fn finish(&mut self) -> Exit {
        let mut exit = Exit::Success;
        if self.job.talk.echo.is_some() {
            let p99 = self.tell_times();
            if self.job.talk.max_p99.is_some_and(|most| p99 > most) {
                exit = Exit::TooSlow;
            }
        }
        self.leave(exit)
    }

    /// Prints how long the round trips took. The 99th percentile.
    fn tell_times(&mut self) -> Duration {
        self.times.sort_unstable();
        let of = |percent: usize| percentile(&self.times, percent);
        let milliseconds = |time: Duration| format!("{:.3} ms", time.as_secs_f64() * 1000.0);
        self.output.line(&format!(
            "{} round trips: p50 {}, p99 {}, max {}",
            self.times.len(),
            milliseconds(of(50)),
            milliseconds(of(99)),
            milliseconds(of(100))
        ));
        of(99)
    }

    fn leave(&mut self, exit: Exit) -> Exit {
        if self.link.is_connected() {
            let properties = self.job.connection.properties.disconnect.as_properties();
            self.link.connection.disconnect(ReasonCode::SUCCESS, properties, &mut self.link.outbox);
            self.link.finish_reading(Instant::now() + PATIENCE);
        }
        exit
    }
}

/// Whether a message answers the request that waits: not if its Correlation Data are another's.
fn is_answer(job: &RequestJob, pending: Option<&Pending>, message: &Publish<'_>) -> bool {
    let Some(pending) = pending.filter(|_| !(message.retain && job.no_retained)) else { return false };
    match (&pending.echo, &pending.correlation) {
        (Some(echo), _) => message.payload == echo,
        (None, Some(data)) => match message.properties.correlation_data() {
            Some(answered) => answered == data,
            None => !job.talk.correlate,
        },
        (None, None) => true,
    }
}

fn one_answer(pending: &mut Option<Pending>, times: &mut Vec<Duration>) {
    if let Some(waiting) = pending {
        waiting.left -= 1;
        if waiting.left == 0 {
            times.push(waiting.sent.elapsed());
            *pending = None;
        }
    }
}

/// The time that so many in a hundred took at most.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&times, 100), Duration::from_millis(200));
        assert_eq!(percentile(&times[..1], 50), Duration::from_millis(1));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }
}
