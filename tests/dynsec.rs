//! Dynamic security: the broker's and mosquitto's, our mqtt-ctrl and mosquitto_ctrl, each with each; and what nobody
//! may get round.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "harness/certificates.rs"]
mod certificates;
mod harness;
#[path = "dynsec/requests.rs"]
mod requests;
#[path = "dynsec/takeover.rs"]
mod takeover;

use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use harness::raw_client::{RawClient, encoded, plain_connect, publish};
use harness::{Broker, eventually, free_port};
use mqtt_toolkit::protocol::{Connect, Packet, QoS, Version};

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so";
const COMMANDS: &str = "$CONTROL/dynamic-security/v1";
const ANSWERS: &str = "$CONTROL/dynamic-security/v1/response";
const PASSWORD: &str = "a long password";

fn ctrl() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_mqtt-ctrl"))
}

/// Runs a program with nothing on its input; variables of the test's surroundings stay out.
fn run(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).env_remove("MQTT_URL").stdin(Stdio::null()).output().unwrap()
}

/// A file with the administrator, in a folder of its own.
fn initial() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("d.json");
    let output = run(ctrl(), &["dynsec", "init", file.to_str().unwrap(), "admin", PASSWORD]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    (folder, file)
}

/// Our broker with this file.
fn broker(file: &Path) -> Broker {
    Broker::configured(&format!(
        "allow_anonymous false\nplugin /any/where/mosquitto_dynamic_security.so\nplugin_opt_config_file {}\n",
        file.display()
    ))
}

fn user<'a>(client_id: &'a str, username: &'a str, password: &'a str) -> Connect<'a> {
    Connect {
        username: Some(username),
        password: Some(password.as_bytes()),
        ..plain_connect(Version::V5, client_id)
    }
}

/// How a CONNECT is answered.
fn answer(address: SocketAddr, connect: &Connect<'_>) -> Option<u8> {
    let mut client = RawClient::open(address, connect.version);
    client.send(&encoded(connect.version, &Packet::Connect(*connect)));
    client.connack()
}

/// The administrator.
struct Admin(RawClient);

impl Admin {
    fn new(address: SocketAddr) -> Self {
        let mut client = RawClient::connect_with(address, &user("desk", "admin", PASSWORD));
        assert_eq!(client.subscribe(ANSWERS, QoS::AtMostOnce), 0);
        Admin(client)
    }

    fn ask(&mut self, commands: &str) -> String {
        let payload = format!("{{\"commands\":[{commands}]}}");
        self.0.publish(COMMANDS, payload.as_bytes(), QoS::AtLeastOnce);
        let message = self.0.message().unwrap();
        assert_eq!(message.topic, ANSWERS);
        String::from_utf8(message.payload).unwrap()
    }

    fn done(&mut self, commands: &str) {
        let answer = self.ask(commands);
        assert!(!answer.contains("error"), "{answer}");
    }
}

/// What the broker tells of itself, which needs no administrator.
#[test]
fn every_listener_is_told_as_it_is() {
    let certificates = certificates::Certificates::new();
    let [plain, web, tls, http] = [(); 4].map(|()| free_port());
    let broker = Broker::with_listeners(&format!(
        "allow_anonymous true\nenable_control_api true\nlistener {plain} 127.0.0.1\nlistener {web} 127.0.0.1\n\
         protocol websockets\nlistener {tls} 127.0.0.1\nprotocol websockets\ncertfile {}\nkeyfile {}\n\
         listener {http} 127.0.0.1\nprotocol http_api\nlistener 0 {{dir}}/socket\n",
        certificates.path("server.crt"),
        certificates.path("server.key")
    ));
    let mut client = RawClient::connect(([127, 0, 0, 1], plain).into(), Version::V5, "c");
    client.subscribe("$CONTROL/broker/v1/response", QoS::AtMostOnce);
    client.publish("$CONTROL/broker/v1", br#"{"commands":[{"command":"listListeners"}]}"#, QoS::AtLeastOnce);
    let found: serde_json::Value = serde_json::from_slice(&client.message().unwrap().payload).unwrap();
    let tcp = |port: u16, protocol: &str, tls: bool| serde_json::json!({"port": port, "protocol": protocol, "bind-address": "127.0.0.1", "tls": tls});
    let socket = broker.path("socket").to_string_lossy().into_owned();
    let expected = serde_json::json!([
        tcp(plain, "mqtt", false),
        tcp(web, "mqtt+websockets", false),
        tcp(tls, "mqtt+websockets", true),
        tcp(http, "httpapi", false),
        {"port": 0, "protocol": "mqtt", "socket-path": socket, "tls": false},
    ]);
    assert_eq!(found["responses"][0]["data"]["listeners"], expected);
    let printed = run(ctrl(), &["-h", "127.0.0.1", "-p", &plain.to_string(), "broker", "listListeners"]);
    let text = String::from_utf8(printed.stdout).unwrap();
    assert!(
        text.contains("Protocol:          mqtt+websockets\n") && text.contains("TLS:               true\n"),
        "{text}"
    );
}

/// Commands line by line: those of a file, and somebody's at a terminal.
#[test]
fn mqtt_ctrl_without_a_command_reads_lines() {
    let (_folder, file) = initial();
    let broker = broker(&file);
    let port = broker.port;
    let lines = format!(
        "# a new client\nauth admin\n{PASSWORD}\nconnect 127.0.0.1 {port}\ndynsec createClient \"a b\" -p secret\n\
         frobnicate\ndynsec\nlistClients\ngetClient nobody\nreturn\nbroker help\n"
    );
    let ended = harness::feed(ctrl(), &["-h", "localhost"], lines.as_bytes());
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("a b\nadmin\n") && ended.stdout.contains("List listeners:"), "{ended:?}");
    assert!(!ended.stdout.contains("> "), "nobody is prompted: {ended:?}");
    assert!(ended.stderr.contains("Error: Unknown command 'frobnicate'"), "{ended:?}");
    assert!(ended.stderr.contains("getClient: Error: Client not found"), "{ended:?}");
    assert_eq!(ended.stderr.matches("without encryption").count(), 1, "{ended:?}");
    assert_eq!(harness::feed(ctrl(), &[], b"").code, 0);

    let Some(script) = harness::foreign("script") else { return };
    let line = format!("{} -h 127.0.0.1 -p {port} -u admin", ctrl().display());
    let mut terminal = harness::Running::start(&script, &["-qec", &line, "/dev/null"]);
    let mut keyboard = terminal.stdin();
    let mut types = |prompt: &str, line: &str| {
        use std::io::Write;
        terminal.out.wait_until(prompt, |text| text.ends_with(prompt));
        keyboard.write_all(format!("{line}\n").as_bytes()).unwrap();
    };
    types("mqtt-ctrl> ", "dynsec");
    types("dynsec> ", "getDetails");
    types("Password for admin: ", PASSWORD);
    types("dynsec> ", "listClients");
    types("dynsec> ", "exit");
    let ended = terminal.wait();
    assert!(ended.code == 0 && ended.stdout.contains("a b\r\nadmin\r\n"), "{ended:?}");
    assert!(!ended.stdout.contains(PASSWORD), "a password is not echoed: {ended:?}");
}

/// The Reason Code of the PUBACK to a message.
fn puback(client: &mut RawClient, topic: &str) -> u8 {
    client.send(&publish(client.version, 99, topic, b"x", QoS::AtLeastOnce));
    let frame = client.frame().unwrap();
    assert_eq!(frame[0], 0x40, "{frame:?}");
    frame.get(4).copied().unwrap_or(0)
}

#[test]
fn rights_hold_at_once_and_changes_disconnect() {
    let (_folder, file) = initial();
    let broker = broker(&file);
    let address = broker.address();
    let mut admin = Admin::new(address);
    admin.done(
        r##"{"command":"createRole","rolename":"app","acls":[
            {"acltype":"publishClientSend","topic":"up/%u/#","allow":true},
            {"acltype":"subscribePattern","topic":"secret/#","allow":false,"priority":9},
            {"acltype":"subscribePattern","topic":"#","allow":true}]},
            {"command":"createClient","username":"bob","password":"pw","clientid":"only","roles":[{"rolename":"app"}]}"##,
    );
    assert_eq!(answer(address, &user("only", "bob", "wrong")), Some(0x87));
    assert_eq!(answer(address, &user("other", "bob", "pw")), Some(0x87), "another ClientId");
    assert_eq!(answer(address, &user("only", "nobody", "pw")), Some(0x87));
    let no_password = Connect { password: None, ..user("only", "bob", "") };
    assert_eq!(answer(address, &no_password), Some(0x87));
    assert_eq!(answer(address, &plain_connect(Version::V5, "anonymous")), Some(0x87));

    let mut bob = RawClient::connect_with(address, &user("only", "bob", "pw"));
    for (filter, code) in [
        ("a", 0),
        ("secret/a", 0x87),
        ("secret/#", 0x87),
        ("$share/g/secret/a", 0x87),
        ("$share/g/a", 0),
        ("$SYS/#", 0x87),
        (ANSWERS, 0x87),
    ] {
        assert_eq!(bob.subscribe(filter, QoS::AtMostOnce), code, "{filter}");
    }
    for (topic, denied) in
        [("up/bob/x", false), ("up/eve/x", true), (COMMANDS, true), ("$SYS/broker/uptime", true)]
    {
        assert_eq!(puback(&mut bob, topic) == 0x87, denied, "{topic}");
    }
    admin.done(r#"{"command":"addRoleACL","rolename":"app","acltype":"publishClientSend","topic":"up/eve/x","allow":true}"#);
    assert_ne!(puback(&mut bob, "up/eve/x"), 0x87, "a verdict that was kept is asked for anew");
    admin.done(
        r#"{"command":"removeRoleACL","rolename":"app","acltype":"publishClientSend","topic":"up/eve/x"}"#,
    );
    assert_eq!(puback(&mut bob, "up/eve/x"), 0x87);
    admin.done(r#"{"command":"disableClient","username":"bob"}"#);
    assert_eq!(bob.ending(), Some(0x98));
    assert_eq!(answer(address, &user("only", "bob", "pw")), Some(0x87));

    // What was answered is on disk.
    admin.done(r#"{"command":"enableClient","username":"bob"}"#);
    assert!(broker.stop().code == 0);
    let broker = self::broker(&file);
    assert_eq!(answer(broker.address(), &user("only", "bob", "pw")), Some(0));
    let log = broker.log();
    assert!(!log.contains("pw\"") && !log.contains(PASSWORD), "{log}");
}

#[test]
fn an_answer_goes_to_who_asked_and_to_nobody_else() {
    let (_folder, file) = initial();
    let broker = broker(&file);
    let mut admin = Admin::new(broker.address());
    let mut other = RawClient::connect_with(broker.address(), &user("other", "admin", PASSWORD));
    assert_eq!(other.subscribe(ANSWERS, QoS::AtMostOnce), 0);
    assert!(admin.ask(r#"{"command":"listClients"}"#).contains("admin"));
    // Had it been sent to both, it would be here before this.
    other.publish(COMMANDS, br#"{"commands":[{"command":"getAnonymousGroup"}]}"#, QoS::AtLeastOnce);
    let first = other.message().unwrap();
    assert!(String::from_utf8(first.payload).unwrap().contains("getAnonymousGroup"));
}

#[test]
fn a_listener_without_dynamic_security_has_no_way_to_its_commands() {
    let (_folder, file) = initial();
    let (guarded, open) = (free_port(), free_port());
    let broker = Broker::with_listeners(&format!(
        "per_listener_settings true\nlistener {guarded} 127.0.0.1\nplugin mosquitto_dynamic_security.so\n\
         plugin_opt_config_file {}\nlistener {open} 127.0.0.1\nallow_anonymous true\n",
        file.display()
    ));
    let address = SocketAddr::from(([127, 0, 0, 1], open));
    let mut stranger = RawClient::connect(address, Version::V5, "stranger");
    stranger.subscribe("$CONTROL/#", QoS::AtMostOnce);
    stranger.publish(
        COMMANDS,
        br#"{"commands":[{"command":"deleteClient","username":"admin"}]}"#,
        QoS::AtLeastOnce,
    );
    let message = stranger.message().unwrap();
    assert_eq!(message.payload, br#"{"error":"endpoint not available"}"#);
    Admin::new(SocketAddr::from(([127, 0, 0, 1], guarded)));
    drop(broker);
}

#[test]
fn a_first_start_makes_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new.json");
    let broker = broker(&file);
    let passwords = std::fs::read_to_string(folder.path().join("new.json.pw")).unwrap();
    for name in ["new.json", "new.json.pw"] {
        assert_eq!(std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    for line in passwords.lines() {
        let (name, password) = line.split_once(' ').unwrap();
        assert_eq!(password.len(), 20);
        assert_eq!(answer(broker.address(), &user("c", name, password)), Some(0), "{name}");
    }
    assert_eq!(passwords.lines().count(), 2);

    let (init, file) = (folder.path().join("init"), folder.path().join("other.json"));
    std::fs::write(&init, "  chosen by us \nignored\n").unwrap();
    let lines = format!(
        "plugin mosquitto_dynamic_security.so\nplugin_opt_config_file {}\nplugin_opt_password_init_file {}\n",
        file.display(),
        init.display()
    );
    let broker = Broker::configured(&lines);
    assert_eq!(answer(broker.address(), &user("c", "admin", "chosen by us")), Some(0));
    assert!(!folder.path().join("other.json.pw").exists());
}

#[test]
fn other_plugins_refuse_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let conf = folder.path().join("conf");
    for (lines, words) in [
        (
            "plugin /x/mosquitto_sparkplug_aware.so",
            "Unable to load plugin \"/x/mosquitto_sparkplug_aware.so\"",
        ),
        ("plugin /x/mosquitto_dynamic_security.so", "plugin_opt_config_file"),
        (
            "plugin mosquitto_acl_file.so\nplugin_opt_nonsense x",
            "acl-file: Error: Unknown option 'nonsense'.",
        ),
    ] {
        std::fs::write(&conf, format!("user root\nlistener 0 {}/s\n{lines}\n", folder.path().display()))
            .unwrap();
        let output = run(Path::new(env!("CARGO_BIN_EXE_mqtt-broker")), &["-c", conf.to_str().unwrap()]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(13), "{lines}: {stderr}");
        assert!(stderr.contains(words), "{stderr}");
    }
}

/// Debian's broker with the same file; gone when dropped.
struct Mosquitto {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `None`: it isn't installed.
fn mosquitto(file: &Path) -> Option<Mosquitto> {
    let program = Path::new("/usr/sbin/mosquitto");
    if !program.exists() || !Path::new(LIBRARY).exists() || !Path::new("/usr/bin/mosquitto_ctrl").exists() {
        harness::passed_over("mosquitto with dynamic security is not installed");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let (conf, port) = (folder.path().join("conf"), free_port());
    let lines = format!(
        "user root\nlistener {port} 127.0.0.1\nplugin {LIBRARY}\nplugin_opt_config_file {}\n",
        file.display()
    );
    std::fs::write(&conf, lines).unwrap();
    let child = Command::new(program).arg("-c").arg(&conf).stderr(Stdio::null()).spawn().unwrap();
    let mosquitto = Mosquitto { child, port, _folder: folder };
    eventually("mosquitto's port", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    Some(mosquitto)
}

/// Commands whose answers 2.0 and 2.1 have in common.
const STORY: &[&str] = &[
    "createRole r1",
    "createRole r1",
    "createRole",
    "addRoleACL r1 publishClientSend a/# allow 5",
    "addRoleACL r1 subscribePattern a/# deny",
    "addRoleACL r1 subscribePattern a/# maybe",
    "removeRoleACL r1 subscribePattern b/#",
    "getRole r1",
    "getRole nope",
    "listRoles",
    "listRoles 1 1",
    "createGroup g1",
    "addGroupRole g1 r1",
    "addGroupRole g1 r1 5",
    "createClient u1 -p pw",
    "createClient u2 -p pw -c cid",
    "createClient u2 -p pw",
    "addGroupClient g1 u1 7",
    "getGroup g1",
    "addClientRole u2 r1 4",
    "getClient u1",
    "disableClient u2",
    "getClient u2",
    "setClientId u2 other",
    "setClientPassword nope pw2",
    "setClientPassword u2 pw2",
    "listClients 2 1",
    "setAnonymousGroup g1",
    "getAnonymousGroup",
    "getDefaultACLAccess",
    "setDefaultACLAccess bad allow",
    "removeGroupClient g1 u1",
    "removeGroupRole g1 r1",
    "deleteClient u1",
    "deleteClient u1",
    "nothing",
    "getGroup g1 extra",
    "init",
    "init file",
    "init file admin password extra",
];

/// What a program says to the story: exit code, standard output and standard error of each command.
fn told(program: &Path, port: &str) -> Vec<(Option<i32>, String, String)> {
    let told = |command: &&str| {
        let mut arguments = vec!["-h", "127.0.0.1", "-p", port, "-u", "admin", "-P", PASSWORD, "dynsec"];
        arguments.extend(command.split(' '));
        let output = run(program, &arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    STORY.iter().map(told).collect()
}

#[test]
fn both_programs_say_the_same_with_both_brokers_and_files_go_both_ways() {
    let (folder, theirs) = initial();
    let Some(mosquitto) = mosquitto(&theirs) else { return };
    let (_other, ours) = initial();
    let (_third, third) = initial();
    let link = folder.path().join("mosquitto_ctrl");
    symlink(ctrl(), &link).unwrap();
    let expected = told(Path::new("/usr/bin/mosquitto_ctrl"), &mosquitto.port.to_string());
    let (one, two) = (broker(&ours), broker(&third));
    let cases = [
        ("mosquitto_ctrl with our broker", told(Path::new("/usr/bin/mosquitto_ctrl"), &one.port.to_string())),
        ("mqtt-ctrl with our broker", told(&link, &two.port.to_string())),
    ];
    for (who, found) in cases {
        for ((command, expected), found) in STORY.iter().zip(&expected).zip(&found) {
            assert_eq!(found, expected, "{who}: {command}");
        }
    }
    // mosquitto reads what our broker wrote, and ours what mosquitto did.
    drop(one);
    drop(mosquitto);
    let mosquitto = self::mosquitto(&ours).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], mosquitto.port));
    assert_eq!(answer(address, &user("c", "admin", PASSWORD)), Some(0));
    let output = run(
        &link,
        &[
            "-h",
            "127.0.0.1",
            "-p",
            &mosquitto.port.to_string(),
            "-u",
            "admin",
            "-P",
            PASSWORD,
            "dynsec",
            "getClient",
            "u2",
        ],
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("Clientid: other"), "{output:?}");
    let broker = broker(&theirs);
    let output = run(
        &link,
        &[
            "-h",
            "127.0.0.1",
            "-p",
            &broker.port.to_string(),
            "-u",
            "admin",
            "-P",
            PASSWORD,
            "dynsec",
            "getClient",
            "u2",
        ],
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("Disabled: true"), "{output:?}");
}

#[test]
fn wrong_logins_keep_nobody_else_from_talking() {
    let (_folder, file) = initial();
    let broker = broker(&file);
    let address = broker.address();
    let mut admin = Admin::new(address);
    let guess = encoded(Version::V5, &Packet::Connect(user("guess", "admin", "wrong")));
    let mut guessers = Vec::new();
    for _ in 0..200 {
        let mut guesser = RawClient::open(address, Version::V5);
        guesser.send(&guess);
        guessers.push(guesser);
        // Others are served between any two of them.
        assert!(admin.ask(r#"{"command":"getDetails"}"#).contains("clientCount"));
    }
    for mut guesser in guessers {
        // Refused, or told to come back since so many wait.
        assert!(matches!(guesser.connack(), Some(0x87 | 0x89)));
    }
}
