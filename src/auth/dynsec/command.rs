//! Carrying out a request: command by command, each with its answer in mosquitto's words.

use serde_json::{Value, json};

use super::json::{Object, flag, get, is_valid_text, number};
use super::model::{DEFAULTS, Dynsec, NO_PRIORITY, Ranked, Texts, priority};
use super::request::{Command, Item, Password, Request};

/// Who asks, and what the answers need to know of the broker.
pub struct Caller<'a> {
    /// ClientId, for the log.
    pub client_id: &'a str,
    /// User Name, for the log.
    pub username: Option<&'a str>,
    /// The addresses from which a client is connected.
    pub connections: &'a dyn Fn(&str) -> Vec<String>,
}

/// What came out of a request.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The answers, one a command.
    responses: Vec<Value>,
    /// The file is to be written anew, and verdicts to be asked for anew.
    pub changed: bool,
    /// Who is to be disconnected, since their rights changed.
    pub kick: Vec<Kick>,
    /// Lines for the log, one a command.
    pub log: Vec<String>,
}

impl Outcome {
    /// The whole answer. Not `saved`: what was changed can't be written, so nobody may count on it.
    #[must_use]
    pub fn response(&self, saved: bool) -> String {
        let mut responses = self.responses.clone();
        if !saved {
            for response in
                responses.iter_mut().filter(|r| r.get("data").is_none() && r.get("error").is_none())
            {
                response["error"] = json!("Changed, but not saved: the file can't be written");
            }
        }
        json!({ "responses": responses }).to_string()
    }
}

/// Somebody to disconnect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kick {
    /// Everybody with this User Name.
    User(Box<str>),
    /// Everybody without a User Name.
    Anonymous,
}

/// What a command did.
#[derive(Default)]
pub(super) struct Done {
    pub data: Option<Value>,
    pub changed: bool,
    pub kick: Vec<Kick>,
    /// Its arguments, for the log.
    pub log: String,
}

impl Done {
    /// An answer to a question.
    pub fn told(data: Value, log: String) -> Self {
        Done { data: Some(data), log, ..Done::default() }
    }

    /// A change.
    pub fn changed(log: String) -> Self {
        Done { changed: true, log, ..Done::default() }
    }

    /// Nothing had to be changed.
    pub fn unchanged(log: String) -> Self {
        Done { log, ..Done::default() }
    }

    pub fn kick_user(mut self, username: &str) -> Self {
        self.kick.push(Kick::User(username.into()));
        self
    }

    pub fn kick(mut self, kick: impl IntoIterator<Item = Kick>) -> Self {
        self.kick.extend(kick);
        self
    }
}

/// What a command says if it can't be carried out.
pub(super) type Refusal = &'static str;

/// A kind of name, with what is said where it is missing, empty, or not fit.
pub(super) struct NameKind {
    key: &'static str,
    missing: Refusal,
    empty: Refusal,
    unfit: Refusal,
}

pub(super) const USERNAME: NameKind = NameKind {
    key: "username",
    missing: "Invalid/missing username",
    empty: "Empty username",
    unfit: "Username not valid UTF-8",
};
pub(super) const GROUPNAME: NameKind = NameKind {
    key: "groupname",
    missing: "Invalid/missing groupname",
    empty: "Empty groupname",
    unfit: "Group name not valid UTF-8",
};
pub(super) const ROLENAME: NameKind = NameKind {
    key: "rolename",
    missing: "Invalid/missing rolename",
    empty: "Empty rolename",
    unfit: "Role name not valid UTF-8",
};

/// A command that is being carried out.
pub(super) struct Call<'a> {
    pub body: &'a Object,
    pub password: &'a Password,
    pub caller: &'a Caller<'a>,
}

impl<'a> Call<'a> {
    /// A name that must be there.
    pub fn name(&self, kind: &NameKind) -> Result<&'a str, Refusal> {
        let name = get(self.body, kind.key).and_then(Value::as_str).ok_or(kind.missing)?;
        if name.is_empty() {
            Err(kind.empty)
        } else if !is_valid_text(name) {
            Err(kind.unfit)
        } else {
            Ok(name)
        }
    }

    /// A text that may be missing, but not be anything else.
    pub fn text(&self, key: &str, wrong: Refusal) -> Result<Option<&'a str>, Refusal> {
        match get(self.body, key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong),
        }
    }

    /// The texts for people, put over those that are there.
    pub fn texts(&self, old: &Texts) -> Result<Texts, Refusal> {
        let name = self.text("textname", "Invalid/missing textname")?;
        let description = self.text("textdescription", "Invalid/missing textdescription")?;
        Ok(Texts {
            name: name.map(str::to_owned).or_else(|| old.name.clone()),
            description: description.map(str::to_owned).or_else(|| old.description.clone()),
        })
    }

    pub fn priority(&self) -> i32 {
        number(self.body, "priority").map_or(NO_PRIORITY, priority)
    }

    /// Part of a list of names, or of the objects behind them: the answer to list* commands.
    pub fn list<'n, T: 'n>(
        &self,
        what: &str,
        all: impl ExactSizeIterator<Item = (&'n Box<str>, &'n T)>,
        verbose: impl Fn(&str, &T) -> Value,
    ) -> Done {
        let wordy = flag(self.body, "verbose").unwrap_or(false);
        let count = number(self.body, "count").unwrap_or(-1);
        let offset = number(self.body, "offset").unwrap_or(0);
        let total = all.len();
        let part = all
            .skip(usize::try_from(offset).unwrap_or(0))
            .take(usize::try_from(count).unwrap_or(usize::MAX))
            .map(|(name, item)| if wordy { verbose(name, item) } else { json!(name) });
        let part: Vec<Value> = part.collect();
        let data = json!({ "totalCount": total, what: part });
        Done::told(data, format!("verbose={wordy} | count={count} | offset={offset}"))
    }
}

/// Why a list of names can't be taken.
pub(super) enum ListFault {
    /// It is no list, or holds something without a name.
    Malformed,
    /// It names what doesn't exist.
    Unknown,
}

/// A list of names with priorities, each of which must exist.
pub(super) fn ranked(list: &Value, key: &str, exists: impl Fn(&str) -> bool) -> Result<Ranked, ListFault> {
    let mut ranked = Ranked::default();
    for entry in list.as_array().ok_or(ListFault::Malformed)? {
        let object = entry.as_object().ok_or(ListFault::Malformed)?;
        let name = get(object, key).and_then(Value::as_str).ok_or(ListFault::Malformed)?;
        if !exists(name) {
            return Err(ListFault::Unknown);
        }
        ranked.add(name, number(object, "priority").map_or(NO_PRIORITY, priority));
    }
    Ok(ranked)
}

type Handler = fn(&mut Dynsec, &Call<'_>) -> Result<Done, Refusal>;

const COMMANDS: [(&str, Handler); 32] = [
    ("addClientRole", Dynsec::add_client_role),
    ("addGroupClient", Dynsec::add_group_client),
    ("addGroupRole", Dynsec::add_group_role),
    ("addRoleACL", Dynsec::add_role_acl),
    ("createClient", Dynsec::create_client),
    ("createGroup", Dynsec::create_group),
    ("createRole", Dynsec::create_role),
    ("deleteClient", Dynsec::delete_client),
    ("deleteGroup", Dynsec::delete_group),
    ("deleteRole", Dynsec::delete_role),
    ("disableClient", Dynsec::disable_client),
    ("enableClient", Dynsec::enable_client),
    ("getAnonymousGroup", Dynsec::get_anonymous_group),
    ("getClient", Dynsec::get_client),
    ("getDefaultACLAccess", Dynsec::get_default_access),
    ("getDetails", Dynsec::get_details),
    ("getGroup", Dynsec::get_group),
    ("getRole", Dynsec::get_role),
    ("listClients", Dynsec::list_clients),
    ("listGroups", Dynsec::list_groups),
    ("listRoles", Dynsec::list_roles),
    ("modifyClient", Dynsec::modify_client),
    ("modifyGroup", Dynsec::modify_group),
    ("modifyRole", Dynsec::modify_role),
    ("removeClientRole", Dynsec::remove_client_role),
    ("removeGroupClient", Dynsec::remove_group_client),
    ("removeGroupRole", Dynsec::remove_group_role),
    ("removeRoleACL", Dynsec::remove_role_acl),
    ("setAnonymousGroup", Dynsec::set_anonymous_group),
    ("setClientId", Dynsec::set_client_id),
    ("setClientPassword", Dynsec::set_client_password),
    ("setDefaultACLAccess", Dynsec::set_default_access),
];

fn unknown(_: &mut Dynsec, _: &Call<'_>) -> Result<Done, Refusal> {
    Err("Unknown command")
}

impl Dynsec {
    /// Carries a request out, its passwords hashed before. Commands before a failing one stay done.
    pub fn execute(&mut self, request: &Request, caller: &Caller<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        match &request.0 {
            Err(text) => outcome.responses.push(json!({ "command": "Unknown command", "error": text })),
            Ok(items) => {
                for item in items {
                    let response = match item {
                        Item::Wrong(text) => json!({ "command": "Unknown command", "error": text }),
                        Item::Command(command) => self.run(command, caller, &mut outcome),
                    };
                    outcome.responses.push(response);
                }
            }
        }
        outcome
    }

    fn run(&mut self, command: &Command, caller: &Caller<'_>, outcome: &mut Outcome) -> Value {
        let mut response = json!({ "command": command.name });
        let Ok(correlation) = &command.correlation else {
            response["error"] = json!("Invalid correlationData data type.");
            return response;
        };
        let call = Call { body: &command.body, password: &command.password, caller };
        let known = COMMANDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&command.name));
        let (name, handler) = known.copied().unwrap_or((&command.name, unknown));
        match handler(self, &call) {
            Ok(done) => {
                if let Some(data) = done.data {
                    response["data"] = data;
                }
                if done.changed {
                    self.change_index += 1;
                    outcome.changed = true;
                }
                for kick in done.kick {
                    if !outcome.kick.contains(&kick) {
                        outcome.kick.push(kick);
                    }
                }
                let (id, user) = (caller.client_id, caller.username.unwrap_or("(null)"));
                let separator = if done.log.is_empty() { "" } else { " | " };
                outcome.log.push(format!("dynsec: {id}/{user} | {name}{separator}{}", done.log));
            }
            Err(text) => response["error"] = json!(text),
        }
        if let Some(correlation) = correlation {
            response["correlationData"] = json!(correlation);
        }
        response
    }

    fn get_details(&mut self, _: &Call<'_>) -> Result<Done, Refusal> {
        let data = json!({
            "clientCount": self.clients.len(),
            "groupCount": self.groups.len(),
            "roleCount": self.roles.len(),
            "changeIndex": self.change_index,
        });
        Ok(Done::told(data, String::new()))
    }

    fn get_default_access(&mut self, _: &Call<'_>) -> Result<Done, Refusal> {
        let entry = |name: &&str| json!({ "acltype": name, "allow": self.default_access.get(name) });
        let acls: Vec<Value> = DEFAULTS.iter().map(entry).collect();
        Ok(Done::told(json!({ "acls": acls }), String::new()))
    }

    fn set_default_access(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let list = get(call.body, "acls").and_then(Value::as_array);
        let list = list.ok_or("Missing/invalid actions array")?;
        let mut log = Vec::new();
        for entry in list.iter().filter_map(Value::as_object) {
            let kind = get(entry, "acltype").and_then(Value::as_str);
            if let (Some(kind), Some(allow)) = (kind, flag(entry, "allow")) {
                self.default_access.set(kind, allow);
                log.push(format!("acltype={kind} | allow={allow}"));
            }
        }
        Ok(Done::changed(log.join(" | ")))
    }
}
