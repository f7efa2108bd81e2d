//! For tests: monitors against the search, and histories of containers that are right, or nearly.

use crate::{
    history::{Builder, Function, History, Id, Invocation, PENDING},
    linearizability::{
        Monitor,
        search::search,
        testing::{Draft, Timing, Word, run, timings},
    },
    model::Refusal,
    verify::{Judged, Violation},
};
use proptest::prelude::*;
use std::collections::VecDeque;

/// Enough for every history of these tests.
const BUDGET: u64 = 10_000_000;

/// Whether a monitor and the search agree, and the monitor's witness is what it should be; an error says what is not.
pub fn agree<M: Refusal>(monitor: &dyn Monitor, model: &M, history: &History) -> Result<(), String> {
    match illegal_alike(monitor, model, history)? {
        Some(witness) => smallest(model, history, &witness),
        None => Ok(()),
    }
}

/// The witness of an illegal history, if a monitor and the search agree about it and about the witness.
pub fn illegal_alike<M: Refusal>(
    monitor: &dyn Monitor,
    model: &M,
    history: &History,
) -> Result<Option<Vec<u32>>, String> {
    let operations = history.effective();
    match (monitor.check(history, &operations), search(model, history, &operations, BUDGET)?) {
        (Judged::Legal, Judged::Legal) => Ok(None),
        (Judged::Illegal(violation), Judged::Illegal(_)) => {
            let Violation { rule, sentence, witness, end, .. } = *violation;
            let part = history.part(&witness, end.unwrap_or(PENDING));
            let alone = part.effective();
            let again = [search(model, &part, &alone, BUDGET)?, monitor.check(&part, &alone)];
            if !again.iter().all(|judged| matches!(judged, Judged::Illegal(_))) {
                return Err(format!("{witness:?} is not illegal alone: {sentence}"));
            }
            if !witness.is_sorted() || sentence.is_empty() || rule.is_empty() {
                return Err(format!("{rule}: {sentence}: {witness:?}"));
            }
            Ok(Some(witness))
        }
        (monitored, searched) => Err(format!("the monitor says {monitored:?}, the search {searched:?}")),
    }
}

/// Whether a witness becomes legal without any one value, and without any operation that only sees.
fn smallest<M: Refusal>(model: &M, history: &History, witness: &[u32]) -> Result<(), String> {
    let part = history.part(witness, PENDING);
    let illegal = |operations: &[u32]| match search(model, &part, operations, BUDGET) {
        Ok(judged) => matches!(judged, Judged::Illegal(_)),
        Err(_) => false,
    };
    let all = part.effective();
    let value = |op: u32| {
        let op = part.get(op);
        if op.argument.is_some() { op.argument } else { op.result }
    };
    let looks = [Function::Peek, Function::Contains];
    for op in &all {
        let (id, function) = (value(*op), part.get(*op).function);
        let alone = id == Id::NIL || looks.contains(&function);
        let rest: Vec<u32> = match (alone, id.is_some()) {
            (true, _) => all.iter().copied().filter(|other| other != op).collect(),
            (false, true) => all.iter().copied().filter(|other| value(*other) != id).collect(),
            (false, false) => continue,
        };
        if illegal(&rest) {
            return Err(format!("{witness:?}: {} can be left out", part.show(*op)));
        }
    }
    Ok(())
}

/// A container that works, and the words for what it does.
pub trait Container: Default {
    /// Puts in, takes out, sees.
    const FUNCTIONS: [Function; 3];
    /// Puts a value in.
    fn add(&mut self, value: i64);
    /// The place of the value that is to come next.
    fn next(&self) -> Option<usize>;
    /// What is in it.
    fn values(&mut self) -> &mut VecDeque<i64>;
}

/// An operation of a container: what it does, when, and whether the operation in this place of the order of effects
/// gives another value than the next, or none.
type Step = (u8, Timing, Option<usize>);

/// Histories of a container with values that are put in once, in random order of values. `looks` is how many of eight
/// operations only see; `lies` whether some results are wrong.
pub fn container_histories<C: Container>(most: usize, looks: u8, lies: bool) -> impl Strategy<Value = History> {
    let lie = prop_oneof![
        6 => Just(None),
        u32::from(lies) => (0usize..40).prop_map(Some),
    ];
    let values: Vec<i64> = (0..most as i64).collect();
    let steps = prop::collection::vec((0u8..8, timings(), lie), 1..=most);
    (steps, Just(values).prop_shuffle()).prop_map(move |(steps, values)| container_history::<C>(&steps, &values, looks))
}

fn container_history<C: Container>(steps: &[Step], values: &[i64], looks: u8) -> History {
    let [add, take, look] = C::FUNCTIONS;
    let adding = (8 - looks).div_ceil(2);
    let mut values = values.iter();
    let mut draft = |kind: u8| match kind {
        kind if kind < adding => Draft::new(add, Word::Int(*values.next().unwrap_or(&0)), Word::None),
        kind if kind < 8 - looks => Draft::new(take, Word::None, Word::None),
        _ => Draft::new(look, Word::None, Word::None),
    };
    let calls: Vec<(Draft, Timing)> = steps.iter().map(|(kind, timing, _)| (draft(*kind), *timing)).collect();
    let mut lies = steps.iter().map(|(_, _, lie)| *lie);
    let mut container = C::default();
    run(&calls, |function, argument| {
        let lie = lies.next().flatten();
        if let Word::Int(value) = argument {
            container.add(*value);
            return Word::None;
        }
        let place = match lie {
            // Whether it is there or not, and whether it came out before.
            Some(39) => return Word::Int(1),
            Some(place) => Some(place % (container.values().len() + 1)),
            None => container.next(),
        };
        let value = place.and_then(|place| container.values().get(place).copied());
        if function == take {
            place.and_then(|place| container.values().remove(place));
        }
        value.map_or(Word::Nil, Word::Int)
    })
}

/// A history of one client, one operation after the other: function, argument, result.
pub fn sequence(operations: &[(Function, Option<i64>, Option<i64>)]) -> History {
    let mut builder = Builder::default();
    for ((function, argument, result), index) in operations.iter().zip(0..) {
        let [argument, result] =
            [*argument, *result].map(|value| value.map_or(Id::NONE, |value| builder.values.int(value)));
        let call = Invocation { process: 0, call: 2 * index, function: *function, key: Id::NONE, argument };
        builder.add(call, 2 * index + 1, result);
    }
    builder.finish()
}
