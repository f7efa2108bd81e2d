//! The smallest part of a history that is still illegal, and the orders of it.

use crate::{
    history::History,
    linearizability::search::search,
    model::Refusal,
    verify::{Attempt, Judged},
};

/// More configurations than any witness with few operations has.
const BUDGET: u64 = 10_000;

/// The orders of a small witness and why each fails, as the search tells them.
pub(super) fn attempts<M: Refusal>(model: &M, history: &History, witness: &[u32]) -> Vec<Attempt> {
    match search(model, history, witness, BUDGET) {
        Ok(Judged::Illegal(violation)) => violation.attempts,
        _ => Vec::new(),
    }
}

/// Drops operations as long as the rest is illegal.
///
/// `units` gives, for what is left, the sets of operations that may be dropped together without making an illegal
/// history out of a legal one. No unit can be dropped from the answer.
pub(super) fn minimal(
    mut witness: Vec<u32>,
    units: impl Fn(&[u32]) -> Vec<Vec<u32>>,
    illegal: impl Fn(&[u32]) -> bool,
) -> Vec<u32> {
    witness.sort_unstable();
    witness.dedup();
    'smaller: loop {
        for unit in units(&witness) {
            let rest: Vec<u32> = witness.iter().copied().filter(|op| !unit.contains(op)).collect();
            if illegal(&rest) {
                witness = rest;
                continue 'smaller;
            }
        }
        return witness;
    }
}
