//! The file of dynamic security: mosquitto's JSON, from 2.0 and 2.1, in; JSON that both read back, out.

use std::fmt;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::json::{Object, flag, get, is_valid_text, number, objects, text};
use super::model::{
    ACL_TYPES, Acl, AclType, Client, DEFAULTS, DefaultAccess, Dynsec, Group, NO_PRIORITY, Ranked, Role,
    Texts, priority,
};
use crate::auth::PasswordHash;

/// Why a file can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynsecFileError(String);

impl fmt::Display for DynsecFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DynsecFileError {}

impl Dynsec {
    /// Reads a file's text. `file` is its name, for the errors.
    ///
    /// # Errors
    /// What isn't JSON, and a password that can't be decoded: writing the file back would lose it.
    pub fn parse(text: &[u8], file: &str) -> Result<Dynsec, DynsecFileError> {
        let wrong =
            |what: String| DynsecFileError(format!("Error: {what} in dynamic security file \"{file}\"."));
        let value: Value = serde_json::from_slice(text).map_err(|error| {
            wrong(format!("Invalid JSON at line {}, column {}", error.line(), error.column()))
        })?;
        let top = value.as_object().ok_or_else(|| wrong("No JSON object".to_owned()))?;
        let mut dynsec = Dynsec {
            change_index: number(top, "changeIndex").and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
            default_access: default_access(top),
            ..Dynsec::default()
        };
        for object in objects(top, "roles") {
            dynsec.read_role(object);
        }
        for object in objects(top, "clients") {
            dynsec.read_client(object).map_err(wrong)?;
        }
        for object in objects(top, "groups") {
            dynsec.read_group(object);
        }
        let anonymous = self::text(top, "anonymousGroup").filter(|name| dynsec.groups.contains_key(*name));
        dynsec.anonymous_group = anonymous.map(Into::into);
        Ok(dynsec)
    }

    fn read_role(&mut self, object: &Object) {
        let Some(name) = name(object, "rolename") else { return };
        let mut role = Role {
            texts: texts(object),
            allow_wildcards: flag(object, "allowwildcardsubs").unwrap_or(true),
            ..Role::default()
        };
        for object in objects(object, "acls") {
            if let Some((kind, acl)) = read_acl(object) {
                role.add_acl(kind, acl);
            }
        }
        self.roles.entry(name.into()).or_insert(role);
    }

    fn read_client(&mut self, object: &Object) -> Result<(), String> {
        let Some(name) = name(object, "username") else { return Ok(()) };
        let client = Client {
            texts: texts(object),
            client_id: text(object, "clientid").filter(|id| !id.is_empty()).map(Into::into),
            password: password(object, name)?,
            disabled: flag(object, "disabled").unwrap_or(false),
            roles: self.read_roles(object),
            groups: Ranked::default(),
        };
        self.clients.entry(name.into()).or_insert(client);
        Ok(())
    }

    fn read_group(&mut self, object: &Object) {
        let Some(name) = name(object, "groupname") else { return };
        let group = Group { texts: texts(object), roles: self.read_roles(object), ..Group::default() };
        self.groups.entry(name.into()).or_insert(group);
        for member in objects(object, "clients") {
            if let Some(username) = text(member, "username") {
                self.join(name, username, priority_of(member));
            }
        }
    }

    /// The roles of a client or group, those that exist.
    fn read_roles(&self, object: &Object) -> Ranked {
        let mut ranked = Ranked::default();
        for role in objects(object, "roles") {
            if let Some(name) = text(role, "rolename").filter(|name| self.roles.contains_key(*name)) {
                ranked.add(name, priority_of(role));
            }
        }
        ranked
    }

    /// The text of the file. It holds password hashes: wiped after use.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let clients: Vec<Value> =
            self.clients.iter().map(|(name, client)| write_client(name, client)).collect();
        let groups: Vec<Value> =
            self.groups.iter().map(|(name, group)| self.write_group(name, group)).collect();
        let roles: Vec<Value> = self.roles.iter().map(|(name, role)| role_json(name, role)).collect();
        let defaults: Object =
            DEFAULTS.iter().map(|name| ((*name).to_owned(), self.default_access.get(name).into())).collect();
        let mut top = json!({
            "changeIndex": self.change_index,
            "defaultACLAccess": defaults,
            "clients": clients,
            "groups": groups,
        });
        if let Some(group) = &self.anonymous_group {
            top["anonymousGroup"] = json!(group);
        }
        top["roles"] = json!(roles);
        Zeroizing::new(format!("{top:#}\n"))
    }

    fn write_group(&self, name: &str, group: &Group) -> Value {
        let mut object = json!({ "groupname": name });
        put_texts(&mut object, &group.texts);
        object["roles"] = ranked_json(&group.roles, "rolename");
        let members = group.clients.iter().map(|member| {
            let rank = self.clients.get(member).map_or(NO_PRIORITY, |client| client.groups.priority(name));
            ranked_entry(member, rank, "username")
        });
        object["clients"] = members.collect();
        object
    }
}

fn name<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    text(object, key).filter(|name| is_valid_text(name))
}

fn texts(object: &Object) -> Texts {
    let own = |key| text(object, key).map(str::to_owned);
    Texts { name: own("textname"), description: own("textdescription") }
}

fn priority_of(object: &Object) -> i32 {
    number(object, "priority").map_or(NO_PRIORITY, priority)
}

/// What isn't said is forbidden, as in mosquitto.
fn default_access(top: &Object) -> DefaultAccess {
    let mut access =
        DefaultAccess { publish_send: false, publish_receive: false, subscribe: false, unsubscribe: false };
    if let Some(defaults) = get(top, "defaultACLAccess").and_then(Value::as_object) {
        for name in DEFAULTS {
            access.set(name, flag(defaults, name).unwrap_or(false));
        }
    }
    access
}

/// A rule of a role; `None` where it isn't one.
pub(super) fn read_acl(object: &Object) -> Option<(AclType, Acl)> {
    let kind = AclType::named(text(object, "acltype")?)?;
    let acl = Acl {
        topic: text(object, "topic")?.into(),
        priority: number(object, "priority").map_or(0, priority),
        allow: flag(object, "allow").unwrap_or(false),
    };
    Some((kind, acl))
}

/// `encoded_password`, or the three keys that mosquitto 2.0 has for it.
fn password(object: &Object, username: &str) -> Result<Option<PasswordHash>, String> {
    let encoded = match (text(object, "encoded_password"), text(object, "password"), text(object, "salt")) {
        (Some(encoded), ..) => Zeroizing::new(encoded.to_owned()),
        (None, Some(digest), Some(salt)) => {
            let iterations = number(object, "iterations").unwrap_or(0);
            Zeroizing::new(format!("$7${iterations}${salt}${digest}"))
        }
        _ => return Ok(None),
    };
    PasswordHash::parse(encoded.as_bytes())
        .map(Some)
        .map_err(|error| format!("Invalid password of client \"{username}\" ({error})"))
}

fn write_client(name: &str, client: &Client) -> Value {
    let mut object = json!({ "username": name });
    put_client(&mut object, client);
    object["roles"] = ranked_json(&client.roles, "rolename");
    if let Some(password) = &client.password {
        let encoded = password.to_string();
        // mosquitto 2.0 reads only these three, and only a short salt.
        let fields: Vec<&str> = encoded.split('$').collect();
        if let (["", "7", iterations, salt, digest], super::super::SALT_BYTES_2_0) =
            (&fields[..], password.salt_len())
        {
            object["password"] = json!(digest);
            object["salt"] = json!(salt);
            object["iterations"] = json!(iterations.parse::<u32>().unwrap_or_default());
        }
        object["encoded_password"] = json!(encoded);
    }
    object
}

/// What file and answers say of a client, but for its name, roles and groups.
pub(super) fn put_client(object: &mut Value, client: &Client) {
    if let Some(id) = &client.client_id {
        object["clientid"] = json!(id);
    }
    put_texts(object, &client.texts);
    if client.disabled {
        object["disabled"] = json!(true);
    }
}

pub(super) fn put_texts(object: &mut Value, texts: &Texts) {
    for (key, text) in [("textname", &texts.name), ("textdescription", &texts.description)] {
        if let Some(text) = text {
            object[key] = json!(text);
        }
    }
}

/// Roles or groups with their priorities, where these were given.
pub(super) fn ranked_json(ranked: &Ranked, key: &str) -> Value {
    ranked.iter().map(|(name, rank)| ranked_entry(name, rank, key)).collect()
}

fn ranked_entry(name: &str, rank: i32, key: &str) -> Value {
    let mut entry = json!({ key: name });
    if rank != NO_PRIORITY {
        entry["priority"] = json!(rank);
    }
    entry
}

/// A role as file and answers have it.
pub(super) fn role_json(name: &str, role: &Role) -> Value {
    let mut object = json!({ "rolename": name });
    put_texts(&mut object, &role.texts);
    object["allowwildcardsubs"] = json!(role.allow_wildcards);
    let acls = ACL_TYPES.iter().flat_map(|(kind, name)| {
        role.acls(*kind).iter().map(move |acl| {
            json!({ "acltype": name, "topic": acl.topic, "priority": acl.priority, "allow": acl.allow })
        })
    });
    object["acls"] = acls.collect();
    object
}
