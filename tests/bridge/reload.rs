//! SIGHUP: bridges come, change and go, and the others keep their connection.

use mqtt_toolkit::protocol::Version;

use super::super::harness::raw_client::RawClient;
use super::super::harness::{Broker, Kind, until};
use super::{OPEN, each_remote, publish, subscriber};

fn bridge(to: &Broker, name: &str, topic: &str, more: &str) -> String {
    format!(
        "connection {name}\naddress 127.0.0.1:{}\nremote_clientid {name}\ntopic {topic}\nrestart_timeout 1\n{more}",
        to.port
    )
}

/// How often a bridge has come to this broker. With one of ours it is a visit of two: it comes again with 5.0.
fn visits(broker: &Broker, id: &str) -> usize {
    let count = broker.log().matches(&format!(" as {id} (")).count();
    if broker.kind == Kind::Ours { count / 2 } else { count }
}

#[test]
fn bridges_come_change_and_go_while_the_others_stay() {
    each_remote(|remote| {
        let keep = bridge(remote, "keep", "keep/# both 1", "");
        let lines = format!(
            "{OPEN}{keep}{}{}{}",
            bridge(remote, "later", "later/old/# out 1", ""),
            bridge(remote, "now", "now/old/# out 1", "bridge_reload_type immediate\n"),
            bridge(remote, "gone", "gone/# both 1", "")
        );
        let here = Broker::with(Kind::Ours, &lines).unwrap();
        for name in ["keep", "later", "now", "gone"] {
            here.await_log(&format!("Bridge {name} connected to"));
        }
        let there = subscriber(remote, "there", &["-q", "1", "-t", "#"]);
        let sub = subscriber(&here, "here", &["-q", "1", "-t", "#"]);

        let changed = format!(
            "{OPEN}{keep}{}{}{}",
            bridge(remote, "later", "later/new/# out 1", ""),
            bridge(remote, "now", "now/new/# out 1", "bridge_reload_type immediate\n"),
            bridge(remote, "new", "new/# both 1", "")
        );
        here.reload(&changed);
        here.await_log("Bridge new connected to");
        remote.await_log("Received DISCONNECT from gone");
        remote.await_log("Received DISCONNECT from now");
        remote.await_subscribed("new");
        until("the changed one again", || {
            (here.log().matches("Bridge now connected to").count() == 2).then_some(())
        });
        for topic in ["keep/1", "now/old/1", "now/new/1", "later/new/1", "later/old/1", "gone/1", "new/1"] {
            publish(&here, topic, "x", &["-q", "1"]);
        }
        for topic in ["keep/1", "now/new/1", "later/old/1", "new/1"] {
            there.await_stdout(&format!("{topic} x\n"));
        }
        for topic in ["keep/2", "gone/2", "new/2"] {
            publish(remote, topic, "x", &["-q", "1"]);
        }
        sub.await_stdout("keep/2 x\n");
        sub.await_stdout("new/2 x\n");
        let (out, back) = (there.stdout(), sub.stdout());
        for topic in ["now/old/1", "later/new/1", "gone/1"] {
            assert!(!out.contains(topic), "{topic} went out: {out}");
        }
        assert!(!back.contains("gone/2"), "{back}");
        assert_eq!(["keep", "later", "now", "gone", "new"].map(|id| visits(remote, id)), [1, 1, 2, 1, 1]);
        for broker in [&here, remote] {
            let topic = "$SYS/broker/connection/gone/state";
            broker.tool("mqtt-sub").args(["-t", topic, "-C", "1"]).run().prints("0\n");
        }

        // The same file again changes nothing, nor does one with a mistake.
        here.reload(&changed);
        until("the second reload", || {
            (here.log().matches("The configuration was reloaded.").count() == 2).then_some(())
        });
        here.reload(&format!("{changed}topic x sideways\n"));
        here.await_log("Error: Invalid bridge topic direction 'sideways'.");
        publish(&here, "keep/3", "x", &["-q", "1"]);
        there.await_stdout("keep/3 x\n");
        assert_eq!(["keep", "later", "now", "gone", "new"].map(|id| visits(remote, id)), [1, 1, 2, 1, 1]);

        // What waited for the next connection holds when there is one.
        let address = format!("127.0.0.1:{}", remote.port).parse().unwrap();
        drop(RawClient::connect(address, Version::V311, "later"));
        here.await_log("Bridge later has lost its connection");
        until("the changed one again", || {
            (here.log().matches("Bridge later connected to").count() == 2).then_some(())
        });
        publish(&here, "later/old/2", "x", &["-q", "1"]);
        publish(&here, "later/new/2", "x", &["-q", "1"]);
        there.await_stdout("later/new/2 x\n");
        assert!(!there.stdout().contains("later/old/2"));
    });
}
