//! What waits while the remote broker is away: as much as is allowed, and as long as the sessions are kept.

use super::super::harness::{Broker, Kind, free_port, until};
use super::{OPEN, lines, publish, subscriber};

#[test]
fn as_many_messages_wait_as_may_be_queued() {
    let port = free_port();
    let limited =
        lines(port, "topic a/# out 1\n").replace(OPEN, "allow_anonymous true\nmax_queued_messages 5\n");
    let here = Broker::with(Kind::Ours, &limited).unwrap();
    here.await_log("Error creating bridge: Connection refused.");
    for n in 0..40 {
        publish(&here, &format!("a/{n}"), "x", &["-q", "1"]);
    }
    let Some(remote) = Broker::at(Kind::Mosquitto, port, OPEN) else { return };
    // Nobody subscribes yet when the bridge is back: what comes is seen by what is logged.
    here.await_log("Bridge b connected to");
    // The last of all; dropped, too, as long as the others aren't through.
    until("the last one", || {
        publish(&here, "a/last", "x", &["-q", "1"]);
        remote.log().contains("'a/last'").then_some(())
    });
    let log = remote.log();
    let came = log
        .lines()
        .filter(|line| line.contains("Received PUBLISH from br (d0, q1, r0") && !line.contains("'a/last'"))
        .count();
    // Those in flight (20) and those that are queued.
    assert!((5..=25).contains(&came), "{came}:\n{log}");
    assert!(log.contains("'a/0'"), "the oldest are kept, as mosquitto does");
}

#[test]
fn nothing_waits_for_a_bridge_with_a_clean_session() {
    for (clean, waits) in
        [("cleansession true\n", false), ("cleansession true\nlocal_cleansession false\n", true)]
    {
        let port = free_port();
        let here = Broker::with(Kind::Ours, &lines(port, &format!("topic a/# out 1\n{clean}"))).unwrap();
        here.await_log("Error creating bridge: Connection refused.");
        publish(&here, "a/away", "x", &["-q", "1"]);
        let Some(remote) = Broker::at(Kind::Mosquitto, port, OPEN) else { return };
        here.await_log("Bridge b connected to");
        assert!(remote.log().contains(", c1, k60)"), "{}", remote.log());
        publish(&here, "a/there", "x", &["-q", "1"]);
        remote.await_log("'a/there'");
        assert_eq!(remote.log().contains("'a/away'"), waits, "{clean}\n{}", remote.log());
    }
}

#[test]
fn what_comes_in_waits_at_the_remote_broker_unless_the_session_is_clean() {
    for kind in [Kind::Mosquitto, Kind::Ours] {
        for version in ["mqttv311", "mqttv50\nbridge_session_expiry_interval 1000"] {
            for clean in [false, true] {
                let Some(remote) = Broker::with(kind, OPEN) else { continue };
                let more = format!(
                    "topic a/# in 1\ncleansession {clean}\nlocal_cleansession true\n\
                     bridge_protocol_version {version}\n"
                );
                let with_bridge = lines(remote.port, &more);
                let here = Broker::with(Kind::Ours, OPEN).unwrap();
                let sub = subscriber(&here, "sub", &["-q", "1", "-t", "a/#"]);
                here.reload(&with_bridge);
                remote.await_subscribed("br");
                // The bridge goes without being forgotten there.
                let port = here.port;
                drop(sub);
                drop(here);
                until("its end", || {
                    let log = remote.log();
                    (log.contains("br closed its connection") || log.contains("br [")).then_some(())
                });
                publish(&remote, "a/away", "x", &["-q", "1"]);
                let here = Broker::at(Kind::Ours, port, OPEN).unwrap();
                let sub = subscriber(&here, "sub", &["-q", "1", "-t", "a/#"]);
                here.reload(&with_bridge);
                here.await_log("Bridge b connected to");
                remote.await_log("Sending SUBACK to br");
                until("both subscriptions", || {
                    (remote.log().matches("Sending SUBACK to br").count() == 2).then_some(())
                });
                publish(&remote, "a/there", "x", &["-q", "1"]);
                sub.await_stdout("a/there x\n");
                assert_eq!(sub.stdout().contains("a/away x"), !clean, "{kind:?} {version} {clean}");
            }
        }
    }
}

#[test]
fn what_waits_survives_our_broker() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let persistent = format!("persistence true\npersistence_location {}/\n", folder.path().display());
    let configuration = format!("{persistent}{}", lines(port, "topic a/# out 2\n"));
    let here = Broker::with(Kind::Ours, &configuration).unwrap();
    here.await_log("Error creating bridge: Connection refused.");
    for n in 0..30 {
        publish(&here, &format!("a/{n}"), "x", &["-q", if n % 2 == 0 { "1" } else { "2" }]);
    }
    let port_here = here.port;
    // It is killed, not stopped.
    drop(here);
    let Some(remote) = Broker::at(Kind::Mosquitto, port, OPEN) else { return };
    let there = subscriber(&remote, "there", &["-q", "2", "-t", "a/#"]);
    let here = Broker::at(Kind::Ours, port_here, &configuration).unwrap();
    publish(&here, "a/last", "x", &["-q", "2"]);
    there.await_stdout("a/last x\n");
    for n in 0..30 {
        let line = format!("a/{n} x");
        let times = there.stdout().lines().filter(|seen| *seen == line).count();
        assert_eq!(times, 1, "{line}:\n{}", there.stdout());
    }
}

#[test]
fn there_is_room_for_what_the_bridge_says_when_all_else_is_under_way() {
    let port = free_port();
    let (folder, kept) = (tempfile::tempdir().unwrap(), "persistence true\npersistence_location");
    let kept = format!("{OPEN}{kept} {}/\n", folder.path().display());
    let Some(remote) = Broker::at(Kind::Mosquitto, port, &kept) else { return };
    let here = Broker::with(Kind::Ours, &lines(port, "topic a/# out 2\n")).unwrap();
    here.await_log("Bridge b connected to");
    // The remote broker stands still, so that as many messages are under way as may be, and then goes.
    remote.signal("-STOP");
    let mut publisher = here.tool("mqtt-pub").args(["-t", "a/n", "-q", "2", "-l"]).start();
    publisher.write((0..40).map(|n| format!("{n}\n")).collect::<String>().as_bytes());
    publisher.wait().prints("");
    let sent = || here.log().matches("Sending PUBLISH to lo (d0, q2").count();
    until("as many as may be", || (sent() == 19).then_some(()));
    remote.signal("-CONT");
    remote.stop();
    let remote = Broker::at(Kind::Mosquitto, port, &kept).unwrap();
    let there = subscriber(&remote, "there", &["-q", "2", "-t", "a/#"]);
    publish(&here, "a/end", "x", &["-q", "2"]);
    there.await_stdout("a/end x\n");
}
