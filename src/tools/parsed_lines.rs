//! Lines that are read one by one and published when they are due: `-l` with `--line-format`, and `--replay`.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Instant;

use super::line_format::{self, Defaults, Line};
use super::lines::{Lines, Stdin};
use super::progress::Progress;
use crate::options::{LineFormat, PublishJob, Replay};

/// Where the lines come from.
#[derive(Debug)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A recording.
    File(File),
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Source::Stdin => Stdin.read(buffer),
            Source::File(file) => file.read(buffer),
        }
    }
}

/// The lines, and what they are read as.
pub struct ParsedLines {
    lines: Lines<Source>,
    format: LineFormat,
    /// How fast a recording goes by; `None`: it isn't one.
    replay: Option<Replay>,
    /// What the first message's time was, and when it was published.
    start: Option<(std::time::Duration, Instant)>,
    next: Option<(Line, Option<Instant>)>,
    number: u64,
    name: String,
    progress: Progress,
}

impl ParsedLines {
    /// The lines of standard input.
    pub fn of_stdin(job: &PublishJob) -> Self {
        let progress = Progress::of_stdin(&job.connection);
        Self::new(Source::Stdin, job.line_format.clone(), None, "standard input".to_owned(), progress)
    }

    /// The lines of a recording; `-` is standard input.
    ///
    /// # Errors
    /// The system's.
    pub fn of_recording(path: &Path, job: &PublishJob) -> io::Result<Self> {
        let (source, progress) = if path.as_os_str() == "-" {
            (Source::Stdin, Progress::of_stdin(&job.connection))
        } else {
            let file = File::open(path)?;
            let progress = Progress::of_file(&file, &job.connection);
            (Source::File(file), progress)
        };
        let name = path.display().to_string();
        Ok(Self::new(source, LineFormat::Json, Some(job.replay.clone()), name, progress))
    }

    fn new(
        source: Source,
        format: LineFormat,
        replay: Option<Replay>,
        name: String,
        progress: Progress,
    ) -> Self {
        let lines = Lines::new(source);
        ParsedLines { lines, format, replay, start: None, next: None, number: 0, name, progress }
    }

    /// Makes the next message known, if its line is there.
    ///
    /// # Errors
    /// What is wrong with it, and where. The rest isn't read then.
    pub fn advance(&mut self, job: &PublishJob) -> Result<(), String> {
        if self.next.is_some() {
            return Ok(());
        }
        let properties = job.connection.properties.publish.as_properties();
        let defaults = Defaults { topic: &job.topic, qos: job.qos, retain: job.retain, properties };
        let text = loop {
            let Some(text) = self.lines.next() else { return Ok(()) };
            self.number += 1;
            if self.format != LineFormat::Json || !text.trim_ascii().is_empty() {
                break text;
            }
        };
        let read = line_format::read(&self.format, text, &defaults);
        match read {
            Ok(line) => {
                let due = self.due_time(&line);
                self.next = Some((self.mapped(line), due));
                Ok(())
            }
            Err(wrong) => {
                self.lines.end();
                Err(format!("Error: {}:{}: {wrong}.", self.name, self.number))
            }
        }
    }

    /// When a message of a recording goes out: as long after the first one as it came, divided by the speed.
    fn due_time(&mut self, line: &Line) -> Option<Instant> {
        let (speed, time) = (self.replay.as_ref()?.speed?, line.time?);
        let (first, started) = *self.start.get_or_insert_with(|| (time, Instant::now()));
        started.checked_add(time.saturating_sub(first).div_f64(speed))
    }

    fn mapped(&self, mut line: Line) -> Line {
        let map = self.replay.as_ref().map_or(&[][..], |replay| &replay.map);
        if let Some((from, to)) = map.iter().find(|(from, _)| line.topic.starts_with(from)) {
            line.topic.replace_range(..from.len(), to);
        }
        line
    }

    /// The next message, if it is due.
    pub fn due_now(&self) -> Option<&Line> {
        let (line, due) = self.next.as_ref()?;
        due.is_none_or(|due| due <= Instant::now()).then_some(line)
    }

    /// When the next message is due, if that isn't now.
    pub fn due(&self) -> Option<Instant> {
        self.next.as_ref()?.1
    }

    /// The next message was published.
    pub fn published(&mut self) {
        self.next = None;
        self.progress.at(self.lines.taken());
    }

    /// Reads once.
    ///
    /// # Errors
    /// The system's.
    pub fn fill(&mut self) -> io::Result<()> {
        self.lines.fill()
    }

    /// What to poll before [`ParsedLines::fill`]; `None`: a line is there, or none will come.
    pub fn wants(&mut self) -> Option<BorrowedFd<'_>> {
        if self.next.is_some() || self.lines.has_ended() || self.lines.has_line() {
            return None;
        }
        Some(match self.lines.reader() {
            Source::Stdin => rustix::stdio::stdin(),
            Source::File(file) => file.as_fd(),
        })
    }

    /// Whether everything was published.
    pub fn is_done(&self) -> bool {
        self.next.is_none() && self.lines.is_done()
    }
}
