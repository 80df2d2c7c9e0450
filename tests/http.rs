//! `protocol http_api`: what scripts, monitors and browsers get, and what strangers don't.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "harness/certificates.rs"]
mod certificates;
mod harness;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use certificates::Certificates;
use harness::raw_client::RawClient;
use harness::{Broker, PATIENCE, Running, eventually, free_port, ours};
use mqtt_toolkit::protocol::{QoS, Version};
use openssl::ssl::{SslConnector, SslFiletype, SslMethod};
use serde_json::Value;

const HASH_OF_B: &str = "$7$101$Cf1a+IY1ikSqgM7m$nQayUjR1ur2PK/MFv89/LzdrcjVkVr+drx8tA3nKqByeP61nut9sU2OcI2/XuBW82c7Qp84km9gxr3NVa0hOXQ==";

fn at(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn open(port: u16) -> TcpStream {
    let stream = TcpStream::connect(at(port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a request and reads until the end; status, head and body.
fn ask(port: u16, request: &str) -> (u16, String, Vec<u8>) {
    let mut stream = open(port);
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("{bytes:?}"));
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head, bytes[end + 4..].to_vec())
}

fn get_as(port: u16, path: &str, header: &str) -> (u16, String, String) {
    let (status, head, body) =
        ask(port, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n"));
    (status, head, String::from_utf8(body).unwrap())
}

fn get(port: u16, path: &str) -> (u16, String) {
    let (status, _, body) = get_as(port, path, "");
    (status, body)
}

/// A broker with an MQTT and an HTTP listener; their ports.
fn broker(lines: &str) -> (Broker, u16, u16) {
    let (mqtt, http) = (free_port(), free_port());
    let lines = format!("listener {mqtt} 127.0.0.1\nlistener {http} 127.0.0.1\nprotocol http_api\n{lines}");
    (Broker::with_listeners(&lines), mqtt, http)
}

#[test]
fn the_api_of_mosquitto() {
    let (broker, mqtt, http) = broker("allow_anonymous true\n");
    let log = broker.log();
    assert!(log.contains(&format!("Opening http api listen socket on port {http}.")), "{log}");
    assert_eq!(get(http, "/api/v1/version"), (200, env!("CARGO_PKG_VERSION").to_owned()));
    let mut client = RawClient::connect(at(mqtt), Version::V5, "c");
    client.subscribe("a/#", QoS::AtMostOnce);
    eventually("the subscription in the figures", || {
        let (status, body) = get(http, "/api/v1/systree");
        let tree: Value = serde_json::from_str(&body).unwrap();
        assert!(status == 200 && tree["$SYS/broker/uptime"].is_u64(), "{body}");
        tree["$SYS/broker/subscriptions/count"] == 1 && tree["$SYS/broker/clients/connected"] == 1
    });
    let (status, head, body) = get_as(http, "/api/v1/listeners", "");
    assert_eq!(status, 200);
    assert!(head.contains("Access-Control-Allow-Origin: *"), "{head}");
    let of = |port: u16, protocol: &str| serde_json::json!({"port": port, "protocol": protocol, "tls": false, "mtls": false, "allow_anonymous": true});
    let listeners: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(listeners, serde_json::json!({"listeners": [of(mqtt, "mqtt"), of(http, "httpapi")]}));
    assert_eq!(get(http, "/api/v1/other"), (404, "Not found.\n".to_owned()));
    for method in ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"] {
        let request = format!("{method} /api/v1/version HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
        let (status, head, _) = ask(http, &request);
        assert_eq!(status, 405, "{method}");
        assert!(head.contains("Allow: GET"), "{head}");
    }
}

#[test]
fn health_and_metrics() {
    let (_broker, mqtt, http) = broker("allow_anonymous true\n");
    assert_eq!(get(http, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(get(http, "/readyz"), (200, "ready\n".to_owned()));
    RawClient::connect(at(mqtt), Version::V5, "c").publish("a", b"12345", QoS::AtLeastOnce);
    eventually("the message in the metrics", || {
        let (status, body) = get(http, "/metrics");
        assert_eq!(status, 200);
        assert!(body.contains("# TYPE mqtt_broker_connections gauge\n"), "{body}");
        body.contains("\nmqtt_broker_payload_received_bytes_total 5\n")
    });
}

#[test]
fn passwords_and_rules_hold_here_too() {
    let lines = "allow_anonymous false\npassword_file {dir}/passwords\nacl_file {dir}/acl\n";
    let (mqtt, http) = (free_port(), free_port());
    let listeners = format!("listener {mqtt} 127.0.0.1\nlistener {http} 127.0.0.1\nprotocol http_api\n");
    let broker = Broker::with_listeners(&format!("{listeners}allow_anonymous true\n"));
    std::fs::write(broker.path("passwords"), format!("ann:{HASH_OF_B}\nbob:{HASH_OF_B}\n")).unwrap();
    std::fs::write(broker.path("acl"), "user ann\ntopic read /api/v1/version\n").unwrap();
    assert!(broker.reload(&format!("{listeners}{lines}")).contains("was reloaded"));
    let (status, head, body) = get_as(http, "/api/v1/version", "");
    assert_eq!((status, body.as_str()), (401, "Not authorised\n"));
    assert!(head.contains("WWW-Authenticate: Basic realm=\"Mosquitto API\""), "{head}");
    let basic = |text: &str| format!("Authorization: Basic {text}\r\n");
    // ann:b, ann:x, bob:b, nobody:b
    assert_eq!(get_as(http, "/api/v1/version", &basic("YW5uOmI=")).0, 200);
    assert_eq!(get_as(http, "/api/v1/systree", &basic("YW5uOmI=")).0, 401, "no rule lets her");
    assert_eq!(get_as(http, "/metrics", &basic("YW5uOmI=")).0, 401);
    assert_eq!(get_as(http, "/api/v1/version", &basic("YW5uOng=")).0, 401);
    assert_eq!(get_as(http, "/api/v1/version", &basic("Ym9iOmI=")).0, 401);
    assert_eq!(get_as(http, "/api/v1/version", &basic("bm9ib2R5OmI=")).0, 401);
    assert_eq!(get(http, "/healthz").0, 200, "a probe has no password");
}

#[test]
fn files_and_nothing_outside() {
    let files = tempfile::tempdir().unwrap();
    let www = files.path().join("www");
    std::fs::create_dir(&www).unwrap();
    std::fs::write(www.join("index.html"), "<p>hello").unwrap();
    std::fs::write(www.join("big.bin"), vec![7; 1_000_000]).unwrap();
    std::fs::write(files.path().join("mosquitto.conf"), "outside").unwrap();
    let (_broker, _, http) = broker(&format!("allow_anonymous true\nhttp_dir {}\n", www.display()));
    let (status, head, body) = get_as(http, "/", "");
    assert_eq!((status, body.as_str()), (200, "<p>hello"));
    assert!(head.contains("Content-Type: text/html"), "{head}");
    let (status, _, body) = ask(http, "GET /big.bin HTTP/1.0\r\n\r\n");
    assert!(status == 200 && body.len() == 1_000_000 && body.iter().all(|&b| b == 7));
    for path in
        ["/../mosquitto.conf", "/%2e%2e/mosquitto.conf", "/..%2fmosquitto.conf", "/none", "//etc/passwd"]
    {
        assert_eq!(get(http, path).0, 404, "{path}");
    }
}

/// A connection with TLS, with a client certificate if there is a name for its files.
fn open_tls(certificates: &Certificates, port: u16, client: Option<&str>) -> Option<impl Read + Write> {
    let mut builder = SslConnector::builder(SslMethod::tls()).unwrap();
    builder.set_ca_file(certificates.path("ca.crt")).unwrap();
    if let Some(name) = client {
        builder.set_certificate_chain_file(certificates.path(&format!("{name}.crt"))).unwrap();
        builder.set_private_key_file(certificates.path(&format!("{name}.key")), SslFiletype::PEM).unwrap();
    }
    builder.build().connect("localhost", open(port)).ok()
}

fn get_by(stream: &mut (impl Read + Write), path: &str, header: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{header}\r\n");
    let mut bytes = Vec::new();
    // One who is refused in the handshake may find out only now.
    let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut bytes));
    String::from_utf8(bytes).unwrap()
}

#[test]
fn over_tls_with_and_without_certificates_of_clients() {
    let certificates = Certificates::new();
    certificates.issue_client("alice");
    let pair = format!(
        "allow_anonymous true\ncertfile {}\nkeyfile {}\n",
        certificates.path("server.crt"),
        certificates.path("server.key")
    );
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("big.bin"), "0123456789".repeat(300_000)).unwrap();
    let (tls, mqtt, http) = broker(&format!("{pair}http_dir {}\n", files.path().display()));
    let ask = |path: &str| get_by(&mut open_tls(&certificates, http, None).unwrap(), path, "");
    assert!(ask("/api/v1/version").ends_with(env!("CARGO_PKG_VERSION")));
    assert!(ask("/big.bin").ends_with(&"0123456789".repeat(300_000)));
    assert!(ask("/api/v1/listeners").contains("\"protocol\":\"httpapi\",\"tls\":true,\"mtls\":false"));
    // Those who say nothing, stop in the middle, or speak no TLS are closed, and others are served meanwhile.
    let stuck: Vec<TcpStream> = (0..60)
        .map(|n| {
            let mut stream = open(http);
            stream
                .write_all(&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03GET / HTTP/1.1\r\n\r\n"[..n % 12])
                .unwrap();
            stream
        })
        .collect();
    let mut plain = open(http);
    plain.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").unwrap();
    let mut rest = Vec::new();
    let _ = plain.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"HTTP"), "{rest:?}");
    tls.await_log("OpenSSL Error while talking to 127.0.0.1[0]: ");
    assert!(ask("/healthz").ends_with("ok\n"));
    drop(stuck);
    RawClient::connect(at(mqtt), Version::V5, "c").ping();
    // A reload takes TLS away from new connections, and gives it again.
    let listeners = format!("listener {mqtt} 127.0.0.1\nlistener {http} 127.0.0.1\nprotocol http_api\n");
    assert!(tls.reload(&format!("{listeners}allow_anonymous true\n")).contains("was reloaded"));
    assert_eq!(get(http, "/healthz").0, 200);
    std::fs::write(tls.path("acl"), "user alice\ntopic read /api/v1/version\n").unwrap();
    let ca = certificates.path("ca.crt");
    let mutual = format!(
        "require_certificate true\ncafile {ca}\nuse_identity_as_username true\nacl_file {{dir}}/acl\n"
    );
    assert!(tls.reload(&format!("{listeners}{pair}{mutual}")).contains("was reloaded"));
    // The name in the certificate needs no password, and the rules hold for it.
    let as_alice = |path: &str| {
        get_by(
            &mut open_tls(&certificates, http, Some("client")).unwrap(),
            path,
            "Authorization: Basic Ym9iOmI=\r\n",
        )
    };
    assert!(as_alice("/api/v1/version").starts_with("HTTP/1.1 200 OK"));
    assert!(as_alice("/api/v1/systree").starts_with("HTTP/1.1 401 Unauthorized"));
    let nobody = open_tls(&certificates, http, None).map(|mut stream| get_by(&mut stream, "/healthz", ""));
    assert!(nobody.is_none_or(|text| text.is_empty()));
}

#[test]
fn behind_a_proxy_that_says_where_connections_come_from() {
    let (broker, mqtt, http) = broker("allow_anonymous true\nenable_proxy_protocol 1\n");
    let mut stream = open(http);
    stream.write_all(b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n").unwrap();
    assert!(get_by(&mut stream, "/healthz", "").ends_with("ok\n"));
    for bad in ["", "PROXY TCP4 192.0.2.1 192.0.2.2 0 80\r\n"] {
        let mut stream = open(http);
        stream.write_all(bad.as_bytes()).unwrap();
        assert_eq!(get_by(&mut stream, "/healthz", ""), "", "{bad}");
    }
    broker.await_log_until("both in the log", |text| {
        text.matches("Connection rejected, corrupt PROXY header.").count() == 2
    });
    RawClient::connect(at(mqtt), Version::V5, "c").ping();
}

#[test]
fn whoever_doesnt_speak_http_is_sent_away_and_others_are_served() {
    let (_broker, mqtt, http) = broker("allow_anonymous true\n");
    let idle: Vec<TcpStream> = (0..50).map(|_| open(http)).collect();
    for bytes in ["\u{16}\u{3}\u{1}x\r\n\r\n".to_owned(), format!("GET /{} HTTP/1.1\r\n", "x".repeat(10_000))]
    {
        let (status, ..) = ask(http, &bytes);
        assert_eq!(status, 400);
    }
    // Two requests on one connection, both at once.
    let mut stream = open(http);
    let one = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(format!("{one}{one}").as_bytes()).unwrap();
    let mut text = String::new();
    let mut bytes = [0; 1000];
    while text.matches("ok\n").count() < 2 {
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "{text}");
        text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    RawClient::connect(at(mqtt), Version::V5, "c").ping();
    drop(idle);
}

#[test]
fn what_follows_a_body_is_no_request() {
    let (_broker, _, http) = broker("allow_anonymous true\n");
    let hidden = "GET /api/v1/version HTTP/1.1\r\n\r\n";
    let bodies = [
        format!("Content-Length: {}\r\n\r\n{hidden}", hidden.len()),
        format!("Content-Length: 0\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len()),
        format!("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n{hidden}"),
        format!("transfer-encoding : x\r\n\r\n{hidden}"),
        format!("Content-Length: 1000000000\r\n\r\n{}", "x".repeat(100_000)),
        format!("Content-Length: +0\r\n\r\n{hidden}"),
        format!("Content-Length: 18446744073709551616\r\n\r\n{hidden}"),
    ];
    for body in bodies {
        let mut stream = open(http);
        // Who is sent away early may not get rid of all of it.
        let _ = stream.write_all(format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{body}").as_bytes());
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{body:.60}: {text}");
        assert!(!text.contains(env!("CARGO_PKG_VERSION")), "{text}");
    }
    // More headers than anybody needs.
    let many = format!("GET /healthz HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(100));
    assert_eq!(ask(http, &many).0, 400);
}

#[test]
fn whoever_keeps_it_waiting_gives_way() {
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("large.bin"), vec![7; 30_000_000]).unwrap();
    let (broker, mqtt, http) =
        broker(&format!("allow_anonymous true\nhttp_dir {}\n", files.path().display()));
    // Silent ones, and those who never come to the end of their request.
    let mut slow: Vec<TcpStream> = (0..600).map(|_| open(http)).collect();
    for (i, stream) in slow.iter_mut().enumerate() {
        let head = b"GET /healthz HTTP/1.1\r\nX: y\r\n";
        let _ = stream.write_all(&head[..i % head.len()]);
        if i % 50 == 0 {
            assert_eq!(get(http, "/healthz").0, 200);
        }
    }
    // Those who ask for something large and don't read it: others wait until that is clear.
    let deaf: Vec<TcpStream> = (0..300)
        .filter_map(|_| {
            // Some are sent away before they know that they are here.
            let mut stream = TcpStream::connect(at(http)).ok()?;
            stream.write_all(b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n").ok()?;
            Some(stream)
        })
        .collect();
    let healthy = || {
        let mut stream = TcpStream::connect(at(http)).ok()?;
        stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        bytes.ends_with(b"ok\n").then_some(())
    };
    eventually("an answer", || healthy().is_some());
    RawClient::connect(at(mqtt), Version::V5, "c").ping();
    drop((slow, deaf));
    let before = broker.open_files();
    eventually("few files", || broker.open_files() <= before.min(40));
}

#[test]
fn a_reload_opens_and_closes_it() {
    let (mqtt, http) = (free_port(), free_port());
    let plain = format!("allow_anonymous true\nlistener {mqtt} 127.0.0.1\n");
    let both = format!("{plain}listener {http} 127.0.0.1\nprotocol http_api\n");
    let broker = Broker::with_listeners(&plain);
    assert!(TcpStream::connect(at(http)).is_err(), "off unless asked for");
    for _ in 0..2 {
        assert!(broker.reload(&both).contains("was reloaded"));
        assert_eq!(get(http, "/readyz").0, 200);
        assert!(broker.reload(&plain).contains("was reloaded"));
        eventually("the port to be closed", || TcpStream::connect(at(http)).is_err());
    }
    RawClient::connect(at(mqtt), Version::V5, "c").ping();
}

#[test]
fn alone_it_is_no_broker() {
    let folder = tempfile::tempdir().unwrap();
    let conf = folder.path().join("conf");
    std::fs::write(&conf, format!("user root\nlistener {} 127.0.0.1\nprotocol http_api\n", free_port()))
        .unwrap();
    let ended = Running::start(&ours("mqtt-broker"), &["-c", conf.to_str().unwrap()]).wait();
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.contains("Error: Unable to start any listening sockets, exiting."),
        "{}",
        ended.stderr
    );
}

#[test]
fn it_has_no_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let (conf, path) = (folder.path().join("conf"), folder.path().join("socket"));
    let lines = format!(
        "user root\nlistener {} 127.0.0.1\nlistener 0 {}\nprotocol http_api\n",
        free_port(),
        path.display()
    );
    std::fs::write(&conf, &lines).unwrap();
    let said = format!("Error: An http_api listener needs a port; {} is a path.", path.display());
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_mqtt-broker"))
        .arg("-c")
        .arg(&conf)
        .arg("--test-config")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && text.contains(&said), "{output:?}");
    // It's no reason not to serve clients.
    Broker::with_listeners(&lines).await_log(&said);
}
