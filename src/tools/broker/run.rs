//! A broker from its start to its end.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::background::{self, Side, Starting};
use super::exec::{self, Command};
use super::pid_file::PidFile;
use super::ready::LocalAddress;
use super::{Job, SYSTEM, account, folders, limits, now, say, start_log};
use crate::config::LogType::{Error, Information, Warning};
use crate::observe::Logger;
use crate::server::Server;

/// Runs the broker of this job; the exit code.
pub(super) fn run(job: Job, logger: &Logger) -> u8 {
    match prepare_process(&job, logger) {
        Ok(prepared) => serve(job, prepared, logger),
        Err(code) => code,
    }
}

/// What a broker keeps of its start.
struct Prepared {
    pid_file: PidFile,
    /// In the background: who waits for it to run.
    waiting: Option<Starting>,
}

/// Folders, account, umask, process id and background, in this order. `Err`: this process ends, with this exit code.
fn prepare_process(job: &Job, logger: &Logger) -> Result<Prepared, u8> {
    let user = job.settings.user.as_deref();
    let owner = if job.exec.is_none() { account::owner_to_be(user) } else { None };
    folders::make(&job.settings, owner, logger);
    if job.exec.is_none() {
        account::drop_privileges(user, logger)?;
    } else if user.is_some() {
        // The command runs as whoever asked for it, and the broker with it.
        say(logger, Warning, format_args!("Warning: The 'user' option has no effect with --exec."));
    }
    account::set_umask(logger)?;
    let path = job.settings.pid_file.as_deref();
    let pid_file = PidFile::open(path).map_err(|error| {
        say(logger, Error, format_args!("{}", no_pid_file(path, &error)));
        SYSTEM
    })?;
    if !job.daemon {
        return Ok(Prepared { pid_file, waiting: None });
    }
    match background::go() {
        Ok(Side::Child(starting)) => Ok(Prepared { pid_file, waiting: Some(starting) }),
        Ok(Side::Parent(waiting)) => Err(waiting.exit_code()),
        Err(text) => {
            say(logger, Error, format_args!("{text}"));
            Err(1)
        }
    }
}

fn no_pid_file(path: Option<&str>, error: &std::io::Error) -> String {
    format!("Error: Unable to write pid file. {}: {}.", path.unwrap_or_default(), background::reason(error))
}

/// Everything that is in the log between "starting" and "terminating".
fn serve(mut job: Job, prepared: Prepared, logger: &Logger) -> u8 {
    let Prepared { mut pid_file, mut waiting } = prepared;
    logger.configure(&job.settings.log, now());
    start_log::starting(&job, logger);
    let (name, command, print_address) = (job.name, job.exec.take(), job.print_address);
    let settings = Arc::new(job.settings);
    let (overrides, port_file, max_time) = (job.overrides, job.port_file, job.max_time);
    let result = port_file
        .as_deref()
        .map_or(Ok(()), limits::forget_port)
        .and_then(|()| {
            Server::bind(settings.clone(), logger.clone())
                .map_err(|error| Failure { text: error.to_string(), code: error.exit_code() })
        })
        .and_then(|server| {
            pid_file.write().map_err(|error| Failure {
                text: no_pid_file(settings.pid_file.as_deref(), &error),
                code: SYSTEM,
            })?;
            let wanted = print_address || command.is_some() || port_file.is_some();
            let address = local_address(&server, wanted)?;
            if let (Some(path), Some(address)) = (&port_file, address) {
                limits::write_port(path, address)?;
            }
            say(logger, Information, format_args!("{} version {} running", name.name, name.version));
            if let (true, Some(address)) = (print_address, address) {
                match &mut waiting {
                    Some(starting) => drop(writeln!(starting.stdout, "{address}")),
                    None => {
                        let mut stdout = std::io::stdout().lock();
                        let _ = writeln!(stdout, "{address}").and_then(|()| stdout.flush());
                    }
                }
            }
            if let Some(starting) = waiting.take() {
                starting.done();
            }
            let server = server.named(&format!("{} version {}", name.name, name.version));
            let server = match overrides.files.is_empty() {
                true => server,
                false => server.rereading(Arc::new(move |logger: &Logger| overrides.reread(logger))),
            };
            match (command, address) {
                (Some(command), Some(address)) => serve_command(server, &command, address, max_time, logger),
                _ => {
                    limits::stop_after(&server, max_time, logger);
                    serve_all(server).map(|()| 0)
                }
            }
        });
    let code = result.unwrap_or_else(|failure| {
        say(logger, Error, format_args!("{}", failure.text));
        // Whoever sends the log elsewhere should still see why there is no broker.
        let _ = match &mut waiting {
            Some(starting) if logger.enabled(Error) => writeln!(starting.stderr, "{}", failure.text),
            None if !settings.log.destinations.stderr && logger.enabled(Error) => {
                writeln!(std::io::stderr(), "{}", failure.text)
            }
            _ => Ok(()),
        };
        failure.code
    });
    say(logger, Information, format_args!("{} version {} terminating", name.name, name.version));
    code
}

/// Why a broker ends that shouldn't: a line for the log, and the exit code.
pub(super) struct Failure {
    pub(super) text: String,
    pub(super) code: u8,
}

fn local_address(server: &Server, wanted: bool) -> Result<Option<LocalAddress>, Failure> {
    let address = LocalAddress::of(&server.addresses());
    if wanted && address.is_none() {
        let text = "Error: --print-address, --port-file and --exec need a TCP listener, and the configuration has none.";
        return Err(Failure { text: text.to_owned(), code: super::INVALID });
    }
    Ok(address)
}

fn serve_all(server: Server) -> Result<(), Failure> {
    server.run().map_err(|error| Failure { text: error.to_string(), code: error.exit_code() })
}

/// Serves until the command ends; its exit code.
fn serve_command(
    server: Server,
    command: &[std::ffi::OsString],
    address: LocalAddress,
    max_time: Option<Duration>,
    logger: &Logger,
) -> Result<u8, Failure> {
    let server = server.without_signals();
    let handle = server.handle();
    let command = Command::start(command, address, move || handle.stop())?;
    let over = limits::stop_after(&server, max_time, logger);
    let served = serve_all(server);
    if served.is_err() || over.load(Ordering::SeqCst) {
        command.signal(exec::TERMINATE);
    }
    let code = command.wait();
    served.map(|()| code)
}
