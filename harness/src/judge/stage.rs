//! Judging a stage: the verdict of its cases, its points with the reason of every one lost, its metrics and plots.

use super::{
    case::{JudgedCase, Samples},
    grade,
};
use crate::{
    checker,
    manifest::{Requirement, Stage},
    metric,
    net::FaultKind,
    plan::Plan,
    report::{self, Metric, Plot, QUANTILES, Series},
    score::{ScoreLine, tenths},
    statistics::Sorted,
    verdict::{Finding, Verdict},
};

/// One judged stage.
pub(super) struct JudgedStage {
    pub report: report::Stage,
    pub line: ScoreLine,
    pub findings: Vec<Finding>,
    pub metrics: Vec<Metric>,
}

pub(super) fn judge(plan: &Plan, stage: &Stage, judged: &[JudgedCase]) -> JudgedStage {
    let planned = plan.cases.iter().filter(|case| case.stage == stage.id);
    let cases: Vec<JudgedCase> = planned.map(|case| find(judged, &stage.id, case.seed)).collect();
    let mut metrics = measured(plan, stage, &cases);
    let disturbed = undisturbed(&cases).next().is_none() && cases.iter().any(|case| case.disturbed);
    let graded = grade::points(plan, stage, &cases, disturbed, &mut metrics);
    let mut findings: Vec<Finding> = cases.iter().flat_map(|case| case.findings.iter().cloned()).collect();
    findings.extend(graded.findings);
    let mut reasons = lost(stage, &cases);
    reasons.extend(graded.reasons);
    let verdict = graded.verdict;
    JudgedStage {
        line: ScoreLine {
            stage: stage.id.clone(),
            title: stage.title.clone(),
            verdict,
            points: tenths(graded.points),
            of: stage.points,
            reasons,
        },
        report: report::Stage {
            id: stage.id.clone(),
            title: stage.title.clone(),
            conditions: conditions(stage),
            verdict,
            requirements: stage.require.iter().map(in_words).collect(),
            plots: plots(plan, stage, &cases),
            cases: cases.into_iter().map(|case| case.report).collect(),
        },
        findings,
        metrics,
    }
}

/// The judged case, or one that says that it was not run.
fn find(judged: &[JudgedCase], stage: &str, seed: u64) -> JudgedCase {
    let known = judged.iter().find(|case| case.stage == stage && case.report.seed == seed);
    known.cloned().unwrap_or_else(|| JudgedCase {
        stage: stage.to_owned(),
        ran: false,
        disturbed: false,
        report: report::Case {
            seed,
            verdict: Verdict::NotRun,
            seconds: 0.0,
            operations: 0,
            checks: Vec::new(),
            faults: Vec::new(),
            note: Some("not run".into()),
        },
        findings: Vec::new(),
        metrics: Vec::new(),
        worthless: Vec::new(),
        samples: Vec::new(),
    })
}

/// One reason for each case that did not pass.
fn lost(stage: &Stage, cases: &[JudgedCase]) -> Vec<String> {
    let mut reasons = Vec::new();
    for case in cases.iter().filter(|case| case.report.verdict != Verdict::Pass) {
        let seed = if stage.seeds > 1 { format!(" (seed {})", case.report.seed) } else { String::new() };
        let failed: Vec<&report::Check> =
            case.report.checks.iter().filter(|check| matters(check, &case.report)).collect();
        if failed.is_empty() {
            reasons.push(format!("{}{seed}", case.report.note.as_deref().unwrap_or("not decided")));
        }
        reasons.extend(failed.into_iter().map(|check| format!("{}{seed}: {}", check.name, check.detail)));
    }
    reasons
}

/// Whether a check is a reason for lost points; one that was not reached is none where another has failed.
fn matters(check: &report::Check, case: &report::Case) -> bool {
    let failed = case.verdict == Verdict::Fail;
    check.verdict != Verdict::Pass && !(failed && check.verdict == Verdict::NotRun)
}

fn undisturbed(cases: &[JudgedCase]) -> impl Iterator<Item = &JudgedCase> {
    cases.iter().filter(|case| case.ran && !case.disturbed)
}

/// The median of each metric over the cases that ran; of times, where it can be, over those in which the machine had
/// time.
fn measured(plan: &Plan, stage: &Stage, cases: &[JudgedCase]) -> Vec<Metric> {
    let of = |metric: &metric::Metric| {
        let quiet = metric.is_time() && undisturbed(cases).next().is_some();
        let cases = cases.iter().filter(|case| !(quiet && case.disturbed));
        let values = cases.flat_map(|case| &case.metrics).filter(|(name, _)| *name == metric.name);
        let values = Sorted::new(values.map(|(_, value)| *value).collect());
        Some(Metric {
            stage: stage.id.clone(),
            name: metric.name.to_owned(),
            value: values.quantile(0.5)?,
            min: values.quantile(0.0)?,
            max: values.quantile(1.0)?,
            unit: metric.unit.to_owned(),
            full: None,
            zero: None,
            points: None,
            reference: plan.reference.metric(&stage.id, metric.name),
        })
    };
    metric::REGISTRY.iter().filter_map(of).collect()
}

/// A plot for each kind of sample that any case has: all cases' samples together, beside the reference's.
fn plots(plan: &Plan, stage: &Stage, cases: &[JudgedCase]) -> Vec<Plot> {
    let Some(first) = cases.iter().find(|case| !case.samples.is_empty()) else { return Vec::new() };
    let plot = |index: usize| {
        let Samples { title, axis, beside, .. } = first.samples.get(index)?;
        let all = || cases.iter().filter_map(|case| case.samples.get(index));
        let values = middle(all().map(|samples| &samples.own))?;
        let reference = middle(all().map(|samples| &samples.reference));
        let reference = reference.or_else(|| plan.reference.curve(&stage.id, title).map(<[f64]>::to_vec));
        let mut series = vec![Series { name: "this submission".into(), values }];
        series.extend(reference.map(|values| Series { name: (*beside).into(), values }));
        Some(Plot { title: (*title).into(), axis: (*axis).into(), series })
    };
    (0..first.samples.len()).filter_map(plot).collect()
}

/// The median of the cases' curves, where there are any.
fn middle<'s>(cases: impl Iterator<Item = &'s Sorted>) -> Option<Vec<f64>> {
    let curves: Vec<Vec<f64>> = cases.filter(|samples| !samples.is_empty()).map(quantiles).collect();
    let at = |place: usize| Sorted::new(curves.iter().map(|curve| curve[place]).collect()).quantile(0.5);
    (0..QUANTILES.len()).map(at).collect()
}

fn quantiles(samples: &Sorted) -> Vec<f64> {
    QUANTILES.iter().map(|q| samples.quantile(*q).unwrap_or(0.0)).collect()
}

fn in_words(requirement: &Requirement) -> String {
    let about = match requirement {
        Requirement::Check(name) => checker::find(name).map(|checker| checker.about()),
        Requirement::Bound { metric, .. } => metric::find(metric).map(|metric| metric.about),
    };
    format!("{requirement}: {}", about.unwrap_or("unknown to this takehome"))
}

/// The stage's conditions in one line.
fn conditions(stage: &Stage) -> String {
    let mut parts = vec![plural(stage.nodes, "node")];
    if stage.nodes > 1 {
        parts.push(format!("topology {}", stage.topology));
        if !stage.latency.mean.0.is_zero() {
            parts.push(format!("latency {} {:?}", stage.latency.mean, stage.latency.distribution).to_lowercase());
        }
    }
    if stage.clients > 1 {
        parts.push(plural(stage.clients, "client"));
    }
    match &stage.load {
        Some(load) => {
            let pace = match (load.depth, load.rate) {
                (_, Some(rate)) => format!("{rate} requests/s at fixed times"),
                (depth, None) => format!("{} in flight on each", plural(depth.unwrap_or(1), "request")),
            };
            let beside = if load.scaling { "itself on one processor" } else { "the reference" };
            parts.push(format!("{pace}, in turns with {beside} for at most {}", stage.duration));
        }
        None if stage.conversations => parts.push("one exchange after the other".to_owned()),
        None => parts.push(format!("{} operations/s for {}", stage.rate, stage.duration)),
    }
    if let Some(cores) = stage.cores {
        parts.push(plural(cores, "processor"));
    }
    for (name, share) in [("loss", stage.loss), ("duplication", stage.duplicate), ("reordering", stage.reorder)] {
        if share > 0.0 {
            parts.push(format!("{name} {}%", share * 100.0));
        }
    }
    if !stage.faults.is_empty() {
        let words: Vec<String> = stage.faults.iter().map(|fault| word(*fault)).collect();
        parts.push(format!("faults: {}", words.join(", ")));
    }
    parts.push(plural(stage.seeds, "seed"));
    parts.join(" · ")
}

fn plural(count: u32, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A fault's word, as manifests write it.
fn word(fault: FaultKind) -> String {
    serde_json::to_value(fault).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}
