//! Commands and their answers, files, and decisions.

use super::*;
use crate::auth::{HashMethod, PasswordHash, SALT_BYTES_2_0};
use std::num::NonZeroU32;

fn hash(password: &[u8]) -> PasswordHash {
    let method = HashMethod::Sha512Pbkdf2 { iterations: NonZeroU32::MIN };
    PasswordHash::create(method, password, &[7; SALT_BYTES_2_0]).unwrap()
}

fn new() -> Dynsec {
    Dynsec::for_admin("admin", hash(b"secret"))
}

fn execute(dynsec: &mut Dynsec, payload: &str) -> Outcome {
    let mut request = Request::parse(payload.as_bytes());
    request.hash_passwords(|password| Some(hash(password)));
    assert!(!request.has_passwords());
    let connections = |name: &str| if name == "here" { vec!["1.2.3.4".to_owned()] } else { Vec::new() };
    dynsec.execute(&request, &Caller { client_id: "c", username: Some("admin"), connections: &connections })
}

/// The answer to one command, without the frame around it and without its name.
fn ask(dynsec: &mut Dynsec, command: &str) -> String {
    let response = execute(dynsec, &format!("{{\"commands\":[{command}]}}")).response(true);
    let value: serde_json::Value = serde_json::from_str(&response).unwrap();
    let answer = &value["responses"][0];
    match answer.get("error") {
        Some(error) => error.as_str().unwrap().to_owned(),
        None => answer.get("data").map(ToString::to_string).unwrap_or_default(),
    }
}

fn all_done(dynsec: &mut Dynsec, commands: &[&str]) -> Vec<Kick> {
    let outcome = execute(dynsec, &format!("{{\"commands\":[{}]}}", commands.join(",")));
    assert!(!outcome.response(true).contains("error"), "{}", outcome.response(true));
    outcome.kick
}

#[test]
fn what_is_no_request_is_told() {
    let cases = [
        ("xx", r#"{"responses":[{"command":"Unknown command","error":"Payload not valid JSON"}]}"#),
        ("", r#"{"responses":[{"command":"Unknown command","error":"Payload not valid JSON"}]}"#),
        ("{}", r#"{"responses":[{"command":"Unknown command","error":"Invalid/missing commands"}]}"#),
        ("5", r#"{"responses":[{"command":"Unknown command","error":"Invalid/missing commands"}]}"#),
        (
            r#"{"commands":{}}"#,
            r#"{"responses":[{"command":"Unknown command","error":"Invalid/missing commands"}]}"#,
        ),
        (r#"{"commands":[]}"#, r#"{"responses":[]}"#),
        (
            r#"{"commands":[5,{},{"command":5}]}"#,
            r#"{"responses":[{"command":"Unknown command","error":"Command not an object"},{"command":"Unknown command","error":"Missing command"},{"command":"Unknown command","error":"Missing command"}]}"#,
        ),
        (
            r#"{"commands":[{"command":"x","correlationData":"q"},{"command":"getRole","correlationData":5}]}"#,
            r#"{"responses":[{"command":"x","error":"Unknown command","correlationData":"q"},{"command":"getRole","error":"Invalid correlationData data type."}]}"#,
        ),
        (
            r#"{"commands":[{"command":"GETANONYMOUSGROUP","correlationData":""}]} and more"#,
            r#"{"responses":[{"command":"GETANONYMOUSGROUP","data":{"group":{"groupname":""}},"correlationData":""}]}"#,
        ),
    ];
    for (payload, response) in cases {
        assert_eq!(execute(&mut new(), payload).response(true), response, "{payload}");
    }
    let deep = "[".repeat(100_000);
    assert!(execute(&mut new(), &deep).response(true).contains("Payload not valid JSON"));
}

#[test]
fn clients_are_made_and_changed() {
    let mut d = new();
    let steps = [
        (r#"{"command":"createRole","rolename":"r1"}"#, ""),
        (r#"{"command":"createGroup","groupname":"g1"}"#, ""),
        (
            r#"{"command":"createClient","username":"u","password":"p","clientid":"i","textname":"T","roles":[{"rolename":"r1","priority":3}],"groups":[{"groupname":"g1"}]}"#,
            "",
        ),
        (r#"{"command":"createClient","username":"u"}"#, "Client already exists"),
        (r#"{"command":"createClient"}"#, "Invalid/missing username"),
        (r#"{"command":"createClient","username":""}"#, "Empty username"),
        (r#"{"command":"createClient","username":"a\u0001"}"#, "Username not valid UTF-8"),
        (r#"{"command":"createClient","username":"v","password":5}"#, "Invalid/missing password"),
        (r#"{"command":"createClient","username":"v","clientid":5}"#, "Invalid/missing client id"),
        (r#"{"command":"createClient","username":"v","roles":[{"rolename":"x"}]}"#, "Role not found"),
        (
            r#"{"command":"createClient","username":"v","roles":5}"#,
            "'roles' not an array or missing/invalid rolename",
        ),
        (
            r#"{"command":"createClient","username":"v","groups":[{"groupname":"x"}]}"#,
            "'groups' contains an object with a 'groupname' that does not exist",
        ),
        (
            r#"{"command":"getClient","username":"u"}"#,
            r#"{"client":{"username":"u","clientid":"i","textname":"T","roles":[{"rolename":"r1","priority":3}],"groups":[{"groupname":"g1"}],"connections":[]}}"#,
        ),
        (r#"{"command":"disableClient","username":"u"}"#, ""),
        (r#"{"command":"setClientId","username":"u"}"#, ""),
        (r#"{"command":"setClientId","username":"u","clientid":5}"#, "Invalid/missing client ID"),
        (r#"{"command":"modifyClient","username":"u","roles":[],"textdescription":"D"}"#, ""),
        (
            r#"{"command":"getClient","username":"u"}"#,
            r#"{"client":{"username":"u","textname":"T","textdescription":"D","disabled":true,"roles":[],"groups":[{"groupname":"g1"}],"connections":[]}}"#,
        ),
        (r#"{"command":"setClientPassword","username":"u","password":""}"#, "Empty password is not allowed"),
        (r#"{"command":"setClientPassword","username":"u"}"#, "Invalid/missing password"),
        (r#"{"command":"setClientPassword","username":"x","password":"y"}"#, "Client not found"),
        (r#"{"command":"addClientRole","username":"u","rolename":"r1"}"#, ""),
        (r#"{"command":"addClientRole","username":"u","rolename":"r1"}"#, "Internal error"),
        (r#"{"command":"removeClientRole","username":"u","rolename":"r1"}"#, ""),
        (r#"{"command":"removeClientRole","username":"u","rolename":"r1"}"#, ""),
        (r#"{"command":"listClients","count":1,"offset":1}"#, r#"{"totalCount":2,"clients":["u"]}"#),
        (r#"{"command":"deleteClient","username":"u"}"#, ""),
        (r#"{"command":"deleteClient","username":"u"}"#, "Client not found"),
        (
            r#"{"command":"getGroup","groupname":"g1"}"#,
            r#"{"group":{"groupname":"g1","clients":[],"roles":[]}}"#,
        ),
        (r#"{"command":"getDetails"}"#, r#"{"clientCount":1,"groupCount":1,"roleCount":2,"changeIndex":9}"#),
        (r#"{"command":"createClient","username":"here"}"#, ""),
        (
            r#"{"command":"getClient","username":"here"}"#,
            r#"{"client":{"username":"here","roles":[],"groups":[],"connections":[{"address":"1.2.3.4"}]}}"#,
        ),
    ];
    for (command, answer) in steps {
        assert_eq!(ask(&mut d, command), answer, "{command}");
    }
}

#[test]
fn groups_and_roles_are_made_and_changed() {
    let mut d = new();
    let steps = [
        (
            r#"{"command":"createRole","rolename":"r","acls":[{"acltype":"publishClientSend","topic":"z","allow":true},{"acltype":"publishClientSend","topic":"a"},{"acltype":"PUBLISHCLIENTSEND","topic":"m","priority":5000000}]}"#,
            "",
        ),
        (
            r#"{"command":"getRole","rolename":"r"}"#,
            r#"{"role":{"rolename":"r","allowwildcardsubs":true,"acls":[{"acltype":"publishClientSend","topic":"m","priority":100000,"allow":false},{"acltype":"publishClientSend","topic":"z","priority":0,"allow":true},{"acltype":"publishClientSend","topic":"a","priority":0,"allow":false}]}}"#,
        ),
        (r#"{"command":"createRole","rolename":"r"}"#, "Role already exists"),
        (r#"{"command":"createRole","rolename":"s","allowwildcardsubs":5}"#, "Invalid allowwildcardsubs"),
        (r#"{"command":"createRole","rolename":"s","textname":5}"#, "Invalid/missing textname"),
        (
            r#"{"command":"createRole","rolename":"s","acls":[{"acltype":"subscribeLiteral","topic":"a#b"}]}"#,
            "Invalid ACL topic",
        ),
        (r#"{"command":"modifyRole","rolename":"s"}"#, "Role does not exist"),
        (r#"{"command":"addRoleACL","rolename":"r","acltype":"x","topic":"a"}"#, "Unknown acltype"),
        (r#"{"command":"addRoleACL","rolename":"r","topic":"a"}"#, "Invalid/missing acltype"),
        (r#"{"command":"addRoleACL","rolename":"r","acltype":"publishClientSend"}"#, "Invalid/missing topic"),
        (
            r#"{"command":"addRoleACL","rolename":"r","acltype":"publishClientSend","topic":"a"}"#,
            "ACL with this topic already exists",
        ),
        (
            r#"{"command":"removeRoleACL","rolename":"r","acltype":"publishClientSend","topic":"q"}"#,
            "ACL not found",
        ),
        (r#"{"command":"removeRoleACL","rolename":"r","acltype":"publishClientSend","topic":"a"}"#, ""),
        (r#"{"command":"modifyRole","rolename":"r","acls":[],"allowwildcardsubs":false}"#, ""),
        (
            r#"{"command":"getRole","rolename":"r"}"#,
            r#"{"role":{"rolename":"r","allowwildcardsubs":false,"acls":[]}}"#,
        ),
        (r#"{"command":"createGroup","groupname":"g","roles":[{"rolename":"r","priority":2}]}"#, ""),
        (r#"{"command":"createGroup","groupname":"g"}"#, "Group already exists"),
        (r#"{"command":"createGroup","groupname":"h","roles":5}"#, "Internal error"),
        (r#"{"command":"addGroupClient","groupname":"g","username":"admin","priority":4}"#, ""),
        (
            r#"{"command":"addGroupClient","groupname":"g","username":"admin"}"#,
            "Client is already in this group",
        ),
        (r#"{"command":"addGroupClient","groupname":"no","username":"admin"}"#, "Group not found"),
        (r#"{"command":"addGroupClient","groupname":"g","username":"no"}"#, "Client not found"),
        (r#"{"command":"addGroupRole","groupname":"g","rolename":"r"}"#, "Group is already in this role"),
        (
            r#"{"command":"getGroup","groupname":"g"}"#,
            r#"{"group":{"groupname":"g","clients":[{"username":"admin"}],"roles":[{"rolename":"r","priority":2}]}}"#,
        ),
        (
            r#"{"command":"modifyGroup","groupname":"g","clients":[{}]}"#,
            "'clients' contains an object with an invalid 'username'",
        ),
        (
            r#"{"command":"modifyGroup","groupname":"g","clients":[{"username":"no"}]}"#,
            "'clients' contains an object with a 'username' that does not exist",
        ),
        (r#"{"command":"setAnonymousGroup","groupname":"no"}"#, "Group not found"),
        (r#"{"command":"setAnonymousGroup","groupname":"g"}"#, ""),
        (r#"{"command":"deleteGroup","groupname":"g"}"#, "Deleting the anonymous group is forbidden"),
        (r#"{"command":"deleteRole","rolename":"r"}"#, ""),
        (
            r#"{"command":"listGroups","verbose":true}"#,
            r#"{"totalCount":1,"groups":[{"groupname":"g","clients":[{"username":"admin"}],"roles":[]}]}"#,
        ),
        (
            r#"{"command":"setDefaultACLAccess","acls":[{"acltype":"SUBSCRIBE","allow":true},{"acltype":"x","allow":true}]}"#,
            "",
        ),
        (r#"{"command":"setDefaultACLAccess"}"#, "Missing/invalid actions array"),
        (
            r#"{"command":"getDefaultACLAccess"}"#,
            r#"{"acls":[{"acltype":"publishClientSend","allow":false},{"acltype":"publishClientReceive","allow":true},{"acltype":"subscribe","allow":true},{"acltype":"unsubscribe","allow":true}]}"#,
        ),
    ];
    for (command, answer) in steps {
        assert_eq!(ask(&mut d, command), answer, "{command}");
    }
}

#[test]
fn whose_rights_change_is_disconnected() {
    let mut d = new();
    let user = |name: &str| Kick::User(name.into());
    let none = all_done(
        &mut d,
        &[
            r#"{"command":"createClient","username":"a"}"#,
            r#"{"command":"createClient","username":"b"}"#,
            r#"{"command":"createGroup","groupname":"g"}"#,
            r#"{"command":"createRole","rolename":"r"}"#,
            r#"{"command":"enableClient","username":"a"}"#,
            r#"{"command":"setDefaultACLAccess","acls":[]}"#,
        ],
    );
    assert_eq!(none, []);
    let steps: [(&str, &[Kick]); 8] = [
        (r#"{"command":"addGroupClient","groupname":"g","username":"a"}"#, &[user("a")]),
        (r#"{"command":"addGroupRole","groupname":"g","rolename":"r"}"#, &[user("a")]),
        (
            r#"{"command":"modifyGroup","groupname":"g","clients":[{"username":"b"}]}"#,
            &[user("a"), user("b")],
        ),
        (r#"{"command":"setAnonymousGroup","groupname":"g"}"#, &[Kick::Anonymous]),
        (r#"{"command":"removeGroupRole","groupname":"g","rolename":"r"}"#, &[user("b"), Kick::Anonymous]),
        (r#"{"command":"removeGroupRole","groupname":"g","rolename":"r"}"#, &[]),
        (r#"{"command":"setClientPassword","username":"a","password":"x"}"#, &[user("a")]),
        (r#"{"command":"deleteClient","username":"b"}"#, &[user("b")]),
    ];
    for (command, kick) in steps {
        assert_eq!(all_done(&mut d, &[command]), kick, "{command}");
    }
}

#[test]
fn the_log_says_who_did_what_but_no_password() {
    let outcome = execute(
        &mut new(),
        r#"{"commands":[{"command":"createClient","username":"u","password":"hunter2"},{"command":"getDetails"},{"command":"deleteRole","rolename":"no"}]}"#,
    );
    let expected =
        ["dynsec: c/admin | createClient | username=u | password=*****", "dynsec: c/admin | getDetails"];
    assert_eq!(outcome.log, expected);
    let request = Request::parse(br#"{"commands":[{"command":"setClientPassword","password":"hunter2"}]}"#);
    assert!(request.has_passwords());
    assert!(!format!("{request:?}").contains("hunter2"));
    let request = Request::parse(br#"{"commands":[{"command":"getRole","password":"hunter2"}]}"#);
    assert!(!request.has_passwords());
}

fn decide(d: &Dynsec, name: &str, right: Right, topic: &str) -> Decision {
    d.decide(&CheckedClient { client_id: "id", username: Some(name).filter(|n| !n.is_empty()) }, right, topic)
}

#[test]
fn roles_then_groups_then_the_default_decide() {
    let mut d = new();
    all_done(
        &mut d,
        &[
            r##"{"command":"createRole","rolename":"low","acls":[{"acltype":"publishClientSend","topic":"#","allow":true},{"acltype":"subscribePattern","topic":"#","allow":true},{"acltype":"subscribePattern","topic":"$SYS/#","allow":true}]}"##,
            r##"{"command":"createRole","rolename":"high","acls":[{"acltype":"publishClientSend","topic":"secret/#"},{"acltype":"subscribeLiteral","topic":"secret/a","allow":true},{"acltype":"subscribePattern","topic":"secret/#"},{"acltype":"publishClientReceive","topic":"hidden"}]}"##,
            r#"{"command":"createRole","rolename":"plain","allowwildcardsubs":false}"#,
            r#"{"command":"createRole","rolename":"anon","acls":[{"acltype":"publishClientSend","topic":"in/%c","allow":true}]}"#,
            r#"{"command":"createGroup","groupname":"g","roles":[{"rolename":"low"}]}"#,
            r#"{"command":"createGroup","groupname":"nobody","roles":[{"rolename":"anon"}]}"#,
            r#"{"command":"setAnonymousGroup","groupname":"nobody"}"#,
            r#"{"command":"createClient","username":"u","roles":[{"rolename":"low","priority":1},{"rolename":"high","priority":2}]}"#,
            r#"{"command":"createClient","username":"v","roles":[{"rolename":"plain"}],"groups":[{"groupname":"g"}]}"#,
        ],
    );
    use Decision::{Allowed, Defer, Denied};
    use Right::{Receive, Send, Subscribe, Unsubscribe};
    let cases = [
        ("u", Send, "x", Allowed),
        ("u", Send, "secret/x", Denied),
        ("u", Send, "$CONTROL/dynamic-security/v1", Defer),
        ("u", Receive, "x", Allowed),
        ("u", Receive, "hidden", Denied),
        ("u", Receive, "$CONTROL/dynamic-security/v1/response", Defer),
        ("u", Subscribe, "secret/a", Allowed),
        ("u", Subscribe, "secret/b", Denied),
        ("u", Subscribe, "#", Allowed),
        ("u", Subscribe, "$SYS/#", Allowed),
        ("u", Subscribe, "$CONTROL/#", Defer),
        ("u", Unsubscribe, "x", Allowed),
        ("v", Send, "x", Allowed),
        ("v", Subscribe, "x", Allowed),
        ("v", Subscribe, "x/+", Denied),
        ("", Send, "in/id", Allowed),
        ("", Send, "in/other", Defer),
        ("", Subscribe, "x", Defer),
        ("stranger", Send, "x", Defer),
        ("stranger", Receive, "x", Defer),
        ("admin", Send, "$CONTROL/dynamic-security/v1", Allowed),
        ("admin", Send, "x", Defer),
        ("admin", Subscribe, "#", Allowed),
    ];
    for (name, right, topic, expected) in cases {
        assert_eq!(decide(&d, name, right, topic), expected, "{name} {right:?} {topic}");
    }
}

#[test]
fn who_may_come_in() {
    let mut d = new();
    all_done(
        &mut d,
        &[
            r#"{"command":"createClient","username":"u","password":"p","clientid":"only"}"#,
            r#"{"command":"createClient","username":"bare"}"#,
            r#"{"command":"createClient","username":"off","password":"p"}"#,
            r#"{"command":"disableClient","username":"off"}"#,
        ],
    );
    assert!(d.password_of("only", "u").unwrap().verify(b"p"));
    assert!(d.password_of("other", "u").is_none());
    assert!(d.password_of("c", "bare").is_none());
    assert!(d.password_of("c", "off").is_none());
    assert!(d.password_of("c", "stranger").is_none());
    assert!(d.knows("off") && !d.knows("stranger"));
}

#[test]
fn a_file_goes_out_and_comes_back() {
    let mut d = Dynsec::initial(hash(b"a"), Some(hash(b"d")));
    all_done(
        &mut d,
        &[
            r#"{"command":"createGroup","groupname":"g","textname":"G","roles":[{"rolename":"client","priority":7}]}"#,
            r#"{"command":"createClient","username":"u","password":"p","clientid":"i","textdescription":"D","groups":[{"groupname":"g","priority":4}]}"#,
            r#"{"command":"disableClient","username":"u"}"#,
            r#"{"command":"modifyRole","rolename":"client","allowwildcardsubs":false}"#,
        ],
    );
    let text = d.to_text();
    let back = Dynsec::parse(text.as_bytes(), "f").unwrap();
    assert_eq!(*back.to_text(), *text);
    assert!(back.password_of("c", "admin").unwrap().verify(b"a"));
    assert_eq!(decide(&back, "democlient", Right::Subscribe, "a"), Decision::Allowed);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["groups"][0]["clients"][0]["priority"], 4);
    assert_eq!(value["changeIndex"], 4);
    let client = &value["clients"][0];
    assert!(client["encoded_password"].as_str().unwrap().starts_with("$7$1$"));
    assert_eq!(client["iterations"], 1, "what mosquitto 2.0 reads is there as well");
}

#[test]
fn mosquittos_files_are_read() {
    let text = br##"{ "clients": [{ "username": "admin", "textName": "Admin",
        "password": "42R7TwM5VnXNu7HlemmLtpzm0AZiXrbFkC1TxyAmkGD9TVShI+gGfjTnPkXaDpAw4hNxEdinusWT+nGx24Vrbg==",
        "salt": "1Y30IHPFRZanVndS", "iterations": 101, "roles": [{"rolename":"admin"},{"rolename":"gone"}] }, {"x":1}],
        "roles": [{ "rolename": "admin", "acls": [{"acltype":"publishClientSend","topic":"#","allow":true},
        {"acltype":"future","topic":"#","allow":true}]}],
        "groups": [{"groupname":"g","clients":[{"username":"admin"},{"username":"gone"}]}], "anonymousGroup":"gone",
        "defaultACLAccess": { "publishClientReceive": true } }"##;
    let mut d = Dynsec::parse(text, "f").unwrap();
    assert!(d.password_of("c", "admin").unwrap().verify(b"adminpassword1"));
    let expected = r#"{"client":{"username":"admin","textname":"Admin","roles":[{"rolename":"admin"}],"groups":[{"groupname":"g"}],"connections":[]}}"#;
    assert_eq!(ask(&mut d, r#"{"command":"getClient","username":"admin"}"#), expected);
    assert_eq!(decide(&d, "admin", Right::Send, "x"), Decision::Allowed);
    assert_eq!(decide(&d, "admin", Right::Unsubscribe, "x"), Decision::Defer, "what isn't said is forbidden");
}

#[test]
fn what_is_no_file_is_told() {
    let error = |text: &str| Dynsec::parse(text.as_bytes(), "f").unwrap_err().to_string();
    assert_eq!(error("{"), "Error: Invalid JSON at line 1, column 1 in dynamic security file \"f\".");
    assert_eq!(error("[]"), "Error: No JSON object in dynamic security file \"f\".");
    let bad = error(r#"{"clients":[{"username":"u","encoded_password":"plain"}]}"#);
    assert!(bad.starts_with("Error: Invalid password of client \"u\""), "{bad}");
    assert!(!bad.contains("plain"), "{bad}");
}

#[test]
fn any_bytes_are_read_without_panic() {
    proptest::proptest!(|(text in r#"([{}\[\]:,]|"commands"|"command"|"createClient"|"username"|"roles"|"a"|5|true){0,30}"#)| {
        execute(&mut new(), &text);
        let _ = Dynsec::parse(text.as_bytes(), "f");
    });
}

#[test]
fn what_could_not_be_saved_is_said_so() {
    let request = r#"{"commands":[{"command":"createRole","rolename":"r"},{"command":"getAnonymousGroup"}]}"#;
    let answer = execute(&mut new(), request).response(false);
    assert!(answer.contains(r#""createRole","error":"Changed, but not saved: the file can't be written""#));
    assert_eq!(answer.matches("error").count(), 1);
}
