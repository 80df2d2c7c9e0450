//! TLS as a client.

use std::fs::File;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use openssl::error::ErrorStack;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod, SslMode, SslSession, SslSessionCacheMode,
    SslVerifyMode, SslVersion,
};

use super::complaint::{Finding, note_complaint};
use super::error::{TlsError, reason};
use super::ocsp;
use super::settings::{Psk, TlsSettings, TlsVersion, Verify};
use super::stream::TlsStream;
use super::{keylog, libssl};

/// Why there can be no TLS with these settings.
#[derive(Debug)]
pub enum SetupError {
    /// A file can't be opened: which, and why.
    File(String),
    /// Something else is wrong with the settings.
    Other(TlsError),
}

impl From<TlsError> for SetupError {
    fn from(error: TlsError) -> Self {
        SetupError::Other(error)
    }
}

/// What all connections of a client share.
pub struct TlsClient {
    context: SslContext,
    verify: Verify,
    psk: bool,
    /// The server must prove that its certificate isn't revoked.
    ocsp: bool,
    /// What the next connections may go on with.
    sessions: Option<Sessions>,
}

/// Sessions that were given to us and not gone on with yet, the newest last. In TLS 1.3 each is good for one connection:
/// OpenSSL forgets it then.
type Sessions = Arc<Mutex<Vec<SslSession>>>;

/// So many are kept.
const SESSIONS: usize = 1024;

impl TlsClient {
    /// Reads the files and sets OpenSSL up. An encrypted key's passphrase is asked for at the terminal, by OpenSSL.
    ///
    /// # Errors
    /// What is wrong with the settings or with a file that they name.
    pub fn new(settings: &TlsSettings) -> Result<Self, SetupError> {
        readable("cafile", settings.cafile.as_deref())?;
        if let Some((certificate, key)) = &settings.certificate {
            readable("certfile", Some(certificate))?;
            readable("keyfile", Some(key))?;
        }
        libssl::load()?;
        let mut context = SslContext::builder(SslMethod::tls_client()).map_err(failed("OpenSSL"))?;
        // Buffers come and go with what is under way.
        context.set_mode(SslMode::RELEASE_BUFFERS | SslMode::AUTO_RETRY);
        context.set_read_ahead(true);
        versions(&mut context, settings)?;
        trust(&mut context, settings)?;
        if let Some((certificate, key)) = &settings.certificate {
            own_certificate(&mut context, certificate, key)?;
        }
        // A pre-shared key proves who the other side is; a certificate in its place would prove nothing.
        let verify = if settings.psk.is_some() { Verify::Authority } else { settings.verify };
        context.set_verify(match verify {
            Verify::Nothing => SslVerifyMode::NONE,
            _ => SslVerifyMode::PEER,
        });
        if let Some(psk) = &settings.psk {
            offer_psk(&mut context, psk)?;
        }
        if let Some(protocol) = &settings.alpn {
            let mut wire = vec![u8::try_from(protocol.len()).unwrap_or(0)];
            wire.extend_from_slice(protocol.as_bytes());
            context.set_alpn_protos(&wire).map_err(failed("the ALPN protocol can't be set"))?;
        }
        if let Some(path) = &settings.keylog {
            keylog::append(&mut context, path)?;
        }
        let ocsp = settings.require_ocsp;
        if ocsp {
            ocsp::require(&mut context).map_err(failed("OCSP can't be set up"))?;
        }
        let sessions = settings.resume.then(|| remember(&mut context));
        Ok(TlsClient { context: context.build(), verify, psk: settings.psk.is_some(), ocsp, sessions })
    }

    /// Begins a connection over `socket` to `host`; without one no name is checked.
    ///
    /// # Errors
    /// The host's name can't be one.
    pub fn connect<S: Read + Write>(&self, host: Option<&str>, socket: S) -> Result<TlsStream<S>, TlsError> {
        let set_up = |errors: ErrorStack| TlsError::of_openssl("a TLS connection can't be set up", &errors);
        let mut ssl = Ssl::new(&self.context).map_err(set_up)?;
        ssl.set_connect_state();
        self.go_on(&mut ssl).map_err(set_up)?;
        if let Some(host) = host {
            match host.parse::<IpAddr>() {
                // An address is no name to be indicated.
                Ok(address) if self.verify == Verify::Full => {
                    ssl.param_mut().set_ip(address).map_err(set_up)?
                }
                Ok(_) => {}
                Err(_) => {
                    ssl.set_hostname(host).map_err(set_up)?;
                    if self.verify == Verify::Full {
                        ssl.param_mut().set_host(host).map_err(set_up)?;
                    }
                }
            }
        }
        let finding = Finding::default();
        if self.verify != Verify::Nothing {
            note_complaint(&mut ssl, SslVerifyMode::PEER, &finding, host.unwrap_or_default().to_owned());
        }
        if self.ocsp {
            ocsp::ask(&mut ssl, &finding).map_err(set_up)?;
        }
        Ok(TlsStream::new(ssl, socket, Some(finding), self.psk))
    }

    #[allow(unsafe_code)] // the binding leaves it to us that session and context belong together
    fn go_on(&self, ssl: &mut Ssl) -> Result<(), ErrorStack> {
        let Some(sessions) = &self.sessions else { return Ok(()) };
        match sessions.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            // SAFETY: only connections of this context put their sessions there.
            Some(session) => unsafe { ssl.set_session(&session) },
            None => Ok(()),
        }
    }
}

/// Keeps the sessions that connections are given.
fn remember(context: &mut SslContextBuilder) -> Sessions {
    let sessions = Sessions::default();
    let kept = sessions.clone();
    context.set_session_cache_mode(SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL);
    context.set_new_session_callback(move |_, session| {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < SESSIONS {
            kept.push(session);
        }
    });
    sessions
}

fn failed(what: &str) -> impl Fn(ErrorStack) -> SetupError + use<'_> {
    move |errors| SetupError::Other(TlsError::of_openssl(what, &errors))
}

fn readable(what: &str, path: Option<&Path>) -> Result<(), SetupError> {
    let Some(path) = path else { return Ok(()) };
    let why = match File::open(path).and_then(|file| file.metadata()) {
        Ok(found) if found.is_dir() => "Is a directory".to_owned(),
        Ok(_) => return Ok(()),
        Err(error) => error.to_string().split(" (os error").next().unwrap_or_default().to_owned(),
    };
    Err(SetupError::File(format!("{what} \"{}\": {why}.", path.display())))
}

fn versions(context: &mut SslContextBuilder, settings: &TlsSettings) -> Result<(), SetupError> {
    let oldest = match settings.oldest.unwrap_or(TlsVersion::V12) {
        TlsVersion::V12 => SslVersion::TLS1_2,
        TlsVersion::V13 => SslVersion::TLS1_3,
    };
    context.set_min_proto_version(Some(oldest)).map_err(failed("the TLS version can't be set"))?;
    if let Some(ciphers) = &settings.ciphers {
        let what = format!("the ciphers \"{ciphers}\" can't be set");
        context.set_cipher_list(ciphers).map_err(failed(&what))?;
    } else if settings.psk.is_some() {
        context.set_cipher_list("PSK").map_err(failed("the ciphers of pre-shared keys can't be set"))?;
    }
    if let Some(suites) = &settings.ciphersuites {
        let what = format!("the TLS 1.3 cipher suites \"{suites}\" can't be set");
        context.set_ciphersuites(suites).map_err(failed(&what))?;
    }
    Ok(())
}

fn trust(context: &mut SslContextBuilder, settings: &TlsSettings) -> Result<(), SetupError> {
    if settings.os_certificates {
        system_authorities(context).map_err(failed("the system's CA certificates can't be loaded"))?;
    }
    if settings.cafile.is_some() || settings.capath.is_some() {
        let (file, folder) = (settings.cafile.as_deref(), settings.capath.as_deref());
        context.load_verify_locations(file, folder).map_err(|errors| {
            let named = |what: &str, path: Option<&Path>| {
                path.map(|path| format!("{what} \"{}\"", path.display())).unwrap_or_default()
            };
            let both = if file.is_some() && folder.is_some() { " or " } else { "" };
            let (file, folder) = (named("cafile", file), named("capath", folder));
            let why = reason(&errors);
            TlsError::new(format!("no CA certificates can be loaded from {file}{both}{folder}: {why}"))
        })?;
    }
    Ok(())
}

/// Where distributions keep the authorities that they trust.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

fn system_authorities(context: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    context.set_default_verify_paths()?;
    // An OpenSSL of our own doesn't know where this system keeps them.
    let of_our_own = cfg!(feature = "vendored-tls") && std::env::var_os("SSL_CERT_FILE").is_none();
    match BUNDLES.map(Path::new).into_iter().find(|bundle| of_our_own && bundle.exists()) {
        Some(bundle) => context.load_verify_locations(Some(bundle), None),
        None => Ok(()),
    }
}

fn own_certificate(
    context: &mut SslContextBuilder,
    certificate: &Path,
    key: &Path,
) -> Result<(), SetupError> {
    let what = format!("unable to load client certificate \"{}\"", certificate.display());
    context.set_certificate_chain_file(certificate).map_err(failed(&what))?;
    let what = format!("unable to load client key file \"{}\"", key.display());
    context.set_private_key_file(key, SslFiletype::PEM).map_err(failed(&what))?;
    context.check_private_key().map_err(failed("client certificate and key don't belong together"))
}

/// The same callback serves TLS 1.2 and 1.3.
fn offer_psk(context: &mut SslContextBuilder, psk: &Psk) -> Result<(), SetupError> {
    if psk.identity.contains('\0') {
        return Err(TlsError::new("the PSK identity holds a zero byte").into());
    }
    let psk = psk.clone();
    context.set_psk_client_callback(move |_, _, identity, key| {
        let name = psk.identity.as_bytes();
        // What is too long is no key at all, and the handshake fails.
        if name.len() >= identity.len() || psk.key.len() > key.len() {
            return Ok(0);
        }
        identity[..name.len()].copy_from_slice(name);
        identity[name.len()] = 0;
        key[..psk.key.len()].copy_from_slice(&psk.key);
        Ok(psk.key.len())
    });
    Ok(())
}
