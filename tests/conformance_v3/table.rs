//! `docs/conformance.md` and the tests say the same.

#[path = "../conformance/page.rs"]
mod page;

const PART: page::Part = page::Part { heading: "MQTT 3.1.1", folder: "conformance_v3" };

/// How many numbered statements MQTT 3.1.1 has.
const STATEMENTS: usize = 141;

#[test]
fn every_statement_has_a_row_of_its_own() {
    assert_eq!(PART.statements().len(), STATEMENTS);
}

#[test]
fn every_test_in_the_table_exists_and_bears_its_number() {
    PART.assert_rows_name_their_tests();
}

#[test]
fn every_numbered_test_is_in_the_table() {
    PART.assert_numbered_tests_have_rows();
}
