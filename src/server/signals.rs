//! Signals, as bytes in a pipe that the event loop polls.

use std::io::{self, Read};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;

use mio::net::UnixStream;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::low_level::{pipe, unregister};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// SIGTERM, SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
    /// SIGUSR1.
    Save,
    /// SIGUSR2.
    Print,
    /// SIGRTMIN: the log.
    Reopen,
}

const SIGNALS: [(i32, Asked); 5] = [
    (SIGTERM, Asked::Stop),
    (SIGINT, Asked::Stop),
    (SIGHUP, Asked::Reload),
    (SIGUSR1, Asked::Save),
    (SIGUSR2, Asked::Print),
];

/// A file that gets longer than the system allows is an error of the write, like others, and not the end of the broker.
/// For good: who takes the other signals doesn't matter. A handler, since what is ignored is inherited.
pub fn outlive_long_files() -> io::Result<()> {
    signal_hook::flag::register(libc::SIGXFSZ, Arc::default()).map(|_| ())
}

/// One pipe a signal; the handlers are removed in the end.
#[derive(Debug)]
pub struct Signals {
    pipes: Vec<(UnixStream, Asked)>,
    handlers: Vec<signal_hook::SigId>,
}

impl Signals {
    /// Takes no signal.
    pub fn none() -> Self {
        Signals { pipes: Vec::new(), handlers: Vec::new() }
    }

    /// Takes the signals over.
    pub fn new() -> io::Result<Self> {
        let mut signals = Signals { pipes: Vec::new(), handlers: Vec::new() };
        for (number, asked) in SIGNALS.into_iter().chain([(libc::SIGRTMIN(), Asked::Reopen)]) {
            let (read, write) = StdUnixStream::pair()?;
            read.set_nonblocking(true)?;
            signals.handlers.push(pipe::register(number, write)?);
            signals.pipes.push((UnixStream::from_std(read), asked));
        }
        Ok(signals)
    }

    /// The pipes, for the poller.
    pub fn pipes(&mut self) -> impl Iterator<Item = &mut UnixStream> {
        self.pipes.iter_mut().map(|(pipe, _)| pipe)
    }

    /// What was asked for since the last call.
    pub fn asked(&mut self) -> Vec<Asked> {
        let mut asked = Vec::new();
        for (pipe, what) in &mut self.pipes {
            let mut bytes = [0; 64];
            while pipe.read(&mut bytes).is_ok_and(|n| n > 0) {
                if !asked.contains(what) {
                    asked.push(*what);
                }
            }
        }
        asked
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.handlers.drain(..) {
            unregister(id);
        }
    }
}
