//! TLS: OpenSSL over sockets that don't wait.

mod client;
mod error;
mod keylog;
mod settings;
mod stream;
mod wire;

pub use client::{SetupError, TlsClient};
pub use error::TlsError;
pub use settings::{Psk, TlsSettings, TlsVersion, Verify};
pub use stream::TlsStream;
