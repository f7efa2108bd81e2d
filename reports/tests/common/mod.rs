//! Sample reports, shared by the tests and by `examples/sample.rs`: one that failed, and what can differ from it.
#![allow(dead_code, reason = "each test binary uses its own part")]

mod evidence;
mod stages;
pub mod verification;

use harness::{
    report::{Challenge, Environment, Layer, LayerStatus, Report, Run, SCHEMA_VERSION, Submission},
    score::{ScoreLine, Scorecard},
    time::Offset,
    verdict::Verdict,
};
use serde_json::Value;

/// A submission that loses values in a partition and is slower than the reference.
pub fn failing() -> Report {
    Report {
        schema_version: SCHEMA_VERSION,
        run: run(),
        submission: submission(),
        challenge: Challenge { name: "broadcast".into(), title: "Fault-tolerant broadcast".into() },
        verdict: Verdict::Fail,
        scorecard: Scorecard::new(lines()),
        findings: evidence::findings(),
        metrics: stages::metrics(),
        stages: stages::stages(),
        environment: environment(),
    }
}

/// Everything passes, every point is reached.
pub fn passing() -> Report {
    let mut report = failing();
    report.findings.clear();
    report.verdict = Verdict::Pass;
    report.submission.notices.clear();
    report.scorecard.lines.retain(|line| line.stage != "crash");
    report.stages.retain(|stage| stage.id != "crash");
    for line in &mut report.scorecard.lines {
        (line.points, line.verdict) = (line.of, Verdict::Pass);
        line.reasons.clear();
    }
    for stage in &mut report.stages {
        stage.verdict = Verdict::Pass;
        for case in &mut stage.cases {
            (case.verdict, case.note) = (Verdict::Pass, None);
            case.checks.iter_mut().for_each(|check| check.verdict = Verdict::Pass);
        }
    }
    for metric in &mut report.metrics {
        metric.points = metric.points.map(|(_, of)| (of, of));
        metric.value = metric.full.unwrap_or(metric.value) * 0.9;
        (metric.min, metric.max) = (metric.value * 0.95, metric.value * 1.04);
    }
    report.scorecard = Scorecard::new(report.scorecard.lines);
    report
}

/// Interrupted half-way: later stages did not run.
pub fn incomplete() -> Report {
    let mut report = failing();
    report.run.complete = false;
    report.verdict = Verdict::Unknown;
    report.findings.retain(|finding| !finding.decisive);
    report.metrics.retain(|metric| metric.stage == "multi");
    for line in &mut report.scorecard.lines[2..] {
        (line.points, line.verdict) = (0.0, Verdict::NotRun);
        line.reasons = vec!["not run: the run was interrupted".into()];
    }
    for stage in &mut report.stages[2..] {
        stage.verdict = Verdict::NotRun;
        stage.cases.clear();
        stage.plots.clear();
    }
    report.scorecard = Scorecard::new(report.scorecard.lines);
    report
}

/// Run with the sandbox switched off.
pub fn unsandboxed() -> Report {
    let mut report = failing();
    report.environment.sandbox = "none".into();
    for layer in &mut report.environment.layers {
        layer.status = LayerStatus::Missing;
        layer.detail = "the sandbox was switched off".into();
    }
    report
}

/// Run in a sandbox that is not enough for strangers' code.
pub fn weak(sandbox: &str) -> Report {
    let mut report = failing();
    report.environment.sandbox = sandbox.into();
    report
}

/// The failing report with a finding of many participants, many messages and long labels.
pub fn crowded() -> Report {
    let mut report = failing();
    report.findings[0].evidence = evidence::crowd();
    report
}

/// The failing report with every text in it replaced by `text`.
///
/// It goes through JSON, so that a field that is added later is covered as well.
pub fn hostile(text: &str) -> Report {
    let mut json = serde_json::to_value(failing()).expect("a report has a JSON form");
    replace(&mut json, text);
    serde_json::from_value(json).expect("only free text was replaced")
}

fn replace(value: &mut Value, text: &str) {
    match value {
        Value::String(old) => *old = text.to_owned(),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, text)),
        Value::Object(fields) => {
            let free = fields.iter_mut().filter(|(name, _)| !matches!(name.as_str(), "verdict" | "blame" | "status"));
            free.for_each(|(_, field)| replace(field, text));
        }
        _ => {}
    }
}

pub(crate) fn at(seconds: f64) -> Offset {
    Offset((seconds * 1e9) as u64)
}

fn run() -> Run {
    Run {
        id: "k7".into(),
        directory: "~/.local/state/takehome/runs/k7".into(),
        seed: 20_260_301,
        started: "2026-03-01T10:02:41Z".into(),
        seconds: 312.4,
        takehome: "0.1.0".into(),
        complete: true,
        command: "takehome grade https://git.example/candidate-17/broadcast --challenge broadcast --seed 20260301"
            .into(),
    }
}

fn submission() -> Submission {
    Submission {
        source: "https://git.example/candidate-17/broadcast".into(),
        commit: Some("9f2c1e07ab54d3e8c6610f7b2a9d4e5f60718293".into()),
        tree: Some("4b825dc642cb6eb9a060e54bf8d69288fbee4904".into()),
        author: Some("Kim Candidate <kim@candidate.example>".into()),
        authored: Some("2026-02-27T21:14:09+01:00".into()),
        committed: Some("2026-02-27T21:20:33+01:00".into()),
        summary: Some("Retry gossip until every neighbour has acknowledged".into()),
        content: "c2f1a5b09e7d4436a1b8e0f3d2c4957610aabbccddeeff00112233445566778899".chars().take(64).collect(),
        language: "rust".into(),
        folder: Some("broadcast".into()),
        binary: Some("target/release/broadcast".into()),
        toolchain: "rustc 1.90.0".into(),
        build_seconds: 18.4,
        build_cached: false,
        notices: vec![
            "`docs/latest` is a symlink that leaves the tree; it was not copied".into(),
            "`target/` was committed; it was removed before the build".into(),
        ],
    }
}

fn lines() -> Vec<ScoreLine> {
    let line = |stage: &str, title: &str, verdict, points, of, reasons: &[&str]| ScoreLine {
        stage: stage.into(),
        title: title.into(),
        verdict,
        points,
        of,
        reasons: reasons.iter().map(|reason| (*reason).into()).collect(),
    };
    vec![
        line("single", "One node remembers what it was told", Verdict::Pass, 10.0, 10.0, &[]),
        line("multi", "Five nodes tell each other", Verdict::Pass, 20.0, 20.0, &[]),
        line(
            "partition",
            "Nothing is lost when the network splits",
            Verdict::Fail,
            0.0,
            20.0,
            &["nothing-lost fails with seeds 7 and 9: every seed must pass"],
        ),
        line(
            "efficiency",
            "Few messages, soon everywhere",
            Verdict::Pass,
            17.5,
            30.0,
            &[
                "messages-per-operation is 41.2; full points need 20, none from 60 (9.4 of 20)",
                "propagation-p99 is 868 ms; full points need 600 ms, none from 2 s (8.1 of 10)",
            ],
        ),
        line(
            "crash",
            "A node that restarts catches up",
            Verdict::Unknown,
            0.0,
            20.0,
            &["not decided: the machine stalled for 4.1 s in the only case; run it again"],
        ),
    ]
}

fn environment() -> Environment {
    let layer = |name: &str, status, detail: &str| Layer { name: name.into(), status, detail: detail.into() };
    Environment {
        system: "Linux 6.12.9 x86_64".into(),
        processors: 8,
        memory: 16 << 30,
        sandbox: "native".into(),
        layers: vec![
            layer("user namespace", LayerStatus::Enforced, "unprivileged, uid 65534 inside"),
            layer("network namespace", LayerStatus::Enforced, "no interface but loopback"),
            layer("mount namespace", LayerStatus::Enforced, "read-only root, tmpfs of 64 MiB at /tmp"),
            layer("system call filter", LayerStatus::Enforced, "seccomp, 61 calls refused"),
            layer("memory", LayerStatus::Approximate, "RLIMIT_AS on each process; no cgroup was delegated"),
            layer("processor time", LayerStatus::Missing, "needs a delegated cgroup; see `takehome doctor`"),
        ],
        limits: [
            ("memory", "512 MiB"),
            ("processes", "256"),
            ("open files", "1024"),
            ("output", "64 MiB a stream"),
            ("disk", "64 MiB"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .to_vec(),
    }
}
