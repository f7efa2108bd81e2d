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
mod verify_history;
mod wanted;

use crate::{
    cli::{Challenge, Cli, Command},
    error::CommandError,
};
use harness::verdict::Verdict;

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
        Command::VerifyHistory(options) => verify_history::run(&options),
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
