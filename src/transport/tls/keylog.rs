//! The secrets of TLS connections in a file, for whoever debugs with Wireshark.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use openssl::ssl::SslContextBuilder;

use super::TlsError;

/// Appends each connection's secrets to the file, which only its owner may read.
///
/// # Errors
/// The file can't be written to.
pub(super) fn append(context: &mut SslContextBuilder, path: &Path) -> Result<(), TlsError> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(|error| {
        TlsError::new(format!("the TLS key log \"{}\" can't be written to: {error}", path.display()))
    })?;
    let file = Mutex::new(file);
    context.set_keylog_callback(move |_, line| {
        // A connection doesn't fail because its secrets can't be noted.
        let _ = writeln!(file.lock().unwrap_or_else(PoisonError::into_inner), "{line}");
    });
    Ok(())
}
