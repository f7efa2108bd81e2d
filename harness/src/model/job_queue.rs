//! The job queue with leases: jobs are put in, reserved, and then completed or given back by who reserved them.
//!
//! - A job is put in once, and can be reserved from then on, in any order of jobs.
//! - Who reserves a job holds it until they complete it or give it back, or until the queue takes it back: that it may do
//!   at any time once the time to run has passed since the reservation was *called*. Clients see nothing of it. As long as
//!   the job has not been handed on, who held it may still complete it or give it back.
//! - A completed job is gone. A reservation that finds nothing (`nil`) says that no job was certainly ready: each one was
//!   not yet put in, held (and be it by a lease that has run out) or completed.
//! - A completion or a return with the result `false` was refused, and says nothing.

use super::{Decoded, Model, Refusal};
use crate::history::{Function, History, Id, Outcome, Value};

/// A job queue with leases.
#[derive(Debug, Clone, Copy, Default)]
pub struct JobQueue {
    /// For how long a job is certainly the holder's, in units of the history's clock; none where leases never run out.
    pub time_to_run: Option<u64>,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Puts the job in.
    Put,
    /// Gets the job.
    Reserve,
    /// Finds no job.
    FindNone,
    /// Is done with the job.
    Complete,
    /// Makes the job ready again.
    GiveBack,
}

/// An operation on a job queue. Its times count only where leases run out, and are zero elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Op {
    /// What it does.
    pub action: Action,
    /// With which job; [`Id::NIL`] for none.
    pub job: Id,
    /// By whom.
    pub process: u32,
    call: u64,
    ret: u64,
}

/// A job that is in the queue, with its holder and the time from which the queue may take it back.
type Job = (Id, Option<(u32, u64)>);

/// The jobs that are not completed, ascending by id, and the earliest time at which all that happened could have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    jobs: Vec<Job>,
    now: u64,
}

impl Model for JobQueue {
    type Op = Op;
    type State = State;

    fn initial(&self) -> State {
        State { jobs: Vec::new(), now: 0 }
    }

    fn decode(&self, history: &History, operation: u32) -> Result<Decoded<Op>, String> {
        let op = history.get(operation);
        let refused = history.values.get(op.result) == Some(Value::Bool(false));
        let told = op.outcome == Outcome::Ok && op.result.is_some();
        let (action, job) = match op.function {
            Function::Complete | Function::GiveBack if refused => return Ok(Decoded::Nothing),
            Function::Enqueue => (Action::Put, op.argument),
            Function::Complete => (Action::Complete, op.argument),
            Function::GiveBack => (Action::GiveBack, op.argument),
            Function::Reserve if told && op.result == Id::NIL => (Action::FindNone, Id::NIL),
            Function::Reserve if told => (Action::Reserve, op.result),
            Function::Reserve => {
                let shown = history.show(operation);
                return Err(format!("{shown}: it may have got any job, which one model of the queue cannot follow"));
            }
            _ => return Err(super::unknown("job queue", history, operation)),
        };
        let (call, ret) = if self.time_to_run.is_some() { (op.call, op.ret) } else { (0, 0) };
        let process = if matches!(action, Action::Put | Action::FindNone) { 0 } else { op.process };
        let op = Op { action, job, process, call, ret };
        Ok(if action == Action::FindNone { Decoded::Pure(op) } else { Decoded::Effect(op) })
    }

    fn step(&self, state: &State, op: Op) -> Option<State> {
        if op.ret < state.now {
            return None;
        }
        let mut next = state.clone();
        let place = state.jobs.binary_search_by_key(&op.job, |(job, _)| *job);
        let holder = place.ok().map(|index| state.jobs[index].1);
        match (op.action, place, holder) {
            (Action::FindNone, ..) => return state.jobs.iter().all(|(_, holder)| holder.is_some()).then_some(next),
            (Action::Put, Err(index), _) => next.jobs.insert(index, (op.job, None)),
            (Action::Put, Ok(_), _) => {}
            (Action::Reserve, Ok(index), Some(holder)) => {
                if let Some((_, until)) = holder {
                    if self.time_to_run.is_none() || until > op.ret {
                        return None;
                    }
                    next.now = next.now.max(until);
                }
                let until = op.call.saturating_add(self.time_to_run.unwrap_or(0));
                next.jobs[index].1 = Some((op.process, until));
            }
            (Action::Complete, Ok(index), Some(Some((process, _)))) if process == op.process => {
                next.jobs.remove(index);
            }
            (Action::GiveBack, Ok(index), Some(Some((process, _)))) if process == op.process => {
                next.jobs[index].1 = None;
            }
            _ => return None,
        }
        Some(next)
    }
}

impl Refusal for JobQueue {
    fn refusal(&self, history: &History, state: &State, op: Op) -> String {
        let job = super::shown(history, op.job);
        if op.ret < state.now {
            return "it was over before the lease had run out that was taken back before".into();
        }
        if op.action == Action::FindNone {
            let ready = state.jobs.iter().find(|(_, holder)| holder.is_none());
            let ready = ready.map(|(job, _)| super::shown(history, *job)).unwrap_or_default();
            return format!("cannot find nothing, job {ready} is ready");
        }
        let held = state.jobs.iter().find(|(other, _)| *other == op.job).map(|(_, holder)| *holder);
        match (op.action, held) {
            (_, None) => format!("job {job} is not in the queue"),
            (Action::Reserve, Some(Some((process, _)))) => {
                format!("cannot reserve job {job}, {} holds it", history.process_name(process))
            }
            (_, Some(Some((process, _)))) => {
                let [holder, caller] = [process, op.process].map(|process| history.process_name(process));
                format!("{caller} does not hold job {job}, {holder} does")
            }
            (_, Some(None)) => format!("nobody holds job {job}"),
        }
    }
}
