//! Reaching the broker, and being turned away.

use super::super::harness::Kind;
use super::case::{Case, case};
use super::compare::compare;

/// What 2.1 says about a port nobody listens on is a slip of the pen that `2.0` doesn't have: ours says what 2.0 does.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for client in ["pub -t a -m x", "pub -t a -l", "sub -t a", "sub -t a -W 1", "rr -t a -e b -m x"] {
        for arguments in
            ["-p 1", "-p 1 --quiet", "-h ::1 -p 1", "-p 1 -d -i {c}", "-p 1 -V 5", "-h nosuch.invalid"]
        {
            cases.push(case(format!("{client} -h 127.0.0.1 {arguments}")));
        }
        cases.push(case(format!("bare {client} --unix {{d}}/missing")));
        cases.push(case(format!("bare {client} -p 0 -h {{d}}/missing")));
        cases.push(case(format!("bare {client} -L mqtt://127.0.0.1:1/t")));
        cases.push(case(format!("bare {client} -A 127.0.0.1 -h 127.0.0.1 -p 1")));
    }
    cases.extend(
        [
            "bare pub -L mqtt://127.0.0.1:{p}/{c} -m x -d -i {c}",
            "bare pub -L MQTT://user:pass@127.0.0.1:{p}/{c} -m x -d -i {c}",
            "bare pub -L mqtt://127.0.0.1:1/{c} -p {p} -m x",
            "bare pub -L mqtt://user@127.0.0.1:{p}/{c} -m x",
            "bare sub -L mqtt://127.0.0.1:{p}/{c}/# -t other -E -d -i {c}",
            "bare pub -L http://127.0.0.1/x -m x",
            "bare pub -L x -m x",
            "bare pub -L mqtt:///x -m x",
        ]
        .map(case),
    );
    cases.push(case("bare pub -L mqtt://127.0.0.1:{p}/ -m x").instead(
        "2.1 checks the topic of a URL, too",
        1,
        "",
        "Error: Invalid publish topic '', does it contain '+' or '#'?\n\nUse 'mosquitto_pub --help' to see usage.\n",
    ));
    cases
}

#[test]
fn a_broker_that_is_not_there_is_complained_about_alike() {
    compare(Kind::Mosquitto, "", cases());
}

/// Names and passwords that this broker wants and doesn't get.
#[test]
fn refusals_end_alike() {
    let mut cases = Vec::new();
    for client in ["pub -t a -m x", "pub -t a -l << x\\n", "sub -t a", "rr -t a -e b -m x"] {
        let (client, input) = client.split_once(" << ").unwrap_or((client, ""));
        for version in ["31", "311", "5"] {
            for arguments in ["", "-d -i {c}", "-u me -P wrong", "--quiet"] {
                let input = if input.is_empty() { String::new() } else { format!(" << {input}") };
                cases.push(case(format!("{client} -V {version} {arguments}{input}")));
            }
        }
    }
    compare(Kind::Mosquitto, "allow_anonymous false\n", cases);
}
