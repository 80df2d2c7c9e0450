//! `start_type`: at once and again, once, or when enough waits.

use super::super::harness::{Broker, Kind, free_port, until};
use super::{OPEN, each_remote, publish, subscriber};

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn a_lazy_bridge_comes_when_enough_waits_and_goes_when_it_is_idle() {
    each_remote(|remote| {
        let lines = format!(
            "{OPEN}connection b\naddress 127.0.0.1:{}\nremote_clientid br\ntopic a/# out 1\nstart_type lazy\n\
             threshold 3\nidle_timeout 1\nrestart_timeout 1\n",
            remote.port
        );
        let here = Broker::with(Kind::Ours, &lines).unwrap();
        // Each kind makes an attempt at the start.
        here.await_log("Bridge connection b has exceeded idle timeout, disconnecting.");
        let there = subscriber(remote, "there", &["-q", "1", "-t", "a/#"]);
        let state = subscriber(&here, "state", &["-t", "$SYS/broker/connection/br/state", "-F", "%p"]);
        state.await_stdout("0\n");
        assert_eq!(count(&here.log(), "Bridge b connected to"), 1);
        // QoS 0 waits, too.
        for (n, qos) in ["0", "1", "2"].iter().enumerate() {
            publish(&here, &format!("a/{n}"), "x", &["-q", qos]);
        }
        for n in 0..3 {
            there.await_stdout(&format!("a/{n} x\n"));
        }
        state.await_stdout("0\n1\n");
        state.await_stdout("0\n1\n0\n");
        assert_eq!(count(&here.log(), "Bridge b connected to"), 2);
        assert_eq!(there.stdout().lines().count(), 3, "{}", there.stdout());
    });
}

#[test]
fn a_bridge_that_connects_once_stays_away_and_its_messages_wait_no_longer_than_the_limit() {
    let port = free_port();
    let Some(remote) = Broker::at(Kind::Mosquitto, port, OPEN) else { return };
    let bridge = |name: &str, more: &str| {
        format!(
            "connection {name}\naddress 127.0.0.1:{port}\nremote_clientid {name}\ntopic {name}/# out 1\n\
             restart_timeout 1\n{more}"
        )
    };
    let lines = format!("{OPEN}{}{}", bridge("once", "start_type once\n"), bridge("again", ""));
    let here = Broker::with(Kind::Ours, &lines).unwrap();
    here.await_log("Bridge once connected to");
    here.await_log("Bridge again connected to");
    remote.stop();
    here.await_log("Bridge once has lost its connection");
    let remote = Broker::at(Kind::Mosquitto, port, OPEN).unwrap();
    // The other one tried at least once since.
    until("the other bridge", || (count(&here.log(), "Bridge again connected to") == 2).then_some(()));
    assert_eq!(count(&here.log(), "Connecting bridge once "), 1);
    assert!(!remote.log().contains(" as once "), "{}", remote.log());
    // A reload with other settings is a new beginning.
    here.reload(&lines.replace("start_type once", "start_type once\nkeepalive_interval 20"));
    until("its visit", || {
        remote.log().lines().any(|l| l.contains(" as once (") && l.contains("k20")).then_some(())
    });
}
