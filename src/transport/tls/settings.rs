//! What a TLS client goes by, as plain data.

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

/// How closely the other side's certificate is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// It must come from a trusted authority and be for the host that was asked for.
    #[default]
    Full,
    /// It must come from a trusted authority; for which host is all the same.
    Authority,
    /// Not at all.
    Nothing,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.2
    V12,
    /// 1.3
    V13,
}

/// A pre-shared key and the name it goes by.
#[derive(Clone, PartialEq, Eq)]
pub struct Psk {
    /// The identity, without zero bytes.
    pub identity: String,
    /// The key, wiped when dropped.
    pub key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Psk {
    /// Everything but the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Psk").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Psk {
    /// The bytes of a key in hexadecimal digits; `None`: there is something else in it, or nothing.
    pub fn key(digits: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        if digits.is_empty() {
            return None;
        }
        let mut key = Zeroizing::new(Vec::with_capacity(digits.len().div_ceil(2)));
        // An odd number of digits lacks the zero in front.
        let (first, rest) = digits.split_at(digits.len() % 2);
        for pair in first.chunks(1).chain(rest.chunks(2)) {
            let mut byte = 0;
            for digit in pair {
                byte = byte << 4 | char::from(*digit).to_digit(16)? as u8;
            }
            key.push(byte);
        }
        Some(key)
    }
}

/// How to speak TLS as a client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsSettings {
    /// Authorities to trust, PEM.
    pub cafile: Option<PathBuf>,
    /// A folder of them, under the names that `openssl rehash` gives them.
    pub capath: Option<PathBuf>,
    /// Trust what the system trusts.
    pub os_certificates: bool,
    /// Our certificate (with those between it and its authority) and its key, PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// A pre-shared key instead of certificates.
    pub psk: Option<Psk>,
    /// How closely to look at the other side's certificate.
    pub verify: Verify,
    /// The server must send an OCSP response that says that its certificate is good.
    pub require_ocsp: bool,
    /// Ciphers of TLS 1.2, as OpenSSL lists them.
    pub ciphers: Option<String>,
    /// Cipher suites of TLS 1.3, as OpenSSL lists them.
    pub ciphersuites: Option<String>,
    /// The oldest version to speak; `None`: 1.2.
    pub oldest: Option<TlsVersion>,
    /// The protocol to name in ALPN.
    pub alpn: Option<String>,
    /// A file to append the secrets of each connection to, for debugging.
    pub keylog: Option<PathBuf>,
    /// Go on with sessions that earlier connections were given, each once, where the other side agrees.
    pub resume: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_hexadecimal() {
        let key = |text: &str| Psk::key(text.as_bytes()).map(|key| key.to_vec());
        assert_eq!(key("00ffA0"), Some(vec![0, 255, 160]));
        assert_eq!(key("abc"), Some(vec![0x0a, 0xbc]));
        for wrong in ["", "0x12", "12 ", "g0", "é"] {
            assert_eq!(key(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let psk = Psk { identity: "me".into(), key: Psk::key(b"c0ffee").unwrap() };
        assert_eq!(format!("{psk:?}"), "Psk { identity: \"me\", .. }");
    }
}
