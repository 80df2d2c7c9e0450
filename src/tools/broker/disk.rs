//! Configuration files as they are on disk.

use std::io::ErrorKind;

use crate::config::{ConfigFiles, ReadProblem};

/// The file system.
pub(super) struct Disk;

impl ConfigFiles for Disk {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, ReadProblem> {
        std::fs::read(path).map_err(|error| match error.kind() {
            ErrorKind::IsADirectory => ReadProblem::Folder,
            _ => ReadProblem::Unreadable,
        })
    }

    fn list(&mut self, folder: &str) -> Result<Vec<String>, ReadProblem> {
        let entries = std::fs::read_dir(folder).map_err(|_| ReadProblem::Unreadable)?;
        Ok(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
    }
}
