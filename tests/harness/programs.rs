//! Where programs are: those of this crate, and those of others.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The path of one of this crate's programs.
pub fn ours(name: &str) -> PathBuf {
    PathBuf::from(match name {
        "mqtt-pub" => env!("CARGO_BIN_EXE_mqtt-pub"),
        "mqtt-sub" => env!("CARGO_BIN_EXE_mqtt-sub"),
        "mqtt-rr" => env!("CARGO_BIN_EXE_mqtt-rr"),
        "mqtt-passwd" => env!("CARGO_BIN_EXE_mqtt-passwd"),
        "mqtt-ctrl" => env!("CARGO_BIN_EXE_mqtt-ctrl"),
        "mqtt-broker" => env!("CARGO_BIN_EXE_mqtt-broker"),
        other => panic!("{other} is no program of ours"),
    })
}

/// Says what can't be tested here and why. Not by `eprintln!`, of which nobody sees anything when the test passes.
pub fn passed_over(what: impl Display) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let test = std::thread::current();
    let line = format!("SKIPPED in {}: {what}", test.name().unwrap_or("a test"));
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if !said.contains(&line) {
        let _ = writeln!(std::io::stderr(), "{line}");
        said.insert(line);
    }
}

/// A program of Debian's. A missing one leaves its tests out, with a loud word about it.
pub fn foreign(name: &str) -> Option<PathBuf> {
    let found = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"]
        .map(|directory| Path::new(directory).join(name))
        .into_iter()
        .find(|path| path.exists());
    if found.is_none() {
        passed_over(format_args!("{name} is not installed (.ci/run does it)"));
    }
    found
}
