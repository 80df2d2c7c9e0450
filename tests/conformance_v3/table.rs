//! `docs/conformance.md` and the tests say the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// How many numbered statements MQTT 3.1.1 has.
const STATEMENTS: usize = 141;

/// The rows of the table of 3.1.1: statement, and its test or the reason why there is none.
fn rows() -> Vec<(String, String)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conformance.md");
    let text = fs::read_to_string(page).unwrap();
    let part = text.split("\n## ").find(|part| part.starts_with("MQTT 3.1.1")).expect("no part on 3.1.1");
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_string()).collect::<Vec<_>>();
    let is_row =
        |cells: &Vec<String>| cells.get(1).is_some_and(|id| id.starts_with(|c: char| c.is_ascii_digit()));
    part.lines().map(cells).filter(is_row).map(|c| (c[1].clone(), c[3].clone())).collect()
}

/// All tests of this program.
fn tests() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance_v3");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for (_, behind) in text.match_indices("#[test]\nfn ").map(|(at, m)| (at, &text[at + m.len()..])) {
            found.insert(behind.split('(').next().unwrap().to_string());
        }
    }
    found
}

#[test]
fn every_statement_has_a_row_of_its_own() {
    let ids: Vec<String> = rows().into_iter().map(|(id, _)| id).collect();
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len(), "a statement stands twice");
    assert_eq!(ids.len(), STATEMENTS);
}

#[test]
fn every_test_in_the_table_exists_and_bears_its_number() {
    let tests = tests();
    for (id, cell) in rows() {
        for name in cell.split('`').skip(1).step_by(2).filter(|name| !name.contains('/')) {
            assert!(tests.contains(name) || name == "mqtt", "{id}: there is no test {name}");
        }
        if let Some(name) = cell.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
            let prefix = format!("mqtt_{}_", id.replace(['.', '-'], "_"));
            assert!(name.starts_with(&prefix), "{id}: {name} is the test of another statement");
        } else {
            assert!(cell.len() > 10, "{id}: neither a test nor a reason");
        }
    }
}

#[test]
fn every_numbered_test_is_in_the_table() {
    let named: String = rows().into_iter().map(|(_, cell)| cell).collect();
    for test in tests().iter().filter(|test| test.starts_with("mqtt_")) {
        assert!(named.contains(&format!("`{test}`")), "{test} is not in docs/conformance.md");
    }
}
