//! The clients' other ways to a broker: WebSocket, and a SOCKS5 proxy.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "harness/certificates.rs"]
mod certificates;
mod harness;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use certificates::Certificates;
use harness::{Broker, Fake, Kind, Tool, free_port, ours, until};

/// A mosquitto with WebSocket. It doesn't start without a listener of another kind, which is a unix socket here.
fn web_sockets(more: &str) -> Option<(Broker, tempfile::TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let other = format!("listener 0 {}/socket\n", folder.path().display());
    let lines = format!("protocol websockets\nallow_anonymous true\n{more}{other}");
    Some((Broker::with(Kind::Mosquitto, &lines)?, folder))
}

fn publish(broker: &Broker) -> Tool {
    broker.tool("mqtt-pub").args(["-t", "a", "-m", "x", "-q", "1"])
}

#[test]
fn a_message_goes_round_by_web_socket() {
    let Some((broker, _folder)) = web_sockets("") else { return };
    let sub = broker.tool("mqtt-sub").args(["--ws", "-i", "sub", "-t", "a", "-C", "4", "-q", "2"]).start();
    broker.await_subscribed("sub");
    publish(&broker).args(["--ws"]).run().prints("");
    publish(&broker).args(["--ws-path", "/other"]).run().prints("");
    let large = broker.tool("mqtt-pub").args(["--ws", "-t", "a", "-s", "-q", "2"]);
    large.run_with(&[b'y'; 200_000]).prints("");
    let url = format!("ws://localhost:{}/a", broker.port);
    Tool::new(&ours("mqtt-pub")).args(["-L", &url, "-m", "z"]).run().prints("");
    sub.wait().prints(&format!("x\nx\n{}\nz\n", "y".repeat(200_000)));
    let answer = ["--ws", "-t", "ask", "-e", "ask", "-m", "echo", "-W", "20"];
    broker.tool("mqtt-rr").args(answer).run().prints("echo\n");
}

#[test]
fn many_lines_go_round_by_web_socket() {
    let lines = "max_inflight_messages 0\nmax_queued_messages 0\n";
    let Some((broker, _folder)) = web_sockets(lines) else { return };
    let sub = broker.tool("mqtt-sub").args(["--ws", "-i", "sub", "-t", "a", "-C", "5000", "-q", "1"]).start();
    broker.await_subscribed("sub");
    let lines: String = (0..5_000).map(|n| format!("{n} {}\n", "-".repeat(n % 300))).collect();
    let more = ["--ws", "-t", "a", "-l", "-q", "1", "--quiet"];
    broker.tool("mqtt-pub").args(more).run_with(lines.as_bytes()).prints("");
    sub.wait().prints(&lines);
}

#[test]
fn a_message_goes_round_by_web_socket_over_tls() {
    let certificates = Certificates::new();
    let lines = format!(
        "certfile {}\nkeyfile {}\n",
        certificates.path("server.crt"),
        certificates.path("server.key")
    );
    let Some((broker, _folder)) = web_sockets(&lines) else { return };
    let ca = ["--cafile", &certificates.path("ca.crt")];
    let sub = broker.tool("mqtt-sub").args(ca).args(["--ws", "-i", "sub", "-t", "a", "-C", "2"]).start();
    broker.await_subscribed("sub");
    publish(&broker).args(ca).args(["--ws"]).run().prints("");
    let url = format!("wss://localhost:{}/a", broker.port);
    Tool::new(&ours("mqtt-pub")).args(["-L", &url, "-m", "y"]).args(ca).run().prints("");
    sub.wait().prints("x\ny\n");
    let other = certificates.other_authority("other.crt");
    let refused = publish(&broker).args(["--ws", "--cafile", &other]).run();
    assert_eq!(refused.code, 14, "{refused:?}");
}

/// A server that answers the request with this.
fn answering(answer: &'static str) -> Fake {
    Fake::start(move |listener: TcpListener| {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
        stream.write_all(answer.as_bytes()).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    })
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
    String::from_utf8(request).unwrap()
}

#[test]
fn servers_that_are_none_are_told() {
    for (answer, words) in [
        (
            "HTTP/1.1 404 Not Found\r\n\r\n",
            "the answer to the WebSocket request was \"HTTP/1.1 404 Not Found\"",
        ),
        (
            "HTTP/1.1 101 Fine\r\n\r\n",
            "the answer to the WebSocket request has no right Sec-WebSocket-Accept",
        ),
        ("220 mail.example\r\n", "the other side doesn't speak HTTP, let alone WebSocket"),
    ] {
        let expected = format!("Error: Unknown error: {words}.\n");
        for (tool, more) in [
            ("mqtt-pub", &["-t", "a", "-m", "x"][..]),
            ("mqtt-sub", &["-t", "a"]),
            ("mqtt-rr", &["-t", "a", "-e", "b", "-m", "x"]),
        ] {
            let fake = answering(answer);
            fake.tool(tool).args(["--ws"]).args(more).run().ends(13, "", &expected);
            fake.finish();
        }
    }
    // A broker without WebSocket closes.
    let Some(broker) = Broker::start(Kind::Mosquitto) else { return };
    let expected = "Error: Unknown error: the other side closed the connection before it answered the WebSocket request.\n";
    publish(&broker).args(["--ws"]).run().ends(13, "", expected);
}

#[test]
fn the_request_names_host_path_and_protocol() {
    let fake = Fake::start(|listener: TcpListener| {
        let port = listener.local_addr().unwrap().port();
        let (mut stream, _) = listener.accept().unwrap();
        let request = read_request(&mut stream);
        let mut lines = request.lines();
        assert_eq!(lines.next(), Some("GET /somewhere HTTP/1.1"));
        for line in [
            &format!("Host: 127.0.0.1:{port}"),
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Protocol: mqtt",
            "Sec-WebSocket-Version: 13",
        ] {
            assert!(request.lines().any(|found| found == line), "{line} in {request}");
        }
    });
    fake.tool("mqtt-pub").args(["-t", "a", "-m", "x", "--ws-path", "/somewhere"]).run();
    fake.finish();
}

/// microsocks on a free port, gone when dropped.
struct Socks {
    child: Child,
    port: u16,
}

impl Socks {
    fn start(more: &[&str]) -> Option<Socks> {
        let port = free_port();
        let child = Command::new("microsocks")
            .args(["-i", "127.0.0.1", "-p", &port.to_string()])
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            harness::passed_over("microsocks is not installed");
            return None;
        };
        until("the proxy's port", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());
        Some(Socks { child, port })
    }
}

impl Drop for Socks {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_proxy_is_gone_through() {
    let Some(broker) = Broker::start(Kind::Ours) else { return };
    let Some(open) = Socks::start(&[]) else { return };
    let url = format!("socks5h://127.0.0.1:{}", open.port);
    // The proxy takes the first address of a name and no other; the broker is at 127.0.0.1.
    let first = ("localhost", broker.port).to_socket_addrs().ok().and_then(|mut all| all.next());
    let by_name = first.is_some_and(|address| address.is_ipv4()).then_some("localhost");
    for host in ["127.0.0.1"].into_iter().chain(by_name) {
        let port = broker.port.to_string();
        Tool::new(&ours("mqtt-pub"))
            .args(["-h", host, "-p", &port, "-t", "a", "-m", host, "-r", "--proxy", &url])
            .run()
            .prints("");
        broker
            .tool("mqtt-sub")
            .args(["-t", "a", "-C", "1", "--proxy", &url])
            .run()
            .prints(&format!("{host}\n"));
    }
    let locked = Socks::start(&["-u", "us@er", "-P", "pass:word"]).unwrap();
    let url = format!("socks5h://us%40er:pass%3Aword@127.0.0.1:{}", locked.port);
    publish(&broker).args(["--proxy", &url]).run().prints("");
    for (user, words) in [
        ("us%40er:wrong@", "the proxy refused user name and password"),
        ("", "the proxy wants a user name and a password"),
    ] {
        let url = format!("socks5h://{user}127.0.0.1:{}", locked.port);
        let expected = format!("Unable to connect (Proxy error). {words}.\n");
        publish(&broker).args(["--proxy", &url]).run().ends(1, "", &expected);
    }
    let nobody = free_port().to_string();
    let url = format!("socks5h://127.0.0.1:{}", open.port);
    let refused = Tool::new(&ours("mqtt-pub"))
        .args(["-h", "127.0.0.1", "-p", &nobody, "-t", "a", "-m", "x", "--proxy", &url])
        .run();
    let expected =
        "Unable to connect (Proxy error). the proxy doesn't reach the broker: the connection was refused.\n";
    refused.ends(1, "", expected);
}

#[test]
fn a_proxy_that_is_none_is_told() {
    let Some(broker) = Broker::start(Kind::Ours) else { return };
    let fake = Fake::start(|listener: TcpListener| {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    });
    let tool = fake.tool("mqtt-pub").args(["-t", "a", "-m", "x"]);
    // The fake's port, out of its own arguments, is the proxy's.
    let url = format!("socks5h://127.0.0.1:{}", fake.port());
    let tool = tool.args(["--proxy", &url, "-p", &broker.port.to_string()]);
    tool.run().ends(1, "", "Unable to connect (Proxy error). the proxy doesn't speak SOCKS5.\n");
}

#[test]
fn a_broker_is_reached_through_a_proxy_by_tls_and_web_socket() {
    let certificates = Certificates::new();
    let lines = format!(
        "certfile {}\nkeyfile {}\n",
        certificates.path("server.crt"),
        certificates.path("server.key")
    );
    let Some((broker, _folder)) = web_sockets(&lines) else { return };
    let Some(socks) = Socks::start(&[]) else { return };
    let url = format!("socks5h://127.0.0.1:{}", socks.port);
    publish(&broker)
        .args(["--ws", "--cafile", &certificates.path("ca.crt"), "--proxy", &url])
        .run()
        .prints("");
}

/// What mosquitto_pub says to the same command line, with its exit code.
#[test]
fn complaints_are_mosquittos() {
    let theirs = Path::new("/usr/bin/mosquitto_pub");
    if !theirs.exists() {
        harness::passed_over("mosquitto_pub is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("mosquitto_pub");
    std::os::unix::fs::symlink(ours("mqtt-pub"), &link).unwrap();
    for case in [
        &["--proxy"][..],
        &["--proxy", "http://h"],
        &["--proxy", "socks5://h"],
        &["--proxy", "socks5h://h:99999"],
        &["--proxy", "socks5h://u@h:99999"],
    ] {
        let run = |program: &Path| Tool::new(program).args(["-t", "a", "-m", "x"]).args(case).run();
        let (expected, got) = (run(theirs), run(&link));
        assert_eq!((got.code, got.stderr), (expected.code, expected.stderr), "{case:?}");
    }
}
