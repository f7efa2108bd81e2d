//! The job queue with leases: jobs are put in, reserved, and then completed or given back by who reserved them.
//!
//! - A job is put in once, and can be reserved from then on, in any order of jobs.
//! - Who reserves a job holds it until they complete it or give it back, or until the queue takes it back: that it may do
//!   at any time once the time to run has passed since the reservation was *called*. Clients see nothing of it. As long as
//!   the job has not been handed on, who held it may still complete it or give it back.
//! - A completed job is gone. A reservation that finds nothing (`nil`) says that no job was certainly ready: each one was
//!   not yet put in, held (and be it by a lease that has run out) or completed.
//! - A completion or a return with the result `false` was refused, and says nothing.
//! - A reservation without an answer may have got any job that was ready. Which one is left open: it is enough that it can
//!   have been one that nobody has reserved since, or only after its lease may have run out.

use super::{Decoded, Model, Refusal};
use crate::history::{Function, History, Id, Outcome};

/// When a lease ends that does not run out.
const NEVER: u64 = u64::MAX;

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
    /// Gets some job: nobody was told which.
    ReserveUnknown,
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

/// A place in the row of what is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    /// A job that is ready, unless one of the reservations behind it got it.
    Ready(Id),
    /// A reservation without an answer, which got a job before it, with the time from which the queue may take that back.
    Unknown(u64),
}

/// The jobs that are not completed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// Ready jobs and reservations without an answer, in the order in which they became so; between reservations by id.
    row: Vec<Place>,
    /// Held jobs, ascending by id, with their holders and the times from which the queue may take them back.
    held: Vec<(Id, u32, u64)>,
    /// The earliest time at which all that happened could have.
    now: u64,
}

impl State {
    /// Makes a job ready.
    fn add(&mut self, job: Id) {
        let place = Place::Ready(job);
        let start = self.row.iter().rposition(|place| matches!(place, Place::Unknown(_))).map_or(0, |last| last + 1);
        let index = start + self.row[start..].partition_point(|other| *other < place);
        self.row.insert(index, place);
    }

    /// Takes a ready job out, at this time at the latest; tells whether the other reservations still can have got a job.
    ///
    /// If they cannot, one that may have got this job, and whose lease may have run out, is taken out as well: of these the
    /// first, which had the fewest jobs to choose from. That loses nothing, because the order in which reservations without
    /// an answer are tried is free.
    fn take(&mut self, index: usize, latest: u64) -> bool {
        self.row.remove(index);
        let Some(short) = self.short() else { return true };
        let expired = |place: &Place| matches!(place, Place::Unknown(until) if *until <= latest);
        let Some(first) = (index..=short).find(|place| expired(&self.row[*place])) else { return false };
        if let Place::Unknown(until) = self.row.remove(first) {
            self.now = self.now.max(until);
        }
        self.short().is_none()
    }

    /// The first reservation without an answer that has no job before it left to have got.
    fn short(&self) -> Option<usize> {
        let mut ready = 0usize;
        self.row.iter().position(|place| match place {
            Place::Ready(_) => {
                ready += 1;
                false
            }
            Place::Unknown(_) => match ready.checked_sub(1) {
                Some(rest) => {
                    ready = rest;
                    false
                }
                None => true,
            },
        })
    }

    /// Ready jobs that no reservation without an answer has.
    fn surplus(&self) -> usize {
        let ready = self.row.iter().filter(|place| matches!(place, Place::Ready(_))).count();
        ready.saturating_sub(self.row.len() - ready)
    }
}

impl Model for JobQueue {
    type Op = Op;
    type State = State;

    fn initial(&self) -> State {
        State { row: Vec::new(), held: Vec::new(), now: 0 }
    }

    fn decode(&self, history: &History, operation: u32) -> Result<Decoded<Op>, String> {
        let op = history.get(operation);
        let refused = history.values.is_false(op.result);
        let told = op.outcome == Outcome::Ok && op.result.is_some();
        let (action, job) = match op.function {
            Function::Complete | Function::GiveBack if refused => return Ok(Decoded::Nothing),
            Function::Enqueue => (Action::Put, op.argument),
            Function::Complete => (Action::Complete, op.argument),
            Function::GiveBack => (Action::GiveBack, op.argument),
            Function::Reserve if told && op.result == Id::NIL => (Action::FindNone, Id::NIL),
            Function::Reserve if told => (Action::Reserve, op.result),
            Function::Reserve if op.outcome == Outcome::Unknown => (Action::ReserveUnknown, Id::NIL),
            Function::Reserve => {
                return Err(format!("{}: a reservation has to say which job it got", history.show(operation)));
            }
            _ => return Err(super::unknown("job queue", history, operation)),
        };
        let (call, ret) = if self.time_to_run.is_some() { (op.call, op.ret) } else { (0, 0) };
        let process = if job == Id::NIL || action == Action::Put { 0 } else { op.process };
        let op = Op { action, job, process, call, ret };
        Ok(if action == Action::FindNone { Decoded::Pure(op) } else { Decoded::Effect(op) })
    }

    fn step(&self, state: &State, op: Op) -> Option<State> {
        if op.ret < state.now {
            return None;
        }
        let mut next = state.clone();
        let ready = state.row.iter().position(|place| *place == Place::Ready(op.job));
        let held = state.held.binary_search_by_key(&op.job, |(job, ..)| *job);
        let until = op.call.saturating_add(self.time_to_run.unwrap_or(NEVER));
        match (op.action, ready, held) {
            (Action::FindNone, ..) if state.surplus() == 0 => {}
            (Action::ReserveUnknown, ..) if state.surplus() > 0 => next.row.push(Place::Unknown(until)),
            (Action::Put, Some(_), _) | (Action::Put, _, Ok(_)) => {}
            (Action::Put, None, Err(_)) => next.add(op.job),
            (Action::Reserve, Some(index), Err(place)) if next.take(index, op.ret) => {
                next.held.insert(place, (op.job, op.process, until));
            }
            (Action::Reserve, None, Ok(place)) if self.time_to_run.is_some() && state.held[place].2 <= op.ret => {
                next.now = next.now.max(state.held[place].2);
                next.held[place] = (op.job, op.process, until);
            }
            (Action::Complete, _, Ok(place)) if state.held[place].1 == op.process => _ = next.held.remove(place),
            (Action::GiveBack, _, Ok(place)) if state.held[place].1 == op.process => {
                next.held.remove(place);
                next.add(op.job);
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
        let ready = state.row.iter().find_map(|place| match place {
            Place::Ready(job) if op.job == Id::NIL || op.job == *job => Some(super::shown(history, *job)),
            _ => None,
        });
        if op.action == Action::FindNone {
            return format!("cannot find nothing, job {} is ready", ready.unwrap_or_default());
        }
        let holder = state.held.iter().find(|(held, ..)| *held == op.job);
        match (op.action, holder, ready) {
            (Action::Reserve, Some((_, process, _)), _) => {
                format!("cannot reserve job {job}, {} holds it", history.process_name(*process))
            }
            (Action::Reserve, None, Some(_)) => {
                format!("cannot reserve job {job}, a reservation without an answer must have got it")
            }
            (_, Some((_, process, _)), _) => {
                let [holder, caller] = [*process, op.process].map(|process| history.process_name(process));
                format!("{caller} does not hold job {job}, {holder} does")
            }
            (_, None, Some(_)) => format!("nobody holds job {job}"),
            (_, None, None) => format!("job {job} is not in the queue"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::{Builder, Invocation},
        linearizability::testing::brute_force,
    };

    /// Whether a queue can have done this: one operation after the other, but reservations of `None` have no answer.
    fn possible(time_to_run: Option<u64>, operations: &[(u32, Function, Option<i64>)]) -> bool {
        let mut builder = Builder::default();
        for ((process, function, job), time) in operations.iter().zip(1..) {
            let reserves = *function == Function::Reserve;
            let id = job.map_or(Id::NONE, |job| if job < 0 { Id::NIL } else { builder.values.int(job) });
            let argument = if reserves { Id::NONE } else { id };
            let ticket = builder.invoke(Invocation {
                process: *process,
                call: 10 * time,
                function: *function,
                key: Id::NONE,
                argument,
            });
            let outcome = if reserves && job.is_none() { Outcome::Unknown } else { Outcome::Ok };
            builder.complete(ticket, 10 * time + 5, outcome, if reserves { id } else { Id::NONE });
        }
        brute_force(&JobQueue { time_to_run }, &builder.finish())
    }

    #[test]
    fn a_job_has_one_holder_until_its_lease_may_have_run_out() {
        use Function::{Complete, Enqueue, GiveBack, Reserve};
        let handed_on = [(0, Enqueue, Some(1)), (1, Reserve, Some(1)), (2, Reserve, Some(1))];
        assert!(!possible(None, &handed_on));
        assert!(!possible(Some(16), &handed_on), "the second was over at 35, the lease began at 20");
        assert!(possible(Some(15), &handed_on));
        let released = [(0, Enqueue, Some(1)), (1, Reserve, Some(1)), (1, GiveBack, Some(1)), (2, Reserve, Some(1))];
        assert!(possible(None, &released));
        let done = [(0, Enqueue, Some(1)), (1, Reserve, Some(1)), (1, Complete, Some(1)), (2, Reserve, Some(1))];
        assert!(!possible(Some(0), &done));
        let other = [(0, Enqueue, Some(1)), (1, Reserve, Some(1)), (2, Complete, Some(1))];
        assert!(!possible(Some(0), &other));
    }

    #[test]
    fn a_reservation_without_an_answer_may_have_got_any_ready_job() {
        use Function::{Enqueue, Reserve};
        let nothing = Some(-1);
        let none_left = [(0, Enqueue, Some(1)), (1, Reserve, None), (2, Reserve, nothing)];
        assert!(possible(None, &none_left));
        let one_left = [(0, Enqueue, Some(1)), (0, Enqueue, Some(2)), (1, Reserve, None), (2, Reserve, nothing)];
        assert!(!possible(None, &one_left));
        let seen_later = [(0, Enqueue, Some(1)), (1, Reserve, None), (2, Reserve, nothing), (3, Reserve, Some(1))];
        assert!(!possible(None, &seen_later));
        assert!(possible(Some(5), &seen_later), "its lease may have run out in between");
    }
}
