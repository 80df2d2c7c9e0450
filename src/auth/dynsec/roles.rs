//! Commands about roles and their rules.

use serde_json::{Value, json};

use super::command::{Call, Done, ROLENAME, Refusal};
use super::file::{read_acl, role_json};
use super::json::{flag, get, is_valid_text, number};
use super::model::{Acl, AclType, Dynsec, Role, priority};
use crate::protocol::topic::is_topic_filter;

/// No such role.
pub(super) const NOT_FOUND: Refusal = "Role not found";
/// A list of roles that isn't one.
pub(super) const MALFORMED_LIST: Refusal = "'roles' not an array or missing/invalid rolename";

impl Dynsec {
    pub(super) fn create_role(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&ROLENAME)?;
        if self.roles.contains_key(name) {
            return Err("Role already exists");
        }
        let mut role = Role { texts: call.texts(&Default::default())?, ..Role::default() };
        set_rules(&mut role, call)?;
        self.roles.insert(name.into(), role);
        Ok(Done::changed(format!("rolename={name}")))
    }

    pub(super) fn modify_role(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&ROLENAME)?;
        let old = self.roles.get(name).ok_or("Role does not exist")?;
        let mut role = Role { texts: call.texts(&old.texts)?, ..old.clone() };
        set_rules(&mut role, call)?;
        self.roles.insert(name.into(), role);
        Ok(Done::changed(format!("rolename={name}")))
    }

    pub(super) fn delete_role(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&ROLENAME)?;
        self.roles.remove(name).ok_or(NOT_FOUND)?;
        for client in self.clients.values_mut() {
            client.roles.remove(name);
        }
        for group in self.groups.values_mut() {
            group.roles.remove(name);
        }
        Ok(Done::changed(format!("rolename={name}")))
    }

    pub(super) fn get_role(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&ROLENAME)?;
        let role = self.roles.get(name).ok_or(NOT_FOUND)?;
        Ok(Done::told(json!({ "role": role_json(name, role) }), format!("rolename={name}")))
    }

    pub(super) fn list_roles(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        Ok(call.list("roles", self.roles.iter(), role_json))
    }

    pub(super) fn add_role_acl(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&ROLENAME)?;
        let role = self.roles.get_mut(name).ok_or(NOT_FOUND)?;
        let (kind, type_name) = acl_type(call)?;
        let topic = acl_topic(call)?;
        let rank = number(call.body, "priority").map_or(0, priority);
        let allow = flag(call.body, "allow").unwrap_or(false);
        if !role.add_acl(kind, Acl { topic: topic.into(), priority: rank, allow }) {
            return Err("ACL with this topic already exists");
        }
        Ok(Done::changed(format!(
            "rolename={name} | acltype={type_name} | topic={topic} | priority={rank} | allow={allow}"
        )))
    }

    pub(super) fn remove_role_acl(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let name = call.name(&ROLENAME)?;
        let role = self.roles.get_mut(name).ok_or(NOT_FOUND)?;
        let (kind, type_name) = acl_type(call)?;
        let topic = call.text("topic", "Invalid/missing topic")?.ok_or("Invalid/missing topic")?;
        if !role.remove_acl(kind, topic) {
            return Err("ACL not found");
        }
        Ok(Done::changed(format!("rolename={name} | acltype={type_name} | topic={topic}")))
    }
}

fn acl_type<'a>(call: &Call<'a>) -> Result<(AclType, &'a str), Refusal> {
    let name = call.text("acltype", "Invalid/missing acltype")?.ok_or("Invalid/missing acltype")?;
    let kind = AclType::named(name).ok_or("Unknown acltype")?;
    Ok((kind, name))
}

fn acl_topic<'a>(call: &Call<'a>) -> Result<&'a str, Refusal> {
    let topic = call.text("topic", "Invalid/missing topic")?.ok_or("Invalid/missing topic")?;
    if !is_valid_text(topic) {
        Err("Topic not valid UTF-8")
    } else if !is_topic_filter(topic) {
        Err("Invalid ACL topic")
    } else {
        Ok(topic)
    }
}

/// `allowwildcardsubs` and `acls` of a command, which replace what was there.
fn set_rules(role: &mut Role, call: &Call<'_>) -> Result<(), Refusal> {
    match get(call.body, "allowwildcardsubs") {
        None => {}
        Some(Value::Bool(allow)) => role.allow_wildcards = *allow,
        Some(_) => return Err("Invalid allowwildcardsubs"),
    }
    let Some(list) = get(call.body, "acls").and_then(Value::as_array) else { return Ok(()) };
    role.acls = Default::default();
    for object in list.iter().filter_map(Value::as_object) {
        let Some((kind, acl)) = read_acl(object) else { continue };
        if !is_valid_text(&acl.topic) || !is_topic_filter(&acl.topic) {
            return Err("Invalid ACL topic");
        }
        role.add_acl(kind, acl);
    }
    Ok(())
}
