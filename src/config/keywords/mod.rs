//! The table of every keyword that mosquitto knows: a row each, in a file a group.
//!
//! The parser, the messages and the manual read it; whoever adds a keyword adds a row.

mod bridge;
mod general;
mod listener;
mod logging;
mod persistence;
mod security;
mod tls;

use super::arguments::Arguments;
use super::fault::Fault;
use super::{Bridge, Listener, Security, Settings};

/// A keyword and everything that is to be said about it.
#[derive(Debug)]
pub struct Keyword {
    /// Its present name.
    pub name: &'static str,
    /// Its old names.
    pub also: &'static [&'static str],
    /// The name is the start of a name (`plugin_opt_…`).
    pub prefix: bool,
    /// What stands behind it.
    pub value: ValueKind,
    /// What holds without it.
    pub default: &'static str,
    /// Where it may stand.
    pub scope: Scope,
    /// A reload (SIGHUP) takes it up.
    pub reload: Reload,
    /// It is on its way out: what the notice says behind "…will be removed in version 3.0. ".
    pub deprecated: Option<&'static str>,
    /// One sentence for the manual.
    pub help: &'static str,
    /// What it does here.
    pub built: Built,
}

/// What stands behind a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// `true`, `1`, `false` or `0`.
    Bool,
    /// A whole number, with its range in words.
    Int(&'static str),
    /// The rest of the line.
    Text,
    /// The rest of the line: a file, or a folder.
    Path,
    /// One word out of these.
    Word(&'static str),
    /// Something with a form of its own.
    Form(&'static str),
    /// Anything or nothing.
    Ignored,
}

/// Where a keyword may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Anywhere; there is one for the broker.
    Global,
    /// In the main file only.
    MainFile,
    /// Behind a `listener`; without one it makes the default listener.
    ListenerOrDefault,
    /// Behind a `listener`.
    Listener,
    /// Behind a `listener` that isn't the default one.
    NamedListener,
    /// Global, or with `per_listener_settings true` behind a `listener`.
    Security,
    /// Behind a `connection`.
    Bridge,
    /// Behind a `plugin`.
    Plugin,
}

/// Does a reload (SIGHUP) take a keyword up?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// It does.
    Yes,
    /// The broker must be started again.
    No,
}

/// Takes a value into a `T`.
pub type Setter<T> = fn(&mut T, &mut Arguments<'_>) -> Result<(), Fault>;

/// What a keyword does here.
#[derive(Clone, Copy, Debug)]
pub enum Built {
    /// Nothing yet: it is refused.
    NotYet,
    /// It sets something of the broker.
    Settings(Setter<Settings>),
    /// It sets something of the current listener.
    Listener(Setter<Listener>),
    /// It sets something of the current bridge.
    Bridge(Setter<Bridge>),
    /// It sets something of the security settings that are current.
    Security(Setter<Security>),
    /// It says what the following lines belong to, or where to read on: the parser's own affair.
    Structure(Structure),
}

/// The keywords that shape the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// `listener`
    Listener,
    /// `port`
    Port,
    /// `bind_address`
    BindAddress,
    /// `connection`
    Connection,
    /// `include_dir`
    IncludeDir,
    /// `per_listener_settings`
    PerListenerSettings,
    /// `plugin`
    Plugin,
    /// `global_plugin`
    GlobalPlugin,
    /// `plugin_load`
    PluginLoad,
    /// `plugin_use`
    PluginUse,
    /// `plugin_opt_…`
    PluginOption,
    /// `auth_plugin_deny_special_chars`
    DenySpecialChars,
}

/// A row, which the following functions complete.
const fn row(
    name: &'static str,
    value: ValueKind,
    default: &'static str,
    scope: Scope,
    reload: Reload,
    help: &'static str,
) -> Keyword {
    let (also, prefix, deprecated, built): (&[&str], _, _, _) = (&[], false, None, Built::NotYet);
    Keyword { name, also, prefix, value, default, scope, reload, deprecated, help, built }
}

impl Keyword {
    const fn also(mut self, names: &'static [&'static str]) -> Self {
        self.also = names;
        self
    }

    const fn prefix(mut self) -> Self {
        self.prefix = true;
        self
    }

    const fn deprecated(mut self, text: &'static str) -> Self {
        self.deprecated = Some(text);
        self
    }

    const fn settings(mut self, set: Setter<Settings>) -> Self {
        self.built = Built::Settings(set);
        self
    }

    const fn listener(mut self, set: Setter<Listener>) -> Self {
        self.built = Built::Listener(set);
        self
    }

    const fn bridge(mut self, set: Setter<Bridge>) -> Self {
        self.built = Built::Bridge(set);
        self
    }

    const fn security(mut self, set: Setter<Security>) -> Self {
        self.built = Built::Security(set);
        self
    }

    const fn structure(mut self, structure: Structure) -> Self {
        self.built = Built::Structure(structure);
        self
    }

    /// The name of its own that was written, for messages; its present one where that is only the start of a name.
    pub(super) fn written(&self, word: &[u8]) -> &'static str {
        self.names().find(|name| name.as_bytes() == word).unwrap_or(self.name)
    }

    /// Its present and its old names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.also.iter().copied())
    }
}

/// All keywords, in the order of the manual.
pub fn keywords() -> impl Iterator<Item = &'static Keyword> {
    [
        general::KEYWORDS,
        listener::KEYWORDS,
        tls::KEYWORDS,
        security::KEYWORDS,
        persistence::KEYWORDS,
        logging::KEYWORDS,
        bridge::KEYWORDS,
    ]
    .into_iter()
    .flatten()
}

/// The keyword that is called `name`, now or formerly.
pub fn find(name: &[u8]) -> Option<&'static Keyword> {
    keywords().find(|keyword| {
        keyword.names().any(|known| {
            let known = known.as_bytes();
            if keyword.prefix { name.starts_with(known) } else { name == known }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_name_is_there_once() {
        let names: Vec<&str> = keywords().flat_map(Keyword::names).collect();
        let distinct: HashSet<&str> = names.iter().copied().collect();
        assert_eq!(names.len(), distinct.len());
        // mosquitto's 141, and those of ours: persistence_sync, max_queued_memory and log_format.
        assert_eq!(names.len(), 141 + 3);
    }

    #[test]
    fn names_are_found() {
        for keyword in keywords() {
            for name in keyword.names() {
                let name = if keyword.prefix { format!("{name}key") } else { name.to_owned() };
                assert_eq!(find(name.as_bytes()).map(|found| found.name), Some(keyword.name), "{name}");
            }
        }
        for unknown in
            ["", "Listener", "listener ", "http_api", "websockets", "log_level", "store_clean_interval"]
        {
            assert!(find(unknown.as_bytes()).is_none(), "{unknown}");
        }
    }

    #[test]
    fn every_row_says_what_it_is() {
        for keyword in keywords() {
            assert!(keyword.help.ends_with('.') && keyword.help.len() > 10, "{}", keyword.name);
            assert!(!keyword.default.is_empty(), "{}", keyword.name);
        }
    }

    #[test]
    fn what_is_set_fits_the_scope() {
        for keyword in keywords() {
            let fits = match keyword.built {
                Built::NotYet | Built::Structure(_) => true,
                Built::Settings(_) => matches!(keyword.scope, Scope::Global),
                Built::Security(_) => matches!(keyword.scope, Scope::Security),
                Built::Bridge(_) => matches!(keyword.scope, Scope::Bridge),
                Built::Listener(_) => {
                    matches!(keyword.scope, Scope::Listener | Scope::ListenerOrDefault | Scope::NamedListener)
                }
            };
            assert!(fits, "{}", keyword.name);
        }
    }
}
