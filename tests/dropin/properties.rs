//! `-D`: every packet with every property, and what is said about wrong ones.

use super::super::harness::Kind;
use super::case::{Case, case};
use super::compare::compare;

const PACKETS: &[&str] = &[
    "connect",
    "publish",
    "will",
    "subscribe",
    "unsubscribe",
    "disconnect",
    "auth",
    "puback",
    "pubrec",
    "pubrel",
    "pubcomp",
];

/// Each property with a value that it may have.
const PROPERTIES: &[&str] = &[
    "authentication-data x",
    "content-type x",
    "correlation-data x",
    "maximum-packet-size 100",
    "message-expiry-interval 100",
    "payload-format-indicator 1",
    "reason-string x",
    "receive-maximum 5",
    "request-problem-information 1",
    "request-response-information 1",
    "response-topic x",
    "server-reference x",
    "session-expiry-interval 5",
    "subscription-identifier 5",
    "topic-alias 1",
    "topic-alias-maximum 5",
    "user-property k v",
    "will-delay-interval 5",
    "Content-Type x",
];

/// What is wrong in itself, in the same words in 2.0 and 2.1.
const MISTAKES: &[&str] = &[
    "-D",
    "-D publish",
    "-D publish content-type",
    "-D publish user-property a",
    "--property connect user-property a",
    "-D publish topic-alias 70000",
    "-D publish topic-alias -1",
    "-D publish payload-format-indicator 256",
    "-D connect receive-maximum 65536",
    "-D connect maximum-packet-size 4294967296",
    "-D publish message-expiry-interval -1",
    "-D publish message-expiry-interval 99999999999999999999999",
    "-D subscribe subscription-identifier 4294967296",
    "-D subscribe subscription-identifier 268435456",
    "-D publish content-type {bad}",
    "-D publish user-property {bad} x",
    "-D disconnect reason-string {bad}",
    "-D auth authentication-method x",
    "-D subscribe subscription-identifier 5 -D subscribe subscription-identifier 6",
    "-D unsubscribe user-property a",
    "-D disconnect session-expiry-interval 5 -D disconnect session-expiry-interval 6",
    "-D publish content-type a -D publish content-type b",
];

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for packet in PACKETS {
        for property in PROPERTIES {
            if (*packet, *property) == ("will", "reason-string x") {
                // 2.0 sends it, which the specification forbids.
                continue;
            }
            let client = if matches!(*packet, "subscribe" | "unsubscribe") { "sub -E" } else { "pub -m x" };
            cases.push(case(format!("{client} -t {{c}} -D {packet} {property}")));
        }
    }
    cases.extend(MISTAKES.iter().map(|arguments| case(format!("bare pub -t a -m b {arguments}"))));
    let hint = "\n\nUse 'mosquitto_pub --help' to see usage.\n";
    for (arguments, error) in [
        ("-D foo content-type x", "Error: Invalid command foo given in --property argument."),
        ("-D publish foo x", "Error: Invalid property name foo given in --property argument."),
        ("-D publish message-expiry-interval x", "Error: Property value 'x' not a number."),
        (
            "-D suback reason-string x",
            "Error: reason-string property not supported for suback in --property argument.",
        ),
    ] {
        let expected = format!("{error}\n{hint}");
        cases.push(case(format!("bare pub -t a -m b {arguments}")).instead(
            "2.1 names what is wrong",
            1,
            "",
            &expected,
        ));
    }
    for (arguments, error) in [
        (
            "-D connect receive-maximum 0",
            "A network protocol error occurred when communicating with the broker",
        ),
        (
            "-D connect request-problem-information 2",
            "A network protocol error occurred when communicating with the broker",
        ),
        ("-D connect receive-maximum 1 -D connect receive-maximum 2", "Duplicate property in property list"),
        ("-x 5 -D connect session-expiry-interval 5", "Duplicate property in property list"),
    ] {
        cases.push(case(format!("pub -t a -m b {arguments}")).instead(
            "2.1 finds it when it connects",
            1,
            "",
            &format!("Unable to connect ({error}).\n"),
        ));
    }
    cases.push(case("bare pub -t a -m b -p 1 -D publish user-property x {bad}").instead(
        "what is no UTF-8 isn't sent",
        1,
        "",
        &format!("Error adding property user-property 7{hint}"),
    ));
    cases.push(case("pub -t a -m b -D publish topic-alias 0").instead(
        "2.1 finds it when it publishes",
        7,
        "",
        "Error: Protocol error when communicating with broker.\nError: The connection was lost\n",
    ));
    cases.extend(
        [
            "pub -t a -m b -D connect receive-maximum 5 -V 311",
            "pub -t a -m b --will-topic w -D will content-type a -V 311",
            "pub -t a -m b -D will content-type a",
            "pub -t a -m b -D connect authentication-method x",
            "pub -t a -m b -D publish content-type ''",
            "pub -t a -m b -D publish correlation-data {bad}",
            "rr -t a -e b -m x -D publish response-topic x -W 1",
            "rr -t {c} -e {c} -m x -D publish content-type x -F %C",
            "rr -t {c} -e {c} -m x -D publish user-property a b -D publish user-property c d -F '%P %R'",
            "pub -q 1 -t {c} -m x -D publish topic-alias 3 --repeat 2 -l << a\\nb\\n",
            "& sub -i {c} -V 5 -q 1 -t {c} -C 3 -F '%p %C'
             pub -q 1 -t {c} -D publish topic-alias 3 -D publish content-type y --repeat 3 -m x",
        ]
        .map(case),
    );
    cases
}

#[test]
fn properties_are_taken_and_refused_alike() {
    compare(Kind::Mosquitto, "", cases());
}
