//! `bridge_require_ocsp`: the remote broker, here `openssl s_server`, staples a response of `openssl ocsp`.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use tempfile::TempDir;

use super::super::harness::{Broker, Kind, Running, Tool, free_port};
use super::OPEN;

/// An authority, a server's certificate, and another certificate of the same authority: a responder's.
struct Issued {
    folder: TempDir,
}

impl Issued {
    /// `None`: there is no openssl.
    fn new() -> Option<Issued> {
        if !Path::new(OPENSSL).exists() {
            crate::harness::passed_over(format_args!("{OPENSSL} is missing"));
            return None;
        }
        let issued = Issued { folder: tempfile::tempdir().unwrap() };
        issued.openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 30 -subj /CN=CA");
        issued.sign("server", 1, "subjectAltName=IP:127.0.0.1\n");
        issued.sign("responder", 2, "extendedKeyUsage=OCSPSigning\n");
        Some(issued)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs openssl; every word with a dot is a file.
    fn openssl(&self, words: &str) {
        let outcome = Tool::new(Path::new(OPENSSL)).args(self.words(words)).run();
        assert_eq!(outcome.code, 0, "{words}: {}", outcome.stderr);
    }

    fn words(&self, words: &str) -> Vec<String> {
        let word = |word: &str| match word.contains('.') && !word.contains(':') {
            true => self.path(word).display().to_string(),
            false => word.to_owned(),
        };
        words.split_whitespace().map(word).collect()
    }

    fn sign(&self, name: &str, serial: u32, extensions: &str) {
        fs::write(self.path("x.cnf"), extensions).unwrap();
        let subject = format!("-subj /CN={name}");
        self.openssl(&format!("req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr {subject}"));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -set_serial {serial} -days 30 -extfile x.cnf \
             -out {name}.crt"
        ));
    }

    /// Makes a response about a certificate; `line`: how the authority's list of certificates begins.
    fn response(&self, about: &str, line: &str, signer: &str) {
        fs::write(self.path("index.txt"), format!("{line}\tunknown\t/CN=x\n")).unwrap();
        self.openssl(&format!("ocsp -issuer ca.crt -cert {about}.crt -no_nonce -reqout req.der"));
        self.openssl(&format!(
            "ocsp -index index.txt -CA ca.crt -rsigner {signer}.crt -rkey {signer}.key -reqin req.der \
             -ndays 1 -respout response.der"
        ));
    }

    /// Sets the response's times years back, and has the authority sign it again.
    fn age(&self) {
        let mut der = fs::read(self.path("response.der")).unwrap();
        let key = PKey::private_key_from_pem(&fs::read(self.path("ca.key")).unwrap()).unwrap();
        let signed = signed(&der);
        let old = signature(&der[signed.clone()], &key);
        let at = der.windows(old.len()).position(|part| part == old).unwrap();
        let part = &mut der[signed.clone()];
        let times: Vec<usize> = (2..part.len()).filter(|n| part[n - 2..*n] == [0x18, 15]).collect();
        assert_eq!(times.len(), 3, "produced, this update, next update");
        times.iter().for_each(|time| part[*time..*time + 4].copy_from_slice(b"2020"));
        let new = signature(&der[signed], &key);
        der[at..at + new.len()].copy_from_slice(&new);
        fs::write(self.path("response.der"), der).unwrap();
    }

    /// A server with the response, if there is one.
    fn serve(&self, port: u16, more: &str) -> Running {
        let words = format!("s_server -accept 127.0.0.1:{port} -cert server.crt -key server.key {more}");
        let server = Tool::new(Path::new(OPENSSL)).args(self.words(&words)).start();
        server.await_stdout("ACCEPT");
        server
    }

    /// A broker with a bridge to that server.
    fn bridge(&self, port: u16) -> Broker {
        let authority = self.path("ca.crt");
        let lines = format!(
            "{OPEN}connection b\naddress 127.0.0.1:{port}\ntopic a/# out 1\nbridge_cafile {}\n\
             bridge_require_ocsp true\n",
            authority.display()
        );
        Broker::with(Kind::Ours, &lines).unwrap()
    }

    fn is_taken(&self, more: &str) {
        let port = free_port();
        let server = self.serve(port, more);
        let _broker = self.bridge(port);
        // What has come of CONNECT.
        server.await_stdout("MQTT");
    }

    fn is_refused(&self, more: &str, why: &str) {
        let port = free_port();
        let server = self.serve(port, more);
        let broker = self.bridge(port);
        broker.await_log(&format!("Error creating bridge: certificate verify failed: {why}"));
        assert!(!server.stdout().contains("MQTT"));
    }
}

const OPENSSL: &str = "/usr/bin/openssl";
const STAPLED: &str = "-status_file response.der";
const VALID: &str = "V\t401231235959Z\t\t01";

/// RSA's signatures are the same each time.
fn signature(data: &[u8], key: &PKey<Private>) -> Vec<u8> {
    let mut signer = Signer::new(MessageDigest::sha256(), key).unwrap();
    signer.sign_oneshot_to_vec(data).unwrap()
}

/// What of a response is signed.
fn signed(der: &[u8]) -> Range<usize> {
    // Into the response, over its status, into what tags its bytes, over their type, into the bytes and their sequence.
    let mut at = content(der, 0).start;
    at = content(der, at).end;
    at = content(der, content(der, at).start).start;
    at = content(der, at).end;
    at = content(der, content(der, at).start).start;
    at..content(der, at).end
}

/// Where the contents of an element in DER are.
fn content(der: &[u8], at: usize) -> Range<usize> {
    let first = usize::from(der[at + 1]);
    if first < 0x80 {
        return at + 2..at + 2 + first;
    }
    let start = at + 2 + (first & 0x7f);
    let length = der[at + 2..start].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    start..start + length
}

#[test]
fn a_good_response_is_taken() {
    let Some(issued) = Issued::new() else { return };
    issued.response("server", VALID, "ca");
    issued.is_taken(&format!("{STAPLED} -tls1_2"));
    issued.response("server", VALID, "responder");
    issued.is_taken(&format!("{STAPLED} -tls1_3"));
}

#[test]
fn any_other_is_refused() {
    let Some(issued) = Issued::new() else { return };
    issued.is_refused("-tls1_2", "the server has sent no OCSP response for it");
    issued.is_refused("-tls1_3", "the server has sent no OCSP response for it");
    issued.response("server", "R\t401231235959Z\t200102030405Z\t01", "ca");
    issued.is_refused(&format!("{STAPLED} -tls1_2"), "it was revoked on Jan  2 03:04:05 2020 GMT");
    issued.is_refused(&format!("{STAPLED} -tls1_3"), "it was revoked on Jan  2 03:04:05 2020 GMT");
    issued.response("server", "V\t401231235959Z\t\t07", "ca");
    issued.is_refused(STAPLED, "the OCSP responder doesn't know it");
    issued.response("responder", "V\t401231235959Z\t\t02", "ca");
    issued.is_refused(STAPLED, "its OCSP response is about another certificate");
    issued.response("server", VALID, "server");
    issued.is_refused(STAPLED, "its OCSP response isn't signed by whom it should be: ");
    issued.response("server", VALID, "ca");
    issued.age();
    issued.is_refused(STAPLED, "its OCSP response can't be used now: status expired");
    fs::write(issued.path("response.der"), [0x30, 3, 0x0a, 1, 3]).unwrap();
    issued.is_refused(STAPLED, "its OCSP response says no more than: try later");
}

#[test]
fn mosquitto_has_none_to_show() {
    let Some(issued) = Issued::new() else { return };
    let (plain, secure) = (free_port(), free_port());
    let path = |name| issued.path(name).display().to_string();
    let keys = format!("certfile {}\nkeyfile {}\n", path("server.crt"), path("server.key"));
    let lines = format!("{OPEN}listener {secure} 127.0.0.1\n{keys}");
    let Some(_remote) = Broker::at(Kind::Mosquitto, plain, &lines) else { return };
    let broker = issued.bridge(secure);
    broker.await_log(
        "Error creating bridge: certificate verify failed: the server has sent no OCSP response for it",
    );
}
