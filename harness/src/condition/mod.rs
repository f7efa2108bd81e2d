//! Conditions other than linearizability: sessions, convergence, and what must hold of sets, queues, banks and logs.
//!
//! Each is one file: what it requires, where it comes from, what it costs and what it does not see. Conditions of one
//! object judge each key alone; those of sessions that look across keys judge the whole history.

mod bank;
mod comments;
mod convergence;
mod counter_bounds;
pub mod echo;
mod exactly_once;
pub mod growing;
mod log;
mod long_fork;
mod monotonic_reads;
mod monotonic_writes;
mod read_your_writes;
mod registers;
mod sequential;
mod set_final;
mod set_full;
mod total_queue;
pub mod unique;
mod versions;
mod words;

#[cfg(test)]
mod tests;

pub use long_fork::LongFork;

use crate::{
    history::{History, Id, Operation, Outcome},
    linearizability::parts::{by_key, each},
    verify::{Answer, Initial, Judge, Recorded, Settings, Violation},
};
use std::{
    collections::HashMap,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// All conditions, as judges.
pub const JUDGES: &[&dyn Judge] = &[
    &sequential::SEQUENTIAL,
    &read_your_writes::READ_YOUR_WRITES,
    &monotonic_reads::MONOTONIC_READS,
    &monotonic_writes::MONOTONIC_WRITES,
    &convergence::CONVERGENCE,
    &set_final::SET_FINAL,
    &set_full::SET_FULL,
    &set_full::SET_FULL_LINEARIZABLE,
    &comments::COMMENTS,
    &total_queue::TOTAL_QUEUE,
    &exactly_once::EXACTLY_ONCE,
    &counter_bounds::COUNTER_BOUNDS,
    &bank::BANK,
    &bank::BANK_OVERDRAWN,
    &LongFork { group: None },
    &log::LOG,
    &echo::ECHO,
];

/// The operations of a history that a condition looks at.
#[derive(Clone, Copy)]
struct Part<'a> {
    history: &'a History,
    /// The effective ones of one object, or of all, in order of calls.
    operations: &'a [u32],
    settings: &'a Settings<'a>,
    failures: &'a Failures,
}

impl<'a> Part<'a> {
    /// The operations with their indices.
    fn iter(&self) -> impl Iterator<Item = (u32, Operation)> + 'a {
        let history = self.history;
        self.operations.iter().map(move |index| (*index, history.get(*index)))
    }

    /// The error about an operation that a kind of object does not know.
    fn unknown(&self, index: u32, object: &str) -> String {
        let op = self.history.get(index);
        let (who, what) = (self.history.process_name(op.process), self.history.show(index));
        format!("operation {index} ({who}: {what}) is none of {object}")
    }

    /// A failed operation with this argument on the same object, which must not have taken effect.
    fn failed(&self, key: Id, argument: Id) -> Option<u32> {
        let failed = self.failures.get_or_init(|| {
            let failed = |(_, op): &(usize, Operation)| op.outcome == Outcome::Failed && op.argument.is_some();
            let operations = self.history.iter().enumerate().filter(failed);
            operations.map(|(index, op)| ((op.key, op.argument), index as u32)).collect()
        });
        failed.get(&(key, argument)).copied()
    }
}

/// The last failed operation with each key and argument, collected when it is first asked for.
type Failures = OnceLock<HashMap<(Id, Id), u32>>;

/// What a condition finds of one object.
#[derive(Default)]
struct Found {
    violations: Vec<Violation>,
    undecided: Vec<String>,
    /// What was counted, the same labels in the same order for every object.
    counts: Vec<(&'static str, u64)>,
}

/// Whether a condition judges each key alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Object,
    History,
}

/// A condition over single operations.
struct Condition {
    name: &'static str,
    about: &'static str,
    initial: Initial,
    scope: Scope,
    judge: fn(Part<'_>) -> Result<Found, String>,
}

impl Judge for Condition {
    fn name(&self) -> &'static str {
        self.name
    }
    fn about(&self) -> &'static str {
        self.about
    }
    fn initial(&self) -> Initial {
        self.initial
    }
    fn judge(&self, recorded: &Recorded, settings: &Settings<'_>) -> Result<Answer, String> {
        judge_parts(self.name, self.scope, recorded, settings, self.judge)
    }
}

/// Judges each object, or all operations together, and puts the answers into one.
fn judge_parts(
    name: &str,
    scope: Scope,
    recorded: &Recorded,
    settings: &Settings<'_>,
    judge: impl Fn(Part<'_>) -> Result<Found, String> + Sync,
) -> Result<Answer, String> {
    let Recorded::Operations(history) = recorded else {
        return Err(format!("`{name}` judges single operations, and these are transactions"));
    };
    let mut parts = match scope {
        Scope::Object => by_key(history),
        Scope::History => vec![history.effective()],
    };
    if parts.is_empty() {
        parts.push(Vec::new());
    }
    let (done, failures) = (AtomicU64::new(0), Failures::new());
    let places: Vec<usize> = (0..parts.len()).collect();
    let each_found = each(&places, settings.threads, |place| {
        let found = judge(Part { history, operations: &parts[place], settings, failures: &failures });
        let done = done.fetch_add(parts[place].len() as u64, Ordering::Relaxed) + parts[place].len() as u64;
        (settings.progress)(done, history.len() as u64);
        found
    });
    let mut all = Found::default();
    for found in each_found {
        let found = found?;
        all.violations.extend(found.violations);
        all.undecided.extend(found.undecided);
        if all.counts.is_empty() {
            all.counts = found.counts;
        } else {
            all.counts.iter_mut().zip(&found.counts).for_each(|(sum, (_, more))| sum.1 += more);
        }
    }
    Ok(answer(parts.len(), all))
}

fn answer(objects: usize, found: Found) -> Answer {
    let mut detail: Vec<String> = found.counts.iter().map(|(label, count)| format!("{label} {count}")).collect();
    if objects > 1 {
        detail.insert(0, format!("objects {objects}"));
    }
    Answer::new(detail.join(", "), found.violations, found.undecided)
}

/// A violation with its witness in ascending order.
fn violation(rule: &'static str, sentence: String, witness: impl IntoIterator<Item = u32>) -> Violation {
    let mut witness: Vec<u32> = witness.into_iter().collect();
    witness.sort_unstable();
    witness.dedup();
    Violation { rule, sentence, witness, ..Violation::default() }
}
