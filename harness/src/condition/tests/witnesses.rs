//! Every witness breaks the rule that it is a witness of, and no answered operation can be dropped from it. One without
//! an answer may have done what is missing, so the rest would prove nothing.

use super::JUDGES;
use crate::{
    history::{Function, History, Outcome},
    linearizability::testing::{Draft, Word, histories},
    verify::{Recorded, Settings},
};
use proptest::prelude::*;

fn element() -> impl Strategy<Value = Word> {
    (1i64..5).prop_map(Word::Int)
}

fn list() -> impl Strategy<Value = Word> {
    prop::collection::vec(element(), 0..4).prop_map(Word::List)
}

fn pairs() -> impl Strategy<Value = Word> {
    let pair = (0i64..4, 1i64..5).prop_map(|(offset, message)| Word::pair(offset, message));
    prop::collection::vec(pair, 0..4).prop_map(Word::List)
}

fn drafts(
    argument: impl Strategy<Value = Word>,
    result: impl Strategy<Value = Word>,
    function: Function,
) -> impl Strategy<Value = Draft> {
    (argument, result).prop_map(move |(argument, result)| Draft::new(function, argument, result))
}

fn nothing() -> impl Strategy<Value = Word> {
    Just(Word::None)
}

fn offset() -> impl Strategy<Value = Word> {
    (0i64..4).prop_map(Word::Int)
}

/// Whether one of these operations alone breaks the rule.
fn broken(condition: &str, rule: &str, history: &History, operations: &[u32]) -> bool {
    let judge = JUDGES.iter().find(|judge| judge.name() == condition).expect("a condition");
    let part = history.part(operations, u64::MAX - 1);
    let answer = judge.judge(&Recorded::Operations(part), &Settings::default()).expect("known operations");
    answer.violations.iter().any(|violation| violation.rule == rule)
}

fn witnesses_are_smallest(conditions: &[&str], history: &History) -> Result<(), TestCaseError> {
    for condition in conditions {
        let judge = JUDGES.iter().find(|judge| judge.name() == *condition).expect("a condition");
        let answer =
            judge.judge(&Recorded::Operations(history.clone()), &Settings::default()).expect("known operations");
        // What a search finds keeps all operations that change something.
        if answer.detail.ends_with("searched 1") {
            continue;
        }
        for violation in answer.violations {
            let (rule, witness) = (violation.rule, violation.witness);
            let shown: Vec<String> = (0..history.len() as u32)
                .map(|index| format!("{:?} {}", history.get(index), history.show(index)))
                .collect();
            prop_assert!(!witness.is_empty() && witness.is_sorted());
            prop_assert!(!violation.sentence.is_empty());
            prop_assert!(
                broken(condition, rule, history, &witness),
                "{} {} {:?} {:#?}",
                condition,
                rule,
                witness,
                shown
            );
            // Of what was put in several times some may be dropped together with where it went: counting proves it anyway.
            let mut arguments: Vec<_> =
                witness.iter().map(|index| history.get(*index).argument).filter(|id| id.is_some()).collect();
            arguments.sort_unstable();
            let repeated = arguments.windows(2).any(|pair| pair[0] == pair[1]);
            let counted = ["duplicate", "value-lost", "duplicate-delivery"].contains(&rule);
            if repeated && counted {
                continue;
            }
            for dropped in witness.iter().filter(|index| history.get(**index).outcome == Outcome::Ok) {
                let rest: Vec<u32> = witness.iter().copied().filter(|index| index != dropped).collect();
                prop_assert!(
                    !broken(condition, rule, history, &rest),
                    "{} {} {:?} without {} {:#?}",
                    condition,
                    rule,
                    witness,
                    dropped,
                    shown
                );
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn of_sets(history in histories(prop_oneof![
        drafts(element(), nothing(), Function::Insert),
        drafts(nothing(), list(), Function::Read),
    ], 12)) {
        witnesses_are_smallest(&[
            "set-final", "set-full", "set-full-linearizable", "comments", "read-your-writes", "monotonic-reads", "monotonic-writes",
        ], &history)?;
    }

    #[test]
    fn of_registers(history in histories(prop_oneof![
        drafts(element(), nothing(), Function::Write),
        drafts(nothing(), prop_oneof![Just(Word::Nil), element()], Function::Read),
    ], 9)) {
        witnesses_are_smallest(&["read-your-writes", "monotonic-reads", "monotonic-writes", "sequential"], &history)?;
    }

    #[test]
    fn of_queues(history in histories(prop_oneof![
        drafts(element(), nothing(), Function::Enqueue),
        drafts(nothing(), prop_oneof![Just(Word::Nil), element()], Function::Dequeue),
    ], 12)) {
        witnesses_are_smallest(&["total-queue", "exactly-once"], &history)?;
    }

    #[test]
    fn of_counters(history in histories(prop_oneof![
        drafts(element(), nothing(), Function::Increment),
        drafts(nothing(), element(), Function::Read),
    ], 12)) {
        witnesses_are_smallest(&["counter-bounds"], &history)?;
    }

    #[test]
    fn of_logs(history in histories(prop_oneof![
        3 => drafts(element(), offset(), Function::Send),
        3 => drafts(nothing(), pairs(), Function::Receive),
        1 => drafts(offset(), nothing(), Function::Commit),
        1 => drafts(nothing(), prop_oneof![Just(Word::Nil), offset()], Function::Committed),
    ], 12)) {
        witnesses_are_smallest(&["log"], &history)?;
    }
}
