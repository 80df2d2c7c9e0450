//! Keywords of TLS on a listener.

use super::Reload::{No, Yes};
use super::Scope::{Global, Listener as Required, ListenerOrDefault};
use super::ValueKind::{Bool, Form, Ignored, Path, Text, Word};
use super::{Arguments, Fault, Keyword, Listener, row};
use crate::config::LogType::Warning;

// A row is two lines or three: read across, not down.
#[rustfmt::skip]
pub(super) const KEYWORDS: &[Keyword] = &[
    row("certfile", Path, "none", ListenerOrDefault, Yes,
        "The server's certificate and those between it and its authority, PEM.")
        .listener(certfile),
    row("keyfile", Path, "none", ListenerOrDefault, Yes,
        "The key of the server's certificate, PEM.")
        .listener(|l, a| a.text_last(&mut l.tls.keyfile)),
    row("cafile", Path, "none", Required, Yes,
        "The authorities that vouch for client certificates, PEM.")
        .listener(cafile),
    row("capath", Path, "none", ListenerOrDefault, Yes,
        "A folder of authorities, under the names that openssl rehash gives them.")
        .listener(|l, a| a.text_last(&mut l.tls.capath)),
    row("crlfile", Path, "none", ListenerOrDefault, Yes,
        "Certificates that were revoked, PEM.")
        .listener(|l, a| a.text_last(&mut l.tls.crlfile)),
    row("ciphers", Text, "OpenSSL's", ListenerOrDefault, Yes,
        "The ciphers of TLS 1.2, as OpenSSL lists them.")
        .listener(|l, a| a.text_last(&mut l.tls.ciphers)),
    row("ciphers_tls1.3", Text, "OpenSSL's", ListenerOrDefault, Yes,
        "The cipher suites of TLS 1.3, as OpenSSL lists them.")
        .listener(|l, a| a.text_last(&mut l.tls.ciphersuites)),
    row("tls_version", Word("tlsv1.2, tlsv1.3"), "tlsv1.2", Required, No,
        "The oldest version of TLS that is accepted.")
        .listener(|l, a| a.text_once(&mut l.tls.version)),
    row("require_certificate", Bool, "false", ListenerOrDefault, Yes,
        "Clients must bring a certificate that an authority vouches for.")
        .listener(|l, a| { l.tls.require_certificate = a.bool()?; Ok(()) }),
    row("use_identity_as_username", Bool, "false", ListenerOrDefault, Yes,
        "The common name of the client's certificate, or its PSK identity, is the user name.")
        .listener(|l, a| { l.tls.use_identity = a.bool()?; Ok(()) }),
    row("use_subject_as_username", Bool, "false", ListenerOrDefault, Yes,
        "The whole subject of the client's certificate is the user name.")
        .listener(|l, a| { l.tls.use_subject = a.bool()?; Ok(()) }),
    row("disable_client_cert_date_checks", Bool, "false", Required, Yes,
        "Accept client certificates that aren't valid yet or any more.")
        .listener(|l, a| { l.tls.disable_date_checks = a.bool()?; Ok(()) }),
    row("psk_hint", Text, "none", ListenerOrDefault, No,
        "Use pre-shared keys, and give clients this hint.")
        .listener(|l, a| a.text_once(&mut l.tls.psk_hint)),
    row("tls_engine", Text, "none", ListenerOrDefault, No,
        "Refused: OpenSSL is giving engines up.")
        .listener(|_, a| Err(no_engines(a))),
    row("tls_keyform", Word("pem, engine"), "pem", ListenerOrDefault, No,
        "Where the key is; only pem is supported.")
        .listener(keyform),
    row("tls_engine_kpass_sha1", Form("40 hexadecimal digits"), "none", ListenerOrDefault, No,
        "Refused, as tls_engine.")
        .listener(|_, a| Err(no_engines(a))),
    row("dhparamfile", Ignored, "none", Global, No,
        "Accepted without effect: OpenSSL chooses the parameters.")
        .settings(|_, a| {
            a.remark(Warning, "Warning: dhparamfile is no longer required.");
            Ok(())
        }),
];

/// mosquitto looks at the order: a certificate may come before the hint, not behind it.
fn not_with_psk(listener: &Listener) -> Result<(), Fault> {
    if listener.tls.psk_hint.is_some() {
        return Err(Fault::other(
            "Error: Cannot use both certificate and psk encryption in a single listener.",
        ));
    }
    Ok(())
}

fn certfile(listener: &mut Listener, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    not_with_psk(listener)?;
    arguments.text_last(&mut listener.tls.certfile)
}

fn cafile(listener: &mut Listener, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    not_with_psk(listener)?;
    arguments.text_last(&mut listener.tls.cafile)
}

fn no_engines(arguments: &mut Arguments<'_>) -> Fault {
    match arguments.text() {
        Ok(text) => {
            Fault::Other(format!("Error: Unable to load engine '{text}': engines are not supported."))
        }
        Err(fault) => fault,
    }
}

fn keyform(_: &mut Listener, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    match arguments.token()? {
        "engine" => {
            Err(Fault::other("Error: Unable to use 'tls_keyform engine': engines are not supported."))
        }
        // Any other word is pem, in mosquitto as well.
        _ => Ok(()),
    }
}
