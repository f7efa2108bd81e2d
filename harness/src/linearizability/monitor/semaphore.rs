//! Counting semaphores: permits are acquired and released by anyone.
//!
//! Without acquires that were refused, an order exists exactly when one does in which each release takes effect when it
//! is called and each acquire when it returns, since an earlier release and a later acquire never harm: one sweep over
//! time, O(n log n). Where acquires were refused that is only necessary, as is that there may have been too few permits
//! at some time of each refused one; where both hold, this monitor does not decide. Unknown outcomes are covered: such an
//! acquire is left out, such a release has happened.

use super::words;
use crate::{
    history::{Function, History, Outcome},
    linearizability::Monitor,
    model::semaphore::permits,
    verify::{Judged, Violation},
};

/// A counting semaphore.
#[derive(Debug, Clone, Copy, Default)]
pub struct Semaphore {
    /// The permits that there are in the beginning.
    pub permits: u32,
}

impl Monitor for Semaphore {
    fn method(&self) -> &'static str {
        "sweep over permits"
    }

    fn check(&self, history: &History, operations: &[u32]) -> Judged {
        let Some(ops) = Ops::new(history, operations) else {
            return Judged::NotCovered("there are operations that no semaphore has");
        };
        if let Some(time) = self.overdrawn(&ops) {
            return Judged::illegal(self.too_many(history, &ops, time));
        }
        if let Some((refused, least)) = self.wrongly_refused(&ops) {
            return Judged::illegal(wrongly_refused(history, &ops, refused, least));
        }
        match ops.refused.is_empty() {
            true => Judged::Legal,
            false => Judged::NotCovered("an acquire was refused"),
        }
    }
}

/// An operation on permits.
#[derive(Debug, Clone, Copy)]
struct Op {
    index: u32,
    call: u64,
    ret: u64,
    permits: i128,
}

/// The operations of a semaphore.
#[derive(Default)]
struct Ops {
    acquires: Vec<Op>,
    /// Acquires of unknown outcome.
    crashed: Vec<Op>,
    releases: Vec<Op>,
    refused: Vec<Op>,
}

impl Ops {
    fn new(history: &History, operations: &[u32]) -> Option<Self> {
        let mut ops = Self::default();
        for index in operations {
            let op = history.get(*index);
            let permits = i128::from(permits(history, op.argument)?);
            let known = Op { index: *index, call: op.call, ret: op.ret, permits };
            match op.function {
                Function::Acquire if op.outcome == Outcome::Unknown => ops.crashed.push(known),
                Function::Acquire if history.values.is_false(op.result) => ops.refused.push(known),
                Function::Acquire => ops.acquires.push(known),
                Function::Release if !history.values.is_false(op.result) => ops.releases.push(known),
                _ => return None,
            }
        }
        Some(ops)
    }
}

impl Semaphore {
    /// The first time by which more permits were acquired than there were.
    fn overdrawn(&self, ops: &Ops) -> Option<u64> {
        // At the same time, releases come first.
        let mut changes: Vec<(u64, bool, i128)> = ops.releases.iter().map(|op| (op.call, false, op.permits)).collect();
        changes.extend(ops.acquires.iter().map(|op| (op.ret, true, -op.permits)));
        changes.sort_unstable_by_key(|change| (change.0, change.1));
        let mut there = i128::from(self.permits);
        changes.into_iter().find_map(|(time, _, change)| {
            there += change;
            (there < 0).then_some(time)
        })
    }

    /// The acquires that are one too many at a time. Releases are taken out together with acquires that were over before
    /// them, and acquires beyond those that are needed: no legal history becomes illegal by that.
    fn too_many(&self, history: &History, ops: &Ops, time: u64) -> Violation {
        let mut held: Vec<Op> = ops.acquires.iter().filter(|op| op.ret <= time).copied().collect();
        held.sort_by_key(|op| op.ret);
        let mut given: Vec<Op> = Vec::new();
        for release in ops.releases.iter().filter(|op| op.call <= time) {
            let pair = held.iter().position(|acquire| acquire.permits == release.permits && acquire.ret < release.call);
            match pair {
                Some(pair) => drop(held.remove(pair)),
                None => given.push(*release),
            }
        }
        let sum = |ops: &[Op]| ops.iter().map(|op| op.permits).sum::<i128>();
        let there = i128::from(self.permits) + sum(&given);
        let mut spare = sum(&held) - there;
        held.retain(|acquire| {
            let needed = acquire.permits >= spare;
            spare -= if needed { 0 } else { acquire.permits };
            needed
        });
        let mut sentence = format!(
            "{} permits were acquired by {} and not given back ({}), but there were only {there}",
            sum(&held),
            words::at(history, time),
            names(history, &held),
        );
        if !given.is_empty() {
            sentence += &format!(": {} at first, and {} that were released", self.permits, sum(&given));
        }
        violation("too-many-permits", sentence, held.iter().chain(&given))
    }

    /// A refused acquire during which there were always enough permits, and how many at least.
    fn wrongly_refused<'o>(&self, ops: &'o Ops) -> Option<(&'o Op, i128)> {
        let by_time = |times: &mut dyn Iterator<Item = (u64, i128)>| {
            let mut times: Vec<(u64, i128)> = times.collect();
            times.sort_unstable();
            let mut sum = 0;
            times.iter_mut().for_each(|entry| {
                sum += entry.1;
                entry.1 = sum;
            });
            times
        };
        let released = by_time(&mut ops.releases.iter().map(|op| (op.ret, op.permits)));
        let acquired = by_time(&mut ops.acquires.iter().chain(&ops.crashed).map(|op| (op.call, op.permits)));
        let up_to = |sums: &[(u64, i128)], count: usize| count.checked_sub(1).map_or(0, |last| sums[last].1);
        ops.refused.iter().find_map(|op| {
            let back = up_to(&released, released.partition_point(|entry| entry.0 < op.call));
            let taken = up_to(&acquired, acquired.partition_point(|entry| entry.0 <= op.ret));
            let least = i128::from(self.permits) + back - taken;
            (least >= op.permits).then_some((op, least))
        })
    }
}

/// The refused acquire with as few others as show that there were enough permits. An acquire and a later release of as
/// many are taken out together, and so are releases beyond those that are needed: neither makes it less wrong. An acquire
/// alone is never taken out, since without it a history that is right becomes wrong.
fn wrongly_refused(history: &History, ops: &Ops, refused: &Op, least: i128) -> Violation {
    let sentence = format!(
        "{} was refused {} permits {}, although {least} were there all that time at least",
        history.process_name(history.get(refused.index).process),
        refused.permits,
        words::when(history, refused.index)
    );
    let mut released: Vec<Op> = ops.releases.iter().filter(|op| op.ret < refused.call).copied().collect();
    released.sort_by_key(|op| op.call);
    let mut acquired: Vec<Op> =
        ops.acquires.iter().chain(&ops.crashed).filter(|op| op.call <= refused.ret).copied().collect();
    acquired.sort_by_key(|op| op.call);
    acquired.retain(|acquire| {
        let pair = released.iter().position(|op| op.permits == acquire.permits && acquire.ret < op.call);
        pair.map(|pair| released.remove(pair)).is_none()
    });
    let mut spare = least - refused.permits;
    released.retain(|op| {
        let needed = op.permits > spare;
        spare -= if needed { 0 } else { op.permits };
        needed
    });
    violation("wrongly-refused", sentence, released.iter().chain(&acquired).chain([refused]))
}

/// The processes of some operations, at most six of them.
fn names(history: &History, ops: &[Op]) -> String {
    let mut names: Vec<String> =
        ops.iter().take(6).map(|op| history.process_name(history.get(op.index).process)).collect();
    if ops.len() > 6 {
        names.push("…".to_owned());
    }
    names.join(", ")
}

fn violation<'o>(rule: &'static str, sentence: String, ops: impl Iterator<Item = &'o Op>) -> Violation {
    let mut witness: Vec<u32> = ops.map(|op| op.index).collect();
    witness.sort_unstable();
    Violation { rule, sentence, witness, ..Violation::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        linearizability::{
            monitor::testing::{agrees, assert_both_occur, calls, history, judge},
            testing::Word,
        },
        model,
    };
    use proptest::prelude::*;

    /// Acquires and releases of one or two permits; acquires are refused, or not, as they should, but for lies.
    fn histories(most: usize, refuse: bool) -> impl Strategy<Value = History> {
        calls(most).prop_map(move |calls| {
            let mut there = 2;
            history(
                &calls,
                |_, call| match call.choice {
                    0..50 => (Function::Acquire, Word::Int(1 + call.number / 3)),
                    _ => (Function::Release, if call.number < 3 { Word::None } else { Word::Int(2) }),
                },
                |function, argument| {
                    let permits = if let Word::Int(permits) = argument { *permits } else { 1 };
                    let enough = function == Function::Release || permits <= there;
                    match function {
                        Function::Release => there += permits,
                        _ if enough => there -= permits,
                        _ => {}
                    }
                    if enough || !refuse { Word::None } else { Word::Bool(false) }
                },
                |function, number| match (function, number) {
                    (Function::Acquire, 0) if refuse => Some(Word::Bool(false)),
                    (Function::Acquire, _) => Some(Word::None),
                    _ => None,
                },
            )
        })
    }

    #[test]
    fn histories_of_both_kinds_are_tried() {
        assert_both_occur(&Semaphore { permits: 2 }, histories(12, false));
    }

    proptest! {
        #[test]
        fn agrees_with_the_search_and_no_acquire_can_be_dropped(history in prop_oneof![histories(12, false), histories(12, true)]) {
            let model = model::Semaphore { permits: 2 };
            if let Some(violation) = agrees(&Semaphore { permits: 2 }, &model, &history)?
                && violation.rule == "too-many-permits"
            {
                let acquires = violation.witness.iter().filter(|op| history.functions()[**op as usize] == Function::Acquire);
                for acquire in acquires {
                    let rest: Vec<u32> = violation.witness.iter().copied().filter(|op| op != acquire).collect();
                    prop_assert!(judge(&model, &history, &rest), "{acquire} can be dropped from {violation:?}");
                }
            }
        }
    }

    fn count(history: &History, witness: &[u32], wanted: Function) -> usize {
        witness.iter().filter(|op| history.functions()[**op as usize] == wanted).count()
    }

    #[test]
    fn what_does_not_matter_to_a_refusal_is_left_out() {
        use crate::linearizability::monitor::testing::{illegal, of};
        let no = Word::Bool(false);
        let acquire = |times, result| (1, Function::Acquire, Word::Int(1), times, result);
        let release = |times| (1, Function::Release, Word::Int(1), times, Word::None);
        // One is held and given back; another is held, and then two are released of which one would have been enough.
        let history = of(&[
            acquire([0, 1], Word::None),
            release([2, 3]),
            acquire([4, 5], Word::None),
            (2, Function::Release, Word::Int(2), [6, 7], Word::None),
            (3, Function::Release, Word::Int(2), [7, 8], Word::None),
            acquire([9, 10], no),
        ]);
        let witness = illegal(&Semaphore { permits: 1 }, &history).witness;
        assert_eq!(witness, [2, 4, 5], "the acquire that was not given back, one release, and the refusal");
        assert_eq!(
            (count(&history, &witness, Function::Acquire), count(&history, &witness, Function::Release)),
            (2, 1)
        );
    }

    #[test]
    fn a_refusal_while_permits_were_there_is_illegal() {
        let mut builder = crate::history::Builder::default();
        let refused = builder.values.intern(crate::history::Value::Bool(false));
        let call = |function, call| {
            let none = crate::history::Id::NONE;
            crate::history::Invocation { process: 0, call, function, key: none, argument: none }
        };
        builder.add(call(Function::Acquire, 0), 1, crate::history::Id::NONE);
        builder.add(call(Function::Acquire, 2), 3, refused);
        let history = builder.finish();
        assert!(matches!(Semaphore { permits: 2 }.check(&history, &[0, 1]), Judged::Illegal(_)));
        assert!(matches!(Semaphore { permits: 1 }.check(&history, &[0, 1]), Judged::NotCovered(_)));
    }
}
