//! mosquitto_rr: questions that get an answer, and those that don't.

use super::super::harness::Kind;
use super::case::{Case, case};
use super::compare::compare;

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    // A retained message is an answer too, so that nobody has to be there to give one.
    for version in ["31", "311", "5"] {
        for arguments in ["-m q", "-n", "-m q -v", "-m q -N", "-m q -N -v", "-m q -q 1", "-m q -q 2 -W 5"] {
            cases.push(case(format!(
                "pub -r -t {{c}}/answer -m ready
                 rr -V {version} -t {{c}}/question -e {{c}}/answer {arguments}"
            )));
        }
    }
    cases.extend(
        [
            "rr -t {c}/q -e {c}/a -m x -W 1",
            "rr -t {c}/q -e {c}/a -m x -W 1 --quiet",
            "rr -t {c}/q -e {c}/a -m x -W 1 -V 311",
            "pub -r -t {c}/a -m old
             rr -t {c}/q -e {c}/a -m x -d -i {c}",
            "pub -r -t {c}/a -m old
             rr -t {c}/q -e {c}/a -m x -d -i {c} -V 311 -q 1",
            "rr -t {c}/q -e {c}/a -W 1",
            "rr -e {c}/a -m x",
            "rr -t {c}/a -e {c}/a -m echo -v",
        ]
        .map(case),
    );
    cases.push(case("pub -r -t {c}/a -m old\nrr -t {c}/q -e {c}/a -m x -R -W 1").instead(
        "2.1's -R leaves retained answers out",
        27,
        "",
        "Timed out\n",
    ));
    cases
}

#[test]
fn requests_are_answered_alike() {
    compare(Kind::Mosquitto, "", cases());
    compare(Kind::Ours, "", cases());
}
