//! Scores: gates, interpolation, and what never passes.

use super::*;
use crate::{
    calls::{Call, Calls, Outcome, Role},
    case::{CaseSummary, Ended, Incident, IncidentKind, NodeUsage},
    manifest::{Grade, Load, Manifest, Quantity, Requirement, Stage},
    oracle::{Script, Vocabulary},
    performance::{Performance, Side, Slice, Used},
    plan::{Figures, PlannedCase, RECORD_VERSION, cases},
    report::{Environment, Submission},
    time::Offset,
};

const MANIFEST: &str = r#"
title = "T"
kind = "node"
minutes = 1
[[stage]]
id = "gate"
title = "Gate"
points = 10
nodes = 1
rate = 1
duration = "1s"
seeds = 2
require = ["ids-unique"]
[[stage]]
id = "speed"
title = "Speed"
points = 30
nodes = 1
rate = 1
duration = "1s"
require = ["ids-unique"]
grade = [
  { metric = "latency-max", full = "100ms", zero = "200ms", weight = 2 },
  { metric = "peak-memory", full = 10, zero = 20, weight = 1 },
]
"#;

struct Ids;

impl Oracle for Ids {
    fn script(&self, _: &Stage, _: u64) -> Script {
        Script::default()
    }
    fn vocabulary(&self) -> Vocabulary {
        Vocabulary::Ids { function: "generate", field: "id" }
    }
}

fn plan() -> Plan {
    let manifest = Manifest::parse(MANIFEST).unwrap();
    Plan {
        version: RECORD_VERSION,
        run: "r1".into(),
        takehome: "0".into(),
        started: "2000-01-01T00:00:00Z".into(),
        command: "takehome".into(),
        seed: 7,
        challenge: "ids".into(),
        cases: cases(&manifest, 7, |_| true),
        manifest,
        submission: Submission::default(),
        environment: Environment::default(),
        reference: Figures::default(),
    }
}

fn record(case: &PlannedCase, ids: &[u64], latency: u64, ended: Ended) -> CaseRecord {
    let operation = |id: &u64| Call {
        client: 0,
        node: 0,
        role: Role::Work,
        function: "generate".into(),
        invoked: Offset::ZERO,
        returned: Some(Offset::from_millis(latency)),
        outcome: Outcome::Ok,
        request: r#"{"type":"generate"}"#.into(),
        reply: Some(format!(r#"{{"type":"generate_ok","id":{id}}}"#).into()),
    };
    let usage = vec![NodeUsage { cpu_seconds: 0.1, peak_memory: 10 }];
    let ended_at = Offset::from_millis(10_000);
    let summary =
        CaseSummary { stage: case.stage.clone(), seed: case.seed, ended, ended_at, usage, ..Default::default() };
    CaseRecord { summary, history: Calls { operations: ids.iter().map(operation).collect() }, ..Default::default() }
}

fn judged(change: impl Fn(usize, &PlannedCase) -> Option<CaseRecord>) -> Report {
    let plan = plan();
    let records: Vec<_> = plan.cases.iter().enumerate().filter_map(|(index, case)| change(index, case)).collect();
    judge(&plan, &records, &Ids, RunFacts { directory: "d".into(), seconds: 1.0 })
}

fn good(case: &PlannedCase) -> CaseRecord {
    record(case, &[1, 2], 100, Ended::Completed)
}

#[test]
fn everything_right_earns_everything() {
    let report = judged(|_, case| Some(good(case)));
    assert_eq!((report.verdict, report.scorecard.total, report.scorecard.of), (Verdict::Pass, 40.0, 40.0));
    assert!(report.findings.is_empty() && report.run.complete);
    assert!(report.scorecard.lines.iter().all(|line| line.reasons.is_empty()));
}

#[test]
fn one_bad_seed_closes_the_gate() {
    let report =
        judged(|index, case| Some(if index == 1 { record(case, &[1, 1], 1, Ended::Completed) } else { good(case) }));
    assert_eq!((report.verdict, report.scorecard.total), (Verdict::Fail, 30.0));
    assert_eq!(report.scorecard.lines[0].reasons, ["ids-unique (seed 8): 1 of 2 ids handed out before"]);
    assert_eq!(report.findings[0].replay, "takehome replay r1 ids/gate --seed 8");
}

#[test]
fn performance_interpolates_and_says_what_it_cost() {
    let report = judged(|_, case| Some(record(case, &[1, 2], 150, Ended::Completed)));
    let line = &report.scorecard.lines[1];
    assert_eq!((line.points, line.verdict), (20.0, Verdict::Pass));
    assert_eq!(line.reasons, ["latency-max is 150 ms; full points at 100 ms, none at 200 ms (−10.0)"]);
}

#[test]
fn a_metric_that_earns_nothing_fails_the_stage() {
    let report = judged(|_, case| Some(record(case, &[1, 2], 250, Ended::Completed)));
    assert_eq!(report.scorecard.lines[1].verdict, Verdict::Fail);
    assert_eq!(report.scorecard.lines[1].points, 10.0);
    let finding = report.findings.iter().find(|finding| finding.code == "metric-zero").unwrap();
    assert_eq!((&*finding.stage, finding.seed), ("speed", report.stages[1].cases[0].seed));
    assert!(finding.evidence.arrows.iter().any(|arrow| arrow.label.contains("250.0 ms")), "{:?}", finding.evidence);
    assert!(finding.evidence.summary.ends_with("250 ms to 250 ms over the cases"), "{}", finding.evidence.summary);
}

/// Whatever a stage requires: here no more than that the program stays up.
#[test]
fn without_an_acknowledgement_nothing_passes() {
    let judged = |change: fn(&mut CaseRecord)| {
        let mut plan = plan();
        plan.manifest.stages[0].require = vec![Requirement::Check("stays-up".into())];
        plan.cases.truncate(1);
        let mut record = good(&plan.cases[0]);
        change(&mut record);
        case(&plan, &record, &Ids).unwrap()
    };
    assert_eq!(judged(|_| ()).report.verdict, Verdict::Pass);
    let refused = judged(|record| {
        record.history.operations.iter_mut().for_each(|op| op.outcome = Outcome::Failed(11));
    });
    assert_eq!((refused.report.verdict, &*refused.findings[0].code), (Verdict::Fail, "error-reply"));
    assert!(!refused.findings[0].replay.is_empty() && !refused.findings[0].evidence.is_empty());
    let unasked = judged(|record| record.history.operations.clear());
    assert_eq!(unasked.report.verdict, Verdict::Unknown);
}

#[test]
fn a_bound_that_is_missed_is_shown_in_the_record() {
    for metric in crate::metric::REGISTRY.iter().map(|metric| metric.name) {
        let mut plan = plan();
        let few = ["availability", "operations-per-second", "messages-per-operation", "bytes-per-operation"];
        let comparison = if few.contains(&metric) { ">= 1000000" } else { "<= 0.01" };
        plan.manifest.stages[0].require = vec![format!("{metric} {comparison}").parse().unwrap()];
        let mut record = good(&plan.cases[0]);
        record.summary.work_ended = Offset::from_millis(1_000);
        let judged = case(&plan, &record, &Ids).unwrap();
        if metric.starts_with("propagation") || metric.ends_with("-ratio") || metric == "speedup" {
            assert_eq!(judged.report.verdict, Verdict::Unknown, "{metric}");
            continue;
        }
        assert_eq!(judged.report.verdict, Verdict::Fail, "{metric}");
        let all_answered = metric == "availability";
        assert!(all_answered || !judged.findings[0].evidence.is_empty(), "{metric}: {:?}", judged.findings);
    }
}

/// A stage that is measured beside the reference, in twelve blocks; `control` is how fast the reference is beside itself.
fn measured(speed: f64, control: f64, change: impl Fn(&mut CaseRecord)) -> Report {
    let mut plan = plan();
    plan.manifest.stages.truncate(1);
    let stage = &mut plan.manifest.stages[0];
    stage.require = vec![Requirement::Check("well-formed".into())];
    stage.load = Some(Load { depth: Some(1), rate: None, scaling: false, bands: vec![0.2] });
    let ratio = |metric: &str, full, zero| Grade {
        metric: metric.into(),
        full: Quantity(full),
        zero: Quantity(zero),
        weight: 1.0,
    };
    stage.grade =
        vec![ratio("throughput-ratio", 1.0, 0.1), ratio("cpu-ratio", 2.0, 10.0), ratio("memory-ratio", 4.0, 12.0)];
    plan.cases.truncate(1);
    let slice = |block: u32, side, speed: f64| Slice {
        round: block / 4,
        block,
        side,
        operations: (speed * 1e6) as u64,
        nanoseconds: 1_000_000,
        delayed: 0,
        busy: 0,
        tail: 0,
    };
    let sides = [(Side::Submission, speed), (Side::Reference, 1.0), (Side::Control, control)];
    let slices = (0..12).flat_map(|block| sides.map(|(side, speed)| slice(block, side, speed))).collect();
    let used = Used { operations: 1_000, cpu_seconds: 1.0, peak_memory: 1, memory: 1 << 20 };
    let mut record = good(&plan.cases[0]);
    record.history.operations.clear();
    record.summary.performance = Some(Performance { slices, used: [used; 3], ..Performance::default() });
    change(&mut record);
    judge(&plan, &[record], &Ids, RunFacts { directory: "d".into(), seconds: 1.0 })
}

#[test]
fn points_follow_the_ratio_to_the_reference() {
    let half = measured(0.55, 1.0, |_| ());
    assert_eq!((half.verdict, half.scorecard.total), (Verdict::Pass, (half.scorecard.of * 25.0 / 3.0).round() / 10.0));
    let note = half.stages[0].cases[0].note.as_deref().unwrap();
    assert!(note.starts_with("0.55 times the reference's throughput"), "{note}");
    assert!(note.ends_with("band 2 of 2, 0.20 to above; 1 MiB of memory, the reference 1 MiB"), "{note}");
    let slow = measured(0.05, 1.0, |_| ());
    assert_eq!((slow.verdict, &*slow.findings[0].code), (Verdict::Fail, "metric-zero"));
    assert!(!slow.findings[0].evidence.is_empty() && slow.findings[0].evidence.summary.contains("0.050 times"));
}

#[test]
fn the_curve_beside_the_submission_s_says_whose_it_is() {
    let names = |report: &Report| -> Vec<String> {
        let plot = report.stages[0].plots.iter().find(|plot| plot.title.starts_with("Throughput")).unwrap();
        plot.series.iter().map(|series| series.name.clone()).collect()
    };
    assert_eq!(names(&measured(0.55, 1.0, |_| ())), ["this submission", "reference"]);
    let scaling = measured(1.5, 1.0, |record| record.summary.performance.as_mut().unwrap().scaling = true);
    assert_eq!(names(&scaling), ["this submission", "itself on another one"]);
}

#[test]
fn memory_is_graded_beside_speed() {
    let memory = |times: u64| {
        measured(1.0, 1.0, move |record| {
            record.summary.performance.as_mut().unwrap().used[0].memory = times << 20;
        })
    };
    let (little, much, unknown) = (memory(4), memory(12), memory(0));
    assert_eq!((little.verdict, little.scorecard.total), (Verdict::Pass, little.scorecard.of));
    assert_eq!((much.verdict, &*much.findings[0].code), (Verdict::Fail, "metric-zero"));
    assert!(much.findings[0].actual.starts_with("memory-ratio is 12"), "{:?}", much.findings[0]);
    assert_eq!(unknown.verdict, Verdict::Unknown, "a sandbox that cannot tell costs nobody points");
}

#[test]
fn a_machine_that_is_too_noisy_gives_no_number() {
    let noisy = measured(0.55, 1.3, |_| ());
    assert_eq!((noisy.verdict, noisy.scorecard.total), (Verdict::Unknown, 0.0));
    assert!(noisy.scorecard.lines[0].reasons[0].contains("too noisy to tell"), "{:?}", noisy.scorecard);
    assert!(noisy.metrics.iter().all(|metric| metric.name != "throughput-ratio"));
    let settled = measured(0.01, 1.3, |_| ());
    assert_eq!(
        (settled.verdict, &*settled.findings[0].code),
        (Verdict::Fail, "metric-zero"),
        "no noise makes that fast"
    );
    let (mut record, plan) = (CaseRecord::default(), plan());
    let stage = &plan.manifest.stages[0];
    record.summary.performance = Some(Performance::default());
    assert_eq!(disturbance(&record, stage), None, "it was interrupted");
    record.summary.ended = Ended::Completed;
    assert_eq!(disturbance(&record, stage).as_deref(), Some("nothing could be measured undisturbed"));
}

#[test]
fn what_is_wrong_under_load_is_a_fail_however_fast() {
    for kind in [IncidentKind::WrongReply, IncidentKind::Silent] {
        let wrong = measured(2.0, 1.0, |record| {
            let at = Offset::from_millis(5);
            let (detail, line) = ("`GET` has to be answered with `1`".into(), "2".into());
            record.summary.incidents.push(Incident { at, node: 0, kind, detail, line, count: 1 });
        });
        assert_eq!((wrong.verdict, wrong.scorecard.total, &*wrong.findings[0].code), (Verdict::Fail, 0.0, kind.code()));
    }
}

#[test]
fn what_was_not_seen_never_passes() {
    let missing = judged(|index, case| (index != 0).then(|| good(case)));
    assert_eq!(
        (missing.verdict, missing.run.complete, missing.scorecard.lines[0].points),
        (Verdict::Unknown, false, 0.0)
    );
    let broken = judged(|_, case| Some(record(case, &[1], 1, Ended::Broken("no memory left".into()))));
    assert_eq!((broken.verdict, broken.scorecard.total), (Verdict::Unknown, 0.0));
    let never_ready = judged(|_, case| Some(record(case, &[1], 1, Ended::NeverReady)));
    assert_eq!(never_ready.verdict, Verdict::Unknown);
    let nothing = judged(|_, _| None);
    assert_eq!((nothing.verdict, nothing.scorecard.total), (Verdict::NotRun, 0.0));
}

#[test]
fn an_overloaded_machine_never_costs_a_point_for_sure() {
    let late = |lag| {
        judged(move |_, case| {
            let mut record = record(case, &[1, 1], 1, Ended::Completed);
            record.summary.lag = Offset::from_millis(lag);
            Some(record)
        })
    };
    assert_eq!(late(900).verdict, Verdict::Fail);
    assert_eq!(late(1_100).verdict, Verdict::Unknown);
}

#[test]
fn times_that_a_busy_machine_made_long_are_not_graded() {
    let graded = |lags: [u64; 2], cpu_seconds| {
        let mut plan = plan();
        plan.cases = (7..9).map(|seed| PlannedCase { stage: "speed".into(), seed }).collect();
        let records: Vec<CaseRecord> = std::iter::zip(&plan.cases, lags)
            .map(|(case, lag)| {
                let mut record = record(case, &[1, 2], if lag > 0 { 250 } else { 150 }, Ended::Completed);
                record.summary.lag = Offset::from_millis(lag);
                record.summary.usage = vec![NodeUsage { cpu_seconds, peak_memory: 10 }];
                record
            })
            .collect();
        let line =
            judge(&plan, &records, &Ids, RunFacts { directory: "d".into(), seconds: 1.0 }).scorecard.lines.remove(0);
        (line.verdict, line.points)
    };
    assert_eq!(graded([1, 1], 0.1), (Verdict::Fail, 10.0), "the times are those of the submission");
    assert_eq!(graded([200, 200], 0.1), (Verdict::Unknown, 10.0), "the machine may have made them");
    assert_eq!(graded([200, 0], 0.1), (Verdict::Pass, 20.0), "a quiet case tells");
    assert_eq!(graded([200, 200], 9.0), (Verdict::Fail, 10.0), "the submission itself kept the machine busy");
}
