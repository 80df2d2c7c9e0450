//! mqtt-sub: subscribes and prints what comes.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::Exit;
use super::format::Formatter;
use super::handling::{Handler, Ready};
use super::link::{Link, Lost};
use super::output::{Output, Style};
use super::paint::Paint;
use super::pick::Pick;
use super::report::{RefusalWords, Report, system_words};
use super::signals::Signals;
use super::start::start;
use super::subscribe_step::{Step, on_message, on_suback};
use super::top::Top;
use super::{patience, settings};
use crate::client::{Event, Reconnect};
use crate::options::{self, Program, SubscribeJob};
use crate::protocol::{QoS, ReasonCode, SubscriptionOptions};

/// What mqtt-sub reads at a time.
const READ_SIZE: usize = 64 * 1024;

/// How long a broker that doesn't read is waited for at the end.
const PATIENCE: Duration = Duration::from_secs(1);

/// How one connection ends.
enum End {
    Exit(Exit),
    Lost(Lost),
}

impl From<Lost> for End {
    fn from(lost: Lost) -> Self {
        End::Lost(lost)
    }
}

struct Subscriber {
    job: SubscribeJob,
    link: Link,
    output: Output,
    style: Style,
    report: Report,
    pick: Pick,
    signals: Signals,
    deadline: Option<Instant>,
    /// Messages printed, for `-C`.
    count: u32,
    /// A CONNACK has said yes at least once.
    was_open: bool,
    /// Enough messages: only what is under way at QoS 2 is brought to its end.
    leaving: bool,
    /// It was said what may be the matter; trying again doesn't make it new.
    was_hinted: bool,
    /// What happens to messages besides being printed.
    handler: Option<Handler>,
    ready: Ready,
    /// A retained message has come since the broker was last asked whether it is there (`--end-of-retained`).
    retained_came: bool,
}

/// The whole of mqtt-sub: parses this process's command line and does what it says.
pub fn main() -> std::process::ExitCode {
    start(Program::Subscribe, options::subscribe_job, run)
}

/// Why nothing can be drawn in place.
fn unfit_for_top() -> Option<&'static str> {
    if !std::io::stdout().is_terminal() {
        return Some("standard output is none");
    }
    std::env::var_os("TERM").filter(|term| term == "dumb").map(|_| "TERM says that this one is dumb")
}

/// Runs the job to its end.
pub fn run(job: SubscribeJob) -> Exit {
    let report = Report::new(job.connection.quiet);
    if let Some(why) = job.top.then(unfit_for_top).flatten() {
        Report::new(false).line(format_args!("Error: --top is for a terminal, and {why}."));
        return Exit::Failure;
    }
    let ready = match Ready::new(&job.handling.ready, &job.connection.target) {
        Ok(ready) => ready,
        Err(text) => {
            Report::new(false).line(format_args!("{text}"));
            return Exit::Failure;
        }
    };
    let receive_maximum = job.message_count.map_or(u32::MAX, |count| count.max(1));
    let receive_maximum = receive_maximum.min(job.connection.max_inflight.into()) as u16;
    let client = match settings::client(&job.connection, receive_maximum) {
        Ok(client) => client,
        Err(error) => {
            report.line(format_args!("Error: {error}"));
            return Exit::Failure;
        }
    };
    let mut link = Link::new(client, settings::target(&job.connection), job.connection.debug, READ_SIZE);
    link.trace_packets(job.connection.trace);
    let mut output = Output::with_room();
    let watch = (job.watch && !job.message_rate).then(|| output.watch(&job.connection.target.host()));
    let _ = output.flush();
    if let Err(error) = patience::open(&mut link, &job.connection.patience) {
        report.not_connected(&error);
        return Exit::Failure;
    }
    let caught = Signals::catch().and_then(|signals| {
        let handler = Handler::new(&job, report, &signals.waker()?)?;
        Ok((signals, handler, Pick::new(&job)?))
    });
    let (signals, handler, pick) = match caught {
        Ok(both) => both,
        Err(error) => {
            report.line(format_args!("Error: {error}"));
            return Exit::Failure;
        }
    };
    let deadline = job.timeout.map(|timeout| Instant::now() + timeout);
    let paint = job.color.and_then(Paint::new);
    let has_color = paint.as_ref().is_some_and(Paint::has_color);
    let top = job.top.then(|| Top::new(&job.connection.target.host(), has_color, Instant::now()));
    let style = Style {
        watch,
        top,
        paint,
        verbose: job.verbose,
        line_end: job.line_end,
        format: job.format.clone().map(|format| Formatter::new(format, job.pretty)),
    };
    let mut subscriber = Subscriber {
        job,
        link,
        output,
        style,
        report,
        pick,
        signals,
        deadline,
        count: 0,
        was_open: false,
        leaving: false,
        was_hinted: false,
        handler,
        ready,
        retained_came: false,
    };
    let exit = subscriber.run();
    subscriber.output.trace(&mut subscriber.link.outbox);
    // What was said below the last frame stays there.
    if matches!(exit, Exit::Success | Exit::TimedOut) {
        subscriber.draw(Instant::now());
    }
    let _ = subscriber.output.flush();
    let exit = subscriber.finish(exit);
    if exit == Exit::TimedOut {
        report.timed_out();
    }
    exit
}

impl Subscriber {
    fn run(&mut self) -> Exit {
        loop {
            let end = self.converse();
            let end = match end {
                End::Lost(Lost::Violation(violation)) => {
                    self.link.flush();
                    self.report.violation(violation);
                    self.report.hint(self.link.hint());
                    return Exit::ProtocolError;
                }
                End::Lost(Lost::Tls(error)) if !self.leaving => {
                    self.report.tls_failed(&error);
                    return Exit::TlsFailed;
                }
                End::Lost(Lost::WebSocket(error)) if !self.leaving => {
                    self.report.web_socket_failed(&error);
                    return Exit::WebSocketFailed;
                }
                End::Lost(_) if self.leaving && !self.is_clearing() => return Exit::Success,
                End::Lost(_) if self.may_lose_messages() => {
                    self.report.connection_lost();
                    return Exit::Interruption;
                }
                End::Lost(_) => self.reconnect(),
                End::Exit(exit) => Some(exit),
            };
            if let Some(exit) = end {
                return exit;
            }
        }
    }

    /// What commands and expectations make of the end of the run.
    fn finish(&mut self, exit: Exit) -> Exit {
        let Subscriber { handler, ready, report, job, .. } = self;
        let in_order = exit == Exit::Success;
        let mut all_well = ready.finish(in_order, *report) || !job.connection.strict;
        if let Some(handler) = handler {
            all_well &= handler.finish(in_order);
            if handler.expects() && matches!(exit, Exit::Success | Exit::TimedOut | Exit::CountNotReached) {
                return if handler.misses_something(*report) { Exit::Failure } else { exit };
            }
        }
        if in_order && !all_well { Exit::CommandFailed } else { exit }
    }

    /// With `--strict`: what is published until the subscription stands again is lost, unless a session keeps it.
    fn may_lose_messages(&self) -> bool {
        let connection = &self.job.connection;
        connection.strict && (connection.clean_start || self.job.qos == QoS::AtMostOnce)
    }

    /// What an end that mosquitto calls a success is with `--strict` when `-C` asked for more.
    fn early(&self) -> Exit {
        let missed = self.job.message_count.is_some_and(|count| self.count < count);
        if self.job.connection.strict && missed { Exit::CountNotReached } else { Exit::Success }
    }

    /// Tries every second until there is a stream again, or there is a reason to end.
    fn reconnect(&mut self) -> Option<Exit> {
        let mut reconnect = Reconnect::default();
        if !self.was_hinted {
            self.was_hinted = true;
            self.report.hint(self.link.hint());
        }
        self.link.close();
        reconnect.failed(Instant::now());
        while let Some(due) = reconnect.due() {
            if let Some(exit) = self.pause(due) {
                return Some(exit);
            }
            match self.link.open() {
                Ok(()) => reconnect.succeeded(),
                Err(_) => reconnect.failed(Instant::now()),
            }
        }
        None
    }

    /// Waits until then; a signal or the end of `-W` ends the program meanwhile.
    fn pause(&mut self, due: Instant) -> Option<Exit> {
        while Instant::now() < due {
            let until = [self.deadline, self.next_print()].into_iter().flatten().fold(due, Instant::min);
            if self.link.wait(Some(self.signals.as_fd()), Some(until)).is_err() {
                return Some(Exit::Failure);
            }
            if let Some(exit) = self.interruption().or_else(|| self.tell_rate()) {
                return Some(exit);
            }
        }
        None
    }

    /// A signal, or the end of `-W`.
    fn interruption(&mut self) -> Option<Exit> {
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Some(Exit::TimedOut);
        }
        if self.signals.arrived() {
            return Some(if self.was_open { self.early() } else { Exit::Interrupted });
        }
        None
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
        if let Some(exit) = self.attend_to_commands() {
            return Ok(ControlFlow::Break(exit));
        }
        self.link.flush();
        let deadlines = [self.link.connection.deadline(), self.deadline, self.next_print()];
        let until = deadlines.into_iter().flatten().min();
        let ready = match self.link.wait(Some(self.signals.as_fd()), until) {
            Ok(ready) => ready,
            Err(error) => {
                self.report.line(format_args!("Error: {error}"));
                return Ok(ControlFlow::Break(Exit::Failure));
            }
        };
        if let Some(exit) = self.interruption() {
            return Ok(ControlFlow::Break(self.interrupted(exit)));
        }
        if let Some(exit) = self.tell_rate() {
            return Ok(ControlFlow::Break(exit));
        }
        if ready.input
            && let Some(exit) = self.take_input()?
        {
            return Ok(ControlFlow::Break(exit));
        }
        self.link.tick()?;
        Ok(ControlFlow::Continue(()))
    }

    /// Nothing is read while as many commands run as may.
    fn attend_to_commands(&mut self) -> Option<Exit> {
        let handler = self.handler.as_mut()?;
        if !handler.goes_on() {
            return Some(self.leave(ReasonCode::SUCCESS, Exit::CommandFailed));
        }
        self.link.hold(handler.is_busy());
        None
    }

    /// Reads and prints until nothing waits any more. Standard output is written before the acknowledgements are:
    /// what can't be printed isn't taken.
    fn take_input(&mut self) -> Result<Option<Exit>, End> {
        while self.link.receive()? {
            loop {
                let step = self.events();
                self.output.trace(&mut self.link.outbox);
                let step = match step {
                    Ok(step) => step,
                    Err(lost) => {
                        let _ = self.output.flush();
                        return Err(lost.into());
                    }
                };
                if step == Step::GoOn {
                    break;
                }
                if step == Step::Wait {
                    return Ok(self.print());
                }
                if let Some(exit) = self.take_step(step)? {
                    return Ok(Some(exit));
                }
            }
            if !self.link.may_have_more() || self.output.is_full() || self.is_print_due() {
                break;
            }
        }
        Ok(self.print())
    }

    /// When a rate or a frame is due.
    fn next_print(&self) -> Option<Instant> {
        let top = self.style.top.as_ref().and_then(Top::deadline);
        self.pick.deadline().into_iter().chain(top).min()
    }

    fn is_print_due(&self) -> bool {
        self.next_print().is_some_and(|due| due <= Instant::now())
    }

    /// Prints the rate if a second is over, or the table if it is time.
    fn tell_rate(&mut self) -> Option<Exit> {
        if !self.is_print_due() {
            return None;
        }
        self.pick.tick(&mut self.output);
        self.draw(Instant::now());
        self.print()
    }

    fn draw(&mut self, now: Instant) {
        if let Some(top) = &mut self.style.top {
            self.output.draw(top, now);
        }
    }

    /// Writes what is to be printed.
    fn print(&mut self) -> Option<Exit> {
        if let Some(handler) = &mut self.handler
            && let Err(error) = handler.flush()
        {
            self.report.line(format_args!("Error: Unable to write the recording: {}.", system_words(&error)));
            self.link.discard();
            return Some(self.leave(ReasonCode::SUCCESS, Exit::Failure));
        }
        // Nobody reads on: a success, as in `mqtt-sub … | head`.
        self.output.flush().err().map(|_| self.leave(ReasonCode::SUCCESS, self.early()))
    }

    /// Acts on the packets read, up to one that needs a step.
    fn events(&mut self) -> Result<Step, Lost> {
        let Subscriber {
            job, link, output, style, report, count, leaving, pick, handler, retained_came, ..
        } = self;
        let mut step = Step::GoOn;
        // The broker answers in order: no retained message between two answers means that there are no more.
        let mut ask = false;
        link.events(|event, outbox| {
            step = match event {
                Event::Message(message) => {
                    *retained_came |= message.retain;
                    on_message(job, &message, pick, handler, count, style, *report, output, outbox)
                }
                Event::Accepted(_) => Step::Subscribe,
                Event::Refused(connack) => Step::Refuse(connack.code),
                Event::Subscribed(suback) => {
                    ask = job.handling.end_of_retained;
                    let step = on_suback(job, &suback, *report, output, outbox);
                    if let Some(top) = &mut style.top
                        && !matches!(step, Step::Denied | Step::SomeDenied)
                    {
                        top.begin();
                    }
                    step
                }
                Event::Alive if job.handling.end_of_retained => {
                    ask = std::mem::take(retained_came);
                    if ask { Step::GoOn } else { Step::Leave }
                }
                Event::Disconnected(_) => Step::Lost,
                _ => Step::GoOn,
            };
            if step == Step::GoOn { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        pick.clear(link);
        if ask {
            link.connection.ping(Instant::now(), &mut link.outbox);
        }
        if step == Step::GoOn && *leaving && !self.is_busy() {
            step = Step::Leave;
        }
        Ok(step)
    }

    /// Whether something that was begun isn't at its end: QoS 2 messages, retained messages being cleared.
    fn is_busy(&self) -> bool {
        self.link.connection.unreleased() > 0 || self.is_clearing()
    }

    fn is_clearing(&self) -> bool {
        self.job.remove_retained && self.pick.is_clearing(&self.link)
    }

    fn take_step(&mut self, step: Step) -> Result<Option<Exit>, End> {
        match step {
            Step::GoOn | Step::Wait => {}
            Step::Fail => {
                // It isn't acknowledged: it is somebody else's, or comes again.
                self.link.discard();
                return Ok(Some(self.leave(ReasonCode::SUCCESS, Exit::Failure)));
            }
            Step::Ready => {
                self.ready.tell(self.report);
                if self.job.exit_after_subscribe {
                    return self.take_step(Step::Leave);
                }
            }
            Step::Subscribe => {
                self.was_open = true;
                self.subscribe();
            }
            Step::Refuse(code) => {
                self.report.refused(code, self.job.connection.version, RefusalWords::OfVersion);
                return Ok(Some(self.leave(ReasonCode::SUCCESS, Exit::Refused(code))));
            }
            Step::Denied => {
                let strict = self.job.connection.strict;
                let exit = if strict { Exit::SubscriptionsDenied } else { Exit::Success };
                return Ok(Some(self.leave(ReasonCode::SUCCESS, exit)));
            }
            Step::SomeDenied => {
                return Ok(Some(self.leave(ReasonCode::SUCCESS, Exit::SomeSubscriptionsDenied)));
            }
            Step::Leave if self.is_busy() => {
                self.leaving = true;
                self.link.connection.stop_receiving();
            }
            Step::Leave => return Ok(Some(self.leave(ReasonCode::SUCCESS, Exit::Success))),
            Step::Lost => return Err(End::Lost(Lost::Closed)),
        }
        Ok(None)
    }

    fn subscribe(&mut self) {
        let Link { connection, outbox, .. } = &mut self.link;
        let properties = &self.job.connection.properties;
        let options = SubscriptionOptions {
            qos: self.job.qos,
            no_local: false,
            retain_as_published: self.job.retain_as_published,
            retain_handling: self.job.retain_handling,
        };
        let filters: Vec<_> = self.job.filters.iter().map(|filter| (filter.as_str(), options)).collect();
        if !filters.is_empty() {
            connection.subscribe(&filters, properties.subscribe.as_properties(), outbox);
        }
        for filter in &self.job.unsubscribe {
            connection.unsubscribe(filter, properties.unsubscribe.as_properties(), outbox);
        }
    }

    /// `-W` and the signals let a 5.0 broker publish the Will.
    fn interrupted(&mut self, exit: Exit) -> Exit {
        if !self.link.connection.is_open() {
            return exit;
        }
        let is_v5 = self.job.connection.version.is_v5();
        let reason = if is_v5 { ReasonCode::DISCONNECT_WITH_WILL } else { ReasonCode::SUCCESS };
        self.leave(reason, exit)
    }

    /// Prints what is left, says DISCONNECT and closes. What can't be printed isn't acknowledged either.
    fn leave(&mut self, reason: ReasonCode, exit: Exit) -> Exit {
        self.output.trace(&mut self.link.outbox);
        if self.output.flush().is_err() {
            self.link.discard();
        }
        let properties = self.job.connection.properties.disconnect.as_properties();
        self.link.connection.disconnect(reason, properties, &mut self.link.outbox);
        self.link.finish_reading(Instant::now() + PATIENCE);
        exit
    }
}
