//! `takehome check`: a candidate checks the folder they are in, with public seeds.

use super::{
    Outcome,
    session::Session,
    wanted::{Wanted, option},
};
use crate::{backend::Purpose, cli::Check, submission::Request};

/// Runs the command.
pub async fn run(options: Check) -> Outcome {
    let wanted = Wanted::new(options.challenge.as_deref(), &options.stages, options.seed)?;
    let session = Session::begin(&options.run, Purpose::SelfCheck)?;
    let request = Request::new(&options.path.to_string_lossy(), None, true, &options.build).within(&options.limits);
    wanted.grade(&session, &request, |challenge, _| command_line(&options, challenge, &request)).await
}

/// The command that does the same again.
fn command_line(options: &Check, challenge: &str, request: &Request) -> Vec<String> {
    let words = ["takehome", "check", "--challenge", challenge, "--seed", &options.seed.to_string()];
    let mut words: Vec<String> = words.map(str::to_owned).into();
    if options.path.as_os_str() != "." {
        words.extend(option("--path", Some(&request.location)));
    }
    words.extend(options.run.sandbox_words());
    words.extend(request.words());
    words.extend(options.stages.iter().cloned());
    words
}
