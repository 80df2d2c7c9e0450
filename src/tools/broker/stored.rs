//! `--import` and `--dump`: moving from mosquitto's database, and looking at what is kept.

use std::ffi::OsStr;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::background::reason;
use super::{Job, SYSTEM, account, now, say};
use crate::config::LogType;
use crate::observe::Logger;
use crate::store::{self, Glance, Message, MosquittoDb, Paged, Receipt, State, StoredSession};

/// Reads mosquitto's database.
fn read(file: &Path) -> Result<MosquittoDb, String> {
    let data = std::fs::read(file)
        .map_err(|error| format!("Error: Unable to read {}: {}.", file.display(), reason(&error)))?;
    store::read_mosquitto_db(&data, now())
}

/// Says what is amiss with it.
fn remark(db: &MosquittoDb, file: &Path, logger: &Logger) {
    for remark in db.remarks() {
        say(logger, LogType::Warning, format_args!("Warning: {}: {remark}.", file.display()));
    }
}

/// Makes the store of this job's settings out of a database of mosquitto's; as the user that the broker runs as, who
/// must be able to read it afterwards.
pub(super) fn import(file: &OsStr, job: &Job, logger: &Logger) -> u8 {
    if let Err(code) = account::drop_privileges(job.settings.user.as_deref(), logger) {
        return code;
    }
    match take_over(Path::new(file), &job.settings.store_path(), logger) {
        Ok(text) => {
            say(logger, LogType::Information, format_args!("{text}"));
            0
        }
        Err(text) => {
            say(logger, LogType::Error, format_args!("{text}"));
            1
        }
    }
}

fn take_over(file: &Path, path: &Path, logger: &Logger) -> Result<String, String> {
    let db = read(file)?.whole(file.display())?;
    remark(&db, file, logger);
    let what = db.summary();
    store::import(path, db.state)?;
    Ok(format!("Imported {what} from {} into {}.", file.display(), path.display()))
}

/// Prints what is kept at a path.
pub(super) fn dump(path: &OsStr, logger: &Logger) -> u8 {
    let path = Path::new(path);
    let glance = Glance(path.to_owned());
    let printed = if path.is_dir() && !glance.is_store() {
        let path = path.display();
        Err(format!(
            "Error: {path} is no store. A store is a folder like mosquitto.db.store, with files like 0000000001.log."
        ))
    } else if path.is_dir() {
        glance
            .list()
            .map_err(store::OpenError::from)
            .and_then(|names| store::read(&names, &glance))
            .map(|mut contents| {
                for (log_type, text) in store::remarks(&contents, false) {
                    say(logger, log_type, format_args!("{text}"));
                }
                let state = std::mem::take(&mut contents.state);
                print(&state, |numbers| contents.fetch(&glance, numbers))
            })
            .map_err(|error| store::explain(&path.display().to_string(), &error))
    } else {
        read(path).map(|db| {
            remark(&db, path, logger);
            print(&db.state, |_| Ok(Vec::new()))
        })
    };
    match printed {
        Ok(result) => match result {
            Ok(()) => 0,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Err(_) => SYSTEM,
        },
        Err(text) => {
            say(logger, LogType::Error, format_args!("{text}"));
            1
        }
    }
}

/// So many messages that wait on disk are read at a time.
const PAGE: usize = 512;

/// Messages by the numbers of their changes.
type Found = io::Result<Vec<Option<Arc<Message>>>>;

/// `fetch` reads what waits on disk.
fn print(state: &State, fetch: impl Fn(std::vec::IntoIter<u64>) -> Found) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut sessions: Vec<&StoredSession> = state.sessions.iter().collect();
    sessions.sort_by(|a, b| a.record.client_id.cmp(&b.record.client_id));
    for stored in sessions {
        let record = &stored.record;
        let client_id = &*record.client_id;
        let will = record.will.as_ref().map(|will| {
            let mut line = message(&will.message);
            line.insert("delay".into(), json!(will.delay));
            line
        });
        let session = json!({
            "type": "session", "client_id": client_id, "username": record.username,
            "expiry_interval": record.expiry_interval, "disconnected_at": record.disconnected_at,
            "mount_point": record.mount_point.as_deref(), "will": will,
            "received": stored.received, "awaiting_pubcomp": stored.awaiting_pubcomp,
        });
        writeln!(out, "{session}")?;
        for s in &stored.subscriptions {
            let filter = match &s.share_name {
                Some(name) => format!("$share/{name}/{}", s.filter),
                None => s.filter.to_string(),
            };
            let line = json!({
                "type": "subscription", "client_id": client_id, "filter": filter, "qos": s.qos as u8,
                "identifier": s.identifier, "no_local": s.no_local,
                "retain_as_published": s.retain_as_published,
            });
            writeln!(out, "{line}")?;
        }
        for (receipt, kept) in &stored.messages {
            writeln!(out, "{}", waiting(client_id, receipt, kept))?;
        }
        let mut pages = stored.pages.iter().peekable();
        while pages.peek().is_some() {
            let page: Vec<Paged> = pages.by_ref().take(PAGE).collect();
            let numbers: Vec<u64> = page.iter().map(|paged| paged.sequence).collect();
            for (paged, kept) in page.iter().zip(fetch(numbers.into_iter())?) {
                if let Some(kept) = kept {
                    writeln!(out, "{}", waiting(client_id, &paged.receipt(record.id, 0), &kept))?;
                }
            }
        }
    }
    let mut retained: Vec<_> = state.retained.iter().collect();
    retained.sort_by(|(a, _), (b, _)| a.topic().cmp(b.topic()));
    for (kept, publisher) in retained {
        let mut line = Map::new();
        line.insert("type".into(), json!("retained"));
        line.append(&mut message(kept));
        if let Some(publisher) = publisher {
            line.insert("publisher".into(), json!(publisher.client_id));
            line.insert("publisher_username".into(), json!(publisher.username));
        }
        writeln!(out, "{}", Value::Object(line))?;
    }
    out.flush()
}

/// A message that waits for a session.
fn waiting(client_id: &str, receipt: &Receipt, kept: &Message) -> Value {
    let mut line = Map::new();
    line.insert("type".into(), json!("message"));
    line.insert("client_id".into(), json!(client_id));
    line.insert("packet_identifier".into(), json!(receipt.packet_identifier));
    line.append(&mut message(kept));
    line.insert("qos".into(), json!(receipt.qos as u8));
    line.insert("retain".into(), json!(receipt.retain));
    Value::Object(line)
}

/// A message without what a receiver adds. A payload that is no text is in base64.
fn message(message: &Message) -> Map<String, Value> {
    let mut line = Map::new();
    line.insert("topic".into(), json!(message.topic()));
    line.insert("qos".into(), json!(message.qos as u8));
    line.insert("retain".into(), json!(message.retain));
    line.insert("expires".into(), json!(message.expires));
    if !message.properties().is_empty() {
        line.insert("properties_base64".into(), json!(STANDARD.encode(message.properties())));
    }
    match std::str::from_utf8(message.payload()) {
        Ok(text) => line.insert("payload".into(), json!(text)),
        Err(_) => line.insert("payload_base64".into(), json!(STANDARD.encode(message.payload()))),
    };
    line
}
