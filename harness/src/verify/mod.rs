//! Judging a recorded history against a model: what a judge is given, what it answers, and the registry of judges.

mod answer;

pub use answer::{Answer, Attempt, Dependency, Judged, Level, Levels, Violation};

use crate::{history::History, text::excerpt, transaction::Transactions};

/// What was recorded.
#[derive(Debug, Clone)]
pub enum Recorded {
    /// Operations on objects, one at a time.
    Operations(History),
    /// Transactions of several reads, writes or appends.
    Transactions(Transactions),
}

/// How to judge.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// How many configurations a search may visit before it gives up: the same everywhere, unlike seconds.
    pub budget: u64,
    /// Threads for objects that are independent of each other; the answer does not depend on it.
    pub threads: usize,
    /// The consistency level that transactions have to reach; none for the strongest.
    pub level: Option<Level>,
    /// The initial value, as JSON, where the judge takes one ([`Judge::initial`]); none for the model's own.
    pub initial: Option<&'a str>,
    /// For how long something is held before its lease runs out, in units of the history's clock, where the judge has
    /// leases ([`Judge::has_leases`]); none where they never run out.
    pub lease: Option<u64>,
    /// Told from time to time how many of how many objects, operations or transactions are done.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
}

/// As many configurations as a search may visit by default; a search that spends it takes up to 1.6 GB.
pub const DEFAULT_BUDGET: u64 = 20_000_000;

impl Default for Settings<'_> {
    fn default() -> Self {
        Self { budget: DEFAULT_BUDGET, threads: 1, level: None, initial: None, lease: None, progress: &|_, _| {} }
    }
}

/// What a judge takes as the initial value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initial {
    /// Nothing: what it judges always begins the same.
    Fixed,
    /// Any value.
    Value,
    /// An integer of 64 bits.
    Integer,
    /// How many there are of something.
    Count,
}

impl Initial {
    /// Says why a judge does not take this as the initial value.
    pub fn check(self, judge: &str, json: &str) -> Result<(), String> {
        let shown = excerpt(json, 40);
        let (accepted, takes) = match self {
            Self::Fixed => return Err(format!("`{judge}` takes no initial value: what it judges begins empty")),
            Self::Value => return Ok(()),
            Self::Integer => (json.trim().parse::<i64>().is_ok(), "an integer"),
            Self::Count => (json.trim().parse::<u32>().is_ok(), "a number that is not negative"),
        };
        if accepted { Ok(()) } else { Err(format!("the initial value of `{judge}` is {takes}, and `{shown}` is none")) }
    }
}

/// Why a judge takes no lease.
pub fn no_leases(judge: &str) -> String {
    format!("`{judge}` has no leases: nothing that it judges is held for a time only")
}

/// A judge of histories, as `verify-history --model` names it.
pub trait Judge: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;
    /// What it requires, in one sentence.
    fn about(&self) -> &'static str;
    /// What it takes as the initial value.
    fn initial(&self) -> Initial {
        Initial::Fixed
    }
    /// Whether it judges something that is held for a time only.
    fn has_leases(&self) -> bool {
        false
    }
    /// Whether it judges transactions at a consistency level.
    fn has_levels(&self) -> bool {
        false
    }
    /// Judges a history; an error says which operation the model does not know.
    fn judge(&self, recorded: &Recorded, settings: &Settings<'_>) -> Result<Answer, String>;
}

/// All judges.
pub fn registry() -> Vec<&'static dyn Judge> {
    let transactions: &[&'static dyn Judge] = &[&crate::transaction::LIST_APPEND, &crate::transaction::RW_REGISTER];
    [crate::linearizability::object::OBJECTS, transactions, crate::condition::JUDGES].concat()
}

/// The judge with this name.
pub fn find(name: &str) -> Option<&'static dyn Judge> {
    registry().into_iter().find(|judge| judge.name() == name)
}
