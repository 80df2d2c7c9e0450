//! `--exec` and `--exec-after-sub`: commands run by the shell, with the message in their environment and on their
//! standard input.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::options::Target;
use crate::protocol::Publish;
use crate::tools::report::{Report, system_words};
use crate::tools::signals::Waker;

/// Longest payload that also stands in a variable, in bytes: the system takes 128 KiB for one.
const VARIABLE_MAX: usize = 100_000;

/// A command line for the shell, and what every run of it finds in its environment.
#[derive(Clone)]
pub struct Shell {
    command: OsString,
    variables: Vec<(&'static str, OsString)>,
}

impl Shell {
    /// MQTT_HOST and MQTT_PORT lead the command to the same broker.
    pub fn new(command: &OsStr, target: &Target) -> Self {
        let variables = match target {
            Target::Tcp { host, port } => {
                vec![("MQTT_HOST", host.into()), ("MQTT_PORT", port.to_string().into())]
            }
            Target::Unix(_) => Vec::new(),
        };
        Shell { command: command.to_owned(), variables }
    }

    /// A run of it that hasn't begun.
    fn run(&self) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(&self.command).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts it without a message.
    pub fn start(&self) -> io::Result<Child> {
        self.run().stdin(Stdio::null()).spawn()
    }

    /// A run for a message whose output is wanted, to be waited for on a thread.
    pub fn answer_to(&self, message: &Publish<'_>) -> impl FnOnce() -> io::Result<Output> + Send + use<> {
        let mut command = self.run_for(message);
        let payload = message.payload.to_vec();
        move || {
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
            let stdin = child.stdin.take();
            // Beside the reading: a command may print before it has read everything.
            let writer = thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&payload)));
            let output = child.wait_with_output();
            let _ = writer.join();
            output
        }
    }

    /// A run for a message.
    fn run_for(&self, message: &Publish<'_>) -> Command {
        let mut command = self.run();
        let flag = |flag: bool| if flag { "1" } else { "0" };
        command
            .env("MQTT_TOPIC", message.topic)
            .env("MQTT_QOS", (message.qos as u8).to_string())
            .env("MQTT_RETAIN", flag(message.retain))
            .env("MQTT_PAYLOADLEN", message.payload.len().to_string())
            .env_remove("MQTT_PAYLOAD");
        if message.payload.len() <= VARIABLE_MAX && !message.payload.contains(&0) {
            command.env("MQTT_PAYLOAD", OsStr::from_bytes(message.payload));
        }
        let properties = message.properties;
        for (name, value) in [
            ("MQTT_RESPONSE_TOPIC", properties.response_topic().map(str::as_bytes)),
            ("MQTT_CONTENT_TYPE", properties.content_type().map(str::as_bytes)),
            ("MQTT_CORRELATION_DATA", properties.correlation_data().filter(|data| !data.contains(&0))),
        ] {
            match value {
                Some(value) => command.env(name, OsStr::from_bytes(value)),
                None => command.env_remove(name),
            };
        }
        command
    }
}

/// How a command ended, for the report.
struct Ended {
    topic: String,
    status: io::Result<ExitStatus>,
}

/// Runs of one command beside each other.
pub struct Commands {
    shell: Shell,
    most: u32,
    running: u32,
    report: Report,
    waker: Waker,
    sender: Sender<Ended>,
    ended: Receiver<Ended>,
    /// None has failed so far.
    all_well: bool,
}

impl Commands {
    /// Up to `most` at a time; whoever polls is woken when one ends.
    pub fn new(shell: Shell, most: u32, report: Report, waker: Waker) -> Self {
        let (sender, ended) = channel();
        Commands { shell, most, running: 0, report, waker, sender, ended, all_well: true }
    }

    /// Whether no more may be started now.
    pub fn is_busy(&self) -> bool {
        self.running >= self.most
    }

    /// Runs the command for a message, on a thread of its own that writes and waits.
    pub fn start(&mut self, message: &Publish<'_>) {
        let mut command = self.shell.run_for(message);
        let (topic, payload) = (message.topic.to_owned(), message.payload.to_vec());
        let (sender, waker) = (self.sender.clone(), self.waker.another());
        self.running += 1;
        thread::spawn(move || {
            let status = command.stdin(Stdio::piped()).spawn().and_then(|child| feed(child, &payload));
            // Nobody waits for it any more: the program has ended.
            let _ = sender.send(Ended { topic, status });
            if let Ok(waker) = waker {
                waker.wake();
            }
        });
    }

    /// Notices those that have ended. `false`: one has failed, now or before.
    pub fn collect(&mut self) -> bool {
        while let Ok(ended) = self.ended.try_recv() {
            self.one_ended(&ended);
        }
        self.all_well
    }

    /// The end: waits for those that run, if wanted. `false`: one has failed.
    pub fn finish(&mut self, wait: bool) -> bool {
        while wait && self.running > 0 {
            let Ok(ended) = self.ended.recv() else { break };
            self.one_ended(&ended);
        }
        self.collect()
    }

    fn one_ended(&mut self, Ended { topic, status }: &Ended) {
        self.running -= 1;
        if let Some(how) = failure(status) {
            self.all_well = false;
            self.report.line(format_args!("Warning: The command for '{topic}' {how}."));
        }
    }
}

/// Writes a payload to a command and waits for its end. One that doesn't read it all is no failure.
fn feed(mut child: Child, payload: &[u8]) -> io::Result<ExitStatus> {
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(payload);
    }
    child.wait()
}

/// How a command has failed; `None` if it hasn't.
pub fn failure(status: &io::Result<ExitStatus>) -> Option<String> {
    match status {
        Ok(status) if status.success() => None,
        Ok(status) => Some(match (status.code(), status.signal()) {
            (Some(code), _) => format!("ended with exit status {code}"),
            (None, signal) => format!("was ended by signal {}", signal.unwrap_or(0)),
        }),
        Err(error) => Some(format!("can't be run: {}", system_words(error))),
    }
}
