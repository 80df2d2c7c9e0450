//! Commands about clients.

use serde_json::{Value, json};

use super::command::{Call, Done, ListFault, ROLENAME, Refusal, USERNAME, ranked};
use super::file::{put_client, ranked_json};
use super::json::{get, is_valid_text};
use super::model::{Client, Dynsec, Ranked};
use super::request::Password;
use crate::auth::PasswordHash;

/// No such client.
pub(super) const NOT_FOUND: Refusal = "Client not found";

impl Dynsec {
    pub(super) fn create_client(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&USERNAME)?;
        if self.clients.contains_key(name) {
            return Err("Client already exists");
        }
        let password = password(call)?;
        let client_id = client_id(call, "Invalid/missing client id")?;
        let client = Client {
            texts: call.texts(&Default::default())?,
            client_id: client_id.filter(|id| !id.is_empty()).map(Into::into),
            password: password.cloned(),
            roles: self.client_roles(call)?.unwrap_or_default(),
            ..Client::default()
        };
        let groups = self.client_groups(call)?.unwrap_or_default();
        self.clients.insert(name.into(), client);
        for (group, priority) in groups.iter() {
            self.join(group, name, priority);
        }
        let password = if password.is_some() { "*****" } else { "no password" };
        Ok(Done::changed(format!("username={name} | password={password}")))
    }

    pub(super) fn modify_client(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&USERNAME)?;
        let old = self.clients.get(name).ok_or(NOT_FOUND)?;
        let texts = call.texts(&old.texts)?;
        let client_id = client_id(call, "Invalid/missing client id")?;
        let password = password(call)?;
        let roles = self.client_roles(call)?;
        let groups = self.client_groups(call)?;
        let Some(client) = self.clients.get_mut(name) else { return Err(NOT_FOUND) };
        client.texts = texts;
        if let Some(id) = client_id {
            client.client_id = Some(id).filter(|id| !id.is_empty()).map(Into::into);
        }
        if let (Some(hash), Password::Hashed { empty: false, .. }) = (password, call.password) {
            client.password = Some(hash.clone());
        }
        if let Some(roles) = roles {
            client.roles = roles;
        }
        if let Some(groups) = groups {
            self.regroup(name, &groups);
        }
        Ok(Done::changed(format!("username={name}")).kick_user(name))
    }

    /// Puts a client into these groups and no others.
    fn regroup(&mut self, client: &str, groups: &Ranked) {
        let Some(old) = self.clients.get(client).map(|client| client.groups.clone()) else { return };
        for group in old.names() {
            self.leave(group, client);
        }
        for (group, priority) in groups.iter() {
            self.join(group, client, priority);
        }
    }

    pub(super) fn delete_client(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&USERNAME)?;
        let client = self.clients.remove(name).ok_or(NOT_FOUND)?;
        for group in client.groups.names() {
            self.leave(group, name);
        }
        Ok(Done::changed(format!("username={name}")).kick_user(name))
    }

    pub(super) fn enable_client(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&USERNAME)?;
        self.client_mut(name)?.disabled = false;
        Ok(Done::changed(format!("username={name}")))
    }

    pub(super) fn disable_client(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&USERNAME)?;
        self.client_mut(name)?.disabled = true;
        Ok(Done::changed(format!("username={name}")).kick_user(name))
    }

    pub(super) fn set_client_id(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&USERNAME)?;
        let id = client_id(call, "Invalid/missing client ID")?.filter(|id| !id.is_empty());
        self.client_mut(name)?.client_id = id.map(Into::into);
        let id = id.unwrap_or_default();
        Ok(Done::changed(format!("username={name} | clientid={id}")).kick_user(name))
    }

    pub(super) fn set_client_password(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&USERNAME)?;
        let hash = password(call)?.ok_or("Invalid/missing password")?;
        if let Password::Hashed { empty: true, .. } = call.password {
            return Err("Empty password is not allowed");
        }
        self.client_mut(name)?.password = Some(hash.clone());
        Ok(Done::changed(format!("username={name} | password=******")).kick_user(name))
    }

    pub(super) fn add_client_role(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let (name, role) = (call.name(&USERNAME)?, call.name(&ROLENAME)?);
        let client = self.clients.get_mut(name).ok_or(NOT_FOUND)?;
        if !self.roles.contains_key(role) {
            return Err(super::roles::NOT_FOUND);
        }
        let priority = call.priority();
        if !client.roles.add(role, priority) {
            return Err("Internal error");
        }
        let log = format!("username={name} | rolename={role} | priority={priority}");
        Ok(Done::changed(log).kick_user(name))
    }

    pub(super) fn remove_client_role(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let (name, role) = (call.name(&USERNAME)?, call.name(&ROLENAME)?);
        let client = self.clients.get_mut(name).ok_or(NOT_FOUND)?;
        if !self.roles.contains_key(role) {
            return Err(super::roles::NOT_FOUND);
        }
        let log = format!("username={name} | rolename={role}");
        match client.roles.remove(role) {
            true => Ok(Done::changed(log).kick_user(name)),
            false => Ok(Done::unchanged(log)),
        }
    }

    pub(super) fn get_client(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&USERNAME)?;
        let client = self.clients.get(name).ok_or(NOT_FOUND)?;
        Ok(Done::told(json!({ "client": client_json(name, client, call) }), format!("username={name}")))
    }

    pub(super) fn list_clients(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        Ok(call.list("clients", self.clients.iter(), |name, client| client_json(name, client, call)))
    }

    fn client_mut(&mut self, name: &str) -> Result<&mut Client, Refusal> {
        self.clients.get_mut(name).ok_or(NOT_FOUND)
    }

    fn client_roles(&self, call: &Call<'_>) -> Result<Option<Ranked>, Refusal> {
        let Some(list) = get(call.body, "roles") else { return Ok(None) };
        match ranked(list, "rolename", |name| self.roles.contains_key(name)) {
            Ok(roles) => Ok(Some(roles)),
            Err(ListFault::Unknown) => Err(super::roles::NOT_FOUND),
            Err(ListFault::Malformed) => Err(super::roles::MALFORMED_LIST),
        }
    }

    fn client_groups(&self, call: &Call<'_>) -> Result<Option<Ranked>, Refusal> {
        let Some(list) = get(call.body, "groups") else { return Ok(None) };
        match ranked(list, "groupname", |name| self.groups.contains_key(name)) {
            Ok(groups) => Ok(Some(groups)),
            Err(ListFault::Unknown) => {
                Err("'groups' contains an object with a 'groupname' that does not exist")
            }
            Err(ListFault::Malformed) => Err("'groups' contains an object with an invalid 'groupname'"),
        }
    }
}

fn client_id<'a>(call: &Call<'a>, wrong: Refusal) -> Result<Option<&'a str>, Refusal> {
    match call.text("clientid", wrong)? {
        Some(id) if !is_valid_text(id) => Err("Client ID not valid UTF-8"),
        id => Ok(id),
    }
}

/// The hash of the password that was given.
fn password<'a>(call: &Call<'a>) -> Result<Option<&'a PasswordHash>, Refusal> {
    match call.password {
        Password::None => Ok(None),
        Password::Wrong => Err("Invalid/missing password"),
        Password::Hashed { hash, .. } => Ok(Some(hash)),
        Password::Plain(_) | Password::Failed => Err("Internal error"),
    }
}

fn client_json(name: &str, client: &Client, call: &Call<'_>) -> Value {
    let mut object = json!({ "username": name });
    put_client(&mut object, client);
    object["roles"] = ranked_json(&client.roles, "rolename");
    object["groups"] = ranked_json(&client.groups, "groupname");
    let address = |address: String| json!({ "address": address });
    object["connections"] = (call.caller.connections)(name).into_iter().map(address).collect();
    object
}
