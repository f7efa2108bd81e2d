//! For tests: one small wrong history of each kind, and what is said of it.

use super::{Multiset, PriorityQueue, Queue, Set, Stack};
use crate::{
    history::{Builder, Clock, Function, History, Id, Invocation, Outcome, PENDING, Value},
    linearizability::Monitor,
    model::job_queue::JobQueue,
    verify::Judged,
};
use Function::{Complete, Contains, Dequeue, Enqueue, GiveBack, Insert, Peek, Poll, Pop, Push, Remove, Reserve};

/// Client, call and return in milliseconds (no return without an answer), function, and the value: -1 for nil, -2 for
/// false, -3 for true, -4 for none.
type Line = (u32, u64, u64, Function, i64, i64);

const NIL: i64 = -1;
const NO: i64 = -2;
const YES: i64 = -3;
const NONE: i64 = -4;

fn history(lines: &[Line]) -> History {
    let mut builder = Builder::default();
    builder.clock = Clock::Nanoseconds;
    for (process, call, ret, function, argument, result) in lines {
        let [argument, result] = [*argument, *result].map(|number| match number {
            NIL => Id::NIL,
            NO => builder.values.intern(Value::Bool(false)),
            YES => builder.values.intern(Value::Bool(true)),
            NONE => Id::NONE,
            number => builder.values.int(number),
        });
        let call = call * 1_000_000;
        let invocation = Invocation { process: *process, call, function: *function, key: Id::NONE, argument };
        let ticket = builder.invoke(invocation);
        let outcome = if *ret == PENDING { Outcome::Unknown } else { Outcome::Ok };
        builder.complete(ticket, ret.saturating_mul(1_000_000), outcome, result);
    }
    builder.finish()
}

/// Checks the rule, the witness and the sentence.
fn says(monitor: &dyn Monitor, lines: &[Line], rule: &str, witness: &[u32], sentence: &str) {
    let history = history(lines);
    let Judged::Illegal(violation) = monitor.check(&history, &history.effective()) else {
        panic!("{sentence} is not found");
    };
    assert_eq!((violation.rule, &*violation.witness, &*violation.sentence), (rule, witness, sentence));
}

/// Checks that it is legal.
fn accepts(monitor: &dyn Monitor, lines: &[Line]) {
    let history = history(lines);
    assert_eq!(monitor.check(&history, &history.effective()), Judged::Legal);
}

#[test]
fn a_queue() {
    let overtaken = [
        (1, 0, 10, Enqueue, 7, NONE),
        (2, 20, 30, Enqueue, 8, NONE),
        (3, 40, 50, Enqueue, 9, NONE),
        (1, 60, 70, Dequeue, NONE, 8),
        (2, 80, 90, Dequeue, NONE, 7),
    ];
    says(
        &Queue,
        &overtaken,
        "fifo-order",
        &[0, 1, 3, 4],
        "8 was enqueued after 7 (c1 had enqueued 7 by 0.010 s, c2 began to enqueue 8 at 0.020 s), yet 8 came out first: \
         c1 got it between 0.060 s and 0.070 s, and 7 was only asked for by c2 from 0.080 s on",
    );
    let empty = [(1, 0, 10, Enqueue, 7, NONE), (2, 20, 30, Dequeue, NONE, NIL)];
    says(
        &Queue,
        &empty,
        "false-empty",
        &[0, 1],
        "c2 found the queue empty between 0.020 s and 0.030 s, but it was not: 7 was in it by 0.010 s and never came out",
    );
    let perhaps_taken = [(3, 5, PENDING, Dequeue, NONE, NONE), empty[0], empty[1]];
    accepts(&Queue, &perhaps_taken);
    says(
        &Queue,
        &[(1, 0, 10, Dequeue, NONE, 7)],
        "value-invented",
        &[0],
        "c1 got 7 from the queue between 0.000 s and 0.010 s, but nobody ever put it in",
    );
    let fronts = [
        (1, 0, 50, Enqueue, 7, NONE),
        (2, 0, 50, Enqueue, 8, NONE),
        (3, 60, 70, Peek, NONE, 7),
        (3, 80, 90, Peek, NONE, 8),
    ];
    says(
        &Queue,
        &fronts,
        "fifo-order",
        &[0, 1, 2, 3],
        "two values were at the front at once: 7 was at the front from 0.070 s to the end and 8 was at the front from \
         0.090 s to the end",
    );
}

#[test]
fn a_stack() {
    let crossing =
        [(1, 0, 10, Push, 7, NONE), (2, 20, 30, Push, 8, NONE), (1, 40, 50, Pop, NONE, 7), (2, 60, 70, Pop, NONE, 8)];
    says(
        &Stack,
        &crossing,
        "lifo-order",
        &[0, 1, 2, 3],
        "8 was pushed on top of 7 (c1 had pushed 7 by 0.010 s, c2 began to push 8 at 0.020 s), yet 7 came out first: c1 \
         got it between 0.040 s and 0.050 s, and 8 was only asked for by c2 from 0.060 s on",
    );
    let layers = [
        (1, 1, 3, Push, 1, NONE),
        (2, 2, 5, Push, 2, NONE),
        (3, 4, 7, Push, 3, NONE),
        (4, 6, 8, Pop, NONE, 1),
        (1, 9, 11, Pop, NONE, 2),
        (2, 12, 13, Pop, NONE, 3),
    ];
    says(
        &Stack,
        &layers,
        "lifo-order",
        &[0, 1, 2, 3, 4, 5],
        "one of 1, 2 and 3 has to be the lowest, pushed first and popped last, but none can be: not 1, because 3 was still \
         in when it was out at 0.008 s, not 2, because 3 was still in when it was out at 0.011 s and not 3, because 1 was \
         in by 0.003 s already",
    );
}

#[test]
fn a_priority_queue() {
    let passed_over = [
        (1, 0, 10, Insert, 7, NONE),
        (2, 20, 30, Insert, 9, NONE),
        (1, 40, 50, Poll, NONE, 7),
        (2, 60, 70, Poll, NONE, 9),
    ];
    says(
        &PriorityQueue,
        &passed_over,
        "priority-order",
        &[0, 1, 2, 3],
        "c1 got 7 as the greatest between 0.040 s and 0.050 s, but all that time a greater value was in the queue: 9 was \
         in it from 0.030 s until 0.060 s",
    );
    accepts(&PriorityQueue, &[passed_over[0], passed_over[1], (1, 40, 50, Poll, NONE, 9), (2, 60, 70, Poll, NONE, 7)]);
}

#[test]
fn a_set() {
    let missed = [(1, 0, 10, Insert, 7, YES), (2, 20, 30, Contains, 7, NO), (1, 40, 50, Remove, 7, YES)];
    says(
        &Set { budget: 1_000_000 },
        &missed,
        "element-missed",
        &[0, 1, 2],
        "c2 did not find 7 between 0.020 s and 0.030 s, but it was there: c1 had inserted it by 0.010 s and only c1 removed \
         it, between 0.040 s and 0.050 s",
    );
    says(
        &Set { budget: 1_000_000 },
        &[(2, 20, 30, Contains, 7, YES)],
        "element-invented",
        &[0],
        "c2 found 7 between 0.020 s and 0.030 s, but nobody ever inserted it",
    );
    says(
        &Multiset { budget: 1_000_000 },
        &[
            (1, 0, 10, Insert, 7, NONE),
            (1, 20, 30, Insert, 7, NONE),
            (1, 40, 50, Remove, 7, YES),
            (2, 40, 50, Remove, 7, YES),
            (3, 60, 70, Remove, 7, YES),
        ],
        "removed-too-often",
        &[0, 1, 2, 3, 4],
        "c3 took 7 out between 0.060 s and 0.070 s, but by then it had been put in 2 times at most and taken out 3 times",
    );
}

#[test]
fn a_job_queue() {
    let forever = JobQueue { time_to_run: None };
    let twice = [(1, 0, 10, Enqueue, 7, NONE), (2, 20, 30, Reserve, NONE, 7), (3, 40, 50, Reserve, NONE, 7)];
    says(
        &forever,
        &twice,
        "double-lease",
        &[0, 1, 2],
        "c3 got job 7 between 0.040 s and 0.050 s, but c2 had got it by 0.030 s, and had not given it back",
    );
    accepts(&JobQueue { time_to_run: Some(25_000_000) }, &twice);
    says(
        &JobQueue { time_to_run: Some(35_000_000) },
        &twice,
        "double-lease",
        &[0, 1, 2],
        "c3 got job 7 between 0.040 s and 0.050 s, but c2 had got it by 0.030 s, and it was leased to them until 0.055 s at \
         least",
    );
    // Both were answered at the same time: without its completion, the first lease could have run out just then.
    says(
        &JobQueue { time_to_run: Some(5_000_000) },
        &[
            (1, 0, 0, Enqueue, 7, NONE),
            (2, 1, 6, Reserve, NONE, 7),
            (3, 4, 6, Reserve, NONE, 7),
            (2, 7, 7, Complete, 7, NONE),
        ],
        "double-lease",
        &[0, 1, 2, 3],
        "c2 got job 7 between 0.001 s and 0.006 s, but c3 had got it by 0.006 s, and it was leased to them until 0.009 s at \
         least",
    );
    let done = [twice[0], twice[1], (2, 32, 34, Complete, 7, NONE), twice[2]];
    says(
        &JobQueue { time_to_run: Some(1) },
        &done,
        "completed-job-reserved",
        &[0, 1, 2, 3],
        "c3 got job 7 between 0.040 s and 0.050 s, but c2 had got it by 0.030 s, and completed it by 0.034 s",
    );
    accepts(&forever, &[twice[0], twice[1], (2, 32, 34, GiveBack, 7, NONE), twice[2]]);
    says(
        &forever,
        &[twice[0], twice[1], (3, 40, 50, Complete, 7, NONE)],
        "not-the-holder",
        &[0, 2],
        "c3 completed job 7 between 0.040 s and 0.050 s, but had never got it",
    );
    says(
        &forever,
        &[twice[0], (2, 20, 30, Reserve, NONE, NIL)],
        "false-empty",
        &[0, 1],
        "c2 found no job between 0.020 s and 0.030 s, but job 7 was ready by 0.010 s and nobody is known to have got it later",
    );
}
