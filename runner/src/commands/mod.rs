//! The commands, one file each. A command does one thing and returns the exit code.

mod challenge_verify;
mod check;
mod completions;
mod doctor;
mod grade;
mod init;
mod list;
mod replay;
mod report;
mod session;
mod show;

pub use init::write;

use crate::{
    cli::{Challenge, Cli, Command},
    error::{CommandError, Kind},
};
use harness::{manifest::nearest, text::excerpt, verdict::Verdict};

/// What a command comes to: an exit code, or an error.
pub type Outcome = Result<u8, CommandError>;

/// Runs a command.
pub async fn run(cli: Cli) -> Outcome {
    match cli.command {
        Command::List(options) => list::run(&options),
        Command::Show(options) => show::run(&options),
        Command::Init(options) => init::run(&options),
        Command::Check(options) => check::run(options).await,
        Command::Grade(options) => grade::run(options).await,
        Command::Replay(options) => replay::run(options).await,
        Command::Report(options) => report::run(&options),
        Command::Doctor(options) => doctor::run(&options).await,
        Command::Challenge(Challenge::Verify(options)) => challenge_verify::run(options).await,
        Command::Completions { shell } => completions::run(shell),
    }
}

/// The exit code of a graded run.
pub fn exit_code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass => 0,
        Verdict::Fail => 1,
        Verdict::Unknown | Verdict::NotRun => 3,
    }
}

/// The challenge with this name, or an error that suggests one.
pub fn challenge(name: &str) -> Result<&'static challenges::Challenge, CommandError> {
    challenges::find(name).ok_or_else(|| {
        let error = CommandError::new(Kind::Usage, format!("there is no challenge called `{}`", excerpt(name, 60)));
        let guess = nearest(name, challenges::CATALOGUE.iter().map(|challenge| challenge.name));
        error.hint(guess.unwrap_or_else(|| "`takehome list` shows them all".into()))
    })
}

/// A challenge's manifest, or an error that blames its author.
pub fn manifest(challenge: &challenges::Challenge) -> Result<harness::manifest::Manifest, CommandError> {
    challenge.manifest().map_err(|error| {
        let place = error.place.map_or(String::new(), |(line, column)| format!(":{line}:{column}"));
        let wrapped = CommandError::new(Kind::Usage, error.message.clone())
            .at(format!("challenges/{}/challenge.toml{place}", challenge.name))
            .blame(harness::verdict::Blame::Challenge);
        match error.hint {
            Some(hint) => wrapped.hint(hint),
            None => wrapped,
        }
    })
}
