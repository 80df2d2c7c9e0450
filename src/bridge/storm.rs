//! Messages that go round between brokers that don't tell each other where a message has been: they are noticed and
//! said, not dropped, for nobody can know them from messages that are published again.
//!
//! Who sees the very same message go out and come in by one bridge, more than twenty times a second either way, sees a
//! ring, or a remote broker without No Local. A slower ring, or one in which all bridges go one way, isn't noticed.

use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;

use super::topics::Way;

/// So many within [`WINDOW`], either way.
const MANY: u32 = 100;
/// A count begins anew after this.
const WINDOW: Duration = Duration::from_secs(5);
/// Messages that are counted at a time.
const PLACES: usize = 1024;

/// How often messages went by lately.
#[derive(Default)]
pub(super) struct Storm {
    /// By hash; made when first needed.
    places: Vec<Option<Place>>,
    hasher: RandomState,
    said: bool,
}

/// One message.
#[derive(Clone, Copy)]
struct Place {
    hash: u64,
    /// Out and in.
    counts: [u32; 2],
    began: Instant,
}

impl Storm {
    /// A new connection.
    pub fn start(&mut self) {
        *self = Storm::default();
    }

    /// A message goes by, under its name at our own broker; whether one is seen to go round for the first time.
    pub fn is_new(&mut self, way: Way, topic: &str, payload: &[u8], now: Instant) -> bool {
        if self.said {
            return false;
        }
        let hash = self.hasher.hash_one((topic, payload));
        if self.places.is_empty() {
            self.places = vec![None; PLACES];
        }
        let place = &mut self.places[hash as usize % PLACES];
        match place {
            Some(other) if other.hash != hash && now - other.began <= WINDOW => {
                // Whoever comes most often stays.
                let most = usize::from(other.counts[1] > other.counts[0]);
                other.counts[most] = other.counts[most].saturating_sub(1);
                if other.counts != [0; 2] {
                    return false;
                }
                *place = None;
            }
            Some(same) if same.hash == hash && now - same.began <= WINDOW => {}
            _ => *place = None,
        }
        let place = place.get_or_insert(Place { hash, counts: [0; 2], began: now });
        place.counts[way as usize] += 1;
        self.said = place.counts.iter().all(|count| *count > MANY);
        self.said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_both_ways_very_often_is_said_once() {
        let mut storm = Storm::default();
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        for n in 0..MANY {
            for way in [Way::In, Way::Out] {
                assert!(!storm.is_new(way, "t", b"x", at(n.into())));
                // Others that come by once don't matter.
                assert!(!storm.is_new(way, &format!("t{n}"), b"x", at(n.into())));
            }
        }
        let mut said = 0;
        for n in 0..10 {
            for way in [Way::In, Way::Out] {
                said += u32::from(storm.is_new(way, "t", b"x", at(200 + n)));
            }
        }
        assert_eq!(said, 1);
    }

    #[test]
    fn one_way_or_slowly_nothing_is_a_storm() {
        let mut storm = Storm::default();
        let start = Instant::now();
        for n in 0..100_000 {
            assert!(!storm.is_new(Way::Out, "t", b"x", start + Duration::from_micros(n)));
        }
        let mut storm = Storm::default();
        for n in 0..10_000 {
            for way in [Way::In, Way::Out] {
                assert!(!storm.is_new(way, "t", b"x", start + Duration::from_millis(n * 60)));
            }
        }
    }
}
