//! Programs that a test runs: what they print, as they print it. Forgotten by the test, they end.
#![allow(dead_code)] // not every test program needs all of it

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a test waits for anything before it fails; a machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A program of Debian's; where it isn't installed, says so loudly.
pub fn foreign(name: &str) -> Option<PathBuf> {
    let found = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"]
        .map(|directory| Path::new(directory).join(name))
        .into_iter()
        .find(|path| path.exists());
    if found.is_none() {
        eprintln!("SKIPPED: {name} is not installed (apt install mosquitto mosquitto-clients)");
    }
    found
}

/// Waits until `ready` is true.
pub fn eventually(what: &str, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !ready() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What came out of one of a program's streams so far.
#[derive(Default)]
pub struct Printed {
    text: Mutex<(Vec<u8>, bool)>,
    more: Condvar,
}

impl Printed {
    fn follow(self: &Arc<Self>, mut stream: impl Read + Send + 'static) -> JoinHandle<()> {
        let printed = self.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 65536];
            loop {
                let count = stream.read(&mut bytes).unwrap_or(0);
                let mut text = printed.text.lock().unwrap();
                text.0.extend_from_slice(&bytes[..count]);
                text.1 |= count == 0;
                printed.more.notify_all();
                if count == 0 {
                    return;
                }
            }
        })
    }

    /// All of it.
    pub fn bytes(&self) -> Vec<u8> {
        self.text.lock().unwrap().0.clone()
    }

    /// All of it, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap().0).into_owned()
    }

    /// Waits until `enough` is true of the text.
    pub fn wait_until(&self, what: &str, enough: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut text = self.text.lock().unwrap();
        loop {
            let words = String::from_utf8_lossy(&text.0).into_owned();
            if enough(&words) {
                return words;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!text.1 && !left.is_zero(), "waited in vain for {what}; printed:\n{words}");
            text = self.more.wait_timeout(text, left).unwrap().0;
        }
    }

    /// Waits until it contains `part`.
    pub fn wait_for(&self, part: &str) -> String {
        self.wait_until(part, |text| text.contains(part))
    }

    /// Waits until there are so many lines.
    pub fn wait_for_lines(&self, count: usize) -> String {
        self.wait_until(&format!("{count} lines"), |text| text.lines().count() >= count)
    }
}

/// A program that runs.
pub struct Running {
    child: Child,
    name: String,
    /// Its standard output.
    pub out: Arc<Printed>,
    /// Its standard error.
    pub err: Arc<Printed>,
    readers: Vec<JoinHandle<()>>,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Running {
    /// Starts `program` with `arguments`; its standard input is a pipe.
    pub fn start(program: &Path, arguments: &[&str]) -> Self {
        Self::start_in(program, arguments, &[])
    }

    /// The same with variables in its environment.
    pub fn start_in(program: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let (out, err) = (Arc::<Printed>::default(), Arc::<Printed>::default());
        let readers =
            vec![out.follow(child.stdout.take().unwrap()), err.follow(child.stderr.take().unwrap())];
        let name = format!("{} {}", program.display(), arguments.join(" "));
        Running { child, name, out, err, readers }
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard input, once.
    pub fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Ended {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        let status: ExitStatus = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "still runs: {}\n{}\n{}",
                self.name,
                self.out.text(),
                self.err.text()
            );
            std::thread::sleep(Duration::from_millis(2));
        };
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        Ended { code: status.code(), out: self.out.text(), err: self.err.text() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end.
pub fn run(program: &Path, arguments: &[&str]) -> Ended {
    Running::start(program, arguments).wait()
}

/// Runs a program to its end with `input` on its standard input.
pub fn feed(program: &Path, arguments: &[&str], input: &[u8]) -> Ended {
    let mut running = Running::start(program, arguments);
    let mut stdin = running.stdin();
    // Who ends before it has read all is looked at by its exit code.
    let _ = stdin.write_all(input);
    drop(stdin);
    running.wait()
}
