//! What a command line wants to be run: a challenge, which the submission may name itself, its stages, and a seed.

use super::{Outcome, exit_code, session::Session};
use crate::{
    catalogue::{challenge, manifest},
    error::{CommandError, Kind},
    execute::Room,
    grading::{Grading, select},
    submission::{Prepared, Request},
};
use challenges::Challenge;
use harness::{plan, verdict::Blame};

/// What is to be run.
pub struct Wanted<'a> {
    named: Option<&'static Challenge>,
    stages: &'a [String],
    seed: u64,
}

impl<'a> Wanted<'a> {
    /// Whatever can be said against it without the submission is said here, before that is fetched.
    pub fn new(name: Option<&str>, stages: &'a [String], seed: u64) -> Result<Self, CommandError> {
        let named = name.map(challenge).transpose()?;
        if let Some(challenge) = named {
            let _ = select(&manifest(challenge)?, stages)?;
        }
        Ok(Self { named, stages, seed })
    }

    /// Fetches, builds, runs and reports. `command` makes the words that do the same again out of the challenge's name
    /// and the submission.
    pub async fn grade(
        self,
        session: &Session,
        request: &Request,
        command: impl FnOnce(&str, &Prepared) -> Vec<String>,
    ) -> Outcome {
        let mut prepared = session.prepare(request).await?;
        let challenge = match self.named {
            Some(challenge) => challenge,
            None => declared(&prepared)?,
        };
        let manifest = manifest(challenge)?;
        let selected = select(&manifest, self.stages)?;
        let mut cases = plan::cases(&manifest, self.seed, selected);
        let grading = Grading {
            challenge,
            sanitized: session.sanitized(&manifest, &mut cases, request, &mut prepared).await?,
            reference: session.reference(challenge, &manifest, &cases).await?,
            cases,
            manifest,
            seed: self.seed,
            backend: session.backend.clone(),
            command: quoted(&command(challenge.name, &prepared)),
            prepared,
            request,
            store: session.store.clone(),
            room: Room::default(),
        };
        let report = session.grade(grading).await?;
        Ok(exit_code(report.verdict))
    }
}

/// The challenge that a submission names itself.
fn declared(prepared: &Prepared) -> Result<&'static Challenge, CommandError> {
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

/// An option and its value; nothing when it was not given.
pub fn option(name: &str, value: Option<&String>) -> Vec<String> {
    value.into_iter().flat_map(|value| [name.to_owned(), value.clone()]).collect()
}

/// Words as a shell reads them.
fn quoted(words: &[String]) -> String {
    let plain =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@=+,%~".contains(c));
    let quote = |word: &String| if plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}
