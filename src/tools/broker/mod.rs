//! mqtt-broker: from the command line to a running broker, and to its end.

mod account;
mod background;
mod disk;
mod exec;
mod explain;
mod folders;
mod health;
mod limits;
mod pid_file;
mod ready;
mod reread;
mod run;
mod start_log;
mod stored;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use reread::Overrides;

use crate::config::{AtError, ConfigReader, LogType, Message, Settings};
use crate::observe::Logger;
use crate::options::broker::{BrokerName, BrokerStep, broker_steps};

/// Exit code of a wrong command line or configuration.
const INVALID: u8 = 3;
/// Exit code of a system call that failed.
const SYSTEM: u8 = 14;

/// What the command line comes to.
struct Job {
    name: BrokerName,
    /// What the configuration files and `-p` come to.
    settings: Settings,
    /// What a reload needs again.
    overrides: Overrides,
    daemon: bool,
    print_address: bool,
    port_file: Option<PathBuf>,
    max_time: Option<Duration>,
    exec: Option<Vec<OsString>>,
}

/// The program: `arguments` with its name first.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    let name = BrokerName::called(arguments.first().map(OsString::as_os_str));
    let logger = Logger::early(name.name);
    let steps = broker_steps(arguments.get(1..).unwrap_or_default());
    let code = match prepare(name, steps, &logger) {
        Ok(job) => run::run(job, &logger),
        Err(code) => code,
    };
    ExitCode::from(code)
}

/// Seconds since 1970, for the log.
fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs())
}

/// A line to the log with the present time.
fn say(logger: &Logger, log_type: LogType, text: std::fmt::Arguments<'_>) {
    logger.log(log_type, now(), text);
}

/// Carries the command line out up to where a broker would start. `Err`: that was all, with this exit code.
fn prepare(name: BrokerName, steps: Vec<BrokerStep>, logger: &Logger) -> Result<Job, u8> {
    let test = steps.contains(&BrokerStep::TestConfig);
    let mut disk = disk::Disk;
    let mut reader = ConfigReader::new(&mut disk, if test { AtError::Collect } else { AtError::Stop });
    let mut job = Job {
        name,
        settings: Settings::default(),
        overrides: Overrides::default(),
        daemon: false,
        print_address: false,
        port_file: None,
        max_time: None,
        exec: None,
    };
    let mut ports = Vec::new();
    let mut health = None;
    let (mut import, mut dump) = (None, None);
    let mut explain = None;
    let mut bad = false;
    for step in steps {
        match step {
            BrokerStep::Configuration(file) => {
                let file = file.to_string_lossy().into_owned();
                let result = reader.read(&file);
                repeat(logger, reader.take_messages());
                let log = reader.log();
                logger.set_timestamp(log.timestamp, log.timestamp_format.clone());
                if result.is_err() {
                    bad = true;
                    if !test {
                        return Err(INVALID);
                    }
                }
                job.overrides.files.push(file);
            }
            BrokerStep::Daemon => job.daemon = true,
            BrokerStep::Port(port) => ports.push(port),
            BrokerStep::Verbose => job.overrides.verbose = true,
            BrokerStep::Quiet => job.overrides.quiet = true,
            BrokerStep::TestConfig => {}
            BrokerStep::Keylog(file) => {
                job.overrides.tls_keylog = Some(file.to_string_lossy().into_owned());
            }
            BrokerStep::PrintAddress => job.print_address = true,
            BrokerStep::PortFile(file) => job.port_file = Some(file.into()),
            BrokerStep::MaxTime(time) => job.max_time = Some(time),
            BrokerStep::Health(target) => health = Some(target),
            BrokerStep::Import(file) => import = Some(file),
            BrokerStep::Dump(path) => dump = Some(path),
            BrokerStep::Explain(asked) => explain = Some(asked),
            BrokerStep::Exec(command) => job.exec = Some(command),
            BrokerStep::Help => return Err(print(&name.usage())),
            BrokerStep::Version => return Err(print(&name.version_text())),
            BrokerStep::Wrong { message, usage } => return Err(wrong(name, logger, &message, usage)),
        }
    }
    if let Some(target) = health {
        return Err(health::check(target));
    }
    if let Some(path) = dump {
        return Err(stored::dump(&path, logger));
    }
    if let Some(asked) = explain {
        return Err(explain::explain(reader.finish(&ports), &asked, logger));
    }
    if test {
        return Err(tested(&job, reader, &ports, bad, logger));
    }
    let job = finish(job, reader, ports, logger)?;
    match import {
        Some(file) => Err(stored::import(&file, &job, logger)),
        None => Ok(job),
    }
}

/// The lines that reading a configuration has to say, each with the time as it was asked for there.
fn repeat(logger: &Logger, messages: Vec<Message>) {
    for message in messages {
        logger.set_timestamp(message.timestamp, message.timestamp_format);
        say(logger, message.log_type, format_args!("{}", message.text));
    }
}

/// Prints a text that was asked for.
fn print(text: &str) -> u8 {
    let mut stdout = std::io::stdout().lock();
    // Whoever closed it doesn't want to know.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    0
}

fn wrong(name: BrokerName, logger: &Logger, message: &str, usage: bool) -> u8 {
    if usage {
        // As mosquitto: this one has no time before it.
        let _ = writeln!(std::io::stderr(), "{message}");
        if name.name == "mosquitto" {
            print(&name.usage());
        } else {
            // What is wrong stays in sight.
            let _ = writeln!(std::io::stderr(), "\nUse '{} --help' to see usage.", name.name);
        }
    } else {
        say(logger, LogType::Error, format_args!("{message}"));
    }
    INVALID
}

/// The end of `--test-config`.
fn tested(job: &Job, reader: ConfigReader<'_>, ports: &[u16], bad: bool, logger: &Logger) -> u8 {
    if job.overrides.files.is_empty() {
        say(logger, LogType::Error, format_args!("Please provide a configuration file to test."));
        return INVALID;
    }
    let settings = Arc::new(reader.finish(ports));
    // As who the broker would be: what it may read and write depends on it.
    if let Err(code) = account::become_user(settings.user.as_deref(), logger) {
        return code;
    }
    let findings = crate::server::check(&settings, !bad);
    for (log_type, text) in &findings.lines {
        say(logger, *log_type, format_args!("{text}"));
    }
    match findings.exit_code {
        _ if bad => INVALID,
        Some(code) => code,
        None => {
            say(logger, LogType::Information, format_args!("Configuration file is OK."));
            0
        }
    }
}

/// Joins the ports and switches of the command line with the settings.
fn finish(mut job: Job, reader: ConfigReader<'_>, mut ports: Vec<u16>, logger: &Logger) -> Result<Job, u8> {
    if job.exec.is_some() && job.daemon {
        say(
            logger,
            LogType::Error,
            format_args!("Error: --exec and -d don't go together: the broker ends with the command."),
        );
        return Err(INVALID);
    }
    let given = !ports.is_empty();
    if job.exec.is_some() && !given {
        ports.push(0);
    }
    job.settings = reader.finish(&ports);
    job.overrides.for_command = job.exec.is_some();
    let opened = |port: &u16| job.settings.listeners.iter().any(|listener| listener.port == *port);
    if given && !job.settings.local_only && !ports.iter().all(opened) {
        say(
            logger,
            LogType::Warning,
            format_args!(
                "Warning: The ports of -p are not used, because the configuration names its listeners."
            ),
        );
    }
    job.overrides.ports = ports;
    job.overrides.apply(&mut job.settings);
    Ok(job)
}
