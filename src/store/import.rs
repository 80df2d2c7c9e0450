//! Putting a whole state into a new store, at once or not at all.

use super::disk::{Directory, Disk, Glance};
use super::log::{Log, SEGMENT};
use super::writer::why;
use crate::broker::{Change, Message, Publisher, Receipt, State};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Writes a state into a store that must not exist yet: beside it, and then in its place.
///
/// # Errors
/// One line that says what can't be done; nothing has changed then.
pub fn import(path: &Path, state: State) -> Result<(), String> {
    if path.exists() {
        return Err(format!(
            "Error: The store {} exists; move it away to import into a new one.",
            path.display()
        ));
    }
    let failed =
        |error: io::Error| format!("Error: Unable to write the store {}: {}.", path.display(), why(&error));
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let disk = empty(&beside).map_err(failed)?;
    let mut salt = [0; 8];
    getrandom::fill(&mut salt).map_err(|error| format!("Error: {error}"))?;
    let (mut log, ..) = Log::open(disk, u64::from_le_bytes(salt), SEGMENT)
        .map_err(|error| super::explain(&beside.display().to_string(), &error))?;
    write(&mut log, state).map_err(failed)?;
    drop(log);
    std::fs::rename(&beside, path).map_err(failed)?;
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)
}

/// A directory of our own without what an import that was cut short has left.
fn empty(path: &Path) -> io::Result<Directory> {
    let mut disk = Directory::open(path)?;
    for name in Glance(path.to_owned()).list()? {
        disk.remove(&name)?;
    }
    Ok(disk)
}

/// Appends a state as changes.
fn write<D: Disk>(log: &mut Log<D>, state: State) -> io::Result<()> {
    let mut sequence = 0;
    let mut next = || {
        sequence += 1;
        sequence
    };
    // Messages that wait for several sessions are written once.
    let mut messages: Vec<(Arc<Message>, Vec<Receipt>)> = Vec::new();
    let mut known = hashbrown::HashMap::<*const Message, usize>::new();
    for session in state.sessions {
        let id = next();
        let mut record = session.record;
        record.id = id;
        log.append(&[(id, Change::Session(Box::new(record)))], &[]);
        for subscription in session.subscriptions {
            let subscription = Box::new(subscription);
            log.append(&[(next(), Change::Subscribed { session: id, subscription })], &[]);
        }
        for packet_identifier in session.received {
            log.append(&[(next(), Change::Received { session: id, packet_identifier })], &[]);
        }
        let numbers = session.last_number + 1..;
        for (number, packet_identifier) in numbers.zip(session.awaiting_pubcomp) {
            let taken = Change::Taken { session: id, number, packet_identifier };
            log.append(&[(next(), taken)], &[]);
        }
        for (receipt, message) in session.messages {
            let at = *known.entry(Arc::as_ptr(&message)).or_insert(messages.len());
            if at == messages.len() {
                messages.push((message, Vec::new()));
            }
            messages[at].1.push(Receipt { session: id, ..receipt });
        }
    }
    let mut retained: hashbrown::HashMap<*const Message, Option<Arc<Publisher>>> =
        state.retained.iter().map(|(message, publisher)| (Arc::as_ptr(message), publisher.clone())).collect();
    for (message, receipts) in messages {
        let kept = retained.remove(&Arc::as_ptr(&message));
        let (retained, publisher) = (kept.is_some(), kept.flatten());
        let count = receipts.len() as u32;
        let change = Change::Message { message, retained, publisher, received: None, receipts: count };
        log.append(&[(next(), change)], &receipts);
    }
    for (message, publisher) in state.retained {
        if !retained.contains_key(&Arc::as_ptr(&message)) {
            continue;
        }
        let change = Change::Message { message, retained: true, publisher, received: None, receipts: 0 };
        log.append(&[(next(), change)], &[]);
    }
    log.finish()
}
