//! Job queue with leases, as [`crate::model::job_queue`] defines it; jobs are put in once.
//!
//! Jobs only meet where a reservation found nothing, so each is judged alone first. A hold surely lasts from the return of
//! its reservation to the call of its completion or return, or until its lease may have run out; after a completion it
//! lasts for ever. These times of one job must not overlap, and then every reservation can take effect where it returned.
//! A hold whose lease may have run out before its reservation was answered needs one free moment only.
//!
//! A reservation that found nothing needs a moment at which no job was surely ready: between putting it in, or giving it
//! back, and the next reservation, each of them as late and as early as the others allow. A reservation without an answer
//! may have taken any ready job from its call on; where leases do not run out it keeps one that nobody got later.
//!
//! O(n log n). Argued here from intervals as in Gibbons & Korach (SIAM J. Comput. 26(4), 1997), not taken from a paper.
//!
//! Not covered: jobs that are put in more than once, processes with two operations open, and findings of nothing among
//! leases that are shorter than a reservation takes, or where only a reservation without an answer and with a lease could
//! explain them.

use super::{
    contents::{NEVER, NONE},
    cover::Cover,
    lease::{End, Hold, Job, Leases, Obstacle},
    minimal::minimal,
    sentence::Words,
};
use crate::{
    history::{Function, History},
    linearizability::Monitor,
    model::job_queue::JobQueue,
    verify::{Judged, Violation},
};

impl Monitor for JobQueue {
    fn method(&self) -> &'static str {
        "leases"
    }

    fn check(&self, history: &History, operations: &[u32]) -> Judged {
        let leases = match Leases::collect(self, history, operations) {
            Ok(leases) => leases,
            Err(Obstacle::NotCovered(reason)) => return Judged::NotCovered(reason),
            Err(obstacle) => return Judged::illegal(obstructed(history, obstacle)),
        };
        for (job, holds) in leases.by_job() {
            if let Some((first, second)) = overlapping(job, holds) {
                return Judged::illegal(held_twice(self, history, job, first, second));
            }
        }
        if leases.nothing.is_empty() {
            return Judged::Legal;
        }
        if leases.holds.iter().any(Hold::is_brief) {
            return Judged::NotCovered("a lease may have run out before its reservation was answered");
        }
        let ready = Ready::new(&leases);
        let blocked = |op: u32| !ready.could_find_nothing(history, op);
        let Some(op) = leases.nothing.iter().copied().find(|op| blocked(*op)) else { return Judged::Legal };
        let sure = |op: u32| !ready.could_perhaps(history, op);
        let op = if self.time_to_run.is_none() {
            op
        } else if let Some(op) = leases.nothing.iter().copied().find(|op| sure(*op)) {
            op
        } else {
            return Judged::NotCovered("a reservation without an answer and with a lease may have got a job");
        };
        Judged::illegal(found_nothing(self, history, &leases, op))
    }
}

/// Two holds of a job of which the second began before the first may have ended.
fn overlapping<'h>(job: &Job, holds: &'h [Hold]) -> Option<(&'h Hold, &'h Hold)> {
    let mut taken = Cover::default();
    let mut last: Option<&Hold> = None;
    for hold in holds.iter().filter(|hold| !hold.is_brief()) {
        if let Some(last) = last.filter(|last| last.until > hold.reserved.1) {
            return Some((last, hold));
        }
        taken.add(hold.reserved.1, hold.until);
        last = Some(hold);
    }
    let brief = holds.iter().filter(|hold| hold.is_brief());
    brief
        .filter_map(|hold| {
            let start = hold.until.max(job.called.0);
            let around = taken.around(start).filter(|(_, end)| *end > hold.reserved.1)?;
            // By both its ends: one that lasted no time can begin with it.
            let other = holds.iter().find(|other| !other.is_brief() && (other.reserved.1, other.until) == around)?;
            Some((other, hold))
        })
        .next()
}

/// When jobs are surely ready.
struct Ready {
    /// Times that end.
    ended: Cover,
    /// Begins of times that last to the end, ascending: nobody got these jobs later.
    endless: Vec<u64>,
    /// Calls of reservations without an answer, ascending.
    unanswered: Vec<u64>,
    /// All times, each one only until the first reservation without an answer.
    at_least: Cover,
}

impl Ready {
    fn new(leases: &Leases) -> Self {
        let unanswered: Vec<u64> = leases.unanswered.iter().map(|(call, _)| *call).collect();
        let mut ready = Self { ended: Cover::default(), endless: Vec::new(), unanswered, at_least: Cover::default() };
        let first = ready.unanswered.first().copied().unwrap_or(NEVER);
        for (job, holds) in leases.by_job() {
            for (from, to) in times(job, holds) {
                ready.at_least.add(from, to.min(first.max(from)));
                match to {
                    NEVER => ready.endless.push(from),
                    _ => ready.ended.add(from, to),
                }
            }
        }
        ready.endless.sort_unstable();
        ready
    }

    /// Whether a reservation can have found nothing, where one without an answer keeps what it took.
    fn could_find_nothing(&self, history: &History, op: u32) -> bool {
        let op = history.get(op);
        let within = |call: &&u64| op.call < **call && **call <= op.ret;
        let moments = std::iter::once(&op.call).chain(self.unanswered.iter().filter(within));
        moments.map(|moment| self.ended.free_from(*moment)).any(|moment| {
            let ready = self.endless.partition_point(|from| *from < moment);
            moment <= op.ret && ready <= self.unanswered.partition_point(|call| *call <= moment)
        })
    }

    /// Whether it can if each reservation without an answer could have taken all jobs at its call.
    fn could_perhaps(&self, history: &History, op: u32) -> bool {
        let op = history.get(op);
        self.at_least.free_from(op.call) <= op.ret
    }
}

/// The times at which a job is surely ready; its holds do not overlap.
fn times(job: &Job, holds: &[Hold]) -> Vec<(u64, u64)> {
    // The latest that each reservation and each return can have been, from the last to the first.
    let mut latest = vec![NEVER; holds.len() + 1];
    for (place, hold) in holds.iter().enumerate().rev() {
        latest[place] = hold.reserved.1.min(hold.released.1).min(latest[place + 1]);
    }
    let mut times = Vec::new();
    // From when the job may be reserved, and from when it surely is ready, if it is.
    let (mut earliest, mut from) = (job.called.0, Some(job.called.1.min(latest[0])));
    for (place, hold) in holds.iter().enumerate() {
        let reserved = hold.reserved.0.max(earliest);
        times.extend(from.map(|from| (from, reserved)));
        (earliest, from) = match hold.end {
            End::Lease => (reserved.max(hold.until), None),
            End::Completed => (NEVER, None),
            End::GivenBack => (reserved.max(hold.released.0), Some(hold.released.1.min(latest[place + 1]))),
        };
    }
    times.extend(from.map(|from| (from, NEVER)));
    times.retain(|(from, to)| from < to);
    times
}

/// A job that was ready at some time, with these times and all its operations.
struct ReadyJob {
    times: Vec<(u64, u64)>,
    operations: Vec<u32>,
}

/// The violation of a finding of nothing that no moment allows, with as few of the jobs that were ready as possible.
fn found_nothing(model: &JobQueue, history: &History, leases: &Leases, op: u32) -> Violation {
    let found = history.get(op);
    let meets = |(from, to): &(u64, u64)| *from < found.ret && found.call < *to;
    let jobs = leases.by_job().map(|(job, holds)| {
        let released = holds.iter().flat_map(|hold| [hold.reserve, hold.release]).filter(|op| *op != NONE);
        ReadyJob { times: times(job, holds), operations: released.chain([job.put]).collect() }
    });
    let jobs: Vec<ReadyJob> = jobs.filter(|job| job.times.iter().any(meets)).collect();
    let operations = |jobs: &[&ReadyJob]| {
        let unanswered = leases.unanswered.iter().filter(|(call, _)| *call <= found.ret).map(|(_, op)| *op);
        let of_jobs = jobs.iter().flat_map(|job| job.operations.iter().copied());
        let mut operations: Vec<u32> = of_jobs.chain(unanswered).chain([op]).collect();
        operations.sort_unstable();
        operations
    };
    let illegal = |jobs: &[&ReadyJob]| {
        let Ok(part) = Leases::collect(model, history, &operations(jobs)) else { return false };
        let ready = Ready::new(&part);
        !ready.could_find_nothing(history, op) && (model.time_to_run.is_none() || !ready.could_perhaps(history, op))
    };
    let few = minimal(&jobs.iter().collect::<Vec<_>>(), illegal);
    let witness = operations(&few);
    let words = Words::new(history, &witness);
    let told = |job: &&ReadyJob| {
        let put = job.operations.last().map(|put| words.value(history.get(*put).argument)).unwrap_or_default();
        let (from, to) = job.times.iter().copied().find(meets)?;
        let later = match to {
            NEVER => "nobody is known to have got it later".to_owned(),
            to => format!("it was not asked for before {}", words.time(to)),
        };
        Some(format!("job {put} was ready by {} and {later}", words.time(from)))
    };
    let named: Vec<String> = few.iter().filter_map(told).collect();
    let mut sentence = format!("{} found no job {}, but {}", words.who(op), words.during(op), words.list(&named));
    sentence += &match leases.unanswered.iter().filter(|(_, op)| witness.binary_search(op).is_ok()).count() {
        0 => String::new(),
        1 => " (the only reservation without an answer cannot explain it)".into(),
        count => format!(" (the {count} reservations without an answer cannot explain it)"),
    };
    Violation { rule: "false-empty", sentence, witness, ..Violation::default() }
}

/// The violation of two holds at once.
fn held_twice(model: &JobQueue, history: &History, job: &Job, first: &Hold, second: &Hold) -> Violation {
    let mut witness = vec![job.put, first.reserve, first.release, second.reserve];
    // Without its end, the second hold could be one that need not have lasted, and so have been the first.
    let lease = model.time_to_run.map_or(NEVER, |time| second.reserved.0.saturating_add(time));
    if lease <= second.reserved.1 {
        witness.push(second.release);
    }
    witness.retain(|op| *op != NONE);
    witness.sort_unstable();
    let words = Words::new(history, &witness);
    let name = words.value(history.get(job.put).argument);
    let (a, b) = (words.who(first.reserve), words.who(second.reserve));
    let got = format!("{b} got job {name} {}", words.during(second.reserve));
    let had = format!("{a} had got it by {}", words.returned(first.reserve));
    let (rule, kept) = match first.end {
        End::Completed if first.released.1 < second.reserved.0 => {
            ("completed-job-reserved", format!("completed it by {}", words.returned(first.release)))
        }
        End::Completed => ("double-lease", format!("completed it {}", words.during(first.release))),
        End::GivenBack => ("double-lease", format!("only began to give it back at {}", words.called(first.release))),
        End::Lease if first.until == NEVER => ("double-lease", "had not given it back".into()),
        End::Lease => ("double-lease", format!("it was leased to them until {} at least", words.time(first.until))),
    };
    Violation { rule, sentence: format!("{got}, but {had}, and {kept}"), witness, ..Violation::default() }
}

/// The violation of one job alone that shows when operations are collected.
fn obstructed(history: &History, obstacle: Obstacle) -> Violation {
    let mut witness = match &obstacle {
        Obstacle::NotCovered(_) => Vec::new(),
        Obstacle::Invented(op) => vec![*op],
        Obstacle::Early { put, reserve } => vec![*put, *reserve],
        Obstacle::NotHeld { put, hold, release } => {
            let hold = hold.iter().flat_map(|hold| [hold.reserve, hold.release]);
            put.iter().copied().chain(hold).chain([*release]).collect()
        }
    };
    witness.sort_unstable();
    let words = Words::new(history, &witness);
    let (rule, sentence) = match obstacle {
        Obstacle::NotCovered(reason) => ("not-covered", reason.to_owned()),
        Obstacle::Invented(op) => {
            let (who, job) = (words.who(op), words.value(history.get(op).result));
            ("job-invented", format!("{who} got job {job} {}, but nobody ever put it in", words.during(op)))
        }
        Obstacle::Early { put, reserve } => {
            let (who, job) = (words.who(reserve), words.value(history.get(reserve).result));
            let put = format!("{} began to put it in at {}", words.who(put), words.called(put));
            ("reserved-before-put", format!("{who} got job {job} {}, before {put}", words.during(reserve)))
        }
        Obstacle::NotHeld { hold, release, .. } => {
            let job = words.value(history.get(release).argument);
            let done = |op| if history.get(op).function == Function::Complete { "completed" } else { "gave back" };
            let did = format!("{} {} job {job} {}", words.who(release), done(release), words.during(release));
            let why = match hold {
                Some(hold) => format!(
                    "had already {} it by {}",
                    match history.get(hold.release).function {
                        Function::Complete => "completed",
                        _ => "given back",
                    },
                    words.returned(hold.release)
                ),
                None => "had never got it".to_owned(),
            };
            ("not-the-holder", format!("{did}, but {why}"))
        }
    };
    Violation { rule, sentence, witness, ..Violation::default() }
}

#[cfg(test)]
mod tests;
