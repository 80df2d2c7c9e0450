//! mqtt-ctrl: one command to a broker, and its answer; or many, line by line.

mod broker;
mod dynsec;
mod exchange;
mod init;
mod print;
mod prompt;
mod shell;

use std::io::Write;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::report::Report;
use super::start::start;
use crate::options::{self, ControlJob, Program};

/// Exit code for wrong arguments of a command.
const ARGUMENTS: u8 = 3;
/// Exit code of an unknown module.
const NO_MODULE: u8 = 10;
/// Exit code of an unknown command.
const NO_COMMAND: u8 = 13;

/// The whole of mqtt-ctrl: parses this process's command line and does what it says.
pub fn main() -> ExitCode {
    start(Program::Control, options::control_job, run)
}

/// Why there is no request to send: a line for standard error, if any, and the exit code.
struct Stop {
    line: Option<String>,
    code: u8,
}

impl Stop {
    fn new(line: impl Into<String>, code: u8) -> Stop {
        Stop { line: Some(line.into()), code }
    }

    fn arguments() -> Stop {
        Stop::new("Error: Invalid function arguments provided.", ARGUMENTS)
    }
}

/// A request: where to, what, and how to print the answer.
struct Request {
    topic: &'static str,
    body: Value,
    print: fn(&Value, bool),
}

fn run(mut job: ControlJob) -> u8 {
    let report = Report::new(job.connection.quiet);
    match job.module.take() {
        Some(module) => carry_out(&mut job, &module, report),
        None => shell::run(job, report),
    }
}

/// Carries out a command of a module; the exit code.
fn carry_out(job: &mut ControlJob, module: &str, report: Report) -> u8 {
    let request = match (module, job.command[0].as_str()) {
        ("dynsec", "help") => return say(dynsec::HELP),
        ("broker", "help") => return say(broker::HELP),
        ("dynsec", "init") => init::init(&job.command[1..], &job.connection.program),
        ("dynsec", "setClientPassword") if job.file.is_some() => init::set_password(job),
        ("dynsec", _) => dynsec::request(&job.command).map(Some),
        ("broker", command) => broker::request(command, &job.command[1..]).map(Some),
        (other, _) => Err(Stop::new(format!("Error: Module '{other}' not supported."), NO_MODULE)),
    };
    match request {
        Ok(Some(request)) => send(job, &request, report),
        Ok(None) => 0,
        Err(stop) => {
            if let Some(line) = stop.line {
                report.line(format_args!("{line}"));
            }
            if stop.code == 0 && job.connection.strict { 1 } else { stop.code }
        }
    }
}

/// Prints a text that was asked for.
fn say(text: &str) -> u8 {
    let mut stdout = std::io::stdout().lock();
    // Whoever closed it doesn't want to know.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    0
}

/// Sends a request and prints the answer.
fn send(job: &mut ControlJob, request: &Request, report: Report) -> u8 {
    let (strict, verbose) = (job.connection.strict, job.verbose);
    // What mosquitto_ctrl ends with 0 after.
    let failed = if strict { 1 } else { 0 };
    if let (Some(username), None) = (&job.connection.username, &job.connection.password) {
        match prompt::ask(&format!("Password for {username}: ")) {
            Ok(password) => job.connection.password = Some(password),
            Err(error) => {
                report.line(format_args!("Error: Unable to read password: {error}."));
                return 1;
            }
        }
    }
    if job.connection.tls.is_none() && !std::mem::replace(&mut job.warned, true) {
        let program = &job.connection.program;
        report.line(format_args!(
            "Warning: You are running {program} without encryption.\nThis means all of the configuration changes you \
             are making are visible on the network, including passwords.\n"
        ));
    }
    let payload = zeroize::Zeroizing::new(json!({ "commands": [request.body] }).to_string());
    let answer = match exchange::exchange(job, request.topic, payload.as_bytes(), report) {
        Ok(answer) => answer,
        Err(code) => return if code == 0 { failed } else { code },
    };
    let value: Option<Value> = serde_json::from_slice(&answer).ok();
    let response = value.as_ref().and_then(|value| value.get("responses")?.as_array()?.first());
    let Some(response) = response else {
        report.line(format_args!("Error: Invalid response from server."));
        return failed;
    };
    if let Some(error) = response.get("error").and_then(Value::as_str) {
        let command = response.get("command").and_then(Value::as_str).unwrap_or_default();
        report.line(format_args!("{command}: Error: {error}"));
        return failed;
    }
    (request.print)(response.get("data").unwrap_or(&Value::Null), verbose);
    0
}
