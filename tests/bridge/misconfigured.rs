//! What mosquitto refuses is refused, with its place and exit code; what it takes is taken.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::harness::{Outcome, Tool, free_port, ours, until};

/// A whole bridge, to which lines are added.
const WHOLE: &str = "connection b\naddress 127.0.0.1:1\ntopic # out\n";

/// How the configuration is wrong, and the line that the complaint names: `None` for a bridge as a whole, of which
/// mosquitto doesn't say the place. In our words the line of its `connection` is named.
const REFUSED: &[(&str, Option<usize>)] = &[
    ("connection b", None),
    ("connection b\naddress 127.0.0.1:1", None),
    ("connection b\ntopic # out", None),
    ("topic # out", Some(1)),
    ("address 127.0.0.1", Some(1)),
    ("remote_clientid x", Some(1)),
    ("connection", Some(1)),
    ("{whole}connection b\naddress 127.0.0.1:1\ntopic # out", Some(4)),
    ("{whole}address 127.0.0.1:2", Some(4)),
    ("connection b\naddress 127.0.0.1:0\ntopic # out", Some(2)),
    ("connection b\naddress 127.0.0.1:65536\ntopic # out", Some(2)),
    ("connection b\naddress 127.0.0.1:x\ntopic # out", Some(2)),
    ("connection b\naddress\ntopic # out", Some(2)),
    ("{whole}topic", Some(4)),
    ("{whole}topic x sideways", Some(4)),
    ("{whole}topic x out 3", Some(4)),
    ("{whole}topic x out -1", Some(4)),
    ("{whole}topic x out 0 a/+/ b/", Some(4)),
    ("{whole}topic x out 0 a/ b/#", Some(4)),
    ("{whole}topic \"\" out", Some(4)),
    ("{whole}topic \"\" out 0 a/", Some(4)),
    ("{whole}topic \"\" out 0 \"\" a/", Some(4)),
    ("{whole}topic a# out 0 b/ c/", Some(4)),
    ("{whole}topic +/x out 0 a b", Some(4)),
    ("{whole}topic \"a b out", Some(4)),
    ("{whole}keepalive_interval 70000", Some(4)),
    ("{whole}start_type manual", Some(4)),
    ("{whole}start_type never", Some(4)),
    ("{whole}start_type", Some(4)),
    ("{whole}restart_timeout", Some(4)),
    ("{whole}restart_timeout 30 10", Some(4)),
    ("{whole}round_robin maybe", Some(4)),
    ("{whole}try_private no", Some(4)),
    ("{whole}cleansession 2", Some(4)),
    ("{whole}local_cleansession x", Some(4)),
    ("{whole}notifications 2", Some(4)),
    ("{whole}notifications_local_only yes", Some(4)),
    ("{whole}bridge_attempt_unsubscribe", Some(4)),
    ("{whole}bridge_outgoing_retain on", Some(4)),
    ("{whole}bridge_insecure x", Some(4)),
    ("{whole}bridge_protocol_version mqttv6", Some(4)),
    ("{whole}remote_username", Some(4)),
    ("{whole}remote_username a\nusername b", Some(5)),
    ("{whole}remote_password a\npassword b", Some(5)),
    ("{whole}remote_clientid a\nclientid b", Some(5)),
    ("{whole}local_clientid a\nlocal_clientid b", Some(5)),
    ("{whole}local_username a\nlocal_username b", Some(5)),
    ("{whole}notification_topic a\nnotification_topic b", Some(5)),
    ("{whole}bridge_bind_address 127.0.0.1\nbridge_bind_address 127.0.0.1", Some(5)),
    ("{whole}bridge_identity x", None),
    ("{whole}bridge_psk 12", None),
    ("{whole}bridge_psk 12\nbridge_identity x\nbridge_cafile y", Some(6)),
    ("{whole}bridge_cafile y\nbridge_psk 12", Some(5)),
    ("{whole}bridge_cafile y\nbridge_identity x", Some(5)),
    ("{whole}local_clientid a\nconnection c\naddress 127.0.0.1:2\ntopic # out\nlocal_clientid a", None),
    ("{whole}remote_clientid a\nconnection c\naddress 127.0.0.1:2\ntopic # out\nremote_clientid a", None),
];

/// What both take.
const TAKEN: &[&str] = &[
    "{whole}",
    "connection b\naddresses 127.0.0.1:1 127.0.0.1:2\ntopic # BOTH 2 \"\" \"\"",
    "{whole}topic \"\" in 1 a/b c/d",
    "{whole}topic x in 1x a/",
    "{whole}topic x in x a/",
    "{whole}topic x in 1 \"\" c/",
    "{whole}topic #",
    "{whole}topic x out # and a comment",
    "{whole}keepalive_interval 1",
    "{whole}start_type lazy\nthreshold 0\nidle_timeout 0",
    "{whole}start_type once",
    "{whole}restart_timeout x",
    "{whole}restart_timeout 10",
    "{whole}restart_timeout 10 30",
    "{whole}restart_timeout 10 9999",
    "{whole}round_robin true\ntry_private false\ncleansession true\nlocal_cleansession false",
    "{whole}bridge_outgoing_retain 1\nbridge_attempt_unsubscribe 0",
    "{whole}bridge_max_packet_size -1",
    "{whole}bridge_protocol_version mqttv50\nbridge_max_packet_size 100",
    "{whole}notifications false\nnotifications_local_only true\nnotification_topic a/b",
    "{whole}remote_password x",
    "{whole}username x\npassword y\nlocal_username z\nlocal_password w",
    "{whole}bridge_bind_address 127.0.0.1",
    "{whole}bridge_alpn mqtt",
    "connection b c\naddress 127.0.0.1:1\ntopic # out",
];

/// What mosquitto takes since 2.1.
const TAKEN_NOW: &[&str] = &[
    "{whole}topic \"a b/#\" out 1 \"\" c/",
    "{whole}restart_timeout 5 10 60",
    "{whole}bridge_reload_type immediate",
    "{whole}bridge_max_topic_alias 0\nbridge_receive_maximum 65535\nbridge_session_expiry_interval 0",
    "{whole}bridge_tcp_keepalive 10 5 3\nbridge_tcp_user_timeout 900",
    "{whole}bridge_tls_use_os_certs true\nbridge_ciphers DEFAULT\nbridge_ciphers_tls1.3 TLS_AES_128_GCM_SHA256",
];

/// What mosquitto 2.0.11 takes though it can never work.
const NEVER_WORKS: &[&str] = &[
    "{whole}topic a#",
    "{whole}bridge_psk 1z\nbridge_identity x",
    "{whole}bridge_tls_version tlsv1.9",
    "{whole}bridge_cafile y\nbridge_certfile x",
    "{whole}notification_topic #",
    "connection b\naddress :1883\ntopic # out",
];

/// A broker with these lines: how it ended, or `None` if it listens.
fn start(program: &Path, lines: &str) -> Option<Outcome> {
    let folder = tempfile::tempdir().unwrap();
    let (file, port) = (folder.path().join("b.conf"), free_port());
    let text = lines.replace("{whole}", WHOLE);
    // What a test checks stands before the rest, so that lines count from its first.
    fs::write(&file, format!("{text}\nuser root\nallow_anonymous true\nlistener {port} 127.0.0.1\n"))
        .unwrap();
    let mut running = Tool::new(program).args([Path::new("-c"), &file]).start();
    let listens = until("a broker's end or its port", || {
        if !running.is_alive() {
            return Some(false);
        }
        std::net::TcpStream::connect(("127.0.0.1", port)).ok().map(|_| true)
    });
    if listens {
        return None;
    }
    Some(running.wait())
}

fn mosquitto() -> Option<PathBuf> {
    let path = PathBuf::from("/usr/sbin/mosquitto");
    if path.exists() {
        return Some(path);
    }
    crate::harness::passed_over("mosquitto is not installed: it isn't asked what it refuses");
    None
}

#[test]
fn what_mosquitto_refuses() {
    let (broker, mosquitto) = (ours("mqtt-broker"), mosquitto());
    for (lines, line) in REFUSED {
        let ended = start(&broker, lines).unwrap_or_else(|| panic!("taken: {lines}"));
        assert_eq!(ended.code, 3, "{lines}\n{}", ended.stderr);
        assert!(ended.stderr.contains("Error: "), "{lines}\n{}", ended.stderr);
        let place = format!("b.conf:{}", line.map_or(String::new(), |line| line.to_string()));
        assert!(ended.stderr.contains(&place), "{place}: {lines}\n{}", ended.stderr);
        let Some(mosquitto) = &mosquitto else { continue };
        let theirs = start(mosquitto, lines).unwrap_or_else(|| panic!("mosquitto takes: {lines}"));
        assert_eq!(theirs.code, 3, "{lines}\n{}", theirs.stderr);
        if line.is_some() {
            assert!(theirs.stderr.contains(&place), "{place}: {lines}\n{}", theirs.stderr);
        }
    }
}

#[test]
fn what_mosquitto_takes() {
    let (broker, mosquitto) = (ours("mqtt-broker"), mosquitto());
    for lines in TAKEN {
        assert_eq!(start(&broker, lines), None, "{lines}");
        if let Some(mosquitto) = &mosquitto {
            assert_eq!(start(mosquitto, lines), None, "mosquitto: {lines}");
        }
    }
    for lines in TAKEN_NOW {
        assert_eq!(start(&broker, lines), None, "{lines}");
    }
}

#[test]
fn what_can_never_work_is_refused_at_the_start() {
    let (broker, mosquitto) = (ours("mqtt-broker"), mosquitto());
    for lines in NEVER_WORKS {
        let ended = start(&broker, lines).unwrap_or_else(|| panic!("taken: {lines}"));
        assert_eq!(ended.code, 3, "{lines}\n{}", ended.stderr);
        assert!(ended.stderr.contains("b.conf:"), "{lines}\n{}", ended.stderr);
        if let Some(mosquitto) = &mosquitto {
            assert_eq!(start(mosquitto, lines), None, "mosquitto refuses it, too: {lines}");
        }
    }
}
