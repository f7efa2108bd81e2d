//! What part of a case's record shows why a metric is what it is: a number alone is not defended.

use super::observations::missing_until;
use crate::{
    calls::Call,
    checker::{Figure, View, kind_of, node_name, share, unanswered},
    performance::Slice,
    text::excerpt,
    time::Offset,
    units::Bytes,
    verdict::Evidence,
};

/// What is looked at first to understand a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// The first operations without a good answer.
    Unanswered,
    /// The operations that took longest.
    Slowest,
    /// The messages between the nodes that followed an operation.
    Traffic,
    /// The value that some node went without for longest.
    Propagation,
    /// What each node used.
    Usage,
    /// What was measured beside the reference.
    Slices,
}

/// How many operations are shown.
const OPERATIONS: usize = 3;
/// How many messages are shown.
const MESSAGES: usize = 20;
/// How many blocks are shown.
const BLOCKS: usize = 6;

impl Shown {
    /// The evidence in a case; never empty.
    pub(super) fn evidence(self, view: &View<'_>) -> Evidence {
        match self {
            Self::Unanswered => unanswered(view),
            Self::Slowest => slowest(view),
            Self::Traffic => traffic(view),
            Self::Propagation => propagation(view),
            Self::Usage => usage(view),
            Self::Slices => slices(view),
        }
    }
}

/// The slowest answers; without any answer, the requests that got none.
fn slowest(view: &View<'_>) -> Evidence {
    let time = |op: &Call| op.returned.map(|at| at.since(op.invoked));
    let mut answered: Vec<&Call> = view.work().filter(|op| op.is_ok() && op.returned.is_some()).collect();
    if answered.is_empty() {
        return unanswered(view);
    }
    answered.sort_by_key(|op| std::cmp::Reverse(time(op)));
    let mut figure = Figure::of(view);
    for op in answered.iter().take(OPERATIONS) {
        let took = time(op).unwrap_or_default().as_secs_f64() * 1e3;
        figure.operation(op, excerpt(&op.request, 40), Some(format!("{}_ok after {took:.1} ms", op.function)), true);
    }
    let shown = answered.len().min(OPERATIONS);
    figure.finish(format!("the slowest {}", share(shown, answered.len(), "answered operation")))
}

/// The operation after which most messages came before the next one, with the first of them.
fn traffic(view: &View<'_>) -> Evidence {
    let entries = &view.case.journal.entries;
    let work: Vec<&Call> = view.work().collect();
    let after = |index: usize| {
        let until = work.get(index + 1).map_or(view.case.summary.work_ended, |next| next.invoked);
        let first = entries.partition_point(|entry| entry.sent < work[index].invoked);
        first..entries.partition_point(|entry| entry.sent < until).max(first)
    };
    let mut figure = Figure::of(view);
    let Some(most) = (0..work.len()).max_by_key(|index| after(*index).len()) else {
        return figure.finish("no operation".into());
    };
    let messages = &entries[after(most)];
    figure.operation(work[most], excerpt(&work[most].request, 40), None, false);
    for entry in messages.iter().take(MESSAGES) {
        figure.message(entry, format!("{} ({} bytes)", kind_of(&entry.body), entry.bytes));
    }
    figure.finish(format!(
        "{} before the next operation, of {} in the case with {} operations",
        share(messages.len().min(MESSAGES), messages.len(), "message"),
        entries.len(),
        work.len()
    ))
}

/// The acknowledged value that a node went without for longest, and the last read without it.
fn propagation(view: &View<'_>) -> Evidence {
    let mut figure = Figure::of(view);
    let Some(set) = view.set() else { return figure.finish("no set in this case".into()) };
    let until = missing_until(&set.set, view.case.summary.ended_at);
    let acknowledged = set.set.adds.iter().filter(|add| add.is_acknowledged());
    let slowest = acknowledged.max_by_key(|add| until[add.value as usize].since(Offset(add.ret)));
    let Some(add) = slowest else { return unanswered(view) };
    let (op, value) = (&view.case.history.operations[add.op], excerpt(&set.values[add.value as usize], 40));
    figure.operation(op, format!("{} {value}", op.function), Some(format!("{}_ok", op.function)), false);
    let without = set.set.reads.iter().filter(|read| read.ret > add.ret && !read.values.contains(&add.value));
    if let Some(read) = without.max_by_key(|read| read.call) {
        let reading = &view.case.history.operations[read.op];
        let reply = format!("{}_ok: {} values, without {value}", reading.function, read.values.len());
        figure.operation(reading, reading.function.to_string(), Some(reply), true);
    }
    let after = until[add.value as usize].since(Offset(add.ret)).as_secs_f64() * 1e3;
    figure.finish(format!("the slowest value: still missing somewhere {after:.0} ms after its acknowledgement"))
}

/// CPU time and peak memory, node by node.
fn usage(view: &View<'_>) -> Evidence {
    let mut figure = Figure::of(view);
    let usage = &view.case.summary.usage;
    for (node, used) in usage.iter().enumerate().take(MESSAGES) {
        let text = format!("{:.2} s of CPU time, at most {} of memory", used.cpu_seconds, Bytes(used.peak_memory));
        figure.line(node_name(node as u32), &text);
    }
    figure.finish(share(usage.len().min(MESSAGES), usage.len(), "node"))
}

/// The first blocks, and what all of them come to.
fn slices(view: &View<'_>) -> Evidence {
    let mut figure = Figure::of(view);
    let Some(performance) = &view.case.summary.performance else { return figure.finish("nothing was measured".into()) };
    let rates = |slices: &[Slice]| {
        let rate = |slice: &Slice| match slice.tail {
            0 => format!(
                "{} {:.0}/s",
                performance.name(slice.side),
                slice.operations as f64 / slice.nanoseconds as f64 * 1e9
            ),
            tail => format!("{} 99 % in {:.3} ms", performance.name(slice.side), tail as f64 / 1e6),
        };
        slices.iter().map(rate).collect::<Vec<_>>().join(", ")
    };
    let blocks: Vec<&[Slice]> = performance.slices.chunk_by(|one, next| one.block == next.block).collect();
    for block in blocks.iter().take(BLOCKS) {
        figure.line(format!("block {}", block[0].block), &rates(block));
    }
    let sentence = performance.sentence(&[]).unwrap_or_else(|| "nothing was measured".into());
    figure.finish(format!("{}: {sentence}", share(blocks.len().min(BLOCKS), blocks.len(), "block")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        calls::{Calls, Outcome, Role},
        case::{CaseRecord, CaseSummary, NodeUsage},
        journal::{Entry, Fate, Journal},
        oracle::Vocabulary,
    };

    const SET: Vocabulary = Vocabulary::Set { add: "add", value: "v", read: "read", values: "vs" };

    fn op(role: Role, at: u64, took: u64, request: &str, reply: &str) -> Call {
        Call {
            client: 0,
            node: 0,
            role,
            function: if role == Role::Work { "add" } else { "read" }.into(),
            invoked: Offset::from_millis(at),
            returned: Some(Offset::from_millis(at + took)),
            outcome: Outcome::Ok,
            request: request.into(),
            reply: Some(reply.into()),
        }
    }

    fn message(at: u64) -> Entry {
        let (sent, body) = (Offset::from_millis(at), r#"{"type":"gossip"}"#.into());
        Entry { from: 0, to: 1, sent, fate: Fate::Received(sent), bytes: 60, copy: false, body }
    }

    /// Two values, the second slow to be acknowledged, slow to arrive, and followed by more messages.
    fn evidence(shown: Shown) -> Evidence {
        let add = |at, took, value| {
            op(Role::Work, at, took, &format!(r#"{{"type":"add","v":{value}}}"#), r#"{"type":"add_ok"}"#)
        };
        let read = |at, values| op(Role::Probe, at, 1, "{}", &format!(r#"{{"type":"read_ok","vs":[{values}]}}"#));
        let operations = vec![add(0, 1, 1), add(100, 30, 2), read(200, "1"), read(300, "1"), read(400, "1,2")];
        let summary = CaseSummary {
            work_ended: Offset::from_millis(500),
            ended_at: Offset::from_millis(600),
            usage: vec![NodeUsage { cpu_seconds: 0.5, peak_memory: 1 << 20 }],
            ..CaseSummary::default()
        };
        let entries = [5, 110, 120, 130].map(message).to_vec();
        let record = CaseRecord { summary, history: Calls { operations }, journal: Journal { entries } };
        shown.evidence(&View::new(&record, SET, 1))
    }

    fn labels(evidence: &Evidence) -> Vec<&str> {
        evidence.arrows.iter().map(|arrow| &*arrow.label).collect()
    }

    #[test]
    fn each_metric_is_shown_by_what_made_it_bad() {
        let slowest = evidence(Shown::Slowest);
        assert!(labels(&slowest).contains(&"add_ok after 30.0 ms"), "{slowest:?}");
        let traffic = evidence(Shown::Traffic);
        assert_eq!(labels(&traffic)[1..], ["gossip (60 bytes)"; 3]);
        assert_eq!(traffic.summary, "3 of 3 messages before the next operation, of 4 in the case with 2 operations");
        let propagation = evidence(Shown::Propagation);
        assert_eq!(labels(&propagation)[0], "add 2");
        assert!(propagation.arrows.iter().any(|arrow| arrow.highlight && arrow.sent == Offset::from_millis(301)));
        assert!(propagation.summary.contains("170 ms after its acknowledgement"), "{}", propagation.summary);
        let usage = evidence(Shown::Usage);
        assert_eq!(usage.lines[0].text, "0.50 s of CPU time, at most 1 MiB of memory");
    }
}
