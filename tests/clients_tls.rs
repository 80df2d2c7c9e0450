//! The clients over TLS, against mosquitto and `openssl s_server`, and what they say when it fails.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "harness/certificates.rs"]
mod certificates;
mod harness;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use certificates::{Certificates, Wanted};
use harness::{Broker, Fake, Kind, Tool, free_port, ours, until};

/// A mosquitto that speaks TLS with `server.crt`.
fn mosquitto(certificates: &Certificates, more: &str) -> Option<Broker> {
    let server = |file| certificates.path(file);
    let lines = format!(
        "allow_anonymous true\ncertfile {}\nkeyfile {}\n{more}",
        server("server.crt"),
        server("server.key")
    );
    Broker::with(Kind::Mosquitto, &lines)
}

fn publish(broker: &Broker) -> Tool {
    broker.tool("mqtt-pub").args(["-t", "a", "-m", "x", "-q", "1"])
}

#[test]
fn a_message_goes_round_over_tls() {
    let certificates = Certificates::new();
    let Some(broker) = mosquitto(&certificates, "") else { return };
    let ca = ["--cafile", &certificates.path("ca.crt")];
    let sub = broker.tool("mqtt-sub").args(ca).args(["-i", "sub", "-t", "a", "-C", "3", "-q", "2"]).start();
    broker.await_subscribed("sub");
    publish(&broker).args(ca).run().prints("");
    let port = broker.port.to_string();
    Tool::new(&ours("mqtt-pub"))
        .args(["-h", "localhost", "-p", &port, "-t", "a", "-s", "-q", "2"])
        .args(ca)
        .run_with(&[b'y'; 300_000])
        .prints("");
    broker.tool("mqtt-pub").args(ca).args(["-t", "a", "-l"]).run_with(b"z\n").prints("");
    sub.wait().prints(&format!("x\n{}\nz\n", "y".repeat(300_000)));
}

#[test]
fn many_lines_and_a_large_stream_survive_tls() {
    let certificates = Certificates::new();
    let Some(broker) = mosquitto(&certificates, "max_inflight_messages 0\nmax_queued_messages 0\n") else {
        return;
    };
    let ca = ["--cafile", &certificates.path("ca.crt")];
    let sub =
        broker.tool("mqtt-sub").args(ca).args(["-i", "sub", "-t", "a", "-C", "20000", "-q", "1"]).start();
    broker.await_subscribed("sub");
    let lines: String = (0..20_000).map(|n| format!("{n} {}\n", "-".repeat(n % 300))).collect();
    broker
        .tool("mqtt-pub")
        .args(ca)
        .args(["-t", "a", "-l", "-q", "1", "--quiet"])
        .run_with(lines.as_bytes())
        .prints("");
    sub.wait().prints(&lines);
}

#[test]
fn a_request_is_answered_over_tls_and_each_version_of_it() {
    let certificates = Certificates::new();
    let Some(broker) = mosquitto(&certificates, "") else { return };
    let ca = ["--cafile", &certificates.path("ca.crt")];
    for version in ["tlsv1.2", "tlsv1.3", "TLSv1.3"] {
        let more = ["--tls-version", version, "--tls-alpn", "mqtt"];
        broker
            .tool("mqtt-rr")
            .args(ca)
            .args(more)
            .args(["-t", "ask", "-e", "ask", "-m", "echo", "-W", "20"])
            .run()
            .prints("echo\n");
    }
    publish(&broker)
        .args(ca)
        .args(["--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256", "--tls-version", "tlsv1.2"])
        .run()
        .prints("");
    publish(&broker)
        .args(ca)
        .args(["--ciphers", "TLS_CHACHA20_POLY1305_SHA256", "--tls-version", "tlsv1.3"])
        .run()
        .prints("");
}

#[test]
fn a_folder_of_authorities_and_those_of_the_system() {
    let certificates = Certificates::new();
    let Some(broker) = mosquitto(&certificates, "") else { return };
    let folder = certificates.folder().join("cas");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(certificates.path("ca.crt"), folder.join("ca.pem")).unwrap();
    let hashed = Command::new("openssl").arg("rehash").arg(&folder).stdout(Stdio::null()).status();
    if hashed.is_ok_and(|status| status.success()) {
        publish(&broker).args(["--capath", folder.to_str().unwrap()]).run().prints("");
    }
    // What the system trusts is said by OpenSSL's own variable.
    let os = publish(&broker).env("SSL_CERT_FILE", certificates.path("ca.crt"));
    os.clone().args(["--tls-use-os-certs"]).run().prints("");
    let url = format!("mqtts://localhost:{}/a", broker.port);
    Tool::new(&ours("mqtt-pub"))
        .args(["-L", &url, "-m", "x"])
        .env("SSL_CERT_FILE", certificates.path("ca.crt"))
        .run()
        .prints("");
}

#[test]
fn a_client_certificate_is_shown_and_its_key_may_be_encrypted() {
    let certificates = Certificates::new();
    certificates.issue_client("alice");
    certificates.encrypt_key("client.key", "locked.key");
    let more = format!(
        "require_certificate true\nuse_identity_as_username true\ncafile {}\n",
        certificates.path("ca.crt")
    );
    let Some(broker) = mosquitto(&certificates, &more) else { return };
    let ca = ["--cafile", &certificates.path("ca.crt")];
    let certificate = ["--cert", &certificates.path("client.crt")];
    publish(&broker)
        .args(ca)
        .args(certificate)
        .args(["--key", &certificates.path("client.key"), "-i", "one"])
        .run()
        .prints("");
    broker.await_log("as one (p2, c1, k60, u'alice')");

    // OpenSSL asks at the terminal, of which `script` makes one.
    let command = format!(
        "{} -h 127.0.0.1 -p {} -t a -m x -i two --cafile {} --cert {} --key {}",
        ours("mqtt-pub").display(),
        broker.port,
        certificates.path("ca.crt"),
        certificates.path("client.crt"),
        certificates.path("locked.key")
    );
    if Path::new("/usr/bin/script").exists() {
        let typed = format!("{}\n", certificates::PASSPHRASE);
        let asked = Tool::new(Path::new("/usr/bin/script"))
            .args(["-q", "-e", "-c", &command, "/dev/null"])
            .run_with(typed.as_bytes());
        assert_eq!(asked.code, 0, "{asked:?}");
        assert!(asked.stdout.contains("pass phrase:"), "{asked:?}");
        broker.await_log("as two (p2, c1, k60, u'alice')");
    }

    let without = publish(&broker).args(ca).run();
    assert_eq!(without.code, 14, "{without:?}");
    assert!(without.stderr.starts_with("Error: Protocol error: "), "{without:?}");
    assert!(without.stderr.contains("certificate"), "{without:?}");
}

#[test]
fn a_pre_shared_key_works_with_either_version() {
    let certificates = Certificates::new();
    let keys = certificates.write("psk", "me:00c0ffee\nyou:abcdef\n");
    let lines =
        format!("allow_anonymous true\npsk_hint hint\npsk_file {keys}\nuse_identity_as_username true\n");
    let Some(broker) = Broker::with(Kind::Mosquitto, &lines) else { return };
    publish(&broker).args(["--psk", "00C0FFEE", "--psk-identity", "me", "-i", "one"]).run().prints("");
    broker.await_log("as one (p2, c1, k60, u'me')");
    for (identity, key) in [("me", "00"), ("nobody", "00c0ffee")] {
        let refused = publish(&broker).args(["--psk", key, "--psk-identity", identity]).run();
        assert_eq!(refused.code, 14, "{refused:?}");
        assert!(refused.stderr.contains("identity"), "{refused:?}");
    }

    for version in ["-tls1_2", "-tls1_3"] {
        let server = Server::start(&["-psk", "00c0ffee", "-psk_identity", "me", "-nocert", version]);
        let Some(server) = server else { return };
        let refused = server.tool().args(["--psk", "00c0ffee", "--psk-identity", "me", "-W", "1"]).run();
        // It answers no CONNECT, so time runs out; the handshake was good.
        refused.ends(27, "", "Timed out\n");
        let refused = server.tool().args(["--psk", "00c0ff", "--psk-identity", "me", "-W", "1"]).run();
        assert_eq!(refused.code, 14, "{refused:?}");
    }
}

#[test]
fn a_pre_shared_key_trusts_no_certificate_instead() {
    let certificates = Certificates::new();
    let Some(broker) = mosquitto(&certificates, "") else { return };
    for more in [
        &["--psk", "00c0ffee", "--psk-identity", "me"][..],
        &["--psk", "00c0ffee", "--psk-identity", "me", "--insecure"],
    ] {
        let refused = publish(&broker).args(more).run();
        assert_eq!(refused.code, 14, "{refused:?}");
    }
}

/// Files that no test but this makes, and what is said of them.
#[test]
fn what_is_wrong_with_a_certificate_is_said() {
    let certificates = Certificates::new();
    certificates.issue(&Wanted {
        file: "old",
        names: &["127.0.0.1"],
        years: (2020, 2021),
        ..Wanted::default()
    });
    certificates.issue(&Wanted {
        file: "elsewhere",
        names: &["broker.example", "192.0.2.1"],
        ..Wanted::default()
    });
    let ca = certificates.path("ca.crt");
    let other = certificates.other_authority("other.crt");
    for (server, trusted, words) in [
        (
            "server",
            &other,
            "certificate verify failed: unable to get local issuer certificate (subject CN=server, O=Tests, issuer CN=Test CA)",
        ),
        (
            "old",
            &ca,
            "certificate verify failed: certificate has expired on Jan  1 00:00:00 2021 GMT (subject CN=server, O=Tests, issuer CN=Test CA)",
        ),
        (
            "elsewhere",
            &ca,
            "certificate verify failed: it is not for 127.0.0.1 but for broker.example, 192.0.2.1",
        ),
    ] {
        let lines = format!(
            "allow_anonymous true\ncertfile {}\nkeyfile {}\n",
            certificates.path(&format!("{server}.crt")),
            certificates.path(&format!("{server}.key"))
        );
        let Some(broker) = Broker::with(Kind::Mosquitto, &lines) else { return };
        let expected = format!("Error: Protocol error: {words}.\n");
        for (tool, arguments) in [
            ("mqtt-pub", &["-t", "a", "-m", "x"][..]),
            ("mqtt-pub", &["-t", "a", "-l"]),
            ("mqtt-sub", &["-t", "a"]),
            ("mqtt-rr", &["-t", "a", "-e", "b", "-m", "x"]),
        ] {
            let tool = broker.tool(tool).args(arguments).args(["--cafile", trusted]);
            tool.clone().run().ends(14, "", &expected);
            tool.args(["--quiet"]).run().ends(14, "", "");
        }
        let insecure = publish(&broker).args(["--cafile", trusted, "--insecure"]);
        let warning = "Warning: --insecure: nobody checks who the broker is.\n";
        insecure.clone().run().ends(0, "", warning);
        insecure.args(["--quiet"]).run().prints("");
    }
}

/// `openssl s_server` on a free port, gone when dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(arguments: &[&str]) -> Option<Server> {
        let port = free_port();
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-accept", &format!("127.0.0.1:{port}")])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            harness::passed_over("openssl is not installed");
            return None;
        };
        until("openssl s_server's port", || {
            // Listening is seen without connecting: the server takes one at a time.
            let wanted = format!("0100007F:{port:04X} 00000000:0000 0A");
            std::fs::read_to_string("/proc/net/tcp").unwrap().contains(&wanted).then_some(())
        });
        Some(Server { child, port })
    }

    fn tool(&self) -> Tool {
        Tool::new(&ours("mqtt-sub")).args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-t", "a"])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn tls_is_met_where_none_was_expected_and_the_other_way() {
    let certificates = Certificates::new();
    let ca = certificates.path("ca.crt");
    let Some(tls) = mosquitto(&certificates, "") else { return };
    let plain = publish(&tls).run();
    assert_eq!(plain.code, 7, "{plain:?}");
    assert!(plain.stderr.starts_with("Error: The connection was lost\n"), "{plain:?}");
    assert!(plain.stderr.contains("TLS"), "{plain:?}");
    let Some(broker) = Broker::start(Kind::Mosquitto) else { return };
    let refused = publish(&broker).args(["--cafile", &ca]).run();
    refused.ends(14, "", "Error: Protocol error: the other side closed the connection in the TLS handshake (does it speak TLS on this port?).\n");
    // A server that says something else.
    let fake = Fake::start(|listener: TcpListener| {
        let (mut stream, _) = listener.accept().unwrap();
        let mut hello = [0; 64];
        let _ = stream.read(&mut hello).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let _ = stream.read(&mut hello);
    });
    let refused = fake.tool("mqtt-pub").args(["-t", "a", "-m", "x", "--cafile", &ca]).run();
    refused.ends(14, "", "Error: Protocol error: wrong version number (what came is not TLS; does the other side speak TLS on this port?).\n");
    // And one that answers MQTT with an alert.
    let fake = Fake::start(|listener: TcpListener| {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&[0x15, 3, 1, 0, 2, 2, 70]).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    });
    let refused = fake.tool("mqtt-pub").args(["-t", "a", "-m", "x"]).run();
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("The broker speaks TLS on this port"), "{refused:?}");
}

#[test]
fn files_that_are_not_there_or_hold_something_else() {
    let certificates = Certificates::new();
    certificates.issue_client("alice");
    let nothing = certificates.write("nothing", "nothing\n");
    let (ca, key) = (certificates.path("ca.crt"), certificates.path("client.key"));
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let number = port.local_addr().unwrap().port().to_string();
    let run = |more: &[&str]| {
        Tool::new(&ours("mqtt-pub"))
            .args(["-h", "127.0.0.1", "-p", &number, "-t", "a", "-m", "x"])
            .args(more)
            .run()
    };
    run(&["--cafile", "/none"]).ends(
        1,
        "",
        "Error: Problem setting TLS options: File not found. cafile \"/none\": No such file or directory.\n",
    );
    run(&["--cafile", &ca, "--cert", "/none", "--key", &key]).ends(
        1,
        "",
        "Error: Problem setting TLS options: File not found. certfile \"/none\": No such file or directory.\n",
    );
    let told = |more: &[&str], words: &str| {
        let refused = run(more);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.stderr.starts_with("Unable to connect (A TLS error occurred). "), "{refused:?}");
        assert!(refused.stderr.contains(words), "{refused:?}");
        assert_eq!(refused.stderr.lines().count(), 1, "{refused:?}");
    };
    told(&["--cafile", &nothing], &format!("cafile \"{nothing}\""));
    told(&["--cafile", &ca, "--cert", &nothing, "--key", &key], "unable to load client certificate");
    told(
        &["--cafile", &ca, "--cert", &certificates.path("client.crt"), "--key", &nothing],
        "unable to load client key",
    );
    told(
        &["--cafile", &ca, "--cert", &certificates.path("server.crt"), "--key", &key],
        "key values mismatch",
    );
    told(&["--cafile", &ca, "--ciphers", "nosuch"], "\"nosuch\" can't be set");
    told(&["--cafile", &ca, "--ciphers", "nosuch", "--tls-version", "tlsv1.3"], "\"nosuch\" can't be set");
    told(&["--cafile", &ca, "--tls-keylog", "/none/log"], "/none/log");
}

#[test]
fn secrets_are_logged_when_asked_for() {
    let certificates = Certificates::new();
    let Some(broker) = mosquitto(&certificates, "") else { return };
    let (ca, log) = (certificates.path("ca.crt"), certificates.path("keys"));
    for _ in 0..2 {
        publish(&broker).args(["--cafile", &ca, "--tls-keylog", &log]).run().prints("");
    }
    let text = std::fs::read_to_string(&log).unwrap();
    assert_eq!(text.matches("CLIENT_TRAFFIC_SECRET_0 ").count(), 2, "{text}");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_subscriber_comes_back_over_tls() {
    let certificates = Certificates::new();
    let Some(broker) = mosquitto(&certificates, "") else { return };
    let ca = ["--cafile", &certificates.path("ca.crt")];
    let sub = broker.tool("mqtt-sub").args(ca).args(["-i", "sub", "-t", "a", "-C", "1"]).start();
    broker.await_subscribed("sub");
    let port = broker.port;
    drop(broker);
    let lines = format!(
        "allow_anonymous true\ncertfile {}\nkeyfile {}\n",
        certificates.path("server.crt"),
        certificates.path("server.key")
    );
    let broker = Broker::at(Kind::Mosquitto, port, &lines).unwrap();
    broker.await_subscribed("sub");
    publish(&broker).args(ca).run().prints("");
    sub.wait().prints("x\n");
}

/// What mosquitto_pub says in the same case, with its exit code.
#[test]
fn complaints_are_mosquittos() {
    let theirs = Path::new("/usr/bin/mosquitto_pub");
    if !theirs.exists() {
        harness::passed_over("mosquitto_pub is not installed");
        return;
    }
    let certificates = Certificates::new();
    let ca = &certificates.path("ca.crt");
    let cases: &[&[&str]] = &[
        &["--cafile"],
        &["--capath"],
        &["--cert"],
        &["--key"],
        &["--keyform"],
        &["--ciphers"],
        &["--tls-version"],
        &["--tls-alpn"],
        &["--tls-engine"],
        &["--tls-engine-kpass-sha1"],
        &["--psk"],
        &["--psk-identity"],
        &["--cert", "x"],
        &["--cafile", ca, "--key", "x"],
        &["--cafile", ca, "--keyform", "pem"],
        &["--cafile", ca, "--tls-engine-kpass-sha1", "x"],
        &["--psk", "00"],
        &["--psk", "00", "--psk-identity", "me", "--cafile", ca],
        &["--psk", "0g", "--psk-identity", "me"],
        &["--cafile", ca, "--tls-version", "tlsv9"],
    ];
    let port = free_port().to_string();
    let arguments = ["-h", "127.0.0.1", "-p", &port, "-t", "a", "-m", "x"];
    // Ours calls itself by mosquitto's name through a link.
    let link = certificates.folder().join("mosquitto_pub");
    std::os::unix::fs::symlink(ours("mqtt-pub"), &link).unwrap();
    for case in cases {
        let run = |program: &Path| Tool::new(program).args(arguments).args(*case).run();
        let (expected, got) = (run(theirs), run(&link));
        assert_eq!((got.code, got.stderr), (expected.code, expected.stderr), "{case:?}");
    }
}
