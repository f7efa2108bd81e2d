//! The monitor of job queues against the search, on what job queues did that were right, or nearly.

use super::*;
use crate::{
    history::{Builder, Id, Invocation, Operation, Outcome, PENDING},
    linearizability::{
        search::search,
        testing::{Timing, brute_force, timings},
    },
};
use proptest::prelude::*;

/// What to do, when, and a number for choices; odd ones may choose wrongly.
type Step = (u8, Timing, usize);

/// A job queue that works, if told to.
#[derive(Default)]
struct Jobs {
    put: i64,
    /// Job, holder, and when its lease runs out.
    jobs: Vec<(i64, Option<(u32, u64)>)>,
}

impl Jobs {
    /// Job that a reservation gets; none for none ready.
    fn reserve(
        &mut self,
        process: u32,
        call: u64,
        now: u64,
        time_to_run: Option<u64>,
        choice: usize,
        lie: bool,
    ) -> Option<i64> {
        let free = |job: &&mut (i64, Option<(u32, u64)>)| lie || job.1.is_none_or(|(_, until)| until <= now);
        let free: Vec<_> = self.jobs.iter_mut().filter(free).collect();
        let count = free.len() + usize::from(lie);
        let job = free.into_iter().nth(choice % count.max(1))?;
        job.1 = Some((process, time_to_run.map_or(PENDING, |time| call + time)));
        Some(job.0)
    }

    /// A job that the process may complete or give back.
    fn release(&mut self, process: u32, choice: usize, lie: bool, complete: bool) -> Option<i64> {
        let held = |job: &(i64, Option<(u32, u64)>)| lie || job.1.is_some_and(|(holder, _)| holder == process);
        let held: Vec<usize> = (0..self.jobs.len()).filter(|place| held(&self.jobs[*place])).collect();
        let place = *held.get(choice % held.len().max(1))?;
        let job = self.jobs[place].0;
        if complete {
            _ = self.jobs.remove(place)
        } else {
            self.jobs[place].1 = None
        }
        Some(job)
    }
}

fn history(steps: &[Step], time_to_run: Option<u64>, lies: bool) -> History {
    let mut clients = [(0u32, 0u64), (1, 0), (2, 0), (3, 0)];
    let mut placed: Vec<(u64, u32, u64, Step)> = Vec::new();
    for step in steps {
        let (process, free) = &mut clients[step.1.client as usize % 4];
        let call = *free + step.1.gap;
        placed.push((call * 8 + step.1.length * step.1.point, *process, call, *step));
        *free = call + step.1.length + 1;
        *process += if step.1.outcome == Outcome::Unknown { 4 } else { 0 };
    }
    placed.sort_by_key(|(point, ..)| *point);
    let (mut jobs, mut builder) = (Jobs::default(), Builder::default());
    for (point, process, call, (kind, timing, choice)) in placed {
        let lie = lies && choice % if kind < 8 { 8 } else { 64 } == 1;
        let happens = timing.outcome == Outcome::Ok || (timing.outcome == Outcome::Unknown && timing.point % 2 == 0);
        let mut value = |job: Option<i64>| job.map_or(Id::NIL, |job| builder.values.int(job));
        let (function, argument, result) = match kind {
            0..3 => {
                jobs.put += 1;
                if happens {
                    jobs.jobs.push((jobs.put, None));
                }
                (Function::Enqueue, value(Some(jobs.put)), Id::NONE)
            }
            3..8 if happens => {
                let job = jobs.reserve(process, call, point / 8, time_to_run, choice / 16, lie);
                (Function::Reserve, Id::NONE, value(job))
            }
            3..8 => (Function::Reserve, Id::NONE, Id::NONE),
            kind => {
                let complete = kind < 10;
                let job = if happens { jobs.release(process, choice / 16, lie, complete) } else { Some(1) };
                let Some(job) = job else { continue };
                let function = if complete { Function::Complete } else { Function::GiveBack };
                (function, value(Some(job)), Id::NONE)
            }
        };
        let ticket = builder.invoke(Invocation { process, call, function, key: Id::NONE, argument });
        builder.complete(ticket, call + timing.length, timing.outcome, result);
    }
    builder.finish()
}

fn histories(most: usize, lies: bool) -> impl Strategy<Value = (History, Option<u64>)> {
    let steps = prop::collection::vec((0u8..12, timings(), 0usize..256), 0..=most);
    let time_to_run = prop::option::of(0u64..12);
    (steps, time_to_run).prop_map(move |(steps, time)| (history(&steps, time, lies), time))
}

/// Whether the search finds an order, each reservation without an answer having got any job or none.
fn possible(model: &JobQueue, history: &History) -> bool {
    let operations = history.effective();
    let unanswered = operations.iter().find(|op| {
        let op = history.get(**op);
        op.function == Function::Reserve && op.outcome == Outcome::Unknown
    });
    let Some(unanswered) = unanswered else {
        let judged = search(model, history, &operations, 10_000_000).expect("operations of a job queue");
        assert!(!matches!(judged, Judged::Undecided(_)), "the budget is large enough");
        return judged == Judged::Legal;
    };
    let jobs = operations.iter().map(|op| history.get(*op)).filter(|op| op.function == Function::Enqueue);
    jobs.map(|op| op.argument).chain([Id::NONE]).any(|job| {
        let mut builder = Builder::default();
        builder.values = history.values.clone();
        for op in &operations {
            let known = history.get(*op);
            let Operation { process, call, function, key, argument, .. } = known;
            let invocation = Invocation { process, call, function, key, argument };
            match (op == unanswered, job) {
                (true, Id::NONE) => {}
                (true, job) => builder.add(invocation, PENDING - 1, job),
                (false, _) => {
                    let ticket = builder.invoke(invocation);
                    builder.complete(ticket, known.ret, known.outcome, known.result);
                }
            }
        }
        possible(model, &builder.finish())
    })
}

proptest! {
    #[test]
    fn agrees_with_the_search((history, time_to_run) in histories(11, true)) {
        let model = JobQueue { time_to_run };
        match model.check(&history, &history.effective()) {
            Judged::Legal => prop_assert!(possible(&model, &history)),
            Judged::Illegal(violation) => {
                prop_assert!(!possible(&model, &history), "{}", violation.sentence);
                let part = history.part(&violation.witness, PENDING);
                prop_assert!(!possible(&model, &part), "{violation:?}");
                prop_assert!(matches!(model.check(&part, &part.effective()), Judged::Illegal(_)), "{violation:?}");
                // No job can be left out, but those whose operations were found wrong one by one.
                let value = |op: u32| { let op = part.get(op); if op.argument.is_some() { op.argument } else { op.result } };
                for op in part.effective() {
                    let rest: Vec<u32> = part.effective().into_iter().filter(|other| value(*other) != value(op)).collect();
                    prop_assert!(!value(op).is_some() || possible(&model, &part.part(&rest, PENDING)), "{violation:?}");
                }
            }
            Judged::Undecided(why) => prop_assert!(false, "{why}"),
            Judged::NotCovered(_) => prop_assert!(time_to_run.is_some()),
        }
    }

    #[test]
    fn the_model_follows_reservations_without_an_answer((history, time_to_run) in histories(9, true)) {
        let model = JobQueue { time_to_run };
        prop_assert_eq!(brute_force(&model, &history), possible(&model, &history));
    }

    #[test]
    fn accepts_what_a_job_queue_did((history, time_to_run) in histories(60, false)) {
        let judged = JobQueue { time_to_run }.check(&history, &history.effective());
        prop_assert!(!matches!(judged, Judged::Illegal(_)), "{judged:?}");
        prop_assert!(time_to_run.is_some() || judged == Judged::Legal, "{judged:?}");
    }
}

#[test]
fn a_hold_that_lasted_no_time_is_not_blamed_for_another_that_began_with_it() {
    let mut builder = Builder::default();
    let job = builder.values.int(1);
    let reserve = (Function::Reserve, Id::NONE, job);
    let operations = [
        (0, 0, 1, (Function::Enqueue, job, Id::NONE)),
        (1, 2, 6, reserve),
        (2, 6, 6, reserve),
        (3, 7, 8, reserve),
        (1, 12, 12, (Function::Complete, job, Id::NONE)),
    ];
    for (process, call, ret, (function, argument, result)) in operations {
        builder.add(Invocation { process, call, function, key: Id::NONE, argument }, ret, result);
    }
    let history = builder.finish();
    let judged = JobQueue { time_to_run: Some(0) }.check(&history, &history.effective());
    let Judged::Illegal(violation) = judged else { panic!("{judged:?}") };
    assert_eq!(violation.witness, [0, 1, 3, 4], "c1 held it from 6 to 12: {}", violation.sentence);
}
