//! mqtt-rr beyond one request and one answer: lines, correlation, several answers, a responder, round trips.

use mqtt_toolkit::protocol::{
    Packet, Properties, PropertiesBuf, Property, Publish, QoS, ReasonCode, Version,
};

use super::super::harness::{Broker, Fake, Kind, Peer, Running};
use super::each;

/// A responder that is subscribed.
fn serve(broker: &Broker, id: &str, command: &str, flags: &[&str]) -> Running {
    let server = broker.tool("mqtt-rr").args(["-i", id, "-q", "1", "-t", "ask", "--serve", command]);
    let server = server.args(flags).env("PATH", "/usr/bin:/bin").start();
    broker.await_subscribed(id);
    server
}

#[test]
fn lines_are_asked_one_by_one_and_answered() {
    each(|broker| {
        let server = serve(broker, "server", "read n; printf %s $((n * n)); [ $MQTT_TOPIC = ask ]", &[]);
        let ask = broker.tool("mqtt-rr").args(["-q", "1", "-t", "ask", "-W", "20", "--correlate"]);
        ask.clone().args(["-l"]).run_with(b"2\n3\n4").prints("4\n9\n16\n");
        ask.clone().args(["-e", "my/answers", "-m", "5", "-v"]).run().prints("my/answers 25\n");
        ask.args(["-m", "6"]).run().prints("36\n");
        server.signal("-TERM");
        server.wait().prints("");
    });
}

#[test]
fn before_mqtt_5_the_responder_answers_to_its_own_topic() {
    each(|broker| {
        let server = serve(broker, "server", "tr a-z A-Z", &["-V", "311", "-e", "answer"]);
        let ask = broker.tool("mqtt-rr").args(["-V", "311", "-t", "ask", "-e", "answer", "-l", "-W", "20"]);
        ask.run_with(b"one\ntwo\n").prints("ONE\nTWO\n");
        server.signal("-INT");
        server.wait().prints("");
    });
}

#[test]
fn several_responders_answer_and_failed_commands_do_not() {
    each(|broker| {
        let servers =
            [serve(broker, "s1", "echo 1", &["-N"]), serve(broker, "s2", "echo 2", &["--exec-jobs", "3"])];
        let failing = serve(broker, "s3", "echo no; exit 9", &[]);
        let ask = broker.tool("mqtt-rr").args(["-q", "1", "-t", "ask", "-m", "x", "-W", "20", "-N"]);
        let answers = ask.args(["--responses", "2"]).run();
        assert_eq!((answers.code, answers.stderr.as_str()), (0, ""));
        let mut lines: Vec<&str> = answers.stdout.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["1", "2"]);
        super::super::harness::until("the warning", || {
            failing.stderr().contains("The command for 'ask' ended with exit status 9.").then_some(())
        });
        drop(servers);
    });
}

#[test]
fn answers_to_others_are_passed_over() {
    let fake = Fake::start(|listener| {
        let mut peer = Peer::subscribed(&listener, Version::V5);
        let (topic, data) = peer.read(|packet| match packet {
            Packet::Publish(publish) => {
                let properties = publish.properties;
                (
                    properties.response_topic().unwrap().to_owned(),
                    properties.correlation_data().unwrap().to_vec(),
                )
            }
            other => panic!("{other:?}"),
        });
        assert!(topic.starts_with("mqtt-rr/response/"), "{topic}");
        let mut answer = |payload: &[u8], data: Option<&[u8]>| {
            let properties: PropertiesBuf = data.map(Property::CorrelationData).into_iter().collect();
            peer.say(&Packet::Publish(Publish {
                dup: false,
                qos: QoS::AtMostOnce,
                retain: false,
                topic: &topic,
                packet_identifier: 0,
                properties: properties.as_properties(),
                payload,
            }));
        };
        answer(b"another's", Some(b"?"));
        answer(b"nobody's", None);
        answer(b"ours", Some(&data));
        assert_eq!(peer.read_text(), "Disconnect 0");
    });
    fake.tool("mqtt-rr").args(["-t", "a", "-m", "x", "--correlate"]).run().prints("ours\n");
    fake.finish();
}

#[test]
fn a_request_without_answer_is_27_and_a_refused_one_41() {
    each(|broker| {
        let ask = broker.tool("mqtt-rr").args(["-t", "nobody", "-l", "-W", "1"]);
        ask.run_with(b"x\ny\n").ends(27, "", "Timed out\n");
    });
    let fake = Fake::start(|listener| {
        let mut peer = Peer::subscribed(&listener, Version::V5);
        peer.read(|packet| assert!(matches!(packet, Packet::Publish(_))));
        peer.refuse(mqtt_toolkit::protocol::AckKind::PubAck, 2, ReasonCode::NOT_AUTHORIZED);
        assert_eq!(peer.read_text(), "Disconnect 0");
    });
    let ask = fake.tool("mqtt-rr").args(["-t", "a", "-q", "1", "-l"]);
    ask.run_with(b"x\n").ends(41, "", "Warning: Publish 2 failed: Not authorized.\n");
    fake.finish();
}

#[test]
fn round_trips_are_measured_and_compared_with_a_limit() {
    each(|broker| {
        for version in ["311", "5"] {
            let echo = broker.tool("mqtt-rr").args(["-V", version, "-q", "1", "--echo", "20", "-W", "20"]);
            let told = echo.clone().args(["--max-p99", "20000"]).run();
            assert_eq!((told.code, told.stderr.as_str()), (0, ""));
            assert!(told.stdout.starts_with("20 round trips: p50 "), "{}", told.stdout);
            assert_eq!(told.stdout.matches(" ms").count(), 3, "{}", told.stdout);
            let slow = echo.args(["-t", "a/b", "-m", "x", "--max-p99", "0.000001"]).run();
            assert_eq!(slow.code, 47, "{slow:?}");
        }
    });
}

#[test]
fn a_ping_tells_whether_the_broker_answers() {
    each(|broker| {
        for version in ["31", "311", "5"] {
            let ping = broker.tool("mqtt-pub").args(["-V", version, "--ping", "-k", "5"]).run();
            assert_eq!((ping.code, ping.stderr.as_str()), (0, ""));
            assert!(ping.stdout.starts_with("ping: ") && ping.stdout.ends_with(" ms\n"), "{}", ping.stdout);
        }
    });
    let fake = Fake::start(|listener| {
        let mut peer = Peer::welcome(&listener, Version::V311);
        assert_eq!(peer.read_text(), "PingReq");
        assert!(peer.is_closed(), "there was no answer in time");
        let mut peer = Peer::accept(&listener, Version::V311);
        peer.read_text();
        let code = ReasonCode(5);
        let properties = Properties::EMPTY;
        peer.say(&Packet::ConnAck(mqtt_toolkit::protocol::ConnAck {
            session_present: false,
            code,
            properties,
        }));
    });
    let ping = fake.tool("mqtt-pub").args(["--ping", "--connect-timeout", "0.5"]);
    ping.clone().run().ends(27, "", "Timed out\n");
    ping.run().ends(5, "", "Connection error: Connection Refused: not authorised\n");
    fake.finish();
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let hint = "\nUse 'mqtt-rr --help' to see usage.\n";
    let broker = Broker::start(Kind::Ours).unwrap();
    for (flags, error) in [
        (&["-t", "a", "--max-p99", "1"][..], "--max-p99 is for --echo, which is missing."),
        (
            &["--echo", "3", "--responses", "2"],
            "--echo goes neither with --serve nor with --responses nor with -l.",
        ),
        (
            &["-t", "a", "--serve", "x", "-m", "y"],
            "--serve answers requests; it goes neither with a message nor with --responses.",
        ),
        (
            &["-t", "a", "--serve", "x", "-V", "311"],
            "Before MQTT 5 requests don't name a response topic; --serve needs -e then.",
        ),
        (&["-t", "a", "-m", "x", "-V", "311"], "All of topic, message, and response topic must be supplied."),
        (
            &["-t", "a", "-e", "b", "-m", "x", "-V", "311", "--correlate"],
            "Correlation Data are MQTT 5; --correlate doesn't go with an older one.",
        ),
    ] {
        broker.tool("mqtt-rr").args(flags).run().ends(1, "", &format!("Error: {error}\n{hint}"));
    }
}
