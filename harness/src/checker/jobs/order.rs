//! `jobs-in-order`: of the jobs that are ready the one with the smallest number as its priority comes first, and of equal ones
//! the one that was put in first.
//!
//! A reservation is blamed only where the other job was ready from before it was asked for until after it was answered. Of
//! equal priority only jobs are compared that nobody has had yet: where one that was given back takes its place is free.

use super::{Jobs, at, client};
use crate::{
    checker::{Checker, Judgement, View, evidence::finding},
    jobs::{Action, JobCall, Life, Stay},
};

/// The check.
pub struct JobsInOrder;

const ABOUT: &str = "of the jobs that are ready the one with the smallest priority comes first, and of equal ones the one \
                     that was put in first";

impl Checker for JobsInOrder {
    fn name(&self) -> &'static str {
        "jobs-in-order"
    }
    fn about(&self) -> &'static str {
        ABOUT
    }

    fn check(&self, view: &View<'_>) -> Judgement {
        let jobs = match Jobs::of(view, self.name()) {
            Ok(jobs) => jobs,
            Err(judgement) => return judgement,
        };
        let all: Vec<Ready<'_>> =
            jobs.lives.iter().flat_map(|life| life.stays.iter().map(move |stay| (life, stay))).collect();
        let taken: Vec<(&Ready<'_>, usize)> = all.iter().filter_map(|ready| Some((ready, ready.1.taken?))).collect();
        let mut count = 0;
        let mut first = None;
        for (got, reserve) in &taken {
            let overtaken = all.iter().find(|other| is_overtaken(&jobs, other, got, *reserve));
            count += u64::from(overtaken.is_some());
            first = first.or_else(|| overtaken.map(|other| (*got, *reserve, other)));
        }
        let Some((got, reserve, other)) = first else {
            return Judgement::pass(format!("{} jobs handed out, each in its turn", taken.len()));
        };
        let detail = format!("{count} of {} jobs handed out before others whose turn it was", taken.len());
        let mut finding = describe(&jobs, got, reserve, other);
        finding.count = count;
        let mut calls = vec![got.0.put, got.1.by, other.0.put, other.1.by];
        calls.sort_unstable();
        calls.dedup();
        calls.push(reserve);
        finding.evidence = jobs.figure(view, &calls);
        Judgement::fail(detail, finding)
    }
}

/// A job and a time in which it was ready.
type Ready<'l> = (&'l Life, &'l Stay);

/// Whether `other` was ready all the time while this reservation got `got`, and should have come first.
fn is_overtaken(jobs: &Jobs<'_>, other: &Ready<'_>, got: &Ready<'_>, reserve: usize) -> bool {
    let call: &JobCall<'_> = &jobs.calls[reserve];
    other.1.surely < call.invoked()
        && other.1.taken.is_none_or(|taken| jobs.calls[taken].invoked() > call.returned())
        && other.0.tube == got.0.tube
        && is_before(jobs, other, got)
        && !jobs.blind.meets(&got.0.tube, other.1.surely, call.returned())
}

fn is_before(jobs: &Jobs<'_>, other: &Ready<'_>, got: &Ready<'_>) -> bool {
    let (Some(of_other), Some(of_got)) = (other.1.priority, got.1.priority) else { return false };
    let puts = [other, got].map(|ready| &jobs.calls[ready.1.by]);
    let are_new = puts.iter().all(|by| by.action == Action::Put && by.delay == 0);
    of_other < of_got || (of_other == of_got && are_new && puts[0].returned() < puts[1].invoked())
}

fn describe(jobs: &Jobs<'_>, got: &Ready<'_>, reserve: usize, other: &Ready<'_>) -> crate::verdict::Finding {
    let call = &jobs.calls[reserve];
    let priority = |ready: &Ready<'_>| ready.1.priority.unwrap_or_default();
    let why = match priority(other) < priority(got) {
        true => format!("its priority is {}, that of job {} {}", priority(other), got.0.job, priority(got)),
        false => format!("both have priority {}, and job {} was put in later", priority(got), got.0.job),
    };
    let expected = format!("job {}, which was ready by {}: {why}", other.0.job, at(other.1.surely));
    let actual =
        format!("{} got job {} between {} and {}", client(call), got.0.job, at(call.invoked()), at(call.returned()));
    finding("wrong-order", ABOUT, expected, actual)
}
