//! One connected stream, whatever it runs over.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use super::Socket;
use super::tls::TlsStream;

/// Something between a socket and MQTT. Handshakes go on as it is read from and written to.
pub trait Layer: Read + Write + fmt::Debug + Send {
    /// The socket beneath.
    fn socket(&self) -> &Socket;

    /// What may be written goes out; before that the other side has to say something.
    fn is_open(&self) -> bool;

    /// There is more to read that the poller doesn't know of.
    fn has_buffered(&self) -> bool;

    /// Something that was written already waits for the socket: once it takes more, call [`Write::flush`].
    fn has_unwritten(&self) -> bool;

    /// Says that this is the end, where the layer has words for it.
    fn say_goodbye(&mut self);
}

impl Layer for Socket {
    fn socket(&self) -> &Socket {
        self
    }

    fn is_open(&self) -> bool {
        true
    }

    fn has_buffered(&self) -> bool {
        false
    }

    fn has_unwritten(&self) -> bool {
        false
    }

    fn say_goodbye(&mut self) {}
}

impl Layer for TlsStream<Socket> {
    fn socket(&self) -> &Socket {
        TlsStream::socket(self)
    }

    fn is_open(&self) -> bool {
        TlsStream::is_open(self)
    }

    fn has_buffered(&self) -> bool {
        TlsStream::has_buffered(self)
    }

    fn has_unwritten(&self) -> bool {
        TlsStream::has_unwritten(self)
    }

    fn say_goodbye(&mut self) {
        self.close_notify();
    }
}

/// A connected stream of bytes.
#[derive(Debug)]
pub enum Stream {
    /// As it comes from the socket.
    Plain(Socket),
    /// Through TLS, WebSocket or both.
    Layered(Box<dyn Layer>),
}

impl Stream {
    fn layer(&self) -> &dyn Layer {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Layered(layer) => layer.as_ref(),
        }
    }

    /// Makes reads and writes return [`io::ErrorKind::WouldBlock`] instead of waiting.
    ///
    /// # Errors
    /// The system's, should the socket refuse.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.layer().socket().set_nonblocking(nonblocking)
    }

    /// What may be written goes out; before that the other side has to say something.
    pub fn is_open(&self) -> bool {
        self.layer().is_open()
    }

    /// There is more to read that the poller doesn't know of.
    pub fn has_buffered(&self) -> bool {
        self.layer().has_buffered()
    }

    /// Something that was written already waits for the socket: once it takes more, call [`Write::flush`].
    pub fn has_unwritten(&self) -> bool {
        self.layer().has_unwritten()
    }

    /// Says that this is the end, where the protocols beneath MQTT have words for it.
    pub fn say_goodbye(&mut self) {
        if let Stream::Layered(layer) = self {
            layer.say_goodbye();
        }
    }

    /// Tells the peer that nothing more will be written.
    ///
    /// # Errors
    /// The system's, when the stream is gone already.
    pub fn shutdown_write(&mut self) -> io::Result<()> {
        self.say_goodbye();
        self.layer().socket().shutdown_write()
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(buffer),
            Stream::Layered(layer) => layer.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.write(bytes),
            Stream::Layered(layer) => layer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(_) => Ok(()),
            Stream::Layered(layer) => layer.flush(),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.layer().socket().as_fd()
    }
}
