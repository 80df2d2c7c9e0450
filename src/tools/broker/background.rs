//! `-d`: the broker goes on without the terminal and without who started it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};

use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

/// Which of the two this is, after [`go`].
pub(super) enum Side {
    /// The process that was started: it ends when the other one has started, or couldn't.
    Parent(Waiting),
    /// The one that goes on.
    Child(Starting),
}

/// Waits for the other process.
pub(super) struct Waiting {
    started: File,
    child: libc::pid_t,
}

impl Waiting {
    /// 0 once the broker runs; what it ended with if it never did.
    pub(super) fn exit_code(mut self) -> u8 {
        match self.started.read(&mut [0]) {
            Ok(1) => 0,
            _ => wait(self.child),
        }
    }
}

/// What a broker that has left the terminal keeps of it until it runs.
pub(super) struct Starting {
    started: File,
    /// Where who started it looks.
    pub(super) stdout: File,
    pub(super) stderr: File,
}

impl Starting {
    /// Lets who started it go on.
    pub(super) fn done(mut self) {
        // Whoever is gone doesn't wait.
        let _ = self.started.write_all(&[1]);
    }
}

/// Splits off a process that goes on in a session of its own, with its standard streams at /dev/null.
///
/// # Errors
/// The line to log.
pub(super) fn go() -> Result<Side, String> {
    let cannot =
        |what: &str, error: io::Error| format!("Error whilst daemonising ({what}): {}", reason(&error));
    let keep = |fd: std::os::fd::BorrowedFd<'_>| fd.try_clone_to_owned().map(File::from);
    // Closed by exec, as all that Rust and rustix open here.
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
        .map_err(|error| cannot("pipe", error.into()))?;
    let child = fork().map_err(|error| format!("Error in fork: {}", reason(&error)))?;
    if let Some(child) = child {
        return Ok(Side::Parent(Waiting { started: File::from(read), child }));
    }
    rustix::process::setsid().map_err(|error| format!("Error in setsid: {}", reason(&error.into())))?;
    let null = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")
        .map_err(|error| cannot("stdin", error))?;
    // A stream that was closed from the start is as good as /dev/null.
    let stdout = keep(rustix::stdio::stdout()).or_else(|_| null.try_clone());
    let stderr = keep(rustix::stdio::stderr()).or_else(|_| null.try_clone());
    for (name, result) in
        [("stdin", dup2_stdin(&null)), ("stdout", dup2_stdout(&null)), ("stderr", dup2_stderr(&null))]
    {
        result.map_err(|error| cannot(name, error.into()))?;
    }
    let stdout = stdout.map_err(|error| cannot("stdout", error))?;
    let stderr = stderr.map_err(|error| cannot("stderr", error))?;
    Ok(Side::Child(Starting { started: File::from(write), stdout, stderr }))
}

/// How a child ended: its exit code, 1 if a signal ended it.
#[allow(unsafe_code)]
fn wait(child: libc::pid_t) -> u8 {
    let mut status = 0;
    loop {
        // SAFETY: the pointer is to a number that lives as long as the call.
        match unsafe { libc::waitpid(child, &raw mut status, 0) } {
            -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            found if found == child && libc::WIFEXITED(status) => {
                return u8::try_from(libc::WEXITSTATUS(status)).unwrap_or(1);
            }
            _ => return 1,
        }
    }
}

/// `fork` of libc, which neither std nor rustix has. `None`: this is the child.
#[allow(unsafe_code)]
fn fork() -> io::Result<Option<libc::pid_t>> {
    // SAFETY: this program has one thread until the server is bound, so the child finds no lock held by a thread
    // that isn't there any more.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        child => Ok(Some(child)),
    }
}

/// The system's words, without Rust's number.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.clone(), |(words, _)| words.to_owned())
}
