//! A connection inside this program: what a bridge says to our own broker, and what the broker answers.

use std::io::{self, ErrorKind, IoSlice};

use mio::event::Source;
use mio::{Interest, Registry, Token};

/// Bytes that may wait for the bridge before the broker is told to wait, as a socket would.
const ROOM: usize = 256 * 1024;

/// Both ways of it.
#[derive(Debug, Default)]
pub struct Pipe {
    /// Not read by the broker yet, from `at` on.
    to_broker: Vec<u8>,
    at: usize,
    /// Not taken by the bridge yet.
    from_broker: Vec<u8>,
}

impl Pipe {
    /// The bridge has said this; leaves an empty buffer behind.
    pub fn say(&mut self, bytes: &mut Vec<u8>) {
        if self.has_unread() {
            self.to_broker.append(bytes);
        } else {
            self.to_broker.clear();
            self.at = 0;
            std::mem::swap(&mut self.to_broker, bytes);
        }
    }

    /// The broker hasn't read everything.
    pub fn has_unread(&self) -> bool {
        self.at < self.to_broker.len()
    }

    /// What the broker has said, from the buffer's start; what isn't taken stays there.
    pub fn said(&mut self) -> &mut Vec<u8> {
        &mut self.from_broker
    }

    /// The broker's read.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.to_broker[self.at..];
        if rest.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }

    /// The broker's write.
    pub fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.from_broker.len() >= ROOM {
            return Err(ErrorKind::WouldBlock.into());
        }
        slices.iter().for_each(|slice| self.from_broker.extend_from_slice(slice));
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

/// Nothing happens to a pipe that the poller would have to tell.
impl Source for Pipe {
    fn register(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn reregister(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registry) -> io::Result<()> {
        Ok(())
    }
}
