//! The orders of a small witness and why each fails, for violations that monitors found without trying any.

use super::{
    object::{Object, Setup},
    search::search,
};
use crate::{
    history::History,
    model::Refusal,
    verify::{Attempt, Judged, Violation},
};

/// Operations of a witness whose orders can still be read.
const READABLE: usize = 12;
/// More configurations than so few operations have.
const BUDGET: u64 = 10_000;
/// Violations that get their orders.
const MOST: usize = 32;

/// Adds the orders where there are none.
pub fn complete<'v, M: Refusal>(
    object: &Object<M>,
    setup: Setup,
    history: &History,
    violations: impl Iterator<Item = &'v mut Violation>,
) {
    let lacks = |violation: &&mut Violation| {
        violation.attempts.is_empty() && violation.end.is_none() && violation.witness.len() <= READABLE
    };
    let lacking: Vec<&mut Violation> = violations.filter(lacks).take(MOST).collect();
    if lacking.is_empty() {
        return;
    }
    // A model may read all of a history that it is made for, and these are a few operations of many.
    let mut operations: Vec<u32> = lacking.iter().flat_map(|violation| violation.witness.iter().copied()).collect();
    operations.sort_unstable();
    operations.dedup();
    let part = history.part(&operations, u64::MAX);
    let model = (object.model)(&part, setup);
    for violation in lacking {
        violation.attempts = attempts(&model, &part, &operations, &violation.witness);
    }
}

/// `part` holds `operations` of the history, which the witness is some of.
fn attempts<M: Refusal>(model: &M, part: &History, operations: &[u32], witness: &[u32]) -> Vec<Attempt> {
    let places: Result<Vec<u32>, usize> =
        witness.iter().map(|index| operations.binary_search(index).map(|place| place as u32)).collect();
    match places.map(|places| search(model, part, &places, BUDGET)) {
        Ok(Ok(Judged::Illegal(found))) => {
            let order = |order: Vec<u32>| order.into_iter().map(|place| operations[place as usize]).collect();
            let attempt = |attempt: Attempt| Attempt { order: order(attempt.order), ..attempt };
            found.attempts.into_iter().map(attempt).collect()
        }
        _ => Vec::new(),
    }
}
