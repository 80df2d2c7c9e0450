//! The `topic` lines: which topics go which way, and what they are called on the other side.

use crate::config::BridgeTopic;
use crate::protocol::{QoS, topic};

/// One line, with its filters put together.
#[derive(Debug)]
pub(super) struct Line {
    pub local_filter: String,
    pub remote_filter: String,
    local_prefix: String,
    remote_prefix: String,
    pub is_out: bool,
    pub is_in: bool,
    pub qos: QoS,
    /// The prefixes are the whole topic.
    exact: bool,
}

/// All lines of a bridge.
#[derive(Debug, Default)]
pub(super) struct Topics {
    lines: Vec<Line>,
    /// The last topic of each way and what it became, so that a topic that repeats costs one compare.
    last: [(String, String); 2],
    /// No line has a prefix: every topic stays as it is.
    plain: bool,
    /// There are lines for either way.
    both_ways: bool,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
}

impl Topics {
    pub fn new(topics: &[BridgeTopic]) -> Self {
        let line = |topic: &BridgeTopic| Line {
            local_filter: topic.local_filter(),
            remote_filter: topic.remote_filter(),
            local_prefix: topic.local_prefix.clone().unwrap_or_default(),
            remote_prefix: topic.remote_prefix.clone().unwrap_or_default(),
            is_out: topic.is_out(),
            is_in: topic.is_in(),
            qos: topic.qos,
            exact: topic.pattern.is_none(),
        };
        let lines: Vec<Line> = topics.iter().map(line).collect();
        let plain = lines.iter().all(|line| line.local_prefix.is_empty() && line.remote_prefix.is_empty());
        let both_ways = lines.iter().any(|line| line.is_in) && lines.iter().any(|line| line.is_out);
        Topics { lines, last: Default::default(), plain, both_ways }
    }

    /// All lines, in their order.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Messages go out and come in.
    pub fn go_both_ways(&self) -> bool {
        self.both_ways
    }

    /// The name on the other side: the first line that has a prefix and matches says it; without one it is the same.
    pub fn map<'a>(&'a mut self, way: Way, topic: &'a str) -> &'a str {
        if self.plain {
            return topic;
        }
        let last = &mut self.last[way as usize];
        if last.0 != topic || last.0.is_empty() {
            last.0.clear();
            last.0.push_str(topic);
            last.1.clear();
            match self.lines.iter().find(|line| line.maps(way, topic)) {
                Some(line) => line.rename(way, topic, &mut last.1),
                None => last.1.push_str(topic),
            }
        }
        &last.1
    }
}

impl Line {
    fn maps(&self, way: Way, name: &str) -> bool {
        let (goes, filter) = match way {
            Way::In => (self.is_in, &self.remote_filter),
            Way::Out => (self.is_out, &self.local_filter),
        };
        let prefixed = !self.local_prefix.is_empty() || !self.remote_prefix.is_empty();
        goes && prefixed && topic::matches(filter, name)
    }

    fn rename(&self, way: Way, name: &str, out: &mut String) {
        let (strip, add) = match way {
            Way::In => (&self.remote_prefix, &self.local_prefix),
            Way::Out => (&self.local_prefix, &self.remote_prefix),
        };
        out.push_str(add);
        if !self.exact {
            out.push_str(name.strip_prefix(strip.as_str()).unwrap_or(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Direction;

    fn topics(lines: &[(&str, Direction, &str, &str)]) -> Topics {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let lines = lines.iter().map(|(pattern, direction, local, remote)| BridgeTopic {
            pattern: some(pattern),
            direction: *direction,
            qos: QoS::AtMostOnce,
            local_prefix: some(local),
            remote_prefix: some(remote),
        });
        Topics::new(&lines.collect::<Vec<_>>())
    }

    #[test]
    fn prefixes_are_exchanged() {
        let mut t = topics(&[
            ("#", Direction::Both, "local/", "remote/"),
            ("temp", Direction::In, "home/", "site7/"),
            ("+/cmd", Direction::In, "", "plant/"),
            ("", Direction::Out, "status/me", "sites/17"),
        ]);
        for (way, from, to) in [
            (Way::Out, "local/x/y", "remote/x/y"),
            (Way::Out, "local/x/y", "remote/x/y"),
            (Way::In, "remote/x", "local/x"),
            (Way::In, "site7/temp", "home/temp"),
            (Way::Out, "home/temp", "home/temp"),
            (Way::In, "plant/p1/cmd", "p1/cmd"),
            (Way::Out, "status/me", "sites/17"),
            (Way::In, "sites/17", "sites/17"),
            (Way::In, "else", "else"),
            (Way::Out, "local", "remote/local"),
        ] {
            assert_eq!(t.map(way, from), to, "{way:?} {from}");
        }
    }

    #[test]
    fn the_first_line_with_a_prefix_that_matches_counts() {
        let mut t = topics(&[
            ("a/#", Direction::Out, "", ""),
            ("a/b", Direction::Out, "", "first/"),
            ("a/+", Direction::Out, "", "second/"),
        ]);
        assert_eq!(t.map(Way::Out, "a/b"), "first/a/b");
        assert_eq!(t.map(Way::Out, "a/c"), "second/a/c");
        assert_eq!(t.map(Way::Out, "a/c/d"), "a/c/d");
    }
}
