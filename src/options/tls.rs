//! TLS: the flags, and what they mean together.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::ValueHint;
use zeroize::Zeroizing;

use super::arg::Arg;
use super::complaint::{Complaint, Halt};
use super::flag::{Flag, Store, under};
use super::raw::{Raw, RawTls};
use crate::transport::tls::{Psk, TlsSettings, TlsVersion, Verify};

/// Port of MQTT over TLS: choosing it chooses TLS.
const MQTTS_PORT: u16 = 8883;
/// The longest name that ALPN has room for.
const ALPN_MAX: usize = 254;

pub(super) fn flags() -> Vec<Flag> {
    let mut flags = certificates();
    flags.extend(parameters());
    flags.extend(engine());
    flags.extend(preshared_key());
    flags.push(switch("no-tls", "No TLS, even on port 8883.", |raw, _| {
        raw.tls.off = true;
        Ok(())
    }));
    under("TLS", flags)
}

/// A flag with a value.
fn flag(
    name: &'static str,
    value: &'static str,
    missing: &'static str,
    help: &'static str,
    store: Store,
) -> Flag {
    let hint = match value {
        "FILE" => ValueHint::FilePath,
        "DIRECTORY" => ValueHint::DirPath,
        _ => ValueHint::Other,
    };
    Flag::value(Arg::new(name).long(name).value_name(value).value_hint(hint).help(help), missing, store)
}

fn switch(name: &'static str, help: &'static str, store: Store) -> Flag {
    Flag::switch(Arg::new(name).long(name).help(help), store)
}

fn path(value: &OsStr) -> Option<PathBuf> {
    Some(PathBuf::from(value))
}

fn text(value: &OsStr) -> Option<String> {
    Some(value.to_string_lossy().into_owned())
}

fn secret(value: &OsStr) -> Option<Zeroizing<Vec<u8>>> {
    Some(Zeroizing::new(value.as_encoded_bytes().to_vec()))
}

fn certificates() -> Vec<Flag> {
    vec![
        flag(
            "cafile",
            "FILE",
            "no file specified",
            "Trusted CA certificates, PEM; turns TLS on.",
            |raw, given| {
                raw.tls.cafile = path(given.value);
                Ok(())
            },
        ),
        flag(
            "capath",
            "DIRECTORY",
            "no directory specified",
            "Directory of such certificates, hashed by name; turns TLS on.",
            |raw, given| {
                raw.tls.capath = path(given.value);
                Ok(())
            },
        ),
        flag("cert", "FILE", "no file specified", "Certificate of this client, PEM.", |raw, given| {
            raw.tls.cert = path(given.value);
            Ok(())
        }),
        flag("key", "FILE", "no file specified", "Private key of this client, PEM.", |raw, given| {
            raw.tls.key = path(given.value);
            Ok(())
        }),
        flag(
            "keyform",
            "FORM",
            "no keyform specified",
            "Form of the private key: pem. Engines are not supported.",
            |raw, given| {
                raw.tls.keyform = Some(given.value.to_owned());
                Ok(())
            },
        ),
        switch("tls-use-os-certs", "Trust the system's CAs; turns TLS on.", |raw, _| {
            raw.tls.os_certificates = true;
            Ok(())
        }),
    ]
}

fn parameters() -> Vec<Flag> {
    vec![
        switch("insecure", "Don't check who the broker is, in no way.", |raw, _| {
            raw.tls.insecure = true;
            Ok(())
        }),
        flag(
            "ciphers",
            "CIPHERS",
            "no ciphers specified",
            "Ciphers of TLS 1.2, or with --tls-version tlsv1.3 its suites.",
            |raw, given| {
                raw.tls.ciphers = text(given.value);
                Ok(())
            },
        ),
        flag(
            "tls-version",
            "VERSION",
            "no version specified",
            "Lowest TLS version: tlsv1.2 or tlsv1.3. Default: tlsv1.2.",
            |raw, given| {
                raw.tls.version = Some(version(given.value));
                Ok(())
            },
        ),
        flag(
            "tls-alpn",
            "PROTOCOL",
            "no protocol specified",
            "Application protocol to announce.",
            |raw, given| {
                raw.tls.alpn = text(given.value);
                Ok(())
            },
        ),
        flag(
            "tls-keylog",
            "FILE",
            "no file specified",
            "Append TLS secrets to a file, for Wireshark.",
            |raw, given| {
                raw.tls.keylog = path(given.value);
                Ok(())
            },
        ),
    ]
}

fn engine() -> Vec<Flag> {
    vec![
        flag(
            "tls-engine",
            "ENGINE",
            "no engine_id specified",
            "Not supported: OpenSSL is giving engines up.",
            |raw, given| {
                raw.tls.engine = text(given.value);
                Ok(())
            },
        ),
        flag(
            "tls-engine-kpass-sha1",
            "SHA1",
            "no kpass sha1 specified",
            "Not supported, as --tls-engine.",
            |raw, given| {
                raw.tls.engine_kpass_sha1 = secret(given.value);
                Ok(())
            },
        ),
    ]
}

fn preshared_key() -> Vec<Flag> {
    vec![
        flag(
            "psk",
            "KEY",
            "no key specified",
            "Pre-shared key, hexadecimal; turns TLS-PSK on.",
            |raw, given| {
                raw.tls.psk = secret(given.value);
                Ok(())
            },
        ),
        flag(
            "psk-identity",
            "IDENTITY",
            "no identity specified",
            "Identity that goes with --psk.",
            |raw, given| {
                raw.tls.psk_identity = text(given.value);
                Ok(())
            },
        ),
    ]
}

fn version(value: &OsStr) -> Option<TlsVersion> {
    let is = |name: &str| value.as_encoded_bytes().eq_ignore_ascii_case(name.as_bytes());
    match () {
        () if is("tlsv1.2") => Some(TlsVersion::V12),
        () if is("tlsv1.3") => Some(TlsVersion::V13),
        () => None,
    }
}

/// The rules between the flags, in mosquitto's order.
pub(super) fn between_flags(tls: &RawTls) -> Result<(), Halt> {
    if tls.cert.is_some() != tls.key.is_some() {
        return Err(Complaint::CertWithoutKey.into());
    }
    if tls.keyform.is_some() && tls.key.is_none() {
        return Err(Complaint::KeyformWithoutKey.into());
    }
    if tls.engine_kpass_sha1.is_some() && (tls.keyform.is_none() || tls.engine.is_none()) {
        return Err(Complaint::KpassWithoutEngine.into());
    }
    if tls.psk.is_some() && (tls.cafile.is_some() || tls.capath.is_some()) {
        return Err(Complaint::PskAndCa.into());
    }
    if tls.psk.is_some() && tls.psk_identity.is_none() {
        return Err(Complaint::PskWithoutIdentity.into());
    }
    Ok(())
}

/// The port where none is given; --no-tls doesn't change it.
pub(super) fn default_port(tls: &RawTls, without: u16) -> u16 {
    if tls.cafile.is_some() || tls.capath.is_some() || tls.psk.is_some() { MQTTS_PORT } else { without }
}

/// What the flags come to, and what to warn of.
pub(super) fn settings(raw: &mut Raw) -> Result<(Option<TlsSettings>, Vec<&'static str>), Halt> {
    let port = raw.port;
    let tls = std::mem::take(&mut raw.tls);
    let has_ca = tls.cafile.is_some() || tls.capath.is_some() || tls.os_certificates;
    if tls.off {
        return Ok((None, Vec::new()));
    }
    let by_port = port == Some(MQTTS_PORT) && tls.psk.is_none() && !has_ca;
    if tls.psk.is_none() && !has_ca && !by_port {
        return Ok((None, useless(&tls)));
    }
    refuse_engines(&tls)?;
    if tls.version == Some(None)
        || tls.alpn.as_ref().is_some_and(|name| name.is_empty() || name.len() > ALPN_MAX)
    {
        return Err(Complaint::TlsOptions.into());
    }
    let oldest = tls.version.flatten();
    let (suites, ciphers) = match oldest {
        Some(TlsVersion::V13) => (tls.ciphers, None),
        _ => (None, tls.ciphers),
    };
    let mut warnings = Vec::new();
    if tls.insecure && tls.psk.is_none() {
        warnings.push("Warning: --insecure: nobody checks who the broker is.");
    }
    let psk = tls.psk.map(|digits| psk(&digits, tls.psk_identity)).transpose()?;
    let settings = TlsSettings {
        cafile: tls.cafile,
        capath: tls.capath,
        os_certificates: tls.os_certificates || by_port,
        certificate: tls.cert.zip(tls.key),
        psk,
        verify: if tls.insecure { Verify::Nothing } else { Verify::Full },
        require_ocsp: false,
        ciphers,
        ciphersuites: suites,
        oldest,
        alpn: tls.alpn,
        keylog: tls.keylog,
        resume: false,
    };
    Ok((Some(settings), warnings))
}

fn psk(digits: &[u8], identity: Option<String>) -> Result<Psk, Halt> {
    let key = Psk::key(digits).ok_or(Complaint::Psk)?;
    Ok(Psk { identity: identity.unwrap_or_default(), key })
}

fn refuse_engines(tls: &RawTls) -> Result<(), Halt> {
    if let Some(engine) = &tls.engine {
        return Err(Complaint::Engine(engine.clone()).into());
    }
    match tls.keyform.as_deref().map(OsStr::as_encoded_bytes) {
        None | Some(b"pem") => Ok(()),
        Some(b"engine") => Err(Complaint::Engine("engine".to_owned()).into()),
        Some(_) => Err(Complaint::Keyform.into()),
    }
}

/// Flags that do nothing without TLS, which mosquitto takes in silence.
fn useless(tls: &RawTls) -> Vec<&'static str> {
    let given = [
        (
            tls.cert.is_some(),
            "Warning: --cert and --key do nothing without TLS; add --cafile, --capath or --tls-use-os-certs.",
        ),
        (
            tls.insecure,
            "Warning: --insecure does nothing without TLS; add --tls-use-os-certs, or use port 8883.",
        ),
        (
            tls.ciphers.is_some(),
            "Warning: --ciphers does nothing without TLS; add --cafile, --capath or --tls-use-os-certs.",
        ),
        (
            tls.version.is_some(),
            "Warning: --tls-version does nothing without TLS; add --cafile, --capath or --tls-use-os-certs.",
        ),
        (
            tls.alpn.is_some(),
            "Warning: --tls-alpn does nothing without TLS; add --cafile, --capath or --tls-use-os-certs.",
        ),
        (
            tls.keylog.is_some(),
            "Warning: --tls-keylog does nothing without TLS; add --cafile, --capath or --tls-use-os-certs.",
        ),
        (tls.psk_identity.is_some(), "Warning: --psk-identity does nothing without --psk."),
    ];
    given.into_iter().filter(|(is_given, _)| *is_given).map(|(_, warning)| warning).collect()
}
