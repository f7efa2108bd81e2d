//! `takehome completions`: a script for the shell's completion.

use super::Outcome;
use crate::{cli::Cli, ui};
use clap::CommandFactory;

/// Runs the command.
pub fn run(shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "takehome", &mut script);
    ui::product(&String::from_utf8_lossy(&script));
    Ok(0)
}
