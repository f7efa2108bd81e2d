//! Priority queue with unique integers, the greatest first: insert, poll, peek.
//!
//! Lee & Mathur, Efficient Decision Procedures for Linearizability Monitoring (OOPSLA 2025): a sweep from the greatest
//! value down. A value is only in the way of lesser ones, so each is given as short a time in the queue as it can have:
//! what gave it was done where no greater value was, its insertion as late and its removal as early as these allow. If some
//! operation that gave it has no moment without a greater value, no order explains the history.
//!
//! O(n log n) by an ordered map of the times that are taken.
//!
//! Not covered: values that are inserted more than once, and those that are no integers. Polls without an answer: see
//! [`super::absorb`].

use super::{
    container::{Kind, Part, judge},
    contents::{Contents, Item, NEVER, Roles},
    cover::Cover,
    empty::not_empty,
    sentence::Words,
};
use crate::{
    history::{Function, History},
    linearizability::Monitor,
    verify::Judged,
};

/// The monitor of priority queues.
#[derive(Debug, Clone, Copy, Default)]
pub struct PriorityQueue;

impl Monitor for PriorityQueue {
    fn method(&self) -> &'static str {
        "priority sweep"
    }

    fn check(&self, history: &History, operations: &[u32]) -> Judged {
        judge(self, history, operations)
    }
}

impl Kind for PriorityQueue {
    const NOUN: &'static str = "priority queue";
    const ROLES: Roles = Roles { add: Function::Insert, take: Function::Poll, look: Function::Peek };

    fn refuses(&self, history: &History, contents: &Contents) -> Option<&'static str> {
        let ordered = |item: &Item| history.values.as_int(history.get(item.add).argument).is_some();
        (!contents.items.iter().all(ordered)).then_some("a value is no integer")
    }

    fn conflict(&self, history: &History, contents: &Contents) -> Option<Part> {
        Sweep::new(history, contents).conflict()
    }

    fn explain(&self, history: &History, contents: &Contents, words: &Words<'_>) -> (&'static str, String) {
        let name = |item: &Item| words.value(history.get(item.add).argument);
        let mut sweep = Sweep::new(history, contents);
        sweep.conflict();
        if let Some(empty) = contents.empties.first() {
            let stays = contents.items.iter().zip(&sweep.stays).map(|(item, (from, to))| (name(item), *from, *to));
            return ("false-empty", not_empty(Self::NOUN, words, *empty, stays));
        }
        ("priority-order", passed_over(&sweep, words, name))
    }
}

/// A value's time in the queue, as short as can be; empty where it need not be there for any time.
type Stay = (u64, u64);

/// The values from the greatest down.
struct Sweep<'c> {
    contents: &'c Contents,
    /// Places of the values, the greatest first.
    order: Vec<u32>,
    /// By place: the value's looks, as a range of `looks`.
    ranges: Vec<u32>,
    looks: Vec<(u64, u64)>,
    /// By place, as far as the sweep has come.
    stays: Vec<Stay>,
    taken: Cover,
}

impl<'c> Sweep<'c> {
    fn new(history: &History, contents: &'c Contents) -> Self {
        let priority = |item: &u32| history.values.as_int(history.get(contents.items[*item as usize].add).argument);
        let mut order: Vec<u32> = (0..contents.items.len() as u32).collect();
        order.sort_by_cached_key(|item| std::cmp::Reverse(priority(item)));
        let mut looks: Vec<_> = contents.looks.iter().map(|look| (look.item, (look.call, look.ret))).collect();
        looks.sort_unstable();
        let mut ranges = vec![0; contents.items.len() + 1];
        looks.iter().for_each(|(item, _)| ranges[*item as usize + 1] += 1);
        (1..ranges.len()).for_each(|item| ranges[item] += ranges[item - 1]);
        let looks = looks.into_iter().map(|(_, times)| times).collect();
        Self { contents, order, ranges, looks, stays: vec![(0, 0); contents.items.len()], taken: Cover::default() }
    }

    /// A value that was given though a greater one was surely there, or a finding of nothing though a value was, with all
    /// values that have to do with it.
    fn conflict(&mut self) -> Option<Part> {
        for place in 0..self.order.len() {
            let item = self.order[place];
            match self.stay(item) {
                Ok((begin, end)) => {
                    self.stays[item as usize] = (begin, end);
                    self.taken.add(begin, end);
                }
                Err(blocked) => {
                    let mut items = self.within(self.taken.around(blocked));
                    items.push(item);
                    return Some(Part { items, empties: Vec::new() });
                }
            }
        }
        let blocked = self.contents.empties.iter().position(|empty| self.taken.free_from(empty.call) > empty.ret)?;
        let items = self.within(self.taken.around(self.contents.empties[blocked].call));
        Some(Part { items, empties: vec![blocked as u32] })
    }

    /// The shortest time that a value can be in the queue; an error gives the begin of an operation that gave it and has no
    /// moment without greater ones.
    fn stay(&self, item: u32) -> Result<Stay, u64> {
        let known = &self.contents.items[item as usize];
        let range = self.ranges[item as usize] as usize..self.ranges[item as usize + 1] as usize;
        let looks = self.looks[range].iter().map(|(call, ret)| (*call.max(&known.add_call), *ret.min(&known.take_ret)));
        // What a removal without an answer took, it may have taken at any later time.
        let poll = (known.take_call != NEVER).then_some((known.take_call, known.take_ret));
        let (mut begin, mut end) = (known.add_ret, if poll.is_some() { known.add_call } else { NEVER });
        for (call, ret) in looks.chain(poll) {
            let (from, until) = (self.taken.free_from(call), self.taken.free_until(ret));
            if from > ret {
                return Err(call);
            }
            (begin, end) = (begin.min(until), end.max(from));
        }
        Ok((begin, end))
    }

    /// The values that are there within a time.
    fn within(&self, time: Option<Stay>) -> Vec<u32> {
        let Some((from, to)) = time else { return Vec::new() };
        let inside = |(begin, end): &Stay| begin < end && from <= *begin && *end <= to;
        (0..self.stays.len() as u32).filter(|item| inside(&self.stays[*item as usize])).collect()
    }
}

fn passed_over(sweep: &Sweep<'_>, words: &Words<'_>, name: impl Fn(&Item) -> String) -> String {
    let items = &sweep.contents.items;
    let blocked = sweep.order.iter().rev().find_map(|item| Some((*item, sweep.stay(*item).err()?)));
    let Some((least, call)) = blocked else { return "no order of the operations fits their priorities".into() };
    let item = &items[least as usize];
    let looks = sweep.contents.looks.iter().filter(|look| look.item == least);
    let look = looks.filter(|look| look.call.max(item.add_call) == call).map(|look| look.op).next();
    let op = look.unwrap_or(item.take);
    let got = format!("{} got {} as the greatest {}", words.who(op), name(item), words.during(op));
    let greater: Vec<String> = sweep
        .within(sweep.taken.around(call))
        .into_iter()
        .map(|item| {
            let (begin, end) = sweep.stays[item as usize];
            let until = if end == NEVER { "to the end".into() } else { format!("until {}", words.time(end)) };
            format!("{} was in it from {} {until}", name(&items[item as usize]), words.time(begin))
        })
        .collect();
    format!("{got}, but all that time a greater value was in the queue: {}", words.list(&greater))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        linearizability::monitor::agreement::{Container, agree, container_histories},
        model::priority_queue::PriorityQueue as Model,
    };
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[derive(Default)]
    struct Sorted(VecDeque<i64>);

    impl Container for Sorted {
        const FUNCTIONS: [Function; 3] = [Function::Insert, Function::Poll, Function::Peek];
        fn add(&mut self, value: i64) {
            self.0.push_back(value);
        }
        fn next(&self) -> Option<usize> {
            (0..self.0.len()).max_by_key(|place| self.0[*place])
        }
        fn values(&mut self) -> &mut VecDeque<i64> {
            &mut self.0
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_search(history in container_histories::<Sorted>(13, 0, true)) {
            agree(&PriorityQueue, &Model, &history).map_err(TestCaseError::fail)?;
        }

        #[test]
        fn agrees_with_the_search_where_values_are_peeked_at(history in container_histories::<Sorted>(12, 3, true)) {
            agree(&PriorityQueue, &Model, &history).map_err(TestCaseError::fail)?;
        }

        #[test]
        fn accepts_what_a_priority_queue_did(history in container_histories::<Sorted>(60, 2, false)) {
            prop_assert_eq!(PriorityQueue.check(&history, &history.effective()), Judged::Legal);
        }
    }
}
