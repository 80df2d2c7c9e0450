//! Whether a server proves, together with its certificate, that the certificate isn't revoked: OCSP stapling.

use std::sync::{OnceLock, PoisonError};

use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::hash::MessageDigest;
use openssl::ocsp::{OcspCertId, OcspCertStatus, OcspFlag, OcspResponse, OcspResponseStatus, OcspStatus};
use openssl::ssl::{Ssl, SslContextBuilder, SslRef, StatusType};

use super::complaint::Finding;
use super::error::reason;

/// Seconds that clocks may differ.
const SLACK: u32 = 300;

/// Where a connection has what was found wrong with it.
static FINDING: OnceLock<Index<Ssl, Finding>> = OnceLock::new();

fn place() -> Result<Index<Ssl, Finding>, ErrorStack> {
    if let Some(place) = FINDING.get() {
        return Ok(*place);
    }
    let new = Ssl::new_ex_index()?;
    Ok(*FINDING.get_or_init(|| new))
}

/// Connections that [`ask`] for a proof fail without a good one.
pub(super) fn require(context: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    let place = place()?;
    context.set_status_callback(move |ssl| {
        let Err(why) = check(ssl) else { return Ok(true) };
        if let Some(finding) = ssl.ex_data(place) {
            *finding.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        }
        Ok(false)
    })
}

/// Has the server asked for a proof; what is wrong with it will stand in `finding`.
pub(super) fn ask(ssl: &mut SslRef, finding: &Finding) -> Result<(), ErrorStack> {
    ssl.set_ex_data(place()?, finding.clone());
    ssl.set_status_type(StatusType::OCSP)
}

/// What is wrong with the proof; OpenSSL asks when the certificates were found good.
fn check(ssl: &SslRef) -> Result<(), String> {
    let response = ssl.ocsp_status().filter(|response| !response.is_empty());
    let response = response.ok_or("the server has sent no OCSP response for it")?;
    let unread = |errors: ErrorStack| format!("its OCSP response can't be read: {}", reason(&errors));
    let response = OcspResponse::from_der(response).map_err(unread)?;
    if response.status() != OcspResponseStatus::SUCCESSFUL {
        return Err(format!("its OCSP response says no more than: {}", refusal(response.status())));
    }
    let basic = response.basic().map_err(unread)?;
    let chain = ssl.verified_chain().ok_or("the server has shown no certificate")?;
    basic.verify(chain, ssl.ssl_context().cert_store(), OcspFlag::empty()).map_err(|errors| {
        format!("its OCSP response isn't signed by whom it should be: {}", reason(&errors))
    })?;
    let own = chain.get(0).ok_or("the server has shown no certificate")?;
    let issuer = chain.get(1).unwrap_or(own);
    // A responder names a certificate by a hash of its own choice.
    let digests =
        [MessageDigest::sha1(), MessageDigest::sha256(), MessageDigest::sha384(), MessageDigest::sha512()];
    let status = digests.into_iter().find_map(|digest| {
        let id = OcspCertId::from_cert(digest, own, issuer).ok()?;
        basic.find_status(&id).map(judge)
    });
    status.unwrap_or_else(|| Err("its OCSP response is about another certificate".to_owned()))
}

/// What the response says of the certificate.
fn judge(status: OcspStatus<'_>) -> Result<(), String> {
    if let Err(errors) = status.check_validity(SLACK, None) {
        return Err(format!("its OCSP response can't be used now: {}", reason(&errors)));
    }
    match status.status {
        OcspCertStatus::GOOD => Ok(()),
        OcspCertStatus::REVOKED => {
            let time = status.revocation_time.map(|time| format!(" on {time}")).unwrap_or_default();
            Err(format!("it was revoked{time}"))
        }
        _ => Err("the OCSP responder doesn't know it".to_owned()),
    }
}

fn refusal(status: OcspResponseStatus) -> &'static str {
    match status {
        OcspResponseStatus::MALFORMED_REQUEST => "malformed request",
        OcspResponseStatus::INTERNAL_ERROR => "internal error",
        OcspResponseStatus::TRY_LATER => "try later",
        OcspResponseStatus::SIG_REQUIRED => "the request must be signed",
        OcspResponseStatus::UNAUTHORIZED => "unauthorised",
        _ => "unknown status",
    }
}
