//! The same as a history of job queues, one a tube, for the model of that name.
//!
//! - A job that comes later (a delay) may be there at any time from then on, or never.
//! - The connection of a client that had a job ends: within [`GRACE`] it has been given back.
//! - A connection that ended without its client's doing may have ended right after its last answer.
//! - Of a job that somebody was done with when their time for it may have been over, nothing is said ([`super::late`]).
//! - A delete without an answer may have given the job back instead, when its connection ended; or never did.
//! - A reservation without an answer may have had any job until its connection had ended. So in this time nothing is said of
//!   reservations that found nothing, and then it does not matter any more.

use super::{Action, Blind, GRACE, JobCall, ends, late, reservations};
use crate::history::{Builder, Clock, Function, History, Id, Invocation, Outcome, Value};
use std::collections::HashMap;

/// What a call is in a history.
struct Part {
    function: Function,
    argument: Option<i64>,
    result: Told,
    /// When it had taken effect at the latest; none where nobody knows that it ever did.
    by: Option<u64>,
}

/// The result of an operation.
enum Told {
    Nothing,
    Refused,
    Job(Option<i64>),
}

/// The operations of calls about jobs.
pub fn operations(calls: &[JobCall<'_>]) -> History {
    let (ends, blind) = (ends(calls), Blind::of(calls));
    let (reserved, late) = (reservations(calls), late(calls));
    let mut builder = Builder::new(Clock::Nanoseconds);
    let mut numbers: HashMap<u32, u32> = HashMap::new();
    for (call, reserved) in calls.iter().zip(reserved) {
        if call.job.is_some_and(|job| late.contains(&job)) {
            continue;
        }
        let Some(Part { function, argument, result, by }) = part(call, &ends, &blind) else { continue };
        let client = call.call.client;
        let process = *numbers.entry(client).or_insert_with(|| {
            builder.process_names.push(format!("c{client}").into());
            builder.process_names.len() as u32 - 1
        });
        let values = &mut builder.values;
        let key = values.text(&call.tube);
        let argument = argument.map_or(Id::NONE, |job| values.int(job));
        let result = match result {
            Told::Nothing => Id::NONE,
            Told::Refused => values.intern(Value::Bool(false)),
            Told::Job(job) => job.map_or(Id::NIL, |job| values.int(job)),
        };
        let is_sudden = match call.action {
            Action::Delete | Action::Release => call.is_unknown(),
            Action::Disconnect => !call.planned,
            Action::Put | Action::Reserve => false,
        };
        let begin = match reserved.filter(|_| is_sudden) {
            Some(reserved) => (calls[reserved].returned() + 1).min(call.invoked()),
            None => call.invoked(),
        };
        let ticket = builder.invoke(Invocation { process, call: begin, function, key, argument });
        let outcome = if by.is_some() { Outcome::Ok } else { Outcome::Unknown };
        builder.complete(ticket, by.unwrap_or(call.invoked()), outcome, result);
    }
    builder.finish()
}

fn part(call: &JobCall<'_>, ends: &HashMap<u32, u64>, blind: &Blind) -> Option<Part> {
    let returned = Some(call.returned()).filter(|_| call.is_ok());
    let released = || ends.get(&call.call.client).map(|end| end.saturating_add(GRACE));
    let on = |function, by| Part { function, argument: call.job, result: Told::Nothing, by };
    Some(match call.action {
        Action::Put => on(Function::Enqueue, returned.filter(|_| call.delay == 0)),
        Action::Reserve => {
            let returned = returned?;
            if call.job.is_none() && blind.meets(&call.tube, call.invoked(), returned) {
                return None;
            }
            let result = Told::Job(call.job);
            Part { function: Function::Reserve, argument: None, result, by: Some(returned) }
        }
        Action::Delete | Action::Release if call.found == Some(false) => {
            Part { result: Told::Refused, ..on(Function::Complete, returned) }
        }
        Action::Delete if returned.is_none() => on(Function::GiveBack, None),
        Action::Delete => on(Function::Complete, returned),
        Action::Release if call.delay > 0 => on(Function::GiveBack, None),
        Action::Release => on(Function::GiveBack, returned.or_else(released)),
        Action::Disconnect => {
            Part { argument: Some(call.job?), ..on(Function::GiveBack, Some(call.invoked().saturating_add(GRACE))) }
        }
    })
}
