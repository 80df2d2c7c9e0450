//! The normative statements of MQTT 3.1.1 that concern a server, a test each, named by the statement's identifier.

#[path = "../world/mod.rs"]
mod world;

use mqtt_toolkit::protocol::QoS;
use world::*;

#[test]
fn the_world_turns() {
    let mut w = World::new();
    let bob = w.connect("bob", v5().session_expiry(60));
    w.subscribe(bob, "a/#", QoS::AtLeastOnce);
    w.cut(bob);
    let ann = w.connect("ann", v311());
    w.publish(ann, "a/b", "hello", QoS::AtLeastOnce);
    w.advance(59);
    let bob = w.reconnect(bob);
    assert!(w.session_present(bob));
    assert_eq!(w.messages(bob), ["a/b hello"]);
    w.cut(bob);
    w.advance(60);
    let bob = w.reconnect(bob);
    assert!(!w.session_present(bob));
}
