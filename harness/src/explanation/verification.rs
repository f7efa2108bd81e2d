//! The answer about a whole history, as `takehome verify-history` gives it in every format.

use super::{Context, Explanation, explain};
use crate::{
    verdict::Verdict,
    verify::{Answer, Judge, Level, Levels, Recorded, Settings},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the JSON form; raised when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// What a history was judged by, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Version of takehome.
    pub takehome: String,
    /// Where the history came from.
    pub source: String,
    /// Name of the model.
    pub model: String,
    /// What the model requires.
    pub about: String,
    /// The level that transactions have to reach, where one was named.
    pub level: Option<Level>,
    /// How many configurations a search was allowed to visit.
    pub budget: u64,
    /// `pass`, `fail`, or `unknown` where something was not decided and nothing was seen to be wrong.
    pub verdict: Verdict,
    /// What was judged, and by what.
    pub detail: String,
    /// One violation for each kind and object, the most telling first.
    pub violations: Vec<Explanation>,
    /// What was not decided, and what was exhausted.
    pub undecided: Vec<String>,
    /// For transactions, the levels that are violated.
    pub levels: Option<Levels>,
}

impl Verification {
    /// An answer with everything that was found explained. `source` is the name of the history, `takehome` our version,
    /// `context` what else is known of that time.
    pub fn new(
        (takehome, source): (&str, &str),
        judge: &dyn Judge,
        settings: &Settings<'_>,
        recorded: &Recorded,
        answer: Answer,
        context: &Context,
    ) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            takehome: takehome.to_owned(),
            source: source.to_owned(),
            model: judge.name().to_owned(),
            about: judge.about().to_owned(),
            level: settings.level,
            budget: settings.budget,
            verdict: answer.verdict,
            detail: answer.detail,
            violations: answer
                .violations
                .iter()
                .map(|violation| explain(recorded, violation).with_context(context))
                .collect(),
            undecided: answer.undecided,
            levels: answer.levels,
        }
    }
}
