//! What every client program does first: the command line becomes a job, or a complaint.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use super::Exit;
use crate::options::{Stop, Surroundings};

/// Parses this process's command line and runs the job.
pub(super) fn start<J>(
    parse: fn(&[OsString], &Surroundings<'_>) -> Result<J, Stop>,
    run: fn(J) -> Exit,
) -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let surroundings = Surroundings {
        variable: &|name| std::env::var_os(name),
        read_file: &|path| std::fs::read(path),
        process_id: std::process::id(),
    };
    match parse(&arguments, &surroundings) {
        Ok(job) => run(job).into(),
        Err(stop) => {
            // Whoever closed them doesn't want to know.
            let _ = std::io::stderr().lock().write_all(stop.stderr.as_bytes());
            let _ = std::io::stdout().lock().write_all(stop.stdout.as_bytes());
            let _ = std::io::stdout().lock().flush();
            ExitCode::from(stop.exit_code)
        }
    }
}
