//! Packet Identifiers that the remote broker may know from an earlier session of ours.

/// Which of them were released there before they meant another message: one bit each.
pub(super) struct Stale {
    released: Box<[u64; 1024]>,
}

impl Stale {
    /// None yet.
    pub fn all() -> Self {
        Stale { released: Box::new([0; 1024]) }
    }

    /// A message goes out with this one: whether it is to be released before.
    pub fn is_first(&mut self, identifier: u16) -> bool {
        let word = &mut self.released[usize::from(identifier / 64)];
        let bit = 1 << (identifier % 64);
        let first = *word & bit == 0;
        *word |= bit;
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_turn_once() {
        let mut stale = Stale::all();
        for identifier in [65534, 65535, 1, 2, 63, 64, 65, 40_000] {
            assert!(stale.is_first(identifier), "{identifier}");
            assert!(!stale.is_first(identifier), "{identifier}");
        }
    }
}
