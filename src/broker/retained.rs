//! Retained messages by Topic Name.

use super::message::Message;
use crate::routing::TopicTree;
use std::sync::Arc;

/// The retained store.
#[derive(Debug, Default)]
pub struct Retained {
    tree: TopicTree<Option<Arc<Message>>>,
    count: usize,
    bytes: usize,
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
        self.bytes += message.size();
        let node = self.tree.insert(message.topic());
        match self.tree.value_mut(node).replace(message) {
            Some(old) => self.bytes -= old.size(),
            None => self.count += 1,
        }
    }

    /// Removes the message of a topic `[MQTT-3.3.1-6]`.
    pub fn remove(&mut self, topic: &str) -> Option<Arc<Message>> {
        let node = self.tree.find(topic)?;
        let old = self.tree.value_mut(node).take()?;
        self.tree.prune(node, Option::is_none);
        self.count -= 1;
        self.bytes -= old.size();
        Some(old)
    }

    /// Calls `visit` for each message on a topic that the filter matches and that hasn't expired.
    pub fn for_each_matched_by(&self, filter: &str, wall: u64, mut visit: impl FnMut(&Arc<Message>)) {
        self.tree.for_each_matched_by(filter, |_, message| {
            if let Some(message) = message
                && !message.is_expired(wall)
            {
                visit(message);
            }
        });
    }
}
