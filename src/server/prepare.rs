//! Everything that a configuration comes to, read and checked before any of it holds: the files of users and rules.
//!
//! A start, a reload and `--test-config` all come through here, so that what one accepts the others accept. Whoever
//! adds a file, a certificate or a plugin to the configuration reads it here.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use super::dynsec_file::DynsecFile;
use super::error::Error;
use super::layers::Ways;
use super::listen::{self, Addresses};
use super::rules;
use super::secure;
use crate::auth::{Acl, PasswordFile, PskList, PskWarning};
use crate::config::{Listener, PluginKind, Settings};
use crate::transport::tls::TlsServer;

/// A configuration that is ready to hold.
#[derive(Debug)]
pub struct Prepared {
    /// What was configured.
    pub settings: Arc<Settings>,
    /// What each of the listeners goes by, in their order.
    pub listeners: Vec<Admission>,
    /// Where each of them listens: names are looked up here, where nobody waits.
    pub addresses: Vec<Addresses>,
    /// Dynamic security, if a plugin asks for it.
    pub dynsec: Option<DynsecFile>,
    /// Lines for the log: what is allowed and probably meant otherwise.
    pub warnings: Vec<String>,
}

/// Who may come in at a listener, and do what: its files, read.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// `password_file`
    pub passwords: Option<Arc<PasswordFile>>,
    /// `acl_file`
    pub acl: Option<Arc<Acl>>,
    /// TLS, WebSocket and the like.
    pub ways: Arc<Ways>,
}

/// Files that were read, by path: listeners share them.
#[derive(Default)]
struct Files {
    passwords: HashMap<String, Option<Arc<PasswordFile>>>,
    acls: HashMap<String, Option<Arc<Acl>>>,
    psks: HashMap<String, Option<Arc<PskList>>>,
    warnings: Vec<String>,
    errors: Vec<Error>,
}

impl Prepared {
    /// Reads what the settings name. Takes as long as the files are long, and changes nothing.
    ///
    /// # Errors
    /// Everything that is wrong, not just the first.
    pub fn read(settings: Arc<Settings>) -> Result<Prepared, Vec<Error>> {
        let mut files = Files::default();
        let listeners = settings.listeners.iter().map(|l| files.admission(&settings, l)).collect();
        let dynsec = files.plugins(&settings);
        let Files { warnings, errors, .. } = files;
        if !errors.is_empty() {
            return Err(errors);
        }
        let addresses = settings.listeners.iter().map(listen::look_up).collect();
        Ok(Prepared { settings, listeners, addresses, dynsec, warnings })
    }
}

impl Files {
    fn admission(&mut self, settings: &Settings, listener: &Listener) -> Admission {
        let (passwords, acl) = (settings.password_file_of(listener), settings.acl_file_of(listener));
        let security = settings.security_of(listener);
        let psk = security.psk_file.as_deref().and_then(|path| self.psks(path));
        let ways = secure::ways(settings, listener, psk).unwrap_or_else(|error| {
            self.errors.push(error);
            Ways::default()
        });
        if let Some(wrong) = ways.tls.as_ref().and_then(TlsServer::wrong_date) {
            let file = listener.tls.certfile.as_deref().unwrap_or_default();
            self.warnings.push(format!(
                "Warning: The server certificate \"{file}\" {wrong}: clients that check it don't come in."
            ));
        }
        Admission {
            ways: Arc::new(ways),
            passwords: passwords.and_then(|path| self.passwords(path)),
            acl: acl.and_then(|path| self.acl(path)),
        }
    }

    /// Are all plugins known, and have what they need? Returns the file of dynamic security.
    fn plugins(&mut self, settings: &Settings) -> Option<DynsecFile> {
        let mut dynsec = None;
        for plugin in &settings.plugins {
            let (key, name) = match plugin.kind() {
                PluginKind::PasswordFile => ("password_file", "password-file"),
                PluginKind::AclFile => ("acl_file", "acl-file"),
                PluginKind::DynamicSecurity if dynsec.is_some() => {
                    let text = "Error: Dynamic security plugin can currently only be loaded once.";
                    self.errors.push(Error::file(text));
                    continue;
                }
                PluginKind::DynamicSecurity => {
                    dynsec = DynsecFile::read(plugin).map_err(|error| self.errors.push(error)).ok();
                    continue;
                }
                PluginKind::Foreign => {
                    self.errors.push(Error::file(format!(
                        "Error: Unable to load plugin \"{}\". Only mosquitto's plugins for password files, ACL files \
                         and dynamic security are built in; others can't be loaded.",
                        plugin.path
                    )));
                    continue;
                }
            };
            if let Some((other, _)) =
                plugin.options.iter().find(|(other, _)| !other.eq_ignore_ascii_case(key))
            {
                self.errors.push(Error::file(format!("{name}: Error: Unknown option '{other}'.")));
            }
            if plugin.option(key).is_none() {
                let path = &plugin.path;
                let text = format!("Error: The plugin \"{path}\" needs a file: plugin_opt_{key} FILE.");
                self.errors.push(Error::file(text));
            }
        }
        dynsec
    }

    fn passwords(&mut self, path: &str) -> Option<Arc<PasswordFile>> {
        if let Some(known) = self.passwords.get(path) {
            return known.clone();
        }
        self.warnings.extend(open_to_all(path));
        let file = rules::password_file(path).map_err(|error| self.errors.push(error)).ok();
        self.passwords.insert(path.to_owned(), file.clone());
        file
    }

    fn psks(&mut self, path: &str) -> Option<Arc<PskList>> {
        if let Some(known) = self.psks.get(path) {
            return known.clone();
        }
        let list = secure::psk_file(path).map_err(|error| self.errors.push(error)).ok();
        if let Some(list) = &list {
            let said = |warning: &PskWarning| format!("{} ({path}:{})", warning.message, warning.line);
            self.warnings.extend(list.warnings().iter().map(said));
        }
        self.psks.insert(path.to_owned(), list.clone());
        list
    }

    fn acl(&mut self, path: &str) -> Option<Arc<Acl>> {
        if let Some(known) = self.acls.get(path) {
            return known.clone();
        }
        self.warnings.extend(open_to_all(path));
        let acl = rules::acl_file(path).map_err(|error| self.errors.push(error)).ok();
        if let Some(acl) = &acl {
            self.warnings.extend(acl.plain_patterns().map(|(line, pattern)| {
                format!("Warning: ACL pattern '{pattern}' does not contain '%c' or '%u' ({path}:{line}).")
            }));
        }
        self.acls.insert(path.to_owned(), acl.clone());
        acl
    }
}

/// A warning where everybody on the machine may read a file of secrets.
fn open_to_all(path: &str) -> Option<String> {
    let about = std::fs::metadata(path).ok()?;
    (about.is_file() && about.permissions().mode() & 0o004 != 0).then(|| {
        format!(
            "Warning: File {path} has world readable permissions. Use `chmod o-r {path}` to keep it from others."
        )
    })
}

impl Admission {
    /// Whether who was let in with this user name would be let in now with the same password.
    pub fn still_admits(&self, before: &Admission, username: &str) -> bool {
        match (&self.passwords, &before.passwords) {
            (None, _) => true,
            // Nobody asked for the password.
            (Some(_), None) => false,
            (Some(_), Some(then)) => self.still_admits_by(then, username),
        }
    }

    /// The same for whom this file let in.
    pub fn still_admits_by(&self, then: &Arc<PasswordFile>, username: &str) -> bool {
        let Some(now) = &self.passwords else { return true };
        Arc::ptr_eq(now, then)
            || match (now.lookup(username), then.lookup(username)) {
                (Some(now), Some(then)) => now.is_same(then),
                _ => false,
            }
    }
}
