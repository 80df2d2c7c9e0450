//! `--explain`: may this user read or write this topic, and which rule says so?

use std::sync::Arc;

use super::{INVALID, LogType, Logger, print, say};
use crate::auth::dynsec::{CheckedClient, Decision, Right};
use crate::auth::{Access, Who};
use crate::config::{Listener, Settings};
use crate::options::broker::Explain;
use crate::server::Prepared;

/// Prints a line for each listener and access; 0 where all is allowed, 1 where something isn't.
pub(super) fn explain(settings: Settings, asked: &Explain, logger: &Logger) -> u8 {
    let prepared = match Prepared::read(Arc::new(settings)) {
        Ok(prepared) => prepared,
        Err(errors) => {
            for error in &errors {
                say(logger, LogType::Error, format_args!("{error}"));
            }
            return errors.first().map_or(INVALID, |error| error.exit_code());
        }
    };
    let mut lines: Vec<String> = Vec::new();
    let mut all = true;
    for index in 0..prepared.settings.listeners.len() {
        for access in [Access::Read, Access::Write] {
            if asked.access.is_some_and(|wanted| wanted != access) {
                continue;
            }
            let (allowed, why) = decide(&prepared, index, asked, access);
            all &= allowed;
            let verb = if access == Access::Read { "read" } else { "write" };
            let answer = if allowed { "allowed" } else { "denied" };
            let line = format!("{}: {verb}: {answer}, {why}\n", place(&prepared.settings.listeners[index]));
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    print(&lines.concat());
    u8::from(!all)
}

fn place(listener: &Listener) -> String {
    match (&listener.unix_path, &listener.address) {
        (Some(path), _) => format!("listener {path}"),
        (None, Some(address)) => format!("listener {} {address}", listener.port),
        (None, None) => format!("listener {}", listener.port),
    }
}

fn decide(prepared: &Prepared, index: usize, asked: &Explain, access: Access) -> (bool, String) {
    let settings = &prepared.settings;
    let listener = &settings.listeners[index];
    let topic = format!("{}{}", listener.mount_point.as_deref().unwrap_or_default(), asked.topic);
    let built_in = access == Access::Write && crate::server::refuses_to_publish(&topic);
    if built_in {
        return (false, "topics of the broker itself are not for clients to write".to_owned());
    }
    let (client_id, username) = (asked.client_id.as_str(), asked.username.as_deref());
    let acl = prepared.listeners[index].acl.as_ref();
    let dynsec = prepared.dynsec.as_ref().filter(|_| settings.uses_dynsec(listener));
    if let Some(content) = dynsec.and_then(|file| file.content()) {
        let right = if access == Access::Read { Right::Receive } else { Right::Send };
        match content.decide(&CheckedClient { client_id, username }, right, &topic) {
            Decision::Allowed => return (true, "by dynamic security".to_owned()),
            Decision::Denied => return (false, "by a role of dynamic security".to_owned()),
            Decision::Defer if acl.is_none() => {
                return (false, "no role of dynamic security and no default allows it".to_owned());
            }
            Decision::Defer => {}
        }
    }
    let Some(acl) = acl else { return (true, "there is no ACL".to_owned()) };
    let file = settings.acl_file_of(listener).unwrap_or_default();
    match acl.decide(&Who { client_id, username }, &topic, access) {
        (allowed, Some(line)) => (allowed, format!("by {file}:{line}")),
        (allowed, None) => (allowed, format!("no line of {file} allows it")),
    }
}
