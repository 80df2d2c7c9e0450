//! Bridges in the event loop: their sockets to remote brokers, and their connections to our own, which come in by a
//! pipe instead of a socket and are clients like any other.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Token, Waker};

use super::client_io::{Client, READ};
use super::dial::{Answer, Caller, Dialer};
use super::error::reason;
use super::event_loop::Server;
use super::pipe::Pipe;
use super::slots::Bridges as Kind;
use super::socket::Socket;
use crate::bridge::{self, Bridge, Outbox, Request, Standing, Surroundings};
use crate::broker::{ConnectionKey, Peer};
use crate::config::{Bridge as BridgeSettings, BridgeReload, Settings, StartType};
use crate::transport::Stream;

/// Sockets of bridges count up from here.
pub(super) const BRIDGES: usize = usize::MAX / 2;
/// Bytes for a remote broker beyond which no more are taken from our own.
const REMOTE_ROOM: usize = 256 * 1024;
/// Buffers of a bridge that are larger are given back when they are empty.
const KEPT: usize = 1024 * 1024;
/// Reads of one bridge in a row before others get their turn.
const READS: usize = 8;

/// All bridges.
pub(super) struct Bridges {
    links: Vec<Option<Link>>,
    dialer: Dialer,
    scratch: Vec<u8>,
    /// There is more to read that no event will come for.
    again: bool,
}

/// One bridge with what it is connected by.
struct Link {
    bridge: Bridge,
    outbox: Outbox,
    requests: VecDeque<Request>,
    /// Bytes of `outbox.remote` that were written.
    written: usize,
    stream: Option<Stream>,
    /// Number of the last attempt at a stream.
    attempt: u64,
    /// The stream is closed as soon as everything is written.
    closing: bool,
    readable: bool,
    writable: bool,
    /// From the remote broker, not acted on yet.
    input: Vec<u8>,
    local: Option<ConnectionKey>,
    /// The broker has closed the local connection.
    local_gone: bool,
    done: bool,
}

impl Bridges {
    pub(super) fn new(waker: Arc<Waker>) -> Self {
        Bridges { links: Vec::new(), dialer: Dialer::new(waker), scratch: Vec::new(), again: false }
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.links.iter().flatten().filter_map(|link| link.bridge.deadline()).min()
    }

    /// Whether there is work without an event.
    pub(super) fn wants_turn(&self) -> bool {
        self.again
    }

    /// The broker has closed a local connection.
    pub(super) fn local_closed(&mut self, key: ConnectionKey) {
        for link in self.links.iter_mut().flatten().filter(|link| link.local == Some(key)) {
            link.local = None;
            link.local_gone = true;
        }
    }

    /// A bridge has still to be told that its local connection is gone.
    pub(super) fn has_news(&self) -> bool {
        self.links.iter().flatten().any(|link| link.local_gone)
    }
}

impl Server {
    /// Every bridge makes its first attempt.
    pub(super) fn start_bridges(&mut self) {
        let settings = self.settings.clone();
        for bridge in &settings.bridges {
            self.add_bridge(&settings, bridge);
        }
    }

    fn add_bridge(&mut self, settings: &Settings, bridge: &BridgeSettings) {
        if self.bridges.scratch.is_empty() {
            self.bridges.scratch = vec![0; READ];
        }
        let around = surroundings(settings, self.shard.own_name());
        let now = self.instant();
        let mut seed = [0; 8];
        // Without randomness bridges come back at the same time, which is no reason not to have any.
        let _ = getrandom::fill(&mut seed);
        let bridge = Bridge::new(Arc::new(bridge.clone()), around, u64::from_ne_bytes(seed), now);
        let mut link = Link {
            bridge,
            outbox: Outbox::default(),
            requests: VecDeque::new(),
            written: 0,
            stream: None,
            attempt: 0,
            closing: false,
            readable: false,
            writable: false,
            input: Vec::new(),
            local: None,
            local_gone: false,
            done: false,
        };
        let standing = self.standing(&link.bridge);
        link.bridge.start(now, standing.as_ref(), &mut link.outbox);
        match self.bridges.links.iter().position(Option::is_none) {
            Some(free) => self.bridges.links[free] = Some(link),
            None => self.bridges.links.push(Some(link)),
        }
    }

    /// A reload: bridges come, change and go; the others don't notice.
    pub(super) fn reload_bridges(&mut self, settings: &Settings) {
        let now = self.instant();
        let around = surroundings(settings, self.shard.own_name());
        let mut known = Vec::new();
        for link in self.bridges.links.iter_mut().flatten() {
            let old = link.bridge.settings().clone();
            known.push(old.name.clone());
            link.bridge.set_surroundings(around.clone());
            match settings.bridges.iter().find(|bridge| bridge.name == old.name) {
                None => link.bridge.remove(&mut link.outbox),
                Some(new) if *new == *old => {}
                Some(new) => {
                    let at_once = new.reload_type == BridgeReload::Immediate;
                    link.bridge.reconfigure(now, Arc::new(new.clone()), at_once, &mut link.outbox);
                }
            }
        }
        for bridge in settings.bridges.iter().filter(|bridge| !known.contains(&bridge.name)) {
            self.add_bridge(settings, bridge);
        }
    }

    /// The broker stops.
    pub(super) fn stop_bridges(&mut self) {
        for link in self.bridges.links.iter_mut().flatten() {
            link.bridge.stop(&mut link.outbox);
        }
        self.drive_bridges();
    }

    /// Something has happened to a bridge's socket.
    pub(super) fn bridge_event(&mut self, index: usize, readable: bool, writable: bool) {
        if let Some(Some(link)) = self.bridges.links.get_mut(index) {
            link.readable |= readable;
            // The end of TLS's handshake, which a read brings, lets one write.
            link.writable |= writable || readable;
        }
    }

    /// What has become of attempts to connect.
    pub(super) fn bridges_dialed(&mut self) {
        for answer in self.bridges.dialer.answers() {
            self.dialed(answer);
        }
    }

    fn dialed(&mut self, (caller, result): Answer) {
        let now = self.instant();
        let Some(Some(link)) = self.bridges.links.get_mut(caller.link) else { return };
        if caller.probe {
            return link.bridge.probed(now, result.is_ok(), &mut link.outbox);
        }
        if link.attempt != caller.attempt {
            return;
        }
        let registered = result.and_then(|stream| {
            let token = Token(BRIDGES + caller.link);
            let descriptor = stream.as_fd().as_raw_fd();
            let interest = Interest::READABLE | Interest::WRITABLE;
            let registry = self.poll.registry();
            registry.register(&mut SourceFd(&descriptor), token, interest).map_err(|error| reason(&error))?;
            Ok(stream)
        });
        match registered {
            Ok(stream) => {
                link.forget_stream();
                (link.stream, link.readable, link.writable) = (Some(stream), true, true);
                link.bridge.connected(now, &mut link.outbox);
            }
            Err(why) => link.bridge.failed(now, &why, &mut link.outbox),
        }
    }

    /// The time, as bridges take it.
    fn instant(&self) -> Instant {
        self.start + Duration::from_millis(self.now.monotonic)
    }

    fn standing(&self, bridge: &Bridge) -> Option<Standing> {
        let standing = self.shard.standing(&bridge.local_id())?;
        Some(Standing {
            filters: standing.filters,
            unreleased: standing.unreleased,
            next_identifier: standing.next_identifier,
        })
    }

    /// Lets every bridge act on what has come for it; whether any did.
    pub(super) fn drive_bridges(&mut self) -> bool {
        let mut any = false;
        self.bridges.again = false;
        for index in 0..self.bridges.links.len() {
            any |= self.drive(index);
        }
        any
    }

    /// When something is due, in monotonic milliseconds.
    pub(super) fn bridges_due(&self) -> Option<u64> {
        let at = self.bridges.deadline()?;
        // A millisecond may have begun.
        Some(at.saturating_duration_since(self.start).as_millis() as u64 + 1)
    }

    /// What is due by time.
    pub(super) fn tick_bridges(&mut self) {
        let now = self.instant();
        for link in self.bridges.links.iter_mut().flatten() {
            if link.bridge.deadline().is_some_and(|at| at <= now) {
                link.bridge.tick(now, &mut link.outbox);
            }
        }
    }

    fn drive(&mut self, index: usize) -> bool {
        // It is out of the list meanwhile, since it and the rest of the server call each other.
        let Some(mut link) = self.bridges.links[index].take() else { return false };
        let now = self.instant();
        let mut any = false;
        let mut reads = 0;
        loop {
            let mut moved = link.take_news(now);
            moved |= self.grant(index, &mut link, now);
            moved |= self.pass_to_broker(&mut link);
            moved |= self.take_from_broker(&mut link, now);
            moved |= link.write(now, &mut self.bridges.scratch);
            moved |= self.read_remote(&mut link, now, &mut reads);
            if !moved {
                break;
            }
            any = true;
        }
        for note in link.outbox.notes.drain(..) {
            self.say(note.log_type, &note.text);
        }
        if !link.done {
            self.bridges.links[index] = Some(link);
        }
        any
    }

    /// What the bridge asks for.
    fn grant(&mut self, index: usize, link: &mut Link, now: Instant) -> bool {
        link.requests.extend(link.outbox.requests.drain(..));
        let Some(request) = link.requests.pop_front() else { return false };
        match request {
            Request::Connect(address) => {
                link.forget_stream();
                let caller = Caller { link: index, attempt: link.attempt, probe: false };
                self.bridges.dialer.dial(caller, link.bridge.current(), address);
            }
            Request::Probe => {
                let caller = Caller { link: index, attempt: link.attempt, probe: true };
                self.bridges.dialer.dial(caller, link.bridge.current(), 0);
            }
            Request::Close => {
                link.attempt += 1;
                link.closing = link.stream.is_some();
                link.input.clear();
                if !link.closing {
                    link.forget_stream();
                }
            }
            Request::OpenLocal => self.open_local(link, now),
            Request::Count => {
                let waiting = self.shard.standing(&link.bridge.local_id()).map_or(0, |s| s.waiting);
                link.bridge.counted(now, waiting, &mut link.outbox);
            }
            Request::Done => link.done = true,
        }
        true
    }

    /// A connection to our own broker, as if it had been accepted.
    fn open_local(&mut self, link: &mut Link, now: Instant) {
        let kind = match link.bridge.current().start_type {
            StartType::Lazy => Kind::Lazy,
            _ => Kind::Eager,
        };
        let standing = self.standing(&link.bridge);
        let peer = Peer::Unix(format!("bridge {}", link.bridge.current().name).into());
        let slot = self.slots.iter().position(|slot| slot.bridges == Some(kind)).unwrap_or(usize::MAX);
        let Some(key) = self.shard.accepted(self.now, slot, peer, &mut self.outbox) else {
            // No limit holds there.
            link.local_gone = true;
            return;
        };
        if self.clients.len() <= key {
            self.clients.resize_with(key + 1, || None);
        }
        let socket = Socket::Memory(Pipe::default());
        self.clients[key] = Some(Client {
            socket,
            input: Vec::new(),
            readable: false,
            writable: true,
            again: false,
            ended: false,
            lingers_until: None,
        });
        link.local = Some(key);
        link.bridge.local_opened(now, standing.as_ref(), &mut link.outbox);
        if !link.bridge.takes_messages() {
            self.shard.mute(key);
        }
    }

    fn pipe(&mut self, key: Option<ConnectionKey>) -> Option<&mut Pipe> {
        match self.clients.get_mut(key?)? {
            Some(Client { socket: Socket::Memory(pipe), .. }) => Some(pipe),
            _ => None,
        }
    }

    /// What the bridge says to our own broker, which acts on it now if it isn't holding the bridge back.
    fn pass_to_broker(&mut self, link: &mut Link) -> bool {
        if let Some(pipe) = self.pipe(link.local) {
            if !link.outbox.local.is_empty() {
                pipe.say(&mut link.outbox.local);
            }
        } else {
            link.outbox.local.clear();
        }
        let Some(key) = link.local else { return false };
        let mut moved = false;
        while self.pipe(Some(key)).is_some_and(|pipe| pipe.has_unread()) && !self.shard.is_held(key) {
            self.read(key);
            moved = true;
        }
        moved
    }

    /// What our own broker says to the bridge.
    fn take_from_broker(&mut self, link: &mut Link, now: Instant) -> bool {
        if link.backlog() >= REMOTE_ROOM {
            return false;
        }
        let Some(pipe) = self.pipe(link.local) else { return false };
        if pipe.said().is_empty() {
            return false;
        }
        let mut said = std::mem::take(pipe.said());
        let taken = link.bridge.from_local(now, &said, &mut link.outbox).min(said.len());
        if taken == said.len() {
            said.clear();
        } else {
            said.drain(..taken);
        }
        if said.capacity() > KEPT && said.is_empty() {
            said = Vec::new();
        }
        if let Some(pipe) = self.pipe(link.local) {
            *pipe.said() = said;
        }
        // As when a socket takes more again.
        if let Some(key) = link.local
            && taken > 0
            && self.clients.get(key).is_some_and(|c| c.as_ref().is_some_and(|c| !c.writable))
        {
            self.became_writable(key);
        }
        taken > 0
    }

    /// What the remote broker says, as long as our own one takes it.
    fn read_remote(&mut self, link: &mut Link, now: Instant, reads: &mut usize) -> bool {
        if !link.outbox.local.is_empty() || self.pipe(link.local).is_some_and(|pipe| pipe.has_unread()) {
            return false;
        }
        if !link.input.is_empty() {
            let input = std::mem::take(&mut link.input);
            let taken = link.bridge.from_remote(now, &input, &mut link.outbox).min(input.len());
            link.keep(input, taken);
            if taken > 0 {
                return true;
            }
        }
        let more = link.readable || link.stream.as_ref().is_some_and(Stream::has_buffered);
        if link.closing || !more {
            return false;
        }
        if *reads == READS {
            self.bridges.again = true;
            return false;
        }
        *reads += 1;
        link.read(now, &mut self.bridges.scratch);
        true
    }
}

impl Link {
    /// Bytes that wait to be written.
    fn backlog(&self) -> usize {
        self.outbox.remote.bytes.len() - self.written
    }

    /// There is no stream, and nothing of it may be left.
    fn forget_stream(&mut self) {
        self.stream = None;
        self.closing = false;
        self.input.clear();
        self.outbox.remote.bytes.clear();
        self.written = 0;
    }

    fn take_news(&mut self, now: Instant) -> bool {
        let gone = std::mem::take(&mut self.local_gone);
        if gone {
            self.bridge.local_closed(now, &mut self.outbox);
        }
        gone
    }

    /// Keeps what was not taken of the input.
    fn keep(&mut self, mut input: Vec<u8>, taken: usize) {
        input.drain(..taken);
        if !input.is_empty() || input.capacity() <= KEPT {
            self.input = input;
        }
    }

    fn read(&mut self, now: Instant, scratch: &mut [u8]) {
        let Some(stream) = &mut self.stream else {
            self.readable = false;
            return;
        };
        let in_handshake = !stream.is_open();
        let read = stream.read(scratch);
        if in_handshake && stream.is_open() {
            // What waited for the handshake may be written now.
            self.writable = true;
        }
        match read {
            Ok(0) => self.lost(now, bridge::CLOSED),
            Ok(count) => {
                if self.input.is_empty() {
                    let taken = self.bridge.from_remote(now, &scratch[..count], &mut self.outbox).min(count);
                    self.input.extend_from_slice(&scratch[taken..count]);
                } else {
                    self.input.extend_from_slice(&scratch[..count]);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => self.lost(now, bridge::CLOSED),
            Err(error) => self.lost(now, &reason(&error)),
        }
    }

    fn lost(&mut self, now: Instant, why: &str) {
        self.forget_stream();
        self.attempt += 1;
        self.bridge.failed(now, why, &mut self.outbox);
    }

    fn write(&mut self, now: Instant, scratch: &mut [u8]) -> bool {
        let mut moved = false;
        if self.writable
            && let Some(stream) = self.stream.as_mut().filter(|stream| stream.has_unwritten())
            && let Err(error) = stream.flush()
            && error.kind() != ErrorKind::WouldBlock
        {
            self.lost(now, &reason(&error));
            return true;
        }
        while self.writable && self.backlog() > 0 {
            let Some(stream) = &mut self.stream else {
                self.outbox.remote.bytes.clear();
                self.written = 0;
                break;
            };
            match stream.write(&self.outbox.remote.bytes[self.written..]) {
                Ok(count) => {
                    self.written += count;
                    moved = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.lost(now, &reason(&error));
                    return true;
                }
            }
        }
        if self.backlog() == 0 && self.written > 0 {
            self.outbox.remote.bytes.clear();
            self.outbox.remote.bytes.shrink_to(KEPT);
            self.written = 0;
        }
        if moved {
            self.bridge.sent(now);
        }
        moved | self.finish_closing(scratch)
    }

    /// Ends a stream on which everything is said. What the other side has said meanwhile is thrown away: closing with
    /// unread input would reset the connection and could take our last packet with it.
    fn finish_closing(&mut self, scratch: &mut [u8]) -> bool {
        if !self.closing || self.backlog() > 0 {
            return false;
        }
        if let Some(mut stream) = self.stream.take() {
            let _ = stream.shutdown_write();
            for _ in 0..READS {
                match stream.read(scratch) {
                    Ok(count) if count > 0 => {}
                    _ => break,
                }
            }
        }
        self.forget_stream();
        true
    }
}

/// What a bridge goes by of the broker's own settings.
fn surroundings(settings: &Settings, name: &str) -> Surroundings {
    Surroundings {
        broker: name.to_owned(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        max_inflight_messages: settings.max_inflight_messages,
        max_packet_size: settings.max_packet_size,
        retain_available: settings.retain_available,
    }
}
