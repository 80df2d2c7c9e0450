//! A broker of either kind on a free port, with its log.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::ports::free_port;
use super::printed::Printed;
use super::programs::{foreign, ours};
use super::running::{Outcome, Running};
use super::tool::Tool;
use super::wait::{eventually, until};

/// Whose broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Debian's mosquitto.
    Mosquitto,
    /// The one of this crate.
    Ours,
}

/// What a configuration starts with. Root stays root: the files are in a directory of ours.
const ALL_LOGGED: &str = "user root\nlog_type all\nlog_dest stderr\n";

/// The same without a line for every packet.
const LESS_LOGGED: &str = "user root\nlog_type error\nlog_type warning\nlog_type notice\nlog_type information\nlog_type subscribe\n";

/// What only mosquitto needs: by itself it lets a small packet wait for the receiver's word about the one before, which
/// the system delays by 40 ms.
const AT_ONCE: &str = "set_tcp_nodelay true\n";

/// Everybody may come.
const OPEN: &str = "allow_anonymous true\n";

/// A running broker with a directory of its own, gone when dropped.
pub struct Broker {
    /// Its port on 127.0.0.1; 0 where only the test knows what it listens on.
    pub port: u16,
    /// Whose it is.
    pub kind: Kind,
    address: Option<SocketAddr>,
    running: Running,
    /// What its configuration starts with.
    head: String,
    directory: TempDir,
}

impl Broker {
    /// Ours, everybody may come; the log says who comes, goes and subscribes.
    pub fn ours() -> Broker {
        Broker::configured(OPEN)
    }

    /// Ours with these lines of configuration for the one listener that it has.
    pub fn configured(lines: &str) -> Broker {
        Broker::configured_by(lines, |arguments| Running::start(&ours("mqtt-broker"), arguments))
    }

    /// The same, where the test has a way of its own to start the program.
    pub fn configured_by(lines: &str, start: impl FnOnce(&[&str]) -> Running) -> Broker {
        let directory = tempfile::tempdir().unwrap();
        let file = write_configuration(directory.path(), LESS_LOGGED, lines);
        let mut running = start(&["-c", &file, "-p", "0", "--print-address"]);
        until("the broker's address", || is_there(&mut running, |running| running.stdout().ends_with('\n')));
        let printed = running.stdout();
        let address: Option<SocketAddr> =
            printed.trim().strip_prefix("mqtt://").and_then(|text| text.parse().ok());
        let port = address.unwrap_or_else(|| panic!("{printed}\n{}", running.stderr())).port();
        Broker { port, kind: Kind::Ours, address, running, head: LESS_LOGGED.to_owned(), directory }
    }

    /// Ours with the listeners that the lines name. `{dir}` in them stands for the broker's directory.
    pub fn with_listeners(lines: &str) -> Broker {
        let directory = tempfile::tempdir().unwrap();
        let file = write_configuration(directory.path(), LESS_LOGGED, lines);
        let mut running = Running::start(&ours("mqtt-broker"), &["-c", &file]);
        until("the broker's start", || {
            is_there(&mut running, |running| running.stderr().contains(" running\n"))
        });
        let started = running.is_alive();
        assert!(started, "{lines}{}", running.stderr());
        let head = LESS_LOGGED.to_owned();
        Broker { port: 0, kind: Kind::Ours, address: None, running, head, directory }
    }

    /// Starts one that lets everyone in and logs everything. `None`: mosquitto isn't installed.
    pub fn start(kind: Kind) -> Option<Broker> {
        Broker::with(kind, OPEN)
    }

    /// Starts one with these lines in its configuration, after the listener's.
    pub fn with(kind: Kind, configuration: &str) -> Option<Broker> {
        Broker::at(kind, free_port(), configuration)
    }

    /// Starts one on a port known before, such as that of a broker that was dropped.
    pub fn at(kind: Kind, port: u16, configuration: &str) -> Option<Broker> {
        let directory = tempfile::tempdir().unwrap();
        Broker::start_in(directory, kind, port, configuration)
    }

    /// Starts one that also listens on a unix socket.
    pub fn with_unix_socket(kind: Kind) -> Option<(Broker, PathBuf)> {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("socket");
        let lines = format!("listener 0 {}\n{OPEN}", socket.display());
        let broker = Broker::start_in(directory, kind, free_port(), &lines)?;
        // mosquitto opens its listeners one after the other; the file is there before somebody listens.
        until("the unix socket", || UnixStream::connect(&socket).ok());
        Some((broker, socket))
    }

    fn start_in(directory: TempDir, kind: Kind, port: u16, lines: &str) -> Option<Broker> {
        let (program, more) = match kind {
            Kind::Mosquitto => (foreign("mosquitto")?, AT_ONCE),
            Kind::Ours => (ours("mqtt-broker"), ""),
        };
        let head = format!("{ALL_LOGGED}{more}listener {port} 127.0.0.1\n");
        let file = write_configuration(directory.path(), &head, lines);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let running = until("the broker's port to be free", || {
            let mut running = Running::start(&program, &["-c", &file]);
            until("the broker's port", || is_there(&mut running, |_| TcpStream::connect(address).is_ok()));
            let (started, log) = (running.is_alive(), running.stderr());
            // Who had it before may still be going.
            let in_use = log.contains("Address already in use");
            assert!(started || in_use, "{} does not start:\n{head}{lines}{log}", program.display());
            started.then_some(running)
        });
        Some(Broker { port, kind, address: Some(address), running, head, directory })
    }

    /// Ends it as an administrator does, waits for its end, and says how it was.
    pub fn stop(self) -> Outcome {
        self.signal("-TERM");
        self.running.wait()
    }

    /// One of our programs, told of this broker's port.
    pub fn tool(&self, name: &str) -> Tool {
        self.run(&ours(name))
    }

    /// Any client with mosquitto's flags, told of this broker's port.
    pub fn run(&self, program: &Path) -> Tool {
        Tool::new(program).args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("only the test knows where this one listens")
    }

    /// A file in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// Sends it a signal, such as `-HUP`.
    pub fn signal(&self, signal: &str) {
        self.running.signal(signal);
    }

    /// Gives it other lines of configuration, and waits until it has taken them up or refused to; what it logged
    /// meanwhile. (mosquitto doesn't say when it is done: nothing is waited for.)
    pub fn reload(&self, lines: &str) -> String {
        write_configuration(self.directory.path(), &self.head, lines);
        self.reload_unchanged()
    }

    /// SIGHUP, and what was logged until it was done.
    pub fn reload_unchanged(&self) -> String {
        let before = self.log().len();
        self.signal("-HUP");
        if self.kind == Kind::Mosquitto {
            return String::new();
        }
        let done = |text: &str| text[before..].contains("The configuration was");
        self.await_log_until("the end of a reload", done)[before..].to_owned()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.running.stderr()
    }

    /// Waits until the log holds a text; all of the log.
    #[track_caller]
    pub fn await_log(&self, text: &str) -> String {
        self.await_log_until(&format!("'{text}' in the broker's log"), |log| log.contains(text))
    }

    /// Waits until something is true of the log; all of the log.
    #[track_caller]
    pub fn await_log_until(&self, what: &str, enough: impl Fn(&str) -> bool) -> String {
        self.running.err.wait_until(what, enough)
    }

    /// What it prints on standard output.
    pub fn out(&self) -> &Printed {
        &self.running.out
    }

    /// Waits until a client's SUBSCRIBE was answered; of a broker that logs everything.
    #[track_caller]
    pub fn await_subscribed(&self, client_id: &str) {
        self.await_log(&format!("Sending SUBACK to {client_id}\n"));
    }

    /// Waits until this client is subscribed.
    #[track_caller]
    pub fn wait_for_subscription(&self, client: &str, filter: &str) {
        let line = [0, 1, 2].map(|qos| format!(": {client} {qos} {filter}\n"));
        self.await_log_until(&line[0], |text| line.iter().any(|line| text.contains(line)));
    }

    /// Waits until this client has gone.
    #[track_caller]
    pub fn wait_for_end_of(&self, client: &str) {
        self.await_log(&format!("Client {client} ["));
    }

    /// Bytes of memory that it uses.
    pub fn resident(&self) -> u64 {
        let pages = fs::read_to_string(format!("/proc/{}/statm", self.id())).unwrap();
        let pages: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
        pages * rustix::param::page_size() as u64
    }

    /// How many files and sockets it has open.
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap().count()
    }

    /// Waits until it has no more files open than this.
    #[track_caller]
    pub fn wait_for_open_files(&self, most: usize) {
        eventually("sockets closed", || self.open_files() <= most);
    }
}

/// Whether something is true of a broker, or it has ended and it never will be.
fn is_there(running: &mut Running, there: impl Fn(&Running) -> bool) -> Option<()> {
    (there(running) || !running.is_alive()).then_some(())
}

/// Writes a whole configuration; its path.
fn write_configuration(directory: &Path, head: &str, lines: &str) -> String {
    let file = directory.join("mosquitto.conf");
    let lines = lines.replace("{dir}", &directory.to_string_lossy());
    fs::write(&file, format!("{head}{lines}")).unwrap();
    file.to_string_lossy().into_owned()
}
