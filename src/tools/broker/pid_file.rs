//! The file that holds the process id while the broker runs.

use std::fs::{self, OpenOptions};
use std::io;

/// Removed when dropped, unless it is about another process.
pub(super) struct PidFile {
    path: Option<String>,
    /// It wasn't there before.
    is_new: bool,
    is_written: bool,
}

impl PidFile {
    /// Finds out whether the file can be written, and leaves what is in it: a start that fails must not take the file
    /// of a broker that runs. `None`: no file is wanted.
    pub(super) fn open(path: Option<&str>) -> io::Result<Self> {
        let mut is_new = false;
        if let Some(path) = path {
            is_new = OpenOptions::new().write(true).create_new(true).open(path).is_ok();
            if !is_new {
                OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
            }
        }
        Ok(PidFile { path: path.map(str::to_owned), is_new, is_written: false })
    }

    /// Writes the process id, decimal, without a newline.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if let Some(path) = &self.path {
            fs::write(path, own())?;
            self.is_written = true;
        }
        Ok(())
    }

    /// Another process goes on with it.
    pub(super) fn leave(mut self) {
        self.path = None;
    }
}

fn own() -> String {
    std::process::id().to_string()
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let Some(path) = &self.path else { return };
        let is_ours = match self.is_written {
            true => fs::read_to_string(path).is_ok_and(|text| text == own()),
            false => self.is_new && fs::metadata(path).is_ok_and(|file| file.len() == 0),
        };
        if is_ours {
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
        drop(PidFile::open(Some(&path)).unwrap());
        assert!(fs::metadata(&path).is_err(), "made for a start that failed");
        let mut ours = PidFile::open(Some(&path)).unwrap();
        ours.write().unwrap();
        drop(ours);
        assert!(fs::metadata(&path).is_err());
    }
}
