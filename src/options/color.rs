//! `--color`: whether people at a terminal see topics in colour.

use super::arg::Arg;
use super::flag::Flag;
use super::values::invalid;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// At a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Into pipes and files, too.
    Always,
    /// Not even at a terminal.
    Never,
}

pub(super) fn flag() -> Flag {
    Flag::value(
        Arg::new("color")
            .long("color")
            .value_name("WHEN")
            .one_of(&["auto", "always", "never"])
            .help("Colour the topics of -v: auto (at a terminal), always or never."),
        "no option specified",
        |raw, given| {
            raw.color = match given.value.as_encoded_bytes() {
                b"auto" => Color::Auto,
                b"always" => Color::Always,
                b"never" => Color::Never,
                _ => return Err(invalid("--color", given, "auto, always or never")),
            };
            Ok(())
        },
    )
}
