//! Reaching the broker, and what CONNECT says to it.

use std::net::{Ipv4Addr, TcpListener};

use mqtt_toolkit::protocol::{ConnAck, Packet, Properties, ReasonCode, Version};

use super::super::harness::{Broker, Fake, Kind, Peer, Tool, free_port, ours};
use super::each;

/// The part of the broker's log that tells who has connected, and how.
fn connected(broker: &Broker, name: &str) -> String {
    broker.await_log(&format!(" as {name}"));
    let log = broker.log();
    let line = log.lines().find(|line| line.contains(&format!(" as {name}"))).unwrap();
    let line = line.split_once(" as ").unwrap().1;
    if broker.kind == Kind::Ours {
        return line.to_owned();
    }
    // mosquitto 2.0 numbers the versions 1, 2, 5; 2.1 and ours say what CONNECT says.
    line.replace("(p1,", "(p3,").replace("(p2,", "(p4,")
}

#[test]
fn each_version_connects_as_it_was_told() {
    each(|broker| {
        for (flag, number) in
            [("mqttv31", 3), ("mqttv311", 4), ("mqttv5", 5), ("31", 3), ("311", 4), ("5", 5)]
        {
            let id = format!("id-{flag}");
            broker
                .tool("mqtt-pub")
                .args(["-V", flag, "-i", &id, "-t", "a", "-m", "x", "-k", "77"])
                .run()
                .prints("");
            assert_eq!(connected(broker, &id), format!("{id} (p{number}, c1, k77)."));
        }
    });
}

#[test]
fn user_and_clean_session_and_prefix_are_passed_on() {
    each(|broker| {
        broker
            .tool("mqtt-sub")
            .args(["-u", "me", "-P", "secret", "-i", "keeper", "-c", "-q", "1", "-t", "a", "-E"])
            .run()
            .prints("");
        assert_eq!(connected(broker, "keeper"), "keeper (p4, c0, k60, u'me').");
        assert!(!broker.log().contains("secret"));
        broker.tool("mqtt-pub").args(["-I", "pre", "-t", "a", "-m", "x"]).run().prints("");
        let name = connected(broker, "pre");
        let digits = name.strip_prefix("pre").unwrap().split(' ').next().unwrap();
        assert!(digits.parse::<u32>().is_ok(), "the process id: {name}");
    });
}

#[test]
fn the_local_address_can_be_chosen() {
    each(|broker| {
        broker.tool("mqtt-pub").args(["-A", "127.0.0.3", "-t", "a", "-m", "x", "--nodelay"]).run().prints("");
        broker.await_log("New connection from 127.0.0.3");
    });
}

#[test]
fn a_unix_socket_is_reached_by_each_of_its_spellings() {
    for kind in [Kind::Mosquitto, Kind::Ours] {
        let Some((_broker, socket)) = Broker::with_unix_socket(kind) else { continue };
        let socket = socket.to_str().unwrap();
        for place in [&["--unix", socket][..], &["-h", socket, "-p", "0"]] {
            Tool::new(&ours("mqtt-pub")).args(place).args(["-t", "a", "-m", "x", "-r"]).run().prints("");
            Tool::new(&ours("mqtt-sub")).args(place).args(["-t", "a", "-C", "1"]).run().prints("x\n");
        }
    }
}

#[test]
fn the_environment_gives_what_no_flag_does() {
    each(|broker| {
        let port = broker.port.to_string();
        Tool::new(&ours("mqtt-pub"))
            .args(["-t", "a", "-m", "x", "-r"])
            .env("MQTT_HOST", "127.0.0.1")
            .env("MQTT_PORT", &port)
            .run()
            .prints("");
        Tool::new(&ours("mqtt-sub"))
            .args(["-t", "a", "-C", "1"])
            .env("MQTT_URL", format!("mqtt://127.0.0.1:{port}"))
            .run()
            .prints("x\n");
        let url = format!("mqtt://127.0.0.1:{port}/a");
        Tool::new(&ours("mqtt-sub")).args(["-L", &url, "-C", "1"]).env("MQTT_PORT", "1").run().prints("x\n");
    });
}

#[test]
fn a_broker_that_is_not_there_is_an_error_at_once() {
    let port = free_port().to_string();
    for (tool, arguments) in [
        ("mqtt-pub", &["-t", "a", "-m", "x"][..]),
        ("mqtt-pub", &["-t", "a", "-l"]),
        ("mqtt-sub", &["-t", "a"]),
        ("mqtt-rr", &["-t", "a", "-e", "b", "-m", "x"]),
    ] {
        let tool = Tool::new(&ours(tool)).args(arguments).args(["-h", "127.0.0.1", "-p", &port]);
        tool.clone().run().ends(1, "", "Error: Connection refused\n");
        tool.args(["--quiet"]).run().ends(1, "", "");
    }
    let lost = Tool::new(&ours("mqtt-pub")).args(["-h", "nosuch.invalid", "-t", "a", "-m", "x"]).run();
    lost.ends(1, "", "Unable to connect (Lookup error).\n");
    let path = format!("/tmp/{}", "x".repeat(110));
    let long = Tool::new(&ours("mqtt-pub")).args(["--unix", &path, "-t", "a", "-m", "x"]).run();
    long.ends(1, "", "Unable to connect (Invalid input).\n");
}

/// A listener that answers one CONNECT with this.
fn refusing(version: Version, code: ReasonCode) -> Fake {
    Fake::start(move |listener: TcpListener| {
        let mut peer = Peer::accept(&listener, version);
        peer.read_text();
        let properties = Properties::EMPTY;
        peer.say(&Packet::ConnAck(ConnAck { session_present: false, code, properties }));
        while !peer.is_closed() {
            peer.read_text();
        }
    })
}

#[test]
fn a_refusal_s_code_is_the_exit_code() {
    let words = [
        "unacceptable protocol version",
        "identifier rejected",
        "broker unavailable",
        "bad user name or password",
        "not authorised",
    ];
    for (code, words) in (1..).zip(words) {
        let line = format!("Connection error: Connection Refused: {words}\n");
        let fake = refusing(Version::V311, ReasonCode(code));
        let outcome = fake.tool("mqtt-pub").args(["-t", "a", "-m", "x"]).run();
        outcome.ends(code.into(), "", &format!("{line}Error: The connection was refused\n"));
        fake.finish();
        let fake = refusing(Version::V311, ReasonCode(code));
        fake.tool("mqtt-sub").args(["-t", "a"]).run().ends(code.into(), "", &line);
        fake.finish();
    }
    for (code, words) in [(135, "Not authorized"), (134, "Bad User Name or Password"), (137, "Server busy")] {
        let line = format!("Connection error: {words}\n");
        let fake = refusing(Version::V5, ReasonCode(code));
        fake.tool("mqtt-sub").args(["-t", "a", "-V", "5"]).run().ends(code.into(), "", &line);
        fake.finish();
        let fake = refusing(Version::V5, ReasonCode(code));
        fake.tool("mqtt-rr").args(["-t", "a", "-e", "b", "-m", "x"]).run().ends(code.into(), "", &line);
        fake.finish();
    }
}

#[test]
fn a_broker_that_knows_no_5_0_says_so_in_its_own_way() {
    let fake = Fake::start(|listener| {
        let mut peer = Peer::accept(&listener, Version::V5);
        peer.read_text();
        peer.say_bytes(&[0x20, 2, 0, 1]);
        while !peer.is_closed() {
            peer.read_text();
        }
    });
    fake.tool("mqtt-sub").args(["-t", "a", "-V", "5"]).run().ends(
        132,
        "",
        "Connection error: Unsupported Protocol Version. Try connecting to an MQTT v5 broker, or use MQTT v3.x mode.\n",
    );
    fake.finish();
}

#[test]
fn a_will_is_published_when_the_client_dies_and_not_when_it_leaves() {
    each(|broker| {
        let will = ["--will-topic", "w", "--will-payload", "gone", "--will-qos", "1", "--will-retain"];
        let watcher = broker.tool("mqtt-sub").args(["-i", "watcher", "-t", "w", "-q", "1", "-v"]).start();
        broker.await_subscribed("watcher");
        broker.tool("mqtt-pub").args(["-t", "w", "-m", "before"]).args(will).run().prints("");
        let dying = broker.tool("mqtt-sub").args(["-i", "dying", "-t", "x"]).args(will).start();
        broker.await_subscribed("dying");
        dying.signal("-KILL");
        watcher.await_stdout("w gone\n");
        assert_eq!(watcher.stdout(), "w before\nw gone\n");
        broker.tool("mqtt-sub").args(["-t", "w", "-C", "1"]).run().prints("gone\n");
    });
}

#[test]
fn a_silent_broker_is_given_up_after_the_keep_alive() {
    // The listener takes connections and never says a word.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let silent =
        Tool::new(&ours("mqtt-pub")).args(["-h", "127.0.0.1", "-p", &port, "-t", "a", "-m", "x", "-k", "5"]);
    silent.run().ends(7, "", "Error: The connection was lost\n");
}
