//! Keywords of who may come in and do what.

use super::Reload::{No, Yes};
use super::Scope::{Global, NamedListener, Plugin, Security as PerListener};
use super::ValueKind::{Bool, Form, Path, Text, Word};
use super::{Arguments, Fault, Keyword, Security, Structure, row};
use crate::config::LogType::Notice;

// A row is two lines or three: read across, not down.
#[rustfmt::skip]
pub(super) const KEYWORDS: &[Keyword] = &[
    row("allow_anonymous", Bool, "false; true without a listener", PerListener, Yes,
        "Let clients without a user name in.")
        .security(allow_anonymous),
    row("allow_zero_length_clientid", Bool, "true", PerListener, Yes,
        "Assign a ClientId to clients that bring none.")
        .security(|s, a| { s.allow_zero_length_clientid = a.bool()?; Ok(()) }),
    row("auto_id_prefix", Text, "auto-", PerListener, Yes,
        "What a ClientId starts with that the broker assigns; at most 50 bytes.")
        .deprecated("Please use 'listener_auto_id_prefix' instead.")
        .security(auto_id_prefix),
    row("acl_file", Path, "none", PerListener, Yes,
        "A file that says which user may read and write which topics.")
        .security(|s, a| a.text_last(&mut s.acl_file)),
    row("password_file", Path, "none", PerListener, Yes,
        "A file with user names and hashed passwords, as mosquitto_passwd writes it.")
        .security(|s, a| a.text_last(&mut s.password_file)),
    row("psk_file", Path, "none", PerListener, Yes,
        "A file with identities and their pre-shared keys.")
        .security(|s, a| a.text_last(&mut s.psk_file)),
    row("plugin", Path, "none", PerListener, No,
        "Use a plugin for the current listener, or for all. Those of mosquitto for passwords, ACLs and dynamic security are known by their file names and built in; others are refused.")
        .also(&["auth_plugin"])
        .structure(Structure::Plugin),
    row("global_plugin", Path, "none", Global, No,
        "Use a plugin for all listeners.")
        .structure(Structure::GlobalPlugin),
    row("plugin_load", Form("NAME PATH"), "none", Global, No,
        "Load a plugin without using it yet.")
        .structure(Structure::PluginLoad),
    row("plugin_use", Word("the name of a loaded plugin"), "none", NamedListener, No,
        "Use a loaded plugin for the current listener.")
        .structure(Structure::PluginUse),
    row("plugin_opt_", Form("KEY VALUE"), "none", Plugin, No,
        "An option of the plugin named last: its key follows in the same word.")
        .also(&["auth_opt_"])
        .prefix()
        .structure(Structure::PluginOption),
    row("auth_plugin_deny_special_chars", Bool, "true", Plugin, No,
        "About plugins of older interfaces, which can't be loaded: without effect, which is said.")
        .structure(Structure::DenySpecialChars),
];

fn allow_anonymous(security: &mut Security, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    if arguments.per_listener {
        arguments.remark(
            Notice,
            "You are using the 'allow_anonymous' option with 'per_listener_settings true'. Please replace this \
             with 'listener_allow_anonymous'.",
        );
    }
    security.allow_anonymous = Some(arguments.bool()?);
    Ok(())
}

fn auto_id_prefix(security: &mut Security, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    arguments.text_once(&mut security.auto_id_prefix)?;
    if security.auto_id_prefix.as_ref().is_some_and(|prefix| prefix.len() > 50) {
        return Err(Fault::other("Error: auto_id_prefix length must be <= 50."));
    }
    Ok(())
}
