//! `takehome grade`: clone, build, run everything, report.

use super::{
    Outcome,
    session::Session,
    wanted::{Wanted, option},
};
use crate::{backend::Purpose, cli::Grade, grading::random, submission::Request};

/// Runs the command.
pub async fn run(options: Grade) -> Outcome {
    // Small enough to be typed; other seeds than the last run's are all that is needed.
    let seed = options.seed.unwrap_or_else(|| random() % 1_000_000);
    let wanted = Wanted::new(options.challenge.as_deref(), &options.stages, seed)?;
    let session = Session::begin(&options.run, Purpose::Others)?;
    let request = Request::new(&options.source, options.rev.clone(), false, &options.build).fetch(&options.fetch);
    wanted.grade(&session, &request, |challenge, location| command_line(&options, location, challenge, seed)).await
}

/// The command that does the same again, from anywhere. It holds no secrets.
fn command_line(options: &Grade, location: &str, challenge: &str, seed: u64) -> Vec<String> {
    let mut words: Vec<String> = ["takehome", "grade", location, "--challenge", challenge].map(str::to_owned).into();
    words.extend(option("--rev", options.rev.as_ref()));
    words.extend(options.build.choice.words());
    words.extend(options.stages.iter().flat_map(|stage| option("--stage", Some(stage))));
    words.extend(option("--sandbox", options.run.sandbox.named()));
    words.extend(option("--seed", Some(&seed.to_string())));
    words
}
