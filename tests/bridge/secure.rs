//! Over TLS and with a pre-shared key, to mosquitto.

use super::super::certificates::Certificates;
use super::super::harness::{Broker, Kind, free_port};
use super::{OPEN, publish, subscriber};

/// A message goes to mosquitto at a listener with these lines, by a bridge with those.
fn a_message_goes_over(listener: &str, bridge: &str) {
    let (plain, secure) = (free_port(), free_port());
    let lines = format!("{OPEN}listener {secure} 127.0.0.1\n{listener}");
    let Some(remote) = Broker::at(Kind::Mosquitto, plain, &lines) else { return };
    let lines = format!("{OPEN}connection b\naddress 127.0.0.1:{secure}\ntopic a/# out 1\n{bridge}");
    let here = Broker::with(Kind::Ours, &lines).unwrap();
    here.await_log("Bridge b connected to");
    let sub = subscriber(&remote, "s", &["-q", "1", "-t", "a/#", "-C", "1"]);
    publish(&here, "a/1", "hi", &["-q", "1"]);
    sub.wait().prints("a/1 hi\n");
}

#[test]
fn tls() {
    let made = Certificates::new();
    let path = |name| made.path(name);
    let (own, key, authority) = (path("server.crt"), path("server.key"), path("ca.crt"));
    a_message_goes_over(
        &format!("certfile {own}\nkeyfile {key}\ncafile {authority}\n"),
        &format!("bridge_cafile {authority}\n"),
    );
}

#[test]
fn a_pre_shared_key() {
    let made = Certificates::new();
    let keys = made.write("psk", "ann:0123abcd\n");
    a_message_goes_over(
        &format!("psk_hint here\nuse_identity_as_username true\npsk_file {keys}\n"),
        "bridge_identity ann\nbridge_psk 0123abcd\n",
    );
}
