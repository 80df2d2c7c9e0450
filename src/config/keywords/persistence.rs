//! Keywords of what outlives the broker.

use super::Reload::Yes;
use super::Scope::Global;
use super::ValueKind::{Bool, Int, Path, Text};
use super::{Keyword, row};

// A row is two lines or three: read across, not down.
#[rustfmt::skip]
pub(super) const KEYWORDS: &[Keyword] = &[
    row("persistence", Bool, "false", Global, Yes,
        "Keep sessions, queued and retained messages in a file. Only false is built yet.")
        .also(&["retained_persistence"])
        .settings(|_, a| a.false_only()),
    row("persistence_file", Text, "mosquitto.db", Global, Yes,
        "The name of that file."),
    row("persistence_location", Path, "the working directory", Global, Yes,
        "The folder of that file."),
    row("autosave_interval", Int("0: at the end only"), "1800", Global, Yes,
        "Save after so many seconds, or changes."),
    row("autosave_on_changes", Bool, "false", Global, Yes,
        "autosave_interval counts changes instead of seconds."),
];
