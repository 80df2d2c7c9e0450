//! TLS: OpenSSL over sockets that don't wait.

mod bio;
mod client;
mod complaint;
mod error;
mod identity;
mod keylog;
mod libssl;
mod ocsp;
mod server;
mod settings;
mod stream;
mod wire;

pub use client::{SetupError, TlsClient};
pub use error::TlsError;
pub use server::{PskKeys, TlsServer, TlsServerSettings};
pub use settings::{Psk, TlsSettings, TlsVersion, Verify};
pub use stream::TlsStream;
