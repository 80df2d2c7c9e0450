//! Where a client connects to, as plain data.

use std::path::PathBuf;
use std::time::Instant;

use super::Proxy;
use super::tls::TlsSettings;
use super::ws::WsSettings;

/// The far end of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A host name or IP address, and a port.
    Tcp {
        /// Name or address, as the resolver takes it (no brackets around IPv6).
        host: String,
        /// Port number.
        port: u16,
    },
    /// The path of a unix socket.
    Unix(PathBuf),
}

/// All that a [`Connector`](super::Connector) needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where to.
    pub address: Address,
    /// Local name or address to bind to first (`-A`); TCP only.
    pub bind: Option<String>,
    /// The host is a domain whose SRV records say where the broker is; TCP only, and the port means nothing then.
    pub srv: bool,
    /// Sets `TCP_NODELAY`; TCP only.
    pub nodelay: bool,
    /// When connecting counts as failed; the system decides if there is none. Looking a name up isn't cut short.
    pub deadline: Option<Instant>,
    /// Speak TLS, so.
    pub tls: Option<TlsSettings>,
    /// Speak WebSocket, so; on top of TLS where both are asked for.
    pub ws: Option<WsSettings>,
    /// Go through this proxy; TCP only.
    pub proxy: Option<Proxy>,
}
