//! Queues that are longer than memory: what is on disk anyway need not be held twice. Beyond
//! [`Limits::max_queued_memory`] the newest of a session wait on disk only, and are read again ahead of being sent.

use super::changes::SessionId;
use super::clock::Now;
use super::connection::SessionKey;
use super::limits::Limits;
use super::message::stored;
use super::outbox::Outbox;
use super::pages::{Fetch, Fetched, Paged, Pages};
use super::session::{Backlog, Delivery, Session};
use super::shard::Shard;
use crate::protocol::QoS;

/// What a message takes in memory besides its payload, about.
const OVERHEAD: u64 = 128;
/// A session that has a connection keeps so many bytes in memory even if there is little left, so that a short queue
/// doesn't wait for the disk.
const CONNECTED_KEEPS: usize = 64 * 1024;
/// So many messages and bytes are read ahead for a session.
const AHEAD: usize = 1024;
const AHEAD_BYTES: usize = 512 * 1024;
/// The same where memory is short.
const AHEAD_SHORT: usize = 128;
const AHEAD_SHORT_BYTES: usize = 64 * 1024;

impl Backlog {
    /// Whether what comes next waits on disk only: behind others that do, or for want of memory.
    fn is_paged(&self, has_connection: bool, limits: &Limits) -> bool {
        let keeps = CONNECTED_KEEPS.min(limits.max_queued_memory as usize);
        !self.pages.is_empty() || limits.queues_full && (!has_connection || self.acknowledged_bytes > keeps)
    }

    /// What is to be read next: sequence and number of each. Nothing while there is enough in memory.
    fn next_to_read(&self, most: usize, most_bytes: usize) -> Vec<(u64, u64)> {
        if self.is_reading || self.acknowledged.len() > most / 2 || self.acknowledged_bytes > most_bytes / 2 {
            return Vec::new();
        }
        let mut bytes = self.acknowledged_bytes;
        let fits = |paged: &Paged| {
            let fits = bytes < most_bytes;
            bytes += paged.length as usize;
            fits
        };
        self.pages.iter().take(most).take_while(fits).map(|paged| (paged.sequence, paged.number)).collect()
    }
}

impl Session {
    /// Appends what waits for it. `sequence`: the number of the change that keeps it, if any does.
    pub(super) fn queue(&mut self, delivery: Delivery, sequence: u64, limits: &Limits) {
        let has_connection = self.connection.is_some();
        let is_kept = delivery.number != 0 && delivery.qos != QoS::AtMostOnce;
        let backlog = self.backlog_mut();
        match is_kept && backlog.is_paged(has_connection, limits) {
            true => backlog.push_paged(&Paged::of(&delivery, sequence)),
            false => backlog.push(delivery),
        }
    }

    /// What waits for it on disk.
    pub(super) fn restore_pages(&mut self, pages: Pages) {
        if pages.is_empty() {
            return;
        }
        let backlog = self.backlog_mut();
        for paged in pages.iter().filter(|paged| !paged.asked_for) {
            backlog.bytes += paged.length as usize;
            backlog.acknowledged_counted += 1;
        }
        backlog.pages = pages;
    }
}

impl Shard {
    /// Asks for messages of a session that are on disk, before it has to wait for them.
    pub(super) fn read_ahead(&mut self, now: Now, key: SessionKey, out: &mut Outbox) {
        let session = &mut self.sessions[key as usize];
        let Some(backlog) = &mut session.backlog else { return };
        while backlog.acknowledged.is_empty()
            && let Some(number) = backlog.pop_expired(true, now.wall)
        {
            out.changes.done(session.id, number);
        }
        let wanted = match self.limits.queues_full {
            true => backlog.next_to_read(AHEAD_SHORT, AHEAD_SHORT_BYTES),
            false => backlog.next_to_read(AHEAD, AHEAD_BYTES),
        };
        if !wanted.is_empty() {
            backlog.is_reading = true;
            out.fetch.push(Fetch { session: key, id: session.id, wanted });
        } else if backlog.is_empty() {
            session.backlog = None;
        }
    }

    /// Messages were read that had been asked for.
    pub fn fetched(&mut self, now: Now, fetched: Fetched, out: &mut Outbox) {
        let Fetched { session: key, id, messages } = fetched;
        let Some(mut backlog) = self.reading(key, id) else { return };
        backlog.is_reading = false;
        let (recheck, lost) = (backlog.recheck, backlog.lost);
        for (number, message) in messages {
            // Some may have expired since.
            if backlog.pages.front().is_none_or(|oldest| oldest.number != number) {
                continue;
            }
            let Some(paged) = backlog.pop_paged() else { break };
            let mut may = |topic: &str| !recheck || self.may_still_get(key, topic, lost);
            match message {
                Some(message) if may(message.topic()) => backlog.push(paged.delivery(message)),
                Some(_) => out.changes.done(id, number),
                // Damaged, as the store says.
                None => {
                    self.counters.publish_dropped += 1;
                    out.changes.done(id, number);
                }
            }
        }
        let connection = self.sessions[key as usize].connection;
        if !backlog.is_empty() {
            self.sessions[key as usize].backlog = Some(backlog);
        }
        if let Some(connection) = connection {
            self.move_up(now, connection, out);
        }
    }

    /// Takes the backlog of a session that waits for messages from the disk.
    fn reading(&mut self, key: SessionKey, id: SessionId) -> Option<Box<Backlog>> {
        self.sessions.get_mut(key as usize).filter(|session| session.id == id)?.backlog.take()
    }

    /// Looks whether what waits takes more memory than it may.
    pub(super) fn watch_queues(&mut self) {
        let most = self.limits.max_queued_memory;
        let (count, bytes) = stored();
        let retained = self.retained.count() as u64 * OVERHEAD + self.retained.bytes() as u64;
        let waiting = (count * OVERHEAD + bytes).saturating_sub(retained);
        self.limits.queues_full = most != 0 && waiting > most;
    }
}
