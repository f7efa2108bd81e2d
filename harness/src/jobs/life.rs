//! The life of each job: where it stayed ready, from when to when, and who took it.

use super::{Action, GRACE, JobCall, ends, late};
use std::collections::{BTreeMap, HashMap};

/// A time in which a job was ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// From when on it certainly was, unless it was taken before; never where nobody knows.
    pub surely: u64,
    /// Its priority, where that is known.
    pub priority: Option<u64>,
    /// The call by which it came to be ready, as an index of the calls.
    pub by: usize,
    /// The reservation that took it, as an index of the calls.
    pub taken: Option<usize>,
}

/// One job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Its number.
    pub job: i64,
    /// Where it was put.
    pub tube: String,
    /// The call that put it, as an index of the calls.
    pub put: usize,
    /// In order of time.
    pub stays: Vec<Stay>,
    /// A delete or a release that did not find it although its client had it: the indices of that call and of the
    /// reservation.
    pub taken_away: Option<(usize, usize)>,
}

/// The lives of all jobs, in order of the calls that put them.
pub fn lives(calls: &[JobCall<'_>]) -> Vec<Life> {
    let ends = ends(calls);
    let mut of_job: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (index, call) in calls.iter().enumerate() {
        if let Some(job) = call.job {
            of_job.entry(job).or_default().push(index);
        }
    }
    let late = late(calls);
    let puts = calls.iter().enumerate().filter(|(_, call)| call.action == Action::Put);
    let told = puts.filter(|(_, call)| call.job.is_some_and(|job| !late.contains(&job)));
    told.filter_map(|(put, call)| Some(life(calls, put, of_job.get(&call.job?)?, &ends))).collect()
}

fn life(calls: &[JobCall<'_>], put: usize, about: &[usize], ends: &HashMap<u32, u64>) -> Life {
    let call = &calls[put];
    let mut life = Life {
        job: call.job.unwrap_or_default(),
        tube: call.tube.clone(),
        put,
        stays: vec![ready_after(calls, put, call.is_ok().then(|| call.returned()), Some(call.priority))],
        taken_away: None,
    };
    let mut taken: Vec<usize> = about.iter().copied().filter(|index| is_taken(&calls[*index])).collect();
    taken.sort_by_key(|index| calls[*index].returned());
    for (place, reserve) in taken.iter().copied().enumerate() {
        if let Some(stay) = life.stays.last_mut() {
            stay.taken = Some(reserve);
        }
        let client = calls[reserve].call.client;
        let again = taken[place + 1..].iter().copied().find(|next| calls[*next].call.client == client);
        let between = |index: &&usize| **index > reserve && again.is_none_or(|again| **index < again);
        let ends_it = |index: &&usize| calls[**index].call.client == client && !is_taken(&calls[**index]);
        let end = about.iter().filter(between).find(ends_it).copied();
        let priority = life.stays.last().and_then(|stay| stay.priority);
        life.end(calls, reserve, end, priority, ends);
    }
    life
}

fn is_taken(call: &JobCall<'_>) -> bool {
    call.action == Action::Reserve && call.is_ok()
}

/// The stay that begins with a put or a release, which was answered then.
fn ready_after(calls: &[JobCall<'_>], by: usize, answered: Option<u64>, priority: Option<u64>) -> Stay {
    let call = &calls[by];
    let late = if call.delay > 0 { GRACE } else { 0 };
    Stay {
        surely: answered.map_or(u64::MAX, |at| at.saturating_add(call.delay).saturating_add(late)),
        priority,
        by,
        taken: None,
    }
}

impl Life {
    /// What became of the job when a reservation had got it.
    fn end(
        &mut self,
        calls: &[JobCall<'_>],
        reserve: usize,
        end: Option<usize>,
        priority: Option<u64>,
        ends: &HashMap<u32, u64>,
    ) {
        let had = &calls[reserve];
        let ttr = calls[self.put].ttr;
        let expires = |from: u64| from.saturating_add(ttr);
        let lost = ends.get(&had.call.client).map(|end| end.saturating_add(GRACE));
        let stay = |surely, priority, by| Stay { surely, priority, by, taken: None };
        let next = match end.map(|end| (end, &calls[end])) {
            // Its time runs out, or its client is lost.
            None => {
                let surely = expires(had.returned()).saturating_add(GRACE);
                stay(surely.min(lost.unwrap_or(u64::MAX)), priority, reserve)
            }
            Some((end, call)) if call.found == Some(false) => {
                if call.returned() < expires(had.invoked()) {
                    self.taken_away.get_or_insert((end, reserve));
                }
                stay(u64::MAX, priority, reserve)
            }
            Some((_, call)) if call.action == Action::Delete && call.is_ok() => return,
            // It may be gone.
            Some((end, call)) if call.action == Action::Delete => stay(u64::MAX, priority, end),
            Some((end, call)) if call.action == Action::Release && call.is_ok() => {
                ready_after(calls, end, Some(call.returned()), Some(call.priority))
            }
            Some((end, call)) if call.action == Action::Release => {
                stay(lost.map_or(u64::MAX, |lost| lost.saturating_add(call.delay)), None, end)
            }
            Some((end, _)) => stay(lost.unwrap_or(u64::MAX), priority, end),
        };
        self.stays.push(next);
    }
}
