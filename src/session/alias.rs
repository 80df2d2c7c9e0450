//! Topic Aliases (5.0): small numbers in place of Topic Names, for one connection and one direction.

use hashbrown::HashMap;

/// Aliases that the other side has set.
#[derive(Debug, Default)]
pub struct InboundAliases {
    names: Vec<Option<Box<str>>>,
    /// The Topic Alias Maximum that we announced.
    maximum: u16,
}

impl InboundAliases {
    /// Accepts aliases 1..=`maximum`.
    pub fn new(maximum: u16) -> Self {
        InboundAliases { names: Vec::new(), maximum }
    }

    /// Whether an alias is within what was announced `[MQTT-3.3.2-8]`, `[MQTT-3.3.2-9]`.
    pub fn is_allowed(&self, alias: u16) -> bool {
        alias != 0 && alias <= self.maximum
    }

    /// Sets an alias to a Topic Name; it may be set anew. The alias must be allowed.
    pub fn set(&mut self, alias: u16, topic: &str) {
        if !self.is_allowed(alias) {
            return;
        }
        let index = usize::from(alias) - 1;
        if self.names.len() <= index {
            self.names.resize(index + 1, None);
        }
        if self.names[index].as_deref() != Some(topic) {
            self.names[index] = Some(topic.into());
        }
    }

    /// The Topic Name an alias stands for.
    pub fn get(&self, alias: u16) -> Option<&str> {
        self.names.get(usize::from(alias).checked_sub(1)?)?.as_deref()
    }
}

/// How a Topic Name goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboundAlias {
    /// In full, without an alias: all are taken.
    None,
    /// In full, and from now on this alias stands for it.
    New(u16),
    /// Empty: the alias is known to the other side.
    Known(u16),
}

/// Aliases that we set towards the other side: the first topics of a connection get them for good.
#[derive(Debug, Default)]
pub struct OutboundAliases {
    numbers: HashMap<Box<str>, u16, foldhash::fast::RandomState>,
    maximum: u16,
}

impl OutboundAliases {
    /// Hands out aliases 1..=`maximum` (the lower of the other side's Topic Alias Maximum and our own limit).
    pub fn new(maximum: u16) -> Self {
        OutboundAliases { numbers: HashMap::default(), maximum }
    }

    /// The alias for a Topic Name; if it has none yet and the packet has room for one more, a free one is taken.
    pub fn alias(&mut self, topic: &str, room: bool) -> OutboundAlias {
        if self.maximum == 0 {
            return OutboundAlias::None;
        }
        if let Some(&number) = self.numbers.get(topic) {
            return OutboundAlias::Known(number);
        }
        if !room || self.numbers.len() >= usize::from(self.maximum) {
            return OutboundAlias::None;
        }
        let number = self.numbers.len() as u16 + 1;
        self.numbers.insert(topic.into(), number);
        OutboundAlias::New(number)
    }

    /// Whether aliases are in use at all.
    pub fn is_enabled(&self) -> bool {
        self.maximum != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inbound_aliases_are_bounded_and_may_change() {
        let mut aliases = InboundAliases::new(2);
        assert!(!aliases.is_allowed(0) && !aliases.is_allowed(3));
        aliases.set(2, "a");
        assert_eq!((aliases.get(1), aliases.get(2), aliases.get(0)), (None, Some("a"), None));
        aliases.set(2, "b");
        assert_eq!(aliases.get(2), Some("b"));
        aliases.set(9, "c");
        assert_eq!(aliases.get(9), None);
    }

    #[test]
    fn outbound_aliases_go_to_the_first_topics() {
        let mut aliases = OutboundAliases::new(2);
        assert_eq!(aliases.alias("a", false), OutboundAlias::None);
        assert_eq!(aliases.alias("a", true), OutboundAlias::New(1));
        assert_eq!(aliases.alias("b", true), OutboundAlias::New(2));
        assert_eq!(aliases.alias("c", true), OutboundAlias::None);
        assert_eq!(aliases.alias("a", false), OutboundAlias::Known(1));
    }
}
