//! What a configuration comes to: plain data, with mosquitto 2.1's defaults.
//!
//! The broker and its event loop read these fields, every one; nobody else needs to know that there was a file.
//! [`Listener`] and its part of the settings are in `listener`, the log's in `log_settings`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Bridge, Listener, LogSettings, Plugin, Security};

/// The whole configuration of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen. In local-only mode the loopback addresses.
    pub listeners: Vec<Listener>,
    /// No `listener`, `port` or `bind_address` was configured: loopback only, and anonymous clients may
    /// come in unless `allow_anonymous false`. One address that can't be opened is no error while another can.
    pub local_only: bool,
    /// `per_listener_settings`: the security settings are each listener's own, not [`Settings::security`].
    pub per_listener_settings: bool,
    /// The security settings of all listeners (while `per_listener_settings` is false).
    pub security: Security,
    /// All plugins that are named, in order; [`Settings::plugins_of`] says who uses which.
    pub plugins: Vec<Plugin>,
    /// `global_plugin`: numbers of those that all listeners use.
    pub global_plugins: Vec<usize>,
    /// `enable_control_api`: commands on `$CONTROL/broker/v1` are answered.
    pub enable_control_api: bool,
    /// `clientid_prefixes`: a ClientId must start with this.
    pub clientid_prefixes: Option<String>,
    /// `max_inflight_messages`: QoS 1 and 2 messages in flight to and from one client; 0: no limit. It is
    /// also the Receive Maximum of a 5.0 CONNACK.
    pub max_inflight_messages: u16,
    /// `max_inflight_bytes`: bytes of QoS 1 and 2 in flight to one client; 0: no limit.
    pub max_inflight_bytes: u32,
    /// `max_queued_messages`: messages waiting for one client behind those in flight; 0: no limit.
    pub max_queued_messages: u32,
    /// `max_queued_bytes`: bytes waiting for one client; 0: no limit. Both limits hold where both are set.
    pub max_queued_bytes: u32,
    /// `max_queued_memory`: bytes of waiting messages in memory, beyond which they wait in the store; 0: no limit.
    pub max_queued_memory: u32,
    /// `max_packet_size`: the longest packet a client may send, in bytes, fixed header included; at least 20.
    pub max_packet_size: u32,
    /// `message_size_limit`: the longest payload of a PUBLISH or a Will, in bytes; 0: no limit.
    pub message_size_limit: u32,
    /// `max_keepalive`: the longest Keep Alive, in seconds; 0: no limit.
    pub max_keepalive: u16,
    /// `retain_available`: retained messages are accepted.
    pub retain_available: bool,
    /// `queue_qos0_messages`: QoS 0 messages wait for offline clients, too.
    pub queue_qos0_messages: bool,
    /// `upgrade_outgoing_qos`: deliver at the subscription's QoS even where the message came with a lower one.
    pub upgrade_outgoing_qos: bool,
    /// `allow_duplicate_messages`: a client whose subscriptions overlap gets a copy for each.
    pub allow_duplicate_messages: bool,
    /// `persistent_client_expiration`: the longest life of an offline session; `None`: no limit.
    pub persistent_client_expiration: Option<Duration>,
    /// `global_max_clients`: sessions, connected or not; `None`: no limit.
    pub global_max_clients: Option<u32>,
    /// `global_max_connections`: connections over all listeners; `None`: no limit.
    pub global_max_connections: Option<u32>,
    /// `connection_messages`: log connections, disconnections and Wills.
    pub connection_messages: bool,
    /// `check_retain_source`: who published a retained message must still be allowed to when it is delivered.
    pub check_retain_source: bool,
    /// `retain_expiry_interval`: how often expired retained messages are freed; `None`: as we like.
    pub retain_expiry_interval: Option<Duration>,
    /// `memory_limit`: heap above which nothing more is kept, in bytes; 0: no limit.
    pub memory_limit: u64,
    /// `sys_interval`: how often the `$SYS` topics are published, in seconds; 0: never.
    pub sys_interval: u16,
    /// `persistence`: sessions, what waits for them, and retained messages survive the broker.
    pub persistence: bool,
    /// `persistence_file`: the name that the store's folder begins with.
    pub persistence_file: Option<String>,
    /// `persistence_location`: the folder in which the store's folder is; `None`: the working directory.
    pub persistence_location: Option<String>,
    /// `persistence_sync`: when what must survive is forced to the disk.
    pub persistence_sync: PersistenceSync,
    /// `autosave_interval`: with `persistence_sync never`, seconds (or changes) between two forced writes; 0: none.
    pub autosave_interval: u32,
    /// `autosave_on_changes`: `autosave_interval` counts changes.
    pub autosave_on_changes: bool,
    /// `user`: the account to change to when started as root; `None`: mosquitto's default account.
    pub user: Option<String>,
    /// `--tls-keylog`: a file to append the secrets of all TLS connections to.
    pub tls_keylog: Option<String>,
    /// `pid_file`: where to write the process id.
    pub pid_file: Option<String>,
    /// What is logged, and where to.
    pub log: LogSettings,
    /// The connections to other brokers.
    pub bridges: Vec<Bridge>,
}

/// When what must survive is forced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersistenceSync {
    /// Before it is acknowledged.
    Always,
    /// So often.
    Interval(Duration),
    /// When the system likes, at `autosave_interval`, at SIGUSR1 and at the end.
    Never,
}

impl Default for Settings {
    /// What no configuration file comes to, before [`Settings::finish`] adds the loopback listeners.
    fn default() -> Self {
        Settings {
            listeners: Vec::new(),
            local_only: true,
            per_listener_settings: false,
            security: Security::default(),
            plugins: Vec::new(),
            global_plugins: Vec::new(),
            enable_control_api: false,
            clientid_prefixes: None,
            max_inflight_messages: 20,
            max_inflight_bytes: 0,
            max_queued_messages: 1000,
            max_queued_bytes: 0,
            max_queued_memory: 64 * 1024 * 1024,
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
            check_retain_source: true,
            retain_expiry_interval: None,
            memory_limit: 0,
            sys_interval: 10,
            persistence: false,
            persistence_file: None,
            persistence_location: None,
            persistence_sync: PersistenceSync::Always,
            autosave_interval: 1800,
            autosave_on_changes: false,
            user: None,
            tls_keylog: None,
            pid_file: None,
            log: LogSettings::default(),
            bridges: Vec::new(),
        }
    }
}

/// The port of a listener that names none.
pub const DEFAULT_PORT: u16 = 1883;

impl Settings {
    /// Adds the listeners of local-only mode: 127.0.0.1 and ::1 on each of `ports` (of `-p`), or on 1883.
    ///
    /// A port 0 (any free one) opens 127.0.0.1 alone: the same number may be taken on ::1.
    /// Does nothing to a configuration that names its listeners.
    pub fn finish(&mut self, ports: &[u16]) {
        if !self.local_only {
            return;
        }
        // A default listener that some keyword made is thrown away with its settings, as mosquitto does.
        self.listeners.clear();
        let ports = if ports.is_empty() { &[DEFAULT_PORT] } else { ports };
        for &port in ports {
            let addresses: &[&str] = if port == 0 { &["127.0.0.1"] } else { &["127.0.0.1", "::1"] };
            for address in addresses {
                self.listeners.push(Listener { address: Some((*address).to_owned()), ..Listener::new(port) });
            }
        }
    }

    /// The security settings that hold for `listener`.
    pub fn security_of<'a>(&'a self, listener: &'a Listener) -> &'a Security {
        if self.per_listener_settings && !self.local_only { &listener.security } else { &self.security }
    }

    /// May clients come in on `listener` without authentication?
    ///
    /// `listener_allow_anonymous` wins, then `allow_anonymous`; unset, only local-only mode lets them in.
    pub fn allows_anonymous(&self, listener: &Listener) -> bool {
        listener.allow_anonymous.or(self.security_of(listener).allow_anonymous).unwrap_or(self.local_only)
    }

    /// The folder of the store: `persistence_file` in `persistence_location`, with `.store` behind it.
    pub fn store_path(&self) -> PathBuf {
        let name = self.persistence_file.as_deref().unwrap_or("mosquitto.db");
        self.in_persistence_location(&format!("{name}.store"))
    }

    /// Where mosquitto keeps its own database.
    pub fn mosquitto_db_path(&self) -> PathBuf {
        self.in_persistence_location(self.persistence_file.as_deref().unwrap_or("mosquitto.db"))
    }

    fn in_persistence_location(&self, name: &str) -> PathBuf {
        Path::new(self.persistence_location.as_deref().unwrap_or_default()).join(name)
    }

    /// What a ClientId that the broker assigns on `listener` starts with.
    pub fn auto_id_prefix<'a>(&'a self, listener: &'a Listener) -> &'a str {
        listener
            .auto_id_prefix
            .as_deref()
            .or(self.security_of(listener).auto_id_prefix.as_deref())
            .unwrap_or("auto-")
    }
}
