//! What every client program does first: the command line becomes a job, or a complaint.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use zeroize::Zeroize;

use super::secrets;
use crate::options::{Program, Stop, Surroundings, secret_arguments};

/// 16 digits; all the same should the system have no random bytes.
fn random() -> String {
    let mut bytes = [0; 8];
    let _ = getrandom::fill(&mut bytes);
    format!("{:016x}", u64::from_ne_bytes(bytes))
}

/// Parses this process's command line and runs the job.
pub(super) fn start<J, E: Into<ExitCode>>(
    program: Program,
    parse: fn(&[OsString], &Surroundings<'_>) -> Result<J, Stop>,
    run: fn(J) -> E,
) -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let secret = secret_arguments(program, &arguments);
    secrets::wipe_arguments(&arguments, &secret);
    let surroundings = Surroundings {
        variable: &|name| std::env::var_os(name),
        read_file: &|path| std::fs::read(path),
        ask: &secrets::ask,
        random: random(),
        process_id: std::process::id(),
    };
    let job = parse(&arguments, &surroundings);
    for (index, _) in secret {
        std::mem::take(&mut arguments[index]).into_vec().zeroize();
    }
    match job {
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
