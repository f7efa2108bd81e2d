//! Counters: increments by an amount, which may tell the value before, and reads.
//!
//! - Of any amounts: a value that was seen is at least the sum of what was over before and at most the sum of what had
//!   been called by then. That is only necessary (it is what Jepsen's counter checks). O(n log n).
//! - Of equal amounts: exact, by putting the increments into the steps between the values that were seen (see `slots`).
//!   O(n log n).
//! - Of amounts of one sign that all tell the value before: exact, since each value is there once, so that they form
//!   a chain (see `chain`). O(n log n).
//!
//! Not covered, where the bounds hold: other amounts; and amounts that differ and tell the value before, where one of
//! unknown outcome is needed to explain the values.

use super::{
    chain::{self, Fault, NONE, Version, Versions},
    slots::{Window, fit},
    words,
};
use crate::{
    history::History,
    linearizability::Monitor,
    model::{Decoded, Model, counter},
    verify::{Judged, Violation},
};
use std::collections::HashMap;

/// A counter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counter {
    /// Its value before the first increment.
    pub initial: i64,
}

impl Monitor for Counter {
    fn method(&self) -> &'static str {
        "sums and steps"
    }

    fn check(&self, history: &History, operations: &[u32]) -> Judged {
        let Some(ops) = Ops::new(history, operations) else {
            return Judged::NotCovered("there are operations that no counter has");
        };
        if let Some(violation) = self.out_of_bounds(history, &ops) {
            return Judged::illegal(violation);
        }
        let amount = ops.increments.first().map_or(1, |increment| increment.amount);
        if amount != 0 && ops.increments.iter().all(|increment| increment.amount == amount) {
            return match self.steps(history, &ops, amount) {
                None => Judged::Legal,
                Some(violation) => Judged::illegal(violation),
            };
        }
        if ops.increments.iter().any(|other| other.amount.signum() * amount.signum() <= 0) {
            return Judged::NotCovered("amounts of both signs, or none");
        }
        if ops.increments.iter().any(|increment| increment.before.is_none() && increment.ret != u64::MAX) {
            return Judged::NotCovered("amounts differ, and the values before are not told");
        }
        self.chain(history, &ops)
    }
}

/// An increment.
#[derive(Debug, Clone, Copy)]
struct Increment {
    index: u32,
    call: u64,
    ret: u64,
    amount: i64,
    before: Option<i64>,
}

/// An operation that saw a value: a read, or an increment that tells the value before.
#[derive(Debug, Clone, Copy)]
struct Sight {
    index: u32,
    call: u64,
    ret: u64,
    value: i64,
    /// What the operation itself adds behind that.
    adds: i64,
}

/// The operations of a counter, in order of calls.
struct Ops {
    increments: Vec<Increment>,
    sights: Vec<Sight>,
}

impl Ops {
    fn new(history: &History, operations: &[u32]) -> Option<Self> {
        let (mut increments, mut sights) = (Vec::new(), Vec::new());
        for index in operations {
            let (call, ret) = (history.calls()[*index as usize], history.returns()[*index as usize]);
            let sight = |value, adds| Sight { index: *index, call, ret, value, adds };
            match counter::Counter::default().decode(history, *index).ok()? {
                Decoded::Nothing => {}
                Decoded::Pure(counter::Op::Read(value)) => sights.push(sight(value, 0)),
                Decoded::Pure(op) | Decoded::Effect(op) => {
                    let counter::Op::Increment(amount, before) = op else { return None };
                    increments.push(Increment { index: *index, call, ret, amount, before });
                    sights.extend(before.map(|before| sight(before, amount)));
                }
            }
        }
        Some(Self { increments, sights })
    }

    /// What of this was known at a time: what returned later is of unknown outcome.
    fn until(&self, end: u64) -> Self {
        let known = |increment: &Increment| match increment.ret <= end {
            true => *increment,
            false => Increment { ret: u64::MAX, before: None, ..*increment },
        };
        let called = self.increments.iter().filter(|increment| increment.call <= end);
        Self {
            increments: called.map(known).collect(),
            sights: self.sights.iter().filter(|sight| sight.ret <= end).copied().collect(),
        }
    }
}

/// Amounts by time, ascending, each with the sum up to it.
struct Sums(Vec<(u64, i128)>);

impl Sums {
    fn new(amounts: impl Iterator<Item = (u64, i64)>) -> Self {
        let mut amounts: Vec<(u64, i64)> = amounts.collect();
        amounts.sort_unstable_by_key(|amount| amount.0);
        let mut sum = 0;
        Self(
            amounts
                .into_iter()
                .map(|(time, amount)| {
                    sum += i128::from(amount);
                    (time, sum)
                })
                .collect(),
        )
    }

    /// The sum of what is before a time, or at it as well.
    fn at(&self, time: u64, included: bool) -> i128 {
        let count = self.0.partition_point(|entry| entry.0 < time || (included && entry.0 == time));
        count.checked_sub(1).map_or(0, |last| self.0[last].1)
    }
}

impl Counter {
    /// A value that is below all that it can have been, or above.
    fn out_of_bounds(&self, history: &History, ops: &Ops) -> Option<Violation> {
        let returned = |sign: i64| {
            let of_sign = move |increment: &&Increment| increment.amount.signum() == sign;
            Sums::new(ops.increments.iter().filter(of_sign).map(|increment| (increment.ret, increment.amount)))
        };
        let called = |sign: i64| {
            let of_sign = move |increment: &&Increment| increment.amount.signum() == sign;
            Sums::new(ops.increments.iter().filter(of_sign).map(|increment| (increment.call, increment.amount)))
        };
        let (up, down) = ((returned(1), called(1)), (returned(-1), called(-1)));
        let initial = i128::from(self.initial);
        ops.sights.iter().find_map(|sight| {
            let value = i128::from(sight.value) - initial;
            // An increment was itself called before it returned, but comes behind the value that it found.
            let own = |sign: i64| if sight.adds.signum() == sign { i128::from(sight.adds) } else { 0 };
            let least = up.0.at(sight.call, false) + down.1.at(sight.ret, true) - own(-1);
            let most = down.0.at(sight.call, false) + up.1.at(sight.ret, true) - own(1);
            if value < least {
                Some(too_small(history, ops, sight, least + initial, self.initial))
            } else if value > most {
                Some(too_great(history, ops, sight, most + initial))
            } else {
                None
            }
        })
    }

    /// Equal amounts: what is wrong, if anything is.
    fn steps(&self, history: &History, ops: &Ops, amount: i64) -> Option<Violation> {
        for sight in &ops.sights {
            if (i128::from(sight.value) - i128::from(self.initial)) % i128::from(amount) != 0 {
                return Some(no_multiple(history, sight, amount, self.initial));
            }
        }
        if let Some(violation) = found_twice(history, ops) {
            return Some(violation);
        }
        if let Some(violation) = falling(history, ops, amount) {
            return Some(violation);
        }
        (!self.fits(ops, amount)).then(|| self.shrunk(history, ops, amount))
    }

    /// Whether the increments, of equal amounts, can be put into the steps between the values.
    ///
    /// The values are multiples within bounds, so that there are no more steps than increments.
    fn fits(&self, ops: &Ops, amount: i64) -> bool {
        let count = |value: i64| ((i128::from(value) - i128::from(self.initial)) / i128::from(amount)) as usize;
        let top = ops.sights.iter().map(|sight| count(sight.value) + usize::from(sight.adds != 0)).max().unwrap_or(0);
        // Step k leads from k − 1 to k; behind the top there is one more, for what comes later.
        let mut windows = vec![Window { from: 0, to: u64::MAX }; top + 2];
        let mut fixed = vec![false; top + 2];
        for sight in &ops.sights {
            let seen = count(sight.value);
            windows[seen].to = windows[seen].to.min(sight.ret);
            windows[seen + 1].from = windows[seen + 1].from.max(sight.call);
            if sight.adds != 0 {
                fixed[seen + 1] = true;
                windows[seen + 1].to = windows[seen + 1].to.min(sight.ret);
            }
        }
        for step in 1..windows.len() {
            windows[step].from = windows[step].from.max(windows[step - 1].from);
            let back = windows.len() - 1 - step;
            windows[back].to = windows[back].to.min(windows[back + 1].to);
        }
        if windows.iter().skip(1).any(|window| window.from > window.to) {
            return false;
        }
        let steps: Vec<Window> = (1..=top).filter(|step| !fixed[*step]).map(|step| windows[step]).collect();
        let untold = ops.increments.iter().filter(|increment| increment.before.is_none());
        let untold: Vec<(u64, u64)> = untold.map(|increment| (increment.call, increment.ret)).collect();
        fit(&untold, &steps, windows[top + 1].from)
    }

    /// The violation that no order explains the values: the shortest beginning of the history that is illegal, with the
    /// values that are needed for that, and all increments, since none of them can be left out.
    fn shrunk(&self, history: &History, ops: &Ops, amount: i64) -> Violation {
        let mut ends: Vec<u64> = ops.sights.iter().map(|sight| sight.ret).collect();
        ends.extend(ops.increments.iter().map(|increment| increment.ret).filter(|ret| *ret != u64::MAX));
        ends.sort_unstable();
        let place = ends.partition_point(|end| self.fits(&ops.until(*end), amount));
        let end = ends.get(place).copied().unwrap_or(u64::MAX);
        let mut part = ops.until(end);
        // Which of the reads are needed: the rest is illegal whichever other is left out.
        let (mut needed, mut rest): (Vec<Sight>, Vec<Sight>) = part.sights.iter().partition(|sight| sight.adds != 0);
        loop {
            let enough = |count: usize| {
                let sights = needed.iter().chain(&rest[..count]).copied().collect();
                !self.fits(&Ops { increments: part.increments.clone(), sights }, amount)
            };
            let (mut low, mut high) = (0, rest.len());
            while low < high {
                let middle = (low + high) / 2;
                if enough(middle) { high = middle } else { low = middle + 1 }
            }
            let Some(last) = low.checked_sub(1).and_then(|last| rest.get(last).copied()) else { break };
            needed.push(last);
            rest.truncate(low - 1);
        }
        part.sights = needed;
        let last = part.sights.iter().max_by_key(|sight| sight.ret).map_or(0, |sight| sight.index);
        let sentence = format!(
            "no order of the {} increments that were called by {} explains the values that were seen on the way, up to {} {}",
            part.increments.len(),
            words::at(history, end),
            words::op(history, last),
            words::when(history, last)
        );
        let mut witness: Vec<u32> = part.increments.iter().map(|increment| increment.index).collect();
        witness.extend(part.sights.iter().map(|sight| sight.index));
        Violation { end: Some(end), ..violation("impossible-sum", sentence, witness) }
    }

    /// Amounts of one sign that all tell the value before.
    fn chain(&self, history: &History, ops: &Ops) -> Judged {
        let mut numbers = HashMap::from([(i128::from(self.initial), chain::INITIAL)]);
        let mut versions = Versions::new();
        let mut number = |versions: &mut Versions, value: i128| {
            *numbers.entry(value).or_insert_with(|| {
                versions.list.push(Version::new());
                versions.list.len() - 1
            })
        };
        for sight in &ops.sights {
            let seen = number(&mut versions, i128::from(sight.value));
            let op = history.get(sight.index);
            if sight.adds == 0 {
                versions.see(seen, sight.index, &op);
                continue;
            }
            let left = number(&mut versions, i128::from(sight.value) + i128::from(sight.adds));
            if versions.list[left].maker != NONE || left == chain::INITIAL {
                let witness = [versions.list[left].maker, sight.index];
                return Judged::illegal(reached_twice(history, witness, sight));
            }
            versions.make(left, sight.index, &op, Some(seen));
        }
        let unmade = |version: usize| version != chain::INITIAL && versions.list[version].maker == NONE;
        let missing = |sight: &&Sight| numbers.get(&i128::from(sight.value)).is_some_and(|version| unmade(*version));
        if let Some(sight) = ops.sights.iter().find(missing) {
            if ops.increments.iter().any(|increment| increment.before.is_none()) {
                return Judged::NotCovered("an increment of unknown outcome is needed");
            }
            let sentence = format!(
                "{} {}, but no increment led to that value",
                saw(history, sight),
                words::when(history, sight.index)
            );
            return Judged::illegal(violation("impossible-sum", sentence, vec![sight.index]));
        }
        match chain::fault(&versions.list) {
            None => Judged::Legal,
            Some(Fault::Fork(a, b)) => {
                let [a, b] = [versions.list[a].maker, versions.list[b].maker];
                Judged::illegal(same_before(history, a, b))
            }
            Some(Fault::Backwards(earlier, later)) => {
                let (late, over) = versions.late(history, earlier, later);
                Judged::illegal(out_of_order(history, over, late))
            }
            Some(_) => Judged::NotCovered("the values form no chain"),
        }
    }
}

fn violation(rule: &'static str, sentence: String, mut witness: Vec<u32>) -> Violation {
    witness.retain(|op| *op != NONE);
    witness.sort_unstable();
    witness.dedup();
    Violation { rule, sentence, witness, ..Violation::default() }
}

/// `c3 read 7`, or `c3's increment of 2 found 7`.
fn saw(history: &History, sight: &Sight) -> String {
    if sight.adds == 0 {
        return format!("{} read {}", history.process_name(history.get(sight.index).process), sight.value);
    }
    format!("{} found {}", words::op(history, sight.index), sight.value)
}

fn too_small(history: &History, ops: &Ops, sight: &Sight, least: i128, initial: i64) -> Violation {
    let sentence = format!(
        "{} {}, but what was added before it began makes {least} at least",
        saw(history, sight),
        words::when(history, sight.index)
    );
    // Of positive amounts, as many of those that were over as exceed the value; negative ones all, which may be later.
    let mut over: Vec<&Increment> = ops.increments.iter().filter(|i| i.amount > 0 && i.ret < sight.call).collect();
    over.sort_by_key(|increment| increment.ret);
    let down: Vec<&Increment> = ops.increments.iter().filter(|i| i.amount < 0 && i.call <= sight.ret).collect();
    let mut sum = i128::from(initial) + down.iter().map(|i| i128::from(i.amount)).sum::<i128>();
    let mut witness = vec![sight.index];
    witness.extend(down.iter().map(|increment| increment.index));
    for increment in over {
        if sum > i128::from(sight.value) {
            break;
        }
        sum += i128::from(increment.amount);
        witness.push(increment.index);
    }
    violation("stale-read", sentence, witness)
}

fn too_great(history: &History, ops: &Ops, sight: &Sight, most: i128) -> Violation {
    let sentence = format!(
        "{} {}, but all that had been called by then makes {most} at most",
        saw(history, sight),
        words::when(history, sight.index)
    );
    let counts = |i: &&Increment| if i.amount > 0 { i.call <= sight.ret } else { i.ret < sight.call };
    let mut witness: Vec<u32> = ops.increments.iter().filter(counts).map(|increment| increment.index).collect();
    witness.push(sight.index);
    violation("impossible-sum", sentence, witness)
}

fn no_multiple(history: &History, sight: &Sight, amount: i64, initial: i64) -> Violation {
    let sentence = format!(
        "{} {}, but from {initial} on in steps of {amount} that is never reached",
        saw(history, sight),
        words::when(history, sight.index)
    );
    violation("impossible-sum", sentence, vec![sight.index])
}

/// Two increments that found the same value.
fn found_twice(history: &History, ops: &Ops) -> Option<Violation> {
    let mut found = HashMap::new();
    let told = ops.sights.iter().filter(|sight| sight.adds != 0);
    told.into_iter().find_map(|sight| {
        let before = found.insert(sight.value, sight.index)?;
        Some(same_before(history, before, sight.index))
    })
}

fn same_before(history: &History, a: u32, b: u32) -> Violation {
    let sentence = format!(
        "{} and {} both found {}: the later of them should have found what the other left",
        words::op(history, a),
        words::op(history, b),
        words::value(history, history.get(a).result)
    );
    violation("lost-update", sentence, vec![a, b])
}

fn reached_twice(history: &History, witness: [u32; 2], sight: &Sight) -> Violation {
    let sentence = format!(
        "{} {}, and so led to {}, where the counter had been already",
        saw(history, sight),
        words::when(history, sight.index),
        i128::from(sight.value) + i128::from(sight.adds)
    );
    violation("lost-update", sentence, witness.to_vec())
}

/// A value that was seen after one that comes behind it: by one look at all of them in order of time.
fn falling(history: &History, ops: &Ops, amount: i64) -> Option<Violation> {
    let sign = i128::from(amount.signum());
    // How far the counter had come when an operation was over, and before an operation.
    let after = |sight: &Sight| sign * (i128::from(sight.value) + i128::from(sight.adds));
    let before = |sight: &Sight| sign * i128::from(sight.value);
    let mut by_return: Vec<&Sight> = ops.sights.iter().collect();
    by_return.sort_by_key(|sight| sight.ret);
    let mut over = by_return.into_iter().peekable();
    let mut furthest: Option<&Sight> = None;
    for sight in &ops.sights {
        while let Some(other) = over.next_if(|other| other.ret < sight.call) {
            if furthest.is_none_or(|furthest| after(other) > after(furthest)) {
                furthest = Some(other);
            }
        }
        if let Some(furthest) = furthest.filter(|furthest| after(furthest) > before(sight)) {
            return Some(out_of_order(history, furthest.index, sight.index));
        }
    }
    None
}

fn out_of_order(history: &History, over: u32, late: u32) -> Violation {
    let (late_op, over_op) = (history.get(late), history.get(over));
    let name = |process| history.process_name(process);
    let sentence = format!(
        "{} saw {} {}, but {} had seen {} before: {}",
        name(late_op.process),
        words::value(history, late_op.result),
        words::when(history, late),
        name(over_op.process),
        words::value(history, over_op.result),
        words::over(history, over)
    );
    violation("stale-read", sentence, vec![over, late])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::Function,
        linearizability::{
            monitor::testing::{agrees, assert_both_occur, calls, history, illegal, of},
            testing::Word,
        },
        model,
    };
    use proptest::prelude::*;

    /// Which increments there are.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Kind {
        /// Of one amount, telling nothing.
        Equal(i64),
        /// Of one amount, some of them telling the value before.
        SomeTell(i64),
        /// Of different amounts, telling the value before.
        Tell,
        /// Of different amounts and signs, telling nothing.
        Mixed,
        /// Of different amounts and signs, telling the value before.
        MixedTell,
    }

    fn histories(kind: Kind, most: usize) -> impl Strategy<Value = History> {
        calls(most).prop_map(move |calls| {
            let amount = |number: i64| match kind {
                Kind::Equal(amount) | Kind::SomeTell(amount) => amount,
                Kind::Tell => number + 1,
                Kind::Mixed | Kind::MixedTell => number - 1,
            };
            let (mut value, mut round) = (5, 0);
            history(
                &calls,
                |_, call| match call.choice {
                    0..50 => (Function::Increment, Word::Int(amount(call.number))),
                    _ => (Function::Read, Word::None),
                },
                |function, argument| {
                    round += 1;
                    let before = value;
                    if let Word::Int(amount) = argument {
                        value += amount;
                    }
                    let tells = match kind {
                        Kind::Equal(_) | Kind::Mixed => false,
                        Kind::SomeTell(_) => round % 3 == 0,
                        Kind::Tell | Kind::MixedTell => true,
                    };
                    if function == Function::Read || tells { Word::Int(before) } else { Word::None }
                },
                |function, number| {
                    let step = if let Kind::Equal(amount) | Kind::SomeTell(amount) = kind { amount } else { 1 };
                    let told = function == Function::Read || matches!(kind, Kind::Tell | Kind::MixedTell);
                    told.then_some(Word::Int(5 + step * (number - 1)))
                },
            )
        })
    }

    fn any_kind() -> impl Strategy<Value = Kind> {
        let amounts = || prop_oneof![Just(1i64), Just(-2)];
        prop_oneof![
            amounts().prop_map(Kind::Equal),
            amounts().prop_map(Kind::SomeTell),
            Just(Kind::Tell),
            Just(Kind::Mixed),
            Just(Kind::MixedTell)
        ]
    }

    const COUNTER: Counter = Counter { initial: 5 };

    #[test]
    fn histories_of_both_kinds_are_tried() {
        for kind in [Kind::Equal(1), Kind::SomeTell(-2), Kind::Tell] {
            assert_both_occur(&COUNTER, histories(kind, 8));
        }
    }

    #[test]
    fn sentences_say_what_the_sum_can_be() {
        use Function::{Increment, Read};
        let sentence = |ops: &[(u32, Function, [u64; 2], i64)]| {
            let word = |function: Function, number| if function == Read { Word::Int(number) } else { Word::None };
            let ops: Vec<_> = ops.iter().map(|op| (op.0, op.1, Word::None, op.2, word(op.1, op.3))).collect();
            illegal(&Counter::default(), &of(&ops)).sentence
        };
        assert_eq!(
            sentence(&[(1, Increment, [0, 1], 0), (2, Increment, [0, 1], 0), (3, Read, [2, 3], 1)]),
            "c3 read 1 between event 2 and event 3, but what was added before it began makes 2 at least"
        );
        assert_eq!(
            sentence(&[(1, Increment, [0, 1], 0), (3, Read, [2, 3], 4)]),
            "c3 read 4 between event 2 and event 3, but all that had been called by then makes 1 at most"
        );
        assert_eq!(
            sentence(&[(1, Increment, [0, 9], 0), (2, Read, [2, 3], 1), (3, Read, [4, 5], 0)]),
            "c3 saw 0 between event 4 and event 5, but c2 had seen 1 before: c2's read of 1 was over at event 3"
        );
        // The short increment is a step of its own within its time, and the reads leave none there.
        assert_eq!(
            sentence(&[
                (1, Increment, [0, 10], 0),
                (2, Increment, [4, 5], 0),
                (3, Read, [2, 3], 1),
                (3, Read, [6, 7], 1),
            ]),
            "no order of the 2 increments that were called by event 7 explains the values that were seen on the way, up to \
             c3's read of 1 between event 6 and event 7"
        );
    }

    proptest! {
        #[test]
        fn agrees_with_the_search(history in any_kind().prop_flat_map(|kind| histories(kind, 12))) {
            agrees(&COUNTER, &model::Counter { initial: 5 }, &history)?;
        }
    }
}
