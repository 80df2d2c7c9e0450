//! A WebSocket as a server: the request, the answer, and frames whose payload is neither copied in nor out.

use std::io::{self, ErrorKind, IoSlice};

use super::accept::accept;
use super::frame::{self, Control, Decoder, HEADER_MAX};

/// The longest request, with all its headers.
const REQUEST_MAX: usize = 8 * 1024;
/// More unanswered pings than fit into this, and the other side doesn't read.
const CONTROL_MAX: usize = 16 * 1024;
/// Slices of one write.
const SLICES: usize = 65;

/// What has come of a request so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// It isn't whole yet.
    More,
    /// It is answered; what follows are frames.
    Open,
    /// It asks for a page, not for a WebSocket: [`WsServer::take_request`] has its words.
    Page,
    /// It is nothing that can be answered.
    Refused,
    /// It comes from a page of another origin.
    Origin,
}

/// The frames of one connection, in and out, and its request.
#[derive(Debug)]
pub struct WsServer {
    /// The request so far, until it is answered.
    request: Option<Vec<u8>>,
    decoder: Decoder,
    /// Goes out first: the answer, pongs, and the rest of a header.
    pending: Vec<u8>,
    sent: usize,
    /// Payload that belongs to the frame whose header is out, or first in `pending`.
    frame_left: usize,
    /// Pongs that wait for the end of that frame.
    controls: Vec<u8>,
    /// A close frame went out, or is to.
    closed: bool,
}

/// Something that takes bytes.
pub trait Sink {
    /// Writes as much as fits.
    ///
    /// # Errors
    /// The system's.
    fn put(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
}

impl Default for WsServer {
    fn default() -> Self {
        WsServer {
            request: Some(Vec::new()),
            decoder: Decoder::new(true),
            pending: Vec::new(),
            sent: 0,
            frame_left: 0,
            controls: Vec::new(),
            closed: false,
        }
    }
}

impl WsServer {
    /// The request is answered.
    pub fn is_open(&self) -> bool {
        self.request.is_none()
    }

    /// Something waits to be written.
    pub fn has_unwritten(&self) -> bool {
        self.sent < self.pending.len() || (self.frame_left == 0 && !self.controls.is_empty())
    }

    /// Takes bytes of the request. With [`Progress::Open`], what came behind it is left in `bytes` for
    /// [`WsServer::undo`].
    pub fn request(&mut self, bytes: &mut Vec<u8>, origins: &[String]) -> Progress {
        let Some(request) = &mut self.request else { return Progress::Open };
        let looked_at = request.len().saturating_sub(3);
        request.append(bytes);
        let end = request[looked_at..].windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end.map(|at| looked_at + at) else {
            let begins = request.starts_with(&b"GET "[..request.len().min(4)])
                || request.starts_with(&b"HEAD "[..request.len().min(5)]);
            return if begins && request.len() < REQUEST_MAX { Progress::More } else { Progress::Refused };
        };
        *bytes = request.split_off(end + 4);
        let Some(request) = std::str::from_utf8(&request[..end]).ok().and_then(Request::parse) else {
            return Progress::Refused;
        };
        let progress = match request.asks_for_upgrade() {
            false => Progress::Page,
            true if !request.may_come_from(origins) => Progress::Origin,
            true => match request.answer() {
                Some(answer) => {
                    self.pending = answer;
                    Progress::Open
                }
                None => Progress::Refused,
            },
        };
        if progress == Progress::Open {
            self.request = None;
        }
        progress
    }

    /// The head of the request, for whoever answers it in our place.
    pub fn take_request(&mut self) -> Vec<u8> {
        self.closed = true;
        self.request.replace(Vec::new()).unwrap_or_default()
    }

    /// Turns received bytes into payload, at the start of the same buffer; returns its length. `None`: it is over.
    pub fn undo(&mut self, buffer: &mut [u8]) -> Option<usize> {
        if self.closed {
            return None;
        }
        let (controls, mut close) = (&mut self.controls, None);
        let result = self.decoder.decode(buffer, |control| match control {
            Control::Ping(content) => control_frame(controls, frame::PONG, &content),
            Control::Close(status) => close = Some(status),
        });
        let status = match (&result, close) {
            (Err(violation), _) => Some(violation.status().to_be_bytes().to_vec()),
            (Ok(_), close) => close,
        };
        if let Some(status) = status {
            control_frame(&mut self.controls, frame::CLOSE, &status[..status.len().min(2)]);
            self.closed = true;
        }
        match result {
            // Payload before a close still counts; the next read is the end.
            Ok(count) if count > 0 => Some(count),
            _ if self.closed || self.controls.len() > CONTROL_MAX => None,
            _ => Some(0),
        }
    }

    /// The other side has said that it is over, or was told so.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Says that this is the end.
    pub fn close(&mut self) {
        if self.is_open() && !self.closed {
            control_frame(&mut self.controls, frame::CLOSE, &1000_u16.to_be_bytes());
            self.closed = true;
        }
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// As [`Sink::put`].
    pub fn write_out(&mut self, sink: &mut impl Sink) -> io::Result<()> {
        loop {
            if self.sent == self.pending.len() {
                self.pending.clear();
                self.sent = 0;
                if self.frame_left > 0 || self.controls.is_empty() {
                    self.pending.shrink_to(HEADER_MAX);
                    return Ok(());
                }
                std::mem::swap(&mut self.pending, &mut self.controls);
            }
            match sink.put(&[IoSlice::new(&self.pending[self.sent..])]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes payload, in a frame of its own or as the rest of the one begun; returns how much of it was taken. What
    /// was offered once must be offered again until it is taken.
    ///
    /// # Errors
    /// As [`Sink::put`].
    pub fn write(&mut self, payload: &[IoSlice<'_>], sink: &mut impl Sink) -> io::Result<usize> {
        if self.request.is_some() {
            return Err(ErrorKind::WouldBlock.into());
        }
        if self.frame_left == 0 {
            self.write_out(sink)?;
            let total = payload.iter().map(|slice| slice.len()).sum();
            let mut header = [0; HEADER_MAX];
            let length = frame::header(&mut header, frame::BINARY, total, None);
            self.pending.clear();
            self.pending.extend_from_slice(&header[..length]);
            (self.sent, self.frame_left) = (0, total);
        }
        let head = &self.pending[self.sent..];
        let mut slices = [IoSlice::new(&[]); SLICES];
        slices[0] = IoSlice::new(head);
        let (mut used, mut left) = (1, self.frame_left);
        for slice in payload {
            if left == 0 || used == SLICES {
                break;
            }
            let part = &slice[..slice.len().min(left)];
            slices[used] = IoSlice::new(part);
            used += 1;
            left -= part.len();
        }
        let first = usize::from(head.is_empty());
        let count = sink.put(&slices[first..used])?;
        let of_head = count.min(head.len());
        self.sent += of_head;
        self.frame_left -= count - of_head;
        if self.frame_left == 0 && !self.controls.is_empty() {
            match self.write_out(sink) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
        Ok(count - of_head)
    }
}

fn control_frame(into: &mut Vec<u8>, opcode: u8, content: &[u8]) {
    let mut header = [0; HEADER_MAX];
    let length = frame::header(&mut header, opcode, content.len(), None);
    into.extend_from_slice(&header[..length]);
    into.extend_from_slice(content);
}

/// A request, as far as it matters.
struct Request<'a> {
    upgrade: bool,
    connection: bool,
    key: Option<&'a str>,
    version: Option<&'a str>,
    protocol: Option<&'static str>,
    origin: Option<&'a str>,
}

impl<'a> Request<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut lines = text.split("\r\n");
        let mut first = lines.next()?.split(' ');
        first.next().filter(|method| matches!(*method, "GET" | "HEAD"))?;
        first.next().filter(|path| path.starts_with('/'))?;
        if !first.next()?.starts_with("HTTP/1.") || first.next().is_some() {
            return None;
        }
        let mut request = Request {
            upgrade: false,
            connection: false,
            key: None,
            version: None,
            protocol: None,
            origin: None,
        };
        for line in lines {
            let (name, value) = line.split_once(':')?;
            request.header(name, value.trim());
        }
        Some(request)
    }

    fn header(&mut self, name: &str, value: &'a str) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let has = |word: &str| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word));
        match () {
            () if is("upgrade") => self.upgrade |= has("websocket"),
            () if is("connection") => self.connection |= has("upgrade"),
            () if is("sec-websocket-key") => self.key = Some(value),
            () if is("sec-websocket-version") => self.version = Some(value),
            () if is("origin") => self.origin = Some(value),
            () if is("sec-websocket-protocol") && self.protocol.is_none() => {
                let known = |part: &str| match part.trim() {
                    "mqtt" => Some("mqtt"),
                    "mqttv3.1" => Some("mqttv3.1"),
                    _ => None,
                };
                self.protocol = value.split(',').find_map(known);
            }
            () => {}
        }
    }

    fn asks_for_upgrade(&self) -> bool {
        self.upgrade && self.connection
    }

    fn may_come_from(&self, origins: &[String]) -> bool {
        match self.origin {
            // What isn't a browser says nothing, and could say anything.
            None => true,
            Some(origin) => origins.is_empty() || origins.iter().any(|allowed| allowed == origin),
        }
    }

    /// The answer that makes it a WebSocket; `None`: something is missing.
    fn answer(&self) -> Option<Vec<u8>> {
        if self.version.is_some_and(|version| version != "13") {
            return None;
        }
        let accept = accept(self.key?.as_bytes());
        let protocol = self.protocol?;
        let text = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
        );
        Some(text.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "GET /any HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Protocol: other, mqtt\r\nOrigin: http://here\r\n\r\n";

    fn ask(text: &str, origins: &[&str]) -> (Progress, Vec<u8>, WsServer) {
        let mut server = WsServer::default();
        let mut bytes = text.as_bytes().to_vec();
        let origins: Vec<String> = origins.iter().map(|origin| (*origin).to_owned()).collect();
        let progress = server.request(&mut bytes, &origins);
        (progress, bytes, server)
    }

    #[test]
    fn a_request_is_answered_and_what_follows_is_kept() {
        let (progress, rest, server) = ask(&format!("{REQUEST}rest"), &["http://here"]);
        assert_eq!((progress, rest), (Progress::Open, b"rest".to_vec()));
        let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
        assert_eq!(String::from_utf8(server.pending).unwrap(), answer);
    }

    #[test]
    fn a_request_may_come_in_pieces() {
        let mut server = WsServer::default();
        let (last, first) = REQUEST.as_bytes().split_last().unwrap();
        for byte in first {
            assert_eq!(server.request(&mut vec![*byte], &[]), Progress::More);
        }
        assert_eq!(server.request(&mut vec![*last], &[]), Progress::Open);
    }

    #[test]
    fn what_is_no_request_for_a_web_socket() {
        assert_eq!(ask(REQUEST, &["http://there"]).0, Progress::Origin);
        let without = |line: &str| REQUEST.replace(line, "X");
        for line in ["Sec-WebSocket-Key", "Sec-WebSocket-Protocol"] {
            assert_eq!(ask(&without(line), &[]).0, Progress::Refused, "{line}");
        }
        assert_eq!(ask(&REQUEST.replace("other, mqtt", "amqp"), &[]).0, Progress::Refused);
        assert_eq!(ask(&REQUEST.replace(": 13", ": 12"), &[]).0, Progress::Refused);
        assert_eq!(ask("\x10\x0e\0\x04MQTT", &[]).0, Progress::Refused);
        assert_eq!(ask("GET", &[]).0, Progress::More);
        assert_eq!(ask("POST / HTTP/1.1\r\n\r\n", &[]).0, Progress::Refused);
        assert_eq!(ask("GET http://x/ HTTP/1.1\r\n\r\n", &[]).0, Progress::Refused);
        for page in ["GET / HTTP/1.1\r\n\r\n", "HEAD /a HTTP/1.0\r\n\r\n"] {
            let (progress, _, mut server) = ask(page, &[]);
            assert_eq!((progress, server.take_request()), (Progress::Page, page.as_bytes().to_vec()));
        }
        let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(REQUEST_MAX));
        assert_eq!(ask(&endless, &[]).0, Progress::Refused);
    }

    /// Takes a few bytes at a time, then none until asked again.
    struct Narrow(Vec<u8>, usize);

    impl Sink for Narrow {
        fn put(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            if self.1 == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).take(self.1).collect();
            self.1 -= bytes.len();
            self.0.extend_from_slice(&bytes);
            Ok(bytes.len())
        }
    }

    #[test]
    fn frames_are_written_whole_however_little_is_taken() {
        let mut server = ask(REQUEST, &[]).2;
        server.pending.clear();
        let payload: Vec<u8> = (0..300_u16).map(|n| n as u8).collect();
        let (mut sink, mut at) = (Narrow(Vec::new(), 0), 0);
        // A ping comes in the middle: its answer waits for the end of the frame.
        let mut ping = [0x89, 0x81, 0, 0, 0, 0, b'x'];
        while at < payload.len() || server.has_unwritten() {
            sink.1 = 7;
            if at < payload.len() {
                let (one, two) = payload[at..].split_at((payload.len() - at) / 2);
                match server.write(&[IoSlice::new(one), IoSlice::new(two)], &mut sink) {
                    Ok(count) => at += count,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
                if at > 10 && ping[0] != 0 {
                    assert_eq!(server.undo(&mut ping), Some(0));
                    ping[0] = 0;
                }
            } else {
                let _ = server.write_out(&mut sink);
            }
        }
        let expected = [&[0x82, 126, 1, 44][..], &payload, &[0x8a, 1, b'x']].concat();
        assert_eq!(sink.0, expected);
    }

    #[test]
    fn a_close_and_a_violation_end_it() {
        let mut server = ask(REQUEST, &[]).2;
        server.pending.clear();
        assert_eq!(server.undo(&mut [0x88, 0x82, 0, 0, 0, 0, 3, 232]), None);
        assert_eq!(server.controls, [0x88, 2, 3, 232]);
        let mut server = ask(REQUEST, &[]).2;
        assert_eq!(server.undo(&mut [0x82, 1, 0]), None);
        assert_eq!(server.controls, [0x88, 2, 3, 234]);
        server.close();
        assert_eq!(server.controls.len(), 4);
    }
}
