//! A WebSocket as a client: the request, the answer, and frames with masks.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};

use super::accept::accept;
use super::frame::{self, Control, Decoder, HEADER_MAX};
use crate::transport::Socket;
use crate::transport::stream::Layer;

/// The longest answer to the request.
const ANSWER_MAX: usize = 16 * 1024;
/// The most that one call puts into a frame.
const WRITE: usize = 64 * 1024;
/// Random bytes taken from the system at a time: one call for many masks.
const RANDOM: usize = 256;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WsSettings {
    /// The path of the request, with its slash.
    pub path: String,
}

/// Why there is no WebSocket, in a sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WsError {
    words: String,
    cut_off: bool,
}

impl WsError {
    fn new(words: impl Into<String>) -> Self {
        WsError { words: words.into(), cut_off: false }
    }

    fn cut_off() -> Self {
        let words = "the other side closed the connection before it answered the WebSocket request";
        WsError { words: words.into(), cut_off: true }
    }

    /// The peer closed the stream before it answered.
    pub fn is_cut_off(&self) -> bool {
        self.cut_off
    }

    /// The one that an error of the stream carries.
    pub fn within(error: &io::Error) -> Option<&WsError> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for WsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for WsError {}

impl From<WsError> for io::Error {
    fn from(error: WsError) -> Self {
        io::Error::new(ErrorKind::InvalidData, error)
    }
}

/// A client's WebSocket. The request goes out, and the answer is awaited, as it is read from and written to.
#[derive(Debug)]
pub struct WsClient<S> {
    stream: S,
    decoder: Decoder,
    /// What the stream hasn't taken yet.
    unwritten: Vec<u8>,
    written: usize,
    /// The answer so far, until it is whole.
    answer: Option<Vec<u8>>,
    /// What came behind the answer.
    early: Vec<u8>,
    /// What the answer must show.
    accept: String,
    /// A read has filled its buffer: there may be more.
    more: bool,
    /// The other side has said that it is over.
    closed: bool,
    random: Vec<u8>,
}

impl<S: Layer> WsClient<S> {
    /// Prepares the request to `host` (with its port where that isn't the usual one).
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn new(stream: S, settings: &WsSettings, host: &str) -> io::Result<Self> {
        use base64::Engine;
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(io::Error::from)?;
        let key = base64::engine::general_purpose::STANDARD.encode(nonce);
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Version: 13\r\n\r\n",
            settings.path
        );
        Ok(WsClient {
            stream,
            decoder: Decoder::new(false),
            unwritten: request.into_bytes(),
            written: 0,
            answer: Some(Vec::new()),
            early: Vec::new(),
            accept: accept(key.as_bytes()),
            more: false,
            closed: false,
            random: Vec::new(),
        })
    }

    /// Puts a frame behind what is to be written; [`Write::flush`] writes it, with all the others.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn queue(&mut self, payload: &[u8]) -> io::Result<()> {
        self.frame(frame::BINARY, payload)
    }

    fn write_out(&mut self) -> io::Result<()> {
        while self.written < self.unwritten.len() {
            match self.stream.write(&self.unwritten[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.written = 0;
        self.unwritten.clear();
        self.stream.flush()
    }

    /// Puts a frame behind what is to be written.
    fn frame(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        let mask = self.mask()?;
        let mut header = [0; HEADER_MAX];
        let length = frame::header(&mut header, opcode, payload.len(), Some(mask));
        self.unwritten.extend_from_slice(&header[..length]);
        let start = self.unwritten.len();
        self.unwritten.extend_from_slice(payload);
        frame::mask(&mut self.unwritten[start..], mask, 0);
        Ok(())
    }

    fn mask(&mut self) -> io::Result<[u8; 4]> {
        if self.random.is_empty() {
            self.random.resize(RANDOM, 0);
            getrandom::fill(&mut self.random).map_err(io::Error::from)?;
        }
        let at = self.random.len() - 4;
        let mask = self.random[at..].first_chunk().copied().unwrap_or_default();
        self.random.truncate(at);
        Ok(mask)
    }

    /// Reads the answer. `false`: it isn't whole yet.
    fn read_answer(&mut self) -> io::Result<bool> {
        let Some(answer) = &mut self.answer else { return Ok(true) };
        loop {
            let start = answer.len();
            if start >= ANSWER_MAX {
                return Err(WsError::new("the answer to the WebSocket request doesn't end").into());
            }
            answer.resize(start + 1024, 0);
            let read = self.stream.read(&mut answer[start..]);
            answer.truncate(start + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Err(WsError::cut_off().into()),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return Err(WsError::cut_off().into());
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            // What isn't HTTP at all needs no end to be refused.
            if !answer.starts_with(&b"HTTP/"[..answer.len().min(5)]) {
                return Err(WsError::new("the other side doesn't speak HTTP, let alone WebSocket").into());
            }
            if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
                check(&answer[..end], &self.accept)?;
                self.early = answer.split_off(end + 4);
                self.answer = None;
                return Ok(true);
            }
        }
    }

    /// Reads payload: raw bytes first, out of which the frames disappear.
    fn read_frames(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = if self.early.is_empty() {
                self.stream.read(buffer)?
            } else {
                let count = self.early.len().min(buffer.len());
                buffer[..count].copy_from_slice(&self.early[..count]);
                self.early.drain(..count);
                count
            };
            if count == 0 {
                return Ok(0);
            }
            self.more = count == buffer.len() || !self.early.is_empty();
            let mut controls = Vec::new();
            let payload = match self.decoder.decode(&mut buffer[..count], |control| controls.push(control)) {
                Ok(payload) => payload,
                Err(violation) => {
                    let _ = self.frame(frame::CLOSE, &violation.status().to_be_bytes());
                    let _ = self.write_out();
                    self.closed = true;
                    return Err(WsError::new(violation.to_string()).into());
                }
            };
            for control in controls {
                match control {
                    Control::Ping(content) => self.frame(frame::PONG, &content)?,
                    Control::Close(status) => {
                        self.closed = true;
                        self.frame(frame::CLOSE, &status)?;
                    }
                }
            }
            // That it can't be written is found out by who writes next.
            let _ = self.write_out();
            if payload > 0 {
                // What follows a close is read as the end, next time.
                self.more |= self.closed;
                return Ok(payload);
            }
            if self.closed {
                return Ok(0);
            }
        }
    }
}

/// Is the answer to the request a yes?
fn check(answer: &[u8], accept: &str) -> Result<(), WsError> {
    let text = String::from_utf8_lossy(answer);
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("101") {
        return Err(WsError::new(format!("the answer to the WebSocket request was \"{status}\"")));
    }
    let mut accepted = false;
    let mut protocol = None;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match () {
            () if name.eq_ignore_ascii_case("sec-websocket-accept") => accepted = value.trim() == accept,
            () if name.eq_ignore_ascii_case("sec-websocket-protocol") => protocol = Some(value.trim()),
            () => {}
        }
    }
    if !accepted {
        return Err(WsError::new("the answer to the WebSocket request has no right Sec-WebSocket-Accept"));
    }
    match protocol {
        Some("mqtt") => Ok(()),
        Some(other) => Err(WsError::new(format!("the WebSocket speaks \"{other}\" instead of mqtt"))),
        None => Err(WsError::new("the answer to the WebSocket request doesn't say that it speaks mqtt")),
    }
}

impl<S: Layer> Read for WsClient<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.more = false;
        if self.closed {
            return Ok(0);
        }
        if self.answer.is_some() {
            self.write_out()?;
            if !self.read_answer()? {
                return Err(ErrorKind::WouldBlock.into());
            }
        }
        self.read_frames(buffer)
    }
}

impl<S: Layer> Write for WsClient<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_out()?;
        if self.answer.is_some() || self.has_unwritten() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let part = &bytes[..bytes.len().min(WRITE)];
        if part.is_empty() {
            return Ok(0);
        }
        self.frame(frame::BINARY, part)?;
        self.write_out()?;
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out()
    }
}

impl<S: Layer> Layer for WsClient<S> {
    fn socket(&self) -> &Socket {
        self.stream.socket()
    }

    fn is_open(&self) -> bool {
        self.answer.is_none()
    }

    fn has_buffered(&self) -> bool {
        self.more || self.stream.has_buffered()
    }

    fn has_unwritten(&self) -> bool {
        // The request waits for TLS to be ready, not for the socket.
        (self.stream.is_open() && !self.unwritten.is_empty()) || self.stream.has_unwritten()
    }

    fn say_goodbye(&mut self) {
        if self.is_open() && !self.closed {
            let _ = self.frame(frame::CLOSE, &1000_u16.to_be_bytes());
            let _ = self.write_out();
        }
        self.stream.say_goodbye();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged() {
        let key = accept(b"dGhlIHNhbXBsZSBub25jZQ==");
        let yes = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nsec-websocket-accept:  {key}\r\n\
             Sec-WebSocket-Protocol: mqtt"
        );
        assert_eq!(check(yes.as_bytes(), &key), Ok(()));
        for (from, to) in [("101", "200"), ("accept", "except"), ("mqtt", "mqttv3.1"), ("s3p", "s4p")] {
            let no = yes.replace(from, to);
            assert!(check(no.as_bytes(), &key).is_err(), "{no}");
        }
    }
}
