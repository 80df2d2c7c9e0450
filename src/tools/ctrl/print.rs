//! Answers for people, laid out as mosquitto_ctrl does.

use std::fmt::Write;

use serde_json::Value;

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Nothing: a change has no data.
pub(super) fn nothing(_: &Value, _: bool) {}

/// The names of a list.
fn names(data: &Value, key: &str) {
    let lines: String =
        list(data, key).iter().filter_map(Value::as_str).map(|name| format!("{name}\n")).collect();
    super::say(&lines);
}

pub(super) fn clients(data: &Value, _: bool) {
    names(data, "clients");
}

pub(super) fn groups(data: &Value, _: bool) {
    names(data, "groups");
}

pub(super) fn roles(data: &Value, _: bool) {
    names(data, "roles");
}

/// Entries below each other behind a label; nothing where there are none.
fn column(out: &mut String, label: &str, width: usize, entries: impl Iterator<Item = String>) {
    for (index, entry) in entries.enumerate() {
        let label = if index == 0 { label } else { "" };
        let _ = writeln!(out, "{label:width$}{entry}");
    }
}

/// Names with their priorities; -1 where none was given.
fn ranked<'a>(object: &'a Value, key: &str, name: &'a str) -> impl Iterator<Item = String> + use<'a> {
    list(object, key).iter().map(move |entry| {
        let priority = entry.get("priority").and_then(Value::as_i64).unwrap_or(-1);
        format!("{} (priority: {priority})", text(entry, name))
    })
}

fn texts(out: &mut String, object: &Value, width: usize, verbose: bool) {
    if verbose {
        column(
            out,
            "Name:",
            width,
            [text(object, "textname").to_owned()].into_iter().filter(|t| !t.is_empty()),
        );
        let description = [text(object, "textdescription").to_owned()].into_iter().filter(|t| !t.is_empty());
        column(out, "About:", width, description);
    }
}

pub(super) fn client(data: &Value, verbose: bool) {
    let client = &data["client"];
    let mut out = format!("Username: {}\n", text(client, "username"));
    let _ = writeln!(out, "{}", format!("Clientid: {}", text(client, "clientid")).trim_end());
    texts(&mut out, client, 10, verbose);
    if client.get("disabled").and_then(Value::as_bool) == Some(true) {
        out.push_str("Disabled: true\n");
    }
    column(&mut out, "Roles:", 10, ranked(client, "roles", "rolename"));
    column(&mut out, "Groups:", 10, ranked(client, "groups", "groupname"));
    let addresses = list(client, "connections").iter().map(|entry| text(entry, "address").to_owned());
    if verbose {
        column(&mut out, "From:", 10, addresses);
    }
    super::say(&out);
}

pub(super) fn group(data: &Value, verbose: bool) {
    let group = &data["group"];
    let mut out = format!("Groupname: {}\n", text(group, "groupname"));
    texts(&mut out, group, 11, verbose);
    column(&mut out, "Roles:", 11, ranked(group, "roles", "rolename"));
    let clients = list(group, "clients").iter().map(|entry| text(entry, "username").to_owned());
    column(&mut out, "Clients:", 11, clients);
    super::say(&out);
}

pub(super) fn role(data: &Value, verbose: bool) {
    let role = &data["role"];
    let mut out = format!("Rolename: {}\n", text(role, "rolename"));
    texts(&mut out, role, 10, verbose);
    if verbose && let Some(allow) = role.get("allowwildcardsubs").and_then(Value::as_bool) {
        let _ = writeln!(out, "Wildcard subscriptions: {}", access(allow));
    }
    let acls = list(role, "acls").iter().map(|acl| {
        let allow = access(acl.get("allow").and_then(Value::as_bool).unwrap_or(false));
        let priority = acl.get("priority").and_then(Value::as_i64).unwrap_or(0);
        format!("{:20} : {allow:5} : {} (priority: {priority})", text(acl, "acltype"), text(acl, "topic"))
    });
    column(&mut out, "ACLs:", 10, acls);
    super::say(&out);
}

fn access(allow: bool) -> &'static str {
    if allow { "allow" } else { "deny" }
}

pub(super) fn anonymous_group(data: &Value, _: bool) {
    super::say(&format!("{}\n", text(&data["group"], "groupname")));
}

pub(super) fn default_access(data: &Value, _: bool) {
    let line = |acl: &Value| {
        let allow = acl.get("allow").and_then(Value::as_bool).unwrap_or(false);
        format!("{:20} : {}\n", text(acl, "acltype"), access(allow))
    };
    super::say(&list(data, "acls").iter().map(line).collect::<String>());
}

pub(super) fn details(data: &Value, _: bool) {
    let number = |key: &str| data.get(key).and_then(Value::as_u64).unwrap_or(0);
    super::say(&format!(
        "Clients:      {}\nGroups:       {}\nRoles:        {}\nChange index: {}\n",
        number("clientCount"),
        number("groupCount"),
        number("roleCount"),
        number("changeIndex")
    ));
}

pub(super) fn plugins(data: &Value, _: bool) {
    let mut out = String::new();
    for plugin in list(data, "plugins") {
        let _ = writeln!(out, "Plugin:            {}", text(plugin, "name"));
        let version = [text(plugin, "version").to_owned()].into_iter().filter(|t| !t.is_empty());
        column(&mut out, "Version:", 19, version);
        let endpoints = list(plugin, "control-endpoints").iter().filter_map(Value::as_str).map(str::to_owned);
        column(&mut out, "Control endpoints:", 19, endpoints);
    }
    super::say(&out);
}

pub(super) fn listeners(data: &Value, _: bool) {
    let mut out = String::new();
    for (index, listener) in list(data, "listeners").iter().enumerate() {
        let _ = writeln!(out, "Listener {}:", index + 1);
        let port = listener.get("port").and_then(Value::as_u64).unwrap_or(0);
        let _ = writeln!(out, "  Port:              {port}");
        for (label, key) in
            [("Protocol", "protocol"), ("Socket path", "socket-path"), ("Bind address", "bind-address")]
        {
            let value = [text(listener, key).to_owned()].into_iter().filter(|t| !t.is_empty());
            column(&mut out, &format!("  {label}:"), 21, value);
        }
        let tls = listener.get("tls").and_then(Value::as_bool).unwrap_or(false);
        let _ = writeln!(out, "  TLS:               {tls}\n");
    }
    super::say(&out);
}
