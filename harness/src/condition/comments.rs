//! `comments`: a read that holds a value holds all that were acknowledged before that value was added.
//!
//! Jepsen's test of CockroachDB "comments": strict serializability forbids that a later write is seen without an
//! earlier one that had ended before it began. O(n log n + length of all reads). It compares each read with the last
//! called addition that it holds, so it finds every pair, but it says nothing about what a read has to hold by its own
//! time: `set-full` does.

use super::{Condition, Found, Initial, Part, Scope, growing::Growing, violation, words};
use crate::verify::Violation;

pub(super) const COMMENTS: Condition = Condition {
    name: "comments",
    about: "who sees a value of a growing set sees all that were acknowledged before that value was added",
    initial: Initial::Fixed,
    scope: Scope::Object,
    judge,
};

fn judge(part: Part<'_>) -> Result<Found, String> {
    let (set, _) = Growing::of(&part)?;
    let mut first: Vec<Option<usize>> = vec![None; set.values];
    let mut by_return: Vec<usize> = Vec::new();
    for (index, add) in set.adds.iter().enumerate() {
        first[add.value as usize].get_or_insert(index);
        if add.is_acknowledged() {
            by_return.push(index);
        }
    }
    by_return.sort_by_key(|index| set.adds[*index].ret);
    let mut held = vec![usize::MAX; set.values];
    let mut bad = Vec::new();
    for (index, read) in set.reads.iter().enumerate() {
        for value in &read.values {
            held[*value as usize] = index;
        }
        // The latest of the additions that it holds expects the most.
        let Some(latest) = read.values.iter().filter_map(|value| first[*value as usize]).max() else { continue };
        let before = by_return.partition_point(|add| set.adds[*add].ret < set.adds[latest].call);
        let missing = by_return[..before].iter().find(|add| held[set.adds[**add].value as usize] != index);
        bad.extend(missing.map(|missing| (index, *missing, latest)));
    }
    let witness = |(read, missing, latest): (usize, usize, usize)| {
        explain(&part, set.reads[read].op as u32, set.adds[missing].op as u32, set.adds[latest].op as u32)
    };
    let counts = vec![
        ("additions", set.adds.len() as u64),
        ("reads", set.reads.len() as u64),
        ("reads without an earlier value", bad.len() as u64),
    ];
    Ok(Found { violations: bad.first().copied().map(witness).into_iter().collect(), counts, ..Found::default() })
}

fn explain(part: &Part<'_>, read: u32, missing: u32, latest: u32) -> Violation {
    let history = part.history;
    let value = |add: u32| words::value(history, history.get(add).argument);
    let sentence = format!(
        "the read by {} that returned at {} holds {} and lacks {}, though {} had been acknowledged at {}, before {} was added at {}",
        words::who(history, read),
        words::returned(history, read),
        value(latest),
        value(missing),
        value(missing),
        words::returned(history, missing),
        value(latest),
        words::called(history, latest),
    );
    violation("later-without-earlier", sentence, [read, missing, latest])
}
