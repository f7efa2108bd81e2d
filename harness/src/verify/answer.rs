//! What judges answer: a verdict, the violation with its smallest witness, and what was not decided.

use crate::verdict::Verdict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a monitor or a search concludes of the operations of one object.
#[derive(Debug, Clone, PartialEq)]
pub enum Judged {
    /// Some order explains every result.
    Legal,
    /// None does.
    Illegal(Box<Violation>),
    /// Not decided: what was exhausted.
    Undecided(String),
    /// The monitor does not cover this history, for this reason: another has to decide.
    NotCovered(&'static str),
}

impl Judged {
    /// A violation.
    pub fn illegal(violation: Violation) -> Self {
        Self::Illegal(Box::new(violation))
    }
}

/// Why a history is not what was required. Operations (or transactions) are named by their index in the history.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Violation {
    /// What kind, in the field's word: `stale-read`, `G-single`, `value-lost`.
    pub rule: &'static str,
    /// What happened, in the words of clients, operations, values and times.
    pub sentence: String,
    /// The smallest part of the history that is itself illegal, ascending.
    pub witness: Vec<u32>,
    /// If set, what of the witness returned later than this is to be taken as pending.
    pub end: Option<u64>,
    /// The orders that were tried, and why each fails; at most four.
    pub attempts: Vec<Attempt>,
    /// The shortest cycle, for transactions; each edge leads to the next one's begin.
    pub cycle: Vec<Dependency>,
}

/// An order of operations that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// The operations in this order; the last is the one that fails.
    pub order: Vec<u32>,
    /// Why it fails, in the model's words: `cannot read 3, the register holds 2`.
    pub fails: String,
}

/// An edge of a cycle of transactions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dependency {
    /// The transaction that comes first.
    pub from: u32,
    /// The transaction that comes later.
    pub to: u32,
    /// `ww`, `wr`, `rw`, `process` or `realtime`.
    pub kind: String,
    /// Why, in a sentence: `T2 read [1], which lacks T3's append of 2`.
    pub reason: String,
    /// What an inferred edge rests on, a sentence each; empty where it was observed.
    pub premises: Vec<String>,
}

/// The answer about a whole history.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// `Pass`, `Fail`, or `Unknown` where something was not decided and nothing was seen to be wrong.
    pub verdict: Verdict,
    /// What was judged, and by what: `1 000 operations on 10 keys; zones`.
    pub detail: String,
    /// One violation for each kind and object, the most telling first.
    pub violations: Vec<Violation>,
    /// What was not decided, and what was exhausted.
    pub undecided: Vec<String>,
    /// For transactions, the levels that are violated.
    pub levels: Option<Levels>,
}

impl Answer {
    /// The answer from the violations and the gaps: any violation fails, any gap leaves it open.
    pub fn new(detail: impl Into<String>, violations: Vec<Violation>, undecided: Vec<String>) -> Self {
        let verdict = match (violations.is_empty(), undecided.is_empty()) {
            (false, _) => Verdict::Fail,
            (true, false) => Verdict::Unknown,
            (true, true) => Verdict::Pass,
        };
        Self { verdict, detail: detail.into(), violations, undecided, levels: None }
    }
}

/// Consistency levels of transactions that a history violates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Levels {
    /// The weakest that are violated: no violated level is weaker.
    pub weakest: Vec<Level>,
    /// All that are stronger than one of these, and so violated too.
    pub also: Vec<Level>,
}

/// A consistency level of transactions. Adya, Weak Consistency (MIT 1999); Crooks et al., PODC 2017; Cerone et al.,
/// CONCUR 2015.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// No dirty writes.
    ReadUncommitted,
    /// Only committed values are read, final ones.
    ReadCommitted,
    /// A transaction's writes are seen together.
    ReadAtomic,
    /// What happened before is seen before.
    Causal,
    /// No item that was read changes before the end.
    RepeatableRead,
    /// Reads from one snapshot; of two that write the same, one gives way.
    SnapshotIsolation,
    /// Snapshots that hold all that the own session did.
    StrongSessionSnapshotIsolation,
    /// Snapshots that hold all that had ended.
    StrongSnapshotIsolation,
    /// As if one after the other.
    Serializable,
    /// Serializable, in an order in which each session's transactions follow each other.
    StrongSessionSerializable,
    /// Serializable, in an order that real time allows.
    StrictSerializable,
}
