//! Explanations: a violation as data that every report renders, at most twelve operations in lanes.

use crate::verdict::{FaultWindow, LogLine};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A violation, complete in itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// What kind, in the field's word: `stale-read`.
    pub rule: String,
    /// What happened, in one sentence.
    pub sentence: String,
    /// How much of the history the diagram is: `4 of 1 984 operations`.
    pub summary: String,
    /// The witness in lanes.
    pub diagram: Diagram,
    /// The orders that were tried and why each fails, in words.
    pub attempts: Vec<String>,
    /// The edges of a cycle and what they rest on, in words.
    pub cycle: Vec<Step>,
}

/// One edge of a cycle, in words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Number of the bar that comes first.
    pub from: u32,
    /// Number of the bar that comes later.
    pub to: u32,
    /// `ww`, `wr`, `rw`, `process` or `realtime`.
    pub kind: String,
    /// Why.
    pub reason: String,
    /// What an inferred edge rests on.
    pub premises: Vec<String>,
}

/// Operations as bars in one lane a process, over time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Diagram {
    /// Names of the processes from top to bottom.
    pub lanes: Vec<String>,
    /// The operations in order of their calls, at most twelve.
    pub bars: Vec<Bar>,
    /// Whether times are nanoseconds; otherwise positions of events.
    pub nanoseconds: bool,
    /// Operations of the witness that did not fit.
    pub left_out: u32,
    /// Faults of that time.
    pub faults: Vec<FaultWindow>,
    /// Log lines of that time.
    pub lines: Vec<LogLine>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bar {
    /// Its number in the text, from 1.
    pub number: u32,
    /// Index of its lane.
    pub lane: u32,
    /// When it was called.
    pub call: u64,
    /// When it returned; none when it never did.
    pub ret: Option<u64>,
    /// In words: `write 3`, `read → 2`.
    pub label: String,
    /// Whether it is the one that cannot be explained.
    pub highlight: bool,
}
