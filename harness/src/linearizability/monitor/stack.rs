//! Stack with unique values: push, pop.
//!
//! Lee & Mathur, Efficient Decision Procedures for Linearizability Monitoring (OOPSLA 2025); Abdulla et al. (PLDI 2025).
//! A value is surely in the stack from the return of its push to the call of its pop. At a time at which no value is, the
//! history falls in two that can be explained apart. Where there is no such time, some value is below all others: its push
//! may come first and its pop last. Taking it away leaves the same question about fewer values; if there is none, no order
//! explains them. A value that need not be in the stack for any time is no obstacle to anything.
//!
//! O(n log n): the groups of values without a free time between them are looked at from left to right, so that the values
//! whose push may come first only become more; one tree counts what covers each time, another finds a value whose pop may
//! come last.
//!
//! Not covered: values that are pushed more than once, `nil` as a value, and peeks at a value. Pops without an answer: see
//! [`super::absorb`].

use super::{
    container::{Kind, Part, judge},
    contents::{Contents, Item, Roles},
    empty::{not_empty, occupied},
    sentence::Words,
    tree::{Counts, Greatest},
};
use crate::{
    history::{Function, History},
    linearizability::Monitor,
    verify::Judged,
};

/// The monitor of stacks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stack;

impl Monitor for Stack {
    fn method(&self) -> &'static str {
        "stack layers"
    }

    fn check(&self, history: &History, operations: &[u32]) -> Judged {
        judge(self, history, operations)
    }
}

impl Kind for Stack {
    const NOUN: &'static str = "stack";
    const ROLES: Roles = Roles { add: Function::Push, take: Function::Pop, look: Function::Peek };

    fn refuses(&self, _: &History, contents: &Contents) -> Option<&'static str> {
        (!contents.looks.is_empty()).then_some("a value on top of the stack was peeked at")
    }

    fn conflict(&self, _: &History, contents: &Contents) -> Option<Part> {
        occupied(contents).or_else(|| {
            let items = Layers::new(&contents.items).stuck()?;
            Some(Part { items, empties: Vec::new() })
        })
    }

    fn explain(&self, history: &History, contents: &Contents, words: &Words<'_>) -> (&'static str, String) {
        let name = |item: &Item| words.value(history.get(item.add).argument);
        if let Some(empty) = contents.empties.first() {
            let stays = contents.items.iter().map(|item| (name(item), item.add_ret, item.take_call));
            return ("false-empty", not_empty(Self::NOUN, words, *empty, stays));
        }
        if let [first, second] = &contents.items[..] {
            return ("lifo-order", crossing(words, first, second, name));
        }
        let names: Vec<String> = contents.items.iter().map(name).collect();
        let why: Vec<String> = contents.items.iter().map(|item| not_lowest(contents, words, item, name)).collect();
        let one = format!("one of {} has to be the lowest, pushed first and popped last", words.list(&names));
        ("lifo-order", format!("{one}, but none can be: {}", words.list(&why)))
    }
}

/// Values by the times in which they are surely in the stack.
struct Layers<'c> {
    items: &'c [Item],
    /// Places of the values that surely are in for some time, by the begin of it.
    spans: Vec<u32>,
    /// All begins and ends, ascending.
    times: Vec<u64>,
}

impl<'c> Layers<'c> {
    fn new(items: &'c [Item]) -> Self {
        let mut spans: Vec<u32> = (0..items.len() as u32).collect();
        spans.retain(|item| items[*item as usize].add_ret < items[*item as usize].take_call);
        spans.sort_unstable_by_key(|item| items[*item as usize].add_ret);
        let item = |item: &u32| &items[*item as usize];
        let mut times: Vec<u64> = spans.iter().flat_map(|span| [item(span).add_ret, item(span).take_call]).collect();
        times.sort_unstable();
        times.dedup();
        Self { items, spans, times }
    }

    fn time(&self, time: u64) -> usize {
        self.times.partition_point(|other| *other < time)
    }

    fn item(&self, span: usize) -> &Item {
        &self.items[self.spans[span] as usize]
    }

    /// Counts the value as there or as gone at all times strictly within its own.
    fn cover(&self, covered: &mut Counts, span: usize, amount: i32) {
        let item = self.item(span);
        covered.add(self.time(item.add_ret) + 1, self.time(item.take_call), amount);
    }

    /// Values that are in without a free time between them, of which none can be below all others.
    fn stuck(&self) -> Option<Vec<u32>> {
        let mut covered = Counts::new(self.times.len());
        (0..self.spans.len()).for_each(|span| self.cover(&mut covered, span, 1));
        let mut by_push: Vec<u32> = (0..self.spans.len() as u32).collect();
        by_push.sort_unstable_by_key(|span| self.item(*span as usize).add_call);
        let mut by_push = by_push.into_iter().peekable();
        // The end of the pops of values whose push may come first in the group at hand.
        let mut pops = Greatest::new(self.spans.len());
        let mut gone = vec![false; self.spans.len()];
        let mut first = 0;
        loop {
            while *gone.get(first)? {
                first += 1;
            }
            let begin = self.item(first).add_ret;
            while let Some(span) = by_push.next_if(|span| self.item(*span as usize).add_call <= begin) {
                pops.set(span as usize, self.item(span as usize).take_ret);
            }
            let free = covered.uncovered(self.time(begin) + 1).and_then(|cell| self.times.get(cell)).copied()?;
            let end = self.spans.partition_point(|span| self.items[*span as usize].add_ret < free);
            let Some(lowest) = pops.at_least(first, end, free) else {
                return Some((first..end).filter(|span| !gone[*span]).map(|span| self.spans[span]).collect());
            };
            gone[lowest] = true;
            pops.set(lowest, 0);
            self.cover(&mut covered, lowest, -1);
        }
    }
}

fn crossing(words: &Words<'_>, first: &Item, second: &Item, name: impl Fn(&Item) -> String) -> String {
    let (a, b) = (name(first), name(second));
    let pushed = format!(
        "{b} was pushed on top of {a} ({} had pushed {a} by {}, {} began to push {b} at {})",
        words.who(first.add),
        words.time(first.add_ret),
        words.who(second.add),
        words.called(second.add),
    );
    let came = format!("{a} came out first: {} got it {}", words.who(first.take), words.during(first.take));
    let stayed = if second.is_left() {
        format!("{b} never came out")
    } else {
        format!("{b} was only asked for by {} from {} on", words.who(second.take), words.called(second.take))
    };
    format!("{pushed}, yet {came}, and {stayed}")
}

/// Why a value was not below all others.
fn not_lowest(contents: &Contents, words: &Words<'_>, item: &Item, name: impl Fn(&Item) -> String) -> String {
    let others = || contents.items.iter().filter(|other| other.add != item.add);
    let before = others().min_by_key(|other| other.add_ret).filter(|other| other.add_ret < item.add_call);
    let after = others().max_by_key(|other| other.take_call).filter(|other| other.take_call > item.take_ret);
    match (before, after) {
        (Some(other), _) => {
            format!("not {}, because {} was in by {} already", name(item), name(other), words.time(other.add_ret))
        }
        (None, Some(other)) => {
            format!(
                "not {}, because {} was still in when it was out at {}",
                name(item),
                name(other),
                words.time(item.take_ret)
            )
        }
        (None, None) => format!("not {}, which lies between others", name(item)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        linearizability::monitor::agreement::{Container, agree, container_histories},
        model::stack::STACK,
    };
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[derive(Default)]
    struct Lifo(VecDeque<i64>);

    impl Container for Lifo {
        const FUNCTIONS: [Function; 3] = [Function::Push, Function::Pop, Function::Peek];
        fn add(&mut self, value: i64) {
            self.0.push_back(value);
        }
        fn next(&self) -> Option<usize> {
            self.0.len().checked_sub(1)
        }
        fn values(&mut self) -> &mut VecDeque<i64> {
            &mut self.0
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_search(history in container_histories::<Lifo>(14, 0, true)) {
            agree(&Stack, &STACK, &history).map_err(TestCaseError::fail)?;
        }

        #[test]
        fn accepts_what_a_stack_did(history in container_histories::<Lifo>(60, 0, false)) {
            prop_assert_eq!(Stack.check(&history, &history.effective()), Judged::Legal);
        }
    }

    #[test]
    fn a_peek_at_a_value_is_not_covered() {
        let history = crate::linearizability::monitor::agreement::sequence(&[
            (Function::Push, Some(1), None),
            (Function::Peek, None, Some(1)),
        ]);
        assert!(matches!(Stack.check(&history, &[0, 1]), Judged::NotCovered(_)));
    }
}
