//! `stays-up`: no process ends without being asked to.

use super::{
    Checker, Judgement, View,
    evidence::{Figure, finding, share},
    view::node_name,
};
use crate::{
    case::{Incident, IncidentKind},
    verdict::LogLine,
};

/// The check.
pub struct StaysUp;

/// How many of the last lines of a log are shown.
const LAST: usize = 8;

const ABOUT: &str = "a node runs until it is told to stop";

impl Checker for StaysUp {
    fn name(&self) -> &'static str {
        "stays-up"
    }
    fn about(&self) -> &'static str {
        ABOUT
    }

    fn check(&self, view: &View<'_>) -> Judgement {
        let incidents = view.case.summary.incidents.iter();
        let crashes: Vec<&Incident> = incidents.filter(|incident| concerns(incident.kind)).collect();
        // A node that crashed while it started is reported as crashed, not as slow.
        let worst = crashes.iter().find(|crash| crash.kind != IncidentKind::SlowStart).or(crashes.first());
        let Some(crash) = worst else {
            let ran = if view.nodes == 1 { "node ran until it was" } else { "nodes ran until they were" };
            return Judgement::pass(format!("{} {ran} stopped", view.nodes));
        };
        let node = node_name(crash.node);
        let actual = format!("{node}: {} at {}", crash.detail, crash.at);
        let begins = if view.vocabulary.is_server() { "listens on its address" } else { "answers `init`" };
        let expected = match crash.kind {
            IncidentKind::Lingers => format!("{node} ends when it is asked to"),
            _ => format!("{node} {begins} and goes on running"),
        };
        let mut finding = finding(crash.kind.code(), ABOUT, expected, actual);
        finding.count = crashes.len() as u64;
        finding.evidence = evidence(view, crash);
        Judgement::fail(share(crashes.len(), view.nodes as usize, "node") + " ended or never started", finding)
    }
}

/// Whether it is about a process that ends or does not begin, and not about what it says.
pub(super) fn concerns(kind: IncidentKind) -> bool {
    use IncidentKind::{Crashed, Lingers, OutOfMemory, SlowStart};
    matches!(kind, Crashed | OutOfMemory | SlowStart | Lingers)
}

/// The last things that were asked of the node, and the end of its log.
fn evidence(view: &View<'_>, crash: &Incident) -> crate::verdict::Evidence {
    let mut figure = Figure::of(view);
    let before = view.case.history.operations.iter().rev();
    for op in before.filter(|op| op.node == crash.node && op.invoked <= crash.at).take(3) {
        let reply = op.reply.as_deref().map(|reply| crate::text::excerpt(reply, 48));
        figure.operation(op, crate::text::excerpt(&op.request, 48), reply, true);
    }
    let last = view.case.history.operations.last();
    if let Some((sent, by_hand)) = last.and_then(|call| super::conforms::said(view, call)) {
        figure.line("sent".into(), &sent).line(LogLine::BY_HAND.into(), &by_hand);
    }
    // What it said last tells most.
    let lines: Vec<&str> = crash.line.lines().collect();
    for line in &lines[lines.len().saturating_sub(LAST)..] {
        figure.line(format!("{} stderr", node_name(crash.node)), line);
    }
    figure.finish("the last requests to the node and the end of its log".into())
}
