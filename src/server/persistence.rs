//! The store beside the event loop: what the broker says must survive goes there, and what it says is safe comes back.

use super::error::{Error, reason};
use super::event_loop::Server;
use crate::broker::{Now, Outbox, State};
use crate::config::{LogType, PersistenceSync, Settings};
use crate::store::{self, Store, Sync};
use std::path::{Path, PathBuf};

/// A store that is open, and when it is to be saved.
#[derive(Debug)]
pub struct Keeper {
    store: Store,
    path: PathBuf,
    /// `persistence_sync never`
    at_leisure: bool,
    /// `autosave_interval`, where it has a meaning.
    autosave: Option<u32>,
    on_changes: bool,
    /// The last change when it was last saved.
    saved: u64,
    /// When it is to be saved next, in monotonic milliseconds.
    save_at: Option<u64>,
    full: bool,
}

impl Keeper {
    fn set_timer(&mut self, now: Now) {
        let seconds = self.autosave.filter(|_| !self.on_changes);
        self.save_at = seconds.map(|seconds| now.monotonic + u64::from(seconds) * 1000);
    }

    /// When it is to be saved, from now on.
    fn set_autosave(&mut self, settings: &Settings, now: Now) {
        self.autosave = Some(settings.autosave_interval).filter(|&n| n > 0 && self.at_leisure);
        self.on_changes = settings.autosave_on_changes;
        self.set_timer(now);
    }

    /// When something is to be done without an event.
    pub fn next_deadline(&self) -> Option<u64> {
        self.save_at
    }

    /// Hands over what has changed.
    pub fn submit(&mut self, now: Now, outbox: &mut Outbox) {
        self.store.submit(&mut outbox.changes);
        self.store.fetch(&mut outbox.fetch);
        let last = outbox.changes.last();
        let enough = |every: u32| self.on_changes && last - self.saved >= u64::from(every);
        if self.autosave.is_some_and(enough) || self.save_at.is_some_and(|at| at <= now.monotonic) {
            self.saved = last;
            self.store.save();
            self.set_timer(now);
        }
    }
}

impl Server {
    /// Opens the store, if there is to be one, and gives the broker what it kept.
    pub(super) fn open_store(&mut self) -> Result<(), Error> {
        if !self.settings.persistence {
            return Ok(());
        }
        let path = self.settings.store_path();
        self.import_mosquitto_db(&path)?;
        let sync = match self.settings.persistence_sync {
            PersistenceSync::Always => Sync::Always,
            PersistenceSync::Interval(interval) => Sync::Interval(interval),
            PersistenceSync::Never => Sync::Never,
        };
        let waker = self.handle.waker.clone();
        let wake = move || {
            let _ = waker.wake();
        };
        let opened = Store::open(&path, sync, wake).map_err(Error::start)?;
        for (log_type, text) in &opened.lines {
            self.say(*log_type, text);
        }
        self.say(LogType::Information, &restored(&opened.state, &path));
        self.outbox.changes.begin(opened.sequence);
        self.shard.restore(self.now, opened.state, &mut self.outbox);
        let mut keeper = Keeper {
            store: opened.store,
            path,
            at_leisure: sync == Sync::Never,
            autosave: None,
            on_changes: false,
            saved: opened.sequence,
            save_at: None,
            full: false,
        };
        keeper.set_autosave(&self.settings, self.now);
        keeper.submit(self.now, &mut self.outbox);
        self.keeper = Some(keeper);
        Ok(())
    }

    /// The first start in a folder where mosquitto was at work: what it kept is taken over. Its file stays as it is.
    fn import_mosquitto_db(&self, path: &Path) -> Result<(), Error> {
        let file = self.settings.mosquitto_db_path();
        if path.exists() || !file.is_file() {
            return Ok(());
        }
        let name = file.display();
        let data = std::fs::read(&file)
            .map_err(|error| Error::start(format!("Error: Unable to read {name}: {}.", reason(&error))))?;
        if data.is_empty() {
            self.say(LogType::Warning, "Warning: Persistence file is empty.");
            return Ok(());
        }
        let db = store::read_mosquitto_db(&data, self.now.wall)
            .and_then(|db| db.whole(&name))
            .map_err(|error| Error::start(format!("{error} Move {name} away to start without it.")))?;
        for remark in db.remarks() {
            self.say(LogType::Warning, &format!("Warning: {name}: {remark}."));
        }
        self.say(LogType::Notice, &format!("Imported {} from {name}.", db.summary()));
        store::import(path, db.state).map_err(Error::start)
    }

    /// What a reload may change about saving.
    pub(super) fn reload_store(&mut self, settings: &Settings) {
        if let Some(keeper) = &mut self.keeper {
            keeper.set_autosave(settings, self.now);
        }
    }

    /// What the store has to say: answers that waited for it go out.
    pub(super) fn hear_store(&mut self) {
        let Some(keeper) = &mut self.keeper else { return };
        self.shard.committed(keeper.store.committed(), &mut self.outbox);
        self.shard.set_store_room(keeper.store.room(), &mut self.outbox);
        let full = keeper.store.is_full();
        if full != keeper.full {
            keeper.full = full;
            self.shard.set_store_full(full, &mut self.outbox);
        }
        for fetched in keeper.store.fetched() {
            self.shard.fetched(self.now, fetched, &mut self.outbox);
        }
        for (log_type, text) in keeper.store.lines() {
            self.say(log_type, &text);
        }
    }

    /// Hands over what has changed.
    pub(super) fn keep_changes(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            keeper.submit(self.now, &mut self.outbox);
        }
    }

    /// SIGUSR1.
    pub(super) fn save(&mut self) {
        let Some(keeper) = &self.keeper else {
            return self.say(LogType::Notice, "Persistence is off; there is nothing to save.");
        };
        keeper.store.save();
        self.say(LogType::Information, &format!("Saving in-memory database to {}.", keeper.path.display()));
    }

    /// The end: everything is written, and what waited for it goes out. If it can't be, whoever started the broker
    /// should know.
    pub(super) fn close_store(&mut self) -> Result<(), Error> {
        let Some(mut keeper) = self.keeper.take() else { return Ok(()) };
        keeper.submit(self.now, &mut self.outbox);
        let last = self.outbox.changes.last();
        for (log_type, text) in keeper.store.lines() {
            self.say(log_type, &text);
        }
        let closed = keeper.store.close().map_err(|error| {
            Error::start(format!("Error: The last changes could not be saved: {}.", reason(&error)))
        });
        if closed.is_ok() {
            self.shard.committed(last, &mut self.outbox);
        }
        self.end_turn();
        closed
    }
}

/// What came back, in one line.
fn restored(state: &State, path: &Path) -> String {
    // Of others only the Will is there, which is published now.
    let sessions = state.sessions.iter().filter(|session| session.record.expiry_interval != 0).count();
    let retained = state.retained.len();
    let messages: usize =
        state.sessions.iter().map(|session| session.messages.len() + session.pages.len()).sum();
    let path = path.display();
    format!(
        "Restored {sessions} sessions, {messages} messages for them and {retained} retained messages from {path}."
    )
}
