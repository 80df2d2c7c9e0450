//! `man/` and `completions/` hold exactly what the declarations of the flags print.
//!
//! `UPDATE_PRINTED=1 cargo test --test printed` writes them anew.

// A test says what it expects by failing there, in its helpers too.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use clap_complete::Shell;
use mqtt_toolkit::config::keywords;
use mqtt_toolkit::options::manual::{Page, pages};
use mqtt_toolkit::options::passwd;
use printed::tidy::tidy;
use printed::{conf_page, program_page};

mod harness;

mod printed {
    pub mod conf_page;
    pub mod program_page;
    pub mod tidy;
}

/// File names with what belongs in them.
type Printed = BTreeMap<String, Vec<u8>>;

fn name(page: &Page) -> String {
    page.command.get_name().to_owned()
}

fn man_pages() -> Printed {
    let program =
        |page: &Page| (format!("{}.{}", name(page), page.manual.section), tidy(program_page::man_page(page)));
    let mut printed: Printed = pages().iter().map(program).collect();
    printed.insert(format!("{}.5", conf_page::NAME), tidy(conf_page::man_page()));
    printed
}

fn completion_files(name: &str) -> [(Shell, String); 3] {
    [
        (Shell::Bash, format!("{name}.bash")),
        (Shell::Zsh, format!("_{name}")),
        (Shell::Fish, format!("{name}.fish")),
    ]
}

fn completions() -> Printed {
    let mut printed = Printed::new();
    for page in pages() {
        let name = name(&page);
        for (shell, file) in completion_files(&name) {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut page.command.clone(), &name, &mut text);
            if shell == Shell::Zsh {
                text = values_are_words(&String::from_utf8(text).unwrap()).into_bytes();
            }
            printed.insert(file, text);
        }
    }
    printed
}

/// clap would take `-hHOST`, `--host=HOST`, `-rd` and `--`, and its zsh script offers them. Our programs take
/// whole words only: `_arguments` says so by leaving `+`, `=`, -s and -S away.
fn values_are_words(script: &str) -> String {
    let line = |line: &str| {
        let spec = line.starts_with('\'').then(|| line.split_once('[')).flatten();
        match spec {
            Some((names, rest)) => format!("{}[{rest}\n", names.trim_end_matches(['+', '='])),
            None => format!("{}\n", line.replace("(-s -S -C)", "(-C)").replace("(-s -C)", "(-C)")),
        }
    };
    script.lines().map(line).collect()
}

/// Compares a directory with what is printed, or writes it.
fn check(directory: &str, printed: &Printed) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    if std::env::var_os("UPDATE_PRINTED").is_some() {
        fs::create_dir_all(&directory).unwrap();
        for file in files_in(&directory) {
            fs::remove_file(directory.join(file)).unwrap();
        }
        for (file, text) in printed {
            fs::write(directory.join(file), text).unwrap();
        }
    }
    let expected: Vec<String> = printed.keys().cloned().collect();
    assert_eq!(files_in(&directory), expected, "files in {}", directory.display());
    for (file, text) in printed {
        let found = fs::read(directory.join(file)).unwrap();
        let (found, text) = (String::from_utf8_lossy(&found), String::from_utf8_lossy(text));
        let differs = found.lines().zip(text.lines()).position(|(a, b)| a != b);
        assert!(
            found == text,
            "{file} differs from what is printed, first in line {:?}; UPDATE_PRINTED=1 rewrites it",
            differs.map(|line| line + 1)
        );
    }
}

fn files_in(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Runs a checker with this on its standard input; `None` where it isn't installed.
fn checked_by(program: &str, arguments: &[&str], text: &[u8]) -> Option<(bool, String)> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.ok()?;
    child.stdin.take().unwrap().write_all(text).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Some((output.status.success(), said.into_owned()))
}

#[test]
fn man_pages_are_what_is_printed() {
    check("man", &man_pages());
}

#[test]
fn completions_are_what_is_printed() {
    check("completions", &completions());
}

/// mandoc finds nothing to warn of. Where it isn't installed, that is said and nothing is checked.
#[test]
fn man_pages_are_well_formed() {
    for (file, text) in man_pages() {
        let Some((fine, said)) = checked_by("mandoc", &["-T", "lint", "-W", "style"], &text) else {
            harness::passed_over("mandoc is not installed: the form of the man pages is not checked");
            return;
        };
        assert!(fine && said.is_empty(), "{file}: {said}");
    }
}

/// groff has nothing to warn of, either.
#[test]
fn man_pages_are_typeset_without_a_warning() {
    for (file, text) in man_pages() {
        let Some((fine, said)) = checked_by("groff", &["-ww", "-z", "-man", "-Tutf8", "-Kutf8"], &text)
        else {
            harness::passed_over("groff is not installed: the man pages are not typeset");
            return;
        };
        assert!(fine && said.is_empty(), "{file}: {said}");
    }
}

/// Each page has the sections a reader looks for, in the usual order.
#[test]
fn man_pages_have_their_sections() {
    let wanted =
        ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "\"EXIT STATUS\"", "EXAMPLES", "\"SEE ALSO\""];
    for page in pages() {
        let (file, text) = (name(&page), String::from_utf8(program_page::man_page(&page)).unwrap());
        let sections = text.lines().filter_map(|line| line.strip_prefix(".SH "));
        let found: Vec<&str> = sections.filter(|section| wanted.contains(section)).collect();
        assert_eq!(found, wanted, "{file}");
    }
}

/// The page of the configuration has an entry for each keyword.
#[test]
fn every_keyword_is_in_the_page() {
    let text = String::from_utf8(conf_page::man_page()).unwrap();
    assert_eq!(text.matches(".TP\n").count(), keywords().count());
}

/// Every flag of every program can be completed in every shell.
#[test]
fn completions_know_every_flag() {
    let printed = completions();
    for page in pages() {
        for (shell, file) in completion_files(&name(&page)) {
            let text = String::from_utf8_lossy(&printed[&file]);
            let (short, long) = if shell == Shell::Fish { ("-s ", "-l ") } else { ("-", "--") };
            for arg in page.command.get_arguments() {
                let short = arg.get_short().map(|name| format!("{short}{name}"));
                let long = arg.get_long().map(|name| format!("{long}{name}"));
                for spelled in short.into_iter().chain(long) {
                    assert!(text.contains(&spelled), "{file}: {spelled}");
                }
            }
        }
    }
}

/// Each shell that is installed takes its scripts.
#[test]
fn completions_are_scripts() {
    for page in pages() {
        for (shell, file) in completion_files(&name(&page)) {
            if let Some((fine, said)) = checked_by(&shell.to_string(), &["-n"], &completions()[&file]) {
                assert!(fine, "{file}: {said}");
            }
        }
    }
}

/// The page of mqtt-passwd shows the forms of a call that its usage text shows.
#[test]
fn the_forms_of_passwd_are_those_of_its_usage() {
    let usage = passwd::usage("NAME");
    let forms = usage.lines().map(|line| line.trim_start_matches("Usage:").trim());
    let forms: Vec<&str> =
        forms.filter(|line| line.starts_with("NAME ") && line.contains("passwordfile")).collect();
    let page = pages().into_iter().find(|page| name(page) == "mqtt-passwd").unwrap();
    assert_eq!(page.manual.usage, forms);
}
