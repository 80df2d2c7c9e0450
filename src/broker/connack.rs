//! CONNACK with success: what it says, and how it leaves.

use super::connect::Pending;
use super::connection::Neighbour;
use super::notice::{Kinds, Notice};
use super::outbox::Outbox;
use super::shard::Shard;
use crate::protocol::trail::BROKER_NAME;
use crate::protocol::{ConnAck, Packet, PropertiesBuf, Property, ReasonCode, Version};

impl Shard {
    /// What a CONNACK with success says, in mosquitto's order.
    pub(super) fn connack_properties(&self, pending: &Pending) -> PropertiesBuf {
        let mut properties = PropertiesBuf::default();
        if !pending.version.is_v5() {
            return properties;
        }
        let rules = &self.listeners[usize::from(self.connections[pending.key].listener)];
        if let Some(seconds) = self.server_keep_alive(pending) {
            properties.push(Property::ServerKeepAlive(seconds));
        }
        if rules.max_topic_alias > 0 {
            properties.push(Property::TopicAliasMaximum(rules.max_topic_alias));
        }
        if pending.assigned {
            properties.push(Property::AssignedClientIdentifier(&pending.client_id));
        }
        if !self.limits.retain_available {
            properties.push(Property::RetainAvailable(false));
        }
        properties.push(Property::MaximumPacketSize(self.limits.max_packet_size));
        if self.limits.max_inflight_messages > 0 {
            properties.push(Property::ReceiveMaximum(self.limits.max_inflight_messages));
        }
        if (rules.max_qos as u8) < 2 {
            properties.push(Property::MaximumQoS(rules.max_qos));
        }
        if pending.neighbour == Neighbour::Perhaps {
            properties.push(Property::UserProperty(BROKER_NAME, &self.name));
        }
        properties
    }

    /// The Keep Alive that a 5.0 client must use in place of its own.
    fn server_keep_alive(&self, pending: &Pending) -> Option<u16> {
        let (max, asked) = (self.limits.max_keepalive, pending.keep_alive);
        let bridge = self.listeners[usize::from(self.connections[pending.key].listener)].bridges;
        (pending.version.is_v5() && !bridge && max != 0 && (asked == 0 || asked > max)).then_some(max)
    }

    /// Bytes of a CONNACK with success.
    pub(super) fn connack_length(&self, pending: &Pending, properties: &PropertiesBuf) -> usize {
        let properties = properties.as_properties();
        let packet = ConnAck { session_present: false, code: ReasonCode::SUCCESS, properties };
        packet.encoded_length(pending.version)
    }

    /// Sends CONNACK with success and returns the Keep Alive that holds, in seconds.
    pub(super) fn send_connack(
        &mut self,
        session_present: bool,
        pending: &Pending,
        properties: &PropertiesBuf,
        out: &mut Outbox,
    ) -> u16 {
        let keep_alive = self.server_keep_alive(pending).unwrap_or(pending.keep_alive);
        let connection = &mut self.connections[pending.key];
        // 3.1 has no Session Present.
        let session_present = session_present && pending.version != Version::V31;
        let packet =
            ConnAck { session_present, code: ReasonCode::SUCCESS, properties: properties.as_properties() };
        packet.encode(pending.version, connection.out.bytes(&mut self.pool));
        let rules = &self.listeners[usize::from(connection.listener)];
        if pending.bridge && pending.neighbour == Neighbour::Perhaps && rules.accepts(Version::V5) {
            // A bridge of ours takes it for a hint to come with 5.0, which has room for a trail; others overlook it.
            Packet::PingResp.encode(pending.version, connection.out.bytes(&mut self.pool));
        }
        Self::mark_dirty(connection, pending.key, out);
        self.counters.packets_sent += 1;
        let client = &pending.client_id;
        self.notice(out, Kinds::DEBUG, || Notice::SendingConnAck {
            client: client.clone(),
            session_present,
            code: 0,
        });
        keep_alive
    }
}
