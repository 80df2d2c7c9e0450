//! Bridges: each keyword, and every complaint with its place.

use super::*;
use crate::config::{
    Bridge, BridgeAddress, BridgeReload, BridgeTls, BridgeTopic, Direction, RestartTimeout, Secret,
    StartType, TcpKeepAlive,
};
use crate::protocol::{QoS, Version};

/// A whole bridge with these lines added.
fn with(lines: &str) -> String {
    format!("connection b\naddress h\ntopic t\n{lines}")
}

fn bridge(lines: &str) -> Bridge {
    good(&with(lines)).bridges[0].clone()
}

fn tcp(host: &str, port: u16) -> BridgeAddress {
    BridgeAddress::Tcp(host.to_owned(), port)
}

#[test]
fn the_shortest_bridge_has_the_defaults() {
    let bridge = bridge("");
    let mut expected = Bridge::new("b");
    expected.addresses = vec![tcp("h", 1883)];
    expected.topics = vec![BridgeTopic {
        pattern: Some("t".to_owned()),
        direction: Direction::Out,
        qos: QoS::AtMostOnce,
        local_prefix: None,
        remote_prefix: None,
    }];
    assert_eq!(bridge, expected);
    assert_eq!(bridge.remote_id("host"), "host.b");
    assert_eq!(bridge.local_id("host"), "local.host.b");
    assert_eq!(bridge.state_topic("host"), "$SYS/broker/connection/host.b/state");
}

#[test]
fn each_keyword_under_either_name() {
    let new = bridge(
        "remote_clientid r\nremote_username u\nremote_password p w\nlocal_clientid l\nlocal_username lu\n\
         local_password lp\nbridge_bind_address 127.0.0.1\nbridge_protocol_version mqttv50\ncleansession true\n\
         local_cleansession false\nkeepalive_interval 30\nstart_type lazy\nidle_timeout 7\nthreshold 3\n\
         restart_timeout 2 20 60\nround_robin true\ntry_private false\nnotifications false\n\
         notifications_local_only true\nnotification_topic n/t\nbridge_attempt_unsubscribe false\n\
         bridge_outgoing_retain false\nbridge_max_packet_size 500\nbridge_max_topic_alias 4\n\
         bridge_receive_maximum 9\nbridge_session_expiry_interval 100\nbridge_reload_type immediate\n\
         bridge_tcp_keepalive 10 5 3\nbridge_tcp_user_timeout 900\n",
    );
    assert_eq!(new.remote_password.as_ref().map(Secret::reveal), Some("p w"));
    assert_eq!(format!("{:?}", new.remote_password), "Some(Secret(…))");
    let expected = Bridge {
        addresses: vec![tcp("h", 1883)],
        topics: new.topics.clone(),
        remote_clientid: Some("r".to_owned()),
        remote_username: Some("u".to_owned()),
        remote_password: Some(Secret::new("p w")),
        local_clientid: Some("l".to_owned()),
        local_username: Some("lu".to_owned()),
        local_password: Some(Secret::new("lp")),
        bind_address: Some("127.0.0.1".to_owned()),
        version: Version::V5,
        version_is_default: false,
        cleansession: true,
        local_cleansession: Some(false),
        keepalive_interval: 30,
        start_type: StartType::Lazy,
        idle_timeout: 7,
        threshold: 3,
        restart_timeout: RestartTimeout { base: 2, cap: Some(20), stable: 60 },
        round_robin: true,
        try_private: false,
        notifications: false,
        notifications_local_only: true,
        notification_topic: Some("n/t".to_owned()),
        attempt_unsubscribe: false,
        outgoing_retain: false,
        max_packet_size: 500,
        max_topic_alias: 4,
        receive_maximum: Some(9),
        session_expiry_interval: Some(100),
        reload_type: BridgeReload::Immediate,
        tcp_keepalive: Some(TcpKeepAlive { idle: 10, interval: 5, count: 3 }),
        tcp_user_timeout: Some(900),
        ..Bridge::new("b")
    };
    assert_eq!(new, expected);
    assert_eq!(new.local_id("host"), "l");
    assert_eq!(new.state_topic("host"), "n/t");
    let old = good("connection b\naddresses h\ntopic t\nclientid r\nusername u\npassword p w\n");
    let old = &old.bridges[0];
    assert_eq!((&old.remote_clientid, &old.remote_username), (&new.remote_clientid, &new.remote_username));
    assert_eq!(old.remote_password, new.remote_password);
    assert_eq!(bridge("start_type once").start_type, StartType::Once);
    assert_eq!(bridge("bridge_protocol_version mqttv31").version, Version::V31);
    let constant = RestartTimeout { base: 9, cap: None, stable: 0 };
    assert_eq!(bridge("restart_timeout 9").restart_timeout, constant);
}

#[test]
fn tls_and_pre_shared_keys() {
    let certificates = bridge(
        "bridge_cafile a\nbridge_capath p\nbridge_certfile c\nbridge_keyfile k\nbridge_tls_use_os_certs true\n\
         bridge_tls_version tlsv1.3\nbridge_ciphers x\nbridge_ciphers_tls1.3 y\nbridge_alpn mqtt\n\
         bridge_insecure false\nbridge_require_ocsp true\n",
    );
    let some = |text: &str| Some(text.to_owned());
    let expected = BridgeTls {
        cafile: some("a"),
        capath: some("p"),
        use_os_certs: true,
        certfile: some("c"),
        keyfile: some("k"),
        only_v13: true,
        ciphers: some("x"),
        ciphers_v13: some("y"),
        alpn: some("mqtt"),
        require_ocsp: true,
        ..BridgeTls::default()
    };
    assert_eq!(certificates.tls, expected);
    assert!(!BridgeTls::default().is_on() && expected.is_on());
    let psk = bridge("bridge_identity i\nbridge_psk c0ffee\n").tls;
    assert!(psk.is_on());
    assert_eq!((psk.identity.as_deref(), psk.psk.as_ref().map(Secret::reveal)), (Some("i"), Some("c0ffee")));
    assert_eq!(remarked(&with("bridge_insecure true")).1, ["Warning: Bridge 'b' using insecure mode."]);
}

#[test]
fn addresses_are_parted_at_the_last_colon() {
    let of =
        |line: &str| good(&format!("connection b\naddress {line}\ntopic t\n")).bridges[0].addresses.clone();
    assert_eq!(of("a:1 b ::1:1884 # c"), [tcp("a", 1), tcp("b", 1883), tcp("::1", 1884)]);
    assert_eq!(of("[::1]:7 [::1]"), [tcp("::1", 7), tcp("::1", 1883)]);
    assert_eq!(of("/run/x:1"), [BridgeAddress::Unix("/run/x:1".to_owned())]);
}

#[test]
fn topics_in_all_their_forms() {
    let of = |line: &str| {
        let settings = good(&format!("connection b\naddress h\ntopic {line}\n"));
        let topic = settings.bridges[0].topics[0].clone();
        (topic.direction, topic.qos as u8, topic.local_filter(), topic.remote_filter())
    };
    let both = |text: &str| (text.to_owned(), text.to_owned());
    for (line, direction, qos, (local, remote)) in [
        ("#", Direction::Out, 0, both("#")),
        ("# BOTH", Direction::Both, 0, both("#")),
        ("+/a in 2", Direction::In, 2, both("+/a")),
        ("# both 2 l/ r/", Direction::Both, 2, ("l/#".to_owned(), "r/#".to_owned())),
        ("t in 1 l/", Direction::In, 1, ("l/t".to_owned(), "t".to_owned())),
        ("t in 1 \"\" r/", Direction::In, 1, ("t".to_owned(), "r/t".to_owned())),
        ("\"\" out 0 a/b c", Direction::Out, 0, ("a/b".to_owned(), "c".to_owned())),
        ("\"my topic/#\" out 1", Direction::Out, 1, both("my topic/#")),
        ("t out # 2", Direction::Out, 0, both("t")),
        ("t out x", Direction::Out, 0, both("t")),
        ("$share/g/t in 1", Direction::In, 1, both("$share/g/t")),
    ] {
        assert_eq!(of(line), (direction, qos, local, remote), "{line}");
    }
    let (settings, remarks) = remarked(&with("topic t\ntopic t out 1\n"));
    assert_eq!(settings.bridges[0].topics.len(), 2);
    assert_eq!(remarks, ["Duplicate bridge topic 't', skipping"]);
}

#[test]
fn what_is_too_low_or_high_is_mended() {
    for (line, remark) in [
        ("keepalive_interval 1", "keepalive interval too low, using 5 seconds."),
        ("idle_timeout 0", "idle_timeout interval too low, using 1 second."),
        ("threshold -1", "threshold too low, using 1 message."),
        ("restart_timeout 0", "restart_timeout interval too low, using 1 second."),
        ("restart_timeout 4000", "restart_timeout interval too high, using 3600 seconds."),
        ("restart_timeout 5 9999", "restart_timeout cap too high, using 7200 seconds."),
    ] {
        assert_eq!(remarked(&with(line)).1, [remark], "{line}");
    }
    assert_eq!(remarked(&with("keepalive_interval 1")).0.bridges[0].keepalive_interval, 5);
}

#[test]
fn complaints_about_a_line() {
    for (line, complaint) in [
        ("connection", "Error: Empty 'connection' value in configuration."),
        ("connection b", "Error: Duplicate bridge name 'b'."),
        ("address x", "Error: Invalid bridge configuration, 'address' only allowed once."),
        ("topic", "Error: Empty 'topic' value in configuration."),
        ("topic x up", "Error: Invalid bridge topic direction 'up'."),
        ("topic x out 3", "Error: Invalid bridge QoS level '3'."),
        ("topic \"x y", "Error: Missing closing quote in topic value (\"x y)."),
        ("topic x out 0 a/#", "Error: Invalid bridge topic local prefix 'a/#'."),
        ("topic x out 0 a/ +/", "Error: Invalid bridge topic remote prefix '+/'."),
        ("topic \"\" out 0 a", "Error: Invalid bridge remapping."),
        ("topic # out 0 a", "Error: Invalid bridge topic local prefix and pattern combination 'a#'."),
        ("topic # out 0 a/ b", "Error: Invalid bridge topic remote prefix and pattern combination 'b#'."),
        ("clientid", "Error: Empty 'bridge remote clientid' value in configuration."),
        ("clientid a\nclientid b", "Error: Duplicate 'bridge remote clientid' value in configuration."),
        (
            "password a\nremote_password b",
            "Error: Duplicate 'bridge remote_password' value in configuration.",
        ),
        ("bridge_protocol_version 5", "Error: Invalid 'bridge_protocol_version' value (5)."),
        ("cleansession yes", "Error: Invalid 'cleansession' value (yes)."),
        ("keepalive_interval 70000", "Error: Bridge keepalive value too high."),
        ("start_type manual", "Error: Manual start_type not supported."),
        ("start_type x", "Error: Invalid 'start_type' value in configuration (x)."),
        ("threshold x", "Error: 'threshold' value not a number."),
        ("restart_timeout", "Error: Empty 'restart_timeout' value in configuration."),
        ("restart_timeout 9 3", "Error: backoff cap is lower than the base in restart_timeout."),
        ("restart_timeout 1 2 -1", "Error: stable connection period cannot be negative."),
        ("bridge_max_topic_alias 65536", "Error: bridge_max_topic_alias must be > 0 and <= 65535."),
        ("bridge_receive_maximum 0", "Error: bridge_receive_maximum must be greater than 0."),
        ("bridge_receive_maximum 65536", "Error: bridge_receive_maximum must be lower than 65535."),
        ("bridge_session_expiry_interval -1", "Error: bridge_session_expiry_interval must not be negative."),
        ("notification_topic a/#", "Error: Invalid 'notification_topic' value (a/#)."),
        ("bridge_reload_type x", "Error: Invalid 'bridge_reload_type' value in configuration (x)."),
        ("bridge_tcp_keepalive 0 1 1", "Error: invalid TCP keepalive idle value."),
        ("bridge_tcp_keepalive 1", "Error: invalid TCP keepalive interval value."),
        ("bridge_tcp_keepalive 1 1 x", "Error: invalid TCP keepalive counter value."),
        ("bridge_tls_version tlsv1.1", "Error: Protocol tlsv1.1 not supported."),
        ("bridge_psk 12x", "Error: The 'bridge_psk' value is not made of hexadecimal digits."),
        (
            "bridge_identity i\nbridge_cafile c",
            "Error: 'bridge_cafile': Cannot use both certificate and psk encryption in a single bridge.",
        ),
        (
            "bridge_cafile c\nbridge_psk 12",
            "Error: 'bridge_psk': Cannot use both certificate and identity encryption in a single bridge.",
        ),
        ("bridge_tcp_user_timeout -1", "Error: invalid TCP user timeout value."),
    ] {
        let text = with(line);
        assert_eq!(bad(text.lines().count(), &text), complaint, "{line}");
    }
    for (line, complaint) in [
        ("address", "Error: Empty address value in configuration."),
        ("address # none", "Error: Empty address value in configuration."),
        ("address h:0", "Error: Invalid bridge port value (0)."),
        ("address h:65536", "Error: Invalid bridge port value (65536)."),
        ("address h:x", "Error: Invalid bridge port value (0)."),
    ] {
        assert_eq!(bad(2, &format!("connection b\n{line}\n")), complaint, "{line}");
    }
}

#[test]
fn complaints_about_a_whole_bridge_name_the_line_that_opens_it() {
    assert_eq!(
        bad(2, "\nconnection b\ntopic t\n"),
        "Error: Invalid bridge configuration: no remote addresses defined."
    );
    assert_eq!(
        bad(1, "connection b\naddress h\n"),
        "Error: Invalid bridge configuration: no topics defined."
    );
    for (lines, missing) in [
        ("bridge_identity i", "bridge_psk"),
        ("bridge_psk 12", "bridge_identity"),
        ("bridge_cafile a\nbridge_certfile c", "bridge_keyfile"),
        ("bridge_cafile a\nbridge_keyfile k", "bridge_certfile"),
    ] {
        let expected = format!("Error: Invalid bridge configuration: missing {missing}.");
        assert_eq!(bad(1, &with(lines)), expected);
    }
    for (lines, idle) in [
        ("bridge_certfile c\nbridge_keyfile k", "bridge_certfile"),
        ("bridge_require_ocsp true", "bridge_require_ocsp"),
    ] {
        let expected = format!(
            "Error: Invalid bridge configuration: {idle} without bridge_cafile, bridge_capath or \
             bridge_tls_use_os_certs."
        );
        assert_eq!(bad(1, &with(lines)), expected);
    }
    let twice =
        "connection a\naddress h\ntopic t\nclientid x\nconnection b\naddress h\ntopic t\nclientid x\n";
    assert_eq!(
        bad(5, twice),
        "Error: Bridge local_clientid 'local.x' is not unique. Try changing or setting the local_clientid value \
         for one of the bridges."
    );
    for word in ["address h", "topic t", "clientid c", "start_type once"] {
        let name = word.split(' ').next().unwrap();
        let expected = format!("Error: The '{name}' option requires a bridge to be defined first.");
        assert_eq!(bad(2, &format!("listener 1\n{word}\n")), expected);
    }
}

#[test]
fn a_bridge_is_another_cursor_than_a_listener_and_ends_with_its_file() {
    let settings = good("listener 1\nconnection b\nmax_connections 5\naddress h\nlistener 2\ntopic t\n");
    assert_eq!(settings.listeners[0].max_connections, Some(5));
    assert_eq!(settings.bridges[0].topics.len(), 1);
    let main: &[u8] = b"connection b\naddress h\ntopic t\ninclude_dir d\n";
    let (settings, messages) = read_files(&[("main", main), ("d/a.conf", b"topic u\n")], AtError::Stop);
    assert!(settings.is_none());
    assert!(texts(&messages).contains(&"Error: The 'topic' option requires a bridge to be defined first."));
}
