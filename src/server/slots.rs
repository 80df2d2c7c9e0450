//! Listeners by the number that connections and sessions know them by. A listener that stays over a reload keeps its
//! number; one that goes leaves a closed slot behind for the sessions that came in by it.

use super::listen::{Endpoint, Listening};
use super::prepare::{Admission, Prepared};
use crate::config::{Listener, Settings};

/// A listener, or what is left of one.
#[derive(Debug)]
pub struct Slot {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Its place in [`Settings::listeners`], as long as it is open.
    pub position: usize,
    /// The TCP port that it really has.
    pub port: u16,
    /// Who may come in.
    pub admission: Admission,
    /// It is configured.
    pub open: bool,
    /// It is no listener, but where our own bridges come in.
    pub bridges: Option<Bridges>,
}

/// Kinds of bridges, which come in under rules of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bridges {
    /// Those that are connected whenever they can.
    Eager,
    /// Those for which QoS 0 messages wait, too.
    Lazy,
}

impl Slot {
    /// Those of a start: each listener has its place in the configuration as its number.
    pub fn all(prepared: &Prepared, listening: &[Listening]) -> Vec<Slot> {
        (0..prepared.settings.listeners.len()).map(|i| Slot::new(prepared, i, i, listening.iter())).collect()
    }

    /// The listener at a place in the configuration, under a number.
    pub fn new<'a>(
        prepared: &Prepared,
        position: usize,
        number: usize,
        mut listening: impl Iterator<Item = &'a Listening>,
    ) -> Slot {
        let listener = &prepared.settings.listeners[position];
        let address = listening.find(|socket| socket.listener == number).and_then(Listening::address);
        Slot {
            endpoint: Endpoint::of(listener),
            position,
            port: address.map_or(listener.port, |address| address.port()),
            admission: prepared.listeners[position].clone(),
            open: true,
            bridges: None,
        }
    }

    /// Where bridges of a kind come in.
    pub fn for_bridges(kind: Bridges) -> Slot {
        Slot {
            endpoint: Endpoint::of(&Listener::new(0)),
            position: usize::MAX,
            port: 0,
            admission: Admission::default(),
            open: true,
            bridges: Some(kind),
        }
    }
}

/// So many numbers are given before one is given again to another listener: retained messages remember by which they
/// came, too.
const ENOUGH: usize = 1000;

/// Which number each listener of a new configuration gets.
#[derive(Debug)]
pub struct Plan {
    /// By place in the configuration.
    pub numbers: Vec<usize>,
    /// Those that aren't open yet: place and number.
    pub wanted: Vec<(usize, usize)>,
    /// Numbers of those that go.
    pub leaving: Vec<usize>,
}

impl Plan {
    /// `is_free`: nobody knows the number of this closed slot any more.
    pub fn new(slots: &[Slot], settings: &Settings, is_free: impl Fn(usize) -> bool) -> Plan {
        let is_listener = |&number: &usize| slots[number].open && slots[number].bridges.is_none();
        let mut left: Vec<usize> = (0..slots.len()).filter(is_listener).collect();
        let mut found = Vec::new();
        for listener in &settings.listeners {
            let endpoint = Endpoint::of(listener);
            let same = left.iter().position(|&number| slots[number].endpoint == endpoint);
            found.push(same.map(|at| left.remove(at)));
        }
        let mut closed: Vec<usize> = (0..slots.len()).filter(|&number| !slots[number].open).collect();
        let mut next = slots.len();
        let mut wanted = Vec::new();
        let mut number = |(position, found): (usize, Option<usize>)| {
            found.unwrap_or_else(|| {
                let endpoint = Endpoint::of(&settings.listeners[position]);
                // One that comes back, or, when there are many, one that nobody knows any more.
                let again = closed
                    .iter()
                    .position(|&n| slots[n].endpoint == endpoint)
                    .or_else(|| (next >= ENOUGH).then(|| closed.iter().position(|&n| is_free(n))).flatten());
                let number = again.map_or(next, |at| closed.remove(at));
                next += usize::from(number == next);
                wanted.push((position, number));
                number
            })
        };
        let numbers = found.into_iter().enumerate().map(&mut number).collect();
        Plan { numbers, wanted, leaving: left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn settings(ports: &[u16]) -> Settings {
        let listeners = ports.iter().map(|&port| Listener::new(port)).collect();
        Settings { listeners, local_only: false, ..Settings::default() }
    }

    fn slots(ports: &[u16]) -> Vec<Slot> {
        Slot::all(&Prepared::read(Arc::new(settings(ports))).unwrap(), &[])
    }

    #[test]
    fn who_stays_keeps_the_number() {
        let plan = Plan::new(&slots(&[1, 2, 3]), &settings(&[4, 3, 1]), |_| true);
        assert_eq!(plan.numbers, [3, 2, 0]);
        assert_eq!(plan.wanted, [(0, 3)]);
        assert_eq!(plan.leaving, [1]);
    }

    #[test]
    fn one_that_comes_back_gets_its_number_again() {
        let mut slots = slots(&[1, 2, 3]);
        slots[0].open = false;
        slots[1].open = false;
        let plan = Plan::new(&slots, &settings(&[3, 7, 2]), |_| true);
        assert_eq!((plan.numbers, plan.wanted), (vec![2, 3, 1], vec![(1, 3), (2, 1)]));
        assert!(plan.leaving.is_empty());
    }

    #[test]
    fn numbers_dont_grow_without_end() {
        let mut slots = slots(&(1..=1000).collect::<Vec<u16>>());
        slots.iter_mut().for_each(|slot| slot.open = false);
        let plan = Plan::new(&slots, &settings(&[2000, 2001]), |number| number == 7);
        assert_eq!(plan.numbers, [7, 1000]);
    }

    #[test]
    fn a_listener_named_twice_is_wanted_twice() {
        let plan = Plan::new(&slots(&[1]), &settings(&[1, 1]), |_| true);
        assert_eq!((plan.numbers, plan.wanted), (vec![0, 1], vec![(1, 1)]));
    }

    #[test]
    fn where_bridges_come_in_is_no_listener() {
        let mut slots = slots(&[1]);
        slots.push(Slot::for_bridges(Bridges::Lazy));
        let plan = Plan::new(&slots, &settings(&[2]), |_| true);
        assert_eq!((plan.numbers, plan.wanted, plan.leaving), (vec![2], vec![(0, 2)], vec![0]));
    }
}
