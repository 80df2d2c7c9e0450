//! Keywords of TLS on a listener.

use super::Reload::{No, Yes};
use super::Scope::{Global, Listener as Required, ListenerOrDefault};
use super::ValueKind::{Bool, Form, Ignored, Path, Text, Word};
use super::{Keyword, row};
use crate::config::LogType::Warning;

// A row is two lines or three: read across, not down.
#[rustfmt::skip]
pub(super) const KEYWORDS: &[Keyword] = &[
    row("certfile", Path, "none", ListenerOrDefault, Yes,
        "The server's certificate and those between it and its authority, PEM."),
    row("keyfile", Path, "none", ListenerOrDefault, Yes,
        "The key of the server's certificate, PEM."),
    row("cafile", Path, "none", Required, Yes,
        "The authorities that vouch for client certificates, PEM."),
    row("capath", Path, "none", ListenerOrDefault, Yes,
        "A folder of authorities, under the names that openssl rehash gives them."),
    row("crlfile", Path, "none", ListenerOrDefault, Yes,
        "Certificates that were revoked, PEM."),
    row("ciphers", Text, "OpenSSL's", ListenerOrDefault, Yes,
        "The ciphers of TLS 1.2, as OpenSSL lists them."),
    row("ciphers_tls1.3", Text, "OpenSSL's", ListenerOrDefault, Yes,
        "The cipher suites of TLS 1.3, as OpenSSL lists them."),
    row("tls_version", Word("tlsv1.2, tlsv1.3"), "tlsv1.2", Required, No,
        "The oldest version of TLS that is accepted."),
    row("require_certificate", Bool, "false", ListenerOrDefault, Yes,
        "Clients must bring a certificate that an authority vouches for."),
    row("use_identity_as_username", Bool, "false", ListenerOrDefault, Yes,
        "The common name of the client's certificate, or its PSK identity, is the user name."),
    row("use_subject_as_username", Bool, "false", ListenerOrDefault, Yes,
        "The whole subject of the client's certificate is the user name."),
    row("disable_client_cert_date_checks", Bool, "false", Required, Yes,
        "Accept client certificates that aren't valid yet or any more."),
    row("psk_hint", Text, "none", ListenerOrDefault, No,
        "Use pre-shared keys, and give clients this hint."),
    row("tls_engine", Text, "none", ListenerOrDefault, No,
        "The OpenSSL engine that holds the key."),
    row("tls_keyform", Word("pem, engine"), "pem", ListenerOrDefault, No,
        "Where the key is."),
    row("tls_engine_kpass_sha1", Form("40 hexadecimal digits"), "none", ListenerOrDefault, No,
        "The hash of the engine's password."),
    row("dhparamfile", Ignored, "none", Global, No,
        "Accepted without effect: OpenSSL chooses the parameters.")
        .settings(|_, a| {
            a.remark(Warning, "Warning: dhparamfile is no longer required.");
            Ok(())
        }),
];
