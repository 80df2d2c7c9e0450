//! Keywords of what outlives the broker.

use std::time::Duration;

use super::Reload::{No, Yes};
use super::Scope::Global;
use super::ValueKind::{Bool, Form, Int, Path, Text};
use super::{Arguments, Fault, Keyword, Settings, row};
use crate::config::PersistenceSync;

// A row is two lines or three: read across, not down.
#[rustfmt::skip]
pub(super) const KEYWORDS: &[Keyword] = &[
    row("persistence", Bool, "false", Global, No,
        "Sessions, what waits for them, and retained messages survive the broker: nothing that was acknowledged is lost.")
        .also(&["retained_persistence"])
        .settings(|s, a| { s.persistence = a.bool()?; Ok(()) }),
    row("persistence_file", Text, "mosquitto.db", Global, No,
        "The store is a folder of this name with .store behind it.")
        .settings(persistence_file),
    row("persistence_location", Path, "the working directory", Global, No,
        "The folder of the store; its last part is made if it is missing.")
        .settings(|s, a| a.text_once(&mut s.persistence_location)),
    row("persistence_sync", Form("always, interval MILLISECONDS, or never"), "always", Global, No,
        "When what must survive is forced to the disk: before it is acknowledged, so often, or as the system likes.")
        .settings(persistence_sync),
    row("max_queued_memory", Int("0: no limit"), "67108864", Global, Yes,
        "With persistence, how much memory the messages take that wait for all clients together, in bytes; what is beyond it waits in the store only.")
        .settings(|s, a| { s.max_queued_memory = a.limit()?; Ok(()) }),
    row("autosave_interval", Int("0: at the end only"), "1800", Global, Yes,
        "With persistence_sync never, force it to the disk after so many seconds, or changes.")
        .settings(|s, a| { s.autosave_interval = a.limit()?; Ok(()) }),
    row("autosave_on_changes", Bool, "false", Global, Yes,
        "autosave_interval counts changes instead of seconds.")
        .settings(|s, a| { s.autosave_on_changes = a.bool()?; Ok(()) }),
];

/// A name without a folder: that is the other keyword's.
fn persistence_file(settings: &mut Settings, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    arguments.text_once(&mut settings.persistence_file)?;
    match &settings.persistence_file {
        Some(name) if name.contains('/') => Err(arguments.invalid(name)),
        _ => Ok(()),
    }
}

fn persistence_sync(settings: &mut Settings, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    settings.persistence_sync = match arguments.token()? {
        "always" => PersistenceSync::Always,
        "never" => PersistenceSync::Never,
        "interval" => match arguments.int()? {
            milliseconds @ 1.. => PersistenceSync::Interval(Duration::from_millis(milliseconds as u64)),
            other => return Err(arguments.invalid(other)),
        },
        other => return Err(arguments.invalid(other)),
    };
    Ok(())
}
