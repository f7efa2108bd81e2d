//! The model of a key-value store against one that keeps whole texts.

use super::*;
use crate::history::{Function, History, Id, Outcome};
use crate::linearizability::search::search;
use crate::linearizability::testing::{Draft, Timing, Word, brute_force, histories, laws, run, timings};
use crate::verify::Judged;
use proptest::prelude::*;
use std::collections::HashMap;

/// A store whose contents are texts, without any cleverness.
struct Plain(HashMap<Id, String>);

/// Function, argument, result, and whether it was not refused.
type PlainOp = (Function, Id, Id, Id, bool);

impl Plain {
    fn new(history: &History) -> Self {
        let text = |id| (id, history.values.as_text(id).unwrap_or_default().to_owned());
        let cas = history.arguments().iter().filter_map(|id| history.values.as_list(*id)).flatten();
        Self(history.arguments().iter().chain(history.results()).chain(cas).map(|id| text(*id)).collect())
    }
}

impl Model for Plain {
    type Op = PlainOp;
    type State = String;

    fn initial(&self) -> String {
        String::new()
    }

    fn decode(&self, history: &History, operation: u32) -> Result<Decoded<PlainOp>, String> {
        let op = history.get(operation);
        let refused = history.values.is_false(op.result);
        let (first, second) = match history.values.as_list(op.argument) {
            Some([expected, new]) => (*expected, *new),
            _ => (op.argument, Id::NONE),
        };
        Ok(match op.function {
            Function::Read if op.outcome == Outcome::Unknown => Decoded::Nothing,
            _ => Decoded::Effect((op.function, first, second, op.result, !refused)),
        })
    }

    fn step(&self, state: &String, (function, first, second, result, done): PlainOp) -> Option<String> {
        let text = |id: Id| self.0[&id].clone();
        match function {
            Function::Read => (*state == text(result)).then(|| state.clone()),
            Function::Write => Some(text(first)),
            Function::Append => Some(state.clone() + &text(first)),
            Function::Delete => Some(String::new()),
            _ if done => (*state == text(first)).then(|| text(second)),
            _ => (*state != text(first)).then(|| state.clone()),
        }
    }
}

fn text() -> impl Strategy<Value = Word> {
    "[ab]{0,3}".prop_map(Word::Text)
}

fn drafts() -> impl Strategy<Value = Draft> {
    prop_oneof![
        4 => text().prop_map(|text| Draft::new(Function::Read, Word::None, text)),
        2 => text().prop_map(|text| Draft::new(Function::Write, text, Word::None)),
        5 => "[ab]{0,2}".prop_map(|text| Draft::new(Function::Append, Word::Text(text), Word::None)),
        1 => (text(), text(), any::<bool>())
            .prop_map(|(a, b, done)| Draft::new(Function::Cas, Word::List(vec![a, b]), Word::Bool(done))),
        1 => Just(Draft::new(Function::Delete, Word::None, Word::None)),
    ]
}

/// A store that does what it should; `lists` makes it one of lists.
fn correct(lists: bool) -> impl FnMut(Function, &Word) -> Word {
    let nothing = move || if lists { Word::Nil } else { Word::Text(String::new()) };
    let mut holds = nothing();
    move |function, argument| {
        match (function, argument) {
            (Function::Read, _) => return holds.clone(),
            (Function::Cas, Word::List(pair)) => {
                let done = holds == pair[0];
                if done {
                    holds = pair[1].clone();
                }
                return Word::Bool(done);
            }
            (Function::Append, piece) => {
                holds = match (&holds, piece) {
                    (Word::Text(text), Word::Text(piece)) => Word::Text(text.clone() + piece),
                    (Word::List(list), piece) => Word::List(list.iter().chain([piece]).cloned().collect()),
                    (_, piece) => Word::List(vec![piece.clone()]),
                }
            }
            (Function::Delete, _) => holds = nothing(),
            (_, new) => holds = new.clone(),
        }
        Word::None
    }
}

fn calls(drafts: impl Strategy<Value = Draft>) -> impl Strategy<Value = Vec<(Draft, Timing)>> {
    prop::collection::vec((drafts, timings()), 0..=40)
}

fn verdict(history: &History) -> Judged {
    search(&Kv::new(history, None), history, &history.effective(), 1_000_000).expect("a history of a store")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 4, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_every_order_on_whole_texts(history in histories(drafts(), 7)) {
        let legal = brute_force(&Plain::new(&history), &history);
        match verdict(&history) {
            Judged::Legal => prop_assert!(legal),
            Judged::Illegal(violation) => {
                prop_assert!(!legal);
                let witness = history.part(&violation.witness, violation.end.unwrap_or(u64::MAX));
                prop_assert!(matches!(verdict(&witness), Judged::Illegal(_)), "{violation:?}");
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn a_store_is_what_the_search_takes_a_model_for(history in histories(drafts(), 6)) {
        laws(&Kv::new(&history, None), &history);
    }

    #[test]
    fn accepts_what_a_correct_store_of_texts_did(calls in calls(drafts())) {
        prop_assert_eq!(verdict(&run(&calls, correct(false))), Judged::Legal);
    }

    #[test]
    fn accepts_what_a_correct_store_of_lists_did(calls in calls(list_drafts())) {
        prop_assert_eq!(verdict(&run(&calls, correct(true))), Judged::Legal);
    }
}

fn list_drafts() -> impl Strategy<Value = Draft> {
    prop_oneof![
        Just(Draft::new(Function::Read, Word::None, Word::None)),
        (0i64..9).prop_map(|number| Draft::new(Function::Append, Word::Int(number), Word::None)),
    ]
}

/// Appends of 1, 2 and then a read, one after the other.
fn lists(read: &[i64]) -> History {
    let read = Word::List(read.iter().map(|number| Word::Int(*number)).collect());
    let draft = |function, argument, result| {
        (
            Draft::new(function, argument, result),
            Timing { client: 0, gap: 1, length: 1, point: 0, outcome: Outcome::Ok },
        )
    };
    crate::linearizability::testing::build(&[
        draft(Function::Append, Word::Int(1), Word::None),
        draft(Function::Append, Word::Int(2), Word::None),
        draft(Function::Read, Word::None, read),
    ])
}

#[test]
fn an_append_that_is_missing_in_a_list_is_found() {
    assert_eq!(verdict(&lists(&[1, 2])), Judged::Legal);
    for wrong in [&[1][..], &[2], &[2, 1], &[1, 2, 2], &[]] {
        let Judged::Illegal(violation) = verdict(&lists(wrong)) else { panic!("{wrong:?} is legal") };
        assert!(violation.attempts[0].fails.starts_with("cannot read "), "{violation:?}");
    }
}
