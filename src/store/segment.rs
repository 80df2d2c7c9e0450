//! One file of the log: a head that says what it is, then records in frames.
//!
//! A frame is the length of the record, its checksum, and a checksum of both that also covers where the frame
//! stands: the store's own random salt, the file's number and the position. So a frame is known for one at any place,
//! and what a client sends can't look like one: behind a damaged place the next frame is found by trying every byte.
//! A frame of which a single bit is wrong was written whole: nothing that is cut off or never arrived looks like that.
//! Zeroes at the end of a file are nothing: room for what was to come next.
//! A frame without a record says that everything before it in the file had been synced when it was written.

use super::record::{self, Record};
use crate::broker::Message;

/// The first bytes of a file.
const MAGIC: &[u8; 8] = b"mqttlog\n";
/// The format that this program writes, and the newest that it reads.
pub const VERSION: u32 = 1;
/// Bytes of a file's head.
pub const HEAD: usize = 32;
/// Bytes of a frame around its record.
const FRAME: usize = 12;

/// The name of a file.
pub fn name(number: u64) -> String {
    format!("{number:010}.log")
}

/// The number in a name.
pub fn number(name: &str) -> Option<u64> {
    name.strip_suffix(".log")?.parse().ok()
}

/// What the head of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// A file of this format, with the store's salt.
    Ours(u64),
    /// A newer format.
    Newer(u32),
    /// It can't be read.
    Damaged,
}

/// Appends the head of a file.
pub fn write_head(salt: u64, number: u64, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&salt.to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    let check = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&check.to_le_bytes());
}

/// Reads the head of a file.
pub fn read_head(data: &[u8]) -> Head {
    let Some((head, check)) = data.get(..HEAD).map(|head| head.split_at(HEAD - 4)) else {
        return Head::Damaged;
    };
    if !head.starts_with(MAGIC) || check != crc32fast::hash(head).to_le_bytes() {
        return Head::Damaged;
    }
    match word(head, 8) {
        VERSION => Head::Ours(long(head, 12)),
        version => Head::Newer(version),
    }
}

fn word(data: &[u8], at: usize) -> u32 {
    data.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn long(data: &[u8], at: usize) -> u64 {
    u64::from(word(data, at)) | u64::from(word(data, at + 4)) << 32
}

/// The checksum of a frame's head at its place.
fn check(salt: u64, number: u64, at: u64, length: u32, sum: u32) -> u32 {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&salt.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    bytes[16..24].copy_from_slice(&at.to_le_bytes());
    bytes[24..28].copy_from_slice(&length.to_le_bytes());
    bytes[28..].copy_from_slice(&sum.to_le_bytes());
    crc32fast::hash(&bytes)
}

/// Appends a record in its frame, which will stand at `at` of file `number`.
pub fn write_frame(salt: u64, number: u64, at: u64, record: &[u8], out: &mut Vec<u8>) {
    let (length, sum) = (record.len() as u32, crc32fast::hash(record));
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&sum.to_le_bytes());
    out.extend_from_slice(&check(salt, number, at, length, sum).to_le_bytes());
    out.extend_from_slice(record);
}

/// Bytes that a record takes with its frame.
pub fn framed(record: usize) -> u64 {
    (record + FRAME) as u64
}

/// Bytes of the frame that begins here and should stand at `at` of file `number`, if its head is whole.
pub fn frame_at(data: &[u8], salt: u64, number: u64, at: u64) -> Option<usize> {
    let (length, sum) = (word(data, 0), word(data, 4));
    let head = data.get(..FRAME)?;
    (word(head, 8) == check(salt, number, at, length, sum)).then_some(FRAME + length as usize)
}

/// The message in a whole frame, if it is this one and undamaged.
pub fn message_in(frame: &[u8], sequence: u64) -> Option<Message> {
    let body = frame.get(FRAME..)?;
    (crc32fast::hash(body) == word(frame, 4)).then(|| record::decode_message(body, sequence))?
}

/// What stands in a file.
#[derive(Debug)]
pub enum Piece {
    /// A record.
    Record(Record),
    /// What is before it in the file was synced.
    Synced,
    /// Bytes that are no record.
    Damaged(Gap),
}

/// Bytes that are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where they begin.
    pub at: usize,
    /// How many they are.
    pub bytes: usize,
    /// They begin with a whole record of which one bit is wrong.
    pub flipped: bool,
}

/// The pieces of a file, one behind the other.
pub struct Pieces<'a> {
    data: &'a [u8],
    salt: u64,
    number: u64,
    at: usize,
    /// From here on there are only zeroes.
    room: usize,
}

impl<'a> Pieces<'a> {
    /// The pieces from a position on; [`HEAD`] for all of them.
    pub fn new(data: &'a [u8], salt: u64, number: u64, at: usize) -> Self {
        let room = data.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        Pieces { data, salt, number, at, room }
    }

    /// The position behind the last piece; at the end, what is behind it is room.
    pub fn position(&self) -> usize {
        self.at
    }

    /// What is in a whole frame at a position, and the position behind it.
    fn frame(&self, at: usize) -> Option<(Piece, usize)> {
        let head = self.data.get(at..at + FRAME)?;
        let (length, sum) = (word(head, 0), word(head, 4));
        if word(head, 8) != check(self.salt, self.number, at as u64, length, sum) {
            return None;
        }
        let end = (at + FRAME).checked_add(length as usize)?;
        let body = self.data.get(at + FRAME..end)?;
        if crc32fast::hash(body) != sum {
            return None;
        }
        self.piece(body, end)
    }

    fn piece(&self, body: &[u8], end: usize) -> Option<(Piece, usize)> {
        let piece = if body.is_empty() { Piece::Synced } else { Piece::Record(record::decode(body)?) };
        Some((piece, end))
    }
}

/// In a longer record a flipped bit isn't looked for: chance would find one too often.
const LONGEST_FLIPPED: usize = 64 * 1024;

/// Whether a record's checksum is off by just what one flipped bit in so many bytes would do.
fn is_one_bit(off: u32, bytes: usize) -> bool {
    // What a flip of the last bit does to the checksum; each bit before it goes one step further through the register.
    let mut register = POLYNOMIAL;
    (0..bytes * 8).any(|_| {
        let found = register == off;
        register = (register >> 1) ^ if register & 1 != 0 { POLYNOMIAL } else { 0 };
        found
    })
}

/// Of the CRC-32 that crc32fast reckons, bits reversed.
const POLYNOMIAL: u32 = 0xEDB8_8320;

impl Pieces<'_> {
    /// Whether a frame stands at a position of which one bit is wrong.
    fn is_flipped(&self, at: usize) -> bool {
        let Some(head) = self.data.get(at..at + FRAME) else { return false };
        let body = |length: u32| self.data[at + FRAME..].get(..length as usize);
        let is_head = |head: &[u8]| {
            word(head, 8) == check(self.salt, self.number, at as u64, word(head, 0), word(head, 4))
        };
        if is_head(head) {
            let body = body(word(head, 0)).filter(|body| body.len() <= LONGEST_FLIPPED);
            return body.is_some_and(|body| is_one_bit(crc32fast::hash(body) ^ word(head, 4), body.len()));
        }
        (0..FRAME * 8).any(|bit| {
            let mut head: [u8; FRAME] = head.try_into().unwrap_or_default();
            head[bit / 8] ^= 1 << (bit % 8);
            is_head(&head) && body(word(&head, 0)).is_some_and(|b| crc32fast::hash(b) == word(&head, 4))
        })
    }

    fn gap(&self, at: usize) -> Piece {
        Piece::Damaged(Gap { at, bytes: self.at - at, flipped: self.is_flipped(at) })
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let from = self.at;
        while self.at < self.room {
            if let Some((piece, end)) = self.frame(self.at) {
                if self.at > from {
                    return Some(self.gap(from));
                }
                self.at = end;
                return Some(piece);
            }
            self.at += 1;
        }
        (self.at > from).then(|| self.gap(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Change;

    fn file(count: u64) -> (Vec<u8>, Vec<usize>) {
        let mut data = Vec::new();
        write_head(7, 3, &mut data);
        let mut starts = Vec::new();
        for i in 0..count {
            let mut body = Vec::new();
            record::encode(i, &Change::RetainedRemoved { topic: "topic".into() }, &[], &mut body);
            starts.push(data.len());
            write_frame(7, 3, data.len() as u64, &body, &mut data);
        }
        (data, starts)
    }

    fn read(data: &[u8]) -> (Vec<u64>, usize) {
        let (mut found, mut damaged) = (Vec::new(), 0);
        for piece in Pieces::new(data, 7, 3, HEAD) {
            match piece {
                Piece::Record(record) => found.push(record.sequence),
                Piece::Damaged(gap) => damaged += gap.bytes,
                Piece::Synced => {}
            }
        }
        (found, damaged)
    }

    #[test]
    fn a_flipped_bit_costs_one_record_wherever_it_is() {
        let (whole, starts) = file(5);
        assert_eq!(read(&whole), (vec![0, 1, 2, 3, 4], 0));
        for bit in HEAD * 8..whole.len() * 8 {
            let mut data = whole.clone();
            data[bit / 8] ^= 1 << (bit % 8);
            let hit = starts.iter().rposition(|&start| start <= bit / 8).unwrap() as u64;
            let left: Vec<u64> = (0..5).filter(|&i| i != hit).collect();
            assert_eq!(read(&data).0, left, "bit {bit}");
            let gaps: Vec<Gap> = Pieces::new(&data, 7, 3, HEAD)
                .filter_map(|piece| if let Piece::Damaged(gap) = piece { Some(gap) } else { None })
                .collect();
            assert!(gaps.len() == 1 && gaps[0].flipped, "bit {bit}: {gaps:?}");
        }
    }

    #[test]
    fn a_cut_file_gives_what_is_whole() {
        let (whole, starts) = file(5);
        for end in HEAD..whole.len() {
            let complete = starts.iter().skip(1).filter(|&&start| start <= end).count();
            let (found, damaged) = read(&whole[..end]);
            assert_eq!(found.len(), complete, "{end}");
            let boundary = if complete == 0 { HEAD } else { starts[complete] };
            let written = whole[..end].iter().rposition(|&byte| byte != 0).unwrap() + 1;
            assert_eq!(damaged, written.saturating_sub(boundary));
            assert!(!Pieces::new(&whole[..end], 7, 3, HEAD).any(|p| is_flipped(&p)), "{end}");
        }
    }

    #[test]
    fn zeroes_at_the_end_are_nothing() {
        let (whole, starts) = file(5);
        for room in [1, 11, 12, 13, 5000] {
            let mut data = whole.clone();
            data.resize(whole.len() + room, 0);
            assert_eq!(read(&data), (vec![0, 1, 2, 3, 4], 0));
            let mut pieces = Pieces::new(&data, 7, 3, HEAD);
            assert_eq!((pieces.by_ref().count(), pieces.position()), (5, whole.len()));
            // What was to come there and came in part is a gap that ends where they begin.
            data.truncate(starts[4] + 9);
            data.resize(whole.len() + room, 0);
            let (found, damaged) = read(&data);
            assert_eq!(found, [0, 1, 2, 3]);
            assert!((1..=9).contains(&damaged), "{damaged}");
        }
        // A record may end with zeroes itself.
        let mut data = whole.clone();
        write_frame(7, 3, whole.len() as u64, &record_of_zeroes(), &mut data);
        assert!(data.ends_with(&[0; 4]));
        assert_eq!(read(&data), (vec![0, 1, 2, 3, 4, 5], 0));
        data.resize(data.len() + 100, 0);
        assert_eq!(read(&data), (vec![0, 1, 2, 3, 4, 5], 0));
    }

    fn record_of_zeroes() -> Vec<u8> {
        let mut body = Vec::new();
        record::encode(5, &Change::RetainedRemoved { topic: "\0\0\0\0".into() }, &[], &mut body);
        body
    }

    fn is_flipped(piece: &Piece) -> bool {
        matches!(piece, Piece::Damaged(Gap { flipped: true, .. }))
    }

    #[test]
    fn what_never_arrived_does_not_look_like_a_flipped_bit() {
        let (whole, starts) = file(40);
        for from in HEAD..whole.len() - 17 {
            for fill in [0, 0xFF, 0x55] {
                let mut data = whole.clone();
                data[from..from + 17].fill(fill);
                // The first record that has changed, and by how many bits.
                let Some(first) = (from..from + 17).find(|&at| data[at] != whole[at]) else { continue };
                let hit = starts.iter().rposition(|&start| start <= first).unwrap();
                let record = starts[hit]..starts.get(hit + 1).copied().unwrap_or(whole.len());
                let wrong: u32 = record.map(|at| (data[at] ^ whole[at]).count_ones()).sum();
                let gap = Pieces::new(&data, 7, 3, HEAD).find(|piece| matches!(piece, Piece::Damaged(_)));
                assert_eq!(is_flipped(&gap.unwrap()), wrong == 1, "{wrong} bits at {from} are {fill}");
            }
        }
    }

    #[test]
    fn a_file_of_another_store_or_place_is_not_believed() {
        let (data, _) = file(2);
        assert_eq!(read_head(&data), Head::Ours(7));
        assert!(!Pieces::new(&data, 8, 3, HEAD).any(|p| matches!(p, Piece::Record(_))));
        assert!(!Pieces::new(&data, 7, 4, HEAD).any(|p| matches!(p, Piece::Record(_))));
        let mut newer = data.clone();
        newer[8] = 2;
        let sum = crc32fast::hash(&newer[..HEAD - 4]);
        newer[HEAD - 4..HEAD].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(read_head(&newer), Head::Newer(2));
        newer[9] = 2;
        assert_eq!(read_head(&newer), Head::Damaged);
    }
}
