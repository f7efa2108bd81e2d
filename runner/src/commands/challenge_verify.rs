//! `takehome challenge verify`: every starter fails, every reference gets full marks, every mutant is caught for its own
//! reason. Content is tested as code is.

use super::{Outcome, session::Session};
use crate::{
    backend::{Program, Purpose},
    catalogue::{challenge, manifest, write},
    cli::{RunOptions, Verify},
    error::{CommandError, Kind},
    execute::{Room, Sink},
    grading::{Grading, random},
    leftovers,
    record::Store,
    submission::{Prepared, Request},
    ui,
};
use challenges::{Challenge, Tree};
use harness::{
    event::Event,
    manifest::Manifest,
    plan::{self, Curve, Figure, Figures, PlannedCase},
    report::{Case, Report, Stage},
    verdict::Verdict,
};
use std::{collections::HashMap, path::Path};

/// What is expected of a submission.
enum Expected {
    /// A starter: it builds and fails.
    Fails,
    /// A reference: it gets every point.
    FullMarks,
    /// A mutant: this stage fails with this code.
    Caught { stage: String, code: String },
}

/// One submission to verify.
struct Subject {
    challenge: &'static Challenge,
    name: String,
    language: String,
    tree: Tree,
    expected: Expected,
}

/// How one turned out.
struct Row {
    name: String,
    expected: String,
    got: String,
    good: bool,
    skipped: bool,
}

/// Runs the command.
pub async fn run(options: Verify) -> Outcome {
    let subjects = subjects(&options)?;
    let run_options = RunOptions { sandbox: options.sandbox.clone(), ..RunOptions::default() };
    let session = Session::begin(&run_options, Purpose::Others)?;
    let scratch = leftovers::scratch("verify").map_err(|error| CommandError::io("a scratch folder", &error))?;
    let store = Store { folder: scratch.path().join("runs") };
    let seed = options.seed.unwrap_or_else(|| random() % 1_000_000);
    ui::message(&format!("verifying {} submissions with seed {seed}", subjects.len()));
    let mut rows = Vec::new();
    let mut ready = Vec::new();
    // Builds come first, one after another: they would disturb the cases.
    for (index, subject) in subjects.into_iter().enumerate() {
        let folder = scratch.path().join(index.to_string());
        match prepare(&session, &subject, &folder).await {
            Ok((request, mut prepared)) => {
                let manifest = manifest(subject.challenge)?;
                let mut cases = cases_of(&subject, &manifest, seed);
                match session.sanitized(&manifest, &mut cases, &request, &mut prepared).await {
                    Ok(sanitized) => ready.push((subject, Built { request, prepared, cases, sanitized })),
                    Err(error) if error.kind == Kind::Interrupted => return Err(error),
                    Err(error) => {
                        let skipped = options.skip_missing && error.blame == Some(harness::verdict::Blame::Environment);
                        rows.push(unbuilt(&subject, &error, skipped));
                    }
                }
            }
            Err(error) if error.kind == Kind::Interrupted => return Err(error),
            Err(error) => {
                let skipped = options.skip_missing && error.blame == Some(harness::verdict::Blame::Environment);
                rows.push(unbuilt(&subject, &error, skipped));
            }
        }
    }
    let mut references = HashMap::new();
    for (subject, _) in &ready {
        if !references.contains_key(subject.challenge.name) {
            let manifest = manifest(subject.challenge)?;
            let cases = plan::cases(&manifest, seed, |_| true);
            references.insert(subject.challenge.name, session.reference(subject.challenge, &manifest, &cases).await?);
        }
    }
    let room = Room::default();
    let mut running = tokio::task::JoinSet::new();
    for (subject, built) in ready {
        let (backend, room, store, stop) = (session.backend.clone(), room.clone(), store.clone(), session.stop());
        let reference = references.get(subject.challenge.name).cloned().flatten();
        running.spawn(async move {
            let result = verify(&subject, built, reference, backend, room, store, seed, stop).await;
            (subject, result)
        });
    }
    let mut reports = Vec::new();
    while let Some(done) = running.join_next().await {
        let (subject, result) = done.map_err(|error| CommandError::new(Kind::Bug, error.to_string()))?;
        let report = result?;
        let row = judge(&subject, &report);
        ui::message(&line(&row, 44));
        rows.push(row);
        reports.push((subject, report));
    }
    if *session.stop().borrow() {
        return Err(crate::submission::interrupted());
    }
    if let Some(folder) = &options.figures {
        write_figures(folder, &reports)?;
    }
    Ok(conclude(rows))
}

fn subjects(options: &Verify) -> Result<Vec<Subject>, CommandError> {
    let chosen: Vec<&'static Challenge> = match &options.challenges[..] {
        [] => challenges::CATALOGUE.iter().collect(),
        names => names.iter().map(|name| challenge(name)).collect::<Result<_, _>>()?,
    };
    let mut all = Vec::new();
    for challenge in chosen {
        manifest(challenge)?;
        all.extend(of(challenge).map_err(|error| {
            CommandError::new(Kind::Usage, error.to_string())
                .at(format!("challenges/{}", challenge.name))
                .blame(harness::verdict::Blame::Challenge)
        })?);
    }
    if let Some(text) = &options.only {
        all.retain(|subject| format!("{}/{}", subject.challenge.name, subject.name).contains(text));
    }
    if all.is_empty() {
        return Err(CommandError::new(Kind::NothingSelected, "no submission was selected"));
    }
    Ok(all)
}

/// All submissions of a challenge.
fn of(challenge: &'static Challenge) -> Result<Vec<Subject>, challenges::TreeError> {
    let mut all = Vec::new();
    for (kind, full) in [("starter", false), ("reference", true)] {
        for language in challenge.variants(kind) {
            let name = format!("{kind}/{language}");
            let expected = if full { Expected::FullMarks } else { Expected::Fails };
            all.push(Subject { challenge, tree: challenge.project(&name)?, name, language, expected });
        }
    }
    for mutant in challenge.mutants()? {
        let language = mutant.expect.base.rsplit('/').next().unwrap_or("").to_owned();
        let expected = Expected::Caught { stage: mutant.expect.stage, code: mutant.expect.code };
        all.push(Subject {
            challenge,
            name: format!("mutants/{}", mutant.name),
            language,
            tree: mutant.tree,
            expected,
        });
    }
    Ok(all)
}

async fn prepare(session: &Session, subject: &Subject, folder: &Path) -> Result<(Request, Prepared), CommandError> {
    write(&subject.tree, folder)?;
    let request = Request::new(&folder.to_string_lossy(), None, true, &crate::cli::BuildOptions::default());
    let request = Request { build_limits: crate::build::Limits::default(), offline: true, ..request };
    let prepared = session.prepare(&request).await?;
    Ok((request, prepared))
}

struct Silent;

impl Sink for Silent {
    fn event(&mut self, _: &Event) {}
}

/// A submission that is ready to be verified.
struct Built {
    request: Request,
    prepared: Prepared,
    cases: Vec<PlannedCase>,
    sanitized: Vec<Program>,
}

/// The cases that a submission is verified with. A mutant has to be caught by any seed, so one is enough; a reference has to
/// pass them all.
fn cases_of(subject: &Subject, manifest: &Manifest, seed: u64) -> Vec<PlannedCase> {
    let first = manifest.stages.first().map(|stage| stage.id.clone()).unwrap_or_default();
    let mut cases = plan::cases(manifest, seed, |stage| match &subject.expected {
        Expected::Fails => stage.id == first,
        Expected::FullMarks => true,
        Expected::Caught { stage: expected, .. } => stage.id == *expected,
    });
    if !matches!(subject.expected, Expected::FullMarks) {
        cases.truncate(1);
    }
    cases
}

#[allow(clippy::too_many_arguments)]
async fn verify(
    subject: &Subject,
    built: Built,
    reference: Option<Program>,
    backend: std::sync::Arc<dyn crate::backend::Backend>,
    room: Room,
    store: Store,
    seed: u64,
    stop: tokio::sync::watch::Receiver<bool>,
) -> Result<Report, CommandError> {
    let Built { request, prepared, cases, sanitized } = built;
    let grading = Grading {
        challenge: subject.challenge,
        manifest: manifest(subject.challenge)?,
        cases,
        sanitized,
        seed,
        backend,
        prepared,
        reference,
        request: &request,
        command: format!("takehome challenge verify {} --only {} --seed {seed}", subject.challenge.name, subject.name),
        store,
        room,
    };
    Ok(grading.run(stop, &mut Silent).await?.0)
}

fn judge(subject: &Subject, report: &Report) -> Row {
    let codes = || {
        let mut codes: Vec<&str> =
            report.findings.iter().filter(|finding| finding.decisive).map(|finding| &*finding.code).collect();
        codes.sort_unstable();
        codes.dedup();
        codes.join(", ")
    };
    let score = format!("{} of {}", report.scorecard.total, report.scorecard.of);
    let (expected, good) = match &subject.expected {
        Expected::Fails => ("fails".to_owned(), report.verdict == Verdict::Fail),
        Expected::FullMarks => {
            let full = report.verdict == Verdict::Pass && report.scorecard.total == report.scorecard.of;
            ("full marks".to_owned(), full)
        }
        Expected::Caught { stage, code } => {
            // A point that is taken without evidence cannot be defended.
            let caught = |finding: &harness::verdict::Finding| {
                let shown = !finding.evidence.is_empty() && !finding.replay.is_empty();
                finding.decisive && finding.stage == *stage && finding.code == *code && shown
            };
            (format!("{code} in {stage}"), report.verdict == Verdict::Fail && report.findings.iter().any(caught))
        }
    };
    let name = format!("{}/{}", subject.challenge.name, subject.name);
    // A machine that is too busy to measure says nothing against the content.
    if let Some(why) = too_busy(subject.challenge, &report.stages).filter(|_| !good) {
        return Row { name, expected, got: format!("SKIPPED: {why}"), good: true, skipped: true };
    }
    let got = match (&subject.expected, good) {
        (Expected::FullMarks, true) => score,
        (Expected::FullMarks, false) => {
            let lost = report
                .scorecard
                .lines
                .iter()
                .flat_map(|line| line.reasons.iter().map(move |reason| format!("{}: {reason}", line.stage)));
            format!("{score}: {}", lost.collect::<Vec<_>>().join("; "))
        }
        _ => format!("{} ({})", report.verdict.word(), codes()),
    };
    Row { name, expected, got, good, skipped: false }
}

/// Why nothing was concluded where all that is open is what is measured beside the reference, and nothing was found wrong.
fn too_busy(challenge: &Challenge, stages: &[Stage]) -> Option<String> {
    let manifest = challenge.manifest().ok()?;
    let mut open = stages.iter().filter(|stage| stage.verdict != Verdict::Pass).peekable();
    let first = *open.peek()?;
    let measured = |stage: &Stage| {
        let sound =
            |case: &Case| case.checks.iter().all(|check| check.verdict == Verdict::Pass) && !case.checks.is_empty();
        let load = manifest.stage(&stage.id).is_some_and(|stage| stage.load.is_some());
        load && stage.verdict == Verdict::Unknown && stage.cases.iter().all(sound)
    };
    let why = first.cases.iter().find_map(|case| case.note.clone()).unwrap_or_default();
    open.all(measured).then(|| format!("{}: {why}", first.id))
}

fn unbuilt(subject: &Subject, error: &CommandError, skipped: bool) -> Row {
    let got = format!("{}not built ({}): {}", if skipped { "SKIPPED: " } else { "" }, subject.language, error);
    Row {
        name: format!("{}/{}", subject.challenge.name, subject.name),
        expected: "builds".into(),
        got,
        good: skipped,
        skipped,
    }
}

fn line(row: &Row, width: usize) -> String {
    let sign = match row {
        Row { skipped: true, .. } => "-",
        Row { good: true, .. } => "✓",
        _ => "✗",
    };
    format!("{sign} {:width$}  {:34}  {}", row.name, row.expected, row.got)
}

/// Prints the table; the exit code.
fn conclude(mut rows: Vec<Row>) -> u8 {
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let mut text: String = rows.iter().map(|row| line(row, width) + "\n").collect();
    let bad = rows.iter().filter(|row| !row.good).count();
    let skipped = rows.iter().filter(|row| row.skipped).count();
    text.push_str(&format!("{} as expected, {bad} not, {skipped} skipped\n", rows.len() - bad - skipped));
    ui::product(&text);
    u8::from(bad > 0)
}

/// The figures of the Rust references, in the form of `reference/figures.toml`.
fn write_figures(folder: &Path, reports: &[(Subject, Report)]) -> Result<(), CommandError> {
    std::fs::create_dir_all(folder).map_err(|error| CommandError::io(folder.display(), &error))?;
    for (subject, report) in reports.iter().filter(|(subject, _)| subject.name == "reference/rust") {
        let metric = |metric: &harness::report::Metric| Figure {
            stage: metric.stage.clone(),
            metric: metric.name.clone(),
            value: (metric.value * 1e3).round() / 1e3,
        };
        let curves = report.stages.iter().flat_map(|stage| {
            stage.plots.iter().filter_map(|plot| {
                let values = plot.series.first()?.values.iter().map(|value| (value * 10.0).round() / 10.0).collect();
                Some(Curve { stage: stage.id.clone(), plot: plot.title.clone(), values })
            })
        });
        let figures = Figures { metrics: report.metrics.iter().map(metric).collect(), curves: curves.collect() };
        let head = "# Measured with the Rust reference by `takehome challenge verify --figures`; shown beside a submission's own.\n";
        let text = format!("{head}{}", toml::to_string(&figures).unwrap_or_default());
        let path = folder.join(format!("{}.toml", subject.challenge.name));
        std::fs::write(&path, text).map_err(|error| CommandError::io(path.display(), &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::report::Check;

    fn stage(id: &str, verdict: Verdict, check: Verdict) -> Stage {
        let check = Check { name: "well-formed".into(), verdict: check, detail: String::new() };
        let case = Case {
            seed: 1,
            verdict,
            seconds: 1.0,
            operations: 1,
            checks: vec![check],
            faults: Vec::new(),
            note: Some("this machine is too noisy to tell".into()),
        };
        Stage {
            id: id.into(),
            title: String::new(),
            conditions: String::new(),
            verdict,
            requirements: Vec::new(),
            cases: vec![case],
            plots: Vec::new(),
        }
    }

    #[test]
    fn only_what_is_measured_may_stay_open_on_a_busy_machine() {
        use Verdict::{Fail, Pass, Unknown};
        let challenge = challenges::find("kv-store").unwrap();
        let why = |stages: &[Stage]| too_busy(challenge, stages);
        let noisy = || stage("throughput", Unknown, Pass);
        let open = why(&[stage("basic", Pass, Pass), noisy()]);
        assert_eq!(open.as_deref(), Some("throughput: this machine is too noisy to tell"));
        assert_eq!(why(&[stage("basic", Pass, Pass)]), None, "nothing is open");
        assert_eq!(why(&[stage("basic", Unknown, Pass), noisy()]), None, "another stage is open as well");
        assert_eq!(why(&[stage("crash", Fail, Fail), noisy()]), None, "another stage has failed");
        assert_eq!(why(&[stage("throughput", Fail, Fail)]), None);
        assert_eq!(why(&[stage("throughput", Unknown, Unknown)]), None, "a check was not decided");
    }
}
