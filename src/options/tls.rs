//! TLS: known, refused until it is built. Only `--no-tls` has its full meaning.

use clap::{Arg, ValueHint};

use super::flag::{Flag, under};

pub(super) fn flags() -> Vec<Flag> {
    let mut flags = certificates();
    flags.extend(parameters());
    flags.extend(preshared_key());
    flags.push(Flag::switch(
        Arg::new("no-tls").long("no-tls").help("No TLS, even on port 8883."),
        |raw, _| {
            raw.no_tls = true;
            Ok(())
        },
    ));
    under("TLS", flags)
}

/// A flag with a value that is refused.
fn refused(name: &'static str, value: &'static str, missing: &'static str, help: &'static str) -> Flag {
    let hint = match value {
        "FILE" => ValueHint::FilePath,
        "DIRECTORY" => ValueHint::DirPath,
        _ => ValueHint::Other,
    };
    Flag::not_built(Arg::new(name).long(name).value_name(value).value_hint(hint).help(help), missing)
}

fn certificates() -> Vec<Flag> {
    vec![
        refused("cafile", "FILE", "no file specified", "Trusted CA certificates, PEM; turns TLS on."),
        refused(
            "capath",
            "DIRECTORY",
            "no directory specified",
            "Directory of such certificates; turns TLS on.",
        ),
        refused("cert", "FILE", "no file specified", "Certificate of this client, PEM."),
        refused("key", "FILE", "no file specified", "Private key of this client, PEM."),
        refused("keyform", "FORM", "no keyform specified", "Form of the private key: pem or engine."),
        Flag::not_built(
            Arg::new("tls-use-os-certs")
                .long("tls-use-os-certs")
                .help("Trust the system's CAs; turns TLS on."),
            "",
        ),
    ]
}

fn parameters() -> Vec<Flag> {
    vec![
        Flag::not_built(Arg::new("insecure").long("insecure").help("Don't check who the broker is."), ""),
        refused("ciphers", "CIPHERS", "no ciphers specified", "Ciphers to offer, as OpenSSL lists them."),
        refused("tls-version", "VERSION", "no version specified", "Lowest TLS version: tlsv1.2 or tlsv1.3."),
        refused("tls-alpn", "PROTOCOL", "no protocol specified", "Application protocol to announce."),
        refused("tls-keylog", "FILE", "no file specified", "Append TLS secrets to a file, for Wireshark."),
        refused("tls-engine", "ENGINE", "no engine_id specified", "OpenSSL engine to use."),
        refused(
            "tls-engine-kpass-sha1",
            "SHA1",
            "no kpass sha1 specified",
            "SHA-1 of the engine key's password.",
        ),
    ]
}

fn preshared_key() -> Vec<Flag> {
    vec![
        refused("psk", "KEY", "no key specified", "Pre-shared key, hexadecimal; turns TLS-PSK on."),
        refused("psk-identity", "IDENTITY", "no identity specified", "Identity that goes with --psk."),
    ]
}
