//! `takehome report`: an earlier run rendered again from its record.

use super::{Outcome, exit_code, session::show};
use crate::{
    cli,
    error::{CommandError, Kind},
    grading::report_of,
    record::{Record, Store},
    ui,
};
use harness::report::Report;
use std::path::{Path, PathBuf};

/// Runs the command.
pub fn run(options: &cli::Report) -> Outcome {
    let (_, record) = record(&options.run)?;
    let report = report_of(&record)?;
    show(&report, options.format);
    if let Some(path) = &options.html {
        write_html(&report, path)?;
    }
    Ok(exit_code(report.verdict))
}

/// The record of a run by its name.
pub fn record(name: &str) -> Result<(PathBuf, Record), CommandError> {
    let store = Store::of_user().map_err(|error| CommandError::io("the folder of runs", &error))?;
    let folder = store.find(name).map_err(|why| {
        CommandError::new(Kind::Usage, why).hint("give a run's id, `last`, or the path of its folder")
    })?;
    let record = Record::read(&folder).map_err(|error| {
        CommandError::new(Kind::Usage, error.to_string())
            .at(folder.display().to_string())
            .hint("a damaged record cannot be rendered; `takehome grade` again makes a new one")
    })?;
    Ok((folder, record))
}

/// Writes a report as one HTML file.
pub fn write_html(report: &Report, path: &Path) -> Result<(), CommandError> {
    let html = reports::find("html").map(|format| format.render(report)).unwrap_or_default();
    std::fs::write(path, html).map_err(|error| CommandError::io(path.display(), &error))?;
    ui::message(&format!("report: {}", path.display()));
    Ok(())
}
