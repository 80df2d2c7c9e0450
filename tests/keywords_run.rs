//! Keywords and signals that need files, ports and a process: the running broker, and `--test-config`.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod harness;

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use harness::raw_client::{RawClient, encoded, plain_connect};
use harness::{Broker, Outcome, PATIENCE, Running, free_port, ours, run};
use mqtt_toolkit::protocol::{Connect, Packet, Properties, Publish, QoS, Version, Will};
use rustix::process::Signal;

/// A folder with `x.conf` and other files.
fn folder(conf: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_string_lossy().into_owned();
    std::fs::write(folder.path().join("x.conf"), conf.replace("{dir}", &at)).unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text.replace("{dir}", &at)).unwrap();
    }
    folder
}

fn with(folder: &Path, arguments: &[&str]) -> Outcome {
    let conf = folder.join("x.conf");
    run(&ours("mqtt-broker"), &[&["-c", conf.to_str().unwrap()], arguments].concat())
}

fn checked(folder: &Path) -> Outcome {
    with(folder, &["--test-config"])
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn test_config_opens_what_the_file_names_and_says_every_fault() {
    let conf = "user root\npassword_file {dir}/passwords\nacl_file {dir}/acl\npid_file {dir}/no/pid\n\
                listener 0 {dir}/x.conf\nlistener 1 no.such.host.invalid\npersistence true\npersistence_location {dir}/none/such\n";
    let folder = folder(conf, &[("passwords", "a:plain\n"), ("acl", "topic sometimes a\n")]);
    let ended = checked(folder.path());
    for said in [
        "Error: Unable to decode line in password file",
        "passwords:1.",
        "Error: Invalid topic access type \"sometimes\"",
        "Error: pid_file: unable to write to",
        "Error: persistence_location: unable to write to",
        "x.conf is there and is not a socket.",
        "Error: Unable to resolve 'no.such.host.invalid'",
    ] {
        assert!(ended.stderr.contains(said), "{said}\n{}", ended.stderr);
    }
    assert!(!ended.stderr.contains("is OK"), "{}", ended.stderr);
    assert_eq!(ended.code, 3);
    assert_eq!(names(folder.path()), ["acl", "passwords", "x.conf"], "nothing was written");
}

#[test]
fn a_file_of_passwords_that_everybody_may_read_is_warned_about() {
    use std::os::unix::fs::PermissionsExt;
    let folder =
        folder("user root\nlistener 0 {dir}/socket\npassword_file {dir}/passwords\n", &[("passwords", "")]);
    let path = folder.path().join("passwords");
    let mode = |bits| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(bits)).unwrap();
    for (bits, warned) in [(0o644, true), (0o640, false)] {
        mode(bits);
        let ended = checked(folder.path());
        let said = format!("Warning: File {} has world readable permissions.", path.display());
        assert_eq!((ended.code, ended.stderr.contains(&said)), (0, warned), "{}", ended.stderr);
    }
}

#[test]
fn test_config_beside_a_running_broker_warns_of_its_ports() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = folder(&format!("user root\nlistener {port} 127.0.0.1\nlog_dest file {{dir}}/log\n"), &[]);
    let ended = checked(folder.path());
    assert!(
        ended.stderr.contains(&format!("Warning: Address already in use (port {port}).")),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("Configuration file is OK."), "{}", ended.stderr);
    assert_eq!((ended.code, names(folder.path())), (0, vec!["x.conf".to_owned()]));
    // A start is another thing.
    let ended = with(folder.path(), &[]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.contains(&format!("Error: Address already in use (port {port})")),
        "{}",
        ended.stderr
    );
}

#[test]
fn files_that_are_too_much() {
    // A line of 10 MB: the value is too long, and is not repeated.
    let long = folder(&format!("user root\npid_file {}\n", "x".repeat(10 << 20)), &[]);
    let ended = checked(long.path());
    assert_eq!(ended.code, 3);
    assert!(
        ended.stderr.contains("'pid_file' value is longer than 65535 bytes") && ended.stderr.len() < 1000
    );
    let unknown = folder(&"x".repeat(10 << 20), &[]);
    let ended = checked(unknown.path());
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("Unknown configuration variable") && ended.stderr.len() < 3000);
    // A folder that includes itself.
    let inner = "include_dir {dir}/conf.d\n";
    let circle = folder("include_dir {dir}/conf.d\n", &[("conf.d/a.conf", inner)]);
    let ended = checked(circle.path());
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("The include_dir option is only valid in the main configuration file."));
    assert!(
        ended.stderr.contains("conf.d/a.conf:1'.") && ended.stderr.contains("x.conf:1."),
        "{}",
        ended.stderr
    );
    // And one that holds the file which includes it.
    let own = folder("include_dir {dir}\n", &[]);
    std::fs::rename(own.path().join("x.conf"), own.path().join("main.conf")).unwrap();
    let ended = run(&ours("mqtt-broker"), &["-c", own.path().join("main.conf").to_str().unwrap()]);
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("The include_dir option is only valid in the main configuration file."));
    // A folder under the name of a file.
    let odd = folder("include_dir {dir}/conf.d\n", &[("conf.d/a.conf/b", "")]);
    assert_eq!(checked(odd.path()).code, 3);
}

#[test]
fn files_that_cant_be_read() {
    let start = |lines: &str| {
        let folder = folder(&format!("user root\nlistener 0 {{dir}}/s\n{lines}\n"), &[("sub/file", "")]);
        let ended = with(folder.path(), &[]);
        (ended.code, ended.stderr.replace(&folder.path().to_string_lossy().into_owned(), "DIR"))
    };
    for (lines, code, said) in [
        (
            "password_file {dir}/none",
            13,
            "Error: Unable to open pwfile \"DIR/none\". No such file or directory.",
        ),
        ("password_file {dir}/sub", 13, "Error: Unable to open pwfile \"DIR/sub\". Is a directory."),
        (
            "acl_file {dir}/none",
            13,
            "Error: Unable to open acl_file \"DIR/none\". No such file or directory.",
        ),
        ("acl_file {dir}/sub", 13, "Error: Unable to open acl_file \"DIR/sub\". Is a directory."),
        ("include_dir {dir}/sub/file", 3, "Error: Unable to open include_dir 'DIR/sub/file'."),
        ("persistence true\npersistence_location {dir}/sub/file", 1, "Not a directory."),
        ("pid_file {dir}/sub", 14, "Error: Unable to write pid file. DIR/sub: Is a directory."),
        (
            "pid_file {dir}/none/pid",
            14,
            "Error: Unable to write pid file. DIR/none/pid: No such file or directory.",
        ),
    ] {
        let (found, err) = start(lines);
        assert!(found == code && err.contains(said), "{lines}: {found:?} {err}");
    }
}

#[test]
fn included_files_are_read_in_their_order() {
    let files = [
        ("conf.d/B.conf", "max_keepalive 2\n"),
        ("conf.d/a.conf", "max_keepalive 1\nallow_anonymous true\n"),
        ("conf.d/b.conf", "max_keepalive 3\n"),
        ("conf.d/z.conf~", "max_keepalive 4\n"),
    ];
    let port = free_port();
    let folder =
        folder(&format!("user root\nlistener {port} 127.0.0.1\ninclude_dir {{dir}}/conf.d\n"), &files);
    let conf = folder.path().join("x.conf");
    let broker = Running::start(&ours("mqtt-broker"), &["-c", conf.to_str().unwrap()]);
    let log = broker.err.wait_for(" running\n");
    let order: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split_once("Loading config file '"))
        .map(|(_, path)| path.trim_end_matches('\'').rsplit('/').next().unwrap())
        .collect();
    assert_eq!(order, ["a.conf", "B.conf", "b.conf"]);
    let mut client = RawClient::open(([127, 0, 0, 1], port).into(), Version::V5);
    client.send(&encoded(Version::V5, &Packet::Connect(plain_connect(Version::V5, "c"))));
    let connack = client.frame().unwrap();
    assert!(connack.windows(3).any(|bytes| bytes == [0x13, 0, 3]), "Server Keep Alive 3: {connack:x?}");
}

#[test]
fn bind_interface_and_socket_domain() {
    let port = free_port();
    let broker = Broker::with_listeners(&format!(
        "listener {port}\nsocket_domain ipv4\nbind_interface lo\nallow_anonymous true\n"
    ));
    let log = broker.log();
    assert!(log.contains("Opening ipv4 listen socket") && !log.contains("Opening ipv6"), "{log}");
    RawClient::connect(([127, 0, 0, 1], port).into(), Version::V5, "c").ping();
    let folder = folder(&format!("user root\nlistener {port}\nbind_interface nosuch0\n"), &[]);
    let ended = with(folder.path(), &[]);
    assert!(ended.stderr.contains("Error: Interface nosuch0 does not exist."), "{}", ended.stderr);
    assert_eq!(ended.code, 1);
}

#[test]
fn memory_limit_refuses_rather_than_grows() {
    let broker = Broker::configured("allow_anonymous true\nmemory_limit 8000000\n");
    let mut client = RawClient::connect(broker.address(), Version::V5, "c");
    let mut refused = false;
    for number in 0..1000_u16 {
        let packet = Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: true,
            topic: &format!("a/{number}"),
            packet_identifier: number + 1,
            properties: Properties::EMPTY,
            payload: &[b'x'; 100_000],
        };
        client.send(&encoded(Version::V5, &Packet::Publish(packet)));
        let puback = client.frame().unwrap();
        refused = puback.get(4) == Some(&0x97);
        if refused {
            assert!(number > 10, "some fit");
            break;
        }
    }
    assert!(refused);
    broker.await_log("Warning: memory_limit is reached");
    assert!(broker.resident() < 60_000_000, "{}", broker.resident());
}

fn datagram(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 200];
    let count = socket.recv(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

#[test]
fn systemd_is_told() {
    let folder = folder("user root\nlistener 0 {dir}/socket\n", &[]);
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let conf = folder.path().join("x.conf");
    let variables = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "1000000")];
    let broker = Running::start_in(&ours("mqtt-broker"), &["-c", conf.to_str().unwrap()], &variables);
    assert_eq!(datagram(&manager), "READY=1");
    broker.err.wait_for(" running\n");
    assert_eq!(datagram(&manager), "WATCHDOG=1");
    assert_eq!(datagram(&manager), "WATCHDOG=1");
    let next = |wanted: &str| loop {
        let heard = datagram(&manager);
        if heard != "WATCHDOG=1" || wanted == heard {
            assert!(heard.starts_with(wanted), "{heard}");
            return;
        }
    };
    broker.signal("-HUP");
    next("RELOADING=1\nMONOTONIC_USEC=");
    next("READY=1");
    // Also when nothing comes of it.
    std::fs::write(&conf, "frob\n").unwrap();
    broker.signal("-HUP");
    next("RELOADING=1\nMONOTONIC_USEC=");
    next("READY=1");
    broker.signal("-TERM");
    next("STOPPING=1");
    assert_eq!(broker.wait().code, 0);
}

#[test]
fn usr2_prints_the_subscription_tree() {
    let port = free_port();
    let broker = Broker::with_listeners(&format!("listener {port} 127.0.0.1\nallow_anonymous true\n"));
    let address = ([127, 0, 0, 1], port).into();
    let mut ann = RawClient::connect(address, Version::V5, "ann");
    ann.subscribe("house/+/light", QoS::AtLeastOnce);
    ann.subscribe("$share/team/jobs/#", QoS::ExactlyOnce);
    RawClient::connect(address, Version::V5, "bob").ping();
    broker.signal("-USR2");
    let text = broker.out().wait_for("team");
    assert!(text.contains("    house\n      +\n        light (ann, 1)\n"), "{text}");
    assert!(text.contains("    $share/team/jobs/# (ann, 2)\n"), "{text}");
    broker.await_log("1 subscriptions, 1 shared subscriptions");
    broker.signal("-USR1");
    broker.await_log("Persistence is off; there is nothing to save.");
}

#[test]
fn the_end_is_told_and_wills_are_published() {
    let broker = Broker::configured("allow_anonymous true\n");
    let mut watcher = RawClient::connect(broker.address(), Version::V5, "watcher");
    watcher.subscribe("will/#", QoS::AtMostOnce);
    let mut old = RawClient::connect(broker.address(), Version::V311, "old");
    let will = |topic| Will {
        topic,
        payload: b"gone",
        qos: QoS::AtMostOnce,
        retain: false,
        properties: Properties::EMPTY,
    };
    let connect = Connect { will: Some(will("will/now")), ..plain_connect(Version::V5, "a") };
    let mut now = RawClient::connect_with(broker.address(), &connect);
    // One whose Will would wait for an hour.
    let mut delayed = RawClient::open(broker.address(), Version::V5);
    let expiry = [0x11, 0, 0, 0x0E, 0x10];
    let delay = [0x18, 0, 0, 0x0E, 0x10];
    let connect = Connect {
        properties: Properties::from_raw(&expiry),
        will: Some(Will { properties: Properties::from_raw(&delay), ..will("will/later") }),
        ..plain_connect(Version::V5, "b")
    };
    delayed.send(&encoded(Version::V5, &Packet::Connect(connect)));
    assert_eq!(delayed.connack(), Some(0));
    drop(delayed);
    broker.wait_for_end_of("b");
    let ended = broker.stop();
    assert_eq!(ended.code, 0);
    let mut topics = [watcher.message().unwrap().topic, watcher.message().unwrap().topic];
    topics.sort();
    assert_eq!(topics, ["will/later", "will/now"]);
    assert_eq!((watcher.ending(), now.ending(), old.ending()), (Some(0x8B), Some(0x8B), None));
}

#[test]
fn a_daemon_writes_its_process_id_and_ends_in_order() {
    let port = free_port();
    let conf =
        format!("user root\nlistener {port} 127.0.0.1\npid_file {{dir}}/pid\nlog_dest file {{dir}}/log\n");
    let folder = folder(&conf, &[]);
    let ended = with(folder.path(), &["-d"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    harness::eventually("a running daemon", || read("log").contains(" running\n"));
    let id: i32 = read("pid").parse().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(id).unwrap(), Signal::TERM).unwrap();
    harness::eventually("its end", || read("log").contains(" terminating\n") && read("pid").is_empty());
    assert!(!folder.path().join("pid").exists());
}
