//! mqtt-broker as a program: command lines and configurations, good and bad, with messages and exit codes.

// A test says what it expects by failing there, in its helpers too.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "conf/background.rs"]
mod background;
mod harness;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use harness::until;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const BROKER: &str = env!("CARGO_BIN_EXE_mqtt-broker");

/// Runs the broker to its end, which comes by itself.
fn broker(folder: &Path, arguments: &[&str]) -> Output {
    run(Command::new(BROKER).args(arguments).current_dir(folder))
}

fn run(command: &mut Command) -> Output {
    command.env_remove("MQTT_URL").env_remove("MQTT_HOST").env_remove("MQTT_PORT");
    command.stdin(Stdio::null()).output().unwrap()
}

/// The lines of a log, without the time.
fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().map(without_time).collect()
}

fn without_time(line: &str) -> String {
    match line.split_once(": ") {
        Some((time, rest)) if time.bytes().all(|byte| byte.is_ascii_digit()) => rest.to_owned(),
        _ => line.to_owned(),
    }
}

/// A folder with a file `x.conf` of this text.
fn conf(text: impl AsRef<[u8]>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.conf"), text).unwrap();
    folder
}

/// A broker that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn start(command: &mut Command) -> Self {
        Running(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// The next line on standard output.
    fn line(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        line
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// The exit code, and standard error without the times.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let mut stderr = Vec::new();
        self.0.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
        let status = self.0.wait().unwrap();
        (status.code(), lines(&stderr))
    }
}

#[test]
fn command_lines_that_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    for (line, message) in [
        ("-c", "Error: -c argument given, but no config file specified."),
        ("-p", "Error: -p argument given, but no port specified."),
        ("-p 70000", "Error: Invalid port specified (70000)."),
        ("-p x", "Error: Invalid port specified (0)."),
        (
            "-p 1 -p 1 -p 1 -p 1 -p 1 -p 1 -p 1 -p 1 -p 1 -p 1 -p 1",
            "Error: Only 10 ports can be specified on the command line.",
        ),
        ("-c nope.conf", "Error: Unable to open config file 'nope.conf'."),
        ("-c .", "Error: Config file '.' is a directory."),
        ("--test-config", "Please provide a configuration file to test."),
        ("--exec", "Error: --exec argument given, but no command specified."),
        ("-d --exec -- true", "Error: --exec and -d don't go together: the broker ends with the command."),
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let output = broker(folder.path(), &arguments);
        assert_eq!(lines(&output.stderr), [message], "{line}");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{line}");
    }
}

#[test]
fn an_unknown_option_is_followed_by_where_to_look() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("mosquitto");
    symlink(BROKER, &link).unwrap();
    for (option, meant) in [
        ("-x", ""),
        ("--frob", ""),
        ("-dv", ""),
        ("-p1883", ""),
        ("file", ""),
        ("--print-adress", " Did you mean '--print-address'?"),
    ] {
        let said = format!("Error: Unknown option '{option}'.{meant}\n");
        let output = broker(folder.path(), &[option]);
        assert_eq!(output.status.code(), Some(3));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr, format!("{said}\nUse 'mqtt-broker --help' to see usage.\n"), "no time before it");
        // As mosquitto it prints all of it, where mosquitto does.
        let output = run(Command::new(&link).arg(option).current_dir(folder.path()));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), said);
        assert!(String::from_utf8_lossy(&output.stdout).contains("\nUsage: mosquitto [-c config_file] [-d]"));
        assert_eq!(output.status.code(), Some(3));
    }
}

#[test]
fn help_and_version_go_to_stdout_and_are_no_error() {
    let folder = tempfile::tempdir().unwrap();
    for option in ["-h", "--help", "--version"] {
        let output = broker(folder.path(), &[option, "--frob"]);
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("mqtt-broker "), "{option}");
    }
}

#[test]
fn called_as_mosquitto_it_calls_itself_so() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("mosquitto");
    symlink(BROKER, &link).unwrap();
    let output = run(Command::new(&link).arg("-h"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("mosquitto version 2."));
    assert!(text.contains("\nUsage: mosquitto [-c config_file] [-d] [-h] [-p port] [-v]\n"));
    let mut running = Running::start(Command::new(&link).args(["-p", "0", "--print-address"]));
    assert!(running.line().starts_with("mqtt://127.0.0.1:"));
    running.signal(Signal::TERM);
    let (code, log) = running.end();
    assert_eq!(code, Some(0));
    assert!(log.iter().any(|line| line.starts_with("mosquitto version 2.") && line.ends_with(" starting")));
    assert!(log.last().unwrap().starts_with("mosquitto version 2."));
    assert!(log.last().unwrap().ends_with(" terminating"));
}

/// Wrong configurations, on which mosquitto 2.0.11 and 2.1 agree but for quotes, with the message and its line.
const WRONG: &[(&str, &str, usize)] = &[
    ("frob 1\n", "Error: Unknown configuration variable 'frob'.", 1),
    ("\n\n # x\n", "Error: Unknown configuration variable '#'.", 3),
    ("listener 0\n", "Error: A listener with port 0 must provide a Unix socket path.", 1),
    ("listener 0 # x\n", "Error: A listener with port 0 must provide a Unix socket path.", 1),
    ("allow_anonymous yes\n", "Error: Invalid 'allow_anonymous' value (yes).", 1),
    ("allow_anonymous\n", "Error: Empty 'allow_anonymous' value in configuration.", 1),
    ("max_inflight_messages 70000\n", "Error: 'max_inflight_messages' must be <= 65535.", 1),
    ("max_inflight_messages\n", "Error: Empty 'max_inflight_messages' value in configuration.", 1),
    ("max_keepalive 70000\n", "Error: Invalid 'max_keepalive' value (70000).", 1),
    ("message_size_limit -1\n", "Error: Invalid 'message_size_limit' value (4294967295).", 1),
    ("sys_interval -1\n", "Error: Invalid 'sys_interval' value (-1).", 1),
    ("memory_limit -1\n", "Error: Invalid 'memory_limit' value (-1).", 1),
    ("memory_limit\n", "Error: Empty 'memory_limit' value in configuration.", 1),
    (
        "persistent_client_expiration 1\n",
        "Error: Invalid 'persistent_client_expiration' duration in configuration.",
        1,
    ),
    (
        "persistent_client_expiration 3x\n",
        "Error: Invalid 'persistent_client_expiration' duration in configuration.",
        1,
    ),
    ("pid_file\n", "Error: Empty 'pid_file' value in configuration.", 1),
    ("pid_file a\npid_file b\n", "Error: Duplicate 'pid_file' value in configuration.", 2),
    ("pid_file a\tb\n", "Error: Malformed UTF-8 in configuration.", 1),
    ("user\n", "Error: Empty 'user' value in configuration.", 1),
    ("clientid_prefixes\n", "Error: Empty 'clientid_prefixes' value in configuration.", 1),
    ("bind_interface\n", "Error: Empty 'bind_interface' value in configuration.", 1),
    (
        "bind_address ::1\nbind_address ::1\n",
        "Error: Duplicate 'default listener bind_address' value in configuration.",
        2,
    ),
    ("socket_domain x\n", "Error: Invalid 'socket_domain' value 'x' in configuration.", 1),
    ("max_qos 3\n", "Error: 'max_qos' must be between 0 and 2 inclusive.", 1),
    ("listener 1\nprotocol x\n", "Error: Invalid 'protocol' value (x).", 2),
    ("include_dir /no/such\n", "Error: Unable to open include_dir '/no/such'.", 1),
    ("log_dest\n", "Error: Empty 'log_dest' value in configuration.", 1),
    ("log_dest foo\n", "Error: Invalid 'log_dest' value (foo).", 1),
    ("log_dest file\n", "Error: Empty \"log_dest file\" value in configuration.", 1),
    ("log_dest file a\nlog_dest file b\n", "Error: Duplicate \"log_dest file\" value.", 2),
    ("log_type foo\n", "Error: Invalid 'log_type' value (foo).", 1),
    ("log_timestamp_format\n", "Error: Empty 'log_timestamp_format' value in configuration.", 1),
    ("log_facility 9\n", "Error: Invalid 'log_facility' value (9).", 1),
    (
        "allow_anonymous true\nper_listener_settings true\n",
        "Error: per_listener_settings must be set before any other security settings.",
        2,
    ),
];

#[test]
fn configurations_that_are_wrong() {
    for (text, message, line) in WRONG {
        let folder = conf(text);
        let output = broker(folder.path(), &["-c", "x.conf"]);
        let log = lines(&output.stderr);
        let place = format!("Error found at x.conf:{line}.");
        assert_eq!(log[log.len() - 2..], [(*message).to_owned(), place], "{text}");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{text}");
    }
}

#[test]
fn wrong_configurations_side_by_side_with_mosquitto() {
    let Some(mosquitto) = mosquitto() else {
        harness::passed_over("mosquitto isn't installed: nothing to compare with");
        return;
    };
    // 2.1 puts keywords in quotes which 2.0 doesn't have.
    let end_of = |output: &Output| {
        let log = lines(&output.stderr);
        let end = log[log.len().saturating_sub(2)..].join("\n");
        (output.status.code(), end.replace(['\'', '"'], ""))
    };
    for (text, ..) in WRONG {
        let folder = conf(text);
        let theirs = run(Command::new(&mosquitto).args(["-c", "x.conf"]).current_dir(folder.path()));
        let ours = broker(folder.path(), &["-c", "x.conf"]);
        assert_eq!(end_of(&ours), end_of(&theirs), "{text}");
    }
}

#[test]
fn wrong_command_lines_side_by_side_with_mosquitto() {
    let Some(mosquitto) = mosquitto() else {
        harness::passed_over("mosquitto isn't installed: nothing to compare with");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("mosquitto");
    symlink(BROKER, &link).unwrap();
    for line in ["-c", "-p", "-p 70000", "-p x", "-c nope", "-c .", "-x", "-p1883", "word"] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let theirs = run(Command::new(&mosquitto).args(&arguments).current_dir(folder.path()));
        let ours = run(Command::new(&link).args(&arguments).current_dir(folder.path()));
        let plain = |output: &Output| lines(&output.stderr).join("\n").replace('\'', "");
        assert_eq!(plain(&ours), plain(&theirs), "{line}");
        assert_eq!(ours.status.code(), theirs.status.code(), "{line}");
        assert_eq!(ours.stdout.is_empty(), theirs.stdout.is_empty(), "{line}");
    }
}

/// Debian's mosquitto, if it is installed.
fn mosquitto() -> Option<String> {
    let folders = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin";
    let found = folders.split(':').map(|folder| format!("{folder}/mosquitto"));
    found.into_iter().find(|path| Path::new(path).is_file())
}

#[test]
fn test_config_says_all_errors() {
    let folder = conf("frob\npid_file p\nlistener x\nmax_qos 5\nuser root\n");
    let output = broker(folder.path(), &["-c", "x.conf", "--test-config"]);
    assert_eq!(
        lines(&output.stderr),
        [
            "Error: Unknown configuration variable 'frob'.",
            "Error found at x.conf:1.",
            "Error: 'listener port' value not a number.",
            "Error found at x.conf:3.",
            "Error: 'max_qos' must be between 0 and 2 inclusive.",
            "Error found at x.conf:4.",
        ]
    );
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn test_config_of_a_good_file_writes_nothing() {
    let folder = conf("pid_file p\nlog_dest file log\npersistence true\nlistener 0 socket\nuser root\n");
    let output = broker(folder.path(), &["-c", "x.conf", "--test-config"]);
    assert_eq!(lines(&output.stderr), ["Configuration file is OK."]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn log_timestamp_holds_as_soon_as_it_is_read() {
    let folder = conf("user root\nlistener 0 s\nlog_timestamp false\n");
    let output = broker(folder.path(), &["-c", "x.conf", "--test-config"]);
    assert_eq!(output.stderr, b"Configuration file is OK.\n");
    let folder = conf("log_timestamp_format @%Y\nfrob\n");
    let output = broker(folder.path(), &["-c", "x.conf"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("@20") && text.contains(": Error: Unknown"), "{text}");
}

#[test]
fn root_is_given_up() {
    if !rustix::process::geteuid().is_root() {
        harness::passed_over("not root: nothing to give up");
        return;
    }
    let mut command = Command::new(BROKER);
    let mut running =
        Running::start(command.args(["-p", "0", "--print-address"]).env("PUID", "4711").env("PGID", "4712"));
    running.line();
    let status = fs::read_to_string(format!("/proc/{}/status", running.0.id())).unwrap();
    let ids = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ids("Uid:"), "4711 4711 4711 4711");
    assert_eq!(ids("Gid:"), "4712 4712 4712 4712");
    assert_eq!(ids("Groups:"), "4712");
}

#[test]
fn accounts_and_masks_that_are_wrong() {
    let folder = conf("user no-such-user\n");
    let with = |name: &str, value: &str| {
        let output = run(Command::new(BROKER).args(["-p", "0"]).env(name, value).current_dir(folder.path()));
        (output.status.code(), lines(&output.stderr).pop().unwrap())
    };
    let wrong = |text: &str| (Some(3), text.to_owned());
    let not_octal = wrong("Error: UMASK_SET environment variable not a valid octal number.");
    assert_eq!(with("UMASK_SET", "9"), not_octal);
    assert_eq!(with("UMASK_SET", "7777"), wrong("Error: UMASK_SET environment variable out of range."));
    if rustix::process::geteuid().is_root() {
        assert_eq!(with("PUID", "x"), wrong("Error: PUID not a valid ID 'x'."));
        assert_eq!(with("PGID", "-1"), wrong("Error: PGID must not be negative."));
        let output = broker(folder.path(), &["-c", "x.conf"]);
        let message = "Error: Unable to drop privileges to 'no-such-user' because this user does not exist.";
        assert_eq!((output.status.code(), lines(&output.stderr).pop().unwrap()), wrong(message));
    }
}

#[test]
fn included_files_are_read_in_order_and_named() {
    let folder = conf("include_dir d\n");
    fs::create_dir(folder.path().join("d")).unwrap();
    for (name, text) in [("B.conf", "frob"), ("a.conf", "max_keepalive 1"), ("A.conf", ""), ("x.txt", "no")] {
        fs::write(folder.path().join("d").join(name), text).unwrap();
    }
    let output = broker(folder.path(), &["-c", "x.conf"]);
    assert_eq!(
        lines(&output.stderr),
        [
            "Loading config file 'd/A.conf'",
            "Loading config file 'd/a.conf'",
            "Loading config file 'd/B.conf'",
            "Error: Unknown configuration variable 'frob'.",
            "Error found at 'd/B.conf:1'.",
            "Error found at x.conf:1.",
        ]
    );
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_local_only_broker_says_so() {
    let mut running = Running::start(Command::new(BROKER).args(["-p", "0", "--print-address"]));
    let address = running.line();
    let port = address.trim().strip_prefix("mqtt://127.0.0.1:").unwrap().parse::<u16>().unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(), "it is ready");
    running.signal(Signal::TERM);
    let (code, log) = running.end();
    assert_eq!(code, Some(0));
    let version = env!("CARGO_PKG_VERSION");
    let expected = [
        format!("mqtt-broker version {version} starting"),
        "Using default config.".to_owned(),
        "Starting in local only mode. Connections will only be possible from clients running on this machine.".to_owned(),
        "Create a configuration file which defines a listener to allow remote access.".to_owned(),
        "For more details see https://mosquitto.org/documentation/authentication-methods/".to_owned(),
        format!("mqtt-broker version {version} running"),
        format!("mqtt-broker version {version} terminating"),
    ];
    let positions: Vec<_> =
        expected.iter().map(|line| log.iter().position(|logged| logged == line)).collect();
    assert!(positions.iter().all(Option::is_some) && positions.is_sorted(), "{log:?}");
}

#[test]
fn files_of_a_running_broker() {
    let folder = conf("user root\npid_file p\nlog_dest file log\nlistener 0 s\nallow_anonymous true\n");
    let mut command = Command::new(BROKER);
    let running = Running::start(command.args(["-c", "x.conf"]).current_dir(folder.path()));
    let path = |name: &str| folder.path().join(name);
    until("running broker", || {
        fs::read_to_string(path("log")).ok().filter(|log| log.lines().any(|line| line.ends_with(" running")))
    });
    assert_eq!(fs::read_to_string(path("p")).unwrap(), running.0.id().to_string(), "without a newline");
    assert_eq!(fs::metadata(path("log")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::os::unix::net::UnixStream::connect(path("s")).is_ok());
    running.signal(Signal::INT);
    let (code, stderr) = running.end();
    assert_eq!(code, Some(0));
    let early = "Warning: Mosquitto should not be run as root/administrator.";
    assert!(stderr.iter().all(|line| line == early), "the log goes to the file: {stderr:?}");
    let log = lines(&fs::read(path("log")).unwrap());
    assert!(log.contains(&"Config loaded from x.conf.".to_owned()));
    assert!(log.contains(&"Opening unix listen socket on path s.".to_owned()));
    assert!(!path("p").exists() && !path("s").exists(), "they are removed at the end");
}

#[test]
fn ports_of_the_command_line_are_not_used_with_listeners() {
    let folder = conf("user root\nlog_dest stdout\nlog_timestamp false\nlistener 0 s\n");
    let mut command = Command::new(BROKER);
    let mut running = Running::start(command.args(["-c", "x.conf", "-p", "1"]).current_dir(folder.path()));
    assert!(running.line().ends_with(" starting\n"));
    running.signal(Signal::TERM);
    let (_, stderr) = running.end();
    let warning = "Warning: The ports of -p are not used, because the configuration names its listeners.";
    assert_eq!(stderr[0], warning);
}

#[test]
fn quiet_and_verbose_win_over_the_configuration() {
    let folder = conf("user root\nlog_type all\nlistener 0 s\n");
    let start = |arguments: &[&str]| {
        let mut command = Command::new(BROKER);
        let running =
            Running::start(command.args(["-c", "x.conf"]).args(arguments).current_dir(folder.path()));
        until("socket", || std::os::unix::net::UnixStream::connect(folder.path().join("s")).ok());
        running.signal(Signal::TERM);
        let (code, log) = running.end();
        assert_eq!(code, Some(0));
        log.into_iter().filter(|line| line.contains(" version ")).count()
    };
    assert_eq!(start(&["-q"]), 0);
    assert_eq!(start(&["-q", "-v"]), 0);
    assert!(start(&["-v"]) >= 2);
}

#[test]
fn a_taken_port_ends_the_start_with_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = conf(format!("user root\nlistener {port} 127.0.0.1\n"));
    let output = broker(folder.path(), &["-c", "x.conf"]);
    assert_eq!(output.status.code(), Some(1));
    let log = lines(&output.stderr);
    assert!(log.iter().any(|line| line.starts_with("Error: Address already in use")), "{log:?}");
}

#[test]
fn a_folder_that_is_no_store_is_said_to_be_none() {
    let folder = conf("");
    let output = broker(folder.path(), &["--dump", "."]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), b"".as_slice()));
    assert!(lines(&output.stderr)[0].starts_with("Error: . is no store."), "{output:?}");
}

#[test]
fn a_missing_password_file_ends_the_start_with_13() {
    let folder = conf("user root\nlistener 0 s\npassword_file nope\n");
    let output = broker(folder.path(), &["-c", "x.conf"]);
    assert_eq!(output.status.code(), Some(13));
    let log = lines(&output.stderr);
    assert!(log.iter().any(|line| line.contains("Unable to open pwfile \"nope\"")), "{log:?}");
}

#[test]
fn a_command_has_the_broker_to_itself() {
    let folder = tempfile::tempdir().unwrap();
    let script = "test \"$MQTT_URL\" = \"mqtt://$MQTT_HOST:$MQTT_PORT\" && echo \"$1\"; exit 7";
    let output = broker(folder.path(), &["--exec", "--", "sh", "-c", script, "sh", "-p"]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(7), b"-p\n".as_slice()));
    assert_eq!(lines(&output.stderr), Vec::<String>::new(), "the broker is quiet");
    let output = broker(folder.path(), &["--exec", "--", "sh", "-c", "kill -9 $$"]);
    assert_eq!(output.status.code(), Some(128 + 9));
    // Not by a PATH with folders that one may not look into: that would be another error.
    let output = run(Command::new(BROKER)
        .args(["--exec", "--", "no-such-command"])
        .env("PATH", "/usr/bin:/bin")
        .current_dir(folder.path()));
    assert_eq!(output.status.code(), Some(127));
    assert_eq!(lines(&output.stderr), ["Error: Unable to run 'no-such-command': No such file or directory."]);
    let output = broker(folder.path(), &["-v", "--exec", "--", "true"]);
    assert!(lines(&output.stderr).iter().any(|line| line.ends_with(" terminating")));
}

#[test]
fn a_command_gets_the_signals() {
    let script = "trap 'echo caught; exit 9' TERM; echo up; while :; do sleep 0.05; done";
    let mut running = Running::start(Command::new(BROKER).args(["--exec", "--", "sh", "-c", script]));
    assert_eq!(running.line(), "up\n");
    running.signal(Signal::TERM);
    assert_eq!(running.line(), "caught\n");
    assert_eq!(running.end().0, Some(9));
}

#[test]
fn health_of_a_broker() {
    let folder = tempfile::tempdir().unwrap();
    let output = broker(folder.path(), &["--exec", "--", BROKER, "--health"]);
    assert_eq!((output.status.code(), lines(&output.stderr)), (Some(0), Vec::new()));
    let mut running = Running::start(Command::new(BROKER).args(["-p", "0", "--print-address"]));
    let address = running.line();
    assert_eq!(broker(folder.path(), &["--health", address.trim()]).status.code(), Some(0));
    running.signal(Signal::TERM);
    let (_, log) = running.end();
    assert!(log.iter().any(|line| line.starts_with("Client health-") && line.ends_with("] disconnected.")));
    let output = broker(folder.path(), &["--health", address.trim()]);
    assert_eq!(output.status.code(), Some(1));
    let port = address.trim().rsplit(':').next().unwrap();
    assert_eq!(lines(&output.stderr), [format!("Error: 127.0.0.1:{port}: Connection refused.")]);
}

#[test]
fn health_of_something_that_never_answers() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://127.0.0.1:{}", silent.local_addr().unwrap().port());
    let folder = tempfile::tempdir().unwrap();
    let output = broker(folder.path(), &["--health", &url]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(lines(&output.stderr).len(), 1, "one line that says what failed");
}

#[test]
fn a_command_needs_a_port() {
    let folder = conf("user root\nlistener 0 s\nlistener 0 t\nlog_dest none\n");
    let output = broker(folder.path(), &["-c", "x.conf", "--exec", "--", "true"]);
    assert_eq!(output.status.code(), Some(3));
    let log = lines(&output.stderr);
    let message =
        "Error: --print-address, --port-file and --exec need a TCP listener, and the configuration has none.";
    assert!(log.iter().any(|line| line == message), "{log:?}");
}

#[test]
fn health_where_anonymous_clients_are_refused() {
    let closed = conf("allow_anonymous false\n");
    let output = broker(closed.path(), &["-c", "x.conf", "-q", "--exec", "--", BROKER, "--health"]);
    assert_eq!(output.status.code(), Some(1));
    let log = lines(&output.stderr);
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].starts_with("Error: 127.0.0.1:") && log[0].contains("refused"), "{log:?}");
}

#[test]
fn the_port_is_told_in_a_file_and_the_time_is_limited() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("port"), "of an earlier run").unwrap();
    let script = "test $(cat port) = $MQTT_PORT && exec sleep 60";
    let arguments = [
        "--port-file",
        "port",
        "--max-time",
        "0.3",
        "--exec",
        "--",
        "sh",
        "-c",
        &format!("exec 2>&1; {script}"),
    ];
    let output = broker(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(143), "the command was ended: {output:?}");
    let output = broker(folder.path(), &["-p", "0", "--max-time", "0.1"]);
    assert_eq!(output.status.code(), Some(0));
    let log = lines(&output.stderr);
    assert!(log.iter().any(|line| line == "The time of --max-time is over."), "{log:?}");
    let output = broker(folder.path(), &["-p", "0", "--max-time", "soon"]);
    assert_eq!(output.status.code(), Some(3));
    let error = "Error: Invalid --max-time argument 'soon', it must be a number of seconds above 0.";
    assert_eq!(lines(&output.stderr), [error]);
    let output = broker(folder.path(), &["-p", "0", "--port-file", "no/port"]);
    assert_eq!(output.status.code(), Some(1));
    let error = "Error: Unable to write port file \"no/port\": No such file or directory.";
    assert!(lines(&output.stderr).iter().any(|line| line == error));
}
