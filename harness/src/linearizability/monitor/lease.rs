//! Who held which job, and from when to when at the least: what the monitor of job queues judges.

use super::{
    contents::{NEVER, NONE},
    table::Table,
};
use crate::{
    history::{Function, History, Id, Outcome, Value},
    model::job_queue::JobQueue,
};
use std::collections::HashMap;

/// How a hold ends, as far as its holder knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By its lease, if at all.
    Lease,
    /// It was given back.
    GivenBack,
    /// The job was completed.
    Completed,
}

/// A reservation of a job, and what became of it.
#[derive(Debug, Clone, Copy)]
pub struct Hold {
    /// The job, by its place.
    pub job: u32,
    /// The reservation.
    pub reserve: u32,
    /// Its completion or return, answered or not, or [`NONE`].
    pub release: u32,
    /// How it ended.
    pub end: End,
    /// When the reservation was called and when it returned.
    pub reserved: (u64, u64),
    /// When the completion or return was called and when it returned.
    pub released: (u64, u64),
    /// Until when another could not have the job: its completion or return had not been called, or its lease had not run
    /// out. The hold surely lasts from the return of the reservation until then.
    pub until: u64,
}

impl Hold {
    /// Whether the lease may have run out before the reservation returned, so that it need not have lasted.
    pub fn is_brief(&self) -> bool {
        self.until < self.reserved.1
    }
}

/// A job.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    /// The operation that put it in.
    pub put: u32,
    /// When it was called and when it returned.
    pub called: (u64, u64),
}

/// What happened to the jobs.
#[derive(Debug, Default)]
pub struct Leases {
    /// Jobs in order of the calls that put them in.
    pub jobs: Vec<Job>,
    /// Holds, by job, in order of the returns of their reservations.
    pub holds: Vec<Hold>,
    /// Reservations that found nothing.
    pub nothing: Vec<u32>,
    /// Calls of reservations without an answer, with their indices, ascending.
    pub unanswered: Vec<(u64, u32)>,
}

/// Why there are no leases to judge.
#[derive(Debug)]
pub enum Obstacle {
    /// The history is not covered.
    NotCovered(&'static str),
    /// A job was reserved that nobody put in.
    Invented(u32),
    /// A job was reserved before it was put in.
    Early { put: u32, reserve: u32 },
    /// A job was completed or given back by someone who did not hold it, though perhaps had held it.
    NotHeld { put: Option<u32>, hold: Option<Hold>, release: u32 },
}

impl Leases {
    /// Collects the operations of one job queue. Expected O(n), and O(h log h) for h holds.
    pub fn collect(model: &JobQueue, history: &History, operations: &[u32]) -> Result<Self, Obstacle> {
        let mut leases = Self::default();
        let table = leases.collect_jobs(history, operations)?;
        let refused = history.values.find(&Value::Bool(false));
        // By process: its last operation. By process and job: the last hold.
        let mut last: HashMap<u32, (u64, Id)> = HashMap::new();
        let mut holders: HashMap<(u32, u32), u32> = HashMap::new();
        for op in operations {
            let known = history.get(*op);
            let about = if known.function == Function::Reserve { known.result } else { known.argument };
            if let Some((ret, other)) = last.insert(known.process, (known.ret, about))
                && (ret > known.call || (ret == known.call && other == about))
            {
                return Err(Obstacle::NotCovered("a process had two operations open at once"));
            }
            let answered = known.outcome == Outcome::Ok;
            match known.function {
                Function::Reserve if !answered || !known.result.is_some() => leases.unanswered.push((known.call, *op)),
                Function::Reserve if known.result == Id::NIL => leases.nothing.push(*op),
                Function::Reserve => {
                    let job = table.get(known.result).ok_or(Obstacle::Invented(*op))?;
                    let put = leases.jobs[job];
                    let job = job as u32;
                    if known.ret < put.called.0 {
                        return Err(Obstacle::Early { put: put.put, reserve: *op });
                    }
                    holders.insert((known.process, job), leases.holds.len() as u32);
                    leases.holds.push(Hold {
                        job,
                        reserve: *op,
                        release: NONE,
                        end: End::Lease,
                        reserved: (known.call, known.ret),
                        released: (NEVER, NEVER),
                        until: model.time_to_run.map_or(NEVER, |time| known.call.saturating_add(time)),
                    });
                }
                Function::Complete | Function::GiveBack if answered && Some(known.result) == refused => {}
                Function::Complete | Function::GiveBack => {
                    let job = table.get(known.argument);
                    let hold = job.and_then(|job| holders.get(&(known.process, job as u32)));
                    let hold = hold.map(|hold| &mut leases.holds[*hold as usize]);
                    match hold {
                        Some(hold) if hold.release == NONE => hold.release(*op, history),
                        // Without an answer, it need not have happened.
                        _ if !answered => {}
                        hold => {
                            let put = job.map(|job| leases.jobs[job].put);
                            return Err(Obstacle::NotHeld { put, hold: hold.copied(), release: *op });
                        }
                    }
                }
                Function::Enqueue => {}
                _ => return Err(Obstacle::NotCovered("there are operations that a job queue does not know")),
            }
        }
        leases.holds.sort_by_key(|hold| (hold.job, hold.reserved.1, hold.until));
        Ok(leases)
    }

    fn collect_jobs(&mut self, history: &History, operations: &[u32]) -> Result<Table, Obstacle> {
        let puts =
            || operations.iter().map(|op| *op as usize).filter(|op| history.functions()[*op] == Function::Enqueue);
        let mut table = Table::new(puts().map(|op| history.arguments()[op]));
        for op in puts() {
            if !table.number(history.arguments()[op]).1 {
                return Err(Obstacle::NotCovered("a job was put in more than once"));
            }
            self.jobs.push(Job { put: op as u32, called: (history.calls()[op], history.returns()[op]) });
        }
        Ok(table)
    }

    /// The holds of each job.
    pub fn by_job(&self) -> impl Iterator<Item = (&Job, &[Hold])> {
        let mut start = 0;
        self.jobs.iter().zip(0..).map(move |(job, place)| {
            let end = start + self.holds[start..].partition_point(|hold| hold.job <= place);
            let holds = &self.holds[start..end];
            start = end;
            (job, holds)
        })
    }
}

impl Hold {
    fn release(&mut self, op: u32, history: &History) {
        let known = history.get(op);
        self.release = op;
        match (known.outcome == Outcome::Ok, known.function) {
            (true, Function::GiveBack) => {
                (self.end, self.until, self.released) = (End::GivenBack, known.call, (known.call, known.ret));
            }
            // Nobody has it after that.
            (true, _) => (self.end, self.until, self.released) = (End::Completed, NEVER, (known.call, known.ret)),
            (false, Function::GiveBack) => self.until = self.until.min(known.call),
            (false, _) => {}
        }
    }
}
