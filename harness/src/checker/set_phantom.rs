//! `no-phantoms`: every value in a read was written by somebody before the read returned.

use super::{
    Checker, Judgement, View,
    evidence::{Figure, finding, share},
    set_view::SetView,
    view::node_name,
};
use crate::{text::excerpt, time::Offset};

/// The check.
pub struct NoPhantoms;

const ABOUT: &str = "every value in a read was sent by a client before the read returned";

impl Checker for NoPhantoms {
    fn name(&self) -> &'static str {
        "no-phantoms"
    }
    fn about(&self) -> &'static str {
        ABOUT
    }

    fn check(&self, view: &View<'_>) -> Judgement {
        let Some(set) = view.set() else { return super::well_formed::not_applicable(self.name()) };
        let (reads, bad) = (&set.set.reads, set.set.phantoms());
        let Some((read, value)) = bad.first().map(|(read, value)| (&reads[*read], value)) else {
            return Judgement::pass(format!("{} reads, every value was sent before", reads.len()));
        };
        let op = &view.case.history.operations[read.op];
        let text = excerpt(&set.values[*value as usize], 40);
        let actual = format!(
            "{} listed {text} at {}, which no client had sent{}",
            node_name(read.source),
            Offset(read.ret),
            near_miss(set, &text)
        );
        let mut finding = finding("phantom-value", ABOUT, "only values that clients have sent".into(), actual);
        finding.count = bad.len() as u64;
        let mut figure = Figure::of(view);
        figure.operation(op, op.function.to_string(), Some(format!("{}_ok with {text}", op.function)), true);
        if let Some(reply) = &op.reply {
            figure.line(format!("{} stdout", node_name(op.node)), reply);
        }
        finding.evidence = figure.finish(share(1, reads.len(), "read"));
        Judgement::fail(share(bad.len(), reads.len(), "read") + " with a value that nobody sent", finding)
    }
}

/// A number that went through a 64-bit float comes back nearly right; saying so saves the reader an hour.
fn near_miss(set: &SetView, text: &str) -> String {
    let rounded = |text: &str| text.parse::<f64>().ok();
    let Some(value) = rounded(text) else { return String::new() };
    let sent = set.set.adds.iter().map(|add| &set.values[add.value as usize]);
    match sent.into_iter().find(|sent| sent.as_str() != text && rounded(sent) == Some(value)) {
        Some(sent) => format!(" ({sent} was sent: equal only as a 64-bit float)"),
        None => String::new(),
    }
}
