//! Who held a lock and when: from what each process acquired and released.

use super::{words, zones::Zone};
use crate::{
    history::{Function, History, Outcome},
    verify::Violation,
};
use std::collections::HashMap;

/// From an acquire to the release that ends it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold {
    /// The acquire that begins it.
    pub(super) acquire: u32,
    /// The release that ends it; none where it never ends.
    pub(super) release: Option<u32>,
    /// When the acquire returned and when the release was called: it certainly lasted in between.
    pub(super) zone: Zone,
}

impl Hold {
    /// Its operations.
    pub(super) fn operations(&self) -> impl Iterator<Item = u32> + use<> {
        [Some(self.acquire), self.release].into_iter().flatten()
    }
}

/// Why there are no holds to look at.
pub(super) enum Stop {
    /// The reason why the monitor does not decide.
    NotCovered(&'static str),
    /// What one process did wrong by itself.
    Illegal(Box<Violation>),
}

/// What one process holds.
#[derive(Default)]
struct Process {
    /// The outermost acquire that is not released yet.
    acquire: Option<u32>,
    /// How many acquires are not released yet.
    depth: u64,
    /// The last release that ended a hold.
    released: Option<u32>,
    /// When its last operation returned.
    ret: Option<u64>,
}

/// The holds of all processes.
///
/// An acquire that was never answered is left out, since it could only be in the way; a release that was never answered
/// has happened, since it could only help. Not covered: acquires that were refused, and processes that overlap
/// themselves or go on after an operation that was never answered.
pub(super) fn holds(history: &History, operations: &[u32], reentrant: bool) -> Result<Vec<Hold>, Stop> {
    let mut processes: HashMap<u32, Process> = HashMap::new();
    let mut holds = Vec::new();
    for index in operations {
        let op = history.get(*index);
        let process = processes.entry(op.process).or_default();
        if process.ret.is_some_and(|ret| ret >= op.call) {
            return Err(Stop::NotCovered(
                "a process overlaps itself, or goes on after an operation of unknown outcome",
            ));
        }
        process.ret = Some(op.ret);
        match op.function {
            Function::Acquire if history.values.is_false(op.result) => {
                return Err(Stop::NotCovered("an acquire was refused"));
            }
            Function::Acquire if op.outcome == Outcome::Unknown => {}
            Function::Acquire => match process.acquire {
                Some(_) if reentrant => process.depth += 1,
                Some(held) => return Err(Stop::Illegal(Box::new(acquired_again(history, held, *index)))),
                None => (process.acquire, process.depth) = (Some(*index), 1),
            },
            Function::Release => match process.acquire {
                Some(acquire) if process.depth == 1 => {
                    let zone = Zone { first_return: history.get(acquire).ret, last_call: op.call };
                    holds.push(Hold { acquire, release: Some(*index), zone });
                    (process.acquire, process.released) = (None, Some(*index));
                }
                _ if op.outcome == Outcome::Unknown => {}
                Some(_) => process.depth -= 1,
                None => return Err(Stop::Illegal(Box::new(not_held(history, *index, process.released)))),
            },
            _ => return Err(Stop::NotCovered("there are operations other than `acquire` and `release`")),
        }
    }
    let open = processes.into_values().filter_map(|process| process.acquire);
    holds.extend(open.map(|acquire| Hold {
        acquire,
        release: None,
        zone: Zone { first_return: history.get(acquire).ret, last_call: u64::MAX },
    }));
    holds.sort_unstable_by_key(|hold| hold.acquire);
    Ok(holds)
}

fn acquired_again(history: &History, held: u32, again: u32) -> Violation {
    let process = history.process_name(history.get(held).process);
    let sentence = format!(
        "{process} acquired the lock {} although it held it already, since {}",
        words::when(history, again),
        words::at(history, history.get(held).ret)
    );
    Violation { rule: "acquired-again", sentence, witness: vec![held, again], ..Violation::default() }
}

fn not_held(history: &History, release: u32, before: Option<u32>) -> Violation {
    let process = history.process_name(history.get(release).process);
    let reason = match before {
        Some(before) => format!("it had released it already {}", words::when(history, before)),
        None => "it had never acquired it".to_owned(),
    };
    let sentence =
        format!("{process} released the lock {}, but did not hold it: {reason}", words::when(history, release));
    Violation { rule: "released-unheld", sentence, witness: vec![release], ..Violation::default() }
}

/// From when on a hold certainly lasted, and until when: `c1 held it from 1.100 s to 1.400 s`.
pub(super) fn lasted(history: &History, hold: &Hold) -> String {
    let process = history.process_name(history.get(hold.acquire).process);
    let from = words::at(history, hold.zone.first_return);
    match hold.release {
        Some(_) => format!("{process} held it at least from {from} to {}", words::at(history, hold.zone.last_call)),
        None => format!("{process} held it from {from} on and never released it"),
    }
}
