//! What clients did with the jobs of a queue, as the record of a case has it.
//!
//! | request | reply | |
//! |---|---|---|
//! | `put {tube, job, priority, delay, ttr}` | | a job; the smaller its priority, the earlier its turn |
//! | `reserve {tube, timeout}` | `job` | the job that the client has from now on, or null: none was ready in time |
//! | `delete {tube, job}` | `found` | the job is done |
//! | `release {tube, job, priority, delay}` | `found` | the job is ready again |
//! | `disconnect {tube, job, planned}` | | the client ended its connection, or found that it had ended; this job, if any, was still its own |
//!
//! `delay`, `ttr` (time to run: how long a client has a job) and `timeout` are seconds. A client whose connection has ended
//! makes no more requests.

mod history;
mod life;

pub use history::operations;
pub use life::{Life, Stay, lives};

use crate::{
    calls::{Call, DISCONNECT, Outcome, Role},
    text::excerpt,
};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// How long after its time a job is ready at the latest: after a delay or its time to run, or after the connection of who
/// had it ended. A machine may be slow; a queue that forgets never gets there.
pub const GRACE: u64 = 2_000_000_000;

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Puts a job in.
    Put,
    /// Asks for one.
    Reserve,
    /// Is done with one.
    Delete,
    /// Gives one back.
    Release,
    /// Ends its connection.
    Disconnect,
}

/// A call about jobs, its times in nanoseconds since the start of the case.
#[derive(Debug, Clone)]
pub struct JobCall<'a> {
    /// As it was recorded.
    pub call: &'a Call,
    /// What it does.
    pub action: Action,
    /// Where.
    pub tube: String,
    /// With which job: as asked, and of a reservation as told.
    pub job: Option<i64>,
    /// Whether a delete or a release found its job, where that was told.
    pub found: Option<bool>,
    /// As asked; 0 where nothing is.
    pub priority: u64,
    /// As asked, in nanoseconds.
    pub delay: u64,
    /// As asked, in nanoseconds.
    pub ttr: u64,
    /// As asked, in nanoseconds.
    pub timeout: u64,
    /// Of the end of a connection: whether the client wanted it. Otherwise it may have ended at any time since its last
    /// answer, and its client has noticed only now.
    pub planned: bool,
}

impl JobCall<'_> {
    /// When it was made.
    pub fn invoked(&self) -> u64 {
        self.call.invoked.0
    }

    /// When it was answered; never where it was not.
    pub fn returned(&self) -> u64 {
        self.call.returned.map_or(u64::MAX, |at| at.0)
    }

    /// Whether it was answered without an error.
    pub fn is_ok(&self) -> bool {
        self.call.is_ok()
    }

    /// Whether nobody knows what it did.
    pub fn is_unknown(&self) -> bool {
        matches!(self.call.outcome, Outcome::Unknown(_))
    }
}

/// Whether calls are about jobs.
pub fn are_jobs<'a>(calls: impl IntoIterator<Item = &'a Call>) -> bool {
    calls.into_iter().any(|call| matches!(&*call.function, "put" | "reserve"))
}

/// All calls about jobs, in the order of the record; an error says which call is none, by its index, and why.
pub fn read(calls: &[Call]) -> Result<Vec<JobCall<'_>>, (usize, String)> {
    let work = calls.iter().enumerate().filter(|(_, call)| call.role != Role::Opening);
    // What was never asked may not be known yet.
    let made = work.filter(|(_, call)| !matches!(call.outcome, Outcome::Failed(_)));
    made.map(|(index, call)| one(call).map_err(|why| (index, why))).collect()
}

fn one(call: &Call) -> Result<JobCall<'_>, String> {
    let action = match &*call.function {
        "put" => Action::Put,
        "reserve" => Action::Reserve,
        "delete" => Action::Delete,
        "release" => Action::Release,
        DISCONNECT => Action::Disconnect,
        other => return Err(format!("`{}` is no request to a queue of jobs", excerpt(other, 40))),
    };
    let json =
        |text: &str| serde_json::from_str::<Value>(text).map_err(|_| format!("`{}` is no JSON", excerpt(text, 80)));
    let request = json(&call.request)?;
    let reply = call.reply.as_deref().map(json).transpose()?.unwrap_or_default();
    let number = |name: &str| request[name].as_u64().unwrap_or(0);
    let seconds = |name: &str| number(name).saturating_mul(1_000_000_000);
    let job = if action == Action::Reserve { &reply["job"] } else { &request["job"] };
    let needed = matches!(action, Action::Put | Action::Delete | Action::Release);
    if needed && job.as_i64().is_none() {
        return Err(format!("expected `job`, a number, in the request {}", excerpt(&call.request, 80)));
    }
    Ok(JobCall {
        call,
        action,
        tube: request["tube"].as_str().unwrap_or("default").to_owned(),
        job: job.as_i64(),
        found: reply["found"].as_bool(),
        priority: number("priority"),
        delay: seconds("delay"),
        ttr: seconds("ttr"),
        timeout: seconds("timeout"),
        planned: request["planned"].as_bool().unwrap_or(false),
    })
}

/// For each call the reservation by which its client had got its job, as an index of the calls.
pub(crate) fn reservations(calls: &[JobCall<'_>]) -> Vec<Option<usize>> {
    let mut last: HashMap<(u32, i64), usize> = HashMap::new();
    let of = |(index, call): (usize, &JobCall<'_>)| {
        let key = (call.call.client, call.job?);
        match call.action {
            Action::Reserve => drop(last.insert(key, index)),
            Action::Put => {}
            _ => return last.get(&key).copied(),
        }
        None
    };
    calls.iter().enumerate().map(of).collect()
}

/// Jobs of which nothing more is said: somebody was done with one, or gave it back, when their time for it may have been
/// over. They may do that as long as nobody has it, and whether somebody had it at that moment nobody can say.
pub(crate) fn late(calls: &[JobCall<'_>]) -> HashSet<i64> {
    let puts = calls.iter().filter(|call| call.action == Action::Put);
    let ttr: HashMap<i64, u64> = puts.filter_map(|put| Some((put.job?, put.ttr))).collect();
    let reserved = reservations(calls);
    let is_late = |(call, reserved): &(&JobCall<'_>, &Option<usize>)| {
        let (Some(job), Some(reserved), Some(true)) = (call.job, **reserved, call.found) else { return false };
        let over = calls[reserved].invoked().saturating_add(ttr.get(&job).copied().unwrap_or(u64::MAX));
        call.returned() >= over
    };
    calls.iter().zip(&reserved).filter(is_late).filter_map(|(call, _)| call.job).collect()
}

/// When each client's connection ended, by its name.
pub(crate) fn ends(calls: &[JobCall<'_>]) -> HashMap<u32, u64> {
    let ends = calls.iter().filter(|call| call.action == Action::Disconnect);
    ends.map(|call| (call.call.client, call.invoked())).collect()
}

/// Times in which some job of a tube may have been with a client that was told nothing of it: of each tube ascending, and
/// apart.
#[derive(Debug, Default)]
pub struct Blind(HashMap<String, Vec<(u64, u64)>>);

impl Blind {
    /// The times of these calls.
    pub fn of(calls: &[JobCall<'_>]) -> Self {
        let ends = ends(calls);
        let unanswered = calls.iter().filter(|call| call.action == Action::Reserve && call.is_unknown());
        let until = |call: &JobCall<'_>| ends.get(&call.call.client).map_or(u64::MAX, |end| end.saturating_add(GRACE));
        let mut tubes: HashMap<String, Vec<(u64, u64)>> = Default::default();
        for call in unanswered {
            tubes.entry(call.tube.clone()).or_default().push((call.invoked(), until(call)));
        }
        for times in tubes.values_mut() {
            times.sort_unstable();
            let mut apart: Vec<(u64, u64)> = Vec::new();
            for (from, to) in times.drain(..) {
                match apart.last_mut() {
                    Some((_, end)) if from <= *end => *end = (*end).max(to),
                    _ => apart.push((from, to)),
                }
            }
            *times = apart;
        }
        Self(tubes)
    }

    /// Whether some of this time is one of them.
    pub fn meets(&self, tube: &str, from: u64, to: u64) -> bool {
        let Some(times) = self.0.get(tube) else { return false };
        let first = times.partition_point(|(_, end)| *end < from);
        times.get(first).is_some_and(|(start, _)| *start <= to)
    }
}
