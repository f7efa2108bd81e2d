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
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2000), ..ProptestConfig::default() })]

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
    fn accepts_what_a_correct_register_did(calls in calls(60)) {
        prop_assert_eq!(verdict(&REGISTER, &run(&calls, correct())), Judged::Legal);
    }
}
