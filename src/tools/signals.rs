//! SIGINT and SIGTERM as something that can be polled, and a way for our own threads to wake the poller.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

/// What a thread of ours writes; signals write something else.
const WAKE: u8 = b'w';

/// The two signals that end a subscriber in order.
#[derive(Debug)]
pub struct Signals {
    pipe: UnixStream,
    writer: UnixStream,
}

/// Wakes whoever polls the signals.
#[derive(Debug)]
pub struct Waker(UnixStream);

impl Signals {
    /// From here on the signals don't kill the process.
    ///
    /// # Errors
    /// The system's.
    pub fn catch() -> io::Result<Self> {
        let (pipe, writer) = UnixStream::pair()?;
        pipe.set_nonblocking(true)?;
        pipe::register(SIGTERM, writer.try_clone()?)?;
        pipe::register(SIGINT, writer.try_clone()?)?;
        Ok(Signals { pipe, writer })
    }

    /// Whether one has come.
    pub fn arrived(&mut self) -> bool {
        let mut bytes = [0; 64];
        let mut arrived = false;
        while let Ok(count @ 1..) = self.pipe.read(&mut bytes) {
            arrived |= bytes[..count].iter().any(|byte| *byte != WAKE);
        }
        arrived
    }

    /// For a thread that has something to tell.
    ///
    /// # Errors
    /// The system's: too many open files.
    pub fn waker(&self) -> io::Result<Waker> {
        self.writer.try_clone().map(Waker)
    }
}

impl Waker {
    /// One more of it.
    ///
    /// # Errors
    /// The system's: too many open files.
    pub fn another(&self) -> io::Result<Waker> {
        self.0.try_clone().map(Waker)
    }

    /// Wakes the poller. A full pipe has woken it already.
    pub fn wake(&self) {
        let _ = (&self.0).write(&[WAKE]);
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
