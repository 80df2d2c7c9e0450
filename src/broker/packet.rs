//! What each kind of packet from a client leads to.

use super::clock::Now;
use super::connection::{ConnectionKey, Phase};
use super::notice::{Ended, Kinds, Notice};
use super::outbox::Outbox;
use super::shard::Shard;
use crate::protocol::{self, Packet, ReasonCode};

/// Packet types by number `[MQTT-2.1.2]`.
pub(super) const CONNECT: u8 = 1;
pub(super) const PUBLISH: u8 = 3;

impl Shard {
    /// Acts on one whole packet: `frame` is its bytes, of which `header_length` are the fixed header.
    pub(super) fn packet(
        &mut self,
        now: Now,
        key: ConnectionKey,
        frame: &[u8],
        header_length: usize,
        out: &mut Outbox,
    ) {
        let first = frame[0];
        let body = &frame[header_length..];
        match (self.connections[key].phase, first >> 4) {
            (Phase::Live, PUBLISH) => self.publish(now, key, frame, header_length, out),
            (Phase::AwaitingConnect, CONNECT) => self.connect(now, key, body, out),
            (Phase::AwaitingConnect, _) => {
                let what = format!("First packet not CONNECT ({first:02X}).");
                self.notice(out, Kinds::INFORMATION, || Notice::ProtocolError {
                    client: self.name_with_port(key),
                    what,
                });
                self.drop_connection(now, key, Ended::ProtocolError, out);
            }
            (_, CONNECT) => {
                let peer = self.connections[key].peer.clone();
                self.notice(out, Kinds::NOTICE, || Notice::MultipleConnects { peer });
                self.end(now, key, ReasonCode::PROTOCOL_ERROR, Ended::ProtocolError, out);
            }
            _ => self.other_packet(now, key, first, body, out),
        }
    }

    fn other_packet(&mut self, now: Now, key: ConnectionKey, first: u8, body: &[u8], out: &mut Outbox) {
        let version = self.connections[key].version;
        let packet = match protocol::decode(version, first, body) {
            Ok(packet) => packet,
            Err(error) => return self.malformed(now, key, first >> 4, error, out),
        };
        match packet {
            Packet::PubAck(ack) => self.puback(now, key, ack, out),
            Packet::PubRec(ack) => self.pubrec(now, key, ack, out),
            Packet::PubRel(ack) => self.pubrel(key, ack, out),
            Packet::PubComp(ack) => self.pubcomp(now, key, ack, out),
            Packet::Subscribe(subscribe) => self.subscribe(now, key, subscribe, out),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(now, key, unsubscribe, out),
            Packet::PingReq => self.ping(key, out),
            Packet::Disconnect(disconnect) => self.disconnect(now, key, disconnect, out),
            // No authentication method was agreed on, so none can be gone on with [MQTT-4.12.0-6].
            Packet::Auth(_) => self.protocol_error(now, key, "AUTH without an authentication method.", out),
            Packet::Connect(_)
            | Packet::Publish(_)
            | Packet::ConnAck(_)
            | Packet::SubAck(_)
            | Packet::UnsubAck(_)
            | Packet::PingResp => self.protocol_error(now, key, "a packet that only a server may send.", out),
        }
    }

    fn ping(&mut self, key: ConnectionKey, out: &mut Outbox) {
        self.notice(out, Kinds::DEBUG, || Notice::ReceivedPingReq { client: self.name(key) });
        let connection = &mut self.connections[key];
        Packet::PingResp.encode(connection.version, connection.out.bytes(&mut self.pool));
        Self::mark_dirty(connection, key, out);
        self.counters.packets_sent += 1;
        self.notice(out, Kinds::DEBUG, || Notice::SendingPingResp { client: self.name(key) });
    }
}
