//! Which records of the log still mean something: what cleaning copies, and what it leaves behind.
//!
//! Cleaning takes the oldest file first. So a record that only says that something older is over may go with its file:
//! nothing that it speaks of is left in an older one.

use super::ranges::Ranges;
use super::record::Record;
use crate::broker::{Change, Receipt, SessionId};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::hash::BuildHasher;

/// What is live, by the number of the change that made it so.
#[derive(Debug, Default)]
pub struct Live {
    pub(super) sessions: HashMap<SessionId, LiveSession, RandomState>,
    /// By a hash of the topic.
    retained: HashMap<u64, u64, RandomState>,
    hasher: RandomState,
}

/// What is live of a session.
#[derive(Debug, Default)]
pub struct LiveSession {
    pub record: u64,
    /// By a hash of filter and ShareName.
    subscriptions: HashMap<u64, u64, RandomState>,
    received: HashMap<u16, u64, RandomState>,
    awaiting_pubcomp: HashMap<u16, u64, RandomState>,
    /// Messages that it waits for no more.
    pub done: Ranges,
}

impl Live {
    /// Takes in a change; each is newer than all before.
    pub fn apply(&mut self, sequence: u64, change: &Change) {
        match change {
            Change::Message { message, retained, received, .. } => {
                if *retained {
                    self.retain(message.topic(), sequence);
                }
                if let Some((session, identifier)) = received {
                    self.session(*session).received.insert(*identifier, sequence);
                }
            }
            Change::Session(record) => self.session(record.id).record = sequence,
            Change::SessionEnded { session } => {
                self.sessions.remove(session);
            }
            Change::Subscribed { session, subscription: s } => {
                let key = self.hasher.hash_one((&s.filter, &s.share_name));
                self.session(*session).subscriptions.insert(key, sequence);
            }
            Change::Unsubscribed { session, filter, share_name } => {
                let key = self.hasher.hash_one((filter, share_name));
                self.session(*session).subscriptions.remove(&key);
            }
            Change::RetainedRemoved { topic } => {
                self.retained.remove(&self.hasher.hash_one(&**topic));
            }
            Change::InFlight { .. } => {}
            Change::Taken { session, number, packet_identifier } => {
                let session = self.session(*session);
                session.done.insert(*number);
                session.awaiting_pubcomp.insert(*packet_identifier, sequence);
            }
            Change::Done { session, number } => self.session(*session).done.insert(*number),
            Change::Completed { session, packet_identifier } => {
                self.session(*session).awaiting_pubcomp.remove(packet_identifier);
            }
            Change::Received { session, packet_identifier } => {
                self.session(*session).received.insert(*packet_identifier, sequence);
            }
            Change::Released { session, packet_identifier } => {
                self.session(*session).received.remove(packet_identifier);
            }
        }
    }

    /// A topic has a retained message.
    pub fn retain(&mut self, topic: &str, sequence: u64) {
        self.retained.insert(self.hasher.hash_one(topic), sequence);
    }

    /// A session awaits PUBCOMP: as in [`Change::Taken`], whose message is known to be done.
    pub fn await_pubcomp(&mut self, session: SessionId, packet_identifier: u16, sequence: u64) {
        self.session(session).awaiting_pubcomp.insert(packet_identifier, sequence);
    }

    /// The messages that a session waits for no more.
    pub fn set_done(&mut self, session: SessionId, done: Ranges) {
        self.session(session).done = done;
    }

    fn session(&mut self, id: SessionId) -> &mut LiveSession {
        self.sessions.entry(id).or_default()
    }

    /// Takes out of a record what is over; `None` if nothing is left.
    pub fn keep(&self, mut record: Record) -> Option<Record> {
        let sequence = record.sequence;
        let is_live = match &mut record.change {
            Change::Message { message, retained, publisher, received, receipts } => {
                record.receipts.retain(|receipt| self.waits(receipt));
                *receipts = record.receipts.len() as u32;
                *retained &= self.retained.get(&self.hasher.hash_one(message.topic())) == Some(&sequence);
                if !*retained {
                    *publisher = None;
                }
                *received = received.filter(|&(session, identifier)| {
                    self.of(session, |s| s.received.get(&identifier) == Some(&sequence))
                });
                *retained || *receipts > 0 || received.is_some()
            }
            Change::Session(session) => self.of(session.id, |s| s.record == sequence),
            Change::Subscribed { session, subscription: s } => {
                let key = self.hasher.hash_one((&s.filter, &s.share_name));
                self.of(*session, |s| s.subscriptions.get(&key) == Some(&sequence))
            }
            Change::InFlight { session, number, .. } => self.of(*session, |s| !s.done.contains(*number)),
            Change::Taken { session, packet_identifier, .. } => {
                self.of(*session, |s| s.awaiting_pubcomp.get(packet_identifier) == Some(&sequence))
            }
            Change::Received { session, packet_identifier } => {
                self.of(*session, |s| s.received.get(packet_identifier) == Some(&sequence))
            }
            Change::SessionEnded { .. }
            | Change::Unsubscribed { .. }
            | Change::RetainedRemoved { .. }
            | Change::Done { .. }
            | Change::Completed { .. }
            | Change::Released { .. } => false,
        };
        is_live.then_some(record)
    }

    fn waits(&self, receipt: &Receipt) -> bool {
        self.of(receipt.session, |session| !session.done.contains(receipt.number))
    }

    fn of(&self, session: SessionId, what: impl FnOnce(&LiveSession) -> bool) -> bool {
        self.sessions.get(&session).is_some_and(what)
    }
}
