//! Opening a log file: appended to, new ones for the owner alone, not through a symbolic link.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;

/// With this variable set (to anything), sensitive files may be symbolic links.
const ALLOW_SYMLINKS: &str = "MOSQUITTO_UNSAFE_ALLOW_SYMLINKS";

/// Opens `path` for appending; a new file gets mode 0600.
///
/// A symbolic link is refused as mosquitto 2.1 does, because whoever may write to the folder could lead the
/// log elsewhere. Links below `/dev/` (`/dev/stdout`, as in many containers) are the system's own.
pub(super) fn open(path: &str) -> io::Result<File> {
    let may_follow = path.starts_with("/dev/") || std::env::var_os(ALLOW_SYMLINKS).is_some();
    let flags = if may_follow { 0 } else { libc::O_NOFOLLOW };
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path)
}

/// Whether `path` could be opened: what is there is opened, what isn't is not made.
pub fn check(path: &str) -> io::Result<()> {
    let may_follow = path.starts_with("/dev/") || std::env::var_os(ALLOW_SYMLINKS).is_some();
    let flags = if may_follow { 0 } else { libc::O_NOFOLLOW };
    match OpenOptions::new().append(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = std::path::Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or_else(|| std::path::Path::new("."));
            Ok(rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)?)
        }
        other => other.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn new_files_are_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        open(path.to_str().unwrap()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_symbolic_link_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("log");
        std::os::unix::fs::symlink(folder.path().join("target"), &link).unwrap();
        assert!(open(link.to_str().unwrap()).is_err());
        assert!(!folder.path().join("target").exists());
    }
}
