//! One client's socket, whatever it is made of.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};

use super::pipe::Pipe;

/// A socket that never waits.
#[derive(Debug)]
pub enum Socket {
    /// TCP.
    Tcp(TcpStream),
    /// A unix socket.
    Unix(UnixStream),
    /// A bridge of this broker.
    Memory(Pipe),
}

impl Socket {
    /// For the poller.
    pub fn source(&mut self) -> &mut dyn Source {
        match self {
            Socket::Tcp(stream) => stream,
            Socket::Unix(stream) => stream,
            Socket::Memory(pipe) => pipe,
        }
    }

    /// Reads what is there.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(buffer),
            Socket::Unix(stream) => stream.read(buffer),
            Socket::Memory(pipe) => pipe.read(buffer),
        }
    }

    /// Writes as much as fits.
    pub fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        // One slice, the usual case, is cheaper by the plain call.
        match (self, slices) {
            (Socket::Tcp(stream), [one]) => stream.write(one),
            (Socket::Unix(stream), [one]) => stream.write(one),
            (Socket::Tcp(stream), many) => stream.write_vectored(many),
            (Socket::Unix(stream), many) => stream.write_vectored(many),
            (Socket::Memory(pipe), many) => pipe.write(many),
        }
    }

    /// Says that nothing more comes from us, and throws away what the other side has sent meanwhile: closing with
    /// unread input would reset the connection and could take our last packet with it.
    pub fn finish(mut self, scratch: &mut [u8]) {
        let _ = match &self {
            Socket::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Socket::Unix(stream) => stream.shutdown(Shutdown::Write),
            Socket::Memory(_) => Ok(()),
        };
        for _ in 0..16 {
            match self.read(scratch) {
                Ok(n) if n > 0 => {}
                _ => break,
            }
        }
    }
}
