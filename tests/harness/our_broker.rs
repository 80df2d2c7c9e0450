//! mqtt-broker as a program, on a port that the system chose.
#![allow(dead_code)] // not every test program needs all of it

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::running::{Ended, Printed, Running, eventually};

/// The program.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_mqtt-broker"))
}

/// What every configuration of a test starts with. Root stays root: the files are in a directory of ours.
const COMMON: &str = "user root\nlog_type error\nlog_type warning\nlog_type notice\nlog_type information\nlog_type subscribe\n";

/// A running broker with a directory of its own.
pub struct Broker {
    running: Running,
    address: Option<SocketAddr>,
    directory: tempfile::TempDir,
}

impl Broker {
    /// Everybody may come; the log says who comes, goes and subscribes.
    pub fn start() -> Self {
        Self::configured("allow_anonymous true\n")
    }

    /// With these lines of configuration, on a free port of 127.0.0.1.
    pub fn configured(lines: &str) -> Self {
        Self::configured_by(lines, |arguments| Running::start(program(), arguments))
    }

    /// The same, where the test has a way of its own to start the program.
    pub fn configured_by(lines: &str, start: impl FnOnce(&[&str]) -> Running) -> Self {
        let (directory, file) = configuration(lines);
        let running = start(&["-c", &file, "-p", "0", "--print-address"]);
        let printed = running.out.wait_until("an address", |text| text.ends_with('\n'));
        let address = printed.trim().strip_prefix("mqtt://").and_then(|text| text.parse().ok());
        assert!(address.is_some(), "{printed}");
        Broker { running, address, directory }
    }

    /// A port that is free now, for a configuration that must name one.
    pub fn free_port() -> u16 {
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    /// With the listeners that the lines name. `{dir}` in them stands for the broker's directory.
    pub fn with_listeners(lines: &str) -> Self {
        let (directory, file) = configuration(lines);
        let running = Running::start(program(), &["-c", &file]);
        running.err.wait_for(" running\n");
        Broker { running, address: None, directory }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("a broker on TCP")
    }

    /// For `-p`.
    pub fn port(&self) -> String {
        self.address().port().to_string()
    }

    /// A file in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Its log.
    pub fn log(&self) -> &Arc<Printed> {
        &self.running.err
    }

    /// What it prints on standard output.
    pub fn out(&self) -> &Arc<Printed> {
        &self.running.out
    }

    /// Waits until this client is subscribed.
    pub fn wait_for_subscription(&self, client: &str, filter: &str) {
        let line = [0, 1, 2].map(|qos| format!(": {client} {qos} {filter}\n"));
        self.log().wait_until(&line[0], |text| line.iter().any(|line| text.contains(line)));
    }

    /// Waits until this client has gone.
    pub fn wait_for_end_of(&self, client: &str) {
        self.log().wait_for(&format!("Client {client} ["));
    }

    /// Gives it another configuration, and waits until it has taken it up or refused to; what it logged meanwhile.
    pub fn reload(&self, lines: &str) -> String {
        write_configuration(self.directory.path(), lines);
        self.reload_unchanged()
    }

    /// SIGHUP, and what was logged until it was done.
    pub fn reload_unchanged(&self) -> String {
        let before = self.log().text().len();
        self.signal(rustix::process::Signal::HUP);
        let text = self
            .log()
            .wait_until("the end of a reload", |text| text[before..].contains("The configuration was"));
        text[before..].to_owned()
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// Bytes of memory that it uses.
    pub fn resident(&self) -> u64 {
        let pages = std::fs::read_to_string(format!("/proc/{}/statm", self.id())).unwrap();
        let pages: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
        pages * rustix::param::page_size() as u64
    }

    /// How many files and sockets it has open.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap().count()
    }

    /// Waits until it has no more files open than this.
    pub fn wait_for_open_files(&self, most: usize) {
        eventually("sockets closed", || self.open_files() <= most);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        self.running.signal(signal);
    }

    /// SIGTERM, and how it ended.
    pub fn stop(self) -> Ended {
        self.running.signal(rustix::process::Signal::TERM);
        self.running.wait()
    }
}

/// Writes a configuration into a directory of its own.
fn configuration(lines: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = write_configuration(directory.path(), lines);
    (directory, file)
}

fn write_configuration(directory: &Path, lines: &str) -> String {
    let file = directory.join("mosquitto.conf");
    let lines = lines.replace("{dir}", &directory.to_string_lossy());
    std::fs::write(&file, format!("{COMMON}{lines}")).unwrap();
    file.to_string_lossy().into_owned()
}
