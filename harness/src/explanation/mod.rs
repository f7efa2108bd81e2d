//! Explanations: a violation as data that every report renders, at most twelve operations in lanes.
//!
//! [`explain`] turns what a judge found into an [`Explanation`]; [`Verification`] is the answer about a whole history,
//! as `takehome verify-history` prints it.

mod context;
mod scene;
mod selection;
mod verification;
mod words;

pub use context::Context;
pub use verification::{SCHEMA_VERSION, Verification};

use crate::{
    verdict::{FaultWindow, LogLine},
    verify::{Recorded, Violation},
};
use scene::Scene;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use words::Cast;

/// Most operations of a diagram.
pub const MOST_BARS: usize = 12;
/// Most steps of a cycle that are told.
const MOST_STEPS: usize = 24;

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
    /// Name of the transaction that comes first: `T4`.
    pub from: String,
    /// Name of the one that comes later.
    pub to: String,
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
    /// What it is called in the text: `①`, or `#1` where there are many; `T4` for a transaction.
    pub name: String,
    /// Its place in the history, which is in order of calls, from 0.
    pub index: u32,
    /// Index of its lane.
    pub lane: u32,
    /// When it was called.
    pub call: u64,
    /// When it returned; none when it never did, or when what follows holds whatever it came to.
    pub ret: Option<u64>,
    /// In words: `write 3`, `read → 2`.
    pub label: String,
    /// Whether it is the one that cannot be explained.
    pub highlight: bool,
}

/// The explanation of a violation that was found in what was recorded. Its size is bounded, however large the witness.
pub fn explain(recorded: &Recorded, violation: &Violation) -> Explanation {
    let scene = Scene::new(recorded, violation);
    let shown = selection::select(&scene, violation);
    let culprit = selection::culprit(&scene, violation);
    let cast = Cast::new(&scene, &shown);
    let bars = shown.iter().map(|index| cast.bar(*index, culprit == Some(*index))).collect();
    Explanation {
        rule: violation.rule.to_owned(),
        sentence: violation.sentence.clone(),
        summary: cast.summary(scene.witness.len()),
        diagram: Diagram {
            lanes: cast.lanes(),
            bars,
            nanoseconds: scene.nanoseconds(),
            left_out: (scene.witness.len().max(shown.len()) - shown.len()) as u32,
            faults: Vec::new(),
            lines: Vec::new(),
        },
        attempts: violation.attempts.iter().take(4).map(|attempt| cast.attempt(attempt)).collect(),
        cycle: violation.cycle.iter().take(MOST_STEPS).map(|edge| cast.step(edge)).collect(),
    }
}

#[cfg(test)]
mod tests;
