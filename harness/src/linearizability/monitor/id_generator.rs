//! Generators of ids: no id is given twice.
//!
//! The order of the operations does not matter, so one look at each id decides: O(n). What was never answered gave an id
//! that nobody knows. Everything is covered.

use super::{table::Table, words};
use crate::{
    history::{Function, History, Outcome},
    linearizability::Monitor,
    verify::{Judged, Violation},
};

/// A generator of unique ids.
#[derive(Debug, Clone, Copy, Default)]
pub struct IdGenerator;

impl Monitor for IdGenerator {
    fn method(&self) -> &'static str {
        "one look at each id"
    }

    fn check(&self, history: &History, operations: &[u32]) -> Judged {
        let (results, outcomes, functions) = (history.results(), history.outcomes(), history.functions());
        let given = || operations.iter().copied().filter(|op| outcomes[*op as usize] == Outcome::Ok);
        if operations.iter().any(|op| functions[*op as usize] != Function::Generate)
            || given().any(|op| !results[op as usize].is_some())
        {
            return Judged::NotCovered("there are operations other than `generate` with an id");
        }
        let mut table = Table::new(given().map(|op| results[op as usize]));
        let mut first = Vec::new();
        for op in given() {
            match table.number(results[op as usize]) {
                (_, true) => first.push(op),
                (id, false) => return Judged::illegal(given_twice(history, first[id], op)),
            }
        }
        Judged::Legal
    }
}

fn given_twice(history: &History, first: u32, second: u32) -> Violation {
    let name = |op: u32| history.process_name(history.get(op).process);
    let sentence = format!(
        "{} was given twice: to {} {} and to {} {}",
        words::value(history, history.get(first).result),
        name(first),
        words::when(history, first),
        name(second),
        words::when(history, second)
    );
    Violation { rule: "duplicate-id", sentence, witness: vec![first, second], ..Violation::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        linearizability::{
            monitor::testing::{agrees, assert_both_occur, calls, history, judge},
            testing::Word,
        },
        model,
    };
    use proptest::prelude::*;

    fn histories(most: usize) -> impl Strategy<Value = History> {
        calls(most).prop_map(|calls| {
            let mut next = 0;
            history(
                &calls,
                |_, _| (Function::Generate, Word::None),
                |_, _| {
                    next += 1;
                    Word::Int(next)
                },
                |_, number| Some(if number == 0 { Word::Nil } else { Word::Int(number + 2) }),
            )
        })
    }

    #[test]
    fn histories_of_both_kinds_are_tried() {
        assert_both_occur(&IdGenerator, histories(12));
    }

    proptest! {
        #[test]
        fn agrees_with_the_search_and_two_are_the_witness(history in histories(12)) {
            if let Some(violation) = agrees(&IdGenerator, &model::IdGenerator, &history)? {
                prop_assert_eq!(violation.witness.len(), 2);
                prop_assert!(violation.witness.iter().all(|op| judge(&model::IdGenerator, &history, &[*op])));
            }
        }
    }
}
