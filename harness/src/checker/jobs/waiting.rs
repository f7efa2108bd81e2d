//! `waiters-served`: who waits for a job gets one when there is one, and in turn.
//!
//! Nobody can see a client wake up; what is seen is a job that stays ready although a client waits for it, and a client that
//! is overtaken again and again by others who came later. A queue need not serve its clients exactly in their turn.

use super::{Jobs, at, client};
use crate::{
    checker::{Checker, Judgement, View, evidence::finding},
    jobs::{GRACE, JobCall},
    verdict::{Finding, Verdict},
};
use std::collections::HashSet;

/// The check.
pub struct WaitersServed;

const ABOUT: &str = "who waits for a job gets one when there is one, and is not passed over for ever";

/// How often each other client of a tube may come before one that waits since longer.
const TURNS: usize = 4;

impl Checker for WaitersServed {
    fn name(&self) -> &'static str {
        "waiters-served"
    }
    fn about(&self) -> &'static str {
        ABOUT
    }

    fn check(&self, view: &View<'_>) -> Judgement {
        let jobs = match Jobs::of(view, self.name()) {
            Ok(jobs) => jobs,
            Err(judgement) => return judgement,
        };
        let waits: Vec<&JobCall<'_>> = jobs.reservations().filter(|call| call.timeout > 0).collect();
        let findings: Vec<Finding> =
            lost_wakeup(view, &jobs, &waits).into_iter().chain(starved(view, &jobs, &waits)).collect();
        match findings.first() {
            None => Judgement::pass(format!("{} clients waited, all were served", waits.len())),
            Some(first) => Judgement { verdict: Verdict::Fail, detail: first.actual.clone(), findings },
        }
    }
}

/// A job that stayed ready although a client waited for one all that time.
fn lost_wakeup(view: &View<'_>, jobs: &Jobs<'_>, waits: &[&JobCall<'_>]) -> Option<Finding> {
    let mut found = Vec::new();
    for life in &jobs.lives {
        for stay in life.stays.iter().filter(|stay| stay.surely < u64::MAX) {
            let until = stay.taken.map_or(u64::MAX, |taken| jobs.calls[taken].returned());
            let late = stay.surely.saturating_add(GRACE);
            let waited = |call: &&&JobCall<'_>| {
                call.tube == life.tube && call.invoked() <= stay.surely && call.returned().min(until) > late
            };
            let waiter = waits.iter().find(waited).filter(|_| !jobs.blind.meets(&life.tube, stay.surely, late));
            found.extend(waiter.map(|waiter| (life, stay, *waiter, until)));
        }
    }
    let (life, stay, waiter, until) = *found.first()?;
    let then = match until {
        u64::MAX => "nobody got it".to_owned(),
        until => format!("it was handed out at {}", at(until)),
    };
    let actual = format!(
        "job {} was ready by {}, {} waited from {} to {}, and {then}",
        life.job,
        at(stay.surely),
        client(waiter),
        at(waiter.invoked()),
        at(waiter.returned()),
    );
    let expected = format!("a client that waits is woken with job {} at once", life.job);
    let mut finding = finding("lost-wakeup", ABOUT, expected, actual);
    finding.count = found.len() as u64;
    let mut calls: Vec<usize> = [Some(life.put), Some(stay.by), stay.taken].into_iter().flatten().collect();
    calls.sort_unstable();
    calls.dedup();
    calls.extend(jobs.place(waiter));
    finding.evidence = jobs.figure(view, &calls);
    Some(finding)
}

/// A client that waited while others who came later were served again and again.
fn starved(view: &View<'_>, jobs: &Jobs<'_>, waits: &[&JobCall<'_>]) -> Option<Finding> {
    let overtakers = |waiter: &JobCall<'_>| -> Vec<&JobCall<'_>> {
        let is_later = |other: &&&JobCall<'_>| {
            other.tube == waiter.tube
                && other.job.is_some()
                && other.invoked() > waiter.invoked()
                && other.returned() < waiter.returned()
        };
        waits.iter().filter(is_later).copied().collect()
    };
    let clients = |tube: &str| {
        waits.iter().filter(|call| call.tube == tube).map(|call| call.call.client).collect::<HashSet<_>>().len()
    };
    // Once it may have been nobody's fault: a machine that was busy for so long.
    let count = |waiter: &JobCall<'_>| {
        let mut times: Vec<u64> = overtakers(waiter).iter().map(|call| call.returned()).collect();
        times.sort_unstable();
        let within =
            |(place, time): (usize, &u64)| times.partition_point(|other| *other <= time.saturating_add(GRACE)) - place;
        times.len() - times.iter().enumerate().map(within).max().unwrap_or(0)
    };
    let worst = waits.iter().map(|waiter| (*waiter, count(waiter))).max_by_key(|(_, count)| *count)?;
    let (waiter, count) = worst;
    let others = clients(&waiter.tube).saturating_sub(1);
    if others == 0 || count <= TURNS * others {
        return None;
    }
    let expected =
        format!("each of the {others} others comes before it a few times at most, {} in all", TURNS * others);
    let actual = format!(
        "{} waited from {} to {}, and {count} jobs or more went to clients that asked later",
        client(waiter),
        at(waiter.invoked()),
        at(waiter.returned()),
    );
    let mut finding = finding("starved", ABOUT, expected, actual);
    let mut calls: Vec<usize> = overtakers(waiter).into_iter().take(4).filter_map(|call| jobs.place(call)).collect();
    calls.extend(jobs.place(waiter));
    finding.evidence = jobs.figure(view, &calls);
    Some(finding)
}
