//! Retained messages by Topic Name.

use super::message::{Message, has_passed};
use super::session::Publisher;
use crate::routing::{NodeId, TopicTree};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// A message and who published it, where that matters later.
#[derive(Debug)]
struct Kept {
    message: Arc<Message>,
    publisher: Option<Arc<Publisher>>,
}

/// The retained store.
#[derive(Debug, Default)]
pub struct Retained {
    tree: TopicTree<Option<Kept>>,
    count: usize,
    bytes: usize,
    /// When messages expire, in wall-clock seconds, and where they are. May name messages that have been replaced.
    expiries: BinaryHeap<Reverse<(u64, NodeId)>>,
    /// Messages that expire.
    expiring: usize,
}

impl Retained {
    /// How many topics have a retained message.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Bytes that they hold.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Stores a message in place of the one on its topic `[MQTT-3.3.1-5]`.
    pub fn set(&mut self, message: Arc<Message>) {
        self.set_from(message, None);
    }

    /// The same for a message whose publisher may be asked for later (`check_retain_source`).
    pub fn set_from(&mut self, message: Arc<Message>, publisher: Option<Arc<Publisher>>) {
        self.bytes += message.size();
        self.count += 1;
        let node = self.tree.insert(message.topic());
        if let Some(at) = message.expires {
            self.expiring += 1;
            self.expiries.push(Reverse((at, node)));
        }
        if let Some(old) = self.tree.value_mut(node).replace(Kept { message, publisher }) {
            self.gone(&old.message);
        }
        if self.expiries.len() > 2 * self.expiring + 1000 {
            self.tidy();
        }
    }

    /// Removes the message of a topic `[MQTT-3.3.1-6]`.
    pub fn remove(&mut self, topic: &str) -> Option<Arc<Message>> {
        let node = self.tree.find(topic)?;
        self.take(node)
    }

    fn take(&mut self, node: NodeId) -> Option<Arc<Message>> {
        let old = self.tree.value_mut(node).take()?.message;
        self.tree.prune(node, Option::is_none);
        self.gone(&old);
        Some(old)
    }

    fn gone(&mut self, old: &Message) {
        self.count -= 1;
        self.bytes -= old.size();
        self.expiring -= usize::from(old.expires.is_some());
    }

    /// Whether the message at this place expires at this time. The place itself may be gone.
    fn expires_at(&self, at: u64, node: NodeId) -> bool {
        self.tree.get(node).and_then(Option::as_ref).is_some_and(|kept| kept.message.expires == Some(at))
    }

    /// Forgets the expiries of messages that were replaced.
    fn tidy(&mut self) {
        let mut expiries = std::mem::take(&mut self.expiries).into_vec();
        expiries.retain(|&Reverse((at, node))| self.expires_at(at, node));
        expiries.sort_unstable();
        expiries.dedup();
        self.expiries = expiries.into();
    }

    /// Frees the messages that have expired and tells `gone` of each.
    pub fn sweep(&mut self, wall: u64, mut gone: impl FnMut(&Message)) {
        while let Some(&Reverse((at, node))) = self.expiries.peek() {
            if !has_passed(Some(at), wall) {
                return;
            }
            self.expiries.pop();
            if self.expires_at(at, node)
                && let Some(message) = self.take(node)
            {
                gone(&message);
            }
        }
    }

    /// Whether any message will expire.
    pub fn any_expires(&self) -> bool {
        self.expiring > 0
    }

    /// Whether a topic has a message.
    pub fn has(&self, topic: &str) -> bool {
        self.tree.find(topic).is_some_and(|node| self.tree.value(node).is_some())
    }

    /// Calls `visit` for each message on a topic that the filter matches and that hasn't expired; returns how many places
    /// were looked at for it.
    pub fn for_each_matched_by(
        &self,
        filter: &str,
        wall: u64,
        mut visit: impl FnMut(&Arc<Message>, Option<&Publisher>),
    ) -> usize {
        self.tree.for_each_matched_by(filter, |_, kept| {
            if let Some(Kept { message, publisher }) = kept
                && !message.is_expired(wall)
            {
                visit(message, publisher.as_deref());
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::QoS;

    fn message(topic: &str, expires: Option<u64>) -> Arc<Message> {
        Arc::new(Message::new(topic, &[], b"x", QoS::AtMostOnce, true, expires))
    }

    #[test]
    fn what_has_expired_is_freed_and_nothing_else() {
        let mut retained = Retained::default();
        retained.set(message("a", Some(10)));
        retained.set(message("b/c", Some(20)));
        retained.set(message("d", None));
        retained.set(message("a", Some(30)));
        assert!(retained.remove("b/c").is_some());
        retained.set(message("e", Some(20)));
        retained.sweep(15, |_| ());
        assert_eq!((retained.count(), retained.any_expires()), (3, true));
        retained.sweep(20, |_| ());
        assert_eq!(retained.count(), 3, "its last second isn't over");
        retained.sweep(21, |_| ());
        assert_eq!(retained.count(), 2);
        assert!(retained.remove("e").is_none());
        retained.sweep(100, |_| ());
        assert_eq!((retained.count(), retained.any_expires(), retained.bytes()), (1, false, 2));
    }

    #[test]
    fn a_topic_that_is_set_again_and_again_takes_no_more_room() {
        let mut retained = Retained::default();
        for n in 0..10_000 {
            retained.set(message("a", Some(1_000_000 + n)));
        }
        assert!(retained.expiries.len() < 1100, "{}", retained.expiries.len());
        retained.sweep(1_009_999, |_| ());
        assert_eq!(retained.count(), 1);
        retained.sweep(1_010_000, |_| ());
        assert_eq!(retained.count(), 0);
    }

    #[test]
    fn places_that_are_gone_expire_harmlessly() {
        let mut retained = Retained::default();
        for n in 0..3000 {
            retained.set(message(&format!("t/{n}"), Some(100)));
        }
        // The last first: their places are given back.
        for n in (0..3000).rev() {
            retained.remove(&format!("t/{n}"));
        }
        retained.set(message("a", Some(200)));
        retained.sweep(150, |_| ());
        retained.sweep(300, |_| ());
        assert_eq!((retained.count(), retained.any_expires()), (0, false));
    }

    #[test]
    fn an_expiry_outlives_the_place_of_its_message() {
        let mut retained = Retained::default();
        for n in 0..3000 {
            retained.set(message(&format!("t/{n}"), Some(100)));
        }
        // Few are replaced at a time, so that nobody looks through the others.
        for n in (0..3000).rev() {
            retained.set(message(&format!("t/{n}"), Some(50)));
            retained.sweep(60, |_| ());
        }
        assert_eq!(retained.count(), 0);
        retained.sweep(200, |_| ());
    }
}
