//! A world with a store: what must survive can be taken out, said to be safe, and be where another world begins.

use super::World;
use mqtt_toolkit::broker::{Change, Fetch, Fetched, Limits, ListenerRules, Now, Receipt, State};
use mqtt_toolkit::store::Store;

impl World {
    /// A broker that comes back with what was kept, at this time.
    pub fn restored(now: Now, state: State, sequence: u64, limits: Limits) -> World {
        World::restored_with(now, state, sequence, limits, vec![ListenerRules::default()])
    }

    /// The same with these listeners.
    pub fn restored_with(
        now: Now,
        state: State,
        sequence: u64,
        limits: Limits,
        listeners: Vec<ListenerRules>,
    ) -> World {
        let mut w = World::with_listeners(limits, listeners);
        w.now = now;
        w.outbox.changes.begin(sequence);
        w.shard.restore(now, state, &mut w.outbox);
        w.settle();
        w
    }

    /// What has changed since this was last asked, and the number of the last change.
    pub fn take_changes(&mut self) -> (Vec<(u64, Change)>, Vec<Receipt>, u64) {
        let changes = &mut self.outbox.changes;
        (std::mem::take(&mut changes.list), std::mem::take(&mut changes.receipts), changes.last())
    }

    /// Hands what has changed to a store, as the event loop does at the end of a turn; the number of the last change.
    pub fn submit(&mut self, store: &Store) -> u64 {
        store.submit(&mut self.outbox.changes);
        self.outbox.changes.last()
    }

    /// All changes up to this one are safe.
    pub fn committed(&mut self, sequence: u64) {
        self.shard.committed(sequence, &mut self.outbox);
        self.settle();
    }

    /// Messages that were asked for since this was last asked.
    pub fn take_fetches(&mut self) -> Vec<Fetch> {
        std::mem::take(&mut self.outbox.fetch)
    }

    /// Messages were read that had been asked for.
    pub fn fetched(&mut self, fetched: Fetched) {
        self.shard.fetched(self.now, fetched, &mut self.outbox);
        self.settle();
    }

    /// So many bytes may wait for the store.
    pub fn store_has_room(&mut self, bytes: usize) {
        self.shard.set_store_room(bytes, &mut self.outbox);
        self.settle();
    }

    /// The store can't keep more, or can again.
    pub fn store_is_full(&mut self, full: bool) {
        self.shard.set_store_full(full, &mut self.outbox);
        self.settle();
    }
}
