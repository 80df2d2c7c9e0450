//! mqtt-rr: publishes a request and prints the first message on the Response Topic.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::Exit;
use super::format::Formatter;
use super::link::{Link, Lost};
use super::output::{Output, Style};
use super::paint::Paint;
use super::report::{RefusalWords, Report};
use super::start::start;
use super::{asking, patience, serving, settings, source};
use crate::client::{Event, Outgoing, PublishError};
use crate::options::{self, MessageSource, Program, RequestJob, Talk};
use crate::protocol::{PropertiesBuf, Property, ReasonCode, SubscriptionOptions};

/// What mqtt-rr reads at a time.
pub(super) const READ_SIZE: usize = 8 * 1024;

/// How long a broker that doesn't close is waited for at the end.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// What is to be done after the packets of one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    GoOn,
    Subscribe,
    Publish,
    /// The answer was printed.
    Answered,
    Refuse(ReasonCode),
    Denied(ReasonCode),
    /// The broker didn't take the request, and `--strict` was asked for: nobody will answer.
    RequestDenied,
    Lost,
}

struct Requester {
    job: RequestJob,
    payload: Vec<u8>,
    link: Link,
    output: Output,
    style: Style,
    report: Report,
    deadline: Option<Instant>,
    answered: bool,
    /// When the request went out, if that matters.
    asked: Option<Instant>,
}

/// The whole of mqtt-rr: parses this process's command line and does what it says.
pub fn main() -> std::process::ExitCode {
    start(Program::Request, options::request_job, run)
}

/// Runs the job to its end.
pub fn run(job: RequestJob) -> Exit {
    if job.talk.serve.is_some() {
        return serving::run(job);
    }
    if job.talk != Talk::default() || job.message == MessageSource::StdinLines {
        return asking::run(job);
    }
    let report = Report::new(job.connection.quiet);
    let Some(payload) = source::read_message(&job.message, Report::new(false)) else { return Exit::Failure };
    let client = match settings::client(&job.connection, 1) {
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
    let deadline = job.timeout.map(|timeout| Instant::now() + timeout);
    let output = Output::default();
    let style = style_of(&job);
    let mut requester =
        Requester { job, payload, link, output, style, report, deadline, answered: false, asked: None };
    let exit = requester.run();
    requester.output.trace(&mut requester.link.outbox);
    let _ = requester.output.flush();
    if exit == Exit::TimedOut {
        report.timed_out();
    }
    exit
}

/// How answers are printed.
pub(super) fn style_of(job: &RequestJob) -> Style {
    Style {
        verbose: job.verbose,
        line_end: job.line_end,
        watch: None,
        top: None,
        paint: job.color.and_then(Paint::new),
        format: job.format.clone().map(|format| Formatter::new(format, job.pretty)),
    }
}

/// How the response topic, or that of requests, is subscribed to.
pub(super) fn subscription_options(job: &RequestJob) -> SubscriptionOptions {
    SubscriptionOptions {
        qos: job.qos,
        no_local: false,
        retain_as_published: job.retain_as_published,
        retain_handling: job.retain_handling,
    }
}

impl Requester {
    fn run(&mut self) -> Exit {
        loop {
            match self.turn() {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(exit)) => return exit,
                Err(Lost::Violation(violation)) => {
                    self.link.flush();
                    self.report.violation(violation);
                    self.report.hint(self.link.hint());
                    return Exit::ProtocolError;
                }
                Err(Lost::Tls(error)) if !self.answered => {
                    self.report.tls_failed(&error);
                    return Exit::TlsFailed;
                }
                Err(Lost::WebSocket(error)) if !self.answered => {
                    self.report.web_socket_failed(&error);
                    return Exit::WebSocketFailed;
                }
                Err(_) if self.answered => return Exit::Success,
                Err(_) => {
                    self.report.connection_lost();
                    self.report.hint(self.link.hint());
                    return Exit::ConnectionLost;
                }
            }
        }
    }

    fn turn(&mut self) -> Result<ControlFlow<Exit>, Lost> {
        self.link.flush();
        let until = [self.link.connection.deadline(), self.deadline].into_iter().flatten().min();
        let ready = match self.link.wait(None, until) {
            Ok(ready) => ready,
            Err(error) => {
                self.report.line(format_args!("Error: {error}"));
                return Ok(ControlFlow::Break(Exit::Failure));
            }
        };
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ok(ControlFlow::Break(self.leave(Exit::TimedOut)));
        }
        if ready.input && self.link.receive()? {
            loop {
                let step = self.events()?;
                if step == Step::GoOn {
                    break;
                }
                if let Some(exit) = self.take_step(step)? {
                    return Ok(ControlFlow::Break(exit));
                }
            }
        }
        self.link.tick()?;
        Ok(ControlFlow::Continue(()))
    }

    fn events(&mut self) -> Result<Step, Lost> {
        let Requester { job, link, output, style, report, answered, asked, .. } = self;
        let mut step = Step::GoOn;
        link.events(|event, outbox| {
            step = match event {
                Event::Accepted(_) => Step::Subscribe,
                Event::Refused(connack) => Step::Refuse(connack.code),
                Event::Subscribed(suback) => match suback.codes.first().map(|code| ReasonCode(*code)) {
                    Some(code) if code.is_error() => Step::Denied(code),
                    _ => Step::Publish,
                },
                Event::Message(message) if !(message.retain && job.no_retained) => {
                    output.trace(outbox);
                    output.message(style, &message, |unfit| report.unfit(unfit, message.topic));
                    if let Some(asked) = asked {
                        output.line(&latency(asked.elapsed()));
                    }
                    *answered = true;
                    Step::Answered
                }
                Event::Completed { packet_identifier, reason, properties } if reason.is_error() => {
                    report.publish_failed(packet_identifier, reason, properties.reason_string());
                    report.advise_publisher(reason);
                    if job.connection.strict { Step::RequestDenied } else { Step::GoOn }
                }
                Event::Disconnected(_) => Step::Lost,
                _ => Step::GoOn,
            };
            if step == Step::GoOn { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if step == Step::GoOn && *answered && link.connection.unreleased() == 0 {
            step = Step::Answered;
        }
        Ok(step)
    }

    fn take_step(&mut self, step: Step) -> Result<Option<Exit>, Lost> {
        match step {
            Step::GoOn => {}
            Step::Subscribe => self.subscribe(),
            Step::Publish => return Ok(self.publish()),
            Step::Answered if self.link.connection.unreleased() > 0 => self.link.connection.stop_receiving(),
            Step::Answered => {
                // mosquitto_rr goes without DISCONNECT here, and so do we: the Will is sent.
                self.link.finish_reading(Instant::now() + PATIENCE);
                return Ok(Some(Exit::Success));
            }
            Step::Refuse(code) => {
                self.report.refused(code, self.job.connection.version, RefusalWords::OfV5);
                return Ok(Some(self.leave(Exit::Refused(code))));
            }
            Step::Denied(code) => {
                let (filter, version) = (&self.job.response_topic, self.job.connection.version);
                self.report.only_subscription_denied(filter, code, version);
                let strict = self.job.connection.strict;
                return Ok(Some(self.leave(if strict { Exit::SubscriptionsDenied } else { Exit::Success })));
            }
            Step::RequestDenied => return Ok(Some(self.leave(Exit::PublishDenied))),
            Step::Lost => return Err(Lost::Closed),
        }
        Ok(None)
    }

    fn subscribe(&mut self) {
        let filter = (self.job.response_topic.as_str(), subscription_options(&self.job));
        let Link { connection, outbox, .. } = &mut self.link;
        let properties = self.job.connection.properties.subscribe.as_properties();
        connection.subscribe(&[filter], properties, outbox);
    }

    fn publish(&mut self) -> Option<Exit> {
        let mut properties = PropertiesBuf::default();
        if self.job.connection.version.is_v5() {
            properties.extend(self.job.connection.properties.publish.as_properties());
            properties.push(Property::ResponseTopic(&self.job.response_topic));
        }
        let message = Outgoing {
            topic: &self.job.topic,
            payload: &self.payload,
            qos: self.job.qos,
            retain: false,
            properties: properties.as_properties(),
        };
        self.asked = self.job.latency.then(Instant::now);
        let published = match self.job.connection.properties.publish_is_illegal {
            true => Err(PublishError::PropertiesInvalid),
            false => self.link.connection.publish(&message, &mut self.link.outbox),
        };
        let error = published.err()?;
        self.report.not_published(error);
        self.leave(Exit::ConnectionLost);
        self.report.connection_lost();
        Some(Exit::ConnectionLost)
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

/// How long the answer took, in the unit that suits it.
fn latency(time: Duration) -> String {
    let nanoseconds = time.as_nanos();
    match nanoseconds {
        0..1_000 => format!("Latency: {nanoseconds}ns"),
        1_000..1_000_000 => format!("Latency: {:.6}µs", nanoseconds as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("Latency: {:.6}ms", nanoseconds as f64 / 1e6),
        _ => format!("Latency: {}.{:09}s", time.as_secs(), time.subsec_nanos()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_have_their_units() {
        for (nanoseconds, expected) in [
            (999, "Latency: 999ns"),
            (1_500, "Latency: 1.500000µs"),
            (2_000_001, "Latency: 2.000001ms"),
            (1_000_000_002, "Latency: 1.000000002s"),
        ] {
            assert_eq!(latency(Duration::from_nanos(nanoseconds)), expected);
        }
    }
}
