//! From a name to a connected stream: the addresses a name stands for are tried in order.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use socket2::{Domain, Protocol, Socket, Type};

use super::stream::Layer;
use super::tls::{SetupError, TlsClient, TlsError};
use super::ws::{WsClient, WsSettings};
use super::{Address, Socket as Plain, Stream, Target, socks, srv};

/// Longest path a unix socket can have, in bytes; the system keeps one more for a zero byte.
const UNIX_PATH_MAX: usize = 107;

/// Why there is no connection.
#[derive(Debug)]
pub enum ConnectError {
    /// The host's name, or the name to bind to, stands for no address.
    Lookup,
    /// The address can't be one, such as a unix socket's path longer than 107 bytes.
    InvalidAddress,
    /// What the system said to the last address tried.
    Io(io::Error),
    /// A file that TLS needs can't be opened: which, and why.
    TlsFile(String),
    /// TLS can't be set up as it should.
    Tls(TlsError),
    /// The proxy didn't do what it should: what, in words.
    Proxy(String),
}

impl From<SetupError> for ConnectError {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::File(which) => ConnectError::TlsFile(which),
            SetupError::Other(error) => ConnectError::Tls(error),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Lookup => f.write_str("Lookup error"),
            ConnectError::InvalidAddress => f.write_str("Invalid input"),
            ConnectError::Io(error) => error.fmt(f),
            ConnectError::TlsFile(which) | ConnectError::Proxy(which) => f.write_str(which),
            ConnectError::Tls(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ConnectError {}

/// Makes connections to one target. What they share is set up once, with the first.
pub struct Connector {
    target: Target,
    tls: Option<TlsClient>,
}

impl Connector {
    /// Does nothing yet.
    pub fn new(target: Target) -> Self {
        Connector { target, tls: None }
    }

    /// Where to, and how.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// When the next connecting counts as failed.
    pub fn set_deadline(&mut self, until: Option<Instant>) {
        self.target.deadline = until;
    }

    /// Connects, waiting as long as the target's deadline or the system allows. The handshakes of TLS and WebSocket come
    /// later, with the first reads and writes.
    ///
    /// # Errors
    /// [`ConnectError`]; of several addresses, the last one's.
    pub fn connect(&mut self) -> Result<Stream, ConnectError> {
        if let (Some(settings), None) = (&self.target.tls, &self.tls) {
            self.tls = Some(TlsClient::new(settings)?);
        }
        let (socket, host) = match &self.target.address {
            Address::Tcp { host, .. } if self.target.srv => {
                let (socket, host) = self.reach_service(host)?;
                (socket, Some(host))
            }
            Address::Tcp { host, port } => (self.reach(host, *port)?, Some(host.clone())),
            Address::Unix(path) => (connect_unix(path)?, None),
        };
        let host = host.as_deref();
        match (&self.tls, &self.target.ws) {
            (None, None) => Ok(Stream::Plain(socket)),
            (Some(tls), None) => {
                Ok(Stream::Layered(Box::new(tls.connect(host, socket).map_err(ConnectError::Tls)?)))
            }
            (None, Some(ws)) => self.web_socket(socket, ws),
            (Some(tls), Some(ws)) => {
                self.web_socket(tls.connect(host, socket).map_err(ConnectError::Tls)?, ws)
            }
        }
    }

    /// Connects to the host, or to the proxy and through it.
    fn reach(&self, host: &str, port: u16) -> Result<Plain, ConnectError> {
        let Some(proxy) = &self.target.proxy else {
            return connect_tcp(host, port, &self.target).map(Plain::Tcp);
        };
        let mut socket = connect_tcp(&proxy.host, proxy.port, &self.target)?;
        socks::connect(&mut socket, proxy, host, port, self.target.deadline).map_err(ConnectError::Proxy)?;
        Ok(Plain::Tcp(socket))
    }

    /// Connects to the first of those that offer the service in a domain.
    fn reach_service(&self, domain: &str) -> Result<(Plain, String), ConnectError> {
        let service = if self.target.tls.is_some() { "_secure-mqtt" } else { "_mqtt" };
        let name = format!("{service}._tcp.{domain}");
        let offers = srv::lookup(&name, &srv::nameservers(), self.target.deadline);
        let mut last = ConnectError::Lookup;
        for offer in offers.map_err(|_| ConnectError::Lookup)? {
            match self.reach(&offer.host, offer.port) {
                Ok(socket) => return Ok((socket, offer.host)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn web_socket<S: Layer + 'static>(&self, stream: S, ws: &WsSettings) -> Result<Stream, ConnectError> {
        let host = match &self.target.address {
            Address::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Address::Tcp { host, port } => format!("{host}:{port}"),
            Address::Unix(_) => "localhost".to_owned(),
        };
        let stream = WsClient::new(stream, ws, &host).map_err(ConnectError::Io)?;
        Ok(Stream::Layered(Box::new(stream)))
    }
}

fn connect_unix(path: &Path) -> Result<Plain, ConnectError> {
    let length = path.as_os_str().len();
    if length == 0 || length > UNIX_PATH_MAX {
        return Err(ConnectError::InvalidAddress);
    }
    UnixStream::connect(path).map(Plain::Unix).map_err(ConnectError::Io)
}

fn connect_tcp(host: &str, port: u16, target: &Target) -> Result<TcpStream, ConnectError> {
    let local = target.bind.as_deref().map(|name| resolve(name, 0)).transpose()?;
    let mut last = ConnectError::Lookup;
    for remote in resolve(host, port)? {
        match connect_one(remote, local.as_deref(), target.deadline) {
            Ok(socket) => {
                if target.nodelay {
                    socket.set_tcp_nodelay(true).map_err(ConnectError::Io)?;
                }
                return Ok(socket.into());
            }
            // That this machine has no such network says less than what another address answered.
            Err(error)
                if error.kind() == io::ErrorKind::AddrNotAvailable && matches!(last, ConnectError::Io(_)) => {
            }
            Err(error) => last = ConnectError::Io(error),
        }
    }
    Err(last)
}

/// The addresses a name stands for. `localhost` is this machine, whatever a resolver says (RFC 6761, 6.3), and need
/// not be looked up: reading the resolver's five files takes a tenth of a whole run of mqtt-pub.
fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]);
    }
    let addresses: Vec<SocketAddr> =
        (host, port).to_socket_addrs().map_err(|_| ConnectError::Lookup)?.collect();
    if addresses.is_empty() { Err(ConnectError::Lookup) } else { Ok(addresses) }
}

/// Connects to one address, from the first local address of its family that can be bound.
fn connect_one(
    remote: SocketAddr,
    local: Option<&[SocketAddr]>,
    deadline: Option<Instant>,
) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP))?;
    if let Some(local) = local {
        let mut bound = Err(io::Error::from(io::ErrorKind::AddrNotAvailable));
        for address in local.iter().filter(|address| address.is_ipv4() == remote.is_ipv4()) {
            bound = socket.bind(&(*address).into());
            if bound.is_ok() {
                break;
            }
        }
        bound?;
    }
    match deadline {
        None => socket.connect(&remote.into())?,
        Some(deadline) => {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::from_raw_os_error(libc::ETIMEDOUT));
            }
            socket.connect_timeout(&remote.into(), left).map_err(|error| match error.kind() {
                io::ErrorKind::TimedOut => io::Error::from_raw_os_error(libc::ETIMEDOUT),
                _ => error,
            })?;
        }
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    fn target(address: Address) -> Target {
        Target {
            address,
            bind: None,
            srv: false,
            nodelay: true,
            deadline: None,
            tls: None,
            ws: None,
            proxy: None,
        }
    }

    fn connect(target: &Target) -> Result<Stream, ConnectError> {
        Connector::new(target.clone()).connect()
    }

    #[test]
    fn tcp_reaches_the_listener_from_the_bound_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut wanted = target(Address::Tcp { host: "localhost".into(), port });
        wanted.bind = Some("127.0.0.2".into());
        let mut stream = connect(&wanted).unwrap();
        let (mut accepted, from) = listener.accept().unwrap();
        assert_eq!(from.ip().to_string(), "127.0.0.2");
        stream.write_all(b"hi").unwrap();
        stream.shutdown_write().unwrap();
        let mut got = String::new();
        accepted.read_to_string(&mut got).unwrap();
        assert_eq!(got, "hi");
    }

    #[test]
    fn a_unix_socket_reaches_its_listener_and_a_long_path_is_invalid() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        assert!(matches!(connect(&target(Address::Unix(path))), Ok(Stream::Plain(Plain::Unix(_)))));
        drop(listener);
        let long = Address::Unix("x".repeat(108).into());
        assert!(matches!(connect(&target(long)), Err(ConnectError::InvalidAddress)));
    }

    #[test]
    fn a_name_without_address_and_a_port_nobody_listens_on_are_told_apart() {
        let nowhere = Address::Tcp { host: "nosuch.invalid".into(), port: 1 };
        assert!(matches!(connect(&target(nowhere)), Err(ConnectError::Lookup)));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let refused = Address::Tcp { host: "127.0.0.1".into(), port };
        match connect(&target(refused)) {
            Err(ConnectError::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused),
            other => panic!("{other:?}"),
        }
    }
}
