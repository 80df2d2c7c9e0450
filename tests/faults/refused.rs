//! A folder that can't be used: the broker doesn't start, says in one line why, and touches nothing.

use crate::harness::kept::configuration;
use crate::harness::{free_port, ours, run};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Starts a broker whose store is to be in `location`, and expects these words on its last line.
fn refused(location: &Path, user: &str, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let conf = folder.path().join("conf");
    // Read by whoever the broker becomes.
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let port = free_port();
    let text = format!("user {user}\nlistener {port} 127.0.0.1\n{}", configuration(location, ""));
    fs::write(&conf, text).unwrap();
    let ended = run(&ours("mqtt-broker"), &["-c", conf.to_str().unwrap()]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let errors: Vec<&str> = ended.stderr.lines().filter(|line| line.contains("Error")).collect();
    assert!(
        errors.len() == 1 && errors[0].contains(expected),
        "{expected} isn't what is said:\n{}",
        ended.stderr
    );
}

/// What is in a folder, with what is in the files.
fn contents(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(contents(&path)),
            false => found.push((path.clone(), fs::read(&path).unwrap())),
        }
        found.push((path, Vec::new()));
    }
    found.sort();
    found
}

/// A folder with a store in it, which a broker of ours has left.
fn with_store() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let broker = crate::harness::Broker::configured(&configuration(folder.path(), ""));
    let bob = crate::harness::kept::come(&broker, mqtt_toolkit::protocol::Version::V311, "bob");
    drop(bob);
    assert_eq!(broker.stop().code, 0);
    folder
}

/// A file or folder whose mode is another until this is dropped, so that it can be removed.
struct Mode<'a>(&'a Path, Permissions);

impl Mode<'_> {
    fn set(path: &Path, mode: u32) -> Mode<'_> {
        let before = fs::metadata(path).unwrap().permissions();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        Mode(path, before)
    }
}

impl Drop for Mode<'_> {
    fn drop(&mut self) {
        let _ = fs::set_permissions(self.0, self.1.clone());
    }
}

#[test]
fn a_folder_in_which_the_user_may_not_write() {
    let is_root = rustix::process::geteuid().is_root();
    for there in [false, true] {
        let folder = if there { with_store() } else { tempfile::tempdir().unwrap() };
        let store = folder.path().join("mosquitto.db.store");
        let _folder = Mode::set(folder.path(), 0o555);
        let _store = there.then(|| Mode::set(&store, 0o555));
        if there {
            for entry in fs::read_dir(&store).unwrap() {
                fs::set_permissions(entry.unwrap().path(), Permissions::from_mode(0o444)).unwrap();
            }
        }
        let before = contents(folder.path());
        // Root may write anywhere, so it has to become somebody else.
        refused(folder.path(), if is_root { "nobody" } else { "root" }, "Unable to open the store");
        assert_eq!(contents(folder.path()), before);
    }
}

/// A folder that is mounted read-only over itself.
struct ReadOnly<'a>(&'a Path);

impl ReadOnly<'_> {
    fn mount(folder: &Path) -> Option<ReadOnly<'_>> {
        let mount = |arguments: &[&str]| {
            let output = Command::new("mount").args(arguments).arg(folder).output();
            output.is_ok_and(|output| output.status.success())
        };
        if mount(&["--bind", folder.to_str().unwrap()]) {
            let bound = ReadOnly(folder);
            if mount(&["-o", "remount,ro,bind"]) {
                return Some(bound);
            }
        }
        crate::harness::passed_over("nothing can be mounted here (root and CAP_SYS_ADMIN are needed)");
        None
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).output();
    }
}

#[test]
fn a_file_system_that_is_read_only() {
    let folder = with_store();
    let Some(_mounted) = ReadOnly::mount(folder.path()) else { return };
    let before = contents(folder.path());
    refused(folder.path(), "root", "mosquitto.db.store: Read-only file system.");
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn a_place_that_is_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder.path().join("location");
    fs::write(&location, "a file").unwrap();
    refused(&location, "root", "Unable to open the store");
    fs::write(folder.path().join("mosquitto.db.store"), "a file").unwrap();
    let before = contents(folder.path());
    refused(folder.path(), "root", "mosquitto.db.store: Not a directory.");
    assert_eq!(contents(folder.path()), before);
    fs::remove_file(folder.path().join("mosquitto.db.store")).unwrap();
    fs::create_dir_all(folder.path().join("mosquitto.db.store/lock")).unwrap();
    refused(folder.path(), "root", "mosquitto.db.store: Is a directory.");
}
