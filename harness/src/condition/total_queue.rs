//! `total-queue`: what goes in comes out, and nothing else does.
//!
//! Jepsen's `total-queue` checker: an acknowledged element that is never taken out is *lost*, one that is taken out and
//! was never put in is *unexpected*. Elements taken out more often than put in are counted as duplicated and allowed
//! (`exactly-once` forbids them); elements whose enqueue was not answered may come out (recovered) or not. O(n). It says
//! nothing about order, and holds only of histories that empty the queue at the end.
//!
//! A completion that was refused (`false`) completes nothing.
//!
//! Unlike Jepsen's, a dequeue without an answer may have taken one element along, so only more missing elements than
//! such dequeues are losses.

use super::{Condition, Found, Initial, Part, Scope, violation, words};
use crate::{
    history::{Function, Id, Outcome},
    verify::Violation,
};
use std::collections::HashMap;

pub(super) const TOTAL_QUEUE: Condition = Condition {
    name: "total-queue",
    about: "every acknowledged element is taken out by the end, and nothing that was not put in",
    initial: Initial::Fixed,
    scope: Scope::Object,
    judge: |part| Ok(Account::of(&part)?.judge(&part, false)),
};

/// What was put in and what came out, by element.
pub(super) struct Account {
    elements: Vec<Element>,
    places: HashMap<Id, usize>,
    /// Dequeues without an answer: each may have taken an element along.
    open: Vec<u32>,
}

struct Element {
    id: Id,
    /// Enqueues of it that were acknowledged, and all that may have happened.
    acknowledged: Vec<u32>,
    attempted: Vec<u32>,
    /// Completions of it that were not answered.
    perhaps: usize,
    /// Dequeues that returned it, or completions.
    taken: Vec<u32>,
}

fn puts_in(function: Function) -> bool {
    use Function::{Enqueue, Insert, Push, PushBack, PushFront};
    matches!(function, Enqueue | Insert | Push | PushBack | PushFront)
}

fn takes_out(function: Function) -> bool {
    use Function::{Dequeue, Poll, Pop, PopBack, PopFront};
    matches!(function, Dequeue | Poll | Pop | PopBack | PopFront)
}

impl Account {
    pub(super) fn of(part: &Part<'_>) -> Result<Self, String> {
        let mut account = Self { elements: Vec::new(), places: HashMap::new(), open: Vec::new() };
        // Where jobs are completed, handing one out is only an attempt.
        let completed = part.iter().any(|(_, op)| op.function == Function::Complete);
        for (index, op) in part.iter() {
            match op.function {
                function if puts_in(function) => {
                    let element = account.element(op.argument);
                    element.attempted.push(index);
                    if op.outcome == Outcome::Ok {
                        element.acknowledged.push(index);
                    }
                }
                function if takes_out(function) || function == Function::Complete => {}
                Function::Reserve | Function::GiveBack => {}
                Function::Peek | Function::PeekFront | Function::PeekBack => {}
                _ => return Err(part.unknown(index, "a queue's")),
            }
        }
        for (index, op) in part.iter() {
            let element = match (op.function, op.outcome) {
                (Function::Complete, Outcome::Ok) if part.history.values.is_false(op.result) => {
                    continue;
                }
                (Function::Complete, Outcome::Ok) => op.argument,
                (Function::Complete, _) => {
                    account.element(op.argument).perhaps += 1;
                    continue;
                }
                (function, _) if completed || !takes_out(function) => continue,
                (_, Outcome::Ok) => op.result,
                _ => {
                    account.open.push(index);
                    continue;
                }
            };
            account.take(part, index, element);
        }
        Ok(account)
    }

    fn element(&mut self, id: Id) -> &mut Element {
        let place = *self.places.entry(id).or_insert_with(|| {
            self.elements.push(Element { id, acknowledged: vec![], attempted: vec![], perhaps: 0, taken: vec![] });
            self.elements.len() - 1
        });
        &mut self.elements[place]
    }

    /// Counts an element as taken out; of a list that is none itself, each of its own, as Jepsen's `drain` returns them.
    fn take(&mut self, part: &Part<'_>, index: u32, id: Id) {
        match part.history.values.as_list(id) {
            Some(list) if !self.places.contains_key(&id) => {
                list.iter().for_each(|id| self.element(*id).taken.push(index));
            }
            _ if id.is_some() && id != Id::NIL => self.element(id).taken.push(index),
            _ => {}
        }
    }

    pub(super) fn judge(&self, part: &Part<'_>, once: bool) -> Found {
        let sum = |count: &dyn Fn(&Element) -> usize| self.elements.iter().map(count).sum::<usize>() as u64;
        let missing = self.missing();
        let repeated =
            |element: &&Element| !element.attempted.is_empty() && element.taken.len() > element.attempted.len();
        let unexpected = |element: &&Element| element.attempted.is_empty() && !element.taken.is_empty();
        let mut found = Found {
            counts: vec![
                ("put in", sum(&|element| element.attempted.len())),
                ("acknowledged", sum(&|element| element.acknowledged.len())),
                ("taken out", sum(&|element| element.taken.len())),
                ("lost", missing.len().saturating_sub(self.open.len()) as u64),
                ("unexpected", self.elements.iter().filter(unexpected).count() as u64),
                ("duplicated", self.elements.iter().filter(repeated).count() as u64),
                (
                    "recovered",
                    sum(&|element| {
                        element.taken.len().min(element.attempted.len()).saturating_sub(element.acknowledged.len())
                    }),
                ),
            ],
            ..Found::default()
        };
        if missing.len() > self.open.len() {
            found.violations.push(self.lost(part, &missing));
        }
        found.violations.extend(self.elements.iter().find(unexpected).map(|element| from_nowhere(part, element)));
        if once {
            found.violations.extend(self.elements.iter().find(repeated).map(|element| duplicated(part, element)));
            found.violations.extend(self.elements.iter().find_map(|element| too_early(part, element)));
        }
        if self.elements.iter().all(|element| element.acknowledged.is_empty()) && found.violations.is_empty() {
            found.undecided.push("no element was put in for certain".to_owned());
        }
        found
    }

    /// Acknowledged enqueues whose element did not come out as often.
    fn missing(&self) -> Vec<u32> {
        let missing = |element: &Element| {
            element.acknowledged.iter().copied().skip(element.taken.len() + element.perhaps).collect::<Vec<_>>()
        };
        let mut missing: Vec<u32> = self.elements.iter().flat_map(missing).collect();
        missing.sort_unstable();
        missing
    }

    fn lost(&self, part: &Part<'_>, missing: &[u32]) -> Violation {
        let history = part.history;
        let first = missing[0];
        let taken = match self.open.len() {
            0 => "it was never taken out".to_owned(),
            open => format!(
                "{} acknowledged elements were never taken out, more than the {open} dequeues without an answer can have taken along",
                missing.len()
            ),
        };
        let sentence = format!(
            "{} put {} into the queue{}, acknowledged at {}; {taken}",
            words::who(history, first),
            words::value(history, history.get(first).argument),
            words::object(history, first),
            words::returned(history, first),
        );
        let of_one_element = self.elements.iter().filter(|element| element.acknowledged.contains(&first));
        let same = of_one_element
            .filter(|element| !element.taken.is_empty())
            .flat_map(|element| element.acknowledged.iter().chain(&element.taken).copied().collect::<Vec<_>>());
        let witness = missing.iter().copied().take(self.open.len() + 1).chain(self.open.iter().copied()).chain(same);
        violation("value-lost", sentence, witness)
    }
}

fn from_nowhere(part: &Part<'_>, element: &Element) -> Violation {
    let (history, taken) = (part.history, element.taken[0]);
    let why = match part.failed(history.get(taken).key, element.id) {
        Some(failed) => {
            format!("{}'s enqueue of it at {} had failed", words::who(history, failed), words::called(history, failed))
        }
        None => "nobody ever put it in".to_owned(),
    };
    let sentence = format!(
        "{} took {} out of the queue{} at {}, but {why}",
        words::who(history, taken),
        words::value(history, element.id),
        words::object(history, taken),
        words::returned(history, taken),
    );
    violation("unexpected-value", sentence, [taken])
}

fn duplicated(part: &Part<'_>, element: &Element) -> Violation {
    let history = part.history;
    let often = element.attempted.len();
    let taken = &element.taken[..=often];
    let told = |index: &u32| format!("by {} at {}", words::who(history, *index), words::returned(history, *index));
    let sentence = format!(
        "{} was put in {} and taken out {} times: {}",
        words::value(history, element.id),
        if often == 1 { "once".to_owned() } else { format!("{often} times") },
        element.taken.len(),
        words::list(taken.iter().map(told)),
    );
    violation("duplicate-delivery", sentence, element.attempted.iter().chain(taken).copied())
}

/// An element that came out before anybody began to put it in.
fn too_early(part: &Part<'_>, element: &Element) -> Option<Violation> {
    let history = part.history;
    let first = *element.attempted.iter().min_by_key(|index| history.get(**index).call)?;
    let early = *element.taken.iter().find(|index| history.get(**index).precedes(&history.get(first)))?;
    let sentence = format!(
        "{} took {} out at {}, before anybody put it in: {} did at {}",
        words::who(history, early),
        words::value(history, element.id),
        words::returned(history, early),
        words::who(history, first),
        words::called(history, first),
    );
    Some(violation("early-delivery", sentence, [early, first]))
}
