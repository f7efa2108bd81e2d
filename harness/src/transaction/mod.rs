//! Transactions: histories of several reads, writes or appends at once, and the anomalies in them.
//!
//! | file | what it is for |
//! |---|---|
//! | `append` | lists: reads show the order of appends, so cycles decide |
//! | `anomalies`, `graph` | cycles: whether there are any of a class, and the shortest |
//! | `order` | sessions and real time, with a linear number of edges |
//! | `register` | registers: what follows from reads, and a search for an order |
//! | `events`, `serial` | snapshot isolation and serializability as one question, and the search |
//! | `causal` | what happened before |
//! | `level`, `finding` | what is known of each level, and the answer |

mod anomalies;
mod append;
mod causal;
mod events;
mod finding;
mod graph;
mod history;
mod judge;
mod keys;
mod level;
mod order;
#[cfg(test)]
mod properties;
mod register;
mod rows;
mod serial;
mod show;
#[cfg(test)]
mod testing;
mod writes;

pub use history::{Action, Step, Transactions};
pub use judge::{LIST_APPEND, ListAppend, RW_REGISTER, RwRegister};
pub use level::{ALL as LEVELS, name as level_name};

use crate::verify::{Answer, Dependency, Level, Settings};
use finding::Findings;
use graph::Scope;
use level::Status;

impl Transactions {
    /// The orders that are known.
    fn scopes(&self) -> &'static [Scope] {
        if self.realtime { &Scope::ALL } else { &Scope::ALL[..2] }
    }

    /// The level that is required where none is named: strict serializable, as Elle does; where times do not compare
    /// across processes, serializable with sessions.
    fn strongest(&self) -> Level {
        if self.realtime { Level::StrictSerializable } else { Level::StrongSessionSerializable }
    }
}

/// Node numbers share words with kinds; joints come on top of transactions.
fn check_size(transactions: &Transactions) -> Result<(), String> {
    // Two events and a barrier each, a joint a key, and a joint for each version of a list.
    let nodes = 4 * transactions.len() as u64 + transactions.steps.len() as u64 + transactions.elements.len() as u64;
    if nodes < graph::MOST_NODES as u64 {
        return Ok(());
    }
    Err(format!(
        "{} transactions of {} steps are more than can be numbered",
        transactions.len(),
        transactions.steps.len()
    ))
}

/// The answer at the level that is asked for.
fn answer(mut findings: Findings, t: &Transactions, settings: &Settings<'_>, detail: String) -> Answer {
    let required = settings.level.unwrap_or_else(|| t.strongest());
    let strong = [Level::StrongSnapshotIsolation, Level::StrictSerializable];
    if !t.realtime && strong.contains(&required) && findings.standing.of(required) != Status::Violated {
        findings
            .gap(|| "times of this history do not compare across processes: real-time order is not known".to_owned());
    }
    findings.answer(required, detail)
}

/// Transactions as a witness: ascending, each once.
fn witness(of: &[u32]) -> Vec<u32> {
    let mut all = of.to_vec();
    all.sort_unstable();
    all.dedup();
    all
}

/// Most edges of a cycle that its sentence tells.
const MOST_REASONS: usize = 4;

/// A cycle in a sentence: who has to come before whom, and that this is impossible.
fn cycle_sentence(t: &Transactions, cycle: &[Dependency]) -> String {
    let who: Vec<String> = cycle.iter().take(MOST_REASONS).map(|edge| t.actor(edge.from)).collect();
    let more =
        if cycle.len() > MOST_REASONS { format!(" and {} more", cycle.len() - MOST_REASONS) } else { String::new() };
    let reasons: Vec<String> = cycle
        .iter()
        .take(MOST_REASONS)
        .map(|edge| format!("T{} comes before T{}, because {}", edge.from, edge.to, edge.reason))
        .collect();
    let rest = if more.is_empty() { "" } else { "; and so on, back to the first" };
    format!("{}{more} cannot be put in any order: {}{rest}", join(&who), reasons.join("; but "))
}

/// `a`, `a and b`, `a, b and c`.
fn join(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
