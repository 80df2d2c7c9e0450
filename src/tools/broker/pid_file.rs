//! The file that holds the process id while the broker runs.

use std::fs;
use std::io;

/// Removes the file when dropped.
pub(super) struct PidFile {
    path: Option<String>,
}

impl PidFile {
    /// Writes the process id, decimal, without a newline. `None`: no file is wanted.
    pub(super) fn write(path: Option<&str>) -> io::Result<Self> {
        if let Some(path) = path {
            fs::write(path, std::process::id().to_string())?;
        }
        Ok(PidFile { path: path.map(str::to_owned) })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // The account changed to may not be allowed to; a stale file harms nobody.
            let _ = fs::remove_file(path);
        }
    }
}
