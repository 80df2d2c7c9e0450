//! Standard output of the client programs: messages and trace lines, written in big blocks.

use std::io;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};

use super::format::{Formatter, Unfit};
use super::paint::Paint;
use super::top::Top;
use super::watch::Watch;
use crate::client::Outbox;
use crate::protocol::Publish;

/// More than this is written before more is added.
const BLOCK: usize = 32 * 1024;

/// Room for a block and what comes with one read. Only what is used of it costs memory; growing would cost it twice.
const ROOM: usize = 160 * 1024;

/// How messages are printed.
#[derive(Debug)]
pub struct Style {
    /// The topic first (`-v`).
    pub verbose: bool,
    /// A line end last (all but `-N`).
    pub line_end: bool,
    /// A format of the user's, which takes the place of the topic and the payload (`-F`).
    pub format: Option<Formatter>,
    /// A line of the terminal for each topic (`-w`).
    pub watch: Option<Watch>,
    /// A table of topics, drawn again and again (`--top`).
    pub top: Option<Top>,
    /// For people at a terminal.
    pub paint: Option<Paint>,
}

/// What is on its way to standard output.
#[derive(Debug, Default)]
pub struct Output {
    buffer: Vec<u8>,
}

impl Output {
    /// Has room for messages.
    pub fn with_room() -> Self {
        Output { buffer: Vec::with_capacity(ROOM) }
    }

    /// Adds the trace lines that the connection has written.
    pub fn trace(&mut self, outbox: &mut Outbox) {
        if let Some(trace) = &mut outbox.trace {
            self.buffer.append(trace);
        }
    }

    /// Clears the screen, for messages that have their places on it.
    pub fn watch(&mut self, host: &str) -> Watch {
        Watch::start(host, &mut self.buffer)
    }

    /// Adds a frame of the table.
    pub fn draw(&mut self, top: &mut Top, now: Instant) {
        top.draw(now, &mut self.buffer);
    }

    /// Adds a line.
    pub fn line(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
        self.buffer.push(b'\n');
    }

    /// Adds a message. One without payload prints nothing, or `TOPIC (null)` with the topic asked for, unless there
    /// is a format. `unfit` hears of what in a format a message doesn't have.
    pub fn message(&mut self, style: &mut Style, message: &Publish<'_>, unfit: impl FnMut(Unfit)) {
        if let Some(top) = &mut style.top {
            return top.take(message, Instant::now());
        }
        if let Some(watch) = &mut style.watch {
            watch.before(message.topic, &mut self.buffer);
        }
        self.styled(style, message, unfit);
        if let Some(watch) = &style.watch {
            watch.after(&mut self.buffer);
        }
    }

    fn styled(&mut self, style: &mut Style, message: &Publish<'_>, mut unfit: impl FnMut(Unfit)) {
        if let Some(format) = &mut style.format {
            format.write(message, &mut self.buffer, &mut unfit);
            if style.line_end {
                self.buffer.push(b'\n');
            }
            return;
        }
        if let Some(paint) = &mut style.paint
            && !(message.payload.is_empty() && !(style.verbose && style.line_end))
        {
            paint.message(style.verbose, message, &mut self.buffer);
            if style.line_end {
                self.buffer.push(b'\n');
            }
            return;
        }
        if message.payload.is_empty() {
            if style.verbose && style.line_end {
                self.buffer.extend_from_slice(message.topic.as_bytes());
                self.buffer.extend_from_slice(b" (null)\n");
            }
            return;
        }
        if style.verbose {
            self.buffer.extend_from_slice(message.topic.as_bytes());
            self.buffer.push(b' ');
        }
        self.buffer.extend_from_slice(message.payload);
        if style.line_end {
            self.buffer.push(b'\n');
        }
    }

    /// Whether it is time for a [`Output::flush`] though more input waits.
    pub fn is_full(&self) -> bool {
        self.buffer.len() >= BLOCK
    }

    /// Writes everything.
    ///
    /// # Errors
    /// The system's: standard output is closed, or its disk full.
    pub fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        while written < self.buffer.len() {
            match rustix::io::write(rustix::stdio::stdout(), &self.buffer[written..]) {
                Ok(count) => written += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    // Someone who shares our terminal or pipe has made it non-blocking.
                    let stdout = rustix::stdio::stdout();
                    poll(&mut [PollFd::from_borrowed_fd(stdout, PollFlags::OUT)], None)?;
                }
                Err(error) => {
                    self.buffer.clear();
                    return Err(error.into());
                }
            }
        }
        self.buffer.clear();
        self.buffer.shrink_to(ROOM);
        Ok(())
    }
}
