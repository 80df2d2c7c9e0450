//! The log: changes are appended to the newest file; the oldest is cleaned (what is live in it is appended again)
//! and removed, whenever the files are more than twice as large as what they are worth.
//!
//! Whatever was not synced when the power went may be there in part. Of that only what is before the first gap counts,
//! as if the rest had never been written: else a message could survive an earlier one of the same publisher. What was
//! synced is known by the marks that each commit leaves of the one before, and the last one of itself as soon as there
//! is nothing else to do; damage there costs what it hit and no more. So does a single wrong bit anywhere: nothing that
//! was cut off or never arrived looks like that.
//!
//! Bytes that can't be read, or that don't count, are kept beside the log under a name of their own before they go from
//! it. And what is read of a log whose broker was killed is synced before it is believed: that broker may not have come
//! to it, but this one will act as if it had.
//!
//! A change is in the log when [`Log::commit`] returns. After an error nothing is lost that isn't: what was not
//! committed is written again, to a new file, since nobody knows what a failed write or sync has left of the old one.

use super::disk::{Disk, DiskFile};
use super::live::Live;
use super::places::Places;
use super::reading::{Contents, Damage, OpenError, read};
use super::record;
use super::segment::{self, Gap, HEAD, Piece, Pieces};
use crate::broker::{Change, Message, Receipt, State};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// A file is followed by a new one when it is as long as this.
pub const SEGMENT: u64 = 8 * 1024 * 1024;
/// Files may hold so much that is dead, in multiples of [`SEGMENT`], whatever they are worth.
const SLACK: u64 = 3;

/// A file is made longer by so many zeroes at a time, in place of which what comes next is written: a sync of bytes that
/// make a file longer takes longer itself, since the file system writes down the length as well.
const ROOM: u64 = 128 * 1024;
/// Not for commits of more than this: there the sync is a small part, and every byte would be written twice.
const SMALL: usize = 16 * 1024;

/// So many files may be there, whatever their size: each start of the broker begins a new one.
const FILES: u64 = 32;

/// The file that is appended to.
#[derive(Debug)]
struct Active<F> {
    file: F,
    number: u64,
    /// What was written to it.
    length: u64,
    /// What was committed of it.
    committed: u64,
    /// Up to here there are zeroes behind what was written; never less than was written.
    room: u64,
    /// It ends with a mark.
    marked: bool,
}

impl<F: DiskFile> Active<F> {
    /// Sees to it that there is room for more, in a file that gets so long.
    fn make_room(&mut self, longest: u64) {
        if self.length < self.room || self.length >= longest {
            return;
        }
        let room = (self.length + ROOM).next_multiple_of(4096).min(longest);
        // Where the disk is full, or can't, it goes without.
        let made = self.file.extend(room - self.length);
        self.room = if made.is_ok() { room } else { u64::MAX };
    }
}

/// A file that is being cleaned.
#[derive(Debug)]
struct Cleaning {
    number: u64,
    data: Vec<u8>,
    at: usize,
}

/// A log that is open.
#[derive(Debug)]
pub struct Log<D: Disk> {
    disk: D,
    salt: u64,
    segment: u64,
    /// Number of the next file.
    next: u64,
    active: Option<Active<D::File>>,
    /// Older files and their sizes, oldest first.
    sealed: VecDeque<(u64, u64)>,
    live: Live,
    /// Records that aren't committed, and where each ends.
    pending: Vec<u8>,
    ends: Vec<usize>,
    /// Which of them are messages that somebody waits for: the number; else 0.
    messages: Vec<u64>,
    /// Where these messages are in the files.
    places: Places,
    /// Something was committed without a sync.
    unsynced: bool,
    cleaning: Option<Cleaning>,
    /// The file that holds nothing that isn't safe elsewhere once all is committed.
    emptied: Option<u64>,
    /// Files with lower numbers are to be cleaned.
    clean_below: u64,
    /// Bytes that were copied since cleaning began.
    copied: u64,
    /// Bytes that were live when last counted.
    live_bytes: u64,
    /// Files whose end must go before anything new is written, lest it counts again.
    cuts: Vec<(u64, u64)>,
    /// What is to be kept beside the log first.
    aside: Vec<Damage>,
    /// Damage that cleaning has come across.
    found: Vec<Damage>,
    frames: Vec<u8>,
}

impl<D: Disk> Log<D> {
    /// Opens what is in a directory; nothing is written yet, but what is there is synced. `salt`: random, for a new log.
    /// `segment`: how long a file gets, [`SEGMENT`] but in tests.
    pub fn open(mut disk: D, salt: u64, segment: u64) -> Result<(Self, State, Contents), OpenError> {
        let mut contents = read(&disk.list()?, &disk)?;
        for &(number, _) in contents.files.iter().filter(|(number, _)| *number >= contents.sure_below) {
            disk.settle(&segment::name(number))?;
        }
        disk.sync()?;
        let state = std::mem::take(&mut contents.state);
        let log = Log {
            disk,
            salt: contents.salt.unwrap_or(salt),
            segment,
            next: contents.files.back().map_or(1, |(number, _)| number + 1),
            active: None,
            sealed: std::mem::take(&mut contents.files),
            live: std::mem::take(&mut contents.live),
            pending: Vec::new(),
            ends: Vec::new(),
            messages: Vec::new(),
            places: std::mem::take(&mut contents.places),
            unsynced: false,
            cleaning: None,
            emptied: None,
            clean_below: 0,
            copied: 0,
            live_bytes: contents.live_bytes,
            cuts: std::mem::take(&mut contents.cuts),
            aside: contents.damage.clone(),
            found: Vec::new(),
            frames: Vec::new(),
        };
        Ok((log, state, contents))
    }

    /// Its directory.
    pub fn disk(&mut self) -> &mut D {
        &mut self.disk
    }

    /// Bytes on disk.
    pub fn size(&self) -> u64 {
        let sealed: u64 = self.sealed.iter().map(|(_, bytes)| bytes).sum();
        sealed + self.active.as_ref().map_or(0, |active| active.length)
    }

    /// Bytes that wait for [`Log::commit`].
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Whether something was committed without a sync.
    pub fn is_unsynced(&self) -> bool {
        self.unsynced
    }

    /// Takes in the changes of a turn. `receipts` are those of its messages, one behind the other.
    pub fn append(&mut self, changes: &[(u64, Change)], receipts: &[Receipt]) {
        let mut rest = receipts;
        for (sequence, change) in changes {
            let mut own = &[][..];
            if let Change::Message { receipts, .. } = change {
                (own, rest) = rest.split_at((*receipts as usize).min(rest.len()));
            }
            self.live.apply(*sequence, change);
            self.wait(*sequence, change, own);
        }
    }

    /// Has a record wait for the next commit.
    fn wait(&mut self, sequence: u64, change: &Change, receipts: &[Receipt]) {
        record::encode(sequence, change, receipts, &mut self.pending);
        self.ends.push(self.pending.len());
        self.messages.push(if receipts.is_empty() { 0 } else { sequence });
    }

    /// Reads messages again by the numbers of their changes, which were appended before; `None` for one that is over
    /// or can't be read any more.
    pub fn fetch(&self, wanted: impl Iterator<Item = u64> + Clone) -> io::Result<Vec<Option<Arc<Message>>>> {
        let mut found = self.places.fetch(self.salt, &self.disk, wanted.clone())?;
        for (message, sequence) in found.iter_mut().zip(wanted).filter(|(message, _)| message.is_none()) {
            *message = self.fetch_pending(sequence).map(Arc::new);
        }
        Ok(found)
    }

    /// The file and the position of a message that is in the log, damaged or not.
    pub fn place(&self, sequence: u64) -> Option<(u64, u64)> {
        self.places.of(sequence)
    }

    fn fetch_pending(&self, sequence: u64) -> Option<Message> {
        let at = self.messages.iter().rposition(|&number| number == sequence)?;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        record::decode_message(&self.pending[start..self.ends[at]], sequence)
    }

    /// Writes what was appended and, with `sync`, sees to it that it survives a loss of power.
    pub fn commit(&mut self, sync: bool) -> io::Result<()> {
        let sync = sync || self.emptied.is_some();
        let result = self.write_pending(sync);
        match &result {
            Ok(()) => {
                self.pending.clear();
                self.ends.clear();
                self.messages.clear();
                if self.pending.capacity() > 4 * 1024 * 1024 {
                    self.pending = Vec::new();
                }
                if let Some(active) = &mut self.active {
                    active.committed = active.length;
                }
                self.remove_emptied();
            }
            Err(_) => self.abandon(),
        }
        result
    }

    fn write_pending(&mut self, sync: bool) -> io::Result<()> {
        let mut start = 0;
        let mut at = 0;
        while at < self.ends.len() {
            let active = match &mut self.active {
                Some(active) => active,
                None => {
                    let active = self.create()?;
                    self.active.insert(active)
                }
            };
            self.frames.clear();
            if !self.unsynced && !active.marked && active.length > HEAD as u64 {
                segment::write_frame(self.salt, active.number, active.length, &[], &mut self.frames);
            }
            while at < self.ends.len() && active.length + (self.frames.len() as u64) < self.segment {
                let place = active.length + self.frames.len() as u64;
                let record = &self.pending[start..self.ends[at]];
                segment::write_frame(self.salt, active.number, place, record, &mut self.frames);
                if self.messages[at] != 0 {
                    self.places.add(active.number, self.messages[at], place);
                }
                start = self.ends[at];
                at += 1;
            }
            active.file.append(&self.frames)?;
            active.length += self.frames.len() as u64;
            active.marked = false;
            self.unsynced = true;
            if active.length >= self.segment {
                active.file.sync()?;
                let (number, length) = (active.number, active.length);
                self.sealed.push_back((number, length));
                self.places.seal(number);
                self.active = None;
                self.unsynced = false;
            }
        }
        if sync && self.unsynced {
            if let Some(active) = &mut self.active {
                if self.pending.len() <= SMALL {
                    active.make_room(self.segment);
                }
                active.file.sync()?;
            }
            self.unsynced = false;
        }
        Ok(())
    }

    /// The end: leaves a mark that everything was synced.
    pub fn finish(&mut self) -> io::Result<()> {
        self.commit(true)?;
        if self.wants_mark() {
            self.mark()?;
        }
        if let Some(active) = self.active.as_mut().filter(|active| active.room > active.length) {
            // Whoever reads the file knows what zeroes at its end are.
            let _ = active.file.truncate(active.length);
        }
        Ok(())
    }

    /// Whether all is synced and nothing says so yet.
    pub fn wants_mark(&self) -> bool {
        let active = self.active.as_ref().filter(|active| active.length > HEAD as u64);
        !self.unsynced && self.ends.is_empty() && active.is_some_and(|active| !active.marked)
    }

    /// Leaves a mark that everything was synced.
    pub fn mark(&mut self) -> io::Result<()> {
        let Some(active) = &mut self.active else { return Ok(()) };
        self.frames.clear();
        segment::write_frame(self.salt, active.number, active.length, &[], &mut self.frames);
        let result = active.file.append(&self.frames).and_then(|()| active.file.sync());
        match &result {
            Ok(()) => {
                active.length += self.frames.len() as u64;
                (active.committed, active.marked) = (active.length, true);
            }
            Err(_) => self.abandon(),
        }
        result
    }

    /// Keeps what can't be read, or doesn't count, in files of its own: nothing is ever thrown away unseen.
    pub fn keep_aside(&mut self) -> io::Result<()> {
        while let Some(damage) = self.aside.last() {
            let data = self.disk.read(&damage.file)?;
            let end = (damage.at + damage.bytes).min(data.len());
            keep_in(&mut self.disk, &damage.kept_in(), data.get(damage.at..end).unwrap_or_default())?;
            self.aside.pop();
        }
        Ok(())
    }

    /// Damage that cleaning has come across since the last call.
    pub fn found(&mut self) -> Vec<Damage> {
        std::mem::take(&mut self.found)
    }

    /// Before a file goes, what can't be read of it is kept.
    fn keep_gap(&mut self, number: u64, data: &[u8], gap: Gap) -> io::Result<()> {
        let Gap { at, bytes, .. } = gap;
        let damage = Damage { file: segment::name(number), at, bytes, is_end: false, records: 0 };
        if keep_in(&mut self.disk, &damage.kept_in(), &data[at..at + bytes])? {
            self.found.push(damage);
        }
        Ok(())
    }

    fn create(&mut self) -> io::Result<Active<D::File>> {
        self.keep_aside()?;
        while let Some(&(number, length)) = self.cuts.last() {
            self.disk.cut(&segment::name(number), length)?;
            self.cuts.pop();
        }
        let number = self.next;
        let name = segment::name(number);
        let mut file = self.disk.create(&name)?;
        let mut head = Vec::with_capacity(HEAD);
        segment::write_head(self.salt, number, &mut head);
        let ready = file.append(&head).and_then(|()| file.sync()).and_then(|()| self.disk.sync());
        if let Err(error) = ready {
            let _ = self.disk.remove(&name);
            return Err(error);
        }
        self.next += 1;
        let length = HEAD as u64;
        Ok(Active { file, number, length, committed: length, room: length, marked: false })
    }

    /// The newest file has failed: what was committed of it stays, the next goes to a new one.
    fn abandon(&mut self) {
        let Some(mut active) = self.active.take() else { return };
        self.places.cut(active.number, active.committed);
        if active.committed <= HEAD as u64 {
            let _ = self.disk.remove(&segment::name(active.number));
        } else {
            let _ = active.file.truncate(active.committed);
            self.sealed.push_back((active.number, active.committed));
        }
    }

    /// Whether cleaning should go on.
    pub fn wants_cleaning(&mut self) -> bool {
        let oldest = self.sealed.front().map(|(number, _)| *number);
        if oldest.is_some_and(|number| number < self.clean_below) {
            return true;
        }
        if self.clean_below != 0 {
            self.clean_below = 0;
            self.live_bytes = self.copied;
        }
        let too_large = self.size() > 2 * self.live_bytes + SLACK * self.segment;
        if oldest.is_some()
            && (too_large || self.sealed.len() as u64 > FILES + 2 * self.live_bytes / self.segment)
        {
            self.clean_below = self.next;
            self.copied = 0;
            return true;
        }
        false
    }

    /// There is no room: cleans the oldest file at once if at most `most` bytes of it are live. Whether it did.
    pub fn make_room(&mut self, most: usize) -> io::Result<bool> {
        if self.emptied.is_some() {
            return Ok(false);
        }
        let Some(&(number, _)) = self.sealed.front() else { return Ok(false) };
        let data = self.disk.read(&segment::name(number))?;
        let (pending, ends) = (self.pending.len(), self.ends.len());
        for piece in Pieces::new(&data, self.salt, number, HEAD) {
            let record = match piece {
                Piece::Record(record) => record,
                Piece::Synced => continue,
                Piece::Damaged(gap) => {
                    if let Err(error) = self.keep_gap(number, &data, gap) {
                        self.pending.truncate(pending);
                        self.ends.truncate(ends);
                        self.messages.truncate(ends);
                        return Err(error);
                    }
                    continue;
                }
            };
            let Some(record) = self.live.keep(record) else { continue };
            self.wait(record.sequence, &record.change, &record.receipts);
            if self.pending.len() > pending + most {
                self.pending.truncate(pending);
                self.ends.truncate(ends);
                self.messages.truncate(ends);
                return Ok(false);
            }
        }
        self.emptied = Some(number);
        self.cleaning = None;
        Ok(true)
    }

    /// Cleans about `budget` bytes of the oldest file; what is live is to be committed like any change.
    pub fn clean(&mut self, budget: usize) -> io::Result<()> {
        // One file at a time: what a file says to be over must be gone before the file is.
        if self.emptied.is_some() || !self.wants_cleaning() {
            return Ok(());
        }
        let mut cleaning = match self.cleaning.take() {
            Some(cleaning) => cleaning,
            None => {
                let Some(&(number, _)) = self.sealed.front() else { return Ok(()) };
                let data = self.disk.read(&segment::name(number))?;
                Cleaning { number, data, at: HEAD }
            }
        };
        let end = cleaning.at + budget;
        let mut pieces = Pieces::new(&cleaning.data, self.salt, cleaning.number, cleaning.at);
        while pieces.position() < end {
            match pieces.next() {
                Some(Piece::Record(record)) => {
                    if let Some(record) = self.live.keep(record) {
                        let before = self.pending.len();
                        record::encode(record.sequence, &record.change, &record.receipts, &mut self.pending);
                        self.ends.push(self.pending.len());
                        self.messages.push(if record.receipts.is_empty() { 0 } else { record.sequence });
                        self.copied += segment::framed(self.pending.len() - before);
                    }
                }
                Some(Piece::Damaged(gap)) => {
                    if let Err(error) = self.keep_gap(cleaning.number, &cleaning.data, gap) {
                        cleaning.at = gap.at;
                        self.cleaning = Some(cleaning);
                        return Err(error);
                    }
                }
                Some(Piece::Synced) => {}
                None => {
                    self.emptied = Some(cleaning.number);
                    return Ok(());
                }
            }
        }
        cleaning.at = pieces.position();
        self.cleaning = Some(cleaning);
        Ok(())
    }

    /// Removes the file whose live records are safe elsewhere; if that fails, the next commit tries again.
    fn remove_emptied(&mut self) {
        let Some(number) = self.emptied else { return };
        let name = segment::name(number);
        let gone = match self.disk.remove(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        };
        if gone.and_then(|()| self.disk.sync()).is_ok() {
            self.emptied = None;
            self.places.remove(number);
            self.sealed.retain(|(n, _)| *n != number);
        }
    }
}

/// Keeps bytes in a file; `false`: they are there already.
fn keep_in<D: Disk>(disk: &mut D, name: &str, bytes: &[u8]) -> io::Result<bool> {
    if disk.read(name).is_ok_and(|there| there == bytes) {
        return Ok(false);
    }
    let mut file = disk.create(name)?;
    let kept = file.append(bytes).and_then(|()| file.sync()).and_then(|()| disk.sync());
    if kept.is_err() {
        let _ = disk.remove(name);
    }
    kept.map(|()| true)
}
