//! What lies beside the history of a run: the faults and incidents of its case, which an explanation shows with the
//! operations of that time.

use crate::record::SUMMARY;
use harness::{
    case::{CaseSummary, Incident},
    explanation::Context,
    time::Offset,
    verdict::LogLine,
};
use std::{fs::File, io::Read, path::Path};

/// A summary may claim any size; more than this is not read.
const LARGEST: u64 = 64 << 20;

/// The faults and incidents of the case whose history this file is; nothing for any other file.
pub(super) fn beside(history: &Path) -> Context {
    summary(&history.with_file_name(SUMMARY)).map(context).unwrap_or_default()
}

fn summary(path: &Path) -> Option<CaseSummary> {
    let mut text = String::new();
    File::open(path).ok()?.take(LARGEST).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn context(summary: CaseSummary) -> Context {
    Context { faults: summary.faults, lines: summary.incidents.into_iter().map(line).collect() }
}

/// An incident as the line it is about, or in words where there was none.
fn line(incident: Incident) -> (Offset, LogLine) {
    let text = match incident.line.trim_end() {
        "" => incident.detail,
        line => format!("{}: {line}", incident.detail),
    };
    (incident.at, LogLine { source: format!("n{}", incident.node), text })
}
