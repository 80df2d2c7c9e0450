//! What the keywords of mosquitto.conf do: lines of configuration, and what clients then see. One test a keyword, in
//! the little world; keywords that need files, ports or a log are in `keywords_run.rs`, `reload.rs` and `sys.rs`.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod world;

use std::sync::Arc;

use mqtt_toolkit::auth::Acl;
use mqtt_toolkit::broker::Notice;
use mqtt_toolkit::config::{AtError, ConfigFiles, ConfigReader, ReadProblem, Settings};
use mqtt_toolkit::protocol::{Packet, Property, Publish, QoS, ReasonCode};
use mqtt_toolkit::server::{limits, listener_rules};
use world::{Client, Connecting, World, message, properties, v5, v31, v311};

const ONE: QoS = QoS::AtLeastOnce;
const ZERO: QoS = QoS::AtMostOnce;

struct OneFile<'a>(&'a str);

impl ConfigFiles for OneFile<'_> {
    fn read(&mut self, _: &str) -> Result<Vec<u8>, ReadProblem> {
        Ok(self.0.as_bytes().to_vec())
    }

    fn list(&mut self, _: &str) -> Result<Vec<String>, ReadProblem> {
        Ok(Vec::new())
    }
}

fn settings(lines: &str) -> Settings {
    let mut files = OneFile(lines);
    let mut reader = ConfigReader::new(&mut files, AtError::Stop);
    let result = reader.read("mosquitto.conf");
    assert!(result.is_ok(), "{:?}", reader.take_messages());
    reader.finish(&[])
}

/// A broker with these lines behind `listener 1883`.
fn broker(lines: &str) -> World {
    broker_with_acl(lines, None)
}

fn broker_with_acl(lines: &str, acl: Option<Arc<Acl>>) -> World {
    let anonymous = if lines.contains("allow_anonymous") { "" } else { "allow_anonymous true\n" };
    let settings = settings(&format!("listener 1883\n{anonymous}{lines}\n"));
    let rules =
        settings.listeners.iter().map(|l| listener_rules(&settings, l, l.port, acl.clone())).collect();
    World::with_listeners(limits(&settings), rules)
}

fn connect_at(w: &mut World, listener: usize, client_id: &str, options: Connecting) -> Client {
    let client = w.open_at(listener).unwrap();
    w.introduce(client, client_id, options);
    client
}

/// The code of the CONNACK; `None`: none came and the connection is closed.
fn code(w: &World, client: Client) -> Option<u8> {
    let connack = w.connack(client);
    assert!(connack.is_some() || w.is_closed(client), "neither CONNACK nor the end");
    connack.map(|connack| connack.code.0)
}

fn property<T>(w: &World, client: Client, pick: impl Fn(&Property<'static>) -> Option<T>) -> Option<T> {
    w.connack(client).unwrap().properties.iter().find_map(|property| pick(&property))
}

/// How many messages come.
fn count(w: &mut World, client: Client) -> usize {
    w.messages(client).len()
}

#[test]
fn max_connections() {
    let mut w = broker("max_connections 2");
    let (_one, two) = (w.open(), w.open());
    assert!(w.open_at(0).is_none());
    assert!(w.notices().iter().any(|notice| matches!(notice, Notice::TooManyConnections { .. })));
    w.cut(two);
    assert!(w.open_at(0).is_some());
}

#[test]
fn max_connections_is_each_listeners_own() {
    let mut w = broker("max_connections 1\nlistener 1884\nmax_connections -1");
    let _one = w.open();
    assert!(w.open_at(0).is_none());
    assert!(w.open_at(1).is_some() && w.open_at(1).is_some());
}

#[test]
fn global_max_connections() {
    let mut w = broker("global_max_connections 2\nlistener 1884");
    let (_one, _two) = (w.open(), w.open_at(1).unwrap());
    assert!(w.open_at(0).is_none() && w.open_at(1).is_none());
}

#[test]
fn global_max_clients() {
    let mut w = broker("global_max_clients 2");
    let stays = w.connect("stays", v5().session_expiry(60));
    w.connect("two", v311());
    let third = w.attempt("three", v5());
    assert_eq!(code(&w, third), Some(0x89));
    let third = w.attempt("three", v311());
    assert_eq!(code(&w, third), None);
    // One that has a session may come; one that is away still counts.
    w.cut(stays);
    let third = w.attempt("three", v5());
    assert_eq!(code(&w, third), Some(0x89));
    w.reconnect(stays);
}

#[test]
fn mount_point() {
    let mut w = broker("mount_point house/\nlistener 1884");
    let (inside, outside) = (w.connect("in", v5()), connect_at(&mut w, 1, "out", v311()));
    w.subscribe(inside, "a/#", ONE);
    w.subscribe(outside, "#", ONE);
    w.publish(inside, "a/b", "1", ONE);
    w.publish(outside, "a/b", "2", ONE);
    w.publish(outside, "house/a/c", "3", ONE);
    assert_eq!(w.messages(inside), ["a/b 1", "a/c 3"]);
    assert_eq!(w.messages(outside), ["house/a/b 1", "a/b 2", "house/a/c 3"]);
    w.cut(outside);
    let will = connect_at(&mut w, 0, "will", v311().will("a/will", "gone", ONE));
    w.cut(will);
    assert_eq!(w.messages(inside), ["a/will gone"]);
}

#[test]
fn use_username_as_clientid() {
    let mut w = broker("use_username_as_clientid true");
    let first = w.connect("x", v5().username("ann"));
    w.connect("y", v5().username("ann"));
    assert_eq!(w.disconnect_reason(first), Some(ReasonCode::SESSION_TAKEN_OVER));
    let nobody = w.attempt("x", v5());
    assert_eq!(code(&w, nobody), Some(0x87));
}

#[test]
fn allow_anonymous() {
    let mut w = broker("allow_anonymous false");
    let (v5_client, v3_client) = (w.attempt("a", v5()), w.attempt("b", v311()));
    assert_eq!((code(&w, v5_client), code(&w, v3_client)), (Some(0x87), Some(5)));
    // Without a password file a name is as good as none.
    let named = w.attempt("c", v5().username("ann").password("x"));
    assert_eq!(code(&w, named), Some(0x87));
    let mut w = broker("allow_anonymous true");
    w.connect("c", v5().username("ann").password("x"));
}

#[test]
fn an_empty_user_name_is_none() {
    let acl = Acl::parse("topic write a\nuser ann\ntopic read a\n", "acl").unwrap();
    let mut w = broker_with_acl("allow_anonymous true", Some(Arc::new(acl)));
    let ann = w.connect("ann", v5().username("ann"));
    w.subscribe(ann, "a", ONE);
    for (id, options) in [("old", v311()), ("new", v5())] {
        let nobody = w.connect(id, options.username("").password(""));
        w.publish(nobody, "a", id, ONE);
    }
    assert_eq!(w.messages(ann), ["a old", "a new"]);
    let mut w = broker("use_username_as_clientid true");
    let nobody = w.attempt("x", v5().username(""));
    assert_eq!(code(&w, nobody), Some(0x87));
}

#[test]
fn anonymous_clients_are_refused_unless_it_is_said() {
    let w = settings("listener 1883");
    assert!(!w.allows_anonymous(&w.listeners[0]));
    let local = settings("");
    assert!(local.listeners.iter().all(|listener| local.allows_anonymous(listener)));
}

#[test]
fn listener_allow_anonymous() {
    let mut w = broker("allow_anonymous false\nlistener 1884\nlistener_allow_anonymous true");
    let (refused, let_in) = (w.attempt("a", v5()), connect_at(&mut w, 1, "b", v5()));
    assert_eq!((code(&w, refused), code(&w, let_in)), (Some(0x87), Some(0)));
}

#[test]
fn per_listener_settings() {
    let lines = "per_listener_settings true\nlistener 1\nallow_anonymous true\nauto_id_prefix one-\n\
                 listener 2\nallow_zero_length_clientid false\nallow_anonymous true\nlistener 3\n";
    let settings = settings(lines);
    let rules = settings.listeners.iter().map(|l| listener_rules(&settings, l, l.port, None)).collect();
    let mut w = World::with_listeners(limits(&settings), rules);
    let (one, two, three) =
        (connect_at(&mut w, 0, "", v5()), connect_at(&mut w, 1, "", v5()), connect_at(&mut w, 2, "c", v5()));
    assert_eq!((code(&w, one), code(&w, two), code(&w, three)), (Some(0), Some(0x80), Some(0x87)));
    let assigned = property(&w, one, |p| match p {
        Property::AssignedClientIdentifier(id) => Some(*id),
        _ => None,
    });
    assert!(assigned.unwrap().starts_with("one-"));
}

#[test]
fn allow_zero_length_clientid() {
    let mut w = broker("allow_zero_length_clientid false");
    let (five, three) = (w.attempt("", v5()), w.attempt("", v311()));
    assert_eq!((code(&w, five), code(&w, three)), (Some(0x80), Some(2)));
}

#[test]
fn assigned_client_ids() {
    for (lines, prefix) in [
        ("", "auto-"),
        ("auto_id_prefix mine-", "mine-"),
        ("auto_id_prefix mine-\nlistener_auto_id_prefix here-", "here-"),
    ] {
        let mut w = broker(lines);
        let client = w.connect("", v5());
        let id = property(&w, client, |p| match p {
            Property::AssignedClientIdentifier(id) => Some(*id),
            _ => None,
        });
        let id = id.unwrap();
        let uuid = id.strip_prefix(prefix).unwrap();
        assert_eq!((uuid.len(), uuid.to_uppercase()), (36, uuid.to_owned()), "{id}");
    }
}

#[test]
fn clientid_prefixes() {
    let mut w = broker("clientid_prefixes secure-");
    w.connect("secure-a", v5());
    let (five, three) = (w.attempt("a", v5()), w.attempt("secure", v311()));
    assert_eq!((code(&w, five), code(&w, three)), (Some(0x87), Some(5)));
    let assigned = w.attempt("", v5());
    assert_eq!(code(&w, assigned), Some(0x87), "auto-… doesn't start so, either");
    let mut w = broker("clientid_prefixes auto\nclientid_prefixes my-\nlistener_auto_id_prefix my-");
    w.connect("", v5());
}

#[test]
fn accept_protocol_versions() {
    let mut w = broker("accept_protocol_versions 3, 5");
    w.connect("a", v31());
    w.connect("b", v5());
    let refused = w.attempt("c", v311());
    assert_eq!(code(&w, refused), Some(1));
    let mut w = broker("accept_protocol_versions 4");
    let refused = w.attempt("c", v5());
    assert_eq!(code(&w, refused), Some(0x84));
}

#[test]
fn max_inflight_messages() {
    let mut w = broker("max_inflight_messages 3");
    let receiver = w.connect("r", v311());
    let told = w.connect("p", v5());
    let maximum = property(&w, told, |p| match p {
        Property::ReceiveMaximum(n) => Some(*n),
        _ => None,
    });
    assert_eq!(maximum, Some(3));
    w.subscribe(receiver, "a", ONE);
    w.auto_acknowledge(receiver, false);
    for _ in 0..5 {
        w.publish(told, "a", "x", ONE);
    }
    let first = w.publishes(receiver);
    assert_eq!(first.len(), 3);
    w.send(receiver, world::puback(first[0].packet_identifier));
    assert_eq!(count(&mut w, receiver), 1);
}

#[test]
fn max_inflight_bytes() {
    let mut w = broker("max_inflight_bytes 10");
    let (receiver, publisher) = (w.connect("r", v311()), w.connect("p", v5()));
    w.subscribe(receiver, "a", ONE);
    w.auto_acknowledge(receiver, false);
    for _ in 0..5 {
        w.publish(publisher, "a", "123456", ONE);
    }
    // Asked before one is added, as mosquitto does: two make 12.
    let first = w.publishes(receiver);
    assert_eq!(first.len(), 2);
    w.send(receiver, world::puback(first[0].packet_identifier));
    assert_eq!(count(&mut w, receiver), 1);
}

/// How many of so many messages of ten bytes an absent client finds.
fn kept(lines: &str, qos: QoS, published: usize) -> usize {
    let mut w = broker(lines);
    let receiver = w.connect("r", v311().clean(false));
    w.subscribe(receiver, "a", ONE);
    w.cut(receiver);
    let publisher = w.connect("p", v311());
    for _ in 0..published {
        w.publish(publisher, "a", "1234567890", qos);
    }
    let receiver = w.reconnect(receiver);
    count(&mut w, receiver)
}

#[test]
fn max_queued_messages() {
    assert_eq!(kept("max_queued_messages 5", ONE, 8), 5);
    assert_eq!(kept("max_queued_messages 0", ONE, 2000), 2000);
    assert_eq!(kept("", ONE, 1200), 1000);
}

#[test]
fn what_a_full_queue_drops_is_said_once_until_the_client_comes() {
    let mut w = broker("max_queued_messages 2");
    let receiver = w.connect("r", v311().clean(false));
    w.subscribe(receiver, "a", ONE);
    w.cut(receiver);
    let publisher = w.connect("p", v311());
    for _ in 0..2 {
        w.notices();
        for published in 0..5 {
            w.publish(publisher, "a", "x", ONE);
            let said = w.notices();
            let said = said.iter().any(|n| matches!(n, Notice::Dropping { client } if **client == *"r"));
            assert_eq!(said, published == 2, "{published}");
        }
        let receiver = w.reconnect(receiver);
        assert_eq!(count(&mut w, receiver), 2);
        w.cut(receiver);
    }
}

#[test]
fn max_queued_bytes() {
    assert_eq!(kept("max_queued_bytes 35", ONE, 8), 4, "the last one may go over");
    assert_eq!(kept("max_queued_bytes 35\nmax_queued_messages 2", ONE, 8), 2);
}

#[test]
fn queue_qos0_messages() {
    assert_eq!(kept("", ZERO, 3), 0);
    assert_eq!(kept("queue_qos0_messages true", ZERO, 3), 3);
    assert_eq!(kept("queue_qos0_messages true\nmax_queued_messages 2", ZERO, 3), 2, "within the limits");
}

#[test]
fn max_keepalive() {
    let mut w = broker("max_keepalive 30");
    for (asked, told) in [(0, Some(30)), (60, Some(30)), (30, None), (10, None)] {
        let client = w.connect("c", v5().keep_alive(asked));
        let server = property(&w, client, |p| match p {
            Property::ServerKeepAlive(seconds) => Some(*seconds),
            _ => None,
        });
        assert_eq!(server, told, "{asked}");
    }
    let (zero, long, short) = (
        w.attempt("0", v311().keep_alive(0)),
        w.attempt("1", v311().keep_alive(31)),
        w.attempt("2", v311().keep_alive(30)),
    );
    assert_eq!((code(&w, zero), code(&w, long), code(&w, short)), (Some(2), Some(2), Some(0)));
    let silent = w.connect("silent", v5().keep_alive(0));
    w.advance(46);
    assert!(w.is_closed(silent), "the broker's Keep Alive holds");
}

#[test]
fn max_packet_size() {
    let mut w = broker("max_packet_size 100");
    let client = w.connect("c", v5());
    let told = property(&w, client, |p| match p {
        Property::MaximumPacketSize(bytes) => Some(*bytes),
        _ => None,
    });
    assert_eq!(told, Some(100));
    // 2 bytes of header, 3 of topic, 1 of properties: 94 are left.
    w.publish(client, "a", vec![b'x'; 94], ZERO);
    assert!(!w.is_closed(client));
    w.send(client, Packet::Publish(message("a", vec![b'x'; 95], ZERO)));
    assert_eq!(w.disconnect_reason(client), Some(ReasonCode::PACKET_TOO_LARGE));
}

#[test]
fn message_size_limit() {
    let mut w = broker("message_size_limit 10");
    let client = w.connect("c", v5());
    w.subscribe(client, "a", ONE);
    assert_eq!(w.publish(client, "a", "1234567890", ONE), ReasonCode::SUCCESS);
    w.publish(client, "a", "12345678901", ZERO);
    assert_eq!(count(&mut w, client), 1);
    let old = w.connect("old", v311());
    w.publish(old, "a", "12345678901", ONE);
    assert!(!w.is_closed(old), "acknowledged and dropped");
    assert_eq!(count(&mut w, client), 0);
    let refused = w.attempt("w", v5().will("a", "12345678901", ONE));
    assert_eq!(code(&w, refused), Some(0x95));
    let refused = w.attempt("w", v311().will("a", "12345678901", ONE));
    assert_eq!(code(&w, refused), Some(5), "mosquitto's code for it");
}

#[test]
fn max_qos() {
    for name in ["max_qos", "maximum_qos"] {
        let mut w = broker(&format!("{name} 1"));
        let client = w.connect("c", v5());
        let told = property(&w, client, |p| match p {
            Property::MaximumQoS(qos) => Some(*qos),
            _ => None,
        });
        assert_eq!(told, Some(ONE));
        assert_eq!(w.subscribe(client, "a", QoS::ExactlyOnce), 1);
        w.send(
            client,
            Packet::Publish(Publish { packet_identifier: 1, ..message("a", "x", QoS::ExactlyOnce) }),
        );
        assert_eq!(w.disconnect_reason(client), Some(ReasonCode::QOS_NOT_SUPPORTED));
    }
}

#[test]
fn max_topic_alias() {
    let mut w = broker("max_topic_alias 2");
    let client = w.connect("c", v5());
    let told = property(&w, client, |p| match p {
        Property::TopicAliasMaximum(n) => Some(*n),
        _ => None,
    });
    assert_eq!(told, Some(2));
    let with_alias =
        |n| Publish { properties: properties(&[Property::TopicAlias(n)]), ..message("a", "x", ZERO) };
    w.send(client, Packet::Publish(with_alias(2)));
    assert!(!w.is_closed(client));
    w.send(client, Packet::Publish(with_alias(3)));
    assert_eq!(w.disconnect_reason(client), Some(ReasonCode::TOPIC_ALIAS_INVALID));
}

#[test]
fn max_topic_alias_broker() {
    for (lines, aliased) in [("max_topic_alias_broker 1", 1), ("max_topic_alias_broker 0", 0), ("", 3)] {
        let mut w = broker(lines);
        let client = w.connect("c", v5().topic_alias_maximum(100));
        w.subscribe(client, "#", ZERO);
        for topic in ["a", "b", "c"] {
            w.publish(client, topic, "x", ZERO);
        }
        let got = w.publishes(client);
        let with = got.iter().filter(|publish| publish.properties.topic_alias().is_some()).count();
        assert_eq!((got.len(), with), (3, aliased), "{lines}");
    }
}

#[test]
fn retain_available() {
    let mut w = broker("retain_available false");
    let client = w.connect("c", v5());
    let told = property(&w, client, |p| match p {
        Property::RetainAvailable(yes) => Some(*yes),
        _ => None,
    });
    assert_eq!(told, Some(false));
    w.send(client, Packet::Publish(Publish { retain: true, ..message("a", "x", ZERO) }));
    assert_eq!(w.disconnect_reason(client), Some(ReasonCode::RETAIN_NOT_SUPPORTED));
    let refused = w.attempt("w", v5().will("a", "x", ZERO).will_retain());
    assert_eq!(code(&w, refused), Some(0x9A));
}

#[test]
fn retain_expiry_interval() {
    let mut w = broker("retain_expiry_interval 5");
    let client = w.connect("c", v5());
    let expiring = Publish {
        retain: true,
        properties: properties(&[Property::MessageExpiryInterval(10)]),
        ..message("a", "x", ONE)
    };
    w.publish_with(client, expiring);
    w.advance(11);
    w.subscribe(client, "a", ONE);
    assert_eq!(
        (count(&mut w, client), w.shard().gauges().retained),
        (0, 1),
        "nobody gets it, but it is there"
    );
    w.advance(290);
    assert_eq!(w.shard().gauges().retained, 0);
}

#[test]
fn check_retain_source() {
    let acl = |text: &str| Some(Arc::new(Acl::parse(text, "acl").unwrap()));
    for (lines, found) in [("", 0), ("check_retain_source true", 0), ("check_retain_source false", 1)] {
        let mut w = broker_with_acl(lines, acl("topic read #\nuser ann\ntopic write a\n"));
        let ann = w.connect("ann", v5().username("ann"));
        w.retain(ann, "a", "x", ONE);
        let reader = w.connect("r", v5());
        w.subscribe(reader, "a", ONE);
        assert_eq!(count(&mut w, reader), 1, "still allowed");
        let mut rules = w.shard().listeners().to_vec();
        rules[0].acl = acl("topic read #\n");
        w.shard().set_listeners(rules);
        w.subscribe(reader, "a", ONE);
        assert_eq!(count(&mut w, reader), found, "{lines}");
    }
}

#[test]
fn upgrade_outgoing_qos() {
    for (lines, qos) in [("upgrade_outgoing_qos true", QoS::ExactlyOnce), ("", ZERO)] {
        let mut w = broker(lines);
        let client = w.connect("c", v5());
        w.subscribe(client, "a", QoS::ExactlyOnce);
        w.publish(client, "a", "x", ZERO);
        assert_eq!(w.publishes(client)[0].qos, qos);
    }
}

#[test]
fn allow_duplicate_messages() {
    for (lines, copies) in [("allow_duplicate_messages false", 1), ("", 2)] {
        let mut w = broker(lines);
        let client = w.connect("c", v311());
        w.subscribe(client, "a/#", ZERO);
        w.subscribe(client, "a/b", ONE);
        w.publish(client, "a/b", "x", ONE);
        assert_eq!(count(&mut w, client), copies, "{lines}");
    }
}

#[test]
fn persistent_client_expiration() {
    let mut w = broker("persistent_client_expiration 2h");
    let three = w.connect("three", v311().clean(false));
    let five = w.connect("five", v5().session_expiry(60));
    w.cut(three);
    w.cut(five);
    w.advance(61);
    assert_eq!(w.session_count(), 1, "the shorter of the two holds");
    w.advance(7200 - 62);
    assert_eq!(w.session_count(), 1);
    w.advance(2);
    assert_eq!(w.session_count(), 0);
}

#[test]
fn connection_messages() {
    let mentioned = |lines: &str| {
        let mut w = broker(lines);
        let client = w.connect("c", v311());
        w.disconnect(client);
        let about = |notice: &Notice| {
            matches!(
                notice,
                Notice::NewConnection { .. } | Notice::ClientConnected { .. } | Notice::Disconnected { .. }
            )
        };
        w.notices().iter().filter(|notice| about(notice)).count()
    };
    assert_eq!((mentioned(""), mentioned("connection_messages false")), (3, 0));
}

#[test]
fn memory_limit() {
    let mut w = broker("");
    let (five, three) = (w.connect("five", v5()), w.connect("three", v311()));
    w.subscribe(five, "a", ONE);
    w.retain(five, "a", "x", ONE);
    assert_eq!(count(&mut w, five), 1);
    w.shard().set_memory_full(true);
    assert_eq!(w.publish(five, "a", "x", ONE), ReasonCode::QUOTA_EXCEEDED);
    w.publish(three, "a", "y", ZERO);
    assert_eq!(w.messages(five), ["a y"], "what needn't be kept goes on");
    assert_eq!(w.subscribe(five, "b", ONE), 0x97);
    let late = w.attempt("late", v5());
    assert_eq!(code(&w, late), Some(0x89));
    // Removing a retained message makes room.
    w.publish_with(five, Publish { retain: true, ..message("a", "", ZERO) });
    assert_eq!(w.shard().gauges().retained, 0);
    w.send(three, Packet::Publish(Publish { packet_identifier: 1, ..message("a", "z", ONE) }));
    assert!(w.is_closed(three), "not acknowledged");
    assert_eq!(count(&mut w, five), 1);
    w.shard().set_memory_full(false);
    w.connect("late", v5());
    assert_eq!(w.publish(five, "a", "x", ONE), ReasonCode::SUCCESS);
}
