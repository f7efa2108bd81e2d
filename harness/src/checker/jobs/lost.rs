//! `no-job-lost`: a job that was put in comes out, again and again, until somebody is done with it.

use super::{Jobs, at, client};
use crate::{
    checker::{Checker, Judgement, View, evidence::finding},
    jobs::{Action, Life},
    verdict::{Finding, Verdict},
};
use std::collections::HashMap;

/// The check.
pub struct NoJobLost;

const ABOUT: &str = "a job that was put in is handed out until somebody is done with it, and stays with who has it for its \
                     time to run";

impl Checker for NoJobLost {
    fn name(&self) -> &'static str {
        "no-job-lost"
    }
    fn about(&self) -> &'static str {
        ABOUT
    }

    fn check(&self, view: &View<'_>) -> Judgement {
        let jobs = match Jobs::of(view, self.name()) {
            Ok(jobs) => jobs,
            Err(judgement) => return judgement,
        };
        let empty = found_nothing(&jobs);
        let lost: Vec<(&Life, usize)> =
            jobs.lives.iter().filter_map(|life| Some((life, missed_by(&jobs, &empty, life)?))).collect();
        let taken: Vec<(&Life, (usize, usize))> =
            jobs.lives.iter().filter_map(|life| Some((life, life.taken_away?))).collect();
        let mut findings = Vec::new();
        findings.extend(lost.first().map(|(life, reserve)| describe_lost(view, &jobs, life, *reserve, lost.len())));
        findings.extend(taken.first().map(|(life, calls)| describe_taken(view, &jobs, life, *calls, taken.len())));
        if findings.is_empty() {
            return Judgement::pass(format!("{} jobs, none lost", jobs.lives.len()));
        }
        let detail = format!("{} of {} jobs lost, {} taken from who had it", lost.len(), jobs.lives.len(), taken.len());
        Judgement { verdict: Verdict::Fail, detail, findings }
    }
}

/// The last reservation of each tube that certainly found nothing. Whatever was ready before it and nobody got, is lost.
fn found_nothing<'j>(jobs: &'j Jobs<'_>) -> HashMap<&'j str, usize> {
    let mut last: HashMap<&str, usize> = HashMap::new();
    for (index, call) in jobs.calls.iter().enumerate() {
        let is_empty = call.action == Action::Reserve && call.is_ok() && call.job.is_none();
        if is_empty && !jobs.blind.meets(&call.tube, call.invoked(), call.returned()) {
            let latest = last.entry(&call.tube).or_insert(index);
            if jobs.calls[*latest].invoked() <= call.invoked() {
                *latest = index;
            }
        }
    }
    last
}

/// The reservation that found nothing although the job was there and nobody is known to have got it since.
fn missed_by(jobs: &Jobs<'_>, empty: &HashMap<&str, usize>, life: &Life) -> Option<usize> {
    let stay = life.stays.last().filter(|stay| stay.taken.is_none() && stay.surely < u64::MAX)?;
    empty.get(&*life.tube).copied().filter(|index| stay.surely < jobs.calls[*index].invoked())
}

fn describe_lost(view: &View<'_>, jobs: &Jobs<'_>, life: &Life, reserve: usize, count: usize) -> Finding {
    let stay = &life.stays[life.stays.len() - 1];
    let missed = &jobs.calls[reserve];
    let expected = format!("job {} is handed out to somebody", life.job);
    let actual = format!(
        "job {} was ready by {}, and {} found none at {}; nobody got it later",
        life.job,
        at(stay.surely),
        client(missed),
        at(missed.invoked()),
    );
    let mut finding = finding("job-lost", ABOUT, expected, actual);
    finding.count = count as u64;
    let mut calls = vec![life.put];
    calls.extend(life.stays.iter().filter_map(|stay| stay.taken));
    calls.push(stay.by);
    calls.sort_unstable();
    calls.dedup();
    calls.push(reserve);
    finding.evidence = jobs.figure(view, &calls);
    finding
}

fn describe_taken(
    view: &View<'_>,
    jobs: &Jobs<'_>,
    life: &Life,
    (end, reserve): (usize, usize),
    count: usize,
) -> Finding {
    let (ended, had) = (&jobs.calls[end], &jobs.calls[reserve]);
    let ttr = super::seconds(jobs.calls[life.put].ttr);
    let expected = format!("job {} is {}'s for {ttr} s from when it was reserved", life.job, client(had));
    let actual =
        format!("{} got it at {}, and at {} it was not found", client(had), at(had.returned()), at(ended.returned()),);
    let mut finding = finding("job-taken", ABOUT, expected, actual);
    finding.count = count as u64;
    finding.evidence = jobs.figure(view, &[life.put, reserve, end]);
    finding
}
