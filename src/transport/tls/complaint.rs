//! What checking the other side's certificate found wrong, for people.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use openssl::nid::Nid;
use openssl::ssl::{Ssl, SslVerifyMode};
use openssl::x509::{X509NameRef, X509Ref, X509StoreContextRef};

/// What `X509_V_ERR_…` calls a certificate for another name, or for another address.
const WRONG_NAME: [i32; 2] = [62, 64];

/// So many characters of it are enough.
const LONGEST: usize = 1000;

/// Filled in while the handshake runs.
pub(super) type Finding = Arc<Mutex<Option<String>>>;

/// Checks as OpenSSL does, and keeps what is wrong. `host`: who the other side should be.
pub(super) fn note_complaint(ssl: &mut Ssl, mode: SslVerifyMode, finding: &Finding, host: String) {
    let found = finding.clone();
    ssl.set_verify_callback(mode, move |good, chain| {
        if !good {
            *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(complaint(chain, &host));
        }
        good
    });
}

/// What is wrong with the certificate that is looked at.
fn complaint(chain: &X509StoreContextRef, host: &str) -> String {
    printable(&complaint_as_it_is(chain, host))
}

/// The other side has chosen these names, and whoever reads them may sit at a terminal.
fn printable(text: &str) -> String {
    text.chars().take(LONGEST).map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn complaint_as_it_is(chain: &X509StoreContextRef, host: &str) -> String {
    let error = chain.error();
    let Some(certificate) = chain.current_cert() else { return error.error_string().to_owned() };
    if WRONG_NAME.contains(&error.as_raw()) {
        return format!("it is not for {host} but for {}", names(certificate));
    }
    let (subject, issuer) = (name(certificate.subject_name()), name(certificate.issuer_name()));
    let when = match error.error_string() {
        "certificate has expired" => format!(" on {}", certificate.not_after()),
        "certificate is not yet valid" => format!(" before {}", certificate.not_before()),
        _ => String::new(),
    };
    format!("{}{when} (subject {subject}, issuer {issuer})", error.error_string())
}

/// The names that a certificate is for.
fn names(certificate: &X509Ref) -> String {
    let mut names = Vec::new();
    for name in certificate.subject_alt_names().iter().flatten() {
        if let Some(name) = name.dnsname() {
            names.push(name.to_owned());
        } else if let Some(bytes) = name.ipaddress() {
            let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
            names.extend(address.map(|address| address.to_string()));
        }
    }
    if names.is_empty() {
        let common = certificate.subject_name().entries_by_nid(Nid::COMMONNAME);
        names.extend(common.filter_map(|entry| Some(entry.data().to_string().ok()?.to_string())));
    }
    if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") }
}

fn name(name: &X509NameRef) -> String {
    let part = |entry: &openssl::x509::X509NameEntryRef| {
        let key = entry.object().nid().short_name().unwrap_or("?");
        Some(format!("{key}={}", entry.data().to_string().ok()?))
    };
    let parts: Vec<String> = name.entries().filter_map(part).collect();
    if parts.is_empty() { "without a name".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_write_lines_of_their_own() {
        assert_eq!(printable("CN=a\n1: New client\u{1b}[2Jb ä"), "CN=a?1: New client?[2Jb ä");
        assert_eq!(printable(&"x".repeat(5000)).len(), LONGEST);
    }
}
