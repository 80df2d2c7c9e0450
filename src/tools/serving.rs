//! `mqtt-rr --serve`: answers requests with what a command prints.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::process::Output as Printed;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use super::Exit;
use super::handling::{Ready, Shell, failure};
use super::link::{Link, Lost};
use super::output::Output;
use super::report::{RefusalWords, Report};
use super::request::{PATIENCE, READ_SIZE, subscription_options};
use super::signals::{Signals, Waker};
use super::{patience, settings};
use crate::client::{Event, Outgoing, Reconnect};
use crate::options::RequestJob;
use crate::protocol::{PropertiesBuf, Property, Publish, ReasonCode};

/// A command that has ended, and whom its output is for.
struct Answer {
    request: String,
    topic: String,
    correlation: Option<Vec<u8>>,
    printed: io::Result<Printed>,
}

struct Server {
    job: RequestJob,
    link: Link,
    output: Output,
    report: Report,
    signals: Signals,
    waker: Waker,
    ready: Ready,
    shell: Shell,
    running: u32,
    sender: Sender<Answer>,
    answers: Receiver<Answer>,
    /// Answers that wait for room in the window.
    waiting: VecDeque<Answer>,
    /// An answer was refused, and it was said what may be the matter.
    denied: bool,
}

/// Runs until a signal comes.
pub fn run(job: RequestJob) -> Exit {
    let report = Report::new(job.connection.quiet);
    match start(job, report) {
        Ok(mut server) => {
            let exit = server.run();
            server.output.trace(&mut server.link.outbox);
            let _ = server.output.flush();
            let all_well = server.ready.finish(exit == Exit::Success, report);
            if !all_well && exit == Exit::Success && server.job.connection.strict {
                Exit::CommandFailed
            } else {
                exit
            }
        }
        Err(exit) => exit,
    }
}

fn start(job: RequestJob, report: Report) -> Result<Server, Exit> {
    let failed = |text: String| {
        report.line(format_args!("{text}"));
        Exit::Failure
    };
    let ready = Ready::new(&job.ready, &job.connection.target).map_err(failed)?;
    let client = settings::client(&job.connection, job.connection.max_inflight)
        .map_err(|error| failed(format!("Error: {error}")))?;
    let mut link = Link::new(client, settings::target(&job.connection), job.connection.debug, READ_SIZE);
    link.trace_packets(job.connection.trace);
    patience::open(&mut link, &job.connection.patience).map_err(|error| {
        report.not_connected(&error);
        Exit::Failure
    })?;
    let signals = Signals::catch().map_err(|error| failed(format!("Error: {error}")))?;
    let waker = signals.waker().map_err(|error| failed(format!("Error: {error}")))?;
    let (sender, answers) = channel();
    let shell = Shell::new(job.talk.serve.as_deref().unwrap_or_default(), &job.connection.target);
    Ok(Server {
        job,
        link,
        output: Output::default(),
        report,
        signals,
        waker,
        ready,
        shell,
        running: 0,
        sender,
        answers,
        waiting: VecDeque::new(),
        denied: false,
    })
}

impl Server {
    fn run(&mut self) -> Exit {
        loop {
            let exit = match self.turn() {
                Ok(ControlFlow::Continue(())) => None,
                Ok(ControlFlow::Break(exit)) => Some(exit),
                Err(Lost::Violation(violation)) => {
                    self.link.flush();
                    self.report.violation(violation);
                    Some(Exit::ProtocolError)
                }
                Err(_) => self.reconnect(),
            };
            if let Some(exit) = exit {
                return exit;
            }
        }
    }

    /// Tries every second until there is a stream again, or a signal comes.
    fn reconnect(&mut self) -> Option<Exit> {
        let mut reconnect = Reconnect::default();
        self.link.close();
        reconnect.failed(Instant::now());
        while let Some(due) = reconnect.due() {
            while Instant::now() < due {
                if self.link.wait(Some(self.signals.as_fd()), Some(due)).is_err() {
                    return Some(Exit::Failure);
                }
                if self.signals.arrived() {
                    return Some(Exit::Success);
                }
            }
            match self.link.open() {
                Ok(()) => reconnect.succeeded(),
                Err(_) => reconnect.failed(Instant::now()),
            }
        }
        None
    }

    fn turn(&mut self) -> Result<ControlFlow<Exit>, Lost> {
        if !self.collect() && self.job.connection.strict {
            return Ok(ControlFlow::Break(self.leave(Exit::CommandFailed)));
        }
        self.link.hold(self.running >= self.job.jobs);
        self.link.flush();
        self.output.trace(&mut self.link.outbox);
        let _ = self.output.flush();
        let until = self.link.connection.deadline();
        let ready = match self.link.wait(Some(self.signals.as_fd()), until) {
            Ok(ready) => ready,
            Err(error) => {
                self.report.line(format_args!("Error: {error}"));
                return Ok(ControlFlow::Break(Exit::Failure));
            }
        };
        if self.signals.arrived() {
            return Ok(ControlFlow::Break(self.leave(Exit::Success)));
        }
        if ready.input
            && self.link.receive()?
            && let Some(exit) = self.events()?
        {
            return Ok(ControlFlow::Break(self.leave(exit)));
        }
        self.link.tick()?;
        Ok(ControlFlow::Continue(()))
    }

    fn events(&mut self) -> Result<Option<Exit>, Lost> {
        let Server { job, link, report, ready, shell, running, sender, waker, denied, .. } = self;
        let mut exit = None;
        let mut accepted = false;
        let mut lost = false;
        link.events(|event, _| {
            match event {
                Event::Accepted(_) => accepted = true,
                Event::Refused(connack) => {
                    report.refused(connack.code, job.connection.version, RefusalWords::OfV5);
                    exit = Some(Exit::Refused(connack.code));
                }
                Event::Subscribed(suback) => match suback.codes.first().map(|code| ReasonCode(*code)) {
                    Some(code) if code.is_error() => {
                        report.only_subscription_denied(&job.topic, code, job.connection.version);
                        exit = Some(Exit::SubscriptionsDenied);
                    }
                    _ => ready.tell(*report),
                },
                Event::Message(message) if !(message.retain && job.no_retained) => {
                    *running += u32::from(serve(job, &message, shell, sender, waker, *report));
                }
                Event::Completed { packet_identifier, reason, properties } if reason.is_error() => {
                    report.publish_failed(packet_identifier, reason, properties.reason_string());
                    if !std::mem::replace(denied, true) {
                        report.advise_publisher(reason);
                    }
                }
                Event::Disconnected(_) => lost = true,
                _ => {}
            }
            let enough = exit.is_some() || lost || *running >= job.jobs;
            if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if accepted {
            let filter = (job.topic.as_str(), subscription_options(job));
            let properties = job.connection.properties.subscribe.as_properties();
            link.connection.subscribe(&[filter], properties, &mut link.outbox);
        }
        if lost { Err(Lost::Closed) } else { Ok(exit) }
    }

    /// Takes what commands have printed, and publishes what there is room for. `false`: a command has failed.
    fn collect(&mut self) -> bool {
        let mut all_well = true;
        while let Ok(answer) = self.answers.try_recv() {
            self.running -= 1;
            let status = answer.printed.as_ref().map(|printed| printed.status);
            if let Some(how) =
                failure(&status.map_err(|error| io::Error::new(error.kind(), error.to_string())))
            {
                all_well = false;
                self.report.line(format_args!("Warning: The command for '{}' {how}.", answer.request));
            } else {
                self.waiting.push_back(answer);
            }
        }
        while self.link.connection.has_room() {
            let Some(answer) = self.waiting.pop_front() else { break };
            self.publish(&answer);
        }
        all_well
    }

    fn publish(&mut self, answer: &Answer) {
        let mut properties = PropertiesBuf::default();
        if self.job.connection.version.is_v5() {
            properties.extend(self.job.connection.properties.publish.as_properties());
            if let Some(data) = &answer.correlation {
                properties.push(Property::CorrelationData(data));
            }
        }
        let payload = answer.printed.as_ref().map_or(&[][..], |printed| &printed.stdout);
        let message = Outgoing {
            topic: &answer.topic,
            payload,
            qos: self.job.qos,
            retain: false,
            properties: properties.as_properties(),
        };
        if let Err(error) = self.link.connection.publish(&message, &mut self.link.outbox) {
            self.report.not_published(error);
        }
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

/// Runs the command for a request on a thread of its own. `false`: nobody could get the answer, which is said.
fn serve(
    job: &RequestJob,
    message: &Publish<'_>,
    shell: &Shell,
    sender: &Sender<Answer>,
    waker: &Waker,
    report: Report,
) -> bool {
    let topic = message.properties.response_topic().unwrap_or(&job.response_topic).to_owned();
    let request = message.topic.to_owned();
    if topic.is_empty() {
        report.line(format_args!(
            "Warning: A request to '{request}' names no response topic, and there is no -e."
        ));
        return false;
    }
    let correlation = message.properties.correlation_data().map(<[u8]>::to_vec);
    let run = shell.answer_to(message);
    let (sender, waker) = (sender.clone(), waker.another());
    thread::spawn(move || {
        let printed = run();
        // Nobody waits for it any more: the program has ended.
        let _ = sender.send(Answer { request, topic, correlation, printed });
        if let Ok(waker) = waker {
            waker.wake();
        }
    });
    true
}
