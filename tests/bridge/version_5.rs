//! MQTT 5.0: what CONNECT says, which limits of the remote broker are kept to, and what goes along with a message.

use mqtt_toolkit::protocol::{
    AckKind, ConnAck, Packet, Properties, PropertiesBuf, Property, Publish, QoS, ReasonCode, SubAck,
    UnsubAck, Version,
};

use super::super::harness::{Broker, Fake, Kind, Peer, until};
use super::{OPEN, bridged, each_remote, lines, publish, subscriber};

/// Answers CONNECT with these properties; what it said.
fn greet(peer: &mut Peer, properties: &[Property<'_>]) -> String {
    let said = peer.read_text();
    let properties: PropertiesBuf = properties.iter().copied().collect();
    let properties = properties.as_properties();
    peer.say(&Packet::ConnAck(ConnAck { session_present: false, code: ReasonCode::SUCCESS, properties }));
    said
}

/// Reads up to a message on a topic and answers all that comes before it.
fn await_message(peer: &mut Peer, wanted: &str) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        enum Answer {
            Nothing,
            Ack(u16),
            SubAck(u16),
            UnsubAck(u16),
        }
        let (text, answer, found) = peer.read(|packet| match packet {
            Packet::Publish(p) => {
                let text = format!(
                    "{} q{} r{} {}{}",
                    p.topic,
                    p.qos as u8,
                    u8::from(p.retain),
                    String::from_utf8_lossy(p.payload),
                    p.properties.iter().map(|property| format!(" {property:?}")).collect::<String>()
                );
                let answer = match p.qos {
                    QoS::AtMostOnce => Answer::Nothing,
                    _ => Answer::Ack(p.packet_identifier),
                };
                (text, answer, p.topic == wanted)
            }
            Packet::Subscribe(s) => (format!("{s:?}"), Answer::SubAck(s.packet_identifier), false),
            Packet::Unsubscribe(u) => (format!("{u:?}"), Answer::UnsubAck(u.packet_identifier), false),
            other => (format!("{other:?}"), Answer::Nothing, false),
        });
        texts.push(text);
        let properties = Properties::EMPTY;
        match answer {
            Answer::Nothing => {}
            Answer::Ack(id) => peer.acknowledge(AckKind::PubAck, id),
            Answer::SubAck(packet_identifier) => {
                peer.say(&Packet::SubAck(SubAck { packet_identifier, properties, codes: &[1] }));
            }
            Answer::UnsubAck(packet_identifier) => {
                peer.say(&Packet::UnsubAck(UnsubAck { packet_identifier, properties, codes: &[0] }));
            }
        }
        if found {
            return texts;
        }
    }
}

#[test]
fn connect_says_what_is_configured() {
    for (more, expected) in [
        ("", &["TopicAliasMaximum(10)", "ReceiveMaximum(20)"][..]),
        ("bridge_max_topic_alias 0\n", &["ReceiveMaximum(20)"]),
        (
            "bridge_max_topic_alias 3\nbridge_receive_maximum 7\nbridge_session_expiry_interval 90\n",
            &["TopicAliasMaximum(3)", "ReceiveMaximum(7)", "SessionExpiryInterval(90)"],
        ),
    ] {
        let fake = Fake::start(move |listener| {
            let mut peer = Peer::accept(&listener, Version::V5);
            let said = peer.read(|packet| match packet {
                Packet::Connect(connect) => {
                    let properties = connect.properties.iter().map(|property| format!("{property:?}"));
                    assert_eq!(connect.client_id, "br");
                    properties.collect::<Vec<_>>()
                }
                other => panic!("{other:?}"),
            });
            assert_eq!(said, expected);
        });
        let more = format!("topic a/# both 1\nbridge_protocol_version mqttv50\n{more}");
        let here = Broker::with(Kind::Ours, &lines(fake.port(), &more)).unwrap();
        fake.finish();
        drop(here);
    }
}

#[test]
fn the_remote_brokers_limits_are_kept_to() {
    let fake = Fake::start(|listener| {
        let mut peer = Peer::accept(&listener, Version::V5);
        greet(
            &mut peer,
            &[
                Property::MaximumQoS(QoS::AtLeastOnce),
                Property::RetainAvailable(false),
                Property::MaximumPacketSize(60),
            ],
        );
        let texts = await_message(&mut peer, "a/end");
        let messages: Vec<&String> = texts.iter().filter(|text| text.starts_with("a/")).collect();
        assert_eq!(messages, ["a/0 q0 r0 x", "a/2 q1 r0 x", "a/kept q1 r0 x", "a/end q0 r0 x"]);
    });
    let more = "topic a/# out 2\nbridge_protocol_version mqttv50\nnotifications false\n";
    let here = bridged_to(fake.port(), more);
    publish(&here, "a/0", "x", &[]);
    publish(&here, "a/2", "x", &["-q", "2"]);
    publish(&here, "a/kept", "x", &["-q", "1", "-r"]);
    publish(&here, "a/long", &"x".repeat(100), &["-q", "1"]);
    here.await_log("Dropping too large outgoing PUBLISH for b");
    publish(&here, "a/end", "x", &[]);
    fake.finish();
}

fn bridged_to(port: u16, more: &str) -> Broker {
    let here = Broker::with(Kind::Ours, &lines(port, more)).unwrap();
    here.await_log("Bridge b connected to");
    here
}

#[test]
fn the_longest_packet_is_what_both_sides_allow() {
    each_remote(|remote| {
        for version in ["mqttv311", "mqttv50"] {
            let more = format!(
                "topic a/# out 1\nbridge_max_packet_size 50\nbridge_protocol_version {version}\ncleansession true\n"
            );
            let here = bridged(remote, &more);
            let there = subscriber(remote, &format!("there-{version}"), &["-q", "1", "-t", "a/#"]);
            publish(&here, "a/long", &"x".repeat(50), &["-q", "1"]);
            publish(&here, "a/short", version, &["-q", "1"]);
            there.await_stdout(&format!("a/short {version}\n"));
            assert!(!there.stdout().contains("a/long"), "{version}: {}", there.stdout());
        }
    });
}

#[test]
fn topic_aliases_of_the_remote_broker_are_resolved_and_messages_expire_on_the_way() {
    let fake = Fake::start(|listener| {
        let mut peer = Peer::accept(&listener, Version::V5);
        greet(&mut peer, &[Property::TopicAliasMaximum(5)]);
        // Outward: what is left of the expiry, and properties as they were.
        let texts = await_message(&mut peer, "r/a/out");
        let message = texts.last().unwrap();
        assert!(message.starts_with("r/a/out q1 r0 x "), "{message}");
        assert!(
            message.contains("MessageExpiryInterval(100") || message.contains("MessageExpiryInterval(99")
        );
        for part in ["ContentType(\"t\")", "UserProperty(\"k\", \"v\")", "ResponseTopic(\"re\")"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        // Inward: the second one has only the alias.
        for (topic, payload) in [("r/a/in", &b"1"[..]), ("", b"2"), ("r/a/other", b"3"), ("", b"4")] {
            let alias = if payload < &b"3"[..] { 1 } else { 2 };
            let properties: PropertiesBuf =
                [Property::TopicAlias(alias), Property::MessageExpiryInterval(100)].into_iter().collect();
            peer.say(&Packet::Publish(Publish {
                dup: false,
                qos: QoS::AtMostOnce,
                retain: false,
                topic,
                packet_identifier: 0,
                properties: properties.as_properties(),
                payload,
            }));
        }
        await_message(&mut peer, "r/a/end");
    });
    let more = "topic a/# both 1 \"\" r/\nbridge_protocol_version mqttv50\nnotifications false\n";
    let here = bridged_to(fake.port(), more);
    let sub = subscriber(&here, "sub", &["-V", "5", "-t", "a/in", "-t", "a/other", "-F", "%t %p %E"]);
    let publisher = here.tool("mqtt-pub").args(["-V", "5", "-q", "1", "-t", "a/out", "-m", "x"]);
    let properties = ["message-expiry-interval", "100", "content-type", "t", "response-topic", "re"];
    let mut arguments = Vec::new();
    for pair in properties.chunks(2) {
        arguments.extend(["-D", "publish", pair[0], pair[1]]);
    }
    arguments.extend(["-D", "publish", "user-property", "k", "v"]);
    publisher.args(arguments).run().prints("");
    let out = sub.out.wait_for_lines(4);
    let (seen, left): (Vec<&str>, Vec<&str>) = out.lines().map(|line| line.rsplit_once(' ').unwrap()).unzip();
    assert_eq!(seen, ["a/in 1", "a/in 2", "a/other 3", "a/other 4"]);
    // It may have taken its time.
    assert!(left.iter().all(|left| (1..=100).contains(&left.parse().unwrap())), "{out}");
    publish(&here, "a/end", "x", &[]);
    fake.finish();
}

#[test]
fn a_message_that_expires_while_it_waits_does_not_go_out() {
    let port = super::super::harness::free_port();
    let more = "topic a/# out 1\nbridge_protocol_version mqttv50\nbridge_session_expiry_interval 1000\n";
    let here = Broker::with(Kind::Ours, &lines(port, more)).unwrap();
    here.await_log("Error creating bridge: Connection refused.");
    let expires = ["-V", "5", "-D", "publish", "message-expiry-interval", "1"];
    publish(&here, "a/short", "x", &[&["-q", "1"][..], &expires].concat());
    publish(&here, "a/r", "x", &[&["-q", "1", "-r"][..], &expires].concat());
    publish(&here, "a/long", "x", &["-q", "1"]);
    // It has expired when it isn't retained any more.
    until("its end", || {
        let seen = here.tool("mqtt-sub").args(["-t", "a/r", "-t", "none", "-W", "1"]).run();
        seen.stdout.is_empty().then_some(())
    });
    let Some(remote) = Broker::at(Kind::Mosquitto, port, OPEN) else { return };
    remote.await_log("'a/long'");
    assert!(!remote.log().contains("'a/short'"), "{}", remote.log());
}

#[test]
fn a_bridge_unsubscribes_from_what_only_goes_out_if_so_wanted() {
    for (version, wanted) in [("mqttv311", true), ("mqttv50", true), ("mqttv311", false)] {
        let fake = Fake::start(move |listener| {
            let protocol = if version == "mqttv50" { Version::V5 } else { Version::V311 };
            let mut peer = Peer::accept(&listener, protocol);
            greet(&mut peer, &[]);
            let texts = await_message(&mut peer, "o/end");
            let unsubscribed = texts.iter().filter(|text| text.starts_with("Unsubscribe")).count();
            let subscribed = texts.iter().filter(|text| text.starts_with("Subscribe")).count();
            assert_eq!((unsubscribed, subscribed), (usize::from(wanted), 2), "{texts:#?}");
        });
        let more = format!(
            "topic o/# out 1\ntopic i/# in 1\ntopic b/# both 1\nbridge_protocol_version {version}\n\
             bridge_attempt_unsubscribe {wanted}\nnotifications false\n"
        );
        let here = bridged_to(fake.port(), &more);
        publish(&here, "o/end", "x", &[]);
        fake.finish();
    }
}

#[test]
fn a_remote_broker_that_refuses_bridges_is_asked_again_without_saying_that_it_is_one() {
    for (private, expected) in [(true, &[true, false][..]), (false, &[false])] {
        let fake = Fake::start(move |listener| {
            for (n, bridge) in expected.iter().enumerate() {
                let mut peer = Peer::accept(&listener, Version::V311);
                let said = peer.read(|packet| match packet {
                    Packet::Connect(connect) => connect.bridge,
                    other => panic!("{other:?}"),
                });
                assert_eq!(said, *bridge);
                if n + 1 == expected.len() {
                    let code = ReasonCode::SUCCESS;
                    let properties = Properties::EMPTY;
                    peer.say(&Packet::ConnAck(ConnAck { session_present: false, code, properties }));
                    await_message(&mut peer, "a/end");
                } else {
                    peer.say_bytes(&[0x20, 2, 0, 1]);
                }
            }
        });
        let more = format!("topic a/# out 1\ntry_private {private}\nnotifications false\n");
        let here = bridged_to(fake.port(), &more);
        publish(&here, "a/end", "x", &[]);
        fake.finish();
    }
}

#[test]
fn over_a_restart_of_one_of_ours_each_message_comes_once_with_5_0_too() {
    const MESSAGES: usize = 2_000;
    let numbers: String = (0..=MESSAGES).map(|n| format!("{n}\n")).collect();
    for way in ["out", "in"] {
        let (folder, port) = (tempfile::tempdir().unwrap(), super::super::harness::free_port());
        let kept = format!("{OPEN}persistence true\npersistence_location {}/\n", folder.path().display());
        let remote = Broker::at(Kind::Ours, port, &kept).unwrap();
        let here = Broker::with(Kind::Ours, &lines(port, &format!("topic a/# {way} 2\n"))).unwrap();
        here.await_log("Bridge b connected to");
        here.await_log("reconnecting using MQTT v5.0.");
        let (from, to) = if way == "out" { (&here, &remote) } else { (&remote, &here) };
        if way == "in" {
            remote.await_subscribed("br");
        }
        let sub = to.tool("mqtt-sub").args(["-i", "s", "-c", "-q", "2", "-t", "a/#"]).start();
        to.await_subscribed("s");
        let mut publisher =
            from.tool("mqtt-pub").args(["-i", "p", "-c", "-t", "a/n", "-q", "2", "-l"]).start();
        publisher.write(numbers.as_bytes());
        publisher.close_input();
        sub.out.wait_for_lines(200);
        remote.stop();
        let remote = Broker::at(Kind::Ours, port, &kept).unwrap();
        sub.await_stdout(&format!("{MESSAGES}\n"));
        let all = sub.out.wait_for_lines(MESSAGES + 1);
        let mut seen: Vec<usize> = all.lines().map(|line| line.parse().unwrap()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..=MESSAGES).collect::<Vec<_>>(), "{way}");
        drop((remote, here));
    }
}
