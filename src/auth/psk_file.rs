//! The PSK file: identities and their pre-shared keys. A decision over text already read.
//!
//! `identity:hexkey` a line. What mosquitto skips with a warning is skipped here with the same words.

use std::collections::HashSet;
use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use super::password_file::{PasswordLine, parse_password_line};

/// The identities of a PSK file.
#[derive(Clone, Default)]
pub struct PskList {
    /// Digest of the identity, and its key. Digests have one length, so comparing them takes one time.
    entries: Vec<([u8; 32], Zeroizing<Vec<u8>>)>,
    /// Lines that were skipped and deserve a warning.
    warnings: Vec<PskWarning>,
}

/// A line that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PskWarning {
    /// The line, counted from 1.
    pub line: usize,
    /// What the log says, in mosquitto's words.
    pub message: String,
}

/// A PSK file that can't be used: a key that isn't hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PskFileError {
    /// The line, counted from 1.
    pub line: usize,
    /// Whose key it is.
    pub identity: String,
}

impl fmt::Display for PskFileError {
    /// mosquitto's words; never the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error: psk for identity \"{}\" contains non-hexadecimal characters.", self.identity)
    }
}

impl std::error::Error for PskFileError {}

impl fmt::Debug for PskList {
    /// Never the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PskList").field("identities", &self.entries.len()).finish_non_exhaustive()
    }
}

impl PskList {
    /// Reads a whole file's text. `file_name` is for the warnings only.
    ///
    /// # Errors
    /// The first key that isn't hexadecimal: mosquitto doesn't start with one.
    pub fn parse(text: &[u8], file_name: &str) -> Result<PskList, PskFileError> {
        let mut list = PskList::default();
        let mut known = HashSet::new();
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let PasswordLine::User { username: identity, hash: hex } = parse_password_line(line) else {
                continue;
            };
            let line = index + 1;
            let name = String::from_utf8_lossy(identity).into_owned();
            let mut warn = |message| list.warnings.push(PskWarning { line, message });
            if identity.is_empty() {
                warn(format!("Warning: Empty username in password file '{file_name}', ingoring."));
            } else if hex.is_empty() {
                warn(format!("Warning: Invalid line in psk file '{file_name}': {name}"));
            } else if !known.insert(identity) {
                warn(format!("Error: Duplicate user '{name}' in password file '{file_name}', ignoring."));
            } else {
                let key = key(hex).ok_or(PskFileError { line, identity: name })?;
                list.entries.push((digest(identity), key));
            }
        }
        Ok(list)
    }

    /// The key of an identity. Every entry is looked at, whoever asks: the time doesn't tell who exists.
    #[must_use]
    pub fn lookup(&self, identity: &[u8]) -> Option<&[u8]> {
        let wanted = digest(identity);
        let mut found = u32::MAX;
        for (at, (digest, _)) in (0..u32::MAX).zip(&self.entries) {
            found.conditional_assign(&at, digest.ct_eq(&wanted));
        }
        self.entries.get(found as usize).map(|(_, key)| &key[..])
    }

    /// The lines that were skipped and deserve a warning.
    #[must_use]
    pub fn warnings(&self) -> &[PskWarning] {
        &self.warnings
    }

    /// Number of identities.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no identities.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn digest(identity: &[u8]) -> [u8; 32] {
    Sha256::digest(identity).into()
}

/// The bytes of a key, as OpenSSL reads a large number with mosquitto's care for leading zeros: each leading `00` is a
/// byte, and what follows is a number, so that an odd digit stands for itself.
fn key(hex: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|d| d as u8);
    let mut key = Zeroizing::new(Vec::with_capacity(hex.len() / 2 + 1));
    let mut rest = hex;
    while let Some(behind) = rest.strip_prefix(b"00") {
        key.push(0);
        rest = behind;
    }
    let number = rest.iter().position(|&byte| byte != b'0').map_or(&rest[..0], |first| &rest[first..]);
    let (first, pairs) = number.split_at(number.len() % 2);
    for byte in first {
        key.push(digit(byte)?);
    }
    for pair in pairs.chunks_exact(2) {
        key.push(digit(&pair[0])? << 4 | digit(&pair[1])?);
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_found_with_their_keys() {
        let text = b"# c:omment\nno colon\n\n dev 1 : 00fF10 : third\r\ndev2:abc\nz:000\n";
        let list = PskList::parse(text, "psk").unwrap();
        assert_eq!(list.len(), 3);
        assert!(list.warnings().is_empty());
        assert_eq!(list.lookup(b"dev 1"), Some(&[0, 0xFF, 0x10][..]));
        assert_eq!(list.lookup(b"dev2"), Some(&[0x0A, 0xBC][..]));
        assert_eq!(list.lookup(b"z"), Some(&[0][..]));
        assert_eq!(list.lookup(b"dev"), None);
        assert_eq!(list.lookup(b""), None);
        assert!(PskList::parse(b"", "psk").unwrap().is_empty());
    }

    #[test]
    fn what_is_skipped_is_told() {
        let list = PskList::parse(b"a:01\na:02\n:03\nb:\n", "F").unwrap();
        assert_eq!(list.lookup(b"a"), Some(&[1][..]), "the first one holds");
        let told: Vec<(usize, &str)> = list.warnings().iter().map(|w| (w.line, w.message.as_str())).collect();
        let expected = [
            (2, "Error: Duplicate user 'a' in password file 'F', ignoring."),
            (3, "Warning: Empty username in password file 'F', ingoring."),
            (4, "Warning: Invalid line in psk file 'F': b"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_key_that_is_not_hexadecimal_is_an_error_that_does_not_show_it() {
        for bad in ["a:0x12", "a:12 34", "a:xyz", "a:1g"] {
            let error = PskList::parse(format!("\n{bad}").as_bytes(), "F").unwrap_err();
            assert_eq!(error.line, 2, "{bad}");
            let expected = "Error: psk for identity \"a\" contains non-hexadecimal characters.";
            assert_eq!(error.to_string(), expected);
        }
        let list = PskList::parse(b"a:00aa", "F").unwrap();
        assert_eq!(format!("{list:?}"), "PskList { identities: 1, .. }");
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        proptest::proptest!(|(text: Vec<u8>)| {
            let _ = PskList::parse(&text, "psk");
        });
        proptest::proptest!(|(text in "([a0-9#: \n]|00){0,24}")| {
            let _ = PskList::parse(text.as_bytes(), "psk");
        });
    }
}
