//! `--where`: a place in a JSON payload, and what must be true of it.

use std::cmp::Ordering;

use regex_lite::Regex;
use serde_json::Value;

use super::JsonPath;

/// How the value found is compared.
#[derive(Clone, Debug)]
pub enum Comparison {
    /// It is there, and neither `false` nor `null`.
    IsThere,
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`: these orderings are wanted.
    Order(&'static [Ordering], Value),
    /// `!=`: another value, or one that can't be compared.
    Differs(Value),
    /// `~`: a string that matches.
    Matches(Regex),
}

/// One condition.
#[derive(Clone, Debug)]
pub struct Condition {
    path: JsonPath,
    comparison: Comparison,
}

/// Operators; those that begin with another one come first.
const OPERATORS: &[(&str, &[Ordering])] = &[
    ("==", &[Ordering::Equal]),
    ("!=", &[]),
    ("<=", &[Ordering::Less, Ordering::Equal]),
    (">=", &[Ordering::Greater, Ordering::Equal]),
    ("=", &[Ordering::Equal]),
    ("<", &[Ordering::Less]),
    (">", &[Ordering::Greater]),
    ("~", &[]),
];

impl Condition {
    /// Reads one. `None`: a place or a value is missing, or the pattern is none.
    pub(in crate::options) fn read(text: &str) -> Option<Condition> {
        let Some(at) = text.find(['=', '!', '<', '>', '~']) else {
            let path = text.trim();
            return (!path.is_empty())
                .then(|| Condition { path: JsonPath::new(path), comparison: Comparison::IsThere });
        };
        let (path, rest) = (text[..at].trim(), &text[at..]);
        let (operator, orders) = OPERATORS.iter().find(|(operator, _)| rest.starts_with(operator))?;
        let value = rest[operator.len()..].trim();
        if path.is_empty() || value.is_empty() {
            return None;
        }
        let comparison = match *operator {
            "~" => Comparison::Matches(Regex::new(value).ok()?),
            "!=" => Comparison::Differs(value_of(value)),
            _ => Comparison::Order(orders, value_of(value)),
        };
        Some(Condition { path: JsonPath::new(path), comparison })
    }

    /// Whether it is true of a document.
    #[must_use]
    pub fn holds(&self, document: &Value) -> bool {
        let found = self.path.find(document);
        match (&self.comparison, found) {
            (_, None) => false,
            (Comparison::IsThere, Some(value)) => !matches!(value, Value::Null | Value::Bool(false)),
            (Comparison::Order(wanted, value), Some(found)) => {
                order(found, value).is_some_and(|order| wanted.contains(&order))
            }
            (Comparison::Differs(value), Some(found)) => order(found, value) != Some(Ordering::Equal),
            (Comparison::Matches(pattern), Some(Value::String(text))) => pattern.is_match(text),
            (Comparison::Matches(pattern), Some(other)) => pattern.is_match(&other.to_string()),
        }
    }
}

/// A value as it is written: JSON, or else a string.
pub(super) fn value_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// Numbers by size, strings by their letters; otherwise equal or nothing.
fn order(found: &Value, wanted: &Value) -> Option<Ordering> {
    match (found, wanted) {
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (a, b) => (a == b).then_some(Ordering::Equal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_or_not() {
        let document: Value =
            serde_json::from_str(r#"{"a":{"b":3.5},"on":true,"off":false,"name":"door 1","n":null}"#)
                .unwrap();
        for (text, holds) in [
            ("a.b > 3", true),
            ("a.b>3.5", false),
            ("a.b >= 3.5", true),
            ("a.b < 1e3", true),
            ("a.b == 3.5", true),
            ("a.b = 3.50", true),
            ("a.b != 3", true),
            ("name = door 1", true),
            (r#"name = "door 1""#, true),
            ("name ~ ^door [0-9]$", true),
            ("a.b ~ ^3", true),
            ("name > 3", false),
            ("name != 3", true),
            ("on", true),
            ("off", false),
            ("n", false),
            ("missing", false),
            ("missing != 3", false),
            ("on = true", true),
            ("n = null", true),
        ] {
            assert_eq!(Condition::read(text).unwrap().holds(&document), holds, "{text}");
        }
        let number = Value::from(21);
        assert!(Condition::read(". > 20").unwrap().holds(&number));
    }

    #[test]
    fn what_is_no_condition() {
        for text in ["", "a >", "> 3", "a ~ (", "!"] {
            assert!(Condition::read(text).is_none(), "{text}");
        }
    }
}
