//! mqtt-broker behind a proxy that tells where connections come from: the PROXY protocol, versions 1 and 2.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "harness/certificates.rs"]
mod certificates;
mod harness;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use harness::{Broker, Kind, PATIENCE, until};

const CONNECT: &[u8] = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02px";
const CONNACK: &[u8] = &[0x20, 2, 0, 0];
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V4: [u8; 12] = [192, 0, 2, 1, 192, 0, 2, 2, 4, 210, 7, 91];

fn broker(more: &str) -> Broker {
    Broker::with(Kind::Ours, &format!("allow_anonymous true\n{more}")).unwrap()
}

fn connect(broker: &Broker) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, broker.port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a header and CONNECT, each byte of the header by itself where `slowly`.
fn enter(broker: &Broker, header: &[u8], slowly: bool) -> TcpStream {
    let mut stream = connect(broker);
    stream.set_nodelay(true).unwrap();
    let (one_by_one, rest) = header.split_at(if slowly { header.len() } else { 0 });
    for byte in one_by_one {
        stream.write_all(&[*byte]).unwrap();
    }
    stream.write_all(&[rest, CONNECT].concat()).unwrap();
    stream
}

#[track_caller]
fn accepted(mut stream: TcpStream) {
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, CONNACK);
}

#[track_caller]
fn closed(mut stream: TcpStream) {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}"),
    }
    assert_eq!(rest, b"");
}

fn version_2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    [SIGNATURE, &[command, family], &(body.len() as u16).to_be_bytes(), body].concat()
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind][..], &(value.len() as u16).to_be_bytes(), value].concat()
}

/// An address and TLS with these flags, this verdict on the certificate and this common name.
fn with_tls(flags: u8, verdict: u8, name: &str) -> Vec<u8> {
    let parts = [tlv(0x21, b"TLSv1.3"), tlv(0x22, name.as_bytes()), tlv(0x23, b"TLS_SOMETHING")].concat();
    let tls = tlv(0x20, &[&[flags, 0, 0, 0, verdict][..], &parts].concat());
    version_2(0x21, 0x11, &[&V4[..], &tls].concat())
}

/// Waits until so many headers were called corrupt.
fn await_corrupt(broker: &Broker, count: usize) {
    until("corrupt headers in the log", || {
        (broker.log().matches("Connection rejected, corrupt PROXY header.").count() == count).then_some(())
    });
}

#[test]
fn a_line_of_version_1_says_where_a_connection_comes_from() {
    let broker = broker("enable_proxy_protocol 1\n");
    accepted(enter(&broker, b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 1883\r\n", false));
    broker.await_log("New client connected from 192.0.2.1:1234 as px");
    accepted(enter(&broker, b"PROXY TCP6 2001:db8::1 ::1 77 1883\r\n", true));
    broker.await_log("New client connected from 2001:db8::1:77 as px");
    accepted(enter(&broker, b"PROXY UNKNOWN\r\n", false));
    broker.await_log("New client connected from 127.0.0.1:");
    for bad in [&b"PROXY TCP4 192.0.2.1 192.0.2.2 0 1883\r\n"[..], b"", SIGNATURE, &[b'P'; 200]] {
        closed(enter(&broker, bad, false));
    }
    await_corrupt(&broker, 4);
    let log = broker.log();
    assert!(!log.contains("New connection from"), "{log}");
}

#[test]
fn a_header_of_version_2_says_it_too() {
    let broker = broker("enable_proxy_protocol 2\n");
    accepted(enter(&broker, &version_2(0x21, 0x11, &V4), false));
    broker.await_log("New client connected from 192.0.2.1:1234 as px");
    accepted(enter(&broker, &with_tls(7, 0, "alice"), true));
    broker.await_log("Connection from 192.0.2.1:1234 negotiated TLSv1.3 cipher TLS_SOMETHING");
    // A proxy that looks whether we are alive.
    let mut alive = connect(&broker);
    alive.write_all(&version_2(0x20, 0, &[])).unwrap();
    closed(alive);
    let lying = [&V4[..], &[4, 0, 200]].concat();
    for bad in [
        version_2(0x21, 0x11, &lying),
        version_2(0x21, 0x12, &V4),
        version_2(0x21, 0x11, &V4[..5]),
        b"PROXY UNKNOWN\r\n".to_vec(),
    ] {
        closed(enter(&broker, &bad, false));
    }
    await_corrupt(&broker, 4);
}

#[test]
fn tls_and_a_certificate_may_be_required_of_the_proxy() {
    let tls = broker("enable_proxy_protocol 2\nproxy_protocol_v2_require_tls true\n");
    closed(enter(&tls, &version_2(0x21, 0x11, &V4), false));
    tls.await_log("Connection from 192.0.2.1:1234 rejected, client did not connect using TLS.");
    accepted(enter(&tls, &with_tls(1, 0, ""), false));
    let certified =
        broker("enable_proxy_protocol 2\nrequire_certificate true\nuse_identity_as_username true\n");
    for header in [with_tls(1, 0, "alice"), with_tls(7, 1, "alice"), version_2(0x21, 0x11, &V4)] {
        closed(enter(&certified, &header, false));
    }
    certified.await_log("Connection from 192.0.2.1:1234 rejected, client did not provide a certificate.");
    accepted(enter(&certified, &with_tls(3, 0, "alice"), false));
    certified.await_log("as px (p4, c1, k60, u'alice').");
}

#[test]
fn a_header_comes_before_tls_and_web_socket() {
    let certificates = certificates::Certificates::new();
    let broker = broker(&format!(
        "enable_proxy_protocol 1\ncertfile {}\nkeyfile {}\n",
        certificates.path("server.crt"),
        certificates.path("server.key")
    ));
    let mut stream = connect(&broker);
    stream.write_all(b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 1883\r\n").unwrap();
    let context = {
        use openssl::ssl::{SslConnector, SslMethod};
        let mut builder = SslConnector::builder(SslMethod::tls()).unwrap();
        builder.set_ca_file(certificates.path("ca.crt")).unwrap();
        builder.build()
    };
    let mut tls = context.connect("localhost", stream).unwrap();
    tls.write_all(CONNECT).unwrap();
    let mut answer = [0; 4];
    tls.read_exact(&mut answer).unwrap();
    assert_eq!(answer, CONNACK);
    broker.await_log("New client connected from 192.0.2.1:1234 as px");

    let sockets =
        Broker::with(Kind::Ours, "allow_anonymous true\nprotocol websockets\nenable_proxy_protocol 1\n")
            .unwrap();
    let mut stream = connect(&sockets);
    let request = "PROXY UNKNOWN\r\nGET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
}

/// A length that is too large takes in what follows, and one that is too small leaves some of the header to be taken for
/// MQTT: neither makes a client.
#[test]
fn headers_that_lie_about_their_length() {
    let broker = broker("enable_proxy_protocol 2\n");
    let header = version_2(0x21, 0x11, &V4);
    let lying = |length: u16| {
        let mut lying = header.clone();
        lying[14..16].copy_from_slice(&length.to_be_bytes());
        lying
    };
    // CONNECT is taken for parts of the header, which it isn't; longer ones are never looked at.
    for length in [12 + CONNECT.len() as u16, 501, 0xFFFF] {
        closed(enter(&broker, &lying(length), false));
    }
    await_corrupt(&broker, 3);
    // Too short for addresses.
    for length in 0..12 {
        closed(enter(&broker, &lying(length), false));
    }
    await_corrupt(&broker, 15);
    // More is promised than comes: whoever waits for it is gone when the other side is.
    let mut waiting = enter(&broker, &lying(400), false);
    waiting.shutdown(std::net::Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    let _ = waiting.read_to_end(&mut rest);
    assert_eq!(rest, b"");
    // Cut off within the line of version 1.
    let lines = Broker::with(Kind::Ours, "allow_anonymous true\nenable_proxy_protocol 1\n").unwrap();
    let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 1883\r\n";
    for length in 0..line.len() {
        let mut stream = connect(&lines);
        stream.write_all(&line[..length]).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        closed(stream);
    }
    accepted(enter(&lines, line, false));
    accepted(enter(&broker, &header, false));
}

#[test]
fn headers_that_never_end_keep_nobody_waiting() {
    let broker = broker("enable_proxy_protocol 2\n");
    let header = version_2(0x21, 0x11, &V4);
    let mut stuck = Vec::new();
    for length in 0..header.len() {
        let mut stream = connect(&broker);
        stream.write_all(&header[..length]).unwrap();
        stuck.push(stream);
    }
    accepted(enter(&broker, &header, false));
}
