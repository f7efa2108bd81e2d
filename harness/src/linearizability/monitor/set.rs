//! Set and multiset: insert, remove, contains, with results told or not.
//!
//! Elements are independent of each other (Herlihy & Wing, TOPLAS 1990: linearizability is local), so each is judged alone:
//!
//! - An element that is put in and taken out at most once: it is there from its insertion to its removal. With the insertion
//!   as late and the removal as early as what saw it allows, nobody may have missed it wholly in between. O(n). Lee & Mathur,
//!   Efficient Decision Procedures for Linearizability Monitoring (OOPSLA 2025).
//! - An element of a multiset that nobody missed: insertions as early and removals as late as they can be; it must never be
//!   taken out more often than it was put in. O(n log n).
//! - Any other element: the search, on the operations of this element, whose state is a truth value or a count. That is
//!   exponential only in how many operations on this one element overlap. If its budget is exhausted, the answer is
//!   undecided.

use super::{
    element::{Element, Entry},
    table::Table,
};
use crate::history::{Function, Id};
use crate::{
    history::{History, Outcome, Value},
    linearizability::{Monitor, search::search},
    model::set::{Change, Set as Model},
    verify::{DEFAULT_BUDGET, Judged},
};

/// The monitor of sets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Set;

impl Monitor for Set {
    fn method(&self) -> &'static str {
        "elements"
    }

    fn check(&self, history: &History, operations: &[u32]) -> Judged {
        check(Model { counts: false }, history, operations)
    }
}

/// The monitor of multisets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Multiset;

impl Monitor for Multiset {
    fn method(&self) -> &'static str {
        "elements"
    }

    fn check(&self, history: &History, operations: &[u32]) -> Judged {
        check(Model { counts: true }, history, operations)
    }
}

/// Least configurations that the search may visit for one element.
const LEAST_BUDGET: u64 = 10_000;

fn check(model: Model, history: &History, operations: &[u32]) -> Judged {
    let entries = match decode(history, operations) {
        Ok(entries) => entries,
        Err(reason) => return Judged::NotCovered(reason),
    };
    let (entries, ends) = by_element(history, entries);
    let mut hard = Vec::new();
    let mut start = 0;
    for end in ends {
        let element = Element { history, entries: &entries[start..end], counts: model.counts };
        start = end;
        match element.judge() {
            Some(Judged::Legal) => {}
            Some(judged) => return judged,
            None => hard.push(element),
        }
    }
    let budget = (DEFAULT_BUDGET / hard.len().max(1) as u64).max(LEAST_BUDGET);
    let mut undecided = None;
    for element in hard {
        let operations: Vec<u32> = element.entries.iter().map(|entry| entry.op).collect();
        match search(&model, history, &operations, budget) {
            Ok(Judged::Legal) => {}
            Ok(Judged::Undecided(why)) => undecided = undecided.or(Some(why)),
            Ok(judged) => return judged,
            Err(_) => return Judged::NotCovered("there are operations that a set does not know"),
        }
    }
    undecided.map_or(Judged::Legal, Judged::Undecided)
}

fn decode(history: &History, operations: &[u32]) -> Result<Vec<Entry>, &'static str> {
    let [yes, no] = [true, false].map(|told| history.values.find(&Value::Bool(told)).unwrap_or(Id::NONE));
    let decode = |op: &u32| {
        let known = history.get(*op);
        let change = match known.function {
            Function::Insert => Change::Insert,
            Function::Remove => Change::Remove,
            Function::Contains => Change::Look,
            _ => return Err("there are operations that a set does not know"),
        };
        let told = match known.result {
            Id::NONE => None,
            _ if known.outcome != Outcome::Ok => None,
            told if told == yes || told == no => Some(told == yes),
            _ => return Err("a result is neither true nor false"),
        };
        let there = told.map(|told| told != (change == Change::Insert));
        Ok(Entry { op: *op, change, there, call: known.call, ret: known.ret, answered: known.outcome == Outcome::Ok })
    };
    operations.iter().map(decode).collect()
}

/// The operations element by element, in the order in which elements come up; and the end of each.
fn by_element(history: &History, entries: Vec<Entry>) -> (Vec<Entry>, Vec<usize>) {
    let arguments = history.arguments();
    let mut table = Table::new(entries.iter().map(|entry| arguments[entry.op as usize]));
    let mut ends: Vec<usize> = Vec::new();
    let numbers: Vec<usize> = entries
        .iter()
        .map(|entry| {
            let (number, new) = table.number(arguments[entry.op as usize]);
            if new {
                ends.push(0);
            }
            ends[number] += 1;
            number
        })
        .collect();
    let mut sum = 0;
    let mut next: Vec<usize> = Vec::with_capacity(ends.len());
    for end in &mut ends {
        next.push(sum);
        sum += *end;
        *end = sum;
    }
    let mut grouped = entries.clone();
    for (entry, number) in entries.into_iter().zip(numbers) {
        let place = &mut next[number];
        grouped[*place] = entry;
        *place += 1;
    }
    (grouped, ends)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::PENDING;
    use crate::linearizability::{
        monitor::agreement::{agree, illegal_alike},
        testing::{Draft, Timing, Word, histories, run, timings},
    };
    use proptest::prelude::*;

    fn drafts() -> impl Strategy<Value = Draft> {
        let functions = prop::sample::select(vec![Function::Insert, Function::Remove, Function::Contains]);
        let told = prop_oneof![3 => any::<bool>().prop_map(Word::Bool), 1 => Just(Word::None)];
        (functions, 0i64..3, told).prop_map(|(function, element, told)| Draft::new(function, Word::Int(element), told))
    }

    /// Elements that are inserted and removed at most once.
    fn once() -> impl Strategy<Value = History> {
        let steps =
            prop::collection::vec((0u8..8, 0i64..3, prop::option::weighted(0.1, any::<bool>()), timings()), 0..12);
        steps.prop_map(|steps| {
            let (mut inserted, mut removed) = (Vec::new(), Vec::new());
            let calls: Vec<(Draft, Timing)> = steps
                .iter()
                .map(|(kind, element, _, timing)| {
                    let function = match kind {
                        0..3 if !inserted.contains(element) => (inserted.push(*element), Function::Insert).1,
                        3..5 if !removed.contains(element) => (removed.push(*element), Function::Remove).1,
                        _ => Function::Contains,
                    };
                    (Draft::new(function, Word::Int(*element), Word::None), *timing)
                })
                .collect();
            let mut lies = steps.iter().map(|(kind, _, lie, _)| (*kind == 0, *lie));
            honest(&calls, false, move |_| lies.next().unwrap_or_default())
        })
    }

    /// What a set does, silent or lying where it is told to be.
    fn honest(
        calls: &[(Draft, Timing)],
        counts: bool,
        mut lies: impl FnMut(Function) -> (bool, Option<bool>),
    ) -> History {
        let mut there: Vec<Word> = Vec::new();
        run(calls, |function, element| {
            let place = there.iter().position(|other| other == element);
            match (function, place) {
                (Function::Insert, None) => there.push(element.clone()),
                (Function::Insert, Some(_)) if counts => there.push(element.clone()),
                (Function::Remove, Some(place)) => _ = there.remove(place),
                _ => {}
            }
            let told = if function == Function::Insert { place.is_none() } else { place.is_some() };
            match lies(function) {
                (true, _) => Word::None,
                (false, lie) => Word::Bool(lie.unwrap_or(told)),
            }
        })
    }

    fn random_calls() -> impl Strategy<Value = Vec<(Draft, Timing)>> {
        prop::collection::vec((drafts(), timings()), 0..40)
    }

    proptest! {
        #[test]
        fn a_set_agrees_with_the_search_where_elements_come_and_go_once(history in once()) {
            agree(&Set, &Model { counts: false }, &history).map_err(TestCaseError::fail)?;
            illegal_alike(&Multiset, &Model { counts: true }, &history).map_err(TestCaseError::fail)?;
        }

        #[test]
        fn a_set_agrees_with_the_search(history in histories(drafts(), 10)) {
            illegal_alike(&Set, &Model { counts: false }, &history).map_err(TestCaseError::fail)?;
        }

        #[test]
        fn a_multiset_agrees_with_the_search(history in histories(drafts(), 10)) {
            illegal_alike(&Multiset, &Model { counts: true }, &history).map_err(TestCaseError::fail)?;
        }

        #[test]
        fn a_multiset_that_is_never_missed_agrees_with_the_search(calls in random_calls(), lie in 0usize..20) {
            let mut calls = calls;
            calls.truncate(14);
            let mut count = 0;
            let history = honest(&calls, true, |function| {
                count += 1;
                (function == Function::Insert, (count == lie).then_some(true))
            });
            let kept: Vec<u32> = history.effective().into_iter().filter(|op| {
                let op = history.get(*op);
                op.function == Function::Insert || op.result == history.values.find(&Value::Bool(true)).unwrap_or(Id::NONE)
            }).collect();
            illegal_alike(&Multiset, &Model { counts: true }, &history.part(&kept, PENDING)).map_err(TestCaseError::fail)?;
        }

        #[test]
        fn accepts_what_a_set_did(calls in random_calls(), counts: bool) {
            let history = honest(&calls, counts, |_| (false, None));
            let monitor: &dyn Monitor = if counts { &Multiset } else { &Set };
            prop_assert_eq!(monitor.check(&history, &history.effective()), Judged::Legal);
        }
    }
}
