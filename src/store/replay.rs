//! Putting the records of a log together, in whatever order they come: the newest of each kind counts, by number.

use super::live::Live;
use super::ranges::Ranges;
use super::record::Record;
use crate::broker::{
    Change, Message, Paged, Pages, Publisher, Receipt, SessionId, SessionRecord, State, StoredSession,
    SubscriptionRecord,
};
use crate::protocol::QoS;
use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};
use std::sync::Arc;

/// The newest that was said of something, and the number of the change that said it.
type Newest<T> = (u64, T);

/// What was read so far.
#[derive(Debug, Default)]
pub struct Replay {
    sessions: HashMap<SessionId, Draft, RandomState>,
    ended: HashSet<SessionId, RandomState>,
    retained: HashMap<Box<str>, Newest<Option<Retained>>, RandomState>,
    /// The highest number that was seen.
    pub sequence: u64,
}

/// What was read of a session.
#[derive(Debug, Default)]
struct Draft {
    record: Option<Newest<SessionRecord>>,
    subscriptions: HashMap<SubscriptionKey, Newest<Option<SubscriptionRecord>>, RandomState>,
    received: HashMap<u16, Newest<bool>, RandomState>,
    awaiting_pubcomp: HashMap<u16, Newest<bool>, RandomState>,
    in_flight: HashMap<u64, u16, RandomState>,
    /// Its messages, in the order in which they were found.
    pages: Pages,
    /// Bytes of these on disk; a share of what waits for others too.
    bytes: u64,
    done: Ranges,
    last_number: u64,
}

/// A retained message and who published it.
type Retained = (Arc<Message>, Option<Arc<Publisher>>);

/// Topic Filter and ShareName.
type SubscriptionKey = (Box<str>, Option<Box<str>>);

/// What a log comes to.
#[derive(Debug)]
pub struct Replayed {
    /// For the broker.
    pub state: State,
    /// For the log.
    pub live: Live,
    /// About how many bytes are live.
    pub live_bytes: u64,
    /// The highest number that was seen.
    pub sequence: u64,
    /// Sessions of which only parts are left.
    pub lost_sessions: usize,
    /// What is to be read before the state is whole: which session of it waits for which message.
    pub wanted: Vec<(usize, u64, Receipt)>,
}

/// Sets what is newer.
fn update<T>(slot: &mut Newest<T>, sequence: u64, value: T) {
    if sequence >= slot.0 {
        *slot = (sequence, value);
    }
}

impl Replay {
    /// Takes in a record.
    pub fn apply(&mut self, record: Record) {
        let sequence = record.sequence;
        self.sequence = self.sequence.max(sequence);
        match record.change {
            Change::Message { message, retained, publisher, received, .. } => {
                if retained {
                    self.retain(sequence, message.topic().into(), Some((message.clone(), publisher)));
                }
                if let Some((session, identifier)) = received {
                    update(self.session(session).received.entry(identifier).or_default(), sequence, true);
                }
                let share = 24 + message.size() as u64 / record.receipts.len().max(1) as u64;
                for receipt in record.receipts {
                    if !self.ended.contains(&receipt.session) {
                        self.session(receipt.session).wait(sequence, &receipt, &message, share);
                    }
                }
            }
            Change::Session(record) => {
                let session = self.session(record.id);
                if session.record.as_ref().is_none_or(|(known, _)| *known <= sequence) {
                    session.record = Some((sequence, *record));
                }
            }
            Change::SessionEnded { session } => {
                // Of what waited for it nothing is wanted any more; more of it may come.
                self.session(session).pages = Pages::default();
                self.ended.insert(session);
            }
            Change::Subscribed { session, subscription } => {
                let key = (subscription.filter.clone(), subscription.share_name.clone());
                self.subscription(session, sequence, key, Some(*subscription));
            }
            Change::Unsubscribed { session, filter, share_name } => {
                self.subscription(session, sequence, (filter, share_name), None);
            }
            Change::RetainedRemoved { topic } => self.retain(sequence, topic, None),
            Change::InFlight { session, number, packet_identifier } => {
                let session = self.session(session);
                session.see(number);
                session.in_flight.insert(number, packet_identifier);
            }
            Change::Taken { session, number, packet_identifier } => {
                let session = self.session(session);
                session.end(number);
                update(session.awaiting_pubcomp.entry(packet_identifier).or_default(), sequence, true);
            }
            Change::Done { session, number } => {
                self.session(session).end(number);
            }
            Change::Completed { session, packet_identifier } => {
                let slot = self.session(session).awaiting_pubcomp.entry(packet_identifier).or_default();
                update(slot, sequence, false);
            }
            Change::Received { session, packet_identifier } => {
                update(self.session(session).received.entry(packet_identifier).or_default(), sequence, true);
            }
            Change::Released { session, packet_identifier } => {
                update(self.session(session).received.entry(packet_identifier).or_default(), sequence, false);
            }
        }
    }

    fn session(&mut self, id: SessionId) -> &mut Draft {
        // A session's id is the number of a change that may be lost.
        self.sequence = self.sequence.max(id);
        self.sessions.entry(id).or_default()
    }

    fn retain(&mut self, sequence: u64, topic: Box<str>, message: Option<Retained>) {
        update(self.retained.entry(topic).or_insert((0, None)), sequence, message);
    }

    fn subscription(
        &mut self,
        session: SessionId,
        sequence: u64,
        key: SubscriptionKey,
        value: Option<SubscriptionRecord>,
    ) {
        update(self.session(session).subscriptions.entry(key).or_insert((0, None)), sequence, value);
    }

    /// Everything was read.
    pub fn finish(mut self) -> Replayed {
        let mut lost_sessions = 0;
        let mut newest: HashMap<Box<str>, SessionId, RandomState> = HashMap::default();
        for (&id, session) in &self.sessions {
            let Some((_, record)) = &session.record else {
                lost_sessions += usize::from(!self.ended.contains(&id) && session.had_something());
                continue;
            };
            if !self.ended.contains(&id) {
                // Of two sessions with one ClientId the later is meant: the end of the other is not on disk.
                let known = newest.entry(record.client_id.clone()).or_insert(id);
                *known = id.max(*known);
            }
        }
        let mut live = Live::default();
        let mut live_bytes = 0;
        let mut state = State::default();
        let mut wanted = Vec::new();
        for id in newest.into_values() {
            if let Some(draft) = self.sessions.remove(&id)
                && let Some((session, urgent)) = draft.finish(id, &mut live, &mut live_bytes)
            {
                let at = state.sessions.len();
                wanted.extend(urgent.into_iter().map(|(sequence, receipt)| (at, sequence, receipt)));
                state.sessions.push(session);
            }
        }
        for (_, (sequence, kept)) in self.retained {
            if let Some((message, publisher)) = kept {
                live_bytes += message.size() as u64 + 32;
                live.retain(message.topic(), sequence);
                state.retained.push((message, publisher));
            }
        }
        Replayed { state, live, live_bytes, sequence: self.sequence, lost_sessions, wanted }
    }
}

impl Draft {
    fn see(&mut self, number: u64) {
        self.last_number = self.last_number.max(number);
    }

    fn had_something(&self) -> bool {
        !self.subscriptions.is_empty() || self.pages.iter().any(|paged| !self.done.contains(paged.number))
    }

    /// It waits for a message; unless it doesn't any more.
    fn wait(&mut self, sequence: u64, receipt: &Receipt, message: &Message, share: u64) {
        self.see(receipt.number);
        if self.done.contains(receipt.number) {
            return;
        }
        if receipt.packet_identifier != 0 {
            // What was said of it later counts more.
            self.in_flight.entry(receipt.number).or_insert(receipt.packet_identifier);
        }
        self.pages.push(&Paged::of_receipt(receipt, message, sequence));
        self.bytes += share;
    }

    fn end(&mut self, number: u64) {
        self.see(number);
        self.done.insert(number);
        self.in_flight.remove(&number);
    }

    /// The session as it was, entered among what is live; and what of it can't wait on disk.
    fn finish(
        mut self,
        id: SessionId,
        live: &mut Live,
        live_bytes: &mut u64,
    ) -> Option<(StoredSession, Vec<(u64, Receipt)>)> {
        let (sequence, record) = self.record?;
        live.apply(sequence, &Change::Session(Box::new(record.clone())));
        let mut subscriptions: Vec<_> =
            self.subscriptions.into_values().filter_map(|(at, s)| Some((at, s?))).collect();
        subscriptions.sort_unstable_by_key(|(at, _)| *at);
        for (at, subscription) in &subscriptions {
            *live_bytes += subscription.filter.len() as u64 + 32;
            let subscription = Box::new(subscription.clone());
            live.apply(*at, &Change::Subscribed { session: id, subscription });
        }
        let received = alive(self.received);
        for &(at, packet_identifier) in &received {
            live.apply(at, &Change::Received { session: id, packet_identifier });
        }
        let mut awaiting_pubcomp = alive(self.awaiting_pubcomp);
        awaiting_pubcomp.sort_unstable();
        let mut taken: HashSet<u16, RandomState> = awaiting_pubcomp.iter().map(|(_, id)| *id).collect();
        let (mut pages, mut urgent) = (Pages::default(), Vec::new());
        let found = self.pages.len() as u64;
        // A record may be there twice: copied, and its file not removed yet.
        self.pages.into_sorted(|paged| {
            if self.done.contains(paged.number) {
                return;
            }
            let identifier =
                self.in_flight.remove(&paged.number).filter(|&identifier| taken.insert(identifier));
            match identifier {
                None if paged.qos != QoS::AtMostOnce => pages.push(&paged),
                _ => urgent.push((paged.sequence, paged.receipt(id, identifier.unwrap_or(0)))),
            }
        });
        *live_bytes += self.bytes * (pages.len() + urgent.len()) as u64 / found.max(1);
        for &(at, packet_identifier) in &awaiting_pubcomp {
            live.await_pubcomp(id, packet_identifier, at);
        }
        live.set_done(id, self.done);
        let session = StoredSession {
            record,
            subscriptions: subscriptions.into_iter().map(|(_, s)| s).collect(),
            messages: Vec::new(),
            pages,
            awaiting_pubcomp: awaiting_pubcomp.into_iter().map(|(_, id)| id).collect(),
            received: received.into_iter().map(|(_, id)| id).collect(),
            last_number: self.last_number,
        };
        Some((session, urgent))
    }
}

fn alive(identifiers: HashMap<u16, Newest<bool>, RandomState>) -> Vec<Newest<u16>> {
    identifiers.into_iter().filter(|(_, (_, alive))| *alive).map(|(id, (at, _))| (at, id)).collect()
}
