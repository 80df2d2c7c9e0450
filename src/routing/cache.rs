//! Topic Names resolved lately: who gets a message, without a walk through the tree.
//!
//! Direct-mapped: a topic has one place, and a newer topic takes it. Places keep their memory, so that a miss
//! costs no allocation once the cache is warm; the whole is bounded by the number of places and by what all the
//! lists of receivers may hold together.

use super::subscriptions::{GroupRef, Subscriber, Subscriptions};
use foldhash::fast::RandomState;
use std::hash::BuildHasher;

/// Places; a power of two.
const PLACES: usize = 8192;
/// Longer topics have no place, so that strangers can't fill the memory with them.
const TOPIC_KEPT: usize = 512;
/// Receivers and shared subscriptions that all places together may keep; past it the cache starts anew.
const RECEIVERS: usize = 2_000_000;

/// Misses in a row after which the cache is passed by: the topics in use are too many for it, and each one kept would
/// cost the loading of a place that nothing is found at.
const USELESS: u32 = 2 * PLACES as u32;
/// One look-up in so many is made nevertheless, to see when it is of use again.
const TRY: u32 = 32;

/// A resolved topic.
#[derive(Debug, Default)]
pub struct Route {
    topic: String,
    generation: u64,
    /// Plain subscriptions that match.
    pub receivers: Vec<Subscriber>,
    /// Shared subscriptions that match.
    pub groups: Vec<GroupRef>,
    /// All members of these shared subscriptions may read the topic.
    pub all_members: bool,
    /// Somebody subscribes, though perhaps may not read.
    pub matched: bool,
}

/// The cache.
#[derive(Debug, Default)]
pub struct RouteCache {
    /// The last one is no place: it takes what the cache is passed by for.
    routes: Vec<Route>,
    hasher: RandomState,
    kept: usize,
    /// Misses since the last hit.
    misses: u32,
}

impl RouteCache {
    /// The route of a topic, resolved now if it isn't known or no longer true. `hint` is where the caller found
    /// its last one; it is tried first and set, so that a publisher that stays with its topic pays one compare.
    /// `may_read` says which sessions may get messages on this topic; its verdict is kept with the route.
    pub fn route(
        &mut self,
        topic: &str,
        hint: &mut u32,
        subscriptions: &mut Subscriptions,
        may_read: impl Fn(u32) -> bool,
    ) -> &mut Route {
        let generation = subscriptions.generation();
        let hinted = *hint as usize;
        if self.routes.get(hinted).is_some_and(|r| r.generation == generation && r.topic == topic) {
            return &mut self.routes[hinted];
        }
        self.look_up(topic, hint, subscriptions, may_read)
    }

    #[inline(never)]
    fn look_up(
        &mut self,
        topic: &str,
        hint: &mut u32,
        subscriptions: &mut Subscriptions,
        may_read: impl Fn(u32) -> bool,
    ) -> &mut Route {
        if self.routes.is_empty() || self.kept > RECEIVERS {
            self.start_anew();
        }
        let generation = subscriptions.generation();
        let place = match self.misses {
            _ if topic.len() > TOPIC_KEPT => PLACES,
            misses if misses > USELESS && misses < USELESS + TRY => PLACES,
            _ => self.hasher.hash_one(topic) as usize & (PLACES - 1),
        };
        *hint = place as u32;
        let route = &mut self.routes[place];
        if place != PLACES && route.generation == generation && route.topic == topic {
            self.misses = 0;
        } else {
            // That a long topic has no place says nothing of the cache.
            self.misses = match self.misses {
                misses if topic.len() > TOPIC_KEPT => misses,
                misses if misses < USELESS + TRY => misses + 1,
                _ => USELESS + 1,
            };
            self.kept -= route.receivers.capacity() + route.groups.capacity();
            route.topic.clear();
            route.topic.push_str(topic);
            route.generation = generation;
            route.receivers.clear();
            route.groups.clear();
            subscriptions.resolve(topic, &mut route.receivers, &mut route.groups);
            route.matched = !route.receivers.is_empty() || !route.groups.is_empty();
            route.receivers.retain(|r| may_read(r.session));
            route.all_members = route.groups.iter().all(|&at| {
                subscriptions.group(at).is_none_or(|group| group.members.iter().all(|m| may_read(m.session)))
            });
            self.kept += route.receivers.capacity() + route.groups.capacity();
        }
        route
    }

    fn start_anew(&mut self) {
        self.routes.clear();
        self.routes.resize_with(PLACES + 1, || Route { generation: u64::MAX, ..Route::default() });
        self.kept = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::QoS;

    #[test]
    fn a_change_of_subscriptions_is_seen_at_once() {
        let (mut cache, mut subs) = (RouteCache::default(), Subscriptions::default());
        let mut hint = u32::MAX;
        assert!(cache.route("a/b", &mut hint, &mut subs, |_| true).receivers.is_empty());
        let node = subs.node("a/+");
        let subscriber = Subscriber {
            session: 4,
            identifier: 0,
            qos: QoS::AtMostOnce,
            no_local: false,
            retain_as_published: false,
        };
        subs.set(node, subscriber, false);
        assert_eq!(cache.route("a/b", &mut hint, &mut subs, |_| true).receivers, [subscriber]);
        assert_eq!(cache.route("a/b", &mut hint, &mut subs, |_| true).receivers, [subscriber]);
        assert!(
            cache.route("b", &mut hint, &mut subs, |_| true).receivers.is_empty(),
            "the hint is for another topic"
        );
        subs.remove(node, 4);
        assert!(cache.route("a/b", &mut hint, &mut subs, |_| true).receivers.is_empty());
    }

    #[test]
    fn more_topics_than_places_still_resolve() {
        let (mut cache, mut subs) = (RouteCache::default(), Subscriptions::default());
        for i in 0..20_000 {
            let node = subs.node(&format!("t/{i}"));
            let subscriber = Subscriber {
                session: i,
                identifier: 0,
                qos: QoS::AtMostOnce,
                no_local: false,
                retain_as_published: false,
            };
            subs.set(node, subscriber, false);
        }
        let mut hint = u32::MAX;
        for i in (0..20_000).rev() {
            let route = cache.route(&format!("t/{i}"), &mut hint, &mut subs, |_| true);
            assert_eq!(route.receivers.len(), 1);
            assert_eq!(route.receivers[0].session, i);
        }
    }

    #[test]
    fn what_a_stranger_publishes_to_doesnt_fill_the_memory() {
        let (mut cache, mut subs) = (RouteCache::default(), Subscriptions::default());
        let node = subs.node("#");
        for i in 0..5000 {
            let subscriber = Subscriber {
                session: i,
                identifier: 0,
                qos: QoS::AtMostOnce,
                no_local: false,
                retain_as_published: false,
            };
            subs.join(node, &format!("group {i}"), subscriber);
        }
        let long = "x".repeat(60_000);
        for i in 0..2000 {
            for topic in [format!("{i}/{long}"), format!("short/{i}")] {
                let mut hint = u32::MAX;
                let route = cache.route(&topic, &mut hint, &mut subs, |_| true);
                assert_eq!((route.receivers.len(), route.groups.len()), (0, 5000));
            }
        }
        let topics: usize = cache.routes.iter().map(|route| route.topic.capacity()).sum();
        let groups: usize = cache.routes.iter().map(|route| route.groups.capacity()).sum();
        assert!(topics < 200_000, "{topics}");
        assert!(groups <= RECEIVERS + 10_000, "{groups}");
    }
}
