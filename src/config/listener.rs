//! One listening endpoint and the settings that are its own.

/// Who may come in: for all listeners, or, with `per_listener_settings true`, for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Security {
    /// `allow_anonymous`; unset means false, in local-only mode true. Ask `Settings::allows_anonymous`.
    pub allow_anonymous: Option<bool>,
    /// `acl_file`: its path, as written. Ask `Settings::acl_file_of`.
    pub acl_file: Option<String>,
    /// `password_file`: its path, as written. Ask `Settings::password_file_of`.
    pub password_file: Option<String>,
    /// `plugin`: numbers of plugins. Ask `Settings::plugins_of`.
    pub plugins: Vec<usize>,
    /// `psk_file`: its path, as written.
    pub psk_file: Option<String>,
    /// `allow_zero_length_clientid`: the broker assigns a ClientId to those that bring none.
    pub allow_zero_length_clientid: bool,
    /// `auto_id_prefix`. Ask `Settings::auto_id_prefix`.
    pub auto_id_prefix: Option<String>,
}

impl Default for Security {
    fn default() -> Self {
        Security {
            allow_anonymous: None,
            acl_file: None,
            password_file: None,
            plugins: Vec::new(),
            psk_file: None,
            allow_zero_length_clientid: true,
            auto_id_prefix: None,
        }
    }
}

/// `socket_domain`: the one family of addresses a listener takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketDomain {
    /// `ipv4`
    Ipv4,
    /// `ipv6`
    Ipv6,
}

/// What a port speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerProtocol {
    /// `mqtt`
    Mqtt,
    /// `http_api`: no MQTT, but figures about it.
    HttpApi,
    /// `websockets`
    WebSockets,
}

/// What a listener's clients are called by, whatever User Name they bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentitySource {
    /// `use_identity_as_username`: the common name of the certificate, or the identity of the pre-shared key.
    CommonName,
    /// `use_subject_as_username`: the whole subject of the certificate.
    Subject,
}

/// The TLS of a listener, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenerTls {
    /// `certfile`
    pub certfile: Option<String>,
    /// `keyfile`
    pub keyfile: Option<String>,
    /// `cafile`
    pub cafile: Option<String>,
    /// `capath`
    pub capath: Option<String>,
    /// `crlfile`
    pub crlfile: Option<String>,
    /// `ciphers`
    pub ciphers: Option<String>,
    /// `ciphers_tls1.3`
    pub ciphersuites: Option<String>,
    /// `tls_version`: the oldest one that is accepted. What it may be is looked at when the broker starts.
    pub version: Option<String>,
    /// `require_certificate`
    pub require_certificate: bool,
    /// `use_identity_as_username`
    pub use_identity: bool,
    /// `use_subject_as_username`
    pub use_subject: bool,
    /// `disable_client_cert_date_checks`
    pub disable_date_checks: bool,
    /// `psk_hint`
    pub psk_hint: Option<String>,
}

impl ListenerTls {
    /// Where user names come from, if not from CONNECT.
    pub fn identity(&self) -> Option<IdentitySource> {
        match (self.use_identity, self.use_subject) {
            (true, _) => Some(IdentitySource::CommonName),
            (false, true) => Some(IdentitySource::Subject),
            (false, false) => None,
        }
    }

    /// Whether the listener speaks TLS.
    pub fn is_on(&self) -> bool {
        (self.certfile.is_some() && self.keyfile.is_some()) || self.psk_hint.is_some()
    }
}

/// `enable_proxy_protocol`: each connection starts with a header that says where it really comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyVersion {
    /// 1: a line of text.
    V1,
    /// 2: binary.
    V2,
}

/// `accept_protocol_versions`: which versions of MQTT may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedVersions {
    /// 3.1
    pub v31: bool,
    /// 3.1.1
    pub v311: bool,
    /// 5.0
    pub v5: bool,
}

impl AcceptedVersions {
    /// Is the protocol level of a CONNECT (3, 4 or 5) accepted?
    pub fn accepts(self, protocol_level: u8) -> bool {
        match protocol_level {
            3 => self.v31,
            4 => self.v311,
            5 => self.v5,
            _ => false,
        }
    }
}

/// One listening endpoint: a port on some addresses, or a unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The TCP port. 0 with a [`Listener::unix_path`]: no port; without one (of `-p 0` only): any free one.
    pub port: u16,
    /// The address or host name to listen on; `None`: all addresses, IPv4 and IPv6.
    pub address: Option<String>,
    /// The path of a unix socket.
    pub unix_path: Option<String>,
    /// `protocol`
    pub protocol: ListenerProtocol,
    /// `socket_domain`; `None`: both families.
    pub socket_domain: Option<SocketDomain>,
    /// `bind_interface`: the name of the one network interface to listen on.
    pub bind_interface: Option<String>,
    /// `max_connections`: connections on this listener; `None`: no limit.
    pub max_connections: Option<u32>,
    /// `max_qos`: Maximum QoS, 0–2.
    pub max_qos: u8,
    /// `max_topic_alias`: Topic Aliases a client may make (Topic Alias Maximum of CONNACK).
    pub max_topic_alias: u16,
    /// `max_topic_alias_broker`: Topic Aliases the broker may make towards a client.
    pub max_topic_alias_broker: u16,
    /// `use_username_as_clientid`
    pub use_username_as_clientid: bool,
    /// `listener_allow_anonymous`. Ask `Settings::allows_anonymous`.
    pub allow_anonymous: Option<bool>,
    /// `listener_auto_id_prefix`. Ask `Settings::auto_id_prefix`.
    pub auto_id_prefix: Option<String>,
    /// `mount_point`: what every topic of this listener's clients starts with, unseen by them.
    pub mount_point: Option<String>,
    /// `accept_protocol_versions`
    pub accept_protocol_versions: AcceptedVersions,
    /// `plugin_use`: numbers of plugins. Ask `Settings::plugins_of`.
    pub plugins: Vec<usize>,
    /// Its TLS.
    pub tls: ListenerTls,
    /// `websockets_origin`: the origins that browsers may come from; none: any.
    pub websockets_origin: Vec<String>,
    /// `http_dir`: a folder whose files are served by an `http_api` listener, or to those who ask a WebSocket listener for a page.
    pub http_dir: Option<String>,
    /// `enable_proxy_protocol`
    pub proxy: Option<ProxyVersion>,
    /// `proxy_protocol_v2_require_tls`
    pub proxy_requires_tls: bool,
    /// The security settings of this listener, with `per_listener_settings true`.
    pub security: Security,
}

impl Listener {
    /// A listener on all addresses of a port, with the defaults.
    pub fn new(port: u16) -> Self {
        Listener {
            port,
            address: None,
            unix_path: None,
            protocol: ListenerProtocol::Mqtt,
            socket_domain: None,
            bind_interface: None,
            max_connections: None,
            max_qos: 2,
            max_topic_alias: 10,
            max_topic_alias_broker: 10,
            use_username_as_clientid: false,
            allow_anonymous: None,
            auto_id_prefix: None,
            mount_point: None,
            accept_protocol_versions: AcceptedVersions { v31: true, v311: true, v5: true },
            plugins: Vec::new(),
            tls: ListenerTls::default(),
            websockets_origin: Vec::new(),
            http_dir: None,
            proxy: None,
            proxy_requires_tls: false,
            security: Security::default(),
        }
    }

    /// What is wrong with its keywords taken together, in mosquitto's words.
    pub fn contradiction(&self) -> Option<&'static str> {
        let tls = &self.tls;
        let has_certificate = tls.certfile.is_some() && tls.keyfile.is_some();
        match () {
            () if tls.certfile.is_some() != tls.keyfile.is_some() => {
                Some("Error: Both certfile and keyfile must be provided to enable a TLS listener.")
            }
            () if tls.cafile.is_some() && !has_certificate => {
                Some("Error: cafile specified without certfile and keyfile.")
            }
            () if tls.capath.is_some() && !has_certificate => {
                Some("Error: capath specified without certfile and keyfile.")
            }
            () if self.proxy != Some(ProxyVersion::V2) => None,
            () if tls.use_subject => {
                Some("Error: use_subject_as_username cannot be used with `enable_proxy_protocol 2`.")
            }
            () if has_certificate => {
                Some("Error: certfile and keyfile cannot be used with `enable_proxy_protocol 2`.")
            }
            () => None,
        }
    }
}

impl Default for Listener {
    /// The default listener: port 1883 on all addresses.
    fn default() -> Self {
        Listener::new(super::DEFAULT_PORT)
    }
}
