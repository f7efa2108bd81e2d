//! Whether the machine was too busy: then a fail, or a long time, may be its fault and not the submission's.
//!
//! What shows it is how late takehome itself sent requests that were due. A submission that loads the machine by itself,
//! with floods of messages or with computing, has no claim on that.

use crate::{
    case::{CaseRecord, Ended},
    manifest::Stage,
    time::Offset,
};

/// Requests later than this show that the machine could not keep up; a fail is not held against the submission.
const OVERLOADED: Offset = Offset::from_millis(1_000);
/// Requests later than this show that measured times hold some of the machine's own.
const DISTURBED: Offset = Offset::from_millis(100);
/// Nodes that send more messages a second than this load the machine themselves.
const FLOOD: f64 = 5_000.0;
/// Nodes that together compute for more than this share of the time, in processors, do so too.
const COMPUTING: f64 = 0.5;

/// Whether the machine was too busy for a fail to be the submission's fault.
pub(super) fn is_overloaded(case: &CaseRecord) -> bool {
    case.summary.lag > OVERLOADED && !is_own_load(case)
}

/// Why this case should be run again, if it should: the machine was too busy for what is timed in it, which otherwise
/// ran to its end.
pub fn disturbance(case: &CaseRecord, stage: &Stage) -> Option<String> {
    let summary = &case.summary;
    if is_disturbed(case) {
        return Some(format!("this machine was too busy, requests were up to {} late", summary.lag));
    }
    let ran = summary.ended == Ended::Completed && summary.incidents.is_empty();
    let performance = summary.performance.as_ref().filter(|_| ran)?;
    performance.doubt(&stage.marks(performance.metric()))
}

/// Whether the machine was too busy for times of this case to be graded.
pub(super) fn is_disturbed(case: &CaseRecord) -> bool {
    case.summary.lag > DISTURBED && !is_own_load(case)
}

fn is_own_load(case: &CaseRecord) -> bool {
    let summary = &case.summary;
    let seconds = summary.ended_at.since(summary.work_began).as_secs_f64().max(1e-9);
    let computing: f64 = summary.usage.iter().map(|usage| usage.cpu_seconds).sum();
    case.journal.entries.len() as f64 / seconds > FLOOD || computing / seconds > COMPUTING
}
