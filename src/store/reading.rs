//! Reading a log: what it comes to, where its messages are, and what of it can't be read.

use super::DAMAGED;
use super::disk::Peek;
use super::live::Live;
use super::places::Places;
use super::record::Record;
use super::replay::Replay;
use super::segment::{self, Gap, HEAD, Head, Piece, Pieces};
use crate::broker::{Message, Receipt, State};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// Why a log can't be opened.
#[derive(Debug)]
pub enum OpenError {
    /// It was written by a newer program, in this format.
    Newer(u32),
    /// None of its files has a head that can be read.
    Unreadable,
    /// The system refuses.
    Io(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        OpenError::Io(error)
    }
}

/// Bytes that couldn't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: String,
    /// Where in it.
    pub at: usize,
    /// How many.
    pub bytes: usize,
    /// They are the end of what was written, and nothing says that it was ever synced.
    pub is_end: bool,
    /// Whole records among them that don't count, because they follow a gap.
    pub records: usize,
}

impl Damage {
    /// The name of the file in which these bytes are kept.
    pub fn kept_in(&self) -> String {
        let stem = self.file.strip_suffix(".log").unwrap_or(&self.file);
        format!("{stem}-{}{DAMAGED}", self.at)
    }
}

/// What was found in a directory.
#[derive(Debug)]
pub struct Contents {
    /// For the broker.
    pub state: State,
    /// The highest number of a change.
    pub sequence: u64,
    /// What couldn't be read.
    pub damage: Vec<Damage>,
    /// Sessions of which only parts are left.
    pub lost_sessions: usize,
    pub(super) live: Live,
    pub(super) live_bytes: u64,
    pub(super) places: Places,
    pub(super) salt: Option<u64>,
    pub(super) files: VecDeque<(u64, u64)>,
    /// Files with lower numbers are known to be synced.
    pub(super) sure_below: u64,
    /// Files whose end doesn't count, and how much of each does.
    pub(super) cuts: Vec<(u64, u64)>,
}

impl Contents {
    /// The messages of these changes, for who only looks at a log.
    pub fn fetch(
        &self,
        files: &impl Peek,
        wanted: impl Iterator<Item = u64>,
    ) -> io::Result<Vec<Option<Arc<Message>>>> {
        self.places.fetch(self.salt.unwrap_or_default(), files, wanted)
    }

    /// Messages that are in flight are read at once, and those of QoS 0.
    fn complete(&mut self, files: &impl Peek, mut wanted: Vec<(usize, u64, Receipt)>) -> io::Result<()> {
        // What waits for many is read once.
        wanted.sort_by_key(|(_, sequence, _)| *sequence);
        for same in wanted.chunk_by(|a, b| a.1 == b.1) {
            let message = self.fetch(files, same.iter().take(1).map(|(_, sequence, _)| *sequence))?.pop();
            let Some(message) = message.flatten() else { continue };
            for (session, _, receipt) in same {
                self.state.sessions[*session].messages.push((*receipt, message.clone()));
            }
        }
        for session in &mut self.state.sessions {
            session.messages.sort_unstable_by_key(|(receipt, _)| receipt.number);
        }
        Ok(())
    }
}

/// Reads a log without touching it.
pub fn read(names: &[String], files: &impl Peek) -> Result<Contents, OpenError> {
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| segment::number(name)).collect();
    numbers.sort_unstable();
    let mut salt = None;
    // One for all files, lest it leaves holes in memory.
    let mut data = Vec::new();
    for &number in &numbers {
        files.read_at(&segment::name(number), 0, HEAD as u64, &mut data)?;
        match segment::read_head(&data) {
            Head::Ours(found) => salt = Some(found),
            Head::Newer(version) => return Err(OpenError::Newer(version)),
            Head::Damaged => {}
        }
    }
    let mut reading = Reading { salt, ..Reading::default() };
    let mut lengths = VecDeque::new();
    // Behind the last mark nothing is sure.
    let mut sure_below = 0;
    for &number in numbers.iter().rev() {
        files.read_at(&segment::name(number), 0, u64::MAX, &mut data)?;
        if Pieces::new(&data, salt.unwrap_or_default(), number, HEAD).any(|p| matches!(p, Piece::Synced)) {
            sure_below = number;
            break;
        }
    }
    for &number in &numbers {
        files.read_at(&segment::name(number), 0, u64::MAX, &mut data)?;
        let length = reading.file(number, &data, number < sure_below)?;
        lengths.push_back((number, length));
    }
    let Reading { replay, damage, cuts, places, .. } = reading;
    let replayed = replay.finish();
    let mut contents = Contents {
        state: replayed.state,
        sequence: replayed.sequence,
        damage,
        lost_sessions: replayed.lost_sessions,
        live: replayed.live,
        live_bytes: replayed.live_bytes,
        places,
        salt,
        files: lengths,
        sure_below,
        cuts,
    };
    contents.complete(files, replayed.wanted)?;
    Ok(contents)
}

/// A log that is being read.
#[derive(Default)]
struct Reading {
    salt: Option<u64>,
    replay: Replay,
    places: Places,
    damage: Vec<Damage>,
    cuts: Vec<(u64, u64)>,
}

impl Reading {
    /// Takes in a file and returns how much of it was written. `sure`: all of it was synced.
    fn file(&mut self, number: u64, data: &[u8], sure: bool) -> Result<u64, OpenError> {
        let Some(salt) = self.salt else {
            // A file whose head was never finished has nothing behind it.
            return if data.len() > HEAD { Err(OpenError::Unreadable) } else { Ok(data.len() as u64) };
        };
        let mut hurt = |at: usize, bytes: usize, is_end: bool, records: usize| {
            self.damage.push(Damage { file: segment::name(number), at, bytes, is_end, records });
        };
        if segment::read_head(data) == Head::Damaged {
            hurt(0, HEAD.min(data.len()), !sure, 0);
        }
        // What follows a gap and is not known to have been synced.
        let mut doubtful = Vec::new();
        let mut gaps: Vec<Gap> = Vec::new();
        let mut apply = |at: usize, record: Record| {
            if !record.receipts.is_empty() {
                self.places.add(number, record.sequence, at as u64);
            }
            self.replay.apply(record);
        };
        let mut pieces = Pieces::new(data, salt, number, HEAD);
        loop {
            let at = pieces.position();
            let Some(piece) = pieces.next() else { break };
            match piece {
                Piece::Record(record) if sure || gaps.is_empty() => apply(at, record),
                Piece::Record(record) => doubtful.push((at, record)),
                Piece::Damaged(gap) if gap.flipped && gaps.is_empty() => hurt(gap.at, gap.bytes, false, 0),
                Piece::Damaged(gap) => gaps.push(gap),
                Piece::Synced => {
                    doubtful.drain(..).for_each(|(at, record)| apply(at, record));
                    gaps.drain(..).for_each(|gap| hurt(gap.at, gap.bytes, false, 0));
                }
            }
        }
        let written = pieces.position();
        match gaps.first() {
            Some(&Gap { at, .. }) if !sure => {
                hurt(at, written - at, true, doubtful.len());
                self.cuts.push((number, at as u64));
            }
            _ => {
                gaps.into_iter().for_each(|gap| hurt(gap.at, gap.bytes, false, 0));
                // Room that nothing will come to any more.
                if written < data.len() {
                    self.cuts.push((number, written as u64));
                }
            }
        }
        self.places.seal(number);
        Ok(written as u64)
    }
}
