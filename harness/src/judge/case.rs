//! Judging one case: its requirements, its metrics, its findings.

use super::load;
use crate::{
    calls::Call,
    case::{CaseRecord, Ended},
    checker::{self, Judgement, View},
    manifest::{Grade, Requirement, Stage},
    metric,
    oracle::Oracle,
    performance::{Performance, Side},
    plan::Plan,
    report,
    score::interpolate,
    statistics::Sorted,
    text::excerpt,
    time::Offset,
    verdict::{Blame, Evidence, Finding, Verdict},
};
use serde::Deserialize;
use std::collections::{BTreeMap, btree_map::Entry};

/// How many kinds of errors are told, and counted.
const OFTEN: usize = 3;
const KINDS: usize = 1_000;

/// One judged case.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedCase {
    /// Stage id.
    pub stage: String,
    /// Whether it ran to an end that can be judged.
    pub ran: bool,
    /// Whether the machine was too busy for its times to be graded.
    pub disturbed: bool,
    /// What the report shows of it.
    pub report: report::Case,
    /// Its findings.
    pub findings: Vec<Finding>,
    /// Value of every metric it says something about.
    pub metrics: Vec<(&'static str, f64)>,
    /// The graded metrics that would earn nothing here, each with the part of the record that shows why.
    pub worthless: Vec<(&'static str, Evidence)>,
    /// Samples for the stage's plots.
    pub samples: Vec<Samples>,
}

/// What a plot is drawn of.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// Title of the plot.
    pub title: &'static str,
    /// What its horizontal axis shows, with its unit.
    pub axis: &'static str,
    /// The submission's.
    pub own: Sorted,
    /// The reference's in the same case; empty where it was not measured there.
    pub reference: Sorted,
    /// What that is called: of a submission that is measured beside itself it is its own.
    pub beside: &'static str,
}

/// Judges a case; none when its stage is not in the plan's manifest.
pub fn case(plan: &Plan, record: &CaseRecord, oracle: &dyn Oracle) -> Option<JudgedCase> {
    let stage = plan.manifest.stage(&record.summary.stage)?;
    let view = View::of_stage(record, oracle.vocabulary(), stage);
    Some(match &record.summary.ended {
        Ended::Completed | Ended::NeverReady | Ended::AllCrashed => judged(plan, stage, &view),
        Ended::Interrupted => unjudged(record, Verdict::NotRun, "interrupted".into()),
        Ended::Broken(why) => unjudged(record, Verdict::Unknown, why.clone()),
    })
}

fn judged(plan: &Plan, stage: &Stage, view: &View<'_>) -> JudgedCase {
    let summary = &view.case.summary;
    let mut checks = Vec::new();
    let mut findings = Vec::new();
    for requirement in &stage.require {
        let judgement = if is_reached(requirement, &summary.ended) { judge(requirement, view) } else { not_reached() };
        findings.extend(judgement.findings);
        let (name, verdict, detail) = (requirement.to_string(), judgement.verdict, judgement.detail);
        checks.push(report::Check { name, verdict, detail });
    }
    let mut verdict = Verdict::all(checks.iter().map(|check| check.verdict));
    if verdict == Verdict::Pass
        && let Some(judgement) = checker::unobserved(view)
    {
        verdict = judgement.verdict;
        let name = "something-observed".to_owned();
        checks.push(report::Check { name, verdict, detail: judgement.detail });
        findings.extend(judgement.findings);
    }
    for finding in &mut findings {
        finding.stage = stage.id.clone();
        finding.seed = summary.seed;
        finding.replay = plan.replay(&stage.id, summary.seed);
    }
    if matches!(verdict, Verdict::Pass | Verdict::NotRun) && summary.ended != Ended::Completed {
        verdict = Verdict::Unknown;
    }
    let performance = summary.performance.as_ref();
    let doubt = view.doubt().filter(|_| verdict == Verdict::Pass);
    if doubt.is_some() {
        verdict = Verdict::Unknown;
    }
    let overloaded = load::is_overloaded(view.case);
    if verdict == Verdict::Fail && overloaded {
        verdict = Verdict::Unknown;
        findings.iter_mut().for_each(|finding| finding.decisive = false);
    }
    let observations = view.observations();
    let metrics = metric::REGISTRY.iter().filter_map(|metric| Some((metric.name, (metric.measure)(observations)?)));
    let metrics: Vec<(&'static str, f64)> = metrics.collect();
    let worthless = worthless(stage, view, &metrics);
    JudgedCase {
        stage: stage.id.clone(),
        ran: true,
        disturbed: load::is_disturbed(view.case),
        report: report::Case {
            seed: summary.seed,
            verdict,
            seconds: summary.ended_at.seconds(),
            operations: performance.map_or(view.work().count() as u64, Performance::operations),
            checks,
            faults: summary.faults.clone(),
            note: match overloaded {
                true => Some(overload(summary.lag)),
                false => note(&summary.ended).or(doubt).or_else(|| found(stage, performance?)),
            },
        },
        findings,
        metrics,
        worthless,
        samples: samples(view),
    }
}

/// What the reference's curve is called.
const REFERENCE: &str = "reference";

fn samples(view: &View<'_>) -> Vec<Samples> {
    let observations = view.observations();
    let of = |title, axis, own: &Sorted| {
        let reference = Sorted::default();
        Samples { title, axis, own: own.clone(), reference, beside: REFERENCE }
    };
    let scaling = view.case.summary.performance.as_ref().is_some_and(|performance| performance.scaling);
    let blocks = |side| {
        let performance = view.case.summary.performance.as_ref();
        let ratios = performance.map(|performance| performance.ratios(side, Side::Reference)).unwrap_or_default();
        Sorted::new(ratios.into_iter().map(|(_, ratio)| ratio).collect())
    };
    vec![
        of("Latency of client operations", "time from request to reply (ms)", &observations.latency),
        of("Propagation to every node", "time after acknowledgement (ms)", &observations.propagation),
        Samples {
            title: match view.case.summary.performance.as_ref().map(Performance::metric) {
                Some("latency-ratio") => "Time for 99 % of the requests beside the reference",
                Some("speedup") => "Throughput on several processors beside that on one",
                _ => "Throughput beside the reference",
            },
            axis: "multiple of the other's, block by block",
            own: blocks(Side::Submission),
            reference: blocks(Side::Control),
            beside: if scaling { "itself on another one" } else { REFERENCE },
        },
    ]
}

fn worthless(stage: &Stage, view: &View<'_>, metrics: &[(&'static str, f64)]) -> Vec<(&'static str, Evidence)> {
    let evidence = |grade: &Grade| {
        let metric = metric::find(&grade.metric)?;
        let (_, value) = metrics.iter().find(|(name, _)| *name == metric.name)?;
        let earns = interpolate(*value, grade.full.0, grade.zero.0) > 0.0;
        (!earns).then(|| (metric.name, metric.evidence(view)))
    };
    stage.grade.iter().filter_map(evidence).collect()
}

fn overload(lag: Offset) -> String {
    format!("this machine was overloaded: requests were up to {lag} late")
}

/// What was found beside the reference.
fn found(stage: &Stage, performance: &Performance) -> Option<String> {
    performance.sentence(&stage.load.as_ref()?.bands)
}

fn note(ended: &Ended) -> Option<String> {
    match ended {
        Ended::Completed => None,
        Ended::NeverReady => Some("a node never became ready".into()),
        Ended::AllCrashed => Some("every node had crashed".into()),
        Ended::Interrupted => Some("interrupted".into()),
        Ended::Broken(why) => Some(why.clone()),
    }
}

fn unjudged(record: &CaseRecord, verdict: Verdict, why: String) -> JudgedCase {
    let summary = &record.summary;
    JudgedCase {
        stage: summary.stage.clone(),
        ran: false,
        disturbed: false,
        report: report::Case {
            seed: summary.seed,
            verdict,
            seconds: summary.ended_at.seconds(),
            operations: record.history.operations.len() as u64,
            checks: Vec::new(),
            faults: summary.faults.clone(),
            note: Some(why),
        },
        findings: Vec::new(),
        metrics: Vec::new(),
        worthless: Vec::new(),
        samples: Vec::new(),
    }
}

fn judge(requirement: &Requirement, view: &View<'_>) -> Judgement {
    match requirement {
        Requirement::Check(name) => match checker::find(name) {
            Some(checker) => checker.check(view),
            None => undecided(format!("this takehome has no check called `{name}`")),
        },
        Requirement::Bound { metric, comparison, value, text } => match metric::find(metric) {
            Some(metric) => match metric.of(view) {
                Some(measured) if comparison.holds(measured, *value) => Judgement::pass(show(measured, metric.unit)),
                Some(measured) => bound_missed(view, metric, text, measured),
                None if view.work().next().is_none() => bound_missed(view, metric, text, 0.0),
                None => undecided(format!("`{}` could not be measured", metric.name)),
            },
            None => undecided(format!("this takehome has no metric called `{metric}`")),
        },
    }
}

/// What a program would have answered is no question when it never came to be asked.
fn is_reached(requirement: &Requirement, ended: &Ended) -> bool {
    let about_the_start =
        matches!(requirement, Requirement::Check(name) if name == "stays-up" || name == "well-formed");
    about_the_start || *ended != Ended::NeverReady
}

fn not_reached() -> Judgement {
    Judgement {
        verdict: Verdict::NotRun,
        detail: "not reached: a node never became ready".into(),
        findings: Vec::new(),
    }
}

fn undecided(detail: String) -> Judgement {
    Judgement { verdict: Verdict::Unknown, detail, findings: Vec::new() }
}

fn bound_missed(view: &View<'_>, metric: &metric::Metric, bound: &str, measured: f64) -> Judgement {
    let availability = metric.name == "availability";
    let evidence = metric.evidence(view);
    // The same ones that the metric counts.
    let count = |wanted: &dyn Fn(&&Call) -> bool| view.reachable().filter(|op| !op.is_ok()).filter(wanted).count();
    let errors = count(&|op| op.returned.is_some());
    let not_made = count(&|op| op.was_not_made());
    let silent = count(&|op| op.returned.is_none()) - not_made;
    let code = match availability {
        true if errors > silent + not_made => "error-reply",
        true => "no-reply",
        false => "bound-missed",
    };
    let actual = show(measured, metric.unit);
    let mut detail = actual;
    if availability {
        detail += &format!(": {silent} unanswered, {errors} answered with errors");
        detail +=
            &if not_made > 0 { format!(", {not_made} not made, for want of an answer before") } else { String::new() };
        detail += &format!(", of {} whose node was up", view.reachable().count());
        let refused = view.reachable().filter(|op| !op.is_ok() && op.returned.is_some());
        detail += &most_often(refused).map_or_else(String::new, |errors| format!("; most often {errors}"));
    }
    let finding = Finding {
        code: code.into(),
        stage: String::new(),
        seed: 0,
        requirement: format!("{bound}: {}", metric.about),
        expected: bound.to_owned(),
        actual: detail.clone(),
        count: 1,
        evidence,
        blame: Blame::Candidate,
        decisive: true,
        replay: String::new(),
    };
    Judgement::fail(detail, finding)
}

/// The errors that were answered most often, and to what.
fn most_often<'a>(refused: impl Iterator<Item = &'a Call>) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        text: String,
    }
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for call in refused {
        let refusal = call.reply.as_deref().and_then(|reply| serde_json::from_str::<Refusal>(reply).ok());
        let text = refusal.map_or_else(String::new, |refusal| excerpt(&refusal.text, 60));
        let full = counts.len() >= KINDS;
        match counts.entry((&*call.function, text)) {
            Entry::Occupied(mut known) => *known.get_mut() += 1,
            // Texts that are all different tell nothing.
            Entry::Vacant(_) if full => {}
            Entry::Vacant(new) => drop(new.insert(1)),
        }
    }
    let mut counts: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 1).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let one = |((function, text), count): &((&str, String), usize)| match text.is_empty() {
        true => format!("to `{function}` ({count} ×)"),
        false => format!("`{text}` to `{function}` ({count} ×)"),
    };
    let told: Vec<String> = counts.iter().take(OFTEN).map(one).collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// A measured value with its unit, as short as it can be without lying.
pub fn show(value: f64, unit: &str) -> String {
    let number = match value.abs() {
        v if v >= 100.0 || v == 0.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 0.1 => format!("{value:.3}"),
        _ => format!("{value:.6}"),
    };
    if unit == "1" { number } else { format!("{number} {unit}") }
}
