//! mqtt-broker's TLS: with our clients, mosquitto's, and openssl's; certificates, pre-shared keys, reload, and those who
//! stop in the middle of a handshake.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "harness/certificates.rs"]
mod certificates;
mod harness;

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use certificates::{Certificates, Wanted};
use harness::{Broker, Kind, Tool, ours, until};

/// `certfile` and `keyfile`.
fn server(certificates: &Certificates) -> String {
    format!(
        "allow_anonymous true\ncertfile {}\nkeyfile {}\n",
        certificates.path("server.crt"),
        certificates.path("server.key")
    )
}

fn broker(certificates: &Certificates, more: &str) -> Broker {
    Broker::with(Kind::Ours, &format!("{}{more}", server(certificates))).unwrap()
}

/// Our client's name for a tool, and mosquitto's where it is installed.
fn clients(tool: &str) -> Vec<PathBuf> {
    let theirs = Path::new("/usr/bin").join(tool.replace("mqtt-", "mosquitto_"));
    let mut programs = vec![ours(tool)];
    if theirs.exists() {
        programs.push(theirs);
    } else {
        harness::passed_over(format_args!("{} is not installed", theirs.display()));
    }
    programs
}

fn publish(broker: &Broker, program: &Path) -> Tool {
    broker.run(program).args(["-t", "a", "-m", "x", "-q", "1"])
}

#[test]
fn messages_of_all_sizes_go_round() {
    let certificates = Certificates::new();
    let broker = broker(&certificates, "");
    let ca = certificates.path("ca.crt");
    for (publisher, subscriber) in clients("mqtt-pub").iter().zip(clients("mqtt-sub").iter().rev()) {
        // A name of its own: the log must not speak of the one before.
        let id = if *publisher == ours("mqtt-pub") { "sub" } else { "sub2" };
        let sub =
            broker.run(subscriber).args(["--cafile", &ca, "-i", id, "-t", "a", "-C", "3", "-q", "2"]).start();
        broker.await_subscribed(id);
        publish(&broker, publisher).args(["--cafile", &ca]).run().prints("");
        let large = broker.run(publisher).args(["--cafile", &ca, "-t", "a", "-s", "-q", "2"]);
        large.run_with(&[b'y'; 1_000_000]).prints("");
        // At QoS 2, too: mosquitto_sub prints such a message a round trip later than one of QoS 1.
        publish(&broker, publisher).args(["--cafile", &ca, "-q", "2"]).run().prints("");
        sub.wait().prints(&format!("x\n{}\nx\n", "y".repeat(1_000_000)));
    }
    let log = broker.log();
    assert!(log.contains("Client sub negotiated TLSv1.3 cipher TLS_AES_256_GCM_SHA384"), "{log}");
}

#[test]
fn many_lines_go_through_tls_both_ways() {
    let certificates = Certificates::new();
    let broker = broker(&certificates, "");
    let ca = ["--cafile", &certificates.path("ca.crt")];
    let sub =
        broker.tool("mqtt-sub").args(ca).args(["-i", "sub", "-t", "a", "-C", "20000", "-q", "1"]).start();
    broker.await_subscribed("sub");
    let lines: String = (0..20_000).map(|n| format!("{n} {}\n", "-".repeat(n % 300))).collect();
    let more = ["-t", "a", "-l", "-q", "1", "--quiet"];
    broker.tool("mqtt-pub").args(ca).args(more).run_with(lines.as_bytes()).prints("");
    sub.wait().prints(&lines);
}

#[test]
fn versions_and_ciphers_are_as_configured() {
    let certificates = Certificates::new();
    let ca = certificates.path("ca.crt");
    let only = broker(&certificates, "tls_version tlsv1.3\nciphers_tls1.3 TLS_CHACHA20_POLY1305_SHA256\n");
    for program in clients("mqtt-pub") {
        publish(&only, &program).args(["--cafile", &ca]).run().prints("");
    }
    only.await_log("negotiated TLSv1.3 cipher TLS_CHACHA20_POLY1305_SHA256");
    let old = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{}", only.port), "-tls1_2"])
        .stdin(Stdio::null())
        .output();
    if let Ok(old) = old {
        assert!(!old.status.success());
        only.await_log("OpenSSL Error while talking to 127.0.0.1[0]");
        only.await_log("disconnected: Protocol error.");
    }
    let ciphers = broker(&certificates, "ciphers ECDHE-ECDSA-AES128-GCM-SHA256\n");
    let client = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{}", ciphers.port), "-tls1_2", "-CAfile", &ca])
        .stdin(Stdio::null())
        .output();
    if let Ok(client) = client {
        let text = String::from_utf8_lossy(&client.stdout).into_owned();
        assert!(text.contains("Cipher is ECDHE-ECDSA-AES128-GCM-SHA256"), "{text}");
        assert!(text.contains("Verify return code: 0 (ok)"), "{text}");
    }
}

#[test]
fn client_certificates_are_required_and_name_the_user() {
    let certificates = Certificates::new();
    certificates.issue_client("alice");
    certificates.issue(&Wanted {
        file: "old",
        common_name: "bob",
        serial: 3,
        years: (2020, 2021),
        ..Wanted::default()
    });
    certificates.issue(&Wanted { file: "gone", common_name: "carol", serial: 4, ..Wanted::default() });
    let ca = certificates.path("ca.crt");
    let crl = certificates.revoke("crl", &[4]);
    let lines = format!("require_certificate true\ncafile {ca}\ncrlfile {crl}\n");
    let with = |file: &str| {
        [
            "--cafile".to_owned(),
            ca.clone(),
            "--cert".to_owned(),
            certificates.path(&format!("{file}.crt")),
            "--key".to_owned(),
            certificates.path(&format!("{file}.key")),
        ]
    };
    let identity = broker(&certificates, &format!("{lines}use_identity_as_username true\n"));
    for program in clients("mqtt-pub") {
        // What CONNECT says doesn't count.
        publish(&identity, &program).args(with("client")).args(["-u", "mallory", "-P", "x"]).run().prints("");
        for file in ["old", "gone"] {
            assert_ne!(publish(&identity, &program).args(with(file)).run().code, 0, "{file}");
        }
        assert_ne!(publish(&identity, &program).args(["--cafile", &ca]).run().code, 0);
    }
    let log = identity.log();
    assert!(log.contains(", u'alice')."), "{log}");
    for words in [
        "certificate verify failed: certificate has expired on ",
        " GMT (subject CN=bob, O=Tests, issuer CN=Test CA)",
        "certificate verify failed: certificate revoked (subject CN=carol, O=Tests, issuer CN=Test CA)",
        "peer did not return a certificate",
    ] {
        assert!(log.contains(words), "{words} in {log}");
    }
    assert!(!log.contains("mallory") && !log.contains("u'carol'"), "{log}");

    let subject = broker(
        &certificates,
        &format!("{lines}use_subject_as_username true\ndisable_client_cert_date_checks true\n"),
    );
    publish(&subject, &ours("mqtt-pub")).args(with("old")).run().prints("");
    subject.await_log(", u'O=Tests,CN=bob').");
}

#[test]
fn pre_shared_keys_are_taken_and_tell_nothing() {
    let certificates = Certificates::new();
    let keys = certificates.write("psk", "me:00c0ffee\nyou:abc\n");
    let lines = format!("psk_hint hint\npsk_file {keys}\nuse_identity_as_username true\n");
    let broker = Broker::with(Kind::Ours, &lines).unwrap();
    for program in clients("mqtt-pub") {
        let run = |identity: &str, key: &str| {
            publish(&broker, &program).args(["--psk", key, "--psk-identity", identity]).run()
        };
        run("me", "00C0FFEE").prints("");
        run("you", "0abc").prints("");
        let (wrong, unknown) = (run("me", "00c0ff"), run("nobody", "00c0ffee"));
        assert_ne!(wrong.code, 0);
        assert_ne!(unknown.code, 0);
        // A wrong key and an unknown identity look the same. (mosquitto's words depend on the time that it takes.)
        assert!(wrong == unknown || program != ours("mqtt-pub"), "{wrong:?} {unknown:?}");
    }
    let log = broker.log();
    assert!(log.contains(", u'me').") && log.contains(", u'you')."), "{log}");
    assert!(!log.contains("c0ffee") && !log.contains("nobody"), "{log}");
    for version in ["-tls1_2", "-tls1_3"] {
        let client = Command::new("openssl")
            .args(["s_client", "-connect", &format!("127.0.0.1:{}", broker.port), version])
            .args(["-psk", "00c0ffee", "-psk_identity", "me"])
            .stdin(Stdio::null())
            .output();
        let Ok(client) = client else { continue };
        let text = String::from_utf8_lossy(&client.stdout).into_owned();
        assert!(text.contains(&version[1..].replace("tls1_", "TLSv1.")), "{text}");
        assert!(!text.contains("Cipher is (NONE)"), "{text}");
    }
}

#[test]
fn the_hint_is_sent_as_mosquitto_sends_it() {
    let certificates = Certificates::new();
    let keys = certificates.write("psk", "me:00c0ffee\n");
    for kind in [Kind::Ours, Kind::Mosquitto] {
        let lines = format!("psk_hint the building\npsk_file {keys}\nallow_anonymous true\n");
        let Some(broker) = Broker::with(kind, &lines) else { continue };
        let client = Command::new("openssl")
            .args(["s_client", "-connect", &format!("127.0.0.1:{}", broker.port), "-tls1_2"])
            .args(["-psk", "00c0ffee", "-psk_identity", "me"])
            .stdin(Stdio::null())
            .output();
        let Ok(client) = client else { return };
        let text = String::from_utf8_lossy(&client.stdout).into_owned();
        assert!(text.contains("PSK identity hint: the building\n"), "{kind:?}: {text}");
        assert!(text.contains("PSK identity: me\n"), "{kind:?}: {text}");
    }
    let (code, text) = refused(&certificates, &format!("psk_hint {}\npsk_file {keys}\n", "x".repeat(300)));
    assert_eq!(code, 1, "{text}");
    assert!(text.starts_with("Error: Unable to set TLS PSK hint"), "{text}");
}

#[test]
fn certificates_and_keys_may_be_offered_together() {
    let certificates = Certificates::new();
    let keys = certificates.write("psk", "me:00c0ffee\n");
    let broker = broker(&certificates, &format!("psk_hint hint\npsk_file {keys}\n"));
    for program in clients("mqtt-pub") {
        publish(&broker, &program).args(["--cafile", &certificates.path("ca.crt")]).run().prints("");
        publish(&broker, &program).args(["--psk", "00c0ffee", "--psk-identity", "me"]).run().prints("");
    }
}

#[test]
fn plain_text_at_a_tls_port_and_tls_at_a_plain_one() {
    let certificates = Certificates::new();
    let ca = certificates.path("ca.crt");
    let tls = broker(&certificates, "");
    let plain = Broker::start(Kind::Ours).unwrap();
    for program in clients("mqtt-pub") {
        assert_eq!(publish(&tls, &program).run().code, 7);
        assert_ne!(publish(&plain, &program).args(["--cafile", &ca]).run().code, 0);
    }
    tls.await_log("OpenSSL Error while talking to");
    plain.await_log("appears to be using TLS to connect to a non-TLS listener.");
    publish(&tls, &ours("mqtt-pub")).args(["--cafile", &ca]).run().prints("");
}

#[test]
fn a_thousand_who_stop_in_the_middle_of_a_handshake_keep_nobody_waiting() {
    let certificates = Certificates::new();
    let broker = broker(&certificates, "");
    let ca = ["--cafile", &certificates.path("ca.crt")];
    // The start of a ClientHello, of different lengths.
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 0, 0, 0, 0, 0];
    let mut stuck = Vec::new();
    for n in 0..1000 {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, broker.port)).unwrap();
        stream.write_all(&hello[..n % hello.len()]).unwrap();
        stuck.push(stream);
    }
    for _ in 0..3 {
        publish(&broker, &ours("mqtt-pub")).args(ca).run().prints("");
    }
    drop(stuck);
    until("everybody gone", || {
        (broker.log().matches("disconnected: connection closed by client.").count() >= 1000).then_some(())
    });
    publish(&broker, &ours("mqtt-pub")).args(ca).run().prints("");
}

#[test]
fn garbage_at_every_step_is_survived() {
    let certificates = Certificates::new();
    let broker = broker(&certificates, "");
    for bytes in [&b"\x16\x03\x01\xff\xff"[..], &[0; 500], b"GET / HTTP/1.1\r\n\r\n", &[0x80; 70_000]] {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, broker.port)).unwrap();
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    publish(&broker, &ours("mqtt-pub")).args(["--cafile", &certificates.path("ca.crt")]).run().prints("");
}

#[test]
fn a_reload_takes_up_certificates_revocations_and_keys() {
    let certificates = Certificates::new();
    certificates.issue_client("alice");
    let ca = certificates.path("ca.crt");
    let crl = certificates.revoke("crl", &[]);
    let lines = format!("require_certificate true\ncafile {ca}\ncrlfile {crl}\n");
    let broker = broker(&certificates, &lines);
    let certificate = ["--cert", &certificates.path("client.crt"), "--key", &certificates.path("client.key")];
    let publish = || publish(&broker, &ours("mqtt-pub")).args(["--cafile", &ca]).args(certificate).run();
    publish().prints("");
    let reload = |words: &str| {
        let before = broker.log().matches(words).count();
        broker.signal("-HUP");
        until(words, || (broker.log().matches(words).count() > before).then_some(()));
    };
    // Another certificate of the server, then a list that names the client's.
    certificates.issue(&Wanted { names: &["elsewhere.example"], ..Wanted::default() });
    reload("The configuration was reloaded.");
    let refused = publish();
    assert!(refused.stderr.contains("but for elsewhere.example"), "{refused:?}");
    certificates.issue(&Wanted { names: &["127.0.0.1"], ..Wanted::default() });
    certificates.revoke("crl", &[2]);
    reload("The configuration was reloaded.");
    assert_eq!(publish().code, 14);
    certificates.revoke("crl", &[]);
    reload("The configuration was reloaded.");
    publish().prints("");
    // What can't be used leaves the old one in force.
    certificates.write("server.crt", "nothing\n");
    reload("The configuration was not reloaded");
    publish().prints("");
}

#[test]
fn a_certificate_out_of_date_is_warned_of() {
    let certificates = Certificates::new();
    for (years, words) in [
        ((2020, 2021), "has expired on Jan  1 00:00:00 2021 GMT"),
        ((2080, 2090), "is not valid before Jan  1"),
    ] {
        certificates.issue(&Wanted { years, ..Wanted::default() });
        let conf = format!("user root\nlistener 0 {}\n{}", certificates.path("s"), server(&certificates));
        let file = certificates.write("conf", &conf);
        let test = Tool::new(&ours("mqtt-broker")).args(["-c", &file, "--test-config"]).run();
        let words =
            format!("Warning: The server certificate \"{}\" {words}", certificates.path("server.crt"));
        assert!(test.code == 0 && test.stderr.contains(&words), "{words}: {test:?}");
    }
}

/// Who has issued the certificate may be in `cafile` only: clients that trust the root are sent all between it and us.
#[test]
fn the_chain_is_completed_from_the_authorities() {
    let mut certificates = Certificates::new();
    let between = certificates.delegate("between.crt");
    certificates.issue(&Wanted { names: &["127.0.0.1"], ..Wanted::default() });
    let root = certificates.path("ca.crt");
    let all = fs::read_to_string(&between).unwrap() + &fs::read_to_string(&root).unwrap();
    let cafile = format!("cafile {}\n", certificates.write("all.crt", &all));
    for program in clients("mqtt-pub") {
        publish(&broker(&certificates, &cafile), &program).args(["--cafile", &root]).run().prints("");
    }
    let refused = publish(&broker(&certificates, ""), &ours("mqtt-pub")).args(["--cafile", &root]).run();
    assert!(refused.stderr.contains("unable to get local issuer certificate"), "{refused:?}");
}

/// Runs the broker's program with a configuration that it can't use.
fn refused(certificates: &Certificates, lines: &str) -> (i32, String) {
    let file =
        certificates.write("conf", &format!("user root\nlistener 0 {}\n{lines}", certificates.path("s")));
    let test = Tool::new(&ours("mqtt-broker")).args(["-c", &file, "--test-config"]).run();
    let start = Tool::new(&ours("mqtt-broker")).args(["-c", &file]).run();
    assert_ne!(test.code, 0, "{lines}: {test:?}");
    let text = |text: &str| -> String {
        let without_time =
            |line: &str| line.split_once(": ").map_or(line.to_owned(), |(_, rest)| rest.to_owned());
        text.lines().map(without_time).filter(|line| line.starts_with("Error")).collect::<Vec<_>>().join("\n")
    };
    assert!(text(&test.stderr).contains(&text(&start.stderr)), "{lines}: {test:?} {start:?}");
    (start.code, text(&start.stderr))
}

#[test]
fn what_is_wrong_is_said_at_the_start_and_when_it_is_tested() {
    let certificates = Certificates::new();
    let nothing = certificates.write("nothing", "nothing\n");
    let (crt, key) = (certificates.path("server.crt"), certificates.path("server.key"));
    certificates.issue_client("alice");
    let other = certificates.path("client.key");
    let bad_psk = certificates.write("psk", "# keys\nme:xyz\n");
    let pair = format!("certfile {crt}\nkeyfile {key}\n");
    for (lines, code, words) in [
        (
            format!("certfile {crt}\n"),
            3,
            "Error: Both certfile and keyfile must be provided to enable a TLS listener.",
        ),
        (format!("cafile {crt}\n"), 3, "Error: cafile specified without certfile and keyfile."),
        (
            format!("{pair}psk_hint h\ncafile {crt}\n"),
            3,
            "Error: Cannot use both certificate and psk encryption in a single listener.",
        ),
        (
            format!("{pair}enable_proxy_protocol 2\n"),
            3,
            "Error: certfile and keyfile cannot be used with `enable_proxy_protocol 2`.",
        ),
        (
            "enable_proxy_protocol 2\nuse_subject_as_username true\n".into(),
            3,
            "Error: use_subject_as_username cannot be used with `enable_proxy_protocol 2`.",
        ),
        ("enable_proxy_protocol 3\n".into(), 3, "Error: enable_proxy_protocol must be 1 or 2."),
        (
            format!("certfile {nothing}\nkeyfile {key}\n"),
            1,
            &format!("Error: Unable to load server certificate \"{nothing}\". Check certfile."),
        ),
        (
            format!("certfile {crt}\nkeyfile {nothing}\n"),
            1,
            &format!("Error: Unable to load server key file \"{nothing}\". Check keyfile."),
        ),
        (
            format!("certfile {crt}\nkeyfile {other}\n"),
            1,
            &format!(
                "Error: Server certificate/key are inconsistent. \"{other}\" is not the key of \"{crt}\"."
            ),
        ),
        (
            format!("certfile /none\nkeyfile {key}\n"),
            1,
            "Error: Unable to load server certificate \"/none\". Check certfile. No such file or directory.",
        ),
        (
            format!("certfile {crt}\nkeyfile /\n"),
            1,
            "Error: Unable to load server key file \"/\". Check keyfile. Is a directory.",
        ),
        ("psk_hint h\npsk_file /\n".into(), 13, "Error: Unable to open pwfile \"/\". Is a directory."),
        (
            format!("{pair}cafile {nothing}\n"),
            1,
            &format!("Error: Unable to load CA certificates. Check cafile \"{nothing}\"."),
        ),
        (
            format!("{pair}capath /none\n"),
            1,
            "Error: Unable to load CA certificates. Check capath \"/none\".",
        ),
        (
            format!("{pair}crlfile {nothing}\n"),
            1,
            &format!("Error: Unable to load certificate revocation file \"{nothing}\". Check crlfile."),
        ),
        (
            format!("{pair}ciphers nosuch\n"),
            1,
            "Error: Unable to set TLS ciphers. Check cipher list \"nosuch\".",
        ),
        (
            format!("{pair}ciphers_tls1.3 nosuch\n"),
            1,
            "Error: Unable to set TLS 1.3 ciphersuites. Check cipher_tls13 list \"nosuch\".",
        ),
        (format!("{pair}tls_version tlsv9\n"), 1, "Error: Unsupported tls_version \"tlsv9\"."),
        ("psk_hint h\npsk_file /none\n".into(), 13, "Error: Unable to open pwfile \"/none\"."),
        (
            format!("psk_hint h\npsk_file {bad_psk}\n"),
            3,
            "Error: psk for identity \"me\" contains non-hexadecimal characters.",
        ),
        (
            "tls_engine pkcs11\n".into(),
            3,
            "Error: Unable to load engine 'pkcs11': engines are not supported.",
        ),
        (
            "protocol websockets\nhttp_dir /none\n".into(),
            3,
            "Error: Unable to open http_dir \"/none\": it is no folder.",
        ),
    ] {
        let (found, text) = refused(&certificates, &lines);
        assert_eq!(found, code, "{lines}: {text}");
        assert!(text.starts_with(words), "{lines}: {text}");
    }
    let (_, text) = refused(&certificates, &format!("psk_hint h\npsk_file {bad_psk}\n"));
    assert!(text.contains(&format!("{bad_psk}:2")) && !text.contains("xyz"), "{text}");
}
