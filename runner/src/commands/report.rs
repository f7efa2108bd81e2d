//! `takehome report`: an earlier run rendered again from its record.

use super::{Outcome, exit_code, session::show};
use crate::{
    cli,
    error::{CommandError, Kind},
    grading::report_of,
    record::{Record, RecordError, Store},
    ui,
};
use harness::report::Report;
use std::path::{Path, PathBuf};

/// Runs the command.
pub fn run(options: &cli::Report) -> Outcome {
    if let Some(path) = &options.html {
        writable(path)?;
    }
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
        let hint = match error {
            RecordError::Newer { .. } => "update takehome, or render it with the one that wrote it",
            _ => "a damaged record cannot be rendered; `takehome grade` again makes a new one",
        };
        CommandError::new(Kind::Usage, error.to_string()).at(folder.display().to_string()).hint(hint)
    })?;
    Ok((folder, record))
}

/// Whether a report could be written there: said before grading, not after it.
pub fn writable(path: &Path) -> Result<(), CommandError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let problem = match (path.is_dir(), folder.is_dir()) {
        (true, _) => format!("the report cannot be written to {}: it is a folder", path.display()),
        (_, false) => format!("the report cannot be written to {}: there is no such folder", path.display()),
        _ => return Ok(()),
    };
    Err(CommandError::new(Kind::Usage, problem).hint("give `--html` the name of a file in a folder that exists"))
}

/// Writes a report as one HTML file.
pub fn write_html(report: &Report, path: &Path) -> Result<(), CommandError> {
    let html = reports::find("html").map(|format| format.render(report)).unwrap_or_default();
    std::fs::write(path, html).map_err(|error| CommandError::io(path.display(), &error))?;
    ui::message(&format!("report: {}", path.display()));
    Ok(())
}
