//! Opening the listeners: TCP on the addresses asked for, unix sockets at their path.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;

use mio::event::Source;
use mio::net::{TcpListener, TcpStream, UnixListener};
use socket2::{Domain, Protocol, SockAddr, Socket as RawSocket, Type};

use super::error::{Error, reason};
use super::socket::Socket;
use crate::broker::Peer;
use crate::config::{Listener, ListenerProtocol, LogType, Settings, SocketDomain};
use crate::observe::Logger;

/// Connections that may wait to be accepted, as mosquitto asks for.
const BACKLOG: i32 = 1024;

/// An open listening socket.
#[derive(Debug)]
pub struct Listening {
    /// The socket.
    pub kind: Kind,
    /// The number that the broker knows it by.
    pub listener: usize,
}

/// What kind of listening socket it is.
#[derive(Debug)]
pub enum Kind {
    /// TCP.
    Tcp(TcpListener),
    /// A unix socket, and its path, which is removed in the end.
    Unix(UnixListener, PathBuf, Arc<str>),
    /// HTTP, served by its own thread once the socket was taken; where it listens.
    Http(Option<std::net::TcpListener>, SocketAddr),
}

impl Listening {
    /// Takes a connection that waits.
    pub fn accept(&self) -> io::Result<(Socket, Peer)> {
        match &self.kind {
            Kind::Tcp(listener) => {
                let (stream, address) = listener.accept()?;
                set_up(&stream);
                Ok((Socket::Tcp(stream), Peer::Ip(address)))
            }
            Kind::Unix(listener, _, path) => {
                let (stream, _) = listener.accept()?;
                Ok((Socket::Unix(stream), Peer::Unix(path.clone())))
            }
            Kind::Http(..) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// For the poller, which has no part in HTTP.
    pub fn source(&mut self) -> Option<&mut dyn Source> {
        match &mut self.kind {
            Kind::Tcp(socket) => Some(socket),
            Kind::Unix(socket, ..) => Some(socket),
            Kind::Http(..) => None,
        }
    }

    /// Whether MQTT clients may come by it.
    pub fn is_mqtt(&self) -> bool {
        !matches!(self.kind, Kind::Http(..))
    }

    /// The address of a TCP listener.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.kind {
            Kind::Tcp(listener) => listener.local_addr().ok(),
            Kind::Unix(..) => None,
            Kind::Http(_, address) => Some(*address),
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Kind::Unix(_, path, _) = &self.kind {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Our loop gathers what it writes, so waiting for more (Nagle) would only delay it.
fn set_up(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
}

/// What makes a listener the same after a reload: where it listens. Anything else about it may change while it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    port: u16,
    address: Option<String>,
    unix_path: Option<String>,
    socket_domain: Option<SocketDomain>,
    bind_interface: Option<String>,
    http: bool,
}

impl Endpoint {
    /// Where this listener listens.
    pub fn of(listener: &Listener) -> Self {
        Endpoint {
            port: listener.port,
            address: listener.address.clone(),
            unix_path: listener.unix_path.clone(),
            socket_domain: listener.socket_domain,
            bind_interface: listener.bind_interface.clone(),
            http: listener.protocol == ListenerProtocol::HttpApi,
        }
    }

    /// Whether the two can't be open at the same time, as far as one can tell.
    pub fn may_clash(&self, other: &Endpoint) -> bool {
        self.port == other.port && self.unix_path == other.unix_path
    }
}

/// Where a listener listens, its name looked up; `Err`: why that can't be known.
pub type Addresses = Result<Vec<SocketAddr>, String>;

/// Looks up where a listener listens. This may take as long as a name server likes.
pub fn look_up(listener: &Listener) -> Addresses {
    match listener.unix_path {
        Some(_) => Ok(Vec::new()),
        None => addresses(listener).map_err(|error| error.to_string()),
    }
}

/// Opens these listeners: positions in the configuration (and in `addresses`), each with the number that it shall have.
/// All or none.
pub fn open_listed(
    settings: &Settings,
    addresses: &[Addresses],
    wanted: &[(usize, usize)],
    logger: &Logger,
    now: u64,
) -> Result<Vec<Listening>, Error> {
    let mut open = Vec::new();
    for (i, &(position, number)) in wanted.iter().enumerate() {
        let Some(listener) = settings.listeners.get(position) else { continue };
        let Some(addresses) = addresses.get(position) else { continue };
        match open_one(number, listener, addresses, logger, now, &mut open) {
            Ok(()) => {}
            // Figures are no reason not to serve clients.
            Err(error) if listener.protocol == ListenerProtocol::HttpApi && settings.listeners.len() > 1 => {
                logger.log(LogType::Error, now, format_args!("{error}"));
            }
            // In local-only mode one of 127.0.0.1 and ::1 is enough.
            Err(error) if settings.local_only && (i + 1 < wanted.len() || !open.is_empty()) => {
                logger.log(LogType::Warning, now, format_args!("Warning: {error}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(open)
}

fn open_one(
    index: usize,
    listener: &Listener,
    addresses: &Addresses,
    logger: &Logger,
    now: u64,
    open: &mut Vec<Listening>,
) -> Result<(), Error> {
    let http = listener.protocol == ListenerProtocol::HttpApi;
    if http && let Some(path) = &listener.unix_path {
        return Err(needs_a_port(path));
    }
    if let Some(path) = &listener.unix_path {
        logger.log(LogType::Information, now, format_args!("Opening unix listen socket on path {path}."));
        open.push(Listening { kind: open_unix(path)?, listener: index });
        return Ok(());
    }
    let mut opened = 0;
    let mut last = None;
    for &address in addresses.as_ref().map_err(Error::start)? {
        let family = if address.is_ipv4() { "ipv4" } else { "ipv6" };
        let port = address.port();
        let what = if http { "http api" } else { family };
        logger.log(LogType::Information, now, format_args!("Opening {what} listen socket on port {port}."));
        match open_tcp(address, listener.bind_interface.as_deref()) {
            Ok(socket) => {
                open.push(Listening { kind: kind(socket, http, address), listener: index });
                opened += 1;
            }
            // No IPv6 on this machine is no reason not to start.
            Err(error) if listener.address.is_none() && is_missing_family(&error) => last = Some(error),
            Err(error) => return Err(cannot_open(&error, listener)),
        }
    }
    match last {
        Some(error) if opened == 0 => Err(cannot_open(&error, listener)),
        _ => Ok(()),
    }
}

fn kind(socket: std::net::TcpListener, http: bool, wanted: SocketAddr) -> Kind {
    match http {
        true => {
            let address = socket.local_addr().unwrap_or(wanted);
            Kind::Http(Some(socket), address)
        }
        false => Kind::Tcp(TcpListener::from_std(socket)),
    }
}

/// Why a listener can't be opened.
pub enum Trial {
    /// Something listens there already.
    InUse(String),
    /// It can't be.
    Impossible(Error),
}

/// Whether a listener could be opened: TCP is opened and closed, a unix socket's folder is looked at.
pub fn try_open(listener: &Listener) -> Result<(), Trial> {
    if let Some(path) = &listener.unix_path {
        return match listener.protocol {
            ListenerProtocol::HttpApi => Err(Trial::Impossible(needs_a_port(path))),
            _ => try_unix(path).map_err(Trial::Impossible),
        };
    }
    let mut found = None;
    for address in addresses(listener).map_err(Trial::Impossible)? {
        match open_tcp(address, listener.bind_interface.as_deref()) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(Trial::InUse(format!("{} (port {}).", reason(&error), address.port())));
            }
            Err(error) if listener.address.is_none() && is_missing_family(&error) => found = Some(error),
            Err(error) => return Err(Trial::Impossible(cannot_open(&error, listener))),
        }
    }
    Err(Trial::Impossible(match found {
        Some(error) => cannot_open(&error, listener),
        None => Error::start("Error: Unable to start any listening sockets, exiting."),
    }))
}

fn needs_a_port(path: &str) -> Error {
    Error::start(format!("Error: An http_api listener needs a port; {path} is a path."))
}

fn try_unix(path: &str) -> Result<(), Error> {
    SockAddr::unix(path).map_err(|_| too_long(path))?;
    let fail = |error: io::Error| Error::start(format!("Error: {} ({path})", reason(&error)));
    let folder = std::path::Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(std::path::Path::new("."));
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)
        .map_err(|error| fail(error.into()))?;
    match std::fs::symlink_metadata(path) {
        Ok(found) if !is_socket(&found) => Err(not_a_socket(path)),
        _ => Ok(()),
    }
}

fn too_long(path: &str) -> Error {
    Error::start(format!("Error: Path to unix socket is too long \"{path}\"."))
}

fn not_a_socket(path: &str) -> Error {
    Error::start(format!("Error: {path} is there and is not a socket."))
}

fn is_missing_family(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL))
}

fn cannot_open(error: &io::Error, listener: &Listener) -> Error {
    let (text, port) = (reason(error), listener.port);
    if let (Some(libc::ENODEV), Some(interface)) = (error.raw_os_error(), &listener.bind_interface) {
        return Error::start(format!("Error: Interface {interface} does not exist."));
    }
    let hint = if error.kind() == io::ErrorKind::PermissionDenied && port < 1024 {
        "; binding to a port below 1024 needs CAP_NET_BIND_SERVICE (setcap 'cap_net_bind_service=+ep')"
    } else {
        ""
    };
    Error::start(format!("Error: {text} (port {port}{hint})"))
}

/// The addresses that a listener asks for.
fn addresses(listener: &Listener) -> Result<Vec<SocketAddr>, Error> {
    let wanted = |address: &SocketAddr| match listener.socket_domain {
        None => true,
        Some(SocketDomain::Ipv4) => address.is_ipv4(),
        Some(SocketDomain::Ipv6) => address.is_ipv6(),
    };
    let port = listener.port;
    let all: Vec<SocketAddr> = match &listener.address {
        None => vec![
            (IpAddr::V4(Ipv4Addr::UNSPECIFIED), port).into(),
            (IpAddr::V6(Ipv6Addr::UNSPECIFIED), port).into(),
        ],
        Some(name) => (name.as_str(), port)
            .to_socket_addrs()
            .map_err(|error| Error::start(format!("Error: Unable to resolve '{name}': {}.", reason(&error))))?
            .collect(),
    };
    let chosen: Vec<SocketAddr> = all.into_iter().filter(wanted).collect();
    if chosen.is_empty() {
        return Err(Error::start(format!(
            "Error: No address of port {port} is in the socket_domain asked for."
        )));
    }
    Ok(chosen)
}

fn open_tcp(address: SocketAddr, interface: Option<&str>) -> io::Result<std::net::TcpListener> {
    let socket = RawSocket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if let Some(interface) = interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn open_unix(path: &str) -> Result<Kind, Error> {
    let address = SockAddr::unix(path).map_err(|_| too_long(path))?;
    let fail = |error: io::Error| Error::start(format!("Error: {} ({path})", reason(&error)));
    match std::fs::symlink_metadata(path) {
        Ok(found) if is_socket(&found) => std::fs::remove_file(path).map_err(fail)?,
        Ok(_) => return Err(not_a_socket(path)),
        Err(_) => {}
    }
    let socket = RawSocket::new(Domain::UNIX, Type::STREAM, None).map_err(fail)?;
    socket.set_nonblocking(true).map_err(fail)?;
    // Owner and group may connect, as with mosquitto.
    let old = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o007));
    let bound = socket.bind(&address);
    rustix::process::umask(old);
    bound.map_err(fail)?;
    socket.listen(BACKLOG).map_err(fail)?;
    let listener =
        UnixListener::from_std(std::os::unix::net::UnixListener::from(std::os::fd::OwnedFd::from(socket)));
    Ok(Kind::Unix(listener, path.into(), path.into()))
}

fn is_socket(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    found.file_type().is_socket()
}
