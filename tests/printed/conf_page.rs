//! The manual page of the configuration file, printed from the table of its keywords.

use clap_mangen::roff::{Roff, bold, italic, roman};
use mqtt_toolkit::config::{Built, Keyword, Scope, ValueKind, keywords};
use mqtt_toolkit::options::manual::{CONFIGURATION, DATE};

use super::program_page::paragraphs;

/// The name of the page; mosquitto's own is called mosquitto.conf.
pub const NAME: &str = "mqtt-broker.conf";

/// The page.
pub fn man_page() -> Vec<u8> {
    let mut roff = Roff::new();
    let source = format!("mqtt-toolkit {}", env!("CARGO_PKG_VERSION"));
    roff.control("TH", [NAME, "5", DATE, &source, ""]);
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{NAME} - configuration file of mqtt-broker"))]);
    roff.control("SH", ["DESCRIPTION"]);
    paragraphs(&mut roff, CONFIGURATION);
    for (title, scopes) in parts() {
        roff.control("SH", [title]);
        for keyword in keywords().filter(|keyword| scopes.contains(&keyword.scope)) {
            entry(&mut roff, keyword);
        }
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([italic("mqtt-broker"), roman("(8), "), italic("mqtt-passwd"), roman("(1)")]);
    roff.to_roff().into_bytes()
}

/// The parts of the page, and the keywords in each.
fn parts() -> [(&'static str, &'static [Scope]); 5] {
    [
        ("BROKER", &[Scope::Global, Scope::MainFile]),
        ("LISTENERS", &[Scope::Listener, Scope::ListenerOrDefault, Scope::NamedListener]),
        ("SECURITY", &[Scope::Security]),
        ("BRIDGES", &[Scope::Bridge]),
        ("PLUGINS", &[Scope::Plugin]),
    ]
}

fn entry(roff: &mut Roff, keyword: &Keyword) {
    roff.control("TP", []);
    let name = if keyword.prefix { format!("{}NAME", keyword.name) } else { keyword.name.to_owned() };
    roff.text([bold(name), roman(" "), italic(value(keyword.value))]);
    let mut sentences = vec![keyword.help.to_owned()];
    if keyword.default != "none" {
        sentences.push(format!("Default: {}.", keyword.default));
    }
    if !keyword.also.is_empty() {
        sentences.push(format!("Also called {}.", keyword.also.join(", ")));
    }
    if keyword.deprecated.is_some() {
        sentences.push("Deprecated.".to_owned());
    }
    if let Built::NotYet = keyword.built {
        sentences.push("Not built yet.".to_owned());
    }
    roff.text([roman(sentences.join(" "))]);
}

/// What stands behind a keyword, as the page shows it.
fn value(kind: ValueKind) -> String {
    match kind {
        ValueKind::Bool => "true|false".to_owned(),
        ValueKind::Int(range) => format!("NUMBER ({range})"),
        ValueKind::Text => "TEXT".to_owned(),
        ValueKind::Path => "PATH".to_owned(),
        ValueKind::Word(words) => words.split(", ").collect::<Vec<_>>().join("|"),
        ValueKind::Form(form) => form.to_owned(),
        ValueKind::Ignored => String::new(),
    }
}
