//! The side thread: takes what the broker has handed over meanwhile, writes it with one sync for all, and says so.

use super::disk::{Disk, DiskFile};
use super::log::Log;
use super::{Batch, Line, Sync};
use crate::broker::{FLOOD, Fetch, Fetched};
use crate::config::LogType;
use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Room on the disk that is kept for acknowledgements when there is none for messages.
pub const RESERVE: u64 = 4 * 1024 * 1024;
const RESERVE_NAME: &str = "reserve";
/// How long there is nothing to do before a mark says that all was synced.
const IDLE: Duration = Duration::from_millis(100);
/// How long to wait after an error before the next try.
const AGAIN: Duration = Duration::from_millis(300);
/// Room is looked at so often while there is little of it.
const LOOK: Duration = Duration::from_secs(1);
/// So much of the room may be handed over at a time: it is written beside what cleaning copies, twice as much, and one
/// message may come on top that is as large.
const SHARE: u64 = 8;
/// So much may be handed over however little room there is: what is kept free has room for that and what comes with it.
const LEAST: u64 = RESERVE / SHARE;
/// Cleaning reads so many bytes at a time, so that nobody waits long for it.
const CLEAN_STEP: usize = 512 * 1024;

/// What the event loop and the side thread share.
#[derive(Debug)]
pub struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// All changes up to this one are safe.
    pub committed: AtomicU64,
    /// New messages can't be kept.
    pub full: AtomicBool,
    /// So many bytes may be handed over that aren't safe.
    pub room: AtomicUsize,
    lines: Mutex<Vec<Line>>,
    fetched: Mutex<Vec<Fetched>>,
}

impl Default for Shared {
    fn default() -> Self {
        Shared {
            queue: Mutex::default(),
            changed: Condvar::new(),
            committed: AtomicU64::new(0),
            full: AtomicBool::new(false),
            room: AtomicUsize::new(FLOOD),
            lines: Mutex::default(),
            fetched: Mutex::default(),
        }
    }
}

#[derive(Debug, Default)]
struct Queue {
    batches: Vec<Batch>,
    spare: Vec<Batch>,
    fetches: Vec<Fetch>,
    save: bool,
    stop: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Hands a batch over; an empty one comes back.
    pub fn submit(&self, batch: Batch) -> Batch {
        let mut queue = lock(&self.queue);
        queue.batches.push(batch);
        let spare = queue.spare.pop().unwrap_or_default();
        drop(queue);
        self.changed.notify_one();
        spare
    }

    /// Asks for messages.
    pub fn fetch(&self, wanted: &mut Vec<Fetch>) {
        lock(&self.queue).fetches.append(wanted);
        self.changed.notify_one();
    }

    /// What was read since the last call.
    pub fn fetched(&self) -> Vec<Fetched> {
        std::mem::take(&mut lock(&self.fetched))
    }

    /// Asks for a sync, whatever the settings say.
    pub fn save(&self) {
        lock(&self.queue).save = true;
        self.changed.notify_one();
    }

    /// Asks the side thread to write everything and end.
    pub fn stop(&self) {
        lock(&self.queue).stop = true;
        self.changed.notify_one();
    }

    /// Adds a line for the broker's log.
    fn say(&self, log_type: LogType, text: String) {
        lock(&self.lines).push((log_type, text));
    }

    /// The lines for the log since the last call.
    pub fn lines(&self) -> Vec<Line> {
        std::mem::take(&mut lock(&self.lines))
    }

    /// Waits for something to do, at most for `timeout`.
    fn wait(&self, timeout: Option<Duration>) -> Work {
        let mut queue = lock(&self.queue);
        let idle = |queue: &mut Queue| {
            queue.batches.is_empty() && queue.fetches.is_empty() && !queue.save && !queue.stop
        };
        queue = match timeout {
            None => self.changed.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                self.changed
                    .wait_timeout_while(queue, timeout, idle)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        Work {
            batches: std::mem::take(&mut queue.batches),
            fetches: std::mem::take(&mut queue.fetches),
            save: std::mem::take(&mut queue.save),
            stop: queue.stop,
        }
    }

    fn give_back(&self, mut batch: Batch) {
        batch.list.clear();
        batch.receipts.clear();
        let mut queue = lock(&self.queue);
        if queue.spare.len() < 4 && batch.list.capacity() < 64 * 1024 {
            queue.spare.push(batch);
        }
    }
}

/// What there is to do.
struct Work {
    batches: Vec<Batch>,
    fetches: Vec<Fetch>,
    save: bool,
    stop: bool,
}

/// The side thread's own.
pub struct Writer<D: Disk, W: Fn()> {
    log: Log<D>,
    shared: std::sync::Arc<Shared>,
    sync: Sync,
    /// Wakes the event loop.
    wake: W,
    /// The last change that was handed over.
    last: u64,
    last_sync: Instant,
    /// Room that is kept free.
    reserve: Option<D::File>,
    /// Commits fail.
    failing: bool,
    /// Messages to be read; those that could not be are tried again.
    fetches: Vec<Fetch>,
    /// They can't be.
    unreadable: bool,
    /// Files in which damage was found when a message was read, and said.
    damaged: BTreeSet<u64>,
}

impl<D: Disk, W: Fn()> Writer<D, W> {
    /// A writer that hasn't written yet.
    pub fn new(log: Log<D>, shared: std::sync::Arc<Shared>, sync: Sync, wake: W) -> Self {
        let last = shared.committed.load(Ordering::Acquire);
        Writer {
            log,
            shared,
            sync,
            wake,
            last,
            last_sync: Instant::now(),
            reserve: None,
            failing: false,
            fetches: Vec::new(),
            unreadable: false,
            damaged: BTreeSet::new(),
        }
    }

    /// Works until it is asked to stop; an error is that the last changes are not on disk.
    pub fn run(mut self) -> io::Result<()> {
        self.keep_room();
        self.look_at_room();
        loop {
            let Work { batches, fetches, save, stop } = self.shared.wait(self.timeout());
            let only_reads = batches.is_empty() && !fetches.is_empty() && !save && !stop;
            let idle = batches.is_empty() && fetches.is_empty() && !save && !stop;
            for batch in batches {
                self.log.append(&batch.list, &batch.receipts);
                self.last = self.last.max(batch.last);
                self.shared.give_back(batch);
            }
            self.fetches.extend(fetches);
            self.read();
            if only_reads && !self.failing && self.reserve.is_some() {
                continue;
            }
            let result = self.write(save || stop);
            if idle && result.is_ok() && self.log.wants_mark() {
                // Should it fail, the next commit goes to a new file and says what there is to say.
                let _ = self.log.mark();
            }
            if stop {
                return result.and_then(|()| self.log.finish());
            }
        }
    }

    fn timeout(&self) -> Option<Duration> {
        match self.sync {
            _ if self.failing || self.reserve.is_none() || !self.fetches.is_empty() => Some(AGAIN),
            Sync::Interval(interval) if self.log.is_unsynced() => {
                Some(interval.saturating_sub(self.last_sync.elapsed()))
            }
            _ if self.log.wants_mark() => Some(IDLE),
            _ if self.shared.room.load(Ordering::Acquire) < FLOOD => Some(LOOK),
            _ => None,
        }
    }

    /// Reads the messages that were asked for.
    fn read(&mut self) {
        let mut read = Vec::new();
        let (mut unreadable, mut damaged) = (None, Vec::new());
        // What can't be read now is tried again later, and keeps nobody else waiting.
        self.fetches.retain(|Fetch { session, id, wanted }| {
            match self.log.fetch(wanted.iter().map(|(sequence, _)| *sequence)) {
                Ok(messages) => {
                    let missing = wanted.iter().zip(&messages).filter(|(_, message)| message.is_none());
                    // What has no place any more is over.
                    damaged.extend(missing.filter_map(|((sequence, _), _)| self.log.place(*sequence)));
                    let numbers = wanted.iter().map(|(_, number)| *number);
                    let messages = numbers.zip(messages).collect();
                    read.push(Fetched { session: *session, id: *id, messages });
                    false
                }
                Err(error) => {
                    unreadable = Some(error);
                    true
                }
            }
        });
        damaged.into_iter().for_each(|(file, at)| self.say_damaged(file, at));
        if let Some(error) = &unreadable
            && !self.unreadable
        {
            self.shared.say(LogType::Error, format!("Error: The store can't be read: {}.", why(error)));
            (self.wake)();
        }
        self.unreadable = unreadable.is_some();
        if !read.is_empty() {
            lock(&self.shared.fetched).append(&mut read);
            (self.wake)();
        }
    }

    /// Messages that are damaged when they are read are lost for whoever waits; once a file, lest the log fills.
    fn say_damaged(&mut self, file: u64, at: u64) {
        if self.damaged.insert(file) {
            let name = super::segment::name(file);
            let text = format!(
                "Warning: The message at {at} of {name} is damaged; whoever waits for it doesn't get it. More of this \
                 file may be, which is not said again."
            );
            self.shared.say(LogType::Warning, text);
        }
    }

    fn write(&mut self, save: bool) -> io::Result<()> {
        let due = match self.sync {
            Sync::Always => true,
            Sync::Interval(interval) => self.last_sync.elapsed() >= interval,
            Sync::Never => false,
        };
        let sync = due || save;
        if self.reserve.is_none() {
            // What was acknowledged meanwhile may have freed a file. One that can't be read now is tried again.
            let _ = self.log.make_room(RESERVE as usize / 8);
        } else if !self.failing {
            let step = CLEAN_STEP.max(2 * self.log.pending());
            if let Err(error) = self.log.clean(step) {
                self.shared
                    .say(LogType::Error, format!("Error: The store can't be cleaned: {}.", why(&error)));
            }
        }
        for damage in self.log.found() {
            let (log_type, text) = super::remark(&damage, true);
            self.shared.say(log_type, text);
        }
        self.look_at_room();
        let mut result = self.log.commit(sync);
        if result.is_err() && self.reserve.is_some() {
            // Now is what it is kept for.
            self.reserve = None;
            let _ = self.log.disk().remove(RESERVE_NAME);
            result = self.log.commit(true);
        }
        match &result {
            Ok(()) => self.committed(sync),
            Err(error) => self.failed(error),
        }
        result
    }

    fn committed(&mut self, synced: bool) {
        if synced {
            self.last_sync = Instant::now();
        }
        if self.shared.committed.swap(self.last, Ordering::AcqRel) != self.last {
            (self.wake)();
        }
        self.failing = false;
        if self.reserve.is_none() {
            self.keep_room();
        }
    }

    fn failed(&mut self, error: &io::Error) {
        if !self.failing {
            let text = format!(
                "Error: The store can't be written: {}. Nothing that must survive is acknowledged until it can.",
                why(error)
            );
            self.shared.say(LogType::Error, text);
        }
        self.failing = true;
        self.shared.full.store(true, Ordering::Release);
        (self.wake)();
    }

    /// With little room on the disk, less may be handed over before it is safe.
    fn look_at_room(&mut self) {
        let share = (self.log.disk().room() / SHARE).clamp(LEAST, FLOOD as u64) as usize;
        if share > self.shared.room.swap(share, Ordering::AcqRel) {
            (self.wake)();
        }
    }

    /// Keeps room for acknowledgements, without which no new message is taken.
    fn keep_room(&mut self) {
        let file = self.log.disk().create(RESERVE_NAME).and_then(|mut file| {
            file.allocate(RESERVE)?;
            Ok(file)
        });
        let full = match file {
            Ok(file) => {
                self.reserve = Some(file);
                false
            }
            Err(_) => {
                let _ = self.log.disk().remove(RESERVE_NAME);
                true
            }
        };
        if self.shared.full.swap(full, Ordering::AcqRel) != full {
            let line = match full {
                true => (
                    LogType::Error,
                    "Error: There is no room left for the store; new messages that must survive are refused.",
                ),
                false => (LogType::Notice, "The store can be written again."),
            };
            self.shared.say(line.0, line.1.to_owned());
            (self.wake)();
        }
    }
}

/// The system's words for an error, without Rust's "(os error N)".
pub fn why(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}
