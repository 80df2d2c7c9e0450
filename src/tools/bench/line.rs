//! One connection of the generator: plain, or through TLS or WebSocket as the clients have them. It never waits; who has
//! to wait asks for that.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_tcp_quickack;

use super::wire;
use crate::transport::tls::{TlsClient, TlsSettings, TlsStream, TlsVersion, Verify};
use crate::transport::ws::{WsClient, WsSettings};
use crate::transport::{Layer, Socket};

/// How long an answer may take while connections are made.
const ANSWER: Duration = Duration::from_secs(10);
/// Frames are put together up to so much before the socket is asked.
const BATCH: usize = 64 * 1024;

/// What connections go through.
pub enum Way {
    /// Nothing but TCP.
    Plain,
    /// TLS.
    Tls(TlsClient),
    /// WebSocket, each packet in a frame of its own.
    Ws,
}

impl Way {
    /// TLS 1.3 that looks at no certificate: the generator is no judge, and it should have little to do.
    pub fn tls(resume: bool) -> Result<Way> {
        let settings = TlsSettings {
            verify: Verify::Nothing,
            oldest: Some(TlsVersion::V13),
            resume,
            ..TlsSettings::default()
        };
        TlsClient::new(&settings).map(Way::Tls).map_err(|error| anyhow!("{error:?}"))
    }
}

/// A connection.
pub enum Line {
    /// As it comes from the socket.
    Plain(TcpStream),
    /// Through TLS.
    Tls(Box<TlsStream<Socket>>),
    /// Through WebSocket.
    Ws(Box<WsClient<Socket>>),
}

impl Line {
    /// Connects the socket; handshakes of what is on it go on with reading and writing.
    pub fn open(address: SocketAddr, way: &Way) -> Result<Line> {
        let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(match way {
            Way::Plain => Line::Plain(stream),
            Way::Tls(client) => Line::Tls(Box::new(client.connect(None, Socket::Tcp(stream))?)),
            Way::Ws => {
                let settings = WsSettings { path: "/".into() };
                Line::Ws(Box::new(WsClient::new(Socket::Tcp(stream), &settings, &address.to_string())?))
            }
        })
    }

    /// There is more to read that the poller doesn't know of.
    pub fn has_buffered(&self) -> bool {
        match self {
            Line::Plain(_) => false,
            Line::Tls(stream) => stream.has_buffered(),
            Line::Ws(stream) => stream.has_buffered(),
        }
    }

    /// Something that was written already waits for the socket.
    pub fn has_unwritten(&self) -> bool {
        match self {
            Line::Plain(_) => false,
            Line::Tls(stream) => stream.has_unwritten(),
            Line::Ws(stream) => stream.has_unwritten(),
        }
    }

    /// DISCONNECT, and the end of TLS: a session that ends without can't be gone on with.
    pub fn leave(&mut self) -> io::Result<()> {
        self.write_all(&wire::DISCONNECT)?;
        if let Line::Tls(stream) = self {
            stream.close_notify();
        }
        Ok(())
    }

    /// For the poller.
    pub fn raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }

    /// The same, waiting.
    pub fn patient(&mut self) -> Patient<'_> {
        Patient { line: self, until: Instant::now() + ANSWER, hurry: false }
    }

    /// Frames of whole packets, as many as make a batch; how many bytes of packets that were.
    fn frames(stream: &mut WsClient<Socket>, packets: &[u8]) -> io::Result<usize> {
        stream.flush()?;
        if !stream.is_open() || stream.has_unwritten() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut at = 0;
        while at < packets.len().min(BATCH) {
            let length = wire::length(&packets[at..]).map_err(io::Error::other)?;
            stream.queue(&packets[at..at + length])?;
            at += length;
        }
        stream.flush()?;
        Ok(at)
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Line::Plain(stream) => stream.read(buffer),
            Line::Tls(stream) => stream.read(buffer),
            Line::Ws(stream) => stream.read(buffer),
        }
    }
}

impl Write for Line {
    /// What is written must be whole packets.
    fn write(&mut self, packets: &[u8]) -> io::Result<usize> {
        match self {
            Line::Plain(stream) => stream.write(packets),
            Line::Tls(stream) => stream.write(packets),
            Line::Ws(stream) => Line::frames(stream, packets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Line::Plain(_) => Ok(()),
            Line::Tls(stream) => stream.flush(),
            Line::Ws(stream) => stream.flush(),
        }
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Line::Plain(stream) => stream.as_fd(),
            Line::Tls(stream) => stream.socket().as_fd(),
            Line::Ws(stream) => stream.socket().as_fd(),
        }
    }
}

/// A connection that waits for answers.
pub struct Patient<'a> {
    line: &'a mut Line,
    until: Instant,
    /// Acknowledges at once what comes: a broker that waits for that before it goes on takes 40 ms for a connection. It
    /// changes how the socket behaves later, and so only suits who measures no time.
    pub hurry: bool,
}

impl Patient<'_> {
    /// Goes through what is on the socket until MQTT may begin.
    pub fn settle(&mut self) -> io::Result<()> {
        loop {
            let open = match self.line {
                Line::Plain(_) => true,
                Line::Tls(stream) => stream.handshake()?,
                Line::Ws(stream) => match stream.is_open() {
                    true => true,
                    // Nothing comes before we have spoken but the answer to the request.
                    false => match stream.read(&mut [0; 16]) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => stream.is_open(),
                        Err(error) => return Err(error),
                        Ok(_) => return Err(io::Error::other("the broker spoke first")),
                    },
                },
            };
            if open {
                return Ok(());
            }
            self.wait()?;
        }
    }

    fn wait(&self) -> io::Result<()> {
        if self.hurry {
            set_tcp_quickack(&*self.line, true)?;
        }
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(ErrorKind::TimedOut, "no answer within ten seconds"));
        }
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        poll(&mut [PollFd::new(&*self.line, PollFlags::IN)], Some(&timeout))?;
        Ok(())
    }
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.line.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait()?,
                other => return other,
            }
        }
    }
}

impl Write for Patient<'_> {
    /// Sockets take what little is written here at once.
    fn write(&mut self, packets: &[u8]) -> io::Result<usize> {
        self.line.write(packets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.line.flush()
    }
}
