//! What went wrong with TLS, in words for whoever has to mend it.

use std::fmt;
use std::io;

use openssl::error::ErrorStack;

/// One thing that TLS fails of, in a sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsError {
    words: String,
    /// The peer closed the stream in the middle of the handshake, without a word.
    cut_off: bool,
}

impl TlsError {
    pub(super) fn new(words: impl Into<String>) -> Self {
        TlsError { words: words.into(), cut_off: false }
    }

    pub(super) fn cut_off() -> Self {
        TlsError {
            words:
                "the other side closed the connection in the TLS handshake (does it speak TLS on this port?)"
                    .into(),
            cut_off: true,
        }
    }

    /// Something failed in OpenSSL while doing `what`.
    pub(super) fn of_openssl(what: &str, errors: &ErrorStack) -> Self {
        TlsError::new(format!("{what}: {}", reason(errors)))
    }

    /// The peer closed the stream in the middle of the handshake, without a word.
    pub fn is_cut_off(&self) -> bool {
        self.cut_off
    }

    /// The one that an error of the stream carries.
    pub fn within(error: &io::Error) -> Option<&TlsError> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for TlsError {}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

/// The last, most telling line of OpenSSL's errors.
pub(super) fn reason(errors: &ErrorStack) -> String {
    let told = errors.errors().iter().find_map(|error| error.reason());
    let data = errors.errors().iter().find_map(|error| error.data().filter(|data| data.contains(' ')));
    match (told, data) {
        (Some(told), _) => told.to_owned(),
        (None, Some(data)) => data.to_owned(),
        (None, None) => "unknown error".to_owned(),
    }
}

/// Is this the end of the stream, which OpenSSL 3 calls an error of its own?
pub(super) fn is_end_of_stream(errors: &ErrorStack) -> bool {
    errors.errors().iter().any(|error| error.reason() == Some("unexpected eof while reading"))
}

/// What a failed handshake means, where OpenSSL's words don't say it. `psk`: with a pre-shared key.
pub(super) fn explain(words: &str, psk: bool) -> Option<&'static str> {
    // Each version of TLS and each server has an alert of its own for a key that isn't the right one.
    if psk && words.contains(" alert ") {
        return Some("the other side doesn't know this identity with this pre-shared key");
    }
    Some(match words {
        "wrong version number" | "packet length too long" | "http request" | "record layer failure" => {
            "what came is not TLS; does the other side speak TLS on this port?"
        }
        "tlsv13 alert certificate required"
        | "sslv3 alert handshake failure"
        | "ssl/tls alert handshake failure" => {
            "the other side may want a certificate (cert and key), or other ciphers"
        }
        "binder does not verify" => {
            "the other side's pre-shared key is another one, or its identity is unknown here"
        }
        "processing error" | "problems getting password" | "bad decrypt" => {
            "the key is encrypted, and the pass phrase wasn't given or isn't the right one"
        }
        "tlsv1 alert unknown ca" => "the other side doesn't know who issued our certificate",
        "tlsv1 alert protocol version" | "unsupported protocol" => {
            "the other side speaks other versions of TLS"
        }
        _ => return None,
    })
}
