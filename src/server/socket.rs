//! One client's socket, whatever it is made of.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};

use super::layers::{Layers, Raw, Ways};
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
    /// One with TLS, WebSocket or a PROXY header on it.
    Layered(Box<Layers>),
}

impl Socket {
    /// The same with what its listener wants on it.
    pub fn with(self, ways: &Arc<Ways>) -> Self {
        if !ways.are_layered() {
            return self;
        }
        let raw = match self {
            Socket::Tcp(stream) => Raw::Tcp(stream),
            Socket::Unix(stream) => Raw::Unix(stream),
            Socket::Memory(_) | Socket::Layered(_) => return self,
        };
        Socket::Layered(Box::new(Layers::new(raw, ways.clone())))
    }

    /// The ticket with which it is away for its TLS handshake.
    pub fn away(&self) -> Option<u64> {
        match self {
            Socket::Layered(layers) => layers.away(),
            _ => None,
        }
    }

    /// There may be more to read than the poller knows of.
    pub fn has_buffered(&self) -> bool {
        matches!(self, Socket::Layered(layers) if layers.has_buffered())
    }

    /// Something that was written already waits for the socket to take it.
    pub fn has_unwritten(&self) -> bool {
        matches!(self, Socket::Layered(layers) if layers.has_unwritten())
    }

    /// Writes that.
    pub fn write_out(&mut self) -> io::Result<()> {
        match self {
            Socket::Layered(layers) => layers.write_out(),
            _ => Ok(()),
        }
    }

    /// For the poller.
    pub fn source(&mut self) -> &mut dyn Source {
        match self {
            Socket::Tcp(stream) => stream,
            Socket::Unix(stream) => stream,
            Socket::Memory(pipe) => pipe,
            Socket::Layered(layers) => layers.source(),
        }
    }

    /// Reads what is there.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(buffer),
            Socket::Unix(stream) => stream.read(buffer),
            Socket::Memory(pipe) => pipe.read(buffer),
            Socket::Layered(layers) => layers.read(buffer),
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
            (Socket::Layered(layers), slices) => layers.write(slices),
        }
    }

    /// Says that nothing more comes from us, and throws away what the other side has sent meanwhile: closing with
    /// unread input would reset the connection and could take our last packet with it.
    pub fn finish(mut self, scratch: &mut [u8]) {
        let _ = match &self {
            Socket::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Socket::Unix(stream) => stream.shutdown(Shutdown::Write),
            Socket::Memory(_) => Ok(()),
            Socket::Layered(_) => Ok(()),
        };
        if let Socket::Layered(layers) = &mut self {
            return layers.finish(scratch);
        }
        for _ in 0..16 {
            match self.read(scratch) {
                Ok(n) if n > 0 => {}
                _ => break,
            }
        }
    }
}
