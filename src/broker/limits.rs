//! What the broker allows, with mosquitto 2.1's defaults; the loop fills it from mosquitto.conf.

use crate::auth::Acl;
use crate::protocol::{QoS, Version};
use std::sync::Arc;

/// Output of one receiver beyond which publishers to it are held back, in bytes.
pub const HOLD_ABOVE: usize = 256 * 1024;
/// Output below which they go on.
pub const RELEASE_BELOW: usize = 64 * 1024;
/// Output of one receiver beyond which nothing is written to its buffer any more but waits in its backlog.
pub const WRITE_BELOW: usize = 1024 * 1024;
/// How long a receiver may hold publishers back for nothing but smoothness (its queue has room), in milliseconds.
pub const GRACE_GENTLE: u64 = 20;
/// How long a receiver of QoS 0 messages may hold publishers back, in milliseconds, before it loses messages.
pub const GRACE: u64 = 100;
/// The same where QoS 1 or 2 messages wait, which were promised.
pub const GRACE_ACKNOWLEDGED: u64 = 5_000;
/// So often in so many milliseconds may a publisher be held back for that long; then no more until these are over.
/// Else whoever subscribes, doesn't read, and comes again and again could stop it for good.
pub const STALLS: (u8, u64) = (3, 60_000);
/// Time for the first CONNECT after a connection was accepted, in milliseconds.
pub const CONNECT_TIMEOUT: u64 = 30_000;
/// Time after which a connection without CONNECT gives way to a new one where there is no more room, in milliseconds.
pub const GIVES_WAY_AFTER: u64 = 2_000;
/// Largest CONNECT, in bytes (mosquitto's `packet_max_connect`).
pub const CONNECT_SIZE: usize = 100_000;
/// Most levels of a topic, as mosquitto has it: 200 separators.
pub const SEPARATORS: usize = 200;

/// Limits that hold for all clients.
#[derive(Clone, Debug)]
pub struct Limits {
    /// QoS 1 and 2 messages in flight for one client and direction; 0: as many as there are identifiers.
    pub max_inflight_messages: u16,
    /// Payload bytes in flight outbound for one client; 0: no limit.
    pub max_inflight_bytes: usize,
    /// Messages that wait for one client; 0: no limit.
    pub max_queued_messages: usize,
    /// Payload bytes that wait for one client; 0: no limit.
    pub max_queued_bytes: usize,
    /// Bytes of messages that wait in memory beyond which they wait on disk only, where changes are kept; 0: no limit.
    pub max_queued_memory: u64,
    /// That limit is reached.
    pub queues_full: bool,
    /// Largest packet accepted, in bytes.
    pub max_packet_size: u32,
    /// Largest payload accepted, in bytes; 0: no limit.
    pub message_size_limit: u32,
    /// Longest Keep Alive, in seconds; 0: no limit.
    pub max_keepalive: u16,
    /// Whether messages may be retained.
    pub retain_available: bool,
    /// Whether QoS 0 messages wait for clients that are away.
    pub queue_qos0_messages: bool,
    /// Deliver at the QoS of the subscription even when the message has a lower one.
    pub upgrade_outgoing_qos: bool,
    /// One copy for each matching subscription of a 3.x client, rather than one in all.
    pub allow_duplicate_messages: bool,
    /// Longest life of a session without a connection, in seconds.
    pub persistent_client_expiration: Option<u32>,
    /// Most sessions, connected or not.
    pub global_max_clients: Option<usize>,
    /// Most connections.
    pub global_max_connections: Option<usize>,
    /// Whether connections and disconnections are noticed.
    pub connection_messages: bool,
    /// ClientIds must start with this.
    pub clientid_prefixes: Option<Box<str>>,
    /// Whether the publisher of a retained message must still be allowed to write when it is delivered.
    pub check_retain_source: bool,
    /// How often expired retained messages are freed, in seconds.
    pub retained_sweep: u64,
    /// `memory_limit` is reached, as whoever drives the broker finds: nothing more is kept.
    pub memory_full: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_inflight_messages: 20,
            max_inflight_bytes: 0,
            max_queued_messages: 1000,
            max_queued_bytes: 0,
            max_queued_memory: 64 * 1024 * 1024,
            queues_full: false,
            max_packet_size: 2_000_000,
            message_size_limit: 0,
            max_keepalive: 0,
            retain_available: true,
            queue_qos0_messages: false,
            upgrade_outgoing_qos: false,
            allow_duplicate_messages: true,
            persistent_client_expiration: None,
            global_max_clients: None,
            global_max_connections: None,
            connection_messages: true,
            clientid_prefixes: None,
            check_retain_source: true,
            retained_sweep: 60,
            memory_full: false,
        }
    }
}

/// What holds for the connections of one listener.
#[derive(Clone, Debug)]
pub struct ListenerRules {
    /// TCP port; 0 for a unix socket.
    pub port: u16,
    /// Most connections at once.
    pub max_connections: Option<usize>,
    /// Clients without a User Name may come.
    pub allow_anonymous: bool,
    /// There is a password file: User Names are checked.
    pub checks_passwords: bool,
    /// Clients are called what TLS says, and nothing else is asked.
    pub names_by_tls: bool,
    /// A PROXY header says where connections come from; until then they aren't spoken of.
    pub behind_proxy: bool,
    /// A zero-length ClientId gets one assigned.
    pub allow_zero_length_clientid: bool,
    /// Start of assigned ClientIds.
    pub auto_id_prefix: Box<str>,
    /// The User Name is the ClientId.
    pub use_username_as_clientid: bool,
    /// Accepts MQTT 3.1, 3.1.1, 5.0.
    pub versions: [bool; 3],
    /// Highest QoS a client may publish at.
    pub max_qos: QoS,
    /// Topic Alias Maximum announced to clients.
    pub max_topic_alias: u16,
    /// Most aliases that the broker sets towards a client.
    pub max_topic_alias_broker: u16,
    /// Stands before each topic of these clients.
    pub mount_point: Option<Arc<str>>,
    /// Who may publish and receive what; without one (and without dynamic security) everybody may everything.
    pub acl: Option<Arc<Acl>>,
    /// Dynamic security holds here.
    pub dynsec: bool,
    /// Bridges of this broker connect here, and nobody else: no rule that keeps strangers in check holds for them, and
    /// the log doesn't mention their comings and goings.
    pub bridges: bool,
    /// QoS 0 messages wait for clients that are away, as with [`Limits::queue_qos0_messages`].
    pub queues_qos0: bool,
}

impl Default for ListenerRules {
    fn default() -> Self {
        ListenerRules {
            port: 1883,
            max_connections: None,
            allow_anonymous: true,
            checks_passwords: false,
            names_by_tls: false,
            behind_proxy: false,
            allow_zero_length_clientid: true,
            auto_id_prefix: "auto-".into(),
            use_username_as_clientid: false,
            versions: [true; 3],
            max_qos: QoS::ExactlyOnce,
            max_topic_alias: 10,
            max_topic_alias_broker: 10,
            mount_point: None,
            acl: None,
            dynsec: false,
            bridges: false,
            queues_qos0: false,
        }
    }
}

impl ListenerRules {
    /// Whether anybody's rights are limited here.
    pub fn restricts(&self) -> bool {
        self.acl.is_some() || self.dynsec
    }

    /// Whether this version may connect here.
    pub fn accepts(&self, version: Version) -> bool {
        self.versions[version as usize - 3]
    }
}
