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
    static NEXT: Cell<Option<Box<Unwritten>>> = const { Cell::new(None) };
}

/// What the socket is to take.
#[derive(Debug, Default)]
struct Unwritten {
    bytes: Vec<u8>,
    /// How many of them it has taken.
    written: usize,
}

/// A socket that remembers what it couldn't write, and that it was read empty.
#[derive(Debug)]
pub(super) struct Wire<S> {
    pub socket: S,
    unwritten: Option<Box<Unwritten>>,
    /// A short read has emptied the socket: asking again would only cost a system call.
    pub drained: bool,
}

impl<S> Wire<S> {
    pub fn new(socket: S) -> Self {
        Wire { socket, unwritten: None, drained: false }
    }

    pub fn has_unwritten(&self) -> bool {
        self.unwritten.is_some()
    }
}

impl<S: Write> Wire<S> {
    /// Writes what is left, as far as the socket takes it.
    pub fn write_out(&mut self) -> io::Result<()> {
        let Some(unwritten) = &mut self.unwritten else { return Ok(()) };
        while unwritten.written < unwritten.bytes.len() {
            match self.socket.write(&unwritten.bytes[unwritten.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => unwritten.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(mut spare) = self.unwritten.take()
            && spare.bytes.capacity() <= SPARE
        {
            spare.bytes.clear();
            spare.written = 0;
            NEXT.set(Some(spare));
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
        let unwritten = self.unwritten.get_or_insert_with(|| NEXT.take().unwrap_or_default());
        unwritten.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
