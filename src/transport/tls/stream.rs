//! TLS over any socket that doesn't wait.

#![allow(unsafe_code)] // calls of OpenSSL that go through `bio`

use std::ffi::c_int;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::PoisonError;

use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslRef};
use openssl_sys as ffi;

use super::bio::{self, Stop};
use super::complaint::Finding;
use super::error::{TlsError, explain, is_end_of_stream, reason};
use super::wire::Wire;

/// The most that one call hands to OpenSSL: so much is encrypted before the socket is asked.
const WRITE: usize = 64 * 1024;

/// A TLS stream. The handshake goes on as it is read from and written to.
pub struct TlsStream<S> {
    ssl: Ssl,
    wire: Wire<S>,
    /// A read has filled its buffer: there may be more of what has come already.
    more: bool,
    /// What the next read is to say.
    end: Option<io::Error>,
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
    pub(super) fn new(ssl: Ssl, socket: S, finding: Option<Finding>, psk: bool) -> Self {
        TlsStream { ssl, wire: Wire::new(socket), more: false, end: None, finding, psk }
    }

    /// The socket beneath.
    pub fn socket(&self) -> &S {
        &self.wire.socket
    }

    /// The socket beneath, for the poller; its bytes are TLS's.
    pub fn socket_mut(&mut self) -> &mut S {
        &mut self.wire.socket
    }

    /// The socket without TLS, which is over.
    pub fn into_socket(self) -> S {
        self.wire.socket
    }

    /// What OpenSSL knows of the connection.
    pub(super) fn ssl(&self) -> &SslRef {
        &self.ssl
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
        self.wire.has_unwritten()
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
        self.wire.drained = false;
        // SAFETY: the connection is live.
        let done = self.call(|ssl| unsafe { ffi::SSL_do_handshake(ssl) });
        self.write_out()?;
        match done {
            Ok(()) => Ok(true),
            Err(Stop::WantRead) => Ok(false),
            Err(stop) => match self.failure(stop) {
                Ok(_) => Err(TlsError::cut_off().into()),
                Err(error) => Err(error),
            },
        }
    }

    /// Tells the peer that nothing more will be written.
    pub fn close_notify(&mut self) {
        if self.is_open() {
            // One way is enough: MQTT has said its goodbye already.
            // SAFETY: the connection is live.
            let _ = self.call(|ssl| unsafe { ffi::SSL_shutdown(ssl) });
        }
        let _ = self.write_out();
    }

    /// Writes what the socket hasn't taken yet.
    ///
    /// # Errors
    /// The system's.
    pub fn write_out(&mut self) -> io::Result<()> {
        self.wire.write_out()
    }

    fn call(&mut self, function: impl FnOnce(*mut ffi::SSL) -> c_int) -> Result<(), Stop> {
        bio::call(&mut self.ssl, &mut self.wire, function)
    }

    /// `Ok(0)` is the end of the stream.
    fn failure(&mut self, stop: Stop) -> io::Result<usize> {
        let in_handshake = !self.is_open();
        let cut_off = || Err(TlsError::cut_off().into());
        match stop {
            Stop::WantRead => Err(ErrorKind::WouldBlock.into()),
            Stop::Ended if in_handshake => cut_off(),
            Stop::Ended => Ok(0),
            Stop::Failed(errors) if is_end_of_stream(&errors) => match in_handshake {
                true => cut_off(),
                false => Ok(0),
            },
            Stop::Failed(errors) => Err(TlsError::new(self.words(&errors)).into()),
            Stop::Io(error) => match error.kind() {
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe if in_handshake => cut_off(),
                _ => Err(error),
            },
        }
    }

    /// What OpenSSL's errors mean.
    fn words(&self, errors: &ErrorStack) -> String {
        let words = reason(errors);
        let found =
            self.finding.as_ref().and_then(|f| f.lock().unwrap_or_else(PoisonError::into_inner).take());
        match (found, explain(&words, self.psk)) {
            (Some(found), _) => format!("certificate verify failed: {found}"),
            (None, Some(meaning)) => format!("{words} ({meaning})"),
            (None, None) => words,
        }
    }
}

impl<S: Read + Write> Read for TlsStream<S> {
    /// Reads until the buffer is full or there is nothing more: a read that doesn't fill it has emptied the stream.
    /// That an answer can't be written is found out by who writes next.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.more = false;
        if let Some(error) = self.end.take() {
            return Err(error);
        }
        self.wire.drained = false;
        let mut count = 0;
        while count < buffer.len() {
            let (rest, mut read) = (&mut buffer[count..], 0);
            // SAFETY: the connection is live, and the buffer as long as it says.
            let done = self.call(|ssl| unsafe {
                ffi::SSL_read_ex(ssl, rest.as_mut_ptr().cast(), rest.len(), &raw mut read)
            });
            match done {
                Ok(()) => count += read,
                Err(Stop::WantRead) => {
                    let _ = self.write_out();
                    return if count > 0 { Ok(count) } else { Err(ErrorKind::WouldBlock.into()) };
                }
                Err(stop) => {
                    // An alert may have to go out.
                    let _ = self.write_out();
                    let end = self.failure(stop);
                    if count == 0 {
                        return end;
                    }
                    // That the stream is over is said again to whoever asks again.
                    (self.end, self.more) = (end.err(), true);
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
        let mut count = 0;
        // SAFETY: the connection is live, and there are so many bytes.
        let done = self
            .call(|ssl| unsafe { ffi::SSL_write_ex(ssl, part.as_ptr().cast(), part.len(), &raw mut count) });
        match done {
            Ok(()) => {
                self.write_out()?;
                Ok(count)
            }
            Err(Stop::WantRead) => {
                self.write_out()?;
                Err(ErrorKind::WouldBlock.into())
            }
            Err(stop) => {
                let _ = self.write_out();
                match self.failure(stop) {
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
