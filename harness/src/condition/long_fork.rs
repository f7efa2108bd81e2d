//! `long-fork`: two reads never see two writes in opposite orders.
//!
//! Jepsen's `long-fork` checker (the anomaly of Sovran et al., Transactional storage for geo-replicated systems, SOSP
//! 2011, that parallel snapshot isolation allows and snapshot isolation forbids). Every key is written at most once;
//! each read sees all keys of a group. In one order of the writes the reads of a group are a chain: sorted by how many
//! keys they see written, each sees all that the one before it sees. O(n log n + length of all reads).
//!
//! Takes transactions of reads or of a single write, or operations: a `read` whose result is a map or a list of
//! `[r key value]`, and `write`. Histories that write a key twice are not decided.

use super::{violation, words};
use crate::{
    history::{Function, History, Id, Outcome},
    transaction::{Action, Transactions},
    verify::{Answer, Judge, Recorded, Settings, Violation},
};
use std::collections::{BTreeMap, HashMap};

/// The condition.
pub struct LongFork {
    /// How many keys every read has to have seen; none where any number will do and reads of the same keys are a group.
    pub group: Option<usize>,
}

impl Judge for LongFork {
    fn name(&self) -> &'static str {
        "long-fork"
    }
    fn about(&self) -> &'static str {
        "no two reads of several keys see two writes in opposite orders"
    }
    fn judge(&self, recorded: &Recorded, settings: &Settings<'_>) -> Result<Answer, String> {
        let seen = match recorded {
            Recorded::Operations(history) => Seen::of_operations(history)?,
            Recorded::Transactions(transactions) => Seen::of_transactions(transactions)?,
        };
        let odd = |read: &&Snapshot| self.group.is_some_and(|group| group != read.values.len());
        if let (Some(read), Some(group)) = (seen.reads.iter().find(odd), self.group) {
            let keys = read.values.len();
            return Err(format!("operation {} reads {keys} keys, and the groups have {group}", read.index));
        }
        let groups = seen.groups();
        let mut found = super::Found::default();
        for (done, group) in groups.iter().enumerate() {
            found.violations.extend(fork(recorded, group));
            (settings.progress)(done as u64 + 1, groups.len() as u64);
        }
        found.undecided = seen.undecided();
        if seen.reads.is_empty() {
            found.undecided.push("nothing was read".to_owned());
        }
        found.counts = vec![("reads", seen.reads.len() as u64), ("groups", groups.len() as u64)];
        Ok(super::answer(1, found))
    }
}

/// A read: keys with what they held, in order of keys.
struct Snapshot {
    index: u32,
    values: Vec<(Id, Id)>,
}

impl Snapshot {
    fn new(index: u32, mut values: Vec<(Id, Id)>) -> Self {
        values.sort_unstable();
        values.dedup_by_key(|(key, _)| *key);
        Self { index, values }
    }

    fn written(&self) -> usize {
        self.values.iter().filter(|(_, value)| *value != Id::NIL).count()
    }
}

#[derive(Default)]
struct Seen {
    reads: Vec<Snapshot>,
    /// How often each key was written.
    writes: HashMap<Id, u32>,
}

impl Seen {
    fn of_operations(history: &History) -> Result<Self, String> {
        let mut seen = Self::default();
        for index in history.effective() {
            let op = history.get(index);
            match op.function {
                Function::Read if op.outcome == Outcome::Ok && op.result.is_some() => {
                    let values = pairs(history, op.result);
                    let wrong =
                        || format!("operation {index} ({}) reads no keys with their values", history.show(index));
                    seen.reads.push(Snapshot::new(index, values.ok_or_else(wrong)?));
                }
                Function::Read => {}
                Function::Write => *seen.writes.entry(op.key).or_default() += 1,
                _ => return Err(format!("operation {index} ({}) is neither a read nor a write", history.show(index))),
            }
        }
        Ok(seen)
    }

    fn of_transactions(transactions: &Transactions) -> Result<Self, String> {
        let mut seen = Self::default();
        for index in 0..transactions.len() as u32 {
            let (steps, outcome) = (transactions.steps(index), transactions.outcome[index as usize]);
            let reads = steps.iter().all(|step| step.action == Action::Read);
            if !reads && !matches!(steps, [step] if step.action == Action::Write) {
                return Err(format!("transaction {index} is neither reads only nor a single write"));
            }
            if !reads && outcome != Outcome::Failed {
                *seen.writes.entry(steps[0].key).or_default() += 1;
            }
            if reads && outcome == Outcome::Ok && steps.iter().all(|step| step.value.is_some()) {
                let values = steps.iter().map(|step| (step.key, step.value)).collect();
                seen.reads.push(Snapshot::new(index, values));
            }
        }
        Ok(seen)
    }

    /// Reads of the same keys.
    fn groups(&self) -> Vec<Vec<&Snapshot>> {
        let mut groups: BTreeMap<Vec<Id>, Vec<&Snapshot>> = BTreeMap::new();
        for read in &self.reads {
            groups.entry(read.values.iter().map(|(key, _)| *key).collect()).or_default().push(read);
        }
        groups.into_values().collect()
    }

    /// Keys that were written or seen with more than one value: the test's own premise.
    fn undecided(&self) -> Vec<String> {
        let mut values: HashMap<Id, Id> = HashMap::new();
        let seen_twice = self
            .reads
            .iter()
            .flat_map(|read| &read.values)
            .any(|(key, value)| *value != Id::NIL && *values.entry(*key).or_insert(*value) != *value);
        match seen_twice || self.writes.values().any(|count| *count > 1) {
            true => vec!["a key was written more than once; forks are found where each is written once".to_owned()],
            false => Vec::new(),
        }
    }
}

/// The keys and values of a map, or of a list of `[r key value]` or `[key value]`.
fn pairs(history: &History, result: Id) -> Option<Vec<(Id, Id)>> {
    if let Some(pairs) = history.values.as_map(result) {
        return Some(pairs.to_vec());
    }
    let pair = |id: &Id| match history.values.as_list(*id)? {
        [_, key, value] | [key, value] => Some((*key, *value)),
        _ => None,
    };
    history.values.as_list(result)?.iter().map(pair).collect()
}

/// Two reads of a group of which each sees a write that the other does not.
fn fork(recorded: &Recorded, group: &[&Snapshot]) -> Option<Violation> {
    let mut sorted: Vec<&Snapshot> = group.to_vec();
    sorted.sort_by_key(|read| (read.written(), read.index));
    sorted.windows(2).find_map(|pair| {
        let only = |one: &Snapshot, other: &Snapshot| {
            let both = one.values.iter().zip(&other.values);
            both.filter(|(one, other)| one.1 != Id::NIL && other.1 == Id::NIL).map(|(one, _)| one.0).next()
        };
        let (one, other) = (only(pair[0], pair[1])?, only(pair[1], pair[0])?);
        Some(explain(recorded, pair, one, other))
    })
}

fn explain(recorded: &Recorded, pair: &[&Snapshot], first: Id, second: Id) -> Violation {
    let values = match recorded {
        Recorded::Operations(history) => &history.values,
        Recorded::Transactions(txns) => &txns.values,
    };
    let told = |index: u32| match recorded {
        Recorded::Operations(history) => {
            format!("{} at {}", words::who(history, index), words::returned(history, index))
        }
        Recorded::Transactions(txns) => {
            let mut frame = History::default();
            (frame.clock, frame.process_names) = (txns.clock, txns.process_names.clone());
            let (process, ret) = (txns.process[index as usize], txns.ret[index as usize]);
            format!("{} at {}", frame.process_name(process), words::at(&frame, ret))
        }
    };
    let show = |id: Id| crate::text::excerpt(&values.show(id).to_string(), 48);
    let (x, y) = (show(first), show(second));
    let sentence = format!(
        "the read by {} saw the write to {x} and not yet that to {y}, the read by {} saw that to {y} and not yet that to {x}: in no order of the two writes can both be right",
        told(pair[0].index),
        told(pair[1].index),
    );
    violation("long-fork", sentence, [pair[0].index, pair[1].index])
}
