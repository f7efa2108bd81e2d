//! Which operations of a witness a diagram shows, and which of them cannot be explained.

use super::{MOST_BARS, scene::Scene};
use crate::verify::Violation;
use std::cmp::Reverse;

/// At most twelve operations of the witness, ascending: those that the orders and the cycle name, then the nearest in
/// time to the one that cannot be explained.
pub fn select(scene: &Scene<'_>, violation: &Violation) -> Vec<u32> {
    let mut shown: Vec<u32> = Vec::new();
    let mut take = |index: u32| {
        if shown.len() < MOST_BARS && !shown.contains(&index) && scene.witness.binary_search(&index).is_ok() {
            shown.push(index);
        }
    };
    let culprit = culprit(scene, violation);
    culprit.into_iter().for_each(&mut take);
    violation.cycle.iter().flat_map(|edge| [edge.from, edge.to]).for_each(&mut take);
    // The end of an order tells most: what was there when it failed. So all orders from their ends on, in turns.
    let longest = violation.attempts.iter().map(|attempt| attempt.order.len()).max().unwrap_or(0).min(MOST_BARS);
    for place in 0..longest {
        let from_end = violation.attempts.iter().filter_map(|attempt| attempt.order.iter().nth_back(place));
        from_end.copied().for_each(&mut take);
    }
    let center = culprit.or(scene.witness.last().copied()).map_or(0, |index| scene.item(index).call);
    let mut near: Vec<(u64, u32)> =
        scene.witness.iter().map(|index| (scene.item(*index).call.abs_diff(center), *index)).collect();
    near.sort_unstable();
    near.into_iter().map(|(_, index)| index).for_each(take);
    shown.sort_unstable();
    shown
}

/// The operation that cannot be explained: the one at which most orders fail; without orders the only one that was given
/// an answer. Where several contradict each other, as in a cycle, there is none: it is the whole that cannot be.
pub fn culprit(scene: &Scene<'_>, violation: &Violation) -> Option<u32> {
    if !violation.cycle.is_empty() {
        return None;
    }
    let last = |index: &u32| violation.attempts.iter().filter(|attempt| attempt.order.last() == Some(index)).count();
    let of_orders = violation.attempts.iter().filter_map(|attempt| attempt.order.last());
    let named = of_orders.filter(|index| scene.holds(**index)).max_by_key(|index| (last(index), Reverse(**index)));
    named.copied().or_else(|| {
        let mut answered =
            scene.witness.iter().filter(|index| scene.witness.len() == 1 || scene.item(**index).answered);
        answered.next().filter(|_| answered.next().is_none()).copied()
    })
}
