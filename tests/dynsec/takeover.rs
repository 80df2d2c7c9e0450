//! A client comes with the ClientId of another user's session: what that session has asked for and what waits for it is
//! worth no more than what the new user may ask for itself.

use super::{Admin, Broker, RawClient, broker, initial, mosquitto, user};
use mqtt_toolkit::protocol::{Connect, PropertiesBuf, Property, QoS};
use std::net::SocketAddr;

/// Ann may subscribe to everything, Bob to what is open, Eve to nothing; by default everybody receives everything.
const USERS: &str = r##"
    {"command":"createRole","rolename":"all","acls":[
        {"acltype":"publishClientSend","topic":"#","allow":true},
        {"acltype":"subscribePattern","topic":"#","allow":true}]},
    {"command":"createRole","rolename":"open","acls":[
        {"acltype":"subscribePattern","topic":"open/#","allow":true},
        {"acltype":"subscribePattern","topic":"$share/g/open/#","allow":true}]},
    {"command":"createClient","username":"boss","password":"pw","roles":[{"rolename":"all"}]},
    {"command":"createClient","username":"ann","password":"pw","roles":[{"rolename":"all"}]},
    {"command":"createClient","username":"bob","password":"pw","roles":[{"rolename":"open"}]},
    {"command":"createClient","username":"eve","password":"pw"}"##;

/// A client with a session that stays.
fn thing(address: SocketAddr, username: &str) -> RawClient {
    let properties: PropertiesBuf = [Property::SessionExpiryInterval(1000)].into_iter().collect();
    let connect = Connect {
        clean_start: false,
        properties: properties.as_properties(),
        ..user("thing", username, "pw")
    };
    RawClient::connect_with(address, &connect)
}

/// What comes to somebody who takes Ann's session over.
fn taken_by(address: SocketAddr, username: &str) -> Vec<String> {
    let mut ann = thing(address, "ann");
    for filter in ["#", "open/#", "$share/g/secret/#", "$share/g/open/#"] {
        assert_eq!(ann.subscribe(filter, QoS::AtLeastOnce), 1, "{filter}");
    }
    ann.send(&[0xE0, 0]);
    assert_eq!(ann.frame(), None);
    let mut boss = RawClient::connect_with(address, &user("boss", "boss", "pw"));
    for topic in ["secret/1", "open/1"] {
        boss.publish(topic, b"x", QoS::AtLeastOnce);
    }
    let mut thing = thing(address, username);
    thing.ping();
    for topic in ["secret/2", "open/2"] {
        boss.publish(topic, b"x", QoS::AtLeastOnce);
    }
    // What it gets comes before the answer to this.
    thing.ping();
    let mut topics: Vec<String> = thing.take_messages().into_iter().map(|message| message.topic).collect();
    topics.sort();
    topics
}

#[test]
fn another_users_session_gives_only_what_one_may_subscribe_to() {
    let (_folder, file) = initial();
    let broker = broker(&file);
    Admin::new(broker.address()).done(USERS);
    let open = ["open/1", "open/1", "open/1", "open/2", "open/2"];
    assert_eq!(taken_by(broker.address(), "eve"), [""; 0]);
    // Three copies of what waited, as there were three subscriptions; two of them go on.
    assert_eq!(taken_by(broker.address(), "bob"), open);
    let all = taken_by(broker.address(), "ann");
    assert_eq!(all.len(), 10, "{all:?}");
}

/// That mosquitto gives Eve everything, by the defaults of its plugin, is why this is a difference.
#[test]
fn with_mosquitto_another_users_session_gives_everything() {
    let (_folder, file) = initial();
    let Some(theirs) = mosquitto(&file) else { return };
    let address = SocketAddr::from(([127, 0, 0, 1], theirs.port));
    Admin::new(address).done(USERS);
    let topics = taken_by(address, "eve");
    assert!(topics.iter().any(|topic| topic == "secret/1"), "{topics:?}");
    assert!(topics.iter().any(|topic| topic == "secret/2"), "{topics:?}");
}

/// A right that is taken away ends what was subscribed to by it when the client comes back.
#[test]
fn a_right_to_subscribe_that_was_taken_away_is_gone_for_a_session_too() {
    let (_folder, file) = initial();
    let broker: Broker = broker(&file);
    let address = broker.address();
    let mut admin = Admin::new(address);
    admin.done(USERS);
    let mut ann = thing(address, "ann");
    for filter in ["secret/#", "open/#"] {
        assert_eq!(ann.subscribe(filter, QoS::AtLeastOnce), 1);
    }
    admin.done(
        r##"{"command":"addRoleACL","rolename":"all","acltype":"subscribePattern","topic":"secret/#","priority":9,"allow":false}"##,
    );
    ann.send(&[0xE0, 0]);
    assert_eq!(ann.frame(), None);
    let mut boss = RawClient::connect_with(address, &user("boss", "boss", "pw"));
    boss.publish("secret/1", b"x", QoS::AtLeastOnce);
    boss.publish("open/1", b"x", QoS::AtLeastOnce);
    let mut ann = thing(address, "ann");
    boss.publish("secret/2", b"x", QoS::AtLeastOnce);
    boss.publish("open/2", b"x", QoS::AtLeastOnce);
    for topic in ["open/1", "open/2"] {
        assert_eq!(ann.message().unwrap().topic, topic);
    }
    ann.ping();
    assert!(ann.take_messages().is_empty());
}
