//! Standard input read in big blocks and handed out line by line, never more of it than fits.

use std::io::{self, ErrorKind, Read};

use memchr::memchr;

/// How much is read at a time. A longer line makes the buffer grow until it fits.
const BLOCK: usize = 64 * 1024;

/// Standard input without a buffer of its own: what was read is in [`Lines`] and nowhere else, so that polling the
/// file descriptor tells the truth.
#[derive(Debug)]
pub struct Stdin;

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match rustix::io::read(rustix::stdio::stdin(), buffer) {
            // A closed standard input is an empty one.
            Err(rustix::io::Errno::BADF) => Ok(0),
            read => Ok(read?),
        }
    }
}

/// The lines of a stream. A last line without line end counts; an empty line is one.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Up to here the buffer is known to hold no line end.
    searched: usize,
    ended: bool,
    /// Bytes handed out so far, line ends included.
    taken: u64,
}

impl<R: Read> Lines<R> {
    /// Nothing is read yet.
    pub fn new(reader: R) -> Self {
        Lines { reader, buffer: vec![0; BLOCK], start: 0, end: 0, searched: 0, ended: false, taken: 0 }
    }

    /// Reads once. To be called when [`Lines::next`] has none and the stream isn't at its end.
    ///
    /// # Errors
    /// The reader's; it counts as the end of the stream.
    pub fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.searched -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        match self.reader.read(&mut self.buffer[self.end..]) {
            Ok(0) => self.ended = true,
            Ok(count) => self.end += count,
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Err(error) => {
                self.ended = true;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Where it is read from.
    pub fn reader(&self) -> &R {
        &self.reader
    }

    /// The rest isn't wanted.
    pub fn end(&mut self) {
        self.ended = true;
        self.start = self.end;
        self.searched = self.end;
    }

    /// Whether a line is there, without reading.
    pub fn has_line(&mut self) -> bool {
        self.line_end().is_some()
    }

    /// Whether all lines were handed out.
    pub fn is_done(&self) -> bool {
        self.ended && self.start == self.end
    }

    /// Whether nothing more is to be read.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Bytes handed out so far.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// The next line that is in the buffer, without its line end. Like mosquitto_pub's, it ends at a zero byte.
    pub fn next(&mut self) -> Option<&[u8]> {
        let (line, next) = self.line_end()?;
        let start = self.start;
        self.taken += (next - start) as u64;
        self.start = next;
        self.searched = next;
        let line = &self.buffer[start..line];
        Some(match memchr(0, line) {
            Some(zero) => &line[..zero],
            None => line,
        })
    }

    /// Where the first line ends, and where the next one begins.
    fn line_end(&mut self) -> Option<(usize, usize)> {
        if let Some(at) = memchr(b'\n', &self.buffer[self.searched..self.end]) {
            let end = self.searched + at;
            self.searched = end;
            return Some((end, end + 1));
        }
        self.searched = self.end;
        (self.ended && self.start < self.end).then_some((self.end, self.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out its pieces one read at a time.
    struct Pieces(Vec<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0);
            let count = piece.len().min(buffer.len());
            buffer[..count].copy_from_slice(&piece[..count]);
            if count < piece.len() {
                self.0.insert(0, piece[count..].to_vec());
            }
            Ok(count)
        }
    }

    fn lines(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut lines = Lines::new(Pieces(pieces.iter().map(|piece| piece.to_vec()).collect()));
        let mut all = Vec::new();
        while !lines.is_done() {
            lines.fill().unwrap();
            while let Some(line) = lines.next() {
                all.push(line.to_vec());
            }
        }
        let total: usize = pieces.iter().map(|piece| piece.len()).sum();
        assert_eq!(lines.taken(), total as u64);
        all
    }

    #[test]
    fn lines_are_whole_however_they_come() {
        assert_eq!(lines(&[b"a\nb\n"]), [b"a", b"b"]);
        assert_eq!(lines(&[b"on", b"e\ntw", b"o", b"\n", b"last"]), [&b"one"[..], b"two", b"last"]);
        assert_eq!(lines(&[b"\n\r\n"]), [&b""[..], b"\r"]);
        assert_eq!(lines(&[]), Vec::<Vec<u8>>::new());
        assert_eq!(lines(&[b"a\0b\nc\n"]), [b"a", b"c"]);
    }

    #[test]
    fn a_line_may_be_longer_than_a_block() {
        let long = vec![b'x'; 3 * BLOCK + 1];
        let mut text = long.clone();
        text.extend_from_slice(b"\nshort");
        assert_eq!(lines(&[&text]), [long, b"short".to_vec()]);
    }
}
