//! mqtt-pub: publishes a message once or several times, or every line of standard input.

use std::ops::ControlFlow;
use std::time::Instant;

use super::Exit;
use super::lines::{Lines, Stdin};
use super::link::{Link, Lost};
use super::output::Output;
use super::parsed_lines::ParsedLines;
use super::progress::Progress;
use super::report::{RefusalWords, Report, system_words};
use super::start::start;
use super::{patience, ping, settings, source};
use crate::client::{Event, Outgoing, PublishError, Reconnect};
use crate::options::{self, LineFormat, MessageSource, Program, PublishJob};
use crate::protocol::{PacketIdentifier, QoS, ReasonCode};

/// Standard input is left alone while this much, in bytes, waits to be written.
const OUTBOX_LIMIT: usize = 256 * 1024;

/// What mqtt-pub reads at a time: it gets little more than acknowledgements.
const READ_SIZE: usize = 8 * 1024;

/// From so many bytes on it is shown how many of a single message are sent.
const LARGE: usize = 1 << 20;

/// Where the messages come from.
enum Feed {
    /// The same message, `left` more times.
    Message {
        payload: Vec<u8>,
        left: u32,
        due: Option<Instant>,
        awaited: Option<PacketIdentifier>,
        progress: Progress,
    },
    /// A message a line.
    Lines { lines: Lines<Stdin>, progress: Progress },
    /// A line is more than a payload.
    Parsed(Box<ParsedLines>),
}

/// How a run, or one connection of it, ends.
enum End {
    Exit(Exit),
    Lost(Lost),
}

impl From<Lost> for End {
    fn from(lost: Lost) -> Self {
        End::Lost(lost)
    }
}

struct Publisher {
    job: PublishJob,
    link: Link,
    feed: Feed,
    output: Output,
    report: Report,
    /// Set by a CONNACK that refuses.
    refused: Option<ReasonCode>,
    /// The broker didn't take a message (5.0).
    denied: bool,
    /// A line couldn't be read, and those behind it weren't published.
    bad_line: bool,
}

/// The whole of mqtt-pub: parses this process's command line and does what it says.
pub fn main() -> std::process::ExitCode {
    start(Program::Publish, options::publish_job, run)
}

/// Runs the job to its end.
pub fn run(job: PublishJob) -> Exit {
    if job.message == MessageSource::Ping {
        return ping::run(job);
    }
    let report = Report::new(job.connection.quiet);
    // What can't be read is said even with --quiet: it is a wrong argument, not something that happened.
    let Some(feed) = feed_of(&job, Report::new(false)) else { return Exit::Failure };
    let client = match settings::client(&job.connection, job.connection.max_inflight) {
        Ok(client) => client,
        Err(error) => {
            report.line(format_args!("Error: {error}"));
            return Exit::Failure;
        }
    };
    let mut link = Link::new(client, settings::target(&job.connection), job.connection.debug, READ_SIZE);
    link.trace_packets(job.connection.trace);
    let mut publisher = Publisher {
        job,
        link,
        feed,
        output: Output::default(),
        report,
        refused: None,
        denied: false,
        bad_line: false,
    };
    let exit = publisher.run();
    publisher.output.trace(&mut publisher.link.outbox);
    let _ = publisher.output.flush();
    exit
}

/// Where the messages of a job come from. `None`: it can't be read, and why has been said.
fn feed_of(job: &PublishJob, report: Report) -> Option<Feed> {
    match &job.message {
        MessageSource::StdinLines if job.line_format == LineFormat::Payload => {
            let progress = Progress::of_stdin(&job.connection);
            Some(Feed::Lines { lines: Lines::new(Stdin), progress })
        }
        MessageSource::StdinLines => Some(Feed::Parsed(Box::new(ParsedLines::of_stdin(job)))),
        MessageSource::Recording(path) => match ParsedLines::of_recording(path, job) {
            Ok(lines) => Some(Feed::Parsed(Box::new(lines))),
            Err(error) => {
                let (file, why) = (path.display(), system_words(&error));
                report.line(format_args!("Error: Unable to read the recording \"{file}\": {why}."));
                None
            }
        },
        source => {
            let payload = source::read_message(source, report)?;
            let left = job.repeat.max(1);
            let progress = match payload.len() {
                _ if left > 1 => Progress::of_messages(left, &job.connection),
                LARGE.. => Progress::of_bytes(payload.len() as u64, &job.connection),
                _ => Progress::none(),
            };
            Some(Feed::Message { payload, left, due: None, awaited: None, progress })
        }
    }
}

impl Publisher {
    fn run(&mut self) -> Exit {
        if let Err(error) = patience::open(&mut self.link, &self.job.connection.patience) {
            self.report.not_connected(&error);
            return Exit::Failure;
        }
        loop {
            match self.converse() {
                End::Exit(exit) => return exit,
                End::Lost(Lost::Violation(violation)) => {
                    self.link.flush();
                    self.report.violation(violation);
                    self.report.hint(self.link.hint());
                    return Exit::ProtocolError;
                }
                End::Lost(Lost::Tls(error)) => {
                    self.report.tls_failed(&error);
                    return Exit::TlsFailed;
                }
                End::Lost(Lost::WebSocket(error)) => {
                    self.report.web_socket_failed(&error);
                    return Exit::WebSocketFailed;
                }
                End::Lost(_) if self.may_lose_lines() => {
                    self.report.connection_lost();
                    return Exit::Interruption;
                }
                End::Lost(_) if self.has_lines() => self.reconnect(),
                End::Lost(_) => {
                    self.report.connection_lost();
                    self.report.hint(self.link.hint());
                    return Exit::ConnectionLost;
                }
            }
        }
    }

    /// With `--strict`: nobody knows which QoS 0 messages the broker still got.
    fn may_lose_lines(&self) -> bool {
        self.job.connection.strict && self.job.qos == QoS::AtMostOnce && self.has_lines()
    }

    /// Whether there may always be one more message, so that a lost connection is made again.
    fn has_lines(&self) -> bool {
        !matches!(self.feed, Feed::Message { .. })
    }

    /// Tries every second until there is a stream again; SIGINT ends the process meanwhile, as at all times.
    fn reconnect(&mut self) {
        let mut reconnect = Reconnect::default();
        self.link.close();
        reconnect.failed(Instant::now());
        while let Some(due) = reconnect.due() {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            match self.link.open() {
                Ok(()) => reconnect.succeeded(),
                Err(_) => reconnect.failed(Instant::now()),
            }
        }
    }

    /// One connection, from CONNECT to its end.
    fn converse(&mut self) -> End {
        loop {
            match self.turn() {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(exit)) => return End::Exit(exit),
                Err(end) => return end,
            }
        }
    }

    fn turn(&mut self) -> Result<ControlFlow<Exit>, End> {
        if let Err(error) = self.feed() {
            return Ok(ControlFlow::Break(self.give_up(error)));
        }
        self.show_progress();
        if self.is_done() {
            return self.leave().map(ControlFlow::Break);
        }
        self.link.flush();
        self.output.trace(&mut self.link.outbox);
        if self.output.is_full() {
            let _ = self.output.flush();
        }
        let deadlines = [self.link.connection.deadline(), self.due(), self.bar_due()];
        let mut until = deadlines.into_iter().flatten().min();
        if self.has_message() {
            // The outbox was full, and is written already: only look whether the broker has something to say.
            until = Some(Instant::now());
        }
        let ready = self.wait(until)?;
        if ready.other {
            let filled = match &mut self.feed {
                Feed::Lines { lines, .. } => lines.fill(),
                Feed::Parsed(lines) => lines.fill(),
                Feed::Message { .. } => Ok(()),
            };
            if let Err(error) = filled {
                self.report.line(format_args!("Error: {}", system_words(&error)));
            }
        }
        if ready.input && self.link.receive()? {
            self.events()?;
            if let Some(code) = self.refused {
                return Ok(ControlFlow::Break(self.refused(code)));
            }
        }
        self.link.tick()?;
        Ok(ControlFlow::Continue(()))
    }

    /// Waits for the broker and for more lines, if these could be sent.
    fn wait(&mut self, until: Option<Instant>) -> Result<super::link::Ready, End> {
        let Publisher { link, feed, job, report, .. } = self;
        let input = match feed {
            Feed::Lines { lines, .. } => {
                let wanted = may_send(link, job.qos) && !lines.has_ended() && !lines.has_line();
                wanted.then(rustix::stdio::stdin)
            }
            Feed::Parsed(lines) if may_send(link, QoS::ExactlyOnce) => lines.wants(),
            Feed::Parsed(_) | Feed::Message { .. } => None,
        };
        link.wait(input, until).map_err(|error| {
            report.line(format_args!("Error: {error}"));
            End::Exit(Exit::Failure)
        })
    }

    /// Publishes as much as may be sent now.
    fn feed(&mut self) -> Result<(), PublishError> {
        let (job, link) = (&self.job, &mut self.link);
        match &mut self.feed {
            Feed::Lines { lines, progress } => {
                while may_send(link, job.qos) {
                    let Some(line) = lines.next() else { break };
                    publish(link, job, line)?;
                }
                progress.at(lines.taken());
            }
            Feed::Parsed(lines) => {
                // A line says its QoS only once it is read: there is room for any.
                while may_send(link, QoS::ExactlyOnce) {
                    if let Err(wrong) = lines.advance(job) {
                        self.report.line(format_args!("{wrong}"));
                        self.bad_line = true;
                    }
                    let Some(line) = lines.due_now() else { break };
                    let message = Outgoing {
                        topic: &line.topic,
                        payload: &line.payload,
                        qos: line.qos,
                        retain: line.retain,
                        properties: line.properties.as_properties(),
                    };
                    link.connection.publish(&message, &mut link.outbox)?;
                    lines.published();
                }
            }
            Feed::Message { payload, left, due, awaited, .. } => {
                while *left > 0 && awaited.is_none() && may_send(link, job.qos) {
                    if due.is_some_and(|due| due > Instant::now()) {
                        break;
                    }
                    let id = publish(link, job, payload)?;
                    *left -= 1;
                    if id != 0 {
                        *awaited = Some(id);
                    } else if !job.repeat_delay.is_zero() {
                        *due = Some(Instant::now() + job.repeat_delay);
                    }
                }
            }
        }
        Ok(())
    }

    /// When the next repetition is due.
    fn due(&self) -> Option<Instant> {
        match &self.feed {
            Feed::Message { due, left: 1.., awaited: None, .. } if self.link.connection.is_open() => *due,
            Feed::Parsed(lines) if may_send(&self.link, QoS::ExactlyOnce) => lines.due(),
            _ => None,
        }
    }

    /// Whether a message could be sent without waiting for anything.
    fn has_message(&mut self) -> bool {
        let qos = if matches!(self.feed, Feed::Parsed(_)) { QoS::ExactlyOnce } else { self.job.qos };
        may_send(&self.link, qos)
            && match &mut self.feed {
                Feed::Lines { lines, .. } => lines.has_line(),
                Feed::Parsed(lines) => lines.due_now().is_some(),
                Feed::Message { left, due, awaited, .. } => {
                    *left > 0 && awaited.is_none() && due.is_none_or(|due| due <= Instant::now())
                }
            }
    }

    /// Whether everything was sent and, at QoS 1 and 2, completed.
    fn is_done(&self) -> bool {
        self.link.connection.is_open()
            && match &self.feed {
                Feed::Lines { lines, .. } => lines.is_done() && self.link.connection.in_flight() == 0,
                Feed::Parsed(lines) => lines.is_done() && self.link.connection.in_flight() == 0,
                // Whoever looks on sees the last bytes go, too.
                Feed::Message { left, awaited, progress, .. } => {
                    let goes_out = progress.is_wanted() && self.link.waits_to_write();
                    *left == 0 && awaited.is_none() && !goes_out
                }
            }
    }

    /// DISCONNECT, and all that is left to write.
    fn leave(&mut self) -> Result<Exit, End> {
        let properties = self.job.connection.properties.disconnect.as_properties();
        self.link.connection.disconnect(ReasonCode::SUCCESS, properties, &mut self.link.outbox);
        if !self.link.finish(None) && self.job.qos == QoS::AtMostOnce {
            return Err(End::Lost(Lost::Closed));
        }
        if self.bad_line {
            return Ok(Exit::Failure);
        }
        let denied = self.denied && self.job.connection.strict;
        Ok(if denied { Exit::PublishDenied } else { Exit::Success })
    }

    fn events(&mut self) -> Result<(), End> {
        let Publisher { link, feed, job, report, refused, denied, .. } = self;
        let mut ended = false;
        link.events(|event, _| {
            match event {
                Event::Refused(connack) => *refused = Some(connack.code),
                Event::Disconnected(_) => ended = true,
                Event::Completed { packet_identifier, reason, properties } => {
                    if reason.is_error() {
                        let first = !std::mem::replace(denied, true);
                        report.publish_failed(packet_identifier, reason, properties.reason_string());
                        if first {
                            report.advise_publisher(reason);
                        }
                    }
                    if let Feed::Message { awaited, due, .. } = feed
                        && *awaited == Some(packet_identifier)
                    {
                        *awaited = None;
                        *due = Some(Instant::now() + job.repeat_delay);
                    }
                }
                _ => {}
            }
            if refused.is_some() || ended { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if ended { Err(End::Lost(Lost::Closed)) } else { Ok(()) }
    }

    fn refused(&mut self, code: ReasonCode) -> Exit {
        let version = self.job.connection.version;
        self.report.refused(code, version, RefusalWords::OfVersion);
        self.report.refused_publisher(version, matches!(self.feed, Feed::Lines { .. }));
        Exit::Refused(code)
    }

    /// A message that can't be sent ends the run.
    fn give_up(&mut self, error: PublishError) -> Exit {
        self.report.not_published(error);
        let properties = self.job.connection.properties.disconnect.as_properties();
        self.link.connection.disconnect(ReasonCode::SUCCESS, properties, &mut self.link.outbox);
        self.link.finish(None);
        self.report.connection_lost();
        Exit::ConnectionLost
    }

    /// How far the message of `-f` has gone out, or how many repetitions of it.
    fn show_progress(&mut self) {
        let Feed::Message { payload, left, awaited, progress, .. } = &mut self.feed else { return };
        if !progress.is_wanted() {
            return;
        }
        let repeat = self.job.repeat.max(1);
        if *left == 0 {
            // What is written at once is nothing to wait for.
            self.link.flush();
        }
        progress.at(if repeat > 1 {
            (repeat - *left - u32::from(awaited.is_some())).into()
        } else if *left == 0 {
            payload.len().saturating_sub(self.link.unwritten()) as u64
        } else {
            0
        });
    }

    /// When [`Publisher::show_progress`] is to be called even if nothing happens.
    fn bar_due(&self) -> Option<Instant> {
        if let Feed::Message { progress, .. } = &self.feed { progress.due() } else { None }
    }
}

/// Whether one more message may go into the outbox.
fn may_send(link: &Link, qos: QoS) -> bool {
    let room = if qos == QoS::AtMostOnce { link.connection.is_open() } else { link.connection.has_room() };
    room && link.outbox.bytes.len() < OUTBOX_LIMIT
}

fn publish(link: &mut Link, job: &PublishJob, payload: &[u8]) -> Result<PacketIdentifier, PublishError> {
    let properties = &job.connection.properties;
    if properties.publish_is_illegal {
        return Err(PublishError::PropertiesInvalid);
    }
    let message = Outgoing {
        topic: &job.topic,
        payload,
        qos: job.qos,
        retain: job.retain,
        properties: properties.publish.as_properties(),
    };
    link.connection.publish(&message, &mut link.outbox)
}
