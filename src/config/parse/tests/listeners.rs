//! Listeners, the default one, local-only mode, and whose the security settings are.

use super::*;
use crate::config::{IdentitySource, ListenerProtocol, ListenerTls, ProxyVersion, Security};

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
        plugins: Vec::new(),
        password_file: Some("p".to_owned()),
        psk_file: None,
        acl_file: None,
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
fn what_connections_go_through() {
    let settings = good(
        "listener 1\nprotocol websockets\nwebsockets_origin http://a\nwebsockets_origin http://b\nhttp_dir /pages\n\
         certfile c\nkeyfile k\ncafile a\ncapath p\ncrlfile r\nciphers x\nciphers_tls1.3 y\ntls_version tlsv1.3\n\
         require_certificate true\nuse_subject_as_username true\ndisable_client_cert_date_checks true\n\
         enable_proxy_protocol 1\nlistener 2\npsk_hint h\npsk_file f\nuse_identity_as_username true\n\
         listener 3\nenable_proxy_protocol 2\nproxy_protocol_v2_require_tls true\n",
    );
    let [one, two, three] = &settings.listeners[..] else { panic!("three listeners") };
    assert_eq!(one.protocol, ListenerProtocol::WebSockets);
    assert_eq!(one.websockets_origin, ["http://a", "http://b"]);
    assert_eq!((one.http_dir.as_deref(), one.proxy), (Some("/pages"), Some(ProxyVersion::V1)));
    let text = |text: &str| Some(text.to_owned());
    let expected = ListenerTls {
        certfile: text("c"),
        keyfile: text("k"),
        cafile: text("a"),
        capath: text("p"),
        crlfile: text("r"),
        ciphers: text("x"),
        ciphersuites: text("y"),
        version: text("tlsv1.3"),
        require_certificate: true,
        use_identity: false,
        use_subject: true,
        disable_date_checks: true,
        psk_hint: None,
    };
    assert_eq!(one.tls, expected);
    assert_eq!(one.tls.identity(), Some(IdentitySource::Subject));
    assert_eq!(
        (two.tls.psk_hint.as_deref(), two.tls.identity()),
        (Some("h"), Some(IdentitySource::CommonName))
    );
    assert_eq!(settings.security_of(two).psk_file.as_deref(), Some("f"));
    assert_eq!((three.proxy, three.proxy_requires_tls), (Some(ProxyVersion::V2), true));
    assert!(one.tls.is_on() && two.tls.is_on() && !three.tls.is_on());
    assert!([one, two, three].iter().all(|listener| listener.contradiction().is_none()));
}
