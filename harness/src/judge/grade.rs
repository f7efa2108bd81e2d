//! Points of a stage: nothing unless its requirements hold, then interpolated between `full` and `zero`.

use super::case::{JudgedCase, show};
use crate::{
    manifest::{Grade, Stage},
    metric,
    plan::Plan,
    report::Metric,
    score::{interpolate, tenths},
    verdict::{Blame, Finding, Verdict},
};

/// What the grading of a stage comes to.
pub(super) struct Graded {
    pub points: f64,
    pub verdict: Verdict,
    pub reasons: Vec<String>,
    pub findings: Vec<Finding>,
}

/// The stage's points; each graded metric is marked with what it earned. `disturbed` says that in no case the machine
/// had time enough for times to be graded.
pub(super) fn points(
    plan: &Plan,
    stage: &Stage,
    cases: &[JudgedCase],
    disturbed: bool,
    metrics: &mut [Metric],
) -> Graded {
    let required = Verdict::all(cases.iter().map(|case| case.report.verdict));
    let mut graded = Graded { points: 0.0, verdict: required, reasons: Vec::new(), findings: Vec::new() };
    let weights: f64 = stage.grade.iter().map(|grade| grade.weight).sum();
    if required != Verdict::Pass || weights <= 0.0 {
        graded.points = if required == Verdict::Pass { stage.points } else { 0.0 };
        mark(stage, metrics);
        return graded;
    }
    for grade in &stage.grade {
        let most = stage.points * grade.weight / weights;
        let Some(metric) = metrics.iter_mut().find(|metric| metric.name == grade.metric) else {
            graded.verdict = Verdict::Unknown;
            graded.reasons.push(format!("{} could not be measured", grade.metric));
            continue;
        };
        let share = interpolate(metric.value, grade.full.0, grade.zero.0);
        if share < 1.0 && disturbed && metric.unit == metric::TIME {
            graded.verdict = Verdict::Unknown;
            let reason = "not graded: this machine was too busy; run it again on a quiet one";
            graded.reasons.push(format!("{} is {reason}", metric.name));
            continue;
        }
        let earned = share * most;
        (metric.full, metric.zero, metric.points) =
            (Some(grade.full.0), Some(grade.zero.0), Some((tenths(earned), tenths(most))));
        graded.points += earned;
        if share < 1.0 {
            graded.reasons.push(format!("{} (−{:.1})", sentence(metric, grade), most - earned));
        }
        if share == 0.0 {
            graded.verdict = Verdict::Fail;
            graded.findings.push(zero(plan, stage, cases, metric, grade));
        }
    }
    graded
}

/// Shows the thresholds also where the requirements did not let anything be earned.
fn mark(stage: &Stage, metrics: &mut [Metric]) {
    for grade in &stage.grade {
        for metric in metrics.iter_mut().filter(|metric| metric.name == grade.metric) {
            (metric.full, metric.zero) = (Some(grade.full.0), Some(grade.zero.0));
        }
    }
}

fn sentence(metric: &Metric, grade: &Grade) -> String {
    let (value, full, zero) =
        (show(metric.value, &metric.unit), show(grade.full.0, &metric.unit), show(grade.zero.0, &metric.unit));
    format!("{} is {value}; full points at {full}, none at {zero}", metric.name)
}

/// The finding for a metric that earned nothing, with the evidence of the first case in which it would have.
fn zero(plan: &Plan, stage: &Stage, cases: &[JudgedCase], metric: &Metric, grade: &Grade) -> Finding {
    let worthless = |case: &JudgedCase| {
        let (_, evidence) = case.worthless.iter().find(|(name, _)| *name == metric.name)?;
        Some((case.report.seed, evidence.clone()))
    };
    let (seed, mut evidence) = cases.iter().find_map(worthless).unwrap_or((plan.seed, Default::default()));
    let (least, most) = (show(metric.min, &metric.unit), show(metric.max, &metric.unit));
    evidence.summary = format!("{}; {least} to {most} over the cases", evidence.summary);
    Finding {
        code: "metric-zero".into(),
        stage: stage.id.clone(),
        seed,
        requirement: format!("{} is graded: more than nothing is needed to pass the stage", metric.name),
        expected: format!("better than {}", show(grade.zero.0, &metric.unit)),
        actual: format!("{} is {} (median of the cases)", metric.name, show(metric.value, &metric.unit)),
        count: 1,
        evidence,
        blame: Blame::Candidate,
        decisive: true,
        replay: plan.replay(&stage.id, seed),
    }
}
