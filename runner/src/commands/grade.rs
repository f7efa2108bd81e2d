//! `takehome grade`: clone, build, run everything, report.

use super::{Outcome, exit_code, session::Session};
use crate::{
    catalogue::{challenge, manifest},
    cli::Grade,
    error::{CommandError, Kind},
    execute::Room,
    grading::{Grading, random, select},
    submission::{Prepared, Request},
};
use challenges::Challenge;
use harness::{plan, verdict::Blame};

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
    let challenge = match named {
        Some(challenge) => challenge,
        None => challenge_of(&prepared)?,
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
        command: command_line(&options, &prepared.location, challenge.name, seed),
        prepared,
        request: &request,
        store: session.store.clone(),
        room: Room::default(),
    };
    let report = session.grade(grading).await?;
    Ok(exit_code(report.verdict))
}

/// The challenge that a submission names itself.
pub fn challenge_of(prepared: &Prepared) -> Result<&'static Challenge, CommandError> {
    let names: Vec<&str> = challenges::CATALOGUE.iter().map(|challenge| challenge.name).collect();
    let option = format!("--challenge with one of: {}", names.join(", "));
    match prepared.challenge.as_deref() {
        Some(name) => challenge(name)
            .map_err(|error| error.at("takehome.toml of the submission").blame(Blame::Candidate).hint(option)),
        None => {
            let message = "which challenge? neither the command line nor a `takehome.toml` names one";
            Err(CommandError::new(Kind::Usage, message).hint(option))
        }
    }
}

/// The command that does the same again, from anywhere. It holds no secrets.
fn command_line(options: &Grade, location: &str, challenge: &str, seed: u64) -> String {
    let mut words = vec!["takehome".into(), "grade".into(), location.to_owned()];
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
