//! From the configuration to what the broker goes by.

use crate::auth::{Acl, PasswordFile, PasswordFileProblem};
use crate::broker::{Limits, ListenerRules};
use crate::config::{Listener, ProxyVersion, Settings};
use crate::protocol::QoS;
use std::sync::Arc;

use super::error::{Error, unreadable};
use super::slots::{Bridges, Slot};

/// The limits that hold for all clients.
pub fn limits(settings: &Settings) -> Limits {
    Limits {
        max_inflight_messages: settings.max_inflight_messages,
        max_inflight_bytes: settings.max_inflight_bytes as usize,
        max_queued_messages: settings.max_queued_messages as usize,
        max_queued_bytes: settings.max_queued_bytes as usize,
        max_queued_memory: u64::from(settings.max_queued_memory),
        queues_full: false,
        max_packet_size: settings.max_packet_size,
        message_size_limit: settings.message_size_limit,
        max_keepalive: settings.max_keepalive,
        retain_available: settings.retain_available,
        queue_qos0_messages: settings.queue_qos0_messages,
        upgrade_outgoing_qos: settings.upgrade_outgoing_qos,
        allow_duplicate_messages: settings.allow_duplicate_messages,
        persistent_client_expiration: settings
            .persistent_client_expiration
            .map(|d| u32::try_from(d.as_secs()).unwrap_or(u32::MAX - 1)),
        global_max_clients: settings.global_max_clients.map(|n| n as usize),
        global_max_connections: settings.global_max_connections.map(|n| n as usize),
        connection_messages: settings.connection_messages,
        clientid_prefixes: settings.clientid_prefixes.as_deref().map(Into::into),
        check_retain_source: settings.check_retain_source,
        retained_sweep: settings.retain_expiry_interval.map_or(60, |period| period.as_secs()),
        memory_full: false,
    }
}

/// The rules of one listener. `port` is the one it really has.
pub fn listener_rules(
    settings: &Settings,
    listener: &Listener,
    port: u16,
    acl: Option<Arc<Acl>>,
) -> ListenerRules {
    let security = settings.security_of(listener);
    let versions = listener.accept_protocol_versions;
    ListenerRules {
        port,
        max_connections: listener.max_connections.map(|n| n as usize),
        allow_anonymous: settings.allows_anonymous(listener),
        checks_passwords: settings.password_file_of(listener).is_some() || settings.uses_dynsec(listener),
        names_by_tls: listener.tls.identity().is_some()
            && (listener.tls.is_on() || listener.proxy == Some(ProxyVersion::V2)),
        behind_proxy: listener.proxy.is_some(),
        allow_zero_length_clientid: security.allow_zero_length_clientid,
        auto_id_prefix: settings.auto_id_prefix(listener).into(),
        use_username_as_clientid: listener.use_username_as_clientid,
        versions: [versions.v31, versions.v311, versions.v5],
        max_qos: QoS::try_from(listener.max_qos).unwrap_or(QoS::ExactlyOnce),
        max_topic_alias: listener.max_topic_alias,
        max_topic_alias_broker: listener.max_topic_alias_broker,
        mount_point: listener.mount_point.as_deref().map(Into::into),
        acl,
        dynsec: settings.uses_dynsec(listener),
        bridges: false,
        queues_qos0: false,
    }
}

/// The rules of the connections that our own bridges have here.
fn bridge_rules(queues_qos0: bool) -> ListenerRules {
    ListenerRules { port: 0, bridges: true, queues_qos0, ..ListenerRules::default() }
}

/// A password file, read now.
pub fn password_file(path: &str) -> Result<Arc<PasswordFile>, Error> {
    let text = std::fs::read(path).map_err(|error| {
        Error::file(format!(
            "password-file: Error: Unable to open pwfile \"{path}\". {}.",
            unreadable(&error)
        ))
    })?;
    let file = PasswordFile::parse(&text, path).map_err(|error| {
        let hint = match error.problem {
            PasswordFileProblem::Undecodable(_) => format!(" Plain text? `mqtt-passwd -U {path}` hashes it."),
            _ => String::new(),
        };
        Error::invalid(format!("password-file: {error} Error found at {path}:{}.{hint}", error.line))
    })?;
    Ok(Arc::new(file))
}

/// An ACL file, read now.
pub fn acl_file(path: &str) -> Result<Arc<Acl>, Error> {
    let text = std::fs::read(path).map_err(|error| {
        let why = unreadable(&error);
        Error::file(format!(
            "Error: Unable to open acl_file \"{path}\". {why}. Error opening acl file \"{path}\"."
        ))
    })?;
    // A comment may be in any encoding; a rule that isn't UTF-8 could never hold for anybody.
    let is_bad = |line: &[u8]| !line.starts_with(b"#") && std::str::from_utf8(line).is_err();
    if let Some(line) = text.split(|byte| *byte == b'\n').position(is_bad) {
        let line = line + 1;
        return Err(Error::invalid(format!(
            "Error: acl_file \"{path}\" is not UTF-8. Error found at {path}:{line}."
        )));
    }
    let text = String::from_utf8_lossy(&text);
    let acl = Acl::parse(&text, path)
        .map_err(|error| Error::invalid(format!("{error} Error found at {path}:{}.", error.line)))?;
    Ok(Arc::new(acl))
}

/// The rules of all listeners, by number. A listener that is gone keeps its rules as they were (`before`), for the
/// sessions that came in by it, but for an ACL that all listeners share.
pub fn all(settings: &Settings, slots: &[Slot], before: &[ListenerRules]) -> Vec<ListenerRules> {
    let shared =
        slots.iter().find(|slot| slot.open && slot.bridges.is_none() && !settings.per_listener_settings);
    let one = |(number, slot): (usize, &Slot)| match settings.listeners.get(slot.position) {
        _ if slot.bridges.is_some() => bridge_rules(slot.bridges == Some(Bridges::Lazy)),
        Some(listener) if slot.open => {
            listener_rules(settings, listener, slot.port, slot.admission.acl.clone())
        }
        _ => {
            let mut rules = before.get(number).cloned().unwrap_or_default();
            if let Some(shared) = shared {
                rules.acl = shared.admission.acl.clone();
            }
            rules
        }
    };
    slots.iter().enumerate().map(one).collect()
}
