//! Times that are covered by open intervals: the ends of an interval are free.

use std::collections::BTreeMap;

/// A union of open intervals, as disjoint ones that do not overlap; those that only touch leave their common end free.
#[derive(Debug, Default)]
pub struct Cover(BTreeMap<u64, u64>);

impl Cover {
    /// Covers everything strictly between two times. Amortised O(log n).
    pub fn add(&mut self, mut start: u64, mut end: u64) {
        if start >= end {
            return;
        }
        if let Some((from, to)) = self.around(start) {
            self.0.remove(&from);
            (start, end) = (from, end.max(to));
        }
        // Those that begin within it, the one that begins where it begins included.
        while let Some((from, to)) = self.0.range(start..end).next().map(|(from, to)| (*from, *to)) {
            self.0.remove(&from);
            end = end.max(to);
        }
        self.0.insert(start, end);
    }

    /// The interval that covers a time. O(log n).
    pub fn around(&self, time: u64) -> Option<(u64, u64)> {
        let (from, to) = self.0.range(..time).next_back()?;
        (time < *to).then_some((*from, *to))
    }

    /// The earliest free time that is not before this one.
    pub fn free_from(&self, time: u64) -> u64 {
        self.around(time).map_or(time, |(_, to)| to)
    }

    /// The latest free time that is not after this one.
    pub fn free_until(&self, time: u64) -> u64 {
        self.around(time).map_or(time, |(from, _)| from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn free_times_are_those_strictly_inside_no_interval(
            intervals in prop::collection::vec((0u64..20, 0u64..20), 0..8),
            time in 0u64..20,
        ) {
            let mut cover = Cover::default();
            for (start, end) in &intervals {
                cover.add(*start, *end);
            }
            // A union of open intervals with whole ends changes only at whole times.
            let free = |time: u64| !intervals.iter().any(|(start, end)| *start < time && time < *end);
            prop_assert_eq!(cover.around(time).is_none(), free(time));
            prop_assert_eq!(Some(cover.free_from(time)), (time..=20).find(|time| free(*time)));
            prop_assert_eq!(Some(cover.free_until(time)), (0..=time).rev().find(|time| free(*time)));
        }
    }
}
