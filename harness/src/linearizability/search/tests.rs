//! The search against an oracle that tries every order.

use super::*;
use crate::history::{Builder, Invocation};
use crate::history::{Function, Id};
use crate::linearizability::testing::{Draft, Timing, Word, brute_force, histories, laws, run, timings};
use crate::model::{Decoded, Register};
use proptest::prelude::*;

const REGISTER: Register = Register { initial: Id::NIL, nil_is_wildcard: false };

fn value() -> impl Strategy<Value = i64> {
    0i64..3
}

fn register_drafts() -> impl Strategy<Value = Draft> {
    prop_oneof![
        3 => value().prop_map(|v| Draft::new(Function::Read, Word::None, Word::Int(v))),
        1 => Just(Draft::new(Function::Read, Word::None, Word::Nil)),
        3 => value().prop_map(|v| Draft::new(Function::Write, Word::Int(v), Word::None)),
        2 => (value(), value(), any::<bool>())
            .prop_map(|(a, b, done)| Draft::new(Function::Cas, Word::pair(a, b), Word::Bool(done))),
        1 => (value(), value()).prop_map(|(a, b)| Draft::new(Function::ReadModifyWrite, Word::Int(a), Word::Int(b))),
    ]
}

fn verdict(model: &Register, history: &History) -> Judged {
    search(model, history, &history.effective(), 1_000_000).expect("a history of a register")
}

fn is_illegal(history: &History, operations: &[u32], end: Option<u64>) -> bool {
    let part = history.part(operations, end.unwrap_or(u64::MAX));
    matches!(verdict(&REGISTER, &part), Judged::Illegal(_))
}

/// The witness without each pure operation and without each group.
fn reductions(history: &History, violation: &Violation) -> Vec<Vec<u32>> {
    let part = history.part(&violation.witness, violation.end.unwrap_or(u64::MAX));
    let all: Vec<u32> = (0..part.len() as u32).collect();
    let entries = problem::entries(&REGISTER, &part, &all).expect("a history of a register");
    let ops: Vec<_> = entries.iter().map(|entry| entry.op).collect();
    let groups = REGISTER.groups(&ops);
    let origin = |place: usize| violation.witness[entries[place].index as usize];
    let without = |gone: &dyn Fn(usize) -> bool| (0..ops.len()).filter(|place| !gone(*place)).map(origin).collect();
    let mut all: Vec<Vec<u32>> = Vec::new();
    for place in 0..ops.len() {
        if entries[place].pure {
            all.push(without(&|other| other == place));
        }
        if groups[place].is_some() {
            all.push(without(&|other| groups[other] == groups[place]));
        }
    }
    all
}

/// A register that does what it should.
fn correct() -> impl FnMut(Function, &Word) -> Word {
    let mut holds = Word::Nil;
    move |function, argument| match (function, argument) {
        (Function::Read, _) => holds.clone(),
        (Function::Cas, Word::List(pair)) => {
            let done = holds == pair[0];
            if done {
                holds = pair[1].clone();
            }
            Word::Bool(done)
        }
        (Function::ReadModifyWrite, new) => std::mem::replace(&mut holds, new.clone()),
        (_, new) => {
            holds = new.clone();
            Word::None
        }
    }
}

fn calls(most: usize) -> impl Strategy<Value = Vec<(Draft, Timing)>> {
    prop::collection::vec((register_drafts(), timings()), 0..=most)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 4, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_every_order(history in histories(register_drafts(), 7), wildcard: bool) {
        let model = Register { nil_is_wildcard: wildcard, ..REGISTER };
        let legal = brute_force(&model, &history);
        match verdict(&model, &history) {
            Judged::Legal => prop_assert!(legal),
            Judged::Illegal(_) => prop_assert!(!legal),
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn witnesses_are_illegal_and_nothing_can_be_left_out(history in histories(register_drafts(), 14)) {
        if let Judged::Illegal(violation) = verdict(&REGISTER, &history) {
            prop_assert!(is_illegal(&history, &violation.witness, violation.end), "{violation:?}");
            for fewer in reductions(&history, &violation) {
                prop_assert!(!is_illegal(&history, &fewer, violation.end), "{violation:?} without {fewer:?}");
            }
            prop_assert!(!violation.sentence.is_empty());
            prop_assert!((1..=4).contains(&violation.attempts.len()));
            for attempt in &violation.attempts {
                prop_assert!(attempt.order.iter().all(|index| violation.witness.contains(index)));
            }
        }
    }

    #[test]
    fn masks_of_any_width_lead_the_same_way(history in histories(register_drafts(), 20)) {
        let entries = problem::entries(&REGISTER, &history, &history.effective()).expect("a history of a register");
        let (problem, ops) = Problem::new(&entries);
        let states = || States::new(&REGISTER, ops.values());
        let narrow = walk::search_as::<u64>(&problem, &mut states(), u64::MAX, &|_| {});
        prop_assert_eq!(walk::search_as::<u128>(&problem, &mut states(), u64::MAX, &|_| {}), narrow);
        prop_assert_eq!(walk::search_as::<mask::Wide>(&problem, &mut states(), u64::MAX, &|_| {}), narrow);
    }

    #[test]
    fn a_register_is_what_the_search_takes_a_model_for(history in histories(register_drafts(), 6)) {
        laws(&REGISTER, &history);
    }

    #[test]
    fn accepts_what_a_correct_register_did(calls in calls(60)) {
        prop_assert_eq!(verdict(&REGISTER, &run(&calls, correct())), Judged::Legal);
    }
}

/// Operations as function, argument, result, call and return; each of another client.
fn history(lines: &[(Function, u32, u32, u64, u64)]) -> History {
    let mut builder = Builder::default();
    let id = |number| if number == 0 { Id::NONE } else { Id::small(number).expect("small") };
    for (process, (function, argument, result, call, ret)) in (0..).zip(lines) {
        let call = Invocation { process, call: *call, function: *function, key: Id::NONE, argument: id(*argument) };
        builder.add(call, *ret, id(*result));
    }
    builder.finish()
}

/// A register that breaks what a model has to keep.
struct Broken(&'static str);

impl Model for Broken {
    type Op = crate::model::RegisterOp;
    type State = Id;

    fn initial(&self) -> Id {
        REGISTER.initial()
    }

    fn decode(&self, history: &History, operation: u32) -> Result<Decoded<Self::Op>, String> {
        Ok(match REGISTER.decode(history, operation)? {
            Decoded::Effect(op) if self.0 == "pure" => Decoded::Pure(op),
            decoded => decoded,
        })
    }

    fn step(&self, state: &Id, op: Self::Op) -> Option<Id> {
        REGISTER.step(state, op)
    }

    fn simplify(&self, ops: &mut [Self::Op]) {
        if self.0 == "simplify" {
            ops.fill(crate::model::RegisterOp::Write(Id::NIL));
        }
    }

    fn groups(&self, ops: &[Self::Op]) -> Vec<Option<u32>> {
        (0..).zip(ops).map(|(place, _)| (self.0 == "groups").then_some(place)).collect()
    }
}

#[test]
fn a_model_that_breaks_its_laws_is_found() {
    let written = history(&[(Function::Write, 1, 0, 0, 1), (Function::Read, 0, 1, 2, 3)]);
    let not_written = history(&[(Function::Read, 0, 1, 2, 3)]);
    laws(&Broken(""), &written);
    laws(&Broken(""), &not_written);
    for (law, history) in [("pure", &written), ("groups", &written), ("simplify", &not_written)] {
        let broken = std::panic::AssertUnwindSafe(|| laws(&Broken(law), history));
        assert!(std::panic::catch_unwind(broken).is_err(), "{law}");
    }
}

#[test]
fn a_write_of_what_is_there_is_not_pure() {
    // Legal only if the long second write of 1 comes last, though it could come where 1 is there anyway.
    let history = history(&[
        (Function::Write, 1, 0, 0, 1),
        (Function::Write, 1, 0, 2, 9),
        (Function::Write, 2, 0, 3, 4),
        (Function::Read, 0, 1, 5, 6),
    ]);
    assert_eq!(verdict(&REGISTER, &history), Judged::Legal);
}

#[test]
fn more_operations_may_overlap_than_words_have_bits() {
    for clients in [40, 70, 140, 300] {
        let mut lines: Vec<_> = (1..=clients).map(|number| (Function::Write, number, 0, 0, 1000)).collect();
        lines.push((Function::Read, 0, clients / 2, 1001, 1002));
        lines.push((Function::Read, 0, clients / 2, 1003, 1004));
        assert_eq!(verdict(&REGISTER, &history(&lines)), Judged::Legal, "{clients}");
        lines.push((Function::Read, 0, clients / 3, 1005, 1006));
        let Judged::Illegal(violation) = verdict(&REGISTER, &history(&lines)) else { panic!("{clients}: legal") };
        assert_eq!(violation.witness.len(), 4, "{clients}: {violation:?}");
    }
}

#[test]
fn crashed_writes_that_nobody_saw_cost_nothing() {
    let mut builder = Builder::default();
    for number in 0..60 {
        let argument = Id::small(100 + number).expect("small");
        builder.invoke(Invocation { process: number, call: 0, function: Function::Write, key: Id::NONE, argument });
    }
    let read = Invocation { process: 99, call: 5, function: Function::Read, key: Id::NONE, argument: Id::NONE };
    builder.add(read, 6, Id::small(7).expect("small"));
    let history = builder.finish();
    let decided = decide(&REGISTER, &history, &history.effective(), 1_000, &|_| {}).expect("a register");
    assert_eq!(decided.found, Found::Illegal { stuck: 60 });
    let Judged::Illegal(violation) = verdict(&REGISTER, &history) else { panic!("legal") };
    assert_eq!(violation.witness, [60]);
    assert_eq!(violation.sentence, "c99 read 7 between event 5 and event 6, but nobody had written that by then");
}

#[test]
fn what_returned_after_the_end_of_a_witness_is_pending_in_it() {
    // Whether the long write of 2 took effect or not, 3 was never there.
    let history = history(&[
        (Function::Write, 1, 0, 0, 1),
        (Function::ReadModifyWrite, 2, 1, 2, 50),
        (Function::Write, 3, 0, 3, 4),
        (Function::Write, 1, 0, 5, 6),
        (Function::Read, 0, 3, 7, 8),
    ]);
    let Judged::Illegal(violation) = verdict(&REGISTER, &history) else { panic!("legal") };
    assert_eq!(violation.attempts[0].order.last(), Some(&4));
    assert!(is_illegal(&history, &violation.witness, violation.end), "{violation:?}");
}
