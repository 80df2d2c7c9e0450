//! mqtt-pub, mqtt-sub and mqtt-rr as programs, against mosquitto where it is installed and against mqtt-broker.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod harness;

mod clients {
    mod advice;
    mod connect;
    mod conversation;
    mod exec;
    mod expect;
    mod lines;
    mod patience;
    mod picking;
    mod progress;
    mod publish;
    mod reconnect;
    mod recording;
    mod request;
    mod retained;
    mod secrets;
    mod strict;
    mod subscribe;
    mod terminal;
    mod top;

    use super::harness::{Broker, Kind};

    /// Runs a test against each kind of broker.
    pub fn each(test: impl Fn(&Broker)) {
        for kind in [Kind::Mosquitto, Kind::Ours] {
            if let Some(broker) = Broker::start(kind) {
                test(&broker);
            }
        }
    }
}
