//! `takehome grade`: clone, build, run everything, report.

use super::{Outcome, challenge, exit_code, manifest, session::Session};
use crate::{
    cli::Grade,
    error::{CommandError, Kind},
    execute::Room,
    grading::{Grading, random, select},
    submission::Request,
};
use harness::plan;

/// Runs the command.
pub async fn run(options: Grade) -> Outcome {
    // What can be said without the submission is said before it is fetched.
    let named = options.challenge.as_deref().map(challenge).transpose()?;
    if let Some(challenge) = named {
        let _ = select(&manifest(challenge)?, &options.stages)?;
    }
    let session = Session::begin(&options.run)?;
    let request = Request::new(&options.source, options.rev.clone(), false, &options.build).fetch(&options.fetch);
    let prepared = session.prepare(&request).await?;
    let challenge = match (named, prepared.challenge.as_deref()) {
        (Some(challenge), _) => challenge,
        (None, Some(name)) => challenge(name)?,
        (None, None) => return Err(unnamed()),
    };
    let manifest = manifest(challenge)?;
    let selected = select(&manifest, &options.stages)?;
    // Small enough to be typed; other seeds than the last run's are all that is needed.
    let seed = options.seed.unwrap_or_else(|| random() % 1_000_000);
    let cases = plan::cases(&manifest, seed, selected);
    let grading = Grading {
        challenge,
        cases,
        manifest,
        seed,
        backend: session.backend.clone(),
        prepared,
        request: &request,
        command: command_line(&options, challenge.name, seed),
        store: session.store.clone(),
        room: Room::default(),
    };
    let report = session.grade(grading).await?;
    Ok(exit_code(report.verdict))
}

/// Neither the command line nor the submission says which challenge it is.
pub fn unnamed() -> CommandError {
    let names: Vec<&str> = challenges::CATALOGUE.iter().map(|challenge| challenge.name).collect();
    CommandError::new(Kind::Usage, "which challenge? neither the command line nor a `takehome.toml` names one")
        .hint(format!("--challenge with one of: {}", names.join(", ")))
}

/// The command that does the same again, from anywhere. Secrets are in no option.
fn command_line(options: &Grade, challenge: &str, seed: u64) -> String {
    let mut words = vec!["takehome".into(), "grade".into(), options.source.clone()];
    let mut option = |name: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
    };
    option("--challenge", Some(challenge.into()));
    option("--rev", options.rev.clone());
    option("--dir", options.build.dir.clone());
    option("--bin", options.build.bin.clone());
    option("--build", options.build.build.clone());
    option("--run", options.build.run.clone());
    options.stages.iter().for_each(|stage| option("--stage", Some(stage.clone())));
    option("--seed", Some(seed.to_string()));
    super::session::quoted(&words)
}
