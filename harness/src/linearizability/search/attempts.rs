//! A witness in words: the operation that cannot be explained, and the orders that lead up to it.

use super::problem::{Entry, Problem};
use super::shrink::Witness;
use super::states::States;
use super::walk::{self, Found};
use crate::history::{History, Outcome};
use crate::linearizability::words;
use crate::model::{Model, Refusal};
use crate::verify::{Attempt, Violation};

/// How many orders are shown, and how many reasons the sentence gives.
const SHOWN: usize = 4;
const REASONS: usize = 3;

/// Configurations that looking for them may visit; the witness itself took fewer, or is shown without.
const BUDGET: u64 = 1_000_000;

/// The violation that a witness shows.
pub fn violation<M: Refusal>(model: &M, history: &History, witness: &Witness<M::Op>) -> Violation {
    let (stuck, ends) = dead_ends(model, &witness.entries);
    let origin = |item: u32| witness.origin[witness.entries[item as usize].index as usize];
    let mut operations: Vec<u32> = (0..witness.entries.len() as u32).map(origin).collect();
    operations.sort_unstable();
    let is_cut = |index: &u32| {
        let op = history.get(*index);
        op.outcome == Outcome::Ok && op.ret > witness.end
    };
    let end = operations.iter().any(is_cut).then_some(witness.end);
    let mut violation = Violation { rule: "not-linearizable", witness: operations, end, ..Violation::default() };
    let Some(stuck) = stuck else {
        violation.sentence = format!("no order explains these {} operations", witness.entries.len());
        return violation;
    };
    let fails = |state: &M::State| model.refusal(&witness.part, state, witness.entries[stuck as usize].op);
    violation.attempts = ends
        .into_iter()
        .map(|(order, state)| Attempt {
            order: order.into_iter().chain([stuck]).map(origin).collect(),
            fails: fails(&state),
        })
        .collect();
    let ops: Vec<u32> = witness.entries.iter().map(|entry| entry.index).collect();
    let alone = witness.part.part(&ops, witness.end);
    violation.sentence = model.sentence(&alone, stuck).unwrap_or_else(|| sentence(&alone, stuck, &violation.attempts));
    violation
}

/// The operation that cannot be placed, and orders that end where it is due, each in another state.
type DeadEnds<M> = (Option<u32>, Vec<(Vec<u32>, <M as Model>::State)>);

fn dead_ends<M: Model>(model: &M, entries: &[Entry<M::Op>]) -> DeadEnds<M> {
    let (problem, ops) = Problem::new(entries);
    let mut states = States::new(model, ops.values());
    let (Found::Illegal { stuck }, _) = walk::search(&problem, &mut states, BUDGET, &|_| {}) else {
        return (None, Vec::new());
    };
    let ends = walk::dead_ends(&problem, &mut states, stuck, SHOWN, BUDGET);
    let ends = ends.into_iter().map(|end| (end.order, states.get(end.state).clone())).collect();
    (problem.item_at(stuck), ends)
}

/// That no order explains an operation, and what stands against it in each.
fn sentence(history: &History, unexplained: u32, attempts: &[Attempt]) -> String {
    let mut reasons: Vec<String> = Vec::new();
    for attempt in attempts {
        let reason = format!("it {}", attempt.fails);
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    if reasons.len() > REASONS {
        reasons.truncate(REASONS);
        reasons.push("it fails in yet another way".to_owned());
    }
    format!(
        "{} {} cannot be explained: in whatever order the operations before it took effect, {}",
        words::named(history, unexplained),
        words::between(history, unexplained),
        reasons.join("; or ")
    )
}
