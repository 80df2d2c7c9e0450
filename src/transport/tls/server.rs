//! TLS as a server.

use std::ffi::{CString, c_char, c_int, c_long, c_void};
use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Arc, OnceLock};

use foreign_types::ForeignType;
use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod, SslMode, SslOptions, SslSessionCacheMode,
    SslVerifyMode, SslVersion,
};
use openssl::x509::X509Name;
use openssl::x509::store::X509Lookup;
use openssl::x509::verify::X509VerifyFlags;
use openssl_sys as ffi;

use super::complaint::{Finding, note_complaint};
use super::error::{TlsError, explain, reason};
use super::settings::TlsVersion;
use super::stream::TlsStream;
use super::{keylog, libssl};

/// Puts the key of an identity into the buffer and says how long it is. Who is unknown gets a key that nobody has, so
/// that he fails as late and in the same way as one with a wrong key.
pub type PskKeys = Arc<dyn Fn(&[u8], &mut [u8]) -> usize + Send + Sync>;

/// The ciphers of TLS 1.2 where nothing else is said.
const CIPHERS: &str = "DEFAULT:!aNULL:!eNULL:!LOW:!EXPORT:!SSLv2:@STRENGTH";

/// The cipher suites of TLS 1.3 where there are pre-shared keys and nothing else is said.
const PSK_SUITES: &str = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";

/// What a server goes by.
#[derive(Clone, Default)]
pub struct TlsServerSettings {
    /// Our certificate (with those between it and its authority) and its key, PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The authorities of client certificates, PEM.
    pub cafile: Option<PathBuf>,
    /// A folder of them, under the names that `openssl rehash` gives them.
    pub capath: Option<PathBuf>,
    /// Certificates that were revoked, PEM.
    pub crlfile: Option<PathBuf>,
    /// Ciphers of TLS 1.2, as OpenSSL lists them.
    pub ciphers: Option<String>,
    /// Cipher suites of TLS 1.3.
    pub ciphersuites: Option<String>,
    /// The oldest version that is spoken; `None`: 1.2.
    pub oldest: Option<TlsVersion>,
    /// Clients must show a certificate.
    pub require_certificate: bool,
    /// Whatever the date on it.
    pub disable_date_checks: bool,
    /// Pre-shared keys are taken.
    pub psk: Option<PskKeys>,
    /// What clients are told in TLS 1.2, so that they know which of their identities to come with.
    pub psk_hint: Option<String>,
    /// A file to append the secrets of each connection to, for debugging.
    pub keylog: Option<PathBuf>,
}

impl fmt::Debug for TlsServerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServerSettings").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// What all connections of a listener share.
#[derive(Clone)]
pub struct TlsServer {
    context: SslContext,
    /// Clients must show a certificate.
    asks: bool,
    /// Callbacks of the `openssl` crate look for their context in the connection.
    has_callbacks: bool,
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsServer")
    }
}

impl TlsServer {
    /// Reads the files and sets OpenSSL up.
    ///
    /// # Errors
    /// What is wrong, in mosquitto's words, with OpenSSL's behind them.
    pub fn new(settings: &TlsServerSettings) -> Result<Self, TlsError> {
        libssl::load()?;
        let mut context = SslContext::builder(SslMethod::tls_server())
            .map_err(failed("Error: Unable to create TLS context."))?;
        // Buffers come and go with what is under way; sessions are remembered by the clients, in tickets.
        context.set_mode(SslMode::RELEASE_BUFFERS | SslMode::AUTO_RETRY);
        context.set_read_ahead(true);
        context.set_session_cache_mode(SslSessionCacheMode::OFF);
        context.set_session_id_context(b"mqtt").map_err(failed("Error: Unable to create TLS context."))?;
        context.set_options(
            SslOptions::NO_COMPRESSION | SslOptions::CIPHER_SERVER_PREFERENCE | SslOptions::NO_RENEGOTIATION,
        );
        versions(&mut context, settings)?;
        if let Some((certificate, key)) = &settings.certificate {
            own_certificate(&mut context, certificate, key)?;
        }
        authorities(&mut context, settings)?;
        if settings.certificate.is_some() {
            complete_chain(&mut context);
        }
        // Without a certificate of ours nobody can be asked for one.
        context.set_verify(match settings.require_certificate && settings.certificate.is_some() {
            true => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
            false => SslVerifyMode::NONE,
        });
        if let Some(keys) = &settings.psk {
            take_psk(&mut context, keys.clone())?;
            if let Some(hint) = &settings.psk_hint {
                give_hint(&mut context, hint)?;
            }
        } else {
            context.set_num_tickets(1).map_err(failed("Error: Unable to create TLS context."))?;
        }
        if let Some(path) = &settings.keylog {
            keylog::append(&mut context, path)?;
        }
        let asks = settings.require_certificate && settings.certificate.is_some();
        let has_callbacks = settings.psk.is_some() || settings.keylog.is_some();
        Ok(TlsServer { context: context.build(), asks, has_callbacks })
    }

    /// Our certificate is out of date, or not valid yet: no client that looks will come in.
    pub fn wrong_date(&self) -> Option<String> {
        let (certificate, now) = (self.context.certificate()?, Asn1Time::days_from_now(0).ok()?);
        if *certificate.not_after() < *now {
            return Some(format!("has expired on {}", certificate.not_after()));
        }
        (*certificate.not_before() > *now)
            .then(|| format!("is not valid before {}", certificate.not_before()))
    }

    /// Begins a connection over `socket`.
    ///
    /// # Errors
    /// OpenSSL has no memory for it.
    pub fn accept<S: Read + Write>(&self, socket: S) -> Result<TlsStream<S>, TlsError> {
        let mut ssl = self
            .connection()
            .map_err(|errors| TlsError::of_openssl("a TLS connection can't be set up", &errors))?;
        ssl.set_accept_state();
        let finding = self.asks.then(|| {
            let finding = Finding::default();
            let mode = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
            note_complaint(&mut ssl, mode, &finding, String::new());
            finding
        });
        Ok(TlsStream::new(ssl, socket, finding, false))
    }

    /// Without a callback there is nobody who would look for what the `openssl` crate keeps in each connection.
    #[allow(unsafe_code)]
    fn connection(&self) -> Result<Ssl, ErrorStack> {
        if self.has_callbacks {
            return Ssl::new(&self.context);
        }
        // SAFETY: the context is live, and the connection holds on to it; nobody else has the new connection.
        unsafe {
            let ssl = ffi::SSL_new(self.context.as_ptr());
            if ssl.is_null() { Err(ErrorStack::get()) } else { Ok(Ssl::from_ptr(ssl)) }
        }
    }
}

fn failed(words: &str) -> impl Fn(ErrorStack) -> TlsError + use<'_> {
    move |errors| {
        let why = reason(&errors);
        match explain(&why, false) {
            Some(meaning) => TlsError::new(format!("{words} {why} ({meaning}).")),
            None => TlsError::new(format!("{words} {why}.")),
        }
    }
}

fn versions(context: &mut SslContextBuilder, settings: &TlsServerSettings) -> Result<(), TlsError> {
    let oldest = match settings.oldest.unwrap_or(TlsVersion::V12) {
        TlsVersion::V12 => SslVersion::TLS1_2,
        TlsVersion::V13 => SslVersion::TLS1_3,
    };
    context.set_min_proto_version(Some(oldest)).map_err(failed("Error: Unable to set TLS version."))?;
    let ciphers = match &settings.ciphers {
        Some(ciphers) => ciphers.as_str(),
        None if settings.certificate.is_none() => "PSK",
        None => CIPHERS,
    };
    let words = format!("Error: Unable to set TLS ciphers. Check cipher list \"{ciphers}\".");
    context.set_cipher_list(ciphers).map_err(failed(&words))?;
    if let Some(suites) = &settings.ciphersuites {
        let words =
            format!("Error: Unable to set TLS 1.3 ciphersuites. Check cipher_tls13 list \"{suites}\".");
        context.set_ciphersuites(suites).map_err(failed(&words))?;
    } else if settings.psk.is_some() {
        // A key goes with SHA-256; chosen otherwise, a client that has one would get the certificate.
        context.set_ciphersuites(PSK_SUITES).map_err(failed("Error: Unable to set TLS 1.3 ciphersuites."))?;
    }
    Ok(())
}

/// Opens a file for a better reason than OpenSSL gives.
fn readable(words: &str, path: &Path) -> Result<(), TlsError> {
    let why = match std::fs::File::open(path).and_then(|file| file.metadata()) {
        Ok(found) if found.is_dir() => "Is a directory".to_owned(),
        Ok(_) => return Ok(()),
        Err(error) => error.to_string().split(" (os error").next().unwrap_or_default().to_owned(),
    };
    Err(TlsError::new(format!("{words} {why}.")))
}

fn own_certificate(context: &mut SslContextBuilder, certificate: &Path, key: &Path) -> Result<(), TlsError> {
    let words =
        format!("Error: Unable to load server certificate \"{}\". Check certfile.", certificate.display());
    readable(&words, certificate)?;
    context.set_certificate_chain_file(certificate).map_err(failed(&words))?;
    let words = format!("Error: Unable to load server key file \"{}\". Check keyfile.", key.display());
    readable(&words, key)?;
    let inconsistent = || {
        TlsError::new(format!(
            "Error: Server certificate/key are inconsistent. \"{}\" is not the key of \"{}\".",
            key.display(),
            certificate.display()
        ))
    };
    context.set_private_key_file(key, SslFiletype::PEM).map_err(|errors| {
        match errors.errors().iter().any(|error| error.reason() == Some("key values mismatch")) {
            true => inconsistent(),
            false => failed(&words)(errors),
        }
    })?;
    context.check_private_key().map_err(|_| inconsistent())
}

/// Looks for those that have issued our certificate among the authorities, if its file has none of them. OpenSSL would do
/// it again in each handshake, and check their signatures.
#[allow(unsafe_code)]
fn complete_chain(context: &mut SslContextBuilder) {
    const GET_CHAIN_CERTS: c_int = 115;
    const BUILD_CERT_CHAIN: c_int = 105;
    /// Ignore errors, and leave none behind: as far as it goes, it is good.
    const FLAGS: c_long = 0x8 | 0x10;
    let mut chain: *mut c_void = ptr::null_mut();
    // SAFETY: the context is live and ours alone; the first call writes a pointer, that the context owns.
    unsafe {
        ffi::SSL_CTX_ctrl(context.as_ptr(), GET_CHAIN_CERTS, 0, (&raw mut chain).cast());
        if chain.is_null()
            && ffi::SSL_CTX_ctrl(context.as_ptr(), BUILD_CERT_CHAIN, FLAGS, ptr::null_mut()) == 0
        {
            // It is left to the handshakes.
            drop(ErrorStack::get());
        }
    }
}

fn authorities(context: &mut SslContextBuilder, settings: &TlsServerSettings) -> Result<(), TlsError> {
    if let Some(file) = &settings.cafile {
        let words = format!("Error: Unable to load CA certificates. Check cafile \"{}\".", file.display());
        readable(&words, file)?;
        context.load_verify_locations(Some(file), None).map_err(failed(&words))?;
        // Clients are told who may have issued theirs.
        context.set_client_ca_list(X509Name::load_client_ca_file(file).map_err(failed(&words))?);
    }
    if let Some(folder) = &settings.capath {
        let words = format!("Error: Unable to load CA certificates. Check capath \"{}\".", folder.display());
        if !folder.is_dir() {
            return Err(TlsError::new(format!("{words} It is no folder.")));
        }
        context.load_verify_locations(None, Some(folder)).map_err(failed(&words))?;
    }
    if let Some(file) = &settings.crlfile {
        let words = format!(
            "Error: Unable to load certificate revocation file \"{}\". Check crlfile.",
            file.display()
        );
        readable(&words, file)?;
        let store = context.cert_store_mut();
        store
            .add_lookup(X509Lookup::file())
            .and_then(|lookup| lookup.load_crl_file(file, SslFiletype::PEM))
            .map_err(failed(&words))?;
        store.set_flags(X509VerifyFlags::CRL_CHECK).map_err(failed(&words))?;
    }
    if settings.disable_date_checks {
        let words = "Error: Unable to disable client certificate date checks.";
        context.verify_param_mut().set_flags(X509VerifyFlags::NO_CHECK_TIME).map_err(failed(words))?;
    }
    Ok(())
}

/// Where a connection keeps the identity of the key that it was asked with: TLS 1.3 doesn't keep it.
pub(super) fn identity_index() -> Option<Index<Ssl, String>> {
    static INDEX: OnceLock<Option<Index<Ssl, String>>> = OnceLock::new();
    *INDEX.get_or_init(|| Ssl::new_ex_index().ok())
}

fn take_psk(context: &mut SslContextBuilder, keys: PskKeys) -> Result<(), TlsError> {
    // A ticket would be taken for an identity, and fail for want of a key.
    context.set_options(SslOptions::NO_TICKET);
    context.set_num_tickets(0).map_err(failed("Error: Unable to create TLS context."))?;
    let index = identity_index().ok_or_else(|| TlsError::new("Error: Unable to create TLS context."))?;
    context.set_psk_server_callback(move |ssl, identity, key| {
        let Some(identity) = identity else { return Ok(0) };
        let length = keys(identity, key);
        if let Ok(name) = std::str::from_utf8(identity) {
            ssl.set_ex_data(index, name.to_owned());
        }
        Ok(length)
    });
    Ok(())
}

/// libssl's own, which the `openssl` crate has no wrapper for; it copies the text.
#[allow(unsafe_code)]
fn give_hint(context: &mut SslContextBuilder, hint: &str) -> Result<(), TlsError> {
    unsafe extern "C" {
        fn SSL_CTX_use_psk_identity_hint(context: *mut c_void, hint: *const c_char) -> c_int;
    }
    let words = || {
        TlsError::new(format!("Error: Unable to set TLS PSK hint \"{hint}\". It may have 256 bytes at most."))
    };
    let text = CString::new(hint).map_err(|_| words())?;
    // SAFETY: the context is live and ours alone, and the text is a C string that lives through the call.
    let set = unsafe { SSL_CTX_use_psk_identity_hint(context.as_ptr().cast(), text.as_ptr()) };
    if set == 1 { Ok(()) } else { Err(words()) }
}
