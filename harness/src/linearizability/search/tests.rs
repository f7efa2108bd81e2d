//! The search against an oracle that tries every order.

use super::*;
use crate::history::{Function, Id};
use crate::linearizability::testing::{Draft, Timing, Word, brute_force, histories, run, timings};
use crate::model::Register;
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
    fn accepts_what_a_correct_register_did(calls in calls(60)) {
        prop_assert_eq!(verdict(&REGISTER, &run(&calls, correct())), Judged::Legal);
    }
}
