//! A flag's declaration as plain data.
//!
//! clap's own is made of it when help, a man page or completions are printed: a run that only does its work would
//! carry a hundred of those, with their code and their memory, for nothing.

use clap::{ArgAction, ValueHint};

/// Names, values and help of a flag, with the methods of clap's `Arg`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arg {
    id: &'static str,
    short: Option<char>,
    long: Option<&'static str>,
    /// Empty ones behind those that it has.
    value_names: [&'static str; 3],
    value_hint: Option<ValueHint>,
    /// The words that a value may be; the help text says them, too.
    one_of: &'static [&'static str],
    is_repeated: bool,
    help: &'static str,
    heading: Option<&'static str>,
}

impl Arg {
    pub const fn new(id: &'static str) -> Arg {
        Arg {
            id,
            short: None,
            long: None,
            value_names: [""; 3],
            value_hint: None,
            one_of: &[],
            is_repeated: false,
            help: "",
            heading: None,
        }
    }

    pub const fn short(self, short: char) -> Arg {
        Arg { short: Some(short), ..self }
    }

    pub const fn long(self, long: &'static str) -> Arg {
        Arg { long: Some(long), ..self }
    }

    pub const fn value_name(self, name: &'static str) -> Arg {
        self.value_names([name, "", ""])
    }

    pub const fn value_names(self, value_names: [&'static str; 3]) -> Arg {
        Arg { value_names, ..self }
    }

    pub const fn value_hint(self, hint: ValueHint) -> Arg {
        Arg { value_hint: Some(hint), ..self }
    }

    pub const fn one_of(self, one_of: &'static [&'static str]) -> Arg {
        Arg { one_of, ..self }
    }

    pub const fn repeated(self) -> Arg {
        Arg { is_repeated: true, ..self }
    }

    pub const fn help(self, help: &'static str) -> Arg {
        Arg { help, ..self }
    }

    pub const fn heading(self, heading: &'static str) -> Arg {
        Arg { heading: Some(heading), ..self }
    }

    pub const fn id(&self) -> &'static str {
        self.id
    }

    pub const fn get_short(&self) -> Option<char> {
        self.short
    }

    pub const fn get_long(&self) -> Option<&'static str> {
        self.long
    }

    /// How many values it has; `-D` may have one more.
    pub fn values(&self) -> usize {
        self.value_names.iter().take_while(|name| !name.is_empty()).count()
    }

    #[cfg(test)]
    pub const fn get_help(&self) -> &'static str {
        self.help
    }

    /// The same for clap.
    pub fn for_clap(&self) -> clap::Arg {
        let mut arg = clap::Arg::new(self.id).help(self.help).help_heading(self.heading);
        if let Some(short) = self.short {
            arg = arg.short(short);
        }
        if let Some(long) = self.long {
            arg = arg.long(long);
        }
        let count = self.values();
        if count == 0 {
            return arg.action(ArgAction::SetTrue);
        }
        if let Some(hint) = self.value_hint {
            arg = arg.value_hint(hint);
        }
        if !self.one_of.is_empty() {
            arg = arg.value_parser(self.one_of.to_vec()).hide_possible_values(true);
        }
        let action = if self.is_repeated { ArgAction::Append } else { ArgAction::Set };
        // As mosquitto: whatever follows is the value.
        arg.value_names(&self.value_names[..count]).action(action).allow_hyphen_values(true)
    }
}
