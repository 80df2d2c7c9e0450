//! What may stand between a socket and MQTT: a PROXY header, TLS, WebSocket. Each goes on as far as the socket allows
//! whenever it is read from, so that nobody who stops in the middle of a handshake keeps anybody else waiting.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, recv};

use super::http::Page;
use crate::broker::{Peer, Secured};
use crate::config::{IdentitySource, ProxyVersion};
use crate::transport::proxy_header::{self, PROXY_HEADER_MAX, ProxyHeader, Source as From};
use crate::transport::tls::{TlsServer, TlsStream};
use crate::transport::ws::{Progress, Sink, WsServer};

/// As much as fits into one TLS record.
const RECORD: usize = 16 * 1024;

/// What a listener's connections go through. Shared by them all, and replaced as a whole by a reload.
#[derive(Debug, Default)]
pub struct Ways {
    /// Each connection starts with a PROXY header.
    pub proxy: Option<ProxyVersion>,
    /// Which must tell of TLS.
    pub proxy_requires_tls: bool,
    /// Which must tell of a good certificate.
    pub proxy_requires_certificate: bool,
    /// TLS.
    pub tls: Option<TlsServer>,
    /// What clients are called by.
    pub identity: Option<IdentitySource>,
    /// WebSocket.
    pub web: Option<Web>,
}

/// The WebSocket of a listener.
#[derive(Debug, Default)]
pub struct Web {
    /// Origins that may come; none: all.
    pub origins: Vec<String>,
    /// A folder of pages for the others.
    pub pages: Option<String>,
}

impl Ways {
    /// Whether connections are more than a socket.
    pub fn are_layered(&self) -> bool {
        self.proxy.is_some() || self.tls.is_some() || self.web.is_some()
    }
}

/// A socket by itself.
#[derive(Debug)]
pub enum Raw {
    /// TCP.
    Tcp(TcpStream),
    /// A unix socket.
    Unix(UnixStream),
}

impl Raw {
    /// For the poller.
    pub fn source(&mut self) -> &mut dyn Source {
        match self {
            Raw::Tcp(stream) => stream,
            Raw::Unix(stream) => stream,
        }
    }

    fn shutdown(&self) {
        let _ = match self {
            Raw::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Raw::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
    }
}

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Raw::Tcp(stream) => stream.read(buffer),
            Raw::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Raw::Tcp(stream) => stream.write(bytes),
            Raw::Unix(stream) => stream.write(bytes),
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Raw::Tcp(stream) => stream.write_vectored(slices),
            Raw::Unix(stream) => stream.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Raw {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Raw::Tcp(stream) => stream.as_fd(),
            Raw::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Sink for Raw {
    fn put(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_vectored(slices)
    }
}

impl Sink for TlsStream<Raw> {
    fn put(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        thread_local! {
            /// Where small slices become one record.
            static JOINED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        match slices {
            [] => Ok(0),
            [one] => self.write(one),
            [first, ..] if first.len() >= RECORD => self.write(first),
            many => JOINED.with_borrow_mut(|joined| {
                joined.clear();
                for slice in many {
                    let room = RECORD - joined.len();
                    joined.extend_from_slice(&slice[..slice.len().min(room)]);
                }
                self.write(joined)
            }),
        }
    }
}

/// Why a connection isn't let in, where the peer isn't told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The PROXY header is none.
    CorruptProxy,
    /// It must tell of TLS and doesn't.
    ProxyWithoutTls,
    /// It must tell of a certificate and doesn't.
    ProxyWithoutCertificate,
    /// The proxy itself wanted to know whether we are alive.
    ProxyItself,
    /// A page of another origin.
    Origin,
    /// No request for a WebSocket.
    NoWebSocket,
    /// A request for a page: [`Layers::take_page`] has it.
    Page,
}

impl Refusal {
    /// The one that an error carries.
    pub fn within(error: &io::Error) -> Option<Refusal> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Refusal {}

impl std::convert::From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        io::Error::new(ErrorKind::InvalidData, refusal)
    }
}

/// What the broker must hear of before it sees any bytes.
#[derive(Debug)]
pub enum News {
    /// The connection comes from somewhere else.
    Peer(Peer),
    /// Who is at the other end, and how safely.
    Secured(Secured),
}

#[derive(Debug)]
enum Lower {
    Raw(Raw),
    Tls(TlsStream<Raw>),
    /// At its TLS handshake elsewhere, by this ticket.
    Away(u64, Nothing),
    /// Closed, or given away.
    Gone(Nothing),
}

/// How a connection comes back from its TLS handshake.
#[derive(Debug)]
pub enum Back {
    /// TLS is open.
    Open(TlsStream<Raw>),
    /// It isn't, and never will be; the socket, where it isn't lost.
    Failed(Option<Raw>),
}

/// A socket with what stands on it.
#[derive(Debug)]
pub struct Layers {
    lower: Lower,
    ws: Option<Box<WsServer>>,
    ways: Arc<Ways>,
    awaits_proxy: bool,
    /// The TLS handshake is over, and that was told.
    told_of_tls: bool,
    /// There may be more to read than the poller knows of.
    more: bool,
    aside: Option<Box<Aside>>,
}

/// What few connections have, and none for long.
#[derive(Debug, Default)]
struct Aside {
    news: Vec<News>,
    /// The head of a request for a page.
    page: Option<Vec<u8>>,
}

impl Layers {
    /// A connection that was just accepted.
    pub fn new(raw: Raw, ways: Arc<Ways>) -> Self {
        let ws = ways.web.as_ref().map(|_| Box::default());
        let awaits_proxy = ways.proxy.is_some();
        Layers {
            lower: Lower::Raw(raw),
            ws,
            ways,
            awaits_proxy,
            told_of_tls: false,
            more: false,
            aside: None,
        }
    }

    fn begin_tls(&mut self) -> io::Result<()> {
        let Some(tls) = &self.ways.tls else { return Ok(()) };
        if !matches!(self.lower, Lower::Raw(_)) {
            return Ok(());
        }
        if let Lower::Raw(raw) = std::mem::replace(&mut self.lower, Lower::Gone(Nothing)) {
            self.lower = Lower::Tls(tls.accept(raw)?);
        }
        Ok(())
    }

    /// Takes the socket away for the TLS handshake, if that is next. Where nobody does, it takes place while reading.
    pub fn depart(&mut self, ticket: u64) -> Option<(Raw, Arc<Ways>)> {
        if self.awaits_proxy || self.ways.tls.is_none() {
            return None;
        }
        match std::mem::replace(&mut self.lower, Lower::Away(ticket, Nothing)) {
            Lower::Raw(raw) => Some((raw, self.ways.clone())),
            other => {
                self.lower = other;
                None
            }
        }
    }

    /// The ticket with which it is away for its TLS handshake.
    pub fn away(&self) -> Option<u64> {
        match self.lower {
            Lower::Away(ticket, _) => Some(ticket),
            _ => None,
        }
    }

    /// It is back from its TLS handshake. `false`: that was another one.
    pub fn come_back(&mut self, ticket: u64, what: Back) -> bool {
        if !matches!(self.lower, Lower::Away(away, _) if away == ticket) {
            return false;
        }
        self.lower = match what {
            Back::Open(stream) => Lower::Tls(stream),
            Back::Failed(Some(raw)) => Lower::Raw(raw),
            Back::Failed(None) => Lower::Gone(Nothing),
        };
        true
    }

    /// For the poller.
    pub fn source(&mut self) -> &mut dyn Source {
        match &mut self.lower {
            Lower::Raw(raw) => raw.source(),
            Lower::Tls(stream) => stream.socket_mut().source(),
            Lower::Away(_, nothing) | Lower::Gone(nothing) => nothing,
        }
    }

    /// The socket, for whoever waits for it elsewhere. `None`: TLS couldn't begin.
    pub fn raw(&self) -> Option<&Raw> {
        match &self.lower {
            Lower::Raw(raw) => Some(raw),
            Lower::Tls(stream) => Some(stream.socket()),
            Lower::Away(..) | Lower::Gone(_) => None,
        }
    }

    /// Gives the connection away, if it asks for a page. What stays here is closed. `peer`: where it comes from.
    pub fn take_page(&mut self, peer: Option<Peer>) -> Option<Page> {
        let request = self.aside.as_mut()?.page.take()?;
        let folder = self.ways.web.as_ref()?.pages.as_ref()?.into();
        let lower = std::mem::replace(&mut self.lower, Lower::Gone(Nothing));
        let layers = Layers {
            lower,
            ws: None,
            ways: self.ways.clone(),
            awaits_proxy: false,
            told_of_tls: true,
            more: false,
            aside: None,
        };
        Some(Page { layers, request, folder, peer })
    }

    /// What the broker must hear of.
    pub fn take_news(&mut self) -> Vec<News> {
        let Some(aside) = &mut self.aside else { return Vec::new() };
        let news = std::mem::take(&mut aside.news);
        if aside.page.is_none() {
            self.aside = None;
        }
        news
    }

    /// There may be more to read than the poller knows of.
    pub fn has_buffered(&self) -> bool {
        self.more
    }

    /// Something that was written already waits for the socket.
    pub fn has_unwritten(&self) -> bool {
        let below = matches!(&self.lower, Lower::Tls(stream) if stream.has_unwritten());
        below || self.ws.as_ref().is_some_and(|ws| ws.has_unwritten())
    }

    /// Reads payload.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.more = false;
        if self.awaits_proxy {
            self.read_proxy_header()?;
        } else {
            self.begin_tls()?;
        }
        let count = match &mut self.lower {
            Lower::Raw(raw) => raw.read(buffer),
            Lower::Tls(stream) => {
                let count = stream.read(buffer);
                self.more = stream.has_buffered();
                if !self.told_of_tls && stream.is_open() {
                    self.told_of_tls = true;
                    let secured = secured(stream, self.ways.identity);
                    self.aside.get_or_insert_default().news.push(News::Secured(secured));
                }
                count
            }
            Lower::Away(..) => return Err(ErrorKind::WouldBlock.into()),
            Lower::Gone(_) => Ok(0),
        }?;
        self.more |= count == buffer.len();
        match count {
            0 => Ok(0),
            _ if self.ws.is_some() => self.undo_frames(buffer, count),
            _ => Ok(count),
        }
    }

    /// Looks at what is there, and takes the header off once it is whole.
    fn read_proxy_header(&mut self) -> io::Result<()> {
        let Lower::Raw(raw) = &mut self.lower else { return Ok(()) };
        let mut bytes = [0; PROXY_HEADER_MAX];
        // Looking at bytes doesn't get as far as the end behind them; asked for first, since both may come meanwhile.
        let is_over = has_closed(raw);
        let (count, _) = recv(raw.as_fd(), &mut bytes, RecvFlags::PEEK)?;
        let read = match self.ways.proxy {
            Some(ProxyVersion::V1) => proxy_header::version_1(&bytes[..count]),
            _ => proxy_header::version_2(&bytes[..count]),
        };
        match read.map_err(|_| Refusal::CorruptProxy)? {
            Some((header, length)) => {
                raw.read_exact(&mut bytes[..length])?;
                self.awaits_proxy = false;
                self.heed(header)?;
                // TLS is next, and that may be elsewhere.
                if self.ways.tls.is_some() { Err(ErrorKind::Interrupted.into()) } else { Ok(()) }
            }
            None if count == 0 || is_over => Err(ErrorKind::ConnectionAborted.into()),
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn heed(&mut self, header: ProxyHeader) -> Result<(), Refusal> {
        match header.source {
            From::Proxy => return Err(Refusal::ProxyItself),
            From::Unknown => {}
            From::Tcp(address) => self.tell(News::Peer(Peer::Ip(address))),
            From::Unix(path) => self.tell(News::Peer(Peer::Unix(path.into()))),
        }
        if self.ways.proxy != Some(ProxyVersion::V2) {
            return Ok(());
        }
        if self.ways.proxy_requires_tls && header.tls.is_none() {
            return Err(Refusal::ProxyWithoutTls);
        }
        let certified = header.tls.as_ref().is_some_and(|tls| tls.has_certificate);
        if self.ways.proxy_requires_certificate && !certified {
            return Err(Refusal::ProxyWithoutCertificate);
        }
        if let Some(tls) = header.tls {
            let cipher = tls.cipher.as_deref().unwrap_or("unknown");
            let words = format!("{} cipher {cipher}", tls.version).into();
            let name = self.ways.identity.and(tls.common_name).map(Into::into);
            self.tell(News::Secured(Secured { words, by_proxy: true, name }));
        }
        Ok(())
    }

    fn tell(&mut self, news: News) {
        self.aside.get_or_insert_default().news.push(news);
    }

    /// Makes payload of what was read: the request first, then frames, where they lie.
    fn undo_frames(&mut self, buffer: &mut [u8], mut count: usize) -> io::Result<usize> {
        let (Some(ws), Some(web)) = (&mut self.ws, &self.ways.web) else { return Ok(count) };
        if !ws.is_open() {
            let mut bytes = buffer[..count].to_vec();
            match ws.request(&mut bytes, &web.origins) {
                Progress::More => return Err(self.nothing_yet()),
                Progress::Open => {}
                Progress::Page if web.pages.is_none() => return Err(Refusal::NoWebSocket.into()),
                Progress::Page => {
                    self.aside.get_or_insert_default().page = Some(ws.take_request());
                    return Err(Refusal::Page.into());
                }
                Progress::Refused => return Err(Refusal::NoWebSocket.into()),
                Progress::Origin => return Err(Refusal::Origin.into()),
            }
            count = bytes.len();
            buffer[..count].copy_from_slice(&bytes);
        }
        let payload = ws.undo(&mut buffer[..count]);
        let is_closed = ws.is_closed();
        if ws.has_unwritten() {
            self.write_out_quietly();
        }
        match payload {
            None => Ok(0),
            Some(0) => Err(self.nothing_yet()),
            Some(payload) => {
                self.more |= is_closed;
                Ok(payload)
            }
        }
    }

    /// What came was no payload; perhaps what follows is.
    fn nothing_yet(&self) -> io::Error {
        if self.more { ErrorKind::Interrupted.into() } else { ErrorKind::WouldBlock.into() }
    }

    /// What can't be written now is written once the poller says so.
    fn write_out_quietly(&mut self) {
        let _ = self.write_out();
    }

    /// Writes what waits, as far as the socket takes it.
    pub fn write_out(&mut self) -> io::Result<()> {
        let result = match (&mut self.lower, &mut self.ws) {
            (Lower::Raw(raw), Some(ws)) => ws.write_out(raw),
            (Lower::Tls(stream), Some(ws)) => stream.write_out().and_then(|()| ws.write_out(stream)),
            (Lower::Tls(stream), None) => stream.write_out(),
            (Lower::Raw(_), None) | (Lower::Away(..) | Lower::Gone(_), _) => Ok(()),
        };
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            other => other,
        }
    }

    /// Writes payload, as much as fits.
    pub fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (&mut self.lower, &mut self.ws) {
            (Lower::Raw(raw), Some(ws)) => ws.write(slices, raw),
            (Lower::Raw(raw), None) => raw.write_vectored(slices),
            (Lower::Tls(stream), Some(ws)) => ws.write(slices, stream),
            (Lower::Tls(stream), None) => stream.put(slices),
            (Lower::Away(..), _) => Err(ErrorKind::WouldBlock.into()),
            (Lower::Gone(_), _) => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    /// Says goodbye at each layer.
    pub fn finish(&mut self, scratch: &mut [u8]) {
        if let Some(ws) = &mut self.ws {
            ws.close();
        }
        self.write_out_quietly();
        let raw = match &mut self.lower {
            Lower::Raw(raw) => raw,
            Lower::Tls(stream) => {
                stream.close_notify();
                stream.socket_mut()
            }
            Lower::Away(..) | Lower::Gone(_) => return,
        };
        raw.shutdown();
        for _ in 0..16 {
            match raw.read(scratch) {
                Ok(n) if n > 0 => {}
                _ => break,
            }
        }
    }
}

/// Whether the other side will send no more than what is there.
fn has_closed(raw: &Raw) -> bool {
    let mut asked = [PollFd::new(raw, PollFlags::RDHUP)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut asked, Some(&at_once)).is_ok_and(|ready| ready > 0)
}

fn secured(stream: &TlsStream<Raw>, identity: Option<IdentitySource>) -> Secured {
    let name = match identity {
        Some(IdentitySource::CommonName) => stream.common_name(),
        Some(IdentitySource::Subject) => stream.subject(),
        None => None,
    };
    Secured { words: stream.negotiated().into(), by_proxy: false, name: name.map(Into::into) }
}

/// Nothing that a poller could watch.
#[derive(Debug)]
struct Nothing;

impl Source for Nothing {
    fn register(&mut self, _: &mio::Registry, _: mio::Token, _: mio::Interest) -> io::Result<()> {
        Err(ErrorKind::NotConnected.into())
    }

    fn reregister(&mut self, _: &mio::Registry, _: mio::Token, _: mio::Interest) -> io::Result<()> {
        Err(ErrorKind::NotConnected.into())
    }

    fn deregister(&mut self, _: &mio::Registry) -> io::Result<()> {
        Ok(())
    }
}
