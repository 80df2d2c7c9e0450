//! Every rule of the grammar, with the exact messages.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::config::{LogTypes, PersistenceSync, PluginKind};

mod bridges;
mod files;
mod listeners;

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
    assert_eq!(
        bad(1, "Max_keepalive 1\n"),
        "Error: Unknown configuration variable 'Max_keepalive'. Did you mean 'max_keepalive'?"
    );
    assert_eq!(
        bad(1, "\u{feff}port 1\n"),
        "Error: Unknown configuration variable '\u{feff}port'. The file begins with a byte order mark, which must go."
    );
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
        ("sys_interval 65536", "Error: Invalid 'sys_interval' value (65536)."),
        ("memory_limit -1", "Error: Invalid 'memory_limit' value (-1)."),
        ("log_facility 8", "Error: Invalid 'log_facility' value (8)."),
        ("listener 1883\nmax_qos 3", "Error: 'max_qos' must be between 0 and 2 inclusive."),
        ("listener 1883\nmaximum_qos x", "Error: 'maximum_qos' value not a number."),
        ("websockets_headers_size", "Error: Empty 'websockets_headers_size' value in configuration."),
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
    assert_eq!(
        bad(1, "retained_persistence yes"),
        "Error: Invalid 'retained_persistence' value (yes).",
        "an old name is called as it was written"
    );
    assert_eq!(bad(1, "retain_available "), "Error: Empty 'retain_available' value in configuration.");
}

#[test]
fn texts_of_which_the_first_or_the_last_counts() {
    assert_eq!(good("pid_file  /run/a b.pid ").pid_file.as_deref(), Some("/run/a b.pid"));
    assert_eq!(bad(2, "pid_file /a\npid_file /b"), "Error: Duplicate 'pid_file' value in configuration.");
    for keyword in ["persistence_file", "persistence_location"] {
        let complaint = format!("Error: Duplicate '{keyword}' value in configuration.");
        assert_eq!(bad(2, &format!("{keyword} a\n{keyword} b")), complaint);
    }
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
fn durations() {
    let day = Duration::from_secs(86400);
    assert_eq!(good("persistent_client_expiration 14d").persistent_client_expiration, Some(14 * day));
    for text in ["persistent_client_expiration 5", "persistent_client_expiration 0d"] {
        let complaint = "Error: Invalid 'persistent_client_expiration' duration in configuration.";
        assert_eq!(bad(1, text), complaint);
    }
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
        ("log_format xml", "Error: Invalid 'log_format' value (xml)."),
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
fn persistence_and_its_folder() {
    let settings = good("retained_persistence 1\n");
    assert_eq!((settings.persistence, settings.persistence_sync), (true, PersistenceSync::Always));
    assert_eq!(settings.store_path().to_str(), Some("mosquitto.db.store"));
    let settings = good(
        "persistence true\npersistence_location /var/lib/x/\npersistence_file y.db\npersistence_sync interval 250\n",
    );
    assert_eq!(settings.store_path().to_str(), Some("/var/lib/x/y.db.store"));
    assert_eq!(settings.mosquitto_db_path().to_str(), Some("/var/lib/x/y.db"));
    assert_eq!(settings.persistence_sync, PersistenceSync::Interval(Duration::from_millis(250)));
    assert_eq!(good("persistence_sync never\n").persistence_sync, PersistenceSync::Never);
    for (text, value) in [("interval 0", "0"), ("sometimes", "sometimes"), ("interval -1", "-1")] {
        let complaint = format!("Error: Invalid 'persistence_sync' value ({value}).");
        assert_eq!(bad(1, &format!("persistence_sync {text}")), complaint);
    }
    assert_eq!(bad(1, "persistence_file a/b"), "Error: Invalid 'persistence_file' value (a/b).");
}

#[test]
fn plugins_and_their_options() {
    let text = "plugin /lib/mosquitto_dynamic_security.so\nplugin_opt_config_file /d.json\nauth_opt_Other x y\n\
                global_plugin mosquitto_password_file.so\nplugin_opt_password_file /p\n\
                plugin_load acl /lib/mosquitto_acl_file.so\nplugin_opt_acl_file /a\n\
                plugin_load odd /lib/odd.so\nlistener 1\nplugin_use acl\nlistener 2\n";
    let settings = good(text);
    let kinds: Vec<_> = settings.plugins.iter().map(Plugin::kind).collect();
    use PluginKind::{AclFile, DynamicSecurity, Foreign, PasswordFile};
    assert_eq!(kinds, [DynamicSecurity, PasswordFile, AclFile, Foreign]);
    assert_eq!(settings.plugins[0].option("CONFIG_FILE"), Some("/d.json"));
    assert_eq!(settings.plugins[0].option("other"), Some("x y"));
    let [one, two] = &settings.listeners[..] else { panic!("two listeners") };
    assert_eq!(settings.password_file_of(one), Some("/p"));
    assert_eq!((settings.acl_file_of(one), settings.acl_file_of(two)), (Some("/a"), None));
    assert!(settings.uses_dynsec(one) && settings.uses_dynsec(two));
    let (own, _) = remarked(
        "per_listener_settings true\nlistener 1\nplugin mosquitto_dynamic_security.so\nlistener 2\n",
    );
    assert!(own.uses_dynsec(&own.listeners[0]) && !own.uses_dynsec(&own.listeners[1]));
    let needs = "requires plugin/global_plugin/plugin_load to be defined first.";
    for (text, complaint) in [
        ("plugin", "Error: Missing plugin path for plugin name '(null)'.".to_owned()),
        ("plugin_opt_abc x", format!("Error: The 'plugin_opt_abc' option {needs}")),
        ("plugin x\nplugin_opt_ab x", "Error: Invalid 'plugin_opt_' config option.".to_owned()),
        ("plugin x\nplugin_opt_abc", "Error: Empty 'abc' value in configuration.".to_owned()),
        ("plugin_load n", "Error: Missing plugin path for plugin name 'n'.".to_owned()),
        ("plugin_load n x\nplugin_load n y", "Error: Duplicate plugin name 'n'.".to_owned()),
        ("listener 1\nplugin_use n", "Error: Plugin 'n' not previously loaded.".to_owned()),
        (
            "auth_plugin_deny_special_chars true",
            "Error: An auth_plugin_deny_special_chars option exists in the config file without a plugin."
                .to_owned(),
        ),
        (
            "per_listener_settings true\nplugin x",
            "Error: The 'plugin' option requires a listener to be defined first.".to_owned(),
        ),
    ] {
        assert_eq!(bad(text.lines().count(), text), complaint, "{text}");
    }
}
