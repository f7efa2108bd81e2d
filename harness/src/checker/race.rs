//! `no-race`: a build that watches itself finds no data race and no error of memory.

use super::{
    Checker, Judgement, View,
    evidence::{Figure, finding},
    view::node_name,
};
use crate::case::{Incident, IncidentKind};

/// The check.
pub struct NoRace;

const ABOUT: &str = "a build with a race detector or a sanitizer finds no data race and no error of memory";

/// How many lines of a report are shown.
const LINES: usize = 40;

impl Checker for NoRace {
    fn name(&self) -> &'static str {
        "no-race"
    }
    fn about(&self) -> &'static str {
        ABOUT
    }

    fn check(&self, view: &View<'_>) -> Judgement {
        let mut incidents = view.case.summary.incidents.iter();
        let Some(incident) = incidents.find(|incident| concerns(incident.kind)) else {
            let answered = view.work().filter(|call| call.is_ok()).count();
            if answered == 0 {
                return super::nothing_answered(view, ABOUT, "answered operations");
            }
            return Judgement::pass(format!("{answered} operations, nothing was found"));
        };
        let actual = format!("{}: {} at {}", node_name(incident.node), incident.detail, incident.at);
        let expected = match incident.kind {
            IncidentKind::DataRace => "all use of shared memory is ordered by locks, channels or atomics",
            _ => "memory that is there, and values that the language defines",
        };
        let mut finding = finding(incident.kind.code(), ABOUT, expected.into(), actual.clone());
        finding.evidence = evidence(view, incident);
        Judgement::fail(actual, finding)
    }
}

/// Whether it is what a sanitizer has found.
pub(super) fn concerns(kind: IncidentKind) -> bool {
    matches!(kind, IncidentKind::DataRace | IncidentKind::MemoryError)
}

fn evidence(view: &View<'_>, incident: &Incident) -> crate::verdict::Evidence {
    let mut figure = Figure::of(view);
    for line in incident.line.lines().filter(|line| !line.trim().is_empty()).take(LINES) {
        figure.line(format!("{} stack", node_name(incident.node)), line);
    }
    figure.finish("what the sanitizer wrote, with the stacks of both".into())
}
