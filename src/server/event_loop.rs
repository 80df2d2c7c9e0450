//! The event loop: one thread, one poller, one broker.
//!
//! A turn: wait for events; read each ready socket once into the thread's buffer and let the broker act on every whole
//! packet in it; then write each connection that has something to say with one call. Between turns nothing waits that
//! could be written.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::event::Event;
use mio::{Events, Interest, Poll, Token, Waker};

use super::bridges::{BRIDGES, Bridges};
use super::client_io::{Client, IN_PLACE, READ};
use super::control::Desk;
use super::error::{Error, reason};
use super::greeters::Greeters;
use super::http::{Http, Mailbox};
use super::http_answers::Told;
use super::listen::{Addresses, Kind, Listening, open_listed};
use super::passwords::{Against, Answer, Checkers};
use super::persistence::Keeper;
use super::prepare::Prepared;
use super::reload::{Reloader, Reread};
use super::rules;
use super::signals::{self, Asked, Signals};
use super::slots::{self, Slot};
use super::socket::Socket;
use super::sys::SysClock;
use super::systemd::Systemd;
use crate::broker::{ConnectionKey, Now, Outbox, OwnMessage, Shard, Verdict, Verification};
use crate::config::{LogType, Settings};
use crate::observe::{self, Logger};
use slab::Slab;

const WAKER: Token = Token(usize::MAX);
const SIGNALS: Token = Token(usize::MAX - 1);
/// Listening sockets count down from here.
const LISTENERS: usize = usize::MAX - 2;
/// So many may there be.
const LISTENERS_MAX: usize = 1 << 20;

/// Connections accepted in a row before others get their turn.
const ACCEPT: usize = 32;
/// Seconds after which a published log line is of no use.
const LOG_EXPIRY: u64 = 20;
/// How long to wait with accepting after the system had no more file descriptors.
const ACCEPT_AGAIN: u64 = 500;

/// Stops a running server from another thread.
#[derive(Clone, Debug)]
pub struct Handle {
    stop: Arc<AtomicBool>,
    pub(super) waker: Arc<Waker>,
}

impl Handle {
    /// Asks the server to stop; [`Server::run`] then returns.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        let _ = self.waker.wake();
    }
}

/// A broker with open listeners.
pub struct Server {
    pub(super) poll: Poll,
    pub(super) shard: Shard,
    pub(super) outbox: Outbox,
    pub(super) clients: Vec<Option<Client>>,
    pub(super) listening: Slab<Listening>,
    /// The listeners by the number that connections know them by.
    pub(super) slots: Vec<Slot>,
    signals: Signals,
    pub(super) keeper: Option<Keeper>,
    checkers: Checkers,
    pub(super) greeters: Greeters,
    pub(super) desk: Desk,
    pub(super) reloader: Reloader,
    pub(super) sys: SysClock,
    pub(super) systemd: Systemd,
    pub(super) http: Http,
    pub(super) told: Told,
    /// Version of the program.
    pub(super) version: Arc<str>,
    pub(super) bridges: Bridges,
    pub(super) settings: Arc<Settings>,
    /// Where its listeners listen.
    pub(super) addresses: Vec<Addresses>,
    pub(super) logger: Logger,
    pub(super) handle: Handle,
    pub(super) start: Instant,
    pub(super) now: Now,
    pub(super) buffer: Vec<u8>,
    /// Connections to be handled again though no event will come for them.
    pub(super) again: Vec<ConnectionKey>,
    accept_again: Option<u64>,
    /// When the log said last that there are no more file descriptors.
    out_of_files_said: Option<u64>,
    /// Lines were logged that are still to be published.
    log_waits: bool,
    stopping: bool,
}

impl Server {
    /// Reads the files that the settings name, opens the listeners and takes the signals over.
    pub fn bind(settings: Arc<Settings>, logger: Logger) -> Result<Server, Error> {
        raise_file_limit();
        let system = |error: io::Error| Error::start(format!("Error: {}", reason(&error)));
        let wall = wall_clock();
        let prepared = Prepared::read(settings.clone()).map_err(Error::first)?;
        for warning in &prepared.warnings {
            logger.log(LogType::Warning, wall, format_args!("{warning}"));
        }
        // Before anybody can connect: whoever sees the broker may send it a signal.
        signals::outlive_long_files().map_err(system)?;
        let mut signals = Signals::new().map_err(system)?;
        let all: Vec<(usize, usize)> = (0..settings.listeners.len()).map(|i| (i, i)).collect();
        let listening = open_listed(&settings, &prepared.addresses, &all, &logger, wall)?;
        if !listening.iter().any(Listening::is_mqtt) {
            return Err(Error::start("Error: Unable to start any listening sockets, exiting."));
        }
        let poll = Poll::new().map_err(system)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(system)?);
        for pipe in signals.pipes() {
            poll.registry().register(pipe, SIGNALS, Interest::READABLE).map_err(system)?;
        }
        let mut slots = Slot::all(&prepared, &listening);
        slots.extend([slots::Bridges::Eager, slots::Bridges::Lazy].map(Slot::for_bridges));
        let listener_rules = rules::all(&settings, &slots, &[]);
        let mut server = Server {
            shard: Shard::new(
                rules::limits(&settings),
                listener_rules,
                observe::kinds(settings.log.types),
                random_seed()?,
            ),
            outbox: Outbox::default(),
            clients: Vec::new(),
            checkers: Checkers::new(waker.clone()),
            greeters: Greeters::new(waker.clone()),
            desk: Desk::new(waker.clone()),
            reloader: Reloader::new(waker.clone()),
            systemd: Systemd::of_environment(),
            http: Http::new(Mailbox::new(waker.clone())),
            told: Told::default(),
            version: "".into(),
            bridges: Bridges::new(waker.clone()),
            sys: SysClock::new(String::new(), settings.sys_interval),
            handle: Handle { stop: Arc::new(AtomicBool::new(false)), waker },
            start: Instant::now(),
            now: Now { monotonic: 0, wall },
            keeper: None,
            buffer: vec![0; READ + IN_PLACE],
            again: Vec::new(),
            accept_again: None,
            out_of_files_said: None,
            log_waits: false,
            stopping: false,
            poll,
            listening: Slab::new(),
            slots,
            signals,
            settings,
            addresses: prepared.addresses,
            logger,
        };
        for socket in listening {
            server.listen(socket).map_err(system)?;
        }
        // Nothing is written before all listeners are there.
        if let Some(file) = prepared.dynsec {
            server.desk.set_path(&file.path);
            let dynsec = file.settle(|text| server.say(LogType::Information, text))?;
            server.shard.set_dynsec(dynsec);
        }
        // The last thing: nothing is written before the broker has all its listeners.
        server.open_store()?;
        Ok(server)
    }

    /// Has the poller watch a listening socket.
    pub(super) fn listen(&mut self, mut socket: Listening) -> io::Result<()> {
        let entry = self.listening.vacant_entry();
        let token = Token(LISTENERS - entry.key());
        if let Kind::Http(taken, _) = &mut socket.kind {
            if let Some(taken) = taken.take() {
                self.http.open(socket.listener, taken)?;
                // A reload tells it later, when all else is sure.
                if let Some(slot) = self.slots.get(socket.listener).filter(|slot| slot.open) {
                    self.http.change(socket.listener, slot.admission.ways.clone());
                }
            }
        } else if let Some(source) = socket.source() {
            self.poll.registry().register(source, token, Interest::READABLE)?;
        }
        entry.insert(socket);
        Ok(())
    }

    /// What the program calls itself on `$SYS/broker/version`.
    pub fn named(mut self, version: &str) -> Self {
        self.sys = SysClock::new(version.to_owned(), self.settings.sys_interval);
        self.version = version.rsplit(' ').next().unwrap_or_default().into();
        self
    }

    /// How SIGHUP gets the configuration anew; without it, the files that the first one names are read again.
    pub fn rereading(mut self, reread: Reread) -> Self {
        self.reloader.reread = Some(reread);
        self
    }

    /// The addresses of the TCP listeners, with the ports that the system chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listening
            .iter()
            .filter(|(_, s)| s.is_mqtt())
            .filter_map(|(_, socket)| socket.address())
            .collect()
    }

    /// Stops the server from another thread.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Leaves all signals to somebody else: only [`Handle::stop`] ends this server.
    pub fn without_signals(mut self) -> Self {
        self.signals = Signals::none();
        self
    }

    /// Serves until SIGTERM, SIGINT or [`Handle::stop`].
    pub fn run(mut self) -> Result<(), Error> {
        let mut events = Events::with_capacity(1024);
        self.read_clock();
        self.start_sys();
        self.start_bridges();
        self.end_turn();
        self.systemd.ready(self.now.monotonic);
        while !self.stopping {
            let timeout = self.timeout();
            match self.poll.poll(&mut events, timeout) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::start(format!("Error: {}", reason(&error)))),
            }
            self.read_clock();
            self.watch_memory();
            let again = std::mem::take(&mut self.again);
            for event in events.iter() {
                self.event(event);
            }
            for key in again {
                if let Some(Some(client)) = self.clients.get_mut(key) {
                    client.again = false;
                    self.read(key);
                }
            }
            self.end_turn();
        }
        self.systemd.stopping();
        self.shut_down()
    }

    /// Once a turn, where there is a `memory_limit`.
    fn watch_memory(&mut self) {
        let limit = self.settings.memory_limit;
        let full = limit > 0 && observe::heap_in_use() > limit;
        if full != self.shard.memory_full() {
            self.shard.set_memory_full(full);
            let text = match full {
                true => "Warning: memory_limit is reached; nothing more is kept until there is room.",
                false => "There is room below memory_limit again.",
            };
            self.say(LogType::Warning, text);
        }
    }

    fn read_clock(&mut self) {
        self.now = Now { monotonic: self.start.elapsed().as_millis() as u64, wall: wall_clock() };
    }

    /// How long the poller may wait.
    fn timeout(&self) -> Option<Duration> {
        if !self.again.is_empty() || self.log_waits || self.bridges.wants_turn() {
            return Some(Duration::ZERO);
        }
        let save = self.keeper.as_ref().and_then(Keeper::next_deadline);
        let next = [
            self.shard.next_deadline(),
            self.accept_again,
            self.sys.next,
            self.systemd.next,
            save,
            self.bridges_due(),
        ];
        let next = next.into_iter().flatten().min()?;
        // Read the clock: the turn may have taken long.
        let now = self.start.elapsed().as_millis() as u64;
        Some(Duration::from_millis(next.saturating_sub(now).min(60_000)))
    }

    fn event(&mut self, event: &Event) {
        match event.token() {
            WAKER => {
                for answer in self.checkers.answers() {
                    self.checked(answer);
                }
                self.welcome();
                self.desk_has_news();
                self.finish_reload();
                self.answer_http();
                self.hear_store();
                self.bridges_dialed();
                self.stopping |= self.handle.stop.load(Ordering::Acquire);
            }
            SIGNALS => self.signalled(),
            Token(n) if n > LISTENERS - LISTENERS_MAX => self.accept(LISTENERS - n),
            Token(n) if n >= BRIDGES => {
                self.bridge_event(n - BRIDGES, event.is_readable(), event.is_writable());
            }
            Token(key) => {
                if event.is_writable() {
                    self.became_writable(key);
                }
                if event.is_read_closed()
                    && let Some(Some(client)) = self.clients.get_mut(key)
                {
                    client.ended = true;
                }
                if event.is_readable() {
                    self.read(key);
                }
            }
        }
    }

    fn signalled(&mut self) {
        for asked in self.signals.asked() {
            match asked {
                Asked::Stop => self.stopping = true,
                Asked::Reload => self.begin_reload(),
                Asked::Reopen => self.logger.reopen(self.now.wall),
                Asked::Save => self.save(),
                Asked::Print => self.print_subscriptions(),
            }
        }
    }

    /// SIGUSR2: the subscription tree on standard output, and what the broker holds in the log.
    fn print_subscriptions(&self) {
        use std::io::Write;
        let text = self.shard.subscription_tree();
        let mut stdout = io::stdout().lock();
        // Whoever closed it doesn't want to know.
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        self.say(LogType::Notice, &self.shard.summary());
    }

    pub(super) fn say(&self, log_type: LogType, text: &str) {
        self.logger.log(log_type, self.now.wall, format_args!("{text}"));
    }

    /// Takes the connections that wait at a listener.
    fn accept(&mut self, index: usize) {
        for _ in 0..ACCEPT {
            // An event may have come for a listener that is gone.
            let Some(listening) = self.listening.get(index) else { return };
            match listening.accept() {
                Ok((socket, peer)) => {
                    let listener = listening.listener;
                    let Some(key) = self.shard.accepted(self.now, listener, peer, &mut self.outbox) else {
                        continue;
                    };
                    let socket = socket.with(&self.slots[listener].admission.ways);
                    self.enter(key, socket);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if is_out_of_files(&error) => return self.out_of_files(),
                // The connection was gone before it was accepted.
                Err(_) => {}
            }
        }
        self.accept_again = Some(self.now.monotonic);
    }

    /// The system has no more file descriptors: whoever has said nothing for longest gives way, and there is room as soon
    /// as its socket is closed; else there may be some later.
    fn out_of_files(&mut self) {
        let now = self.now.monotonic;
        let made_way = self.shard.make_way(self.now, None, &mut self.outbox);
        self.accept_again = Some(now + if made_way { 1 } else { ACCEPT_AGAIN });
        if self.out_of_files_said.is_none_or(|at| now >= at + ACCEPT_AGAIN) {
            self.out_of_files_said = Some(now);
            self.say(
                LogType::Warning,
                "Unable to accept new connection, system socket count has been exceeded. \
                 Try increasing \"ulimit -n\" or equivalent.",
            );
        }
    }

    fn enter(&mut self, key: ConnectionKey, socket: Socket) {
        let is_layered = matches!(socket, Socket::Layered(_));
        if self.clients.len() <= key {
            self.clients.resize_with(key + 1, || None);
        }
        self.clients[key] = Some(Client {
            socket,
            input: Vec::new(),
            readable: true,
            writable: true,
            again: false,
            ended: false,
            lingers_until: None,
        });
        if is_layered && self.have_greeted(key, false) {
            return;
        }
        if self.watch(key).is_err() {
            self.shard.closed(self.now, key, &mut self.outbox);
        }
    }

    /// Has the poller watch a connection.
    pub(super) fn watch(&mut self, key: ConnectionKey) -> io::Result<()> {
        let Some(Some(client)) = self.clients.get_mut(key) else { return Ok(()) };
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(client.socket.source(), Token(key), interest)
    }

    /// Everything that the turn has led to leaves.
    pub(super) fn end_turn(&mut self) {
        if self.accept_again.is_some_and(|at| at <= self.now.monotonic) {
            self.accept_again = None;
            let all: Vec<usize> = self.listening.iter().map(|(index, _)| index).collect();
            for index in all {
                self.accept(index);
            }
        }
        if self.shard.next_deadline().is_some_and(|at| at <= self.now.monotonic) {
            self.shard.tick(self.now, &mut self.outbox);
        }
        self.systemd.tick(self.now.monotonic);
        self.publish_sys();
        self.publish_log();
        self.take_requests();
        self.tick_bridges();
        self.outbox.urgent = false;
        self.outbox.full.clear();
        // First, so that the disk works while the sockets are written.
        self.keep_changes();
        loop {
            self.settle();
            let mut close = std::mem::take(&mut self.outbox.close);
            for key in close.drain(..) {
                self.close(key);
            }
            let more = !self.outbox.close.is_empty() || self.bridges.has_news();
            self.outbox.close.append(&mut close);
            if !more {
                break;
            }
        }
        self.keep_changes();
        self.log_notices();
        self.log_waits = self.settings.log.destinations.topic && self.logger.has_topic_lines();
    }

    /// Until nothing follows from anything any more.
    fn settle(&mut self) {
        loop {
            self.verify();
            while let Some(key) = self.outbox.resume.pop() {
                self.resume(key);
            }
            if !self.outbox.control.is_empty() {
                self.take_requests();
            }
            if self.outbox.dirty.is_empty() && !self.drive_bridges() {
                break;
            }
            self.flush_dirty();
        }
    }

    fn verify(&mut self) {
        let asked: Vec<Verification> = self.outbox.verify.drain(..).collect();
        for verification in asked {
            let (key, generation) = (verification.connection, verification.generation);
            let answer = match self.against(&verification) {
                Some(against) => self.checkers.check(verification, against),
                None => Some(Verdict::Bad),
            };
            if let Some(verdict) = answer {
                self.answer(key, generation, verdict);
            }
        }
    }

    /// What a password is to be checked against: dynamic security if it knows the user, else the password file.
    pub(super) fn against(&self, asked: &Verification) -> Option<Against> {
        let file = self.slots.get(asked.listener).and_then(|slot| slot.admission.passwords.clone());
        let dynsec = self.shard.dynsec().filter(|_| self.shard.asks_dynsec(asked.listener));
        let Some(dynsec) = dynsec else { return file.map(Against::File) };
        match dynsec.password_of(&asked.client_id, &asked.username) {
            Some(hash) => Some(Against::Dynsec(hash.clone())),
            None if !dynsec.knows(&asked.username) && file.is_some() => file.map(Against::File),
            None => dynsec.any_password().map(|hash| Against::Nobody(hash.dummy())),
        }
    }

    /// A password was checked on its thread, perhaps against one that doesn't hold any more.
    fn checked(&mut self, answer: Answer) {
        let slot = self.slots.get(answer.listener).filter(|slot| slot.open);
        let holds = slot.is_some_and(|slot| match &answer.against {
            Against::File(file) => slot.admission.still_admits_by(file, &answer.username),
            Against::Dynsec(hash) => {
                self.shard.asks_dynsec(answer.listener)
                    && self.shard.dynsec_still_admits(&answer.client_id, &answer.username, hash)
            }
            Against::Nobody(_) => false,
        });
        let verdict = if answer.verdict == Verdict::Good && !holds { Verdict::Bad } else { answer.verdict };
        self.answer(answer.connection, answer.generation, verdict);
    }

    /// Whether the end has begun.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping
    }

    fn answer(&mut self, key: ConnectionKey, generation: u32, verdict: Verdict) {
        self.shard.verified(self.now, key, generation, verdict, &mut self.outbox);
    }

    fn log_notices(&mut self) {
        for notice in self.outbox.notices.drain(..) {
            self.logger.notice(&notice, self.now.wall);
        }
    }

    /// `log_dest topic`: QoS 2, not retained, gone after 20 seconds. What that makes to be logged is for the next turn.
    fn publish_log(&mut self) {
        self.log_waits = false;
        if !self.settings.log.destinations.topic {
            return;
        }
        self.log_notices();
        for line in self.logger.take_topic_lines() {
            let mut message = OwnMessage::retained(line.topic, line.text.as_bytes());
            message.retain = false;
            message.expires = Some(self.now.wall + LOG_EXPIRY);
            self.shard.publish_own(self.now, &message, &mut self.outbox);
        }
    }

    /// Wills are published and 5.0 clients told; what the sockets take at once is written.
    fn shut_down(&mut self) -> Result<(), Error> {
        self.read_clock();
        self.stop_bridges();
        self.end_turn();
        self.shard.shut_down(self.now, &mut self.outbox);
        self.end_turn();
        self.close_desk();
        self.close_store()
    }
}

fn random_seed() -> Result<[u8; 32], Error> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| Error::start(format!("Error: {error}")))?;
    Ok(seed)
}

fn wall_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

fn is_out_of_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

/// A broker may need many more files than the 1024 that a shell gives.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}
