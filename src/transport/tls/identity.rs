//! Who is at the other end, as TLS has found out.

use std::io::{Read, Write};

use openssl::nid::Nid;
use openssl::x509::X509NameRef;

use super::TlsStream;
use super::server::identity_index;

impl<S: Read + Write> TlsStream<S> {
    /// Version and cipher, as mosquitto's log has them: `TLSv1.3 cipher TLS_AES_256_GCM_SHA384`.
    pub fn negotiated(&self) -> String {
        let cipher = self.ssl().current_cipher().map_or("none", |cipher| cipher.name());
        format!("{} cipher {cipher}", self.ssl().version_str())
    }

    /// The common name of the peer's certificate, or the identity of its pre-shared key. Certificates count only where
    /// they are required, and so checked.
    pub fn common_name(&self) -> Option<String> {
        if let Some(identity) = identity_index().and_then(|index| self.ssl().ex_data(index)) {
            return Some(identity.clone());
        }
        let certificate = self.ssl().peer_certificate()?;
        let entry = certificate.subject_name().entries_by_nid(Nid::COMMONNAME).next()?;
        let name = entry.data().to_string().ok()?.to_string();
        Some(name).filter(|name| !name.is_empty() && !name.contains('\0'))
    }

    /// The whole subject of the peer's certificate, as RFC 2253 writes it.
    pub fn subject(&self) -> Option<String> {
        let certificate = self.ssl().peer_certificate()?;
        Some(rfc2253(certificate.subject_name())).filter(|subject| !subject.is_empty())
    }
}

/// The last part first, special characters escaped, as OpenSSL does it.
fn rfc2253(name: &X509NameRef) -> String {
    let mut parts: Vec<String> = name
        .entries()
        .map(|entry| {
            let object = entry.object();
            let key = match object.nid() {
                Nid::UNDEF => object.to_string(),
                nid => nid.short_name().unwrap_or("?").to_owned(),
            };
            let value = entry.data().to_string().map(|value| escaped(&value.to_string())).unwrap_or_default();
            format!("{key}={value}")
        })
        .collect();
    parts.reverse();
    parts.join(",")
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.len().wrapping_sub(1);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b'#' if at == 0 => text.push_str("\\#"),
            b' ' if at == 0 || at == last => text.push_str("\\ "),
            0..=0x1f | 0x7f..=0xff => text.push_str(&format!("\\{byte:02X}")),
            _ => text.push(char::from(byte)),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_written_as_openssl_writes_them() {
        let mut name = openssl::x509::X509Name::builder().unwrap();
        for (key, value) in [("C", "DE"), ("O", " a, b+c "), ("CN", "Jürgen #1")] {
            name.append_entry_by_text(key, value).unwrap();
        }
        assert_eq!(rfc2253(&name.build()), "CN=J\\C3\\BCrgen #1,O=\\ a\\, b\\+c\\ ,C=DE");
        assert_eq!(escaped("#"), "\\#");
        assert_eq!(escaped(""), "");
    }
}
