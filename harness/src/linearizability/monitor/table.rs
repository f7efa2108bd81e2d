//! Numbers for values: a table from ids to small consecutive numbers, for monitors that group operations by value.

use crate::history::Id;

const FREE: u32 = u32::MAX;

/// Gives each id the next number when it is first seen.
///
/// Ids that lie close together, as written numbers and interned values do, index an array; others are hashed.
#[derive(Debug)]
pub(super) struct Table {
    slots: Slots,
    count: u32,
}

#[derive(Debug)]
enum Slots {
    Near { lowest: u32, numbers: Vec<u32> },
    Far { entries: Vec<(u32, u32)>, shift: u32 },
}

impl Table {
    /// A table for at most as many different ids as are given here, all of which may be looked up later.
    pub(super) fn new(ids: impl Iterator<Item = Id>) -> Self {
        let (mut lowest, mut highest, mut count) = (u32::MAX, 0, 0usize);
        for id in ids {
            lowest = lowest.min(id.raw());
            highest = highest.max(id.raw());
            count += 1;
        }
        let range = highest.saturating_sub(lowest) as usize + 1;
        let slots = if range <= 4 * count + 64 {
            Slots::Near { lowest, numbers: vec![FREE; range] }
        } else {
            let bits = (2 * count).next_power_of_two().trailing_zeros().max(1);
            Slots::Far { entries: vec![(0, FREE); 1 << bits], shift: 64 - bits }
        };
        Self { slots, count: 0 }
    }

    /// The number of an id, and whether it is new.
    pub(super) fn number(&mut self, id: Id) -> (usize, bool) {
        let number = match &mut self.slots {
            Slots::Near { lowest, numbers } => &mut numbers[(id.raw() - *lowest) as usize],
            Slots::Far { entries, shift } => {
                let place = find(entries, *shift, id.raw());
                entries[place].0 = id.raw();
                &mut entries[place].1
            }
        };
        let new = *number == FREE;
        if new {
            *number = self.count;
            self.count += 1;
        }
        (*number as usize, new)
    }

    /// The number of an id that was seen.
    pub(super) fn get(&self, id: Id) -> Option<usize> {
        let number = match &self.slots {
            Slots::Near { lowest, numbers } => *numbers.get(id.raw().checked_sub(*lowest)? as usize)?,
            Slots::Far { entries, shift } => entries[find(entries, *shift, id.raw())].1,
        };
        (number != FREE).then_some(number as usize)
    }
}

/// Where an id is, or where it would be put. The table is never more than half full.
fn find(entries: &[(u32, u32)], shift: u32, raw: u32) -> usize {
    let mut place = (u64::from(raw).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> shift) as usize;
    while entries[place].1 != FREE && entries[place].0 != raw {
        place = (place + 1) & (entries.len() - 1);
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn numbers_are_consecutive_and_kept(raw in prop::collection::vec(prop_oneof![0u32..20, 0u32..2_000_000_000], 0..60), other in 0u32..2_000_000_000) {
            let ids: Vec<Id> = raw.iter().filter_map(|raw| Id::small(*raw)).collect();
            let mut table = Table::new(ids.iter().copied());
            let mut seen = HashMap::new();
            for id in &ids {
                let next = seen.len();
                let new = !seen.contains_key(id);
                let number = *seen.entry(*id).or_insert(next);
                prop_assert_eq!(table.number(*id), (number, new));
            }
            for id in ids.into_iter().chain(Id::small(other)) {
                prop_assert_eq!(table.get(id), seen.get(&id).copied());
            }
        }
    }
}
