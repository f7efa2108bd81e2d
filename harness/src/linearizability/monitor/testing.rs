//! For tests of monitors: histories of correct objects with some results falsified, and agreement with the search.

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
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

/// More configurations than any small history has.
const BUDGET: u64 = 50_000_000;

/// One call of a random history: which of the object's operations it is, with which number, and a false result.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Chooses the operation.
    pub(super) choice: u32,
    /// A small number for it.
    pub(super) number: i64,
    /// What is told instead of the true result, if anything.
    pub(super) lie: Option<i64>,
    timing: Timing,
}

/// Calls of random histories; one result in five or one in a hundred is false.
pub(super) fn calls(most: usize) -> impl Strategy<Value = Vec<Call>> {
    let call = |lies: f64| {
        (0u32..100, 0i64..4, prop::option::weighted(lies, 0i64..8), timings())
            .prop_map(|(choice, number, lie, timing)| Call { choice, number, lie, timing })
    };
    prop_oneof![prop::collection::vec(call(0.2), 0..=most), prop::collection::vec(call(0.01), 0..=most)]
}

/// The history of calls to an object: `draft` says what a call does, by its index, and `object` does it.
///
/// `lie` is what is told for a false result.
pub(super) fn history(
    calls: &[Call],
    draft: impl Fn(usize, &Call) -> (Function, Word),
    mut object: impl FnMut(Function, &Word) -> Word,
    lie: impl Fn(Function, i64) -> Option<Word>,
) -> History {
    let drafts: Vec<(Draft, Timing)> = calls
        .iter()
        .enumerate()
        .map(|(index, call)| {
            let (function, argument) = draft(index, call);
            (Draft::new(function, argument, Word::None), call.timing)
        })
        .collect();
    let mut lies = calls.iter().map(|call| call.lie);
    run(&drafts, |function, argument| {
        let truth = object(function, argument);
        lies.next().flatten().and_then(|number| lie(function, number)).unwrap_or(truth)
    })
}

/// A history of operations that ended: process, function, argument, times of call and return, result.
pub(super) fn of(ops: &[(u32, Function, Word, [u64; 2], Word)]) -> History {
    let mut builder = Builder::default();
    for (process, function, argument, [call, ret], result) in ops {
        let argument = argument.intern(&mut builder.values);
        let result = result.intern(&mut builder.values);
        let call = Invocation { process: *process, call: *call, function: *function, key: Id::NONE, argument };
        builder.add(call, *ret, result);
    }
    builder.finish()
}

/// The violation that a monitor finds.
pub(super) fn illegal(monitor: &impl Monitor, history: &History) -> Violation {
    match monitor.check(history, &history.effective()) {
        Judged::Illegal(violation) => *violation,
        other => panic!("not illegal: {other:?}"),
    }
}

/// Fails unless the monitor and the search agree, and the search finds the monitor's witness illegal as well. Gives the
/// violation, if there is one.
pub(super) fn agrees<M: Refusal>(
    monitor: &impl Monitor,
    model: &M,
    history: &History,
) -> Result<Option<Violation>, TestCaseError> {
    let operations = history.effective();
    let oracle = judge(model, history, &operations);
    match monitor.check(history, &operations) {
        Judged::NotCovered(_) => Ok(None),
        Judged::Undecided(reason) => Err(TestCaseError::fail(reason)),
        Judged::Legal => {
            prop_assert!(oracle, "the search finds it illegal");
            Ok(None)
        }
        Judged::Illegal(violation) => {
            prop_assert!(!oracle, "the search finds it legal, the monitor says {violation:?}");
            let part = history.part(&violation.witness, violation.end.unwrap_or(PENDING));
            prop_assert!(!judge(model, &part, &part.effective()), "the witness is legal: {violation:?}");
            prop_assert!(violation.witness.is_sorted() && !violation.sentence.is_empty());
            Ok(Some(*violation))
        }
    }
}

/// Whether the search finds these operations legal.
pub(super) fn judge<M: Refusal>(model: &M, history: &History, operations: &[u32]) -> bool {
    match search(model, history, operations, BUDGET) {
        Ok(Judged::Legal) => true,
        Ok(Judged::Illegal(_)) => false,
        other => panic!("the search does not decide: {other:?}"),
    }
}

/// Fails unless many of the histories are found legal, and many illegal, rather than not covered.
pub(super) fn assert_both_occur(monitor: &impl Monitor, histories: impl Strategy<Value = History>) {
    let (mut legal, mut illegal) = (0, 0);
    let mut runner = TestRunner::deterministic();
    for _ in 0..400 {
        let history = histories.new_tree(&mut runner).expect("a history").current();
        match monitor.check(&history, &history.effective()) {
            Judged::Legal => legal += 1,
            Judged::Illegal(_) => illegal += 1,
            Judged::Undecided(_) | Judged::NotCovered(_) => {}
        }
    }
    assert!(legal >= 40 && illegal >= 40, "of 400 histories {legal} are legal and {illegal} illegal");
}
