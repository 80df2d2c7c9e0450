//! Places for connections: so many at a time, and only a part of them for one address. Where there is none left, somebody
//! who keeps us waiting gives way: whoever is slow, idle or malicious costs others nothing.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::broker::Peer;
use crate::server::passwords::network;

/// Connections at a time.
const CONNECTIONS: usize = 256;
/// Of these, from one address (IPv6: one /64).
const OF_ONE: usize = 64;
/// So many may wait for a place, and of these from one address.
const WAITING: usize = 512;
const WAITING_OF_ONE: usize = 128;
/// How long they may.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often they look whether somebody has become slow meanwhile.
const LOOK: Duration = Duration::from_secs(1);
/// Whoever takes nothing for so long is slow.
const SLOW: Duration = Duration::from_secs(5);

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// Its next request is awaited.
    Reading,
    /// The answer is being found.
    Working,
    /// It takes a piece of the answer.
    Writing,
}

#[derive(Debug)]
struct Guest {
    network: Option<IpAddr>,
    doing: Doing,
    since: Instant,
    task: Option<AbortHandle>,
}

impl Guest {
    fn gives_way(&self, now: Instant) -> bool {
        match self.doing {
            Doing::Reading => true,
            Doing::Working => false,
            Doing::Writing => now >= self.since + SLOW,
        }
    }
}

#[derive(Debug, Default)]
struct Seats {
    guests: BTreeMap<u64, Guest>,
    last: u64,
    /// Those who wait for a place, by address.
    waiting: HashMap<Option<IpAddr>, usize>,
}

impl Seats {
    fn count(&self, network: Option<IpAddr>) -> usize {
        self.guests.values().filter(|guest| guest.network == network).count()
    }

    /// Makes room for one more from this address; `false`: there is none.
    fn make_room(&mut self, network: Option<IpAddr>, now: Instant) -> bool {
        // Where connections come from may be unknown: then all of them count together.
        let too_many_of_one = network.is_some() && self.count(network) >= OF_ONE;
        if !too_many_of_one && self.guests.len() < CONNECTIONS {
            return true;
        }
        let gives_way =
            |guest: &&Guest| guest.gives_way(now) && (!too_many_of_one || guest.network == network);
        let rank = |(_, guest): &(&u64, &Guest)| (self.count(guest.network), now - guest.since);
        let leaves = self.guests.iter().filter(|(_, guest)| gives_way(guest)).max_by_key(rank);
        let Some(guest) = leaves.map(|(&id, _)| id).and_then(|id| self.guests.remove(&id)) else {
            return false;
        };
        if let Some(task) = guest.task {
            task.abort();
        }
        true
    }
}

/// All places.
#[derive(Debug, Default)]
pub struct Places {
    seats: Mutex<Seats>,
    freed: Notify,
}

/// A place that somebody has.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    id: u64,
}

impl Places {
    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection whose request is awaited. `None`: there is none, and nobody gives way.
    pub fn take(self: &Arc<Self>, peer: Option<&Peer>) -> Option<Place> {
        self.take_for(network_of(peer), Doing::Reading)
    }

    fn take_for(self: &Arc<Self>, network: Option<IpAddr>, doing: Doing) -> Option<Place> {
        let now = Instant::now();
        let mut seats = self.seats();
        if !seats.make_room(network, now) {
            return None;
        }
        seats.last += 1;
        let id = seats.last;
        seats.guests.insert(id, Guest { network, doing, since: now, task: None });
        Some(Place { places: self.clone(), id })
    }

    /// The same for one that may wait, and whose request has come.
    pub async fn wait_for(self: &Arc<Self>, peer: Option<&Peer>) -> Option<Place> {
        let network = network_of(peer);
        let _queued = Queued::enter(self, network)?;
        let until = Instant::now() + PATIENCE;
        loop {
            let freed = self.freed.notified();
            if let Some(place) = self.take_for(network, Doing::Working) {
                return Some(place);
            }
            if Instant::now() >= until {
                return None;
            }
            let _ = timeout(LOOK, freed).await;
        }
    }
}

impl Place {
    /// Whose task it is that ends if it has to give way.
    pub fn belongs_to(places: &Arc<Places>, id: u64, task: AbortHandle) {
        if let Some(guest) = places.seats().guests.get_mut(&id) {
            guest.task = Some(task);
        }
    }

    /// Tells it from others.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// A request is awaited from now on.
    pub fn reads(&self) {
        self.does(Doing::Reading);
    }

    /// A request is being answered from now on.
    pub fn works(&self) {
        self.does(Doing::Working);
    }

    /// A piece of the answer goes out from now on.
    pub fn writes(&self) {
        self.does(Doing::Writing);
    }

    fn does(&self, doing: Doing) {
        if let Some(guest) = self.places.seats().guests.get_mut(&self.id) {
            (guest.doing, guest.since) = (doing, Instant::now());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.seats().guests.remove(&self.id);
        self.places.freed.notify_waiters();
    }
}

/// Somebody who waits for a place.
struct Queued {
    places: Arc<Places>,
    network: Option<IpAddr>,
}

impl Queued {
    /// `None`: too many do already.
    fn enter(places: &Arc<Places>, network: Option<IpAddr>) -> Option<Queued> {
        let mut seats = places.seats();
        let all: usize = seats.waiting.values().sum();
        // Whoever is turned away leaves nothing behind.
        let here = seats.waiting.get(&network).copied().unwrap_or(0);
        if all >= WAITING || here >= WAITING_OF_ONE {
            return None;
        }
        seats.waiting.insert(network, here + 1);
        drop(seats);
        Some(Queued { places: places.clone(), network })
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        let mut seats = self.places.seats();
        if let Some(here) = seats.waiting.get_mut(&self.network) {
            *here -= 1;
            if *here == 0 {
                seats.waiting.remove(&self.network);
            }
        }
    }
}

/// Whom a connection counts for.
fn network_of(peer: Option<&Peer>) -> Option<IpAddr> {
    match peer? {
        Peer::Ip(address) => Some(network(address.ip())),
        Peer::Unix(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Peer {
        Peer::Ip(format!("{text}:1").parse().unwrap())
    }

    #[test]
    fn of_one_address_whoever_is_awaited_longest_gives_way() {
        let places: Arc<Places> = Arc::default();
        let here = peer("192.0.2.1");
        let guests: Vec<Place> = (0..OF_ONE).map(|_| places.take(Some(&here)).unwrap()).collect();
        guests.iter().for_each(Place::works);
        assert!(places.take(Some(&here)).is_none(), "all of them are being answered");
        assert!(places.take(Some(&peer("192.0.2.2"))).is_some());
        guests[3].writes();
        assert!(places.take(Some(&here)).is_none(), "it isn't slow yet");
        guests[5].reads();
        guests[4].reads();
        let next = places.take(Some(&here)).unwrap();
        assert!(!places.seats().guests.contains_key(&guests[5].id()));
        drop(next);
        assert!(places.take(Some(&here)).is_some());
        // Those of one IPv6 network are one.
        let take = |i| places.take(Some(&peer(&format!("[2001:db8::{i:x}]")))).unwrap();
        let of_one: Vec<Place> = (0..OF_ONE).map(take).collect();
        of_one.iter().for_each(Place::works);
        assert!(places.take(Some(&peer("[2001:db8::ffff:1]"))).is_none());
        assert!(places.take(Some(&peer("[2001:db8:1::1]"))).is_some());
    }

    #[test]
    fn where_all_places_are_taken_an_address_with_many_gives_way() {
        let places: Arc<Places> = Arc::default();
        let mut all = Vec::new();
        for (address, count) in [(1, 1), (2, 64), (3, 63), (4, 64), (5, 64)] {
            for _ in 0..count {
                let place = places.take(Some(&peer(&format!("192.0.2.{address}")))).unwrap();
                all.push(place);
            }
        }
        assert_eq!(places.seats().guests.len(), CONNECTIONS);
        for _ in 0..10 {
            all.push(places.take(Some(&peer("192.0.2.9"))).unwrap());
        }
        assert_eq!(places.seats().guests.len(), CONNECTIONS);
        assert!(places.seats().guests.contains_key(&all[0].id()), "who is alone stays");
        assert!(places.seats().count(Some("192.0.2.3".parse().unwrap())) >= 61);
        drop(all);
        assert!(places.seats().guests.is_empty());
    }
}
