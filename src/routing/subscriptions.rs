//! The subscriptions of all sessions: who subscribes to which Topic Filter, plain or shared.

use super::tree::{NodeId, TopicTree};
use crate::protocol::{QoS, SubscriptionOptions};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;
use std::hash::BuildHasher;

/// One session's subscription to one filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// The session's number in the broker.
    pub session: u32,
    /// Subscription Identifier `[MQTT-3.8.2.1.2]`; 0 is none.
    pub identifier: u32,
    /// Maximum QoS of the subscription.
    pub qos: QoS,
    /// Not to the session that published it `[MQTT-3.8.3-3]`.
    pub no_local: bool,
    /// The RETAIN flag goes out as it came in.
    pub retain_as_published: bool,
}

impl Subscriber {
    /// A subscription with its options.
    pub fn new(session: u32, identifier: u32, options: SubscriptionOptions) -> Self {
        Subscriber {
            session,
            identifier,
            qos: options.qos,
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
        }
    }
}

/// The members of a shared subscription `[MQTT-4.8.2]`: the same ShareName and filter.
#[derive(Debug)]
pub struct ShareGroup {
    name: Box<str>,
    /// Members in the order in which they joined.
    pub members: Vec<Subscriber>,
    /// Index of the member whose turn it is.
    pub turn: usize,
}

/// The shared subscriptions of one filter, by ShareName: a stranger may make any number of them.
#[derive(Debug, Default)]
struct Groups {
    list: Vec<ShareGroup>,
    by_name: HashTable<u32>,
}

impl Groups {
    fn find(&self, hash: u64, name: &str) -> Option<usize> {
        self.by_name.find(hash, |&at| *self.list[at as usize].name == *name).map(|&at| at as usize)
    }

    fn get_or_insert(&mut self, hasher: &RandomState, name: &str) -> &mut ShareGroup {
        let hash = hasher.hash_one(name);
        let at = self.find(hash, name).unwrap_or_else(|| {
            self.list.push(ShareGroup { name: name.into(), members: Vec::new(), turn: 0 });
            let (list, last) = (&self.list, self.list.len() - 1);
            self.by_name.insert_unique(hash, last as u32, |&at| hasher.hash_one(&*list[at as usize].name));
            last
        });
        &mut self.list[at]
    }

    /// Removes one; the last takes its place.
    fn remove(&mut self, hasher: &RandomState, hash: u64, at: usize) {
        if let Ok(entry) = self.by_name.find_entry(hash, |&entry| entry as usize == at) {
            entry.remove();
        }
        self.list.swap_remove(at);
        let moved = self.list.len();
        if let Some(group) = self.list.get(at)
            && let Some(entry) =
                self.by_name.find_mut(hasher.hash_one(&*group.name), |&e| e as usize == moved)
        {
            *entry = at as u32;
        }
    }
}

#[derive(Debug, Default)]
struct Here {
    plain: SmallVec<[Subscriber; 1]>,
    // Rare, so one pointer in the common case.
    shared: Option<Box<Groups>>,
}

impl Here {
    fn is_vacant(&self) -> bool {
        self.plain.is_empty() && self.shared.is_none()
    }
}

/// Where a shared subscription is kept; valid while the generation of [`Subscriptions`] is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupRef {
    node: NodeId,
    index: u32,
}

/// All subscriptions.
#[derive(Debug, Default)]
pub struct Subscriptions {
    tree: TopicTree<Here>,
    hasher: RandomState,
    generation: u64,
    plain: usize,
    shared: usize,
}

impl Subscriptions {
    /// Changes whenever any subscription does; what was computed from an older one must not be used.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What was resolved is no longer true for another reason: somebody may read now what he might not, or the reverse.
    pub fn touch(&mut self) {
        self.generation += 1;
    }

    /// How many plain subscriptions there are.
    pub fn count(&self) -> usize {
        self.plain
    }

    /// How many memberships in shared subscriptions there are.
    pub fn shared_count(&self) -> usize {
        self.shared
    }

    /// The node of a filter, made if need be; follow with [`Subscriptions::set`] or [`Subscriptions::join`].
    pub fn node(&mut self, filter: &str) -> NodeId {
        self.tree.insert(filter)
    }

    /// The node of a filter if anybody has it.
    pub fn find(&self, filter: &str) -> Option<NodeId> {
        self.tree.find(filter)
    }

    /// The filter of a node.
    pub fn filter(&self, node: NodeId) -> String {
        self.tree.path(node)
    }

    /// Adds a subscription, or replaces the one the session has there (`known`) `[MQTT-3.8.4-3]`.
    pub fn set(&mut self, node: NodeId, subscriber: Subscriber, known: bool) {
        self.generation += 1;
        let plain = &mut self.tree.value_mut(node).plain;
        let present = if known { plain.iter_mut().find(|s| s.session == subscriber.session) } else { None };
        match present {
            Some(present) => *present = subscriber,
            None => {
                plain.push(subscriber);
                self.plain += 1;
            }
        }
    }

    /// The subscription that a session has at a node.
    pub fn get(&self, node: NodeId, session: u32) -> Option<&Subscriber> {
        self.tree.value(node).plain.iter().find(|s| s.session == session)
    }

    /// Removes a session's subscription.
    pub fn remove(&mut self, node: NodeId, session: u32) -> bool {
        let plain = &mut self.tree.value_mut(node).plain;
        let Some(at) = plain.iter().position(|s| s.session == session) else { return false };
        plain.remove(at);
        if plain.is_empty() {
            plain.shrink_to_fit();
        }
        self.plain -= 1;
        self.generation += 1;
        self.tree.prune(node, Here::is_vacant);
        true
    }

    /// Adds or replaces a session's membership in a shared subscription.
    pub fn join(&mut self, node: NodeId, share_name: &str, subscriber: Subscriber) {
        self.generation += 1;
        let groups = self.tree.value_mut(node).shared.get_or_insert_default();
        let group = groups.get_or_insert(&self.hasher, share_name);
        match group.members.iter_mut().find(|m| m.session == subscriber.session) {
            Some(member) => *member = subscriber,
            None => {
                group.members.push(subscriber);
                self.shared += 1;
            }
        }
    }

    /// Removes a session from a shared subscription.
    pub fn leave(&mut self, node: NodeId, share_name: &str, session: u32) -> bool {
        let here = self.tree.value_mut(node);
        let Some(groups) = &mut here.shared else { return false };
        let hash = self.hasher.hash_one(share_name);
        let Some(g) = groups.find(hash, share_name) else { return false };
        let members = &mut groups.list[g].members;
        let Some(m) = members.iter().position(|m| m.session == session) else { return false };
        members.remove(m);
        if members.is_empty() {
            groups.remove(&self.hasher, hash, g);
            if groups.list.is_empty() {
                here.shared = None;
            }
        }
        self.shared -= 1;
        self.generation += 1;
        self.tree.prune(node, Here::is_vacant);
        true
    }

    /// Everything as text: the tree, a level a line with those who subscribe there, `(client, QoS)`; then the shared
    /// subscriptions. `name`: whose session it is.
    pub fn print(&self, name: impl Fn(u32) -> String) -> String {
        let (mut plain, mut shared) = (String::new(), String::new());
        let all = |subscribers: &[Subscriber]| -> String {
            subscribers.iter().map(|s| format!(" ({}, {})", name(s.session), s.qos as u8)).collect()
        };
        self.tree.walk(|node, depth, level, here| {
            plain += &format!("{:indent$}{level}{}\n", "", all(&here.plain), indent = 4 + 2 * depth);
            for group in here.shared.iter().flat_map(|groups| &groups.list) {
                shared +=
                    &format!("    $share/{}/{}{}\n", group.name, self.filter(node), all(&group.members));
            }
        });
        plain + &shared
    }

    /// A shared subscription found by [`Subscriptions::resolve`].
    pub fn group(&mut self, at: GroupRef) -> Option<&mut ShareGroup> {
        self.tree.value_mut(at.node).shared.as_mut()?.list.get_mut(at.index as usize)
    }

    /// The members of a shared subscription found by [`Subscriptions::resolve`].
    pub fn members(&self, at: GroupRef) -> &[Subscriber] {
        let groups = self.tree.value(at.node).shared.as_ref();
        groups.and_then(|groups| groups.list.get(at.index as usize)).map_or(&[], |group| &group.members)
    }

    /// Appends who gets a message on this Topic Name.
    pub fn resolve(&mut self, topic: &str, receivers: &mut Vec<Subscriber>, groups: &mut Vec<GroupRef>) {
        self.tree.for_each_match(topic, |node, here| {
            receivers.extend_from_slice(&here.plain);
            if let Some(shared) = &here.shared {
                groups.extend((0..shared.list.len() as u32).map(|index| GroupRef { node, index }));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscriber(session: u32, qos: QoS) -> Subscriber {
        Subscriber { session, identifier: 0, qos, no_local: false, retain_as_published: false }
    }

    fn who(subscriptions: &mut Subscriptions, topic: &str) -> (Vec<u32>, usize) {
        let (mut receivers, mut groups) = (Vec::new(), Vec::new());
        subscriptions.resolve(topic, &mut receivers, &mut groups);
        (receivers.iter().map(|r| r.session).collect(), groups.len())
    }

    #[test]
    fn subscribing_again_replaces_and_unsubscribing_removes() {
        let mut subs = Subscriptions::default();
        let node = subs.node("a/+");
        subs.set(node, subscriber(1, QoS::AtMostOnce), false);
        subs.set(node, subscriber(1, QoS::ExactlyOnce), true);
        assert_eq!(who(&mut subs, "a/b"), (vec![1], 0));
        assert_eq!(subs.get(node, 1).unwrap().qos, QoS::ExactlyOnce);
        let before = subs.generation();
        assert!(subs.remove(node, 1));
        assert!(subs.generation() > before);
        assert!(subs.find("a/+").is_none(), "the node is gone");
        assert_eq!(subs.count(), 0);
    }

    #[test]
    fn groups_of_one_filter_are_apart_by_share_name() {
        let mut subs = Subscriptions::default();
        let node = subs.node("a/#");
        for (name, session) in [("g", 1), ("g", 2), ("h", 3)] {
            subs.join(node, name, subscriber(session, QoS::AtMostOnce));
        }
        assert_eq!(who(&mut subs, "a"), (vec![], 2));
        assert_eq!(subs.shared_count(), 3);
        assert!(subs.leave(node, "h", 3));
        assert!(!subs.leave(node, "h", 3));
        assert_eq!(who(&mut subs, "a").1, 1);
        assert!(subs.leave(node, "g", 1) && subs.leave(node, "g", 2));
        assert!(subs.find("a/#").is_none());
    }

    #[test]
    fn a_hundred_thousand_groups_of_one_filter_are_found_by_name() {
        // Looked for one after the other, these would be 10,000,000,000 comparisons.
        const COUNT: u32 = 100_000;
        let mut subs = Subscriptions::default();
        for i in 0..COUNT {
            let node = subs.node("a");
            subs.join(node, &format!("group {i}"), subscriber(i, QoS::AtMostOnce));
        }
        let (mut receivers, mut groups) = (Vec::new(), Vec::new());
        subs.resolve("a", &mut receivers, &mut groups);
        assert_eq!((receivers.len(), groups.len()), (0, COUNT as usize));
        let node = subs.find("a").unwrap();
        for i in (0..COUNT).step_by(2).chain((1..COUNT).step_by(2)) {
            let name = format!("group {i}");
            assert!(!subs.leave(node, &name, i + 1));
            assert!(subs.leave(node, &name, i));
            assert!(!subs.leave(node, &name, i));
        }
        assert_eq!((subs.shared_count(), subs.find("a")), (0, None));
    }
}
