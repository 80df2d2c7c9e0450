//! Bridges between programs: mqtt-broker joined to mosquitto and to itself, in both roles.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "harness/certificates.rs"]
mod certificates;
mod harness;

mod bridge {
    mod addresses;
    mod messages;
    mod misconfigured;
    mod names;
    mod ocsp;
    mod recorder;
    mod reload;
    mod restart;
    mod rings;
    mod secure;
    mod start_type;
    mod state;
    mod version_5;
    mod waiting;

    use super::harness::{Broker, Kind, Running};

    /// Everybody may come, and nothing is dropped for want of room.
    pub const OPEN: &str = "allow_anonymous true\nmax_queued_messages 0\n";

    /// The lines of a bridge to a broker: it is called `b` here and `br` there.
    pub fn lines(to: u16, more: &str) -> String {
        format!(
            "{OPEN}connection b\naddress 127.0.0.1:{to}\nremote_clientid br\nlocal_clientid lo\n\
             restart_timeout 1\n{more}"
        )
    }

    /// One of our brokers with a bridge to another broker, connected.
    pub fn bridged(to: &Broker, more: &str) -> Broker {
        let broker = Broker::with(Kind::Ours, &lines(to.port, more)).unwrap();
        broker.await_log("Bridge b connected to");
        broker
    }

    /// A subscriber, subscribed.
    pub fn subscriber(broker: &Broker, id: &str, arguments: &[&str]) -> Running {
        let running = broker.tool("mqtt-sub").args(["-i", id, "-v"]).args(arguments).start();
        broker.await_subscribed(id);
        running
    }

    /// Publishes one message.
    pub fn publish(broker: &Broker, topic: &str, payload: &str, arguments: &[&str]) {
        broker.tool("mqtt-pub").args(["-t", topic, "-m", payload]).args(arguments).run().prints("");
    }

    /// Runs a test with each kind of broker as the remote one.
    pub fn each_remote(test: impl Fn(&Broker)) {
        for kind in [Kind::Mosquitto, Kind::Ours] {
            if let Some(broker) = Broker::with(kind, OPEN) {
                test(&broker);
            }
        }
    }
}
