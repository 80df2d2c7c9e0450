//! Several addresses: the next one when one doesn't answer, and back to the first unless all are alike.

use super::super::harness::{Broker, Kind, free_port, until};
use super::{OPEN, publish, subscriber};

#[test]
fn the_next_address_is_tried_and_the_first_is_gone_back_to_unless_all_are_alike() {
    let first = free_port();
    let Some(second) = Broker::with(Kind::Mosquitto, OPEN) else { return };
    let bridge = |name: &str, round_robin: bool| {
        format!(
            "connection {name}\naddresses 127.0.0.1:{first} 127.0.0.1:{}\nremote_clientid {name}\n\
             topic {name}/# out 1\nrestart_timeout 1\nround_robin {round_robin}\n",
            second.port
        )
    };
    let lines = format!("{OPEN}{}{}", bridge("back", false), bridge("stay", true));
    let here = Broker::with(Kind::Ours, &lines).unwrap();
    for name in ["back", "stay"] {
        here.await_log(&format!("Bridge {name} connected to 127.0.0.1:{}", second.port));
    }
    let there = subscriber(&second, "there", &["-q", "1", "-t", "#"]);
    publish(&here, "back/1", "x", &["-q", "1"]);
    publish(&here, "stay/1", "x", &["-q", "1"]);
    there.await_stdout("back/1 x\n");
    there.await_stdout("stay/1 x\n");

    let primary = Broker::at(Kind::Ours, first, OPEN).unwrap();
    here.await_log(&format!("Bridge back goes back to 127.0.0.1:{first}."));
    here.await_log(&format!("Bridge back connected to 127.0.0.1:{first}"));
    assert!(!here.log().contains("Bridge stay goes back"));
    let at_first = subscriber(&primary, "there", &["-q", "1", "-t", "#"]);
    publish(&here, "back/2", "x", &["-q", "1"]);
    publish(&here, "stay/2", "x", &["-q", "1"]);
    at_first.await_stdout("back/2 x\n");
    there.await_stdout("stay/2 x\n");
    // At the second one it has said goodbye.
    second.await_log("Received DISCONNECT from back");
    let state = second.tool("mqtt-sub").args(["-t", "$SYS/broker/connection/back/state", "-C", "1"]).run();
    state.prints("0\n");

    // The first one goes: what comes meanwhile waits and goes to the second one.
    primary.stop();
    here.await_log("Bridge back has lost its connection");
    publish(&here, "back/3", "x", &["-q", "1"]);
    there.await_stdout("back/3 x\n");
    // The one for which all are alike goes to the next when it has to.
    let primary = Broker::at(Kind::Ours, first, OPEN).unwrap();
    second.stop();
    until("both at the first", || {
        let log = primary.log();
        (log.contains(" as stay ") && log.contains(" as back ")).then_some(())
    });
}
