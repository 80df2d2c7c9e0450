//! The socket under OpenSSL.
//!
//! It never makes OpenSSL wait for writing: what the socket doesn't take now is kept here and written later. So a
//! call to OpenSSL is over when it returns, and nobody has to repeat it with the same bytes.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};

/// An empty buffer larger than this isn't kept for the next one who writes.
const SPARE: usize = 256 * 1024;

thread_local! {
    /// The buffer of whoever writes next: those who have nothing to write hold no memory.
    static NEXT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A socket that remembers what it couldn't write, and that it was read empty.
#[derive(Debug)]
pub(super) struct Wire<S> {
    pub socket: S,
    unwritten: Vec<u8>,
    /// How much of `unwritten` the socket has taken.
    written: usize,
    /// A short read has emptied the socket: asking again would only cost a system call.
    pub drained: bool,
}

impl<S> Wire<S> {
    pub fn new(socket: S) -> Self {
        Wire { socket, unwritten: Vec::new(), written: 0, drained: false }
    }

    pub fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }
}

impl<S: Write> Wire<S> {
    /// Writes what is left, as far as the socket takes it.
    pub fn write_out(&mut self) -> io::Result<()> {
        while self.written < self.unwritten.len() {
            match self.socket.write(&self.unwritten[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.written = 0;
        if self.unwritten.capacity() > 0 {
            let mut spare = std::mem::take(&mut self.unwritten);
            if spare.capacity() <= SPARE {
                spare.clear();
                NEXT.set(spare);
            }
        }
        Ok(())
    }
}

impl<S: Read> Read for Wire<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.drained {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = loop {
            match self.socket.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.drained = match &count {
            // The end of the stream is said as often as one asks.
            Ok(0) => false,
            Ok(count) => *count < buffer.len(),
            Err(_) => true,
        };
        count
    }
}

impl<S> Write for Wire<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.unwritten.capacity() == 0 {
            self.unwritten = NEXT.take();
        }
        self.unwritten.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
