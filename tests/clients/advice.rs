//! What to try next: at a terminal only, and behind mosquitto's own line.

use mqtt_toolkit::protocol::{AckKind, ConnAck, Packet, Properties, ReasonCode, Version};

use super::super::harness::{Fake, Peer};
use super::terminal::at_terminal;

/// What a program prints whose broker does as `script` says: at a terminal, and without one on standard error.
fn said(
    program: &str,
    flags: &[&str],
    script: impl Fn(&std::net::TcpListener) + Send + 'static,
) -> Option<(String, String)> {
    let broker = Fake::start(move |listener| {
        script(&listener);
        script(&listener);
    });
    let tool = broker.tool(program).args(["-t", "a/b"]).args(flags);
    let plain = tool.clone().run().stderr;
    let terminal = at_terminal(&tool, &[])?.wait().stdout.replace("\r\n", "\n");
    broker.finish();
    Some((plain, terminal))
}

#[test]
fn a_refused_connection_says_what_may_help() {
    for (flag, version, code, words, advice) in [
        (
            "311",
            Version::V311,
            1,
            "Connection Refused: unacceptable protocol version",
            "Try another version: -V mqttv5",
        ),
        (
            "5",
            Version::V5,
            0x84,
            "Unsupported Protocol Version. Try connecting to an MQTT v5 broker, or use MQTT v3.x mode.",
            "Try another version: -V mqttv311",
        ),
        ("311", Version::V311, 2, "Connection Refused: identifier rejected", "Try another ClientId"),
        (
            "311",
            Version::V311,
            4,
            "Connection Refused: bad user name or password",
            "Check the user name (-u)",
        ),
        ("311", Version::V311, 5, "Connection Refused: not authorised", "Check the user name (-u)"),
        ("5", Version::V5, 0x86, "Bad User Name or Password", "Check the user name (-u)"),
        ("5", Version::V5, 0x87, "Not authorized", "Check the user name (-u)"),
    ] {
        let refuse = move |listener: &std::net::TcpListener| {
            let mut peer = Peer::accept(listener, version);
            assert!(peer.read_text().starts_with("Connect"));
            let (code, properties) = (ReasonCode(code), Properties::EMPTY);
            peer.say(&Packet::ConnAck(ConnAck { session_present: false, code, properties }));
        };
        let Some((plain, terminal)) = said("mqtt-sub", &["-V", flag], refuse) else { return };
        assert_eq!(plain, format!("Connection error: {words}\n"));
        assert!(terminal.starts_with(&format!("{plain}{advice}")), "{terminal}");
    }
}

#[test]
fn a_denied_subscription_is_named_with_its_reason() {
    let all = "All subscription requests were denied.\n";
    for (flag, version, codes, plain, advice) in [
        (
            "311",
            Version::V311,
            &[0x80, 0x80][..],
            all,
            "'a/b' was denied: no reason is given; with -V mqttv5",
        ),
        ("5", Version::V5, &[0x87, 0x8F], all, "'a/b' was denied: Not authorized. This user (-u)"),
        ("5", Version::V5, &[0x87, 0x8F], all, "'+/c' was denied: Topic Filter invalid.\n"),
        ("5", Version::V5, &[0, 0xA2], "", "'+/c' was denied: Wildcard Subscriptions not supported."),
    ] {
        let deny = move |listener: &std::net::TcpListener| Peer::welcome(listener, version).grant(codes);
        let Some((piped, terminal)) = said("mqtt-sub", &["-t", "+/c", "-E", "-V", flag], deny) else {
            return;
        };
        assert_eq!(piped, plain);
        assert!(terminal.starts_with(&format!("{plain}The subscription to ")), "{terminal}");
        assert!(terminal.contains(advice), "{advice}: {terminal}");
    }
}

#[test]
fn a_denied_message_is_explained_once() {
    let deny = |listener: &std::net::TcpListener| {
        let mut peer = Peer::welcome(listener, Version::V5);
        for _ in 0..2 {
            let id = peer.read(|packet| match packet {
                Packet::Publish(publish) => publish.packet_identifier,
                other => panic!("PUBLISH expected: {other:?}"),
            });
            peer.refuse(AckKind::PubAck, id, ReasonCode(0x87));
        }
    };
    let flags = ["-V", "5", "-q", "1", "-m", "x", "--repeat", "2"];
    let Some((piped, terminal)) = said("mqtt-pub", &flags, deny) else { return };
    assert_eq!(
        piped,
        "Warning: Publish 1 failed: Not authorized.\nWarning: Publish 2 failed: Not authorized.\n"
    );
    assert_eq!(terminal.matches("Warning: Publish ").count(), 2, "{terminal}");
    assert_eq!(terminal.matches("This user (-u) may not publish to that topic").count(), 1, "{terminal}");
}

#[test]
fn who_asks_or_serves_learns_what_was_denied() {
    for (flags, filter) in [
        (&["-e", "r", "-m", "x"][..], "r"),
        (&["-e", "r", "-l"], "r"),
        (&["-e", "r", "--echo", "2"], "a/b"),
        (&["--serve", "cat"], "a/b"),
    ] {
        let deny = |listener: &std::net::TcpListener| Peer::welcome(listener, Version::V5).grant(&[0x87]);
        let flags: Vec<&str> = [&["-V", "5"], flags].concat();
        let Some((piped, terminal)) = said("mqtt-rr", &flags, deny) else { return };
        assert_eq!(piped, "Not authorized\n", "{flags:?}");
        let advice =
            format!("Not authorized\nThe subscription to '{filter}' was denied: Not authorized. This user");
        assert!(terminal.contains(&advice), "{flags:?}: {terminal}");
    }
}
