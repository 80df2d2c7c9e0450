//! mosquitto_sub: what it prints, what it leaves out, and how it ends.

use super::super::harness::Kind;
use super::case::{Case, case};
use super::compare::compare;

/// Three retained messages: one empty-handed topic besides.
const RETAINED: &str = "pub -r -t {c}/1 -m one
    pub -r -t {c}/2 -m two
    pub -r -q 1 -t {c}/3/x -m three\n";

fn with_retained(lines: &str) -> Case {
    case(format!("{RETAINED}{lines}"))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in ["31", "311", "5"] {
        for arguments in [
            "-t {c}/# -C 3",
            "-t {c}/# -C 3 -v",
            "-t {c}/+ -C 2 -v",
            "-t {c}/1 -t {c}/2 -C 2 -v -q 1",
            "-t {c}/# -T {c}/1 -C 2 -v",
            "-t {c}/# -T {c}/+ -C 1 -v",
            "-t {c}/# -C 3 -N",
            "-t {c}/# -C 3 -N -v",
            "-t {c}/# -C 2 -q 2",
            "-t {c}/1 -E",
        ] {
            cases.push(with_retained(&format!("sub -V {version} {arguments}")));
        }
    }
    cases.extend(
        [
            "sub -t {c}/# -R -W 1",
            "sub -t {c}/# -R -W 1 -V 5",
            "sub -t {c}/# -W 1 -v",
            "sub -t {c}/# -W 1 --quiet",
            "sub -t {c}/1 -C 1 -d -i {c}",
            "sub -t {c}/1 -C 1 -d -i {c} -V 5",
            "sub -t {c}/# -C 2 -d -i {c} --quiet",
            "sub -t {c}/3/# -q 2 -C 1 -d -i {c}",
            "sub -t {c}/1 -t {c}/2 -U {c}/1 -U {c}/3 -E -d -i {c}",
            "sub -t {c}/1 -E -d -q 2",
            "sub -t {c}/1 -E -d -V 5 -i {c} --retain-as-published",
            "sub --topic {c}/1 -C 1 --verbose --debug --id {c} --keepalive 10 --qos 1",
            "sub -t {c}/# --retained-only -v -W 1",
            "sub -t {c}/# --retained-only -v -W 1 -V 5",
            "sub -t {c}/# --remove-retained -v -W 1
             sub -t {c}/# -W 1",
            "sub -t {c}/# -T {c}/1 --remove-retained -v -W 1
             sub -t {c}/# -C 1 -v",
            "sub -t {c}/1 --remove-retained -v -W 1 -q 1",
            "bare sub -t a -R --retained-only",
            "bare sub -t a --random-filter 0",
            "bare sub -t a --random-filter 0.05",
            "bare sub -t a --random-filter x",
            "bare sub -t a --random-filter 2000",
            "sub -t {c}/# --filter-out {c}/1 -T {c}/2 -C 1",
        ]
        .map(with_retained),
    );
    cases.extend(
        [
            "& sub -i {c} -t {c} -C 2 -v -q 1
             pub -t {c} -m live -q 1
             pub -t {c} -n -q 1",
            "& sub -i {c} -t {c} -C 2 -q 1
             pub -t {c} -n -q 1
             pub -t {c} -m x -q 1",
            "& sub -i {c} -t {c} -C 2 -v -N -q 1
             pub -t {c} -n -q 1
             pub -t {c} -m x -q 1",
            "& sub -i {c} -t {c}/# -v -q 1 -C 1 -R -V 5
             pub -t {c}/1 -m x -q 1 -r",
            "& sub -i {c} -t {c}/# -v -q 1
             int",
            "& sub -i {c} -t {c}/# -V 5 -d -q 1
             term",
            "& sub -i {c} -t {c}/# -d
             term",
            "& sub -i w{c} -t {c}/w -q 1 -C 1 -v
             & sub -i {c} -t {c} -V 5 --will-topic {c}/w --will-payload gone --will-qos 1
             term",
            "& sub -i w{c} -t {c}/w -q 1 -C 1 -v -V 5
             sub -i {c} -t {c} -V 5 --will-topic {c}/w --will-payload gone --will-qos 1 -W 1",
            "sub -i {c} -c -q 1 -t {c} -E
             pub -t {c} -q 1 -m waiting
             sub -i {c} -c -q 1 -t {c} -C 1 -v
             sub -i {c} -q 1 -t {c} -W 1",
            "sub -i {c} -c -V 5 -q 1 -t {c} -E
             pub -t {c} -q 1 -m waiting
             sub -i {c} -c -V 5 -q 1 -t {c} -C 1 -v",
            "sub -i {c} -c -V 5 -x 60 -q 1 -t {c} -E
             pub -t {c} -q 1 -m waiting
             sub -i {c} -c -V 5 -x 60 -q 1 -t {c} -C 1 -v",
            "sub -i {c} -t {c} -W 1 -V 5 -d",
            "sub -t {c} -E -d",
            "sub -t {c} -W 1 -C 1",
            "& sub -i {c} -t {c} --retained-only -q 1 -v
             pub -t {c} -q 1 -m live",
            "& sub -i {c} -t {c} --retain-as-published -V 5 -q 1 -F '%r %p' -C 2
             pub -t {c} -q 1 -m live -r
             pub -t {c} -q 1 -m live",
        ]
        .map(case),
    );
    let retained = RETAINED;
    cases.push(case(format!("{retained}sub -t {{c}}/# --random-filter 100 -C 3")).instead(
        "100 percent are all",
        0,
        "one\ntwo\nthree\n",
        "",
    ));
    for (arguments, stderr) in
        [("--retain-handling never -V 5", "Timed out\n"), ("--retain-handling always -V 5", "Timed out\n")]
    {
        let stdout = if arguments.contains("never") { "" } else { "one\n" };
        cases.push(case(format!("{retained}sub -t {{c}}/1 -W 1 {arguments}")).instead(
            "2.0 doesn't know this option",
            27,
            stdout,
            stderr,
        ));
    }
    cases.push(case("pub -t {c}/1 -q 2 -m one -r\nsub -i {c} -t {c}/# -q 2 -d -C 1").instead(
        "a QoS 2 message is printed when it comes, a round trip sooner than in mosquitto",
        0,
        "Client {c} sending CONNECT\n\
         Client {c} received CONNACK (0)\n\
         Client {c} sending SUBSCRIBE (Mid: 1, Topic: {c}/#, QoS: 2, Options: 0x00)\n\
         Client {c} received SUBACK\n\
         Subscribed (mid: 1): 2\n\
         Client {c} received PUBLISH (d0, q2, r1, m1, '{c}/1', ... (3 bytes))\n\
         Client {c} sending PUBREC (m1, rc0)\n\
         one\n\
         Client {c} received PUBREL (Mid: 1)\n\
         Client {c} sending PUBCOMP (m1)\n\
         Client {c} sending DISCONNECT\n",
        "",
    ));
    cases
}

#[test]
fn messages_are_printed_alike() {
    compare(Kind::Mosquitto, "", cases());
    compare(Kind::Ours, "", cases());
}
