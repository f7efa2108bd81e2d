//! `no-duplicates`: no read lists the same value twice.

use super::{
    Checker, Judgement, View,
    evidence::{Figure, finding, share},
    view::node_name,
};
use crate::{text::excerpt, time::Offset};

/// The check.
pub struct NoDuplicates;

const ABOUT: &str = "no read lists the same value twice";

impl Checker for NoDuplicates {
    fn name(&self) -> &'static str {
        "no-duplicates"
    }
    fn about(&self) -> &'static str {
        ABOUT
    }

    fn check(&self, view: &View<'_>) -> Judgement {
        let Some(set) = view.set() else { return super::well_formed::not_applicable(self.name()) };
        let (reads, bad) = (&set.set.reads, set.set.duplicates());
        let Some((read, value)) = bad.first().map(|(read, value)| (&reads[*read], value)) else {
            return Judgement::pass(format!("{} reads without a duplicate", reads.len()));
        };
        let op = &view.case.history.operations[read.op];
        let times = read.values.iter().filter(|other| *other == value).count();
        let text = excerpt(&set.values[*value as usize], 40);
        let actual =
            format!("{text} is listed {times} times in the read of {} at {}", node_name(read.source), Offset(read.ret));
        let mut finding = finding("duplicate-value", ABOUT, format!("{text} at most once in each read"), actual);
        finding.count = bad.len() as u64;
        let reply = format!("{}_ok: {text} × {times} among {} values", op.function, read.values.len());
        let mut figure = Figure::of(view);
        figure.operation(op, op.function.to_string(), Some(reply), true);
        if let Some(reply) = &op.reply {
            figure.line(format!("{} stdout", node_name(op.node)), reply);
        }
        finding.evidence = figure.finish(share(1, reads.len(), "read"));
        Judgement::fail(share(bad.len(), reads.len(), "read") + " with a duplicate", finding)
    }
}
