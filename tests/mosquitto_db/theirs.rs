//! A database that the real mosquitto has written.

use crate::harness::kept::durable;
use crate::harness::raw_client::{self, RawClient, encoded};
use crate::harness::{Running, foreign, free_port};
use mqtt_toolkit::protocol::{Packet, PropertiesBuf, Property, Publish, QoS, Version};
use std::path::PathBuf;

/// A folder with the database in it, and the configuration of who wrote it.
pub struct Theirs {
    pub folder: tempfile::TempDir,
    pub conf: PathBuf,
}

/// Sessions with messages in every state that can be had without a race, and a retained message with properties.
pub fn written() -> Option<Theirs> {
    let mosquitto = foreign("mosquitto")?;
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let conf = folder.path().join("conf");
    let text = format!(
        "user root\nallow_anonymous true\npersistence true\npersistence_location {}/\nlistener {port} 127.0.0.1\n\
         queue_qos0_messages true\n",
        folder.path().display()
    );
    std::fs::write(&conf, text).unwrap();
    let theirs = Running::start(&mosquitto, &["-c", conf.to_str().unwrap()]);
    theirs.err.wait_for(" running\n");
    let address = ([127, 0, 0, 1], port).into();
    let mut bob = RawClient::connect_with(address, &durable(Version::V311, "bob"));
    bob.subscribe("a/#", QoS::ExactlyOnce);
    bob.subscribe("b", QoS::AtMostOnce);
    let mut carl = RawClient::connect_with(address, &durable(Version::V5, "carl"));
    carl.subscribe("a/1", QoS::AtLeastOnce);
    drop((bob, carl));
    theirs.err.wait_until("both gone", |log| log.matches("closed its connection").count() >= 2);
    let mut ann = RawClient::connect(address, Version::V5, "ann");
    ann.publish("a/1", b"one", QoS::AtLeastOnce);
    ann.publish("a/2", b"two", QoS::ExactlyOnce);
    ann.publish("b", b"zero", QoS::AtMostOnce);
    let mut properties = PropertiesBuf::default();
    properties.push(Property::ContentType("text/plain"));
    properties.push(Property::MessageExpiryInterval(100_000));
    let retained = Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: true,
        topic: "a/3",
        packet_identifier: 77,
        properties: properties.as_properties(),
        payload: b"three",
    };
    ann.send(&encoded(Version::V5, &Packet::Publish(retained)));
    assert_eq!(ann.frame().unwrap()[..4], [0x40, 2, 0, 77], "PUBACK");
    // A QoS 2 message that isn't released yet: mosquitto hasn't passed it on.
    let mut eve = RawClient::connect_with(address, &durable(Version::V311, "eve"));
    eve.send(&raw_client::publish(Version::V311, 5, "a/4", b"four", QoS::ExactlyOnce));
    assert_eq!(eve.frame().unwrap(), [0x50, 2, 0, 5], "PUBREC");
    theirs.signal("-TERM");
    theirs.wait();
    Some(Theirs { folder, conf })
}
