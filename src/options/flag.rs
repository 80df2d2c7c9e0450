//! One flag: its declaration (names, value name, help), and what it does when it is met.
//!
//! Help, man pages and completions are printed from the declaration; `parse` looks its tokens up in it.

use std::ffi::{OsStr, OsString};

use super::arg::Arg;
use super::complaint::{Complaint, Halt};
use super::program::Program;
use super::property;
use super::raw::Raw;

/// What a flag gets to see when it is met.
pub(super) struct Given<'a> {
    /// Whose command line this is.
    pub program: Program,
    /// What the program was called by.
    pub name: &'static str,
    /// How the flag was written.
    pub token: &'a OsStr,
    /// The flag's value; empty for a switch.
    pub value: &'a OsStr,
    /// All of its values; only `-D` has several.
    pub values: &'a [OsString],
    /// The flag stands in an options file.
    pub in_file: bool,
}

/// Stores one flag: looks at its own value only; rules between flags belong to `resolve`.
pub(super) type Store = fn(&mut Raw, &Given<'_>) -> Result<(), Halt>;

enum Action {
    /// A flag that takes a value.
    Value(Store),
    /// A flag without one.
    Switch(Store),
}

/// A flag of a client program.
pub(super) struct Flag {
    /// The declaration.
    pub arg: Arg,
    /// Second half of "-t argument given but no topic specified."; unused for a switch.
    missing: &'static str,
    /// Its name in that message, where that isn't the short one.
    called: Option<&'static str>,
    action: Action,
}

impl Flag {
    /// A flag with a value. `missing` ends the sentence "Error: -t argument given but …".
    pub fn value(arg: Arg, missing: &'static str, store: Store) -> Flag {
        Flag { arg, missing, called: None, action: Action::Value(store) }
    }

    /// A flag without a value.
    pub fn switch(arg: Arg, store: Store) -> Flag {
        Flag { arg, missing: "", called: None, action: Action::Switch(store) }
    }

    /// In the message about a missing value the flag is called so.
    pub fn called(self, name: &'static str) -> Flag {
        Flag { called: Some(name), ..self }
    }

    /// Is this token, as a whole, one of the flag's names?
    pub fn is(&self, token: &OsStr) -> bool {
        let token = token.as_encoded_bytes();
        match token {
            [b'-', short] => self.arg.get_short() == Some(char::from(*short)),
            [b'-', b'-', long @ ..] => self.arg.get_long().is_some_and(|name| name.as_bytes() == long),
            _ => false,
        }
    }

    /// How many of the tokens behind it are its value.
    pub fn values(&self, behind: &[OsString]) -> usize {
        match self.arg.values() {
            3 => property::values(behind),
            count => count,
        }
    }

    /// The name used in messages: the short one if there is one.
    pub fn name(&self) -> String {
        match (self.called, self.arg.get_short(), self.arg.get_long()) {
            (Some(name), ..) => name.to_owned(),
            (None, Some(short), _) => format!("-{short}"),
            (None, None, long) => format!("--{}", long.unwrap_or_default()),
        }
    }

    /// Has the message about a missing value its second half?
    #[cfg(test)]
    pub fn names_what_is_missing(&self) -> bool {
        !self.missing.is_empty()
    }

    /// The flag stands last, without its value.
    pub fn value_missing(&self) -> Halt {
        Complaint::ValueMissing { flag: self.name(), missing: self.missing }.into()
    }

    /// Carries the flag out.
    pub fn store(&self, raw: &mut Raw, given: &Given<'_>) -> Result<(), Halt> {
        match self.action {
            Action::Value(store) | Action::Switch(store) => store(raw, given),
        }
    }
}

/// The flags, shown under this heading in help and man page.
pub(super) fn under(heading: &'static str, flags: Vec<Flag>) -> Vec<Flag> {
    flags.into_iter().map(|flag| Flag { arg: flag.arg.heading(heading), ..flag }).collect()
}
