//! `docs/conformance.md` and the tests of a version: read, and held together.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A version's part of the page, and where its tests are.
pub struct Part {
    /// How its heading begins.
    pub heading: &'static str,
    /// The folder of its tests, under `tests/`.
    pub folder: &'static str,
}

impl Part {
    /// The rows of the table: statement, and its test or the reason why there is none.
    pub fn rows(&self) -> Vec<(String, String)> {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conformance.md");
        let text = fs::read_to_string(page).unwrap();
        let part = text.split("\n## ").find(|part| part.starts_with(self.heading)).expect("no such part");
        let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_string()).collect::<Vec<_>>();
        let is_row =
            |cells: &Vec<String>| cells.get(1).is_some_and(|id| id.starts_with(|c: char| c.is_ascii_digit()));
        part.lines().map(cells).filter(is_row).map(|c| (c[1].clone(), c[3].clone())).collect()
    }

    /// The statements that have a row, none of them twice.
    pub fn statements(&self) -> BTreeSet<String> {
        let ids: Vec<String> = self.rows().into_iter().map(|(id, _)| id).collect();
        let distinct: BTreeSet<String> = ids.iter().cloned().collect();
        assert_eq!(ids.len(), distinct.len(), "a statement stands twice");
        distinct
    }

    /// All tests of the version.
    pub fn tests(&self) -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(self.folder);
        let mut found = BTreeSet::new();
        for entry in fs::read_dir(folder).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            for (_, behind) in text.match_indices("#[test]\nfn ").map(|(at, m)| (at, &text[at + m.len()..])) {
                found.insert(behind.split('(').next().unwrap().to_string());
            }
        }
        found
    }

    /// Every test that a row names exists, and a row whose test is its own names one with its number.
    pub fn assert_rows_name_their_tests(&self) {
        let tests = self.tests();
        for (id, cell) in self.rows() {
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

    /// Every test with a number is named by a row.
    pub fn assert_numbered_tests_have_rows(&self) {
        let named: String = self.rows().into_iter().map(|(_, cell)| cell).collect();
        for test in self.tests().iter().filter(|test| test.starts_with("mqtt_")) {
            assert!(named.contains(&format!("`{test}`")), "{test} is not in docs/conformance.md");
        }
    }
}
