//! A directory to work in, and runs of the program with what they print.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mqtt_toolkit::auth::PasswordFile;

/// The quick hash, for tests that aren't about hashes.
pub const FAST: [&str; 2] = ["-H", "sha512"];

/// A line with the password `b`, made by mosquitto 2.0.
pub const HASH_OF_B: &str = "$7$101$Cf1a+IY1ikSqgM7m$nQayUjR1ur2PK/MFv89/LzdrcjVkVr+drx8tA3nKqByeP61nut9sU2OcI2/XuBW82c7Qp84km9gxr3NVa0hOXQ==";

/// The program under test.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_mqtt-passwd"))
}

/// What a run printed, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub out: String,
    pub err: String,
    pub code: Option<i32>,
}

/// A temporary directory, the working directory of every run.
pub struct Desk {
    directory: tempfile::TempDir,
}

impl Desk {
    pub fn new() -> Desk {
        Desk { directory: tempfile::tempdir().expect("a directory") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().canonicalize().expect("a directory").join(name)
    }

    /// Writes a file that only the owner can read.
    pub fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(self.path(name), text).expect("written");
        std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o600)).expect("mode");
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file")
    }

    /// Names of all files, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).expect("a directory");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    }

    /// Runs mqtt-passwd with `stdin`.
    pub fn feed<A: AsRef<OsStr>>(&self, stdin: &str, args: impl IntoIterator<Item = A>) -> Ran {
        self.run(program(), stdin, args)
    }

    /// Runs mqtt-passwd with an empty stdin.
    pub fn passwd<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        self.feed("", args)
    }

    /// Runs any program here.
    pub fn run<A: AsRef<OsStr>>(
        &self,
        program: &Path,
        stdin: &str,
        args: impl IntoIterator<Item = A>,
    ) -> Ran {
        let mut child = Command::new(program)
            .args(args)
            .current_dir(self.directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        // Who reads nothing may be gone already.
        let _ = child.stdin.take().expect("stdin").write_all(stdin.as_bytes());
        let output = child.wait_with_output().expect("ended");
        Ran {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code(),
        }
    }

    /// The file as the broker would read it.
    pub fn users(&self, name: &str) -> PasswordFile {
        PasswordFile::parse(self.read(name).as_bytes(), name).expect("a file the broker accepts")
    }

    /// Whether the broker would let this user in.
    pub fn admits(&self, name: &str, username: &str, password: &str) -> bool {
        self.users(name).lookup(username).is_some_and(|hash| hash.verify(password.as_bytes()))
    }
}

/// `ran`, spelt for a comparison.
pub fn ran(out: &str, err: &str, code: i32) -> Ran {
    Ran { out: out.into(), err: err.into(), code: Some(code) }
}
