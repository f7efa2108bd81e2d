//! Checks of queues of jobs, over the lives of the jobs of a case.

mod lost;
mod order;
#[cfg(test)]
mod tests;
mod waiting;

pub use lost::NoJobLost;
pub use order::JobsInOrder;
pub use waiting::WaitersServed;

use super::{Judgement, View, evidence::Figure};
use crate::{
    jobs::{self, Action, Blind, JobCall, Life},
    oracle::Vocabulary,
    text::excerpt,
};

/// What clients did, and what became of each job.
struct Jobs<'a> {
    calls: Vec<JobCall<'a>>,
    lives: Vec<Life>,
    blind: Blind,
}

impl<'a> Jobs<'a> {
    /// Of a case; where there are none, what the check says instead.
    fn of(view: &View<'a>, check: &str) -> Result<Self, Judgement> {
        if view.vocabulary != Vocabulary::Jobs {
            return Err(super::well_formed::not_applicable(check));
        }
        let calls = jobs::read(&view.case.history.operations).map_err(|(index, why)| {
            Judgement::unknown(format!("the record cannot be judged: operation {index}: {why}"))
        })?;
        if !calls.iter().any(|call| call.action == Action::Reserve && call.is_ok()) {
            return Err(super::nothing_answered(view, "jobs are handed out", "answered reservations"));
        }
        Ok(Self { lives: jobs::lives(&calls), blind: Blind::of(&calls), calls })
    }

    /// The answered reservations.
    fn reservations(&self) -> impl Iterator<Item = &JobCall<'a>> {
        self.calls.iter().filter(|call| call.action == Action::Reserve && call.is_ok())
    }

    /// The place of a call.
    fn place(&self, call: &JobCall<'_>) -> Option<usize> {
        self.calls.iter().position(|other| std::ptr::eq(other.call, call.call))
    }

    /// Draws these calls, and marks the last.
    fn figure(&self, view: &View<'_>, calls: &[usize]) -> crate::verdict::Evidence {
        let mut figure = Figure::of(view);
        for (place, index) in calls.iter().enumerate() {
            let call = &self.calls[*index];
            figure.operation(call.call, label(call), told(call), place + 1 == calls.len());
        }
        figure.finish(super::share(calls.len(), self.calls.len(), "operation"))
    }
}

fn label(call: &JobCall<'_>) -> String {
    let tube = excerpt(&call.tube, 16);
    let job = call.job.map_or_else(|| "no job".to_owned(), |job| format!("job {job}"));
    match call.action {
        Action::Put => format!("{tube}: put {job}, priority {}", call.priority),
        Action::Reserve => format!("{tube}: reserve, {} s", seconds(call.timeout)),
        Action::Delete => format!("{tube}: delete {job}"),
        Action::Release => format!("{tube}: release {job}, priority {}", call.priority),
        Action::Disconnect => format!("{tube}: hangs up with {job}"),
    }
}

fn told(call: &JobCall<'_>) -> Option<String> {
    let text = match (call.action, call.found, call.job) {
        _ if !call.is_ok() => return None,
        (Action::Reserve, _, Some(job)) => format!("job {job}"),
        (Action::Reserve, _, None) => "nothing".to_owned(),
        (_, Some(false), _) => "not found".to_owned(),
        (Action::Disconnect, ..) => return None,
        _ => "ok".to_owned(),
    };
    Some(format!("→ {text}"))
}

fn seconds(nanoseconds: u64) -> u64 {
    nanoseconds / 1_000_000_000
}

/// A moment in messages.
fn at(time: u64) -> crate::time::Offset {
    crate::time::Offset(time)
}

fn client(call: &JobCall<'_>) -> String {
    super::view::client_name(call.call.client)
}
