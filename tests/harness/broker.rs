//! A broker of either kind on a free port, with its log in a file.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::tool::{Tool, ours};
use super::wait::until;

/// Whose broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Debian's mosquitto.
    Mosquitto,
    /// The one of this crate.
    Ours,
}

/// A running broker, gone when dropped.
pub struct Broker {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Whose it is.
    pub kind: Kind,
    folder: TempDir,
    child: Child,
}

impl Broker {
    /// Starts one that lets everyone in. `None`: mosquitto isn't installed.
    pub fn start(kind: Kind) -> Option<Broker> {
        Broker::with(kind, "allow_anonymous true\n")
    }

    /// Starts one with these lines in its configuration, after the listener's.
    pub fn with(kind: Kind, configuration: &str) -> Option<Broker> {
        let program = program(kind)?;
        // The free port may be gone when the broker wants it: then it ends, and another is tried.
        (0..5).find_map(|_| Broker::try_start(kind, &program, free_port(), configuration, None)).or_else(
            || {
                panic!("{} does not start", program.display());
            },
        )
    }

    /// Starts one on a port known before, such as that of a broker that was dropped.
    pub fn at(kind: Kind, port: u16, configuration: &str) -> Option<Broker> {
        let program = program(kind)?;
        Some(until("the port to be free again", || {
            Broker::try_start(kind, &program, port, configuration, None)
        }))
    }

    /// Starts one that also listens on a unix socket.
    pub fn with_unix_socket(kind: Kind) -> Option<(Broker, PathBuf)> {
        let program = program(kind)?;
        (0..5).find_map(|_| {
            let folder = tempfile::tempdir().unwrap();
            let socket = folder.path().join("socket");
            let lines = format!("listener 0 {}\nallow_anonymous true\n", socket.display());
            let broker = Broker::try_start(kind, &program, free_port(), &lines, Some(folder))?;
            // mosquitto opens its listeners one after the other; the file is there before somebody listens.
            until("the unix socket", || std::os::unix::net::UnixStream::connect(&socket).ok());
            Some((broker, socket))
        })
    }

    fn try_start(
        kind: Kind,
        program: &Path,
        port: u16,
        configuration: &str,
        folder: Option<TempDir>,
    ) -> Option<Broker> {
        let folder = folder.unwrap_or_else(|| tempfile::tempdir().unwrap());
        let file = folder.path().join("conf");
        fs::write(&file, conf(port, configuration)).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let child = Command::new(program)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut broker = Broker { port, kind, folder, child };
        until("the broker's port", || {
            if broker.child.try_wait().unwrap().is_some() {
                return Some(false);
            }
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok().map(|_| true)
        })
        .then_some(broker)
    }

    /// Ends it as an administrator does, and waits for its end.
    pub fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        until("the broker's end", || self.child.try_wait().unwrap());
    }

    /// One of our programs, told of this broker's port.
    pub fn tool(&self, name: &str) -> Tool {
        self.run(&ours(name))
    }

    /// Any client with mosquitto's flags, told of this broker's port.
    pub fn run(&self, program: &Path) -> Tool {
        Tool::new(program).args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
    }

    /// Sends it a signal, such as `-HUP`.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Gives it other lines of configuration, after the listener's, and has it read them.
    pub fn reload(&self, configuration: &str) {
        fs::write(self.folder.path().join("conf"), conf(self.port, configuration)).unwrap();
        self.signal("-HUP");
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until the log holds a text.
    pub fn await_log(&self, text: &str) {
        until(&format!("'{text}' in the broker's log"), || self.log().contains(text).then_some(()));
    }

    /// Waits until a client's SUBSCRIBE was answered.
    pub fn await_subscribed(&self, client_id: &str) {
        self.await_log(&format!("Sending SUBACK to {client_id}"));
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A whole configuration.
fn conf(port: u16, more: &str) -> String {
    format!("user root\nlog_type all\nlog_dest stderr\nlistener {port} 127.0.0.1\n{more}")
}

/// Where a broker's program is. A missing mosquitto leaves its tests out, with a word about it.
fn program(kind: Kind) -> Option<PathBuf> {
    if kind == Kind::Ours {
        return Some(ours("mqtt-broker"));
    }
    let found = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"].map(PathBuf::from);
    let found = found.into_iter().find(|path| path.exists());
    if found.is_none() {
        eprintln!("mosquitto is not installed: this part of the test is left out");
    }
    found
}

/// A port that nobody listens on at this moment.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
