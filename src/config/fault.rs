//! What can be wrong with a line of mosquitto.conf, in mosquitto's words.

use std::fmt;

use super::keywords::{Keyword, keywords};
use super::nearest::nearest;

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No keyword of this name.
    Unknown(String),
    /// The keyword stands alone.
    Empty(&'static str),
    /// The value isn't one of those allowed.
    Invalid(&'static str, String),
    /// The value isn't a number.
    NotANumber(&'static str),
    /// The value doesn't fit 32 bits.
    OutOfRange(&'static str),
    /// The value is longer than 65535 bytes.
    TooLong(&'static str),
    /// The keyword was given before, and may be given once.
    Duplicate(&'static str),
    /// The value isn't UTF-8 or holds control characters.
    Malformed,
    /// The keyword belongs to a listener, and there is none yet.
    NeedsListener(String),
    /// The keyword belongs to a plugin, and there is none yet.
    NeedsPlugin(String),
    /// The keyword belongs to a bridge, and there is none yet.
    NeedsBridge(String),
    /// mosquitto knows it, this version doesn't do it.
    NotBuilt(String),
    /// Anything else: the whole text.
    Other(String),
    /// What is wrong was said already, with its place in an included file.
    Included,
}

impl Fault {
    /// A fault with a text of its own.
    pub(super) fn other(text: impl Into<String>) -> Fault {
        Fault::Other(text.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Unknown(name) => {
                write!(f, "Error: Unknown configuration variable '{name}'.")?;
                if name.starts_with('\u{feff}') {
                    return f.write_str(" The file begins with a byte order mark, which must go.");
                }
                match nearest(name, keywords().flat_map(Keyword::names)) {
                    Some(known) => write!(f, " Did you mean '{known}'?"),
                    None => Ok(()),
                }
            }
            Fault::Empty(name) => write!(f, "Error: Empty '{name}' value in configuration."),
            Fault::Invalid(name, value) => write!(f, "Error: Invalid '{name}' value ({value})."),
            Fault::NotANumber(name) => write!(f, "Error: '{name}' value not a number."),
            Fault::OutOfRange(name) => write!(f, "Error: '{name}' value out of range."),
            Fault::TooLong(name) => write!(f, "Error: '{name}' value is longer than 65535 bytes."),
            Fault::Duplicate(name) => write!(f, "Error: Duplicate '{name}' value in configuration."),
            Fault::Malformed => f.write_str("Error: Malformed UTF-8 in configuration."),
            Fault::NeedsListener(name) => {
                write!(f, "Error: The '{name}' option requires a listener to be defined first.")
            }
            Fault::NeedsPlugin(name) => write!(
                f,
                "Error: The '{name}' option requires plugin/global_plugin/plugin_load to be defined first."
            ),
            Fault::NeedsBridge(name) => {
                write!(f, "Error: The '{name}' option requires a bridge to be defined first.")
            }
            Fault::NotBuilt(what) => {
                write!(f, "Error: The '{what}' option is known but not built into this version yet.")
            }
            Fault::Other(text) => f.write_str(text),
            Fault::Included => Ok(()),
        }
    }
}
