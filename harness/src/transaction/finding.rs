//! What is collected while a history is judged, and the answer that is made of it.

use super::level::{self, Standing, Status};
use crate::verdict::Verdict;
use crate::verify::{Answer, Level, Violation};

/// Most violations of one kind that are told; the others are counted.
const MOST: usize = 3;

/// A violation and the weakest levels that it violates.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What is wrong.
    pub violation: Violation,
    /// The weakest levels that forbid it.
    pub levels: Vec<Level>,
}

/// Findings of one history, and what is known about its levels.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    list: Vec<Finding>,
    counts: Vec<(&'static str, usize)>,
    /// What is known about each level.
    pub standing: Standing,
    gaps: Vec<String>,
    gap_count: usize,
    /// What could not be decided at some levels.
    pub open: Vec<(Level, String)>,
}

impl Findings {
    /// Adds a violation of these levels; it is made only if few of its kind were told.
    pub fn add(&mut self, rule: &'static str, levels: &[Level], violation: impl FnOnce() -> Violation) {
        for level in levels {
            self.standing.violate(*level);
        }
        let count = match self.counts.iter_mut().find(|(known, _)| *known == rule) {
            Some((_, count)) => count,
            None => {
                self.counts.push((rule, 0));
                &mut self.counts.last_mut().expect("one was added").1
            }
        };
        *count += 1;
        if *count <= MOST {
            self.list.push(Finding { violation: Violation { rule, ..violation() }, levels: levels.to_vec() });
        }
    }

    /// Notes what could not be decided at any level.
    pub fn gap(&mut self, why: impl FnOnce() -> String) {
        self.gap_count += 1;
        if self.gap_count <= MOST {
            self.gaps.push(why());
        }
    }

    /// The answer to whether the history is at the required level.
    ///
    /// Only violations of that level or weaker ones are told as such; `levels` tells of all.
    pub fn answer(mut self, required: Level, detail: String) -> Answer {
        let concerns = |finding: &Finding| finding.levels.iter().any(|level| level::implies(required, *level));
        // The weakest level first: it is the most telling, and what is above it may only follow.
        self.list.sort_by_key(|finding| finding.levels.iter().min().copied());
        let violations: Vec<Violation> =
            self.list.iter().filter(|finding| concerns(finding)).map(|finding| finding.violation.clone()).collect();
        let mut undecided = self.gaps.clone();
        if self.gap_count > MOST {
            undecided.push(format!("{} more of this kind", self.gap_count - MOST));
        }
        if self.standing.is_open(required) {
            let open = self.open.iter().filter(|(level, _)| level::implies(required, *level));
            undecided.extend(open.map(|(level, why)| format!("{}: {why}", level::name(*level))));
        }
        let verdict = match self.standing.of(required) {
            Status::Violated => Verdict::Fail,
            Status::Holds if undecided.is_empty() => Verdict::Pass,
            _ => Verdict::Unknown,
        };
        if verdict == Verdict::Unknown && undecided.is_empty() {
            undecided.push(format!("{}: not decided", level::name(required)));
        }
        let detail = format!("{detail}; {}{}", level::name(required), self.more());
        Answer { verdict, detail, violations, undecided, levels: self.standing.report() }
    }

    /// How many violations of each kind there were where not all are told.
    fn more(&self) -> String {
        let many = self.counts.iter().filter(|(_, count)| *count > MOST);
        many.map(|(rule, count)| format!("; {count} × {rule}")).collect()
    }
}
