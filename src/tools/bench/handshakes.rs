//! One connection after the other: TCP, TLS, CONNECT, CONNACK, the end; or the same without TLS.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use serde_json::json;

use super::line::{Line, Way};
use super::loads::Figures;
use super::report::{Meter, rounded};
use super::usage::add_idle;
use super::wire::{self, Incoming};

/// How many, and in which way.
pub struct Handshakes {
    /// All of them.
    pub count: u64,
    /// How many are under way at a time.
    pub together: usize,
    /// Each goes on with a session of an earlier one.
    pub resume: bool,
    /// Each has a Will.
    pub will: bool,
}

struct Guest {
    line: Line,
    began: Instant,
    /// CONNECT is written.
    asked: bool,
    answer: Vec<u8>,
}

impl Handshakes {
    /// Makes them all; how many a second, and how long each took.
    pub fn run(
        &self,
        way: &Way,
        address: SocketAddr,
        v5: bool,
        deadline: Instant,
        pid: Option<u32>,
    ) -> Result<Figures> {
        ensure!(self.together > 0, "there must be one at a time at least");
        let connect = if self.will { wire::connect_with_will(v5) } else { wire::connect("", true, v5, None) };
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(1024);
        let mut guests: Vec<Option<Guest>> = (0..self.together).map(|_| None).collect();
        let (mut begun, mut resumed, mut times) = (0, 0, Vec::with_capacity(self.count as usize));
        // The first ones aren't counted: they bring the sessions that others go on with, each good for one connection,
        // which is given the next in turn. So they must all begin before any of them is given one.
        let first = 0..if self.resume { self.together } else { 1 };
        let first: Vec<Line> = first.map(|_| Line::open(address, way)).collect::<Result<_>>()?;
        first.into_iter().try_for_each(|line| one(line, v5))?;
        let meter = Meter::start(pid)?;
        while (times.len() as u64) < self.count {
            ensure!(Instant::now() < deadline, "the deadline passed before all handshakes were done");
            for (number, place) in guests.iter_mut().enumerate() {
                if place.is_none() && begun < self.count {
                    let guest = Guest::begin(address, way)?;
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    let fd = guest.line.raw_fd();
                    poll.registry().register(&mut SourceFd(&fd), Token(number), interest)?;
                    *place = Some(guest);
                    begun += 1;
                }
            }
            let asked = Instant::now();
            poll.poll(&mut events, Some(Duration::ZERO))?;
            if events.is_empty() {
                add_idle(asked.elapsed());
            }
            for event in &events {
                let place = &mut guests[event.token().0];
                let Some(guest) = place else { continue };
                if guest.go_on(v5, &connect)? {
                    resumed += u64::from(matches!(&guest.line, Line::Tls(stream) if stream.is_resumed()));
                    times.push(guest.began.elapsed().as_secs_f64() * 1e6);
                    // Closing takes it from the poller as well.
                    *place = None;
                }
            }
        }
        let mut figures = meter.stop(self.count, self.count)?;
        ensure!(!self.resume || resumed == self.count, "only {resumed} went on with a session");
        figures.insert("resumed".into(), json!(resumed));
        times.sort_by(f64::total_cmp);
        for (name, share) in [("p50_us", 0.5), ("p99_us", 0.99), ("max_us", 1.0)] {
            figures.insert(name.into(), rounded(times[((times.len() - 1) as f64 * share) as usize]));
        }
        Ok(figures)
    }
}

fn one(mut line: Line, v5: bool) -> Result<()> {
    line.patient().settle().context("the TLS handshake")?;
    super::net::handshake(&mut line.patient(), "first", true, v5, None)?;
    line.leave()?;
    Ok(())
}

impl Guest {
    fn begin(address: SocketAddr, way: &Way) -> Result<Guest> {
        let began = Instant::now();
        let mut guest = Guest { line: Line::open(address, way)?, began, asked: false, answer: Vec::new() };
        guest.greet()?;
        Ok(guest)
    }

    /// Goes on with TLS; `false`: the broker has to say something first.
    fn greet(&mut self) -> Result<bool> {
        match &mut self.line {
            Line::Tls(stream) => stream.handshake().context("the TLS handshake"),
            _ => Ok(true),
        }
    }

    /// `true`: it has all it came for.
    fn go_on(&mut self, v5: bool, connect: &[u8]) -> Result<bool> {
        if !self.asked {
            if !self.greet()? {
                return Ok(false);
            }
            self.line.write_all(connect)?;
            self.asked = true;
        }
        let mut buffer = [0; 256];
        match self.line.read(&mut buffer) {
            Ok(0) => bail!("the broker closed a connection"),
            Ok(count) => self.answer.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error).context("waiting for the CONNACK"),
        }
        match wire::next(&self.answer, v5)? {
            None => Ok(false),
            Some((Incoming::Connack(0), _)) => {
                self.line.leave()?;
                Ok(true)
            }
            Some(_) => bail!("CONNECT was refused"),
        }
    }
}
