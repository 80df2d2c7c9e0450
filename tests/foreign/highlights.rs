//! What most people do first with a broker, from an empty folder on: a password file made at the prompt, a configuration
//! with persistence, a log file, an ACL and WebSocket, and then mqtt-sub, mqtt-pub, Python and a browser.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::browser::{browser, page};
use super::harness::{Running, eventually, foreign, free_port, ours, run};
use super::paho::{python_with_paho, script};

/// `./data` and `./log` aren't there.
const CONFIGURATION: &str = "\
persistence true
persistence_location ./data
log_dest file ./log/mosquitto.log
password_file ./pwfile.conf
acl_file ./aclfile
allow_anonymous false
listener 1883
listener 9001
protocol websockets
include_dir ./conf.d
";

/// A folder with the configuration, and the broker that was started in it.
struct Place {
    folder: tempfile::TempDir,
    port: String,
    web: String,
    broker: Option<Running>,
}

impl Place {
    /// A folder that is ready for a start. `None`: there is no terminal for the password.
    fn new() -> Option<Place> {
        let folder = tempfile::tempdir().unwrap();
        let (port, web) = (free_port().to_string(), free_port().to_string());
        let place = Place { folder, port, web, broker: None };
        let text = CONFIGURATION.replace("1883", &place.port).replace("9001", &place.web);
        std::fs::write(place.path("mosquitto.conf"), text).unwrap();
        std::fs::write(place.path("aclfile"), "user root\ntopic readwrite #\n").unwrap();
        std::fs::create_dir(place.path("conf.d")).unwrap();
        std::fs::write(place.path("conf.d/more.conf"), "max_queued_messages 2000\n").unwrap();
        place.make_password_file().then_some(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program with this folder as its working directory.
    fn start_here(&self, words: &[&str]) -> Running {
        let folder = self.folder.path().to_string_lossy();
        Running::start(Path::new("/usr/bin/env"), &[&["-C", &*folder], words].concat())
    }

    /// `mqtt-passwd -c pwfile.conf root`, answered at a terminal.
    fn make_password_file(&self) -> bool {
        let Some(terminal) = foreign("script") else { return false };
        let line = format!("{} -c pwfile.conf root", env!("CARGO_BIN_EXE_mqtt-passwd"));
        let mut asking = self.start_here(&[terminal.to_str().unwrap(), "-qec", &line, "/dev/null"]);
        let mut keyboard = asking.stdin();
        asking.out.wait_for("Password: ");
        keyboard.write_all(b"root\n").unwrap();
        asking.out.wait_for("Reenter password: ");
        keyboard.write_all(b"root\n").unwrap();
        let ended = asking.wait();
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(
            !ended.stdout.replace("user root", "").contains("root"),
            "a password is not echoed: {}",
            ended.stdout
        );
        true
    }

    /// Starts the broker, with variables in its environment, and waits until it listens.
    fn start_broker(&mut self, variables: &[&str]) {
        let broker = ours("mqtt-broker");
        let program = [broker.to_str().unwrap(), "-c", "mosquitto.conf"];
        self.broker = Some(self.start_here(&[variables, &program].concat()));
        eventually("the broker", || self.log().contains(" running\n") || self.has_ended());
        assert!(self.log().contains(" running\n"), "{}\n{}", self.said(), self.log());
    }

    fn has_ended(&self) -> bool {
        self.said().contains("terminating")
    }

    fn said(&self) -> String {
        self.broker.as_ref().map(|broker| broker.err.text()).unwrap_or_default()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log/mosquitto.log")).unwrap_or_default()
    }

    fn stop(&mut self) {
        let broker = self.broker.take().unwrap();
        broker.signal("-TERM");
        let ended = broker.wait();
        assert_eq!(ended.code, 0, "{ended:?}");
    }

    /// Flags of a client that comes by TCP as root.
    fn as_root<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        [&["-h", "127.0.0.1", "-p", &self.port, "-u", "root", "-P", "root"], more].concat()
    }

    /// Publishes again and again until the reader, who may not be subscribed yet, has printed this.
    fn publish_until_heard(&self, publisher: &Path, flags: &[&str], reader: &Running, line: &str) {
        eventually(line, || {
            let published = run(publisher, &self.as_root(flags));
            assert_eq!((published.code, published.stdout.as_str()), (0, ""), "{published:?}");
            reader.out.text().starts_with(line)
        });
    }
}
/// As whoever runs the tests: root stays root, since the folder is its own.
const WHO: &[&str] = &["PUID=0"];

#[test]
fn mqtt_sub_and_mqtt_pub_and_mosquittos() {
    let Some(mut place) = Place::new() else { return };
    place.start_broker(WHO);
    let theirs = (foreign("mosquitto_sub"), foreign("mosquitto_pub"));
    let pairs = [(Some(ours("mqtt-sub")), Some(ours("mqtt-pub"))), theirs];
    for pair in pairs {
        let (Some(subscriber), Some(publisher)) = pair else { continue };
        let reader = Running::start(&subscriber, &place.as_root(&["-t", "mtopic"]));
        place.publish_until_heard(&publisher, &["-t", "mtopic", "-m", "test"], &reader, "test\n");
        for (user, password) in [("root", "wrong"), ("nobody", "root")] {
            let flags = [
                "-h",
                "127.0.0.1",
                "-p",
                &place.port,
                "-t",
                "mtopic",
                "-m",
                "test",
                "-u",
                user,
                "-P",
                password,
            ];
            assert_eq!(run(&publisher, &flags).code, 5, "{user}");
        }
        let anonymous =
            run(&publisher, &["-h", "127.0.0.1", "-p", &place.port, "-t", "mtopic", "-m", "test"]);
        assert_eq!(anonymous.code, 5);
    }
    let mode = |name: &str| std::fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("data"), mode("log"), mode("log/mosquitto.log")), (0o700, 0o700, 0o600));
    assert!(place.said().contains("Folder ./data was not there, and was made."), "{}", place.said());

    // What was kept is there again.
    let kept = ["-t", "kept", "-m", "it", "-r", "-q", "1"];
    assert_eq!(run(&ours("mqtt-pub"), &place.as_root(&kept)).code, 0);
    place.stop();
    std::fs::remove_file(place.path("log/mosquitto.log")).unwrap();
    place.start_broker(WHO);
    let found = run(&ours("mqtt-sub"), &place.as_root(&["-t", "kept", "-C", "1", "-W", "90"]));
    assert_eq!((found.code, found.stdout.as_str()), (0, "it\n"), "{}", place.log());
    place.stop();
}

#[test]
fn paho_over_tcp_and_web_socket() {
    let Some(python) = python_with_paho("1.6.1") else { return };
    let Some(mut place) = Place::new() else { return };
    place.start_broker(WHO);
    for (transport, port) in [("tcp", &place.port), ("websockets", &place.web)] {
        let ended =
            Running::start(&python, &["-B", "-W", "ignore", &script("highlight.py"), transport, port]).wait();
        assert_eq!(
            (ended.code, &*ended.stdout),
            (0, "connected 0\nmtopic test\n"),
            "{transport}: {}",
            ended.stderr
        );
    }
}

#[test]
fn mqtt_js_in_a_browser_with_user_name_and_password() {
    let Some(folder) = page() else { return };
    let Some(mut place) = Place::new() else { return };
    place.start_broker(WHO);
    let profile = tempfile::tempdir().unwrap();
    let url = format!(
        "file://{}/page.html?url=ws://127.0.0.1:{}/mqtt&version=4&user=root&password=root",
        folder.display(),
        place.web
    );
    let Some(shown) = browser(profile.path(), &url) else { return };
    let ready = run(&ours("mqtt-sub"), &place.as_root(&["-t", "browser/+", "-v", "-C", "1", "-W", "90"]));
    assert_eq!(ready.stdout, "browser/ready qos 2\n", "{}\n{}", shown.err.text(), place.log());
    let heard = Running::start(&ours("mqtt-sub"), &place.as_root(&["-t", "from/browser", "-q", "2"]));
    let flags = ["-t", "to/browser", "-m", "grüße", "-q", "2"];
    place.publish_until_heard(&ours("mqtt-pub"), &flags, &heard, "GRÜSSE\n");
}

/// Started by root without more, the broker becomes mosquitto, and what it makes is mosquitto's.
#[test]
fn root_makes_the_folders_for_whom_the_broker_becomes() {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let account = accounts.lines().find(|line| line.starts_with("mosquitto:"));
    let (true, Some(account)) = (rustix::process::geteuid().is_root(), account) else {
        crate::harness::passed_over("this needs root and an account 'mosquitto'");
        return;
    };
    let mut numbers = account.split(':').skip(2).map(|number| number.parse::<u32>().unwrap());
    let (user, group) = (numbers.next().unwrap(), numbers.next().unwrap());
    let Some(mut place) = Place::new() else { return };
    std::fs::set_permissions(place.folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    // A password file that only root may read is of no use to it, and it says so.
    place.broker = Some(place.start_here(&[ours("mqtt-broker").to_str().unwrap(), "-c", "mosquitto.conf"]));
    let refused = place.broker.take().unwrap().wait();
    let words = "Permission denied: the broker runs as user 'mosquitto', who may not read it.";
    assert!(refused.code == 13 && refused.stderr.contains(words), "{refused:?}");
    std::os::unix::fs::chown(place.path("pwfile.conf"), Some(user), None).unwrap();
    place.start_broker(&[]);
    let reader = Running::start(&ours("mqtt-sub"), &place.as_root(&["-t", "mtopic"]));
    place.publish_until_heard(&ours("mqtt-pub"), &["-t", "mtopic", "-m", "test"], &reader, "test\n");
    for name in ["data", "log", "log/mosquitto.log"] {
        let found = std::fs::metadata(place.path(name)).unwrap();
        assert_eq!((found.uid(), found.gid()), (user, group), "{name}");
    }
}
