//! `docs/conformance.md` and the tests say the same.

#[path = "../conformance/page.rs"]
mod page;

use std::collections::BTreeSet;

const PART: page::Part = page::Part { heading: "MQTT 5.0", folder: "conformance_v5" };

/// The sections of MQTT 5.0 that have numbered statements, with the first and the last number.
#[rustfmt::skip]
const SECTIONS: &[(&str, u8, u8)] = &[
    ("1.5.4", 1, 3), ("1.5.5", 1, 1), ("1.5.7", 1, 1),
    ("2.1.3", 1, 1), ("2.2.1", 2, 6), ("2.2.2", 1, 1),
    ("3.1.0", 1, 2), ("3.1.2", 1, 30), ("3.1.3", 1, 12), ("3.1.4", 1, 6),
    ("3.2.0", 1, 2), ("3.2.2", 1, 22),
    ("3.3.1", 1, 13), ("3.3.2", 1, 20), ("3.3.4", 1, 10),
    ("3.4.2", 1, 3), ("3.5.2", 1, 3), ("3.6.1", 1, 1), ("3.6.2", 1, 3), ("3.7.2", 1, 3),
    ("3.8.1", 1, 1), ("3.8.3", 1, 5), ("3.8.4", 1, 8), ("3.9.2", 1, 2), ("3.9.3", 1, 2),
    ("3.10.1", 1, 1), ("3.10.3", 1, 2), ("3.10.4", 1, 6), ("3.11.2", 1, 2), ("3.11.3", 1, 2),
    ("3.12.4", 1, 1), ("3.14.0", 1, 1), ("3.14.1", 1, 1), ("3.14.2", 1, 4), ("3.14.4", 1, 3),
    ("3.15.1", 1, 1), ("3.15.2", 1, 3),
    ("4.1.0", 1, 2), ("4.2.0", 1, 1), ("4.3.1", 1, 1), ("4.3.2", 1, 5), ("4.3.3", 1, 13),
    ("4.4.0", 1, 2), ("4.5.0", 1, 2), ("4.6.0", 1, 6),
    ("4.7.0", 1, 1), ("4.7.1", 1, 2), ("4.7.2", 1, 1), ("4.7.3", 1, 4),
    ("4.8.2", 1, 6), ("4.9.0", 1, 3), ("4.12.0", 1, 7), ("4.12.1", 1, 2), ("4.13.1", 1, 1), ("4.13.2", 1, 1),
    ("6.0.0", 1, 4),
];

#[test]
fn every_statement_has_a_row_of_its_own() {
    let all: BTreeSet<String> = SECTIONS
        .iter()
        .flat_map(|(section, first, last)| (*first..=*last).map(move |n| format!("{section}-{n}")))
        .collect();
    assert_eq!(all.len(), 251);
    let rows = PART.statements();
    let missing: Vec<_> = all.difference(&rows).collect();
    let unknown: Vec<_> = rows.difference(&all).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing {missing:?}, unknown {unknown:?}");
}

#[test]
fn every_test_in_the_table_exists_and_bears_its_number() {
    PART.assert_rows_name_their_tests();
}

#[test]
fn every_numbered_test_is_in_the_table() {
    PART.assert_numbered_tests_have_rows();
}
