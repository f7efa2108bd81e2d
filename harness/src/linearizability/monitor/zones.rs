//! The theorem that several monitors rest on: when blocks of operations can be put one behind the other.
//!
//! Where each value is written once, the operations that write or see one value are neighbours in every legal order: a
//! block. Block A must come before block B when some operation of A returned before some operation of B was called,
//! which is to say when A's first return is before B's last call. Gibbons & Korach (Testing Shared Memories, SIAM J.
//! Comput. 26(4), 1997) show that the blocks can be ordered exactly when no two of them must each come before the other:
//! a longer circle of blocks always has such a pair. A block whose first return is before its last call (a forward
//! zone) forbids others to overlap it; one whose operations all overlap (a backward zone) may not lie inside another.

/// When the operations of a block returned and were called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Zone {
    /// When the first of them returned.
    pub(super) first_return: u64,
    /// When the last of them was called.
    pub(super) last_call: u64,
}

impl Zone {
    /// The zone of no operations.
    pub(super) const EMPTY: Self = Self { first_return: u64::MAX, last_call: 0 };

    /// Takes an operation in.
    pub(super) fn cover(&mut self, call: u64, ret: u64) {
        self.first_return = self.first_return.min(ret);
        self.last_call = self.last_call.max(call);
    }

    /// Takes another zone in.
    pub(super) fn join(&mut self, other: Self) {
        self.first_return = self.first_return.min(other.first_return);
        self.last_call = self.last_call.max(other.last_call);
    }

    /// Whether a block with this zone must come before a block with the other.
    pub(super) fn precedes(self, other: Self) -> bool {
        self.first_return < other.last_call
    }
}

/// A conflict of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conflict {
    /// The block with this index was there before an operation that the initial block holds.
    Initial(usize),
    /// Each of two blocks must come before the other.
    Pair(usize, usize),
}

/// Two blocks that cannot be put in any order; none if all can.
///
/// `initial` is when the last operation was called of the block that comes before all others. O(n log n) of the number
/// of zones; O(n) if they are in order of their first returns.
pub(super) fn conflict(initial: Option<u64>, zones: &[Zone]) -> Option<Conflict> {
    if let Some(last_call) = initial
        && let Some(block) = zones.iter().position(|zone| zone.first_return < last_call)
    {
        return Some(Conflict::Initial(block));
    }
    let mut forward: Vec<(u64, u64, u32)> = Vec::new();
    for (block, zone) in zones.iter().enumerate() {
        if zone.first_return < zone.last_call {
            forward.push((zone.first_return, zone.last_call, block as u32));
        }
    }
    forward.sort_unstable();
    if let Some(pair) = forward.windows(2).find(|pair| pair[1].0 < pair[0].1) {
        return Some(Conflict::Pair(pair[0].2 as usize, pair[1].2 as usize));
    }
    inside(&forward, zones)
}

/// A backward zone that lies inside one of the forward zones, which are sorted and disjoint.
fn inside(forward: &[(u64, u64, u32)], zones: &[Zone]) -> Option<Conflict> {
    let mut near = 0;
    for (block, zone) in zones.iter().enumerate().filter(|(_, zone)| zone.first_return >= zone.last_call) {
        near = last_before(forward, near, zone.last_call);
        if let Some((_, end, around)) = near.checked_sub(1).map(|index| forward[index])
            && zone.first_return < end
        {
            return Some(Conflict::Pair(around as usize, block));
        }
    }
    None
}

/// How many forward zones begin before a time. Zones come nearly in order of time, so the search starts at the last
/// answer and doubles its steps.
fn last_before(forward: &[(u64, u64, u32)], near: usize, time: u64) -> usize {
    let begins_before = |index: usize| forward[index].0 < time;
    let (mut low, mut high, mut step) = (near, near, 1);
    while low > 0 && !begins_before(low - 1) {
        high = low - 1;
        low = low.saturating_sub(step);
        step *= 2;
    }
    while high < forward.len() && begins_before(high) {
        low = high + 1;
        high = (high + step).min(forward.len());
        step *= 2;
    }
    low + forward[low..high.max(low)].partition_point(|zone| zone.0 < time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn zones() -> impl Strategy<Value = Vec<Zone>> {
        prop::collection::vec((0u64..30, 0u64..30), 0..12).prop_map(|pairs| {
            pairs.into_iter().map(|(first_return, last_call)| Zone { first_return, last_call }).collect()
        })
    }

    /// Whether some order of the blocks respects all that must come before others: by taking out what nothing precedes.
    fn can_be_ordered(initial: Option<u64>, zones: &[Zone]) -> bool {
        if zones.iter().any(|zone| initial.is_some_and(|last_call| zone.first_return < last_call)) {
            return false;
        }
        let mut left: Vec<Zone> = zones.to_vec();
        while !left.is_empty() {
            let free = (0..left.len()).find(|b| (0..left.len()).all(|a| a == *b || !left[a].precedes(left[*b])));
            match free {
                Some(free) => left.remove(free),
                None => return false,
            };
        }
        true
    }

    proptest! {
        #[test]
        fn a_conflict_is_found_exactly_when_no_order_exists(initial in prop::option::weighted(0.2, 0u64..8), zones in zones()) {
            let found = conflict(initial, &zones);
            prop_assert_eq!(found.is_none(), can_be_ordered(initial, &zones));
            match found {
                Some(Conflict::Pair(a, b)) => {
                    prop_assert!(a != b && zones[a].precedes(zones[b]) && zones[b].precedes(zones[a]));
                }
                Some(Conflict::Initial(block)) => prop_assert!(zones[block].first_return < initial.unwrap_or(0)),
                None => {}
            }
        }

        #[test]
        fn the_search_from_anywhere_counts_what_begins_before(begins in prop::collection::vec(0u64..40, 0..40), near in 0usize..40, time in 0u64..42) {
            let mut forward: Vec<_> = begins.iter().map(|begin| (*begin, 0, 0)).collect();
            forward.sort_unstable();
            let near = near.min(forward.len());
            prop_assert_eq!(last_before(&forward, near, time), forward.iter().filter(|zone| zone.0 < time).count());
        }
    }
}
