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
//!   crashed and more pure ones: what can be reached from here can be reached from there.
//! - Crashed operations that nothing depends on are not searched (see [`Model::groups`]), and operations that nothing
//!   tells apart are made equal (see [`Model::simplify`]).
//! - Of equal operations that are open, the one that returns first comes first: they can be exchanged.
//!
//! The worst case is exponential in how many operations overlap; the budget is counted in configurations, so that the
//! answer is the same on every machine.

mod attempts;
mod intern;
mod mask;
mod memo;
mod problem;
mod shrink;
mod states;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use intern::Interner;

use super::words;
use crate::history::{History, PENDING};
use crate::model::{Model, Refusal};
use crate::verify::{Judged, Violation};
use problem::{Entry, Problem};
use states::States;

/// What the search found, without an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// An order that explains every result.
    Legal,
    /// There is none. In no order can this operation (its index in the history) be placed before it returned.
    Illegal {
        /// The first operation that cannot be placed, in order of returns.
        stuck: u32,
    },
    /// The budget was used up.
    Exhausted {
        /// The most operations that could be placed.
        placed: usize,
        /// Of how many.
        operations: usize,
    },
}

/// What the search found, and at what cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// What it found.
    pub found: Found,
    /// How many configurations it visited.
    pub visited: u64,
}

impl Decided {
    /// What was exhausted, in words.
    pub fn exhausted(placed: usize, operations: usize, visited: u64) -> String {
        format!(
            "the search visited {}, as many as it may, and could place at best {placed} of {}",
            words::count(visited as usize, "configuration"),
            words::count(operations, "operation")
        )
    }
}

/// Searches for an order of these operations that the model allows and real time permits, and explains why there is none.
///
/// `operations` are indices in ascending order; failed ones count for nothing. `budget` is how many configurations may
/// be visited; the explanation takes a few times as many at most.
///
/// # Errors
/// Names the first operation that the model does not know.
pub fn search<M: Refusal>(model: &M, history: &History, operations: &[u32], budget: u64) -> Result<Judged, String> {
    let decided = decide(model, history, operations, budget, &|_| {})?;
    Ok(match decided.found {
        Found::Legal => Judged::Legal,
        Found::Illegal { stuck } => {
            Judged::illegal(explain(model, history, operations, stuck, decided.visited.max(1_000))?)
        }
        Found::Exhausted { placed, operations } => {
            Judged::Undecided(Decided::exhausted(placed, operations, decided.visited))
        }
    })
}

/// [`search`] without an explanation. `tell` is told from time to time how many operations could be placed at best.
///
/// # Errors
/// Names the first operation that the model does not know.
pub fn decide<M: Model>(
    model: &M,
    history: &History,
    operations: &[u32],
    budget: u64,
    tell: &dyn Fn(u64),
) -> Result<Decided, String> {
    Ok(decide_entries(model, &problem::entries(model, history, operations)?, budget, tell))
}

/// Explains why there is no order, by a small part of the history that is illegal by itself.
///
/// The part is cut at a time, without pure operations and without whole groups (see [`Model::groups`]) that are not
/// needed. It is illegal; cut at the return before its end it would be legal; and no further pure operation and no further
/// group can be left out of it, unless checking that took more than a few times as long as the search. That is as small
/// as leaving out can prove: without a single write, say, a part can be illegal because a read of what was written is in it.
///
/// `stuck` is what [`decide`] found, `visited` how many configurations that took.
///
/// # Errors
/// Names the first operation that the model does not know.
pub fn explain<M: Refusal>(
    model: &M,
    history: &History,
    operations: &[u32],
    stuck: u32,
    visited: u64,
) -> Result<Violation, String> {
    let witness = shrink::shrink(model, history, operations, stuck, visited)?;
    Ok(attempts::violation(model, history, &witness))
}

/// Decides about decoded operations: as they are if that takes few steps, and else made as simple as the model can.
fn decide_entries<M: Model>(model: &M, entries: &[Entry<M::Op>], budget: u64, tell: &dyn Fn(u64)) -> Decided {
    let easy = (2 * entries.len() as u64 + 64).min(budget);
    let first = run(model, entries, easy, tell);
    if easy == budget || !matches!(first.found, Found::Exhausted { .. }) {
        return first;
    }
    let mut ops: Vec<M::Op> = entries.iter().map(|entry| entry.op).collect();
    model.simplify(&mut ops);
    let idle = idle(model, entries, &ops);
    let simple = entries.iter().zip(ops).zip(idle).filter(|(_, idle)| !idle);
    let simple: Vec<Entry<M::Op>> = simple.map(|((entry, op), _)| Entry { op, ..*entry }).collect();
    let second = run(model, &simple, budget - first.visited, tell);
    Decided { visited: first.visited + second.visited, ..second }
}

/// For each entry whether nothing depends on it: it is crashed, and so are all of its group.
fn idle<M: Model>(model: &M, entries: &[Entry<M::Op>], ops: &[M::Op]) -> Vec<bool> {
    if entries.iter().all(|entry| entry.ret != PENDING) {
        return vec![false; entries.len()];
    }
    let groups = model.groups(ops);
    let mut needed = vec![false; groups.iter().flatten().max().map_or(0, |group| *group as usize + 1)];
    for (entry, group) in entries.iter().zip(&groups) {
        if let (true, Some(group)) = (entry.ret != PENDING, group) {
            needed[*group as usize] = true;
        }
    }
    groups.iter().map(|group| group.is_some_and(|group| !needed[group as usize])).collect()
}

fn run<M: Model>(model: &M, entries: &[Entry<M::Op>], budget: u64, tell: &dyn Fn(u64)) -> Decided {
    let (problem, ops) = Problem::new(entries);
    let (found, visited) = walk::search(&problem, &mut States::new(model, ops.values()), budget, tell);
    let found = match found {
        walk::Found::Legal => Found::Legal,
        walk::Found::Illegal { stuck } => {
            let item = problem.item_at(stuck).expect("a search is stuck at an event");
            Found::Illegal { stuck: entries[item as usize].index }
        }
        walk::Found::Exhausted { placed } => Found::Exhausted { placed: placed as usize, operations: entries.len() },
    };
    Decided { found, visited }
}
