//! What survives the broker, on disk: batches of changes in, the state out.
//!
//! A directory of files that are only appended to: [`log`] has the order of things, [`segment`] how a record stands in
//! a file, [`record`] what it says, [`replay`] how all of them come to a state again, [`live`] which of them still
//! matter, [`places`] where its messages are, [`writer`] the thread that writes, [`disk`] the file system; [`mosquitto_db`] and [`import`] are the way here
//! from mosquitto.

mod disk;
mod import;
mod live;
mod log;
mod mosquitto_db;
mod places;
mod ranges;
mod reading;
mod record;
mod replay;
mod segment;
mod writer;

pub use disk::{Directory, Disk, DiskFile, Glance, Peek};
pub use import::import;
pub use log::{Log, SEGMENT};
pub use reading::{Contents, Damage, OpenError, read};

pub use crate::broker::{Message, Paged, Receipt, State, StoredSession};
pub use mosquitto_db::{MosquittoDb, read as read_mosquitto_db};

use crate::broker::{Change, Changes, Fetch, Fetched};
use crate::config::LogType;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use writer::{Shared, Writer};

/// How the names of files end that hold what couldn't be read.
const DAMAGED: &str = ".damaged";

/// A line for the broker's log.
pub type Line = (LogType, String);

/// When what was written is forced to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// Before it is acknowledged.
    #[default]
    Always,
    /// So often.
    Interval(Duration),
    /// When the system likes, when asked ([`Store::save`]), and at the end.
    Never,
}

/// Changes on their way to the disk.
#[derive(Debug, Default)]
pub struct Batch {
    list: Vec<(u64, Change)>,
    receipts: Vec<Receipt>,
    last: u64,
}

/// A store that is open.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// What opening a store gives.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// What it kept.
    pub state: State,
    /// New changes have higher numbers than this.
    pub sequence: u64,
    /// What there is to say about it.
    pub lines: Vec<Line>,
    /// Nothing was there.
    pub is_new: bool,
}

impl Store {
    /// Opens the store in a directory, which is made if need be. `wake` is called from another thread whenever
    /// [`Store::committed`], [`Store::is_full`] or [`Store::lines`] have something new.
    pub fn open(path: &Path, sync: Sync, wake: impl Fn() + Send + 'static) -> Result<Opened, String> {
        let name = path.display().to_string();
        let disk = Directory::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => format!("Error: The store {name} is in use by another broker."),
            _ => format!("Error: Unable to open the store {name}: {}.", writer::why(&error)),
        })?;
        Self::on(disk, &name, sync, wake)
    }

    /// Opens the store on a disk that is called so.
    pub fn on<D: Disk<File: 'static> + 'static>(
        disk: D,
        name: &str,
        sync: Sync,
        wake: impl Fn() + Send + 'static,
    ) -> Result<Opened, String> {
        let refused =
            |error: &io::Error| format!("Error: Unable to open the store {name}: {}.", writer::why(error));
        let mut salt = [0; 8];
        getrandom::fill(&mut salt).map_err(|error| format!("Error: {error}"))?;
        let names = disk.list().unwrap_or_default();
        let (mut log, state, contents) =
            Log::open(disk, u64::from_le_bytes(salt), SEGMENT).map_err(|error| match error {
                OpenError::Io(error) => refused(&error),
                other => explain(name, &other),
            })?;
        let mut lines = remarks(&contents, true);
        // What is found now has a line of its own.
        let is_old = |name: &&String| !contents.damage.iter().any(|damage| damage.kept_in() == **name);
        let damaged = names.iter().filter(|name| name.ends_with(DAMAGED)).filter(is_old).count();
        if damaged > 0 {
            let text = format!(
                "{damaged} files in {name} hold what could not be read of the store before (*{DAMAGED}). Nobody needs \
                 them but who wants to look; they may be removed."
            );
            lines.push((LogType::Notice, text));
        }
        if let Err(error) = log.keep_aside() {
            let text = format!("Error: The store can't be written yet: {}.", writer::why(&error));
            lines.push((LogType::Error, text));
        }
        let shared = Arc::new(Shared::default());
        shared.committed.store(contents.sequence, Ordering::Release);
        let writer = Writer::new(log, shared.clone(), sync, wake);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| refused(&error))?;
        Ok(Opened {
            store: Store { shared, thread: Some(thread) },
            is_new: contents.sequence == 0,
            sequence: contents.sequence,
            lines,
            state,
        })
    }

    /// Asks for messages that are on disk, or will be by what was handed over before.
    pub fn fetch(&self, wanted: &mut Vec<Fetch>) {
        if !wanted.is_empty() {
            self.shared.fetch(wanted);
        }
    }

    /// What was read since the last call.
    pub fn fetched(&self) -> Vec<Fetched> {
        self.shared.fetched()
    }

    /// Hands the changes of a turn over.
    pub fn submit(&self, changes: &mut Changes) {
        if changes.list.is_empty() {
            return;
        }
        let batch = Batch {
            list: std::mem::take(&mut changes.list),
            receipts: std::mem::take(&mut changes.receipts),
            last: changes.last(),
        };
        let spare = self.shared.submit(batch);
        (changes.list, changes.receipts) = (spare.list, spare.receipts);
    }

    /// All changes up to this one are safe.
    pub fn committed(&self) -> u64 {
        self.shared.committed.load(Ordering::Acquire)
    }

    /// No new message can be kept.
    pub fn is_full(&self) -> bool {
        self.shared.full.load(Ordering::Acquire)
    }

    /// So many bytes may be handed over that aren't safe: they are sure to have room.
    pub fn room(&self) -> usize {
        self.shared.room.load(Ordering::Acquire)
    }

    /// What there is to say since the last call.
    pub fn lines(&self) -> Vec<Line> {
        self.shared.lines()
    }

    /// Forces to the disk what was handed over.
    pub fn save(&self) {
        self.shared.save();
    }

    /// Writes everything and ends.
    pub fn close(mut self) -> io::Result<()> {
        self.shared.stop();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the thread of the store has failed")),
            None => Ok(()),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Why a store can't be opened, for whoever reads it.
pub fn explain(name: &str, error: &OpenError) -> String {
    match error {
        OpenError::Newer(version) => {
            format!(
                "Error: The store {name} was written by a newer program (format {version}); this one reads 1."
            )
        }
        OpenError::Unreadable => {
            format!("Error: Nothing in the store {name} can be read. Move it away to start without it.")
        }
        OpenError::Io(error) => format!("Error: Unable to read the store {name}: {}.", writer::why(error)),
    }
}

/// What was found amiss. `kept`: the bytes are kept beside the log.
pub fn remarks(contents: &Contents, kept: bool) -> Vec<Line> {
    let mut lines: Vec<Line> = contents.damage.iter().map(|damage| remark(damage, kept)).collect();
    if contents.lost_sessions > 0 {
        let text = format!("Warning: {} sessions in the store are damaged and lost.", contents.lost_sessions);
        lines.push((LogType::Warning, text));
    }
    lines
}

fn remark(damage: &Damage, kept: bool) -> Line {
    let Damage { file, at, bytes, is_end, records } = damage;
    let what = match (is_end, records) {
        (true, 0) => {
            "are no whole record and were never marked as synced; nothing of them is taken".to_owned()
        }
        (true, _) => format!(
            "begin with a gap and were never marked as synced; {records} records behind it are not taken, as if the \
             power had gone before them"
        ),
        (false, _) => "in the store are damaged; what they held is lost".to_owned(),
    };
    let place = if *is_end {
        format!("The last {bytes} bytes of {file}")
    } else {
        format!("{bytes} bytes at {at} of {file}")
    };
    let kept = if kept { format!(" They are kept in {}.", damage.kept_in()) } else { String::new() };
    (LogType::Warning, format!("Warning: {place} {what}.{kept}"))
}
