//! A tree of topic levels with a value at each node; it holds Topic Filters (subscriptions) or Topic Names (retained).
//!
//! All children of all nodes are in one hash table keyed by the path to them, so that walking down costs one look-up
//! a level whatever the fan-out is, and the next one need not wait for the node to be loaded; `+` and `#` children are fields of the node. Siblings are also linked, for
//! walks that want every child. Nodes are numbers in one array; empty ones are reused.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Number of a node. [`TopicTree::ROOT`] is the root; 0 elsewhere means "none".
pub type NodeId = u32;

const SHORT: usize = 22;

/// Room for so many nodes is kept in any case.
const FREE: usize = 10_000;
/// After so many have become free it may pay to look whether memory can be given back.
const LOOK: usize = 1_000;

/// One topic level; short ones (nearly all) are kept in place.
#[derive(Debug)]
enum Level {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Box<[u8]>),
}

impl Level {
    fn new(level: &[u8]) -> Self {
        if level.len() <= SHORT {
            let mut bytes = [0; SHORT];
            bytes[..level.len()].copy_from_slice(level);
            Level::Short { length: level.len() as u8, bytes }
        } else {
            Level::Long(level.into())
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Level::Short { length, bytes } => &bytes[..usize::from(*length)],
            Level::Long(bytes) => bytes,
        }
    }
}

#[derive(Debug)]
struct Node<T> {
    value: T,
    level: Level,
    /// The hash of the levels that lead here, itself made of the parent's.
    path: u64,
    parent: NodeId,
    plus: NodeId,
    hash: NodeId,
    first_child: NodeId,
    next: NodeId,
    previous: NodeId,
    /// Children that are neither `+` nor `#`.
    literal_children: u32,
}

/// The tree. `T::default()` stands for "nothing here"; `is_vacant` tells the tree when a node may go.
#[derive(Debug)]
pub struct TopicTree<T> {
    nodes: Vec<Node<T>>,
    free: Vec<NodeId>,
    /// How many more become free before it pays to look whether memory can be given back.
    free_until_look: usize,
    children: HashTable<NodeId>,
    hasher: RandomState,
    /// Reused by [`TopicTree::for_each_match`].
    frontier: (Vec<Place>, Vec<Place>),
}

/// A node and the hash of the path to it.
type Place = (NodeId, u64);

/// The hash of the path to the root.
const ROOT_PATH: u64 = 0;

impl<T: Default> Default for TopicTree<T> {
    fn default() -> Self {
        let root = Node {
            value: T::default(),
            level: Level::new(b""),
            path: ROOT_PATH,
            parent: 0,
            plus: 0,
            hash: 0,
            first_child: 0,
            next: 0,
            previous: 0,
            literal_children: 0,
        };
        TopicTree {
            nodes: vec![root],
            free: Vec::new(),
            free_until_look: LOOK,
            children: HashTable::new(),
            hasher: RandomState::default(),
            frontier: Default::default(),
        }
    }
}

impl<T: Default> TopicTree<T> {
    /// The root: the place before the first level. It never holds a value.
    pub const ROOT: NodeId = 0;

    /// The value of a node.
    pub fn value(&self, node: NodeId) -> &T {
        &self.nodes[node as usize].value
    }

    /// The same of a node that may be gone since, and another in its place.
    pub fn get(&self, node: NodeId) -> Option<&T> {
        self.nodes.get(node as usize).map(|node| &node.value)
    }

    /// The value of a node, to change it. Call [`TopicTree::prune`] afterwards if it may be vacant.
    pub fn value_mut(&mut self, node: NodeId) -> &mut T {
        &mut self.nodes[node as usize].value
    }

    /// Finds the node of a filter or name, making it and those above it as needed.
    pub fn insert(&mut self, topic: &str) -> NodeId {
        topic.as_bytes().split(|&b| b == b'/').fold(Self::ROOT, |node, level| self.child_or_new(node, level))
    }

    /// Finds the node of a filter or name, level by level and literally.
    pub fn find(&self, topic: &str) -> Option<NodeId> {
        let mut node = Self::ROOT;
        for level in topic.as_bytes().split(|&b| b == b'/') {
            node = match level {
                b"+" => Some(self.nodes[node as usize].plus).filter(|&n| n != 0),
                b"#" => Some(self.nodes[node as usize].hash).filter(|&n| n != 0),
                _ => self.literal_child(node, self.below(self.nodes[node as usize].path, level), level),
            }?;
        }
        Some(node)
    }

    /// The whole filter or name of a node, put together from its levels.
    pub fn path(&self, node: NodeId) -> String {
        let mut levels = Vec::new();
        let mut at = node;
        while at != Self::ROOT {
            levels.push(self.nodes[at as usize].level.as_bytes());
            at = self.nodes[at as usize].parent;
        }
        levels.reverse();
        String::from_utf8_lossy(&levels.join(&b'/')).into_owned()
    }

    /// The hash of the path one level further down.
    fn below(&self, path: u64, level: &[u8]) -> u64 {
        self.hasher.hash_one((path, level))
    }

    /// A child by its level; `path` is the hash of the path to the child.
    fn literal_child(&self, parent: NodeId, path: u64, level: &[u8]) -> Option<NodeId> {
        let nodes = &self.nodes;
        self.children
            .find(path, |&n| {
                let node = &nodes[n as usize];
                node.parent == parent && node.level.as_bytes() == level
            })
            .copied()
    }

    fn child_or_new(&mut self, parent: NodeId, level: &[u8]) -> NodeId {
        let known = match level {
            b"+" => Some(self.nodes[parent as usize].plus).filter(|&n| n != 0),
            b"#" => Some(self.nodes[parent as usize].hash).filter(|&n| n != 0),
            _ => self.literal_child(parent, self.below(self.nodes[parent as usize].path, level), level),
        };
        known.unwrap_or_else(|| self.add_child(parent, level))
    }

    fn add_child(&mut self, parent: NodeId, level: &[u8]) -> NodeId {
        let next = self.nodes[parent as usize].first_child;
        let path = self.below(self.nodes[parent as usize].path, level);
        let node = Node {
            value: T::default(),
            level: Level::new(level),
            path,
            parent,
            plus: 0,
            hash: 0,
            first_child: 0,
            next,
            previous: 0,
            literal_children: 0,
        };
        let id = match self.free.pop() {
            Some(id) => {
                self.nodes[id as usize] = node;
                id
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() as NodeId - 1
            }
        };
        if next != 0 {
            self.nodes[next as usize].previous = id;
        }
        let above = &mut self.nodes[parent as usize];
        above.first_child = id;
        match level {
            b"+" => above.plus = id,
            b"#" => above.hash = id,
            _ => {
                above.literal_children += 1;
                let nodes = &self.nodes;
                self.children.insert_unique(path, id, |&n| nodes[n as usize].path);
            }
        }
        id
    }

    /// Removes a node, and those above it, as far as they are vacant and childless.
    pub fn prune(&mut self, node: NodeId, is_vacant: impl Fn(&T) -> bool) {
        let mut at = node;
        while at != Self::ROOT
            && self.nodes[at as usize].first_child == 0
            && is_vacant(&self.nodes[at as usize].value)
        {
            let parent = self.nodes[at as usize].parent;
            self.unlink(at);
            at = parent;
        }
    }

    fn unlink(&mut self, id: NodeId) {
        let (parent, next, previous) = {
            let node = &self.nodes[id as usize];
            (node.parent, node.next, node.previous)
        };
        if next != 0 {
            self.nodes[next as usize].previous = previous;
        }
        match previous {
            0 => self.nodes[parent as usize].first_child = next,
            _ => self.nodes[previous as usize].next = next,
        }
        if self.nodes[parent as usize].plus == id {
            self.nodes[parent as usize].plus = 0;
        } else if self.nodes[parent as usize].hash == id {
            self.nodes[parent as usize].hash = 0;
        } else {
            let path = self.nodes[id as usize].path;
            if let Ok(entry) = self.children.find_entry(path, |&n| n == id) {
                entry.remove();
            }
            self.nodes[parent as usize].literal_children -= 1;
        }
        let node = &mut self.nodes[id as usize];
        node.value = T::default();
        node.level = Level::new(b"");
        node.parent = 0;
        self.free.push(id);
        self.free_until_look -= 1;
        if self.free_until_look == 0 {
            self.give_back();
        }
    }

    /// Gives the memory of free nodes back that nobody's stand behind: whoever had a million once doesn't have them for
    /// ever. Nodes that are in use keep their numbers.
    fn give_back(&mut self) {
        self.free.sort_unstable();
        while let Some(&last) = self.free.last()
            && last as usize + 1 == self.nodes.len()
        {
            self.free.pop();
            self.nodes.pop();
        }
        // The lowest are used first from now on, so that the others come to be last.
        self.free.reverse();
        // Many that are free and can't be given back aren't looked through again for every few more.
        self.free_until_look = LOOK.max((self.nodes.len() - self.free.len()) / 2).max(self.free.len() / 8);
        self.nodes.shrink_to(self.nodes.len() + FREE);
        self.free.shrink_to(self.free.len() + FREE);
        let (nodes, length) = (&self.nodes, self.children.len());
        self.children.shrink_to(length + FREE, |&n| nodes[n as usize].path);
    }

    /// Calls `visit` for each node whose filter matches this Topic Name: literal levels before `+`, as deep as the
    /// topic goes, `#` on the way. Wildcards at the first level don't match `$` topics `[MQTT-4.7.2-1]`.
    pub fn for_each_match(&mut self, topic: &str, mut visit: impl FnMut(NodeId, &T)) {
        let (mut now, mut then) = std::mem::take(&mut self.frontier);
        now.clear();
        now.push((Self::ROOT, ROOT_PATH));
        let mut wildcards = !topic.starts_with('$');
        for level in topic.as_bytes().split(|&b| b == b'/') {
            then.clear();
            for &(id, path) in &now {
                let node = &self.nodes[id as usize];
                if wildcards && node.hash != 0 {
                    visit(node.hash, &self.nodes[node.hash as usize].value);
                }
                let path_down = self.below(path, level);
                if node.literal_children != 0
                    && let Some(child) = self.literal_child(id, path_down, level)
                {
                    then.push((child, path_down));
                }
                if wildcards && node.plus != 0 {
                    then.push((node.plus, self.below(path, b"+")));
                }
            }
            wildcards = true;
            std::mem::swap(&mut now, &mut then);
            if now.is_empty() {
                break;
            }
        }
        for &(id, _) in &now {
            let node = &self.nodes[id as usize];
            visit(id, &node.value);
            // "sport/#" also matches "sport" [MQTT-4.7.1-2]; at the root there is no such parent.
            if node.hash != 0 {
                visit(node.hash, &self.nodes[node.hash as usize].value);
            }
        }
        self.frontier = (now, then);
    }

    /// Calls `visit` for each node whose Topic Name is matched by this filter (the tree holds names); returns how many
    /// nodes were looked at for it.
    pub fn for_each_matched_by(&self, filter: &str, mut visit: impl FnMut(NodeId, &T)) -> usize {
        let mut looked_at = 0;
        let levels: Vec<&[u8]> = filter.as_bytes().split(|&b| b == b'/').collect();
        // Depth first without recursion: filters come from strangers.
        let mut stack = vec![(Self::ROOT, 0_usize)];
        while let Some((id, depth)) = stack.pop() {
            looked_at += 1;
            let Some(&level) = levels.get(depth) else {
                visit(id, &self.nodes[id as usize].value);
                continue;
            };
            match level {
                b"#" => {
                    if id != Self::ROOT {
                        visit(id, &self.nodes[id as usize].value);
                    }
                    self.push_children(id, depth, &mut stack);
                }
                b"+" => self.push_children(id, depth + 1, &mut stack),
                _ => {
                    let path = self.below(self.nodes[id as usize].path, level);
                    stack.extend(self.literal_child(id, path, level).map(|child| (child, depth + 1)));
                }
            }
        }
        looked_at
    }

    /// Calls `visit` for each node below the root, with its depth (0 for a first level) and its level.
    pub fn walk(&self, mut visit: impl FnMut(NodeId, usize, &str, &T)) {
        let mut stack = Vec::new();
        let push = |parent: NodeId, depth: usize, stack: &mut Vec<(NodeId, usize)>| {
            let mut child = self.nodes[parent as usize].first_child;
            while child != 0 {
                stack.push((child, depth));
                child = self.nodes[child as usize].next;
            }
        };
        push(Self::ROOT, 0, &mut stack);
        while let Some((id, depth)) = stack.pop() {
            let node = &self.nodes[id as usize];
            visit(id, depth, &String::from_utf8_lossy(node.level.as_bytes()), &node.value);
            push(id, depth + 1, &mut stack);
        }
    }

    fn push_children(&self, parent: NodeId, depth: usize, stack: &mut Vec<(NodeId, usize)>) {
        let mut child = self.nodes[parent as usize].first_child;
        while child != 0 {
            let node = &self.nodes[child as usize];
            if parent != Self::ROOT || !node.level.as_bytes().starts_with(b"$") {
                stack.push((child, depth));
            }
            child = node.next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::topic;

    fn matching(tree: &mut TopicTree<bool>, name: &str) -> Vec<String> {
        let mut ids = Vec::new();
        tree.for_each_match(name, |id, &here| ids.extend(here.then_some(id)));
        let mut found: Vec<String> = ids.into_iter().map(|id| tree.path(id)).collect();
        found.sort();
        found
    }

    const FILTERS: &[&str] = &[
        "#",
        "+",
        "+/+",
        "/",
        "/+",
        "/#",
        "a",
        "a/#",
        "a/+",
        "a/b",
        "a/+/c",
        "a/b/#",
        "a/b/c",
        "+/b/#",
        "$SYS/#",
        "$SYS/+",
        "a//b",
        "a/+/b",
        "sport/tennis/player1/#",
        "a-level-that-is-longer-than-twenty-two-bytes/#",
    ];
    const NAMES: &[&str] = &[
        "a",
        "b",
        "a/b",
        "a/b/c",
        "a/b/c/d",
        "/",
        "/a",
        "a/",
        "a//b",
        "$SYS",
        "$SYS/x",
        "$SYS/x/y",
        "sport/tennis/player1",
        "sport/tennis/player1/score",
        "a-level-that-is-longer-than-twenty-two-bytes",
        "x/y/z",
    ];

    #[test]
    fn every_filter_and_name_agrees_with_the_definition() {
        let mut tree = TopicTree::default();
        for filter in FILTERS {
            let id = tree.insert(filter);
            *tree.value_mut(id) = true;
        }
        for name in NAMES {
            let mut expected: Vec<String> =
                FILTERS.iter().filter(|f| topic::matches(f, name)).map(|f| f.to_string()).collect();
            expected.sort();
            assert_eq!(matching(&mut tree, name), expected, "{name}");
        }
    }

    #[test]
    fn names_matched_by_a_filter_agree_with_the_definition() {
        let mut tree = TopicTree::default();
        for name in NAMES {
            let id = tree.insert(name);
            *tree.value_mut(id) = true;
        }
        for filter in FILTERS {
            let mut found = Vec::new();
            tree.for_each_matched_by(filter, |id, &here| found.extend(here.then(|| tree.path(id))));
            found.sort();
            let mut expected: Vec<String> =
                NAMES.iter().filter(|n| topic::matches(filter, n)).map(|n| n.to_string()).collect();
            expected.sort();
            assert_eq!(found, expected, "{filter}");
        }
    }

    #[test]
    fn removed_filters_leave_nothing_behind() {
        let mut tree: TopicTree<bool> = TopicTree::default();
        let ids: Vec<NodeId> = FILTERS.iter().map(|f| tree.insert(f)).collect();
        for (id, filter) in ids.iter().zip(FILTERS) {
            *tree.value_mut(*id) = true;
            assert_eq!(tree.find(filter), Some(*id));
        }
        for filter in FILTERS {
            let id = tree.find(filter).unwrap();
            *tree.value_mut(id) = false;
            tree.prune(id, |&here| !here);
            assert_eq!(tree.find(filter).filter(|&id| *tree.value(id)), None);
        }
        assert_eq!(tree.free.len(), tree.nodes.len() - 1);
        assert!(tree.children.is_empty());
        assert_eq!(tree.nodes[0].first_child, 0);
    }

    #[test]
    fn the_memory_of_many_is_given_back_when_they_have_gone() {
        let mut tree: TopicTree<bool> = TopicTree::default();
        let add = |tree: &mut TopicTree<bool>, filter: &str| {
            let id = tree.insert(filter);
            *tree.value_mut(id) = true;
            id
        };
        let remove = |tree: &mut TopicTree<bool>, id: NodeId| {
            *tree.value_mut(id) = false;
            tree.prune(id, |&here| !here);
        };
        let stays: Vec<NodeId> = (0..100).map(|i| add(&mut tree, &format!("stays/{i}/+"))).collect();
        for round in 0..2 {
            let many: Vec<NodeId> = (0..30_000).map(|i| add(&mut tree, &format!("{round}/{i}/#"))).collect();
            // In the middle of it, somebody comes who stays.
            let late = add(&mut tree, &format!("late/{round}"));
            let more: Vec<NodeId> = (0..30_000).map(|i| add(&mut tree, &format!("{round}/{i}/+"))).collect();
            assert!(tree.nodes.len() > 90_000);
            many.into_iter().for_each(|id| remove(&mut tree, id));
            assert_eq!(tree.find(&format!("late/{round}")), Some(late));
            remove(&mut tree, late);
            more.into_iter().for_each(|id| remove(&mut tree, id));
        }
        // Others come and go.
        for i in 0..LOOK {
            let id = add(&mut tree, &format!("other/{i}"));
            remove(&mut tree, id);
        }
        let most = tree.nodes.capacity().max(tree.children.capacity()).max(tree.free.capacity());
        assert!(most < 30_000, "{most}");
        for (i, id) in stays.iter().enumerate() {
            assert_eq!(tree.find(&format!("stays/{i}/+")), Some(*id));
            assert_eq!(matching(&mut tree, &format!("stays/{i}/x")), [format!("stays/{i}/+")]);
        }
    }
}
