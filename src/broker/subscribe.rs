//! SUBSCRIBE and UNSUBSCRIBE: plain and shared subscriptions.

use super::changes::{Change, SubscriptionRecord};
use super::clock::Now;
use super::connect::mounted;
use super::connection::{ConnectionKey, Neighbour, SessionKey};
use super::limits::SEPARATORS;
use super::notice::{Ended, Kinds, Notice};
use super::outbox::Outbox;
use super::shard::Shard;
use crate::auth::dynsec::Right;
use crate::protocol::{
    Properties, QoS, ReasonCode, RetainHandling, SubAck, Subscribe, SubscriptionOptions, UnsubAck,
    Unsubscribe, Version, topic, wire,
};
use crate::routing::Subscriber;

impl Shard {
    /// SUBSCRIBE came `[MQTT-3.8.4-1]`.
    pub(super) fn subscribe(
        &mut self,
        now: Now,
        key: ConnectionKey,
        packet: Subscribe<'_>,
        out: &mut Outbox,
    ) {
        self.notice(out, Kinds::DEBUG, || Notice::ReceivedSubscribe { client: self.name(key) });
        if let Some(bad) = packet.filters().find(|(filter, options)| !acceptable(filter, *options)) {
            let what = format!("Invalid subscription string ({}).", bad.0);
            return self.protocol_error(now, key, &what, out);
        }
        if !self.answer_fits(key, packet.filters().count()) {
            return self.end(now, key, ReasonCode::PACKET_TOO_LARGE, Ended::OversizePacket, out);
        }
        let identifier = packet.properties.subscription_identifiers().next().unwrap_or(0);
        let neighbour = &mut self.connections[key].neighbour;
        if *neighbour == Neighbour::Perhaps && packet.properties.broker_name().is_some() {
            *neighbour = Neighbour::Sure;
        }
        let mut codes = Vec::new();
        let mut asked_for = Vec::new();
        let full = self.limits.memory_full;
        let before = out.changes.last();
        for (filter, options) in packet.filters() {
            if !self.may_subscribe(key, Right::Subscribe, filter) {
                self.notice(out, Kinds::DEBUG, || Notice::Filter { filter: filter.into(), qos: None });
                codes.push(denied(self.connections[key].version, options.qos));
                continue;
            }
            if full {
                codes.push(refused(self.connections[key].version));
                continue;
            }
            let granted = self.add_subscription(key, filter, options, identifier, &mut asked_for, out);
            codes.push(granted as u8);
        }
        let session = self.connections[key].session;
        let suback = SubAck {
            packet_identifier: packet.packet_identifier,
            properties: Properties::EMPTY,
            codes: &codes,
        };
        if out.changes.last() != before {
            self.await_changes(key, out);
        }
        let connection = &mut self.connections[key];
        suback.encode(connection.version, connection.out.bytes(&mut self.pool));
        Self::mark_dirty(connection, key, out);
        self.counters.packets_sent += 1;
        self.notice(out, Kinds::DEBUG, || Notice::SendingSubAck { client: self.name(key) });
        for (filter, subscriber) in asked_for {
            self.ask_for_retained(now, session, &filter, subscriber, out);
        }
        self.move_up(now, key, out);
    }

    /// Makes one subscription; returns the QoS granted. If retained messages are to follow, notes so.
    fn add_subscription(
        &mut self,
        key: ConnectionKey,
        filter: &str,
        mut options: SubscriptionOptions,
        identifier: u32,
        asked_for: &mut Vec<(String, Subscriber)>,
        out: &mut Outbox,
    ) -> QoS {
        let connection = &self.connections[key];
        let session_key = connection.session;
        options.qos = options.qos.min(self.listeners[usize::from(connection.listener)].max_qos);
        if connection.bridge && !connection.version.is_v5() {
            // A bridge of 3.x can't ask for these two, and means them.
            options.no_local = true;
            options.retain_as_published = true;
        }
        let session = &self.sessions[session_key as usize];
        let subscriber = Subscriber::new(session_key, identifier, options);
        let client = session.client_id.clone();
        let mount_point = session.mount_point.clone();
        let whole = match topic::shared(filter) {
            Some(Ok((share_name, inner))) => {
                let inner = mounted(mount_point.as_deref(), inner);
                self.record_subscription(&inner, Some(share_name), subscriber, out);
                self.join_shared(session_key, share_name, &inner, subscriber);
                filter.to_string()
            }
            _ => {
                let filter = mounted(mount_point.as_deref(), filter);
                self.record_subscription(&filter, None, subscriber, out);
                let node = self.subscriptions.node(&filter);
                let new = self.sessions[session_key as usize].add_subscription(node);
                self.subscriptions.set(node, subscriber, !new);
                let wanted = match options.retain_handling {
                    RetainHandling::SendAtSubscribe => true,
                    RetainHandling::SendIfNew => new,
                    RetainHandling::DoNotSend => false,
                };
                if wanted {
                    asked_for.push((filter.clone(), subscriber));
                }
                filter
            }
        };
        self.notice(out, Kinds::DEBUG, || Notice::Filter { filter: filter.into(), qos: Some(options.qos) });
        self.notice(out, Kinds::SUBSCRIBE, || Notice::Subscribed { client, qos: options.qos, filter: whole });
        options.qos
    }

    fn record_subscription(
        &self,
        filter: &str,
        share_name: Option<&str>,
        subscriber: Subscriber,
        out: &mut Outbox,
    ) {
        let session = self.sessions[subscriber.session as usize].id;
        if session != 0 {
            let subscription = Box::new(SubscriptionRecord {
                filter: filter.into(),
                share_name: share_name.map(Into::into),
                qos: subscriber.qos,
                identifier: subscriber.identifier,
                no_local: subscriber.no_local,
                retain_as_published: subscriber.retain_as_published,
            });
            out.changes.push(Change::Subscribed { session, subscription });
        }
    }

    pub(super) fn join_shared(
        &mut self,
        session_key: SessionKey,
        share_name: &str,
        filter: &str,
        subscriber: Subscriber,
    ) {
        let node = self.subscriptions.node(filter);
        self.subscriptions.join(node, share_name, subscriber);
        self.sessions[session_key as usize].add_shared(&self.hasher, node, share_name);
    }

    /// Whether a SUBACK or UNSUBACK with so many codes fits the client's Maximum Packet Size; one that doesn't must not
    /// be sent `[MQTT-3.1.2-24]`, and without it the client would wait for ever.
    fn answer_fits(&self, key: ConnectionKey, codes: usize) -> bool {
        // Packet Identifier, Property Length, codes; then the fixed header.
        let remaining = 3 + codes;
        let length = 1 + wire::varint_length(remaining as u32) + remaining;
        length <= self.connections[key].maximum_packet_size as usize
    }

    /// UNSUBSCRIBE came `[MQTT-3.10.4-4]`.
    pub(super) fn unsubscribe(
        &mut self,
        now: Now,
        key: ConnectionKey,
        packet: Unsubscribe<'_>,
        out: &mut Outbox,
    ) {
        self.notice(out, Kinds::DEBUG, || Notice::ReceivedUnsubscribe { client: self.name(key) });
        if !self.answer_fits(key, packet.filters().count()) {
            return self.end(now, key, ReasonCode::PACKET_TOO_LARGE, Ended::OversizePacket, out);
        }
        let session_key = self.connections[key].session;
        let mut codes = Vec::new();
        let before = out.changes.last();
        for filter in packet.filters() {
            if !self.may_subscribe(key, Right::Unsubscribe, filter) {
                self.notice(out, Kinds::DEBUG, || Notice::Filter { filter: filter.into(), qos: None });
                codes.push(ReasonCode::NOT_AUTHORIZED.0);
                continue;
            }
            let removed = self.remove_subscription(session_key, filter, out);
            let code = if removed { ReasonCode::SUCCESS } else { ReasonCode::NO_SUBSCRIPTION_EXISTED };
            codes.push(code.0);
            self.notice(out, Kinds::DEBUG, || Notice::UnsubscribeFilter { filter: filter.into() });
            self.notice(out, Kinds::UNSUBSCRIBE, || Notice::Unsubscribed {
                client: self.name(key),
                filter: filter.into(),
            });
        }
        let unsuback = UnsubAck {
            packet_identifier: packet.packet_identifier,
            properties: Properties::EMPTY,
            codes: &codes,
        };
        if out.changes.last() != before {
            self.await_changes(key, out);
        }
        let connection = &mut self.connections[key];
        unsuback.encode(connection.version, connection.out.bytes(&mut self.pool));
        Self::mark_dirty(connection, key, out);
        self.counters.packets_sent += 1;
        self.notice(out, Kinds::DEBUG, || Notice::SendingUnsubAck { client: self.name(key) });
    }

    fn remove_subscription(&mut self, session_key: SessionKey, filter: &str, out: &mut Outbox) -> bool {
        let mount_point = self.sessions[session_key as usize].mount_point.clone();
        let (share_name, inner) = match topic::shared(filter) {
            Some(Ok((share_name, inner))) => (Some(share_name), inner),
            _ => (None, filter),
        };
        self.end_subscription(session_key, &mounted(mount_point.as_deref(), inner), share_name, out)
    }

    /// Ends a subscription to a filter with its mount point; `false`: there was none.
    pub(super) fn end_subscription(
        &mut self,
        session_key: SessionKey,
        filter: &str,
        share_name: Option<&str>,
        out: &mut Outbox,
    ) -> bool {
        let id = self.sessions[session_key as usize].id;
        let removed = self.leave(session_key, filter, share_name);
        if removed && id != 0 {
            let (filter, share_name) = (filter.into(), share_name.map(Into::into));
            out.changes.push(Change::Unsubscribed { session: id, filter, share_name });
        }
        removed
    }

    fn leave(&mut self, session_key: SessionKey, filter: &str, share_name: Option<&str>) -> bool {
        let session = &mut self.sessions[session_key as usize];
        let Some(node) = self.subscriptions.find(filter) else { return false };
        match share_name {
            Some(share_name) => {
                session.remove_shared(&self.hasher, node, share_name);
                self.subscriptions.leave(node, share_name, session_key)
            }
            None => session.remove_subscription(node) && self.subscriptions.remove(node, session_key),
        }
    }
}

/// The code for a subscription that there is no room for.
fn refused(version: Version) -> u8 {
    if version.is_v5() { ReasonCode::QUOTA_EXCEEDED.0 } else { 0x80 }
}

/// The code of a filter that may not be subscribed to. 3.1 has none: the client is told what it asked for, as mosquitto
/// does.
fn denied(version: Version, asked: QoS) -> u8 {
    match version {
        Version::V31 => asked as u8,
        Version::V311 => 0x80,
        Version::V5 => ReasonCode::NOT_AUTHORIZED.0,
    }
}

/// What decoding doesn't know: mosquitto's limit of levels, and the rules of shared subscriptions.
fn acceptable(filter: &str, options: SubscriptionOptions) -> bool {
    let levels = memchr::memchr_iter(b'/', filter.as_bytes()).count();
    let shared = match topic::shared(filter) {
        None => true,
        // [MQTT-3.8.3-4]: No Local on a shared subscription is a protocol error.
        Some(Ok(_)) => !options.no_local,
        Some(Err(())) => false,
    };
    levels <= SEPARATORS && shared
}
