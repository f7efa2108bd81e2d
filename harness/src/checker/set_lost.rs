//! `nothing-lost`: every acknowledged value is in every node's final read.

use super::{
    Checker, Judgement, View,
    evidence::{Figure, finding, kind_of, share},
    set_view::SetView,
    view::node_name,
};
use crate::{
    condition::growing::{Add, Read},
    journal::Entry,
    text::excerpt,
    time::Offset,
    verdict::Finding,
};
use std::time::Duration;

/// The check.
pub struct NothingLost;

const ABOUT: &str =
    "every acknowledged value is in every node's reads once the network has healed and all nodes are up again";

impl Checker for NothingLost {
    fn name(&self) -> &'static str {
        "nothing-lost"
    }
    fn about(&self) -> &'static str {
        ABOUT
    }

    fn check(&self, view: &View<'_>) -> Judgement {
        let Some(set) = view.set() else { return super::well_formed::not_applicable(self.name()) };
        if let Some(judgement) = unobserved(view, set) {
            return judgement;
        }
        let acknowledged = acknowledged(set);
        let losses: Vec<(&Read, Vec<Add>)> = set
            .final_reads(view.nodes)
            .into_iter()
            .flatten()
            .map(|read| (read, set.set.missing_from(read)))
            .filter(|(_, missing)| !missing.is_empty())
            .collect();
        match losses.iter().flat_map(|(_, missing)| missing).min_by_key(|add| add.op) {
            None => Judgement::pass(format!("{acknowledged} acknowledged values, all in every final read")),
            Some(first) => lost(view, set, *first, &losses, acknowledged),
        }
    }
}

fn acknowledged(set: &SetView) -> usize {
    set.set.adds.iter().filter(|add| add.is_acknowledged()).count()
}

/// What is said where no value was acknowledged or a node's final read did not come back.
pub(super) fn unobserved(view: &View<'_>, set: &SetView) -> Option<Judgement> {
    if acknowledged(set) == 0 {
        return Some(nothing_observed(view, format!("none of {} values was acknowledged", set.set.adds.len())));
    }
    let finals = set.final_reads(view.nodes);
    let silent: Vec<u32> = (0..view.nodes).filter(|node| finals[*node as usize].is_none()).collect();
    let node = node_name(*silent.first()?);
    let share = share(silent.len(), view.nodes as usize, "node");
    Some(nothing_observed(view, format!("no final read of {node} came back; {share}")))
}

/// Without an observation there is no pass: the submission answered nothing that could be judged.
fn nothing_observed(view: &View<'_>, actual: String) -> Judgement {
    let mut finding =
        finding("no-reply", ABOUT, "acknowledged values and a final read from every node".into(), actual.clone());
    let open = view.case.history.operations.iter().rev().find(|op| !op.is_ok());
    let mut figure = Figure::of(view);
    if let Some(op) = open {
        figure.operation(op, op.function.to_string(), op.reply.as_deref().map(|text| excerpt(text, 60)), true);
    }
    finding.evidence = figure.finish("the last request without a good answer".into());
    Judgement::fail(actual, finding)
}

fn lost(view: &View<'_>, set: &SetView, first: Add, losses: &[(&Read, Vec<Add>)], acknowledged: usize) -> Judgement {
    let missing: std::collections::HashSet<u32> =
        losses.iter().flat_map(|(_, adds)| adds).map(|add| add.value).collect();
    let without: Vec<&Read> = losses
        .iter()
        .filter(|(_, adds)| adds.iter().any(|add| add.value == first.value))
        .map(|(read, _)| *read)
        .collect();
    let detail = share(missing.len(), acknowledged, "acknowledged value") + " missing from a final read";
    let mut finding = describe(view, set, first, &without);
    finding.count = missing.len() as u64;
    Judgement::fail(detail, finding)
}

/// The finding for the first lost value: where it was acknowledged, how far it got, and who never had it.
fn describe(view: &View<'_>, set: &SetView, add: Add, without: &[&Read]) -> Finding {
    let op = &view.case.history.operations[add.op];
    let value = excerpt(&set.values[add.value as usize], 40);
    let nodes: Vec<String> = without.iter().map(|read| node_name(read.source)).collect();
    let at = if add.is_acknowledged() { Offset(add.ret) } else { op.invoked };
    let mut finding = finding(
        "value-lost",
        ABOUT,
        format!("{value} in the final read of {}", nodes.join(", ")),
        format!("{value} is absent; {} acknowledged it at {at}{}", node_name(op.node), nearby_fault(view, at)),
    );
    let mut figure = Figure::of(view);
    figure.operation(op, format!("{} {value}", op.function), Some(format!("{}_ok", op.function)), false);
    // Later messages hold the same digits by chance more often than the value.
    let soon = op.invoked + NEARBY;
    let carries = |entry: &&Entry| (op.invoked..=soon).contains(&entry.sent) && mentions(&entry.body, &value);
    let mut messages = 0;
    for entry in view.case.journal.entries.iter().filter(carries).take(10) {
        figure.message(entry, kind_of(&entry.body));
        messages += 1;
    }
    for read in without.iter().take(3) {
        let reading = &view.case.history.operations[read.op];
        let reply = format!("{}_ok: {} values, without {value}", reading.function, read.values.len());
        figure.operation(reading, reading.function.to_string(), Some(reply), true);
    }
    let total = view.case.history.operations.len();
    finding.evidence = figure.finish(format!(
        "{} and {messages} messages that carry the value",
        share(1 + without.len().min(3), total, "operation")
    ));
    finding
}

/// How long after a value was sent its messages are looked for.
const NEARBY: Duration = Duration::from_secs(2);

/// Where the acknowledgement stands relative to the fault nearest before or after it.
fn nearby_fault(view: &View<'_>, at: Offset) -> String {
    let faults = &view.case.summary.faults;
    if let Some(fault) = faults.iter().find(|fault| fault.from <= at && at <= fault.to) {
        return format!(", during the {} ({})", fault.kind, fault.description);
    }
    match faults.iter().filter(|fault| fault.from > at).min_by_key(|fault| fault.from) {
        Some(fault) => {
            format!(", {:.1} s before the {} ({})", fault.from.since(at).as_secs_f64(), fault.kind, fault.description)
        }
        None => String::new(),
    }
}

/// Whether a body's text holds a number or word as a token of its own.
fn mentions(body: &str, value: &str) -> bool {
    let edge = |c: Option<char>| !c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
    body.match_indices(value)
        .any(|(at, _)| edge(body[..at].chars().next_back()) && edge(body[at + value.len()..].chars().next()))
}
