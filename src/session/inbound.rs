//! The Packet Identifiers of QoS 2 messages that were taken over but not released yet `[MQTT-4.3.3-10]`.
//!
//! The message itself was passed on when its PUBLISH came; what is kept is only the identifier, so that a
//! repeated PUBLISH is answered and not passed on again. A few are kept as a list, many as a bitmap.

/// Above this many identifiers the list becomes a bitmap of 8 KiB.
const FEW: usize = 64;

/// The unreleased QoS 2 identifiers of one session, inbound.
#[derive(Debug, Default)]
pub struct Inbound {
    few: Vec<u16>,
    many: Option<Box<[u64; 1024]>>,
    count: u16,
    /// More than so many break our Receive Maximum; 0: no limit.
    limit: u16,
}

impl Inbound {
    /// A connection begins on which we allow `maximum` messages at once (0: any number). Those that are left from before
    /// don't count: neither side carries its quota over (section 4.9).
    pub fn allow(&mut self, maximum: u16) {
        self.limit = if maximum == 0 { 0 } else { maximum.saturating_add(self.count) };
    }

    /// Whether one that is not known yet would be one too many.
    pub fn is_full(&self) -> bool {
        self.limit != 0 && self.count >= self.limit
    }

    /// Notes that a QoS 2 PUBLISH came. `false`: it came before and is not released yet: a duplicate.
    pub fn insert(&mut self, identifier: u16) -> bool {
        if self.contains(identifier) {
            return false;
        }
        self.count += 1;
        if self.many.is_none() && self.few.len() == FEW {
            let mut bits = Box::new([0_u64; 1024]);
            for id in self.few.drain(..) {
                bits[usize::from(id >> 6)] |= 1 << (id & 63);
            }
            self.many = Some(bits);
        }
        match &mut self.many {
            Some(bits) => bits[usize::from(identifier >> 6)] |= 1 << (identifier & 63),
            None => self.few.push(identifier),
        }
        true
    }

    /// Notes that PUBREL came. `false`: the identifier was not known.
    pub fn release(&mut self, identifier: u16) -> bool {
        let known = match &mut self.many {
            Some(bits) => {
                let word = &mut bits[usize::from(identifier >> 6)];
                let known = *word >> (identifier & 63) & 1 == 1;
                *word &= !(1 << (identifier & 63));
                known
            }
            None => match self.few.iter().position(|&id| id == identifier) {
                Some(at) => {
                    self.few.remove(at);
                    true
                }
                None => false,
            },
        };
        self.count -= u16::from(known);
        if self.count == 0 {
            self.many = None;
            if self.few.capacity() > FEW {
                self.few = Vec::new();
            }
        }
        known
    }

    /// Whether this identifier awaits its PUBREL.
    pub fn contains(&self, identifier: u16) -> bool {
        match &self.many {
            Some(bits) => bits[usize::from(identifier >> 6)] >> (identifier & 63) & 1 == 1,
            None => self.few.contains(&identifier),
        }
    }

    /// The identifiers that await their PUBREL.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        let many = self.many.iter().flat_map(|_| 1..=u16::MAX).filter(|&id| self.contains(id));
        self.few.iter().copied().chain(many)
    }

    /// How many identifiers await their PUBREL.
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_identifier_is_a_duplicate_until_released() {
        let mut inbound = Inbound::default();
        assert!(inbound.insert(7));
        assert!(!inbound.insert(7));
        assert_eq!(inbound.iter().collect::<Vec<_>>(), [7]);
        assert!(inbound.release(7));
        assert!(!inbound.release(7));
        assert!(inbound.insert(7));
    }

    #[test]
    fn the_limit_counts_what_comes_on_a_connection() {
        let mut inbound = Inbound::default();
        assert!(!inbound.is_full(), "without a limit never");
        inbound.allow(2);
        inbound.insert(1);
        inbound.insert(2);
        assert!(inbound.is_full());
        inbound.allow(2);
        assert!(!inbound.is_full());
        inbound.insert(3);
        inbound.insert(4);
        assert!(inbound.is_full());
        inbound.release(1);
        assert!(!inbound.is_full());
        inbound.allow(0);
        assert!(!inbound.is_full());
    }

    #[test]
    fn every_identifier_can_wait_at_once() {
        let mut inbound = Inbound::default();
        for id in 1..=u16::MAX {
            assert!(inbound.insert(id), "{id}");
        }
        assert!(!inbound.insert(40_000));
        assert!(inbound.iter().eq(1..=u16::MAX));
        for id in (1..=u16::MAX).rev() {
            assert!(inbound.release(id), "{id}");
        }
        assert!(inbound.is_empty());
        assert!(inbound.many.is_none(), "the bitmap is given back");
    }
}
