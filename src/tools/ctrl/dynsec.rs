//! The module `dynsec`: from words to a command of dynamic security.

use serde_json::{Value, json};

use super::{NO_COMMAND, Request, Stop, print, prompt};
use crate::auth::dynsec::COMMAND_TOPIC;
use crate::options::atoi;

/// An argument of a command.
#[derive(Clone, Copy)]
enum Argument {
    /// A text, under this key.
    Text(&'static str),
    /// A text that may be missing.
    MaybeText(&'static str),
    /// A number that may be missing.
    MaybeNumber(&'static str),
    /// A kind of rule.
    AclType,
    /// `allow` or `deny`.
    Access,
}

use Argument::{Access, AclType, MaybeNumber, MaybeText, Text};

const USERNAME: Argument = Text("username");
const GROUPNAME: Argument = Text("groupname");
const ROLENAME: Argument = Text("rolename");
const PRIORITY: Argument = MaybeNumber("priority");
const PART: &[Argument] = &[MaybeNumber("count"), MaybeNumber("offset")];

/// A command: its name, its arguments, and how its answer is printed.
type Command = (&'static str, &'static [Argument], fn(&Value, bool));

const COMMANDS: &[Command] = &[
    ("addClientRole", &[USERNAME, ROLENAME, PRIORITY], print::nothing),
    ("addGroupClient", &[GROUPNAME, USERNAME, PRIORITY], print::nothing),
    ("addGroupRole", &[GROUPNAME, ROLENAME, PRIORITY], print::nothing),
    ("addRoleACL", &[ROLENAME, AclType, Text("topic"), Access, PRIORITY], print::nothing),
    ("createGroup", &[GROUPNAME], print::nothing),
    ("createRole", &[ROLENAME], print::nothing),
    ("deleteClient", &[USERNAME], print::nothing),
    ("deleteGroup", &[GROUPNAME], print::nothing),
    ("deleteRole", &[ROLENAME], print::nothing),
    ("disableClient", &[USERNAME], print::nothing),
    ("enableClient", &[USERNAME], print::nothing),
    ("getAnonymousGroup", &[], print::anonymous_group),
    ("getClient", &[USERNAME], print::client),
    ("getDefaultACLAccess", &[], print::default_access),
    ("getDetails", &[], print::details),
    ("getGroup", &[GROUPNAME], print::group),
    ("getRole", &[ROLENAME], print::role),
    ("listClients", PART, print::clients),
    ("listGroups", PART, print::groups),
    ("listRoles", PART, print::roles),
    ("removeClientRole", &[USERNAME, ROLENAME], print::nothing),
    ("removeGroupClient", &[GROUPNAME, USERNAME], print::nothing),
    ("removeGroupRole", &[GROUPNAME, ROLENAME], print::nothing),
    ("removeRoleACL", &[ROLENAME, AclType, Text("topic")], print::nothing),
    ("setAnonymousGroup", &[GROUPNAME], print::nothing),
    ("setClientId", &[USERNAME, MaybeText("clientid")], print::nothing),
];

const ACL_TYPES: [&str; 6] = [
    "publishClientSend",
    "publishClientReceive",
    "subscribeLiteral",
    "subscribePattern",
    "unsubscribeLiteral",
    "unsubscribePattern",
];
const DEFAULT_TYPES: [&str; 4] = ["publishClientSend", "publishClientReceive", "subscribe", "unsubscribe"];

/// The request of a command with its arguments.
pub(super) fn request(words: &[String]) -> Result<Request, Stop> {
    let (name, arguments) = (words[0].as_str(), &words[1..]);
    let (body, print): (Value, fn(&Value, bool)) = match name {
        "createClient" => (create_client(arguments)?, print::nothing),
        "setClientPassword" => (set_client_password(arguments)?, print::nothing),
        "setDefaultACLAccess" => (set_default_access(arguments)?, print::nothing),
        _ => {
            let Some((_, wanted, print)) = COMMANDS.iter().find(|(known, ..)| *known == name) else {
                return Err(Stop::new(format!("Command '{name}' not recognised."), NO_COMMAND));
            };
            (plain(name, wanted, arguments)?, *print)
        }
    };
    Ok(Request { topic: COMMAND_TOPIC, body, print })
}

fn plain(name: &str, wanted: &[Argument], arguments: &[String]) -> Result<Value, Stop> {
    let mut body = json!({ "command": name });
    let mut rest = arguments.iter().map(String::as_str);
    for argument in wanted {
        let word = rest.next();
        match (*argument, word) {
            (MaybeText(_) | MaybeNumber(_), None) => {}
            (_, None) => return Err(Stop::arguments()),
            (Text(key) | MaybeText(key), Some(word)) => body[key] = json!(word),
            (MaybeNumber(key), Some(word)) => body[key] = json!(atoi(word.as_bytes())),
            (AclType, Some(word)) if ACL_TYPES.iter().any(|known| known.eq_ignore_ascii_case(word)) => {
                body["acltype"] = json!(word);
            }
            (Access, Some("allow")) => body["allow"] = json!(true),
            (Access, Some("deny")) => body["allow"] = json!(false),
            (AclType | Access, Some(_)) => return Err(Stop::arguments()),
        }
    }
    if rest.next().is_some() { Err(Stop::arguments()) } else { Ok(body) }
}

/// `USERNAME [-i CLIENTID] [-p PASSWORD]`; mosquitto 2.0 calls the former `-c`.
fn create_client(arguments: &[String]) -> Result<Value, Stop> {
    let (username, mut rest) = arguments.split_first().ok_or_else(Stop::arguments)?;
    let mut body = json!({ "command": "createClient", "username": username });
    while let [flag, value, behind @ ..] = rest {
        match flag.as_str() {
            "-i" | "-c" => body["clientid"] = json!(value),
            "-p" => body["password"] = json!(value),
            _ => return Err(Stop::arguments()),
        }
        rest = behind;
    }
    if !rest.is_empty() {
        return Err(Stop::arguments());
    }
    if body.get("password").is_none() {
        let password = prompt::new_password(username, true)?;
        if !password.is_empty() {
            body["password"] = json!(password.as_str());
        }
    }
    Ok(body)
}

/// `USERNAME [PASSWORD]`
fn set_client_password(arguments: &[String]) -> Result<Value, Stop> {
    let (username, password) = match arguments {
        [username] => (username, prompt::new_password(username, false)?),
        [username, password] => (username, zeroize::Zeroizing::new(password.clone())),
        _ => return Err(Stop::arguments()),
    };
    Ok(json!({ "command": "setClientPassword", "username": username, "password": password.as_str() }))
}

/// `ACLTYPE allow|deny`
fn set_default_access(arguments: &[String]) -> Result<Value, Stop> {
    let [kind, access] = arguments else { return Err(Stop::arguments()) };
    let allow = match access.as_str() {
        "allow" => true,
        "deny" => false,
        _ => {
            let line =
                "Error: access must be \"allow\" or \"deny\".\nError: Invalid function arguments provided.";
            return Err(Stop::new(line, super::ARGUMENTS));
        }
    };
    if !DEFAULT_TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        return Err(Stop::arguments());
    }
    Ok(json!({ "command": "setDefaultACLAccess", "acls": [{ "acltype": kind, "allow": allow }] }))
}

/// What `dynsec help` prints.
pub(super) const HELP: &str = "\
Dynamic Security module
=======================

Without a broker
----------------
New file with an administrator:    init                FILE USERNAME [PASSWORD]
Password in a file (-f FILE):      setClientPassword   USERNAME [PASSWORD]

General
-------
How much there is:                 getDetails
Default access:                    getDefaultACLAccess
                                   setDefaultACLAccess DEFAULTTYPE allow|deny
Group of clients without a name:   getAnonymousGroup
                                   setAnonymousGroup   GROUPNAME

Clients
-------
New client:                        createClient        USERNAME [-i CLIENTID] [-p PASSWORD]
Delete a client:                   deleteClient        USERNAME
Let it in, or not:                 enableClient        USERNAME
                                   disableClient       USERNAME
Its password:                      setClientPassword   USERNAME [PASSWORD]
The only ClientId it may have:     setClientId         USERNAME [CLIENTID]
Its roles:                         addClientRole       USERNAME ROLENAME [PRIORITY]
                                   removeClientRole    USERNAME ROLENAME
Show it, or list all:              getClient           USERNAME
                                   listClients         [COUNT [OFFSET]]

Groups
------
New group:                         createGroup         GROUPNAME
Delete a group:                    deleteGroup         GROUPNAME
Its roles:                         addGroupRole        GROUPNAME ROLENAME [PRIORITY]
                                   removeGroupRole     GROUPNAME ROLENAME
Its clients:                       addGroupClient      GROUPNAME USERNAME [PRIORITY]
                                   removeGroupClient   GROUPNAME USERNAME
Show it, or list all:              getGroup            GROUPNAME
                                   listGroups          [COUNT [OFFSET]]

Roles
-----
New role:                          createRole          ROLENAME
Delete a role:                     deleteRole          ROLENAME
Its rules:                         addRoleACL          ROLENAME ACLTYPE FILTER allow|deny [PRIORITY]
                                   removeRoleACL       ROLENAME ACLTYPE FILTER
Show it, or list all:              getRole             ROLENAME
                                   listRoles           [COUNT [OFFSET]]

What has the higher PRIORITY is asked first.
ACLTYPE:     publishClientSend, publishClientReceive, subscribeLiteral, subscribePattern,
             unsubscribeLiteral, unsubscribePattern
DEFAULTTYPE: publishClientSend, publishClientReceive, subscribe, unsubscribe
";
