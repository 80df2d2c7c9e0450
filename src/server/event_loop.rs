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

use mio::{Events, Interest, Poll, Token, Waker};

use super::client_io::{Client, IN_PLACE, READ};
use super::error::{Error, reason};
use super::listen::{Kind, Listening, open_all};
use super::passwords::Checkers;
use super::rules;
use super::signals::{Asked, Signals};
use super::socket::Socket;
use crate::auth::PasswordFile;
use crate::broker::{ConnectionKey, ListenerRules, Now, Outbox, Shard, Verdict, Verification};
use crate::config::{Listener, LogType, Settings};
use crate::observe::{self, Logger};

const WAKER: Token = Token(usize::MAX);
const SIGNALS: Token = Token(usize::MAX - 1);
/// Listeners count down from here.
const LISTENERS: usize = usize::MAX - 2;

/// Connections accepted in a row before others get their turn.
const ACCEPT: usize = 256;
/// How long to wait with accepting after the system had no more file descriptors.
const ACCEPT_AGAIN: u64 = 500;

/// Stops a running server from another thread.
#[derive(Clone, Debug)]
pub struct Handle {
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
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
    poll: Poll,
    pub(super) shard: Shard,
    pub(super) outbox: Outbox,
    pub(super) clients: Vec<Option<Client>>,
    listening: Vec<Listening>,
    signals: Signals,
    checkers: Checkers,
    password_files: Vec<Option<Arc<PasswordFile>>>,
    settings: Arc<Settings>,
    logger: Logger,
    handle: Handle,
    start: Instant,
    pub(super) now: Now,
    pub(super) buffer: Vec<u8>,
    /// Connections to be handled again though no event will come for them.
    pub(super) again: Vec<ConnectionKey>,
    accept_again: Option<u64>,
    stopping: bool,
}

impl Server {
    /// Reads the password files, opens the listeners and takes the signals over.
    pub fn bind(settings: Arc<Settings>, logger: Logger) -> Result<Server, Error> {
        raise_file_limit();
        let system = |error: io::Error| Error::start(format!("Error: {}", reason(&error)));
        let wall = wall_clock();
        let password_files = settings
            .listeners
            .iter()
            .map(|l| rules::password_file(&settings, l))
            .collect::<Result<Vec<_>, _>>()?;
        let mut listening = open_all(&settings, &logger, wall)?;
        let poll = Poll::new().map_err(system)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(system)?);
        let mut signals = Signals::new().map_err(system)?;
        for pipe in signals.pipes() {
            poll.registry().register(pipe, SIGNALS, Interest::READABLE).map_err(system)?;
        }
        for (i, listener) in listening.iter_mut().enumerate() {
            let token = Token(LISTENERS - i);
            match &mut listener.kind {
                Kind::Tcp(socket) => poll.registry().register(socket, token, Interest::READABLE),
                Kind::Unix(socket, ..) => poll.registry().register(socket, token, Interest::READABLE),
            }
            .map_err(system)?;
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| Error::start(format!("Error: {error}")))?;
        let listener_rules = all_rules(&settings, &listening, &logger, wall)?;
        let kinds = observe::kinds(settings.log.types);
        Ok(Server {
            shard: Shard::new(rules::limits(&settings), listener_rules, kinds, seed),
            outbox: Outbox::default(),
            clients: Vec::new(),
            checkers: Checkers::new(waker.clone()),
            handle: Handle { stop: Arc::new(AtomicBool::new(false)), waker },
            start: Instant::now(),
            now: Now { monotonic: 0, wall },
            buffer: vec![0; READ + IN_PLACE],
            again: Vec::new(),
            accept_again: None,
            stopping: false,
            poll,
            listening,
            signals,
            password_files,
            settings,
            logger,
        })
    }

    /// The addresses of the TCP listeners, with the ports that the system chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listening.iter().filter_map(Listening::address).collect()
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
        while !self.stopping {
            let timeout = self.timeout();
            match self.poll.poll(&mut events, timeout) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::start(format!("Error: {}", reason(&error)))),
            }
            self.read_clock();
            let again = std::mem::take(&mut self.again);
            for event in events.iter() {
                self.event(event.token(), event.is_readable(), event.is_writable());
            }
            for key in again {
                if let Some(Some(client)) = self.clients.get_mut(key) {
                    client.again = false;
                    self.read(key);
                }
            }
            self.end_turn();
        }
        self.shut_down();
        Ok(())
    }

    fn read_clock(&mut self) {
        self.now = Now { monotonic: self.start.elapsed().as_millis() as u64, wall: wall_clock() };
    }

    /// How long the poller may wait.
    fn timeout(&self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let next = [self.shard.next_deadline(), self.accept_again].into_iter().flatten().min()?;
        // Read the clock: the turn may have taken long.
        let now = self.start.elapsed().as_millis() as u64;
        Some(Duration::from_millis(next.saturating_sub(now).min(60_000)))
    }

    fn event(&mut self, token: Token, readable: bool, writable: bool) {
        match token {
            WAKER => {
                for answer in self.checkers.answers() {
                    self.answer(answer.connection, answer.generation, answer.verdict);
                }
                self.stopping |= self.handle.stop.load(Ordering::Acquire);
            }
            SIGNALS => self.signalled(),
            Token(n) if n > LISTENERS - self.listening.len() => self.accept(LISTENERS - n),
            Token(key) => {
                if writable {
                    self.became_writable(key);
                }
                if readable {
                    self.read(key);
                }
            }
        }
    }

    fn signalled(&mut self) {
        for asked in self.signals.asked() {
            match asked {
                Asked::Stop => self.stopping = true,
                Asked::Reload => self.reload(),
                Asked::Save => self.say(LogType::Notice, "Persistence is off; there is nothing to save."),
                Asked::Print => self.say(LogType::Notice, &self.shard.summary()),
            }
        }
    }

    fn say(&self, log_type: LogType, text: &str) {
        self.logger.log(log_type, self.now.wall, format_args!("{text}"));
    }

    /// SIGHUP: the log is reopened, the password and ACL files are read anew; an error in one leaves the old ones all in
    /// force.
    fn reload(&mut self) {
        self.say(LogType::Information, "Reloading config.");
        self.logger.reopen(self.now.wall);
        let passwords: Result<Vec<_>, _> =
            self.settings.listeners.iter().map(|l| rules::password_file(&self.settings, l)).collect();
        let rules = all_rules(&self.settings, &self.listening, &self.logger, self.now.wall);
        match passwords.and_then(|passwords| Ok((passwords, rules?))) {
            Ok((passwords, rules)) => {
                self.password_files = passwords;
                self.shard.set_listeners(rules);
            }
            Err(error) => {
                self.say(LogType::Error, &error.to_string());
                let text = "Error: The password and ACL files were not reloaded; the old ones stay in force.";
                self.say(LogType::Error, text);
            }
        }
    }

    /// Takes the connections that wait at a listener.
    fn accept(&mut self, index: usize) {
        for _ in 0..ACCEPT {
            match self.listening[index].accept() {
                Ok((socket, peer)) => {
                    let listener = self.listening[index].listener;
                    let Some(key) = self.shard.accepted(self.now, listener, peer, &mut self.outbox) else {
                        continue;
                    };
                    self.enter(key, socket);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if is_out_of_files(&error) => {
                    self.say(
                        LogType::Warning,
                        "Unable to accept new connection, system socket count has been exceeded. \
                         Try increasing \"ulimit -n\" or equivalent.",
                    );
                    self.accept_again = Some(self.now.monotonic + ACCEPT_AGAIN);
                    return;
                }
                // The connection was gone before it was accepted.
                Err(_) => {}
            }
        }
        self.accept_again = Some(self.now.monotonic);
    }

    fn enter(&mut self, key: ConnectionKey, mut socket: Socket) {
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = self.poll.registry().register(socket.source(), Token(key), interest).is_ok();
        if self.clients.len() <= key {
            self.clients.resize_with(key + 1, || None);
        }
        self.clients[key] =
            Some(Client { socket, input: Vec::new(), readable: true, writable: true, again: false });
        if !registered {
            self.shard.closed(self.now, key, &mut self.outbox);
        }
    }

    /// Everything that the turn has led to leaves.
    fn end_turn(&mut self) {
        if self.accept_again.is_some_and(|at| at <= self.now.monotonic) {
            self.accept_again = None;
            for i in 0..self.listening.len() {
                self.accept(i);
            }
        }
        if self.shard.next_deadline().is_some_and(|at| at <= self.now.monotonic) {
            self.shard.tick(self.now, &mut self.outbox);
        }
        self.outbox.urgent = false;
        self.outbox.full.clear();
        loop {
            self.verify();
            while let Some(key) = self.outbox.resume.pop() {
                self.resume(key);
            }
            if self.outbox.dirty.is_empty() {
                break;
            }
            self.flush_dirty();
        }
        let mut close = std::mem::take(&mut self.outbox.close);
        for key in close.drain(..) {
            self.close(key);
        }
        self.outbox.close = close;
        self.log_notices();
    }

    fn verify(&mut self) {
        let asked: Vec<Verification> = self.outbox.verify.drain(..).collect();
        for verification in asked {
            let (key, generation) = (verification.connection, verification.generation);
            let answer = match self.password_files.get(verification.listener).and_then(Clone::clone) {
                Some(file) => self.checkers.check(verification, file).map(|answer| answer.verdict),
                None => Some(Verdict::Bad),
            };
            if let Some(verdict) = answer {
                self.answer(key, generation, verdict);
            }
        }
    }

    fn answer(&mut self, key: ConnectionKey, generation: u32, verdict: Verdict) {
        self.shard.verified(self.now, key, generation, verdict, &mut self.outbox);
    }

    fn log_notices(&mut self) {
        for notice in self.outbox.notices.drain(..) {
            let log_type = observe::log_type(&notice);
            // mosquitto's two-line notices are two lines here as well.
            for line in notice.to_string().split('\n') {
                self.logger.log(log_type, self.now.wall, format_args!("{line}"));
            }
        }
    }

    /// Wills are published and 5.0 clients told; what the sockets take at once is written.
    fn shut_down(&mut self) {
        self.read_clock();
        self.shard.shut_down(self.now, &mut self.outbox);
        self.end_turn();
    }
}

/// The rules of all listeners, with their ACL files as they are now.
fn all_rules(
    settings: &Settings,
    listening: &[Listening],
    logger: &Logger,
    wall: u64,
) -> Result<Vec<ListenerRules>, Error> {
    let one = |(i, listener): (usize, &Listener)| {
        let open = listening.iter().find(|l| l.listener == i).and_then(Listening::address);
        let warn = |text: String| logger.log(LogType::Warning, wall, format_args!("{text}"));
        let acl = rules::acl_file(settings, listener, warn)?;
        Ok(rules::listener_rules(settings, listener, open.map_or(listener.port, |a| a.port()), acl))
    };
    settings.listeners.iter().enumerate().map(one).collect()
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
