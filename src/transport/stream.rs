//! One connected stream, whatever it runs over.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use super::Socket;
use super::tls::TlsStream;

/// A connected stream of bytes.
#[derive(Debug)]
pub enum Stream {
    /// As it comes from the socket.
    Plain(Socket),
    /// TLS.
    Tls(Box<TlsStream<Socket>>),
}

impl Stream {
    fn socket(&self) -> &Socket {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => stream.socket(),
        }
    }

    /// Makes reads and writes return [`io::ErrorKind::WouldBlock`] instead of waiting.
    ///
    /// # Errors
    /// The system's, should the socket refuse.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.socket().set_nonblocking(nonblocking)
    }

    /// What may be written goes out; before that the other side has to say something.
    pub fn is_open(&self) -> bool {
        match self {
            Stream::Plain(_) => true,
            Stream::Tls(stream) => stream.is_open(),
        }
    }

    /// There is more to read that the poller doesn't know of.
    pub fn has_buffered(&self) -> bool {
        match self {
            Stream::Plain(_) => false,
            Stream::Tls(stream) => stream.has_buffered(),
        }
    }

    /// Something that was written already waits for the socket: once it takes more, call [`Write::flush`].
    pub fn has_unwritten(&self) -> bool {
        match self {
            Stream::Plain(_) => false,
            Stream::Tls(stream) => stream.has_unwritten(),
        }
    }

    /// Says that this is the end, where the protocol beneath MQTT has words for it.
    pub fn say_goodbye(&mut self) {
        if let Stream::Tls(stream) = self {
            stream.close_notify();
        }
    }

    /// Tells the peer that nothing more will be written.
    ///
    /// # Errors
    /// The system's, when the stream is gone already.
    pub fn shutdown_write(&mut self) -> io::Result<()> {
        self.say_goodbye();
        self.socket().shutdown_write()
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(_) => Ok(()),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}
