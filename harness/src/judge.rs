//! From the record to the report: cases are judged, stages scored, points explained. A pure function.

mod case;
mod grade;
mod load;
mod stage;

pub use case::{JudgedCase, case};
pub use load::disturbance;

use crate::{
    case::CaseRecord,
    oracle::Oracle,
    plan::Plan,
    report::{Challenge, Report, Run, SCHEMA_VERSION},
    score::Scorecard,
    verdict::{Finding, Verdict},
};

/// What is known of a run as a whole, beside its plan and cases.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFacts {
    /// Where the record lies.
    pub directory: String,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// The report of a run from its record. Cases that were planned and have no record count as not run.
pub fn judge(plan: &Plan, records: &[CaseRecord], oracle: &dyn Oracle, facts: RunFacts) -> Report {
    let judged: Vec<JudgedCase> = records.iter().filter_map(|record| case(plan, record, oracle)).collect();
    report(plan, &judged, facts)
}

/// The report of a run whose cases have been judged already.
pub fn report(plan: &Plan, judged: &[JudgedCase], facts: RunFacts) -> Report {
    let planned = plan.manifest.stages.iter().filter(|stage| plan.cases.iter().any(|case| case.stage == stage.id));
    let stages: Vec<stage::JudgedStage> = planned.map(|stage| stage::judge(plan, stage, judged)).collect();
    let mut findings: Vec<Finding> = stages.iter().flat_map(|stage| stage.findings.iter().cloned()).collect();
    // Decisive ones first, in the order of the stages: the first finding is the first thing to look at.
    findings.sort_by_key(|finding| !finding.decisive);
    let metrics = stages.iter().flat_map(|stage| stage.metrics.iter().cloned()).collect();
    let scorecard = Scorecard::new(stages.iter().map(|stage| stage.line.clone()).collect());
    let complete = judged.iter().filter(|case| case.ran).count() == plan.cases.len();
    let verdict = match Verdict::all(scorecard.lines.iter().map(|line| line.verdict)) {
        // Also when the missing case belongs to no stage that has a line.
        Verdict::Pass if !complete => Verdict::NotRun,
        verdict => verdict,
    };
    Report {
        schema_version: SCHEMA_VERSION,
        run: Run {
            id: plan.run.clone(),
            directory: facts.directory,
            seed: plan.seed,
            started: plan.started.clone(),
            seconds: facts.seconds,
            takehome: plan.takehome.clone(),
            complete,
            command: plan.command.clone(),
        },
        submission: plan.submission.clone(),
        challenge: Challenge { name: plan.challenge.clone(), title: plan.manifest.title.clone() },
        verdict,
        scorecard,
        findings,
        metrics,
        stages: stages.into_iter().map(|stage| stage.report).collect(),
        environment: plan.environment.clone(),
    }
}

#[cfg(test)]
mod tests;
