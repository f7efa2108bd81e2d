//! Explanations of violations made by hand, and of anything at all.

use super::*;
use crate::{
    history::{Builder, Clock, Function, History, Id, Invocation, Outcome, Value},
    time::Offset,
    transaction::{Action, Step as Part, Transactions},
    verify::{Attempt, Dependency},
};
use proptest::prelude::*;

fn call(process: u32, call: u64, function: Function, argument: Id) -> Invocation {
    Invocation { process, call, function, key: Id::NONE, argument }
}

fn number(number: u32) -> Id {
    Id::small(number).unwrap()
}

/// Two writes one after the other, a third without an answer, and a read of the first of them.
fn stale() -> (Recorded, Violation) {
    let mut builder = Builder::default();
    builder.clock = Clock::Nanoseconds;
    builder.add(call(0, 10, Function::Write, number(3)), 20, Id::NONE);
    builder.add(call(1, 30, Function::Write, number(4)), 40, Id::NONE);
    builder.invoke(call(2, 35, Function::Write, number(9)));
    builder.add(call(0, 50, Function::Read, Id::NONE), 60, number(3));
    let attempts = vec![
        Attempt { order: vec![0, 1, 3], fails: "the register holds 4".into() },
        Attempt { order: vec![3], fails: "the register holds nil".into() },
    ];
    let sentence = "c0 read 3".to_owned();
    let violation =
        Violation { rule: "stale-read", sentence, witness: vec![3, 1, 0, 2], attempts, ..Violation::default() };
    (Recorded::Operations(builder.finish()), violation)
}

#[test]
fn a_violation_becomes_bars_and_sentences() {
    let (recorded, violation) = stale();
    let told = explain(&recorded, &violation);
    assert_eq!((&*told.rule, &*told.sentence, &*told.summary), ("stale-read", "c0 read 3", "4 of 4 operations"));
    assert_eq!(told.diagram.lanes, ["c0", "c1", "c2"]);
    let bars: Vec<_> =
        told.diagram.bars.iter().map(|bar| (&*bar.name, bar.lane, bar.ret, &*bar.label, bar.highlight)).collect();
    assert_eq!(
        bars,
        [
            ("①", 0, Some(20), "write 3", false),
            ("②", 1, Some(40), "write 4", false),
            ("③", 2, None, "write 9 → ?", false),
            ("④", 0, Some(60), "read → 3", true),
        ]
    );
    assert_eq!(
        told.attempts,
        [
            "① write 3, ② write 4, then ④ read → 3 fails: the register holds 4",
            "④ read → 3 as the first fails: the register holds nil",
        ]
    );
    assert!(told.diagram.nanoseconds && told.diagram.left_out == 0 && told.cycle.is_empty());
}

#[test]
fn what_returned_after_the_end_is_shown_as_open() {
    let (recorded, mut violation) = stale();
    violation.end = Some(39);
    let told = explain(&recorded, &violation);
    assert_eq!(told.diagram.bars[1].ret, None);
    violation.end = Some(40);
    assert_eq!(explain(&recorded, &violation).diagram.bars[1].ret, Some(40));
    violation.end = Some(59);
    assert_eq!(explain(&recorded, &violation).diagram.bars[3].label, "read", "its result is not known yet");
}

#[test]
fn a_large_witness_keeps_what_tells_most() {
    let mut builder = Builder::default();
    for index in 0..40 {
        let call = Invocation { key: number(7), ..call(index, u64::from(index) * 10, Function::Write, number(index)) };
        builder.add(call, u64::from(index) * 10 + 5, Id::NONE);
    }
    let read = Invocation { key: number(7), ..call(50, 300, Function::Read, Id::NONE) };
    builder.add(read, 305, number(2));
    let recorded = Recorded::Operations(builder.finish());
    let Recorded::Operations(history) = &recorded else { unreachable!() };
    let read = (0..41).find(|index| history.get(*index).function == Function::Read).unwrap();
    let order: Vec<u32> = (0..20).chain([read]).collect();
    let attempts = vec![Attempt { order, fails: "the register holds 19".into() }];
    let violation = Violation { witness: (0..41).collect(), attempts, ..Violation::default() };
    let told = explain(&recorded, &violation);
    assert_eq!((told.diagram.bars.len(), told.diagram.left_out), (12, 29));
    assert_eq!(told.summary, "41 of 41 operations, all on key 7");
    let shown: Vec<u32> = told.diagram.bars.iter().map(|bar| bar.index).collect();
    assert!(shown.contains(&read) && shown.contains(&19) && shown.contains(&10) && shown.is_sorted());
    assert_eq!(told.diagram.bars.iter().filter(|bar| bar.highlight).count(), 1);
    let attempt = &told.attempts[0];
    assert!(attempt.starts_with("14 earlier, ") && attempt.ends_with("fails: the register holds 19"), "{attempt}");
    assert!(attempt.contains("#11 write 19, then #12 read → 2 fails"), "{attempt}");
}

#[test]
fn without_orders_the_only_answer_is_the_one() {
    let (recorded, mut violation) = stale();
    violation.attempts.clear();
    let marked = |violation: &Violation| {
        let told = explain(&recorded, violation);
        told.diagram.bars.iter().filter(|bar| bar.highlight).map(|bar| bar.index).collect::<Vec<_>>()
    };
    assert_eq!(marked(&violation), [3]);
    // Of those that say nothing, none is to blame more than others.
    violation.witness = vec![0, 1];
    assert_eq!(marked(&violation), [0u32; 0]);
    violation.witness = vec![1];
    assert_eq!(marked(&violation), [1]);
}

fn transactions() -> Transactions {
    let mut all = Transactions::default();
    let (x, y) = (all.values.text("x"), all.values.text("y"));
    all.push(0, 0, 10, Outcome::Ok);
    all.step(Part { action: Action::Append, key: x, value: number(1) });
    all.read_list(y, Some(&[]));
    all.push(1, 5, u64::MAX, Outcome::Unknown);
    all.step(Part { action: Action::Write, key: y, value: number(2) });
    all.read_list(x, None);
    let long: Vec<Id> = (0..9).map(number).collect();
    all.push(0, 20, 30, Outcome::Failed);
    all.read_list(x, Some(&long));
    (0..20).for_each(|_| all.step(Part { action: Action::Read, key: y, value: Id::NIL }));
    all
}

#[test]
fn transactions_are_called_by_their_place_and_told_by_their_steps() {
    let edge = |from, to, kind: &str| Dependency {
        from,
        to,
        kind: kind.into(),
        reason: format!("T{from} read [], which lacks T{to}'s append"),
        premises: vec!["both are on \"y\"".into()],
    };
    let cycle = vec![edge(0, 1, "rw"), edge(1, 0, "wr")];
    let violation = Violation { rule: "G-single", witness: vec![0, 1, 2], cycle, ..Violation::default() };
    let told = explain(&Recorded::Transactions(transactions()), &violation);
    assert_eq!(told.summary, "3 of 3 transactions");
    let labels: Vec<_> = told.diagram.bars.iter().map(|bar| (&*bar.name, &*bar.label)).collect();
    assert_eq!(
        labels,
        [
            ("T0", "append x 1, read y → []"),
            ("T1", "perhaps committed: write y 2, read x → ?"),
            (
                "T2",
                "aborted: read x → [… 3 4 5 6 7 8], read y → nil, read y → nil, read y → nil, read y → nil, read y → nil, read y → nil, read y → nil, read y → nil, 12 more"
            ),
        ]
    );
    assert_eq!((&*told.cycle[0].from, &*told.cycle[0].to, &*told.cycle[1].kind), ("T0", "T1", "wr"));
    assert!(told.diagram.bars.iter().all(|bar| !bar.highlight), "no transaction of a cycle is to blame alone");
}

#[test]
fn only_what_happened_at_that_time_stands_beside_it() {
    let fault = |from: u64, to: u64| FaultWindow {
        kind: "kill".into(),
        description: String::new(),
        nodes: vec![],
        from: Offset(from),
        to: Offset(to),
    };
    let line = |at: u64, text: &str| (Offset(at), LogLine { source: "n0".into(), text: text.into() });
    let second = 1_000_000_000;
    let faults = [fault(2 * second, 3 * second), fault(0, 15), fault(30, 90 * second)];
    let lines = [line(5 * second, "late"), line(55, "then"), line(12, "first")];
    let (recorded, violation) = stale();
    let told = explain(&recorded, &violation).with_context(&Context { faults: faults.to_vec(), lines: lines.to_vec() });
    assert_eq!(told.diagram.faults, [fault(0, 15), fault(30, 90 * second)]);
    let texts: Vec<&str> = told.diagram.lines.iter().map(|line| &*line.text).collect();
    assert_eq!(texts, ["first", "then"]);
    let many: Vec<_> = (0..40).map(|at| line(at, "x")).collect();
    assert_eq!(
        explain(&recorded, &violation).with_context(&Context { faults: Vec::new(), lines: many }).diagram.lines.len(),
        8
    );
    // Positions of events cannot be compared with times.
    let Recorded::Operations(mut history) = recorded else { unreachable!() };
    history.clock = Clock::Order;
    let told = explain(&Recorded::Operations(history), &violation)
        .with_context(&Context { faults: faults.to_vec(), lines: lines.to_vec() });
    assert!(told.diagram.faults.is_empty() && told.diagram.lines.is_empty());
}

#[test]
fn values_are_bounded_and_inert() {
    let mut builder = Builder::default();
    let long = builder.values.text(&format!("begin{}end", "x".repeat(10_000)));
    let hostile = builder.values.intern(Value::Number("\u{1b}[2J".into()));
    builder.add(call(0, 1, Function::Write, long), 2, hostile);
    builder.process_names = vec!["\u{202e}".repeat(100).into()];
    let violation = Violation { witness: vec![0], ..Violation::default() };
    let told = explain(&Recorded::Operations(builder.finish()), &violation);
    let label = &told.diagram.bars[0].label;
    assert!(label.starts_with("write \"begin") && label.contains("xend\" → \\u{1b}[2J"), "{label}");
    assert!(label.chars().count() <= 160 && told.diagram.lanes[0].chars().count() <= 24);
    assert!(!told.diagram.lanes[0].contains('\u{202e}'));
}

fn history() -> impl Strategy<Value = History> {
    let op = (0u32..4, 0u64..50, prop::option::of(0u64..20), 0u32..3);
    prop::collection::vec(op, 0..40).prop_map(|ops| {
        let mut builder = Builder::default();
        for (process, at, length, value) in ops {
            let function = if value == 0 { Function::Read } else { Function::Write };
            let ticket = builder.invoke(call(process, at, function, number(value)));
            if let Some(length) = length {
                builder.complete(ticket, at + length, Outcome::Ok, number(value));
            }
        }
        builder.finish()
    })
}

proptest! {
    #[test]
    fn whatever_a_judge_says_can_be_told(
        history in history(), witness in prop::collection::vec(0u32..60, 0..40), end in prop::option::of(0u64..60),
        orders in prop::collection::vec(prop::collection::vec(0u32..60, 0..30), 0..6),
        cycle in prop::collection::vec((0u32..60, 0u32..60), 0..3),
    ) {
        let attempts = orders.into_iter().map(|order| Attempt { order, fails: "no".into() }).collect();
        let edge = |(from, to)| Dependency { from, to, kind: "ww".into(), reason: String::new(), premises: vec![] };
        let cycle = cycle.into_iter().map(edge).collect();
        let length = history.len() as u32;
        let violation = Violation { witness: witness.clone(), end, attempts, cycle, ..Violation::default() };
        let told = explain(&Recorded::Operations(history), &violation);
        let bars = &told.diagram.bars;
        let mut known = witness;
        known.retain(|index| *index < length);
        known.sort_unstable();
        known.dedup();
        prop_assert_eq!(bars.len(), known.len().min(12));
        prop_assert_eq!(bars.len() + told.diagram.left_out as usize, known.len());
        prop_assert!(bars.iter().all(|bar| (bar.lane as usize) < told.diagram.lanes.len()));
        prop_assert!(bars.iter().all(|bar| known.contains(&bar.index)));
        prop_assert!(bars.windows(2).all(|pair| pair[0].call <= pair[1].call && pair[0].name != pair[1].name));
        prop_assert!(bars.iter().filter(|bar| bar.highlight).count() <= 1);
        prop_assert!(told.attempts.len() <= 4);
    }
}
