//! One password hash of a password file: `$6$` (SHA-512), `$7$` (PBKDF2) and `$argon2id$`.
//!
//! Parses the text, writes it, makes a hash from a password and a salt, and verifies a password. It has no
//! random source and reads no file: the salt is passed in.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD};
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of salt in a new hash, as mosquitto 2.1 writes them.
pub const SALT_BYTES: usize = 64;
/// Bytes of salt in `$6$` and `$7$` that mosquitto 1.x and 2.0 write, the only length they can read.
pub const SALT_BYTES_2_0: usize = 12;
/// Rounds of PBKDF2 in a new `$7$` hash, mosquitto 2.1's default.
pub const PBKDF2_ITERATIONS: u32 = 1000;
/// The longest password, in bytes: what fits a password field of CONNECT `[MQTT-3.1.3.5]`.
pub const PASSWORD_MAX: usize = 65535;

/// Bytes of digest of every hash that is written, and the only length `$6$` and `$7$` have.
const DIGEST_BYTES: usize = 64;
/// KiB of memory, passes and lanes of a new argon2id hash, as mosquitto 2.1 has them.
const ARGON2_NEW: (u32, u32, u32) = (47104, 1, 1);
/// The most memory a hash may ask for, 4 GiB: one line of a file must not be able to end the broker.
const ARGON2_MEMORY_MAX_KIB: u32 = 4 << 20;

/// Base64 without padding, the form of argon2's PHC strings.
const UNPADDED: GeneralPurpose = GeneralPurpose::new(&ALPHABET, NO_PAD);

/// How a password becomes a digest, with what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashMethod {
    /// `$6$`: SHA-512 once over password and salt. Fast to guess; only for old brokers.
    Sha512,
    /// `$7$`: PBKDF2 with HMAC-SHA-512.
    Sha512Pbkdf2 {
        /// Rounds.
        iterations: NonZeroU32,
    },
    /// `$argon2id$`.
    Argon2id {
        /// Version of the algorithm as written in the text: 0x13 (19) or, in old text, 0x10.
        version: u32,
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes over the memory.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
}

impl HashMethod {
    /// argon2id at the cost mosquitto 2.1 uses for new hashes.
    #[must_use]
    pub fn argon2id() -> HashMethod {
        let (memory_kib, passes, lanes) = ARGON2_NEW;
        HashMethod::Argon2id { version: Version::V0x13 as u32, memory_kib, passes, lanes }
    }

    /// Its name, as `mosquitto_passwd -H` takes it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            HashMethod::Sha512 => "sha512",
            HashMethod::Sha512Pbkdf2 { .. } => "sha512-pbkdf2",
            HashMethod::Argon2id { .. } => "argon2id",
        }
    }
}

/// Why a text is no hash, or a hash could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordHashError {
    /// The text starts with none of `$6$`, `$7$` and `$argon2id$`: a plain password, or a foreign kind.
    UnknownKind,
    /// A field is missing.
    MissingField,
    /// The number of rounds is no positive number.
    Iterations,
    /// The argon2 parameters are not `m=…,t=…,p=…` or are outside what the algorithm allows.
    Parameters,
    /// Salt or digest is no base64.
    Base64,
    /// A salt of `$6$` or `$7$` has neither 64 nor 12 bytes, or an argon2 salt fewer than 8.
    SaltLength,
    /// The digest has the wrong length.
    DigestLength,
    /// There is no memory for the computation.
    NoMemory,
}

impl fmt::Display for PasswordHashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PasswordHashError::UnknownKind => "not a password hash ($6$, $7$ or $argon2id$)",
            PasswordHashError::MissingField => "the hash is cut short",
            PasswordHashError::Iterations => "the number of iterations must be a number greater than 0",
            PasswordHashError::Parameters => "invalid argon2id parameters",
            PasswordHashError::Base64 => "salt or digest is not valid base64",
            PasswordHashError::SaltLength => "the salt must have 64 or 12 bytes (argon2id: at least 8)",
            PasswordHashError::DigestLength => "the digest must have 64 bytes (argon2id: at least 4)",
            PasswordHashError::NoMemory => "not enough memory to compute the hash",
        })
    }
}

impl std::error::Error for PasswordHashError {}

/// A password hash. Cheap to clone, and a clone can be verified on another thread.
#[derive(Clone)]
pub struct PasswordHash(Arc<Inner>);

struct Inner {
    method: HashMethod,
    salt: Vec<u8>,
    /// Enough to guess the password offline: wiped when the last clone goes.
    digest: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for PasswordHash {
    /// Method only: salt and digest never get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash").field("method", &self.0.method).finish_non_exhaustive()
    }
}

impl PasswordHash {
    /// Reads the hash field of a password file's line, without its user name and without blanks around it.
    ///
    /// # Errors
    /// Says what is wrong; [`PasswordHashError::UnknownKind`] for anything that doesn't look like a hash.
    pub fn parse(text: &[u8]) -> Result<PasswordHash, PasswordHashError> {
        let text = std::str::from_utf8(text).map_err(|_| PasswordHashError::UnknownKind)?;
        if let Some(rest) = text.strip_prefix("$6$") {
            // Runs of `$` count as one and what follows the digest is ignored, as in mosquitto.
            let mut fields = rest.split('$').filter(|field| !field.is_empty());
            sha_fields(HashMethod::Sha512, &mut fields)
        } else if let Some(rest) = text.strip_prefix("$7$") {
            let mut fields = rest.split('$').filter(|field| !field.is_empty());
            let iterations = leading_number(fields.next().ok_or(PasswordHashError::MissingField)?)
                .ok_or(PasswordHashError::Iterations)?;
            sha_fields(HashMethod::Sha512Pbkdf2 { iterations }, &mut fields)
        } else if let Some(rest) = text.strip_prefix("$argon2id$") {
            parse_argon2id(rest)
        } else {
            Err(PasswordHashError::UnknownKind)
        }
    }

    /// Makes the hash of `password`. `salt` should be random and [`SALT_BYTES`] long, or [`SALT_BYTES_2_0`]
    /// where brokers before 2.1 are to read it.
    ///
    /// # Errors
    /// When the salt has a length that a broker can't read, or memory is short.
    pub fn create(
        method: HashMethod,
        password: &[u8],
        salt: &[u8],
    ) -> Result<PasswordHash, PasswordHashError> {
        check_salt(method, salt)?;
        let mut digest = Zeroizing::new(vec![0; DIGEST_BYTES]);
        derive(method, until_nul(password), salt, &mut digest)?;
        Ok(PasswordHash(Arc::new(Inner { method, salt: salt.to_vec(), digest })))
    }

    /// Whether `password` is the one. Takes as long for a wrong one as for the right one.
    ///
    /// As in mosquitto, which compares C strings, a zero byte ends the password. It costs what
    /// [`method`](PasswordHash::method) says (argon2id: about 47 MB and 50 ms), so it belongs on a thread of its
    /// own; where memory is short the answer is no.
    #[must_use]
    pub fn verify(&self, password: &[u8]) -> bool {
        let inner = &*self.0;
        let mut digest = Zeroizing::new(vec![0; inner.digest.len()]);
        match derive(inner.method, until_nul(password), &inner.salt, &mut digest) {
            Ok(()) => bool::from(digest.ct_eq(&inner.digest)),
            Err(_) => false,
        }
    }

    /// Whether it is the same hash, salt and all: then the same password fits.
    #[must_use]
    pub fn is_same(&self, other: &PasswordHash) -> bool {
        let (ours, theirs) = (&self.0, &other.0);
        ours.method == theirs.method && ours.salt == theirs.salt && ours.digest.ct_eq(&theirs.digest).into()
    }

    /// A hash that no password has, and that costs as much to verify as `self`.
    #[must_use]
    pub fn dummy(&self) -> PasswordHash {
        PasswordHash::without_password(self.0.method, self.0.salt.len(), self.0.digest.len())
    }

    /// A hash that no password has: a digest of zeros, which nobody knows how to reach.
    pub(super) fn without_password(
        method: HashMethod,
        salt_bytes: usize,
        digest_bytes: usize,
    ) -> PasswordHash {
        let digest = Zeroizing::new(vec![0; digest_bytes]);
        PasswordHash(Arc::new(Inner { method, salt: vec![0; salt_bytes], digest }))
    }

    /// How it is computed, and at what cost.
    #[must_use]
    pub fn method(&self) -> HashMethod {
        self.0.method
    }

    /// Length of the salt in bytes.
    #[must_use]
    pub fn salt_len(&self) -> usize {
        self.0.salt.len()
    }
}

impl fmt::Display for PasswordHash {
    /// The text for the password file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { method, salt, digest } = &*self.0;
        match *method {
            HashMethod::Sha512 => write!(f, "$6${}${}", STANDARD.encode(salt), STANDARD.encode(&**digest)),
            HashMethod::Sha512Pbkdf2 { iterations } => {
                write!(f, "$7${iterations}${}${}", STANDARD.encode(salt), STANDARD.encode(&**digest))
            }
            HashMethod::Argon2id { version, memory_kib, passes, lanes } => write!(
                f,
                "$argon2id$v={version}$m={memory_kib},t={passes},p={lanes}${}${}",
                UNPADDED.encode(salt),
                UNPADDED.encode(&**digest)
            ),
        }
    }
}

/// Salt and digest of a `$6$` or `$7$` hash.
fn sha_fields<'a>(
    method: HashMethod,
    fields: &mut impl Iterator<Item = &'a str>,
) -> Result<PasswordHash, PasswordHashError> {
    let mut next = || {
        let field = fields.next().ok_or(PasswordHashError::MissingField)?;
        STANDARD.decode(field).map_err(|_| PasswordHashError::Base64)
    };
    let salt = next()?;
    let digest = Zeroizing::new(next()?);
    check_salt(method, &salt)?;
    if digest.len() != DIGEST_BYTES {
        return Err(PasswordHashError::DigestLength);
    }
    Ok(PasswordHash(Arc::new(Inner { method, salt, digest })))
}

/// What follows `$argon2id$`: `v=19$m=…,t=…,p=…$salt$digest`, the version optional as in the first strings.
fn parse_argon2id(rest: &str) -> Result<PasswordHash, PasswordHashError> {
    let mut fields = rest.split('$');
    let mut next = || fields.next().ok_or(PasswordHashError::MissingField);
    let mut field = next()?;
    let mut version = Version::V0x10 as u32;
    if let Some(number) = field.strip_prefix("v=") {
        version = decimal(number)?;
        field = next()?;
    }
    let mut costs = field.split(',');
    let mut cost = |name| {
        let text = costs.next().and_then(|text| text.strip_prefix(name));
        text.ok_or(PasswordHashError::Parameters).and_then(decimal)
    };
    let (memory_kib, passes, lanes) = (cost("m=")?, cost("t=")?, cost("p=")?);
    let salt = UNPADDED.decode(next()?).map_err(|_| PasswordHashError::Base64)?;
    let digest = Zeroizing::new(UNPADDED.decode(next()?).map_err(|_| PasswordHashError::Base64)?);
    if costs.next().is_some() || fields.next().is_some() {
        return Err(PasswordHashError::Parameters);
    }
    let method = HashMethod::Argon2id { version, memory_kib, passes, lanes };
    check_salt(method, &salt)?;
    if digest.len() < Params::MIN_OUTPUT_LEN {
        return Err(PasswordHashError::DigestLength);
    }
    argon2(version, memory_kib, passes, lanes, digest.len())?;
    Ok(PasswordHash(Arc::new(Inner { method, salt, digest })))
}

fn argon2(
    version: u32,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    digest_bytes: usize,
) -> Result<Argon2<'static>, PasswordHashError> {
    let version = Version::try_from(version).map_err(|_| PasswordHashError::Parameters)?;
    if memory_kib > ARGON2_MEMORY_MAX_KIB {
        return Err(PasswordHashError::Parameters);
    }
    let params = Params::new(memory_kib, passes, lanes, Some(digest_bytes))
        .map_err(|_| PasswordHashError::Parameters)?;
    Ok(Argon2::new(Algorithm::Argon2id, version, params))
}

fn check_salt(method: HashMethod, salt: &[u8]) -> Result<(), PasswordHashError> {
    let readable = match method {
        HashMethod::Argon2id { .. } => (argon2::MIN_SALT_LEN..=argon2::MAX_SALT_LEN).contains(&salt.len()),
        _ => matches!(salt.len(), SALT_BYTES | SALT_BYTES_2_0),
    };
    if readable { Ok(()) } else { Err(PasswordHashError::SaltLength) }
}

/// Fills `digest` from password and salt.
fn derive(
    method: HashMethod,
    password: &[u8],
    salt: &[u8],
    digest: &mut [u8],
) -> Result<(), PasswordHashError> {
    match method {
        HashMethod::Sha512 => {
            let mut hasher = Sha512::new();
            hasher.update(password);
            hasher.update(salt);
            let mut result = hasher.finalize();
            digest.copy_from_slice(&result);
            result.as_mut_slice().zeroize();
            Ok(())
        }
        HashMethod::Sha512Pbkdf2 { iterations } => {
            pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations.get(), digest);
            Ok(())
        }
        HashMethod::Argon2id { version, memory_kib, passes, lanes } => {
            let argon2 = argon2(version, memory_kib, passes, lanes, digest.len())?;
            let blocks = argon2.params().block_count();
            // Refuse what can't be had instead of ending the process.
            let mut memory: Vec<Block> = Vec::new();
            memory.try_reserve_exact(blocks).map_err(|_| PasswordHashError::NoMemory)?;
            memory.resize(blocks, Block::new());
            argon2
                .hash_password_into_with_memory(password, salt, digest, &mut memory)
                .map_err(|_| PasswordHashError::Parameters)
        }
    }
}

/// The password as a C program sees it.
fn until_nul(password: &[u8]) -> &[u8] {
    memchr::memchr(0, password).map_or(password, |end| &password[..end])
}

/// Digits only.
fn decimal(text: &str) -> Result<u32, PasswordHashError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PasswordHashError::Parameters);
    }
    text.parse().map_err(|_| PasswordHashError::Parameters)
}

/// The number a text starts with, as C's `atoi` reads it, if it is positive and fits an `int`.
fn leading_number(text: &str) -> Option<NonZeroU32> {
    let text = text.trim_start();
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let number: i32 = text[..end].parse().ok()?;
    u32::try_from(number).ok().and_then(NonZeroU32::new)
}

#[cfg(test)]
#[path = "password_hash_tests.rs"]
mod tests;
