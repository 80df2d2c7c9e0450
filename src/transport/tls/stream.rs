//! TLS over any socket that doesn't wait.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::PoisonError;

use openssl::ssl::{self, ErrorCode, Ssl, SslRef, SslStream};

use super::complaint::Finding;
use super::error::{TlsError, explain, is_end_of_stream, reason};
use super::wire::Wire;

/// The most that one call hands to OpenSSL: so much is encrypted before the socket is asked.
const WRITE: usize = 64 * 1024;

/// A TLS stream. The handshake goes on as it is read from and written to.
pub struct TlsStream<S> {
    stream: SslStream<Wire<S>>,
    /// A read has filled its buffer: there may be more of what has come already.
    more: bool,
    /// What the next read is to say.
    end: Option<io::Result<usize>>,
    finding: Option<Finding>,
    /// We have offered a pre-shared key.
    psk: bool,
}

impl<S> fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("more", &self.more).finish_non_exhaustive()
    }
}

impl<S: Read + Write> TlsStream<S> {
    pub(super) fn new(ssl: Ssl, socket: S, finding: Option<Finding>, psk: bool) -> Result<Self, TlsError> {
        let stream = SslStream::new(ssl, Wire::new(socket))
            .map_err(|errors| TlsError::of_openssl("a TLS connection can't be set up", &errors))?;
        Ok(TlsStream { stream, more: false, end: None, finding, psk })
    }

    /// The socket beneath.
    pub fn socket(&self) -> &S {
        &self.stream.get_ref().socket
    }

    /// The socket beneath, for the poller; its bytes are TLS's.
    pub fn socket_mut(&mut self) -> &mut S {
        &mut self.stream.get_mut().socket
    }

    /// What OpenSSL knows of the connection.
    pub(super) fn ssl(&self) -> &SslRef {
        self.stream.ssl()
    }

    /// The handshake is over.
    pub fn is_open(&self) -> bool {
        self.ssl().is_init_finished()
    }

    /// The handshake went on with an earlier session.
    pub fn is_resumed(&self) -> bool {
        self.ssl().session_reused()
    }

    /// Bytes have come that the poller doesn't know of any more.
    pub fn has_buffered(&self) -> bool {
        self.more
    }

    /// Bytes wait for the socket to take them.
    pub fn has_unwritten(&self) -> bool {
        self.stream.get_ref().has_unwritten()
    }

    /// The peer has closed the socket or is about to: a short read doesn't mean that there is nothing more.
    pub fn read_on(&mut self) {
        self.more = true;
    }

    /// Goes on with the handshake. `false`: the other side has to say something first.
    ///
    /// # Errors
    /// As [`Read::read`].
    pub fn handshake(&mut self) -> io::Result<bool> {
        self.stream.get_mut().drained = false;
        let done = self.stream.do_handshake();
        self.write_out()?;
        match done {
            Ok(()) => Ok(true),
            Err(error) if error.code() == ErrorCode::WANT_READ => Ok(false),
            Err(error) => match self.failure(error) {
                Ok(_) => Err(TlsError::cut_off().into()),
                Err(error) => Err(error),
            },
        }
    }

    /// Tells the peer that nothing more will be written.
    pub fn close_notify(&mut self) {
        if self.is_open() {
            // One way is enough: MQTT has said its goodbye already.
            let _ = self.stream.shutdown();
        }
        let _ = self.write_out();
    }

    /// Writes what the socket hasn't taken yet.
    ///
    /// # Errors
    /// The system's.
    pub fn write_out(&mut self) -> io::Result<()> {
        self.stream.get_mut().write_out()
    }

    /// `Ok(0)` is the end of the stream.
    fn failure(&mut self, error: ssl::Error) -> io::Result<usize> {
        let in_handshake = !self.is_open();
        if error.code() == ErrorCode::ZERO_RETURN {
            return if in_handshake { Err(TlsError::cut_off().into()) } else { Ok(0) };
        }
        if is_end_of_stream(&error) {
            return if in_handshake { Err(TlsError::cut_off().into()) } else { Ok(0) };
        }
        if let Some(errors) = error.ssl_error() {
            let words = reason(errors);
            let found =
                self.finding.as_ref().and_then(|f| f.lock().unwrap_or_else(PoisonError::into_inner).take());
            let words = match (found, explain(&words, self.psk)) {
                (Some(found), _) => format!("certificate verify failed: {found}"),
                (None, Some(meaning)) => format!("{words} ({meaning})"),
                (None, None) => words,
            };
            return Err(TlsError::new(words).into());
        }
        let error = error.into_io_error().unwrap_or_else(|_| ErrorKind::ConnectionAborted.into());
        if in_handshake && matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) {
            return Err(TlsError::cut_off().into());
        }
        Err(error)
    }
}

impl<S: Read + Write> Read for TlsStream<S> {
    /// Reads until the buffer is full or there is nothing more: a read that doesn't fill it has emptied the stream.
    /// That an answer can't be written is found out by who writes next.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.more = false;
        if let Some(end) = self.end.take() {
            return end;
        }
        self.stream.get_mut().drained = false;
        let mut count = 0;
        while count < buffer.len() {
            match self.stream.ssl_read(&mut buffer[count..]) {
                Ok(read) => count += read,
                Err(error) if error.code() == ErrorCode::WANT_READ => {
                    let _ = self.write_out();
                    return if count > 0 { Ok(count) } else { Err(ErrorKind::WouldBlock.into()) };
                }
                Err(error) => {
                    // An alert may have to go out.
                    let _ = self.write_out();
                    let end = self.failure(error);
                    if count == 0 {
                        return end;
                    }
                    (self.end, self.more) = (Some(end), true);
                    return Ok(count);
                }
            }
        }
        self.more = true;
        let _ = self.write_out();
        Ok(count)
    }
}

impl<S: Read + Write> Write for TlsStream<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_out()?;
        if self.has_unwritten() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let part = &bytes[..bytes.len().min(WRITE)];
        if part.is_empty() {
            return Ok(0);
        }
        match self.stream.ssl_write(part) {
            Ok(count) => {
                self.write_out()?;
                Ok(count)
            }
            Err(error) if error.code() == ErrorCode::WANT_READ => {
                self.write_out()?;
                Err(ErrorKind::WouldBlock.into())
            }
            Err(error) => {
                let _ = self.write_out();
                match self.failure(error) {
                    Ok(_) => Err(ErrorKind::BrokenPipe.into()),
                    Err(error) => Err(error),
                }
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out()
    }
}
