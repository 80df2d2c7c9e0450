//! What dynamic security knows: clients, groups, roles, and what holds where none of them says anything.

use std::collections::{BTreeMap, BTreeSet};

use crate::auth::PasswordHash;

/// Priorities are kept within this distance of 0.
const PRIORITY_MOST: i32 = 100_000;
/// The priority of a role or group that was given none.
pub(super) const NO_PRIORITY: i32 = -1;

/// A name.
pub(super) type Name = Box<str>;

/// The whole of it.
#[derive(Clone, Debug, Default)]
pub struct Dynsec {
    pub(super) clients: BTreeMap<Name, Client>,
    pub(super) groups: BTreeMap<Name, Group>,
    pub(super) roles: BTreeMap<Name, Role>,
    /// The group whose roles hold for clients without a User Name.
    pub(super) anonymous_group: Option<Name>,
    pub(super) default_access: DefaultAccess,
    /// Counts changes.
    pub(super) change_index: u64,
}

/// What holds where no role says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DefaultAccess {
    pub publish_send: bool,
    pub publish_receive: bool,
    pub subscribe: bool,
    pub unsubscribe: bool,
}

impl Default for DefaultAccess {
    /// What a new file gets.
    fn default() -> Self {
        DefaultAccess { publish_send: false, publish_receive: true, subscribe: false, unsubscribe: true }
    }
}

/// The kinds of default access, with the names that files and commands have for them.
pub(super) const DEFAULTS: [&str; 4] =
    ["publishClientSend", "publishClientReceive", "subscribe", "unsubscribe"];

impl DefaultAccess {
    pub fn get(&self, name: &str) -> bool {
        match name {
            "publishClientSend" => self.publish_send,
            "publishClientReceive" => self.publish_receive,
            "subscribe" => self.subscribe,
            _ => self.unsubscribe,
        }
    }

    /// Sets one by its name; unknown names change nothing, as in mosquitto.
    pub fn set(&mut self, name: &str, allow: bool) {
        match DEFAULTS.iter().find(|known| known.eq_ignore_ascii_case(name)).copied() {
            Some("publishClientSend") => self.publish_send = allow,
            Some("publishClientReceive") => self.publish_receive = allow,
            Some("subscribe") => self.subscribe = allow,
            Some(_) => self.unsubscribe = allow,
            None => {}
        }
    }
}

/// Names with priorities: high ones first, equal ones by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranked(Vec<(Name, i32)>);

impl Ranked {
    /// Adds a name; `false` if it is there already.
    pub fn add(&mut self, name: &str, priority: i32) -> bool {
        if self.has(name) {
            return false;
        }
        let before = |(other, p): &(Name, i32)| (-*p, &**other) < (-priority, name);
        let at = self.0.partition_point(before);
        self.0.insert(at, (name.into(), priority));
        true
    }

    /// Removes a name; `false` if it wasn't there.
    pub fn remove(&mut self, name: &str) -> bool {
        let count = self.0.len();
        self.0.retain(|(other, _)| **other != *name);
        self.0.len() != count
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| **other == *name)
    }

    pub fn priority(&self, name: &str) -> i32 {
        self.0.iter().find(|(other, _)| **other == *name).map_or(NO_PRIORITY, |(_, priority)| *priority)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, i32)> {
        self.0.iter().map(|(name, priority)| (&**name, *priority))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }
}

/// A priority as it is kept.
pub(super) fn priority(number: i64) -> i32 {
    i32::try_from(number.clamp(-i64::from(PRIORITY_MOST), i64::from(PRIORITY_MOST))).unwrap_or_default()
}

/// Texts for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Texts {
    pub name: Option<String>,
    pub description: Option<String>,
}

/// A client, by its User Name.
#[derive(Clone, Debug, Default)]
pub(super) struct Client {
    pub texts: Texts,
    /// The only ClientId that it may come with.
    pub client_id: Option<Name>,
    pub password: Option<PasswordHash>,
    pub disabled: bool,
    pub roles: Ranked,
    pub groups: Ranked,
}

/// A group of clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub texts: Texts,
    pub roles: Ranked,
    /// Its clients; each has the group among its own, with a priority.
    pub clients: BTreeSet<Name>,
}

/// A role: a list of rules for each kind.
#[derive(Clone, Debug)]
pub(super) struct Role {
    pub texts: Texts,
    /// Filters with wildcards may be subscribed to.
    pub allow_wildcards: bool,
    pub acls: [Vec<Acl>; ACL_TYPES.len()],
}

impl Default for Role {
    fn default() -> Self {
        Role { texts: Texts::default(), allow_wildcards: true, acls: Default::default() }
    }
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Acl {
    pub topic: Box<str>,
    pub priority: i32,
    pub allow: bool,
}

/// Kinds of rules: places in [`Role::acls`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AclType {
    PublishSend,
    PublishReceive,
    SubscribeLiteral,
    SubscribePattern,
    UnsubscribeLiteral,
    UnsubscribePattern,
}

/// All kinds with their names, in the order of answers and files.
pub(super) const ACL_TYPES: [(AclType, &str); 6] = [
    (AclType::PublishSend, "publishClientSend"),
    (AclType::PublishReceive, "publishClientReceive"),
    (AclType::SubscribeLiteral, "subscribeLiteral"),
    (AclType::SubscribePattern, "subscribePattern"),
    (AclType::UnsubscribeLiteral, "unsubscribeLiteral"),
    (AclType::UnsubscribePattern, "unsubscribePattern"),
];

impl AclType {
    pub fn named(name: &str) -> Option<AclType> {
        ACL_TYPES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(kind, _)| *kind)
    }
}

impl Role {
    pub fn acls(&self, kind: AclType) -> &[Acl] {
        &self.acls[kind as usize]
    }

    /// Adds a rule behind those of its priority; `false` if there is one for this topic.
    pub fn add_acl(&mut self, kind: AclType, acl: Acl) -> bool {
        let acls = &mut self.acls[kind as usize];
        if acls.iter().any(|other| other.topic == acl.topic) {
            return false;
        }
        let at = acls.partition_point(|other| other.priority >= acl.priority);
        acls.insert(at, acl);
        true
    }

    /// Removes a rule; `false` if there is none.
    pub fn remove_acl(&mut self, kind: AclType, topic: &str) -> bool {
        let acls = &mut self.acls[kind as usize];
        let count = acls.len();
        acls.retain(|acl| *acl.topic != *topic);
        acls.len() != count
    }
}

impl Dynsec {
    /// Puts a client into a group; `false` if it is there.
    pub(super) fn join(&mut self, group: &str, client: &str, priority: i32) -> bool {
        let (Some(members), Some(member)) = (self.groups.get_mut(group), self.clients.get_mut(client)) else {
            return false;
        };
        members.clients.insert(client.into());
        member.groups.add(group, priority)
    }

    /// Takes a client out of a group; `false` if it wasn't in it.
    pub(super) fn leave(&mut self, group: &str, client: &str) -> bool {
        if let Some(members) = self.groups.get_mut(group) {
            members.clients.remove(client);
        }
        self.clients.get_mut(client).is_some_and(|member| member.groups.remove(group))
    }
}
