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
    linearizability::{
        Monitor,
        search::{Decided, Found, decide, explain},
    },
    model::set::{Change, Set as Model},
    verify::Judged,
};

/// The monitor of sets.
#[derive(Debug, Clone, Copy)]
pub struct Set {
    /// How many configurations may be visited, for all elements that are searched together.
    pub budget: u64,
}

impl Monitor for Set {
    fn method(&self) -> &'static str {
        "elements"
    }

    fn check(&self, history: &History, operations: &[u32]) -> Judged {
        check(Model { counts: false }, self.budget, history, operations)
    }
}

/// The monitor of multisets.
#[derive(Debug, Clone, Copy)]
pub struct Multiset {
    /// How many configurations may be visited, for all elements that are searched together.
    pub budget: u64,
}

impl Monitor for Multiset {
    fn method(&self) -> &'static str {
        "elements"
    }

    fn check(&self, history: &History, operations: &[u32]) -> Judged {
        check(Model { counts: true }, self.budget, history, operations)
    }
}

fn check(model: Model, budget: u64, history: &History, operations: &[u32]) -> Judged {
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
    search_all(&model, budget, &hard)
}

/// Searches element by element. Each may use an even share of what is left, so that what the easy ones leave goes to
/// those behind them.
fn search_all(model: &Model, budget: u64, hard: &[Element<'_>]) -> Judged {
    let (mut left, mut undecided) = (budget, None);
    for (index, element) in hard.iter().enumerate() {
        let operations: Vec<u32> = element.entries.iter().map(|entry| entry.op).collect();
        let share = left / (hard.len() - index) as u64;
        let Ok(decided) = decide(model, element.history, &operations, share, &|_| {}) else {
            return Judged::NotCovered("there are operations that a set does not know");
        };
        left -= decided.visited.min(left);
        match decided.found {
            Found::Legal => {}
            Found::Illegal { stuck } => {
                let violation = explain(model, element.history, &operations, stuck, decided.visited.max(1_000));
                return violation
                    .map_or(Judged::NotCovered("there are operations that a set does not know"), Judged::illegal);
            }
            Found::Exhausted { placed, operations } => {
                undecided.get_or_insert_with(|| Decided::exhausted(placed, operations, decided.visited));
            }
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
        testing::{Draft, Timing, Word, build, histories, run, timings},
    };
    use proptest::prelude::*;

    const BUDGET: u64 = 20_000_000;

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
            agree(&Set { budget: BUDGET }, &Model { counts: false }, &history).map_err(TestCaseError::fail)?;
            illegal_alike(&Multiset { budget: BUDGET }, &Model { counts: true }, &history).map_err(TestCaseError::fail)?;
        }

        #[test]
        fn a_set_agrees_with_the_search(history in histories(drafts(), 10)) {
            illegal_alike(&Set { budget: BUDGET }, &Model { counts: false }, &history).map_err(TestCaseError::fail)?;
        }

        #[test]
        fn a_multiset_agrees_with_the_search(history in histories(drafts(), 10)) {
            illegal_alike(&Multiset { budget: BUDGET }, &Model { counts: true }, &history).map_err(TestCaseError::fail)?;
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
            illegal_alike(&Multiset { budget: BUDGET }, &Model { counts: true }, &history.part(&kept, PENDING)).map_err(TestCaseError::fail)?;
        }

        #[test]
        fn accepts_what_a_set_did(calls in random_calls(), counts: bool) {
            let history = honest(&calls, counts, |_| (false, None));
            let monitor: &dyn Monitor = if counts { &Multiset { budget: BUDGET } } else { &Set { budget: BUDGET } };
            prop_assert_eq!(monitor.check(&history, &history.effective()), Judged::Legal);
        }
    }

    /// Two removals of one element and looks at it, all at the same time: only a search tells.
    #[test]
    fn a_spent_budget_leaves_it_undecided() {
        let call = |function, told| {
            let draft = Draft::new(function, Word::Int(1), Word::Bool(told));
            (draft, Timing { client: 0, gap: 0, length: 1_000, point: 0, outcome: Outcome::Ok })
        };
        let both = [call(Function::Insert, true), call(Function::Remove, true)];
        let calls: Vec<_> = both
            .iter()
            .cycle()
            .take(12)
            .cloned()
            .enumerate()
            .map(|(client, (draft, timing))| (draft, Timing { client: client as u32, ..timing }))
            .collect();
        let history = build(&calls);
        let with = |budget| Set { budget }.check(&history, &history.effective());
        assert_eq!(with(BUDGET), Judged::Legal);
        assert!(matches!(with(3), Judged::Undecided(why) if why.contains("visited 3 configurations")));
    }
}
