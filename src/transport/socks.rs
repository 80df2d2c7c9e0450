//! Reaching the broker through a SOCKS5 proxy, which looks the name up.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

/// How long a proxy may take for an answer where nothing else is said.
const PATIENCE: Duration = Duration::from_secs(60);

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const PASSWORD: u8 = 2;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// A SOCKS5 proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User name and password, at most 255 bytes each.
    pub credentials: Option<(String, Zeroizing<Vec<u8>>)>,
}

impl fmt::Debug for Proxy {
    /// Everything but the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.credentials.as_ref().map(|(user, _)| user);
        f.debug_struct("Proxy")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &user)
            .finish_non_exhaustive()
    }
}

/// Asks the proxy at the other end of `socket` for a connection; what follows then is the broker's.
///
/// # Errors
/// Why there is none, in words.
pub(super) fn connect(
    socket: &mut TcpStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
    deadline: Option<Instant>,
) -> Result<(), String> {
    let left = deadline.map_or(PATIENCE, |until| until.saturating_duration_since(Instant::now()));
    // A limit of zero would be none.
    let limit = Some(left.max(Duration::from_millis(1)));
    let limited = |socket: &TcpStream, limit| {
        socket.set_read_timeout(limit).and_then(|()| socket.set_write_timeout(limit)).map_err(words)
    };
    limited(socket, limit)?;
    authenticate(socket, proxy)?;
    request(socket, host, port)?;
    answer(socket)?;
    limited(socket, None)
}

fn words(error: io::Error) -> String {
    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
        return "the proxy doesn't answer".to_owned();
    }
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return "the proxy closed the connection".to_owned();
    }
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn authenticate(socket: &mut TcpStream, proxy: &Proxy) -> Result<(), String> {
    let methods: &[u8] = match proxy.credentials {
        Some(_) => &[VERSION, 2, NO_AUTHENTICATION, PASSWORD],
        None => &[VERSION, 1, NO_AUTHENTICATION],
    };
    socket.write_all(methods).map_err(words)?;
    let mut chosen = [0; 2];
    socket.read_exact(&mut chosen).map_err(words)?;
    match (chosen, &proxy.credentials) {
        ([VERSION, NO_AUTHENTICATION], _) => Ok(()),
        ([VERSION, PASSWORD], Some((user, password))) => {
            let mut message = Zeroizing::new(vec![1, user.len() as u8]);
            message.extend_from_slice(user.as_bytes());
            message.push(password.len() as u8);
            message.extend_from_slice(password);
            socket.write_all(&message).map_err(words)?;
            let mut answer = [0; 2];
            socket.read_exact(&mut answer).map_err(words)?;
            if answer[1] == 0 { Ok(()) } else { Err("the proxy refused user name and password".to_owned()) }
        }
        ([VERSION, _], None) => Err("the proxy wants a user name and a password".to_owned()),
        ([VERSION, _], Some(_)) => Err("the proxy takes no user name and password".to_owned()),
        _ => Err("the proxy doesn't speak SOCKS5".to_owned()),
    }
}

fn request(socket: &mut TcpStream, host: &str, port: u16) -> Result<(), String> {
    let mut message = vec![VERSION, CONNECT, 0];
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            message.push(IPV4);
            message.extend_from_slice(&address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            message.push(IPV6);
            message.extend_from_slice(&address.octets());
        }
        Err(_) => {
            let length = u8::try_from(host.len()).map_err(|_| "the host's name is too long for a proxy")?;
            message.extend_from_slice(&[NAME, length]);
            message.extend_from_slice(host.as_bytes());
        }
    }
    message.extend_from_slice(&port.to_be_bytes());
    socket.write_all(&message).map_err(words)
}

fn answer(socket: &mut TcpStream) -> Result<(), String> {
    let mut head = [0; 4];
    socket.read_exact(&mut head).map_err(words)?;
    let [version, reply, _, kind] = head;
    if version != VERSION {
        return Err("the proxy doesn't speak SOCKS5".to_owned());
    }
    let why = match reply {
        0 => None,
        2 => Some("it is against the proxy's rules"),
        3 => Some("the network is unreachable"),
        4 => Some("the host is unreachable"),
        5 => Some("the connection was refused"),
        6 => Some("it took too long"),
        7 | 8 => Some("the proxy can't do that"),
        _ => Some("the proxy failed"),
    };
    if let Some(why) = why {
        return Err(format!("the proxy doesn't reach the broker: {why}"));
    }
    // The address that the proxy connects from; nobody needs it.
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => {
            let mut length = [0];
            socket.read_exact(&mut length).map_err(words)?;
            usize::from(length[0])
        }
        _ => return Err("the proxy doesn't speak SOCKS5".to_owned()),
    };
    let mut rest = [0; 255 + 2];
    socket.read_exact(&mut rest[..length + 2]).map_err(words)
}
