//! mqtt-broker's WebSocket: with our clients, paho, and frames written by hand; pages, origins, and what is refused.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "harness/certificates.rs"]
mod certificates;
mod harness;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};

use certificates::Certificates;
use harness::{Broker, Kind, PATIENCE, Tool, until};

fn broker(more: &str) -> Broker {
    Broker::with(Kind::Ours, &format!("protocol websockets\nallow_anonymous true\n{more}")).unwrap()
}

fn publish(broker: &Broker) -> Tool {
    broker.tool("mqtt-pub").args(["--ws", "-t", "a", "-m", "x", "-q", "1"])
}

#[test]
fn messages_of_all_sizes_go_round() {
    let broker = broker("");
    let sub = broker.tool("mqtt-sub").args(["--ws", "-i", "sub", "-t", "a", "-C", "4", "-q", "2"]).start();
    broker.await_subscribed("sub");
    publish(&broker).run().prints("");
    publish(&broker).args(["--ws-path", "/any/path?at=all"]).run().prints("");
    let large = broker.tool("mqtt-pub").args(["--ws", "-t", "a", "-s", "-q", "2"]);
    large.run_with(&[b'y'; 1_500_000]).prints("");
    publish(&broker).run().prints("");
    sub.wait().prints(&format!("x\nx\n{}\nx\n", "y".repeat(1_500_000)));
    broker.await_log("New client connected from 127.0.0.1:");
}

#[test]
fn many_lines_go_through_both_ways() {
    let broker = broker("");
    let sub =
        broker.tool("mqtt-sub").args(["--ws", "-i", "sub", "-t", "a", "-C", "20000", "-q", "1"]).start();
    broker.await_subscribed("sub");
    let lines: String = (0..20_000).map(|n| format!("{n} {}\n", "-".repeat(n % 300))).collect();
    let more = ["--ws", "-t", "a", "-l", "-q", "1", "--quiet"];
    broker.tool("mqtt-pub").args(more).run_with(lines.as_bytes()).prints("");
    sub.wait().prints(&lines);
}

#[test]
fn messages_go_round_over_tls() {
    let certificates = Certificates::new();
    let broker = broker(&format!(
        "certfile {}\nkeyfile {}\n",
        certificates.path("server.crt"),
        certificates.path("server.key")
    ));
    let ca = ["--cafile", &certificates.path("ca.crt")];
    let sub = broker.tool("mqtt-sub").args(ca).args(["--ws", "-i", "sub", "-t", "a", "-C", "2"]).start();
    broker.await_subscribed("sub");
    let large = broker.tool("mqtt-pub").args(ca).args(["--ws", "-t", "a", "-s", "-q", "2"]);
    large.run_with(&[b'y'; 500_000]).prints("");
    publish(&broker).args(ca).run().prints("");
    sub.wait().prints(&format!("{}\nx\n", "y".repeat(500_000)));
    assert!(broker.log().contains("Client sub negotiated TLSv1.3 cipher "));
}

const REQUEST: &str = "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: mqtt\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
const CONNECT: &[u8] = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ws";
const CONNACK: &[u8] = &[0x20, 2, 0, 0];
const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// A client's frame.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = match payload.len() {
        0..=125 => vec![0x80 | payload.len() as u8],
        length => [&[0x80 | 126][..], &(length as u16).to_be_bytes()].concat(),
    };
    let masked: Vec<u8> = payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    [&[first][..], &length, &MASK, &masked].concat()
}

struct Raw(TcpStream);

impl Raw {
    fn connect(broker: &Broker) -> Raw {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, broker.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Raw(stream)
    }

    /// A WebSocket with a client on it.
    fn open(broker: &Broker) -> Raw {
        Raw::open_as(broker, b"ws")
    }

    fn open_as(broker: &Broker, client_id: &[u8; 2]) -> Raw {
        let mut raw = Raw::connect(broker);
        raw.send(REQUEST.as_bytes());
        raw.expect(ANSWER.as_bytes());
        raw.send(&frame(0x82, &[&CONNECT[..14], client_id].concat()));
        raw.expect(&[&[0x82, 4], CONNACK].concat());
        raw
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    #[track_caller]
    fn expect(&mut self, bytes: &[u8]) {
        let mut found = vec![0; bytes.len()];
        self.0.read_exact(&mut found).unwrap();
        assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(bytes));
        assert_eq!(found, bytes);
    }

    /// What comes until the broker closes.
    fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => rest,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => rest,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn frames_may_be_cut_and_joined_in_any_way() {
    let broker = broker("");
    let mut raw = Raw::open(&broker);
    // Two packets in one frame, one packet in three, a ping between them.
    let ping = [0xc0, 0];
    raw.send(&frame(0x82, &[ping, ping].concat()));
    raw.expect(&[0x82, 4, 0xd0, 0, 0xd0, 0]);
    raw.send(&frame(0x02, &ping[..1]));
    raw.send(&frame(0x89, b"hello"));
    raw.expect(b"\x8a\x05hello");
    raw.send(&frame(0x00, b""));
    raw.send(&frame(0x8a, b"unasked"));
    raw.send(&frame(0x80, &ping[1..]));
    raw.expect(&[0x82, 2, 0xd0, 0]);
    for byte in frame(0x82, &ping) {
        raw.send(&[byte]);
    }
    raw.expect(&[0x82, 2, 0xd0, 0]);
    raw.send(&frame(0x88, &1000_u16.to_be_bytes()));
    assert_eq!(raw.rest(), [0x88, 2, 3, 232]);
    broker.await_log("Client ws [127.0.0.1:");
}

#[test]
fn what_follows_the_request_at_once_is_taken() {
    let broker = broker("");
    let mut raw = Raw::connect(&broker);
    raw.send(&[REQUEST.as_bytes(), &frame(0x82, CONNECT)].concat());
    raw.expect(ANSWER.as_bytes());
    raw.expect(&[&[0x82, 4], CONNACK].concat());
    // The broker says goodbye after DISCONNECT.
    raw.send(&frame(0x82, &[0xe0, 0]));
    assert_eq!(raw.rest(), [0x88, 2, 3, 232]);
}

#[test]
fn frames_against_the_rules_end_the_connection_and_no_other() {
    let broker = broker("");
    let mut healthy = Raw::open(&broker);
    let unmasked = vec![0x82, 2, 0xc0, 0];
    let reserved = [&[0xc2][..], &frame(0x82, &[0xc0, 0])[1..]].concat();
    let huge = [vec![0x82, 0xff], u64::MAX.to_be_bytes().to_vec(), MASK.to_vec()].concat();
    for (bytes, status) in [
        (unmasked, 1002_u16),
        (reserved, 1002),
        (huge, 1002),
        (frame(0x80, b"x"), 1002),
        // A message begins within another, and a ping in pieces.
        ([frame(0x02, &[0x10]), frame(0x82, &[0xc0, 0])].concat(), 1002),
        (frame(0x09, b"x"), 1002),
        (frame(0x83, b"x"), 1002),
        (frame(0x89, &[0; 126]), 1002),
        (frame(0x81, b"text"), 1003),
    ] {
        let mut raw = Raw::connect(&broker);
        raw.send(REQUEST.as_bytes());
        raw.expect(ANSWER.as_bytes());
        raw.send(&bytes);
        assert_eq!(raw.rest(), [&[0x88, 2][..], &status.to_be_bytes()].concat(), "{bytes:?}");
    }
    // A packet over the limit, in a frame that promises more than comes.
    let mut raw = Raw::open_as(&broker, b"w2");
    raw.send(
        &[
            &[0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0][..],
            &MASK,
            &frame(0x82, &[0x30, 0xff, 0xff, 0xff, 0x7f])[6..],
        ]
        .concat(),
    );
    assert_eq!(raw.rest(), [0x88, 2, 3, 232]);
    broker.await_log("disconnected: oversize packet.");
    healthy.send(&frame(0x82, &[0xc0, 0]));
    healthy.expect(&[0x82, 2, 0xd0, 0]);
}

#[test]
fn requests_that_are_none_are_closed_without_an_answer() {
    let broker = broker("websockets_origin http://good\n");
    let without = |header: &str| {
        let lines: Vec<&str> = REQUEST.split("\r\n").filter(|line| !line.starts_with(header)).collect();
        lines.join("\r\n")
    };
    let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(20_000));
    for request in [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\n\r\n".to_owned(),
        "\u{10}\u{e}\0\u{4}MQTT".to_owned(),
        without("Sec-WebSocket-Key"),
        without("Sec-WebSocket-Protocol"),
        REQUEST.replace("Version: 13", "Version: 8"),
        REQUEST.replace("Host: localhost", "Origin: http://bad"),
        long,
    ] {
        let mut raw = Raw::connect(&broker);
        let _ = raw.0.write_all(request.as_bytes());
        assert_eq!(raw.rest(), b"", "{request}");
    }
    broker.await_log("disconnected: non-matching http origin.");
    let mut raw = Raw::connect(&broker);
    raw.send(REQUEST.replace("Host: localhost", "Origin: http://good").as_bytes());
    raw.expect(ANSWER.as_bytes());
    publish(&broker).run().prints("");
}

#[test]
fn pages_are_served_and_nothing_else() {
    let certificates = Certificates::new();
    let secret = certificates.write("secret", "secret\n");
    let pages = certificates.folder().join("pages");
    std::fs::create_dir(&pages).unwrap();
    std::fs::write(pages.join("index.html"), "<p>hello").unwrap();
    std::fs::write(pages.join("large.bin"), vec![7; 20_000_000]).unwrap();
    std::os::unix::fs::symlink(secret, pages.join("link")).unwrap();
    let broker = broker(&format!("http_dir {}\n", pages.display()));
    let ask = |text: String| {
        let mut raw = Raw::connect(&broker);
        raw.send(text.as_bytes());
        raw.rest()
    };
    let get = |request: &str| ask(format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n"));
    let get_since =
        |path: &str, time: &str| ask(format!("GET {path} HTTP/1.1\r\nIf-Modified-Since: {time}\r\n\r\n"));
    let text = String::from_utf8(get("GET /")).unwrap();
    assert!(
        text.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 8\r\n"),
        "{text}"
    );
    assert!(text.ends_with("\r\n\r\n<p>hello"), "{text}");
    assert!(get("GET /large.bin").ends_with(&[7; 20_000_000]));
    let head = String::from_utf8(get("HEAD /large.bin")).unwrap();
    assert!(head.contains("\r\nContent-Length: 20000000\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    let changed = head.lines().find_map(|line| line.strip_prefix("Last-Modified: ")).unwrap();
    let same = String::from_utf8(get_since("/large.bin", changed)).unwrap();
    assert!(same.starts_with("HTTP/1.1 304 Not Modified\r\n") && same.ends_with("\r\n\r\n"), "{same}");
    assert!(get_since("/large.bin", "Thu, 01 Jan 1970 00:00:00 GMT").ends_with(&[7; 20_000_000]));
    for path in [
        "/../secret",
        "/%2e%2e/secret",
        "/%2E%2e%2fsecret",
        "/.%2e/secret",
        "/link",
        "/none",
        "/..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/index.html%00",
        "/index.html%00.js",
        "/%zz",
        "/a%ff",
    ] {
        let text = String::from_utf8(get(&format!("GET {path}"))).unwrap();
        assert!(text.starts_with("HTTP/1.1 404 Not Found\r\n") && !text.contains("secret"), "{path}: {text}");
    }
    publish(&broker).run().prints("");
}

/// Pages go out over TLS and behind a proxy as well, and who doesn't read one keeps nobody waiting.
#[test]
fn pages_are_served_through_all_layers_and_at_any_speed() {
    let certificates = Certificates::new();
    std::fs::write(certificates.folder().join("large.bin"), vec![7; 20_000_000]).unwrap();
    let broker = broker(&format!(
        "http_dir {}\nenable_proxy_protocol 1\ncertfile {}\nkeyfile {}\n",
        certificates.folder().display(),
        certificates.path("server.crt"),
        certificates.path("server.key")
    ));
    let context = {
        use openssl::ssl::{SslConnector, SslMethod};
        let mut builder = SslConnector::builder(SslMethod::tls()).unwrap();
        builder.set_ca_file(certificates.path("ca.crt")).unwrap();
        builder.build()
    };
    let ask = |path: &str| {
        let mut raw = Raw::connect(&broker);
        raw.send(b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 1883\r\n");
        let mut tls = context.connect("localhost", raw.0).unwrap();
        tls.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
        tls
    };
    let idle: Vec<_> = (0..50).map(|_| ask("/large.bin")).collect();
    let mut page = Vec::new();
    let mut reader = ask("/large.bin");
    reader.read_to_end(&mut page).unwrap();
    assert!(page.starts_with(b"HTTP/1.1 200 OK\r\n") && page.ends_with(&[7; 20_000_000]));
    // The broker has let go of them: for it they are over.
    until("the ends of connections that were handed over", || {
        let ends =
            broker.log().matches("[192.0.2.1:1234] disconnected: connection closed by client.").count();
        (ends == idle.len() + 1).then_some(())
    });
}

#[test]
fn those_who_stop_in_the_middle_keep_nobody_waiting() {
    let broker = broker("");
    let mut stuck = Vec::new();
    for n in 0..300 {
        let mut raw = Raw::connect(&broker);
        raw.send(&REQUEST.as_bytes()[..n % REQUEST.len()]);
        stuck.push(raw);
    }
    publish(&broker).run().prints("");
    drop(stuck);
    until("everybody gone", || {
        (broker.log().matches("disconnected: connection closed by client.").count() >= 300).then_some(())
    });
}

#[test]
fn a_slow_reader_gets_every_byte() {
    let broker = broker("");
    let mut raw = Raw::open(&broker);
    raw.send(&frame(0x82, b"\x82\x06\x00\x01\x00\x01a\x00"));
    raw.expect(&[0x82, 5, 0x90, 3, 0, 1, 0]);
    let large = broker.tool("mqtt-pub").args(["--ws", "-t", "a", "-s"]);
    large.run_with(&[b'y'; 1_900_000]).prints("");
    raw.send(&frame(0x89, b"?"));
    // Reads little by little, and undoes the frames.
    let (mut payload, mut pongs) = (0, 0);
    while payload < 1_900_007 || pongs == 0 {
        let mut head = [0; 2];
        raw.0.read_exact(&mut head).unwrap();
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                raw.0.read_exact(&mut length).unwrap();
                usize::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                raw.0.read_exact(&mut length).unwrap();
                u64::from_be_bytes(length) as usize
            }
            short => usize::from(short),
        };
        let mut content = vec![0; length];
        for part in content.chunks_mut(10_000) {
            raw.0.read_exact(part).unwrap();
        }
        match head[0] {
            0x82 => payload += length,
            0x8a => pongs += 1,
            other => panic!("{other:#x}"),
        }
    }
    assert_eq!((payload, pongs), (1_900_007, 1));
    raw.0.shutdown(Shutdown::Write).unwrap();
}

#[test]
fn what_a_client_sends_right_before_it_closes_is_acted_on_and_so_is_its_end() {
    for kind in ["protocol websockets", "protocol mqtt"] {
        let broker = Broker::with(Kind::Ours, &format!("{kind}\nallow_anonymous true\n")).unwrap();
        let mut raw = match kind {
            "protocol websockets" => Raw::open(&broker),
            _ => {
                let mut raw = Raw::connect(&broker);
                raw.send(CONNECT);
                raw.expect(CONNACK);
                raw
            }
        };
        let publish = b"\x30\x03\x00\x01a";
        let bytes = if kind == "protocol mqtt" { publish.to_vec() } else { frame(0x82, publish) };
        // Stopped, the broker sees both at once.
        broker.signal("-STOP");
        raw.send(&bytes);
        raw.0.shutdown(Shutdown::Both).unwrap();
        drop(raw);
        broker.signal("-CONT");
        broker.await_log("Client ws [127.0.0.1:");
        assert!(broker.log().contains("Received PUBLISH from ws (d0, q0, r0, m0, 'a', ... (0 bytes))"));
    }
}

#[test]
fn floods_of_pings_and_of_empty_fragments_cost_others_nothing() {
    let broker = broker("");
    let before = broker.resident();
    // Each ping asks for an answer that nobody reads.
    let mut deaf = Raw::open(&broker);
    let pings = frame(0x89, &[b'p'; 125]).repeat(1000);
    let sent = (0..1000).take_while(|_| deaf.0.write_all(&pings).is_ok()).count();
    assert!(sent < 1000, "131,000,000 bytes of pings, and no end");
    // A message in a million pieces that hold nothing, and its end.
    let mut patient = Raw::open_as(&broker, b"aa");
    patient.send(&frame(0x02, b""));
    let nothing = frame(0x00, b"").repeat(1000);
    for _ in 0..1000 {
        patient.send(&nothing);
    }
    patient.send(&frame(0x80, b"\xC0\x00"));
    patient.expect(&[0x82, 2, 0xD0, 0]);
    // A packet in as many pieces as it has bytes, with a ping between any two of them.
    let mut packet = b"\x30\x88\x27\x00\x01a".to_vec();
    packet.resize(5003, b'x');
    packet.extend(b"\xC0\x00");
    let pieces: Vec<Vec<u8>> = packet
        .iter()
        .enumerate()
        .map(|(i, &byte)| {
            let is_last = i + 1 == packet.len();
            let piece = frame(if i == 0 { 0x02 } else { 0x80 * u8::from(is_last) }, &[byte]);
            if is_last { piece } else { [piece, frame(0x89, b"")].concat() }
        })
        .collect();
    for pieces in pieces.chunks(100) {
        patient.send(&pieces.concat());
    }
    patient.expect(&[0x8A, 0].repeat(packet.len() - 1));
    patient.expect(&[0x82, 2, 0xD0, 0]);
    publish(&broker).run().prints("");
    let grown = broker.resident().saturating_sub(before);
    assert!(grown < 10 * 1024 * 1024, "grown by {} kB", grown / 1024);
}
