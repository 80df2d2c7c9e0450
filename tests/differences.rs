//! Every option and every keyword has a row in `docs/differences.md`: *same*, or what differs and why.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;

use mqtt_toolkit::config::{Keyword, keywords};
use mqtt_toolkit::options::manual::{Page, pages};

/// The first cell of a row, and the `##` heading above it.
struct Row {
    section: String,
    cell: String,
}

impl Row {
    /// Does it stand for this name in this program? Only a name that stands alone between backticks counts: a row
    /// about `-D publish topic-alias` is none about `-D`. A row "of mqtt-sub" is one of that program only.
    fn is_about(&self, name: &str, program: &str) -> bool {
        let of_others = self.cell.contains(" of mqtt-") && !self.cell.contains(&format!(" of {program}"));
        !of_others && self.cell.split('`').skip(1).step_by(2).any(|quoted| quoted == name)
    }
}

fn rows() -> Vec<Row> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/differences.md");
    let text = std::fs::read_to_string(page).unwrap();
    let mut section = String::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading.to_owned();
        } else if let Some(cells) = line.strip_prefix("| ") {
            let (cell, said) =
                cells.split_once(" | ").unwrap_or_else(|| panic!("no row of two cells: {line}"));
            assert!(!said.trim_end_matches(['|', ' ']).is_empty(), "nothing is said of {cell}");
            rows.push(Row { section: section.clone(), cell: cell.to_owned() });
        }
    }
    rows
}

fn section_of(program: &str) -> &'static str {
    match program {
        "mqtt-broker" => "Broker: configuration",
        "mqtt-passwd" => "Passwords",
        _ => "Clients",
    }
}

/// The names of each option: any of them will do.
fn options(page: &Page) -> Vec<Vec<String>> {
    let names = |arg: &clap::Arg| {
        let short = arg.get_short().map(|short| format!("-{short}"));
        let long = arg.get_long().map(|long| format!("--{long}"));
        short.into_iter().chain(long).collect::<Vec<_>>()
    };
    page.command.get_arguments().map(names).filter(|names| !names.is_empty()).collect()
}

#[test]
fn every_option_has_a_row() {
    let rows = rows();
    let mut missing = Vec::new();
    for page in pages() {
        let program = page.command.get_name();
        let here: Vec<&Row> = rows.iter().filter(|row| row.section == section_of(program)).collect();
        let options = options(&page);
        assert!(!options.is_empty(), "{program} has no options");
        for names in options {
            if !here.iter().any(|row| names.iter().any(|name| row.is_about(name, program))) {
                missing.push(format!("{program} {}", names.join(" ")));
            }
        }
    }
    assert!(missing.is_empty(), "no row in docs/differences.md:\n{}", missing.join("\n"));
}

#[test]
fn a_row_counts_where_its_words_say() {
    let row = Row { section: "Clients".to_owned(), cell: "`-t`, `-D x y` of mqtt-sub".to_owned() };
    assert!(row.is_about("-t", "mqtt-sub"));
    assert!(!row.is_about("-t", "mqtt-pub"));
    assert!(!row.is_about("-D", "mqtt-sub"));
}

#[test]
fn every_keyword_has_a_row() {
    let rows = rows();
    let has_row = |keyword: &Keyword| {
        // The start of a name is written as `plugin_opt_…`.
        let rest = if keyword.prefix { "…" } else { "" };
        keyword
            .names()
            .any(|name| rows.iter().any(|row| row.is_about(&format!("{name}{rest}"), "mqtt-broker")))
    };
    let missing: Vec<_> =
        keywords().filter(|keyword| !has_row(keyword)).map(|keyword| keyword.name).collect();
    assert!(missing.is_empty(), "no row in docs/differences.md:\n{}", missing.join("\n"));
}
