//! `takehome replay`: one case of an earlier run again, with its seed.

use super::{Outcome, exit_code, report::record, session::Session};
use crate::{
    backend::Purpose,
    catalogue::challenge,
    cli::Replay,
    error::{CommandError, Kind},
    execute::Room,
    grading::{Grading, report_of, request_of},
    record::Record,
    ui,
};
use harness::plan::PlannedCase;

/// Runs the command.
pub async fn run(options: Replay) -> Outcome {
    let (folder, record) = record(&options.record)?;
    let case = choose(&record, &options)?;
    let mut request = request_of(&folder)?;
    // The commit that was graded, not what the branch is now.
    request.rev = record.plan.submission.commit.clone().or(request.rev);
    let session = Session::begin(&options.run, Purpose::Others)?;
    let mut prepared = session.prepare(&request).await?;
    if prepared.submission.content != record.plan.submission.content {
        ui::message("warning: the files have changed since that run; this replays the case, not the submission");
    }
    let challenge = challenge(&record.plan.challenge)?;
    let mut cases = vec![case];
    let grading = Grading {
        challenge,
        sanitized: session.sanitized(&record.plan.manifest, &mut cases, &request, &mut prepared).await?,
        reference: session.reference(challenge, &record.plan.manifest, &cases).await?,
        cases,
        seed: record.plan.seed,
        manifest: record.plan.manifest,
        backend: session.backend.clone(),
        prepared,
        request: &request,
        command: record.plan.command,
        store: session.store.clone(),
        room: Room::default(),
    };
    let report = session.grade(grading).await?;
    Ok(exit_code(report.verdict))
}

/// The case that was named; else the first that failed, else the first.
fn choose(record: &Record, options: &Replay) -> Result<PlannedCase, CommandError> {
    let plan = &record.plan;
    let Some(name) = &options.case else {
        let failed = report_of(record)?.findings.into_iter().find(|finding| finding.decisive);
        let failed = failed.map(|finding| PlannedCase { stage: finding.stage, seed: finding.seed });
        let first = || plan.cases.first().cloned();
        return failed.or_else(first).ok_or_else(|| CommandError::new(Kind::NothingSelected, "the run has no cases"));
    };
    let stage = name.strip_prefix(&format!("{}/", plan.challenge)).unwrap_or(name);
    if plan.manifest.stage(stage).is_none() {
        let known: Vec<&str> = plan.manifest.stages.iter().map(|stage| &*stage.id).collect();
        let error = CommandError::new(Kind::NothingSelected, format!("`{}` has no stage `{stage}`", plan.challenge));
        let guess = harness::manifest::nearest(stage, known.iter().copied());
        return Err(error.hint(guess.unwrap_or_else(|| format!("there are: {}", known.join(", ")))));
    }
    // Any seed can be tried; without one it is the stage's first.
    let seed = options.seed.or_else(|| plan.cases.iter().find(|case| case.stage == stage).map(|case| case.seed));
    Ok(PlannedCase { stage: stage.to_owned(), seed: seed.unwrap_or(plan.seed) })
}
