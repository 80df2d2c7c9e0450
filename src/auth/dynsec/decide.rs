//! May a client do this? Roles by priority, then groups and their roles, then the default.

use super::model::{AclType, Dynsec, Role};
use crate::auth::PasswordHash;
use crate::protocol::topic;

/// A client that wants to do something.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// ClientId.
    pub client_id: &'a str,
    /// User Name, if it gave one.
    pub username: Option<&'a str>,
}

/// What a client wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Publish on a topic.
    Send,
    /// Get a message on a topic.
    Receive,
    /// Subscribe with a filter.
    Subscribe,
    /// End a subscription.
    Unsubscribe,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allowed,
    /// No, whatever others say.
    Denied,
    /// Others may say; if nobody does, no.
    Defer,
}

impl Decision {
    fn of(allow: bool) -> Decision {
        if allow { Decision::Allowed } else { Decision::Denied }
    }
}

impl Dynsec {
    /// The password hash to check a client against. `None`: it may not come in, or isn't known here.
    pub fn password_of(&self, client_id: &str, username: &str) -> Option<&PasswordHash> {
        let client = self.clients.get(username)?;
        let id_fits = client.client_id.as_deref().is_none_or(|id| id == client_id);
        client.password.as_ref().filter(|_| !client.disabled && id_fits)
    }

    /// Whether there is a client of this User Name.
    pub fn knows(&self, username: &str) -> bool {
        self.clients.contains_key(username)
    }

    /// Some client's password, as an example of what checking costs.
    pub fn any_password(&self) -> Option<&PasswordHash> {
        self.clients.values().find_map(|client| client.password.as_ref())
    }

    /// May this client do this? `topic` is a filter where it subscribes.
    pub fn decide(&self, who: &Client<'_>, right: Right, topic: &str) -> Decision {
        let found = match who.username {
            None => self
                .anonymous_group
                .as_deref()
                .and_then(|group| self.groups.get(group))
                .and_then(|group| self.first(group.roles.names(), who, right, topic)),
            Some(name) => {
                let Some(client) = self.clients.get(name) else { return Decision::Defer };
                self.first(client.roles.names(), who, right, topic).or_else(|| {
                    let groups = client.groups.names().filter_map(|group| self.groups.get(group));
                    groups.into_iter().find_map(|group| self.first(group.roles.names(), who, right, topic))
                })
            }
        };
        match found {
            Some(allow) => Decision::of(allow),
            None if self.by_default(right) && !is_control(topic) => Decision::Allowed,
            None => Decision::Defer,
        }
    }

    fn by_default(&self, right: Right) -> bool {
        match right {
            Right::Send => self.default_access.publish_send,
            Right::Receive => self.default_access.publish_receive,
            Right::Subscribe => self.default_access.subscribe,
            Right::Unsubscribe => self.default_access.unsubscribe,
        }
    }

    /// What the first of these roles says that says anything.
    fn first<'a>(
        &self,
        roles: impl Iterator<Item = &'a str>,
        who: &Client<'_>,
        right: Right,
        topic: &str,
    ) -> Option<bool> {
        roles.filter_map(|role| self.roles.get(role)).find_map(|role| role.decide(who, right, topic))
    }
}

/// What nobody gets by default, shared or not.
fn is_control(topic: &str) -> bool {
    let filter = match topic::shared(topic) {
        Some(Ok((_, filter))) => filter,
        _ => topic,
    };
    filter.starts_with("$CONTROL")
}

impl Role {
    fn decide(&self, who: &Client<'_>, right: Right, topic: &str) -> Option<bool> {
        match right {
            Right::Send => self.publish(AclType::PublishSend, who, topic),
            Right::Receive => self.publish(AclType::PublishReceive, who, topic),
            Right::Subscribe if !self.allow_wildcards && topic.contains(['+', '#']) => Some(false),
            Right::Subscribe => self.filter(AclType::SubscribeLiteral, AclType::SubscribePattern, who, topic),
            Right::Unsubscribe => {
                self.filter(AclType::UnsubscribeLiteral, AclType::UnsubscribePattern, who, topic)
            }
        }
    }

    fn publish(&self, kind: AclType, who: &Client<'_>, topic: &str) -> Option<bool> {
        let acls = self.acls(kind);
        acls.iter().find(|acl| covers(&acl.topic, topic, who)).map(|acl| acl.allow)
    }

    fn filter(&self, literal: AclType, pattern: AclType, who: &Client<'_>, filter: &str) -> Option<bool> {
        let same = self.acls(literal).iter().find(|acl| *acl.topic == *filter);
        same.or_else(|| self.acls(pattern).iter().find(|acl| covers(&acl.topic, filter, who)))
            .map(|acl| acl.allow)
    }
}

/// Whether everything that `filter` (or topic) matches is matched by a rule's pattern; `%c` and `%u` stand for one
/// whole level each.
fn covers(pattern: &str, filter: &str, who: &Client<'_>) -> bool {
    if pattern.starts_with('$') != filter.starts_with('$') {
        return false;
    }
    let mut parts = filter.split('/');
    for level in pattern.split('/') {
        // "a/#" covers "a" as well: "#" needs no part of its own.
        if level == "#" {
            return true;
        }
        let Some(part) = parts.next() else { return false };
        let same = match level {
            "+" => part != "#",
            "%c" => is_name(part, who.client_id),
            "%u" => who.username.is_some_and(|name| is_name(part, name)),
            literal => literal == part,
        };
        if !same {
            return false;
        }
    }
    parts.next().is_none()
}

/// A name with wildcards in it would cover what it must not.
fn is_name(part: &str, name: &str) -> bool {
    !part.is_empty() && part == name && !name.contains(['+', '#'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_filters() {
        let who = Client { client_id: "c1", username: Some("bob") };
        let yes = [
            ("#", "a"),
            ("#", "#"),
            ("#", "+/a"),
            ("a/#", "a"),
            ("a/#", "a/#"),
            ("a/#", "a/+/b"),
            ("+", "+"),
            ("+", "a"),
            ("a/+/c", "a/b/c"),
            ("$SYS/#", "$SYS/broker/+"),
            ("d/%c/up", "d/c1/up"),
            ("d/%u/#", "d/bob/x"),
            ("%c", "c1"),
            ("", ""),
        ];
        let no = [
            ("+", "#"),
            ("a/+", "a/#"),
            ("a", "+"),
            ("a/b", "a"),
            ("a", "a/b"),
            ("#", "$SYS/#"),
            ("+/x", "$SYS/x"),
            ("$SYS/#", "+/x"),
            ("d/%c/up", "d/c2/up"),
            ("d/%c/up", "d/+/up"),
            ("d/%u", "d/%u"),
            ("pre-%c", "pre-c1"),
        ];
        for (pattern, filter) in yes {
            assert!(covers(pattern, filter, &who), "{pattern} {filter}");
        }
        for (pattern, filter) in no {
            assert!(!covers(pattern, filter, &who), "{pattern} {filter}");
        }
        let sly = Client { client_id: "+", username: Some("#") };
        assert!(!covers("d/%c/up", "d/+/up", &sly));
        assert!(!covers("d/%u", "d/#", &sly));
        let nobody = Client { client_id: "c1", username: None };
        assert!(!covers("%u", "", &nobody));
    }

    #[test]
    fn what_covers_a_topic_is_what_matches_it() {
        let who = Client { client_id: "c1", username: None };
        for filter in ["a", "a/#", "+/b", "a/+/#", "#", "+", "/+", "$SYS/#", "a//b", "$SYS/+/x"] {
            for topic in ["a", "a/b", "a/b/c", "/a", "$SYS", "$SYS/x", "b", "a//b", "a/", "$SYS/a/x"] {
                let expected = topic::matches(filter, topic);
                assert_eq!(covers(filter, topic, &who), expected, "{filter} {topic}");
            }
        }
    }
}
