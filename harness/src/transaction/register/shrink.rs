//! Fewer transactions that still have no order, where no cycle tells why.
//!
//! Leaving out a transaction, and forgetting what others read from it, never makes a good history bad: an order of all is
//! an order of those that are left. So what is left and has no order is a witness.

use crate::{
    history::Id,
    transaction::{Action, Transactions},
    verdict::Verdict,
    verify::{Level, Settings},
};
use std::collections::HashSet;

/// Most histories that are judged again.
const MOST: usize = 300;
/// How much each of them may be searched.
const BUDGET: u64 = 100_000;

/// Leaves out as many of these transactions as it can while the level stays violated; ascending, as are they.
pub fn shrink(t: &Transactions, members: &[u32], level: Level, initial: Option<&str>) -> Vec<u32> {
    let settings = Settings { budget: BUDGET, level: Some(level), initial, ..Settings::default() };
    let mut left = members.to_vec();
    let mut tries = 0;
    let mut size = left.len().div_ceil(2);
    while size > 0 && tries < MOST {
        let mut from = 0;
        while from < left.len() && tries < MOST {
            let to = left.len().min(from + size);
            let rest: Vec<u32> = left[..from].iter().chain(&left[to..]).copied().collect();
            tries += 1;
            let answer = super::judge_once(&forgetful_part(t, &rest), &settings, false);
            if answer.is_ok_and(|answer| answer.verdict == Verdict::Fail) {
                left = rest;
            } else {
                from = to;
            }
        }
        size /= 2;
    }
    left
}

/// A part in which nothing is known of reads from transactions that are not in it.
pub fn forgetful_part(t: &Transactions, members: &[u32]) -> Transactions {
    let mut part = t.part(members);
    let written: HashSet<(Id, Id)> =
        part.steps.iter().filter(|step| step.action == Action::Write).map(|step| (step.key, step.value)).collect();
    let all: HashSet<(Id, Id)> =
        t.steps.iter().filter(|step| step.action == Action::Write).map(|step| (step.key, step.value)).collect();
    for step in part.steps.iter_mut().filter(|step| step.action == Action::Read) {
        let read = (step.key, step.value);
        if all.contains(&read) && !written.contains(&read) {
            step.value = Id::NONE;
        }
    }
    part
}
