//! CONNECT: who may come, as whom, and with which session.

use super::access::is_bridge_state;
use super::clock::Now;
use super::connection::{Aliases, ConnectionKey, Neighbour, Phase, SessionKey};
use super::limits::{ListenerRules, SEPARATORS};
use super::message::Message;
use super::notice::{Ended, Kinds, Notice};
use super::outbox::{Outbox, Verdict, Verification};
use super::packet::CONNECT;
use super::session::{NEVER, Session, Will};
use super::shard::Shard;
use super::timers::Timer;
use crate::protocol::connack::return_code_v3;
use crate::protocol::{ConnAck, Connect, Malformed, Properties, PropertyId, ReasonCode, Version, topic};
use crate::session::{InboundAliases, Outbound, OutboundAliases};
use zeroize::Zeroizing;

/// A CONNECT whose rules are checked and whose client is being authenticated.
#[derive(Debug)]
pub struct Pending {
    pub(super) key: ConnectionKey,
    generation: u32,
    pub(super) version: Version,
    pub(super) bridge: bool,
    pub(super) neighbour: Neighbour,
    clean_start: bool,
    pub(super) keep_alive: u16,
    pub(super) client_id: Box<str>,
    pub(super) assigned: bool,
    username: Option<Box<str>>,
    will: Option<Box<Will>>,
    expiry_interval: u32,
    receive_maximum: Option<u16>,
    maximum_packet_size: u32,
    topic_alias_maximum: u16,
    problem_information: bool,
}

/// Why a CONNECT is refused: the 5.0 code (3.x is derived from it), what the log says, and whether 3.x is told at all.
struct Refusal {
    code: ReasonCode,
    why: Ended,
    tell_v3: bool,
}

fn refuse(code: ReasonCode, why: Ended) -> Refusal {
    Refusal { code, why, tell_v3: true }
}

/// The Protocol Name of a CONNECT, as far as it is there.
fn protocol_name(body: &[u8]) -> &[u8] {
    let Some((length, rest)) = body.split_first_chunk() else { return &[] };
    &rest[..rest.len().min(usize::from(u16::from_be_bytes(*length)))]
}

fn refuse_silently(code: ReasonCode, why: Ended) -> Refusal {
    Refusal { code, why, tell_v3: false }
}

impl Shard {
    /// The first packet of a connection.
    pub(super) fn connect(&mut self, now: Now, key: ConnectionKey, body: &[u8], out: &mut Outbox) {
        self.counters.connects += 1;
        let rules = &self.listeners[usize::from(self.connections[key].listener)];
        let names_by_tls = rules.names_by_tls;
        let name = match &self.connections[key].secured {
            Some(secured) if names_by_tls => secured.name.clone(),
            _ => None,
        };
        let mut connect = match Connect::decode(body) {
            Ok(connect) => connect,
            Err(error) => return self.refuse_malformed(now, key, body, error, out),
        };
        // As to mosquitto: an empty name is none.
        connect.username = connect.username.filter(|name| !name.is_empty());
        let connection = &mut self.connections[key];
        connection.version = connect.version;
        connection.maximum_packet_size = connect.properties.maximum_packet_size().unwrap_or(u32::MAX);
        if names_by_tls {
            // What CONNECT says of user and password doesn't count.
            (connect.username, connect.password) = (name.as_deref(), None);
            if name.is_none() {
                let refusal = refuse(ReasonCode::BAD_USER_NAME_OR_PASSWORD, Ended::NotAuthorised);
                return self.refuse_connect(now, key, refusal, out);
            }
        }
        let pending = match self.check_connect(key, &connect) {
            Ok(pending) => pending,
            Err(refusal) => return self.refuse_connect(now, key, refusal, out),
        };
        let listener = &self.listeners[usize::from(self.connections[key].listener)];
        match connect.username {
            Some(username) if listener.checks_passwords && !names_by_tls => {
                out.verify.push(Verification {
                    connection: key,
                    generation: pending.generation,
                    peer: self.connections[key].peer.clone(),
                    client_id: pending.client_id.clone(),
                    username: username.into(),
                    password: connect.password.map(|password| Zeroizing::new(password.to_vec())),
                    listener: usize::from(self.connections[key].listener),
                });
                self.connections[key].phase = Phase::Authenticating;
                self.authenticating.push(pending);
            }
            _ if !listener.allow_anonymous && !names_by_tls => {
                self.refuse_connect(now, key, refuse(ReasonCode::NOT_AUTHORIZED, Ended::NotAuthorised), out);
            }
            _ => self.accept(now, pending, out),
        }
    }

    /// The answer to a [`Verification`].
    pub fn verified(
        &mut self,
        now: Now,
        key: ConnectionKey,
        generation: u32,
        verdict: Verdict,
        out: &mut Outbox,
    ) {
        let asked = |p: &Pending| p.key == key && p.generation == generation;
        let Some(at) = self.authenticating.iter().position(asked) else { return };
        let pending = self.authenticating.swap_remove(at);
        self.connections[key].last_seen = now.monotonic;
        let refusal = match verdict {
            Verdict::Good => {
                self.accept(now, pending, out);
                out.resume.push(key);
                return;
            }
            Verdict::Bad => refuse(ReasonCode::NOT_AUTHORIZED, Ended::NotAuthorised),
            Verdict::Busy => refuse(ReasonCode::SERVER_BUSY, Ended::ServerBusy),
        };
        self.refuse_connect(now, key, refusal, out);
    }

    /// Connections whose CONNECT is being authenticated and that meet a condition on their User Name.
    pub(super) fn authenticating_as(&self, meets: impl Fn(Option<&str>) -> bool) -> Vec<ConnectionKey> {
        self.authenticating.iter().filter(|p| meets(p.username.as_deref())).map(|p| p.key).collect()
    }

    /// Forgets a CONNECT whose connection ended before it was authenticated.
    pub(super) fn forget_pending(&mut self, key: ConnectionKey) {
        self.authenticating.retain(|p| p.key != key);
    }

    /// All rules but authentication, in mosquitto's order.
    fn check_connect(&mut self, key: ConnectionKey, connect: &Connect<'_>) -> Result<Pending, Refusal> {
        let connection = &self.connections[key];
        let generation = connection.generation;
        let rules = self.listeners[usize::from(connection.listener)].clone();
        if !rules.accepts(connect.version) {
            return Err(refuse(ReasonCode::UNSUPPORTED_PROTOCOL_VERSION, Ended::DisallowedFeature));
        }
        if connect.properties.authentication_method().is_some() {
            return Err(refuse(ReasonCode::BAD_AUTHENTICATION_METHOD, Ended::DisallowedFeature));
        }
        let will = self.check_will(&rules, connect)?;
        let (client_id, assigned) = self.check_client_id(&rules, connect)?;
        if self.limits.memory_full {
            return Err(refuse(ReasonCode::SERVER_BUSY, Ended::OutOfMemory));
        }
        let known = self.find_session(&client_id).is_some();
        if !known
            && !rules.bridges
            && self.limits.global_max_clients.is_some_and(|max| self.sessions.len() >= max)
        {
            return Err(refuse_silently(ReasonCode::SERVER_BUSY, Ended::ServerBusy));
        }
        let max = self.limits.max_keepalive;
        if max != 0
            && !rules.bridges
            && !connect.version.is_v5()
            && (connect.keep_alive == 0 || connect.keep_alive > max)
        {
            return Err(refuse(ReasonCode::CLIENT_IDENTIFIER_NOT_VALID, Ended::ClientIdentifierNotValid));
        }
        let neighbour = match connect.will {
            _ if rules.bridges => Neighbour::Sure,
            Some(will) if will.retain && is_bridge_state(will.topic) => Neighbour::Perhaps,
            _ => Neighbour::No,
        };
        let properties = connect.properties;
        let expiry = match (connect.version, connect.clean_start) {
            (Version::V5, _) => properties.session_expiry_interval().unwrap_or(0),
            (_, true) => 0,
            (_, false) => NEVER,
        };
        Ok(Pending {
            key,
            generation,
            version: connect.version,
            bridge: connect.bridge,
            neighbour,
            clean_start: connect.clean_start,
            keep_alive: connect.keep_alive,
            client_id: client_id.into(),
            assigned,
            username: connect.username.map(Into::into),
            will: will.map(Box::new),
            expiry_interval: expiry,
            receive_maximum: properties.receive_maximum(),
            maximum_packet_size: properties.maximum_packet_size().unwrap_or(u32::MAX),
            topic_alias_maximum: properties.topic_alias_maximum().unwrap_or(0),
            problem_information: properties.request_problem_information() != Some(false),
        })
    }

    fn check_will(&self, rules: &ListenerRules, connect: &Connect<'_>) -> Result<Option<Will>, Refusal> {
        let Some(will) = &connect.will else { return Ok(None) };
        if will.retain && !self.limits.retain_available {
            return Err(refuse_silently(ReasonCode::RETAIN_NOT_SUPPORTED, Ended::DisallowedFeature));
        }
        if will.qos > rules.max_qos {
            return Err(refuse_silently(ReasonCode::QOS_NOT_SUPPORTED, Ended::DisallowedFeature));
        }
        let limit = self.limits.message_size_limit;
        if limit != 0 && will.payload.len() > limit as usize {
            return Err(refuse(ReasonCode::PACKET_TOO_LARGE, Ended::OversizePayload));
        }
        let is_too_deep = memchr::memchr_iter(b'/', will.topic.as_bytes()).count() > SEPARATORS;
        if will.topic.starts_with("$CONTROL/") || !topic::is_topic_name(will.topic) || is_too_deep {
            return Err(refuse_silently(ReasonCode::PROTOCOL_ERROR, Ended::ProtocolError));
        }
        let mut properties = Vec::new();
        will.properties.raw_without(
            &[PropertyId::WillDelayInterval, PropertyId::MessageExpiryInterval],
            &mut properties,
        );
        let mounted = mounted(rules.mount_point.as_deref(), will.topic);
        Ok(Some(Will {
            message: Message::new(&mounted, &properties, will.payload, will.qos, will.retain, None),
            expiry_interval: will.properties.message_expiry_interval(),
            delay: will.properties.will_delay_interval().unwrap_or(0),
        }))
    }

    /// The ClientId to use, and whether the broker assigned it.
    fn check_client_id(
        &mut self,
        rules: &ListenerRules,
        connect: &Connect<'_>,
    ) -> Result<(String, bool), Refusal> {
        let not_valid = || refuse(ReasonCode::CLIENT_IDENTIFIER_NOT_VALID, Ended::ClientIdentifierNotValid);
        if rules.use_username_as_clientid {
            return match connect.username {
                Some(username) if !username.is_empty() => Ok((username.into(), false)),
                _ => Err(refuse(ReasonCode::NOT_AUTHORIZED, Ended::NotAuthorised)),
            };
        }
        if connect.client_id.is_empty() {
            // [MQTT-3.1.3-6..8]; 3.1 has no zero-length ClientId, 3.1.1 only with a clean session.
            let allowed = match connect.version {
                Version::V31 => false,
                Version::V311 => rules.allow_zero_length_clientid && connect.clean_start,
                Version::V5 => rules.allow_zero_length_clientid,
            };
            return match allowed {
                true => {
                    let assigned = format!("{}{}", rules.auto_id_prefix, self.random.uuid());
                    self.check_prefix(rules, assigned).map(|id| (id, true))
                }
                false if connect.version.is_v5() => {
                    Err(refuse(ReasonCode::UNSPECIFIED_ERROR, Ended::ClientIdentifierNotValid))
                }
                false => Err(not_valid()),
            };
        }
        self.check_prefix(rules, connect.client_id.into()).map(|id| (id, false))
    }

    /// `clientid_prefixes` holds for a ClientId that the broker assigned, too.
    fn check_prefix(&self, rules: &ListenerRules, client_id: String) -> Result<String, Refusal> {
        let prefix = self.limits.clientid_prefixes.as_ref().filter(|_| !rules.bridges);
        match prefix {
            Some(prefix) if !client_id.starts_with(&**prefix) => {
                Err(refuse(ReasonCode::NOT_AUTHORIZED, Ended::NotAuthorised))
            }
            _ => Ok(client_id),
        }
    }

    fn refuse_malformed(
        &mut self,
        now: Now,
        key: ConnectionKey,
        body: &[u8],
        error: Malformed,
        out: &mut Outbox,
    ) {
        match error {
            Malformed::ProtocolName => self.notice(out, Kinds::INFORMATION, || Notice::UnknownProtocol {
                peer: self.connections[key].peer.clone(),
                name: String::from_utf8_lossy(protocol_name(body)).into(),
            }),
            _ => self.notice_malformed(key, CONNECT, error, out),
        }
        if let Malformed::UnsupportedProtocolVersion(level) = error {
            // 3.x names are told in 3.x words, any other level in those of 5.0 [MQTT-3.1.2-2].
            self.connections[key].version = if level & 0x7F <= 4 { Version::V311 } else { Version::V5 };
            let refusal = refuse(ReasonCode::UNSUPPORTED_PROTOCOL_VERSION, Ended::DisallowedFeature);
            return self.refuse_connect(now, key, refusal, out);
        }
        if body.starts_with(b"\x00\x04MQTT\x05") {
            self.connections[key].version = Version::V5;
            let why = if error.reason_code() == ReasonCode::MALFORMED_PACKET {
                Ended::Malformed
            } else {
                Ended::ProtocolError
            };
            return self.refuse_connect(now, key, refuse_silently(error.reason_code(), why), out);
        }
        self.drop_connection(now, key, Ended::ProtocolError, out);
    }

    fn refuse_connect(&mut self, now: Now, key: ConnectionKey, refusal: Refusal, out: &mut Outbox) {
        let version = self.connections[key].version;
        let code = match version {
            Version::V5 => Some(refusal.code),
            _ if !refusal.tell_v3 => None,
            // A Will that is too large: mosquitto calls it not authorized.
            _ if refusal.code == ReasonCode::PACKET_TOO_LARGE => {
                return_code_v3(ReasonCode::NOT_AUTHORIZED).map(ReasonCode)
            }
            _ => return_code_v3(refusal.code).map(ReasonCode),
        };
        let packet = |code| ConnAck { session_present: false, code, properties: Properties::EMPTY };
        let most = self.connections[key].maximum_packet_size as usize;
        if let Some(code) = code.filter(|code| packet(*code).encoded_length(version) <= most) {
            let connection = &mut self.connections[key];
            packet(code).encode(version, connection.out.bytes(&mut self.pool));
            Self::mark_dirty(connection, key, out);
            self.counters.packets_sent += 1;
            self.notice(out, Kinds::DEBUG, || Notice::SendingConnAck {
                client: self.name(key),
                session_present: false,
                code: code.0,
            });
        }
        self.drop_connection(now, key, refusal.why, out);
    }

    /// The client may come: session, CONNACK, and what waits for it.
    fn accept(&mut self, now: Now, mut pending: Pending, out: &mut Outbox) {
        let key = pending.key;
        let connack = self.connack_properties(&pending);
        if self.connack_length(&pending, &connack) > pending.maximum_packet_size as usize {
            // It can't be told that it is accepted [MQTT-3.1.2-24].
            return self.drop_connection(now, key, Ended::OversizePacket, out);
        }
        let before = out.changes.last();
        let old = self.find_session(&pending.client_id);
        let starts_anew = pending.clean_start || old.is_some_and(|session| self.is_elsewhere(session, key));
        if let Some(session) = old {
            self.take_over(now, session, starts_anew, out);
        }
        // Taking over may have ended the old session.
        let old = self.find_session(&pending.client_id);
        if starts_anew && let Some(session) = old {
            self.end_session(now, session, out);
        }
        let old = old.filter(|_| !starts_anew);
        let session = match old {
            Some(session) => session,
            None => self.add_session(Session::new(pending.client_id.clone(), pending.version)),
        };
        let session_present = old.is_some();
        self.furnish(session, &pending);
        self.settle(now, session, &pending);
        self.notice_connected(&pending, out);
        self.sessions[session as usize].will = pending.will.take();
        self.record_session(session, out);
        if out.changes.last() != before {
            self.await_changes(key, out);
        }
        let keep_alive = self.send_connack(session_present, &pending, &connack, out);
        let connection = &mut self.connections[key];
        connection.keep_alive = keep_alive;
        if keep_alive != 0 {
            let at = now.monotonic + u64::from(keep_alive) * 1500;
            self.timers.set(at, Timer::Silence(key, pending.generation));
        }
        if session_present {
            self.recheck(session, out);
            self.resume(now, session, out);
        }
    }

    /// Whether a session has subscriptions that lie beyond the mount point of the connection that asks for it: it is
    /// somebody else's, and so is what waits for it.
    fn is_elsewhere(&self, session: SessionKey, key: ConnectionKey) -> bool {
        let rules = &self.listeners[usize::from(self.connections[key].listener)];
        let session = &self.sessions[session as usize];
        let Some(mount_point) = rules.mount_point.as_deref() else { return false };
        if session.mount_point.as_deref() == Some(mount_point) {
            return false;
        }
        let shared = session.shared.iter().map(|(node, _)| node);
        session
            .subscriptions
            .iter()
            .chain(shared)
            .any(|&node| !self.subscriptions.filter(node).starts_with(mount_point))
    }

    /// Fills in the session.
    fn furnish(&mut self, key: SessionKey, pending: &Pending) {
        self.generation = self.generation.wrapping_add(1);
        let mount_point =
            self.listeners[usize::from(self.connections[pending.key].listener)].mount_point.clone();
        let listener = self.connections[pending.key].listener;
        let bridge = self.listeners[usize::from(listener)].bridges;
        let most = self.limits.persistent_client_expiration.filter(|_| !bridge);
        let ours = self.limits.max_inflight_messages;
        let session = &mut self.sessions[key as usize];
        session.connection = Some(pending.key);
        session.disconnected_at = None;
        session.epoch = self.generation;
        session.ask_anew();
        session.version = pending.version;
        session.expiry_interval = match (pending.expiry_interval, most) {
            (0, _) => 0,
            (interval, Some(most)) => interval.min(most),
            (interval, None) => interval,
        };
        session.will = None;
        let changed = session.username != pending.username || session.listener != listener;
        session.username = pending.username.clone();
        session.listener = listener;
        if changed {
            session.publisher = None;
        }
        session.mount_point = mount_point;
        // A 5.0 client's own Receive Maximum counts, even above ours; without one, ours (mosquitto).
        let limit = pending.receive_maximum.unwrap_or(ours);
        if session.outbound.is_empty()
            && session.outbound.limit() != limit
            && session.outbound.next_identifier() == 1
        {
            session.outbound = Outbound::new(limit);
        } else {
            session.outbound.set_limit(limit);
        }
        // Clients of 3.x are told no Receive Maximum, so they can't keep to it; nor can whom a bridge speaks for.
        let told = pending.version.is_v5() && !bridge;
        session.inbound.allow(if told { ours } else { 0 });
        // What it may read may be another thing now.
        if changed {
            self.subscriptions.touch();
        }
    }

    /// Fills in the connection.
    fn settle(&mut self, now: Now, session: SessionKey, pending: &Pending) {
        let connection = &mut self.connections[pending.key];
        let rules = &self.listeners[usize::from(connection.listener)];
        let outbound = pending.topic_alias_maximum.min(rules.max_topic_alias_broker);
        if pending.version.is_v5() && (outbound > 0 || rules.max_topic_alias > 0) {
            connection.aliases = Some(Box::new(Aliases {
                inbound: InboundAliases::new(rules.max_topic_alias),
                outbound: OutboundAliases::new(outbound),
            }));
        }
        connection.session = session;
        connection.version = pending.version;
        connection.bridge = pending.bridge;
        connection.neighbour = pending.neighbour;
        connection.problem_information = pending.problem_information;
        connection.maximum_packet_size = pending.maximum_packet_size;
        connection.last_seen = now.monotonic;
        connection.phase = Phase::Live;
    }

    fn notice_connected(&mut self, pending: &Pending, out: &mut Outbox) {
        let mut will = None;
        if let Some(w) = &pending.will
            && self.kinds.has(Kinds::DEBUG)
        {
            let m = &w.message;
            will = Some((m.payload().len(), m.retain, m.qos, m.topic().into()));
        }
        // Nobody asks for it later.
        let secured = self.connections[pending.key].secured.take();
        let connection = &self.connections[pending.key];
        if self.limits.connection_messages && !self.listeners[usize::from(connection.listener)].bridges {
            let peer = &connection.peer;
            self.notice(out, Kinds::NOTICE, || Notice::ClientConnected {
                peer: peer.clone(),
                client: pending.client_id.clone(),
                version: pending.version,
                clean_start: pending.clean_start,
                keep_alive: pending.keep_alive,
                username: pending.username.clone(),
                bridge: pending.bridge,
            });
            if let Some(secured) = secured.filter(|secured| !secured.by_proxy) {
                self.notice(out, Kinds::NOTICE, || Notice::Negotiated {
                    client: pending.client_id.clone(),
                    words: secured.words,
                });
            }
            self.notice(out, Kinds::DEBUG, || Notice::Will(will));
        }
    }

    /// A client comes whose session is there: its old connection ends `[MQTT-3.1.4-3]`, a delayed Will is dropped
    /// or sent.
    fn take_over(&mut self, now: Now, key: SessionKey, clean_start: bool, out: &mut Outbox) {
        let session = &mut self.sessions[key as usize];
        // The session goes on: its Will is not sent, delayed or not [MQTT-3.1.3-9], as in mosquitto.
        if !clean_start && session.is_durable() {
            session.will = None;
        }
        if let Some(connection) = session.connection {
            self.end(now, connection, ReasonCode::SESSION_TAKEN_OVER, Ended::TakenOver, out);
        }
    }
}

/// A topic with what the mount point puts before it.
pub(super) fn mounted(mount_point: Option<&str>, topic: &str) -> String {
    let mut whole = String::from(mount_point.unwrap_or_default());
    whole.push_str(topic);
    whole
}
