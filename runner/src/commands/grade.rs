//! `takehome grade`: clone, build, run everything, report.

use super::{
    Outcome,
    session::Session,
    wanted::{Wanted, option},
};
use crate::{
    backend::Purpose,
    cli::Grade,
    grading::random,
    submission::{Prepared, Request},
};

/// Runs the command.
pub async fn run(options: Grade) -> Outcome {
    // Small enough to be typed; other seeds than the last run's are all that is needed.
    let seed = options.seed.unwrap_or_else(|| random() % 1_000_000);
    let wanted = Wanted::new(options.challenge.as_deref(), &options.stages, seed)?;
    let session = Session::begin(&options.run, Purpose::Others)?;
    let request = Request::new(&options.source, options.rev.clone(), false, &options.build).fetch(&options.fetch);
    wanted.grade(&session, &request, |challenge, found| command_line(&options, &request, found, challenge, seed)).await
}

/// The command that does the same again, from anywhere: the commit that was graded, whatever its branch is by then.
fn command_line(options: &Grade, request: &Request, found: &Prepared, challenge: &str, seed: u64) -> Vec<String> {
    let words = ["takehome", "grade", &found.location, "--challenge", challenge];
    let mut words: Vec<String> = words.map(str::to_owned).into();
    words.extend(option("--rev", found.submission.commit.as_ref().or(options.rev.as_ref())));
    words.extend(request.words());
    words.extend(options.stages.iter().flat_map(|stage| option("--stage", Some(stage))));
    words.extend(options.run.sandbox_words());
    words.extend(option("--seed", Some(&seed.to_string())));
    words
}
