//! What else happened at the time of a witness: faults and log lines.

use super::{Diagram, Explanation};
use crate::{
    time::Offset,
    verdict::{FaultWindow, LogLine},
};

/// Most faults and most log lines that are kept.
const MOST_FAULTS: usize = 4;
const MOST_LINES: usize = 8;
/// What happened at most so long before or after the witness may have to do with it, in nanoseconds.
const NEAR: u64 = 1_000_000_000;

/// What is known of the time of a history beside its operations.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Faults.
    pub faults: Vec<FaultWindow>,
    /// Lines of output and logs, each with the time at which it was written.
    pub lines: Vec<(Offset, LogLine)>,
}

impl Explanation {
    /// Adds the faults and the log lines of the time of the witness, those that are far from it left out. Where the history
    /// has no times, nothing is near.
    pub fn with_context(mut self, Context { faults, lines }: &Context) -> Self {
        let diagram = &mut self.diagram;
        let Some((first, last)) = span(diagram) else { return self };
        let far = |from: u64, to: u64| first.saturating_sub(to).max(from.saturating_sub(last));
        let near = nearest(faults, MOST_FAULTS, |fault| (far(fault.from.0, fault.to.0), fault.from.0));
        diagram.faults = near.into_iter().cloned().collect();
        let near = nearest(lines, MOST_LINES, |(at, _)| (far(at.0, at.0), at.0));
        diagram.lines = near.into_iter().map(|(_, line)| line.clone()).collect();
        self
    }
}

/// From the first call to the last return, in nanoseconds.
fn span(diagram: &Diagram) -> Option<(u64, u64)> {
    let first = diagram.bars.iter().map(|bar| bar.call).min()?;
    let last = diagram.bars.iter().map(|bar| bar.ret.unwrap_or(bar.call)).max()?;
    diagram.nanoseconds.then_some((first, last))
}

/// The things that are nearest, in order of time; `place` gives how far each is and when it began.
fn nearest<T>(all: &[T], most: usize, place: impl Fn(&T) -> (u64, u64)) -> Vec<&T> {
    let mut near: Vec<&T> = all.iter().filter(|one| place(one).0 <= NEAR).collect();
    near.sort_by_key(|one| place(one).0);
    near.truncate(most);
    near.sort_by_key(|one| place(one).1);
    near
}
