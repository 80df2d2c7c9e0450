//! A place in a JSON document: `a.b`, `list[0].name`, or `.` for the whole.

use std::fmt;

use serde_json::Value;

/// Names and indexes, from the outside in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath {
    text: String,
    steps: Vec<String>,
}

impl JsonPath {
    /// Reads one. Whatever is written is one: names hold anything but dots and brackets.
    #[must_use]
    pub fn new(text: &str) -> JsonPath {
        let names = text.split(['.', '[', ']']).filter(|name| !name.is_empty());
        JsonPath { text: text.to_owned(), steps: names.map(str::to_owned).collect() }
    }

    /// What stands there.
    #[must_use]
    pub fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.steps.iter().try_fold(document, |value, step| match value {
            Value::Object(fields) => fields.get(step),
            Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        })
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found() {
        let document: Value = serde_json::from_str(r#"{"a":{"b":[1,{"c":"x"}]},"0":true}"#).unwrap();
        let found = |path: &str| JsonPath::new(path).find(&document).map(ToString::to_string);
        assert_eq!(found("a.b[0]").as_deref(), Some("1"));
        assert_eq!(found("a.b.1.c").as_deref(), Some("\"x\""));
        assert_eq!(found(".a.b[1].c").as_deref(), Some("\"x\""));
        assert_eq!(found("0").as_deref(), Some("true"));
        assert_eq!(found("."), Some(document.to_string()));
        assert_eq!(found("a.c"), None);
        assert_eq!(found("a.b[7]"), None);
        assert_eq!(found("a.b.x"), None);
    }
}
