//! The file that holds the process id while the broker runs.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use rustix::fs::Access;

/// Removed when dropped, unless it is about another process.
pub(super) struct PidFile {
    path: Option<String>,
    is_written: bool,
}

impl PidFile {
    /// Finds out whether the file can be written, and leaves it as it is: a start that fails must not take the file of a
    /// broker that runs, and nobody should read a file without a process id. `None`: no file is wanted.
    pub(super) fn open(path: Option<&str>) -> io::Result<Self> {
        if let Some(path) = path {
            match OpenOptions::new().write(true).open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => can_be_made(Path::new(path))?,
                opened => drop(opened?),
            }
        }
        Ok(PidFile { path: path.map(str::to_owned), is_written: false })
    }

    /// Writes the process id, decimal, without a newline. A new file is there with it, or not at all.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if let Some(path) = &self.path {
            if fs::symlink_metadata(path).is_ok() {
                fs::write(path, own())?;
            } else {
                let beside = format!("{path}.{}", own());
                fs::write(&beside, own()).and_then(|()| fs::rename(&beside, path)).inspect_err(|_| {
                    let _ = fs::remove_file(&beside);
                })?;
            }
            self.is_written = true;
        }
        Ok(())
    }
}

fn can_be_made(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok(rustix::fs::access(folder.unwrap_or(Path::new(".")), Access::WRITE_OK | Access::EXEC_OK)?)
}

fn own() -> String {
    std::process::id().to_string()
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let Some(path) = &self.path else { return };
        if self.is_written && fs::read_to_string(path).is_ok_and(|text| text == own()) {
            // The account changed to may not be allowed to; a stale file harms nobody.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> String {
        let path = std::env::temp_dir().join(format!("pid-file-{name}-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_start_that_fails_leaves_the_file_of_another() {
        let path = place("other");
        fs::write(&path, "12").unwrap();
        drop(PidFile::open(Some(&path)).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "12");
        let mut ours = PidFile::open(Some(&path)).unwrap();
        ours.write().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), own());
        fs::write(&path, "13").unwrap();
        drop(ours);
        assert_eq!(fs::read_to_string(&path).unwrap(), "13");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_of_ones_own_is_gone_at_the_end() {
        let path = place("own");
        let mut ours = PidFile::open(Some(&path)).unwrap();
        assert!(fs::metadata(&path).is_err(), "there, and nothing in it");
        ours.write().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), own());
        drop(ours);
        assert!(fs::metadata(&path).is_err());
    }
}
