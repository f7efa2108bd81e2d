//! The general search for an order that explains every result: for objects that no monitor covers, and as the oracle of
//! the monitors.
//!
//! Depth first over configurations, as Wing & Gong (J. Parallel Distrib. Comput. 17, 1993) with the memory of Lowe
//! (Concurrency Computat. Pract. Exper. 29, 2017), and:
//!
//! - A configuration is relative to its frontier: the next return that is to be passed, the state, and which of the
//!   operations that are open at that return are placed. That is exact, and needs as many bits as operations overlap.
//! - States and operations are numbered, and steps between states remembered.
//! - A pure operation is placed as soon as it is legal and never branched on: it changes nothing, and any order in which
//!   it comes later stays an order when it is moved here.
//! - Crashed operations may be left out. A configuration is not visited when one was with the same effects placed, fewer
//!   crashed and more pure ones: what can still be reached from here can be reached from there.
//! - Of equal operations that are open, the one that returns first comes first: they can be exchanged.
//!
//! The worst case is exponential in how many operations overlap; the budget is counted in configurations, so that the
//! answer is the same on every machine.

mod intern;
mod mask;
mod memo;
mod problem;
mod states;
#[cfg(test)]
mod tests;
mod walk;

use crate::history::History;
use crate::model::{Model, Refusal};
use crate::verify::{Judged, Violation};
use mask::{Mask, Wide};
use problem::{Entry, Event, Problem};
use states::States;
use walk::{Found, Walk};

/// Searches for an order of these operations (indices, ascending; failed ones count for nothing) that the model allows
/// and real time permits.
///
/// # Errors
/// Names the first operation that the model does not know.
pub fn search<M: Refusal>(model: &M, history: &History, operations: &[u32], budget: u64) -> Result<Judged, String> {
    let entries = problem::entries(model, history, operations)?;
    let (found, visited) = decide(model, &entries, budget);
    Ok(match found {
        Found::Legal => Judged::Legal,
        Found::Exhausted { placed } => Judged::Undecided(format!(
            "the search visited {visited} configurations, as many as it may, and at best {} of {} operations could not be \
             placed",
            entries.len() - placed as usize,
            entries.len()
        )),
        Found::Illegal { stuck } => Judged::illegal(explain(model, history, &entries, stuck)),
    })
}

/// Decides, and says how many configurations were visited.
fn decide<M: Model>(model: &M, entries: &[Entry<M::Op>], budget: u64) -> (Found, u64) {
    let problem = Problem::new(entries);
    match problem.slots.len() {
        0..=64 => walk::<M, u64>(model, &problem, budget),
        65..=128 => walk::<M, u128>(model, &problem, budget),
        _ => walk::<M, Wide>(model, &problem, budget),
    }
}

fn walk<M: Model, K: Mask>(model: &M, problem: &Problem<M::Op>, budget: u64) -> (Found, u64) {
    let mut states = States::new(model, problem.classes.values());
    let mut walk = Walk::<M, K>::new(problem, &mut states);
    let found = walk.run(budget);
    (found, walk.visited())
}

fn explain<M: Refusal>(model: &M, history: &History, entries: &[Entry<M::Op>], stuck: u32) -> Violation {
    let problem = Problem::new(entries);
    let _ = model;
    let witness: Vec<u32> = problem.events[..stuck as usize]
        .iter()
        .filter_map(|event| match event {
            Event::Call(item) => Some(entries[problem.items[*item as usize].entry as usize].index),
            Event::Return(_) => None,
        })
        .collect();
    let Event::Return(item) = problem.events[stuck as usize] else { return Violation::default() };
    let culprit = entries[problem.items[item as usize].entry as usize].index;
    let process = history.process_name(history.get(culprit).process);
    let sentence = format!("no order of the operations before it explains {process}'s {}", history.show(culprit));
    Violation { rule: "not-linearizable", sentence, witness, ..Violation::default() }
}
