//! The trail of a message: the brokers that it has passed, in a User Property of our own.
//!
//! Only brokers of ours that are joined by a bridge say it to each other, and to nobody else. It keeps messages from
//! going round where bridges form a ring.

use super::{Properties, PropertyId, wire};

/// The User Property with the names of the brokers that a message has passed, with spaces between.
pub const TRAIL: &str = "mqtt-broker-trail";
/// The User Property by which a broker tells another its name: in CONNACK, and by a bridge in SUBSCRIBE.
pub const BROKER_NAME: &str = "mqtt-broker-name";

/// Whether a broker is in a trail.
pub fn has_passed(trail: &str, broker: &str) -> bool {
    trail.split(' ').any(|passed| passed == broker)
}

impl<'a> Properties<'a> {
    /// The trail, if there is one.
    pub fn trail(self) -> Option<&'a str> {
        self.own(TRAIL)
    }

    /// The name of the broker that says this.
    pub fn broker_name(self) -> Option<&'a str> {
        self.own(BROKER_NAME)
    }

    fn own(self, name: &str) -> Option<&'a str> {
        self.user_properties().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Appends all but some to `out`, the trail at the end; returns how many bytes of it are the trail's.
    pub fn raw_with_trail_last(self, skip: &[PropertyId], out: &mut Vec<u8>) -> usize {
        let mut trail = None;
        for (id, value) in self.entries() {
            if is_trail(id, value) {
                trail = Some(value);
            } else if !skip.contains(&id) {
                out.push(id as u8);
                out.extend_from_slice(value);
            }
        }
        let Some(value) = trail else { return 0 };
        out.push(PropertyId::UserProperty as u8);
        out.extend_from_slice(value);
        1 + value.len()
    }

    /// All but a trail at the end.
    pub fn without_last_trail(self) -> Self {
        Properties::from_raw(&self.raw()[..self.raw().len() - self.trail_length()])
    }

    /// How many bytes at the end are a trail.
    pub fn trail_length(self) -> usize {
        let last = self.entries().last();
        last.filter(|(id, value)| is_trail(*id, value)).map_or(0, |(_, value)| 1 + value.len())
    }
}

fn is_trail(id: PropertyId, mut value: &[u8]) -> bool {
    id == PropertyId::UserProperty && wire::read_str(&mut value).is_ok_and(|name| name == TRAIL)
}

#[cfg(test)]
mod tests {
    use super::super::{PropertiesBuf, Property};
    use super::*;

    #[test]
    fn it_goes_to_the_end_and_is_found_there() {
        let all: PropertiesBuf = [
            Property::UserProperty("k", "v"),
            Property::UserProperty(TRAIL, "a b"),
            Property::TopicAlias(1),
            Property::ContentType("t"),
        ]
        .into_iter()
        .collect();
        let all = all.as_properties();
        assert_eq!((all.trail(), all.broker_name()), (Some("a b"), None));
        assert_eq!(all.trail_length(), 0, "it isn't the last one");
        let mut raw = Vec::new();
        let length = all.raw_with_trail_last(&[PropertyId::TopicAlias], &mut raw);
        let moved = Properties::from_raw(&raw);
        assert_eq!(moved.trail_length(), length);
        let visible: Vec<String> =
            Properties::from_raw(&raw[..raw.len() - length]).iter().map(|p| format!("{p:?}")).collect();
        assert_eq!(visible, ["UserProperty(\"k\", \"v\")", "ContentType(\"t\")"]);
        assert_eq!(moved.trail(), Some("a b"));
        let none = moved.without_last_trail();
        assert_eq!(none.iter().count(), 2);
        assert_eq!((none.trail(), none.trail_length()), (None, 0));
        assert!(has_passed("a b", "b") && !has_passed("ab", "b") && !has_passed("", "b"));
    }
}
