//! The messages one side has sent at QoS 1 or 2 and not seen completed: an array by Packet Identifier.
//!
//! Packet Identifiers are handed out in turn from 1 (as mosquitto does, and its users' captures show), so the
//! array is a window over consecutive identifiers: an acknowledgement is one index, not a search.

use std::collections::VecDeque;

/// Highest Packet Identifier; after it comes 1 again, since 0 is not one `[MQTT-2.2.1-3]`.
const LAST: u16 = u16::MAX;

/// What the sender waits for before a Packet Identifier is free again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Awaiting {
    /// A QoS 1 PUBLISH was sent.
    PubAck,
    /// A QoS 2 PUBLISH was sent.
    PubRec,
    /// A PUBREL was sent.
    PubComp,
    /// The identifier belongs to a SUBSCRIBE or UNSUBSCRIBE (clients only).
    Answer,
    /// Free; the window has not moved past it yet.
    Free,
}

#[derive(Debug)]
struct Slot<M> {
    awaiting: Awaiting,
    /// It is still to be sent again on this connection.
    held: bool,
    message: Option<M>,
}

/// The outbound window of a session. `M` is what is kept of a message so that it can be sent again.
#[derive(Debug)]
pub struct Outbound<M> {
    slots: VecDeque<Slot<M>>,
    /// Packet Identifier of `slots[0]`.
    first: u16,
    /// Messages in flight (slots that await an acknowledgement of a PUBLISH or PUBREL).
    in_flight: u16,
    /// Those of them that are still to be sent again on this connection.
    held: u16,
    /// Receive Maximum of the other side, or our own limit when that is lower.
    limit: u16,
}

impl<M> Outbound<M> {
    /// An empty window that lets `limit` messages be in flight (0 counts as 65,535: no limit).
    pub fn new(limit: u16) -> Self {
        Outbound { slots: VecDeque::new(), first: 1, in_flight: 0, held: 0, limit: unlimited(limit) }
    }

    /// A window as it was: what is in flight, in any order. Packet Identifiers go on behind the last of them.
    pub fn restored(limit: u16, mut in_flight: Vec<(u16, Awaiting, Option<M>)>) -> Self {
        let mut window = Outbound::new(limit);
        in_flight.retain(|(identifier, ..)| *identifier != 0);
        in_flight.sort_unstable_by_key(|(identifier, ..)| *identifier);
        in_flight.dedup_by_key(|(identifier, ..)| *identifier);
        // Identifiers go round: the window begins behind the widest gap between two of them.
        let distance =
            |from: u16, to: u16| (u32::from(to) + u32::from(LAST) - u32::from(from)) % u32::from(LAST);
        let count = in_flight.len();
        let before = |i: usize| in_flight[(i + count - 1) % count].0;
        let start = (0..count).max_by_key(|&i| {
            let gap = distance(before(i), in_flight[i].0);
            if count == 1 { 0 } else { gap }
        });
        let Some(start) = start else { return window };
        in_flight.rotate_left(start);
        window.first = in_flight[0].0;
        for (identifier, awaiting, message) in in_flight {
            while window.next_identifier() != identifier {
                window.slots.push_back(Slot { awaiting: Awaiting::Free, held: false, message: None });
            }
            window.append(awaiting, message);
        }
        window
    }

    /// Sets how many messages may be in flight from now on, in messages; 0 means no limit of ours.
    pub fn set_limit(&mut self, limit: u16) {
        self.limit = unlimited(limit);
    }

    /// How many messages may be in flight.
    pub fn limit(&self) -> u16 {
        self.limit
    }

    /// Messages that are in flight now.
    pub fn in_flight(&self) -> u16 {
        self.in_flight
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.in_flight == 0
    }

    /// Whether one more message may be sent `[MQTT-3.3.4-9]`.
    pub fn has_room(&self) -> bool {
        self.in_flight < self.limit && self.slots.len() < LAST as usize
    }

    /// The Packet Identifier that [`Outbound::push`] will hand out next.
    pub fn next_identifier(&self) -> u16 {
        advance(self.first, self.slots.len() as u32)
    }

    /// Puts a message in flight; `None` if the window is full. The caller sends it with the identifier returned.
    pub fn push(&mut self, awaiting: Awaiting, message: M) -> Option<u16> {
        if !self.has_room() {
            return None;
        }
        self.append(awaiting, Some(message))
    }

    /// Takes an identifier for a SUBSCRIBE or UNSUBSCRIBE; these don't count as in flight.
    pub fn reserve(&mut self) -> Option<u16> {
        if self.slots.len() >= LAST as usize {
            return None;
        }
        self.append(Awaiting::Answer, None)
    }

    fn append(&mut self, awaiting: Awaiting, message: Option<M>) -> Option<u16> {
        let identifier = self.next_identifier();
        if awaiting != Awaiting::Answer {
            self.in_flight += 1;
        }
        self.slots.push_back(Slot { awaiting, held: false, message });
        Some(identifier)
    }

    /// What this identifier awaits; `Free` if it isn't in use.
    pub fn awaiting(&self, identifier: u16) -> Awaiting {
        match self.index(identifier) {
            Some(i) => self.slots[i].awaiting,
            None => Awaiting::Free,
        }
    }

    /// The message kept under an identifier.
    pub fn message(&self, identifier: u16) -> Option<&M> {
        self.index(identifier).and_then(|i| self.slots[i].message.as_ref())
    }

    /// A PUBREC came for a QoS 2 PUBLISH: the message itself is no longer needed `[MQTT-4.3.3-6]`; it is
    /// handed back. `None` when the identifier does not await a PUBREC.
    pub fn received(&mut self, identifier: u16) -> Option<M> {
        let i = self.index(identifier)?;
        let slot = &mut self.slots[i];
        if slot.awaiting != Awaiting::PubRec {
            return None;
        }
        slot.awaiting = Awaiting::PubComp;
        self.held -= u16::from(std::mem::take(&mut slot.held));
        slot.message.take()
    }

    /// Ends a flow if the identifier awaits `what`: PUBACK, PUBCOMP, an answer, or a PUBREC that carries an error.
    /// Returns whether it did; the message, if it was still kept, is given to `drop`.
    pub fn complete(&mut self, identifier: u16, what: Awaiting) -> Option<Option<M>> {
        let i = self.index(identifier)?;
        if self.slots[i].awaiting != what || what == Awaiting::Free {
            return None;
        }
        if what != Awaiting::Answer {
            self.in_flight -= 1;
        }
        let slot = &mut self.slots[i];
        self.held -= u16::from(std::mem::take(&mut slot.held));
        let message = slot.message.take();
        slot.awaiting = Awaiting::Free;
        self.slide();
        Some(message)
    }

    /// Moves the window past identifiers that are free again.
    fn slide(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.awaiting == Awaiting::Free) {
            self.slots.pop_front();
            self.first = advance(self.first, 1);
        }
        // An idle session gives its memory back; identifiers go on counting.
        if self.slots.is_empty() && self.slots.capacity() > 64 {
            self.slots = VecDeque::new();
        }
    }

    /// Everything in flight in the order in which it was first sent: what a resumed session sends again
    /// `[MQTT-4.4.0-1]`, `[MQTT-4.6.0-1]`.
    pub fn iter(&self) -> impl Iterator<Item = (u16, Awaiting, Option<&M>)> {
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.awaiting != Awaiting::Free)
            .map(|(i, slot)| (advance(self.first, i as u32), slot.awaiting, slot.message.as_ref()))
    }

    /// A session goes on over a new connection: what is to be sent again at once, in the order of [`Outbound::iter`].
    /// If the other side's Receive Maximum is lower than it was, the messages past it are held back `[MQTT-3.3.4-9]`
    /// until [`Outbound::next_held`] hands them out; PUBRELs never are.
    pub fn resume(&mut self) -> Vec<(u16, Awaiting, Option<M>)>
    where
        M: Clone,
    {
        let released = self.slots.iter().filter(|slot| slot.awaiting == Awaiting::PubComp).count();
        let mut room = usize::from(self.limit).saturating_sub(released);
        let mut again = Vec::new();
        self.held = 0;
        for (i, slot) in self.slots.iter_mut().enumerate() {
            let is_message = matches!(slot.awaiting, Awaiting::PubAck | Awaiting::PubRec);
            slot.held = is_message && room == 0;
            self.held += u16::from(slot.held);
            if is_message && !slot.held {
                room -= 1;
            }
            if slot.awaiting != Awaiting::Free && !slot.held {
                again.push((advance(self.first, i as u32), slot.awaiting, slot.message.clone()));
            }
        }
        again
    }

    /// The next message that was held back and may be sent again now.
    pub fn next_held(&mut self) -> Option<(u16, M)>
    where
        M: Clone,
    {
        if self.held == 0 || self.in_flight - self.held >= self.limit {
            return None;
        }
        let i = self.slots.iter().position(|slot| slot.held)?;
        let slot = &mut self.slots[i];
        slot.held = false;
        self.held -= 1;
        Some((advance(self.first, i as u32), slot.message.clone()?))
    }

    /// Whether messages are held back.
    pub fn has_held(&self) -> bool {
        self.held > 0
    }

    /// Frees every identifier that awaits a SUBACK or UNSUBACK: the connection they were sent on is gone.
    pub fn forget_answers(&mut self) {
        for slot in &mut self.slots {
            if slot.awaiting == Awaiting::Answer {
                slot.awaiting = Awaiting::Free;
            }
        }
        self.slide();
    }

    fn index(&self, identifier: u16) -> Option<usize> {
        if identifier == 0 {
            return None;
        }
        let distance =
            if identifier >= self.first { identifier - self.first } else { identifier + (LAST - self.first) };
        (usize::from(distance) < self.slots.len()).then_some(usize::from(distance))
    }
}

fn unlimited(limit: u16) -> u16 {
    if limit == 0 { LAST } else { limit }
}

/// The identifier `by` steps after `identifier` in the circle 1..=65535.
fn advance(identifier: u16, by: u32) -> u16 {
    ((u32::from(identifier) - 1 + by) % u32::from(LAST) + 1) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_start_at_one_and_wrap_past_65535() {
        let mut out = Outbound::new(0);
        for expected in (1..=u16::MAX).chain(1..=10) {
            let id = out.push(Awaiting::PubAck, ()).unwrap();
            assert_eq!(id, expected);
            assert!(out.complete(id, Awaiting::PubAck).is_some());
        }
    }

    #[test]
    fn a_window_comes_back_as_it_was_also_across_the_wrap() {
        let flights = vec![
            (2, Awaiting::PubAck, Some('c')),
            (65_534, Awaiting::PubRec, Some('a')),
            (1, Awaiting::PubComp, None),
        ];
        let mut out = Outbound::restored(10, flights);
        let order: Vec<_> = out.iter().map(|(id, awaiting, m)| (id, awaiting, m.copied())).collect();
        assert_eq!(
            order,
            [
                (65_534, Awaiting::PubRec, Some('a')),
                (1, Awaiting::PubComp, None),
                (2, Awaiting::PubAck, Some('c'))
            ]
        );
        assert_eq!((out.in_flight(), out.next_identifier()), (3, 3));
        assert!(out.complete(65_534, Awaiting::PubRec).is_some());
        assert_eq!(out.awaiting(65_535), Awaiting::Free);
        let one = Outbound::restored(0, vec![(7, Awaiting::PubAck, Some('x'))]);
        assert_eq!((one.in_flight(), one.next_identifier()), (1, 8));
        assert_eq!(Outbound::<char>::restored(0, Vec::new()).next_identifier(), 1);
    }

    #[test]
    fn window_is_limited_and_reopens_with_an_acknowledgement() {
        let mut out = Outbound::new(2);
        let a = out.push(Awaiting::PubAck, 'a').unwrap();
        let b = out.push(Awaiting::PubRec, 'b').unwrap();
        assert_eq!(out.push(Awaiting::PubAck, 'c'), None);
        assert_eq!(out.complete(a, Awaiting::PubAck), Some(Some('a')));
        assert_eq!(out.received(b), Some('b'));
        assert_eq!(out.received(b), None, "a second PUBREC finds nothing to release");
        assert_eq!(out.in_flight(), 1, "PUBREL still counts until PUBCOMP");
        assert_eq!(out.complete(b, Awaiting::PubComp), Some(None));
        assert!(out.is_empty());
    }

    #[test]
    fn acknowledgements_out_of_order_keep_the_order_of_what_is_left() {
        let mut out = Outbound::new(10);
        for m in 0..5 {
            out.push(Awaiting::PubAck, m);
        }
        for id in [2, 4] {
            out.complete(id, Awaiting::PubAck).unwrap();
        }
        let left: Vec<_> = out.iter().map(|(id, _, m)| (id, *m.unwrap())).collect();
        assert_eq!(left, [(1, 0), (3, 2), (5, 4)]);
        assert_eq!(out.complete(2, Awaiting::PubAck), None, "acknowledged twice");
        assert_eq!(out.complete(1, Awaiting::PubRec), None, "wrong kind of acknowledgement");
        assert_eq!(out.complete(0, Awaiting::PubAck), None);
        assert_eq!(out.complete(9, Awaiting::PubAck), None);
    }

    #[test]
    fn a_stuck_identifier_is_never_handed_out_again() {
        let mut out = Outbound::new(0);
        out.push(Awaiting::PubAck, ());
        for _ in 1..u16::MAX {
            let id = out.push(Awaiting::PubAck, ()).unwrap();
            assert_ne!(id, 1);
            out.complete(id, Awaiting::PubAck).unwrap();
        }
        assert!(!out.has_room(), "the window spans every identifier");
        out.complete(1, Awaiting::PubAck).unwrap();
        assert_eq!(out.push(Awaiting::PubAck, ()), Some(1));
    }

    #[test]
    fn what_is_sent_again_keeps_to_a_window_that_has_shrunk() {
        let mut out = Outbound::new(10);
        for m in 0..6 {
            out.push(if m == 1 { Awaiting::PubRec } else { Awaiting::PubAck }, m);
        }
        out.received(2);
        out.set_limit(3);
        let again: Vec<_> = out.resume().iter().map(|(id, awaiting, _)| (*id, *awaiting)).collect();
        assert_eq!(again, [(1, Awaiting::PubAck), (2, Awaiting::PubComp), (3, Awaiting::PubAck)]);
        assert_eq!(out.next_held(), None);
        out.complete(2, Awaiting::PubComp);
        assert_eq!(out.next_held(), Some((4, 3)));
        assert_eq!(out.next_held(), None);
        // One that is acknowledged unasked is held no more.
        out.complete(5, Awaiting::PubAck);
        out.complete(1, Awaiting::PubAck);
        assert_eq!((out.next_held(), out.has_held(), out.has_room()), (Some((6, 5)), false, false));
        // With room for all nothing is held.
        out.set_limit(0);
        assert_eq!((out.resume().len(), out.has_held()), (3, false));
    }

    #[test]
    fn answers_are_not_in_flight_and_go_with_the_connection() {
        let mut out: Outbound<()> = Outbound::new(1);
        let id = out.reserve().unwrap();
        assert!(out.has_room());
        out.forget_answers();
        assert_eq!(out.awaiting(id), Awaiting::Free);
        assert_eq!(out.reserve(), Some(2));
    }
}
