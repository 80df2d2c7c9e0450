//! What a new file holds: at the first start of a broker, and of `dynsec init`.

use super::model::{Acl, AclType, Client, Dynsec, Group, Role};
use crate::auth::PasswordHash;

use AclType::{PublishReceive, PublishSend, SubscribePattern, UnsubscribePattern};

/// Everything with topics below a filter.
const ALL: [AclType; 4] = [PublishSend, PublishReceive, SubscribePattern, UnsubscribePattern];

/// Roles of a new file: name, what it is for, and what it allows.
const ROLES: [(&str, &str, &[AclType], &str); 7] = [
    ("client", "Read and write all ordinary topics", &ALL, "#"),
    ("broker-admin", "Commands about the broker", &ALL, "$CONTROL/broker/#"),
    ("dynsec-admin", "Commands about clients, groups and roles", &ALL, "$CONTROL/dynamic-security/#"),
    ("super-admin", "All commands", &ALL, "$CONTROL/#"),
    ("sys-notify", "Say the state of a bridge", &[PublishSend], "$SYS/broker/connection/%c/state"),
    ("sys-observe", "Read the broker's figures", &[PublishReceive, SubscribePattern], "$SYS/#"),
    (
        "topic-observe",
        "Read all ordinary topics",
        &[PublishReceive, SubscribePattern, UnsubscribePattern],
        "#",
    ),
];

impl Dynsec {
    /// What the broker starts with where there is no file: `admin`, perhaps `democlient`, and a group for those who
    /// come without a User Name.
    #[must_use]
    pub fn initial(admin: PasswordHash, democlient: Option<PasswordHash>) -> Dynsec {
        let mut dynsec = Dynsec::default();
        for (name, description, kinds, topic) in ROLES {
            let mut role = Role::default();
            role.texts.description = Some(description.to_owned());
            allow(&mut role, kinds, topic);
            dynsec.roles.insert(name.into(), role);
        }
        dynsec.add_client("admin", admin, &["super-admin", "sys-observe", "topic-observe"]);
        if let Some(password) = democlient {
            dynsec.add_client("democlient", password, &["client"]);
        }
        dynsec.groups.insert("unauthenticated".into(), Group::default());
        dynsec.anonymous_group = Some("unauthenticated".into());
        dynsec
    }

    /// What `dynsec init` writes: one client that may do nothing but administer, and look on.
    #[must_use]
    pub fn for_admin(username: &str, password: PasswordHash) -> Dynsec {
        let mut dynsec = Dynsec::default();
        let mut role = Role::default();
        allow(&mut role, &[PublishSend, PublishReceive, SubscribePattern], "$CONTROL/dynamic-security/#");
        for topic in ["$SYS/#", "#"] {
            allow(&mut role, &[PublishReceive, SubscribePattern], topic);
        }
        allow(&mut role, &[UnsubscribePattern], "#");
        dynsec.roles.insert("admin".into(), role);
        dynsec.add_client(username, password, &["admin"]);
        dynsec
    }

    /// Sets the password of a client of the file; `false`: there is no such client.
    pub fn set_password(&mut self, username: &str, password: PasswordHash) -> bool {
        match self.clients.get_mut(username) {
            Some(client) => {
                client.password = Some(password);
                self.change_index += 1;
                true
            }
            None => false,
        }
    }

    fn add_client(&mut self, name: &str, password: PasswordHash, roles: &[&str]) {
        let mut client = Client { password: Some(password), ..Client::default() };
        for role in roles {
            client.roles.add(role, super::model::NO_PRIORITY);
        }
        self.clients.insert(name.into(), client);
    }
}

fn allow(role: &mut Role, kinds: &[AclType], topic: &str) {
    for kind in kinds {
        role.add_acl(*kind, Acl { topic: topic.into(), priority: 0, allow: true });
    }
}
