//! A command for each message.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::harness::{Broker, Running, until};
use super::each;

fn start(broker: &Broker, command: &str, flags: &[&str]) -> Running {
    // A name of its own each time: the log still tells of the one before.
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let id = format!("s{}.", STARTED.fetch_add(1, Ordering::Relaxed));
    let sub = broker
        .tool("mqtt-sub")
        .args(["-i", &id, "-q", "1", "-t", "a/#", "--exec", command])
        .args(flags)
        .env("PATH", "/usr/bin:/bin")
        .start();
    broker.await_subscribed(&id);
    sub
}

fn publish(broker: &Broker, lines: &str, flags: &[&str]) {
    let publisher = broker.tool("mqtt-pub").args(["-q", "1", "-t", "a/b", "-l"]).args(flags);
    publisher.run_with(lines.as_bytes()).prints("");
}

#[test]
fn it_gets_the_message_on_stdin_and_in_its_environment() {
    each(|broker| {
        let command = "echo \"$MQTT_TOPIC $MQTT_QOS $MQTT_RETAIN $MQTT_PAYLOADLEN $MQTT_PAYLOAD $(cat)\"; \
                       echo $MQTT_HOST:$MQTT_PORT";
        let sub = start(broker, command, &["-C", "2"]);
        publish(broker, "one\n$(echo no)\n", &[]);
        let place = format!("127.0.0.1:{}", broker.port);
        sub.wait()
            .prints(&format!("a/b 1 0 3 one one\n{place}\na/b 1 0 10 $(echo no) $(echo no)\n{place}\n"));
    });
}

#[test]
fn one_at_a_time_in_order_unless_more_are_asked_for() {
    each(|broker| {
        let sub = start(broker, "printf '<'; cat; printf '>'", &["-C", "50"]);
        let lines: Vec<String> = (0..50).map(|n| n.to_string()).collect();
        publish(broker, &(lines.join("\n") + "\n"), &[]);
        sub.wait().prints(&lines.iter().map(|n| format!("<{n}>")).collect::<String>());
    });
    each(|broker| {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display();
        // Each waits until both have begun: only two at a time come to an end.
        let command = format!(
            "touch '{place}'/$(cat); while [ $(ls '{place}' | wc -l) -lt 2 ]; do sleep 0.01; done; echo done"
        );
        let sub = start(broker, &command, &["-C", "2", "--exec-jobs", "2"]);
        publish(broker, "x\ny\n", &[]);
        sub.wait().prints("done\ndone\n");
    });
}

#[test]
fn a_busy_command_holds_messages_back_and_keeps_the_connection() {
    each(|broker| {
        let folder = tempfile::tempdir().unwrap();
        let go = folder.path().join("go");
        let command = format!("read m; while [ ! -e '{}' ]; do sleep 0.02; done; echo $m", go.display());
        let sub = start(broker, &command, &["-C", "3", "-k", "5"]);
        publish(broker, "1\n2\n3\n", &[]);
        // Longer than one and a half times the Keep Alive: only PINGREQs keep the broker from closing.
        broker.await_log("Received PINGREQ from s");
        until("a second PINGREQ", || {
            (broker.log().matches("Received PINGREQ from s").count() >= 2).then_some(())
        });
        assert_eq!(sub.stdout(), "");
        fs::write(&go, "").unwrap();
        sub.wait().prints("1\n2\n3\n");
    });
}

#[test]
fn a_command_that_fails_is_said_and_with_strict_the_end() {
    each(|broker| {
        let command = "read m; echo $m; [ $m != 2 ]";
        let warning = "Warning: The command for 'a/b' ended with exit status 1.\n";
        let sub = start(broker, command, &["-C", "3"]);
        publish(broker, "1\n2\n3\n", &[]);
        sub.wait().ends(0, "1\n2\n3\n", warning);
        let sub = start(broker, command, &["-C", "3", "--strict"]);
        publish(broker, "1\n2\n3\n", &[]);
        sub.wait().ends(46, "1\n2\n", warning);
        let sub = start(broker, "read m; kill -9 $$", &["-C", "1", "--strict"]);
        publish(broker, "1\n", &[]);
        sub.wait().ends(46, "", "Warning: The command for 'a/b' was ended by signal 9.\n");
    });
}

#[test]
fn large_payloads_and_commands_that_do_not_read() {
    each(|broker| {
        let sub = start(broker, "cat | wc -c; echo ${MQTT_PAYLOAD-unset}", &["-C", "1"]);
        publish(broker, &("x".repeat(300_000) + "\n"), &[]);
        sub.wait().prints("300000\nunset\n");
        let sub = start(broker, "echo not read", &["-C", "1"]);
        publish(broker, &("x".repeat(300_000) + "\n"), &[]);
        sub.wait().prints("not read\n");
    });
}
