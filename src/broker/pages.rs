//! Messages that wait for a session on disk only: what is kept of each in memory is where to ask for it, and what the
//! limits and the receiver's packet need to be known of beforehand. Twelve bytes a message, twenty-four at most.

use super::changes::{Receipt, SessionId};
use super::connection::SessionKey;
use super::message::Message;
use super::session::Delivery;
use crate::protocol::QoS;
use std::collections::VecDeque;
use std::sync::Arc;

/// A message that waits on disk for one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paged {
    /// The number of the change that keeps it.
    pub sequence: u64,
    /// Counts the messages of the session.
    pub number: u64,
    /// Payload bytes.
    pub length: u32,
    /// Subscription Identifier; 0: none.
    pub identifier: u32,
    /// When it expires, in wall-clock seconds.
    pub expires: Option<u64>,
    /// QoS for this receiver.
    pub qos: QoS,
    /// RETAIN for this receiver.
    pub retain: bool,
    /// It comes from the retained store, asked for by SUBSCRIBE.
    pub asked_for: bool,
}

impl Paged {
    /// What is kept of a delivery.
    pub(super) fn of(delivery: &Delivery, sequence: u64) -> Paged {
        Paged {
            sequence,
            number: delivery.number,
            length: delivery.message.payload().len() as u32,
            identifier: delivery.identifier,
            expires: delivery.message.expires,
            qos: delivery.qos,
            retain: delivery.retain,
            asked_for: delivery.asked_for,
        }
    }

    /// What is kept of what the store says.
    pub fn of_receipt(receipt: &Receipt, message: &Message, sequence: u64) -> Paged {
        Paged {
            sequence,
            number: receipt.number,
            length: message.payload().len() as u32,
            identifier: receipt.identifier,
            expires: message.expires,
            qos: receipt.qos,
            retain: receipt.retain,
            asked_for: receipt.asked_for,
        }
    }

    /// The delivery, now that the message is there.
    pub(super) fn delivery(&self, message: Arc<Message>) -> Delivery {
        Delivery {
            message,
            number: self.number,
            identifier: self.identifier,
            qos: self.qos,
            retain: self.retain,
            asked_for: self.asked_for,
        }
    }

    /// What the store knows of it.
    pub fn receipt(&self, session: SessionId, packet_identifier: u16) -> Receipt {
        Receipt {
            session,
            number: self.number,
            identifier: self.identifier,
            packet_identifier,
            qos: self.qos,
            retain: self.retain,
            asked_for: self.asked_for,
        }
    }
}

/// Messages to be read, in the order in which a session gets them.
#[derive(Debug)]
pub struct Fetch {
    /// Who waits.
    pub session: SessionKey,
    /// Tells a later session with the same key apart.
    pub id: SessionId,
    /// The numbers of the changes that keep them, and those that count the session's messages.
    pub wanted: Vec<(u64, u64)>,
}

/// What was read.
#[derive(Debug)]
pub struct Fetched {
    /// Who waits.
    pub session: SessionKey,
    /// Tells a later session with the same key apart.
    pub id: SessionId,
    /// By number; `None`: it can't be read any more.
    pub messages: Vec<(u64, Option<Arc<Message>>)>,
}

/// Messages that have numbers close to each other.
#[derive(Debug)]
struct Chunk {
    sequence: u64,
    number: u64,
    /// How far on in the sequence, how far on by number, and length with the flags above it.
    entries: Vec<[u32; 3]>,
    /// One for each if any has one, else none.
    identifiers: Vec<u32>,
    expires: Vec<u64>,
    /// So many of the entries are gone.
    gone: usize,
}

/// Entries of a chunk: memory is given back in such pieces.
const CHUNK: usize = 1024;
/// Bits of a payload's length; what is above is flags.
const LENGTH_BITS: u32 = 28;
const NEVER_EXPIRES: u64 = u64::MAX;

impl Chunk {
    fn new(first: &Paged) -> Chunk {
        Chunk {
            sequence: first.sequence,
            number: first.number,
            entries: Vec::new(),
            identifiers: Vec::new(),
            expires: Vec::new(),
            gone: 0,
        }
    }

    fn last_number(&self) -> u64 {
        self.number + self.entries.last().map_or(0, |entry| u64::from(entry[1]))
    }

    /// How the entry would stand here, if it can.
    fn encode(&self, paged: &Paged) -> Option<[u32; 3]> {
        // A step back, or a wide one on: chunks that reach over others would all have to be sorted at once.
        let step = paged.number.checked_sub(self.last_number());
        let follows = self.entries.is_empty() || step.is_some_and(|step| (1..=CHUNK as u64).contains(&step));
        if self.entries.len() >= CHUNK || !follows {
            return None;
        }
        let sequence = u32::try_from(paged.sequence.checked_sub(self.sequence)?).ok()?;
        let number = u32::try_from(paged.number.checked_sub(self.number)?).ok()?;
        let flags = paged.qos as u32 | u32::from(paged.retain) << 2 | u32::from(paged.asked_for) << 3;
        Some([sequence, number, paged.length.min((1 << LENGTH_BITS) - 1) | flags << LENGTH_BITS])
    }

    fn push(&mut self, entry: [u32; 3], paged: &Paged) {
        if paged.identifier != 0 || !self.identifiers.is_empty() {
            self.identifiers.resize(self.entries.len(), 0);
            self.identifiers.push(paged.identifier);
        }
        if paged.expires.is_some() || !self.expires.is_empty() {
            self.expires.resize(self.entries.len(), NEVER_EXPIRES);
            self.expires.push(paged.expires.unwrap_or(NEVER_EXPIRES));
        }
        self.entries.push(entry);
    }

    fn get(&self, at: usize) -> Option<Paged> {
        let [sequence, number, last] = *self.entries.get(at)?;
        let flags = last >> LENGTH_BITS;
        Some(Paged {
            sequence: self.sequence + u64::from(sequence),
            number: self.number + u64::from(number),
            length: last & ((1 << LENGTH_BITS) - 1),
            identifier: self.identifiers.get(at).copied().unwrap_or(0),
            expires: self.expires.get(at).copied().filter(|&at| at != NEVER_EXPIRES),
            qos: QoS::try_from((flags & 3) as u8).unwrap_or(QoS::AtLeastOnce),
            retain: flags & 4 != 0,
            asked_for: flags & 8 != 0,
        })
    }

    fn iter(&self) -> impl Iterator<Item = Paged> {
        (self.gone..self.entries.len()).filter_map(|at| self.get(at))
    }
}

/// The messages that wait on disk for one session, oldest first.
#[derive(Debug, Default)]
pub struct Pages {
    chunks: VecDeque<Chunk>,
    length: usize,
    bytes: usize,
}

impl Pages {
    /// Appends one.
    pub fn push(&mut self, paged: &Paged) {
        self.length += 1;
        self.bytes += paged.length as usize;
        if let Some(last) = self.chunks.back_mut()
            && let Some(entry) = last.encode(paged)
        {
            return last.push(entry, paged);
        }
        let mut chunk = Chunk::new(paged);
        if let Some(entry) = chunk.encode(paged) {
            chunk.push(entry, paged);
        }
        self.chunks.push_back(chunk);
    }

    /// The oldest.
    pub fn front(&self) -> Option<Paged> {
        let chunk = self.chunks.front()?;
        chunk.get(chunk.gone)
    }

    /// Takes the oldest.
    pub fn pop(&mut self) -> Option<Paged> {
        let oldest = self.front()?;
        let chunk = self.chunks.front_mut()?;
        chunk.gone += 1;
        if chunk.gone == chunk.entries.len() {
            self.chunks.pop_front();
        }
        self.length -= 1;
        self.bytes -= oldest.length as usize;
        Some(oldest)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Their payload bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Paged> {
        self.chunks.iter().flat_map(Chunk::iter)
    }

    /// Gives all of them away by number, each number once, though they came in any order. What came in order needs no
    /// memory for it.
    pub fn into_sorted(self, mut each: impl FnMut(Paged)) {
        let mut chunks = Vec::from(self.chunks);
        chunks.sort_unstable_by_key(|chunk| chunk.number);
        let mut chunks = chunks.into_iter().peekable();
        while let Some(chunk) = chunks.next() {
            let mut end = chunk.last_number();
            if chunks.peek().is_none_or(|next| next.number > end) {
                chunk.iter().for_each(&mut each);
                continue;
            }
            let mut mixed: Vec<Paged> = chunk.iter().collect();
            while let Some(next) = chunks.next_if(|next| next.number <= end) {
                end = end.max(next.last_number());
                mixed.extend(next.iter());
            }
            mixed.sort_unstable_by_key(|paged| paged.number);
            mixed.dedup_by_key(|paged| paged.number);
            mixed.into_iter().for_each(&mut each);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paged(sequence: u64, number: u64) -> Paged {
        Paged {
            sequence,
            number,
            length: 256,
            identifier: 0,
            expires: None,
            qos: QoS::AtLeastOnce,
            retain: false,
            asked_for: false,
        }
    }

    #[test]
    fn what_is_pushed_comes_back_in_order() {
        let mut pages = Pages::default();
        let all: Vec<Paged> = (0..5000u64)
            .map(|i| Paged {
                length: if i == 9 { (1 << LENGTH_BITS) - 1 } else { i as u32 },
                identifier: if i > 2000 && i % 3 == 0 { i as u32 } else { 0 },
                expires: (i > 3000 && i % 5 == 0).then_some(i),
                qos: if i % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce },
                retain: i % 7 == 0,
                asked_for: i % 11 == 0,
                ..paged(i * 3 + if i > 4000 { 1 << 40 } else { 0 }, i + if i > 4500 { 1 << 50 } else { 1 })
            })
            .collect();
        all.iter().for_each(|paged| pages.push(paged));
        assert_eq!(pages.len(), 5000);
        assert_eq!(pages.bytes(), all.iter().map(|paged| paged.length as usize).sum::<usize>());
        assert_eq!(pages.iter().collect::<Vec<_>>(), all);
        for expected in &all {
            assert_eq!(pages.front(), Some(*expected));
            assert_eq!(pages.pop(), Some(*expected));
        }
        assert!(pages.is_empty() && pages.pop().is_none() && pages.bytes() == 0);
    }

    #[test]
    fn what_came_in_any_order_is_given_away_by_number() {
        let mut pages = Pages::default();
        let orders = [(3000..4000u64), (0..1000), (500..1500), (3999..4002), (1500..3000), (0..3)];
        for number in orders.into_iter().flatten() {
            pages.push(&paged(number * 2, number));
        }
        let mut numbers = Vec::new();
        pages.into_sorted(|paged| numbers.push((paged.number, paged.sequence)));
        assert_eq!(numbers, (0..4002).map(|number| (number, number * 2)).collect::<Vec<_>>());
    }
}
