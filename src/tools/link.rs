//! A client's connection with its socket: the poll loop that the client programs share, one turn at a time.

use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::packet_trace::PacketTrace;
use crate::client::{Connection, Event, KeepAliveExceeded, Outbox, Settings, Violation};
use crate::transport::tls::TlsError;
use crate::transport::ws::WsError;
use crate::transport::{Address, ConnectError, Connector, Stream, Target};

/// How a TLS record begins that says what is wrong.
const TLS_ALERT: &[u8] = &[0x15, 0x03];

/// An outbox that has grown beyond this gives its memory back once it is written.
const OUTBOX_KEPT: usize = 1 << 20;

/// Why a connection is over without our doing.
#[derive(Debug)]
pub enum Lost {
    /// The broker closed it, or the network did.
    Closed,
    /// The broker is silent.
    KeepAlive,
    /// The broker sent what it must not.
    Violation(Violation),
    /// TLS failed: whoever the other side is, it isn't whom we want to talk to.
    Tls(TlsError),
    /// The other side doesn't speak WebSocket as it should.
    WebSocket(WsError),
}

impl Lost {
    /// A failure that isn't the network's: trying again leads to the same.
    fn of_stream(error: &io::Error, was_open: bool) -> Option<Lost> {
        // A broker that was there before and now goes in the middle of a handshake is on its way down or up.
        if let Some(failure) = TlsError::within(error) {
            let passing = failure.is_cut_off() && was_open;
            return Some(if passing { Lost::Closed } else { Lost::Tls(failure.clone()) });
        }
        let failure = WsError::within(error)?;
        let passing = failure.is_cut_off() && was_open;
        Some(if passing { Lost::Closed } else { Lost::WebSocket(failure.clone()) })
    }
}

impl From<Violation> for Lost {
    fn from(violation: Violation) -> Self {
        Lost::Violation(violation)
    }
}

impl From<KeepAliveExceeded> for Lost {
    fn from(_: KeepAliveExceeded) -> Self {
        Lost::KeepAlive
    }
}

/// What a turn of waiting brought.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// The broker has sent something.
    pub input: bool,
    /// The other file descriptor can be read.
    pub other: bool,
}

/// A connection and its stream.
pub struct Link {
    /// The MQTT side.
    pub connection: Connection,
    /// What is to be written.
    pub outbox: Outbox,
    connector: Connector,
    stream: Option<Stream>,
    /// What the next read is to say: a layer failed while writing.
    failure: Option<Lost>,
    /// The broker has said something on this connection.
    was_answered: bool,
    /// The broker has closed it.
    was_closed: bool,
    /// What the broker said first is no MQTT but TLS.
    answer_is_tls: bool,
    /// A stream was open once.
    was_open: bool,
    /// How much of the outbox was written.
    written: usize,
    /// Writing failed; what the broker still had to say is read before the connection counts as lost.
    write_failed: bool,
    input: Vec<u8>,
    start: usize,
    end: usize,
    /// What was received waits for somebody to look at it.
    unread: bool,
    /// Nothing is read for the time being.
    held: bool,
    packet_trace: Option<PacketTrace>,
}

impl Link {
    /// A link that isn't connected yet. It reads up to `read_size` bytes at a time.
    pub fn new(settings: Settings, target: Target, trace: bool, read_size: usize) -> Self {
        Link {
            connection: Connection::new(settings),
            outbox: Outbox::new(trace),
            connector: Connector::new(target),
            stream: None,
            failure: None,
            was_answered: false,
            was_closed: false,
            answer_is_tls: false,
            was_open: false,
            written: 0,
            write_failed: false,
            input: vec![0; read_size],
            start: 0,
            end: 0,
            unread: false,
            held: false,
            packet_trace: None,
        }
    }

    /// Connects the stream and puts CONNECT into the outbox.
    ///
    /// # Errors
    /// [`ConnectError`]
    pub fn open(&mut self) -> Result<(), ConnectError> {
        let stream = self.connector.connect()?;
        stream.set_nonblocking(true).map_err(ConnectError::Io)?;
        self.stream = Some(stream);
        self.unread = false;
        (self.start, self.end, self.written, self.write_failed) = (0, 0, 0, false);
        self.failure = None;
        (self.was_answered, self.was_closed, self.answer_is_tls) = (false, false, false);
        self.connection.connect(Instant::now(), &mut self.outbox);
        Ok(())
    }

    /// Connecting the stream must not take longer than until then.
    pub fn set_connect_deadline(&mut self, until: Option<Instant>) {
        self.connector.set_deadline(until);
    }

    /// What was received and not handled yet.
    pub fn received(&self) -> &[u8] {
        &self.input[self.start..self.end]
    }

    /// Whoever waits next is told at once that something was received.
    pub fn unread(&mut self) {
        self.unread = true;
    }

    /// Stops reading, or goes on with it, beginning with what was read before.
    pub fn hold(&mut self, hold: bool) {
        if self.held && !hold {
            self.unread = self.start < self.end;
        }
        self.held = hold;
    }

    /// Whether there is a stream.
    pub fn is_connected(&self) -> bool {
        self.stream.is_some()
    }

    /// Closes the stream. QoS 0 messages that weren't written wait for the next one.
    pub fn close(&mut self) {
        self.stream = None;
        self.connection.lost();
        self.outbox.lost(self.written);
        self.written = 0;
        self.outbox_is_empty();
    }

    /// Bytes of the outbox that aren't written yet.
    pub fn unwritten(&self) -> usize {
        self.outbox.bytes.len() - self.written
    }

    /// Takes back what wasn't written, unless it would tear a packet apart.
    pub fn discard(&mut self) {
        if self.written == 0 {
            self.outbox.bytes.clear();
            self.outbox_is_empty();
        }
    }

    /// Tells of every packet on standard error (`--trace`).
    pub fn trace_packets(&mut self, trace: bool) {
        self.packet_trace = trace.then(PacketTrace::start);
    }

    fn outbox_is_empty(&mut self) {
        if let Some(trace) = &mut self.packet_trace {
            trace.outbox_is_empty();
        }
    }

    /// Tells of the packet that is handled next.
    fn trace_received(&self) {
        if let Some(trace) = &self.packet_trace {
            trace.received(self.connection.version(), &self.input[self.start..self.end]);
        }
    }

    /// Writes what the stream takes now.
    pub fn flush(&mut self) {
        if let Some(trace) = &mut self.packet_trace {
            trace.sending(self.connection.version(), &self.outbox.bytes);
        }
        let Some(stream) = &mut self.stream else { return };
        if stream.has_unwritten() && stream.flush().is_err() {
            self.write_failed = true;
        }
        while self.written < self.outbox.bytes.len() && !self.write_failed {
            match stream.write(&self.outbox.bytes[self.written..]) {
                Ok(count) => {
                    self.written += count;
                    self.connection.sent(Instant::now());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure = Lost::of_stream(&error, self.was_open);
                    self.write_failed = true;
                }
            }
        }
        if self.written == self.outbox.bytes.len() {
            self.written = 0;
            self.outbox.bytes.clear();
            self.outbox.bytes.shrink_to(OUTBOX_KEPT);
            self.outbox_is_empty();
        }
    }

    /// Waits until the broker has sent something, `other` can be read, what is unwritten can be written (it is,
    /// then), or `until` has come.
    ///
    /// # Errors
    /// The system's, from poll.
    pub fn wait(&mut self, other: Option<BorrowedFd<'_>>, until: Option<Instant>) -> io::Result<Ready> {
        if self.unread && !self.held {
            return Ok(Ready { input: true, other: false });
        }
        let mut flags = if self.held { PollFlags::empty() } else { PollFlags::IN };
        if self.waits_to_write() {
            flags |= PollFlags::OUT;
        }
        // What has come already is nothing to wait for.
        let at_hand =
            !self.held && (self.failure.is_some() || self.stream.as_ref().is_some_and(Stream::has_buffered));
        let until = if at_hand { Some(Instant::now()) } else { until };
        let mut fds = Vec::with_capacity(2);
        // A stream that nothing is wanted from would still wake us with its end.
        let stream = self.stream.as_ref().filter(|_| !flags.is_empty());
        if let Some(stream) = stream {
            fds.push(PollFd::from_borrowed_fd(stream.as_fd(), flags));
        }
        if let Some(other) = other {
            fds.push(PollFd::from_borrowed_fd(other, PollFlags::IN));
        }
        let timeout = timespec(until.map(|until| until.saturating_duration_since(Instant::now())));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(Ready::default()),
            Err(error) => return Err(error.into()),
        }
        let mut events = fds.iter().map(PollFd::revents);
        let stream = if stream.is_some() { events.next() } else { None }.unwrap_or(PollFlags::empty());
        let ready = Ready {
            input: !self.held && (at_hand || stream.intersects(!PollFlags::OUT)),
            other: events.next().is_some_and(|events| !events.is_empty()),
        };
        if stream.contains(PollFlags::OUT) {
            self.flush();
        }
        Ok(ready)
    }

    /// Reads once. `false`: there was nothing to read after all.
    ///
    /// # Errors
    /// [`Lost::Closed`]
    pub fn receive(&mut self) -> Result<bool, Lost> {
        if std::mem::take(&mut self.unread) {
            return Ok(true);
        }
        self.make_room();
        let Some(stream) = &mut self.stream else { return Err(Lost::Closed) };
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        match stream.read(&mut self.input[self.end..]) {
            Ok(0) => {
                self.was_closed = true;
                Err(Lost::Closed)
            }
            Ok(count) => {
                if !self.was_answered {
                    (self.was_answered, self.was_open) = (true, true);
                    self.answer_is_tls = self.input[..count].starts_with(TLS_ALERT);
                }
                self.end += count;
                self.connection.received(Instant::now());
                Ok(true)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(false)
            }
            Err(error) => Err(Lost::of_stream(&error, self.was_open).unwrap_or_else(|| {
                self.was_closed = true;
                Lost::Closed
            })),
        }
    }

    /// The next [`Link::receive`] says so.
    pub fn put_back(&mut self, failure: Lost) {
        self.failure = Some(failure);
    }

    /// What may be the matter with a connection that ended before the broker said anything in MQTT.
    pub fn hint(&self) -> Option<&'static str> {
        let target = self.connector.target();
        if target.tls.is_some() || target.ws.is_some() || !matches!(target.address, Address::Tcp { .. }) {
            return None;
        }
        if self.answer_is_tls {
            Some(
                "The broker speaks TLS on this port; --cafile, --capath or --tls-use-os-certs makes us speak it, too.",
            )
        } else if self.was_closed && !self.was_answered {
            Some(
                "The broker didn't answer CONNECT. If it expects TLS on this port, add --cafile, --capath or --tls-use-os-certs.",
            )
        } else {
            None
        }
    }

    /// Whether there is something that only waits for the socket to take it.
    pub fn waits_to_write(&self) -> bool {
        let Some(stream) = &self.stream else { return false };
        !self.write_failed && (stream.has_unwritten() || (self.unwritten() > 0 && stream.is_open()))
    }

    /// Whether the last read filled the buffer, so that more is likely to wait.
    pub fn may_have_more(&self) -> bool {
        self.end == self.input.len()
    }

    /// Moves a partial packet to the front; a packet larger than the buffer makes it grow as it arrives.
    fn make_room(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 {
            self.input.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.input.len() {
            self.input.resize(self.input.len() * 2, 0);
        }
    }

    /// Hands every whole packet's event to `on`, until it breaks off.
    ///
    /// # Errors
    /// [`Lost::Violation`]
    pub fn events(
        &mut self,
        mut on: impl FnMut(Event<'_>, &mut Outbox) -> ControlFlow<()>,
    ) -> Result<(), Lost> {
        self.trace_received();
        while let Some(event) =
            self.connection.next(&self.input[..self.end], &mut self.start, &mut self.outbox)?
        {
            if on(event, &mut self.outbox).is_break() {
                break;
            }
            self.trace_received();
        }
        Ok(())
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// [`Lost::KeepAlive`]
    pub fn tick(&mut self) -> Result<(), Lost> {
        if self.held {
            self.connection.not_reading(Instant::now());
        }
        if self.connection.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
            self.connection.tick(Instant::now(), &mut self.outbox)?;
        }
        Ok(())
    }

    /// As [`Link::finish`], and waits for the broker to close as well: for those who may have unread messages.
    pub fn finish_reading(&mut self, until: Instant) {
        if self.write_rest(Some(until))
            && let Some(stream) = &mut self.stream
        {
            drain(stream, until);
        }
        self.close();
    }

    /// Writes all that is left, waiting for the stream as long as it is alive but not past `until`, and closes it.
    /// `false`: not everything went out.
    pub fn finish(&mut self, until: Option<Instant>) -> bool {
        let all = self.write_rest(until);
        if let Some(stream) = &mut self.stream {
            stream.say_goodbye();
        }
        self.close();
        all
    }

    fn write_rest(&mut self, until: Option<Instant>) -> bool {
        self.flush();
        while self.waits_to_write() {
            let Some(stream) = &self.stream else { break };
            let mut fds = [PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::OUT)];
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            match poll(&mut fds, timespec(left).as_ref()) {
                Ok(0) => break,
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
            self.flush();
        }
        self.unwritten() == 0 && !self.stream.as_ref().is_some_and(Stream::has_unwritten)
    }
}

/// Tells the broker that nothing more comes, and reads what it has still sent until it closes, at most until then.
/// Closing a socket with unread input makes the system throw away what the broker hasn't read yet: our last
/// acknowledgements, and DISCONNECT.
fn drain(stream: &mut Stream, until: Instant) {
    let mut block = [0; 4096];
    if stream.shutdown_write().is_err() {
        return;
    }
    loop {
        if !stream.has_buffered() {
            let mut fds = [PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::IN)];
            let left = timespec(Some(until.saturating_duration_since(Instant::now())));
            if !matches!(poll(&mut fds, left.as_ref()), Ok(1..) | Err(rustix::io::Errno::INTR)) {
                return;
            }
        }
        match stream.read(&mut block) {
            Ok(1..) if Instant::now() < until => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => return,
        }
    }
}

fn timespec(duration: Option<Duration>) -> Option<Timespec> {
    duration.and_then(|duration| Timespec::try_from(duration).ok())
}
