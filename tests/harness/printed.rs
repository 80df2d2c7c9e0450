//! What a program prints, as it prints it: a file without a name, which no reader keeps waiting.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard};

use super::wait::try_until;

/// What came out of one of a program's streams so far.
pub struct Printed {
    file: File,
    seen: Mutex<Vec<u8>>,
}

impl Printed {
    /// Nothing yet.
    pub fn nothing() -> Printed {
        Printed { file: tempfile::tempfile().unwrap(), seen: Mutex::default() }
    }

    /// The end that the program writes to.
    pub fn writer(&self) -> Stdio {
        self.file.try_clone().unwrap().into()
    }

    /// Reads what is new. At its place in the file: the offset is the writer's.
    fn look(&self) -> MutexGuard<'_, Vec<u8>> {
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut block = [0; 65536];
        loop {
            match self.file.read_at(&mut block, seen.len() as u64).unwrap() {
                0 => return seen,
                count => seen.extend_from_slice(&block[..count]),
            }
        }
    }

    /// All of it.
    pub fn bytes(&self) -> Vec<u8> {
        self.look().clone()
    }

    /// All of it, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.look()).into_owned()
    }

    /// Waits until `enough` is true of the text.
    #[track_caller]
    pub fn wait_until(&self, what: &str, enough: impl Fn(&str) -> bool) -> String {
        let mut looked_at = None;
        let found = try_until(|| {
            let seen = self.look();
            // The same text again has the same answer.
            if looked_at.replace(seen.len()) == Some(seen.len()) {
                return None;
            }
            let text = String::from_utf8_lossy(&seen);
            enough(&text).then(|| text.into_owned())
        });
        found.unwrap_or_else(|| panic!("waited in vain for {what}; printed:\n{}", self.text()))
    }

    /// Waits until it contains `part`.
    #[track_caller]
    pub fn wait_for(&self, part: &str) -> String {
        self.wait_until(&format!("'{part}'"), |text| text.contains(part))
    }

    /// Waits until there are so many whole lines.
    #[track_caller]
    pub fn wait_for_lines(&self, count: usize) -> String {
        self.wait_until(&format!("{count} lines"), |text| text.matches('\n').count() >= count)
    }
}
