//! One bridge to another broker, and the settings that are its own.

use std::fmt;

use super::Secret;
use crate::protocol::{QoS, Version};

/// Where a remote broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BridgeAddress {
    /// A host name or address, and a port.
    Tcp(String, u16),
    /// The path of a unix socket.
    Unix(String),
}

impl fmt::Display for BridgeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BridgeAddress::Tcp(host, port) => write!(f, "{host}:{port}"),
            BridgeAddress::Unix(path) => write!(f, "{path}:0"),
        }
    }
}

/// Which way messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From here to the remote broker.
    Out,
    /// From the remote broker to here.
    In,
    /// Either way.
    Both,
}

/// A `topic` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeTopic {
    /// The Topic Filter without prefixes; `None`: exactly one topic, which the prefixes name.
    pub pattern: Option<String>,
    /// Which way.
    pub direction: Direction,
    /// The highest QoS that messages are passed on with.
    pub qos: QoS,
    /// What stands before the pattern on this broker.
    pub local_prefix: Option<String>,
    /// What stands before it on the remote broker.
    pub remote_prefix: Option<String>,
}

impl BridgeTopic {
    /// The Topic Filter on this broker.
    pub fn local_filter(&self) -> String {
        joined(self.local_prefix.as_deref(), self.pattern.as_deref())
    }

    /// The Topic Filter on the remote broker.
    pub fn remote_filter(&self) -> String {
        joined(self.remote_prefix.as_deref(), self.pattern.as_deref())
    }

    /// Messages go out.
    pub fn is_out(&self) -> bool {
        self.direction != Direction::In
    }

    /// Messages come in.
    pub fn is_in(&self) -> bool {
        self.direction != Direction::Out
    }
}

fn joined(prefix: Option<&str>, pattern: Option<&str>) -> String {
    [prefix, pattern].into_iter().flatten().collect()
}

/// `start_type`: when a bridge connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartType {
    /// At once, and again whenever the connection is lost.
    Automatic,
    /// When so many messages wait.
    Lazy,
    /// At the start only.
    Once,
}

/// `restart_timeout`: how long to wait between attempts, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartTimeout {
    /// The shortest wait.
    pub base: u32,
    /// The longest wait; `None`: it is always `base`.
    pub cap: Option<u32>,
    /// How long a connection must have lasted for the next wait to be short again.
    pub stable: u32,
}

/// `bridge_reload_type`: when a reload that changes a bridge takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BridgeReload {
    /// When the connection is made the next time.
    Lazy,
    /// At once.
    Immediate,
}

/// `bridge_tcp_keepalive`, in seconds and probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpKeepAlive {
    /// Seconds of silence before the first probe.
    pub idle: u32,
    /// Seconds between probes.
    pub interval: u32,
    /// Probes without an answer before the connection is given up.
    pub count: u32,
}

/// How a bridge speaks TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BridgeTls {
    /// `bridge_cafile`: authorities to trust.
    pub cafile: Option<String>,
    /// `bridge_capath`: a folder of authorities.
    pub capath: Option<String>,
    /// `bridge_tls_use_os_certs`: trust those of the system.
    pub use_os_certs: bool,
    /// `bridge_certfile`: the certificate that the bridge shows.
    pub certfile: Option<String>,
    /// `bridge_keyfile`: its key.
    pub keyfile: Option<String>,
    /// `bridge_tls_version tlsv1.3`: nothing older than 1.3.
    pub only_v13: bool,
    /// `bridge_ciphers`
    pub ciphers: Option<String>,
    /// `bridge_ciphers_tls1.3`
    pub ciphers_v13: Option<String>,
    /// `bridge_alpn`
    pub alpn: Option<String>,
    /// `bridge_insecure`: the name in the certificate doesn't matter.
    pub insecure: bool,
    /// `bridge_require_ocsp`: the remote broker must prove that its certificate isn't revoked.
    pub require_ocsp: bool,
    /// `bridge_identity`
    pub identity: Option<String>,
    /// `bridge_psk`, in hexadecimal digits.
    pub psk: Option<Secret>,
}

impl BridgeTls {
    /// The bridge speaks TLS: there is something to know the remote broker by.
    pub fn is_on(&self) -> bool {
        self.cafile.is_some() || self.capath.is_some() || self.use_os_certs || self.psk.is_some()
    }
}

/// A connection to another broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// `connection`: its name.
    pub name: String,
    /// `address`: where the remote broker is; several are tried in turn.
    pub addresses: Vec<BridgeAddress>,
    /// `topic`: what is passed on.
    pub topics: Vec<BridgeTopic>,
    /// `remote_clientid`. Ask [`Bridge::remote_id`].
    pub remote_clientid: Option<String>,
    /// `remote_username`
    pub remote_username: Option<String>,
    /// `remote_password`
    pub remote_password: Option<Secret>,
    /// `local_clientid`. Ask [`Bridge::local_id`].
    pub local_clientid: Option<String>,
    /// `local_username`
    pub local_username: Option<String>,
    /// `local_password`: kept as mosquitto does, though a bridge isn't asked for it by its own broker.
    pub local_password: Option<Secret>,
    /// `bridge_bind_address`: the address to connect from.
    pub bind_address: Option<String>,
    /// `bridge_protocol_version`
    pub version: Version,
    /// It wasn't configured.
    pub version_is_default: bool,
    /// `cleansession`: the remote broker keeps nothing of this bridge between connections.
    pub cleansession: bool,
    /// `local_cleansession`; `None`: as `cleansession`.
    pub local_cleansession: Option<bool>,
    /// `keepalive_interval`, in seconds.
    pub keepalive_interval: u16,
    /// `start_type`
    pub start_type: StartType,
    /// `idle_timeout`: when a lazy bridge disconnects, in seconds without a message.
    pub idle_timeout: u32,
    /// `threshold`: how many messages wait before a lazy bridge connects.
    pub threshold: u32,
    /// `restart_timeout`
    pub restart_timeout: RestartTimeout,
    /// `round_robin`: no address is better than another.
    pub round_robin: bool,
    /// `try_private`: says in CONNECT that this is a bridge (3.x).
    pub try_private: bool,
    /// `notifications`: publish whether the bridge is connected.
    pub notifications: bool,
    /// `notifications_local_only`: not on the remote broker.
    pub notifications_local_only: bool,
    /// `notification_topic`. Ask [`Bridge::state_topic`].
    pub notification_topic: Option<String>,
    /// `bridge_attempt_unsubscribe`: unsubscribe at the remote broker from topics that only go out.
    pub attempt_unsubscribe: bool,
    /// `bridge_outgoing_retain`: messages that go out keep their retain flag.
    pub outgoing_retain: bool,
    /// `bridge_max_packet_size`: the longest packet that goes out, in bytes; 0: no limit.
    pub max_packet_size: u32,
    /// `bridge_max_topic_alias`: Topic Aliases that the remote broker may make (5.0).
    pub max_topic_alias: u16,
    /// `bridge_receive_maximum`; `None`: as `max_inflight_messages` (5.0).
    pub receive_maximum: Option<u16>,
    /// `bridge_session_expiry_interval`, in seconds (5.0).
    pub session_expiry_interval: Option<u32>,
    /// `bridge_reload_type`
    pub reload_type: BridgeReload,
    /// `bridge_tcp_keepalive`
    pub tcp_keepalive: Option<TcpKeepAlive>,
    /// `bridge_tcp_user_timeout`, in milliseconds.
    pub tcp_user_timeout: Option<u32>,
    /// How it speaks TLS, if it does.
    pub tls: BridgeTls,
}

impl Bridge {
    /// A bridge of this name, with the defaults.
    pub fn new(name: &str) -> Self {
        Bridge {
            name: name.to_owned(),
            addresses: Vec::new(),
            topics: Vec::new(),
            remote_clientid: None,
            remote_username: None,
            remote_password: None,
            local_clientid: None,
            local_username: None,
            local_password: None,
            bind_address: None,
            version: Version::V311,
            version_is_default: true,
            cleansession: false,
            local_cleansession: None,
            keepalive_interval: 60,
            start_type: StartType::Automatic,
            idle_timeout: 60,
            threshold: 10,
            restart_timeout: RestartTimeout { base: 5, cap: Some(30), stable: 0 },
            round_robin: false,
            try_private: true,
            notifications: true,
            notifications_local_only: false,
            notification_topic: None,
            attempt_unsubscribe: true,
            outgoing_retain: true,
            max_packet_size: 0,
            max_topic_alias: 10,
            receive_maximum: None,
            session_expiry_interval: None,
            reload_type: BridgeReload::Lazy,
            tcp_keepalive: None,
            tcp_user_timeout: None,
            tls: BridgeTls::default(),
        }
    }

    /// The ClientId at the remote broker; `host` is the name of this machine.
    pub fn remote_id(&self, host: &str) -> String {
        self.remote_clientid.clone().unwrap_or_else(|| format!("{host}.{}", self.name))
    }

    /// The ClientId of the bridge inside this broker.
    pub fn local_id(&self, host: &str) -> String {
        self.local_clientid.clone().unwrap_or_else(|| format!("local.{}", self.remote_id(host)))
    }

    /// The topic that says whether the bridge is connected.
    pub fn state_topic(&self, host: &str) -> String {
        let usual = || format!("$SYS/broker/connection/{}/state", self.remote_id(host));
        self.notification_topic.clone().unwrap_or_else(usual)
    }

    /// This broker keeps nothing of the bridge between connections.
    pub fn is_locally_clean(&self) -> bool {
        self.local_cleansession.unwrap_or(self.cleansession)
    }
}
