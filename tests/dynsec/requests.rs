//! Requests that were made to do harm, from who may ask and from who may not.

use super::{ANSWERS, Admin, COMMANDS, RawClient, broker, initial, puback, user};
use mqtt_toolkit::protocol::QoS;

#[test]
fn who_has_no_right_gets_nowhere_near() {
    let (_folder, file) = initial();
    let broker = broker(&file);
    let address = broker.address();
    let mut admin = Admin::new(address);
    admin.done(
        r##"{"command":"createRole","rolename":"all","acls":[
            {"acltype":"publishClientSend","topic":"#","allow":true},
            {"acltype":"publishClientSend","topic":"+/dynamic-security/v1","allow":true},
            {"acltype":"publishClientReceive","topic":"#","allow":true},
            {"acltype":"subscribePattern","topic":"#","allow":true}]},
            {"command":"setDefaultACLAccess","acls":[
            {"acltype":"publishClientSend","allow":true},{"acltype":"publishClientReceive","allow":true},
            {"acltype":"subscribe","allow":true},{"acltype":"unsubscribe","allow":true}]},
            {"command":"createClient","username":"eve","password":"pw","roles":[{"rolename":"all"}]}"##,
    );
    let mut eve = RawClient::connect_with(address, &user("eve", "eve", "pw"));
    for topic in [COMMANDS, ANSWERS, "$CONTROL/", "$CONTROL", "$CONTROL/broker/v1", "$CONTROLS/x"] {
        assert_eq!(puback(&mut eve, topic), 0x87, "{topic}");
    }
    let filters = [ANSWERS, "$CONTROL/#", "$CONTROL/+/+/response", "$share/g/$CONTROL/#", "$CONTROL"];
    for filter in filters {
        assert_eq!(eve.subscribe(filter, QoS::AtMostOnce), 0x87, "{filter}");
    }
    // Levels that only look like it are topics like others.
    for topic in ["/$CONTROL/dynamic-security/v1", "a/$CONTROL", "dynamic-security/v1"] {
        assert_ne!(puback(&mut eve, topic), 0x87, "{topic}");
    }
    let clients = admin.ask(r#"{"command":"listClients"}"#);
    assert!(clients.contains(r#""totalCount":2"#), "{clients}");
}

#[test]
fn payloads_that_are_no_commands_are_answered_and_forgotten() {
    let (_folder, file) = initial();
    let broker = broker(&file);
    let mut admin = Admin::new(broker.address());
    let nested = |open: &str, count: usize| open.repeat(count);
    let payloads = [
        String::new(),
        "\0".into(),
        "null".into(),
        "{".into(),
        nested("[", 1_000_000),
        format!("{{\"commands\":{}", nested("[", 500_000)),
        format!("{{\"commands\":[{}", nested("{\"a\":", 300_000)),
        format!("{{\"commands\":[{}{}]}}", nested("[", 120), nested("]", 120)),
        format!("{{\"commands\":[{{\"command\":\"{}\"}}]}}", "x".repeat(1_500_000)),
        format!("{{\"commands\":[{}null]}}", "null,".repeat(100_000)),
        r#"{"commands":{"command":"deleteClient","username":"admin"}}"#.into(),
        r#"{"commands":[{"command":null,"username":"admin"}]}"#.into(),
        r#"{"commands":[{"command":"createClient","username":{"a":1}}]}"#.into(),
        r#"{"commands":[{"command":"createRole","rolename":"r","acls":{"acltype":7}}]}"#.into(),
        r#"{"commands":[{"command":"listClients","count":-9e99,"offset":1e99}]}"#.into(),
        r#"{"commands":[{"command":"listClients","count":9223372036854775807,"offset":9223372036854775807}]}"#
            .into(),
    ];
    for payload in payloads {
        admin.0.publish(COMMANDS, payload.as_bytes(), QoS::AtLeastOnce);
        let message = admin.0.message().unwrap();
        assert_eq!(message.topic, ANSWERS);
        assert!(message.payload.starts_with(b"{\"responses\":["), "{}", &payload[..payload.len().min(80)]);
    }
    assert!(admin.ask(r#"{"command":"getDetails"}"#).contains(r#""clientCount":1"#));
}

#[test]
fn ten_thousand_commands_in_one_message_are_all_answered() {
    let (_folder, file) = initial();
    let running = broker(&file);
    let mut admin = Admin::new(running.address());
    // It and others wait no longer than it takes: the passwords of the first are hashed elsewhere.
    let mut commands: Vec<String> = (0..20)
        .map(|i| format!(r#"{{"command":"createClient","username":"user {i}","password":"pw"}}"#))
        .collect();
    commands.extend((0..10_000).map(|i| format!(r#"{{"command":"createRole","rolename":"role {i}"}}"#)));
    let mut other = RawClient::connect_with(running.address(), &user("other", "admin", super::PASSWORD));
    let payload = format!("{{\"commands\":[{}]}}", commands.join(","));
    admin.0.send(&super::publish(admin.0.version, 7, COMMANDS, payload.as_bytes(), QoS::AtLeastOnce));
    for _ in 0..20 {
        other.ping();
    }
    let answers = String::from_utf8(admin.0.message_behind_acknowledgements().payload).unwrap();
    assert_eq!(answers.matches("\"command\":\"createRole\"").count(), 10_000);
    assert!(!answers.contains("error"));
    let listed = admin.ask(r#"{"command":"listRoles"}"#);
    assert!(listed.contains(r#""totalCount":10001"#), "{}", &listed[..200]);
    assert_eq!(running.stop().code, 0);
    let again = broker(&file);
    let listed = Admin::new(again.address()).ask(r#"{"command":"listRoles","count":1}"#);
    assert!(listed.contains(r#""totalCount":10001"#), "{listed}");
}

#[test]
fn names_that_could_be_anything_give_nothing_away() {
    let (_folder, file) = initial();
    let broker = broker(&file);
    let address = broker.address();
    let mut admin = Admin::new(address);
    admin.done(
        r##"{"command":"createRole","rolename":"own","acls":[
            {"acltype":"publishClientSend","topic":"of/%c/x","allow":true},
            {"acltype":"publishClientSend","topic":"own/%u/x","allow":true},
            {"acltype":"subscribePattern","topic":"of/%c/x","allow":true},
            {"acltype":"subscribePattern","topic":"own/%u/x","allow":true}]}"##,
    );
    let names = ["+", "#", "a/b", "a+", "%c", "%u", "$SYS", " ", "\u{fe}\u{1f600}"];
    for name in names {
        admin.done(&format!(
            r#"{{"command":"createClient","username":"{name}","password":"pw","roles":[{{"rolename":"own"}}]}}"#
        ));
        let connect = || RawClient::connect_with(address, &user(name, name, "pw"));
        let mut client = connect();
        // A name that is one level and no wildcard stands for itself.
        let own = !name.contains(['+', '#', '/']);
        for prefix in ["of", "own"] {
            for level in [name, "victim", "%c", "%u"].into_iter().filter(|level| !level.contains(['+', '#']))
            {
                let (topic, may) = (format!("{prefix}/{level}/x"), own && level == name);
                assert_eq!(puback(&mut client, &topic) != 0x87, may, "{name}: {topic}");
            }
        }
        let mut client = connect();
        for filter in [format!("of/{name}/x"), format!("own/{name}/x")] {
            if !name.contains('#') && name != "a+" {
                assert_eq!(client.subscribe(&filter, QoS::AtMostOnce) == 0, own, "{name}: {filter}");
            }
        }
        for filter in ["of/+/x", "own/+/x", "of/#", "own/#", "+/+/x", "#"] {
            assert_eq!(client.subscribe(filter, QoS::AtMostOnce), 0x87, "{name}: {filter}");
        }
    }
    // No text, and no name.
    for name in [r"\u0000", r"\n", r"a\u0007b", "", r"\ufdd0"] {
        let answer = admin.ask(&format!(r#"{{"command":"createClient","username":"{name}"}}"#));
        assert!(answer.contains("error"), "{name}: {answer}");
    }
}
