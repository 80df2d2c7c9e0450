//! What the log says around a broker's start, and at which level.

use super::{Job, say};
use crate::config::LogType::{Information, Notice, Warning};
use crate::observe::Logger;

/// What comes before the listeners are opened.
pub(super) fn starting(job: &Job, logger: &Logger) {
    let line = |log_type, text: std::fmt::Arguments<'_>| say(logger, log_type, text);
    line(Information, format_args!("{} version {} starting", job.name.name, job.name.version));
    match job.overrides.files.last() {
        Some(file) => line(Information, format_args!("Config loaded from {file}.")),
        None => line(Information, format_args!("Using default config.")),
    }
    line(Information, format_args!("Bridge support available."));
    line(Information, format_args!("Persistence support available."));
    for part in ["TLS", "TLS-PSK", "Websockets"] {
        line(Information, format_args!("{part} support available."));
    }
    if let Some(file) = &job.settings.tls_keylog {
        line(Notice, format_args!("TLS key logging to '{file}' enabled for all listeners."));
        line(Notice, format_args!("TLS key logging is for DEBUGGING only."));
    }
    if job.settings.local_only {
        line(
            Warning,
            format_args!(
                "Starting in local only mode. Connections will only be possible from clients running on this machine."
            ),
        );
        line(
            Warning,
            format_args!("Create a configuration file which defines a listener to allow remote access."),
        );
        line(
            Warning,
            format_args!("For more details see https://mosquitto.org/documentation/authentication-methods/"),
        );
    }
}
