//! The manual page of a program.

use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use mqtt_toolkit::options::manual::{DATE, Manual, Meaning, Page};

/// One manual page. Flags come from clap_mangen, everything else from `options::manual`.
pub fn man_page(page: &Page) -> Vec<u8> {
    let Manual { section, about, description, exit_status, environment, files, .. } = page.manual;
    let name = page.command.get_name().to_owned();
    let source = format!("mqtt-toolkit {}", page.command.get_version().unwrap_or_default());
    let mut text = Vec::new();
    // The help texts name the values; clap_mangen's lists of them are not what mandoc wants to see.
    let command = page.command.clone().mut_args(|arg| {
        let takes_values = arg.get_action().takes_values();
        arg.hide_possible_values(takes_values)
    });
    let man = Man::new(command).section(*section).date(DATE).source(source);
    man.render_title(&mut text).unwrap();

    let mut top = Roff::new();
    top.control("SH", ["NAME"]);
    top.text([roman(format!("{name} - {}", uncapitalised(about)))]);
    top.control("SH", ["SYNOPSIS"]);
    for (index, form) in page.manual.usage.iter().enumerate() {
        if index > 0 {
            top.control("br", []);
        }
        top.text([bold(&name), roman(form.replacen("NAME", "", 1))]);
    }
    top.control("SH", ["DESCRIPTION"]);
    paragraphs(&mut top, description);
    top.to_writer(&mut text).unwrap();

    text.extend(options_section(&man));

    let mut rest = Roff::new();
    commands(&mut rest, page);
    for (title, rows) in page.manual.tables {
        table(&mut rest, title, rows);
    }
    table(&mut rest, "EXIT STATUS", exit_status);
    table(&mut rest, "ENVIRONMENT", environment);
    table(&mut rest, "FILES", files);
    examples(&mut rest, page.manual.examples);
    rest.control("SH", ["SEE ALSO"]);
    rest.text(see_also(page.manual.see_also));
    rest.to_writer(&mut text).unwrap();
    text
}

/// As it stands behind a name; `MQTT` keeps its capitals.
fn uncapitalised(sentence: &str) -> String {
    let (first, rest) = sentence.split_at(1);
    let is_word = rest.starts_with(|second: char| second.is_lowercase());
    if is_word { first.to_lowercase() + rest } else { sentence.to_owned() }
}

/// clap_mangen makes a section of each help heading; in a manual they are parts of OPTIONS.
fn options_section(man: &Man) -> Vec<u8> {
    let mut section = Vec::new();
    man.render_options_section(&mut section).unwrap();
    let section = String::from_utf8(section).unwrap();
    let mut text = String::from(".SH OPTIONS\n");
    for line in section.lines() {
        match line.strip_prefix(".SH ") {
            Some("OPTIONS") => {}
            Some(part) => text += &format!(".SS {}\n", title(part)),
            None => text += &format!("{line}\n"),
        }
    }
    text.into_bytes()
}

/// `CONNECTION` as `Connection`; abbreviations stay.
fn title(heading: &str) -> String {
    let heading = heading.trim_matches('"');
    if heading.len() <= 3 {
        heading.to_owned()
    } else {
        heading[..1].to_owned() + &heading[1..].to_lowercase()
    }
}

pub fn paragraphs(roff: &mut Roff, texts: &[&str]) {
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(*text)]);
    }
}

fn table(roff: &mut Roff, title: &str, rows: &[Meaning]) {
    if !rows.is_empty() {
        roff.control("SH", [title]);
    }
    for (key, meaning) in rows {
        roff.control("TP", []);
        roff.text([bold(*key)]);
        roff.text([roman(*meaning)]);
    }
}

fn commands(roff: &mut Roff, page: &Page) {
    let verbs: Vec<_> = page.command.get_subcommands().collect();
    if !verbs.is_empty() {
        roff.control("SH", ["COMMANDS"]);
    }
    for verb in verbs {
        roff.control("TP", []);
        roff.text([bold(verb.get_name())]);
        roff.text([roman(verb.get_about().map(ToString::to_string).unwrap_or_default())]);
    }
}

fn examples(roff: &mut Roff, examples: &[Meaning]) {
    roff.control("SH", ["EXAMPLES"]);
    for (index, (purpose, command)) in examples.iter().enumerate() {
        if index > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(*purpose)]);
        roff.control("PP", []);
        roff.control("RS", ["4"]);
        roff.control("nf", []);
        roff.text([roman(*command)]);
        roff.control("fi", []);
        roff.control("RE", []);
    }
}

fn see_also(pages: &[Meaning]) -> Vec<Inline> {
    let mut line = Vec::new();
    for (index, (name, section)) in pages.iter().enumerate() {
        if index > 0 {
            line.push(roman(", "));
        }
        line.extend([italic(*name), roman(format!("({section})"))]);
    }
    line
}
