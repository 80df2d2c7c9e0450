//! Authorities, certificates, keys and revocation lists in a folder, made for one test.
#![allow(dead_code)] // not every test program needs all of it

use std::fs;
use std::path::{Path, PathBuf};

use openssl::pkey::PKey;
use openssl::symm::Cipher;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod,
    KeyPair, RevocationReason, RevokedCertParams, SerialNumber, date_time_ymd,
};
use tempfile::TempDir;

/// The passphrase of encrypted keys.
pub const PASSPHRASE: &str = "open sesame";

/// A folder with an authority and what it has issued; gone when dropped.
pub struct Certificates {
    folder: TempDir,
    authority: Issuer<'static, KeyPair>,
}

/// What one certificate says.
pub struct Wanted<'a> {
    /// Its file name: `NAME.crt`, `NAME.key`.
    pub file: &'a str,
    /// Common name.
    pub common_name: &'a str,
    /// Names and addresses that it is for.
    pub names: &'a [&'a str],
    /// Serial number.
    pub serial: u64,
    /// First and last year of its life.
    pub years: (i32, i32),
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Wanted { file: "server", common_name: "server", names: &[], serial: 1, years: (2020, 2090) }
    }
}

impl Certificates {
    /// An authority (`ca.crt`) and a certificate for this machine (`server.crt`, `server.key`).
    pub fn new() -> Certificates {
        let folder = tempfile::tempdir().unwrap();
        let (authority, text) = authority("Test CA");
        fs::write(folder.path().join("ca.crt"), text).unwrap();
        let certificates = Certificates { folder, authority };
        certificates.issue(&Wanted { names: &["localhost", "127.0.0.1"], ..Wanted::default() });
        certificates
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file's path.
    pub fn path(&self, name: &str) -> String {
        self.file(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the test's own.
    pub fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.file(name), text).unwrap();
        self.path(name)
    }

    /// Issues a certificate.
    pub fn issue(&self, wanted: &Wanted<'_>) {
        let names: Vec<String> = wanted.names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters.distinguished_name.push(DnType::OrganizationName, "Tests");
        parameters.distinguished_name.push(DnType::CommonName, wanted.common_name);
        parameters.serial_number = Some(SerialNumber::from(wanted.serial));
        parameters.not_before = date_time_ymd(wanted.years.0, 1, 1);
        parameters.not_after = date_time_ymd(wanted.years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.authority).unwrap();
        self.write(&format!("{}.crt", wanted.file), &certificate.pem());
        self.write(&format!("{}.key", wanted.file), &key.serialize_pem());
    }

    /// A certificate for a client of this name, in `client.crt` and `client.key`.
    pub fn issue_client(&self, common_name: &str) {
        self.issue(&Wanted { file: "client", common_name, serial: 2, ..Wanted::default() });
    }

    /// Lets an authority of lower rank issue the next certificates; its own is in this file.
    pub fn delegate(&mut self, file: &str) -> String {
        let (parameters, key) = authority_parameters("Intermediate CA");
        let text = parameters.signed_by(&key, &self.authority).unwrap().pem();
        self.authority = Issuer::new(parameters, key);
        self.write(file, &text)
    }

    /// Encrypts a key with [`PASSPHRASE`], into another file.
    pub fn encrypt_key(&self, from: &str, to: &str) {
        let key = PKey::private_key_from_pem(&fs::read(self.file(from)).unwrap()).unwrap();
        let text = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), PASSPHRASE.as_bytes());
        fs::write(self.file(to), text.unwrap()).unwrap();
    }

    /// Another authority's certificate, in a file.
    pub fn other_authority(&self, file: &str) -> String {
        self.write(file, &authority("Other CA").1)
    }

    /// The authority's revocation list, with these serial numbers on it.
    pub fn revoke(&self, file: &str, serials: &[u64]) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2090, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        self.write(file, &list.signed_by(&self.authority).unwrap().pem().unwrap())
    }
}

fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let (parameters, key) = authority_parameters(name);
    let text = parameters.self_signed(&key).unwrap().pem();
    (Issuer::new(parameters, key), text)
}

fn authority_parameters(name: &str) -> (CertificateParams, KeyPair) {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2090, 1, 1);
    (parameters, KeyPair::generate().unwrap())
}
