//! The ACL file: who may publish and receive what. A decision over text already read.
//!
//! The rules are mosquitto's: `deny` before everything else, then the first rule that allows; a named user has only
//! the rules of the own section and the patterns, a client without a User Name those before the first `user` line.

use std::collections::HashMap;
use std::fmt;

use foldhash::fast::RandomState;

/// What a client wants to do with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Get a message on it.
    Read,
    /// Publish to it.
    Write,
}

/// What a rule grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grant {
    Read,
    Write,
    Both,
    Deny,
}

impl Grant {
    fn covers(self, access: Access) -> bool {
        self == Grant::Both
            || self == Grant::Read && access == Access::Read
            || self == Grant::Write && access == Access::Write
    }
}

/// A level of a rule's filter.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Level {
    Literal(Box<str>),
    Plus,
    Hash,
    /// `%c`
    ClientId,
    /// `%u`
    UserName,
}

#[derive(Clone, Debug)]
struct Rule {
    levels: Vec<Level>,
    grant: Grant,
    /// Line of the file, for whoever asks which rule decided.
    line: usize,
}

/// Rules in the order in which they are asked: denials first, the last written of them first.
#[derive(Clone, Debug, Default)]
struct Rules(Vec<Rule>);

impl Rules {
    fn add(&mut self, rule: Rule) {
        match rule.grant {
            Grant::Deny => self.0.insert(0, rule),
            _ => self.0.push(rule),
        }
    }

    /// The first rule that decides, and what it says.
    fn decide(&self, who: &Who<'_>, topic: &str, access: Access) -> Option<(bool, usize)> {
        self.0
            .iter()
            .filter(|rule| rule.grant == Grant::Deny || rule.grant.covers(access))
            .find(|rule| matches(&rule.levels, topic, who))
            .map(|rule| (rule.grant != Grant::Deny, rule.line))
    }
}

/// A client, as rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// ClientId.
    pub client_id: &'a str,
    /// User Name, if it gave one.
    pub username: Option<&'a str>,
}

/// An ACL file.
#[derive(Clone, Debug, Default)]
pub struct Acl {
    anonymous: Rules,
    users: HashMap<Box<str>, Rules, RandomState>,
    patterns: Rules,
    /// Patterns without `%c` or `%u`, which are probably mistakes: line and filter.
    plain_patterns: Vec<(usize, Box<str>)>,
}

/// Why an ACL file can't be used, in mosquitto's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclError {
    /// The line, counted from 1.
    pub line: usize,
    message: String,
}

impl fmt::Display for AclError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AclError {}

impl Acl {
    /// Reads an ACL file. `file` is its name, for the errors.
    pub fn parse(text: &str, file: &str) -> Result<Acl, AclError> {
        let mut acl = Acl::default();
        let mut user: Option<Box<str>> = None;
        for (number, line) in text.split('\n').enumerate() {
            let line = Line { text: line, number: number + 1, file };
            acl.parse_line(&line, &mut user)?;
        }
        Ok(acl)
    }

    fn parse_line(&mut self, line: &Line<'_>, user: &mut Option<Box<str>>) -> Result<(), AclError> {
        if line.text.starts_with('#') {
            return Ok(());
        }
        let text = line.text.trim_start_matches([' ', '\t']).trim_end();
        if text.is_empty() {
            return Ok(());
        }
        let (keyword, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        let rest = rest.trim_start_matches([' ', '\t']);
        match keyword {
            "user" if rest.is_empty() => {
                Err(line.error(format_args!("Missing username in acl_file \"{}\".", line.file)))
            }
            "user" => {
                self.users.entry(rest.into()).or_default();
                *user = Some(rest.into());
                Ok(())
            }
            "topic" | "pattern" => {
                let pattern = keyword == "pattern";
                let rule = line.rule(rest, pattern)?;
                if pattern {
                    let named = |level: &Level| matches!(level, Level::ClientId | Level::UserName);
                    if !rule.levels.iter().any(named) {
                        self.plain_patterns.push((line.number, rest.into()));
                    }
                    self.patterns.add(rule);
                } else {
                    match user {
                        Some(user) => self.users.entry(user.clone()).or_default().add(rule),
                        None => self.anonymous.add(rule),
                    }
                }
                Ok(())
            }
            _ => Err(line.error(format_args!("Invalid line in acl_file \"{}\": {}.", line.file, text))),
        }
    }

    /// Patterns that name neither `%c` nor `%u`: line and text, to be warned about.
    pub fn plain_patterns(&self) -> impl Iterator<Item = (usize, &str)> {
        self.plain_patterns.iter().map(|(line, text)| (*line, &**text))
    }

    /// May this client do this?
    pub fn allows(&self, who: &Who<'_>, topic: &str, access: Access) -> bool {
        self.decide(who, topic, access).0
    }

    /// The decision, and the line of the rule that made it; `None` where no rule did, which means no.
    pub fn decide(&self, who: &Who<'_>, topic: &str, access: Access) -> (bool, Option<usize>) {
        let own = match who.username {
            Some(name) => self.users.get(name),
            None => Some(&self.anonymous),
        };
        if let Some((allowed, line)) = own.and_then(|rules| rules.decide(who, topic, access)) {
            return (allowed, Some(line));
        }
        // A name with wildcards in it would make a pattern match what it must not.
        if who.is_dangerous() {
            return (false, None);
        }
        match self.patterns.decide(who, topic, access) {
            Some((allowed, line)) => (allowed, Some(line)),
            None => (false, None),
        }
    }
}

impl Who<'_> {
    /// Whether ClientId or User Name could pass for a wildcard.
    pub fn is_dangerous(&self) -> bool {
        let bad = |name: &str| name.contains(['+', '#']);
        bad(self.client_id) || self.username.is_some_and(bad)
    }
}

struct Line<'a> {
    text: &'a str,
    number: usize,
    file: &'a str,
}

impl Line<'_> {
    fn error(&self, what: fmt::Arguments<'_>) -> AclError {
        AclError { line: self.number, message: format!("Error: {what}") }
    }

    /// `[read|write|readwrite|deny] FILTER`: where there are two words or more, the first must be an access.
    fn rule(&self, rest: &str, pattern: bool) -> Result<Rule, AclError> {
        let (grant, filter) = match rest.split_once([' ', '\t']) {
            None => (Grant::Both, rest),
            Some((word, filter)) => {
                let grant = match word {
                    "read" => Grant::Read,
                    "write" => Grant::Write,
                    "readwrite" => Grant::Both,
                    "deny" => Grant::Deny,
                    _ => {
                        let (word, file) = (word, self.file);
                        return Err(self.error(format_args!(
                            "Invalid topic access type \"{word}\" in acl_file \"{file}\"."
                        )));
                    }
                };
                (grant, filter.trim_start_matches([' ', '\t']))
            }
        };
        if filter.is_empty() {
            return Err(self.error(format_args!("Empty topic in acl_file \"{}\".", self.file)));
        }
        if !crate::protocol::topic::is_topic_filter(filter) {
            let file = self.file;
            return Err(self.error(format_args!("Invalid ACL topic \"{filter}\" in acl_file \"{file}\".")));
        }
        let level = |level: &str| match level {
            "+" => Level::Plus,
            "#" => Level::Hash,
            "%c" if pattern => Level::ClientId,
            "%u" if pattern => Level::UserName,
            literal => Level::Literal(literal.into()),
        };
        Ok(Rule { levels: filter.split('/').map(level).collect(), grant, line: self.number })
    }
}

/// Whether a rule's filter matches a topic; `%c` and `%u` stand for one whole level.
fn matches(levels: &[Level], topic: &str, who: &Who<'_>) -> bool {
    if topic.starts_with('$') && matches!(levels.first(), Some(Level::Plus | Level::Hash)) {
        return false;
    }
    let mut parts = topic.split('/');
    for level in levels {
        // "a/#" matches "a" as well: "#" needs no part of its own.
        if *level == Level::Hash {
            return true;
        }
        let Some(part) = parts.next() else { return false };
        let same = match level {
            Level::Literal(literal) => **literal == *part,
            Level::Plus | Level::Hash => true,
            Level::ClientId => !part.is_empty() && part == who.client_id,
            Level::UserName => !part.is_empty() && who.username == Some(part),
        };
        if !same {
            return false;
        }
    }
    parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# a comment
topic read public/#

user roger
topic foo/bar
topic read $SYS/#
topic write only/write
topic deny foo/bar/secret
topic foo/bar/#
user two words
topic read a b/c
pattern write devices/%c/up
pattern read users/%u/#
pattern deny users/%u/private
";

    fn acl() -> Acl {
        Acl::parse(FILE, "acl").unwrap()
    }

    fn who<'a>(client_id: &'a str, username: &'a str) -> Who<'a> {
        Who { client_id, username: Some(username).filter(|n| !n.is_empty()) }
    }

    fn may(client_id: &str, username: &str, topic: &str) -> (bool, bool) {
        let (acl, who) = (acl(), who(client_id, username));
        (acl.allows(&who, topic, Access::Read), acl.allows(&who, topic, Access::Write))
    }

    #[test]
    fn sections_and_patterns() {
        let cases = [
            ("c", "", "public/x", (true, false)),
            ("c", "", "public", (true, false)),
            ("c", "roger", "public/x", (false, false)),
            ("c", "roger", "foo/bar", (true, true)),
            ("c", "roger", "foo/bar/x", (true, true)),
            ("c", "roger", "foo/bar/secret", (false, false)),
            ("c", "roger", "only/write", (false, true)),
            ("c", "roger", "$SYS/broker/uptime", (true, false)),
            ("c", "two words", "a b/c", (true, false)),
            ("c1", "roger", "devices/c1/up", (false, true)),
            ("c1", "roger", "devices/c2/up", (false, false)),
            ("c", "roger", "users/roger/x", (true, false)),
            ("c", "roger", "users/roger/private", (false, false)),
            ("c", "nobody", "users/nobody/x", (true, false)),
            ("c", "", "users//x", (false, false)),
            ("c", "nobody", "foo/bar", (false, false)),
        ];
        for (client, user, topic, expected) in cases {
            assert_eq!(may(client, user, topic), expected, "{client} {user} {topic}");
        }
    }

    #[test]
    fn names_that_look_like_wildcards_match_no_pattern() {
        assert_eq!(may("+", "roger", "devices/+/up"), (false, false));
        assert_eq!(may("c", "#", "users/#/x"), (false, false));
        assert_eq!(may("+", "roger", "foo/bar"), (true, true), "the own section is asked before");
    }

    #[test]
    fn the_deciding_line_is_known() {
        let acl = acl();
        assert_eq!(acl.decide(&who("c", "roger"), "foo/bar/secret", Access::Read), (false, Some(8)));
        assert_eq!(acl.decide(&who("c", "roger"), "foo/bar", Access::Write), (true, Some(5)));
        assert_eq!(acl.decide(&who("c", "roger"), "x", Access::Write), (false, None));
    }

    #[test]
    fn a_file_of_comments_denies_everything() {
        let acl = Acl::parse("# nothing\n", "acl").unwrap();
        assert!(!acl.allows(&who("c", ""), "a", Access::Read));
    }

    #[test]
    fn wrong_lines_are_errors_in_mosquittos_words() {
        let error = |text: &str| {
            let error = Acl::parse(text, "F").unwrap_err();
            (error.line, error.to_string())
        };
        let cases = [
            ("topic", (1, "Error: Empty topic in acl_file \"F\".")),
            ("\ntopic a b", (2, "Error: Invalid topic access type \"a\" in acl_file \"F\".")),
            ("topic a#", (1, "Error: Invalid ACL topic \"a#\" in acl_file \"F\".")),
            ("user", (1, "Error: Missing username in acl_file \"F\".")),
            ("nonsense x", (1, "Error: Invalid line in acl_file \"F\": nonsense x.")),
            (" # x", (1, "Error: Invalid line in acl_file \"F\": # x.")),
        ];
        for (text, (line, message)) in cases {
            assert_eq!(error(text), (line, message.to_string()), "{text:?}");
        }
        assert!(Acl::parse("topic read", "F").is_ok(), "a filter named read");
    }

    #[test]
    fn filters_match_as_subscriptions_do() {
        for filter in ["a", "a/#", "+/b", "a/+/#", "#", "+", "/+", "$SYS/#", "a//b"] {
            let acl = Acl::parse(&format!("topic read {filter}"), "F").unwrap();
            for topic in ["a", "a/b", "a/b/c", "/a", "$SYS", "$SYS/x", "b", "a//b", "a/"] {
                let expected = crate::protocol::topic::matches(filter, topic);
                assert_eq!(acl.allows(&who("c", ""), topic, Access::Read), expected, "{filter} {topic}");
            }
        }
    }
}
