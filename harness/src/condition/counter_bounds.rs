//! `counter-bounds`: a read of a counter lies between what must and what may have been added.
//!
//! Jepsen's `counter` checker, for amounts of either sign. What was acknowledged before a read was called must be in
//! it, what was called before the read returned may be. O(n log n). The bounds are necessary for linearizability and not
//! sufficient: two reads may each be within them and yet see two additions in different orders. A counter that is never
//! read keeps them, as it is linearizable.

use super::{Condition, Found, Initial, Part, Scope, violation, words};
use crate::{
    history::{Function, Operation, Outcome},
    verify::Violation,
};

pub(super) const COUNTER_BOUNDS: Condition = Condition {
    name: "counter-bounds",
    about: "each read of a counter lies between all that was surely added and all that may have been",
    initial: Initial::Fixed,
    scope: Scope::Object,
    judge,
};

fn judge(part: Part<'_>) -> Result<Found, String> {
    let mut sums = Sums::default();
    let mut reads = Vec::new();
    for (index, op) in part.iter() {
        match op.function {
            Function::Increment => sums.add(index, op, amount(&part, index, op)?),
            Function::Read => {}
            _ => return Err(part.unknown(index, "a counter's, which are `increment` and `read`")),
        }
        if op.outcome == Outcome::Ok && op.result.is_some() {
            let read = part.history.values.as_int(op.result).map(i128::from);
            reads.push((index, op, read.ok_or_else(|| part.unknown(index, "a counter's: it returns an integer"))?));
        }
    }
    sums.finish();
    let outside = |(index, op, read): &(u32, Operation, i128)| {
        let [least, most] = sums.bounds(*op, own(&part, *index, *op));
        (!(least..=most).contains(read)).then_some((*index, *read, [least, most]))
    };
    let bad: Vec<(u32, i128, [i128; 2])> = reads.iter().filter_map(outside).collect();
    let mut found = Found {
        counts: vec![
            ("additions", sums.amounts.len() as u64),
            ("reads", reads.len() as u64),
            ("out of bounds", bad.len() as u64),
        ],
        ..Found::default()
    };
    for rule in ["counter-too-low", "counter-too-high"] {
        let first = bad.iter().find(|(_, read, [least, _])| (read < least) == (rule == "counter-too-low"));
        found.violations.extend(first.map(|(index, read, bounds)| explain(&part, &sums, rule, *index, *read, *bounds)));
    }
    Ok(found)
}

fn amount(part: &Part<'_>, index: u32, op: Operation) -> Result<i128, String> {
    match op.argument.is_some() {
        false => Ok(1),
        true => part
            .history
            .values
            .as_int(op.argument)
            .map(i128::from)
            .ok_or_else(|| part.unknown(index, "a counter's: an integer is added")),
    }
}

/// What an increment that tells the value before adds itself: never a part of that value.
fn own(part: &Part<'_>, index: u32, op: Operation) -> i128 {
    if op.function == Function::Increment { amount(part, index, op).unwrap_or(0) } else { 0 }
}

/// All additions, and sums of them by time.
#[derive(Default)]
struct Sums {
    /// Operation, call, return and amount.
    amounts: Vec<(u32, u64, u64, i128)>,
    /// Sums of what was added and of what was taken away, up to each call.
    by_call: Vec<(u64, [i128; 2])>,
    /// The same up to each return.
    by_return: Vec<(u64, [i128; 2])>,
}

impl Sums {
    fn add(&mut self, index: u32, op: Operation, amount: i128) {
        self.amounts.push((index, op.call, op.ret, amount));
    }

    fn finish(&mut self) {
        let sums = |mut events: Vec<(u64, i128)>| {
            events.sort_by_key(|(time, _)| *time);
            let mut sum = [0, 0];
            let running = |(time, amount): (u64, i128)| {
                sum[usize::from(amount < 0)] += amount;
                (time, sum)
            };
            events.into_iter().map(running).collect()
        };
        self.by_call = sums(self.amounts.iter().map(|(_, call, _, amount)| (*call, *amount)).collect());
        let acknowledged = self.amounts.iter().filter(|(_, _, ret, _)| *ret != crate::history::PENDING);
        self.by_return = sums(acknowledged.map(|(_, _, ret, amount)| (*ret, *amount)).collect());
    }

    /// The least and the most that an operation can have read, apart from its own amount.
    fn bounds(&self, op: Operation, own: i128) -> [i128; 2] {
        let up_to = |sums: &[(u64, [i128; 2])], before: &dyn Fn(u64) -> bool| match sums
            .partition_point(|(time, _)| before(*time))
        {
            0 => [0, 0],
            count => sums[count - 1].1,
        };
        let mut may = up_to(&self.by_call, &|time| time <= op.ret);
        may[usize::from(own < 0)] -= own;
        let must = up_to(&self.by_return, &|time| time < op.call);
        [must[0] + may[1], may[0] + must[1]]
    }
}

fn explain(
    part: &Part<'_>,
    sums: &Sums,
    rule: &'static str,
    index: u32,
    read: i128,
    [least, most]: [i128; 2],
) -> Violation {
    let (history, op) = (part.history, part.history.get(index));
    let (who, at) = (words::who(history, index), words::called(history, index));
    if rule == "counter-too-high" {
        let sentence = format!(
            "{who} read {read} from the counter{} at {at}, but all additions that had begun by the time it returned come to {most} at most",
            words::object(history, index)
        );
        return violation(rule, sentence, [index]);
    }
    let sentence = format!(
        "{who} read {read} from the counter{} at {at}, but what had been acknowledged before comes to {least} at least",
        words::object(history, index)
    );
    // The greatest acknowledged amounts, until they alone are too much; none of them can be dropped from the sum.
    let mut before: Vec<_> = sums.amounts.iter().filter(|(_, _, ret, amount)| *ret < op.call && *amount > 0).collect();
    before.sort_by_key(|(.., amount)| std::cmp::Reverse(*amount));
    let negative = sums.amounts.iter().filter(|(_, call, _, amount)| *call <= op.ret && *amount < 0);
    let mut witness: Vec<u32> = vec![index];
    let mut sum: i128 = negative
        .map(|(negative, .., amount)| {
            witness.push(*negative);
            *amount
        })
        .sum();
    for (addition, .., amount) in before {
        if sum > read {
            break;
        }
        sum += amount;
        witness.push(*addition);
    }
    violation(rule, sentence, witness)
}
