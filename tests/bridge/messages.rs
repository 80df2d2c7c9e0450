//! What is passed on, under which name, with which flags; with us on either end.

use std::path::Path;

use super::super::harness::{Broker, Kind};
use super::{OPEN, bridged, each_remote, lines, publish, subscriber};

/// All forms of a topic line.
const TOPICS: &str = "topic out/# out 2\ntopic in/# in 2\ntopic # both 1 local/topic/ remote/topic/\n\
     topic temp in 1 home/ site7/\ntopic +/cmd in 0 \"\" plant/\ntopic \"\" out 0 status/me sites/17\n\
     topic \"my topic/#\" out 1\n";

#[test]
fn topics_change_their_names_on_the_way() {
    each_remote(|remote| {
        let here = bridged(remote, TOPICS);
        remote.await_subscribed("br");
        let there = subscriber(remote, "there", &["-q", "2", "-t", "#"]);
        let sub = subscriber(&here, "here", &["-q", "2", "-t", "#"]);
        for (topic, expected) in [
            ("out/x", "out/x a"),
            ("local/topic/y/z", "remote/topic/y/z a"),
            ("status/me", "sites/17 a"),
            ("my topic/1", "my topic/1 a"),
        ] {
            publish(&here, topic, "a", &["-q", "1"]);
            there.await_stdout(&format!("{expected}\n"));
        }
        for (topic, expected) in [
            ("in/x", "in/x b"),
            ("remote/topic/y", "local/topic/y b"),
            ("site7/temp", "home/temp b"),
            ("plant/p1/cmd", "p1/cmd b"),
        ] {
            publish(remote, topic, "b", &["-q", "1"]);
            sub.await_stdout(&format!("{expected}\n"));
        }
        // What isn't asked for stays where it is, and nothing comes back.
        publish(&here, "in/back", "c", &["-q", "1"]);
        publish(remote, "out/back", "c", &["-q", "1"]);
        publish(&here, "out/end", "c", &["-q", "1"]);
        publish(remote, "in/end", "c", &["-q", "1"]);
        there.await_stdout("out/end c\n");
        sub.await_stdout("in/end c\n");
        let count = |text: &str, line: &str| text.lines().filter(|l| *l == line).count();
        assert_eq!(count(&there.stdout(), "in/back c"), 0, "{}", there.stdout());
        assert_eq!(count(&sub.stdout(), "out/back c"), 0);
        assert_eq!(count(&there.stdout(), "remote/topic/y/z a"), 1);
        assert_eq!(count(&sub.stdout(), "local/topic/y b"), 1);
        assert_eq!(count(&sub.stdout(), "local/topic/y/z a"), 1, "no echo");
        assert_eq!(count(&there.stdout(), "remote/topic/y b"), 1, "no echo");
    });
}

#[test]
fn retained_messages_stay_retained_either_way() {
    each_remote(|remote| {
        publish(remote, "in/old", "1", &["-q", "1", "-r"]);
        let here =
            Broker::with(Kind::Ours, &lines(remote.port, "topic out/# out 1\ntopic in/# in 1\n")).unwrap();
        here.await_log("Bridge b connected to");
        let arrived = subscriber(&here, "arrived", &["-t", "in/#"]);
        let left = subscriber(remote, "left", &["-t", "out/#"]);
        arrived.await_stdout("in/old 1\n");
        publish(&here, "out/new", "2", &["-q", "1", "-r"]);
        publish(remote, "in/new", "3", &["-q", "1", "-r"]);
        arrived.await_stdout("in/new 3\n");
        left.await_stdout("out/new 2\n");
        let seen = |broker: &Broker, topic: &str, payload: &str| {
            // Whoever comes later gets it with the flag.
            let outcome = broker.tool("mqtt-sub").args(["-t", topic, "-C", "1", "-F", "%r %p"]).run();
            outcome.prints(&format!("1 {payload}\n"));
        };
        seen(&here, "in/old", "1");
        seen(&here, "in/new", "3");
        seen(remote, "out/new", "2");
        // Deleted on one side, deleted on the other.
        let watch = subscriber(remote, "watch", &["-t", "out/#"]);
        watch.await_stdout("out/new 2\n");
        here.tool("mqtt-pub").args(["-t", "out/new", "-n", "-r", "-q", "1"]).run().prints("");
        publish(&here, "out/last", "4", &["-q", "1", "-r"]);
        watch.await_stdout("out/last 4\n");
        let rest = remote.tool("mqtt-sub").args(["-t", "out/#", "-C", "1", "-v"]).run();
        rest.prints("out/last 4\n");
    });
}

#[test]
fn what_was_retained_before_goes_out_at_the_connection_and_without_its_flag_if_so_wanted() {
    each_remote(|remote| {
        let quiet = "bridge_outgoing_retain false\nnotifications false\n";
        let here = Broker::with(
            Kind::Ours,
            &lines(remote.port, &format!("topic out/# out 1\n{quiet}start_type once\n")),
        )
        .unwrap();
        here.await_log("Bridge b connected to");
        let watch = subscriber(remote, "watch", &["-t", "out/#", "-F", "%r %t %p"]);
        publish(&here, "out/kept", "1", &["-q", "1", "-r"]);
        watch.await_stdout("0 out/kept 1\n");
        // A second bridge subscribes anew and sends what is retained.
        drop(here);
        let later = subscriber(remote, "later", &["-t", "out/#", "-F", "%r %t %p"]);
        publish(remote, "out/live", "2", &[]);
        later.await_stdout("0 out/live 2\n");
        assert_eq!(later.stdout(), "0 out/live 2\n", "it wasn't retained there");
    });
}

#[test]
fn versions_from_3_1_to_5_0_carry_messages_at_each_qos() {
    each_remote(|remote| {
        for version in ["mqttv31", "mqttv311", "mqttv50"] {
            let more = format!("topic a/# both 2\nbridge_protocol_version {version}\ncleansession true\n");
            let here = bridged(remote, &more);
            let there =
                subscriber(remote, &format!("there-{version}"), &["-q", "2", "-t", "a/#", "-F", "%q %t %p"]);
            let sub = subscriber(&here, "here", &["-q", "2", "-t", "a/#", "-F", "%q %t %p"]);
            for qos in ["0", "1", "2"] {
                publish(&here, "a/out", version, &["-q", qos]);
                there.await_stdout(&format!("{qos} a/out {version}\n"));
                publish(remote, "a/in", version, &["-q", qos]);
                sub.await_stdout(&format!("{qos} a/in {version}\n"));
            }
        }
    });
}

#[test]
fn properties_of_5_0_go_along() {
    let publisher = Path::new("/usr/bin/mosquitto_pub");
    if !publisher.exists() {
        crate::harness::passed_over("mosquitto_pub is not installed");
        return;
    }
    each_remote(|remote| {
        let here = bridged(remote, "topic a/# both 1\nbridge_protocol_version mqttv50\ncleansession true\n");
        let form = ["-V", "5", "-q", "1", "-t", "a/#", "-F", "%t %C %P %R"];
        let there = subscriber(remote, "there", &form);
        let sub = subscriber(&here, "here", &form);
        let send = |broker: &Broker, topic: &str| {
            let tool = broker.run(publisher).args(["-V", "5", "-q", "1", "-t", topic, "-m", "x"]);
            let content = ["-D", "publish", "content-type", "text", "-D", "publish", "response-topic", "r/t"];
            tool.args(content).args(["-D", "publish", "user-property", "k", "v"]).run().prints("");
        };
        send(&here, "a/out");
        there.await_stdout("a/out text k:v r/t\n");
        send(remote, "a/in");
        sub.await_stdout("a/in text k:v r/t\n");
    });
}

#[test]
fn mosquitto_bridges_to_us_and_is_told_from_a_client() {
    let here = Broker::with(Kind::Ours, OPEN).unwrap();
    let more = "topic a/# both 2\ntopic r/# out 1\n";
    let Some(theirs) = Broker::with(Kind::Mosquitto, &lines(here.port, more)) else { return };
    here.await_log("New bridge connected from 127.0.0.1:");
    assert!(here.log().contains("as br (p4, c0, k60).\n"), "{}", here.log());
    here.await_subscribed("br");
    let there = subscriber(&theirs, "there", &["-q", "2", "-t", "a/#", "-t", "r/#"]);
    let sub = subscriber(&here, "here", &["-q", "2", "-t", "a/#"]);
    publish(&here, "a/from-us", "1", &["-q", "2"]);
    publish(&theirs, "a/from-them", "2", &["-q", "2"]);
    publish(&theirs, "r/kept", "3", &["-q", "1", "-r"]);
    there.await_stdout("a/from-us 1\n");
    sub.await_stdout("a/from-them 2\n");
    let kept = here.tool("mqtt-sub").args(["-t", "r/#", "-C", "1", "-F", "%r %t %p"]).run();
    kept.prints("1 r/kept 3\n");
    publish(&here, "a/end", "4", &["-q", "2"]);
    there.await_stdout("a/end 4\n");
    sub.await_stdout("a/end 4\n");
    assert_eq!(sub.stdout(), "a/from-us 1\na/from-them 2\na/end 4\n", "nothing came back");
    let state = here.tool("mqtt-sub").args(["-t", "$SYS/broker/connection/#", "-C", "1", "-v"]).run();
    state.prints("$SYS/broker/connection/br/state 1\n");
}
