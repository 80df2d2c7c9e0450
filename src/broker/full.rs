//! The store can't keep more: messages that would have to survive are refused (5.0) or left where they are (3.x)
//! until it can; everything else goes on. Or it can but is slow: who makes it more to do waits, so that what it has not
//! written yet takes no more than so much memory, nor more than there is room for when the disk is nearly full: else
//! acknowledgements, which free room, would wait behind messages that have none.

use super::connect::mounted;
use super::connection::{ConnectionKey, Phase};
use super::outbox::Outbox;
use super::shard::Shard;
use crate::protocol::{Publish, QoS, Version};

impl Shard {
    /// The store has no more room, or has it again.
    pub fn set_store_full(&mut self, full: bool, out: &mut Outbox) {
        out.changes.full = full;
        if !full {
            self.unblock(out);
        }
    }

    /// So many bytes may wait for the store: what it is sure to have room for.
    pub fn set_store_room(&mut self, bytes: usize, out: &mut Outbox) {
        if out.changes.set_limit(bytes) && !out.changes.full {
            self.unblock(out);
        }
    }

    /// Whoever waits for the store may go on.
    pub(super) fn unblock(&mut self, out: &mut Outbox) {
        for key in std::mem::take(&mut out.changes.blocked) {
            if let Some(connection) = self.connections.get_mut(key)
                && connection.held_by > 0
            {
                connection.held_by -= 1;
                if connection.held_by == 0 {
                    connection.held_firmly = false;
                    out.resume.push(key);
                }
            }
        }
    }

    /// Whether a client must wait with this packet, unread: a 3.x client can't be told that it is refused, and no client
    /// need be if there is room in a moment.
    pub(super) fn must_wait(
        &mut self,
        key: ConnectionKey,
        frame: &[u8],
        header_length: usize,
        out: &mut Outbox,
    ) -> bool {
        let connection = &self.connections[key];
        let version = connection.version;
        let waits =
            out.changes.is_crowded() || version != Version::V5 && out.changes.is_full_for(frame.len());
        if !waits || connection.phase != Phase::Live || frame[0] >> 4 != 3 {
            return false;
        }
        let Ok(publish) = Publish::decode(version, frame[0], &frame[header_length..]) else { return false };
        let session = &self.sessions[connection.session as usize];
        let topic = mounted(session.mount_point.as_deref(), publish.topic);
        if !self.is_refused(key, &publish, &topic) {
            return false;
        }
        let connection = &mut self.connections[key];
        connection.held_by += 1;
        connection.held_firmly = true;
        out.changes.blocked.push(key);
        true
    }

    /// A connection waits, unread, until the store has written most of what it was given.
    pub(super) fn wait_for_disk(&mut self, key: ConnectionKey, out: &mut Outbox) {
        let Some(connection) = self.connections.get_mut(key).filter(|c| c.is_live()) else { return };
        connection.held_by += 1;
        connection.held_firmly = true;
        out.changes.blocked.push(key);
    }

    /// Whether a message would have to survive, while nothing can be kept: it is acknowledged, and a session that
    /// survives waits for it, or it is retained. `topic`: with mount point.
    pub(super) fn is_refused(&mut self, key: ConnectionKey, publish: &Publish<'_>, topic: &str) -> bool {
        if publish.qos == QoS::AtMostOnce {
            return false;
        }
        let session = &self.sessions[self.connections[key].session as usize];
        if publish.qos == QoS::ExactlyOnce && session.inbound.contains(publish.packet_identifier) {
            return false;
        }
        if publish.retain || publish.qos == QoS::ExactlyOnce && session.id != 0 {
            return true;
        }
        let (mut receivers, mut groups) = (Vec::new(), Vec::new());
        self.subscriptions.resolve(topic, &mut receivers, &mut groups);
        let survives = |session: u32| self.sessions[session as usize].id != 0;
        let shared = |at| self.subscriptions.members(at).iter().any(|m| survives(m.session));
        receivers.iter().any(|r| r.qos != QoS::AtMostOnce && survives(r.session))
            || groups.into_iter().any(shared)
    }
}
