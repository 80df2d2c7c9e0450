//! mosquitto_pub: every way a message is given, and what is said about it.

use super::super::harness::Kind;
use super::case::{Case, case};
use super::compare::compare;

/// What a subscriber finds afterwards, with the session made first.
fn seen_by_a_subscriber(arguments: &str, input: &str, count: usize) -> Case {
    case(format!(
        "sub -i {{c}} -c -q 2 -t {{c}}/# -E
         pub -t {{c}}/a {arguments}{input}
         sub -i {{c}} -c -q 2 -t {{c}}/# -v -C {count}"
    ))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for qos in 0..=2 {
        // QoS 0 messages aren't kept for who is away.
        let retain = if qos == 0 { "-r " } else { "" };
        for version in ["31", "311", "5"] {
            let qos = format!("{retain}-q {qos} -V {version}");
            cases.push(seen_by_a_subscriber(&format!("{qos} -m hello"), "", 1));
            cases.push(seen_by_a_subscriber(&format!("{qos} -s"), " << one\\ntwo\\n", 1));
        }
    }
    for (arguments, input, count) in [
        ("-q 1 -l", " << one\\ntwo\\n\\nlast without end", 3),
        ("-q 2 -l", " << a\\r\\nb c\\n", 2),
        ("-q 1 --stdin-line", " << x\\n", 1),
        ("-q 1 --stdin-file", " << x\\ny", 1),
        ("-q 1 -m x --repeat 3", "", 3),
        ("-q 2 -m x --repeat 2 --repeat-delay 0.01", "", 2),
        ("-q 1 -n --repeat 2 -q 1", "", 2),
        ("-q 1 -m 'two words'", "", 1),
        ("-q 1 -m ''", "", 1),
        ("-q 1 -m -1", "", 1),
        ("-q 1x -m x", "", 1),
        ("-q 1 -m first -t {c}/b", "", 1),
        ("-q 1 -s --repeat 2", " << in", 2),
        ("-q 1 -n", "", 1),
        ("-q 1 --null-message", "", 1),
        ("-r -q 1 -m kept", "", 1),
        ("--retain --qos 1 --message kept", "", 1),
    ] {
        cases.push(seen_by_a_subscriber(arguments, input, count));
    }
    cases.extend(
        [
            "file f << whole\\nfile\\n
             sub -i {c} -c -q 1 -t {c} -E
             pub -t {c} -f {d}/f -q 1
             pub -t {c} --file {d}/f -q 1 --repeat 2
             sub -i {c} -c -q 1 -t {c} -v -C 3",
            "pub -t {c} -s",
            "pub -t {c} -l",
            "pub -t {c} -m x --quiet",
            "pub -t {c} -m x --nodelay",
            "pub -t {c} -m x -A 127.0.0.1",
            "pub -t {c} -m x -k 5 -M 1",
            "pub -t {c} -m x -u user -P password",
            "pub -t {c} -m x -V 5 -P password",
            "pub -r -t {c} -m x
             pub -r -t {c} -n
             sub -t {c} -W 1",
            "pub -t {c} -m x -d -i {c}",
            "pub -t {c} -m x -d",
            "pub -t {c} -m x -d -V 5 -i {c}",
            "pub -t {c} -m x -d -q 1 -i {c}",
            "pub -t {c} -m x -d -q 2 -i {c} --repeat 2",
            "pub -t {c} -m x -d -q 1 -i {c} -V 5",
            "pub -t {c} -m x -d -q 2 -i {c} -V 5 -r",
            "pub -t {c} -l -d -i {c} << a\\nb\\n",
            "pub -t {c} -n -d --quiet -i {c}",
            "pub -t {c} -m x -d -i {c} -c -q 1",
            "pub -t {c} -m x -d -i {c} --will-topic w --will-payload p --will-qos 1 --will-retain",
            "pub -t {c}",
            "pub -m x -t",
        ]
        .map(case),
    );
    cases.push(case("pub -t {c} -m x -d -I pre").masked());
    cases.extend(unreadable_files());
    cases
}

fn unreadable_files() -> [Case; 2] {
    [
        case("pub -t {c} -f {d}/missing").instead(
            "2.1 says why",
            1,
            "",
            "Error: Unable to read file \"{d}/missing\": No such file or directory.\n\
             Error loading input file \"{d}/missing\".\n",
        ),
        case("pub -t {c} -f {d}").instead(
            "a folder isn't called a large file",
            1,
            "",
            "Error: Unable to read file \"{d}\": Is a directory.\nError loading input file \"{d}\".\n",
        ),
    ]
}

#[test]
fn messages_are_published_alike() {
    compare(Kind::Mosquitto, "", cases());
    compare(Kind::Ours, "", cases());
}
