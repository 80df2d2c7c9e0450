//! How a bridge introduces itself to the remote broker, and what it makes of the answer.

use std::time::Instant;

use zeroize::Zeroizing;

use super::local::Purpose;
use super::machine::{Bridge, Phase};
use super::outbox::{Outbox, Request};
use crate::client::{Connection, Settings, Will};
use crate::config::LogType;
use crate::protocol::{ConnAck, PropertiesBuf, Property, QoS, ReasonCode, Version};

/// What the remote broker puts up with, as far as it has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    /// The version it speaks.
    pub version: Version,
    /// It may be told that this is a bridge (3.x).
    pub private: bool,
    /// The highest QoS.
    pub maximum_qos: QoS,
    /// Messages may be retained.
    pub retain: bool,
    /// The longest packet, in bytes, by our settings and its own.
    pub maximum_packet_size: usize,
    /// The longest that the remote broker takes.
    pub remote_maximum: usize,
    /// How many QoS 1 and 2 messages it takes at a time.
    pub receive_maximum: u16,
}

impl Agreed {
    /// What is tried first.
    pub fn hoped_for(version: Version, try_private: bool) -> Self {
        Agreed {
            version,
            private: try_private,
            maximum_qos: QoS::ExactlyOnce,
            retain: true,
            maximum_packet_size: usize::MAX,
            remote_maximum: usize::MAX,
            receive_maximum: 0,
        }
    }
}

impl Bridge {
    /// The stream stands: CONNECT goes out.
    pub fn connected(&mut self, now: Instant, out: &mut Outbox) {
        if !matches!(self.phase, Phase::Connecting { .. }) {
            return;
        }
        self.debug(out, format_args!("Bridge {} sending CONNECT", self.settings.name));
        let mut connection = Connection::new(self.client_settings());
        connection.connect(now, &mut out.remote);
        self.remote = Some(connection);
        self.phase = Phase::Handshake;
    }

    fn client_settings(&self) -> Settings {
        let settings = &self.settings;
        let agreed = &self.agreed;
        Settings {
            version: agreed.version,
            client_id: settings.remote_id(&self.around.host),
            bridge: agreed.private && !agreed.version.is_v5(),
            clean_start: settings.cleansession,
            keep_alive: settings.keepalive_interval,
            username: settings.remote_username.clone(),
            password: settings
                .remote_password
                .as_ref()
                .map(|secret| Zeroizing::new(secret.reveal().as_bytes().to_vec())),
            will: self.tells_remote().then(|| Will {
                topic: settings.state_topic(&self.around.host),
                payload: b"0".to_vec(),
                qos: self.state_qos(),
                retain: self.retains_outward(),
                properties: PropertiesBuf::new(),
            }),
            properties: self.connect_properties(),
            max_in_flight: 0,
        }
    }

    fn connect_properties(&self) -> PropertiesBuf {
        let settings = &self.settings;
        let mut properties = PropertiesBuf::new();
        if !self.agreed.version.is_v5() {
            return properties;
        }
        if settings.max_topic_alias > 0 {
            properties.push(Property::TopicAliasMaximum(settings.max_topic_alias));
        }
        let receive_maximum = settings.receive_maximum.unwrap_or(self.around.max_inflight_messages);
        if receive_maximum > 0 {
            properties.push(Property::ReceiveMaximum(receive_maximum));
        }
        let kept = match settings.session_expiry_interval {
            // As long as with 3.1.1, in place of which it is.
            None if self.chose_v5 && !settings.cleansession => u32::MAX,
            seconds => seconds.unwrap_or(0),
        };
        if kept > 0 {
            properties.push(Property::SessionExpiryInterval(kept));
        }
        properties
    }

    /// The remote broker is told whether the bridge is connected.
    pub(super) fn tells_remote(&self) -> bool {
        self.settings.notifications && !self.settings.notifications_local_only
    }

    /// The QoS of the messages that say whether the bridge is connected.
    pub(super) fn state_qos(&self) -> QoS {
        QoS::AtLeastOnce.min(self.agreed.maximum_qos)
    }

    /// Messages may go out with their retain flag.
    pub(super) fn retains_outward(&self) -> bool {
        self.settings.outgoing_retain && self.agreed.retain
    }

    /// The remote broker said yes.
    pub(super) fn accepted(&mut self, connack: &ConnAck<'_>, out: &mut Outbox) {
        self.debug(
            out,
            format_args!("Received CONNACK on connection {}.", self.settings.local_id(&self.around.host)),
        );
        let properties = connack.properties;
        self.trails.meet(properties);
        self.listens_for_hint = true;
        let ours = self.settings.max_packet_size;
        let theirs = properties.maximum_packet_size().unwrap_or(u32::MAX);
        self.agreed.remote_maximum = theirs as usize;
        self.agreed.maximum_packet_size = if ours == 0 { theirs } else { ours.min(theirs) } as usize;
        self.agreed.maximum_qos =
            self.agreed.maximum_qos.min(properties.maximum_qos().unwrap_or(QoS::ExactlyOnce));
        self.agreed.retain &= properties.retain_available().unwrap_or(true);
        self.agreed.receive_maximum =
            properties.receive_maximum().unwrap_or(self.around.max_inflight_messages);
        self.remote_present = connack.session_present;
        if !connack.session_present {
            // Whatever Packet Identifiers it knew, it has forgotten.
            self.stale = None;
        }
        self.phase = Phase::Opening;
        self.ask_local(Purpose::Live, out);
    }

    /// The remote broker said no: perhaps it takes less.
    pub(super) fn refused(&mut self, now: Instant, connack: &ConnAck<'_>, out: &mut Outbox) {
        out.requests.push(Request::Close);
        let name = &self.settings.name;
        let v5 = self.agreed.version.is_v5();
        match connack.code {
            ReasonCode::UNSUPPORTED_PROTOCOL_VERSION if v5 => {
                out.note(
                    LogType::Notice,
                    format!(
                        "Warning: Remote bridge {name} does not support MQTT v5.0, reconnecting using MQTT v3.1.1."
                    ),
                );
                self.agreed = Agreed::hoped_for(Version::V311, self.settings.try_private);
                (self.chose_v5, self.refused_v5) = (false, true);
                self.retry_now(now);
            }
            ReasonCode(1) if !v5 && self.agreed.private => {
                self.agreed.private = false;
                self.retry_now(now);
            }
            ReasonCode::RETAIN_NOT_SUPPORTED if self.agreed.retain => {
                self.agreed.retain = false;
                out.note(LogType::Error, "Connection Refused: retain not available (will retry)".to_owned());
                self.retry_now(now);
            }
            ReasonCode::QOS_NOT_SUPPORTED if self.agreed.maximum_qos > QoS::AtMostOnce => {
                let lower = self.agreed.maximum_qos as u8 - 1;
                self.agreed.maximum_qos = QoS::try_from(lower).unwrap_or(QoS::AtMostOnce);
                out.note(LogType::Error, "Connection Refused: QoS not supported (will retry)".to_owned());
                self.retry_now(now);
            }
            code => {
                let why = if v5 { code.text() } else { code.refusal_v3() };
                self.lost(now, &format!("Connection Refused: {why}"), out);
            }
        }
    }
}
