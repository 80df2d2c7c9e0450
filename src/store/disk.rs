//! The few things that the log asks of a file system; tests put a disk of their own in place of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Files that can be read in part.
pub trait Peek {
    /// Puts so many bytes of a file from a position on, or what there is of them, in place of what is in a buffer.
    fn read_at(&self, name: &str, at: u64, length: u64, into: &mut Vec<u8>) -> io::Result<()>;
}

/// A directory of files.
pub trait Disk: Peek + Send {
    /// A file that is being written.
    type File: DiskFile;

    /// The names of its files.
    fn list(&self) -> io::Result<Vec<String>>;

    /// A new file, in place of one with the same name.
    fn create(&mut self, name: &str) -> io::Result<Self::File>;

    /// The whole of a file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;

    /// Returns when what is in a file would survive a loss of power, whoever wrote it.
    fn settle(&mut self, name: &str) -> io::Result<()>;

    /// Cuts a file to this length, for good.
    fn cut(&mut self, name: &str, length: u64) -> io::Result<()>;

    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Returns when what was created and removed would survive a loss of power.
    fn sync(&mut self) -> io::Result<()>;

    /// How many bytes there is room for, as far as anybody knows.
    fn room(&self) -> u64;
}

/// A file that is being written.
pub trait DiskFile: Send {
    /// Appends bytes; after an error any part of them may be in the file.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns when what was appended would survive a loss of power.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file to this length.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Makes sure that this many bytes can be written, whoever else fills the disk.
    fn allocate(&mut self, length: u64) -> io::Result<()>;

    /// Puts so many zeroes behind what was appended, for what is appended next to take their place: a sync of it then
    /// has nothing to do but write it. A disk may do without.
    fn extend(&mut self, _length: u64) -> io::Result<()> {
        Ok(())
    }
}

/// The name of the file whose lock says that a broker is at work here.
const LOCK: &str = "lock";

/// A directory of the real file system, locked.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    // Held until the end; the system lets go of it even if the process dies.
    lock: File,
}

impl Directory {
    /// Opens a directory for this process alone, making it if need be. `WouldBlock`: another process has it.
    pub fn open(path: &Path) -> io::Result<Self> {
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => {
                if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
                    File::open(parent)?.sync_all()?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let lock = options().write(true).create(true).truncate(false).open(path.join(LOCK))?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
        Ok(Directory { path: path.to_owned(), lock })
    }
}

/// Nobody else may read what clients say to each other.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

impl Disk for Directory {
    type File = File;

    fn list(&self) -> io::Result<Vec<String>> {
        list(&self.path)
    }

    fn create(&mut self, name: &str) -> io::Result<File> {
        options().write(true).create(true).truncate(true).open(self.path.join(name))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(name))
    }

    fn settle(&mut self, name: &str) -> io::Result<()> {
        options().write(true).open(self.path.join(name))?.sync_all()
    }

    fn cut(&mut self, name: &str, length: u64) -> io::Result<()> {
        let file = options().write(true).open(self.path.join(name))?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&mut self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn room(&self) -> u64 {
        rustix::fs::fstatvfs(&self.lock)
            .map_or(u64::MAX, |there| there.f_bavail.saturating_mul(there.f_frsize))
    }
}

impl Peek for Directory {
    fn read_at(&self, name: &str, at: u64, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
        read_at(&self.path.join(name), at, length, into)
    }
}

impl Peek for Glance {
    fn read_at(&self, name: &str, at: u64, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
        read_at(&self.0.join(name), at, length, into)
    }
}

fn read_at(path: &Path, at: u64, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
    let mut file = File::open(path)?;
    let there = file.metadata()?.len().saturating_sub(at).min(length);
    into.clear();
    into.reserve_exact(there as usize);
    file.seek(io::SeekFrom::Start(at))?;
    file.take(length).read_to_end(into)?;
    Ok(())
}

/// The names of the files in a directory, but for the lock.
fn list(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        if let Ok(name) = entry?.file_name().into_string()
            && name != LOCK
        {
            names.push(name);
        }
    }
    Ok(names)
}

impl DiskFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn allocate(&mut self, length: u64) -> io::Result<()> {
        Ok(rustix::fs::fallocate(&*self, rustix::fs::FallocateFlags::empty(), 0, length)?)
    }

    fn extend(&mut self, length: u64) -> io::Result<()> {
        static ZEROES: [u8; 64 * 1024] = [0; 64 * 1024];
        let mut at = self.stream_position()?;
        let end = at + length;
        while at < end {
            let some = (end - at).min(ZEROES.len() as u64);
            self.write_all_at(&ZEROES[..some as usize], at)?;
            at += some;
        }
        Ok(())
    }
}

/// A directory that is only looked at: nothing is written, locked or made.
#[derive(Debug)]
pub struct Glance(pub PathBuf);

impl Glance {
    /// A broker has kept something here.
    pub fn is_store(&self) -> bool {
        self.0.join(LOCK).exists() || self.list().is_ok_and(|names| names.iter().any(|n| n.ends_with(".log")))
    }

    /// The names of its files.
    pub fn list(&self) -> io::Result<Vec<String>> {
        list(&self.0)
    }

    /// The whole of a file.
    pub fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.0.join(name))
    }
}
