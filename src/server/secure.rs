//! From the configuration to what connections go through, and what the broker hears of it.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::error::{Error, reason, unreadable, who_may_not};
use super::event_loop::Server;
use super::layers::{News, Refusal, Ways, Web};
use super::socket::Socket;
use crate::auth::PskList;
use crate::broker::{ConnectionKey, Ended, Notice};
use crate::config::{Listener, ListenerProtocol, LogType, Settings};
use crate::transport::tls::{PskKeys, TlsError, TlsServer, TlsServerSettings, TlsVersion};

/// What a listener's connections go through: reads certificates and keys.
pub fn ways(settings: &Settings, listener: &Listener, psk: Option<Arc<PskList>>) -> Result<Ways, Error> {
    if let Some(text) = listener.contradiction() {
        return Err(Error::invalid(text));
    }
    if let Some(folder) = &listener.http_dir
        && !std::path::Path::new(folder).is_dir()
    {
        return Err(Error::invalid(format!("Error: Unable to open http_dir \"{folder}\": it is no folder.")));
    }
    let tls = match listener.tls.is_on() {
        true => Some(tls(settings, listener, psk)?),
        false => None,
    };
    let web = (listener.protocol == ListenerProtocol::WebSockets)
        .then(|| Web { origins: listener.websockets_origin.clone(), pages: listener.http_dir.clone() });
    Ok(Ways {
        proxy: listener.proxy,
        proxy_requires_tls: listener.proxy_requires_tls,
        proxy_requires_certificate: listener.tls.require_certificate,
        tls,
        identity: listener.tls.identity(),
        web,
    })
}

fn tls(settings: &Settings, listener: &Listener, psk: Option<Arc<PskList>>) -> Result<TlsServer, Error> {
    let tls = &listener.tls;
    let oldest = match tls.version.as_deref() {
        None => None,
        Some("tlsv1.2") => Some(TlsVersion::V12),
        Some("tlsv1.3") => Some(TlsVersion::V13),
        Some(other) => return Err(Error::start(format!("Error: Unsupported tls_version \"{other}\"."))),
    };
    if let Some(file) = &settings.tls_keylog {
        check_keylog(file)?;
    }
    let path = |text: &Option<String>| text.as_ref().map(PathBuf::from);
    let server = TlsServerSettings {
        certificate: path(&tls.certfile).zip(path(&tls.keyfile)),
        cafile: path(&tls.cafile),
        capath: path(&tls.capath),
        crlfile: path(&tls.crlfile),
        ciphers: tls.ciphers.clone(),
        ciphersuites: tls.ciphersuites.clone(),
        oldest,
        require_certificate: tls.require_certificate,
        disable_date_checks: tls.disable_date_checks,
        psk: tls.psk_hint.as_ref().map(|_| keys(psk)).transpose()?,
        psk_hint: tls.psk_hint.clone(),
        keylog: settings.tls_keylog.as_ref().map(PathBuf::from),
    };
    TlsServer::new(&server).map_err(|error| {
        let mut text = error.to_string();
        if text.ends_with(" Permission denied.") {
            text.insert_str(text.len() - 1, &who_may_not());
        }
        Error::start(text)
    })
}

/// The secrets of all connections go into no file that others can read or have put there.
fn check_keylog(file: &str) -> Result<(), Error> {
    let why = match std::fs::symlink_metadata(file) {
        Ok(found) if found.is_symlink() => "it is a symbolic link",
        Ok(found) if found.permissions().mode() & 0o077 != 0 => "others may read it; its mode must be 0600",
        _ => return Ok(()),
    };
    Err(Error::start(format!("Error: TLS key log file \"{file}\" can't be used: {why}.")))
}

/// The keys of a PSK file. Who isn't in it gets one that nobody can know, so that it takes as long to fail as with a
/// wrong one, and looks the same.
fn keys(list: Option<Arc<PskList>>) -> Result<PskKeys, Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| Error::start(format!("Error: {error}")))?;
    Ok(Arc::new(move |identity: &[u8], key: &mut [u8]| {
        let nobodys = Sha256::new().chain_update(secret).chain_update(identity).finalize();
        let known = list.as_ref().and_then(|list| list.lookup(identity));
        let chosen = known.filter(|known| known.len() <= key.len()).unwrap_or(&nobodys);
        key[..chosen.len()].copy_from_slice(chosen);
        chosen.len()
    }))
}

/// A PSK file, read now.
pub fn psk_file(path: &str) -> Result<Arc<PskList>, Error> {
    let text = std::fs::read(path).map(zeroize::Zeroizing::new).map_err(|error| {
        Error::file(format!(
            "Error: Unable to open pwfile \"{path}\". {}. Error opening psk file \"{path}\".",
            unreadable(&error)
        ))
    })?;
    PskList::parse(&text, path).map(Arc::new).map_err(|error| {
        Error::invalid(format!(
            "{error} Error opening psk file \"{path}\". Error found at {path}:{}.",
            error.line
        ))
    })
}

impl Server {
    /// The layers of a connection have found out who it is: the broker hears it before it sees a byte.
    pub(super) fn hear_news(&mut self, key: ConnectionKey) {
        let Some(Some(client)) = self.clients.get_mut(key) else { return };
        let Socket::Layered(layers) = &mut client.socket else { return };
        for news in layers.take_news() {
            match news {
                News::Peer(peer) => self.shard.moved(key, peer),
                News::Secured(secured) => self.shard.secured(key, secured, &mut self.outbox),
            }
        }
    }

    /// Gives a connection that asks for a page to the thread that reads files.
    fn hand_over(&mut self, key: ConnectionKey) {
        let Some(Some(client)) = self.clients.get_mut(key) else { return };
        let Socket::Layered(layers) = &mut client.socket else { return };
        let _ = self.poll.registry().deregister(layers.source());
        let peer = self.shard.peer(key).cloned();
        if let Some(page) = layers.take_page(peer)
            && let Err(error) = self.http.serve_page(page)
        {
            self.say(LogType::Error, &format!("Error: {}", reason(&error)));
        }
    }

    /// Reading from or writing to a connection has failed for good.
    pub(super) fn broke(&mut self, key: ConnectionKey, error: &io::Error) {
        let peer = || self.shard.peer(key).cloned();
        let (why, notice) = if let Some(error) = TlsError::within(error) {
            if error.is_cut_off() {
                (Ended::ByClient, None)
            } else {
                let client = self.shard.name_of(key).into();
                (Ended::TlsFailed, Some(Notice::TlsFailed { client, what: error.to_string() }))
            }
        } else {
            match Refusal::within(error) {
                Some(Refusal::CorruptProxy) => {
                    (Ended::Unmentioned, Some(Notice::CorruptProxy { peer: None }))
                }
                Some(Refusal::ProxyWithoutTls) => {
                    (Ended::Unmentioned, peer().map(|peer| Notice::ProxyWithoutTls { peer }))
                }
                Some(Refusal::ProxyWithoutCertificate) => {
                    (Ended::Unmentioned, peer().map(|peer| Notice::ProxyWithoutCertificate { peer }))
                }
                Some(Refusal::ProxyItself) => (Ended::Unmentioned, None),
                Some(Refusal::Origin) => (Ended::Origin, None),
                Some(Refusal::NoWebSocket) => (Ended::ProtocolError, None),
                Some(Refusal::Page) => {
                    self.hand_over(key);
                    (Ended::ByClient, None)
                }
                None => (Ended::ByClient, None),
            }
        };
        self.shard.failed(self.now, key, why, notice, &mut self.outbox);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An unknown identity goes the same way as a known one: it gets a key, of its own and always the same, that fails
    /// where a wrong key fails.
    #[test]
    fn who_is_unknown_gets_a_key_that_nobody_has() {
        let list = Arc::new(PskList::parse(b"known:00c0ffee\n", "psk").unwrap());
        let ask = |keys: &PskKeys, identity: &str| {
            let mut key = [0; 64];
            let length = keys(identity.as_bytes(), &mut key);
            key[..length].to_vec()
        };
        let (one, other) = (keys(Some(list.clone())).unwrap(), keys(Some(list)).unwrap());
        assert_eq!(ask(&one, "known"), [0, 0xc0, 0xff, 0xee]);
        let stranger = ask(&one, "stranger");
        assert_eq!(stranger.len(), 32);
        assert_eq!(ask(&one, "stranger"), stranger, "asking twice tells nothing");
        assert_ne!(ask(&one, "another"), stranger);
        assert_ne!(ask(&other, "stranger"), stranger, "nobody can work it out");
        // A listener without any keys is no different.
        assert_eq!(ask(&keys(None).unwrap(), "known").len(), 32);
    }
}
