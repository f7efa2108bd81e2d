//! `takehome check`: a candidate checks the folder they are in, with public seeds.

use super::{Outcome, exit_code, grade::challenge_of, session::Session};
use crate::{
    catalogue::{challenge, manifest},
    cli::{BuildOptions, Check},
    execute::Room,
    grading::{Grading, select},
    submission::Request,
};
use harness::plan;

/// Runs the command.
pub async fn run(options: Check) -> Outcome {
    let named = options.challenge.as_deref().map(challenge).transpose()?;
    let session = Session::begin(&options.run)?;
    let request = Request::new(&options.path.to_string_lossy(), None, true, &options.build);
    let prepared = session.prepare(&request).await?;
    let challenge = match named {
        Some(challenge) => challenge,
        None => challenge_of(&prepared)?,
    };
    let manifest = manifest(challenge)?;
    let selected = select(&manifest, &options.stages)?;
    let cases = plan::cases(&manifest, options.seed, selected);
    let words = ["takehome", "check", "--challenge", challenge.name, "--seed", &options.seed.to_string()];
    let mut words: Vec<String> = words.map(str::to_owned).into();
    if options.path.as_os_str() != "." {
        words.extend(["--path".to_owned(), request.location.clone()]);
    }
    let BuildOptions { dir, bin, build, run, .. } = &options.build;
    for (name, value) in [("--dir", dir), ("--bin", bin), ("--build", build), ("--run", run)] {
        words.extend(value.iter().flat_map(|value| [name.to_owned(), value.clone()]));
    }
    words.extend(options.stages.iter().cloned());
    let grading = Grading {
        challenge,
        cases,
        manifest,
        seed: options.seed,
        backend: session.backend.clone(),
        prepared,
        request: &request,
        command: super::session::quoted(&words),
        store: session.store.clone(),
        room: Room::default(),
    };
    let report = session.grade(grading).await?;
    Ok(exit_code(report.verdict))
}
