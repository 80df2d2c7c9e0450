//! Many connections on one thread: large reads, one write a connection and turn.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::line::{Line, Way};
use super::usage::add_idle;
use super::wire::{self, Incoming, Login};

/// Also the longest packet that can be received.
const READ: usize = 4 * 1024 * 1024;
/// A connection with more than this unsent gets no more messages for now.
const FULL: usize = 256 * 1024;
/// Filters in one SUBSCRIBE.
const FILTERS: usize = 100;

struct Connection {
    line: Line,
    /// The start of a packet that hasn't come whole.
    rest: Vec<u8>,
    out: Vec<u8>,
    written: usize,
    blocked: bool,
    dirty: bool,
}

/// The connections of a run, and until when it may take.
pub struct Net {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    dirty: Vec<usize>,
    buffer: Vec<u8>,
    address: SocketAddr,
    way: Way,
    users: Users,
    deadline: Instant,
    /// Whether MQTT 5 is spoken.
    pub v5: bool,
    /// Whether connections that are made acknowledge at once; not where time is measured.
    pub hurry: bool,
}

/// Who clients say that they are.
#[derive(Default)]
pub struct Users {
    /// So many User Names; 0: nobody gives one.
    pub count: usize,
    /// The same for all.
    pub password: Option<String>,
}

impl Users {
    /// The User Name of client `number`.
    pub fn name(&self, number: usize) -> Option<String> {
        (self.count > 0).then(|| format!("user-{}", number % self.count))
    }

    /// The topic of client `number`, which its User Name is a part of.
    pub fn topic(&self, number: usize) -> String {
        match self.name(number) {
            Some(name) => format!("bench/{name}/{number}"),
            None => format!("bench/{number}"),
        }
    }
}

impl Net {
    /// No connections yet; everything must be done within `deadline`.
    pub fn new(address: SocketAddr, way: Way, users: Users, v5: bool, deadline: Instant) -> Result<Self> {
        raise_file_limit();
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            connections: Vec::new(),
            dirty: Vec::new(),
            buffer: vec![0; READ],
            address,
            way,
            users,
            deadline,
            v5,
            hurry: false,
        })
    }

    /// Who clients say that they are.
    pub fn users(&self) -> &Users {
        &self.users
    }

    /// Connects a client, subscribed to `filters`, and returns its number. The number at the end of its ClientId says
    /// which User Name it gives.
    pub fn connect(&mut self, client_id: &str, clean: bool, filters: &[String], qos: u8) -> Result<usize> {
        self.connect_to(self.address, client_id, clean, filters, qos)
    }

    /// The same to another broker.
    pub fn connect_to(
        &mut self,
        address: SocketAddr,
        client_id: &str,
        clean: bool,
        filters: &[String],
        qos: u8,
    ) -> Result<usize> {
        let mut line = Line::open(address, &self.way)?;
        let mut stream = line.patient();
        stream.hurry = self.hurry;
        stream.settle().context("before CONNECT")?;
        let number = client_id.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        let name = self.users.name(number);
        let login = name.as_deref().map(|name| (name, self.users.password.as_deref()));
        handshake(&mut stream, client_id, clean, self.v5, login)?;
        for some in filters.chunks(FILTERS) {
            self.check_deadline()?;
            stream.write_all(&wire::subscribe(some.iter().map(String::as_str), qos, self.v5))?;
            expect_suback(&mut stream, self.v5)?;
        }
        let number = self.connections.len();
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut SourceFd(&line.raw_fd()), Token(number), interest)?;
        let (rest, out) = (Vec::new(), Vec::new());
        self.connections.push(Connection { line, rest, out, written: 0, blocked: false, dirty: false });
        Ok(number)
    }

    /// The output of a connection, to append to; it leaves with the next turn.
    pub fn out(&mut self, number: usize) -> &mut Vec<u8> {
        let connection = &mut self.connections[number];
        if !connection.dirty {
            connection.dirty = true;
            self.dirty.push(number);
        }
        &mut connection.out
    }

    /// Whether more should be given to a connection now.
    pub fn has_room(&self, number: usize) -> bool {
        let connection = &self.connections[number];
        !connection.blocked && connection.out.len() < FULL
    }

    /// Whether the socket of a connection took no more when last asked.
    pub fn is_blocked(&self, number: usize) -> bool {
        self.connections[number].blocked
    }

    /// Watches the sockets without sleeping until something comes, at most `timeout`: going to sleep and waking up
    /// would take longer than a fast broker's answer, and be counted as the broker's time.
    fn watch(&mut self, timeout: Duration) -> Result<()> {
        let began = Instant::now();
        loop {
            let asked = Instant::now();
            match self.poll.poll(&mut self.events, Some(Duration::ZERO)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
                other => other?,
            }
            if !self.events.is_empty() {
                return Ok(());
            }
            add_idle(asked.elapsed());
            if began.elapsed() >= timeout {
                return Ok(());
            }
        }
    }

    /// Sends what waits, waits at most `timeout` for something to come, and gives each packet and its
    /// connection's output to `handle`.
    pub fn turn(
        &mut self,
        timeout: Duration,
        mut handle: impl FnMut(usize, Incoming<'_>, &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        self.flush()?;
        self.check_deadline()?;
        self.watch(timeout)?;
        for event in &self.events {
            let number = event.token().0;
            let connection = &mut self.connections[number];
            if event.is_writable() {
                connection.blocked = false;
            }
            if event.is_readable() {
                let v5 = self.v5;
                connection.read(&mut self.buffer, v5, |packet, out| handle(number, packet, out))?;
            }
            if !connection.dirty && (!connection.out.is_empty() || connection.line.has_unwritten()) {
                connection.dirty = true;
                self.dirty.push(number);
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        for number in self.dirty.drain(..) {
            let connection = &mut self.connections[number];
            connection.dirty = false;
            if !connection.blocked {
                connection.write()?;
            }
        }
        Ok(())
    }

    fn check_deadline(&self) -> Result<()> {
        if Instant::now() > self.deadline {
            bail!("the deadline passed before everything had arrived");
        }
        Ok(())
    }
}

impl Connection {
    fn read(
        &mut self,
        buffer: &mut [u8],
        v5: bool,
        mut handle: impl FnMut(Incoming<'_>, &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        loop {
            let kept = self.rest.len();
            if kept == buffer.len() {
                bail!("a packet longer than {READ} bytes");
            }
            buffer[..kept].copy_from_slice(&self.rest);
            self.rest.clear();
            let got = match self.line.read(&mut buffer[kept..]) {
                Ok(0) => bail!("the broker closed a connection"),
                Ok(got) => got,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error).context("reading"),
            };
            let end = kept + got;
            let mut at = 0;
            while let Some((packet, length)) = wire::next(&buffer[at..end], v5)? {
                handle(packet, &mut self.out)?;
                at += length;
            }
            self.rest.extend_from_slice(&buffer[at..end]);
            // Edge-triggered: a short read has emptied the socket; what comes later is a new event.
            if end < buffer.len() && !self.line.has_buffered() {
                return Ok(());
            }
        }
    }

    fn write(&mut self) -> Result<()> {
        self.line.flush().context("writing")?;
        self.blocked = self.line.has_unwritten();
        while self.written < self.out.len() {
            match self.line.write(&self.out[self.written..]) {
                Ok(sent) => self.written += sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.blocked = true;
                    self.out.drain(..self.written);
                    self.written = 0;
                    return Ok(());
                }
                Err(error) => return Err(error).context("writing"),
            }
        }
        self.out.clear();
        self.written = 0;
        self.blocked |= self.line.has_unwritten();
        Ok(())
    }
}

/// A blocking connection that gives up waiting for an answer after ten seconds.
pub fn open(address: SocketAddr) -> Result<std::net::TcpStream> {
    let stream = std::net::TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(stream)
}

/// CONNECT, until it was answered with success.
pub fn handshake(
    stream: &mut (impl Read + Write),
    client_id: &str,
    clean: bool,
    v5: bool,
    login: Option<Login<'_>>,
) -> Result<()> {
    stream.write_all(&wire::connect(client_id, clean, v5, login))?;
    let answer = read_packet(stream).context("waiting for the CONNACK")?;
    match wire::next(&answer, v5)? {
        Some((Incoming::Connack(0), _)) => Ok(()),
        _ => bail!("CONNECT was refused"),
    }
}

/// Waits for a SUBACK that refuses nothing.
pub fn expect_suback(stream: &mut impl Read, v5: bool) -> Result<()> {
    let answer = read_packet(stream).context("waiting for the SUBACK")?;
    match wire::next(&answer, v5)? {
        Some((Incoming::Suback { refused: false }, _)) => Ok(()),
        _ => bail!("SUBSCRIBE was refused"),
    }
}

/// One whole packet, and not a byte of the next.
pub fn read_packet(stream: &mut impl Read) -> Result<Vec<u8>> {
    let mut packet = vec![0; 2];
    stream.read_exact(&mut packet)?;
    let mut length = usize::from(packet[1] & 0x7f);
    let mut shift = 7;
    while packet[packet.len() - 1] >= 0x80 && packet.len() < 5 {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        packet.push(byte[0]);
    }
    let start = packet.len();
    packet.resize(start + length, 0);
    stream.read_exact(&mut packet[start..])?;
    Ok(packet)
}

/// Ten thousand connections need as many files.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where it can't be raised, connecting will say so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
