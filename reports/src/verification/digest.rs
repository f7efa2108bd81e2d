//! What every format of an answer says in the same words.

use crate::number;
use harness::{
    explanation::{Diagram, Verification},
    transaction::level_name,
    verdict::Verdict,
    verify::{Level, Levels},
};

/// What the verdict claims, and what it does not.
pub fn meaning(verification: &Verification) -> &'static str {
    match verification.verdict {
        Verdict::Pass => {
            "Everything that the model requires holds in this recording. It says nothing of runs that were not recorded."
        }
        Verdict::Fail if verification.undecided.is_empty() => {
            "The operations shown prove it: nothing that is left out could excuse them."
        }
        Verdict::Fail => "The operations shown prove it. What is undecided could only add to it.",
        Verdict::Unknown | Verdict::NotRun => {
            "This is no pass: nothing was seen to be wrong, but not everything was decided. A larger --budget may decide it."
        }
    }
}

/// Which levels are violated.
pub fn levels(levels: &Levels) -> String {
    let list = |levels: &[Level]| levels.iter().map(|level| level_name(*level)).collect::<Vec<_>>().join(", ");
    match levels.also.is_empty() {
        true => list(&levels.weakest),
        false => format!("{}; and so every stronger level: {}", list(&levels.weakest), list(&levels.also)),
    }
}

/// How a diagram is read: what its signs mean, as far as they occur, and what is missing in it.
pub fn notes(diagram: &Diagram) -> Vec<String> {
    let mut notes = Vec::new();
    if diagram.bars.iter().any(|bar| bar.ret.is_none()) {
        notes
            .push("An open bar has no known end: it may take effect at any time after its begin, or never.".to_owned());
    }
    if diagram.left_out > 0 {
        let left = number::count(diagram.left_out.into());
        notes.push(format!("{left} more operations of the proof are not drawn."));
    }
    if overlap(diagram) {
        notes.push("Bars that overlap may have taken effect in either order.".to_owned());
    }
    notes.push("Time is not to scale.".to_owned());
    notes
}

/// Whether two operations were open at the same time.
fn overlap(diagram: &Diagram) -> bool {
    let mut latest: Option<u64> = None;
    diagram.bars.iter().any(|bar| {
        let overlaps = latest.is_some_and(|latest| latest >= bar.call);
        latest = latest.max(Some(bar.ret.unwrap_or(u64::MAX)));
        overlaps
    })
}
