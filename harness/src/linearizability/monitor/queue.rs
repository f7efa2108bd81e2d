//! FIFO queue with unique values: enqueue, dequeue, peek.
//!
//! The axioms of Henzinger, Sezgin & Vafeiadis (Aspect-Oriented Linearizability Proofs, CONCUR 2013; with intervals and a
//! cost: Abdulla et al., PLDI 2025): no value comes from nowhere, none comes twice, none comes out before one that was
//! surely put in earlier, and none was surely in the queue all the while that somebody found it empty.
//!
//! O(n log n), and O(n) where nothing is peeked at, no dequeue found nothing and operations overlap little.
//! Not covered: values that are put in more than once, and `nil` as a value. Dequeues without an answer: see
//! [`super::absorb`].
//!
//! Peeks: a value is at the front from its first peek to its last, or until it is taken. So one value's time at the front
//! lies wholly before another's; what was dequeued before the end of such a time was dequeued before its begin. With the
//! times narrowed so, the order axiom on pairs is enough: a longer contradiction would run through a time at the front.

use super::{
    container::{Kind, Part, judge},
    contents::{Contents, Item, NEVER, Roles},
    empty::{not_empty, occupied},
    sentence::Words,
};
use crate::{
    history::{Function, History},
    linearizability::Monitor,
    verify::Judged,
};

/// The monitor of FIFO queues.
#[derive(Debug, Clone, Copy, Default)]
pub struct Queue;

impl Monitor for Queue {
    fn method(&self) -> &'static str {
        "queue axioms"
    }

    fn check(&self, history: &History, operations: &[u32]) -> Judged {
        judge(self, history, operations)
    }
}

impl Kind for Queue {
    const NOUN: &'static str = "queue";
    const ROLES: Roles = Roles { add: Function::Enqueue, take: Function::Dequeue, look: Function::Peek };

    fn conflict(&self, _: &History, contents: &Contents) -> Option<Part> {
        let out_of_order = if contents.looks.is_empty() {
            let fronts = contents.items.iter().map(|item| Front { seen: item.seen, leaves: item.take_call });
            overtaken(&contents.items, fronts).map(|(first, second)| vec![first, second])
        } else {
            let mut fronts = Fronts::new(&contents.items);
            fronts.contradiction(&contents.items)
        };
        match out_of_order {
            Some(items) => Some(Part { items, empties: Vec::new() }),
            None => occupied(contents),
        }
    }

    fn explain(&self, history: &History, contents: &Contents, words: &Words<'_>) -> (&'static str, String) {
        let name = |item: u32| words.value(history.get(contents.items[item as usize].add).argument);
        let fronts = contents.items.iter().map(|item| Front { seen: item.seen, leaves: item.take_call });
        if let Some((first, second)) = overtaken(&contents.items, fronts) {
            return ("fifo-order", overtaking(contents, words, [first, second], [name(first), name(second)]));
        }
        match contents.empties.first() {
            Some(empty) => {
                let stays =
                    contents.items.iter().zip(0..).map(|(item, place)| (name(place), item.add_ret, item.take_call));
                ("false-empty", not_empty(Self::NOUN, words, *empty, stays))
            }
            None => ("fifo-order", at_the_front(contents, words, name)),
        }
    }
}

/// When a value was first given, and from when it may have been gone.
#[derive(Debug, Clone, Copy)]
struct Front {
    seen: u64,
    leaves: u64,
}

/// Two values of which the first was surely put in before the second, and surely stayed until after the second was given.
fn overtaken(
    items: &[Item],
    fronts: impl DoubleEndedIterator<Item = Front> + ExactSizeIterator + Clone,
) -> Option<(u32, u32)> {
    // By place: the earliest time that a value of this place or a later one was given.
    let mut earliest: Vec<u64> = vec![NEVER; items.len() + 1];
    for (place, front) in fronts.clone().enumerate().rev() {
        earliest[place] = earliest[place + 1].min(front.seen);
    }
    for ((place, item), front) in items.iter().enumerate().zip(fronts.clone()) {
        if front.leaves <= earliest[place] {
            continue;
        }
        // Values are in order of calls, and those that overlap are few: the search widens from here.
        let mut step = 1;
        while place + step < items.len() && items[place + step].add_call <= item.add_ret {
            step *= 2;
        }
        let end = (place + step).min(items.len());
        let behind =
            place + step / 2 + items[place + step / 2..end].partition_point(|other| other.add_call <= item.add_ret);
        if earliest[behind] < front.leaves {
            let second = fronts.clone().skip(behind).position(|other| other.seen == earliest[behind])?;
            return Some((place as u32, (behind + second) as u32));
        }
    }
    None
}

/// The times of values at the front, narrowed by those of others.
struct Fronts {
    fronts: Vec<Front>,
    /// By value: at whose times at the front its own were narrowed, at the begin and at the end.
    narrowed: Vec<[u32; 2]>,
}

impl Fronts {
    fn new(items: &[Item]) -> Self {
        let fronts = items.iter().map(|item| Front { seen: item.seen, leaves: item.take_call });
        Self { fronts: fronts.collect(), narrowed: (0..items.len() as u32).map(|item| [item, item]).collect() }
    }

    /// The values of a contradiction.
    fn contradiction(&mut self, items: &[Item]) -> Option<Vec<u32>> {
        let front = |item: u32| self.fronts[item as usize];
        let mut times: Vec<u32> =
            (0..items.len() as u32).filter(|item| front(*item).seen < front(*item).leaves).collect();
        times.sort_unstable_by_key(|item| front(*item).seen);
        if let Some(pair) = times.windows(2).find(|pair| front(pair[1]).seen < front(pair[0]).leaves) {
            return Some(pair.to_vec());
        }
        for item in 0..items.len() {
            let Front { seen, leaves } = self.fronts[item];
            let after = times.partition_point(|other| self.fronts[*other as usize].leaves <= seen);
            let before = times.partition_point(|other| self.fronts[*other as usize].seen < leaves);
            if seen < leaves {
                continue;
            }
            // Ends are narrowed apart from begins, so that the times at the front of others stay as they are.
            let narrow = |place: Option<&u32>| place.copied().unwrap_or(item as u32);
            let [first, last] =
                [narrow(times.get(after)), narrow(before.checked_sub(1).and_then(|place| times.get(place)))];
            let narrowed = Front {
                seen: seen.min(self.fronts[first as usize].seen),
                leaves: leaves.max(self.fronts[last as usize].leaves),
            };
            if narrowed.seen < narrowed.leaves {
                return Some(dedup(vec![item as u32, first, last]));
            }
            self.fronts[item] = narrowed;
            self.narrowed[item] = [first, last];
        }
        let (first, second) = overtaken(items, self.fronts.iter().copied())?;
        let [[_, end], [begin, _]] = [first, second].map(|item| self.narrowed[item as usize]);
        Some(dedup(vec![first, second, begin, end]))
    }
}

fn dedup(mut items: Vec<u32>) -> Vec<u32> {
    items.sort_unstable();
    items.dedup();
    items
}

fn overtaking(contents: &Contents, words: &Words<'_>, items: [u32; 2], names: [String; 2]) -> String {
    let [first, second] = items.map(|item| contents.items[item as usize]);
    let [a, b] = &names;
    let added = format!(
        "{b} was enqueued after {a} ({} had enqueued {a} by {}, {} began to enqueue {b} at {})",
        words.who(first.add),
        words.time(first.add_ret),
        words.who(second.add),
        words.called(second.add),
    );
    let seen = contents.looks.iter().filter(|look| look.item == items[1]).find(|look| look.ret == second.seen);
    let came = match seen {
        Some(look) => format!("{b} was at the front first: {} saw it {}", words.who(look.op), words.during(look.op)),
        None => format!("{b} came out first: {} got it {}", words.who(second.take), words.during(second.take)),
    };
    let left = if first.is_left() {
        format!("{a} never came out")
    } else if first.take_call == first.floor {
        format!("{a} was still in the queue at {}", words.time(first.take_call))
    } else {
        format!("{a} was only asked for by {} from {} on", words.who(first.take), words.called(first.take))
    };
    format!("{added}, yet {came}, and {left}")
}

fn at_the_front(contents: &Contents, words: &Words<'_>, name: impl Fn(u32) -> String) -> String {
    let times: Vec<String> = contents
        .items
        .iter()
        .zip(0..)
        .filter(|(item, _)| item.seen < item.take_call)
        .map(|(item, place)| {
            let until =
                if item.is_left() { "to the end".into() } else { format!("until {}", words.time(item.take_call)) };
            format!("{} was at the front from {} {until}", name(place), words.time(item.seen))
        })
        .collect();
    let others: Vec<String> = contents
        .items
        .iter()
        .zip(0..)
        .filter(|(item, _)| item.seen >= item.take_call)
        .map(|(_, place)| name(place))
        .collect();
    match others.is_empty() {
        true => format!("two values were at the front at once: {}", words.list(&times)),
        false => format!("{}, which leaves no time at the front for {}", words.list(&times), words.list(&others)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        linearizability::monitor::agreement::{Container, agree, container_histories},
        model::queue::QUEUE,
    };
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[derive(Default)]
    struct Fifo(VecDeque<i64>);

    impl Container for Fifo {
        const FUNCTIONS: [Function; 3] = [Function::Enqueue, Function::Dequeue, Function::Peek];
        fn add(&mut self, value: i64) {
            self.0.push_back(value);
        }
        fn next(&self) -> Option<usize> {
            (!self.0.is_empty()).then_some(0)
        }
        fn values(&mut self) -> &mut VecDeque<i64> {
            &mut self.0
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_search(history in container_histories::<Fifo>(14, 0, true)) {
            agree(&Queue, &QUEUE, &history).map_err(TestCaseError::fail)?;
        }

        #[test]
        fn agrees_with_the_search_where_values_are_peeked_at(history in container_histories::<Fifo>(12, 3, true)) {
            agree(&Queue, &QUEUE, &history).map_err(TestCaseError::fail)?;
        }

        #[test]
        fn accepts_what_a_queue_did(history in container_histories::<Fifo>(60, 2, false)) {
            prop_assert_eq!(Queue.check(&history, &history.effective()), Judged::Legal);
        }
    }
}
