//! What clients ask the broker itself: commands of dynamic security and of `$CONTROL/broker/v1`, and their answers.
//!
//! Reading a request (with the hashing of its passwords) and writing the file are the work of a thread; only the
//! change itself happens in the loop. An answer goes out when what it says is on disk.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use mio::Waker;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::dynsec_file::{hash, write};
use super::error::reason;
use super::event_loop::Server;
use crate::auth::dynsec::{COMMAND_TOPIC, Outcome, RESPONSE_TOPIC, Request};
use crate::broker::{Asker, ControlRequest};
use crate::config::{ListenerProtocol, LogType, PluginKind, Settings};

/// Requests that may wait.
const WAITING: usize = 1000;
/// Changes that are written together.
const TOGETHER: usize = 64;

/// Where commands about the broker are published to.
const BROKER_TOPIC: &str = "$CONTROL/broker/v1";

type Payload = Zeroizing<Vec<u8>>;

enum Job {
    /// Read a request and hash its passwords.
    Read(Payload),
    /// Write the file.
    Save(Zeroizing<String>),
}

enum Done {
    Read(Request),
    /// `Err`: why it couldn't be written.
    Saved(Result<(), String>),
}

/// The desk of dynamic security: requests in, answers out, in order.
pub(super) struct Desk {
    waiting: VecDeque<(Asker, Payload)>,
    /// Whose request is being read.
    reading: Option<Asker>,
    /// Carried out, to be written.
    unsaved: Vec<(Asker, Outcome)>,
    /// Being written.
    saving: Vec<(Asker, Outcome)>,
    path: PathBuf,
    jobs: Option<Sender<Job>>,
    done: Arc<Mutex<Vec<Done>>>,
    thread: Option<JoinHandle<()>>,
    waker: Arc<Waker>,
}

impl Desk {
    pub(super) fn new(waker: Arc<Waker>) -> Self {
        Desk {
            waiting: VecDeque::new(),
            reading: None,
            unsaved: Vec::new(),
            saving: Vec::new(),
            path: PathBuf::new(),
            jobs: None,
            done: Arc::default(),
            thread: None,
            waker,
        }
    }

    /// The file to write changes to.
    pub(super) fn set_path(&mut self, path: &str) {
        self.path = path.into();
    }

    /// Gives the thread something to do; it is started with the first.
    fn give(&mut self, job: Job) {
        if self.jobs.is_none() {
            let (sender, jobs) = channel();
            let (done, waker, path) = (self.done.clone(), self.waker.clone(), self.path.clone());
            let work = move || {
                for job in jobs {
                    let result = match job {
                        Job::Read(payload) => {
                            let mut request = Request::parse(&payload);
                            request.hash_passwords(hash);
                            Done::Read(request)
                        }
                        Job::Save(text) => Done::Saved(write(&path, text.as_bytes()).map_err(|e| reason(&e))),
                    };
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(result);
                    let _ = waker.wake();
                }
            };
            self.thread = std::thread::Builder::new().name("dynsec".into()).spawn(work).ok();
            self.jobs = Some(sender);
        }
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
    }

    fn take_done(&mut self) -> Vec<Done> {
        std::mem::take(&mut *self.done.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_idle(&self) -> bool {
        self.reading.is_none() && self.saving.is_empty()
    }
}

impl Drop for Desk {
    /// What the thread was given is done before the broker ends.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Server {
    /// Takes what clients asked the broker in this turn.
    pub(super) fn take_requests(&mut self) {
        for request in std::mem::take(&mut self.outbox.control) {
            let ControlRequest { asker, topic, payload } = request;
            match &*topic {
                COMMAND_TOPIC if self.shard.is_under_dynsec(&asker) => {
                    if self.desk.waiting.len() < WAITING {
                        self.desk.waiting.push_back((asker, payload));
                    } else {
                        let busy = json!({ "responses": [{ "command": "Unknown command", "error": "Too many requests" }] });
                        self.reply(&asker, RESPONSE_TOPIC, &busy.to_string());
                    }
                }
                BROKER_TOPIC if self.settings.enable_control_api => {
                    let answer = self.about_the_broker(&payload);
                    self.reply(&asker, &format!("{BROKER_TOPIC}/response"), &answer);
                }
                _ => {
                    let answer = json!({ "error": "endpoint not available" });
                    self.reply(&asker, &format!("{topic}/response"), &answer.to_string());
                }
            }
        }
        self.go_on();
    }

    fn reply(&mut self, asker: &Asker, topic: &str, text: &str) {
        self.shard.answer(self.now, asker, topic, text.as_bytes(), &mut self.outbox);
    }

    /// The thread has done something.
    pub(super) fn desk_has_news(&mut self) {
        for done in self.desk.take_done() {
            match done {
                Done::Read(request) => {
                    if let Some(asker) = self.desk.reading.take() {
                        self.carry_out(asker, &request);
                    }
                }
                Done::Saved(result) => self.saved(result),
            }
        }
        self.go_on();
    }

    fn carry_out(&mut self, asker: Asker, request: &Request) {
        let outcome = self.shard.execute(request, &asker);
        for line in &outcome.log {
            self.say(LogType::Information, line);
        }
        if outcome.changed || !self.desk.unsaved.is_empty() {
            // Answers keep their order.
            self.desk.unsaved.push((asker, outcome));
        } else {
            self.reply(&asker, RESPONSE_TOPIC, &outcome.response(true));
        }
    }

    fn saved(&mut self, result: Result<(), String>) {
        if let Err(why) = &result {
            let path = self.desk.path.display();
            let text = format!("Error: Unable to write \"{path}\". {why}.");
            self.say(LogType::Error, &text);
        }
        for (asker, outcome) in std::mem::take(&mut self.desk.saving) {
            self.reply(&asker, RESPONSE_TOPIC, &outcome.response(result.is_ok()));
            self.shard.kick(self.now, &outcome.kick, &mut self.outbox);
        }
    }

    /// The next step: read what waits, or write what was changed.
    fn go_on(&mut self) {
        if !self.desk.is_idle() {
            return;
        }
        if !self.desk.unsaved.is_empty()
            && (self.desk.waiting.is_empty() || self.desk.unsaved.len() >= TOGETHER)
        {
            let Some(text) = self.shard.dynsec().map(|dynsec| dynsec.to_text()) else { return };
            self.desk.saving = std::mem::take(&mut self.desk.unsaved);
            self.desk.give(Job::Save(text));
        } else if let Some((asker, payload)) = self.desk.waiting.pop_front() {
            self.desk.reading = Some(asker);
            self.desk.give(Job::Read(payload));
        }
    }

    /// The broker stops: what was changed is written.
    pub(super) fn close_desk(&mut self) {
        if let (false, Some(dynsec)) = (self.desk.unsaved.is_empty(), self.shard.dynsec()) {
            let text = dynsec.to_text();
            self.desk.give(Job::Save(text));
        }
    }

    /// Commands about the broker: they tell, and change nothing.
    fn about_the_broker(&self, payload: &[u8]) -> String {
        let failed = |text: &str| {
            json!({ "responses": [{ "command": "Unknown command", "error": text }] }).to_string()
        };
        let Ok(value) = serde_json::from_slice::<Value>(payload) else {
            return failed("Payload not valid JSON");
        };
        let Some(commands) = value.get("commands").and_then(Value::as_array) else {
            return failed("Invalid/missing commands");
        };
        let responses: Vec<Value> = commands.iter().map(|command| self.broker_command(command)).collect();
        json!({ "responses": responses }).to_string()
    }

    fn broker_command(&self, command: &Value) -> Value {
        let Some(name) = command.get("command").and_then(Value::as_str) else {
            let error = if command.is_object() { "Missing command" } else { "Command not an object" };
            return json!({ "command": "Unknown command", "error": error });
        };
        let mut response = json!({ "command": name });
        let correlation = command.get("correlationData");
        if correlation.is_some_and(|data| !data.is_string()) {
            response["error"] = json!("Invalid correlationData data type.");
            return response;
        }
        match name.to_ascii_lowercase().as_str() {
            "listplugins" => response["data"] = json!({ "plugins": plugins(&self.settings) }),
            "listlisteners" => response["data"] = json!({ "listeners": self.listeners() }),
            _ => response["error"] = json!("Unknown command"),
        }
        if let Some(correlation) = correlation {
            response["correlationData"] = correlation.clone();
        }
        response
    }

    fn listeners(&self) -> Vec<Value> {
        let open = self.slots.iter().filter(|slot| slot.open);
        let one = |slot: &super::slots::Slot| {
            let listener = self.settings.listeners.get(slot.position)?;
            let protocol = match listener.protocol {
                ListenerProtocol::Mqtt => "mqtt",
                // Its name here, and only here.
                ListenerProtocol::WebSockets => "mqtt+websockets",
                ListenerProtocol::HttpApi => "httpapi",
            };
            let mut value = json!({ "port": slot.port, "protocol": protocol });
            if let Some(address) = &listener.address {
                value["bind-address"] = json!(address);
            }
            if let Some(path) = &listener.unix_path {
                value["socket-path"] = json!(path);
            }
            value["tls"] = json!(listener.tls.is_on());
            Some(value)
        };
        open.filter_map(one).collect()
    }
}

fn plugins(settings: &Settings) -> Vec<Value> {
    let one = |kind: PluginKind| match kind {
        PluginKind::DynamicSecurity => Some(json!({
            "name": "dynamic-security",
            "control-endpoints": [COMMAND_TOPIC],
        })),
        PluginKind::PasswordFile => Some(json!({ "name": "password-file", "control-endpoints": [] })),
        PluginKind::AclFile => Some(json!({ "name": "acl-file", "control-endpoints": [] })),
        PluginKind::Foreign => None,
    };
    settings.plugins.iter().filter_map(|plugin| one(plugin.kind())).collect()
}
