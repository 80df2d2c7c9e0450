//! Every rule of the grammar, with the exact messages.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::config::{LogTypes, Security};

/// Files in memory.
#[derive(Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl ConfigFiles for Files {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, ReadProblem> {
        let prefix = format!("{path}/");
        if self.0.keys().any(|name| name.starts_with(&prefix)) {
            return Err(ReadProblem::Folder);
        }
        self.0.get(path).cloned().ok_or(ReadProblem::Unreadable)
    }

    fn list(&mut self, folder: &str) -> Result<Vec<String>, ReadProblem> {
        let prefix = format!("{folder}/");
        let names: Vec<String> = self
            .0
            .keys()
            .filter_map(|name| name.strip_prefix(&prefix))
            .map(|name| name.split('/').next().unwrap_or_default().to_owned())
            .collect();
        if names.is_empty() { Err(ReadProblem::Unreadable) } else { Ok(names) }
    }
}

fn files(list: &[(&str, &[u8])]) -> Files {
    Files(list.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect())
}

/// Reads `main` of these files; the settings (if they are good) and the messages.
fn read_files(list: &[(&str, &[u8])], at_error: AtError) -> (Option<Settings>, Vec<Message>) {
    let mut files = files(list);
    let mut reader = ConfigReader::new(&mut files, at_error);
    let good = reader.read("main").is_ok();
    let messages = reader.take_messages();
    (good.then(|| reader.finish(&[])), messages)
}

fn texts(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.text.as_str()).collect()
}

/// The settings of a good file, which has nothing to remark.
fn good(text: &str) -> Settings {
    let (settings, messages) = read_files(&[("main", text.as_bytes())], AtError::Stop);
    assert_eq!(texts(&messages), Vec::<&str>::new(), "{text}");
    settings.unwrap()
}

/// The settings of a good file, and its remarks.
fn remarked(text: &str) -> (Settings, Vec<String>) {
    let (settings, messages) = read_files(&[("main", text.as_bytes())], AtError::Stop);
    (settings.unwrap(), messages.into_iter().map(|message| message.text).collect())
}

/// The complaint about a bad file, whose place is checked to be `line`.
fn bad(line: usize, text: &str) -> String {
    let (settings, messages) = read_files(&[("main", text.as_bytes())], AtError::Stop);
    assert!(settings.is_none(), "{text}");
    let texts = texts(&messages);
    let [.., complaint, place] = texts.as_slice() else { panic!("{texts:?}") };
    assert_eq!(*place, format!("Error found at main:{line}."), "{text}");
    (*complaint).to_owned()
}

#[test]
fn lines() {
    assert_eq!(good("").max_keepalive, 0);
    assert_eq!(good("max_keepalive 60").max_keepalive, 60, "no newline at the end");
    assert_eq!(good("  max_keepalive   60  \r\n").max_keepalive, 60);
    assert_eq!(good("max_keepalive\t60\n\t\n   \n\r\n").max_keepalive, 60, "TAB is a separator");
    assert_eq!(good("# max_keepalive 60\n#\n#\t\n").max_keepalive, 0);
    assert_eq!(good("max_keepalive 60 # seconds").max_keepalive, 60);
    assert_eq!(bad(2, "\n # x\n"), "Error: Unknown configuration variable '#'.");
    assert_eq!(bad(1, "frob 1\n"), "Error: Unknown configuration variable 'frob'.");
    assert_eq!(bad(1, "Max_keepalive 1\n"), "Error: Unknown configuration variable 'Max_keepalive'.");
    assert_eq!(bad(1, "\u{feff}port 1\n"), "Error: Unknown configuration variable '\u{feff}port'.");
}

#[test]
fn a_zero_byte_ends_the_file() {
    let (settings, remarks) = remarked("max_keepalive 60\n\0frob\n");
    assert_eq!(settings.max_keepalive, 60);
    assert_eq!(remarks, ["Warning: Config file 'main' holds a zero byte, where it ends."]);
}

#[test]
fn numbers() {
    assert_eq!(good("max_inflight_messages 0x10").max_inflight_messages, 16);
    assert_eq!(good("max_inflight_messages -3").max_inflight_messages, 0);
    assert_eq!(good("max_inflight_messages 65535").max_inflight_messages, 0);
    assert_eq!(good("max_queued_messages -5").max_queued_messages, 0);
    assert_eq!(good("global_max_clients 0").global_max_clients, None);
    assert_eq!(good("global_max_clients 7").global_max_clients, Some(7));
    assert_eq!(good("max_keepalive 1\nmax_keepalive 2").max_keepalive, 2, "the last one wins");
    let too_many = "Error: 'max_inflight_messages' must be <= 65535.";
    for (text, complaint) in [
        ("max_inflight_messages 70000", too_many),
        ("max_inflight_messages abc", "Error: 'max_inflight_messages' value not a number."),
        ("max_inflight_messages 99999999999", "Error: 'max_inflight_messages' value out of range."),
        ("max_inflight_messages", "Error: Empty 'max_inflight_messages' value in configuration."),
        ("max_keepalive 65536", "Error: Invalid 'max_keepalive' value (65536)."),
        ("max_keepalive -1", "Error: Invalid 'max_keepalive' value (-1)."),
        ("max_packet_size 0", "Error: 'max_packet_size' must be >= 20."),
        ("message_size_limit -1", "Error: Invalid 'message_size_limit' value (4294967295)."),
        ("packet_buffer_size 65536", "Error: Packet buffer size must be between 0 and 65535 inclusive."),
        ("websockets_headers_size -1", "Error: Packet buffer size must be between 0 and 65535 inclusive."),
        ("retain_expiry_interval 0", "Error: retain_expiry_interval must be >= 1."),
        ("sys_interval 65536", "Error: Invalid 'sys_interval' value (65536)."),
        ("memory_limit -1", "Error: Invalid 'memory_limit' value (-1)."),
        ("log_facility 8", "Error: Invalid 'log_facility' value (8)."),
        ("listener 1883\nmax_qos 3", "Error: 'max_qos' must be between 0 and 2 inclusive."),
        ("listener 1883\nmaximum_qos x", "Error: 'max_qos' value not a number."),
        ("listener 1883\nmax_topic_alias 65536", "Error: Invalid 'max_topic_alias' value in configuration."),
        (
            "listener 1883\nmax_topic_alias_broker -1",
            "Error: Invalid 'max_topic_alias_broker' value in configuration.",
        ),
    ] {
        assert_eq!(bad(text.lines().count(), text), complaint, "{text}");
    }
}

#[test]
fn switches() {
    assert!(!good("retain_available 0").retain_available);
    assert!(good("queue_qos0_messages true").queue_qos0_messages);
    assert!(good("upgrade_outgoing_qos 1 # yes").upgrade_outgoing_qos);
    assert_eq!(bad(1, "retain_available yes"), "Error: Invalid 'retain_available' value (yes).");
    assert_eq!(bad(1, "retain_available "), "Error: Empty 'retain_available' value in configuration.");
}

#[test]
fn texts_of_which_the_first_or_the_last_counts() {
    assert_eq!(good("pid_file  /run/a b.pid ").pid_file.as_deref(), Some("/run/a b.pid"));
    assert_eq!(bad(2, "pid_file /a\npid_file /b"), "Error: Duplicate 'pid_file' value in configuration.");
    assert_eq!(good("user a\nuser b").user.as_deref(), Some("b"));
    let security = good("password_file a\npassword_file b").security;
    assert_eq!(security.password_file.as_deref(), Some("b"));
    assert_eq!(bad(1, "pid_file a\tb"), "Error: Malformed UTF-8 in configuration.");
    assert_eq!(bad(1, "pid_file"), "Error: Empty 'pid_file' value in configuration.");
    let (settings, remarks) = remarked("pid_file /x # here");
    assert_eq!(settings.pid_file.as_deref(), Some("/x # here"));
    assert_eq!(remarks.len(), 1);
}

#[test]
fn durations_and_capped_intervals() {
    let day = std::time::Duration::from_secs(86400);
    assert_eq!(good("persistent_client_expiration 14d").persistent_client_expiration, Some(14 * day));
    for text in ["persistent_client_expiration 5", "persistent_client_expiration 0d"] {
        let complaint = "Error: Invalid 'persistent_client_expiration' duration in configuration.";
        assert_eq!(bad(1, text), complaint);
    }
    assert_eq!(good("retain_expiry_interval 1440").retain_expiry_interval, Some(day));
    let (settings, remarks) = remarked("retain_expiry_interval 10000001");
    assert_eq!(settings.retain_expiry_interval.unwrap().as_secs(), 600_000_000);
    assert_eq!(remarks, ["Warning: retain_expiry_interval being capped at 19 years."]);
}

#[test]
fn listeners() {
    let settings = good("listener 1883\nmax_connections 5\nlistener 1884 127.0.0.1 # comment\nmax_qos 1\n");
    assert!(!settings.local_only);
    let [first, second] = settings.listeners.as_slice() else { panic!() };
    assert_eq!((first.port, first.address.as_deref(), first.max_connections), (1883, None, Some(5)));
    assert_eq!((second.port, second.address.as_deref(), second.max_qos), (1884, Some("127.0.0.1"), 1));
    assert_eq!(good("listener 1883 # comment").listeners[0].address, None);
    let unix = good("listener 0 /run/mqtt.sock\n");
    assert_eq!(unix.listeners[0].unix_path.as_deref(), Some("/run/mqtt.sock"));
    assert_eq!(unix.listeners[0].address, None);
    for (text, complaint) in [
        ("listener", "Error: Empty 'listener port' value in configuration."),
        ("listener x", "Error: 'listener port' value not a number."),
        ("listener 65536", "Error: Invalid 'port' value (65536)."),
        ("listener -1", "Error: Invalid 'port' value (-1)."),
        ("listener 0", "Error: A listener with port 0 must provide a Unix socket path."),
        ("listener 0 # /x", "Error: A listener with port 0 must provide a Unix socket path."),
    ] {
        assert_eq!(bad(1, text), complaint, "{text}");
    }
}

#[test]
fn what_a_listener_is_given() {
    let settings = good(
        "listener 1\nsocket_domain ipv6\nbind_interface lo\nprotocol mqtt\naccept_protocol_versions 4, 5\n\
         mount_point a/\nuse_username_as_clientid true\nlistener_allow_anonymous true\n\
         listener_auto_id_prefix x-\nmax_topic_alias 3\nmax_topic_alias_broker 4\n",
    );
    let listener = &settings.listeners[0];
    assert_eq!(listener.socket_domain, Some(crate::config::SocketDomain::Ipv6));
    assert_eq!(listener.bind_interface.as_deref(), Some("lo"));
    let accepted = listener.accept_protocol_versions;
    assert_eq!((accepted.accepts(3), accepted.accepts(4), accepted.accepts(5)), (false, true, true));
    assert_eq!(listener.mount_point.as_deref(), Some("a/"));
    assert!(listener.use_username_as_clientid && settings.allows_anonymous(listener));
    assert_eq!(settings.auto_id_prefix(listener), "x-");
    assert_eq!((listener.max_topic_alias, listener.max_topic_alias_broker), (3, 4));
    for (text, complaint) in [
        ("socket_domain x", "Error: Invalid 'socket_domain' value 'x' in configuration."),
        ("socket_domain", "Error: Empty 'socket_domain' value in configuration."),
        ("protocol x", "Error: Invalid 'protocol' value (x)."),
        (
            "protocol websockets",
            "Error: The 'protocol websockets' option is known but not built into this version yet.",
        ),
        (
            "mount_point a/#",
            "Error: Invalid 'mount_point' value (a/#). Does it contain a wildcard character?",
        ),
        ("accept_protocol_versions ,", "Error: Empty 'accept_protocol_versions' value in configuration."),
        (
            "listener_auto_id_prefix 012345678901234567890123456789012345678901234567890",
            "Error: 'listener_auto_id_prefix' length must be <= 50.",
        ),
    ] {
        assert_eq!(bad(2, &format!("listener 1\n{text}")), complaint, "{text}");
    }
    let (settings, remarks) = remarked("listener 1\naccept_protocol_versions 6\n");
    assert!(!settings.listeners[0].accept_protocol_versions.v5);
    assert_eq!(remarks, ["Warning: Ignoring '6' in 'accept_protocol_versions', which takes 3, 4 and 5."]);
}

#[test]
fn keywords_of_a_listener_that_is_not_there() {
    for keyword in ["max_topic_alias 1", "mount_point x", "listener_allow_anonymous true"] {
        let name = keyword.split(' ').next().unwrap();
        let complaint = format!("Error: The '{name}' option requires a listener to be defined first.");
        assert_eq!(bad(1, keyword), complaint);
    }
    assert!(bad(3, "port 1\nmax_connections 1\naccept_protocol_versions 4").contains("requires a listener"));
}

#[test]
fn the_default_listener() {
    let notice = "The 'port' option is now deprecated and will be removed in version 3.0. Please use 'listener' \
                  instead.";
    let (settings, remarks) = remarked("port 1999\nmax_connections 3\n");
    assert_eq!(remarks, [notice]);
    assert!(!settings.local_only);
    assert_eq!((settings.listeners.len(), settings.listeners[0].port), (1, 1999));
    assert_eq!(settings.listeners[0].max_connections, Some(3));

    let (settings, remarks) = remarked("bind_address 127.0.0.1\n");
    assert_eq!(remarks, ["The 'bind_address' option is now deprecated and will be removed in version 3.0. "]);
    assert_eq!(settings.listeners[0].address.as_deref(), Some("127.0.0.1"));
    assert_eq!(settings.listeners[0].port, 1883);

    let (settings, remarks) = remarked("port 1\nport 2\n");
    let twice = "Warning: Default listener port specified multiple times. Only the latest will be used.";
    assert_eq!(remarks, [notice, notice, twice]);
    assert_eq!(settings.listeners[0].port, 2);
    assert_eq!(bad(1, "port 0"), "Error: Invalid 'port' value (0).");
    assert_eq!(bad(1, "port 65536"), "Error: Invalid 'port' value (65536).");
    let twice = bad(2, "bind_address ::1\nbind_address ::1");
    assert_eq!(twice, "Error: Duplicate 'default listener bind_address' value in configuration.");
}

#[test]
fn a_default_listener_made_by_a_keyword() {
    let (settings, remarks) = remarked("max_connections 10\n");
    assert_eq!(
        remarks,
        [
            "Creating default listener due to 'max_connections' option.",
            "It is best practice to define a 'listener' first. Using the 'max_connections' option without a \
         listener will be disabled in the future.",
        ]
    );
    assert!(settings.local_only, "it is thrown away");
    assert!(settings.listeners.iter().all(|listener| listener.max_connections.is_none()));

    let (settings, _) = remarked("max_connections 10\nlistener 2000\n");
    let ports: Vec<u16> = settings.listeners.iter().map(|listener| listener.port).collect();
    assert_eq!(ports, [2000, 1883], "both are opened");
    assert_eq!(settings.listeners[1].max_connections, Some(10));
}

#[test]
fn local_only_mode() {
    let settings = good("max_keepalive 5");
    assert!(settings.local_only);
    let places: Vec<_> =
        settings.listeners.iter().map(|listener| (listener.address.as_deref(), listener.port)).collect();
    assert_eq!(places, [(Some("127.0.0.1"), 1883), (Some("::1"), 1883)]);
    assert!(settings.allows_anonymous(&settings.listeners[0]));
    let closed = good("allow_anonymous false");
    assert!(!closed.allows_anonymous(&closed.listeners[0]));
    let open = good("listener 1883");
    assert!(!open.allows_anonymous(&open.listeners[0]));

    let mut two = Settings::default();
    two.finish(&[2000, 0]);
    let places: Vec<_> =
        two.listeners.iter().map(|listener| (listener.address.as_deref(), listener.port)).collect();
    assert_eq!(places, [(Some("127.0.0.1"), 2000), (Some("::1"), 2000), (Some("127.0.0.1"), 0)]);
}

#[test]
fn security_settings_of_all_or_of_one() {
    let settings =
        good("listener 1\nallow_anonymous true\npassword_file p\nallow_zero_length_clientid false\n");
    let expected = Security {
        allow_anonymous: Some(true),
        password_file: Some("p".to_owned()),
        allow_zero_length_clientid: false,
        auto_id_prefix: None,
    };
    assert_eq!(*settings.security_of(&settings.listeners[0]), expected);

    let deprecated = "The 'per_listener_settings' option is now deprecated and will be removed in version 3.0. \
                      Please see the documentation for how to achieve the same effect.";
    let (settings, remarks) = remarked(
        "per_listener_settings true\nlistener 1\npassword_file p\nallow_anonymous true\nlistener 2\n\
         per_listener_settings false\n",
    );
    assert_eq!(
        remarks,
        [
            deprecated,
            "You are using the 'allow_anonymous' option with 'per_listener_settings true'. Please replace this with \
         'listener_allow_anonymous'.",
            deprecated,
        ]
    );
    assert!(settings.per_listener_settings, "it can't be unset");
    assert!(settings.allows_anonymous(&settings.listeners[0]));
    assert!(!settings.allows_anonymous(&settings.listeners[1]));
    assert_eq!(settings.security_of(&settings.listeners[0]).password_file.as_deref(), Some("p"));
    assert_eq!(settings.security_of(&settings.listeners[1]).password_file, None);

    let missing = "Error: The 'password_file' option requires a listener to be defined first.";
    assert_eq!(bad(2, "per_listener_settings true\npassword_file p"), missing);
    let late = "Error: per_listener_settings must be set before any other security settings.";
    assert_eq!(bad(2, "allow_anonymous true\nper_listener_settings true"), late);
}

#[test]
fn deprecated_keywords() {
    for (line, text) in [
        ("allow_duplicate_messages false", "The behaviour will default to true."),
        ("clientid_prefixes a", ""),
        ("auto_id_prefix a", "Please use 'listener_auto_id_prefix' instead."),
    ] {
        let name = line.split(' ').next().unwrap();
        let notice =
            format!("The '{name}' option is now deprecated and will be removed in version 3.0. {text}");
        assert_eq!(remarked(line).1, [notice]);
    }
    assert_eq!(
        remarked("retry_interval").1,
        ["Warning: The 'retry_interval' option is no longer available."]
    );
    assert_eq!(remarked("dhparamfile x").1, ["Warning: dhparamfile is no longer required."]);
    let long = format!("auto_id_prefix {}", "x".repeat(51));
    assert_eq!(bad(1, &long), "Error: auto_id_prefix length must be <= 50.");
}

#[test]
fn the_log() {
    let log =
        good("log_dest stdout\nlog_dest file  /a b\nlog_type error\nlog_type debug\nlog_facility 5").log;
    assert!(log.destinations.stdout && !log.destinations.stderr);
    assert_eq!(log.destinations.file.as_deref(), Some("/a b"));
    assert_eq!(log.types, LogTypes::from(LogType::Error) | LogTypes::from(LogType::Debug));
    assert_eq!(log.facility, crate::config::LogFacility::Local(5));
    let none = good("log_dest stdout\nlog_dest none\nlog_type all\nlog_type none").log;
    assert!(!none.destinations.stdout && !none.destinations.stderr);
    assert_eq!(none.types, LogTypes::NONE);
    for (text, complaint) in [
        ("log_dest", "Error: Empty 'log_dest' value in configuration."),
        ("log_dest foo", "Error: Invalid 'log_dest' value (foo)."),
        ("log_dest file ", "Error: Empty \"log_dest file\" value in configuration."),
        ("log_dest file a\nlog_dest file b", "Error: Duplicate \"log_dest file\" value."),
        (
            "log_dest topic",
            "Error: The 'log_dest topic' option is known but not built into this version yet.",
        ),
        ("log_type foo", "Error: Invalid 'log_type' value (foo)."),
        ("log_type", "Error: Empty 'log_type' value in configuration."),
    ] {
        assert_eq!(bad(text.lines().count(), text), complaint, "{text}");
    }
}

#[test]
fn the_timestamp_holds_from_its_line_on() {
    let text = b"dhparamfile\nlog_timestamp_format %H\ndhparamfile\nlog_timestamp false\nfrob\n";
    let (_, messages) = read_files(&[("main", text)], AtError::Stop);
    let stamps: Vec<_> =
        messages.iter().map(|message| (message.timestamp, message.timestamp_format.as_deref())).collect();
    assert_eq!(stamps, [(true, None), (true, Some("%H")), (false, Some("%H")), (false, Some("%H"))]);
}

#[test]
fn what_is_not_built_is_refused() {
    for name in
        ["acl_file", "certfile", "connection", "plugin", "auth_plugin", "plugin_opt_x", "persistence_file"]
    {
        let complaint = format!("Error: The '{name}' option is known but not built into this version yet.");
        assert_eq!(bad(1, &format!("{name} x")), complaint);
    }
    for (text, what) in [
        ("persistence true", "persistence true"),
        ("retained_persistence 1", "persistence true"),
        ("sys_interval 10", "sys_interval 10"),
        ("memory_limit 1000", "memory_limit 1000"),
        ("check_retain_source true", "check_retain_source true"),
    ] {
        let complaint = format!("Error: The '{what}' option is known but not built into this version yet.");
        assert_eq!(bad(1, text), complaint);
    }
    let asks_for_nothing = "persistence false\nsys_interval 0\nmemory_limit 0\ncheck_retain_source false\n";
    assert_eq!(good(asks_for_nothing).sys_interval, 0);
}

#[test]
fn included_files() {
    let list: &[(&str, &[u8])] = &[
        ("main", b"listener 1\ninclude_dir d\nmax_connections 9\n"),
        ("d/b.conf", b"max_keepalive 2\nlistener 3\n"),
        ("d/A.conf", b"max_keepalive 1\n"),
        ("d/a.txt", b"frob\n"),
    ];
    let (settings, messages) = read_files(list, AtError::Stop);
    let settings = settings.unwrap();
    assert_eq!(texts(&messages), ["Loading config file 'd/A.conf'", "Loading config file 'd/b.conf'"]);
    assert_eq!(settings.max_keepalive, 2);
    assert_eq!(settings.listeners[0].max_connections, Some(9), "the main file goes on where it was");
    assert_eq!(settings.listeners[1].max_connections, None);
}

#[test]
fn errors_in_included_files() {
    let (settings, messages) = read_files(
        &[("main", b"\ninclude_dir d\n"), ("d/a.conf", b"\n\nfrob\n"), ("d/b.conf", b"frob\n")],
        AtError::Stop,
    );
    assert!(settings.is_none());
    assert_eq!(
        texts(&messages),
        [
            "Loading config file 'd/a.conf'",
            "Error: Unknown configuration variable 'frob'.",
            "Error found at 'd/a.conf:3'.",
            "Error found at main:2.",
        ]
    );
    assert_eq!(bad(1, "include_dir nope"), "Error: Unable to open include_dir 'nope'.");
    assert_eq!(bad(1, "include_dir"), "Error: Empty 'include_dir' value in configuration.");
    let (_, messages) =
        read_files(&[("main", b"include_dir d"), ("d/a.conf", b"include_dir d")], AtError::Stop);
    assert_eq!(
        texts(&messages)[1],
        "Error: The include_dir option is only valid in the main configuration file."
    );
    let (_, messages) = read_files(&[("main", b"include_dir d"), ("d/a.conf/x", b"")], AtError::Stop);
    assert_eq!(texts(&messages)[1], "Error: Config file 'd/a.conf' is a directory.");
}

#[test]
fn a_listener_does_not_reach_into_an_included_file() {
    let list: &[(&str, &[u8])] =
        &[("main", b"listener 5\ninclude_dir d"), ("d/a.conf", b"max_connections 2")];
    let (settings, messages) = read_files(list, AtError::Stop);
    let settings = settings.unwrap();
    assert_eq!(texts(&messages)[1], "Creating default listener due to 'max_connections' option.");
    let ports: Vec<u16> = settings.listeners.iter().map(|listener| listener.port).collect();
    assert_eq!(ports, [5, 1883]);
}

#[test]
fn files_that_cannot_be_read() {
    let (settings, messages) = read_files(&[], AtError::Stop);
    assert!(settings.is_none());
    assert_eq!(texts(&messages), ["Error: Unable to open config file 'main'."]);
    let (_, messages) = read_files(&[("main/x", b"")], AtError::Stop);
    assert_eq!(texts(&messages), ["Error: Config file 'main' is a directory."]);
}

#[test]
fn all_errors_at_once() {
    let text = b"frob\nlistener x\nmount_point a\nmax_qos 9\nmax_keepalive 5\npid_file\n";
    let (settings, messages) = read_files(&[("main", text)], AtError::Collect);
    assert!(settings.is_none());
    assert_eq!(
        texts(&messages),
        [
            "Error: Unknown configuration variable 'frob'.",
            "Error found at main:1.",
            "Error: 'listener port' value not a number.",
            "Error found at main:2.",
            "Error: 'max_qos' must be between 0 and 2 inclusive.",
            "Error found at main:4.",
            "Error: Empty 'pid_file' value in configuration.",
            "Error found at main:6.",
        ]
    );
}

#[test]
fn a_second_file_adds_to_the_first() {
    let mut files = files(&[("one", b"pid_file a\nmax_keepalive 1\n"), ("two", b"pid_file b\n")]);
    let mut reader = ConfigReader::new(&mut files, AtError::Stop);
    assert!(reader.read("one").is_ok());
    assert!(reader.read("two").is_err());
    assert_eq!(texts(&reader.take_messages())[0], "Error: Duplicate 'pid_file' value in configuration.");
}

#[test]
fn a_line_of_ten_megabytes() {
    let mut line = b"pid_file ".to_vec();
    line.resize(10_000_000, b'x');
    let (settings, messages) = read_files(&[("main", &line)], AtError::Stop);
    assert!(settings.is_none());
    assert_eq!(texts(&messages)[0], "Error: 'pid_file' value is longer than 65535 bytes.");
}

/// A line that has a chance to be one: a keyword of the table and something behind it.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let names: Vec<&'static str> = crate::config::keywords().flat_map(Keyword::names).collect();
    let value = prop_oneof![
        "[0-9]{1,6}".prop_map(String::into_bytes),
        Just(b"true".to_vec()),
        Just(b"main".to_vec()),
        Just(b"d".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..12),
    ];
    (proptest::sample::select(names), "[ \t]{0,2}", value).prop_map(|(name, blank, value)| {
        let mut line = name.as_bytes().to_vec();
        line.extend_from_slice(blank.as_bytes());
        line.extend_from_slice(&value);
        line.push(b'\n');
        line
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_files(&[("main", &bytes)], AtError::Stop);
        let _ = read_files(&[("main", &bytes)], AtError::Collect);
    }

    #[test]
    fn any_lines_are_read_without_panic(
        main in proptest::collection::vec(any_line(), 0..20),
        included in proptest::collection::vec(any_line(), 0..5),
    ) {
        let (main, included) = (main.concat(), included.concat());
        let list: &[(&str, &[u8])] = &[("main", &main), ("d/a.conf", &included)];
        let (stopped, said) = read_files(list, AtError::Stop);
        let (collected, all_said) = read_files(list, AtError::Collect);
        prop_assert_eq!(&stopped, &collected);
        // Up to the first place that is named, both say the same.
        let first = said.iter().position(|message| message.text.starts_with("Error found at"));
        let same = first.map_or(said.len(), |first| first + 1);
        prop_assert_eq!(&said[..same], &all_said[..same]);
    }
}
