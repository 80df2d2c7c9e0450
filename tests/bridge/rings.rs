//! Brokers in a row, in a ring, and joined twice: every message comes to all of them, and none goes round for ever.

use super::super::harness::{Broker, Kind, Running, free_port};
use super::{OPEN, publish, subscriber};

/// A bridge to the broker at a port.
fn bridge(name: &str, to: u16, topics: &str, more: &str) -> String {
    format!(
        "connection {name}\naddress 127.0.0.1:{to}\nremote_clientid {name}\nrestart_timeout 1\n{topics}\n{more}\n"
    )
}

/// How often a line was printed.
fn times(sub: &Running, line: &str) -> usize {
    sub.stdout().lines().filter(|printed| *printed == line).count()
}

/// Three of our brokers, each with a bridge to the next.
fn ring(topics: &str, more: &str) -> [Broker; 3] {
    let ports = [free_port(), free_port(), free_port()];
    let start = |n: usize| {
        let lines = format!("{OPEN}{}", bridge(&format!("ring{n}"), ports[(n + 1) % 3], topics, more));
        Broker::at(Kind::Ours, ports[n], &lines).unwrap()
    };
    let brokers = [start(0), start(1), start(2)];
    for (n, broker) in brokers.iter().enumerate() {
        broker.await_log(&format!("Bridge ring{n} connected to"));
        if !topics.contains("out") {
            brokers[(n + 1) % 3].await_subscribed(&format!("ring{n}"));
        }
    }
    brokers
}

/// Says something at each of them, and then so much that whatever goes round has come round many times.
fn talk(brokers: &[Broker; 3], subs: &[Running], qos: &str) {
    for (n, broker) in brokers.iter().enumerate() {
        publish(broker, &format!("a/{n}"), "x", &["-q", qos]);
    }
    for round in 0..10 {
        let from = round % 3;
        publish(&brokers[from], &format!("round/{round}"), "x", &["-q", qos]);
        for sub in subs {
            sub.await_stdout(&format!("round/{round} x\n"));
        }
    }
}

#[test]
fn nothing_goes_round_for_ever_in_a_ring_of_three_of_ours() {
    for (topics, copies) in [("topic # both 2", 2), ("topic # out 2", 1), ("topic # in 2", 1)] {
        for version in ["", "bridge_protocol_version mqttv50\nbridge_session_expiry_interval 1000"] {
            let brokers = ring(topics, version);
            let subs = brokers.each_ref().map(|broker| subscriber(broker, "all", &["-q", "2", "-t", "#"]));
            for qos in ["0", "1", "2"] {
                talk(&brokers, &subs, qos);
            }
            for (n, sub) in subs.iter().enumerate() {
                for said in 0..3 {
                    let seen = times(sub, &format!("a/{said} x"));
                    // Three messages: here each once, elsewhere once by each way there is.
                    let most = if said == n { 3 } else { 3 * copies };
                    assert!(
                        (3..=most).contains(&seen),
                        "{topics}: a/{said} at {n}: {seen}\n{}",
                        sub.stdout()
                    );
                }
            }
        }
    }
}

#[test]
fn nobody_else_sees_where_a_message_has_been() {
    let brokers = ring("topic # both 1", "");
    let form = ["-V", "5", "-q", "1", "-t", "#", "-F", "%r %t %p %P"];
    let subs = brokers.each_ref().map(|broker| subscriber(broker, "all", &form));
    publish(&brokers[0], "a", "x", &["-q", "1"]);
    publish(&brokers[1], "kept", "x", &["-q", "1", "-r"]);
    publish(&brokers[2], "k", "x", &["-V", "5", "-q", "1", "-D", "publish", "user-property", "k", "v"]);
    for sub in &subs {
        sub.await_stdout("0 a x \n");
        sub.await_stdout("0 kept x \n");
        sub.await_stdout("0 k x k:v\n");
        assert!(!sub.stdout().contains("mqtt-broker"), "{}", sub.stdout());
    }
    for broker in &brokers {
        let retained =
            broker.tool("mqtt-sub").args(["-V", "5", "-t", "kept", "-C", "1", "-F", "%r %t %p %P"]);
        retained.run().prints("1 kept x \n");
    }
}

#[test]
fn a_stranger_is_told_nothing_of_our_own() {
    let Some(stranger) = Broker::with(Kind::Mosquitto, OPEN) else { return };
    let v5 = "bridge_protocol_version mqttv50\nbridge_session_expiry_interval 1000";
    let middle = format!("{OPEN}{}", bridge("out", stranger.port, "topic # both 1", v5));
    let middle = Broker::with(Kind::Ours, &middle).unwrap();
    let first = format!("{OPEN}{}", bridge("first", middle.port, "topic # both 1", v5));
    let first = Broker::with(Kind::Ours, &first).unwrap();
    first.await_log("Bridge first connected to");
    middle.await_subscribed("first");
    stranger.await_subscribed("out");
    let form = ["-V", "5", "-q", "1", "-t", "#", "-F", "%t %p %P"];
    let there = subscriber(&stranger, "all", &form);
    let here = subscriber(&first, "all", &form);
    publish(&first, "a", "x", &["-V", "5", "-q", "1", "-D", "publish", "user-property", "k", "v"]);
    publish(&stranger, "b", "x", &["-V", "5", "-q", "1"]);
    there.await_stdout("a x k:v\n");
    here.await_stdout("b x \n");
    for sub in [&there, &here] {
        assert!(!sub.stdout().contains("mqtt-broker"), "{}", sub.stdout());
    }
}

#[test]
fn mosquittos_bridge_is_told_nothing_of_our_own_either() {
    let middle = Broker::with(Kind::Ours, OPEN).unwrap();
    let v5 = "bridge_protocol_version mqttv50";
    let lines = format!("{OPEN}{}", bridge("theirs", middle.port, "topic # both 1", v5));
    let Some(theirs) = Broker::with(Kind::Mosquitto, &lines) else { return };
    let first = format!("{OPEN}{}", bridge("first", middle.port, "topic # both 1", ""));
    let first = Broker::with(Kind::Ours, &first).unwrap();
    middle.await_subscribed("first");
    middle.await_subscribed("theirs");
    let there = subscriber(&theirs, "all", &["-V", "5", "-q", "1", "-t", "#", "-F", "%t %p %P"]);
    publish(&first, "a", "x", &["-q", "1"]);
    there.await_stdout("a x \n");
    assert!(!there.stdout().contains("mqtt-broker"), "{}", there.stdout());
}

#[test]
fn brokers_in_a_row_hear_everything_once() {
    for (kind, middle) in
        [(Kind::Ours, Kind::Mosquitto), (Kind::Mosquitto, Kind::Ours), (Kind::Ours, Kind::Ours)]
    {
        let Some(middle) = Broker::with(middle, OPEN) else { return };
        let end = |name: &str| {
            let lines = format!("{OPEN}{}", bridge(name, middle.port, "topic # both 1", ""));
            let broker = Broker::with(kind, &lines);
            middle.await_subscribed(name);
            broker
        };
        let (Some(left), Some(right)) = (end("left"), end("right")) else { return };
        let subs = [&left, &middle, &right].map(|broker| subscriber(broker, "all", &["-q", "1", "-t", "#"]));
        for (broker, topic) in [(&left, "from/left"), (&middle, "from/middle"), (&right, "from/right")] {
            publish(broker, topic, "x", &["-q", "1"]);
            for sub in &subs {
                sub.await_stdout(&format!("{topic} x\n"));
            }
        }
        for sub in &subs {
            assert_eq!(sub.stdout().lines().count(), 3, "{}", sub.stdout());
        }
    }
}

#[test]
fn brokers_joined_from_both_sides_hear_everything_at_most_once_by_each_way() {
    let ports = [free_port(), free_port()];
    let broker = |n: usize| {
        let lines = format!("{OPEN}{}", bridge(&format!("b{n}"), ports[1 - n], "topic # both 1", ""));
        Broker::at(Kind::Ours, ports[n], &lines).unwrap()
    };
    let brokers = [broker(0), broker(1)];
    for n in 0..2 {
        brokers[1 - n].await_subscribed(&format!("b{n}"));
    }
    let subs = brokers.each_ref().map(|broker| subscriber(broker, "all", &["-q", "1", "-t", "#"]));
    for round in 0..10 {
        publish(&brokers[round % 2], &format!("round/{round}"), "x", &["-q", "1"]);
        for sub in &subs {
            sub.await_stdout(&format!("round/{round} x\n"));
        }
    }
    for (n, sub) in subs.iter().enumerate() {
        for round in 0..9 {
            let most = if round % 2 == n { 1 } else { 2 };
            let seen = times(sub, &format!("round/{round} x"));
            assert!((1..=most).contains(&seen), "{round} at {n}: {seen}");
        }
    }
}

#[test]
fn a_version_that_was_chosen_stays() {
    let remote = Broker::with(Kind::Ours, OPEN).unwrap();
    for (version, expected) in [("bridge_protocol_version mqttv311", "p4"), ("", "p5")] {
        let lines = format!("{OPEN}{}", bridge(expected, remote.port, "topic # both 1", version));
        let here = Broker::with(Kind::Ours, &lines).unwrap();
        remote.await_subscribed(expected);
        let log = remote.log();
        let visits =
            log.lines().filter(|line| line.contains(&format!(" as {expected} ("))).collect::<Vec<_>>();
        assert!(visits.last().unwrap().contains(&format!("({expected}, c0")), "{visits:#?}");
        let state =
            here.tool("mqtt-sub").args(["-t", "$SYS/broker/connection/#", "-C", "1", "-F", "%p"]).run();
        state.prints("1\n");
    }
}

#[test]
fn a_ring_in_which_messages_go_round_is_said() {
    // With 3.1.1 chosen there is no room for their trail.
    let brokers = ring("topic # both 0", "bridge_protocol_version mqttv311");
    publish(&brokers[0], "round", "x", &[]);
    brokers[0].await_log("the same message goes out and comes in again and again ('round')");
}

#[test]
fn nobody_sees_it_after_a_restart_either() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let kept = format!("{OPEN}persistence true\npersistence_location {}/\n", folder.path().display());
    let there = Broker::at(Kind::Ours, port, &kept).unwrap();
    let form = ["-V", "5", "-q", "1", "-i", "s", "-c", "-x", "1000", "-t", "#", "-F", "%r %t %p %P"];
    let sub = there.tool("mqtt-sub").args(form).start();
    there.await_subscribed("s");
    drop(sub);
    there.await_log("s [");
    let lines = format!("{OPEN}{}", bridge("first", port, "topic # both 1", ""));
    let here = Broker::with(Kind::Ours, &lines).unwrap();
    there.await_subscribed("first");
    publish(&here, "kept", "x", &["-q", "1", "-r"]);
    publish(&here, "k", "x", &["-V", "5", "-q", "1", "-D", "publish", "user-property", "k", "v"]);
    publish(&here, "end", "x", &["-q", "1"]);
    there.await_log("'end'");
    // It is killed; what is acknowledged is on disk.
    drop((here, there));
    let there = Broker::at(Kind::Ours, port, &kept).unwrap();
    let sub = there.tool("mqtt-sub").args(form).start();
    for line in ["kept x \n", "k x k:v\n", "end x \n"] {
        sub.await_stdout(line);
    }
    assert!(!sub.stdout().contains("mqtt-broker"), "{}", sub.stdout());
    let retained = there.tool("mqtt-sub").args(["-V", "5", "-t", "kept", "-C", "1", "-F", "%r %t %p %P"]);
    retained.run().prints("1 kept x \n");
}
