//! What mqtt-sub does with messages besides printing them: choosing, awaiting, recording, running
//! commands.

mod commands;
mod expected;
mod ready;
mod selection;

use std::io;

use self::commands::Commands;
use self::expected::Expected;
use self::selection::Selector;
use super::recorder::Recorder;
use super::report::{Report, system_words};
use super::signals::Waker;
use crate::options::{Handling, SubscribeJob};
use crate::protocol::Publish;

pub use self::commands::{Shell, failure};
pub use self::ready::Ready;

/// What follows from a message.
#[derive(Debug)]
pub enum Verdict {
    /// The next one may come.
    GoOn,
    /// Everything that was expected has come.
    AllSeen,
    /// No more until a command has ended.
    Wait,
    /// The recording can't be written.
    Failed(io::Error),
}

/// The handling of one run; there is none where messages are only printed and counted.
pub struct Handler {
    selector: Selector,
    expected: Option<Expected>,
    commands: Option<Commands>,
    recorder: Option<Recorder>,
    strict: bool,
}

impl Handler {
    /// What the flags ask for.
    ///
    /// # Errors
    /// The system's.
    pub fn new(job: &SubscribeJob, report: Report, waker: &Waker) -> io::Result<Option<Handler>> {
        let handling: &Handling = &job.handling;
        if !handling.concerns_messages() {
            return Ok(None);
        }
        let recorder = handling.record.as_deref().map(|path| {
            Recorder::create(path).map_err(|error| {
                let file = path.display();
                io::Error::other(format!(
                    "Unable to write the recording \"{file}\": {}.",
                    system_words(&error)
                ))
            })
        });
        let recorder = recorder.transpose()?;
        let commands = handling.exec.as_ref().map(|command| {
            let shell = Shell::new(command, &job.connection.target);
            let most = handling.exec_jobs.unwrap_or(1);
            Ok::<_, io::Error>(Commands::new(shell, most, report, waker.another()?))
        });
        Ok(Some(Handler {
            selector: Selector::new(&handling.selection),
            expected: Expected::new(&handling.expectations),
            commands: commands.transpose()?,
            recorder,
            strict: job.connection.strict,
        }))
    }

    /// Whether a message is taken at all.
    pub fn takes(&mut self, message: &Publish<'_>) -> bool {
        self.selector.takes(message)
    }

    /// Whether messages are printed, too.
    pub fn prints(&self) -> bool {
        self.commands.is_none()
    }

    /// Handles a message that was taken.
    pub fn handle(&mut self, message: &Publish<'_>) -> Verdict {
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = recorder.add(message)
        {
            return Verdict::Failed(error);
        }
        if let Some(commands) = &mut self.commands {
            commands.start(message);
        }
        if let Some(expected) = &mut self.expected
            && expected.saw(message)
        {
            return Verdict::AllSeen;
        }
        if self.is_busy() { Verdict::Wait } else { Verdict::GoOn }
    }

    /// Writes what is recorded and still in memory. To be called when nothing more waits, before acknowledgements go.
    ///
    /// # Errors
    /// The system's.
    pub fn flush(&mut self) -> io::Result<()> {
        self.recorder.as_mut().map_or(Ok(()), Recorder::flush)
    }

    /// Whether as many commands run as may.
    pub fn is_busy(&self) -> bool {
        self.commands.as_ref().is_some_and(Commands::is_busy)
    }

    /// Notices commands that have ended. `false`: one has failed, and that ends the run.
    pub fn goes_on(&mut self) -> bool {
        match &mut self.commands {
            Some(commands) => commands.collect() || !self.strict,
            None => true,
        }
    }

    /// The end of the run: waits for commands if there is time. `false`: one has failed, and that is the exit code.
    pub fn finish(&mut self, wait: bool) -> bool {
        match &mut self.commands {
            Some(commands) => commands.finish(wait) || !self.strict,
            None => true,
        }
    }

    /// At the end of the run: whether something that was expected hasn't come, which is said.
    pub fn misses_something(&self, report: Report) -> bool {
        self.expected.as_ref().is_some_and(|expected| expected.misses_something(report))
    }

    /// Whether messages are expected, so that the exit code tells of them.
    pub fn expects(&self) -> bool {
        self.expected.is_some()
    }
}
