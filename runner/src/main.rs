//! The `takehome` program.

use clap::Parser;
use runner::{backend, cli::Cli, commands, error::CommandError, ui};
use std::{process::ExitCode, time::Duration};

/// How long the end of takehome waits for the end of its cells, which takes a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    // Before anything else: cells are set up by this same executable.
    backend::native::helper_main_if_asked();
    runner::source::apart::main_if_asked();
    runner::stacks::main_if_asked();
    ui::tell_panics();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            ui::usage(&error);
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            ui::message(&format!("error[E0600]: the scheduler could not be started: {error}"));
            return ExitCode::from(6);
        }
    };
    let outcome = runtime.block_on(async {
        let outcome = commands::run(cli).await;
        backend::all_gone(PATIENCE).await;
        outcome
    });
    // Nothing that is still blocked, such as a connection that was given up, keeps the program alive.
    runtime.shutdown_background();
    match outcome.and_then(printed) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            ui::message(&error.to_string());
            ExitCode::from(error.kind.exit_code())
        }
    }
}

/// What was asked for counts as done only when all of it has been printed.
fn printed(code: u8) -> Result<u8, CommandError> {
    ui::lost().map_or(Ok(code), |error| Err(CommandError::io("stdout", error)))
}
