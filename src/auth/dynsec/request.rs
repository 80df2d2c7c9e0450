//! A request: the commands of one payload, with their passwords taken out as soon as it is read.

use serde_json::Value;
use zeroize::Zeroizing;

use super::json::{Object, get};
use crate::auth::PasswordHash;

/// Commands that take a password.
const WITH_PASSWORD: [&str; 3] = ["createClient", "modifyClient", "setClientPassword"];

/// The commands of one payload, or what is wrong with it.
#[derive(Debug)]
pub struct Request(pub(super) Result<Vec<Item>, &'static str>);

/// An element of the list of commands.
#[derive(Debug)]
pub(super) enum Item {
    /// Something that is no command, and what to say of it.
    Wrong(&'static str),
    /// A command.
    Command(Command),
}

/// A command.
#[derive(Debug)]
pub(super) struct Command {
    /// Its name, as written.
    pub name: String,
    /// What it says, without the password.
    pub body: Object,
    pub password: Password,
    /// To be repeated in the answer; `Err`: it is no text.
    pub correlation: Result<Option<String>, ()>,
}

/// The password of a command.
pub(super) enum Password {
    /// None is given.
    None,
    /// It is no text.
    Wrong,
    /// As it came; to be hashed before the command is carried out.
    Plain(Zeroizing<String>),
    /// Hashed. `empty`: there was nothing to hash.
    Hashed { hash: PasswordHash, empty: bool },
    /// Hashing failed.
    Failed,
}

impl std::fmt::Debug for Password {
    /// Never the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Password::None => "None",
            Password::Wrong => "Wrong",
            Password::Plain(_) => "Plain",
            Password::Hashed { .. } => "Hashed",
            Password::Failed => "Failed",
        })
    }
}

impl Request {
    /// Reads a payload. What stands behind the JSON is ignored, as in mosquitto.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Request {
        let first = serde_json::Deserializer::from_slice(payload).into_iter::<Value>().next();
        let Some(Ok(value)) = first else { return Request(Err("Payload not valid JSON")) };
        let Value::Object(mut top) = value else { return Request(Err("Invalid/missing commands")) };
        match take(&mut top, "commands") {
            Some(Value::Array(list)) => Request(Ok(list.into_iter().map(item).collect())),
            _ => Request(Err("Invalid/missing commands")),
        }
    }

    /// Whether passwords wait to be hashed.
    #[must_use]
    pub fn has_passwords(&self) -> bool {
        self.commands().any(|command| matches!(command.password, Password::Plain(_)))
    }

    /// Replaces each password by its hash. It takes long on purpose: not for the event loop.
    pub fn hash_passwords(&mut self, mut hash: impl FnMut(&[u8]) -> Option<PasswordHash>) {
        let Ok(items) = &mut self.0 else { return };
        for item in items {
            if let Item::Command(command) = item
                && let Password::Plain(plain) = &command.password
            {
                command.password = match hash(plain.as_bytes()) {
                    Some(hash) => Password::Hashed { hash, empty: plain.is_empty() },
                    None => Password::Failed,
                };
            }
        }
    }

    fn commands(&self) -> impl Iterator<Item = &Command> {
        self.0.iter().flatten().filter_map(|item| match item {
            Item::Command(command) => Some(command),
            Item::Wrong(_) => None,
        })
    }
}

fn item(value: Value) -> Item {
    let Value::Object(mut body) = value else { return Item::Wrong("Command not an object") };
    let password = take(&mut body, "password");
    let Some(Value::String(name)) = get(&body, "command").cloned() else {
        wipe(password);
        return Item::Wrong("Missing command");
    };
    let correlation = match get(&body, "correlationData") {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(()),
    };
    let takes_password = WITH_PASSWORD.iter().any(|known| known.eq_ignore_ascii_case(&name));
    let password = match password {
        Some(Value::String(plain)) if takes_password => Password::Plain(Zeroizing::new(plain)),
        Some(other) if takes_password => {
            wipe(Some(other));
            Password::Wrong
        }
        other => {
            wipe(other);
            Password::None
        }
    };
    Item::Command(Command { name, body, password, correlation })
}

/// Takes the value of a key out, whatever its case.
fn take(object: &mut Object, key: &str) -> Option<Value> {
    let name = object.keys().find(|name| name.eq_ignore_ascii_case(key))?.clone();
    object.shift_remove(&name)
}

/// A password that nobody wants is wiped all the same.
fn wipe(value: Option<Value>) {
    if let Some(Value::String(text)) = value {
        drop(Zeroizing::new(text));
    }
}
