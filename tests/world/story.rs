//! What clients do and see, in the words of a test.

use super::connecting::Connecting;
use super::packets::{disconnect, message, subscribe_packet, unsubscribe_packet};
use super::{Client, World};
use mqtt_toolkit::protocol::{
    ConnAck, Packet, Properties, Publish, QoS, ReasonCode, SubscriptionOptions, Version,
};

/// Coming and going.
impl World {
    /// A connection at the first listener, and nothing said on it.
    pub fn open(&mut self) -> Client {
        self.open_at(0).expect("the listener is full")
    }

    /// A connection at a listener; `None`: the broker refused it.
    pub fn open_at(&mut self, listener: usize) -> Option<Client> {
        self.accept(listener)
    }

    /// A client connects, and must be accepted.
    pub fn connect(&mut self, client_id: &str, options: Connecting) -> Client {
        let client = self.attempt(client_id, options);
        match self.connack(client) {
            Some(connack) if connack.code == ReasonCode::SUCCESS => client,
            other => panic!("{client_id:?} was not accepted: {other:?}"),
        }
    }

    /// A client tries to connect; look at [`World::connack`] and [`World::is_closed`].
    pub fn attempt(&mut self, client_id: &str, options: Connecting) -> Client {
        let client = self.open();
        self.introduce(client, client_id, options);
        client
    }

    /// Sends CONNECT on a connection that is open.
    pub fn introduce(&mut self, client: Client, client_id: &str, options: Connecting) {
        let packet = options.packet(client_id);
        self.wires[client.0].introduced = Some((client_id.into(), options));
        self.send(client, packet);
    }

    /// A client comes again as it came before, but with Clean Start 0. Whether there was a session, CONNACK says.
    pub fn reconnect(&mut self, client: Client) -> Client {
        let (client_id, options) = self.wires[client.0].introduced.clone().expect("it had connected");
        self.connect(&client_id, options.resume())
    }

    /// The CONNACK that came.
    pub fn connack(&self, client: Client) -> Option<ConnAck<'static>> {
        self.wires[client.0].connack
    }

    /// Session Present in the CONNACK, which must have come.
    pub fn session_present(&self, client: Client) -> bool {
        self.connack(client).expect("no CONNACK came").session_present
    }

    /// DISCONNECT with reason 0, after which the broker must close the connection.
    pub fn disconnect(&mut self, client: Client) {
        self.send(client, disconnect(ReasonCode::NORMAL_DISCONNECTION));
        assert!(self.is_closed(client), "the broker keeps a connection open after DISCONNECT");
    }

    /// The network fails: the broker sees the connection end without DISCONNECT.
    pub fn cut(&mut self, client: Client) {
        let Some(key) = self.wires[client.0].key else { return };
        self.shard.closed(self.now, key, &mut self.outbox);
        self.settle();
        assert!(self.is_closed(client), "the broker holds on to a connection that is gone");
    }

    /// Something in the broker fails while it handles this client's bytes, and is contained.
    pub fn fail(&mut self, client: Client) {
        let key = self.wires[client.0].key.expect("the connection is over");
        self.shard.contain(self.now, key, &mut self.outbox);
        self.settle();
    }

    /// Whether the connection is over.
    pub fn is_closed(&self, client: Client) -> bool {
        self.wires[client.0].key.is_none()
    }

    /// Whether the broker leaves the bytes of this client where they are for now.
    pub fn is_held(&self, client: Client) -> bool {
        self.wires[client.0].key.is_some_and(|key| self.shard.is_held(key))
    }
}

/// Saying something.
impl World {
    /// Sends a packet, encoded in the version of the client's CONNECT.
    pub fn send(&mut self, client: Client, packet: Packet<'_>) {
        self.wires[client.0].send_packet(&packet);
        self.fresh.push(client);
        self.settle();
    }

    /// Sends bytes, which may be anything.
    pub fn raw(&mut self, client: Client, bytes: &[u8]) {
        self.wires[client.0].send(bytes);
        self.fresh.push(client);
        self.settle();
    }

    /// The version of a client's packets.
    pub fn version(&self, client: Client) -> Version {
        self.wires[client.0].version
    }

    /// Packets that come are to be read in this version (where no CONNECT tells).
    pub fn speaks(&mut self, client: Client, version: Version) {
        self.wires[client.0].version = version;
    }

    /// A Packet Identifier that this client hasn't used on this connection (until it runs out of them).
    pub fn identifier(&mut self, client: Client) -> u16 {
        self.wires[client.0].next_identifier()
    }

    /// Subscribes to one filter and takes the SUBACK; returns its code. Retained messages that come behind it are
    /// left to [`World::received`].
    pub fn subscribe(&mut self, client: Client, filter: &str, qos: QoS) -> u8 {
        let codes =
            self.subscribe_with(client, &[(filter, SubscriptionOptions::new(qos))], Properties::EMPTY);
        codes[0]
    }

    /// Subscribes with options and properties and takes the SUBACK; returns its codes.
    pub fn subscribe_with(
        &mut self,
        client: Client,
        filters: &[(&str, SubscriptionOptions)],
        properties: Properties<'_>,
    ) -> Vec<u8> {
        let identifier = self.identifier(client);
        self.send(client, subscribe_packet(identifier, filters, properties));
        let suback = self.take(client, |packet| match packet {
            Packet::SubAck(suback) if suback.packet_identifier == identifier => Some(suback.codes.to_vec()),
            _ => None,
        });
        suback.unwrap_or_else(|| panic!("no SUBACK for {filters:?}: {:?}", self.peek(client)))
    }

    /// Unsubscribes from one filter and takes the UNSUBACK; returns its code (of 5.0).
    pub fn unsubscribe(&mut self, client: Client, filter: &str) -> Option<u8> {
        let identifier = self.identifier(client);
        self.send(client, unsubscribe_packet(identifier, &[filter]));
        let unsuback = self.take(client, |packet| match packet {
            Packet::UnsubAck(unsuback) if unsuback.packet_identifier == identifier => {
                Some(unsuback.codes.first().copied())
            }
            _ => None,
        });
        unsuback.unwrap_or_else(|| panic!("no UNSUBACK for {filter:?}: {:?}", self.peek(client)))
    }

    /// Publishes; see [`World::publish_with`].
    pub fn publish(
        &mut self,
        client: Client,
        topic: &str,
        payload: impl AsRef<[u8]>,
        qos: QoS,
    ) -> ReasonCode {
        self.publish_with(client, message(topic, payload, qos))
    }

    /// Publishes with RETAIN.
    pub fn retain(&mut self, client: Client, topic: &str, payload: impl AsRef<[u8]>, qos: QoS) -> ReasonCode {
        self.publish_with(client, Publish { retain: true, ..message(topic, payload, qos) })
    }

    /// Publishes with a Packet Identifier of its own (if it has none yet), takes PUBACK, or PUBREC and PUBCOMP, and
    /// returns the reason in the first of them (success at QoS 0). A client that doesn't acknowledge by itself does
    /// not send the PUBREL of QoS 2 either. The acknowledgement must come.
    pub fn publish_with(&mut self, client: Client, mut publish: Publish<'_>) -> ReasonCode {
        if publish.qos != QoS::AtMostOnce && publish.packet_identifier == 0 {
            publish.packet_identifier = self.identifier(client);
        }
        let identifier = publish.packet_identifier;
        self.send(client, Packet::Publish(publish));
        let reason = match publish.qos {
            QoS::AtMostOnce => return ReasonCode::SUCCESS,
            QoS::AtLeastOnce => self.take(client, |packet| match packet {
                Packet::PubAck(ack) if ack.packet_identifier == identifier => Some(ack.reason),
                _ => None,
            }),
            QoS::ExactlyOnce => {
                self.take(client, |p| {
                    matches!(p, Packet::PubComp(a) if a.packet_identifier == identifier).then_some(())
                });
                self.take(client, |packet| match packet {
                    Packet::PubRec(ack) if ack.packet_identifier == identifier => Some(ack.reason),
                    _ => None,
                })
            }
        };
        reason.unwrap_or_else(|| panic!("{publish:?} was not acknowledged: {:?}", self.peek(client)))
    }

    /// Whether a client answers PUBLISH, PUBREC and PUBREL by itself (it does unless told otherwise).
    pub fn auto_acknowledge(&mut self, client: Client, yes: bool) {
        self.wires[client.0].auto_acknowledge = yes;
    }
}

/// Hearing something.
impl World {
    /// All packets that came since this was last asked, but for CONNACK.
    pub fn received(&mut self, client: Client) -> Vec<Packet<'static>> {
        self.wires[client.0].inbox.drain(..).collect()
    }

    /// The PUBLISH packets among those that came since; the others are forgotten.
    pub fn publishes(&mut self, client: Client) -> Vec<Publish<'static>> {
        let publish = |packet| match packet {
            Packet::Publish(publish) => Some(publish),
            _ => None,
        };
        self.received(client).into_iter().filter_map(publish).collect()
    }

    /// The messages among the packets that came since, as "topic payload"; the other packets are forgotten.
    pub fn messages(&mut self, client: Client) -> Vec<String> {
        let line = |p: Publish<'_>| format!("{} {}", p.topic, String::from_utf8_lossy(p.payload));
        self.publishes(client).into_iter().map(line).collect()
    }

    /// The reason in the DISCONNECT that came (5.0); it is forgotten, and what came before it stays.
    pub fn disconnect_reason(&mut self, client: Client) -> Option<ReasonCode> {
        self.take(client, |packet| match packet {
            Packet::Disconnect(disconnect) => Some(disconnect.reason),
            _ => None,
        })
    }

    /// Every packet that ever came, in order, also those that were looked at.
    pub fn history(&self, client: Client) -> &[Packet<'static>] {
        &self.wires[client.0].history
    }

    /// Every byte that ever came.
    pub fn bytes(&self, client: Client) -> &[u8] {
        &self.wires[client.0].bytes
    }

    /// What waits to be looked at.
    pub fn peek(&self, client: Client) -> Vec<Packet<'static>> {
        self.wires[client.0].inbox.iter().copied().collect()
    }

    /// Takes the first packet that `wanted` has an answer for.
    pub fn take<T>(&mut self, client: Client, wanted: impl Fn(&Packet<'static>) -> Option<T>) -> Option<T> {
        let inbox = &mut self.wires[client.0].inbox;
        let (at, found) = inbox.iter().enumerate().find_map(|(at, packet)| Some((at, wanted(packet)?)))?;
        inbox.remove(at);
        Some(found)
    }

    /// The client's socket takes this many bytes more and then no more: it doesn't read.
    pub fn takes_only(&mut self, client: Client, bytes: usize) {
        self.wires[client.0].room = Some(bytes);
        self.write(client);
    }

    /// The client reads again, everything.
    pub fn reads(&mut self, client: Client) {
        self.wires[client.0].room = None;
        self.write(client);
    }

    /// The socket became writable.
    fn write(&mut self, client: Client) {
        if let Some(key) = self.wires[client.0].key {
            self.flush(key);
            if self.shard.is_closing(key) {
                self.outbox.close.push(key);
            }
            self.settle();
        }
    }
}
