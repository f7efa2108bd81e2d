//! Whole histories: keys apart from each other, threads, budgets and errors.

use crate::history::{Builder, Function, History, Id, Invocation, Outcome, Value};
use crate::linearizability::object::OBJECTS;
use crate::linearizability::search::decide;
use crate::model::Register;
use crate::verdict::Verdict;
use crate::verify::{Answer, Recorded, Settings};
use std::sync::Mutex;

/// Function, key, argument, result, call, return (none where no answer came).
type Line = (Function, u32, Option<u32>, Option<u32>, u64, Option<u64>);

fn history(lines: &[Line]) -> History {
    let mut builder = Builder::default();
    let id = |number: Option<u32>| number.map_or(Id::NONE, |number| Id::small(number).expect("small"));
    for (process, (function, key, argument, result, call, ret)) in (0..).zip(lines) {
        let call =
            Invocation { process, call: *call, function: *function, key: id(Some(*key)), argument: id(*argument) };
        let ticket = builder.invoke(call);
        if let Some(ret) = ret {
            builder.complete(ticket, *ret, Outcome::Ok, id(*result));
        }
    }
    builder.finish()
}

fn judge(name: &str, history: &History, settings: &Settings<'_>) -> Result<Answer, String> {
    let object = OBJECTS.iter().find(|object| object.name() == name).expect("an object of this name");
    object.judge(&Recorded::Operations(history.clone()), settings)
}

fn pass(name: &str, history: &History) -> Answer {
    judge(name, history, &Settings::default()).expect("a history of this object")
}

/// One legal key, and two in which a read returned what had been overwritten.
fn two_stale_keys() -> History {
    let stale = |key, at| {
        [
            (Function::Write, key, Some(1), None, at, Some(at + 1)),
            (Function::Write, key, Some(2), None, at + 2, Some(at + 3)),
            (Function::Read, key, None, Some(1), at + 4, Some(at + 5)),
        ]
    };
    let fine = [(Function::Write, 7, Some(1), None, 0, Some(1)), (Function::Read, 7, None, Some(1), 2, Some(3))];
    history(&[stale(5, 0).as_slice(), &stale(6, 10), &fine].concat())
}

#[test]
fn each_key_is_judged_and_each_violation_is_told() {
    let answer = pass("register", &two_stale_keys());
    assert_eq!(answer.verdict, Verdict::Fail);
    assert_eq!(answer.violations.len(), 2);
    assert!(answer.detail.starts_with("8 operations on 3 keys; "), "{}", answer.detail);
    let first = &answer.violations[0];
    assert_eq!(first.witness.len(), 3);
    assert_eq!(
        first.sentence,
        "c2 read 1 between event 4 and event 5, but c1's write of 2 had returned at event 3 and no write of 1 came \
         after it"
    );
    assert_eq!(first.attempts[0].fails, "cannot read 1, the register holds 2");
}

#[test]
fn threads_change_nothing_and_progress_reaches_the_end() {
    let history = two_stale_keys();
    let told = Mutex::new(Vec::new());
    let progress = |done, total| told.lock().expect("no panic").push((done, total));
    let settings = Settings { threads: 3, progress: &progress, ..Settings::default() };
    assert_eq!(judge("register", &history, &settings), judge("register", &history, &Settings::default()));
    assert_eq!(told.lock().expect("no panic").last(), Some(&(8, 8)));
}

#[test]
fn an_unknown_operation_is_an_error_that_names_it() {
    let history = history(&[(Function::Enqueue, 0, Some(3), None, 0, Some(1))]);
    let error = judge("register", &history, &Settings::default()).expect_err("a register has no queue");
    assert!(error.contains("enqueue 3"), "{error}");
}

#[test]
fn an_initial_value_can_be_given() {
    let history = history(&[(Function::Read, 0, None, Some(9), 0, Some(1))]);
    assert_eq!(pass("register", &history).verdict, Verdict::Fail);
    let with = |initial| judge("register", &history, &Settings { initial: Some(initial), ..Settings::default() });
    assert_eq!(with("9").expect("JSON").verdict, Verdict::Pass);
    assert_eq!(with("8").expect("JSON").verdict, Verdict::Fail);
    assert_eq!(with("[9]").expect("JSON").verdict, Verdict::Fail);
    assert!(with("{}").is_err());
    assert!(with("nine").is_err());
}

#[test]
fn a_read_of_nil_says_nothing_to_knossos() {
    let mut builder = Builder::default();
    let mut add = |function, argument, result, at| {
        builder.add(Invocation { process: 0, call: at, function, key: Id::NONE, argument }, at + 1, result);
    };
    add(Function::Write, Id::small(1).expect("small"), Id::NONE, 0);
    add(Function::Read, Id::NONE, Id::NIL, 2);
    let history = builder.finish();
    assert_eq!(pass("register", &history).verdict, Verdict::Fail);
    assert_eq!(pass("cas-register", &history).verdict, Verdict::Pass);
}

#[test]
fn what_failed_counts_for_nothing_on_any_key() {
    let mut builder = Builder::default();
    let call =
        |function, argument| Invocation { process: 0, call: 0, function, key: Id::small(1).expect("small"), argument };
    let ticket = builder.invoke(call(Function::Enqueue, Id::NIL));
    builder.complete(ticket, 1, Outcome::Failed, Id::NONE);
    assert_eq!(pass("register", &builder.finish()).verdict, Verdict::Pass);
}

/// Operations on a key that all overlap, and a read of what nobody wrote; hard to refute.
fn hard(builder: &mut Builder, key: Id, width: u32) {
    let small = |number| Id::small(number).expect("small");
    for number in 0..width {
        let pair = Value::List([small(number), small(number + 1)].into());
        let pair = builder.values.intern(pair);
        for (process, function, argument) in [(0, Function::Cas, pair), (1, Function::Write, small(number))] {
            builder.add(Invocation { process: 2 * number + process, call: 0, function, key, argument }, 100, Id::NONE);
        }
    }
    let read = Invocation { process: 99, call: 200, function: Function::Read, key, argument: Id::NONE };
    builder.add(read, 201, small(width + 1));
}

#[test]
fn a_budget_that_is_used_up_is_no_pass_and_says_so() {
    let mut builder = Builder::default();
    hard(&mut builder, Id::small(5).expect("small"), 12);
    let history = builder.finish();
    let answer = judge("register", &history, &Settings { budget: 1_000, ..Settings::default() }).expect("a register");
    assert_eq!(answer.verdict, Verdict::Unknown);
    assert_eq!(
        answer.undecided,
        [
            "key 5: the search visited 1 000 configurations, as many as it may, and could place at best 24 of 25 operations"
        ]
    );
}

#[test]
fn a_long_search_says_how_far_it_is() {
    let mut builder = Builder::default();
    hard(&mut builder, Id::small(5).expect("small"), 20);
    let history = builder.finish();
    let told = std::sync::Mutex::new(Vec::new());
    let progress = |done, of| told.lock().expect("one thread").push((done, of));
    let settings = Settings { budget: 200_000, progress: &progress, ..Settings::default() };
    judge("register", &history, &settings).expect("a register");
    let told = told.into_inner().expect("one thread");
    assert!(told.len() > 2 && told.iter().all(|(done, of)| done <= of && *of == 41), "{told:?}");
    assert!(told[0].0 > 0 && told[0].0 < 41, "the search had placed some operations: {told:?}");
}

#[test]
fn what_easy_keys_leave_of_the_budget_goes_to_hard_ones() {
    let mut builder = Builder::default();
    hard(&mut builder, Id::small(20).expect("small"), 5);
    let history = builder.finish();
    let register = Register { initial: Id::NIL, nil_is_wildcard: false };
    let visited = decide(&register, &history, &history.effective(), u64::MAX, &|_| {}).expect("a register").visited;

    let mut builder = Builder::default();
    hard(&mut builder, Id::small(20).expect("small"), 5);
    for key in 0..10 {
        let write = Invocation {
            process: 0,
            call: 0,
            function: Function::Write,
            key: Id::small(key).expect("small"),
            argument: Id::NIL,
        };
        builder.add(write, 1, Id::NONE);
    }
    let history = builder.finish();
    let with = |budget| judge("register", &history, &Settings { budget, ..Settings::default() }).expect("a register");
    assert_eq!(with(visited * 3).verdict, Verdict::Fail);
    assert_eq!(with(visited / 2).verdict, Verdict::Unknown);
}

#[test]
fn names_are_told_apart() {
    for (place, object) in OBJECTS.iter().enumerate() {
        assert!(OBJECTS[..place].iter().all(|other| other.name() != object.name()), "{} twice", object.name());
        assert!(!object.about().is_empty());
    }
}
