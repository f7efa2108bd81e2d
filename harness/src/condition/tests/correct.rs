//! Histories of correct objects under random schedules break no condition.

use super::answer;
use crate::{
    history::{Function, History},
    linearizability::testing::{Draft, Timing, Word, run, timings},
};
use proptest::prelude::*;

/// Calls with distinct arguments, each function as often as it stands in the list.
fn calls(functions: &'static [Function]) -> impl Strategy<Value = Vec<(Draft, Timing)>> {
    prop::collection::vec((prop::sample::select(functions), timings()), 0..24).prop_map(|calls| {
        let draft = |(number, (function, timing)): (usize, (Function, Timing))| {
            let argument = match function {
                Function::Read | Function::Dequeue => Word::None,
                _ => Word::Int(number as i64 + 1),
            };
            (Draft::new(function, argument, Word::None), timing)
        };
        calls.into_iter().enumerate().map(draft).collect()
    })
}

fn breaks_nothing(history: &History, conditions: &[&str]) -> Result<(), TestCaseError> {
    for condition in conditions {
        let answer = answer(condition, history);
        prop_assert!(answer.violations.is_empty(), "{}: {:?}", condition, answer.violations);
    }
    Ok(())
}

fn int(word: &Word) -> i64 {
    if let Word::Int(number) = word { *number } else { 0 }
}

proptest! {
    #[test]
    fn a_register(calls in calls(&[Function::Read, Function::Read, Function::Write])) {
        let mut value = Word::Nil;
        let history = run(&calls, |function, argument| match function {
            Function::Write => { value = argument.clone(); Word::None }
            _ => value.clone(),
        });
        breaks_nothing(&history, &["sequential", "read-your-writes", "monotonic-reads", "monotonic-writes", "convergence"])?;
    }

    #[test]
    fn a_set(calls in calls(&[Function::Read, Function::Insert, Function::Insert])) {
        let mut elements = Vec::new();
        let history = run(&calls, |function, argument| match function {
            Function::Insert => { elements.push(argument.clone()); Word::None }
            _ => Word::List(elements.clone()),
        });
        breaks_nothing(&history, &[
            "set-final", "set-full", "set-full-linearizable", "comments", "convergence", "read-your-writes", "monotonic-reads", "monotonic-writes",
        ])?;
    }

    #[test]
    fn a_queue(mut calls in calls(&[Function::Enqueue, Function::Dequeue])) {
        // Drained at the end, one after the other.
        for gap in 0..40 {
            let timing = Timing { client: 0, gap: 100 + gap, length: 1, point: 1, outcome: crate::history::Outcome::Ok };
            calls.push((Draft::new(Function::Dequeue, Word::None, Word::None), timing));
        }
        let mut waiting = std::collections::VecDeque::new();
        let history = run(&calls, |function, argument| match function {
            Function::Enqueue => { waiting.push_back(argument.clone()); Word::None }
            _ => waiting.pop_front().unwrap_or(Word::Nil),
        });
        breaks_nothing(&history, &["total-queue", "exactly-once"])?;
    }

    #[test]
    fn a_counter(calls in calls(&[Function::Read, Function::Increment])) {
        let mut sum = 0;
        let history = run(&calls, |function, argument| {
            let before = sum;
            if function == Function::Increment { sum += int(argument) }
            Word::Int(before)
        });
        breaks_nothing(&history, &["counter-bounds"])?;
    }
}
