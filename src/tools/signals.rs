//! SIGINT and SIGTERM as something that can be polled.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

/// The two signals that end a subscriber in order.
#[derive(Debug)]
pub struct Signals {
    pipe: UnixStream,
}

impl Signals {
    /// From here on the signals don't kill the process.
    ///
    /// # Errors
    /// The system's.
    pub fn catch() -> io::Result<Self> {
        let (pipe, writer) = UnixStream::pair()?;
        pipe.set_nonblocking(true)?;
        pipe::register(SIGTERM, writer.try_clone()?)?;
        pipe::register(SIGINT, writer)?;
        Ok(Signals { pipe })
    }

    /// Whether one has come.
    pub fn arrived(&mut self) -> bool {
        matches!(self.pipe.read(&mut [0; 16]), Ok(count) if count > 0)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
