//! SIGHUP: a new configuration holds whole or not at all.
//!
//! A thread of its own reads the configuration and every file that it names ([`Prepared`]), while the loop goes on;
//! then, in one turn, new listeners are opened, and if that succeeds nothing can fail any more: rules, limits, log and
//! listeners change, and who would not be let in any more is sent away. Whatever goes wrong before is said, and the
//! old configuration stays in force.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use mio::Waker;

use super::error::{Error, reason};
use super::event_loop::Server;
use super::listen::{Listening, open_listed};
use super::prepare::{Admission, Prepared};
use super::rules;
use super::slots::{Plan, Slot};
use crate::broker::{Ended, Limits, Resident};
use crate::config::{LogType, Settings};
use crate::observe::{self, Logger};
use crate::protocol::ReasonCode;

/// Reads the configuration anew; `None`: it can't be used, which was said to the log.
pub type Reread = Arc<dyn Fn(&Logger) -> Option<Settings> + Send + Sync>;

/// What came of reading; the errors are empty where they were said already.
type Outcome = Result<Prepared, Vec<Error>>;

/// The thread that reads, and what it leaves for the loop.
pub(super) struct Reloader {
    pub(super) reread: Option<Reread>,
    waker: Arc<Waker>,
    outcome: Arc<Mutex<Option<Outcome>>>,
    running: bool,
    /// SIGHUP came while the thread was running: what it reads may be old.
    again: bool,
}

impl Reloader {
    pub(super) fn new(waker: Arc<Waker>) -> Self {
        let outcome = Arc::new(Mutex::new(None));
        Reloader { reread: None, waker, outcome, running: false, again: false }
    }

    fn start(&mut self, settings: Arc<Settings>, logger: Logger) {
        if std::mem::replace(&mut self.running, true) {
            self.again = true;
            return;
        }
        let (reread, outcome, waker) = (self.reread.clone(), self.outcome.clone(), self.waker.clone());
        let work = move || {
            let read = || match &reread {
                Some(reread) => Prepared::read(Arc::new(reread(&logger).ok_or_else(Vec::new)?)),
                None => Prepared::read(settings),
            };
            let fault = || vec![Error::start("Error: A fault of ours while reading the configuration.")];
            let result = catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(fault()));
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            let _ = waker.wake();
        };
        if let Err(error) = std::thread::Builder::new().name("reload".into()).spawn(work) {
            let failed = Err(vec![Error::start(format!("Error: {}.", reason(&error)))]);
            *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(failed);
            let _ = self.waker.wake();
        }
    }

    fn take(&mut self) -> Option<Outcome> {
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.running &= outcome.is_none();
        outcome
    }
}

impl Server {
    /// SIGHUP came. The log is reopened whatever becomes of the rest: who rotates logs counts on it.
    pub(super) fn begin_reload(&mut self) {
        self.say(LogType::Information, "Reloading config.");
        self.logger.reopen(self.now.wall);
        self.systemd.reloading();
        self.reloader.start(self.settings.clone(), self.logger.clone());
    }

    /// The thread has read everything, perhaps.
    pub(super) fn finish_reload(&mut self) {
        let Some(outcome) = self.reloader.take() else { return };
        if std::mem::take(&mut self.reloader.again) {
            return self.reloader.start(self.settings.clone(), self.logger.clone());
        }
        let done = outcome.and_then(|prepared| self.take_up(prepared).map_err(|error| vec![error]));
        match done {
            Ok(()) => self.say(LogType::Information, "The configuration was reloaded."),
            Err(errors) => {
                for error in errors {
                    self.say(LogType::Error, &error.to_string());
                }
                let text = "Error: The configuration was not reloaded; the old one stays in force.";
                self.say(LogType::Error, text);
            }
        }
        self.systemd.ready(self.now.monotonic);
    }

    /// Goes over to a new configuration, or leaves everything as it is.
    fn take_up(&mut self, prepared: Prepared) -> Result<(), Error> {
        let plan = Plan::new(&self.slots, &prepared.settings, |number| !self.shard.refers_to(number));
        if plan.numbers.iter().any(|&number| number > usize::from(u16::MAX)) {
            return Err(Error::start("Error: Too many listeners."));
        }
        self.check_plugins(&prepared.settings)?;
        self.check_log(&prepared.settings)?;
        self.open_wanted(&prepared, &plan)?;
        // From here on nothing can fail.
        for warning in &prepared.warnings {
            self.say(LogType::Warning, warning);
        }
        self.close_leaving(&plan);
        let before = self.change_slots(&prepared, &plan);
        let Prepared { settings, addresses, .. } = prepared;
        self.warn_of_what_stays(&settings);
        let listeners = rules::all(&settings, &self.slots, self.shard.listeners());
        self.shard.set_listeners(listeners);
        let memory_full = self.shard.memory_full();
        self.shard.set_limits(Limits { memory_full, ..rules::limits(&settings) });
        self.logger.configure(&settings.log, self.now.wall);
        self.shard.set_kinds(observe::kinds(settings.log.types));
        self.sys.set_interval(settings.sys_interval, self.now.monotonic);
        self.reload_bridges(&settings);
        self.reload_store(&settings);
        self.settings = settings;
        self.addresses = addresses;
        self.send_away(&before);
        Ok(())
    }

    /// Dynamic security knows more than its file said at the start: only a start may take another.
    fn check_plugins(&self, settings: &Settings) -> Result<(), Error> {
        let file = |settings: &Settings| settings.dynsec_plugin()?.option("config_file").map(str::to_owned);
        if file(settings) != file(&self.settings) {
            let text = "Error: Dynamic security can't be added, removed or given another file by a reload.";
            return Err(Error::start(text));
        }
        Ok(())
    }

    /// A log file that can't be opened would leave us without a log.
    fn check_log(&self, settings: &Settings) -> Result<(), Error> {
        let Some(path) = &settings.log.destinations.file else { return Ok(()) };
        observe::check_log_file(path).map_err(|error| {
            Error::start(format!("Error: Unable to open log file {path} for writing. {}.", reason(&error)))
        })
    }

    /// Opens what isn't open yet. One that goes may be in the way: then it goes first, and comes back if its place
    /// can't be taken.
    fn open_wanted(&mut self, prepared: &Prepared, plan: &Plan) -> Result<(), Error> {
        let (settings, addresses, wall) = (&prepared.settings, &prepared.addresses, self.now.wall);
        let first = open_listed(settings, addresses, &plan.wanted, &self.logger, wall);
        let clashes = |leaving: &usize| {
            plan.wanted.iter().any(|&(_, number)| number != *leaving)
                && settings
                    .listeners
                    .iter()
                    .any(|l| super::listen::Endpoint::of(l).may_clash(&self.slots[*leaving].endpoint))
        };
        let in_the_way: Vec<usize> = plan.leaving.iter().copied().filter(clashes).collect();
        let opened = match first {
            Ok(opened) => opened,
            Err(error) if in_the_way.is_empty() => return Err(error),
            Err(_) => {
                self.close_listening(&in_the_way);
                match open_listed(settings, addresses, &plan.wanted, &self.logger, wall) {
                    Ok(opened) => opened,
                    Err(error) => {
                        self.open_again(&in_the_way);
                        return Err(error);
                    }
                }
            }
        };
        opened.into_iter().try_for_each(|socket| self.listen(socket)).map_err(|error: io::Error| {
            self.close_listening(&plan.wanted.iter().map(|&(_, number)| number).collect::<Vec<_>>());
            self.open_again(&in_the_way);
            Error::start(format!("Error: {}", reason(&error)))
        })
    }

    fn open_again(&mut self, numbers: &[usize]) {
        let is_closed = |number: &usize| self.listening.iter().all(|(_, socket)| socket.listener != *number);
        let wanted: Vec<(usize, usize)> =
            numbers.iter().copied().filter(is_closed).map(|n| (self.slots[n].position, n)).collect();
        let opened = open_listed(&self.settings, &self.addresses, &wanted, &self.logger, self.now.wall);
        let result = opened.and_then(|sockets| {
            let system = |error: io::Error| Error::start(format!("Error: {}", reason(&error)));
            sockets.into_iter().try_for_each(|socket| self.listen(socket)).map_err(system)
        });
        if let Err(error) = result {
            self.say(LogType::Error, &error.to_string());
        }
    }

    fn close_listening(&mut self, numbers: &[usize]) {
        let indices: Vec<usize> = self
            .listening
            .iter()
            .filter(|(_, socket)| numbers.contains(&socket.listener))
            .map(|(index, _)| index)
            .collect();
        for index in indices {
            let mut socket = self.listening.remove(index);
            match socket.source() {
                // Closing takes it from the poller as well, where it isn't known there already.
                Some(source) => drop(self.poll.registry().deregister(source)),
                None => self.http.close(socket.listener),
            }
        }
    }

    fn close_leaving(&mut self, plan: &Plan) {
        self.close_listening(&plan.leaving);
        for &number in &plan.leaving {
            self.slots[number].open = false;
        }
    }

    /// Gives every listener what it goes by now; returns what they went by before.
    fn change_slots(&mut self, prepared: &Prepared, plan: &Plan) -> Vec<Admission> {
        let before = self.slots.iter().map(|slot| slot.admission.clone()).collect();
        for (position, &number) in plan.numbers.iter().enumerate() {
            let sockets = self.listening.iter().map(|(_, socket): (usize, &Listening)| socket);
            let slot = Slot::new(prepared, position, number, sockets);
            // To those that aren't open there this is nothing.
            self.http.change(number, slot.admission.ways.clone());
            match self.slots.get_mut(number) {
                Some(old) => *old = slot,
                // Numbers are given in order.
                None => self.slots.push(slot),
            }
        }
        before
    }

    /// What only a start takes up.
    fn warn_of_what_stays(&self, settings: &Settings) {
        let old = &self.settings;
        for (keyword, differs) in [
            ("user", old.user != settings.user),
            ("pid_file", old.pid_file != settings.pid_file),
            ("persistence", old.persistence != settings.persistence),
            ("persistence_location", old.persistence_location != settings.persistence_location),
            ("persistence_file", old.persistence_file != settings.persistence_file),
            ("persistence_sync", old.persistence_sync != settings.persistence_sync),
        ] {
            if differs {
                let text =
                    format!("Warning: The '{keyword}' option is taken up when the broker starts again.");
                self.say(LogType::Warning, &text);
            }
        }
    }

    /// Ends the connections of clients that would not be let in any more.
    fn send_away(&mut self, before: &[Admission]) {
        let (slots, settings) = (&self.slots, &self.settings);
        let judge = |resident: Resident<'_>| {
            let refused = Some((ReasonCode::NOT_AUTHORIZED, Ended::NotAuthorised));
            let slot = slots.get(resident.listener)?;
            if !slot.open {
                return Some((ReasonCode::ADMINISTRATIVE_ACTION, Ended::Administrative));
            }
            let (_, username) = resident.client?;
            let listener = settings.listeners.get(slot.position)?;
            let good = match username {
                Some(_) if resident.known_to_dynsec => true,
                // TLS said who it is, and no file has a say in it.
                _ if slot.admission.ways.identity.is_some() => true,
                Some(name) if slot.admission.passwords.is_some() => {
                    slot.admission.still_admits(&before[resident.listener], name)
                }
                _ => settings.allows_anonymous(listener),
            };
            if good { None } else { refused }
        };
        self.shard.end_where(self.now, judge, &mut self.outbox);
    }
}
