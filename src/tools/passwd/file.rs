//! The password file on disk: opened as mosquitto_passwd opens it, locked, and replaced in one step.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, XattrFlags, fgetxattr, flistxattr, flock, fremovexattr, fsetxattr};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::{Failure, complain, system_words};

/// The real path of a file, symbolic links followed; the path itself where nothing is there yet.
pub fn resolve(given: &OsStr) -> Result<PathBuf, Failure> {
    match fs::canonicalize(given) {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(PathBuf::from(given)),
        Err(error) => Err(Failure::new(format!("Error reading password file: {}", system_words(&error)))),
    }
}

/// Makes a new file with this content and mode 0600, whole or not at all.
pub fn create(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let fail = |error: io::Error| {
        let words = system_words(&error);
        Failure::new(format!("Error: Unable to open file {} for writing. {words}.", path.display()))
    };
    if path.symlink_metadata().is_ok() {
        return Err(fail(io::Error::from_raw_os_error(Errno::EXIST.raw_os_error())));
    }
    let (mut file, temporary) = Temporary::create(path).map_err(|(_, error)| fail(error))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(fail)?;
    match fs::hard_link(&temporary.path, path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(fail(error)),
        // A file system without links: the file is there before its content is.
        Err(_) => {
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(fail)?;
            file.write_all(content).and_then(|()| file.sync_all()).map_err(fail)?;
        }
    }
    drop(temporary);
    sync_directory(path);
    Ok(())
}

/// Opens a file to be changed, and closes it again: tells whether that is possible, and warns as mosquitto does
/// of a file that others can read or own.
pub fn check_usable(path: &Path) -> Result<(), Failure> {
    let (_, metadata) = open(path)?;
    warn_of_access(path, &metadata);
    Ok(())
}

/// Opens a file that is only looked at.
pub fn read(given: &OsStr) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut text = Zeroizing::new(Vec::new());
    File::open(given).and_then(|mut file| read_whole(&mut file, &mut text)).map_err(|error| {
        let words = system_words(&error);
        Failure::new(format!("Error: Unable to open password file {}. {words}.", given.display()))
    })?;
    Ok(text)
}

/// A password file that nobody else of our kind changes meanwhile. The lock goes with the value.
pub struct LockedFile {
    file: File,
    metadata: Metadata,
    path: PathBuf,
}

impl LockedFile {
    /// Waits for the lock. Where the file was replaced while waiting, it is the new one that is locked.
    pub fn open(path: &Path) -> Result<LockedFile, Failure> {
        loop {
            let (file, metadata) = open(path)?;
            match rustix::io::retry_on_intr(|| flock(&file, FlockOperation::LockExclusive)) {
                Ok(()) => {}
                Err(error) => {
                    let words = system_words(&error.into());
                    complain(format!("Warning: Unable to lock password file {}. {words}.", path.display()));
                }
            }
            let same = |now: &Metadata| (now.dev(), now.ino()) == (metadata.dev(), metadata.ino());
            if path.metadata().as_ref().is_ok_and(same) {
                // What was read before the lock may be older than the file.
                let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
                return Ok(LockedFile { file, metadata, path: path.to_owned() });
            }
        }
    }

    /// Everything in it.
    pub fn read(&mut self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let mut text = Zeroizing::new(Vec::new());
        read_whole(&mut self.file, &mut text).map_err(|error| unreadable(&self.path, &error))?;
        Ok(text)
    }

    /// Puts a new file with this content, and the old one's owner and mode, in its place in one step.
    pub fn replace(mut self, content: &[u8]) -> Result<(), Failure> {
        let (mut file, mut temporary) = Temporary::create(&self.path).map_err(|(name, _)| {
            let name = name.display();
            Failure::new(format!("Error creating backup password file \"{name}\", not continuing."))
        })?;
        file.write_all(content).and_then(|()| file.sync_all()).map_err(|_| {
            let name = temporary.path.display();
            Failure::new(format!("Error copying data to backup password file \"{name}\", not continuing."))
        })?;
        // The owner can't be kept where the file is another's, a second link to it would keep the old content, and a
        // file that is a mount of its own (a container's) can't be replaced: then it is written in place, with the
        // new one beside it until that is done.
        let replaced = self.metadata.nlink() == 1
            && self.copy_access(&file).is_ok()
            && fs::rename(&temporary.path, &self.path).is_ok();
        if replaced {
            temporary.keep = true;
        } else if self.write_in_place(content).is_err() {
            temporary.keep = true;
            let name = temporary.path.display();
            return Err(Failure::new(format!(
                "Error occurred updating password file.\nPassword file may be corrupt, check the backup file: {name}."
            )));
        }
        drop(temporary);
        sync_directory(&self.path);
        Ok(())
    }

    /// Gives the new file owner, group, mode and extended attributes of the old one, and makes that durable.
    fn copy_access(&self, new: &File) -> io::Result<()> {
        let (old, now) = (&self.metadata, new.metadata()?);
        if (old.uid(), old.gid()) != (now.uid(), now.gid()) {
            fchown(new, Some(old.uid()), Some(old.gid()))?;
        }
        copy_attributes(&self.file, new)?;
        new.set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
        new.sync_all()
    }

    fn write_in_place(&mut self, content: &[u8]) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(content)?;
        self.file.set_len(content.len() as u64)?;
        self.file.sync_all()
    }
}

/// An extended attribute: its name and value.
type Attribute = (Vec<u8>, Vec<u8>);

/// The most bytes of all names, and of one value (Linux).
const ATTRIBUTE_MAX: usize = 65536;

/// Access control lists and labels are attributes: without them the broker's user may be locked out, or the mode, whose
/// group bits are the list's mask then, let the whole group in. A list that the directory bestowed goes.
fn copy_attributes(old: &File, new: &File) -> io::Result<()> {
    let (wanted, there) = (attributes(old)?, attributes(new)?);
    for (name, _) in &there {
        if !wanted.iter().any(|(kept, _)| kept == name) {
            fremovexattr(new, name.as_slice())?;
        }
    }
    for attribute in wanted.iter().filter(|attribute| !there.contains(attribute)) {
        fsetxattr(new, attribute.0.as_slice(), &attribute.1, XattrFlags::empty())?;
    }
    Ok(())
}

/// None where the file system has none.
fn attributes(file: &File) -> io::Result<Vec<Attribute>> {
    let mut names = vec![0; ATTRIBUTE_MAX];
    let length = match flistxattr(file, names.as_mut_slice()) {
        Err(Errno::NOTSUP | Errno::NOSYS) => 0,
        length => length?,
    };
    let names = names[..length].split(|&byte| byte == 0).filter(|name| !name.is_empty());
    let attribute = |name: &[u8]| {
        let mut value = vec![0; ATTRIBUTE_MAX];
        let length = fgetxattr(file, name, value.as_mut_slice())?;
        value.truncate(length);
        Ok((name.to_vec(), value))
    };
    names.map(attribute).collect()
}

/// A file beside the password file that goes away again unless it is kept.
struct Temporary {
    path: PathBuf,
    keep: bool,
}

impl Temporary {
    /// Makes one with mode 0600; on failure its name is told too.
    fn create(beside: &Path) -> Result<(File, Temporary), (PathBuf, io::Error)> {
        let mut random = [0; 6];
        if let Err(error) = getrandom::fill(&mut random) {
            return Err((beside.to_owned(), error.into()));
        }
        let mut name = OsString::from(beside);
        name.push(".backup.");
        name.push(random.map(|byte| format!("{byte:02x}")).concat());
        let path = PathBuf::from(name);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => Ok((file, Temporary { path, keep: false })),
            Err(error) => Err((path, error)),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.keep {
            // Nothing can be done about a failure, and nothing depends on it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Opens a regular file for reading and writing, no symbolic link (they are resolved by now).
fn open(path: &Path) -> Result<(File, Metadata), Failure> {
    let links = std::env::var_os("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS").is_some();
    let flags = if links { OFlags::empty() } else { OFlags::NOFOLLOW };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags((flags | OFlags::NONBLOCK).bits() as i32)
        .open(path)
        .map_err(|error| unreadable(path, &error))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    if !metadata.is_file() {
        return Err(Failure::new(format!("Error: {} is not a file.", path.display())));
    }
    Ok((file, metadata))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let words = system_words(error);
    Failure::new(format!("Error: Unable to open password file {}. {words}.", path.display()))
}

/// Reads all without leaving halves of it behind in memory by growing.
fn read_whole(file: &mut File, text: &mut Zeroizing<Vec<u8>>) -> io::Result<()> {
    let size = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    text.reserve_exact(size.saturating_add(1));
    file.read_to_end(text).map(drop)
}

/// Makes a new name in a directory durable. Some file systems can't: then there is nothing to do.
fn sync_directory(path: &Path) {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Ok(directory) = File::open(directory.unwrap_or(Path::new("."))) {
        let _ = directory.sync_all();
    }
}

fn warn_of_access(path: &Path, metadata: &Metadata) {
    let path = path.display();
    if metadata.mode() & 0o007 != 0 {
        complain(format!(
            "Warning: File {path} has world readable permissions. Future versions will refuse to load this file.\n\
             To fix this, use `chmod 0700 {path}`."
        ));
    }
    let user = rustix::process::getuid().as_raw();
    if metadata.uid() != user {
        let name = name_of(user, "/etc/passwd");
        complain(format!(
            "Warning: File {path} owner is not {name}. Future versions will refuse to load this file.\
             To fix this, use `chown {name} {path}`."
        ));
    }
    let group = rustix::process::getgid().as_raw();
    if metadata.gid() != group {
        let name = name_of(group, "/etc/group");
        complain(format!(
            "Warning: File {path} group is not {name}. Future versions will refuse to load this file."
        ));
    }
}

/// The name of a user or group by number, from a table of `name:x:number:…` lines; else the number.
fn name_of(number: u32, table: &str) -> String {
    let wanted = number.to_string();
    let text = fs::read_to_string(table).unwrap_or_default();
    let mut fields = text.lines().map(|line| line.split(':'));
    fields
        .find_map(|mut fields| {
            let name = fields.next()?;
            (fields.nth(1)? == wanted).then(|| name.to_owned())
        })
        .unwrap_or(wanted)
}
