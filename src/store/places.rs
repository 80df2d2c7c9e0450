//! Where the messages of the log are, so that they can be read again one by one: eight bytes for each.

use super::disk::Peek;
use super::segment;
use crate::broker::Message;
use std::io;
use std::sync::Arc;

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    file: u64,
    at: u64,
}

/// Messages with ascending numbers.
#[derive(Debug)]
struct Run {
    /// Number of the first.
    sequence: u64,
    /// How far on by number, and where in the file.
    entries: Vec<(u32, u32)>,
}

impl Run {
    fn last(&self) -> u64 {
        self.sequence + self.entries.last().map_or(0, |(far, _)| u64::from(*far))
    }

    /// The index of an entry; `guess` is looked at first.
    fn index(&self, sequence: u64, guess: usize) -> Option<usize> {
        let far = u32::try_from(sequence.checked_sub(self.sequence)?).ok()?;
        if self.entries.get(guess).is_some_and(|(found, _)| *found == far) {
            return Some(guess);
        }
        self.entries.binary_search_by_key(&far, |(found, _)| *found).ok()
    }
}

/// The messages of one file.
#[derive(Debug)]
struct File {
    number: u64,
    runs: Vec<Run>,
}

impl File {
    fn push(&mut self, sequence: u64, at: u32) {
        if let Some(run) = self.runs.last_mut()
            && sequence > run.last()
            && let Ok(far) = u32::try_from(sequence - run.sequence)
        {
            return run.entries.push((far, at));
        }
        self.runs.push(Run { sequence, entries: vec![(0, at)] });
    }
}

/// Where messages are, by the number of the change.
#[derive(Debug, Default)]
pub struct Places {
    /// In the order in which they were written.
    files: Vec<File>,
}

/// Where something was found last: what is asked for next is mostly the next.
#[derive(Debug, Default)]
struct Hint {
    file: usize,
    run: usize,
    entry: usize,
}

impl Places {
    /// A message stands there.
    pub fn add(&mut self, file: u64, sequence: u64, at: u64) {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        match self.files.last_mut() {
            Some(last) if last.number == file => last.push(sequence, at),
            _ => {
                let mut new = File { number: file, runs: Vec::new() };
                new.push(sequence, at);
                self.files.push(new);
            }
        }
    }

    /// Nothing is added to a file any more.
    pub fn seal(&mut self, file: u64) {
        let Some(file) = self.files.iter_mut().find(|f| f.number == file) else { return };
        if file.runs.len() > 1 {
            let runs = std::mem::take(&mut file.runs);
            let all = runs.into_iter().flat_map(|run| {
                let base = run.sequence;
                run.entries.into_iter().map(move |(far, at)| (base + u64::from(far), at))
            });
            let mut all: Vec<(u64, u32)> = all.collect();
            all.sort_unstable();
            all.dedup_by_key(|(sequence, _)| *sequence);
            all.into_iter().for_each(|(sequence, at)| file.push(sequence, at));
        }
        file.runs.iter_mut().for_each(|run| run.entries.shrink_to_fit());
    }

    /// What is in a file from a position on is not there any more.
    pub fn cut(&mut self, file: u64, length: u64) {
        let Some(file) = self.files.iter_mut().find(|f| f.number == file) else { return };
        for run in &mut file.runs {
            run.entries.retain(|(_, at)| u64::from(*at) < length);
        }
        file.runs.retain(|run| !run.entries.is_empty());
    }

    /// A file is gone.
    pub fn remove(&mut self, file: u64) {
        self.files.retain(|f| f.number != file);
    }

    /// Where a message is: file and position.
    pub fn of(&self, sequence: u64) -> Option<(u64, u64)> {
        self.find(sequence, &mut Hint::default()).map(|place| (place.file, place.at))
    }

    fn find(&self, sequence: u64, hint: &mut Hint) -> Option<Place> {
        let found = |file: &File, at: u32| Place { file: file.number, at: u64::from(at) };
        if let Some(file) = self.files.get(hint.file)
            && let Some(run) = file.runs.get(hint.run)
            && let Some(entry) = run.index(sequence, hint.entry + 1)
        {
            hint.entry = entry;
            return Some(found(file, run.entries[entry].1));
        }
        for (i, file) in self.files.iter().enumerate() {
            for (j, run) in file.runs.iter().enumerate() {
                if (run.sequence..=run.last()).contains(&sequence)
                    && let Some(entry) = run.index(sequence, 0)
                {
                    *hint = Hint { file: i, run: j, entry };
                    return Some(found(file, run.entries[entry].1));
                }
            }
        }
        None
    }

    /// Reads messages again; `None` for one that isn't there or can't be read any more.
    pub fn fetch(
        &self,
        salt: u64,
        files: &impl Peek,
        wanted: impl Iterator<Item = u64>,
    ) -> io::Result<Vec<Option<Arc<Message>>>> {
        let mut hint = Hint::default();
        let places: Vec<(u64, Option<Place>)> =
            wanted.map(|sequence| (sequence, self.find(sequence, &mut hint))).collect();
        let mut block = Block::default();
        let mut messages = Vec::with_capacity(places.len());
        for (i, (sequence, place)) in places.iter().enumerate() {
            let Some(place) = place else {
                messages.push(None);
                continue;
            };
            if !block.begins(place) {
                let span = span(place, places[i + 1..].iter().map_while(|(_, next)| *next));
                block.read(files, place, span)?;
            }
            messages.push(block.message(files, salt, place, *sequence)?.map(Arc::new));
        }
        Ok(messages)
    }
}

/// Records with at most so many bytes between their beginnings are read together, up to so many bytes.
const GAP: u64 = 16 * 1024;
const SPAN: u64 = 256 * 1024;
/// So much is read of the last of them; if it is longer, the rest is read by itself.
const TAIL: u64 = 2 * 1024;

/// How many bytes to read from a place on, so that what is wanted next is among them.
fn span(first: &Place, next: impl Iterator<Item = Place>) -> u64 {
    let mut last = first.at;
    for place in next {
        let near = place.at >= last && place.at - last < GAP && place.at - first.at < SPAN;
        if place.file != first.file || !near {
            break;
        }
        last = place.at;
    }
    last - first.at + TAIL
}

/// A part of a file.
#[derive(Default)]
struct Block {
    file: u64,
    at: u64,
    bytes: Vec<u8>,
}

impl Block {
    fn read(&mut self, files: &impl Peek, place: &Place, length: u64) -> io::Result<()> {
        (self.file, self.at) = (place.file, place.at);
        files.read_at(&segment::name(place.file), place.at, length, &mut self.bytes)
    }

    /// Whether the head of the frame at a place is in it.
    fn begins(&self, place: &Place) -> bool {
        let end = self.at + self.bytes.len() as u64;
        self.file == place.file && place.at >= self.at && place.at + segment::framed(0) <= end
    }

    fn message(
        &self,
        files: &impl Peek,
        salt: u64,
        place: &Place,
        sequence: u64,
    ) -> io::Result<Option<Message>> {
        let Some(data) = place.at.checked_sub(self.at).and_then(|at| self.bytes.get(at as usize..)) else {
            return Ok(None);
        };
        match segment::frame_at(data, salt, place.file, place.at) {
            Some(length) if length <= data.len() => Ok(segment::message_in(&data[..length], sequence)),
            Some(length) => {
                let mut data = Vec::new();
                files.read_at(&segment::name(place.file), place.at, length as u64, &mut data)?;
                Ok(segment::message_in(&data, sequence))
            }
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_found_whatever_the_order() {
        let mut places = Places::default();
        for (i, sequence) in [5, 7, 1 << 40, 3, 4, (1 << 40) + 1].into_iter().enumerate() {
            places.add(1, sequence, 100 + i as u64);
        }
        places.add(2, 6, 50);
        let all =
            |places: &Places| [5, 7, 1 << 40, 3, 4, (1 << 40) + 1, 6, 8].map(|sequence| places.of(sequence));
        let expected = [
            Some((1, 100)),
            Some((1, 101)),
            Some((1, 102)),
            Some((1, 103)),
            Some((1, 104)),
            Some((1, 105)),
            Some((2, 50)),
            None,
        ];
        assert_eq!(all(&places), expected);
        places.seal(1);
        assert_eq!(all(&places), expected);
        places.cut(1, 104);
        assert_eq!([places.of(3), places.of(4)], [Some((1, 103)), None]);
        places.remove(1);
        assert_eq!([places.of(3), places.of(6)], [None, Some((2, 50))]);
    }
}
