//! A set of numbers that are mostly consecutive.

use std::collections::BTreeMap;

/// Numbers as ranges: start, and the number behind the end.
#[derive(Debug, Default)]
pub struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Adds a number.
    pub fn insert(&mut self, number: u64) {
        let before = self.0.range(..=number).next_back().map(|(&start, &end)| (start, end));
        let start = match before {
            Some((_, end)) if number < end => return,
            Some((start, end)) if number == end => start,
            _ => number,
        };
        let end = self.0.remove(&(number + 1)).unwrap_or(number + 1);
        self.0.insert(start, end);
    }

    /// Whether a number is in it.
    pub fn contains(&self, number: u64) -> bool {
        self.0.range(..=number).next_back().is_some_and(|(_, &end)| number < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_one_range() {
        let mut ranges = Ranges::default();
        for number in [5, 3, 4, 9, 1, 4, 8] {
            ranges.insert(number);
        }
        assert_eq!(ranges.0.iter().collect::<Vec<_>>(), [(&1, &2), (&3, &6), (&8, &10)]);
        let inside: Vec<u64> = (0..12).filter(|&n| ranges.contains(n)).collect();
        assert_eq!(inside, [1, 3, 4, 5, 8, 9]);
    }
}
