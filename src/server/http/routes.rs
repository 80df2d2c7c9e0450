//! What each path answers.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::files::{self, Found};
use super::mailbox::{ListenerFacts, Mailbox, Snapshot};
use super::request::{Credentials, Request};
use crate::observe;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: &'static str,
    pub media_type: &'static str,
    pub body: Body,
    /// Header lines of its own.
    pub headers: &'static str,
}

/// What is sent.
#[derive(Debug)]
pub enum Body {
    Text(String),
    File(Found),
    /// The file is as it was.
    Unchanged,
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const OPEN_TO_SCRIPTS: &str = "Access-Control-Allow-Origin: *\r\n";

fn text(status: &'static str, body: impl Into<String>) -> Answer {
    Answer { status, media_type: TEXT, body: Body::Text(body.into()), headers: "" }
}

fn not_found() -> Answer {
    text("404 Not Found", "Not found.\n")
}

fn ill() -> Answer {
    text("503 Service Unavailable", "The broker doesn't answer.\n")
}

/// Answers a request that came by this listener. `identity`: who asks, as TLS has it; no password is asked for then.
pub async fn answer(request: &Request, identity: Option<&str>, listener: usize, mailbox: &Mailbox) -> Answer {
    if request.method != "GET" {
        let mut answer = text("405 Method Not Allowed", "Invalid HTTP Method\n");
        answer.headers = "Allow: GET\r\n";
        return answer;
    }
    let username = identity.or(request.credentials.as_ref().map(|credentials| &*credentials.username));
    let Some(snapshot) = mailbox.ask(listener, username, &request.path).await else { return ill() };
    match request.path.as_str() {
        // For those who start and watch containers: they have no password, and learn nothing else.
        "/healthz" => return text("200 OK", "ok\n"),
        "/readyz" if snapshot.ready => return text("200 OK", "ready\n"),
        "/readyz" => return text("503 Service Unavailable", "not ready\n"),
        _ => {}
    }
    let known = identity.is_some() || is_known(&snapshot, request.credentials.as_ref()).await;
    if !(known && snapshot.may_read) {
        let mut answer = text("401 Unauthorized", "Not authorised\n");
        answer.headers = "WWW-Authenticate: Basic realm=\"Mosquitto API\"\r\n";
        return answer;
    }
    match request.path.as_str() {
        "/api/v1/version" => of_api(TEXT, snapshot.version.to_string()),
        "/api/v1/systree" => of_api(JSON, systree(&snapshot)),
        "/api/v1/listeners" => of_api(JSON, listeners(&snapshot.listeners)),
        "/metrics" => Answer {
            status: "200 OK",
            media_type: "text/plain; version=0.0.4; charset=utf-8",
            body: Body::Text(observe::metrics(&snapshot.facts, &snapshot.version)),
            headers: "",
        },
        path if path.starts_with("/api/") => not_found(),
        _ => snapshot.http_dir.map_or_else(not_found, |folder| page(&folder, request)),
    }
}

/// The file of a folder that was asked for.
pub fn page(folder: &Path, request: &Request) -> Answer {
    let Some(found) = files::find(folder, &request.path) else { return not_found() };
    let media_type = found.media_type;
    let is_known = found.last_modified.is_some() && found.last_modified == request.if_modified_since;
    let (status, body) =
        if is_known { ("304 Not Modified", Body::Unchanged) } else { ("200 OK", Body::File(found)) };
    Answer { status, media_type, body, headers: "X-Content-Type-Options: nosniff\r\n" }
}

fn of_api(media_type: &'static str, body: String) -> Answer {
    Answer { status: "200 OK", media_type, body: Body::Text(body), headers: OPEN_TO_SCRIPTS }
}

/// Whether who asks is who he says. The password is checked where it holds up nobody else.
async fn is_known(snapshot: &Snapshot, credentials: Option<&Credentials>) -> bool {
    match (credentials, &snapshot.against) {
        (Some(credentials), Some(against)) => {
            let (against, username) = (against.clone(), credentials.username.clone());
            let password = credentials.password.clone();
            let check = move || against.verify(&username, Some(&password));
            tokio::task::spawn_blocking(check).await.unwrap_or(false)
        }
        // Where nobody checks passwords, a name is as good as none.
        _ => snapshot.allow_anonymous,
    }
}

/// The whole numbers of `$SYS`, by topic.
fn systree(snapshot: &Snapshot) -> String {
    let mut object: Map<String, Value> = observe::figures(&snapshot.facts)
        .map(|(topic, value)| (format!("$SYS/broker/{topic}"), value.into()))
        .collect();
    object.insert("$SYS/broker/uptime".into(), snapshot.facts.uptime.into());
    Value::Object(object).to_string()
}

fn listeners(all: &[ListenerFacts]) -> String {
    let one = |listener: &ListenerFacts| {
        let mut object = Map::new();
        match &listener.unix_path {
            Some(path) => object.insert("path".into(), path.as_str().into()),
            None => object.insert("port".into(), listener.port.into()),
        };
        object.insert("protocol".into(), listener.protocol.into());
        object.insert("tls".into(), listener.tls.into());
        object.insert("mtls".into(), listener.mtls.into());
        object.insert("allow_anonymous".into(), listener.allow_anonymous.into());
        Value::Object(object)
    };
    json!({ "listeners": all.iter().map(one).collect::<Vec<_>>() }).to_string()
}
