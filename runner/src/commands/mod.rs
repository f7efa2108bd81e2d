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
    leftovers, ui,
};
use harness::verdict::Verdict;

/// What a command comes to: an exit code, or an error.
pub type Outcome = Result<u8, CommandError>;

/// Runs a command.
pub async fn run(cli: Cli) -> Outcome {
    if opens_cells(&cli.command)
        && let Some(removed) = leftovers::remove_all()
    {
        ui::message(&removed);
    }
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

/// Whether a command leaves something behind when it is killed. Before it does anything else, and so also where it fails,
/// such a command removes what earlier ones have left.
fn opens_cells(command: &Command) -> bool {
    match command {
        Command::Check(_) | Command::Grade(_) | Command::Replay(_) | Command::Doctor(_) | Command::Challenge(_) => true,
        Command::List(_)
        | Command::Show(_)
        | Command::Init(_)
        | Command::Report(_)
        | Command::VerifyHistory(_)
        | Command::Completions { .. } => false,
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
