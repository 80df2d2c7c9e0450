//! What happened, as data; `observe` has the words. Built only when somebody listens at that kind.

use crate::protocol::{Malformed, QoS, ReasonCode, Version};
use std::net::SocketAddr;
use std::sync::Arc;

/// Kinds of notice, a bit each: mosquitto's `log_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(pub u32);

impl Kinds {
    /// Nothing.
    pub const NONE: Kinds = Kinds(0);
    /// `error`
    pub const ERROR: Kinds = Kinds(1);
    /// `warning`
    pub const WARNING: Kinds = Kinds(2);
    /// `notice`
    pub const NOTICE: Kinds = Kinds(4);
    /// `information`
    pub const INFORMATION: Kinds = Kinds(8);
    /// `debug`: every packet.
    pub const DEBUG: Kinds = Kinds(16);
    /// `subscribe`
    pub const SUBSCRIBE: Kinds = Kinds(32);
    /// `unsubscribe`
    pub const UNSUBSCRIBE: Kinds = Kinds(64);
    /// Everything.
    pub const ALL: Kinds = Kinds(127);

    /// Whether any of these kinds is among ours.
    pub fn has(self, kind: Kinds) -> bool {
        self.0 & kind.0 != 0
    }
}

impl std::ops::BitOr for Kinds {
    type Output = Kinds;
    fn bitor(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }
}

/// Where a connection comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// By TCP.
    Ip(SocketAddr),
    /// By a unix socket at this path.
    Unix(Arc<str>),
}

impl Peer {
    /// The address alone, or the path.
    pub fn host(&self) -> String {
        match self {
            Peer::Ip(address) => address.ip().to_string(),
            Peer::Unix(path) => (**path).to_owned(),
        }
    }
}

/// The line of a PUBLISH in the log.
#[derive(Clone, Debug)]
pub struct PublishLine {
    /// DUP flag.
    pub dup: bool,
    /// QoS.
    pub qos: QoS,
    /// RETAIN flag.
    pub retain: bool,
    /// Packet Identifier; 0 at QoS 0.
    pub packet_identifier: u16,
    /// Topic Name.
    pub topic: String,
    /// Bytes of payload.
    pub length: usize,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A DISCONNECT came.
    Normally,
    /// The other side closed it without one.
    ByClient,
    /// Keep Alive ran out `[MQTT-3.1.2-22]`.
    Timeout,
    /// Another connection came with the same ClientId.
    TakenOver,
    /// A packet was malformed.
    Malformed,
    /// A rule of the protocol was broken.
    ProtocolError,
    /// User Name, Password or anonymous access refused.
    NotAuthorised,
    /// The packet is larger than `max_packet_size`.
    OversizePacket,
    /// The Will's payload is larger than `message_size_limit`.
    OversizePayload,
    /// QoS, RETAIN or authentication method that is switched off.
    DisallowedFeature,
    /// The ClientId can't be accepted.
    ClientIdentifierNotValid,
    /// A Topic Alias outside what was announced, or unknown.
    TopicAliasInvalid,
    /// More messages at once than our Receive Maximum.
    ReceiveMaximumExceeded,
    /// `global_max_clients` is reached.
    ServerBusy,
    /// `memory_limit` is reached.
    OutOfMemory,
    /// Its listener isn't configured any more.
    Administrative,
    /// The broker stops.
    ServerStops,
    /// The broker's own fault, contained.
    Internal,
    /// TLS failed.
    TlsFailed,
    /// A page of another origin asked for a WebSocket.
    Origin,
    /// Before anybody knew who it was: another line says why.
    Unmentioned,
}

/// What is known of a connection's other end by TLS, our own or a proxy's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secured {
    /// Version and cipher.
    pub words: Box<str>,
    /// A proxy has spoken TLS with the client.
    pub by_proxy: bool,
    /// What the client is called by, where its listener wants that.
    pub name: Option<Box<str>>,
}

/// Kinds of packet that are logged by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckName {
    /// PUBACK
    PubAck,
    /// PUBREC
    PubRec,
    /// PUBREL
    PubRel,
    /// PUBCOMP
    PubComp,
}

/// Something that happened. `client` is the ClientId, or the address as long as none is known.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each variant says what its fields are")]
pub enum Notice {
    /// A socket was accepted on a port.
    NewConnection { peer: Peer, port: u16 },
    /// A CONNECT was accepted.
    ClientConnected {
        peer: Peer,
        client: Box<str>,
        version: Version,
        clean_start: bool,
        keep_alive: u16,
        username: Option<Box<str>>,
        bridge: bool,
    },
    /// The Will of an accepted CONNECT: payload bytes, RETAIN, QoS and topic.
    Will(Option<(usize, bool, QoS, Box<str>)>),
    /// A connection ended. `peer` for the brackets.
    Disconnected { client: Box<str>, peer: Peer, why: Ended },
    /// TLS was agreed on with a client.
    Negotiated { client: Box<str>, words: Box<str> },
    /// A proxy tells that it was.
    ProxyNegotiated { peer: Peer, words: Box<str> },
    /// The PROXY header is none. `peer`: where the header says the connection is from, if it says so.
    CorruptProxy { peer: Option<Peer> },
    /// A PROXY header doesn't tell of TLS where it must.
    ProxyWithoutTls { peer: Peer },
    /// A PROXY header doesn't tell of a certificate where it must.
    ProxyWithoutCertificate { peer: Peer },
    /// A TLS handshake failed, or a connection broke.
    TlsFailed { client: Box<str>, what: String },
    /// A connection was refused since there are enough.
    TooManyConnections { peer: Peer },
    /// CONNACK went out.
    SendingConnAck { client: Box<str>, session_present: bool, code: u8 },
    /// PUBLISH came in and was accepted.
    ReceivedPublish { client: Box<str>, publish: PublishLine },
    /// PUBLISH came in and may not.
    DeniedPublish { client: Box<str>, publish: PublishLine },
    /// PUBLISH came in with a payload over `message_size_limit`.
    TooLargePublish { client: Box<str>, publish: PublishLine },
    /// PUBLISH went out.
    SendingPublish { client: Box<str>, publish: PublishLine },
    /// An acknowledgement came in.
    ReceivedAck { client: Box<str>, name: AckName, packet_identifier: u16, reason: ReasonCode },
    /// An acknowledgement went out.
    SendingAck { client: Box<str>, name: AckName, packet_identifier: u16, reason: ReasonCode },
    /// An acknowledgement for an identifier that is not in use.
    UnknownIdentifier { client: Box<str>, name: AckName, packet_identifier: u16 },
    /// SUBSCRIBE came in.
    ReceivedSubscribe { client: Box<str> },
    /// One of its filters, and whether it was denied.
    Filter { filter: String, qos: Option<QoS> },
    /// A subscription was made (kind `subscribe`).
    Subscribed { client: Box<str>, qos: QoS, filter: String },
    /// SUBACK went out.
    SendingSubAck { client: Box<str> },
    /// UNSUBSCRIBE came in.
    ReceivedUnsubscribe { client: Box<str> },
    /// One of its filters.
    UnsubscribeFilter { filter: String },
    /// A subscription was removed (kind `unsubscribe`).
    Unsubscribed { client: Box<str>, filter: String },
    /// UNSUBACK went out.
    SendingUnsubAck { client: Box<str> },
    /// PINGREQ came in.
    ReceivedPingReq { client: Box<str> },
    /// PINGRESP went out.
    SendingPingResp { client: Box<str> },
    /// DISCONNECT came in.
    ReceivedDisconnect { client: Box<str> },
    /// DISCONNECT went out.
    SendingDisconnect { client: Box<str>, reason: ReasonCode },
    /// A packet can't be accepted; the text says why.
    ProtocolError { client: Box<str>, what: String },
    /// A packet of this type can't be read.
    Malformed { client: Box<str>, peer: Peer, packet: u8, error: Malformed },
    /// A CONNECT is for another protocol.
    UnknownProtocol { peer: Peer, name: Box<str> },
    /// A second CONNECT came on one connection.
    MultipleConnects { peer: Peer },
    /// Bytes of a TLS handshake came to a port without TLS.
    LooksLikeTls { peer: Peer },
    /// Messages for a receiver are being dropped (once an episode).
    Dropping { client: Box<str> },
    /// A message is larger than a receiver's Maximum Packet Size.
    TooLargeForReceiver { client: Box<str>, length: usize },
    /// More QoS 1 and 2 messages at once than our Receive Maximum allows.
    ReceiveMaximumExceeded { client: Box<str> },
    /// A session was removed since it expired.
    SessionExpired { client: Box<str> },
    /// A fault of ours was contained to one connection.
    Contained { client: Box<str> },
}

impl Notice {
    /// The kind it belongs to.
    pub fn kind(&self) -> Kinds {
        use Notice::*;
        match self {
            NewConnection { .. }
            | ClientConnected { .. }
            | Disconnected { .. }
            | TooManyConnections { .. }
            | Negotiated { .. }
            | ProxyNegotiated { .. }
            | CorruptProxy { .. }
            | ProxyWithoutTls { .. }
            | ProxyWithoutCertificate { .. }
            | MultipleConnects { .. }
            | LooksLikeTls { .. }
            | Dropping { .. }
            | TooLargeForReceiver { .. }
            | SessionExpired { .. } => Kinds::NOTICE,
            ProtocolError { .. } | Malformed { .. } | UnknownProtocol { .. } => Kinds::INFORMATION,
            ReceiveMaximumExceeded { .. } | UnknownIdentifier { .. } => Kinds::WARNING,
            Contained { .. } | TlsFailed { .. } => Kinds::ERROR,
            Subscribed { .. } => Kinds::SUBSCRIBE,
            Unsubscribed { .. } => Kinds::UNSUBSCRIBE,
            _ => Kinds::DEBUG,
        }
    }
}
