//! `--ready-fd`, `--ready-file`, `--exec-after-sub`: others learn that the subscriptions stand.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;

use rustix::fs::Access;

use super::commands::{Shell, failure};
use crate::options::{self, Target};
use crate::tools::report::{Report, system_words};

/// What is written.
const LINE: &[u8] = b"ready\n";

/// Whoever is to be told, once.
#[derive(Default)]
pub struct Ready {
    fd: Option<File>,
    file: Option<PathBuf>,
    command: Option<Shell>,
    running: Option<Child>,
}

impl Ready {
    /// Takes the file descriptor, and an old file out of the way. To be called before anything else is opened.
    ///
    /// # Errors
    /// A line that says what is wrong.
    pub fn new(ready: &options::Ready, target: &Target) -> Result<Self, String> {
        let fd = ready.fd.map(take_fd).transpose()?;
        if let Some(path) = &ready.file {
            make_way(path).map_err(|error| cannot(path, &error))?;
        }
        let command = ready.command.as_ref().map(|command| Shell::new(command, target));
        Ok(Ready { fd, file: ready.file.clone(), command, running: None })
    }

    /// Tells everyone.
    pub fn tell(&mut self, report: Report) {
        if let Some(mut fd) = self.fd.take() {
            // Whoever has closed the other end knows enough.
            let _ = fd.write_all(LINE);
        }
        if let Some(path) = self.file.take() {
            // On a thread: opening a fifo waits for its reader.
            thread::spawn(move || {
                let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
                if let Err(error) = file.and_then(|mut file| file.write_all(LINE)) {
                    report.line(format_args!("{}", cannot(&path, &error)));
                }
            });
        }
        if let Some(command) = self.command.take() {
            match command.start() {
                Ok(child) => self.running = Some(child),
                Err(error) => {
                    report.line(format_args!(
                        "Warning: The command of --exec-after-sub can't be run: {}.",
                        system_words(&error)
                    ));
                }
            }
        }
    }

    /// The end of the run: waits for the command if there is time. `false`: it failed, which is said.
    pub fn finish(&mut self, wait: bool, report: Report) -> bool {
        let Some(mut child) = self.running.take() else { return true };
        let status = if wait { child.wait().map(Some) } else { child.try_wait() };
        let Some(status) = status.transpose() else { return true };
        let Some(how) = failure(&status) else { return true };
        report.line(format_args!("Warning: The command of --exec-after-sub {how}."));
        false
    }
}

/// A file of an earlier run would be a lie; a fifo is waited at, and a device is no file of ours.
fn make_way(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(data) if !data.is_file() && !data.is_dir() => return Ok(()),
        Ok(_) => fs::remove_file(path)?,
        Err(_) => {}
    }
    // Who waits for it would wait for ever.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    rustix::fs::access(folder.unwrap_or(Path::new(".")), Access::WRITE_OK | Access::EXEC_OK)?;
    Ok(())
}

fn cannot(path: &Path, error: &io::Error) -> String {
    format!("Error: Unable to make the file \"{}\": {}.", path.display(), system_words(error))
}

/// An open file descriptor that we were given at the start.
#[allow(unsafe_code)]
fn take_fd(number: u32) -> Result<File, String> {
    let wrong =
        || format!("Error: Invalid --ready-fd argument '{number}', it must be an open file descriptor.");
    let fd = RawFd::try_from(number).map_err(|_| wrong())?;
    // SAFETY: asks about a number; any number is fine.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    if flags < 0 {
        return Err(wrong());
    }
    if fd <= libc::STDERR_FILENO {
        // Our own standard streams stay open: what is closed at the end is a second handle of it.
        // SAFETY: duplicates a descriptor that is open.
        let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) };
        if copy < 0 {
            return Err(wrong());
        }
        // SAFETY: the descriptor was made here, and nobody else knows it.
        return Ok(File::from(unsafe { OwnedFd::from_raw_fd(copy) }));
    }
    // The commands we start must not hold it open.
    // SAFETY: sets a flag of a descriptor that is open.
    unsafe { libc::fcntl(fd, libc::F_SETFD, flags | libc::FD_CLOEXEC) };
    // SAFETY: it was open before we opened anything, so whoever started us gave it to us.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}
