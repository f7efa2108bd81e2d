//! Sequential consistency and session guarantees of registers, against their definitions tried in all ways.

use super::{answer, answer_with, breaks, history, holds, judged};
use crate::{
    condition::{Failures, Part, registers::Registers},
    history::{Function, History, Id, Outcome},
    linearizability::testing::{Draft, Word, histories},
    model::{Decoded, Model, Register},
    verdict::Verdict,
    verify::Settings,
};
use proptest::prelude::*;

const STALE: &str = "0 1 2 write 1 -\n0 3 4 write 2 -\n1 5 6 read - 2\n1 7 8 read - 1";

#[test]
fn reads_that_go_back_break_every_order() {
    breaks("sequential", &["not-sequential"], STALE);
    breaks("monotonic-reads", &["monotonic-reads"], STALE);
    breaks("monotonic-writes", &["monotonic-writes"], STALE);
    holds("read-your-writes", STALE);
    let answer = answer("monotonic-reads", &history(STALE));
    assert_eq!(
        answer.violations[0].sentence,
        "what a process read went back: c0's write of 1 had returned at event 2 before c0 called its write of 2 at event \
         3; c1 read 2 at event 5 and then read 1 at event 7"
    );
    assert_eq!(answer.violations[0].witness, [0, 1, 2, 3]);
}

#[test]
fn old_reads_are_sequential_and_no_process_sees_its_own_write_undone() {
    let old = "0 1 2 write 1 -\n0 3 4 write 2 -\n1 5 6 read - 1";
    for condition in ["sequential", "read-your-writes", "monotonic-reads", "monotonic-writes"] {
        holds(condition, old);
    }
    let own = "0 1 2 write 1 -\n1 3 4 write 2 -\n1 5 6 read - 1";
    breaks("read-your-writes", &["read-your-writes"], own);
    breaks("read-your-writes", &["read-your-writes"], "0 1 2 write 1 -\n0 3 4 read - null");
    holds("read-your-writes", "0 1 5 write 1 -\n1 3 4 write 2 -\n1 5 6 read - 1");
}

#[test]
fn writes_of_a_process_are_seen_together_across_keys() {
    let lines = "0 1 2 write 1 - \"x\"\n0 3 4 write 2 - \"y\"\n1 5 6 read - 2 \"y\"\n1 7 8 read - null \"x\"";
    breaks("monotonic-writes", &["monotonic-writes"], lines);
    holds("monotonic-writes", &lines.replace("null", "1"));
    holds("monotonic-reads", lines);
}

#[test]
fn two_processes_may_not_see_two_writes_in_opposite_orders() {
    let lines = "0 1 9 write 1 -\n1 1 9 write 2 -\n2 1 2 read - 1\n2 3 4 read - 2\n3 1 2 read - 2\n3 3 4 read - 1";
    breaks("sequential", &["not-sequential"], lines);
    breaks("monotonic-reads", &["monotonic-reads"], lines);
}

#[test]
fn reading_what_one_writes_later_is_not_sequential() {
    let lines = "0 1 2 read - 1\n0 3 4 write 1 -";
    breaks("sequential", &["not-sequential"], lines);
    holds("sequential", &lines.replace("0 3", "1 3"));
}

#[test]
fn values_that_nobody_wrote_are_found() {
    for condition in ["sequential", "read-your-writes", "monotonic-reads", "monotonic-writes"] {
        breaks(condition, &["phantom-value"], "0 1 2 write 1 -\n1 3 4 read - 9");
    }
}

#[test]
fn repeated_values_are_searched_or_not_decided() {
    let lines = "0 1 2 write 1 -\n0 3 4 write 2 -\n0 5 6 write 1 -\n1 1 2 read - 1\n1 3 4 read - 2\n1 5 6 read - 1";
    holds("sequential", lines);
    let wrong = format!("{lines}\n1 7 8 read - 2");
    breaks("sequential", &["not-sequential"], &wrong);
    let answer = answer("sequential", &history(&wrong));
    assert!(!answer.violations[0].attempts.is_empty());
    assert!(answer.violations[0].sentence.contains("cannot read"), "{}", answer.violations[0].sentence);
    assert_eq!(judged("monotonic-reads", lines).0, Verdict::Unknown);
}

#[test]
fn a_search_that_is_cut_off_decides_nothing() {
    let lines = "0 1 2 cas [1,2] -\n1 1 2 cas [2,1] -\n2 1 2 cas [1,3] -\n3 1 2 write 1 -";
    let cut = answer_with("sequential", &history(lines), &Settings { budget: 1, ..Settings::default() });
    assert_eq!(cut.verdict, Verdict::Unknown);
    assert!(cut.undecided[0].contains("visited 1 places"), "{:?}", cut.undecided);
    holds("sequential", lines);
}

#[test]
fn the_initial_value_can_be_given() {
    let history = history("0 1 2 read - 0\n1 3 4 write 1 -\n0 5 6 read - 1");
    let zero = Settings { initial: Some("0"), ..Settings::default() };
    assert_eq!(answer_with("sequential", &history, &zero).verdict, Verdict::Pass);
    assert_eq!(answer_with("sequential", &history, &Settings::default()).verdict, Verdict::Fail);
}

fn drafts(unique: bool) -> impl Strategy<Value = Draft> {
    let value = || 1i64..5;
    prop_oneof![
        4 => (0i64..5).prop_map(|value| Draft::new(Function::Read, Word::None, if value == 0 { Word::Nil } else { Word::Int(value) })),
        4 => value().prop_map(|value| Draft::new(Function::Write, Word::Int(value), Word::None)),
        if unique { 0 } else { 2 } => (value(), value(), any::<bool>()).prop_map(|(old, new, done)| {
            Draft::new(Function::Cas, Word::pair(old, new), if done { Word::None } else { Word::Bool(false) })
        }),
    ]
}

/// Whether some order that keeps each process's own explains all answers: by trying all.
fn sequential(history: &History) -> bool {
    let model = Register { initial: Id::NIL, nil_is_wildcard: false };
    goes_on(&model, history, &history.effective(), &model.initial())
}

fn goes_on(model: &Register, history: &History, left: &[u32], state: &Id) -> bool {
    let get = |index: u32| history.get(index);
    if left.iter().all(|index| get(*index).outcome == Outcome::Unknown) {
        return true;
    }
    left.iter().any(|index| {
        let earlier = |other: &u32| {
            other < index && get(*other).process == get(*index).process && get(*other).outcome == Outcome::Ok
        };
        if left.iter().any(earlier) {
            return false;
        }
        let rest: Vec<u32> = left.iter().copied().filter(|other| other != index).collect();
        match model.decode(history, *index).unwrap() {
            Decoded::Nothing => goes_on(model, history, &rest, state),
            Decoded::Pure(op) | Decoded::Effect(op) => {
                model.step(state, op).is_some_and(|next| goes_on(model, history, &rest, &next))
            }
        }
    })
}

/// Whether some order of all versions satisfies `holds`, which is told each version's place.
fn some_order(versions: usize, holds: &dyn Fn(&[usize]) -> bool) -> bool {
    fn extend(order: &mut Vec<usize>, versions: usize, holds: &dyn Fn(&[usize]) -> bool) -> bool {
        if order.len() == versions {
            let mut places = vec![0; versions];
            order.iter().enumerate().for_each(|(place, version)| places[*version] = place);
            return holds(&places);
        }
        (0..versions).any(|next| {
            if order.contains(&next) {
                return false;
            }
            order.push(next);
            let found = extend(order, versions, holds);
            order.pop();
            found
        })
    }
    extend(&mut Vec::new(), versions, holds)
}

/// A session guarantee by its definition, over all orders of the writes that real time allows.
fn guarantee(name: &str, history: &History) -> Option<bool> {
    let settings = Settings::default();
    let operations = history.effective();
    let failures = Failures::new();
    let part = Part { history, operations: &operations, settings: &settings, failures: &failures };
    let registers = Registers::of(&part).unwrap();
    if registers.ambiguous.is_some() {
        return None;
    }
    if registers.phantom.is_some() {
        return Some(false);
    }
    let versions = &registers.versions;
    let real_time = |places: &[usize]| {
        (0..versions.len()).all(|one| {
            (0..versions.len()).all(|other| {
                let first = match (versions[one].write, versions[other].write) {
                    (None, Some(_)) => true,
                    (Some(one), Some(other)) => history.get(one).precedes(&history.get(other)),
                    _ => false,
                };
                !first || places[one] < places[other]
            })
        })
    };
    let sessions = registers.sessions();
    let session = |places: &[usize]| {
        sessions.iter().all(|session| {
            let answered: Vec<_> = session.iter().filter(|access| access.answered).collect();
            (0..answered.len()).all(|later| {
                let Some(read) = answered[later].reads else { return true };
                answered[..later].iter().all(|earlier| match name {
                    "read-your-writes" => {
                        earlier.writes.is_none_or(|own| places[own as usize] <= places[read as usize])
                    }
                    "monotonic-reads" => {
                        earlier.reads.is_none_or(|seen| places[seen as usize] <= places[read as usize])
                    }
                    _ => earlier.reads.is_none_or(|seen| {
                        // All that the writer of what was seen had written by then.
                        let Some(write) = versions[seen as usize].write else { return true };
                        registers.accesses.iter().all(|access| {
                            let before =
                                access.process == history.get(write).process && access.op <= write && access.answered;
                            !before || access.writes.is_none_or(|own| places[own as usize] <= places[read as usize])
                        })
                    }),
                })
            })
        })
    };
    Some(some_order(versions.len(), &|places| real_time(places) && session(places)))
}

fn agrees(name: &str, history: &History, expected: bool) -> Result<(), TestCaseError> {
    let answer = answer(name, history);
    let verdict = if expected { Verdict::Pass } else { Verdict::Fail };
    let shown: Vec<String> =
        (0..history.len() as u32).map(|index| format!("{:?} {}", history.get(index), history.show(index))).collect();
    prop_assert_eq!(answer.verdict, verdict, "{} {:#?} {:?}", name, shown, answer.violations);
    Ok(())
}

proptest! {
    #[test]
    fn sequential_consistency_is_what_some_order_explains(history in prop_oneof![histories(drafts(true), 7), histories(drafts(false), 7)]) {
        agrees("sequential", &history, sequential(&history))?;
    }

    #[test]
    fn session_guarantees_are_what_some_order_of_the_writes_allows(history in histories(drafts(true), 8)) {
        for name in ["read-your-writes", "monotonic-reads", "monotonic-writes"] {
            if let Some(expected) = guarantee(name, &history) {
                agrees(name, &history, expected)?;
            }
        }
    }
}
