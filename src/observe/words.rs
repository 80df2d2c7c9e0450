//! The broker's notices in mosquitto's words: the lines that people's scripts search the log for.

use std::fmt;

use crate::broker::{AckName, Ended, Kinds, Notice, Peer, PublishLine};
use crate::config::{LogType, LogTypes};
use crate::protocol::Malformed;

/// The log type that a kind of notice belongs to.
pub fn log_type(notice: &Notice) -> LogType {
    match notice.kind() {
        Kinds::ERROR => LogType::Error,
        Kinds::WARNING => LogType::Warning,
        Kinds::NOTICE => LogType::Notice,
        Kinds::INFORMATION => LogType::Information,
        Kinds::SUBSCRIBE => LogType::Subscribe,
        Kinds::UNSUBSCRIBE => LogType::Unsubscribe,
        _ => LogType::Debug,
    }
}

/// The kinds of notice that these log types ask for.
pub fn kinds(types: LogTypes) -> Kinds {
    let all = [
        (LogType::Error, Kinds::ERROR),
        (LogType::Warning, Kinds::WARNING),
        (LogType::Notice, Kinds::NOTICE),
        (LogType::Information, Kinds::INFORMATION),
        (LogType::Debug, Kinds::DEBUG),
        (LogType::Subscribe, Kinds::SUBSCRIBE),
        (LogType::Unsubscribe, Kinds::UNSUBSCRIBE),
    ];
    all.into_iter().filter(|(t, _)| types.contains(*t)).fold(Kinds::NONE, |sum, (_, kind)| sum | kind)
}

/// Address and port, as mosquitto writes them: the path and 0 for a unix socket.
struct At<'a>(&'a Peer);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Peer::Ip(address) => write!(f, "{}:{}", address.ip(), address.port()),
            Peer::Unix(path) => write!(f, "{path}:0"),
        }
    }
}

/// Address and port as text.
pub(super) fn address(peer: &Peer) -> String {
    At(peer).to_string()
}

/// The address alone.
struct Host<'a>(&'a Peer);

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Peer::Ip(address) => write!(f, "{}", address.ip()),
            Peer::Unix(path) => write!(f, "{path}"),
        }
    }
}

impl fmt::Display for PublishLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "(d{}, q{}, r{}, m{}, '{}', ... ({} bytes))",
            u8::from(self.dup),
            self.qos as u8,
            u8::from(self.retain),
            self.packet_identifier,
            self.topic,
            self.length
        )
    }
}

impl fmt::Display for AckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AckName::PubAck => "PUBACK",
            AckName::PubRec => "PUBREC",
            AckName::PubRel => "PUBREL",
            AckName::PubComp => "PUBCOMP",
        })
    }
}

/// What stands behind `disconnected`.
pub(super) fn ended(why: Ended) -> &'static str {
    match why {
        Ended::Normally => ".",
        Ended::ByClient => ": connection closed by client.",
        Ended::Timeout => ": exceeded timeout.",
        Ended::TakenOver => ": session taken over.",
        Ended::Malformed => ": malformed packet.",
        Ended::ProtocolError => ": protocol error.",
        Ended::NotAuthorised => ": not authorised.",
        Ended::OversizePacket => ": oversize packet.",
        Ended::OversizePayload => ": oversize payload.",
        Ended::DisallowedFeature => {
            ": used disallowed feature (QoS too high, retain not supported, or bad AUTH method)."
        }
        Ended::ClientIdentifierNotValid => ": client identifier not valid.",
        Ended::TopicAliasInvalid => ": topic alias invalid.",
        Ended::ReceiveMaximumExceeded => ": receive maximum exceeded.",
        Ended::ServerBusy => ": server busy.",
        Ended::OutOfMemory => ": out of memory.",
        Ended::Administrative => ": administrative action.",
        Ended::ServerStops => ": server shutting down.",
        Ended::Internal => ": implementation specific error.",
        Ended::TlsFailed => ": Protocol error.",
        Ended::Origin => ": non-matching http origin.",
        Ended::Unmentioned => ".",
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::NewConnection { peer, port } => {
                write!(f, "New connection from {} on port {port}.", At(peer))
            }
            Notice::ClientConnected { peer, client, version, clean_start, keep_alive, username, bridge } => {
                let what = if *bridge { "bridge" } else { "client" };
                let (p, c) = (*version as u8, u8::from(*clean_start));
                write!(f, "New {what} connected from {} as {client} (p{p}, c{c}, k{keep_alive}", At(peer))?;
                match username {
                    Some(username) => write!(f, ", u'{username}')."),
                    None => f.write_str(")."),
                }
            }
            Notice::Will(None) => f.write_str("No will message specified."),
            Notice::Will(Some((length, retain, qos, topic))) => {
                let (r, q) = (u8::from(*retain), *qos as u8);
                write!(f, "Will message specified ({length} bytes) (r{r}, q{q}).\n\t{topic}")
            }
            Notice::Disconnected { client, peer, why } => {
                write!(f, "Client {client} [{}] disconnected{}", At(peer), ended(*why))
            }
            Notice::Negotiated { client, words } => write!(f, "Client {client} negotiated {words}"),
            Notice::ProxyNegotiated { peer, words } => {
                write!(f, "Connection from {} negotiated {words}", At(peer))
            }
            Notice::CorruptProxy { peer: None } => f.write_str("Connection rejected, corrupt PROXY header."),
            Notice::CorruptProxy { peer: Some(peer) } => {
                write!(f, "Connection from {} rejected, corrupt PROXY header.", At(peer))
            }
            Notice::ProxyWithoutTls { peer } => {
                write!(f, "Connection from {} rejected, client did not connect using TLS.", At(peer))
            }
            Notice::ProxyWithoutCertificate { peer } => {
                write!(f, "Connection from {} rejected, client did not provide a certificate.", At(peer))
            }
            Notice::TlsFailed { client, what } => {
                write!(f, "OpenSSL Error while talking to {client}[0]: {what}")
            }
            Notice::TooManyConnections { peer } => {
                write!(f, "Client connection from {} denied: max_connections exceeded.", Host(peer))
            }
            Notice::MultipleConnects { peer } => {
                write!(f, "Bad client {} sending multiple CONNECT messages.", At(peer))
            }
            Notice::LooksLikeTls { peer } => {
                write!(
                    f,
                    "Client from {} appears to be using TLS to connect to a non-TLS listener.",
                    At(peer)
                )
            }
            Notice::Dropping { client } => {
                write!(f, "Outgoing messages are being dropped for client {client}.")
            }
            Notice::TooLargeForReceiver { client, length } => {
                write!(f, "Dropping too large outgoing PUBLISH for {client} ({length} bytes)")
            }
            Notice::ReceiveMaximumExceeded { client } => write!(
                f,
                "Client {client} has exceeded its receive-maximum quota. This behaviour must be fixed on the client."
            ),
            Notice::SessionExpired { client } => write!(f, "Expiring client {client} due to timeout."),
            Notice::Contained { client } => {
                write!(f, "Error: A fault while handling client {client} was contained; its connection ends.")
            }
            Notice::ProtocolError { client, what } => write!(f, "Protocol error from {client}: {what}"),
            Notice::UnknownProtocol { peer, name } => {
                write!(f, "Invalid protocol \"{name}\" in CONNECT from {}.", Host(peer))
            }
            Notice::Malformed { client, peer, packet, error } => malformed(client, peer, *packet, *error, f),
            packet => packet_line(packet, f),
        }
    }
}

/// A packet that can't be read. mosquitto has words of its own for some mistakes; what it only calls malformed is said
/// here as well.
fn malformed(
    client: &str,
    peer: &Peer,
    packet: u8,
    error: Malformed,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    const CONNECT: u8 = 1;
    const PUBLISH: u8 = 3;
    const SUBSCRIBE: u8 = 8;
    const UNSUBSCRIBE: u8 = 10;
    match (packet, error) {
        (CONNECT, Malformed::UnsupportedProtocolVersion(level)) => {
            write!(f, "Invalid protocol version {level} in CONNECT from {}.", Host(peer))
        }
        (CONNECT, Malformed::WillQoS) => write!(f, "Invalid Will QoS in CONNECT from {}.", Host(peer)),
        (PUBLISH, Malformed::QoS) => write!(f, "Invalid QoS in PUBLISH from {client}, disconnecting."),
        (PUBLISH, Malformed::DupWithQoS0) => {
            write!(f, "Invalid PUBLISH (QoS=0 and DUP=1) from {client}, disconnecting.")
        }
        (PUBLISH, Malformed::PacketIdentifierZero) => {
            write!(f, "Protocol error from {client}: PUBLISH packet with mid = 0.")
        }
        (SUBSCRIBE, Malformed::TopicFilterEmpty) => {
            write!(f, "Empty subscription string from {}, disconnecting.", Host(peer))
        }
        (SUBSCRIBE, Malformed::TopicFilter | Malformed::SharedSubscription) => {
            write!(f, "Invalid subscription string from {}, disconnecting.", Host(peer))
        }
        (SUBSCRIBE, Malformed::SubscriptionQoS) => {
            write!(f, "Invalid QoS in subscription command from {}, disconnecting.", Host(peer))
        }
        (UNSUBSCRIBE, Malformed::TopicFilterEmpty) => {
            write!(f, "Empty unsubscription string from {client}, disconnecting.")
        }
        (UNSUBSCRIBE, Malformed::TopicFilter | Malformed::SharedSubscription) => {
            write!(f, "Invalid unsubscription string from {client}, disconnecting.")
        }
        _ => write!(f, "Protocol error from {client}: {error}."),
    }
}

/// The lines of `log_type debug`, `subscribe` and `unsubscribe`: one a packet or filter.
fn packet_line(notice: &Notice, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match notice {
        Notice::SendingConnAck { client, session_present, code } => {
            write!(f, "Sending CONNACK to {client} ({}, {code})", u8::from(*session_present))
        }
        Notice::ReceivedPublish { client, publish } => write!(f, "Received PUBLISH from {client} {publish}"),
        Notice::DeniedPublish { client, publish } => write!(f, "Denied PUBLISH from {client} {publish}"),
        Notice::TooLargePublish { client, publish } => {
            write!(f, "Dropped too large PUBLISH from {client} {publish}")
        }
        Notice::SendingPublish { client, publish } => write!(f, "Sending PUBLISH to {client} {publish}"),
        Notice::ReceivedAck { client, name, packet_identifier, reason } => match name {
            AckName::PubAck | AckName::PubComp => {
                write!(f, "Received {name} from {client} (Mid: {packet_identifier}, RC:{})", reason.0)
            }
            _ => write!(f, "Received {name} from {client} (Mid: {packet_identifier})"),
        },
        Notice::SendingAck { client, name, packet_identifier, reason } => match name {
            AckName::PubAck | AckName::PubRec => {
                write!(f, "Sending {name} to {client} (m{packet_identifier}, rc{})", reason.0)
            }
            _ => write!(f, "Sending {name} to {client} (m{packet_identifier})"),
        },
        Notice::UnknownIdentifier { client, name, packet_identifier } => write!(
            f,
            "Warning: Received {name} from {client} for an unknown packet identifier {packet_identifier}."
        ),
        Notice::ReceivedSubscribe { client } => write!(f, "Received SUBSCRIBE from {client}"),
        Notice::Filter { filter, qos: Some(qos) } => write!(f, "\t{filter} (QoS {})", *qos as u8),
        Notice::Filter { filter, qos: None } => write!(f, "\t{filter} (denied)"),
        Notice::Subscribed { client, qos, filter } => write!(f, "{client} {} {filter}", *qos as u8),
        Notice::SendingSubAck { client } => write!(f, "Sending SUBACK to {client}"),
        Notice::ReceivedUnsubscribe { client } => write!(f, "Received UNSUBSCRIBE from {client}"),
        Notice::UnsubscribeFilter { filter } => write!(f, "\t{filter}"),
        Notice::Unsubscribed { client, filter } => write!(f, "{client} {filter}"),
        Notice::SendingUnsubAck { client } => write!(f, "Sending UNSUBACK to {client}"),
        Notice::ReceivedPingReq { client } => write!(f, "Received PINGREQ from {client}"),
        Notice::SendingPingResp { client } => write!(f, "Sending PINGRESP to {client}"),
        Notice::ReceivedDisconnect { client } => write!(f, "Received DISCONNECT from {client}"),
        Notice::SendingDisconnect { client, reason } => {
            write!(f, "Sending DISCONNECT to {client} (rc{})", reason.0)
        }
        // The others are written by the caller.
        _ => Ok(()),
    }
}
