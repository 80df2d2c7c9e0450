//! One request and its answer: subscribes to the response topic, publishes once that stands, and takes the first
//! message that comes.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::client::{Event, Outgoing};
use crate::options::ControlJob;
use crate::protocol::{Properties, ReasonCode, SubscriptionOptions};
use crate::tools::link::{Link, Lost};
use crate::tools::report::Report;
use crate::tools::{patience, settings};

/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a broker that doesn't close is waited for at the end.
const GOODBYE: Duration = Duration::from_secs(1);
/// What is read at a time.
const READ_SIZE: usize = 64 * 1024;

/// Exit code where there is no connection: a system call failed.
const SYSTEM: u8 = 14;
/// Exit code of a broker that sends what it must not.
const PROTOCOL: u8 = 2;
/// Exit code of a lost connection.
const LOST: u8 = 7;

/// Where it stands.
enum State {
    Waiting,
    Subscribe,
    Publish,
    Answered(Zeroizing<Vec<u8>>),
    Failed(String),
}

/// Asks; `Err`: the exit code, after what is to be said was said.
pub(super) fn exchange(
    job: &ControlJob,
    topic: &str,
    payload: &[u8],
    report: Report,
) -> Result<Zeroizing<Vec<u8>>, u8> {
    let client = settings::client(&job.connection, 20).map_err(|error| {
        report.line(format_args!("Error: {error}"));
        SYSTEM
    })?;
    let mut link = Link::new(client, settings::target(&job.connection), job.connection.debug, READ_SIZE);
    patience::open(&mut link, &job.connection.patience).map_err(|error| {
        report.not_connected(&error);
        SYSTEM
    })?;
    let result = converse(job, topic, payload, &mut link, report);
    if job.connection.debug {
        trace(&mut link);
    }
    result
}

fn converse(
    job: &ControlJob,
    topic: &str,
    payload: &[u8],
    link: &mut Link,
    report: Report,
) -> Result<Zeroizing<Vec<u8>>, u8> {
    let deadline = Instant::now() + ANSWER;
    let response_topic = format!("{topic}/response");
    loop {
        let state = match turn(link, deadline, &job.connection) {
            Ok(state) => state,
            Err(lost) => return Err(say_lost(link, &lost, report)),
        };
        match state {
            State::Waiting if Instant::now() >= deadline => {
                leave(link);
                return Err(0);
            }
            State::Waiting => {}
            State::Subscribe => {
                let options = SubscriptionOptions { qos: job.qos, ..SubscriptionOptions::default() };
                let Link { connection, outbox, .. } = &mut *link;
                connection.subscribe(&[(response_topic.as_str(), options)], Properties::EMPTY, outbox);
            }
            State::Publish => {
                let message =
                    Outgoing { topic, payload, qos: job.qos, retain: false, properties: Properties::EMPTY };
                if let Err(error) = link.connection.publish(&message, &mut link.outbox) {
                    report.not_published(error);
                    return Err(LOST);
                }
            }
            State::Answered(answer) => {
                leave(link);
                return Ok(answer);
            }
            State::Failed(line) => {
                report.line(format_args!("{line}"));
                leave(link);
                return Err(0);
            }
        }
    }
}

/// Writes, waits, reads, and says what that has led to.
fn turn(
    link: &mut Link,
    deadline: Instant,
    settings: &crate::options::ConnectionSettings,
) -> Result<State, Lost> {
    link.flush();
    let until = link.connection.deadline().map_or(deadline, |at| at.min(deadline));
    let ready = link.wait(None, Some(until)).map_err(|_| Lost::Closed)?;
    let mut state = State::Waiting;
    if ready.input && link.receive()? {
        link.events(|event, _| {
            state = match event {
                Event::Accepted(_) => State::Subscribe,
                Event::Refused(connack) => {
                    State::Failed(format!("Connection error: {}", refused(connack.code, settings)))
                }
                Event::Subscribed(suback) => match suback.codes.first().map(|code| ReasonCode(*code)) {
                    Some(code) if code.is_error() => {
                        State::Failed(format!("Subscribe error: {}", code.text()))
                    }
                    _ => State::Publish,
                },
                Event::Message(message) => State::Answered(Zeroizing::new(message.payload.to_vec())),
                Event::Completed { reason, .. } if reason.is_error() => {
                    State::Failed(format!("Publish error: {}", reason.text()))
                }
                _ => State::Waiting,
            };
            if matches!(state, State::Waiting) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if !matches!(state, State::Waiting) && !link.received().is_empty() {
            link.unread();
        }
    }
    link.tick()?;
    Ok(state)
}

fn refused(code: ReasonCode, settings: &crate::options::ConnectionSettings) -> String {
    if settings.version.is_v5() {
        return code.text().to_owned();
    }
    match code.0 {
        4 => "Bad user name or password".to_owned(),
        5 => "Not authorized".to_owned(),
        other => format!("refused with code {other}"),
    }
}

fn say_lost(link: &Link, lost: &Lost, report: Report) -> u8 {
    match lost {
        Lost::Violation(violation) => {
            report.violation(*violation);
            PROTOCOL
        }
        Lost::Tls(error) => {
            report.tls_failed(error);
            SYSTEM
        }
        Lost::WebSocket(error) => {
            report.web_socket_failed(error);
            SYSTEM
        }
        _ => {
            report.connection_lost();
            report.hint(link.hint());
            LOST
        }
    }
}

fn leave(link: &mut Link) {
    if link.is_connected() {
        link.connection.disconnect(ReasonCode::SUCCESS, Properties::EMPTY, &mut link.outbox);
        link.finish_reading(Instant::now() + GOODBYE);
    }
}

/// What was sent and received.
fn trace(link: &mut Link) {
    let mut output = crate::tools::output::Output::default();
    output.trace(&mut link.outbox);
    let _ = output.flush();
}
