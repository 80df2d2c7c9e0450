//! `--match`, `--where`, `--changed`.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;

use crate::options::Selection;
use crate::protocol::Publish;

/// The conditions, and what `--changed` remembers.
pub struct Selector {
    selection: Selection,
    /// The last payload of each topic.
    last: HashMap<String, Vec<u8>>,
}

impl Selector {
    pub fn new(selection: &Selection) -> Self {
        Selector { selection: selection.clone(), last: HashMap::new() }
    }

    /// Whether a message fulfils every condition. Only one that fulfils the others counts for `--changed`.
    pub fn takes(&mut self, message: &Publish<'_>) -> bool {
        if self.selection.is_all() {
            return true;
        }
        let Selection { patterns, conditions, changed } = &self.selection;
        if !patterns.is_empty() {
            let text = text(message.payload);
            if !patterns.iter().all(|pattern| pattern.is_match(&text)) {
                return false;
            }
        }
        if !conditions.is_empty() {
            let Ok(document) = serde_json::from_slice::<Value>(message.payload) else { return false };
            if !conditions.iter().all(|condition| condition.holds(&document)) {
                return false;
            }
        }
        !*changed || self.has_changed(message)
    }

    fn has_changed(&mut self, message: &Publish<'_>) -> bool {
        match self.last.get_mut(message.topic) {
            Some(last) if last == message.payload => false,
            Some(last) => {
                message.payload.clone_into(last);
                true
            }
            None => {
                self.last.insert(message.topic.to_owned(), message.payload.to_vec());
                true
            }
        }
    }
}

/// A payload for a pattern: bytes that are no UTF-8 become replacement characters.
pub fn text(payload: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(payload)
}
