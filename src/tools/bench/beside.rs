//! What goes on beside a load and may disturb it: storms of TLS handshakes, and reloads.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::line::Way;
use super::loads::Figures;
use super::report::rounded;
use crate::transport::tls::TlsClient;

/// Connections begun in one turn: more at once would keep the generator from looking at its clock.
const AT_ONCE: usize = 2;

/// Something that happens every so often while a load runs.
pub enum Beside {
    /// Waves of clients that want TLS.
    Storm(Storm),
    /// SIGHUP.
    Reload(Reload),
}

impl Beside {
    /// Does what is due.
    pub fn turn(&mut self, since: Duration) -> Result<()> {
        match self {
            Beside::Storm(storm) => storm.turn(since),
            Beside::Reload(reload) => reload.turn(since),
        }
    }

    /// What has come of it.
    pub fn report(&self, since: Duration, figures: &mut Figures) {
        match self {
            Beside::Storm(storm) => {
                figures.insert("storm_answered".into(), json!(storm.answered));
                let rate = storm.answered as f64 / since.as_secs_f64();
                figures.insert("storm_per_second".into(), rounded(rate));
            }
            Beside::Reload(reload) => {
                figures.insert("reloads".into(), json!(reload.done));
            }
        }
    }
}

/// Every second so many clients begin a TLS handshake at once, and go when the broker has done its part: key agreement
/// and signature. They all say the same, made once, so that the generator has next to nothing to do.
pub struct Storm {
    address: SocketAddr,
    wave: u64,
    hello: Vec<u8>,
    poll: Poll,
    events: Events,
    guests: Vec<Option<TcpStream>>,
    free: Vec<usize>,
    begun: u64,
    answered: u64,
}

impl Storm {
    /// `wave` clients a second.
    pub fn new(address: SocketAddr, wave: u64) -> Result<Storm> {
        Ok(Storm {
            address,
            wave,
            hello: hello()?,
            poll: Poll::new()?,
            events: Events::with_capacity(64),
            guests: Vec::new(),
            free: Vec::new(),
            begun: 0,
            answered: 0,
        })
    }

    fn turn(&mut self, since: Duration) -> Result<()> {
        // The first wave comes after half a second.
        let due = (since.as_millis() as u64 + 500) / 1000 * self.wave;
        for _ in 0..(due - self.begun.min(due)).min(AT_ONCE as u64) {
            self.begin()?;
        }
        if self.free.len() == self.guests.len() {
            return Ok(());
        }
        self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
        for event in &self.events {
            let number = event.token().0;
            let Some(stream) = &mut self.guests[number] else { continue };
            let done = if event.is_readable() {
                match stream.read(&mut [0; 8192]) {
                    Ok(count) => {
                        self.answered += u64::from(count > 0);
                        true
                    }
                    Err(error) => error.kind() != ErrorKind::WouldBlock,
                }
            } else {
                event.is_writable() && stream.write_all(&self.hello).is_err()
            };
            if done {
                self.guests[number] = None;
                self.free.push(number);
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<()> {
        self.begun += 1;
        let mut stream = TcpStream::connect(self.address)?;
        let number = self.free.pop().unwrap_or_else(|| {
            self.guests.push(None);
            self.guests.len() - 1
        });
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(number), interest)?;
        self.guests[number] = Some(stream);
        Ok(())
    }
}

/// What a client says first.
fn hello() -> Result<Vec<u8>> {
    /// Keeps what is written; nothing ever comes.
    struct Kept(Vec<u8>);
    impl Read for Kept {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(ErrorKind::WouldBlock.into())
        }
    }
    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let say = |client: &TlsClient| -> Result<Vec<u8>> {
        let mut stream = client.connect(None, Kept(Vec::new()))?;
        stream.handshake()?;
        Ok(stream.socket().0.clone())
    };
    match &Way::tls(false)? {
        Way::Tls(client) => say(client),
        _ => Ok(Vec::new()),
    }
}

/// SIGHUP every second.
pub struct Reload {
    pid: Pid,
    wanted: u64,
    done: u64,
}

impl Reload {
    /// `times` SIGHUP for the process `pid`.
    pub fn new(pid: Option<u32>, times: u64) -> Result<Reload> {
        let pid = pid.and_then(|pid| Pid::from_raw(pid as i32)).context("--pid must name the broker")?;
        Ok(Reload { pid, wanted: times, done: 0 })
    }

    fn turn(&mut self, since: Duration) -> Result<()> {
        if self.done < self.wanted && since >= Duration::from_secs(self.done + 1) {
            self.done += 1;
            kill_process(self.pid, Signal::HUP)?;
        }
        Ok(())
    }
}

/// The largest pause between deliveries.
#[derive(Default)]
pub struct Gap {
    last: Option<Instant>,
    largest: Duration,
}

impl Gap {
    /// A message has come.
    pub fn delivered(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            self.largest = self.largest.max(now - last);
        }
    }

    /// In milliseconds.
    pub fn largest(&self) -> f64 {
        self.largest.as_secs_f64() * 1000.0
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_hello_is_a_whole_record() {
        let hello = super::hello().unwrap();
        assert_eq!(hello[0], 22, "a handshake record");
        assert_eq!(usize::from(u16::from_be_bytes([hello[3], hello[4]])), hello.len() - 5);
    }
}
