//! The disk of `disk.c`, which fails when it is told to, under the real program.

use crate::harness::{Broker, Outcome, Running, eventually, ours};
use rustix::io::Errno;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const SOURCE: &str = include_str!("disk.c");

/// A call that fails.
#[derive(Clone, Copy, Debug)]
pub enum Call {
    Write,
    Sync,
    Open,
    Read,
}

impl Call {
    fn name(self) -> &'static str {
        match self {
            Call::Write => "write",
            Call::Sync => "sync",
            Call::Open => "open",
            Call::Read => "read",
        }
    }
}

/// A disk under one broker or more, one after the other.
pub struct FaultyDisk {
    folder: tempfile::TempDir,
    library: &'static Path,
}

impl FaultyDisk {
    /// A disk on which nothing fails yet. Without a C compiler there is none, and it is said.
    pub fn new() -> Option<Self> {
        static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
        let library = LIBRARY.get_or_init(compile).as_deref()?;
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("synced")).unwrap();
        Some(FaultyDisk { folder, library })
    }

    /// A broker on it.
    pub fn broker(&self, lines: &str) -> Broker {
        Broker::configured_by(lines, |arguments| self.start(arguments))
    }

    /// A broker with these arguments, to its end.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.start(arguments).wait()
    }

    fn start(&self, arguments: &[&str]) -> Running {
        let variables = [
            ("LD_PRELOAD", self.library.to_str().unwrap()),
            ("FAULTS", self.folder.path().to_str().unwrap()),
        ];
        Running::start_in(&ours("mqtt-broker"), arguments, &variables)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// From now on a call fails in this way.
    pub fn fail(&self, call: Call, error: Errno) {
        let beside = self.path("beside");
        std::fs::write(&beside, error.raw_os_error().to_string()).unwrap();
        std::fs::rename(beside, self.path(call.name())).unwrap();
    }

    /// Nothing fails any more.
    pub fn repair(&self) {
        for call in [Call::Write, Call::Sync, Call::Open, Call::Read] {
            let _ = std::fs::remove_file(self.path(call.name()));
        }
    }

    /// From now on no sync returns, or all do again.
    pub fn stall(&self, stalled: bool) {
        match stalled {
            true => std::fs::write(self.path("stall"), "").unwrap(),
            false => {
                std::fs::remove_file(self.path("stall")).unwrap();
                let _ = std::fs::remove_file(self.path("stalled"));
            }
        }
    }

    /// Waits until a sync doesn't return.
    pub fn wait_for_stall(&self) {
        eventually("a sync that stalls", || self.path("stalled").exists());
    }

    /// What of a file would survive a loss of power.
    pub fn synced(&self, file: &Path) -> Vec<u8> {
        std::fs::read(self.path("synced").join(file.file_name().unwrap())).unwrap_or_default()
    }

    /// The power goes: whatever was not synced of these files is lost.
    pub fn lose_power(&self, files: &[PathBuf]) {
        for file in files {
            std::fs::write(file, self.synced(file)).unwrap();
        }
    }
}

impl Drop for FaultyDisk {
    fn drop(&mut self) {
        // A broker that waits for it can't be killed gently otherwise.
        let _ = std::fs::remove_file(self.path("stall"));
    }
}

/// Compiles the library; it stays in the target folder.
fn compile() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = tempfile::tempdir_in(target).unwrap();
    let (source, built) = (folder.path().join("disk.c"), folder.path().join("disk.so"));
    std::fs::write(&source, SOURCE).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut command = Command::new(compiler);
    command.args(["-O1", "-shared", "-fPIC", "-o"]).arg(&built).arg(&source).arg("-ldl");
    match command.output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => {
            crate::harness::passed_over(
                "there is no C compiler, so the disk can't be made to fail (apt install gcc)",
            );
            return None;
        }
    }
    let library = target.join("faulty_disk.so");
    std::fs::rename(built, &library).unwrap();
    Some(library)
}
