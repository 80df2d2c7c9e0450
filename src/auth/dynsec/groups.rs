//! Commands about groups.

use serde_json::{Value, json};

use super::clients::NOT_FOUND as NO_CLIENT;
use super::command::{Call, Done, GROUPNAME, Kick, ListFault, ROLENAME, Refusal, USERNAME, ranked};
use super::file::{put_texts, ranked_json};
use super::json::get;
use super::model::{Dynsec, Group};
use super::roles::{MALFORMED_LIST, NOT_FOUND as NO_ROLE};

/// No such group.
const NOT_FOUND: Refusal = "Group not found";

impl Dynsec {
    pub(super) fn create_group(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&GROUPNAME)?;
        if self.groups.contains_key(name) {
            return Err("Group already exists");
        }
        let mut group = Group { texts: call.texts(&Default::default())?, ..Group::default() };
        if let Some(list) = get(call.body, "roles") {
            group.roles = ranked(list, "rolename", |role| self.roles.contains_key(role)).map_err(
                |fault| match fault {
                    ListFault::Unknown => NO_ROLE,
                    ListFault::Malformed => "Internal error",
                },
            )?;
        }
        self.groups.insert(name.into(), group);
        Ok(Done::changed(format!("groupname={name}")))
    }

    pub(super) fn modify_group(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&GROUPNAME)?;
        let old = self.groups.get(name).ok_or(NOT_FOUND)?;
        let texts = call.texts(&old.texts)?;
        let roles = match get(call.body, "roles") {
            None => None,
            Some(list) => match ranked(list, "rolename", |role| self.roles.contains_key(role)) {
                Ok(roles) => Some(roles),
                Err(ListFault::Unknown) => return Err(NO_ROLE),
                Err(ListFault::Malformed) => return Err(MALFORMED_LIST),
            },
        };
        let clients = match get(call.body, "clients") {
            None => None,
            Some(list) => match ranked(list, "username", |client| self.clients.contains_key(client)) {
                Ok(clients) => Some(clients),
                Err(ListFault::Unknown) => {
                    return Err("'clients' contains an object with a 'username' that does not exist");
                }
                Err(ListFault::Malformed) => {
                    return Err("'clients' contains an object with an invalid 'username'");
                }
            },
        };
        let mut kick = self.affected_by(name);
        if let Some(group) = self.groups.get_mut(name) {
            group.texts = texts;
            if let Some(roles) = roles {
                group.roles = roles;
            }
        }
        if let Some(clients) = clients {
            let members: Vec<Box<str>> = self.groups[name].clients.iter().cloned().collect();
            for client in &members {
                self.leave(name, client);
            }
            for (client, priority) in clients.iter() {
                self.join(name, client, priority);
            }
            kick.extend(self.affected_by(name));
        }
        Ok(Done::changed(format!("groupname={name}")).kick(kick))
    }

    pub(super) fn delete_group(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&GROUPNAME)?;
        if !self.groups.contains_key(name) {
            return Err(NOT_FOUND);
        }
        if self.anonymous_group.as_deref() == Some(name) {
            return Err("Deleting the anonymous group is forbidden");
        }
        let kick = self.affected_by(name);
        let group = self.groups.remove(name).unwrap_or_default();
        for client in &group.clients {
            self.leave(name, client);
        }
        Ok(Done::changed(format!("groupname={name}")).kick(kick))
    }

    pub(super) fn add_group_client(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let (group, client) = self.group_and_client(call)?;
        let priority = call.priority();
        if !self.join(group, client, priority) {
            return Err("Client is already in this group");
        }
        let log = format!("groupname={group} | username={client} | priority={priority}");
        Ok(Done::changed(log).kick_user(client))
    }

    pub(super) fn remove_group_client(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let (group, client) = self.group_and_client(call)?;
        let log = format!("groupname={group} | username={client}");
        match self.leave(group, client) {
            true => Ok(Done::changed(log).kick_user(client)),
            false => Ok(Done::unchanged(log)),
        }
    }

    fn group_and_client<'a>(&self, call: &Call<'a>) -> Result<(&'a str, &'a str), Refusal> {
        let (group, client) = (call.name(&GROUPNAME)?, call.name(&USERNAME)?);
        if !self.clients.contains_key(client) {
            Err(NO_CLIENT)
        } else if !self.groups.contains_key(group) {
            Err(NOT_FOUND)
        } else {
            Ok((group, client))
        }
    }

    pub(super) fn add_group_role(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let (name, role) = (call.name(&GROUPNAME)?, call.name(&ROLENAME)?);
        let group = self.groups.get_mut(name).ok_or(NOT_FOUND)?;
        if !self.roles.contains_key(role) {
            return Err(NO_ROLE);
        }
        let priority = call.priority();
        if !group.roles.add(role, priority) {
            return Err("Group is already in this role");
        }
        let log = format!("groupname={name} | rolename={role} | priority={priority}");
        Ok(Done::changed(log).kick(self.affected_by(name)))
    }

    pub(super) fn remove_group_role(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let (name, role) = (call.name(&GROUPNAME)?, call.name(&ROLENAME)?);
        let group = self.groups.get_mut(name).ok_or(NOT_FOUND)?;
        if !self.roles.contains_key(role) {
            return Err(NO_ROLE);
        }
        let log = format!("groupname={name} | rolename={role}");
        match group.roles.remove(role) {
            true => Ok(Done::changed(log).kick(self.affected_by(name))),
            false => Ok(Done::unchanged(log)),
        }
    }

    pub(super) fn get_group(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&GROUPNAME)?;
        let group = self.groups.get(name).ok_or(NOT_FOUND)?;
        Ok(Done::told(json!({ "group": group_json(name, group) }), format!("groupname={name}")))
    }

    pub(super) fn list_groups(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        Ok(call.list("groups", self.groups.iter(), group_json))
    }

    pub(super) fn get_anonymous_group(&mut self, _: &Call<'_>) -> Result<Done, Refusal> {
        let name = self.anonymous_group.as_deref().unwrap_or_default();
        Ok(Done::told(json!({ "group": { "groupname": name } }), String::new()))
    }

    pub(super) fn set_anonymous_group(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&GROUPNAME)?;
        if !self.groups.contains_key(name) {
            return Err(NOT_FOUND);
        }
        self.anonymous_group = Some(name.into());
        Ok(Done::changed(format!("groupname={name}")).kick([Kick::Anonymous]))
    }

    /// Whose rights change with a group.
    fn affected_by(&self, name: &str) -> Vec<Kick> {
        let members = self.groups.get(name).into_iter().flat_map(|group| group.clients.iter().cloned());
        let anonymous = (self.anonymous_group.as_deref() == Some(name)).then_some(Kick::Anonymous);
        members.map(Kick::User).chain(anonymous).collect()
    }
}

fn group_json(name: &str, group: &Group) -> Value {
    let mut object = json!({ "groupname": name });
    put_texts(&mut object, &group.texts);
    object["clients"] = group.clients.iter().map(|client| json!({ "username": client })).collect();
    object["roles"] = ranked_json(&group.roles, "rolename");
    object
}
